// SPDX-License-Identifier: Apache-2.0
#include "util/many_bytes.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <string>

using nek::ManyBytes;

namespace {

const uint8_t* bytes_of(const std::string& text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

}  // namespace

TEST_CASE("each vector unit counts the newlines that a plain loop counts") {
  std::mt19937 random(1);
  for (const size_t size : {0, 1, 31, 63, 64, 65, 127, 200, 5000, 16320, 16321, 40'000}) {
    for (const unsigned one_of : {1u, 3u, 100u}) {
      std::string text(size + 7, 'x');
      for (char& c : text)
        if (random() % one_of == 0) c = '\n';
      for (const size_t begin : {0, 1, 7}) {  // wherever it lies
        const auto expected =
            std::count(text.begin() + static_cast<std::ptrdiff_t>(begin),
                       text.begin() + static_cast<std::ptrdiff_t>(begin + size), '\n');
        for (const ManyBytes& unit : nek::many_bytes_units())
          CHECK(unit.newlines(bytes_of(text) + begin, size) == static_cast<uint64_t>(expected));
      }
    }
  }
}

TEST_CASE("a byte that is not ASCII is found wherever it stands") {
  for (const size_t size : {1, 63, 64, 128, 129, 500}) {
    for (size_t at = 0; at < size; at++) {
      std::string text(size, '~');
      text[at] = '\x80';
      for (const ManyBytes& unit : nek::many_bytes_units())
        CHECK(unit.ascii(bytes_of(text), size) <= at);
      CHECK_FALSE(nek::all_valid_utf8(bytes_of(text), size));
    }
    for (const ManyBytes& unit : nek::many_bytes_units())
      CHECK(unit.ascii(bytes_of(std::string(size, '~')), size) + 128 > size);
  }
}

TEST_CASE("what is not ASCII is valid where it is UTF-8, across blocks too") {
  for (size_t before = 0; before < 300; before++) {
    const std::string text = std::string(before, 'x') + "Zürich" + std::string(200, 'y');
    CHECK(nek::all_valid_utf8(bytes_of(text), text.size()));
    const std::string cut = std::string(before, 'x') + "Z\xC3";  // half a letter
    CHECK_FALSE(nek::all_valid_utf8(bytes_of(cut), cut.size()));
  }
  CHECK(nek::all_valid_utf8(nullptr, 0));
}
