// SPDX-License-Identifier: Apache-2.0
// Which files are the same: copies, packed ones, files that begin the same.
#include <atomic>
#include <iterator>
#include <thread>

#include "follow_fixture.h"

namespace nek::testing {

namespace {

Texts sorted_lines(const std::string& text) {
  Texts lines;
  for (size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1)
    lines.push_back(text.substr(at, end - at));
  std::sort(lines.begin(), lines.end());
  return lines;
}
// As often as it has them more than the other.
Texts lines_only_in(const std::string& one, const std::string& other) {
  const Texts a = sorted_lines(one), b = sorted_lines(other);
  Texts only;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(only));
  return only;
}

}  // namespace

TEST_CASE_METHOD(
    FollowTest,
    "nothing is lost or read twice when a file is copied and truncated, if the copy is followed") {
  folder.file("a.csv", "1\n2\n");
  follow("a.csv*");
  CHECK(read() == "1\n2\n");
  folder.append("a.csv", "3\n");
  folder.copy("a.csv", "a.csv.1");
  folder.truncate("a.csv");
  folder.append("a.csv", "4\n5\n");
  CHECK(read() == "3\n4\n5\n");
  CHECK(log() == "'" + folder.path("a.csv") + "' was truncated; what it held is read on in '" +
                     folder.path("a.csv.1") + "'\n");
  // And again, with all that was there read before.
  CHECK(read(2 * kMinute) == "");
  folder.rename("a.csv.1", "a.csv.2");
  folder.copy("a.csv", "a.csv.1");
  CHECK(read() == "");
  folder.truncate("a.csv");
  CHECK(read() == "");
  folder.append("a.csv", "6\n7\n8\n9\n");
  CHECK(read() == "6\n7\n8\n9\n");
  restart();
  CHECK(read(2 * kMinute) == "");
}

TEST_CASE_METHOD(
    FollowTest,
    "nothing is lost or read twice when files are copied and truncated while nek looks at them, "
    "and is killed now and then") {
  folder.file("a.csv", "");
  follow("a.csv*");
  constexpr int kFiles = 300, kRows = 40;
  std::string written;
  std::atomic<bool> done = false;
  std::thread rotation([&] {
    for (int file = 1; file <= kFiles; file++) {
      std::string rows;
      for (int row = 0; row < kRows; row++) rows += std::to_string(file * 1000 + row) + "\n";
      folder.append("a.csv", rows);
      written += rows;
      folder.copy("a.csv", "a.csv." + std::to_string(file));
      folder.truncate("a.csv");
    }
    done = true;
  });
  std::string all;
  for (int reads = 1; !done; reads++) {
    all += read();
    if (reads % 20 == 0) restart();
  }
  rotation.join();
  all += read(2 * kMinute);
  CHECK(lines_only_in(written, all) == Texts{});
  CHECK(lines_only_in(all, written) == Texts{});
}

TEST_CASE_METHOD(FollowTest,
                 "a file that is truncated without a copy is read anew, and that is told") {
  folder.file("a.csv", "1\n2\n3\n");
  follow("a.csv");
  CHECK(read() == "1\n2\n3\n");
  SECTION("it is shorter") { folder.file("a.csv", "4\n5\n"); }
  SECTION("it begins the same") { folder.file("a.csv", "1\n2\n"); }
  SECTION("it is longer by now") { folder.file("a.csv", "4\n5\n6\n7\n"); }
  const std::string now = folder.read("a.csv");
  CHECK(read(kSecond) == now);
  CHECK(sources() == Texts{"left", "open"});
  CHECK(log() == "'" + folder.path("a.csv") +
                     "' was truncated: it is read from its beginning. What was written to "
                     "it after nek last looked is lost, unless a copy is followed too\n");
  CHECK(host().metric("truncated_files") == 1);
}

