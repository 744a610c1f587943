// SPDX-License-Identifier: Apache-2.0
// check_delimiter(): the option `delimiter` of the decoder and the encoder.
// Thread-safe: a function without state.
#pragma once
#include <string>

#include "option_error.h"

namespace nek::csv {

inline Status check_delimiter(const Host& host, const std::string& delimiter) {
  const bool is_one = delimiter.size() == 1 && static_cast<unsigned char>(delimiter[0]) < 128 &&
                      delimiter.find_first_of("\"\r\n") == std::string::npos;
  if (is_one) return {};
  return option_error(host, "delimiter", "must be one ASCII character, no quote");
}

}  // namespace nek::csv
