// SPDX-License-Identifier: Apache-2.0
// Vector units, blocks and bit tricks find the records that a plain loop finds.
#include <cstdlib>

#include "plain_scan.h"

using namespace nek::csv;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const Dialect dialect = {data[0] & 1 ? ';' : ',', (data[0] & 2) != 0};
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Records expected = plain_scan(bytes, dialect);
  for (const BitmapUnit& unit : bitmap_units()) {
    if (fast_scan(bytes, dialect, unit) != expected) std::abort();
  }
  const size_t whole = last_record_end(bytes, dialect);
  Records pieces = plain_scan(bytes.substr(0, whole), dialect);
  const Records rest = plain_scan(bytes.substr(whole), dialect);
  pieces.insert(pieces.end(), rest.begin(), rest.end());
  if (pieces != expected) std::abort();
  return 0;
}
