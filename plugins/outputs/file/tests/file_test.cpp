// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#define CATCH_CONFIG_ENABLE_PAIR_STRINGMAKER
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>

#include "nek/plugin.hpp"
#include "nek/testing.hpp"

namespace nek {
namespace {

namespace fs = std::filesystem;
using Files = std::map<std::string, std::string>;
using testing::Folder;

// Tables, and what they are in a file.
const std::string kOne = "{\"a\": \"text\"}\n{\"a\": \"x\"}\n";
const std::string kOneLine = "{\"a\":\"x\"}\n";
const std::string kTwo = "{\"a\": \"text\"}\n{\"a\": \"y\"}\n{\"a\": \"z\"}\n";
const std::string kTwoLines = "{\"a\":\"y\"}\n{\"a\":\"z\"}\n";

constexpr int64_t kHour = 3'600'000, kDay = 24 * kHour;
constexpr int64_t kNoon = 1'402'401'600'000;  // 2014-06-10 12:00:00 UTC

// A codec with a line at the beginning of each file.
class WithHeader {
 public:
  explicit WithHeader(Host) {}
  static std::string_view header() { return "header\n"; }
  Status encode(Call& call, Encoded& out) const {
    for (uint32_t row = 0; row < call.rows(); row++) {
      out.append("row\n");
      out.end_row(row);
    }
    return {};
  }
};
constexpr nek_plugin kWithHeader = encoder<WithHeader>({.name = "with_header"});

struct FileOutput : testing::Output {
  explicit FileOutput(const std::string& options, const std::string& state = {})
      : testing::Output(testing::find_plugin("file"), options, setup(state)) {}
  FileOutput(const std::string& options, const nek_plugin& codec)
      : testing::Output(testing::find_plugin("file"), options, with_codec(codec)) {}

  // A snapshot that became complete.
  std::string complete_snapshot() {
    std::string state = snapshot();
    control(NEK_COMMITTED);
    return state;
  }

 private:
  static testing::Setup setup(const std::string& state) {
    testing::Setup setup;
    setup.restored = state;
    return setup;
  }
  static testing::Setup with_codec(const nek_plugin& codec) {
    testing::Setup setup;
    setup.codec = &codec;
    return setup;
  }
};

// The state of a run that wrote kOne, had a snapshot, wrote `later`, and died.
std::string state_of_run(const std::string& options, const std::vector<std::string>& later = {}) {
  FileOutput output(options);
  REQUIRE(output.write({kOne}) == NEK_OK);
  std::string state = output.snapshot();
  if (!later.empty()) REQUIRE(output.write(later) == NEK_OK);
  return state;
}

std::string error_of(const std::string& options) { return FileOutput(options).error(); }

std::string gunzip(const std::string& path) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(("gzip -dc " + path).c_str(), "r"),
                                                   pclose);
  REQUIRE(pipe);
  std::string text;
  char bytes[4096];
  for (size_t got = 1; got > 0;) {
    got = fread(bytes, 1, sizeof bytes, pipe.get());
    text.append(bytes, got);
  }
  return text;
}

// No file of this process may become larger: as if the disk were full.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit full = {bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &full);
  }
  ~FullDisk() { setrlimit(RLIMIT_FSIZE, &before_); }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit before_{};
};

// ---- One file -----------------------------------------------------------------------------------

TEST_CASE("it keeps the contract") {
  const Folder folder;
  const nek_plugin& plugin = testing::find_plugin("file");
  CHECK(testing::check_contract(plugin, "path: " + folder.path("f") + "\n") == "");
  CHECK(testing::check_contract(plugin, "path: " + folder.path("%F") + "\ntime_field: ts\n") == "");
}

TEST_CASE("records are appended, and missing folders are made") {
  const Folder folder;
  FileOutput output("path: " + folder.path("a/b/flows.ndjson") + "\n");
  REQUIRE(output.write({kOne, kTwo}) == NEK_OK);
  REQUIRE(output.write({kOne}) == NEK_OK);
  CHECK(folder.files() == Files{{"a/b/flows.ndjson", kOneLine + kTwoLines + kOneLine}});
}

TEST_CASE("what was written after the last snapshot is cut off at a restart") {
  const Folder folder;
  const std::string path = folder.path("flows.ndjson");
  const std::string state = state_of_run("path: " + path + "\n", {kTwo});
  folder.file(path, folder.read(path) + "{\"a\":");  // as a crash leaves it
  FileOutput output("path: " + path + "\n", state);
  CHECK(folder.read(path) == kOneLine);
  REQUIRE(output.write({kTwo}) == NEK_OK);
  CHECK(folder.read(path) == kOneLine + kTwoLines);
}

