// SPDX-License-Identifier: Apache-2.0
// Any bytes through open_envelope: those that open are written as they came, but for an older
// nek's.
#include <cstdlib>
#include <string>

#include "../envelope.h"
#include "kafka/record_id.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  nek::Envelope open;
  if (nek::open_envelope(bytes, open) || bytes.starts_with("nek ")) return 0;
  const size_t payload = static_cast<size_t>(open.payload.data() - bytes.data());
  std::string again;
  nek::begin_envelope(again, nek::parse_record_id(open.id).value_or(nek_id{}),
                      bytes.size() - payload - open.payload.size(), open.headers.size());
  nek::add_field(again, open.topic);
  nek::add_field(again, open.key);
  for (const auto& header : open.headers) {
    nek::add_field(again, header.name);
    nek::add_field(again, header.value);
  }
  nek::end_envelope(again);
  if (again != bytes.substr(0, payload)) std::abort();
  return 0;
}
