// SPDX-License-Identifier: Apache-2.0
// StateWriter: answers a snapshot from a thread of its own, while the table goes on changing.
// Great states are not written one after the other without a pause: the disk has other work.
// Thread-safety: begin(), hurry() and stop() on one thread at a time; the host is called from both.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "detector.h"
#include "nek/plugin.hpp"

namespace nek::scan {

class StateWriter {
 public:
  explicit StateWriter(Host host) : host_(host) {}

  void start();
  // The state of this moment. The host sends the next one only when this was answered.
  void begin(Detector& detector, nek_snapshot* snapshot);
  void hurry();  // no pauses any more: the end is near
  void stop();

 private:
  void run();

  Host host_;
  std::atomic<uint64_t> written_ = 0;  // bytes of the present snapshot
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Detector* detector_ = nullptr;
  nek_snapshot* snapshot_ = nullptr;  // under way
  bool stopping_ = false, hurry_ = false;
};

}  // namespace nek::scan