TEST_CASE_METHOD(
    FollowTest,
    "a file that was truncated while nek was not there, and begins the same, is read anew") {
  folder.file("a.csv", "1\n2\n3\n4\n");
  follow("a.csv");
  read();
  folder.file("a.csv", "1\n2\n5\n");
  restart();
  CHECK(read() == "1\n2\n5\n");
  CHECK(log() == "'" + folder.path("a.csv") +
                     "' is shorter than what was read of it before: it is read from its "
                     "beginning\n");
}

TEST_CASE_METHOD(
    FollowTest,
    "a rotated file that is packed is not read twice, and goes on packed where it was") {
  folder.file("a.csv.1", "1\n2\n");
  follow("a.csv*");
  CHECK(read() == "1\n2\n");
  folder.append("a.csv.1", "3\n");
  SECTION("at once") {
    pack("a.csv.1");
    CHECK(read(2 * kMinute) == "3\n");
    CHECK(sources() == Texts{"ended"});
  }
  SECTION("while nek was not there") {
    pack("a.csv.1");
    restart();
    CHECK(read(2 * kMinute) == "3\n");
    CHECK(sources() == Texts{"ended"});
  }
  SECTION("later") {
    CHECK(read(2 * kMinute) == "3\n");
    pack("a.csv.1");
    CHECK(read(2 * kMinute) == "");
    CHECK(sources() == Texts{"ended"});
  }
}

TEST_CASE_METHOD(
    FollowTest,
    "a packed file is read when it has not grown for a while, and its rest when that comes") {
  std::string text;
  for (int i = 0; i < 5000; i++) text += std::to_string(i * 7919) + "\n";
  folder.file("b", text);
  pack("b");
  const std::string whole = folder.read("b.gz");
  folder.file("a.csv.gz", whole.substr(0, whole.size() / 2));
  follow("*.csv.gz");
  CHECK(read(kSecond) == "");
  folder.append("a.csv.gz", whole.substr(whole.size() / 2, 100));
  CHECK(read(1500) == "");
  const std::string some = read(2 * kSecond, 1000);
  CHECK(some.size() > 4096);
  CHECK(sources() == Texts{"open"});
  CHECK(log() == "'" + folder.path("a.csv.gz") +
                     "' ends within its compressed data: it is not whole; will try again\n");
  folder.append("a.csv.gz", whole.substr(whole.size() / 2 + 100));
  CHECK(some + read(3 * kSecond, 1000) == text);
  CHECK(sources() == Texts{"ended"});
  restart();
  CHECK(read(kMinute) == "");
}

TEST_CASE_METHOD(FollowTest, "a header alone is told from the next by its path until rows come") {
  folder.file("a.csv", "n,x\n");
  folder.file("b.csv", "n,x\n");
  follow("*.csv");
  CHECK(read(61 * kSecond) == "n,x\nn,x\n");
  folder.append("a.csv", "1,2\n");
  folder.append("b.csv", "3,4\n");
  CHECK(read() == "1,2\n3,4\n");
}

TEST_CASE_METHOD(
    FollowTest,
    "a file is known by its whole first line, however long, and up to a KiB behind it") {
  const std::string header(70, 'x'), row(700, '1');
  folder.file("a.csv", header + "\n" + row + row);
  follow("*.csv");
  CHECK(read() == header + "\n" + row + row);
  // (printf 'x%.0s' $(seq 70); echo; printf '1%.0s' $(seq 1024)) | xxhsum -H2
  CHECK(host().sources()[0].identity == "981cde066bf1e781825d1b46dcfe5da0");
}

TEST_CASE_METHOD(FollowTest,
                 "files whose header is longer than a KiB are told apart by their rows") {
  const std::string header = std::string(GENERATE(1500, 9000), 'x') + "\n";
  folder.file("a.csv", header + "1\n2\n");
  follow("a.csv*");
  CHECK(read() == header + "1\n2\n");
  CHECK(host().sources()[0].head == header + "1\n2\n");
  folder.rename("a.csv", "a.csv.1");
  folder.file("a.csv", header + "3\n4\n5\n");
  CHECK(read() == header + "3\n4\n5\n");
  CHECK(log() == "");
  folder.remove("a.csv.1");
  folder.file("b", header + "6\n7\n8\n9\n");
  pack("b");
  folder.rename("b.gz", "a.csv.2.gz");
  CHECK(read(2 * kMinute) == header + "6\n7\n8\n9\n");
}

