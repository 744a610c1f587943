/* SPDX-License-Identifier: Apache-2.0
 * A filter that does nothing, and with one of the macros below is broken in one way. */
#include <nek/plugin.h>
#include <stdlib.h>
#include <string.h>

#ifdef UNRESOLVED
extern int nowhere_to_be_found(void);
#endif

static int instance;
static nek_stream out = {.name = "out", .kind = NEK_PASS};
static nek_shape shape_of_all = {.size = sizeof(nek_shape), .stream_count = 1, .streams = &out};

static nek_status create(const nek_host* host, const nek_value* config, void** self) {
  (void)host;
  (void)config;
#ifdef UNRESOLVED
  instance = nowhere_to_be_found();
#endif
  *self = &instance;
  return NEK_OK;
}
static const nek_shape* shape(void* self) {
  (void)self;
  return &shape_of_all;
}
static nek_status process(void* self, nek_call* call) {
  (void)self;
  call->host->emit(call, 0, NULL, NULL);
  return NEK_OK;
}
static void destroy(void* self) { (void)self; }

static const nek_filter filter = {.size = sizeof filter, .process = process};
static const nek_option* const options[] = {NULL};
static const nek_plugin plugin = {
#ifdef SHORT
    .size = 16,
#else
    .size = sizeof plugin,
#endif
#ifndef NAMELESS
    .name = "broken",
#endif
    .version = "1.0.0",
    .vendor = "nek",
    .licence = "Apache-2.0",
    .summary = "Does nothing.",
    .options = options,
#ifndef KINDLESS
    .filter = &filter,
#endif
#ifndef CREATELESS
    .create = create,
#endif
    .shape = shape,
    .destroy = destroy,
};
static const nek_plugin* const plugins[] = {&plugin, NULL};
static const void* get_factory(const char* id) {
#ifdef EMPTY
  (void)id;
  return NULL;
#else
  return strcmp(id, NEK_PLUGINS) == 0 ? plugins : NULL;
#endif
}

#ifdef OTHER_ABI
enum { kAbi = NEK_ABI + 1 };
#else
enum { kAbi = NEK_ABI };
#endif

#ifdef NO_SYMBOL
NEK_EXPORT const nek_entry other_entry = {sizeof other_entry, kAbi, get_factory};
#else
NEK_EXPORT const nek_entry nek_plugin_entry = {sizeof nek_plugin_entry, kAbi, get_factory};
#endif
