// SPDX-License-Identifier: Apache-2.0
#include "../exact_file.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "nek/testing.hpp"

namespace nek {
namespace {

namespace fs = std::filesystem;
using testing::Folder;

// What is said in a process in which these system calls fail, as they do on other file systems.
std::string said_where(const std::vector<std::pair<long, int>>& failing,
                       const std::function<std::string()>& say) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::vector<sock_filter> code = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
    for (const auto& [call, error] : failing) {
      code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(call), 0, 1));
      code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<uint32_t>(error)));
    }
    code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    const sock_fprog program = {static_cast<unsigned short>(code.size()), code.data()};
    std::string text = "no filter of system calls";
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0)
      text = say();
    _exit(write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  close(ends[1]);
  std::string text(1000, '\0');
  const ssize_t got = read(ends[0], text.data(), text.size());
  text.resize(got > 0 ? static_cast<size_t>(got) : 0);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(status == 0);
  return text;
}

std::string rename_to(const std::string& from, const std::string& to) {
  Result<ExactFile> file = ExactFile::open(from);
  if (!file.ok()) return file.status().message();
  const Status status = file->rename(to);
  return status.ok() ? "" : status.message();
}

#ifdef SYS_link
constexpr long kLink = SYS_link;
#else
constexpr long kLink = SYS_linkat;  // newer machines have no other
#endif

TEST_CASE("a file gets its name where renaming without replacing is not known, and replaces none") {
  const bool has_links = GENERATE(true, false);
  std::vector<std::pair<long, int>> failing = {{SYS_renameat2, EINVAL}};
  if (!has_links) failing.emplace_back(kLink, EPERM);
  const Folder folder;
  const auto part = folder.file("a.part", "new"), name = folder.path("a");
  CHECK(said_where(failing, [&] { return rename_to(part, name); }) == "");
  CHECK(testing::detail::read_file(name) == "new");
  CHECK_FALSE(fs::exists(part));
  folder.file("a.part", "newer");
  CHECK(said_where(failing, [&] { return rename_to(part, name); }) ==
        "cannot rename " + part + " to " + name + ": File exists");
  CHECK(testing::detail::read_file(name) == "new");
  CHECK(testing::detail::read_file(part) == "newer");
}

TEST_CASE("a file that has both names, because nek died between the two steps, keeps the last") {
  const Folder folder;
  const auto part = folder.file("a.part", "all"), name = folder.path("a");
  fs::create_hard_link(part, name);
  CHECK(said_where({{SYS_renameat2, EINVAL}}, [&] { return rename_to(part, name); }) == "");
  CHECK(testing::detail::read_file(name) == "all");
  CHECK_FALSE(fs::exists(part));
}

TEST_CASE("a file is not there before each folder that was made for it is durable") {
  const Folder folder;
  const auto deep = folder.path("one/two/a");
  CHECK(said_where({{SYS_fsync, EIO}}, [&] {
          const auto file = ExactFile::open(deep);
          return file.ok() ? "" : file.status().message();
        }) == "cannot make the folder " + folder.path("one") + " durable: Input/output error");
}

}  // namespace
}  // namespace nek