TEST_CASE_METHOD(FollowTest, "the same file that comes back is read on, not again") {
  folder.file("a.csv", "n\n0\n1\n2\n");
  follow("*.csv");
  CHECK(read() == "n\n0\n1\n2\n");
  folder.rename("a.csv", "away");
  read(2 * kMinute);
  folder.append("away", "3\n");
  folder.rename("away", "b.csv");
  CHECK(read(kMinute) == "3\n");
}

TEST_CASE_METHOD(FollowTest, "the packed copy of a file is read on where that was truncated") {
  folder.file("a.csv", "n\n1\n2\n");
  follow("a.csv*");
  CHECK(read() == "n\n1\n2\n");
  folder.append("a.csv", "3\n4\n");
  folder.copy("a.csv", "a.csv.1");
  pack("a.csv.1");
  folder.file("a.csv", "n\n5\n");
  CHECK(read(kMinute) == "n\n5\n3\n4\n");
  restart();
  CHECK(read(kMinute) == "");
}

TEST_CASE_METHOD(FollowTest, "a packed file that grows by another member is read on") {
  folder.file("a.csv", "n\n1\n2\n");
  folder.file("b.csv", "3\n4\n");
  pack("a.csv");
  pack("b.csv");
  follow("a.csv.gz");
  CHECK(read(5 * kSecond) == "n\n1\n2\n");
  folder.append("a.csv.gz", folder.read("b.csv.gz"));
  CHECK(read(5 * kSecond) == "3\n4\n");
}

TEST_CASE_METHOD(FollowTest,
                 "a new file with the inode of one that was read is read from its beginning") {
  folder.file("a", "n\n1\n2\n3\n");
  pack("a");
  const std::string packed = folder.read("a.gz");
  folder.file("a.csv.gz", packed);
  follow("*.csv*");
  CHECK(read(5 * kSecond) == "n\n1\n2\n3\n");
  folder.rename("a.csv.gz", "b.csv");
  folder.file("b.csv", "n\n4\n5\n6\n");  // the same inode
  CHECK(read(5 * kSecond) == "n\n4\n5\n6\n");
}

TEST_CASE_METHOD(FollowTest, "a short file is not read on where another one of its path stopped") {
  follow("a.csv", "fingerprint_lines: 5");
  folder.file("a.csv", "n\n1\n2\n");
  CHECK(read(2 * kMinute) == "n\n1\n2\n");
  folder.remove("a.csv");
  read(2 * kMinute);
  folder.file("a.csv", "n\n3\n4\n5\n6\n");
  CHECK(read() == "n\n3\n4\n5\n6\n");
}

TEST_CASE_METHOD(FollowTest,
                 "what stood behind a header without an end is not left out of the next file") {
  follow("a.csv");
  folder.file("a.csv", "n\n1");
  CHECK(read(2 * kMinute) == "n\n");
  folder.remove("a.csv");
  CHECK(read(3 * kMinute) == "1");
  folder.file("a.csv", "n\n2\n3\n");
  CHECK(read() == "n\n2\n3\n");
}

TEST_CASE_METHOD(FollowTest,
                 "files of a header alone are rotated, and what comes under the old name is read") {
  folder.file("a.csv", "n\n");
  follow("a.csv*");
  CHECK(read(2 * kMinute) == "n\n");
  folder.rename("a.csv", "a.csv.1");
  SECTION("at once") {
    folder.file("a.csv", "n\n1\n");
    CHECK(read(2 * kMinute).ends_with("1\n"));
  }
  SECTION("after another quiet time") {
    folder.file("a.csv", "n\n");
    read(2 * kMinute);
    folder.append("a.csv", "1\n");
    CHECK(read(kSecond) == "1\n");
  }
  folder.append("a.csv.1", "2\n");
  CHECK(read(kSecond) == "2\n");
}