TEST_CASE("a file that is shorter than recorded is an error that says so") {
  const Folder folder;
  const std::string path = folder.path("flows.ndjson");
  const std::string state = state_of_run("path: " + path + "\n");
  fs::resize_file(path, 4);
  CHECK(FileOutput("path: " + path + "\n", state).error() ==
        path +
            " holds 4 bytes, but 10 were recorded: it was shortened or replaced; put it back, "
            "write to another path, or begin anew with --from-start");
  fs::remove(path);
  CHECK(FileOutput("path: " + path + "\n", state).error() ==
        path +
            " holds 0 bytes, but 10 were recorded: it was shortened or replaced; put it back, "
            "write to another path, or begin anew with --from-start");
  CHECK(folder.files().empty());
}

TEST_CASE("two outputs with one path are told so before anything is written") {
  const Folder folder;
  const std::string path = folder.path("flows.ndjson"), again = folder.path("./flows.ndjson");
  {
    const FileOutput first("path: " + path + "\n");
    CHECK(error_of("path: " + again + "\n") ==
          "1:7: another output writes to " + again + " already");
  }
  CHECK(error_of("path: " + again + "\n").empty());
}

TEST_CASE("a file of somebody else is refused, appended to or overwritten, as if_exists says") {
  const Folder folder;
  const std::string path = folder.path("flows.ndjson");
  folder.file(path, "before\n");
  const std::string options = "path: " + path + "\nif_exists: ";
  CHECK(error_of(options + "resume\n") ==
        "1:7: " + path +
            " exists, and by what is known this pipeline has not written it (with --from-start "
            "nothing is known); remove it, or say 'if_exists: append' or 'if_exists: "
            "overwrite'");
  CHECK(FileOutput(options + "append\n").write({kOne}) == NEK_OK);
  CHECK(folder.read(path) == "before\n" + kOneLine);
  CHECK(FileOutput(options + "overwrite\n").write({kOne}) == NEK_OK);
  CHECK(folder.read(path) == kOneLine);
}

TEST_CASE("what a snapshot says comes before if_exists") {
  const Folder folder;
  const std::string options = "path: " + folder.path("f") + "\nif_exists: overwrite\n";
  const std::string state = state_of_run(options);
  REQUIRE(FileOutput(options, state).write({kTwo}) == NEK_OK);
  CHECK(folder.files() == Files{{"f", kOneLine + kTwoLines}});
}

TEST_CASE("another path begins another file, the one before is left as the snapshot says") {
  const Folder folder;
  const std::string state = state_of_run("path: " + folder.path("one") + "\n", {kTwo});
  REQUIRE(FileOutput("path: " + folder.path("two") + "\n", state).write({kTwo}) == NEK_OK);
  CHECK(folder.files() == Files{{"one", kOneLine}, {"two", kTwoLines}});
}

TEST_CASE("a file that is removed while it is written is made again with all its records") {
  const Folder folder;
  const std::string path = folder.path("sub/flows.ndjson");
  FileOutput output("path: " + path + "\n");
  REQUIRE(output.write({kOne}) == NEK_OK);
  fs::remove_all(folder.path("sub"));
  REQUIRE(output.write({kTwo}) == NEK_OK);
  CHECK(folder.read(path) == kOneLine + kTwoLines);
  fs::remove_all(folder.path("sub"));
  output.snapshot();
  CHECK(folder.read(path) == kOneLine + kTwoLines);
}

TEST_CASE("a file that cannot be made again is tried again, and nothing is lost") {
  const Folder folder;
  const std::string path = folder.path("sub/flows.ndjson");
  FileOutput output("path: " + path + "\n");
  REQUIRE(output.write({kOne}) == NEK_OK);
  fs::remove_all(folder.path("sub"));
  folder.file(folder.path("sub"), "in the way");
  CHECK(output.write({kTwo}) == NEK_RETRY);
  CHECK(output.host().error() ==
        "cannot make the folder " + folder.path("sub") + ": Not a directory");
  fs::remove(folder.path("sub"));
  CHECK(output.write({kTwo}) == NEK_OK);
  CHECK(folder.read(path) == kOneLine + kTwoLines);
}

