// SPDX-License-Identifier: Apache-2.0
// Loaded by test_arrow.py with ctypes: tables as text on one side, Arrow structs on the other.
// Every function answers NULL or a text of the error, which holds until the next call.
#include <nek/arrow.hpp>
#include <nek/testing/run.hpp>
#include <string>

namespace {

using nek::testing::Host;

std::string answer;

const char* fail(const std::string& what) {
  answer = what;
  return answer.c_str();
}
nek::Result<const nek_batch*> import(Host& host, nek::Arena& arena, ArrowSchema* schema,
                                     ArrowArray* array) {
  return nek::import_batch(
      arena, schema, array, [&](const nek_column& values) { return host.make_dictionary(values); },
      [&](std::span<const nek_field> fields) {
        return host.c()->schema(host.c(), fields.data(), static_cast<uint32_t>(fields.size()));
      });
}
std::string print(const nek_batch& batch) {
  std::string text = nek::testing::format_types(*batch.schema);
  for (uint32_t row = 0; row < batch.rows; row++) {
    text += nek::testing::format_row(*batch.schema, batch.columns, row);
  }
  return text;
}

}  // namespace

extern "C" {

NEK_EXPORT const char* probe_export(const char* table, ArrowSchema* schema, ArrowArray* array) {
  try {
    Host host;
    const auto call = host.begin_call(nullptr, nullptr);
    const nek::Status status = nek::export_batch(*host.batch(*call, table), schema, array);
    return status.ok() ? nullptr : fail(status.message());
  } catch (const std::exception& e) {
    return fail(e.what());
  }
}

// The imported rows as a table.
NEK_EXPORT const char* probe_import(ArrowSchema* schema, ArrowArray* array, const char** table) {
  Host host;
  nek::Arena arena;
  const auto batch = import(host, arena, schema, array);
  if (!batch.ok()) return fail(batch.status().message());
  answer = print(**batch);
  *table = answer.c_str();
  return nullptr;
}

// Through the example filter `ratio`, and out again.
NEK_EXPORT const char* probe_filter(const char* options, ArrowSchema* schema, ArrowArray* array,
                                    ArrowSchema* out_schema, ArrowArray* out_array) {
  try {
    nek::testing::Filter filter(nek::testing::find_plugin("ratio"), options);
    const auto call = filter.begin();
    const auto batch = import(filter.host(), call->arena, schema, array);
    if (!batch.ok()) return fail(batch.status().message());
    filter.run(*call, *batch);
    const auto& out = call->outs.at(0);
    const nek_batch made = {out.schema, out.rows, out.columns};
    const nek::Status status = nek::export_batch(made, out_schema, out_array);
    return status.ok() ? nullptr : fail(status.message());
  } catch (const std::exception& e) {
    return fail(e.what());
  }
}

}  // extern "C"
