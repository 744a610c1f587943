// SPDX-License-Identifier: Apache-2.0
// Pages: memory in pages of 64 KiB, of which a snapshot takes an image while they go on changing.
// A page is copied when it is first written after the image began; so a table of a gigabyte is
// written to the disk without stopping the flow.
// Thread-safety: one thread changes pages; write_image() runs on another meanwhile.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace nek::scan {

constexpr size_t kPageBytes = 65536, kPageHead = 64;
enum class PageKind : uint32_t { kSuspects = 1, kTracked = 2 };

struct alignas(64) Page {
  struct Head {
    PageKind kind;
    uint32_t depth;    // of suspects: how many bits of the hash chose it
    uint32_t count;    // used slots
    uint32_t cleared;  // of suspects: those silent since before this second were forgotten
  };
  Head head;
  std::byte rest[kPageBytes - sizeof(Head)];

  template <class T>
  T* slots() {
    return reinterpret_cast<T*>(reinterpret_cast<std::byte*>(this) + kPageHead);
  }
  template <class T>
  const T* slots() const {
    return reinterpret_cast<const T*>(reinterpret_cast<const std::byte*>(this) + kPageHead);
  }
  template <class T>
  static constexpr uint32_t capacity() {
    return static_cast<uint32_t>((kPageBytes - kPageHead) / sizeof(T));
  }
};
static_assert(sizeof(Page) == kPageBytes);

class Pages {
 public:
  // Called for each page of the image, from both threads, perhaps at once.
  using Sink = std::function<void(uint32_t number, const Page&)>;

  // kept_copies: how many pages are copied for the image before they are handed to the sink at
  // once.
  explicit Pages(uint32_t kept_copies = 16) : kept_copies_(kept_copies) {}

  uint32_t count() const { return static_cast<uint32_t>(pages_.size()); }
  uint32_t add(PageKind kind);
  const Page& read(uint32_t number) const { return *at_[number]; }
  Page& write(uint32_t number) {
    // Acquire: what the other thread read of the page, it read before the change.
    if (imaging_.load(std::memory_order_acquire)) save(number);
    return *at_[number];
  }

  // The image is of this moment. Not while another one is being written.
  void begin_image(Sink sink);
  // Hands all pages of the image to the sink. On another thread; pages may change meanwhile.
  void write_image();

 private:
  enum State : uint8_t { kSaved, kPending, kBusy };
  struct Entry {
    std::unique_ptr<Page> page;
    std::atomic<uint8_t> state = kSaved;
  };
  struct Copy {
    uint32_t number;
    std::unique_ptr<Page> page;
  };
  void save(uint32_t number);
  void saved(std::unique_lock<std::mutex> lock);
  bool next_copy(Copy& copy);

  std::deque<Entry> pages_;  // entries stay where they are
  std::vector<Page*> at_;
  const uint32_t kept_copies_;
  std::atomic<bool> imaging_ = false;
  std::vector<Entry*> image_;
  Sink sink_;

  std::mutex mutex_;
  std::condition_variable changed_;
  uint32_t unsaved_ = 0;  // of the image; mutex_
  std::vector<Copy> copies_;
  std::vector<std::unique_ptr<Page>> free_copies_;
};

}  // namespace nek::scan
