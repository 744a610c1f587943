// SPDX-License-Identifier: Apache-2.0
// FlowText writes synthetic flows as nfdump prints them; row and seed alone decide what a row says.
// All rows have one size, so that any byte of the endless text can be made without what comes
// before. Thread-safe: read-only after construction.
#pragma once
#include <cstdint>

namespace nek {

class FlowText {
 public:
  struct Options {
    uint64_t seed = 1;
    uint64_t hosts = 20000;  // distinct addresses on each side
    uint32_t skew = 3;       // 1: all hosts alike; more: few of them have most flows
    double ipv6 = 0.05;      // share of flows
    bool full_ipv6 = false;  // as with nfdump's -6
  };

  explicit FlowText(const Options& options);
  uint32_t row_bytes() const { return row_bytes_; }
  // Writes row_bytes() bytes; the last is the line end.
  void write(uint64_t row, char* to) const;

 private:
  Options options_;
  uint32_t address_width_, row_bytes_;
};

}  // namespace nek
