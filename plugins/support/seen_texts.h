// SPDX-License-Identifier: Apache-2.0
// SeenTexts: a dictionary of texts known beforehand, and of others as they are first seen.
// A filter that passes unknown values on needs it: their codes are given while records flow.
// Not thread-safe; belongs to a lane.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "nek/batch.hpp"
#include "nek/plugin.h"

namespace nek {

class SeenTexts {
 public:
  // `known`, and its dictionary, stay alive as long as this object.
  SeenTexts(const nek_host* host, const std::vector<std::string>& known,
            const nek_dictionary* known_dictionary)
      : host_(host), known_(&known), dictionary_(known_dictionary) {}

  int32_t code(std::string_view text) {
    const auto at = codes_.find(text);
    if (at != codes_.end()) return at->second;
    const auto code = static_cast<int32_t>(known_->size() + seen_.size());
    seen_.emplace_back(text);
    codes_.emplace(text, code);
    return code;
  }
  size_t seen() const { return seen_.size(); }

  // Has all codes given until now; valid until the next call, for columns made before it for good.
  const nek_dictionary* dictionary() {
    if (in_dictionary_ == seen_.size()) return dictionary_;
    std::vector<std::string> all = *known_;
    all.insert(all.end(), seen_.begin(), seen_.end());
    own_ = Dictionary(host_, all);
    in_dictionary_ = seen_.size();
    return dictionary_ = own_.get();
  }

 private:
  const nek_host* host_;
  const std::vector<std::string>* known_;
  std::vector<std::string> seen_;
  std::map<std::string, int32_t, std::less<>> codes_;  // of those seen
  size_t in_dictionary_ = 0;
  const nek_dictionary* dictionary_;
  Dictionary own_;
};

}  // namespace nek
