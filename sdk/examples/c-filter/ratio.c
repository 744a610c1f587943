/* SPDX-License-Identifier: Apache-2.0
 * ratio_c: adds a column with one number divided by another, as bytes by packets.
 * The smallest useful filter in plain C; ../cpp-filter is the same on the C++ layer. */
#include <nek/plugin.h>
#include <stdlib.h>
#include <string.h>

enum { kOf, kBy, kTarget, kOptions, kNameSize = 256 };
typedef struct Ratio {
  char names[kOptions][kNameSize];
  nek_need reads[2];
  nek_field add;
  nek_stream out;
  nek_shape shape;
} Ratio;

/* The texts of `config` do not end with 0: they are copied. */
static bool copy_option(const nek_value* config, const char* option, char* to) {
  for (uint32_t i = 0; i < config->count; i++) {
    const nek_value* v = &config->items[i];
    if (v->key.size != strlen(option) || memcmp(v->key.data, option, v->key.size) != 0) continue;
    if (v->string.size == 0 || v->string.size >= kNameSize) return false;
    memcpy(to, v->string.data, v->string.size);
    return true;
  }
  return false;
}
static nek_status create(const nek_host* host, const nek_value* config, void** self) {
  Ratio* r = calloc(1, sizeof *r);
  if (!r) return NEK_FAIL;
  if (!copy_option(config, "of", r->names[kOf]) || !copy_option(config, "by", r->names[kBy]) ||
      !copy_option(config, "target", r->names[kTarget])) {
    free(r);
    static const char text[] = "of, by and target are names of 1 to 255 bytes";
    return host->fail(host, NEK_FAIL, (nek_text){text, sizeof text - 1}, config);
  }
  r->reads[0] = (nek_need){r->names[kOf], NEK_TYPE_BIT(NEK_UINT64), false};
  r->reads[1] = (nek_need){r->names[kBy], NEK_TYPE_BIT(NEK_UINT64), false};
  r->add = (nek_field){r->names[kTarget], NEK_DOUBLE, 0};
  r->out = (nek_stream){.name = "out", .kind = NEK_PASS, .add_count = 1, .adds = &r->add};
  r->shape = (nek_shape){.size = sizeof r->shape,
                         .need_count = 2,
                         .stream_count = 1,
                         .reads = r->reads,
                         .streams = &r->out};
  *self = r;
  return NEK_OK;
}
static const nek_shape* shape(void* self) { return &((Ratio*)self)->shape; }

static nek_status process(void* self, nek_call* call) {
  (void)self;
  const uint64_t *of = call->reads[0]->values, *by = call->reads[1]->values;
  const uint32_t rows = call->batch->rows;
  nek_column* ratio =
      call->host->column(call, &(nek_make){.type = NEK_DOUBLE, .rows = rows, .nulls = true});
  double* values = ratio->values;
  for (uint32_t row = 0; row < rows; row++) {
    const bool known = nek_has(call->reads[0], row) && by[row] != 0; /* 0 where null */
    values[row] = known ? (double)of[row] / (double)by[row] : 0;
    if (known) ratio->validity[row >> 3] |= (uint8_t)(1u << (row & 7));
  }
  call->host->emit(call, 0, NULL, (const nek_column* const[]){ratio});
  return NEK_OK;
}

#define OPTION(id, kind, text, value) \
  static const nek_option id = {      \
      .size = sizeof id, .name = #id, .type = kind, .doc = text, .fallback = value}
OPTION(of, "field", "Column that is divided.", NULL);
OPTION(by, "field", "Column that it is divided by.", NULL);
OPTION(target, "text", "Column to add.", "ratio");
static const nek_option* const options[] = {&of, &by, &target, NULL};
static const nek_filter filter = {.size = sizeof filter, .process = process};
static const nek_plugin plugin = {
    .size = sizeof plugin,
    .name = "ratio_c",
    .version = "1.0.0",
    .vendor = "nek",
    .licence = "Apache-2.0",
    .summary = "Adds a column with one number divided by another.",
    .example = "ratio_c: { of: ibyt, by: ipkt, target: bytes_per_packet }",
    .options = options,
    .filter = &filter,
    .create = create,
    .shape = shape,
    .destroy = free};
static const nek_plugin* const plugins[] = {&plugin, NULL};
static const void* factory(const char* id) {
  return strcmp(id, NEK_PLUGINS) ? NULL : (const void*)plugins;
}
const nek_entry nek_plugin_entry = {sizeof(nek_entry), NEK_ABI, factory};
