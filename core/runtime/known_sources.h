// SPDX-License-Identifier: Apache-2.0
// KnownSources: the sources that an input has open, and all that it or earlier runs had open, with
// how far each was read: what a snapshot stores of them, and what one that is opened again goes on
// from.
//
// Thread-safe. What is in an open Source itself belongs to the reader's thread.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "runtime/records.h"
#include "runtime/snapshot.h"

namespace nek {

class KnownSources {
 public:
  explicit KnownSources(std::string input) : input_(std::move(input)) {}

  void restore(const SourceState& source);
  // Owns it until release(); where it is known, it is told how far it was read. False: another is
  // open under its key.
  bool open(std::unique_ptr<Source> owned);
  // It is not the one under its key any more.
  void close(const Source& source);
  void release(const Source& source);  // frees it
  std::vector<Source*> all() const;    // that were opened and not released
  // Of these, that have not ended. Nobody frees them but the reader's thread closes them.
  std::vector<Source*> going_on() const;

  // How far those that were touched, or have ended, are read by what is submitted.
  void note(const std::vector<Source*>& touched, const std::vector<Source*>& ended, int64_t now_ms);
  void count_records(const std::string& key, uint64_t records);
  void committed(const std::vector<SourceState>& sources);
  // Up to where; NEK_NO_POSITION: nothing of it is, or it is not known.
  uint64_t committed(const std::string& key) const;

  void forget(const std::string& key);
  // Those that could be read once only, are not open, and are not `held`.
  void forget_gone(const std::function<bool(const std::string& key)>& held);

  // Takes out those under whose key another source was opened since.
  void keep_same(std::map<std::string, SourceState>& states) const;
  // Those open that these states are of, each with its position there.
  std::vector<std::pair<Source*, uint64_t>> open_of(
      const std::map<std::string, SourceState>& states) const;
  std::vector<SourceState> states() const;
  void each(const std::function<void(const nek_known_source&)>& each) const;

 private:
  struct Known {
    std::string identity;
    SourcePosition at;  // of what was submitted
    uint64_t committed = NEK_NO_POSITION;
    const Source* open = nullptr;
    bool once = false;  // NEK_ONCE
  };
  SourcePosition* note(const Source& source);

  const std::string input_;  // id
  mutable std::mutex mutex_;
  std::map<const Source*, std::unique_ptr<Source>> open_;
  std::map<std::string, Known> known_;  // by key
};

}  // namespace nek