TEST_CASE_METHOD(
    FollowTest,
    "two files that begin the same but are not are told, and more lines tell them apart") {
  folder.file("a.csv", "n\n1\n2\n");
  folder.file("b.csv", "n\n1\n3\n");
  follow("*.csv");
  CHECK(read() == "n\n1\n2\n");
  CHECK(log() == "'" + folder.path("b.csv") + "' begins like '" + folder.path("a.csv") +
                     "', but is another file: it is not read before that one is gone. A larger "
                     "'fingerprint_lines' tells them apart\n");
  folder.remove("a.csv");
  CHECK(read(61 * kSecond) == "n\n1\n3\n");
  folder.file("a.csv", "n\n1\n2\n");
  follow("*.csv", "fingerprint_lines: 3");
  CHECK(read() == "n\n1\n3\nn\n1\n2\n");
}

TEST_CASE_METHOD(FollowTest, "of two copies the one that grows is read") {
  folder.file("a.csv", "1\n2\n");
  follow("a.csv*");
  CHECK(read() == "1\n2\n");
  folder.copy("a.csv", "a.csv.bak");
  CHECK(read() == "");
  folder.append("a.csv.bak", "3\n");
  CHECK(read() == "3\n");
  folder.append("a.csv", "3\n4\n");
  CHECK(read() == "4\n");
  CHECK(read(2 * kMinute) == "");
}

TEST_CASE_METHOD(FollowTest,
                 "a row of which a part was read comes whole from the copy, packed at once") {
  folder.file("a.csv", "n\n1\n");
  follow("a.csv*");
  folder.append("a.csv", "234");
  CHECK(read() == "n\n1\n234");
  folder.append("a.csv", "56\n7\n");
  folder.copy("a.csv", "a.csv.1");
  pack("a.csv.1");
  folder.file("a.csv", "n\n8\n");
  CHECK(read() == "n\n8\n");
  CHECK(sources() == Texts{"left", "open"});
  CHECK(log() == "'" + folder.path("a.csv") +
                     "' was truncated: it is read from its beginning. What was written to it after "
                     "nek last looked is lost, unless a copy is followed too; and so are the 3 "
                     "bytes of its last line, which had no end\n");
  CHECK(read(kMinute) == "23456\n7\n");
  restart();
  CHECK(read(kMinute) == "");
}

TEST_CASE_METHOD(FollowTest,
                 "of two files that begin the same the one that was read goes on after a restart") {
  folder.file("a.csv", "n\n0\n1\n");
  folder.file("b.csv", "n\n0\n2\n3\n");
  folder.make_older("a.csv");
  follow("*.csv");
  CHECK(read() == "n\n0\n2\n3\n");  // the longer one
  folder.append("a.csv", "4\n5\n6\n7\n");
  folder.append("b.csv", "8\n");
  restart();
  CHECK(read() == "8\n");
  folder.remove("b.csv");
  CHECK(read(2 * kMinute) == "n\n0\n1\n4\n5\n6\n7\n");
}

TEST_CASE_METHOD(
    FollowTest,
    "what was read of a packed file is known after a restart, however it was cut into reads") {
  std::string rows = "n\n0\n";
  for (int i = 0; i < 20000; i++) rows += std::to_string(i * 7919) + "\n";
  folder.file("a.csv", rows);
  pack("a.csv");
  follow("a.csv*");
  CHECK(read(3 * kSecond, GENERATE(100u, 5000u, 1u << 20)) == rows);
  folder.file("b.csv", "last\n");
  pack("b.csv");
  folder.append("a.csv.gz", folder.read("b.csv.gz"));
  restart();
  CHECK(read(3 * kSecond) == "last\n");
  CHECK(log() == "");
}

}  // namespace nek::testing
