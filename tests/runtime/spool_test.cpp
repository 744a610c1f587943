// SPDX-License-Identifier: Apache-2.0
// The spool on a disk that fills up, fails, and loses what was not synced.
#include "runtime/spool.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

#include "memory_env.h"
#include "nek/plugin.h"

namespace nek::test {
namespace {

constexpr const char* kFolder = "data/spool/in";
constexpr const char* kFirst = "data/spool/in/00000001.spool";

// A disk, and one spool after another on it.
class Bench {
 public:
  MemoryEnv env;
  std::vector<std::string> said;

  // A new process.
  Spool& start(InputSpool settings = {uint64_t{1} << 20, 3'600'000, false}) {
    said.clear();
    spool_ =
        std::make_unique<Spool>(env, kFolder, settings, "in", metrics_,
                                [this](int, const std::string& what) { said.push_back(what); });
    spool_->recover();
    return *spool_;
  }
  Spool& spool() { return *spool_; }
  uint64_t add(const std::string& name, uint32_t flags = NEK_ONCE) {
    return spool_->add({0, flags, name, name, "head of " + name});
  }
  Status write(uint64_t source, uint64_t position, const std::string& bytes,
               bool handed_on = false) {
    return spool_->append({{{source, position, static_cast<uint32_t>(bytes.size())}}, {}}, bytes,
                          handed_on);
  }
  Status end(uint64_t source) { return spool_->append({{}, {source}}, "", false); }
  // All that waits: NAME@POSITION:BYTES, and NAME. where a source ends.
  std::vector<std::string> drain() {
    std::vector<std::string> all;
    while (const SpoolChunk* next = spool_->peek()) {
      const SpoolChunk chunk = *next;
      std::string bytes(spool_->peek_size(), ' ');
      if (!spool_->take(bytes)) continue;
      size_t at = 0;
      for (const SpoolPiece& piece : chunk.pieces) {
        all.push_back(name(piece.source) + "@" + std::to_string(piece.position) + ":" +
                      bytes.substr(at, piece.size));
        at += piece.size;
      }
      for (const uint64_t source : chunk.ended) all.push_back(name(source) + ".");
    }
    return all;
  }
  double metric(const std::string& of) const {
    double value = -1;
    metrics_.visit([&](const nek_metric& m) {
      if (m.name == of) value = m.value;
    });
    return value;
  }
  long times_said(const std::string& part) const {
    return std::count_if(said.begin(), said.end(), [&](const std::string& line) {
      return line.find(part) != std::string::npos;
    });
  }
  bool said_that(const std::string& part) const { return times_said(part) > 0; }

