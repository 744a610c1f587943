// SPDX-License-Identifier: Apache-2.0
// Follower: reads files that grow, are renamed, truncated and removed, and new ones that come.
//
//   path --scan--> Tail (inode) --tell--> identity (first lines) --open--> source, position
//
// A source is what a file's first lines say, so it stays the same under another name, packed, in a
// copy, and after a restart. Where several files are the same source the longest is read, the
// others are held; when it goes they go on where it stopped. Not thread-safe: the reader's thread.
#pragma once
#include <atomic>
#include <chrono>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "folder_watch.h"
#include "nek/plugin.hpp"
#include "tail.h"

namespace nek {

struct FollowSettings {
  std::vector<std::string> patterns, exclude;
  int64_t close_after_ms = 60000;
  int64_t ignore_older_ms = 0;  // 0: none
  uint32_t fingerprint_lines = 2;
  bool poll = false;  // does not ask the kernel
};

class Follower {
 public:
  Follower(Host host, FollowSettings settings)
      : host_(host),
        settings_(std::move(settings)),
        files_(host.gauge("followed_files", "Files that are there and followed.")),
        truncated_(host.counter("truncated_files", "How often a file was truncated.")),
        polls_(settings_.poll) {}

  Status read(Chunk& chunk, std::chrono::milliseconds wait);
  uint64_t bytes() const { return bytes_; }  // read so far. [any-thread]

 private:
  // follow.cpp: which files there are, and what is to be read
  void look_around();
  void take_changes();
  void scan();
  void watch_folders();
  void found(const std::string& path);
  void note(Tail& tail, const struct stat& info);
  void tick();
  void tick_tail(Tail& tail);
  void queue(Tail& tail);
  void advance(Chunk& chunk);
  bool ensure_open(Tail& tail);
  void close_some(size_t most);
  void close_file(Tail& tail);
  void tell_wait(Tail& tail);
  // True: there is more.
  bool read_plain(Tail& tail, Chunk& chunk);
  bool read_packed(Tail& tail, Chunk& chunk);
  Status take(Tail& tail, Chunk& chunk, bool& same);
  void took(Tail& tail, Chunk& chunk, size_t size);
  void trouble(Tail& tail, const std::string& what);
  int64_t quiet_at(const Tail& tail) const;
  void drop(Tail& tail);

  // follow_sources.cpp: which source a file is, and where it is read on
  void tell(Tail& tail);
  bool tell_plain(Tail& tail);
  bool tell_packed(Tail& tail);
  bool tell_short(Tail& tail);
  size_t told_bytes(std::string_view head) const;
  bool outgrew(Tail& tail);
  void tell_again(Tail& tail);
  void open_told();
  void put_off_left();
  void open_source(Tail& tail);
  void start_anew(Tail& tail);
  nek_source* open_at_host(const std::string& identity, const Tail* tail) const;
  uint64_t known_as_short(const Tail& tail);
  void be_done(Tail& tail);
  bool open_packed(Tail& tail);
  bool unpack_head(Tail& tail);
  bool skip_packed(Tail& tail);
  void hold(Tail& tail);
  void compare(Tail& held);
  void compare_held(const Tail& owner);
  std::vector<Tail*> held(const std::string& identity) const;
  void take_over(Tail& from, Tail& to);
  const Tail* leave(Tail& tail, bool cut = false);
  void replaced(Tail& tail);
  bool is_known(const Tail& tail) const;

  // follow_known.cpp: what the snapshots know
  void learn_known();
  static void begin_mark(Tail& tail, std::string before);
  void keep_mark(const Tail& tail, int64_t gone_ms = 0) const;
  bool is_there(const std::string& identity) const;
  void look_for_gone();
  void tell_unread(const Tail& tail) const;
  void forget(const std::string& identity);
  void forget_soon(const std::string& identity);
  void forget_later(const std::string& identity);
  void forget_due();

  int64_t now() const { return host_.now_ms(); }

  Host host_;
  FollowSettings settings_;
  Metric files_, truncated_;
  FolderWatch watch_;
  bool polls_;                 // nothing else tells of changes
  std::string watch_problem_;  // that was told
  bool scan_wanted_ = true, links_ = false, scanned_ = false;
  int64_t last_scan_ms_ = 0, scan_cost_ms_ = 0, last_tick_ms_ = 0;

  std::map<FileId, std::unique_ptr<Tail>> tails_;
  std::unordered_map<std::string, Tail*> by_path_;
  std::unordered_map<std::string, Tail*> owners_;  // by identity: whose source is open
  std::vector<Tail*> fresh_, told_;                // new ones; to be opened
  std::set<std::string> left_;                     // sources that were left, or ended, of late
  std::list<Tail*> open_;                          // those with a descriptor, oldest first
  std::deque<Tail*> ready_;                        // may have something
  size_t held_ = 0;
  uint64_t in_a_row_ = 0;  // bytes of the first of ready_
  // Of earlier runs as well, by identity; as of the last scan that found files.
  std::unordered_map<std::string, KeptMark> known_;
  std::map<std::string, int64_t> forgotten_;  // by identity: when
  int64_t gone_due_ms_ = 0;                   // when look_for_gone() is to look
  bool gone_looked_for_ = false;
  std::atomic<uint64_t> bytes_ = 0;
};

}  // namespace nek
