// SPDX-License-Identifier: Apache-2.0
// The detector's state as bytes, and back. Docs: docs/scan-detection.md, section 6.
// What is read may be damaged in any way: it is an error, never a crash.
// Thread-safe: functions without state.
#pragma once
#include <string>
#include <string_view>

#include "detector.h"

namespace nek::scan {

std::string encode_head(Detector& detector);
std::string encode_page(uint32_t number, const Page& page);
// All of it in one go; for tests.
std::string encode(Detector& detector);

// Into a new detector; what is wrong, "" when nothing is.
std::string decode(std::string_view state, Detector& detector);

}  // namespace nek::scan
