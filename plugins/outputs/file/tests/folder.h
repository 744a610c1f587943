// SPDX-License-Identifier: Apache-2.0
// Folder: a temporary folder of a test, and what lies in it.
// It is gone with all it holds when the test ends. Not thread-safe.
#pragma once
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>

namespace nek {

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "nek_file_XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

  static std::string read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void write(const std::string& path, const std::string& bytes) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
  }
  // All files: path below the folder, and what is in it.
  std::map<std::string, std::string> files() const {
    std::map<std::string, std::string> all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path_)) {
      if (!entry.is_regular_file()) continue;
      all[std::filesystem::relative(entry.path(), path_).string()] = read(entry.path().string());
    }
    return all;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace nek
