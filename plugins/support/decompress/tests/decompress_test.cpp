// SPDX-License-Identifier: Apache-2.0
// The packed bytes are those of gzip, zstd and bzip2 themselves.
#include "../decompress.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

using nek::Decompressor;
using nek::make_decompressor;

namespace {

std::string file(const std::string& name) {
  std::ifstream in("tests/testdata/" + name, std::ios::binary);
  REQUIRE(in.good());
  return {std::istreambuf_iterator<char>(in), {}};
}
// 1 to 3000, a line each, as `seq 3000` prints it.
std::string plain() {
  std::string text;
  for (int i = 1; i <= 3000; i++) text += std::to_string(i) + "\n";
  return text;
}

struct Unpacked {
  std::string text, error;
  bool may_end = false, passed_over = false;
};
Unpacked unpack(const std::string& packed, size_t in_piece = 1 << 20, size_t out_piece = 1 << 20) {
  Unpacked all;
  const auto decompressor = make_decompressor(packed);
  REQUIRE(decompressor);
  std::vector<uint8_t> out(out_piece);
  for (size_t at = 0;;) {
    const size_t size = std::min(in_piece, packed.size() - at);
    const auto* data = reinterpret_cast<const uint8_t*>(packed.data()) + at;
    const auto step = decompressor->step({data, size}, out);
    if (!step.ok()) {
      all.error = step.status().message();
      return all;
    }
    all.text.append(reinterpret_cast<char*>(out.data()), step->made);
    at += step->taken;
    if (at == packed.size() && step->made == 0) break;
  }
  all.may_end = decompressor->may_end();
  all.passed_over = decompressor->passed_over();
  return all;
}

}  // namespace

TEST_CASE("packed bytes come out as they went in, however they are cut") {
  const std::string name = GENERATE("seq.gz", "seq.zst", "seq.bz2");
  const std::string packed = file(name);
  for (const size_t in : {size_t{1}, size_t{7}, size_t{1} << 20}) {
    for (const size_t out : {size_t{1}, size_t{100}, size_t{1} << 20}) {
      const Unpacked all = unpack(packed, in, out);
      CHECK(all.error == "");
      CHECK(all.text == plain());
      CHECK(all.may_end);
    }
  }
}

// Found by fuzzing: ISA-L looked behind the end, and so counted one byte less than none left.
TEST_CASE("no more is taken of damaged data than there is") {
  static constexpr uint8_t kDamaged[] = {0x1f, 0x8b, 0x08, 0x28, 0xff, 0xb5, 0x28, 0x8d, 0x01, 0x00,
                                         0x00, 0x4b, 0xfd, 0x40, 0x4a, 0x4a, 0x1b, 0xa0, 0xa0, 0xa0,
                                         0xa0, 0xa0, 0xa0, 0xa0, 0xa0, 0xa0, 0xa0, 0xa0, 0xa0};
  const auto decompressor =
      make_decompressor({reinterpret_cast<const char*>(kDamaged), sizeof kDamaged});
  std::vector<uint8_t> out(4096);
  const auto step = decompressor->step(kDamaged, out);
  REQUIRE(step.ok());
  CHECK(step->made > 0);
  CHECK(step->taken == sizeof kDamaged);
  CHECK(decompressor->step({}, out).status().message() == "the gzip data is damaged");
}

TEST_CASE("streams one behind the other are one text") {
  const std::string name = GENERATE("seq.gz", "seq.zst", "seq.bz2");
  const std::string packed = file(name) + file(name) + file(name);
  for (const size_t in : {size_t{1}, size_t{1} << 20}) {
    const Unpacked all = unpack(packed, in, 1000);
    CHECK(all.text == plain() + plain() + plain());
    CHECK(all.may_end);
  }
}

TEST_CASE("a packed file without its end is known to be cut") {
  const std::string name = GENERATE("seq.gz", "seq.zst", "seq.bz2");
  const std::string packed = file(name);
  for (const size_t missing : {size_t{1}, size_t{8}, packed.size() / 2}) {
    const Unpacked all = unpack(packed.substr(0, packed.size() - missing));
    CHECK(all.error == "");
    CHECK_FALSE(all.may_end);
    CHECK(plain().starts_with(all.text));
  }
}

TEST_CASE("damaged bytes are an error") {
  const std::string name = GENERATE("seq.gz", "seq.zst", "seq.bz2");
  std::string packed = file(name);
  packed[packed.size() / 2] = static_cast<char>(packed[packed.size() / 2] ^ 0x10);
  CHECK(unpack(packed).error.find("damaged") != std::string::npos);
}

TEST_CASE("what is no packed file is not taken for one") {
  for (const auto* head : {"", "\x1f", "BZh", "BZhello world", "1,2,3\n", "\x28\xb5\x2f"}) {
    CHECK(make_decompressor(head) == nullptr);
  }
}

TEST_CASE("what follows the packed data and is none is passed over, zeros without a word") {
  const std::string name = GENERATE("seq.gz", "seq.zst", "seq.bz2");
  const std::string packed = file(name);
  for (const size_t piece : {size_t{1}, size_t{1} << 20}) {
    for (const std::string more : {"x", "8 bytes.", "\x1f", "\x1f\x8b", "BZh", "\x28\xb5x",
                                   "more than the header of any of them"}) {
      const Unpacked all = unpack(packed + more, piece);
      CHECK(all.error == "");
      CHECK(all.text == plain());
      CHECK(all.may_end);
      CHECK(all.passed_over);
    }
    const Unpacked padded = unpack(packed + std::string(512, '\0'), piece);
    CHECK(padded.error == "");
    CHECK(padded.text == plain());
    CHECK_FALSE(padded.passed_over);
    CHECK_FALSE(unpack(packed, piece).passed_over);
  }
}

TEST_CASE("what comes before damaged bytes is unpacked") {
  const std::string packed = file("seq.gz");
  const Unpacked all = unpack(packed.substr(0, packed.size() - 8) + std::string(8, 'x'));
  CHECK(all.error == "the gzip data is damaged: its checksum is wrong");
  CHECK(all.text == plain());
}
