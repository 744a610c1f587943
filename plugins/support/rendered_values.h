// SPDX-License-Identifier: Apache-2.0
// RenderedValues: how an encoder writes each value of a dictionary, made when it is first met.
// So a value is quoted and escaped once, and written by a copy from then on.
// Not thread-safe; belongs to a lane.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nek/plugin.h"

namespace nek {

class RenderedValues {
 public:
  static constexpr size_t kReadable = 64;  // bytes behind each text, so that copies may be larger
  // Of a text in text().
  struct Place {
    static constexpr uint32_t kNotYet = UINT32_MAX;  // a size: the value has not been rendered
    uint32_t begin = 0, size = kNotYet;
  };

  // Must be called with each batch's dictionary; forgets what was of another. nullptr: there is
  // none.
  void use(const nek_dictionary* dictionary) {
    if (!dictionary || dictionary->id == dictionary_) return;
    dictionary_ = dictionary->id;
    places_.assign(dictionary->values->rows, {});
    text_.clear();
    longest_ = 0;
  }

  // For loops; valid until the next render().
  const Place* places() const { return places_.data(); }  // by code
  const char* text() const { return text_.data(); }
  size_t longest() const { return longest_; }  // of the texts
  std::string_view at(Place place) const { return {text_.data() + place.begin, place.size}; }

  // append(std::string&) writes the value behind what is there.
  template <class Append>
  Place render(uint32_t code, Append append) {
    const size_t begin = text_.size();
    append(text_);
    const size_t size = text_.size() - begin;
    text_.reserve(text_.size() + kReadable);
    longest_ = std::max(longest_, size);
    return places_[code] = {static_cast<uint32_t>(begin), static_cast<uint32_t>(size)};
  }

 private:
  uint64_t dictionary_ = 0;  // its id
  std::vector<Place> places_;
  std::string text_;
  size_t longest_ = 0;
};

}  // namespace nek
