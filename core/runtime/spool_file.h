// SPDX-License-Identifier: Apache-2.0
// The bytes of a spool's segment: frames are made and found again here, without touching a disk.
// The format is specified in docs/spool-format.md.
//
// Thread-safe: pure functions.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nek {

struct SpoolSource {
  uint64_t number = 0;  // in this spool, never used again
  uint32_t flags = 0;   // of nek_source_open
  std::string identity, key, head;
  bool cut = false;  // it ended with the process that read it; not on disk
};

struct SpoolPiece {
  uint64_t source = 0, position = 0;
  uint32_t size = 0;
};
// What one read brought; the bytes of the pieces follow each other in the body.
struct SpoolChunk {
  std::vector<SpoolPiece> pieces;
  std::vector<uint64_t> ended;  // sources, after the pieces
};

// These numbers are on disk: never change one.
enum SpoolKind : uint32_t { kSpoolSource = 1, kSpoolChunk = 2 };

// A good frame; the views are into the bytes that it was found in.
struct SpoolFrame {
  uint32_t kind = 0;
  uint64_t begin = 0, end = 0;  // offsets
  std::string_view head, body;
};

constexpr size_t kSpoolFileHead = 24, kSpoolFrameHead = 24;

std::string spool_file_head();
std::string spool_frame(const SpoolSource& source);
// All of a chunk's frame but its body.
std::string spool_frame_before(const SpoolChunk& chunk, std::string_view body);

// Sizes of the frame that begins here, as far as kSpoolFrameHead bytes tell; false: none does.
bool spool_frame_sizes(std::string_view bytes, uint32_t& head, uint32_t& body);
// The frame that begins at `at`; false: no good one does.
bool spool_frame_at(std::string_view file, uint64_t at, SpoolFrame& frame);
// Whether a chunk's frame is good, whose head and all before it are `before`.
bool spool_chunk_is_good(std::string_view before, std::string_view body);
// The first good frame that begins at or after `at`.
bool next_spool_frame(std::string_view file, uint64_t at, SpoolFrame& frame);
// Of a good frame's head and body.
bool read_spool_source(const SpoolFrame& frame, SpoolSource& source);
bool read_spool_chunk(std::string_view head, uint64_t body_size, SpoolChunk& chunk);

struct SpoolHole {
  uint64_t begin = 0, end = 0;
};
// All that is good in a segment.
struct SpoolScan {
  std::string fault;               // why it cannot be used at all; empty: it can
  std::vector<SpoolFrame> frames;  // views into what was scanned
  std::vector<SpoolHole> holes;    // damage between them
  uint64_t good = 0;               // where the last good frame ends; 0: there is nothing
};
SpoolScan scan_spool(std::string_view file);

}  // namespace nek
