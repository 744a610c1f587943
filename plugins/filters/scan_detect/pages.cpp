// SPDX-License-Identifier: Apache-2.0
#include "pages.h"

#include <cstring>
#include <thread>
#include <utility>

namespace nek::scan {

uint32_t Pages::add(PageKind kind) {
  const uint32_t number = count();
  pages_.emplace_back().page = std::make_unique<Page>();  // zeroed
  pages_.back().page->head.kind = kind;
  at_.push_back(pages_.back().page.get());
  return number;
}

void Pages::begin_image(Sink sink) {
  const std::lock_guard lock(mutex_);
  sink_ = std::move(sink);
  unsaved_ = count();
  image_.clear();
  for (Entry& entry : pages_) {
    entry.state.store(kPending, std::memory_order_relaxed);
    image_.push_back(&entry);
  }
  imaging_.store(!image_.empty(), std::memory_order_release);
}

// By who changes pages: before the first change the page goes to the image as it is.
void Pages::save(uint32_t number) {
  Entry& entry = pages_[number];
  if (entry.state.load(std::memory_order_acquire) == kSaved) return;
  uint8_t expected = kPending;
  if (!entry.state.compare_exchange_strong(expected, kBusy, std::memory_order_acquire)) {
    // The other thread is copying it: some microseconds.
    while (entry.state.load(std::memory_order_acquire) != kSaved) std::this_thread::yield();
    return;
  }
  std::unique_lock lock(mutex_);
  if (copies_.size() < kept_copies_) {
    Copy copy{number, nullptr};
    if (free_copies_.empty()) {
      copy.page = std::make_unique<Page>();
    } else {
      copy.page = std::move(free_copies_.back());
      free_copies_.pop_back();
    }
    std::memcpy(static_cast<void*>(copy.page.get()), entry.page.get(), kPageBytes);
    copies_.push_back(std::move(copy));
  } else {
    lock.unlock();
    sink_(number, *entry.page);
    lock.lock();
  }
  entry.state.store(kSaved, std::memory_order_release);
  saved(std::move(lock));
}

void Pages::saved(std::unique_lock<std::mutex> lock) {
  unsaved_--;
  lock.unlock();
  changed_.notify_one();
}

// Waits for one; false: all pages are saved and no copy is left.
bool Pages::next_copy(Copy& copy) {
  std::unique_lock lock(mutex_);
  if (copy.page) free_copies_.push_back(std::move(copy.page));
  changed_.wait(lock, [&] { return !copies_.empty() || unsaved_ == 0; });
  if (copies_.empty()) {
    free_copies_.clear();
    return false;
  }
  copy = std::move(copies_.back());
  copies_.pop_back();
  return true;
}

void Pages::write_image() {
  Copy copy;
  const auto scratch = std::make_unique<Page>();
  for (uint32_t number = 0; number < image_.size(); number++) {
    const auto has_copies = [&] {
      const std::lock_guard lock(mutex_);
      return !copies_.empty();
    };
    while (has_copies() && next_copy(copy)) sink_(copy.number, *copy.page);
    Entry& entry = *image_[number];
    uint8_t expected = kPending;
    if (!entry.state.compare_exchange_strong(expected, kBusy, std::memory_order_acquire)) continue;
    std::memcpy(static_cast<void*>(scratch.get()), entry.page.get(), kPageBytes);
    entry.state.store(kSaved, std::memory_order_release);
    saved(std::unique_lock(mutex_));
    sink_(number, *scratch);
  }
  while (next_copy(copy)) sink_(copy.number, *copy.page);
  imaging_.store(false, std::memory_order_release);
}

}  // namespace nek::scan