TEST_CASE("a full disk leaves no part of a write behind, and it goes on when there is room") {
  const Folder folder;
  const std::string path = folder.path("flows.ndjson");
  FileOutput output("path: " + path + "\n");
  REQUIRE(output.write({kOne}) == NEK_OK);
  {
    const FullDisk full(15);
    CHECK(output.write({kTwo}) == NEK_RETRY);
    CHECK(output.host().error() == "cannot write " + path + ": File too large");
    CHECK(folder.read(path) == kOneLine);
  }
  CHECK(output.write({kTwo}) == NEK_OK);
  CHECK(folder.read(path) == kOneLine + kTwoLines);
}

TEST_CASE("a file that another process writes is not written") {
  const Folder folder;
  folder.file(folder.path("f"), "");
  const int other = open(folder.path("f").c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(flock(other, LOCK_EX) == 0);  // as each nek does; held by the open file, not by a process
  CHECK(error_of("path: " + folder.path("f") + "\n") ==
        folder.path("f") + " is being written by another output or process");
  close(other);
}

TEST_CASE("a file begins with what its codec says") {
  const Folder folder;
  FileOutput output("path: " + folder.path("f") + "\n", kWithHeader);
  REQUIRE(output.write({kOne, kTwo}) == NEK_OK);
  REQUIRE(output.write({kOne}) == NEK_OK);
  CHECK(folder.files() == Files{{"f", "header\nrow\nrow\nrow\nrow\n"}});
}

TEST_CASE("options that do not fit together are errors at their place") {
  const Folder folder;
  const std::string path = "path: " + folder.path("f");
  CHECK(error_of(path + "\ntime_field: ts\n") ==
        "2:13: 'time_field' is for a 'path' with conversions of time, such as "
        "out/%Y%m%d/flows.ndjson");
  CHECK(error_of(path + "\nkeep: 14d\n") ==
        "2:7: 'keep' is for a series of files: say 'max_file_bytes', or conversions of time in "
        "'path'");
  CHECK(error_of(path + "%F\nif_exists: append\n") ==
        "2:12: 'if_exists' is for a single file: in a series each new file has a new name");
  CHECK(error_of(path + "%A\n") ==
        "1:7: 'path': there may be %Y, %m, %d, %j, %F, %H, %M, %S, and %% for the sign itself");
  CHECK(error_of("path: " + folder.path("") + "\n") == "1:7: 'path': it names no file");
  fs::create_directory(folder.path("sub"));
  CHECK(error_of("path: " + folder.path("sub") + "\n") ==
        "1:7: " + folder.path("sub") + " is a folder; name a file in it");
}

// ---- A series of files --------------------------------------------------------------------------

TEST_CASE("a file gets its name when its day is over and all of it is in a complete snapshot") {
  const Folder folder;
  FileOutput output("path: " + folder.path("%Y%m%d/flows.ndjson") + "\n");
  output.host().now = kNoon;
  REQUIRE(output.write({kOne}) == NEK_OK);
  output.complete_snapshot();
  CHECK(folder.files() == Files{{"20140610/flows.ndjson.part", kOneLine}});
  output.host().now = kNoon + kDay;
  REQUIRE(output.write({kTwo}) == NEK_OK);
  output.snapshot();
  CHECK(folder.files() ==
        Files{{"20140610/flows.ndjson.part", kOneLine}, {"20140611/flows.ndjson.part", kTwoLines}});
  output.control(NEK_COMMITTED);
  CHECK(folder.files() ==
        Files{{"20140610/flows.ndjson", kOneLine}, {"20140611/flows.ndjson.part", kTwoLines}});
}

TEST_CASE("a file gets its name although no record comes after it") {
  const Folder folder;
  FileOutput output("path: " + folder.path("%F.ndjson") + "\n");
  output.host().now = kNoon;
  REQUIRE(output.write({kOne}) == NEK_OK);
  output.complete_snapshot();
  output.host().now = kNoon + kDay;
  output.control(NEK_TICK, kNoon + kDay);
  CHECK(folder.files() == Files{{"2014-06-10.ndjson", kOneLine}});
}

TEST_CASE("at the end all files get their names, when stopped they are resumed") {
  const Folder folder;
  const std::string options = "path: " + folder.path("%F.ndjson") + "\n";
  std::string state;
  {
    FileOutput output(options);
    output.host().now = kNoon;
    REQUIRE(output.write({kOne}) == NEK_OK);
    output.control(NEK_FINISH, 0, true);
    state = output.complete_snapshot();
    CHECK(folder.files() == Files{{"2014-06-10.ndjson.part", kOneLine}});
  }
  FileOutput output(options, state);
  output.host().now = kNoon + kHour;
  REQUIRE(output.write({kTwo}) == NEK_OK);
  output.control(NEK_FINISH);
  output.complete_snapshot();
  CHECK(folder.files() == Files{{"2014-06-10.ndjson", kOneLine + kTwoLines}});
}

TEST_CASE("files that are full are numbered") {
  const Folder folder;
  const std::string row = "{\"a\": \"" + std::string(5000, 'x') + "\"}\n";
  const std::string line = "{\"a\":\"" + std::string(5000, 'x') + "\"}\n";
  FileOutput output("path: " + folder.path("f.ndjson") + "\nmax_file_bytes: 4KiB\n");
  for (int i = 0; i < 3; i++) REQUIRE(output.write({"{\"a\": \"text\"}\n" + row}) == NEK_OK);
  output.control(NEK_FINISH);
  output.complete_snapshot();
  CHECK(folder.files() == Files{{"f.ndjson", line}, {"f.1.ndjson", line}, {"f.2.ndjson", line}});
}

TEST_CASE("numbers go on behind those that are there") {
  const Folder folder;
  folder.file(folder.path("2014-06-10.7.ndjson.gz"), "");
  FileOutput output("path: " + folder.path("%F.ndjson.gz") + "\n");
  output.host().now = kNoon;
  REQUIRE(output.write({kOne}) == NEK_OK);
  CHECK(folder.files().contains("2014-06-10.8.ndjson.gz.part"));
}

TEST_CASE("a crash before the files got their names changes nothing") {
  const Folder folder;
  const std::string options = "path: " + folder.path("%F.ndjson") + "\n";
  std::string state;
  {
    FileOutput output(options);
    output.host().now = kNoon;
    REQUIRE(output.write({kOne}) == NEK_OK);
    output.complete_snapshot();
    output.host().now = kNoon + kDay;
    REQUIRE(output.write({kTwo}) == NEK_OK);
    state = output.snapshot();
    output.host().now = kNoon + 2 * kDay;
    REQUIRE(output.write({kOne}) == NEK_OK);
  }
  const Files before = {{"2014-06-10.ndjson.part", kOneLine},
                        {"2014-06-11.ndjson.part", kTwoLines},
                        {"2014-06-12.ndjson.part", kOneLine}};
  CHECK(folder.files() == before);
  {
    const FileOutput output(options, state);
    CHECK(folder.files() ==
          Files{{"2014-06-10.ndjson", kOneLine}, {"2014-06-11.ndjson.part", kTwoLines}});
  }
  // And again from the same snapshot: the first has its name by now.
  const FileOutput output(options, state);
  CHECK(output.error() == "");
  CHECK(folder.files() ==
        Files{{"2014-06-10.ndjson", kOneLine}, {"2014-06-11.ndjson.part", kTwoLines}});
}

TEST_CASE("a finished file that was taken away since is no error") {
  const Folder folder;
  const std::string options = "path: " + folder.path("%F.ndjson") + "\n";
  std::string state;
  {
    FileOutput output(options);
    output.host().now = kNoon;
    REQUIRE(output.write({kOne}) == NEK_OK);
    output.host().now = kNoon + kDay;
    REQUIRE(output.write({kTwo}) == NEK_OK);
    state = output.complete_snapshot();
  }
  fs::remove(folder.path("2014-06-10.ndjson"));
  FileOutput output(options, state);
  CHECK(output.error() == "");
  CHECK(output.host().logs() ==
        std::vector<std::string>{folder.path("2014-06-10.ndjson") +
                                 " is gone, or was changed after it was finished"});
}

TEST_CASE("a part that is gone is told with what was in it, and the rest goes on") {
  const Folder folder;
  const std::string options = "path: " + folder.path("%F.ndjson") + "\n";
  std::string state;
  {
    FileOutput output(options);
    output.host().now = kNoon;
    REQUIRE(output.write({kOne}) == NEK_OK);
    state = output.complete_snapshot();
  }
  const std::string name = folder.path("2014-06-10.ndjson");
  fs::remove(name + ".part");
  FileOutput output(options, state);
  output.host().now = kNoon;
  CHECK(output.error() == "");
  CHECK(output.host().logs() ==
        std::vector<std::string>{name + ".part is gone, and with it " +
                                 std::to_string(kOneLine.size()) +
                                 " bytes of records, unless it was finished and taken away as " +
                                 name + " since; --from-start delivers all of them again"});
  CHECK(output.write({kTwo}) == NEK_OK);
  CHECK(folder.files() == Files{{"2014-06-10.ndjson.part", kTwoLines}});
}

TEST_CASE("with time_field records go to the files of their own time") {
  const Folder folder;
  FileOutput output("path: " + folder.path("%F.ndjson") + "\ntime_field: ts\n");
  output.host().now = kNoon;
  const std::string types = "{\"ts\": \"time\", \"a\": \"text\"}\n";
  const auto row = [](const std::string& ts, const std::string& a) {
    return "{\"ts\": \"" + ts + "\", \"a\": \"" + a + "\"}\n";
  };
  REQUIRE(output.write(
              {types + row("2014-06-08T23:59:59.999Z", "1") + row("2014-06-09T00:00:00.000Z", "2") +
                   row("2014-06-09T08:00:00.000Z", "3") + row("2014-06-08T08:00:00.000Z", "4"),
               types + "{\"a\": \"5\"}\n"}) == NEK_OK);
  const std::string first =
      "{\"ts\":\"2014-06-08T23:59:59.999Z\",\"a\":\"1\"}\n"
      "{\"ts\":\"2014-06-08T08:00:00.000Z\",\"a\":\"4\"}\n";
  const std::string second =
      "{\"ts\":\"2014-06-09T00:00:00.000Z\",\"a\":\"2\"}\n"
      "{\"ts\":\"2014-06-09T08:00:00.000Z\",\"a\":\"3\"}\n";
  const std::string without = "{\"ts\":null,\"a\":\"5\"}\n";  // by the clock
  CHECK(folder.files() == Files{{"2014-06-08.ndjson.part", first},
                                {"2014-06-09.ndjson.part", second},
                                {"2014-06-10.ndjson.part", without}});
  output.control(NEK_WATERMARK, 1'402'272'000'000);  // 2014-06-09 00:00:00
  output.complete_snapshot();
  CHECK(folder.files() == Files{{"2014-06-08.ndjson", first},
                                {"2014-06-09.ndjson.part", second},
                                {"2014-06-10.ndjson.part", without}});
  REQUIRE(output.write({types + row("2014-06-08T01:00:00.000Z", "late")}) == NEK_OK);
  CHECK(folder.files().contains("2014-06-08.1.ndjson.part"));
}

TEST_CASE("records that a codec leaves out take no place beside those of their time") {
  const Folder folder;
  FileOutput output("path: " + folder.path("%F.ndjson") + "\ntime_field: ts\n");
  const auto records =
      output.encode("{\"ts\": \"time\"}\n{\"ts\": \"2014-06-08T23:59:59.999Z\"}\n");
  CHECK(records.all.ends_with("{\"ts\":\"2014-06-08T23:59:59.999Z\"}\n"));
  CHECK(records.ends == std::vector<uint32_t>{static_cast<uint32_t>(records.all.size())});
  CHECK(output.encode("{\"ts\": \"time\"}\n").ends.empty());
}

TEST_CASE("a write to several files is undone in all of them") {
  const Folder folder;
  FileOutput output("path: " + folder.path("%F.ndjson") + "\ntime_field: ts\n");
  const std::string types = "{\"ts\": \"time\"}\n";
  const std::string row = "{\"ts\": \"2014-06-08T00:00:00.000Z\"}\n";
  const std::string line = "{\"ts\":\"2014-06-08T00:00:00.000Z\"}\n";
  const std::string next = "{\"ts\": \"2014-06-09T00:00:00.000Z\"}\n";
  REQUIRE(output.write({types + next}) == NEK_OK);
  {
    const FullDisk full(40);
    CHECK(output.write({types + row + next}) == NEK_RETRY);
    CHECK(folder.files().at("2014-06-08.ndjson.part").empty());
  }
  REQUIRE(output.write({types + row + next}) == NEK_OK);
  CHECK(folder.files().at("2014-06-08.ndjson.part") == line);
}

TEST_CASE("a file in .gz is valid up to its last write, and a restart cuts it there") {
  const Folder folder;
  const std::string path = folder.path("flows.ndjson.gz");
  std::string state;
  {
    FileOutput output("path: " + path + "\n", kWithHeader);
    REQUIRE(output.write({kOne}) == NEK_OK);
    CHECK(gunzip(path) == "header\nrow\n");
    state = output.snapshot();
    REQUIRE(output.write({kTwo}) == NEK_OK);
    CHECK(gunzip(path) == "header\nrow\nrow\nrow\n");
  }
  FileOutput output("path: " + path + "\n", state);
  REQUIRE(output.write({kOne}) == NEK_OK);
  CHECK(gunzip(path) == "header\nrow\n" + kOneLine);
}

TEST_CASE("finished files are removed when they are too old or too much") {
  const Folder folder;
  const auto make = [&](const std::string& name, int64_t age_days) {
    folder.file(name, std::string(100, 'x'));
    fs::last_write_time(folder.path(name),
                        fs::file_time_type::clock::now() - std::chrono::hours(24 * age_days));
  };
  make("20140601/flows.ndjson", 9);
  make("20140602/flows.ndjson", 8);
  make("20140602/flows.1.ndjson", 7);
  make("20140603/flows.ndjson", 6);
  make("20140601/other.ndjson", 9);  // not of this series
  make("2014060x/flows.ndjson", 9);
  make("20140604/flows.ndjson.part", 9);
  const int64_t now = std::chrono::duration_cast<std::chrono::milliseconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
  const std::string path = "path: " + folder.path("%Y%m%d/flows.ndjson") + "\n";
  const auto names = [&] {
    std::string all;
    for (const auto& [name, bytes] : folder.files()) all += name + " ";
    return all;
  };
  {
    FileOutput output(path + "keep: 180h\n");  // 7.5 days
    output.host().now = now;
    output.control(NEK_TICK, now);
    CHECK(names() ==
          "20140601/other.ndjson 20140602/flows.1.ndjson 20140603/flows.ndjson "
          "20140604/flows.ndjson.part 2014060x/flows.ndjson ");
  }
  FileOutput output(path + "max_total_bytes: 150\n");
  CHECK(names() ==
        "20140601/other.ndjson 20140603/flows.ndjson 20140604/flows.ndjson.part "
        "2014060x/flows.ndjson ");
  CHECK(!fs::exists(folder.path("20140602")));
}

// ---- Crashes ------------------------------------------------------------------------------------

// Records are numbered; after a crash those behind the last complete snapshot are written again.
void run_with_crashes(const std::string& more_options, uint32_t seed) {
  const Folder folder;
  const std::string options = "path: " + folder.path("out/%H-%M.ndjson") + "\n" + more_options;
  std::mt19937 random(seed);
  const auto chance = [&](uint32_t percent) { return random() % 100 < percent; };
  std::string state;
  int next = 0, complete = 0, begun = 0;
  int64_t now = kNoon;
  auto output = std::make_unique<FileOutput>(options);
  while (next < 300) {
    output->host().now = now += random() % 20'000;
    std::string table = "{\"n\": \"int64\", \"pad\": \"text\"}\n";
    for (uint32_t rows = random() % 4; rows > 0; rows--) {
      table +=
          "{\"n\": " + std::to_string(next++) + ", \"pad\": \"" + std::string(300, 'x') + "\"}\n";
    }
    INFO("seed " << seed);
    const nek_status status = output->write({table});
    INFO(output->host().error());
    REQUIRE(status == NEK_OK);
    if (chance(20)) output->control(NEK_TICK, now);
    if (chance(40)) {
      const std::string taken = output->snapshot();
      begun = next;
      if (chance(70)) {  // else the process dies before the snapshot is complete
        state = taken;
        complete = begun;
        if (chance(70)) output->control(NEK_COMMITTED);
      } else {
        output.reset();
      }
    }
    if (!output || chance(10)) {
      output.reset();
      output = std::make_unique<FileOutput>(options, state);
      REQUIRE(output->error() == "");
      next = complete;
    }
  }
  output->control(NEK_FINISH);
  output->complete_snapshot();
  std::map<int, int> seen;
  for (const auto& [name, bytes] : folder.files()) {
    CHECK_FALSE(name.ends_with(".part"));
    for (size_t at = 0; at < bytes.size(); at = bytes.find('\n', at) + 1)
      seen[std::stoi(bytes.substr(at + 5))]++;
  }
  CHECK(seen.size() == static_cast<size_t>(next));
  for (const auto& [number, times] : seen) CHECK(times == 1);
}

TEST_CASE("whenever it crashes, each record is in the files exactly once") {
  for (uint32_t seed = 0; seed < 20; seed++) {
    run_with_crashes("", seed);
    run_with_crashes("max_file_bytes: 4KiB\n", seed);
  }
}

}  // namespace
}  // namespace nek
