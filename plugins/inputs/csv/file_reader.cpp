// SPDX-License-Identifier: Apache-2.0
#include "file_reader.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "fingerprint.h"

namespace nek {

namespace {

constexpr size_t kPackedBytes = size_t{256} << 10;

std::string why(int error) { return std::strerror(error); }

}  // namespace

Fd::~Fd() {
  if (fd_ > STDERR_FILENO) ::close(fd_);
}

Result<FileReader> FileReader::open(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // a FIFO must not wait here
  if (fd.get() < 0) return fail("cannot open '" + path + "': " + why(errno));
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return fail("cannot look at '" + path + "': " + why(errno));
  if (S_ISDIR(info.st_mode)) {
    const char* slash = path.ends_with('/') ? "" : "/";
    return fail("'" + path + "' is a folder; a pattern like '" + path + slash +
                "*.csv' reads its files");
  }
  if (!S_ISREG(info.st_mode)) {
    return fail("'" + path + "' is no regular file; '-' reads what comes by standard input");
  }
  return FileReader(path, std::move(fd), static_cast<uint64_t>(info.st_size), false);
}

// Such files are met often enough, and would be dead letters from beginning to end.
Status FileReader::refuse_foreign() const {
  using std::string_view_literals::operator""sv;
  static constexpr std::pair<std::string_view, const char*> kForeign[] = {
      {"\xfd"
       "7zXZ\0"sv,
       "is packed by xz; gzip, zstd and bzip2 can be read, or '-' with 'xz -dc FILE | nek ...'"},
      {"7z\xbc\xaf\x27\x1c"sv, "is packed by 7z; gzip, zstd and bzip2 can be read"},
      {"PK\x03\x04"sv, "is a zip archive; gzip, zstd and bzip2 can be read"},
      {"\x04\x22\x4d\x18"sv, "is packed by lz4; gzip, zstd and bzip2 can be read"},
      {"\x0c\xa5"sv,
       "is a file of nfcapd; 'nfdump -r FILE -6 -N -o \"fmt:%ts, %sa, %sp, %da, %dp, %byt, %pkt, "
       "%out, %pr, %flg\"' prints its flows"},
      {"\xff\xfe"sv, "is UTF-16; 'iconv -f UTF-16 -t UTF-8' makes UTF-8 of it"},
      {"\xfe\xff"sv, "is UTF-16; 'iconv -f UTF-16 -t UTF-8' makes UTF-8 of it"}};
  char first[8];
  const ssize_t got = ::pread(fd_.get(), first, sizeof first, 0);
  if (got <= 0) return {};  // reading tells
  for (const auto& [magic, what] : kForeign) {
    if (std::string_view(first, static_cast<size_t>(got)).starts_with(magic))
      return fail("'" + path_ + "' " + what);
  }
  return {};
}

std::pair<uint64_t, uint64_t> FileReader::id() const {
  struct stat info{};
  if (::fstat(fd_.get(), &info) != 0) return {};
  return {info.st_dev, info.st_ino};
}

std::string FileReader::end_print(uint64_t size) const {
  std::string bytes(std::min<uint64_t>(size, kFingerprintBytes), '\0');
  const auto from = static_cast<off_t>(size - bytes.size());
  const ssize_t got = ::pread(fd_.get(), bytes.data(), bytes.size(), from);
  return got == static_cast<ssize_t>(bytes.size()) ? fingerprint_all(bytes) : "";
}

FileReader FileReader::of_stdin() { return {"standard input", Fd(STDIN_FILENO), 0, true}; }

Result<bool> FileReader::read_head(int wait_ms) {
  const auto has_line = [&] { return head_.find('\n') != std::string::npos; };
  const auto wanted = [&] {
    const bool packed = head_.size() >= kHeadBytes && make_decompressor(head_) != nullptr;
    return packed ? kHeadBytes : wanted_head(head_);
  };
  while (!raw_ended_ && head_.size() < wanted() && !(is_stdin_ && has_line())) {
    if (!ready(wait_ms)) return false;
    const size_t used = head_.size(), size = wanted();
    head_.resize(size);
    const auto got = read_raw({reinterpret_cast<uint8_t*>(head_.data()) + used, size - used});
    head_.resize(used + (got.ok() ? *got : 0));
    if (!got.ok()) return got.status();
  }
  unpacker_ = make_decompressor(head_);
  if (!unpacker_) return true;
  packed_.assign(head_.begin(), head_.end());
  if (Status status = unpack_head(); !status.ok()) return status;
  return true;
}

Status FileReader::unpack_head() {
  size_t used = 0;
  for (;;) {
    head_.resize(used);
    const size_t size = wanted_head(head_);
    if (used >= size || at_end_) break;
    if (is_stdin_ && packed_at_ == packed_.size()) break;  // more might have to be waited for
    head_.resize(size);
    const auto got =
        unpack({reinterpret_cast<uint8_t*>(head_.data()) + used, head_.size() - used}, 0);
    if (!got.ok()) {
      head_.resize(used);
      return got.status();
    }
    used += *got;
  }
  return {};
}

Status FileReader::skip_to(uint64_t position) {
  if (unpacker_) {
    std::vector<uint8_t> skipped(kPackedBytes);
    while (position_ < position && !at_end()) {
      const size_t size = std::min<uint64_t>(skipped.size(), position - position_);
      const auto got = read(std::span(skipped).first(size), 0);
      if (!got.ok()) return got.status();
    }
  } else if (position <= size_) {
    taken_ = std::max<uint64_t>(position, head_.size());  // what lies before that is in the head
    if (::lseek(fd_.get(), static_cast<off_t>(taken_), SEEK_SET) < 0) {
      return fail("cannot read on in '" + path_ + "': " + why(errno));
    }
    position_ = position;
  }
  if (position_ == position) return {};
  return fail("'" + path_ + "' is shorter than what was read of it before");
}

Result<size_t> FileReader::read(std::span<uint8_t> to, int wait_ms) {
  if (position_ < head_.size()) {
    const size_t size = std::min(to.size(), head_.size() - position_);
    std::memcpy(to.data(), head_.data() + position_, size);
    position_ += size;
    return size;
  }
  if (!unpacker_ && !ready(wait_ms)) return size_t{0};
  const auto got = unpacker_ ? unpack(to, wait_ms) : read_raw(to);
  if (!got.ok()) return got;
  position_ += *got;
  if (!unpacker_) at_end_ = raw_ended_;
  return got;
}

bool FileReader::ready(int wait_ms) const {
  if (!is_stdin_) return true;
  pollfd waiting = {fd_.get(), POLLIN, 0};
  return ::poll(&waiting, 1, wait_ms) > 0;
}

Result<size_t> FileReader::read_raw(std::span<uint8_t> to) {
  ssize_t got = 0;
  do {
    got = ::read(fd_.get(), to.data(), to.size());
  } while (got < 0 && errno == EINTR);
  if (got < 0) return fail("cannot read '" + path_ + "': " + why(errno));
  raw_ended_ = got == 0;
  taken_ += static_cast<uint64_t>(got);
  return static_cast<size_t>(got);
}

Result<size_t> FileReader::unpack(std::span<uint8_t> to, int wait_ms) {
  for (;;) {
    const auto step = unpacker_->step(std::span(packed_).subspan(packed_at_), to);
    if (!step.ok()) return fail("'" + path_ + "': " + step.status().message());
    packed_at_ += step->taken;
    if (step->made > 0) return step->made;
    if (packed_at_ < packed_.size()) continue;
    if (raw_ended_) break;
    if (!ready(wait_ms)) return size_t{0};
    if (Status status = read_packed(); !status.ok()) return status;
  }
  at_end_ = unpacker_->may_end();
  if (at_end_) return size_t{0};
  return fail("'" + path_ + "' ends within its compressed data: it is not whole");
}

Status FileReader::read_packed() {
  packed_.resize(kPackedBytes);
  packed_at_ = 0;
  const auto got = read_raw(packed_);
  packed_.resize(got.ok() ? *got : 0);
  return got.status();
}

}  // namespace nek
