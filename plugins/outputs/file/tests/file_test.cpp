// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "nek/testing.hpp"

namespace nek {
namespace {

namespace fs = std::filesystem;

const std::string kOne = "{\"a\": \"text\"}\n{\"a\": \"x\"}\n";
const std::string kTwo = "{\"a\": \"text\"}\n{\"a\": \"y\"}\n{\"a\": \"z\"}\n";

// A folder that is gone at its end.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "nek_file_XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~Folder() { fs::remove_all(path_); }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

testing::Setup restored(const std::string& state) {
  testing::Setup setup;
  setup.restored = state;
  return setup;
}

struct FileOutput : testing::Output {
  FileOutput(const std::string& options, const std::string& state = {})
      : testing::Output(testing::find_plugin("file"), options, restored(state)) {}
};

TEST_CASE("it keeps the contract") {
  const Folder folder;
  CHECK(testing::check_contract(testing::find_plugin("file"), "path: " + (folder / "f") + "\n") ==
        "");
}

TEST_CASE("records are appended, and missing folders are made") {
  const Folder folder;
  const std::string path = folder / "a/b/flows.ndjson";
  FileOutput output("path: " + path + "\n");
  REQUIRE(output.write({kOne, kTwo}) == NEK_OK);
  REQUIRE(output.write({kOne}) == NEK_OK);
  CHECK(read_file(path) == "{\"a\":\"x\"}\n{\"a\":\"y\"}\n{\"a\":\"z\"}\n{\"a\":\"x\"}\n");
}

TEST_CASE("what was written after the last snapshot is cut off at a restart") {
  const Folder folder;
  const std::string path = folder / "flows.ndjson";
  std::string state;
  {
    FileOutput output("path: " + path + "\n");
    REQUIRE(output.write({kOne}) == NEK_OK);
    state = output.snapshot();
    REQUIRE(output.write({kTwo}) == NEK_OK);
  }
  write_file(path, read_file(path) + "{\"a\":");  // as a crash leaves it
  FileOutput output("path: " + path + "\n", state);
  CHECK(read_file(path) == "{\"a\":\"x\"}\n");
  REQUIRE(output.write({kTwo}) == NEK_OK);
  CHECK(read_file(path) == "{\"a\":\"x\"}\n{\"a\":\"y\"}\n{\"a\":\"z\"}\n");
}

TEST_CASE("a file that is shorter than recorded is an error that says so") {
  const Folder folder;
  const std::string path = folder / "flows.ndjson";
  std::string state;
  {
    FileOutput output("path: " + path + "\n");
    REQUIRE(output.write({kOne}) == NEK_OK);
    state = output.snapshot();
  }
  fs::resize_file(path, 4);
  CHECK(FileOutput("path: " + path + "\n", state).error() ==
        path +
            " holds 4 bytes, but 10 were recorded: it was shortened or replaced; put it back, "
            "or write to another path");
}

TEST_CASE("a file of somebody else is refused, appended to or overwritten, as if_exists says") {
  const Folder folder;
  const std::string path = folder / "flows.ndjson";
  write_file(path, "before\n");
  const std::string options = "path: " + path + "\nif_exists: ";
  for (const std::string refusing : {"resume", "fail"}) {
    CHECK(FileOutput(options + refusing + "\n").error() ==
          "1:7: " + path +
              " exists and was not written by this pipeline; remove it, or say 'if_exists: "
              "append' or 'if_exists: overwrite'");
  }
  CHECK(FileOutput(options + "append\n").write({kOne}) == NEK_OK);
  CHECK(read_file(path) == "before\n{\"a\":\"x\"}\n");
  CHECK(FileOutput(options + "overwrite\n").write({kOne}) == NEK_OK);
  CHECK(read_file(path) == "{\"a\":\"x\"}\n");
}

TEST_CASE("a file that is removed while it is written is made again with all its records") {
  const Folder folder;
  const std::string path = folder / "sub/flows.ndjson";
  FileOutput output("path: " + path + "\n");
  REQUIRE(output.write({kOne}) == NEK_OK);
  fs::remove_all(folder / "sub");
  REQUIRE(output.write({kTwo}) == NEK_OK);
  CHECK(read_file(path) == "{\"a\":\"x\"}\n{\"a\":\"y\"}\n{\"a\":\"z\"}\n");
  fs::remove_all(folder / "sub");
  output.snapshot();
  CHECK(read_file(path) == "{\"a\":\"x\"}\n{\"a\":\"y\"}\n{\"a\":\"z\"}\n");
}

}  // namespace
}  // namespace nek
