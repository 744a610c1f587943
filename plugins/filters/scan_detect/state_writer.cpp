// SPDX-License-Identifier: Apache-2.0
#include "state_writer.h"

#include <chrono>
#include <string>
#include <utility>

#include "state.h"

namespace nek::scan {
namespace {

constexpr uint64_t kBytesPerMs = (uint64_t{64} << 20) / 1000;

}  // namespace

void StateWriter::start() {
  thread_ = std::thread([this] { run(); });
}

void StateWriter::begin(Detector& detector, nek_snapshot* snapshot) {
  host_.write_state(snapshot, encode_head(detector));
  detector.table().pages().begin_image([this, snapshot](uint32_t number, const Page& page) {
    const std::string bytes = encode_page(number, page);
    written_ += bytes.size();
    host_.write_state(snapshot, bytes);
  });
  {
    const std::lock_guard lock(mutex_);
    detector_ = &detector;
    snapshot_ = snapshot;
  }
  changed_.notify_all();
}

void StateWriter::hurry() {
  {
    const std::lock_guard lock(mutex_);
    hurry_ = true;
  }
  changed_.notify_all();
}

void StateWriter::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = hurry_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void StateWriter::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return snapshot_ || stopping_; });
    if (!snapshot_) return;
    Detector& detector = *detector_;
    nek_snapshot* snapshot = std::exchange(snapshot_, nullptr);
    lock.unlock();
    detector.table().pages().write_image();
    const uint64_t bytes = written_.exchange(0);
    lock.lock();
    changed_.wait_for(lock, std::chrono::milliseconds(bytes / kBytesPerMs), [&] { return hurry_; });
    lock.unlock();
    host_.finish_state(snapshot);
    lock.lock();
  }
}

}  // namespace nek::scan
