// SPDX-License-Identifier: Apache-2.0
// Output: an output's own thread and its queue of encoded records. It owns when and how often
// something is tried; the plugin owns where it goes. Blocks are freed when each of their records
// has a final verdict.
//
// Thread-safe, but for start() and join().
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "pipeline/pipeline_config.h"
#include "runtime/budget.h"
#include "runtime/dead_letter.h"
#include "runtime/instance.h"
#include "runtime/ledger.h"
#include "runtime/records.h"
#include "runtime/retry.h"

namespace nek {

// Makes room for at least `bytes` in all.
void grow(nek_encoded& encoded, size_t bytes);

class Output {
 public:
  struct Hooks {
    std::function<void()> room;                  // the queue has room again
    std::function<void(std::string)> failed;     // the pipeline must end
    std::function<void(const Control&)> passed;  // a control message has passed this output
  };
  static std::unique_ptr<Output> make(Instance& instance, OutputBuffer buffer, RetryPolicy retry,
                                      Budget& budget, DeadLetters& dead_letters);
  // due_bytes: with less in the queue the thread is woken later, when flushed or after a while.
  Output(Instance& instance, OutputBuffer buffer, RetryPolicy retry, Budget& budget,
         DeadLetters& dead_letters, uint64_t due_bytes);
  virtual ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void start(Hooks hooks);  // [main-thread]
  std::unique_ptr<Block> new_block(uint32_t rows);
  bool has_room() const { return drop_newest_ || queued_bytes_.load() < max_bytes_; }
  // Takes the blocks; `counted`: records in and refused while encoding. In chunk order.
  void push(std::vector<std::unique_ptr<Block>>& blocks, uint64_t epoch,
            const OutputLedger& counted);
  void push(Control control, uint64_t epoch);
  // Nothing comes for now: what is queued is not held back until there is more.
  void flush();
  // Ends the thread at once. Requests in flight may still complete until the instance is stopped.
  void abort();
  void join();  // [main-thread], after abort

  // The sum of what belongs to epochs up to this one.
  OutputLedger ledger(uint64_t epoch = UINT64_MAX) const;
  void set_base(const OutputLedger& restored);  // before start

 protected:
  struct Item {
    std::unique_ptr<Block> block;  // NULL: control
    Control control;
    uint64_t epoch = 0;
  };
  // The thread's work, until abort.
  virtual void run() = 0;
  // For run(), without mutex_ held:
  void accepted(std::unique_ptr<Block> block);  // all its records have a verdict
  void count(uint64_t epoch, const OutputLedger& add);
  void dead_letter(uint64_t epoch, std::string_view reason, std::string_view encoded);
  void control(const Control& control);  // tells the plugin, then passed()
  void failed(std::string text);
  // Sleeps until the time is over or abort; true: over.
  bool pause(std::chrono::milliseconds time);
  void warn(std::string_view what, std::string_view reason, std::chrono::milliseconds wait);

  Instance& instance_;
  Backoff backoff_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> queue_;
  bool due_ = false;  // the queue is worth waking the thread for
  bool aborting_ = false;

 private:
  const uint64_t max_bytes_, due_bytes_;
  const bool drop_newest_;
  Budget& budget_;
  DeadLetters& dead_letters_;
  Hooks hooks_;
  std::atomic<uint64_t> queued_bytes_{0};
  mutable std::mutex ledger_mutex_;
  std::map<uint64_t, OutputLedger> ledger_;  // by epoch
  std::mutex pool_mutex_;
  std::vector<std::unique_ptr<Block>> pool_;
  std::chrono::steady_clock::time_point waiting_since_{};  // under mutex_: the queue's first block
  std::chrono::steady_clock::time_point last_warning_{};
  std::thread thread_;
};

// A request that was started by send() is done: called by plugins through the host.
void complete_request(nek_token* token, const nek_outcome& outcome);

}  // namespace nek
