// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>

#include "folder.h"
#include "nek/testing.hpp"

using nek::testing::find_plugin;
using nek::testing::Folder;
using nek::testing::Input;
using nek::testing::Instance;
using nek::testing::Setup;

namespace {

constexpr int kSecond = 1000, kMinute = 60 * kSecond;

// The input, on files below a folder, with a clock that the test turns.
class Following {
 public:
  explicit Following(const std::string& path, const std::string& more = "", Setup setup = {})
      : input_(find_plugin("csv"), "path: \"" + path + "\"\nfollow: true\n" + more,
               std::move(setup)) {
    input_.host().now = int64_t{std::time(nullptr)} * 1000;
  }
  // What comes within this time, the bytes of all files one after the other.
  std::string read(int ms = 0, uint32_t capacity = 1 << 20) {
    std::string all;
    for (int time = 0; time <= ms; time += 250) {
      for (;;) {
        remember();
        const auto one = input_.read(capacity, 0);
        if (one.status != NEK_OK) throw std::runtime_error("read: " + input_.host().error());
        if (one.segments.empty()) break;
        for (const auto& segment : one.segments) {
          all += segment.bytes;
          at_[segment.identity] = segment.position + segment.bytes.size();
        }
      }
      input_.host().now += 250;
    }
    return all;
  }
  // As after a restart: where each source was read to.
  Setup restart() const {
    Setup setup;
    setup.resume = at_;
    return setup;
  }
  // Sources that were opened, and not given up: "open" or "ended" each.
  std::vector<std::string> sources() {
    std::vector<std::string> all;
    for (const auto& source : input_.host().sources())
      if (!source.revoked) all.emplace_back(source.at_end ? "ended" : "open");
    return all;
  }
  // But for which source a file is.
  std::string log() {
    std::string all;
    for (const auto& line : input_.host().logs())
      if (line.find("' is source ") == std::string::npos) all += line + "\n";
    return all;
  }
  Input& input() { return input_; }

 private:
  // As nek does: a source that is opened again goes on where it was read to, if it was not given
  // up.
  void remember() {
    std::map<std::string, bool> given_up;  // the last one of a name counts
    for (const auto& source : input_.host().sources()) given_up[source.identity] = source.revoked;
    for (const auto& [identity, revoked] : given_up)
      if (revoked) at_.erase(identity);
    for (const auto& [identity, position] : at_) input_.host().resume[identity] = position;
  }

