// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "nek/testing.hpp"

namespace nek {
namespace {

const nek_plugin& plugin() { return testing::find_plugin("fifo"); }

// A folder for a FIFO.
class Place {
 public:
  std::string path() const { return folder_.path("in.csv"); }
  Place& with_fifo() {
    REQUIRE(::mkfifo(path().c_str(), 0600) == 0);
    return *this;
  }
  std::string options(const std::string& more = "") const {
    return "{path: " + path() + more + "}";
  }

 private:
  testing::Folder folder_;
};

class Writer {
 public:
  explicit Writer(const Place& place)
      : fd_(::open(place.path().c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC)) {
    REQUIRE(fd_ >= 0);
  }
  ~Writer() { close(); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  void write(const std::string& bytes) const {
    REQUIRE(::write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

std::string fault_of(const std::string& options) {
  return testing::Input(plugin(), options).error();
}

TEST_CASE("it keeps the contract") {
  Place place;
  CHECK(testing::check_contract(plugin(), place.with_fifo().options()) == "");
}

TEST_CASE("it waits for a writer, reads all of it and ends when the writer closes") {
  Place place;
  testing::Input input(plugin(), place.with_fifo().options());
  CHECK(input.read(1 << 20, 0).status == NEK_OK);
  CHECK(input.host().sources().empty());
  Writer writer(place);
  writer.write("1,2\n3,4\n");
  CHECK(input.read().segments.at(0).bytes == "1,2\n3,4\n");
  writer.write("5,6");
  const auto more = input.read();
  REQUIRE(more.segments.size() == 1);
  CHECK(more.segments[0].position == 8);
  CHECK(more.segments[0].bytes == "5,6");
  CHECK(input.read(1 << 20, 0).status == NEK_OK);
  writer.close();
  CHECK(input.read().status == NEK_END);
  REQUIRE(input.host().sources().size() == 1);
  CHECK(input.host().sources()[0].at_end);
  CHECK(input.host().sources()[0].flags == NEK_ONCE);
}

TEST_CASE("pieces of any size make the same whole, and the first line is the head") {
  for (const uint32_t capacity : {1u, 7u, 1u << 20}) {
    Place place;
    testing::Input input(plugin(), place.with_fifo().options());
    Writer writer(place);
    writer.write("sa,da\n1.2.3.4,5.6.7.8\n");
    writer.close();
    const auto all = input.read_all(capacity);
    REQUIRE(all.size() == 1);
    CHECK(all.begin()->second == "sa,da\n1.2.3.4,5.6.7.8\n");
    CHECK(input.host().sources()[0].head == "sa,da\n1.2.3.4,5.6.7.8\n");
  }
}

TEST_CASE("until: forever waits for the next writer, which is another source from position 0") {
  Place place;
  testing::Input input(plugin(), place.with_fifo().options(", until: forever"));
  for (const char* bytes : {"first\n", "second\n"}) {
    Writer writer(place);
    writer.write(bytes);
    const auto got = input.read();
    REQUIRE(got.segments.size() == 1);
    CHECK(got.segments[0].bytes == bytes);
    CHECK(got.segments[0].position == 0);
    writer.close();
    CHECK(input.read().status == NEK_OK);
    CHECK(input.host().sources().back().at_end);
  }
  REQUIRE(input.host().sources().size() == 2);
  CHECK(input.host().sources()[0].identity != input.host().sources()[1].identity);
}

TEST_CASE("a writer that opens before the last one's end was seen is never sent away") {
  Place place;
  testing::Input input(plugin(), place.with_fifo().options(", until: forever"));
  std::string got;
  for (int i = 0; i < 200; i++) {
    Writer writer(place);
    writer.write(std::to_string(i) + "\n");
    writer.close();
    if (i % 3) continue;
    for (const auto& [source, bytes] : input.read_all(1 << 20, 1)) got += bytes;
  }
  for (const auto& [source, bytes] : input.read_all(1 << 20, 1)) got += bytes;
  std::string expected;
  for (int i = 0; i < 200; i++) expected += std::to_string(i) + "\n";
  CHECK(got == expected);
}

TEST_CASE("with memory full nothing is taken") {
  Place place;
  testing::Input input(plugin(), place.with_fifo().options());
  Writer writer(place);
  writer.write("x\n");
  CHECK(input.read(0, 0).segments.empty());
  CHECK(input.read().segments.at(0).bytes == "x\n");
}

TEST_CASE("a FIFO is made when asked, with its mode and owner, when the pipeline starts") {
  Place place;
  const passwd* nobody = ::getpwnam("nobody");
  const bool root = ::geteuid() == 0 && nobody;
  const std::string owner = root ? ", owner: \"nobody:0\"" : "";
  testing::Input input(plugin(), place.options(", create: true, mode: \"0620\"" + owner));
  CHECK(input.error().empty());
  struct stat info{};
  REQUIRE(::stat(place.path().c_str(), &info) == 0);
  CHECK(S_ISFIFO(info.st_mode));
  CHECK((info.st_mode & 07777) == 0620);
  CHECK(info.st_uid == (root ? nobody->pw_uid : ::geteuid()));
}

TEST_CASE("a FIFO that is there is used as it is") {
  Place place;
  place.with_fifo();
  testing::Input input(plugin(), place.options(", create: true, mode: \"0666\""));
  CHECK(input.error().empty());
  struct stat info{};
  REQUIRE(::stat(place.path().c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0600);
}

TEST_CASE("a file at its path is never overwritten") {
  Place place;
  std::ofstream(place.path()) << "precious\n";
  CHECK_THAT(
      fault_of(place.options(", create: true")),
      Catch::Contains("is a file, not a FIFO, and stays as it is; the input csv reads files"));
  std::ifstream file(place.path());
  std::string line;
  std::getline(file, line);
  CHECK(line == "precious");
}

TEST_CASE("what is wrong is said before anything starts") {
  Place place;
  CHECK_THAT(fault_of(place.options()),
             Catch::Contains("there is no '" + place.path() +
                             "'; make it with mkfifo, or say create: true"));
  place.with_fifo();
  CHECK_THAT(fault_of(place.options(", mode: \"rw\"")),
             Catch::Contains("'rw' is no mode; write three octal digits, like \"0660\""));
  CHECK_THAT(fault_of(place.options(", mode: \"4755\"")), Catch::Contains("'4755' is no mode"));
  CHECK_THAT(fault_of(place.options(", owner: nosuchuser")),
             Catch::Contains("there is no user 'nosuchuser'"));
  CHECK_THAT(fault_of(place.options(", owner: \":nosuchgroup\"")),
             Catch::Contains("there is no group 'nosuchgroup'"));
}

}  // namespace
}  // namespace nek
