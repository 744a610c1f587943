// SPDX-License-Identifier: Apache-2.0
// Any bytes as the segments of a spool: nek starts, comes to an end, and what it is handed on is in
// order. The first byte says where the bytes are cut in two segments.
#include <cstdlib>

#include "memory_env.h"
#include "runtime/spool.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  nek::test::MemoryEnv env;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t cut = bytes.size() * data[0] / 255;
  (void)(*env.open("spool/in/00000001.spool"))->append(bytes.substr(0, cut));
  (void)(*env.open("spool/in/00000002.spool"))->append(bytes.substr(cut));
  for (int start = 0; start < 2; start++) {
    nek::Metrics metrics;
    nek::Spool spool(env, "spool/in", {1 << 20, 1000, false}, "in", metrics,
                     [](int, const std::string&) {});
    spool.recover();
    size_t handed_on = 0;
    while (const nek::SpoolChunk* next = spool.peek()) {
      std::string body(spool.peek_size(), ' ');
      if (next->pieces.empty() && next->ended.empty() && !body.empty()) std::abort();
      (void)spool.take(body);
      handed_on += body.size();
      if (handed_on > bytes.size()) std::abort();
    }
    const auto sources = spool.sources();
    for (const auto& [number, source] : sources) spool.committed(number, UINT64_MAX, true);
    (void)spool.release(true);
  }
  return 0;
}
