// SPDX-License-Identifier: Apache-2.0
// EventClock: the watermark, which is the event time up to which all inputs have come. It goes
// forward with the chunks, in their order, so that it is the same with any number of workers.
//
// One thread at a time, but for set_silence.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/component.h"
#include "runtime/records.h"

namespace nek {

class EventClock {
 public:
  // most_silence: an input that is silent for longer does not hold the watermark back.
  EventClock(const std::vector<Component>& components, std::chrono::milliseconds most_silence)
      : components_(components), most_silence_(most_silence), clocks_(components.size()) {}

  // For how long the input was asked, and gave nothing, since it last gave something. [any-thread]
  void set_silence(uint32_t input, std::chrono::milliseconds silence) {
    clocks_[input].silence = silence.count();
  }
  // The next task in chunk order: it is told the watermark, and a marker the whole clock.
  void pass(Task& task);
  // What a marker was told, before all else; false: it cannot be read.
  bool restore(std::string_view saved);

 private:
  struct InputClock {
    int64_t newest = INT64_MIN;
    bool ended = false;
    std::atomic<int64_t> silence{0};  // ms; of any thread
  };
  std::string saved() const;

  const std::vector<Component>& components_;
  const std::chrono::milliseconds most_silence_;
  std::vector<InputClock> clocks_;  // by input
  int64_t watermark_ = INT64_MIN;
};

}  // namespace nek
