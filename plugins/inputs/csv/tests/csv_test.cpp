// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "nek/testing.hpp"

using nek::testing::find_plugin;
using nek::testing::Folder;
using nek::testing::Input;
using nek::testing::Instance;
using nek::testing::Read;
using nek::testing::Setup;

namespace {

// What comes out, in the order in which it comes.
std::string all_bytes(Input& input, uint32_t capacity = 1 << 20) {
  std::string all;
  for (int i = 0; i < 100000; i++) {
    const Read one = input.read(capacity);
    for (const auto& segment : one.segments) all += segment.bytes;
    if (one.status == NEK_END) return all;
    if (one.status != NEK_OK) throw std::runtime_error("read: " + input.host().error());
  }
  throw std::runtime_error("no end");
}
constexpr std::ptrdiff_t kLinesOf4000 = 1831;  // head -c 4000 seq.gz | gzip -dc | wc -l

// What comes before the failure, and what that says.
std::pair<std::string, std::string> until_failure(Input& input) {
  std::string all;
  for (int i = 0; i < 100000; i++) {
    const Read one = input.read();
    if (one.status == NEK_FAIL) return {all, input.host().error()};
    if (one.status != NEK_OK) throw std::runtime_error("no failure");
    for (const auto& segment : one.segments) all += segment.bytes;
  }
  throw std::runtime_error("no end");
}
std::string bytes_of(const std::string& path, uint32_t capacity = 1 << 20) {
  Input input(find_plugin("csv"), "path: " + path);
  return all_bytes(input, capacity);
}
std::string error_of(const std::string& options) {
  return Instance(find_plugin("csv"), options).error();
}
std::string long_text() {
  std::string text;
  for (int i = 1; i <= 3000; i++) text += std::to_string(i) + "\n";
  return text;
}
// As the programs themselves packed `seq 3000`.
std::string packed(const std::string& end) {
  return nek::testing::detail::read_file("../../support/decompress/tests/testdata/seq." + end);
}

// stdin is these bytes; put back at the end.
class Stdin {
 public:
  explicit Stdin(const std::string& bytes) : old_(dup(STDIN_FILENO)) {
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error("no pipe");
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    write_ = ends[1];
    more(bytes);
  }
  ~Stdin() {
    finish();
    dup2(old_, STDIN_FILENO);
    close(old_);
  }
  void more(const std::string& bytes) const {
    if (write(write_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
      throw std::runtime_error("pipe is full");
  }
  void finish() {
    if (write_ >= 0) close(write_);
    write_ = -1;
  }

 private:
  int old_, write_ = -1;
};

}  // namespace

TEST_CASE("the csv input keeps the contract of plugins") {
  const Folder folder;
  const auto path = folder.file("a.csv", "a,b\n1,2\n");
  CHECK(nek::testing::check_contract(find_plugin("csv"), "path: " + path) == "");
}

TEST_CASE("files come whole, one after the other, whatever the size of chunks") {
  const Folder folder;
  const auto a = folder.file("a.csv", long_text()), b = folder.file("b.csv", "x\n"),
             c = folder.file("c.csv", "");
  for (const uint32_t capacity : {1u, 100u, 1u << 20}) {
    CHECK(bytes_of("[" + b + ", " + a + ", " + c + "]", capacity) == "x\n" + long_text());
  }
}

TEST_CASE("a pattern is all files that match, by name") {
  const Folder folder;
  folder.file("b.csv", "b\n");
  folder.file("a.csv", "a\n");
  folder.file("c.txt", "c\n");
  CHECK(bytes_of("\"" + folder.path("*.csv") + "\"") == "a\nb\n");
}

TEST_CASE("positions count from the start of each file") {
  const Folder folder;
  const auto a = folder.file("a.csv", "12345"), b = folder.file("b.csv", "678");
  Input input(find_plugin("csv"), "path: [" + a + ", " + b + "]");
  std::vector<uint64_t> positions;
  for (int i = 0; i < 3; i++) {
    for (const auto& segment : input.read(4).segments) positions.push_back(segment.position);
  }
  CHECK(positions == std::vector<uint64_t>{0, 4, 0});
}

TEST_CASE("packed files are recognised by their content and come unpacked") {
  const Folder folder;
  const std::string end = GENERATE("gz", "zst", "bz2");
  const auto path = folder.file("packed.csv", packed(end));
  for (const uint32_t capacity : {100u, 1u << 20}) CHECK(bytes_of(path, capacity) == long_text());
}

TEST_CASE("a packed file of a few bytes comes whole too, in small chunks and when it is read on") {
  const Folder folder;
  // printf 'a,b\n1,2\n3,4\n' | gzip -n
  const std::string bytes(
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\xd4\x49\xe2\x32\xd4"
      "\x31\xe2\x32\xd6\x31\xe1\x02\x00\xe5\xe9\xd6\xce\x0c\x00\x00\x00",
      32);
  const auto path = folder.file("a.gz", bytes);
  CHECK(bytes_of(path, 5) == "a,b\n1,2\n3,4\n");
  Input first(find_plugin("csv"), "path: " + path);
  first.read();
  Setup setup;
  setup.resume = {{first.host().sources()[0].key, 8}};
  Input again(find_plugin("csv"), "path: " + path, setup);
  CHECK(all_bytes(again) == "3,4\n");
}

TEST_CASE("a file is the same packed and unpacked: records keep their ids") {
  const Folder folder;
  Input plain(find_plugin("csv"), "path: " + folder.file("a.csv", long_text()));
  Input gzip(find_plugin("csv"), "path: " + folder.file("a.csv.gz", packed("gz")));
  plain.read();
  gzip.read();
  CHECK(plain.host().sources()[0].identity == gzip.host().sources()[0].identity);
}

TEST_CASE(
    "a source is told by the first bytes of its file, and where it was read to by its path as "
    "well") {
  const Folder folder;
  const auto a = folder.file("a.csv", "x\n"), b = folder.file("b.csv", "x\n"),
             c = folder.file("c.csv", "y\n");
  Input input(find_plugin("csv"), "path: [" + a + ", " + b + ", " + c + "]");
  input.read();
  auto& sources = input.host().sources();
  REQUIRE(sources.size() == 3);
  CHECK(sources[0].identity == sources[1].identity);
  CHECK(sources[0].identity != sources[2].identity);
  // xxhsum -H2 of "x\n"
  CHECK(sources[0].identity == "2528250d92619b8e1bf67208bddf1edb");
  CHECK(sources[0].key == a + " " + sources[0].identity);
  CHECK(sources[0].head == "x\n");
}

// Two files of one kind whose first line alone is more than a KiB.
std::string wide(const std::string& rows) { return std::string(1300, 'h') + "\n" + rows; }

TEST_CASE("files that differ behind a first line of more than a KiB are different sources") {
  const Folder folder;
  const auto a = folder.file("a.csv", wide("1\n")), b = folder.file("b.csv", wide("2\n"));
  Input input(find_plugin("csv"), "path: [" + a + ", " + b + "]");
  all_bytes(input);
  CHECK(input.host().sources()[0].identity != input.host().sources()[1].identity);
}

TEST_CASE("a file that an earlier version knew by its first KiB alone is known, another is not") {
  const Folder folder;
  const auto path = folder.file("a.csv", wide("1\n"));
  // head -c 1024 of it | xxhsum -H2
  const std::string key = path + " 80c140471cc1e04854ba5a48e4f99852";
  Setup setup;
  setup.resume = {{key, 1303}};
  setup.ended = {key};
  std::string mark;
  {
    Input input(find_plugin("csv"), "path: " + path, setup);
    CHECK(all_bytes(input) == "");
    CHECK(input.host().sources()[0].key == key);
    mark = input.host().marks.at(key);
  }
  folder.file("a.csv", wide("2\n"));
  setup.marks = {{key, mark}};
  Input input(find_plugin("csv"), "path: " + path, setup);
  CHECK(all_bytes(input) == wide("2\n"));
}

TEST_CASE("a file that was read and changed behind its beginning is told in a warning") {
  const Folder folder;
  const auto path = folder.file("a.csv", long_text());
  std::string key, mark;
  {
    Input input(find_plugin("csv"), "path: " + path);
    all_bytes(input);
    key = input.host().sources()[0].key;
    mark = input.host().marks.at(key);
  }
  Setup setup;
  setup.resume = {{key, long_text().size()}};
  setup.ended = {key};
  setup.marks = {{key, mark}};
  const auto told = [&](const std::string& content) {
    folder.file("a.csv", content);
    Input input(find_plugin("csv"), "path: " + path, setup);
    const auto bytes = all_bytes(input);
    // What is kept is still of what was read: the next run says it again.
    if (bytes.empty()) CHECK(input.host().marks.at(key) == mark);
    return bytes + input.host().logs().at(0).substr(path.size());
  };
  std::string other = long_text();
  other.replace(other.size() - 5, 4, "4000");
  CHECK(told(long_text()) == ": already read (0 records); --from-start reads it again");
  const std::string changed =
      ": begins as when it was read (0 records), but was changed since: nothing of it is read; "
      "--from-start reads it again";
  CHECK(told(other) == changed);
  CHECK(told(long_text().substr(0, 5000)) == changed);
  CHECK(told(long_text() + "x\n") ==
        "x\n: has grown since it was read (0 records); what was added is read");
  CHECK(told(other + "x\n") ==
        "x\n: begins as when it was read (0 records), but was changed since: only what lies behind "
        "byte 13893 is read; --from-start reads all of it");
}

TEST_CASE("of a file too small for a fingerprint that was read only what was added is read") {
  const Folder folder;
  const auto path = folder.file("a.csv", "n\n1\n");
  Setup setup;
  std::string key;
  uint64_t position = 0;
  // What the next run reads of this content, and what is known then.
  const auto run = [&](const std::string& content) {
    folder.file("a.csv", content);
    Input input(find_plugin("csv"), "path: " + path, setup);
    const std::string bytes = all_bytes(input);
    const auto& source = input.host().sources().at(0);
    key = source.key;
    position = bytes.size() + (setup.resume.contains(key) ? setup.resume.at(key) : 0);
    setup.resume[key] = position;
    setup.ended.insert(key);
    setup.marks[key] = input.host().marks.at(key);
    return bytes;
  };
  CHECK(run("n\n1\n") == "n\n1\n");
  const std::string first_key = key;
  CHECK(run("n\n1\n2\n") == "2\n");
  CHECK(run("n\n1\n2\n3\n") == "3\n");
  CHECK(run("n\n1\n2\n3\n" + long_text()) == long_text());
  CHECK(run("n\n1\n2\n3\n" + long_text() + "4\n") == "4\n");
  CHECK(run("n\n1\n2\n3\n" + long_text() + "4\n") == "");
  CHECK(key == first_key);
  CHECK(run("n\n5\n") == "n\n5\n");        // another file
  CHECK(run("n\n1\n6\n") == "n\n1\n6\n");  // that had more by then
}

TEST_CASE("a file is read on where a snapshot stopped, packed or not") {
  const Folder folder;
  const std::string end = GENERATE("csv", "gz", "zst", "bz2");
  const auto path = folder.file("a", end == "csv" ? long_text() : packed(end));
  std::string key;
  {
    Input input(find_plugin("csv"), "path: " + path);
    input.read();
    key = input.host().sources()[0].key;
  }
  for (const uint64_t position :
       {uint64_t{0}, uint64_t{10}, uint64_t{5000}, uint64_t{long_text().size()}}) {
    Setup setup;
    setup.resume = {{key, position}};
    Input input(find_plugin("csv"), "path: " + path, setup);
    CHECK(all_bytes(input) == long_text().substr(position));
  }
  Setup setup;
  setup.resume = {{key, long_text().size() + 1}};
  Input input(find_plugin("csv"), "path: " + path, setup);
  CHECK(input.read().status == NEK_FAIL);
  CHECK(input.host().error() == "'" + path + "' is shorter than what was read of it before");
}

TEST_CASE("a packed file that is cut is an error, after what can be read of it") {
  const Folder folder;
  const std::string end = GENERATE("gz", "zst", "bz2");
  const std::string whole = packed(end);
  const auto path = folder.file("cut", whole.substr(0, whole.size() - 5));
  Input input(find_plugin("csv"), "path: " + path);
  const auto [text, error] = until_failure(input);
  CHECK(error == "'" + path + "' ends within its compressed data: it is not whole");
  CHECK(long_text().starts_with(text));
  // Of gzip and zstd only the checksum is missing; of bzip2 this file is one block, and that is
  // cut.
  CHECK(text.size() == (end == "zst" ? 0 : long_text().size()));
}

TEST_CASE("a cut gzip file gives the lines that gzip -dc prints, and is read on when it is whole") {
  const Folder folder;
  const std::string whole = packed("gz");
  const auto path = folder.file("a.gz", whole.substr(0, 4000));
  std::string key;
  size_t got = 0;
  {
    Input input(find_plugin("csv"), "path: " + path);
    const auto [text, error] = until_failure(input);
    CHECK(error == "'" + path + "' ends within its compressed data: it is not whole");
    CHECK(text == long_text().substr(0, text.size()));
    CHECK(std::count(text.begin(), text.end(), '\n') == kLinesOf4000);
    got = text.size();
    key = input.host().sources()[0].key;
    CHECK_FALSE(input.host().sources()[0].at_end);
  }
  folder.file("a.gz", whole);
  Setup setup;
  setup.resume = {{key, got}};
  Input input(find_plugin("csv"), "path: " + path, setup);
  CHECK(all_bytes(input) == long_text().substr(got));
}

TEST_CASE("files behind one that is cut are read, and the failure comes last") {
  const Folder folder;
  const std::string whole = packed("gz");
  const auto cut = folder.file("a.gz", whole.substr(0, 4000)),
             damaged = folder.file("b.gz", whole.substr(0, 200)),
             good = folder.file("c.csv", "x\n");
  Input input(find_plugin("csv"), "path: [" + cut + ", " + damaged + ", " + good + "]");
  const auto [text, error] = until_failure(input);
  CHECK(text.ends_with("x\n"));
  CHECK(std::count(text.begin(), text.end(), '\n') == kLinesOf4000 + 1);
  CHECK(error == "'" + cut +
                     "' ends within its compressed data: it is not whole; and 1 more of 3 " +
                     "files could not be read to their end");
  CHECK(input.host().logs().at(0) ==
        "'" + cut +
            "' ends within its compressed data: it is not whole; goes on with the next file");
}

TEST_CASE("what follows the packed data is left out with a warning") {
  const Folder folder;
  const std::string end = GENERATE("gz", "zst", "bz2");
  const auto path = folder.file("a", packed(end) + "8 bytes.");
  Input input(find_plugin("csv"), "path: " + path);
  CHECK(all_bytes(input) == long_text());
  CHECK(input.host().logs() ==
        std::vector<std::string>{"'" + path +
                                 "': what follows its compressed data is none and is left out"});
}

TEST_CASE("a file that is named twice is read once") {
  const Folder folder;
  const auto path = folder.file("a.csv", "x\n");
  std::filesystem::create_symlink(path, folder.path("link"));
  CHECK(bytes_of("[" + path + ", " + folder.path(".") + "/a.csv, \"" + folder.path("*.csv") +
                 "\", " + folder.path("link") + "]") == "x\n");
}

TEST_CASE("files of other kinds are refused where they are named") {
  const Folder folder;
  const auto error = [&](const std::string& bytes) {
    const auto path = folder.file("a", bytes);
    const std::string all = error_of("path: " + path), begin = "1:7: path: '" + path + "' ";
    return all.starts_with(begin) ? all.substr(begin.size()) : all;
  };
  // printf x | xz | head -c 8, and so on
  CHECK(error(std::string("\xfd"
                          "7zXZ\0\0\x04",
                          8)) ==
        "is packed by xz; gzip, zstd and bzip2 can be read, or '-' with 'xz -dc FILE | nek ...'");
  CHECK(error("PK\x03\x04\n") == "is a zip archive; gzip, zstd and bzip2 can be read");
  CHECK(error("\xff\xfe"
              "a") == "is UTF-16; 'iconv -f UTF-16 -t UTF-8' makes UTF-8 of it");
  CHECK(error("\x0c\xa5\x02") ==
        "is a file of nfcapd; 'nfdump -r FILE -6 -N -o \"fmt:%ts, %sa, %sp, %da, %dp, %byt, %pkt, "
        "%out, %pr, %flg\"' prints its flows");
}

TEST_CASE("progress counts the bytes on disk") {
  const Folder folder;
  const auto a = folder.file("a.csv", long_text()), b = folder.file("b.gz", packed("gz"));
  Input input(find_plugin("csv"), "path: [" + a + ", " + b + "]");
  const auto* table = static_cast<const nek_progress_extension*>(
      find_plugin("csv").extension(input.self(), NEK_PROGRESS));
  uint64_t done = 0, total = 0;
  table->progress(input.self(), &done, &total);
  CHECK(done == 0);
  CHECK(total == 13893 + 6482);  // seq 3000 | wc -c; and packed
  all_bytes(input);
  table->progress(input.self(), &done, &total);
  CHECK(done == total);
}

TEST_CASE("stdin comes as it comes, and is a source that cannot be read again") {
  Stdin stdin_bytes("a,b\n1,2\n");
  Input input(find_plugin("csv"), "path: \"-\"");
  CHECK(input.read(1000, 0).segments.at(0).bytes == "a,b\n1,2\n");
  CHECK(input.host().sources()[0].head == "a,b\n1,2\n");
  CHECK(input.host().sources()[0].flags == NEK_ONCE);
  CHECK(input.read(1000, 0).segments.empty());
  stdin_bytes.more("3,4\n");
  const Read more = input.read(1000, 0);
  CHECK(more.segments.at(0).bytes == "3,4\n");
  CHECK(more.segments.at(0).position == 8);
  stdin_bytes.finish();
  CHECK(all_bytes(input) == "");
}

TEST_CASE("stdin is waited for no longer than asked, also before its first line") {
  Stdin stdin_bytes("");
  Input input(find_plugin("csv"), "path: \"-\"");
  CHECK(input.read(1000, 1).status == NEK_OK);
  CHECK(input.host().sources().empty());
  stdin_bytes.more("a,");
  CHECK(input.read(1000, 1).segments.empty());
  stdin_bytes.more("b\n");
  CHECK(input.read(1000, 1).segments.at(0).bytes == "a,b\n");
}

TEST_CASE("packed stdin comes unpacked") {
  Stdin stdin_bytes(packed("gz"));
  stdin_bytes.finish();
  CHECK(bytes_of("\"-\"") == long_text());
}

TEST_CASE("what can't be read is explained where it is written") {
  const Folder folder;
  const auto good = folder.file("a.csv", "x\n");
  CHECK(error_of("path: " + folder.path("no.csv")) ==
        "1:7: path: cannot open '" + folder.path("no.csv") + "': No such file or directory");
  CHECK(error_of("path: [" + good + ", " + folder.path("no.csv") + "]") ==
        "1:" + std::to_string(10 + good.size()) + ": path: cannot open '" + folder.path("no.csv") +
            "': No such file or directory");
  CHECK(error_of("path: " + folder.path("")) == "1:7: path: '" + folder.path("") +
                                                    "' is a folder; a pattern like '" +
                                                    folder.path("") + "*.csv' reads its files");
  CHECK(error_of("path: \"" + folder.path("*.gz") + "\"") ==
        "1:7: path: no file matches '" + folder.path("*.gz") + "'");
  CHECK(error_of("path: []") == "1:7: path: names no file");
  mkfifo(folder.path("fifo").c_str(), 0600);
  CHECK(error_of("path: " + folder.path("fifo")) ==
        "1:7: path: '" + folder.path("fifo") +
            "' is no regular file; '-' reads what comes by standard input");
  if (geteuid() != 0) {
    chmod(good.c_str(), 0);
    CHECK(error_of("path: " + good) == "1:7: path: cannot open '" + good + "': Permission denied");
  }
}

TEST_CASE("a file that is gone when its turn comes is an error that names it") {
  const Folder folder;
  const auto path = folder.file("a.csv", "x\n");
  Input input(find_plugin("csv"), "path: " + path);
  std::filesystem::remove(path);
  CHECK(input.read().status == NEK_FAIL);
  CHECK(input.host().error() == "cannot open '" + path + "': No such file or directory");
}
