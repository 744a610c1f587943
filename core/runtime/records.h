// SPDX-License-Identifier: Apache-2.0
// What moves through the runtime: sources, chunks of their bytes, batches of records, and the task
// that carries a chunk through all steps. Not thread-safe: a task and all that hangs on it belongs
// to one thread at a time.
#pragma once
#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/intern.h"
#include "nek/arena.hpp"
#include "nek/plugin.h"
#include "runtime/ledger.h"
#include "util/hash.h"

namespace nek {

// How far a source was read; what a snapshot stores of it.
struct SourcePosition {
  uint64_t position = 0;      // before the first byte that is not yet framed
  uint64_t lines = 0;         // newlines before it
  uint64_t records = 0;       // decoded or refused, of it
  bool in_long_line = false;  // within a line of which the beginning was refused as too long
  bool ended = false;
  int64_t ended_ms = 0;  // when, wall clock; 0: not known
  std::string mark{};    // the input's own, host->source_mark()
};

struct LetterSource;
struct Source : nek_source {
  uint32_t input = 0;  // component
  std::string identity, key;
  std::string name;                             // for people
  std::string text_name;                        // the same as valid UTF-8: nek.source
  std::string mark_text;                        // nek_source::mark, or what is to become of it
  std::shared_ptr<const LetterSource> letters;  // what its dead letters need
  Hash128 identity_hash;
  void set_mark(std::string to) {
    mark_text = std::move(to);
    mark = {mark_text.data(), mark_text.size()};
  }
  void set_identity(std::string_view input_id, std::string of_key, std::string of_identity) {
    key = std::move(of_key);
    identity = std::move(of_identity);
    identity_hash = hash128(std::string(input_id) + '\0' + identity);
  }
  void set_name(std::string of_people);
  // Reader thread:
  std::string carry;                           // the bytes of an unfinished record
  uint64_t next_position = 0, next_lines = 0;  // of the first byte that is not in a chunk
  bool in_long_line = false;                   // as SourcePosition's
  bool end_reached = false, closed = false;
  bool refused = false;       // by its decoder, which must not see it; the pipeline ends
  bool left = false;          // it ends before an unfinished record, which is read again
  uint64_t spool_number = 0;  // 0: no spool
  bool cut_off = false;       // its end is a crash's: the last record may lack a part
  // For each run of segments in a chunk one, and one for being open.
  std::atomic<uint32_t> holds{1};
};

struct HostChunk {
  struct Free {
    void operator()(uint8_t* p) const { std::free(p); }
  };
  std::unique_ptr<uint8_t, Free> data;
  size_t allocated = 0;
  nek_chunk c{};  // as decode sees it
  std::vector<nek_segment> segments;
  std::vector<uint64_t> lines;     // for each segment: newlines of its source before it
  std::vector<nek_id> ids;         // for each segment: a message's own id, or all 0
  std::vector<uint64_t> skipped;   // for each: bytes of its message before it; empty: none
  Arena columns{size_t{4} << 10};  // of c.columns

  Source* source(size_t segment) const { return static_cast<Source*>(segments[segment].source); }
  bool begins_run(size_t segment) const {
    return segment == 0 || segments[segment - 1].source != segments[segment].source;
  }
  // Makes room for `bytes` and the padding behind them, keeping what is there.
  void reserve(size_t bytes);
  void reset();
};

// Records of one schema, and for each where it came from: raw bytes in the task's chunk, or an id
// of its own.
struct Batch {
  nek_batch c{};
  const nek_span* raw = nullptr;  // NULL: derived
  const nek_id* ids = nullptr;    // derived: NULL when they have none
};

// One emit() or derive() of a filter, before refused rows are left out.
struct Emission {
  uint32_t stream = 0;
  const uint64_t* keep = nullptr;  // NULL: all
  const nek_column** added = nullptr;
  Batch* derived = nullptr;
};

// One batch at one filter or output: between process and commit it waits with the task.
struct Visit {
  Batch* in = nullptr;
  std::string_view stream;  // by which it came, where the component reads several
  const nek_column* const* reads = nullptr;
  void* prepared = nullptr;
  uint64_t* refused = nullptr;  // bitmap over the batch; NULL: none
  uint32_t refused_count = 0;
  std::vector<Emission> emissions;
};

// Encoded records of one batch, owned by the host until the output has accepted them.
struct Block {
  nek_encoded c{};
  std::vector<uint32_t> ends;
  uint64_t epoch = 0;  // snapshots before it
  uint32_t done = 0;   // records with a final verdict
  bool finished = false;
  Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() { std::free(c.data); }
};

struct Replayed;
class Snapshot;

struct Control {
  uint32_t kind = 0;
  int64_t time_ms = 0;
  bool drain = false;
  std::shared_ptr<Snapshot> snapshot;
};

// A chunk's, or a control message's, way through all steps, in the one order `seq`.
struct Task {
  uint64_t seq = 0, epoch = 0;
  uint32_t input = 0;                // component that read the chunk
  std::unique_ptr<HostChunk> chunk;  // of no meaning in control
  Control control;                   // kind 0: a chunk
  size_t step = 0;
  uint64_t admitted = 0;           // bytes charged to the budget
  bool retired = false;            // it was released
  bool last = false;               // nothing will come from this input any more
  int64_t event_time = INT64_MIN;  // newest in the chunk
  std::string clock;               // of a snapshot's marker: the EventClock, for its state
  int64_t watermark = INT64_MIN;   // as of this chunk; INT64_MIN: none

  Arena arena;
  std::deque<Batch> batches;                              // of this task; addresses are stable
  std::vector<std::vector<std::vector<Batch*>>> streams;  // [component][stream]
  std::vector<Visit> visits;                              // at the current step
  std::vector<std::unique_ptr<Block>> blocks;             // encoded at the current output
  std::vector<const HostDictionary*> dictionaries;        // held
  struct LineCursor {  // refusals mostly go forward: lines are counted from the last one
    size_t segment = SIZE_MAX;
    uint32_t offset = 0;
    uint64_t line = 0;
  };
  mutable LineCursor line_cursor;
  std::vector<std::string> dead_letters;  // lines of the dead-letter file
  mutable std::vector<std::shared_ptr<const LetterSource>> letter_sources;  // of these
  std::unique_ptr<Replayed> replayed;       // letters instead of what an input read; NULL: none
  Ledger ledger;                            // what this task adds to it
  std::map<std::string, uint64_t> records;  // found, by source

  Task();
  ~Task();
  bool is_control() const { return control.kind != 0; }
  // Makes it as new, keeping its memory; releases what it holds.
  void reset();
  void hold_dictionary(const nek_dictionary* dictionary);
};

inline bool bit(const uint64_t* bits, uint32_t row) { return bits[row / 64] >> (row % 64) & 1; }

}  // namespace nek
