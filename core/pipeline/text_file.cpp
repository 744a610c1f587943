// SPDX-License-Identifier: Apache-2.0
#include "pipeline/text_file.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

namespace nek {
namespace {

Status system_error() { return fail(std::generic_category().message(errno)); }

}  // namespace

Result<std::string> read_text_file(const std::string& path, size_t max_bytes) {
  std::error_code code;
  const bool exists = std::filesystem::exists(path, code);
  if (exists && !std::filesystem::is_regular_file(path, code)) return fail("Not a regular file");
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             &std::fclose);
  if (!file) return system_error();
  std::string text(max_bytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get())) return system_error();
  if (text.size() > max_bytes) return fail("Larger than " + std::to_string(max_bytes) + " bytes");
  return text;
}

}  // namespace nek
