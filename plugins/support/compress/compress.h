// SPDX-License-Identifier: Apache-2.0
// Compresses pieces of bytes into a whole gzip member or zstd frame.
// Members and frames may stand one after the other in a file, so nothing has to be kept between
// calls, and a file may be cut off after any of them. Thread-safe: functions without state.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "nek/status.hpp"

namespace nek {

// Who uses one links its library: ISA-L, zstd.
Status append_gzip(std::span<const std::string_view> pieces, std::string& out);
Status append_zstd(std::span<const std::string_view> pieces, std::string& out);

}  // namespace nek
