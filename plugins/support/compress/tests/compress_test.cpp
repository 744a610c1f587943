// SPDX-License-Identifier: Apache-2.0
// What is compressed is read back by gzip itself, and by zstd's own decoder.
#include "../compress.h"

#include <unistd.h>
#include <zstd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace nek {
namespace {

std::string gunzip(const std::string& packed) {
  const auto path =
      std::filesystem::temp_directory_path() / ("nek_compress_" + std::to_string(getpid()));
  std::ofstream(path, std::ios::binary) << packed;
  const std::string command = "gzip -dc < " + path.string();
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  REQUIRE(pipe);
  std::string text;
  char bytes[65536];
  for (size_t got = 1; got > 0;) {
    got = fread(bytes, 1, sizeof bytes, pipe.get());
    text.append(bytes, got);
  }
  std::filesystem::remove(path);
  return text;
}

std::string unzstd(const std::string& packed) {
  std::string text(1'000'000, '\0');
  text.resize(ZSTD_decompress(text.data(), text.size(), packed.data(), packed.size()));
  return text;
}

using Pieces = std::vector<std::string_view>;

void check(const std::function<Status(const Pieces&, std::string&)>& append,
           const std::function<std::string(const std::string&)>& unpack) {
  std::string large;
  for (int i = 0; i < 100'000; i++) large += std::to_string(i * 7919 % 10007) + ",";
  std::string packed;
  REQUIRE(append({"one\n", "", "two\n"}, packed).ok());
  CHECK(unpack(packed) == "one\ntwo\n");
  REQUIRE(append({large}, packed).ok());  // behind the first: a file of two
  REQUIRE(append({""}, packed).ok());
  CHECK(unpack(packed) == "one\ntwo\n" + large);
  CHECK(packed.size() < large.size() / 2);
}

TEST_CASE("gzip reads what was compressed, several members in a file too") {
  check(append_gzip, gunzip);
}
TEST_CASE("zstd reads what was compressed, several frames in a file too") {
  check(append_zstd, unzstd);
}

}  // namespace
}  // namespace nek
