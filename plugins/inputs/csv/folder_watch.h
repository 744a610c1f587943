// SPDX-License-Identifier: Apache-2.0
// FolderWatch: hears from the kernel (inotify) what changes in folders, so that nobody has to look
// again and again. Not thread-safe.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "file_reader.h"

namespace nek {

class FolderWatch {
 public:
  struct Changes {
    bool names = false;              // files came, went or have other names; or some were missed
    std::vector<std::string> files;  // that were written to
  };

  // Watches these folders and no others; each is the prefix of its files' paths ("" or "in/").
  // Answers why one of them is not watched, or nothing. A folder that is not there is no problem.
  std::string watch(const std::vector<std::string>& prefixes);
  // One of them is not there: nobody tells when it comes.
  bool is_missing_one() const;
  // What has changed since the last call.
  Changes take();
  // Until something changes, at most so long.
  void wait(int ms) const;

 private:
  std::string add(const std::string& prefix);

  Fd fd_;
  std::map<std::string, int> watches_;  // by prefix; -1: not there
  std::map<int, std::string> prefixes_;
  std::map<std::string, std::string> remote_;  // watched, but in vain: why
};

}  // namespace nek