  Input input_;
  std::map<std::string, uint64_t> at_;
};

std::string error_of(const std::string& options) {
  return Instance(find_plugin("csv"), options).error();
}

void pack(const Folder& folder, const std::string& name) {
  if (std::system(("gzip -n " + folder.path(name)).c_str()) != 0)
    throw std::runtime_error("gzip failed");
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("the csv input keeps the contract of plugins when it follows") {
  const Folder folder;
  const auto path = folder.file("a.csv", "a,b\n1,2\n");
  CHECK(nek::testing::check_contract(find_plugin("csv"), "path: " + path + "\nfollow: true") == "");
}

TEST_CASE("what is added to a file comes, also while its last line is not whole") {
  const Folder folder;
  folder.file("a.csv", "a,b\n1,2\n");
  Following follow(folder.path("a.csv"));
  CHECK(follow.read() == "a,b\n1,2\n");
  CHECK(follow.read() == "");
  folder.append("a.csv", "3,");
  CHECK(follow.read() == "3,");
  folder.append("a.csv", "4\n5,6\n");
  CHECK(follow.read() == "4\n5,6\n");
  CHECK(follow.sources() == Texts{"open"});
  CHECK(follow.input().host().sources()[0].head == "a,b\n1,2\n");
}

TEST_CASE("files that come later are found, and folders too") {
  const Folder folder;
  Following follow(folder.path("*/*.csv"));
  CHECK(follow.read() == "");
  mkdir(folder.path("one").c_str(), 0700);
  folder.file("one/a.csv", "1\n2\n");
  CHECK(follow.read() == "1\n2\n");
  folder.file("one/b.txt", "3\n4\n");
  folder.file("one/c.csv", "5\n6\n");
  CHECK(follow.read() == "5\n6\n");
}

TEST_CASE("a file that does not exist yet is waited for") {
  const Folder folder;
  Following follow(folder.path("in/a.csv"));
  CHECK(follow.read() == "");
  mkdir(folder.path("in").c_str(), 0700);
  folder.file("in/a.csv", "1\n2\n");
  CHECK(follow.read(kSecond) == "1\n2\n");  // nobody tells of the folder
  folder.append("in/a.csv", "3\n");
  CHECK(follow.read() == "3\n");
}

TEST_CASE("a file that is renamed within the pattern goes on, and a new one has its name") {
  const Folder folder;
  folder.file("a.csv", "1\n2\n");
  Following follow(folder.path("a.csv*"));
  CHECK(follow.read() == "1\n2\n");
  folder.append("a.csv", "3\n");
  folder.rename("a.csv", "a.csv.1");
  folder.append("a.csv.1", "4\n");
  folder.file("a.csv", "5\n6\n");
  CHECK(follow.read() == "3\n4\n5\n6\n");
  folder.rename("a.csv.1", "a.csv.2");
  folder.rename("a.csv", "a.csv.1");
  folder.file("a.csv", "7\n8\n");
  CHECK(follow.read(2 * kMinute) == "7\n8\n");
  CHECK(follow.sources() == Texts{"open", "open", "open"});
}

TEST_CASE("a file that is renamed while nek is not there goes on where it was read to") {
  const Folder folder;
  folder.file("a.csv", "1\n2\n3\n");
  Setup setup;
  {
    Following follow(folder.path("a.csv*"));
    CHECK(follow.read() == "1\n2\n3\n");
    setup = follow.restart();
  }
  folder.append("a.csv", "4\n");
  folder.rename("a.csv", "a.csv.1");
  folder.make_older("a.csv.1");
  folder.file("a.csv", "5\n6\n");
  Following follow(folder.path("a.csv*"), "", setup);
  CHECK(follow.read(2 * kMinute) == "4\n5\n6\n");
}

TEST_CASE("a file that was removed, or renamed away, is read to its end, and then ends") {
  const Folder folder;
  folder.file("a.csv", "1\n2\n");
  folder.file("b.csv", "3\n4\n");
  Following follow(folder.path("*.csv"));
  CHECK(follow.read() == "1\n2\n3\n4\n");
  folder.append("a.csv", "5\n");
  folder.remove("a.csv");
  folder.append("b.csv", "6\n");
  folder.rename("b.csv", "b.old");
  CHECK(follow.read() == "5\n6\n");
  folder.append("b.old", "7\n");
  CHECK(follow.read(kSecond) == "7\n");
  CHECK(follow.sources() == Texts{"open", "open"});
  CHECK(follow.read(61 * kSecond) == "");
  CHECK(follow.sources() == Texts{"ended", "ended"});
  folder.append("b.old", "8\n");
  CHECK(follow.read(2 * kMinute) == "");
}

TEST_CASE("close_after says how long") {
  const Folder folder;
  folder.file("a.csv", "1\n2\n");
  Following follow(folder.path("*.csv"), "close_after: 3s");
  CHECK(follow.read() == "1\n2\n");
  folder.remove("a.csv");
  follow.read(2 * kSecond);
  CHECK(follow.sources() == Texts{"open"});
  follow.read(2 * kSecond);
  CHECK(follow.sources() == Texts{"ended"});
}

TEST_CASE(
    "nothing is lost or read twice when a file is copied and truncated, if the copy is followed") {
  const Folder folder;
  folder.file("a.csv", "1\n2\n");
  Following follow(folder.path("a.csv*"));
  CHECK(follow.read() == "1\n2\n");
  folder.append("a.csv", "3\n");
  folder.copy("a.csv", "a.csv.1");
  folder.truncate("a.csv");
  folder.append("a.csv", "4\n5\n");
  CHECK(follow.read() == "3\n4\n5\n");
  CHECK(follow.log() == "'" + folder.path("a.csv") +
                            "' was truncated; what it held is read on in '" +
                            folder.path("a.csv.1") + "'\n");
  // And again, with all that was there read before.
  CHECK(follow.read(2 * kMinute) == "");
  folder.rename("a.csv.1", "a.csv.2");
  folder.copy("a.csv", "a.csv.1");
  CHECK(follow.read() == "");
  folder.truncate("a.csv");
  CHECK(follow.read() == "");
  folder.append("a.csv", "6\n7\n8\n9\n");
  CHECK(follow.read() == "6\n7\n8\n9\n");
  Following again(folder.path("a.csv*"), "", follow.restart());
  CHECK(again.read(2 * kMinute) == "");
}

TEST_CASE("a file that is truncated without a copy is read anew, and that is told") {
  const Folder folder;
  folder.file("a.csv", "1\n2\n3\n");
  Following follow(folder.path("a.csv"));
  CHECK(follow.read() == "1\n2\n3\n");
  SECTION("it is shorter") { folder.file("a.csv", "4\n5\n"); }
  SECTION("it begins the same") { folder.file("a.csv", "1\n2\n"); }
  SECTION("it is longer by now") { folder.file("a.csv", "4\n5\n6\n7\n"); }
  const std::string now = nek::testing::detail::read_file(folder.path("a.csv"));
  CHECK(follow.read() == now);
  CHECK(follow.sources() == Texts{"ended", "open"});
  CHECK(follow.log() == "'" + folder.path("a.csv") +
                            "' was truncated: it is read from its beginning. What was written to "
                            "it after nek last looked is lost, unless a copy is followed too\n");
  CHECK(follow.input().host().metric("truncated_files") == 1);
}

TEST_CASE("a file that was truncated while nek was not there, and begins the same, is read anew") {
  const Folder folder;
  folder.file("a.csv", "1\n2\n3\n4\n");
  Setup setup;
  {
    Following follow(folder.path("a.csv"));
    follow.read();
    setup = follow.restart();
  }
  folder.file("a.csv", "1\n2\n5\n");
  Following follow(folder.path("a.csv"), "", setup);
  CHECK(follow.read() == "1\n2\n5\n");
  CHECK(follow.log() == "'" + folder.path("a.csv") +
                            "' is shorter than what was read of it before: it is read from its "
                            "beginning\n");
}

TEST_CASE("a rotated file that is packed is not read twice, and goes on packed where it was") {
  const Folder folder;
  folder.file("a.csv.1", "1\n2\n");
  Following follow(folder.path("a.csv*"));
  CHECK(follow.read() == "1\n2\n");
  Setup setup = follow.restart();
  folder.append("a.csv.1", "3\n");
  SECTION("at once") {
    pack(folder, "a.csv.1");
    CHECK(follow.read(2 * kMinute) == "3\n");
    CHECK(follow.sources() == Texts{"ended"});
  }
  SECTION("while nek was not there") {
    pack(folder, "a.csv.1");
    Following again(folder.path("a.csv*"), "", setup);
    CHECK(again.read(2 * kMinute) == "3\n");
    CHECK(again.sources() == Texts{"ended"});
  }
  SECTION("later") {
    CHECK(follow.read(2 * kMinute) == "3\n");
    pack(folder, "a.csv.1");
    CHECK(follow.read(2 * kMinute) == "");
    CHECK(follow.sources() == Texts{"ended"});
  }
}

TEST_CASE("a packed file is read when it has not grown for a while, and its rest when that comes") {
  const Folder folder;
  std::string text;
  for (int i = 0; i < 5000; i++) text += std::to_string(i * 7919) + "\n";
  folder.file("b", text);
  pack(folder, "b");
  const std::string whole = nek::testing::detail::read_file(folder.path("b.gz"));
  folder.file("a.csv.gz", whole.substr(0, whole.size() / 2));
  Following follow(folder.path("*.csv.gz"));
  CHECK(follow.read(kSecond) == "");
  folder.append("a.csv.gz", whole.substr(whole.size() / 2, 100));
  CHECK(follow.read(1500) == "");
  const std::string some = follow.read(2 * kSecond, 1000);
  CHECK(some.size() > 4096);
  CHECK(follow.sources() == Texts{"open"});
  CHECK(follow.log() == "'" + folder.path("a.csv.gz") +
                            "' ends within its compressed data: it is not whole; will try again\n");
  folder.append("a.csv.gz", whole.substr(whole.size() / 2 + 100));
  CHECK(some + follow.read(3 * kSecond, 1000) == text);
  CHECK(follow.sources() == Texts{"ended"});
  Setup setup = follow.restart();
  Following again(folder.path("*.csv.gz"), "", setup);
  CHECK(again.read(kMinute) == "");
}

TEST_CASE("a file of one line waits for its second, or for close_after") {
  const Folder folder;
  folder.file("a.csv", "1\n");
  Following follow(folder.path("*.csv"));
  CHECK(follow.read(59 * kSecond) == "");
  SECTION("the second comes") {
    folder.append("a.csv", "2\n");
    CHECK(follow.read() == "1\n2\n");
  }
  SECTION("nothing comes") {
    folder.append("a.csv", "2");
    CHECK(follow.read(59 * kSecond) == "");
    CHECK(follow.read(2 * kSecond) == "1\n");
    folder.append("a.csv", "3");
    CHECK(follow.read() == "");
    const Setup setup = follow.restart();
    SECTION("until later") {
      folder.append("a.csv", "\n4\n");
      CHECK(follow.read(2 * kMinute) == "23\n4\n");
      CHECK(follow.sources() == Texts{"ended", "open"});
    }
    SECTION("until nek is there again") {
      folder.append("a.csv", "\n4\n");
      Following again(folder.path("*.csv"), "", setup);
      CHECK(again.read(2 * kMinute) == "23\n4\n");
    }
    SECTION("and it goes") {
      folder.remove("a.csv");
      CHECK(follow.read(2 * kMinute) == "23");
      CHECK(follow.sources() == Texts{"ended"});
    }
  }
  SECTION("it goes") {
    folder.append("a.csv", "2");
    folder.rename("a.csv", "a.old");
    CHECK(follow.read(3 * kMinute) == "1\n2");
    CHECK(follow.sources() == Texts{"ended"});
  }
}

TEST_CASE("a header alone is told from the next by its path until rows come") {
  const Folder folder;
  folder.file("a.csv", "n,x\n");
  folder.file("b.csv", "n,x\n");
  Following follow(folder.path("*.csv"));
  CHECK(follow.read(61 * kSecond) == "n,x\nn,x\n");
  folder.append("a.csv", "1,2\n");
  folder.append("b.csv", "3,4\n");
  CHECK(follow.read() == "1,2\n3,4\n");
}

TEST_CASE("a file is known by its whole first line, however long, and up to a KiB behind it") {
  const Folder folder;
  const std::string header(70, 'x'), row(700, '1');
  folder.file("a.csv", header + "\n" + row + row);
  Following follow(folder.path("*.csv"));
  CHECK(follow.read() == header + "\n" + row + row);
  // (printf 'x%.0s' $(seq 70); echo; printf '1%.0s' $(seq 1024)) | xxhsum -H2
  CHECK(follow.input().host().sources()[0].identity == "981cde066bf1e781825d1b46dcfe5da0");
}

TEST_CASE("files whose header is longer than a KiB are told apart by their rows") {
  const Folder folder;
  const std::string header = std::string(GENERATE(1500, 9000), 'x') + "\n";
  folder.file("a.csv", header + "1\n2\n");
  Following follow(folder.path("a.csv*"));
  CHECK(follow.read() == header + "1\n2\n");
  CHECK(follow.input().host().sources()[0].head == header + "1\n2\n");
  folder.rename("a.csv", "a.csv.1");
  folder.file("a.csv", header + "3\n4\n5\n");
  CHECK(follow.read() == header + "3\n4\n5\n");
  CHECK(follow.log() == "");
  folder.remove("a.csv.1");
  folder.file("b", header + "6\n7\n8\n9\n");
  pack(folder, "b");
  folder.rename("b.gz", "a.csv.2.gz");
  CHECK(follow.read(2 * kMinute) == header + "6\n7\n8\n9\n");
}

TEST_CASE("a new file that begins like one that is gone is read from its beginning") {
  const Folder folder;
  folder.file("a.csv", "n\n0\n1\n2\n");
  Following follow(folder.path("*.csv"));
  CHECK(follow.read() == "n\n0\n1\n2\n");
  folder.remove("a.csv");
  follow.read(2 * kMinute);
  folder.file("b.csv", "n\n0\n3\n4\n5\n");
  CHECK(follow.read() == "n\n0\n3\n4\n5\n");
  CHECK(follow.log() == "'" + folder.path("b.csv") +
                            "' begins like a file that was read before, but is another: it is "
                            "read from its beginning. A larger 'fingerprint_lines' tells them "
                            "apart\n");
}

TEST_CASE("the same file that comes back is read on, not again") {
  const Folder folder;
  folder.file("a.csv", "n\n0\n1\n2\n");
  Following follow(folder.path("*.csv"));
  CHECK(follow.read() == "n\n0\n1\n2\n");
  folder.rename("a.csv", "away");
  follow.read(2 * kMinute);
  folder.append("away", "3\n");
  folder.rename("away", "b.csv");
  CHECK(follow.read(kMinute) == "3\n");
}

TEST_CASE("the packed copy of a file is read on where that was truncated") {
  const Folder folder;
  folder.file("a.csv", "n\n1\n2\n");
  Following follow(folder.path("a.csv*"));
  CHECK(follow.read() == "n\n1\n2\n");
  folder.append("a.csv", "3\n4\n");
  folder.copy("a.csv", "a.csv.1");
  pack(folder, "a.csv.1");
  folder.file("a.csv", "n\n5\n");
  CHECK(follow.read(kMinute) == "n\n5\n3\n4\n");
  Following again(folder.path("a.csv*"), "", follow.restart());
  CHECK(again.read(kMinute) == "");
}

TEST_CASE("a packed file that grows by another member is read on") {
  const Folder folder;
  folder.file("a.csv", "n\n1\n2\n");
  folder.file("b.csv", "3\n4\n");
  pack(folder, "a.csv");
  pack(folder, "b.csv");
  Following follow(folder.path("a.csv.gz"));
  CHECK(follow.read(5 * kSecond) == "n\n1\n2\n");
  folder.append("a.csv.gz", nek::testing::detail::read_file(folder.path("b.csv.gz")));
  CHECK(follow.read(5 * kSecond) == "3\n4\n");
}

TEST_CASE("a new file with the inode of one that was read is read from its beginning") {
  const Folder folder;
  folder.file("a", "n\n1\n2\n3\n");
  pack(folder, "a");
  const std::string packed = nek::testing::detail::read_file(folder.path("a.gz"));
  folder.file("a.csv.gz", packed);
  Following follow(folder.path("*.csv*"));
  CHECK(follow.read(5 * kSecond) == "n\n1\n2\n3\n");
  folder.rename("a.csv.gz", "b.csv");
  folder.file("b.csv", "n\n4\n5\n6\n");  // the same inode
  CHECK(follow.read(5 * kSecond) == "n\n4\n5\n6\n");
}

TEST_CASE("a short file is not read on where another one of its path stopped") {
  const Folder folder;
  Following follow(folder.path("a.csv"), "fingerprint_lines: 5");
  folder.file("a.csv", "n\n1\n2\n");
  CHECK(follow.read(2 * kMinute) == "n\n1\n2\n");
  folder.remove("a.csv");
  follow.read(2 * kMinute);
  folder.file("a.csv", "n\n3\n4\n5\n6\n");
  CHECK(follow.read() == "n\n3\n4\n5\n6\n");
}

TEST_CASE("what stood behind a header without an end is not left out of the next file") {
  const Folder folder;
  Following follow(folder.path("a.csv"));
  folder.file("a.csv", "n\n1");
  CHECK(follow.read(2 * kMinute) == "n\n");
  folder.remove("a.csv");
  CHECK(follow.read(3 * kMinute) == "1");
  folder.file("a.csv", "n\n2\n3\n");
  CHECK(follow.read() == "n\n2\n3\n");
}

TEST_CASE("files of a header alone are rotated, and what comes under the old name is read") {
  const Folder folder;
  folder.file("a.csv", "n\n");
  Following follow(folder.path("a.csv*"));
  CHECK(follow.read(2 * kMinute) == "n\n");
  folder.rename("a.csv", "a.csv.1");
  SECTION("at once") {
    folder.file("a.csv", "n\n1\n");
    CHECK(follow.read(2 * kMinute).ends_with("1\n"));
  }
  SECTION("after another quiet time") {
    folder.file("a.csv", "n\n");
    follow.read(2 * kMinute);
    folder.append("a.csv", "1\n");
    CHECK(follow.read(kSecond) == "1\n");
  }
  folder.append("a.csv.1", "2\n");
  CHECK(follow.read(kSecond) == "2\n");
}

TEST_CASE("what was written to a quiet file just before it went is read") {
  const Folder folder;
  folder.file("a.csv", "n\n1\n");
  Following follow(folder.path("*.csv"));
  CHECK(follow.read(2 * kMinute) == "n\n1\n");
  folder.append("a.csv", "2\n");
  folder.rename("a.csv", "away");
  CHECK(follow.read(kSecond) == "2\n");
}

TEST_CASE("a followed file that becomes older than ignore_older goes on when it grows") {
  const Folder folder;
  folder.file("a.csv", "n\n1\n");
  Following follow(folder.path("*.csv"), "ignore_older: 1m");
  CHECK(follow.read(20 * kMinute) == "n\n1\n");
  folder.append("a.csv", "2\n");
  CHECK(follow.read(kMinute) == "2\n");
}

TEST_CASE("a folder that is moved away and made again is heard of at once") {
  const Folder folder;
  mkdir(folder.path("in").c_str(), 0700);
  folder.file("in/a.csv", "1\n2\n");
  Following follow(folder.path("in/*.csv"));
  CHECK(follow.read() == "1\n2\n");
  folder.rename("in", "old");
  CHECK(follow.read(kSecond) == "");
  mkdir(folder.path("in").c_str(), 0700);
  CHECK(follow.read(kSecond) == "");
  folder.file("in/b.csv", "3\n4\n");
  CHECK(follow.read(kSecond) == "3\n4\n");
}

TEST_CASE("where no file is there yet that is told") {
  const Folder folder;
  Following follow(folder.path("*.csv"));
  follow.read(kMinute);
  CHECK(follow.log() == "no file is there yet that 'path' names; nek waits for one\n");
}

TEST_CASE("two files that begin the same but are not are told, and more lines tell them apart") {
  const Folder folder;
  folder.file("a.csv", "n\n1\n2\n");
  folder.file("b.csv", "n\n1\n3\n");
  Following two(folder.path("*.csv"));
  CHECK(two.read() == "n\n1\n2\n");
  CHECK(two.log() == "'" + folder.path("b.csv") + "' begins like '" + folder.path("a.csv") +
                         "', but is another file: it is not read before that one is gone. A larger "
                         "'fingerprint_lines' tells them apart\n");
  folder.remove("a.csv");
  CHECK(two.read(61 * kSecond) == "n\n1\n3\n");
  folder.file("a.csv", "n\n1\n2\n");
  Following three(folder.path("*.csv"), "fingerprint_lines: 3");
  CHECK(three.read() == "n\n1\n3\nn\n1\n2\n");
}

TEST_CASE("of two copies the one that grows is read") {
  const Folder folder;
  folder.file("a.csv", "1\n2\n");
  Following follow(folder.path("a.csv*"));
  CHECK(follow.read() == "1\n2\n");
  folder.copy("a.csv", "a.csv.bak");
  CHECK(follow.read() == "");
  folder.append("a.csv.bak", "3\n");
  CHECK(follow.read() == "3\n");
  folder.append("a.csv", "3\n4\n");
  CHECK(follow.read() == "4\n");
  CHECK(follow.read(2 * kMinute) == "");
}

TEST_CASE("without the kernel's help files are looked at again and again") {
  const Folder folder;
  folder.file("real", "1\n2\n");
  const bool link = GENERATE(false, true);
  if (link)
    symlink(folder.path("real").c_str(), folder.path("a.csv").c_str());
  else
    folder.file("a.csv", "1\n2\n");
  Following follow(folder.path("*.csv"), link ? "" : "watch: poll");
  CHECK(follow.read() == "1\n2\n");
  folder.append(link ? "real" : "a.csv", "3\n");
  folder.file("b.csv", "4\n5\n");
  CHECK(follow.read(500) == "3\n4\n5\n");
}

TEST_CASE("where the kernel cannot help it is told, and all goes on") {
  const Folder folder;
  folder.file("a.csv", "1\n2\n");
  Following follow(folder.path("*.csv"));
  rlimit old{};
  getrlimit(RLIMIT_NOFILE, &old);
  rlimit none = {0, old.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  const std::string nothing = follow.read();
  setrlimit(RLIMIT_NOFILE, &old);
  CHECK(nothing == "");
  CHECK(follow.log().starts_with(
      "inotify: Too many open files; files are looked at every 250 ms instead\n"));
  CHECK(follow.read(6 * kSecond) == "1\n2\n");  // opened again after 5 s
}

TEST_CASE("more files than may be open at once are followed") {
  const Folder folder;
  std::string all;
  constexpr int kFiles = 700;
  for (int i = 0; i < kFiles; i++)
    folder.file(std::to_string(i) + ".csv", std::to_string(i) + "\n2\n");
  Following follow(folder.path("*.csv"));
  CHECK(follow.read().size() == 10 + 90 * 2 + 600 * 3 + kFiles * 3);
  for (int i = 0; i < kFiles; i++) folder.append(std::to_string(i) + ".csv", "3\n");
  CHECK(follow.read(kSecond).size() == kFiles * 2);
  CHECK(follow.input().host().metric("followed_files") == kFiles);
}

TEST_CASE("files are left out by name, by path and by age") {
  const Folder folder;
  folder.file("a.csv", "1\n2\n");
  folder.file("b.csv.gz", "3\n4\n");
  folder.file("c.csv", "5\n6\n");
  folder.file("d.csv", "7\n8\n");
  folder.make_older("d.csv");
  const std::string exclude = "exclude: [\"*.gz\", \"" + folder.path("c*") + "\"]";
  Following follow(folder.path("*"), exclude + "\nignore_older: 1h");
  CHECK(follow.read(kMinute) == "1\n2\n");
  folder.append("d.csv", "9\n");
  CHECK(follow.read(11 * kSecond) == "7\n8\n9\n");
  Input all(find_plugin("csv"), "path: \"" + folder.path("*") + "\"\n" + exclude);
  CHECK(all.read_all().size() == 2);
}

TEST_CASE("ten minutes after a file is gone its position is forgotten") {
  const Folder folder;
  folder.file("a.csv", "1\n2\n");
  Following follow(folder.path("*.csv"));
  follow.read();
  folder.remove("a.csv");
  const auto given_up = [&] {
    const auto& sources = follow.input().host().sources();
    return std::count_if(sources.begin(), sources.end(), [&](const auto& source) {
      return source.revoked && source.key == sources.front().key;
    });
  };
  follow.read(10 * kMinute);
  CHECK(given_up() == 0);
  follow.read(2 * kMinute);
  CHECK(given_up() == 1);
}

TEST_CASE("options that make no sense are explained where they are written") {
  const Folder folder;
  const auto path = folder.file("a.csv", "1\n2\n");
  CHECK(error_of("path: \"-\"\nfollow: true") ==
        "1:7: path: standard input cannot be followed; it is read until it ends without 'follow'");
  CHECK(error_of("path: " + folder.path() + "\nfollow: true") ==
        "1:7: path: '" + folder.path() + "' is a folder; a pattern like '" + folder.path() +
            "*.csv' reads its files");
  mkfifo(folder.path("fifo").c_str(), 0600);
  CHECK(error_of("path: " + folder.path("fifo") + "\nfollow: true") ==
        "1:7: path: '" + folder.path("fifo") +
            "' is no regular file; '-' reads what comes by standard input");
  CHECK(error_of("path: []\nfollow: true") == "1:7: path: names no file");
  for (const std::string option :
       {"close_after: 1s", "ignore_older: 1h", "fingerprint_lines: 3", "watch: poll"})
    CHECK(error_of("path: " + path + "\n" + option) ==
          "2:" + std::to_string(option.find(':') + 3) + ": " + option.substr(0, option.find(':')) +
              ": is for files that are followed, follow: true");
}
