// SPDX-License-Identifier: Apache-2.0
// States from a disk: whatever the bytes, the table that comes of them works.
#include "../state.h"
#include "touches.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nek::scan;
  Settings settings;
  settings.memory = 1 << 20;
  TestDetector detector(settings);
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (decode(bytes, detector) != "") return 0;
  for (uint32_t i = 0; i < 3000; i++) {
    const Act act = i % 7 ? Act::kProbe : Act::kSuccess;
    detector.flow({i % 50, i % 90, uint16_t(i), kStart + i * 60, act});
  }
  detector.finish();
  detector.told();
  TestDetector again(settings);
  if (decode(encode(detector), again) != "") __builtin_trap();
  return 0;
}
