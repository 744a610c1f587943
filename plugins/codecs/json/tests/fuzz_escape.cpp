// SPDX-License-Identifier: Apache-2.0
// Three implementations against each other: escaping sixteen bytes at a time, byte by byte, and
// back.
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "json_escape.h"
#include "json_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<char> padded(size + 16);
  if (size) std::memcpy(padded.data(), data, size);
  const std::string_view text(padded.data(), size);
  std::vector<char> out(nek::max_escaped(size) + nek::kEscapeOverrun);
  char* end = nek::write_escaped(out.data(), text);
  const std::string escaped(out.data(), end);
  std::string plain;
  nek::append_escaped(plain, text);
  if (escaped != plain || nek::unescape_json(escaped) != text) std::abort();
  return 0;
}
