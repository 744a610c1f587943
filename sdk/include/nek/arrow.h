/* SPDX-License-Identifier: Apache-2.0
 * nek/arrow.h: host extension nek.arrow/1: batches and columns as Arrow C data, for libraries that
 * speak Arrow. The two structs are those of Arrow's C data interface, word by word. Threads: see
 * plugin.h. */
#ifndef NEK_ARROW_H
#define NEK_ARROW_H
#include "nek/plugin.h"
#ifdef __cplusplus
extern "C" {
#endif

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE
#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4
struct ArrowSchema {
  const char* format;
  const char* name;
  const char* metadata;
  int64_t flags;
  int64_t n_children;
  struct ArrowSchema** children;
  struct ArrowSchema* dictionary;
  void (*release)(struct ArrowSchema*);
  void* private_data;
};
struct ArrowArray {
  int64_t length;
  int64_t null_count;
  int64_t offset;
  int64_t n_buffers;
  int64_t n_children;
  const void** buffers;
  struct ArrowArray** children;
  struct ArrowArray* dictionary;
  void (*release)(struct ArrowArray*);
  void* private_data;
};
#endif

#define NEK_ARROW "nek.arrow/1"
/* NOLINTBEGIN: C's words and names */
typedef struct nek_arrow { /* host->extension(host, NEK_ARROW). static */
  size_t size;
  /* call->batch as a struct array; the receiver calls release(), on any thread, also after the
     batch's end. [worker-thread, ordered] */
  nek_status (*export_batch)(nek_call*, struct ArrowSchema*, struct ArrowArray*);
  /* On NEK_OK both are moved (their release is NULL); types outside nek's list are refused with a
     text. The column is the call's, as those of host->column(). [worker-thread, ordered] */
  nek_status (*import_column)(nek_call*, struct ArrowSchema*, struct ArrowArray*,
                              const nek_column** out);
} nek_arrow;
/* NOLINTEND */

#ifdef __cplusplus
}
#endif
#endif
