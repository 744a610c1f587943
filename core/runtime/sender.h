// SPDX-License-Identifier: Apache-2.0
// Sender: outputs with send(): requests in flight, each answered on any thread, by one verdict or
// one a record. Slicing, pace, back-off and dead letters are here, once for all plugins.
//
//   queue_ -> open_ (blocks in order) -> a request in flight -> its records are settled
//                                  ^                   |
//                                  +---- waiting_ <----+ those that are to be sent again
//
// Records that wait keep their request's permit: what a server cannot take now never grows beyond
// what may be in flight. Memory is that of the blocks, which the output's buffer bounds.
//
// Thread-safe as Output is.
#pragma once
#include <deque>
#include <memory>
#include <vector>

#include "runtime/output.h"
#include "runtime/pace.h"

struct nek_token;

namespace nek {

class Sender final : public Output {
 public:
  Sender(Instance& instance, OutputBuffer buffer, RetryPolicy retry, Budget& budget,
         DeadLetters& dead_letters);
  ~Sender() override;
  void complete(nek_token& token, const nek_outcome& outcome);

  // A record under way.
  struct Ref {
    Block* block = nullptr;
    uint32_t row = 0;
    uint16_t attempts = 0;
    uint16_t doubts = 0;  // how often the server took others and said NEK_DOUBT of it
  };

 private:
  using Clock = Pace::Clock;
  struct Waiting {
    Clock::time_point due;
    std::vector<Ref> refs;
    size_t next = 0;  // those before it are in flight again
  };
  struct Barrier {
    uint64_t blocks = 0;  // passes when this many have been taken and finished
    Control control;
  };
  class Settling;

  void run() override;
  // mutex_ held:
  Clock::time_point next_due() const;
  Clock::time_point fresh_due() const;
  bool control_ready() const;
  void take_blocks();
  nek_token* make_request(Clock::time_point now);
  bool add_record(nek_token& request, Ref ref) const;
  void settle_request(nek_token& token, const nek_outcome& outcome, Settling& settling);
  void wait(std::vector<Ref> refs, std::chrono::milliseconds time);
  std::vector<Control> take_passed();

  std::deque<std::unique_ptr<Block>> open_;  // taken from the queue, oldest first
  uint64_t finished_blocks_ = 0;             // taken and gone from the front of open_
  size_t fresh_ = 0;  // index into open_ of the first block with unsent records
  uint32_t fresh_row_ = 0;
  size_t fresh_bytes_ = 0;           // unsent
  Clock::time_point fresh_since_{};  // when the first of them came
  std::deque<Waiting> waiting_;
  std::deque<Barrier> barriers_;  // snapshots that wait beside the stream
  Pace pace_;
  uint32_t in_flight_ = 0;
  uint32_t failures_ = 0;  // requests that failed as a whole, in a row
  Clock::time_point hold_until_{};
  const bool in_order_;  // one request at a time: no record overtakes another
};

}  // namespace nek
