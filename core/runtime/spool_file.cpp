// SPDX-License-Identifier: Apache-2.0
#include "runtime/spool_file.h"

#include "util/bytes.h"
#include "util/hash.h"

namespace nek {
namespace {

// These numbers are on disk: never change one.
constexpr std::string_view kMagic = "NEKSPOOL", kMark = "NEKF";
constexpr uint32_t kVersion = 1;

uint64_t frame_checksum(uint32_t kind, std::string_view head, std::string_view body) {
  ByteWriter all;
  all.number(kind);
  all.number(static_cast<uint32_t>(head.size()));
  all.number(static_cast<uint32_t>(body.size()));
  all.number(hash64(head));
  all.number(hash64(body));
  return hash64(all.bytes());
}

std::string frame_before(uint32_t kind, std::string_view head, std::string_view body) {
  ByteWriter numbers;
  numbers.number(kind);
  numbers.number(static_cast<uint32_t>(head.size()));
  numbers.number(static_cast<uint32_t>(body.size()));
  numbers.number(frame_checksum(kind, head, body));
  std::string bytes(kMark);
  return bytes.append(numbers.bytes()).append(head);
}

}  // namespace

std::string spool_file_head() {
  ByteWriter numbers;
  numbers.number(kVersion);
  numbers.number(uint32_t{0});
  const std::string bytes = std::string(kMagic) + numbers.bytes();
  ByteWriter checksum;
  checksum.number(hash64(bytes));
  return bytes + checksum.bytes();
}

std::string spool_frame(const SpoolSource& source) {
  ByteWriter head;
  head.number(source.number);
  head.number(source.flags);
  head.text(source.identity);
  head.text(source.key);
  return frame_before(kSpoolSource, head.bytes(), source.head) + source.head;
}

std::string spool_frame_before(const SpoolChunk& chunk, std::string_view body) {
  ByteWriter head;
  head.number(static_cast<uint32_t>(chunk.pieces.size()));
  for (const SpoolPiece& piece : chunk.pieces) {
    head.number(piece.source);
    head.number(piece.position);
    head.number(piece.size);
  }
  head.number(static_cast<uint32_t>(chunk.ended.size()));
  for (const uint64_t source : chunk.ended) head.number(source);
  return frame_before(kSpoolChunk, head.bytes(), body);
}

bool spool_frame_sizes(std::string_view bytes, uint32_t& head, uint32_t& body) {
  ByteReader from(bytes);
  if (from.take(kMark.size()) != kMark) return false;
  (void)from.number<uint32_t>();
  head = from.number<uint32_t>();
  body = from.number<uint32_t>();
  return from.ok();
}

bool spool_frame_at(std::string_view file, uint64_t at, SpoolFrame& frame) {
  if (at > file.size()) return false;
  ByteReader from(file.substr(at));
  if (from.take(kMark.size()) != kMark) return false;
  frame.kind = from.number<uint32_t>();
  const auto head_size = from.number<uint32_t>(), body_size = from.number<uint32_t>();
  const auto checksum = from.number<uint64_t>();
  frame.head = from.take(head_size);
  frame.body = from.take(body_size);
  if (!from.ok() || frame_checksum(frame.kind, frame.head, frame.body) != checksum) return false;
  frame.begin = at;
  frame.end = at + kSpoolFrameHead + head_size + body_size;
  SpoolSource source;
  SpoolChunk chunk;
  return frame.kind == kSpoolSource
             ? read_spool_source(frame, source)
             : frame.kind == kSpoolChunk && read_spool_chunk(frame.head, frame.body.size(), chunk);
}

bool spool_chunk_is_good(std::string_view before, std::string_view body) {
  return before.size() >= kSpoolFrameHead &&
         before == frame_before(kSpoolChunk, before.substr(kSpoolFrameHead), body);
}

bool next_spool_frame(std::string_view file, uint64_t at, SpoolFrame& frame) {
  for (; at < file.size(); at++) {
    at = file.find(kMark, at);
    if (at == std::string_view::npos) return false;
    if (spool_frame_at(file, at, frame)) return true;
  }
  return false;
}

bool read_spool_source(const SpoolFrame& frame, SpoolSource& source) {
  ByteReader from(frame.head);
  source.number = from.number<uint64_t>();
  source.flags = from.number<uint32_t>();
  source.identity = from.text();
  source.key = from.text();
  source.head = frame.body;
  return from.ok() && from.at_end();
}

bool read_spool_chunk(std::string_view head, uint64_t body_size, SpoolChunk& chunk) {
  chunk.pieces.clear();
  chunk.ended.clear();
  ByteReader from(head);
  uint64_t bytes = 0;
  for (auto left = from.number<uint32_t>(); left > 0 && from.ok(); left--) {
    SpoolPiece piece;
    piece.source = from.number<uint64_t>();
    piece.position = from.number<uint64_t>();
    piece.size = from.number<uint32_t>();
    bytes += piece.size;
    if (UINT64_MAX - piece.position <= piece.size) return false;
    if (from.ok()) chunk.pieces.push_back(piece);
  }
  for (auto left = from.number<uint32_t>(); left > 0 && from.ok(); left--) {
    const auto source = from.number<uint64_t>();
    if (from.ok()) chunk.ended.push_back(source);
  }
  return from.ok() && from.at_end() && bytes == body_size;
}

SpoolScan scan_spool(std::string_view file) {
  SpoolScan scan;
  ByteReader from(file);
  const bool is_ours = from.take(kMagic.size()) == kMagic;
  const auto version = from.number<uint32_t>();
  (void)from.number<uint32_t>();
  const bool whole = from.number<uint64_t>() == hash64(file.substr(0, kSpoolFileHead - 8));
  if (!from.ok()) return scan;  // the process died before it had written anything
  if (is_ours && whole && version != kVersion) {
    scan.fault = "it is of version " + std::to_string(version) + ", this nek reads version " +
                 std::to_string(kVersion) + ": use the nek that wrote it";
    return scan;
  }
  uint64_t at = is_ours && whole ? kSpoolFileHead : 0;
  scan.good = at;
  SpoolFrame frame;
  while (next_spool_frame(file, at, frame)) {
    if (frame.begin > at) scan.holes.push_back({at, frame.begin});
    scan.frames.push_back(frame);
    scan.good = at = frame.end;
  }
  if (scan.frames.empty() && !(is_ours && whole)) scan.fault = "it is no segment of a spool";
  return scan;
}

}  // namespace nek
