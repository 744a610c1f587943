// SPDX-License-Identifier: Apache-2.0
// Folder: a temporary folder of a test, and what lies in it; gone with all of it when the test
// ends. Names are below the folder; an absolute path is taken as it is. Not thread-safe.
#pragma once
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>

namespace nek::testing {

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "nek_test_XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string path(const std::string& name = "") const { return (path_ / name).string(); }
  // Writes a file, and the folders that it lies in; its path.
  std::string file(const std::string& name, const std::string& bytes) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return path(name);
  }
  void append(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ / name, std::ios::binary | std::ios::app) << bytes;
  }
  std::string read(const std::string& name) const {
    std::ifstream file(path_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
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
  void rename(const std::string& from, const std::string& to) const {
    std::filesystem::rename(path_ / from, path_ / to);
  }
  void copy(const std::string& from, const std::string& to) const {
    std::filesystem::copy_file(path_ / from, path_ / to);
  }
  void truncate(const std::string& name) const { std::filesystem::resize_file(path_ / name, 0); }
  void remove(const std::string& name) const { std::filesystem::remove(path_ / name); }
  // As if it had last been written to two days ago.
  void make_older(const std::string& name) const {
    std::filesystem::last_write_time(
        path_ / name, std::filesystem::file_time_type::clock::now() - std::chrono::hours(48));
  }

 private:
  std::filesystem::path path_;
};

}  // namespace nek::testing