 private:
  std::string name(uint64_t number) const {
    const auto source = spool_->sources().find(number);
    return source == spool_->sources().end() ? "?" : source->second.identity;
  }
  Metrics metrics_;
  std::unique_ptr<Spool> spool_;
};

using Strings = std::vector<std::string>;

// Two sources, three chunks, synced; sizes of the file after each frame.
std::vector<size_t> fill(Bench& bench) {
  bench.start();
  const uint64_t a = bench.add("a"), b = bench.add("b");
  std::vector<size_t> sizes;
  const auto note = [&] { sizes.push_back(bench.env.content(kFirst).size()); };
  REQUIRE(bench.write(a, 0, "one\n").ok());
  note();
  REQUIRE(bench.write(b, 7, "two\n").ok());
  note();
  REQUIRE(bench.write(a, 4, "three\n").ok());
  note();
  bench.spool().sync();
  return sizes;
}

TEST_CASE("spool: what was not handed on comes back in order, and then each source ends") {
  Bench bench;
  fill(bench);
  CHECK(bench.drain() == Strings{"a@0:one\n", "b@7:two\n", "a@4:three\n"});
  CHECK(!bench.spool().behind());
  bench.start();
  CHECK(bench.said == Strings{"304 bytes that earlier runs read are looked through first"});
  CHECK(bench.spool().sources().at(2).key == "b");
  CHECK(bench.spool().sources().at(2).head == "head of b");
  CHECK(bench.drain() == Strings{"a@0:one\n", "b@7:two\n", "a@4:three\n", "a.", "b."});
}

TEST_CASE("spool: what the reader handled itself comes back after a crash only") {
  Bench bench;
  bench.start();
  const uint64_t a = bench.add("a");
  REQUIRE(bench.write(a, 0, "one\n", true).ok());
  CHECK(bench.drain().empty());
  REQUIRE(bench.write(a, 4, "two\n").ok());
  REQUIRE(bench.end(a).ok());
  CHECK(bench.drain() == Strings{"a@4:two\n", "a."});
  bench.start();
  CHECK(bench.drain() == Strings{"a@0:one\n", "a@4:two\n", "a."});
}

TEST_CASE("spool: a segment goes when all of it is committed, and then its sources are forgotten") {
  Bench bench;
  bench.start();
  const uint64_t a = bench.add("a");
  REQUIRE(bench.write(a, 0, "one\n", true).ok());
  REQUIRE(bench.spool().append({{}, {a}}, "", true).ok());
  bench.spool().committed(a, 3, false);
  CHECK(bench.spool().release(true).empty());
  CHECK(bench.env.exists(kFirst));
  bench.spool().committed(a, 4, false);  // its end is not in a snapshot yet
  CHECK(bench.spool().release(true).empty());
  CHECK(bench.env.exists(kFirst));
  bench.spool().committed(a, 4, true);
  const auto gone = bench.spool().release(true);
  REQUIRE(gone.size() == 1);
  CHECK(gone[0].key == "a");
  CHECK(!bench.env.exists(kFirst));
  bench.env.crash();
  CHECK(!bench.env.exists(kFirst));  // the folder was synced before they were forgotten
}

TEST_CASE("spool: numbers of segments and sources are never used again") {
  Bench bench;
  fill(bench);
  bench.start();
  CHECK(bench.add("c") == 3);
  REQUIRE(bench.write(3, 0, "x").ok());
  CHECK(bench.env.exists("data/spool/in/00000002.spool"));
}

TEST_CASE("spool: a power cut loses what was not synced, and nothing else") {
  Bench bench;
  fill(bench);
  REQUIRE(bench.write(1, 10, "four\n").ok());
  bench.env.crash();
  bench.start();
  CHECK(bench.drain() == Strings{"a@0:one\n", "b@7:two\n", "a@4:three\n", "a.", "b."});
}

TEST_CASE("spool: with fsync_interval 0 whatever was appended is durable") {
  Bench bench;
  bench.start({uint64_t{1} << 20, 0, false});
  const uint64_t a = bench.add("a");
  REQUIRE(bench.write(a, 0, "one\n").ok());
  bench.env.crash();
  bench.start();
  CHECK(bench.drain() == Strings{"a@0:one\n", "a."});
}

TEST_CASE("spool: a tail that was torn anywhere is cut off, and the frames before it stay") {
  Bench bench;
  const auto sizes = fill(bench);
  const std::string whole = bench.env.content(kFirst);
  const Strings all = {"a@0:one\n", "b@7:two\n", "a@4:three\n"};
  for (size_t size = 0; size < whole.size(); size++) {
    INFO("cut to " << size);
    Bench torn;
    REQUIRE((*torn.env.open(kFirst))->append(whole.substr(0, size)).ok());
    torn.start();
    const auto frames = static_cast<ptrdiff_t>(
        std::count_if(sizes.begin(), sizes.end(), [&](size_t end) { return end <= size; }));
    Strings got = torn.drain();
    std::erase_if(got, [](const std::string& line) { return line.ends_with("."); });
    CHECK(got == Strings(all.begin(), all.begin() + frames));
    // The next start finds nothing to mend.
    torn.start();
    CHECK(!torn.said_that("cut off"));
  }
}

TEST_CASE("spool: a cut tail is reported with its size") {
  Bench bench;
  fill(bench);
  const std::string whole = bench.env.content(kFirst);
  Bench torn;
  REQUIRE((*torn.env.open(kFirst))->append(whole.substr(0, whole.size() - 1)).ok());
  torn.start();
  CHECK(torn.said.at(0) ==
        "data/spool/in/00000001.spool ends within a write: the last 57 bytes are cut off, they had "
        "not been synced");
}

TEST_CASE(
    "spool: whichever byte is flipped, nek starts and all frames but the one that has it stay") {
  Bench bench;
  const auto sizes = fill(bench);
  const std::string whole = bench.env.content(kFirst);
  const Strings all = {"a@0:one\n", "b@7:two\n", "a@4:three\n"};
  for (size_t at = 0; at < whole.size(); at++) {
    INFO("byte " << at);
    Bench bad;
    REQUIRE((*bad.env.open(kFirst))->append(whole).ok());
    bad.env.flip(kFirst, at);
    bad.start();
    const Strings got = bad.drain();
    size_t found = 0;
    for (const std::string& line : all)
      found += static_cast<size_t>(std::count(got.begin(), got.end(), line));
    CHECK(found >= 1);  // a source's frame stands before up to two chunks
    CHECK(got.size() <= 5);
    CHECK(bad.said_that("00000001.spool"));
  }
}

TEST_CASE("spool: a damaged segment is reported, read around, and in the end set aside") {
  Bench bench;
  const auto sizes = fill(bench);
  bench.env.flip(kFirst, sizes[1] - 2);  // in "two\n"
  bench.start();
  CHECK(bench.said.at(0) ==
        "data/spool/in/00000001.spool is damaged from byte 190 on: 56 bytes are left out; the file "
        "is kept as data/spool/in/00000001.damaged");
  CHECK(bench.metric("spool_damaged_bytes") == 56);
  CHECK(bench.drain() == Strings{"a@0:one\n", "a@4:three\n", "a.", "b."});
  bench.spool().committed(1, 10, true);
  bench.spool().committed(2, 0, true);
  CHECK(bench.spool().release(true).size() == 2);
  CHECK(!bench.env.exists(kFirst));
  CHECK(bench.env.exists("data/spool/in/00000001.damaged"));
  bench.start();
  CHECK(bench.said.empty());
}

TEST_CASE("spool: damage that comes while it runs is reported and read around") {
  Bench bench;
  const auto sizes = fill(bench);
  bench.env.flip(kFirst, sizes[1] - 2);
  CHECK(bench.drain() == Strings{"a@0:one\n", "a@4:three\n"});
  CHECK(bench.said == Strings{"data/spool/in/00000001.spool: a checksum does not match: 56 bytes "
                              "from byte 190 on are lost"});
}

TEST_CASE("spool: a segment of another version is set aside by a message that names both") {
  Bench bench;
  fill(bench);
  std::string bytes = bench.env.content(kFirst);
  // "NEKSPOOL", version 2, 0, and the XXH3-64 of these 16 bytes.
  const unsigned char checksum[] = {0x9f, 0x86, 0x72, 0x78, 0x56, 0xff, 0x76, 0xf7};
  bytes[8] = 2;
  std::copy(std::begin(checksum), std::end(checksum), bytes.begin() + 16);
  Bench other;
  REQUIRE((*other.env.open(kFirst))->append(bytes).ok());
  other.start();
  CHECK(other.said ==
        Strings{"data/spool/in/00000001.spool is set aside as "
                "data/spool/in/00000001.unreadable: it is of version 2, this nek reads "
                "version 1: use the nek that wrote it"});
  CHECK(other.drain().empty());
  CHECK(other.env.content("data/spool/in/00000001.unreadable") == bytes);
}

TEST_CASE("spool: what is no segment at all is set aside") {
  Bench bench;
  REQUIRE((*bench.env.open(kFirst))->append(std::string(5000, 'x')).ok());
  bench.start();
  CHECK(bench.said.at(0) ==
        "data/spool/in/00000001.spool is set aside as "
        "data/spool/in/00000001.unreadable: it is no segment of a spool");
}

TEST_CASE("spool: a segment of which nothing can be read is set aside, and one with nothing goes") {
  Bench bench;
  bench.start();
  REQUIRE(bench.write(bench.add("a"), 0, "one\n").ok());
  const std::string whole = bench.env.content(kFirst);
  REQUIRE(bench.write(1, 4, "two\n").ok());
  bench.spool().sync();
  bench.env.flip(kFirst, 24);                // the first frame, of the source, begins here
  bench.env.flip(kFirst, whole.size() - 1);  // "one\n"
  bench.env.flip(kFirst, bench.env.content(kFirst).size() - 1);
  const size_t size = bench.env.content(kFirst).size();
  bench.start();
  CHECK(bench.said == Strings{"data/spool/in/00000001.spool is set aside as "
                              "data/spool/in/00000001.unreadable: none of its " +
                              std::to_string(size - 24) +
                              " bytes can be read: they are damaged, or had not been synced"});
  CHECK(bench.env.content("data/spool/in/00000001.unreadable").size() == size);

  Bench dead;  // it died before it wrote anything
  REQUIRE((*dead.env.open(kFirst))->append(whole.substr(0, 24)).ok());
  dead.start();
  CHECK(dead.said.empty());
  CHECK_FALSE(dead.env.exists(kFirst));
}

TEST_CASE(
    "spool: on a full disk an append fails by name, leaves nothing, and works when there is room") {
  Bench bench;
  const auto sizes = fill(bench);
  for (size_t room = 0; room < 60; room += 7) {
    bench.env.set_capacity(sizes[2] + room);
    const Status status = bench.write(1, 10, "four is too large for this disk\n");
    CHECK(status.message() == "cannot write data/spool/in/00000001.spool: No space left on device");
    CHECK(bench.env.content(kFirst).size() == sizes[2]);
  }
  bench.env.set_capacity(UINT64_MAX);
  REQUIRE(bench.write(1, 10, "four\n").ok());
  CHECK(bench.drain() == Strings{"a@0:one\n", "b@7:two\n", "a@4:three\n", "a@10:four\n"});
}

TEST_CASE(
    "spool: the n-th write fails after some of its bytes, whatever n is, and nothing is lost") {
  for (int n = 0; n < 12; n++) {
    for (const size_t written : {0, 1, 30, 5000}) {
      INFO("write " << n << " after " << written << " bytes");
      Bench bench;
      bench.start();
      bench.env.fail_appends(2, "Input/output error", n, written);
      const uint64_t a = bench.add("a");
      Strings expected;
      for (uint64_t i = 0; i < 6; i++) {
        // Large ones are written apart from what stands before them.
        const std::string bytes(i % 2 ? 6000 : 10, static_cast<char>('a' + i));
        Status status = bench.write(a, i * 10000, bytes);
        for (int tries = 0; !status.ok() && tries < 3; tries++) {
          CHECK_THAT(status.message(), Catch::EndsWith(": Input/output error"));
          status = bench.write(a, i * 10000, bytes);
        }
        REQUIRE(status.ok());
        expected.push_back("a@" + std::to_string(i * 10000) + ":" + bytes);
      }
      CHECK(bench.drain() == expected);
      bench.start();
      expected.emplace_back("a.");
      CHECK(bench.drain() == expected);
    }
  }
}

TEST_CASE("spool: a sync that fails is reported once, and what follows goes into a new segment") {
  Bench bench;
  fill(bench);
  REQUIRE(bench.write(1, 10, "four\n").ok());
  bench.env.fail_syncs(2);
  bench.spool().sync();
  CHECK(bench.said ==
        Strings{"cannot sync data/spool/in/00000001.spool: Input/output error; what is "
                "not delivered before the machine crashes may be lost. Still trying"});
  REQUIRE(bench.write(1, 15, "five\n").ok());
  bench.spool().sync();
  CHECK(bench.said.size() == 1);
  REQUIRE(bench.write(1, 20, "six\n").ok());
  bench.spool().sync();
  CHECK(bench.said.back() == "it is synced again");
  CHECK(bench.env.exists("data/spool/in/00000003.spool"));
  const Strings all = {"a@0:one\n",   "b@7:two\n",   "a@4:three\n",
                       "a@10:four\n", "a@15:five\n", "a@20:six\n"};
  CHECK(bench.drain() == all);
}

TEST_CASE("spool: in a read-only folder an append fails by name, and recovery still delivers") {
  Bench bench;
  fill(bench);
  bench.env.set_read_only(true);
  CHECK(bench.write(1, 10, "four\n").message() ==
        "cannot write data/spool/in/00000001.spool: Read-only file system");
  bench.start();
  CHECK(bench.add("c") == 3);
  CHECK(bench.write(3, 0, "x").message() ==
        "cannot make folder data/spool/in: Read-only file system");
  CHECK(bench.drain() == Strings{"a@0:one\n", "b@7:two\n", "a@4:three\n", "a.", "b."});
}

TEST_CASE("spool: segments that were removed are reported as lost, and it goes on") {
  Bench bench;
  const auto sizes = fill(bench);
  bench.spool().sync();
  bench.start();
  bench.env.remove_folder(kFolder);
  const uint64_t c = bench.add("c");
  REQUIRE(bench.write(c, 0, "new\n").ok());
  CHECK(bench.drain() == Strings{"a.", "b.", "c@0:new\n"});
  CHECK(bench.said.back() == "data/spool/in/00000001.spool: it was removed: " +
                                 std::to_string(sizes[2] - 24) + " bytes from byte 24 on are lost");
}

// Segments of an eighth of 64 KiB; each write is a fifth of one.
struct Small {
  static constexpr uint64_t kMax = 64 << 10;
  static constexpr size_t kWrite = 1600;
};

TEST_CASE("spool: when it is full it takes no more, and more when a snapshot has what is in it") {
  Bench bench;
  bench.start({Small::kMax, 3'600'000, false});
  const uint64_t a = bench.add("a");
  uint64_t position = 0;
  while (bench.spool().has_room(Small::kWrite)) {
    REQUIRE(bench.write(a, position, std::string(Small::kWrite, 'x'), true).ok());
    position += Small::kWrite;
  }
  CHECK(position > Small::kMax * 3 / 4);
  CHECK(bench.metric("spool_bytes") <= Small::kMax);
  bench.spool().committed(a, position / 2, false);
  bench.spool().release(false);
  CHECK(bench.spool().has_room(Small::kWrite));
  CHECK(bench.metric("spool_bytes") < Small::kMax * 3 / 4);
  CHECK(bench.metric("spool_dropped_records") == 0);
}

TEST_CASE("spool: drop_oldest loses the oldest that nobody has seen, and counts lines and bytes") {
  Bench bench;
  bench.start({Small::kMax, 3'600'000, true});
  const uint64_t a = bench.add("a");
  std::string line(Small::kWrite, 'x');
  line.back() = '\n';
  for (uint64_t i = 0; i < 100; i++) {
    REQUIRE(bench.spool().has_room(Small::kWrite));
    REQUIRE(bench.write(a, i * Small::kWrite, line).ok());
  }
  const Strings left = bench.drain();
  const auto dropped = static_cast<size_t>(bench.metric("spool_dropped_records"));
  CHECK(dropped > 50);
  CHECK(left.size() + dropped == 100);
  // The first segment was being read; the newest are all there.
  CHECK(left.front() == "a@0:" + line);
  CHECK(left.back() == "a@" + std::to_string(99 * Small::kWrite) + ":" + line);
  CHECK(bench.spool().take_dropped_lines(a) == dropped);
  CHECK(bench.metric("spool_dropped_bytes") > static_cast<double>(dropped * Small::kWrite));
  CHECK(bench.said_that("it is full: the oldest "));
}

TEST_CASE("spool: on a full disk too drop_oldest loses the oldest, counts them and says so once") {
  Bench bench;
  bench.start({8 << 20, 3'600'000, true});
  bench.env.set_capacity(4 << 20);
  const uint64_t a = bench.add("a");
  std::string line(64 << 10, 'x');
  line.back() = '\n';
  for (uint64_t i = 0; i < 200; i++) REQUIRE(bench.write(a, i * line.size(), line).ok());
  const Strings left = bench.drain();
  const auto dropped = static_cast<size_t>(bench.metric("spool_dropped_records"));
  CHECK(dropped > 100);
  CHECK(left.size() > 30);
  CHECK(left.size() + dropped == 200);
  CHECK(left.back() == "a@" + std::to_string(199 * line.size()) + ":" + line);
  CHECK(bench.times_said("the disk is full: the oldest ") == 1);
}

TEST_CASE("spool: a disk that is full again, after nothing waited any more, is told again") {
  Bench bench;
  bench.start({8 << 20, 3'600'000, true});
  const uint64_t a = bench.add("a");
  const std::string line = std::string((64 << 10) - 1, 'x') + "\n";
  uint64_t position = 0;
  const auto write = [&](bool handed_on) {
    REQUIRE(bench.write(a, position, line, handed_on).ok());
    position += line.size();
  };
  for (long times = 1; times <= 2; times++) {
    bench.env.set_capacity(4 << 20);
    for (int i = 0; i < 200; i++) write(false);
    CHECK(bench.times_said("the disk is full: the oldest ") == times);
    bench.env.set_capacity(UINT64_MAX);
    bench.drain();
    write(true);
    bench.spool().committed(a, position, false);
    bench.spool().release(false);
  }
}

TEST_CASE("spool: a source that ended in what was dropped still ends") {
  Bench bench;
  bench.start({Small::kMax, 3'600'000, true});
  const uint64_t a = bench.add("a"), b = bench.add("b");
  const std::string bytes(Small::kWrite, 'x');
  REQUIRE(bench.write(a, 0, bytes).ok());
  for (uint64_t i = 0; i < 8; i++) REQUIRE(bench.write(b, i * Small::kWrite, bytes).ok());
  REQUIRE(bench.end(a).ok());
  for (uint64_t i = 8; i < 100; i++) {
    REQUIRE(bench.spool().has_room(Small::kWrite));
    REQUIRE(bench.write(b, i * Small::kWrite, bytes).ok());
  }
  const Strings left = bench.drain();
  CHECK(std::count(left.begin(), left.end(), "a.") == 1);
}

// Written by nek when that was the version: what was in the pipe when it was killed.
TEST_CASE("spool: a segment of version 1 is read") {
  std::ifstream file(NEK_TEST_DATA "/spool-version-1", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  REQUIRE(bytes.size() > 0);
  Bench bench;
  REQUIRE((*bench.env.open(kFirst))->append(bytes).ok());
  bench.start();
  REQUIRE(bench.spool().sources().size() == 1);
  const std::string name = bench.spool().sources().at(1).identity;
  CHECK(name.starts_with("fifo external.csv 0 "));
  CHECK(bench.spool().sources().at(1).head == "a,b\n1,2\n");
  CHECK(bench.drain() == Strings{name + "@0:a,b\n1,2\n", name + "@8:3,4\n", name + "."});
}

}  // namespace
}  // namespace nek::test
