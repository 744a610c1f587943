// SPDX-License-Identifier: Apache-2.0
// A database of any bytes is read, or refused with a text; addresses are then looked up in it.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "nek/testing.hpp"

// MMDB_open of libmaxminddb 1.7.1 loses some KiB when the metadata's descriptions are damaged.
extern "C" const char* __lsan_default_suppressions() { return "leak:libmaxminddb"; }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const int file = memfd_create("fuzz", 0);
  if (file < 0 || write(file, data, size) != static_cast<ssize_t>(size)) std::abort();
  const std::string options = "{database: /proc/self/fd/" + std::to_string(file) +
                              ", reload: 0s, fields: {sa: {net: name, cc: country, at: location}},"
                              " own_networks: {10.0.0.0/8: {name: n, country: c}}}";
  {
    nek::testing::Filter filter(nek::testing::find_plugin("geoip"), options);
    if (filter.error().empty()) {
      filter.rows(
          "{\"sa\": \"text\"}\n{\"sa\": \"1.1.1.1\"}\n{\"sa\": \"10.0.0.1\"}\n{\"sa\": "
          "\"2001:218::\"}\n"
          "{\"sa\": \"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\"}\n{\"sa\": "
          "\"255.255.255.255\"}\n{}\n");
    }
  }
  close(file);
  return 0;
}
