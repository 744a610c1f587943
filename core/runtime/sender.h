// SPDX-License-Identifier: Apache-2.0
// Sender: outputs with send(): requests in flight, each answered on any thread, by one verdict or
// one a record. Slicing, window, back-off and dead letters are here, once for all plugins.
// Thread-safe as Output is.
#pragma once
#include <deque>
#include <memory>
#include <vector>

#include "runtime/output.h"

struct nek_token;

namespace nek {

class Sender final : public Output {
 public:
  Sender(Instance& instance, OutputBuffer buffer, RetryPolicy retry, Budget& budget,
         DeadLetters& dead_letters)
      : Output(instance, buffer, retry, budget, dead_letters, 0) {}
  ~Sender() override;
  void complete(nek_token& token, const nek_outcome& outcome);

  // A record under way.
  struct Ref {
    Block* block = nullptr;
    uint32_t row = 0;
    uint32_t attempts = 0;
  };

 private:
  using Clock = std::chrono::steady_clock;
  struct Again {
    Clock::time_point due;
    Ref ref;
  };
  struct Barrier {
    uint64_t blocks = 0;  // passes when this many have been taken and finished
    Control control;
  };

  void run() override;
  // mutex_ held:
  Clock::time_point next_due(Clock::time_point now) const;
  bool can_send(Clock::time_point now) const;
  bool control_ready() const;
  nek_token* make_request(Clock::time_point now);
  bool add_record(nek_token& request, Ref ref, size_t& bytes) const;
  void settle(const Ref& ref, const nek_result& result, uint64_t after_ms);
  void settle_request(nek_token& token, const nek_outcome& outcome);
  void again(const Ref& ref, std::chrono::milliseconds wait);
  std::vector<Control> take_passed();

  std::deque<std::unique_ptr<Block>> open_;  // taken from the queue, oldest first
  uint64_t finished_blocks_ = 0;             // taken and gone from the front of open_
  size_t fresh_ = 0;  // index into open_ of the first block with unsent records
  uint32_t fresh_row_ = 0;
  std::deque<Again> again_;
  std::deque<Barrier> barriers_;  // snapshots that wait beside the stream
  uint32_t in_flight_ = 0;
  uint32_t failures_ = 0;  // requests that failed as a whole, in a row
  Clock::time_point hold_until_{};
  size_t max_request_bytes_ = size_t{4} << 20;
};

}  // namespace nek
