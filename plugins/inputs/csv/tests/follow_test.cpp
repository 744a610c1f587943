// SPDX-License-Identifier: Apache-2.0
// Files that come, grow and go.
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "follow_fixture.h"

namespace nek::testing {

namespace {

std::string error_of(const std::string& options) {
  return Instance(find_plugin("csv"), options).error();
}

}  // namespace

TEST_CASE_METHOD(FollowTest, "the csv input keeps the contract of plugins when it follows") {
  const auto path = folder.file("a.csv", "a,b\n1,2\n");
  CHECK(nek::testing::check_contract(find_plugin("csv"), "path: " + path + "\nfollow: true") == "");
}

TEST_CASE_METHOD(FollowTest,
                 "what is added to a file comes, also while its last line is not whole") {
  folder.file("a.csv", "a,b\n1,2\n");
  follow("a.csv");
  CHECK(read() == "a,b\n1,2\n");
  CHECK(read() == "");
  folder.append("a.csv", "3,");
  CHECK(read() == "3,");
  folder.append("a.csv", "4\n5,6\n");
  CHECK(read() == "4\n5,6\n");
  CHECK(sources() == Texts{"open"});
  CHECK(host().sources()[0].head == "a,b\n1,2\n");
}

TEST_CASE_METHOD(FollowTest, "files that come later are found, and folders too") {
  follow("*/*.csv");
  CHECK(read() == "");
  mkdir(folder.path("one").c_str(), 0700);
  folder.file("one/a.csv", "1\n2\n");
  CHECK(read() == "1\n2\n");
  folder.file("one/b.txt", "3\n4\n");
  folder.file("one/c.csv", "5\n6\n");
  CHECK(read() == "5\n6\n");
}

TEST_CASE_METHOD(FollowTest, "a file that does not exist yet is waited for") {
  follow("in/a.csv");
  CHECK(read() == "");
  mkdir(folder.path("in").c_str(), 0700);
  folder.file("in/a.csv", "1\n2\n");
  CHECK(read(kSecond) == "1\n2\n");  // nobody tells of the folder
  folder.append("in/a.csv", "3\n");
  CHECK(read() == "3\n");
}

TEST_CASE_METHOD(FollowTest,
                 "a file that is renamed within the pattern goes on, and a new one has its name") {
  folder.file("a.csv", "1\n2\n");
  follow("a.csv*");
  CHECK(read() == "1\n2\n");
  folder.append("a.csv", "3\n");
  folder.rename("a.csv", "a.csv.1");
  folder.append("a.csv.1", "4\n");
  folder.file("a.csv", "5\n6\n");
  CHECK(read() == "3\n4\n5\n6\n");
  folder.rename("a.csv.1", "a.csv.2");
  folder.rename("a.csv", "a.csv.1");
  folder.file("a.csv", "7\n8\n");
  CHECK(read(2 * kMinute) == "7\n8\n");
  CHECK(sources() == Texts{"open", "open", "open"});
}

TEST_CASE_METHOD(FollowTest,
                 "a file that is renamed while nek is not there goes on where it was read to") {
  folder.file("a.csv", "1\n2\n3\n");
  follow("a.csv*");
  CHECK(read() == "1\n2\n3\n");
  folder.append("a.csv", "4\n");
  folder.rename("a.csv", "a.csv.1");
  folder.make_older("a.csv.1");
  folder.file("a.csv", "5\n6\n");
  restart();
  CHECK(read(2 * kMinute) == "4\n5\n6\n");
}

TEST_CASE_METHOD(FollowTest,
                 "a file that was removed, or renamed away, is read to its end, and then ends") {
  folder.file("a.csv", "1\n2\n");
  folder.file("b.csv", "3\n4\n");
  follow("*.csv");
  CHECK(read() == "1\n2\n3\n4\n");
  folder.append("a.csv", "5\n");
  folder.remove("a.csv");
  folder.append("b.csv", "6\n");
  folder.rename("b.csv", "b.old");
  CHECK(read() == "5\n6\n");
  folder.append("b.old", "7\n");
  CHECK(read(kSecond) == "7\n");
  CHECK(sources() == Texts{"open", "open"});
  CHECK(read(61 * kSecond) == "");
  CHECK(sources() == Texts{"ended", "ended"});
  folder.append("b.old", "8\n");
  CHECK(read(2 * kMinute) == "");
}

TEST_CASE_METHOD(FollowTest, "close_after says how long") {
  folder.file("a.csv", "1\n2\n");
  follow("*.csv", "close_after: 3s");
  CHECK(read() == "1\n2\n");
  folder.remove("a.csv");
  read(2 * kSecond);
  CHECK(sources() == Texts{"open"});
  read(2 * kSecond);
  CHECK(sources() == Texts{"ended"});
}

TEST_CASE_METHOD(FollowTest, "a file of one line waits for its second, or for close_after") {
  folder.file("a.csv", "1\n");
  follow("*.csv");
  CHECK(read(59 * kSecond) == "");
  SECTION("the second comes") {
    folder.append("a.csv", "2\n");
    CHECK(read() == "1\n2\n");
  }
  SECTION("nothing comes") {
    folder.append("a.csv", "2");
    CHECK(read(59 * kSecond) == "");
    CHECK(read(2 * kSecond) == "1\n");
    folder.append("a.csv", "3");
    CHECK(read() == "");
    SECTION("until later") {
      folder.append("a.csv", "\n4\n");
      CHECK(read(2 * kMinute) == "23\n4\n");
      CHECK(sources() == Texts{"ended", "open"});
    }
    SECTION("until nek is there again") {
      folder.append("a.csv", "\n4\n");
      restart();
      CHECK(read(2 * kMinute) == "23\n4\n");
    }
    SECTION("and it goes") {
      folder.remove("a.csv");
      CHECK(read(2 * kMinute) == "23");
      CHECK(sources() == Texts{"ended"});
    }
  }
  SECTION("it goes") {
    folder.append("a.csv", "2");
    folder.rename("a.csv", "a.old");
    CHECK(read(3 * kMinute) == "1\n2");
    CHECK(sources() == Texts{"ended"});
  }
}

TEST_CASE_METHOD(FollowTest, "what was written to a quiet file just before it went is read") {
  folder.file("a.csv", "n\n1\n");
  follow("*.csv");
  CHECK(read(2 * kMinute) == "n\n1\n");
  folder.append("a.csv", "2\n");
  folder.rename("a.csv", "away");
  CHECK(read(kSecond) == "2\n");
}

TEST_CASE_METHOD(FollowTest,
                 "a followed file that becomes older than ignore_older goes on when it grows") {
  folder.file("a.csv", "n\n1\n");
  follow("*.csv", "ignore_older: 1m");
  CHECK(read(20 * kMinute) == "n\n1\n");
  folder.append("a.csv", "2\n");
  CHECK(read(kMinute) == "2\n");
}

TEST_CASE_METHOD(FollowTest, "a folder that is moved away and made again is heard of at once") {
  mkdir(folder.path("in").c_str(), 0700);
  folder.file("in/a.csv", "1\n2\n");
  follow("in/*.csv");
  CHECK(read() == "1\n2\n");
  folder.rename("in", "old");
  CHECK(read(kSecond) == "");
  mkdir(folder.path("in").c_str(), 0700);
  CHECK(read(kSecond) == "");
  folder.file("in/b.csv", "3\n4\n");
  CHECK(read(kSecond) == "3\n4\n");
}

TEST_CASE_METHOD(FollowTest, "where no file is there yet that is told") {
  follow("*.csv");
  read(kMinute);
  CHECK(log() == "no file is there yet that 'path' names; nek waits for one\n");
}

TEST_CASE_METHOD(FollowTest, "without the kernel's help files are looked at again and again") {
  folder.file("real", "1\n2\n");
  const bool link = GENERATE(false, true);
  if (link)
    symlink(folder.path("real").c_str(), folder.path("a.csv").c_str());
  else
    folder.file("a.csv", "1\n2\n");
  follow("*.csv", link ? "" : "watch: poll");
  CHECK(read() == "1\n2\n");
  folder.append(link ? "real" : "a.csv", "3\n");
  folder.file("b.csv", "4\n5\n");
  CHECK(read(500) == "3\n4\n5\n");
}

TEST_CASE_METHOD(FollowTest, "where the kernel cannot help it is told, and all goes on") {
  folder.file("a.csv", "1\n2\n");
  follow("*.csv");
  rlimit old{};
  getrlimit(RLIMIT_NOFILE, &old);
  rlimit none = {0, old.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  const std::string nothing = read();
  setrlimit(RLIMIT_NOFILE, &old);
  CHECK(nothing == "");
  CHECK(log().starts_with(
      "inotify: Too many open files; files are looked at every 250 ms instead\n"));
  CHECK(read(6 * kSecond) == "1\n2\n");  // opened again after 5 s
}

TEST_CASE_METHOD(FollowTest, "more files than may be open at once are followed") {
  std::string all;
  constexpr int kFiles = 700;
  for (int i = 0; i < kFiles; i++)
    folder.file(std::to_string(i) + ".csv", std::to_string(i) + "\n2\n");
  follow("*.csv");
  CHECK(read().size() == 10 + 90 * 2 + 600 * 3 + kFiles * 3);
  for (int i = 0; i < kFiles; i++) folder.append(std::to_string(i) + ".csv", "3\n");
  CHECK(read(kSecond).size() == kFiles * 2);
  CHECK(host().metric("followed_files") == kFiles);
}

TEST_CASE_METHOD(FollowTest, "files are left out by name, by path and by age") {
  folder.file("a.csv", "1\n2\n");
  folder.file("b.csv.gz", "3\n4\n");
  folder.file("c.csv", "5\n6\n");
  folder.file("d.csv", "7\n8\n");
  folder.make_older("d.csv");
  const std::string exclude = "exclude: [\"*.gz\", \"" + folder.path("c*") + "\"]";
  follow("*", exclude + "\nignore_older: 1h");
  CHECK(read(kMinute) == "1\n2\n");
  folder.append("d.csv", "9\n");
  CHECK(read(11 * kSecond) == "7\n8\n9\n");
  Input all(find_plugin("csv"), "path: \"" + folder.path("*") + "\"\n" + exclude);
  CHECK(all.read_all().size() == 2);
}

TEST_CASE_METHOD(FollowTest, "an hour after a file is gone its position is forgotten") {
  folder.file("a.csv", "1\n2\n");
  folder.file("b.csv", "3\n4\n");
  follow("*.csv");
  read();
  SECTION("while nek looks on") {
    folder.remove("a.csv");
    read(59 * kMinute);
    CHECK(known() == 2);
    read(3 * kMinute);
    CHECK(known() == 1);
  }
  SECTION("it went while nek was not there") {
    folder.remove("a.csv");
    restart();
    read(69 * kMinute);
    CHECK(known() == 2);
    read(3 * kMinute);
    CHECK(known() == 1);
  }
  SECTION("nek ends in between") {
    folder.remove("a.csv");
    read(40 * kMinute);
    restart();
    read(15 * kMinute);
    CHECK(known() == 2);
    read(7 * kMinute);
    CHECK(known() == 1);
  }
  CHECK(read() == "");
}

TEST_CASE_METHOD(FollowTest, "options that make no sense are explained where they are written") {
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

TEST_CASE_METHOD(FollowTest,
                 "a file that nek had begun is read on however long nek was not there") {
  folder.file("a.csv", "n\n1\n");
  folder.file("b.csv", "2\n3\n");
  folder.file("short.csv", "4\n");
  follow("*.csv", "ignore_older: 1h");
  CHECK(read(2 * kMinute) == "n\n1\n2\n3\n4\n");
  folder.append("a.csv", "5\n");
  folder.append("b.csv", "6\n");
  pack("b.csv");
  folder.rename("b.csv.gz", "b.csv");
  folder.append("short.csv", "7\n");
  folder.file("c.csv", "8\n9\n");  // not begun
  for (const std::string name : {"a.csv", "b.csv", "c.csv", "short.csv"}) folder.make_older(name);
  restart();
  CHECK(read(2 * kMinute) == "5\n7\n6\n");
  folder.append("c.csv", "10\n");
  CHECK(read(11 * kSecond) == "8\n9\n10\n");
}

TEST_CASE_METHOD(FollowTest, "a file that goes before it was read to its end is told") {
  const std::string path = folder.file("a.csv", "n\n1\n");
  follow("a.csv");
  SECTION("while nek is there") {
    rlimit old{};
    getrlimit(RLIMIT_NOFILE, &old);
    rlimit none = {0, old.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);  // it cannot be opened
    const std::string nothing = read();
    setrlimit(RLIMIT_NOFILE, &old);
    CHECK(nothing == "");
    folder.remove("a.csv");
    CHECK(read(2 * kMinute) == "");
    CHECK(
        log().ends_with("'" + path + "' is gone and was not read to its end: 4 bytes are lost\n"));
  }
  SECTION("while nek is not there") {
    folder.append("a.csv", "2\n3\n");
    CHECK(host().logs().empty());
    read_once(5);
    folder.remove("a.csv");
    restart();
    CHECK(read(9 * kMinute) == "");
    CHECK(log().find("is gone") == std::string::npos);
    CHECK(read(2 * kMinute) == "");
    CHECK(
        log().ends_with("'" + path + "' is gone and was not read to its end: 3 bytes are lost\n"));
  }
}

TEST_CASE_METHOD(FollowTest, "sources have the path of their file for a name") {
  folder.file("a.csv", "1\n2\n");
  follow("*.csv");
  read();
  CHECK(host().sources()[0].name == folder.path("a.csv"));
}

}  // namespace nek::testing
