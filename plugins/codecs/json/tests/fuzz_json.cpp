// SPDX-License-Identifier: Apache-2.0
// Any bytes through the decoder: no crash, columns as plugin.h promises (the test host checks
// them), the same grammar as the SDK's own check of JSON, and the same records wherever bytes are
// cut.
#include <cstdlib>
#include <iostream>
#include <string>

#include "json_reader.h"
#include "nek/check.hpp"
#include "nek/testing.hpp"

namespace {

void require(bool good, const char* what) {
  if (good) return;
  std::cerr << what << '\n';
  std::abort();
}

const nek_plugin& json_decoder() { return nek::testing::find_decoder("json"); }

void check_grammar(std::string_view text) {
  nek::JsonReader reader;
  const bool read = reader.read_object(text);
  const std::string_view object = text.substr(0, reader.position());
  if (read) require(nek::detail::JsonCheck(object).valid(), "reads what is no JSON");
  if (!read && nek::detail::JsonCheck(text).valid())
    require(std::string_view(reader.problem()) == "expected an object", "does not read JSON");
}

void check_cuts(const char* options, const std::string& bytes, size_t chunk) {
  nek::testing::Feed feed;
  feed.chunk = chunk;
  const auto whole = nek::testing::Decoder(json_decoder(), options).decode(bytes);
  const auto cut = nek::testing::Decoder(json_decoder(), options).decode(bytes, feed);
  require(whole.streams[0] == cut.streams[0], "records depend on where bytes are cut");
  require(whole.refused == cut.refused, "refusals depend on where bytes are cut");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const char* const kOptions[] = {
      "", "columns: {a: text, b: uint64, c: dict, d: list, e: time, f: json, g: bool}\n",
      "columns: {a: int64, b: epoch_s, c: double, d: epoch_ms}\nothers: keep\n"};
  if (size < 2) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  check_grammar(bytes);
  check_cuts(kOptions[data[0] % 3], bytes, data[1] % 64 + 1);
  return 0;
}
