// SPDX-License-Identifier: Apache-2.0
// Intake: where a reader's bytes come from: the input itself, or its spool, through which all goes
// that cannot be read again. While the pipeline has no room it reads ahead into the spool; what
// waits there is handed on first, in order.
//
// Not thread-safe: a reader's thread uses it.
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/instance.h"
#include "runtime/retry.h"
#include "runtime/spool.h"

namespace nek {

constexpr uint32_t kMaxSegments = 16384;  // of one read

// The input says that it filled more than the chunk holds.
inline bool overfilled(const nek_chunk& chunk) {
  return chunk.used > chunk.capacity || chunk.segment_count > chunk.segment_capacity;
}
constexpr const char* kOverfilled = "broken input: it filled more than the chunk holds";

class Intake {
 public:
  struct Hooks {
    std::function<Source*(const nek_source_open&)> open;  // a source that the spool holds
    std::function<void(Source&)> end;                     // nothing of it will come any more
    std::function<void(Source&)> close;                   // nothing of it is needed
    // What waits for the end of its record is lost, and so many newlines after it.
    std::function<void(Source&, uint64_t lines)> lost;
    std::function<bool(std::chrono::milliseconds)> pause;  // false: stopped
    std::function<void()> snapshot;                        // one would make room
    std::function<void()> read_begins, take_back;          // take_back: that read does not count
  };
  // max_bytes: of the spool; 0: what is left there is delivered, nothing more goes into it.
  // stopping: reads no more.
  Intake(Instance& input, const PipelineSettings& settings, RetryPolicy retry, uint64_t max_bytes,
         std::unique_ptr<Spool> spool, const std::atomic<bool>& stopping, Hooks hooks);

  void recover();  // before all else
  // The input opened or ended this source.
  void opened(Source& source, const nek_source_open& request);
  void end(Source& source);
  void forget(Source& source);  // it is revoked

  // What chunks should have room for.
  size_t capacity() const;
  // Reads until the chunk is full, `linger` after the first bytes, or nothing more is to be had.
  nek_status fill(nek_chunk& to);
  // fill() brought nothing as the spool is full of what is not delivered yet.
  bool held_back() const { return held_back_; }
  // There is no room for a chunk: reads ahead, or serves the input's connection.
  void read_ahead();
  bool behind() { return spool_->behind() || !waiting_.empty(); }
  // Syncs that are due. Between two reads, as what follows.
  void keep_up() { spool_->sync_when_due(); }
  void committed(const std::string& key, uint64_t position, bool ended);
  // Keys of sources that were read once and need not be known any more. last: after close().
  std::vector<std::string> release(bool last);
  bool holds(const std::string& key) const { return numbers_.contains(key); }
  // No more is read. What the spool could not take goes into it now, or else to `to`, where nothing
  // of the spool waits before it.
  void fill_last(nek_chunk& to);
  bool waits() const { return !waiting_.empty(); }  // something that was read, for the spool
  // Between two snapshots after fill_last(): there may be room by now.
  void keep_last();
  void close();  // nothing is read any more
  void report_lost();

 private:
  struct Entry {
    Source* source = nullptr;
    uint64_t position = 0;  // what comes next of it
    bool cut = false;       // that is in the middle of a record whose begin is lost
  };
  // What one read brought.
  struct Part {
    SpoolChunk chunk;
    std::string_view body;
    std::string gathered;  // where the body is not one piece of memory
    bool empty() const { return chunk.pieces.empty() && chunk.ended.empty(); }
  };

  // A chunk as it was before a read.
  struct Mark {
    nek_chunk chunk;
    nek_segment last{};  // may be made longer
  };

  void note_ends(std::vector<uint64_t>& numbers, bool all);
  void finish_ends(bool wait);
  void enroll(Source& source, nek_text head);
  nek_status read_input(nek_chunk& to, const Mark& mark, std::chrono::milliseconds wait);
  void note_end_of_input(nek_status status);
  nek_status fill_from_input(nek_chunk& to);
  nek_status fill_from_spool(nek_chunk& to);
  bool follows(const nek_chunk& to, const SpoolChunk& chunk) const;
  void place(nek_chunk& to, const SpoolChunk& chunk);
  void place_piece(nek_chunk& to, SpoolPiece piece, uint32_t begin);
  bool take_in(std::chrono::milliseconds wait);
  static Mark mark_of(const nek_chunk& chunk);
  static void roll_back(nek_chunk& to, const Mark& mark);
  Part read_since(const nek_chunk& to, const Mark& mark, bool all);
  bool keep(nek_chunk& to, const Mark& mark, nek_status status);
  void set_waiting(Part part);
  void advance(const nek_chunk& to, uint32_t first);
  bool append(const Part& part, bool handed_on);
  bool append_waiting();
  void serve_input();
  void ask_snapshot();
  std::chrono::milliseconds longest_read() const;
  bool wants_spool() const { return max_bytes_ > 0 && open_once_ > 0; }

  Instance& input_;
  const PipelineSettings& settings_;
  Backoff backoff_;
  const uint64_t max_bytes_;
  std::unique_ptr<Spool> spool_;
  const std::atomic<bool>& stopping_;
  Hooks hooks_;

  std::map<uint64_t, Entry> entries_;        // those open, by number
  std::map<std::string, uint64_t> numbers_;  // of all that the spool knows, by key
  std::vector<Source*> ending_;              // by the read that is under way, or not yet kept
  std::vector<uint64_t> ended_;              // between two reads, since the last append
  uint64_t recovering_ = 0;                  // number of the source that is opened again
  uint32_t open_once_ = 0;                   // sources of the input
  uint64_t ends_ = 0;                        // of sources, by the input
  bool told_ = false, turn_ = false, reading_ = false, asked_ = false, held_back_ = false;
  // Reading ahead:
  bool input_ended_ = false;
  std::string input_failure_;
  std::vector<uint8_t> buffer_;
  std::vector<nek_segment> segments_;
  Part waiting_;  // the spool could not take it; it is gathered
  uint32_t failures_ = 0, failed_reads_ = 0;
  std::chrono::steady_clock::time_point not_before_{};
};

}  // namespace nek
