// SPDX-License-Identifier: Apache-2.0
// FollowTest: a folder, and the input that follows what lies in it, with a clock that the test
// turns and a host that keeps positions as nek does. Not thread-safe.
#pragma once
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <ctime>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "nek/testing.hpp"

namespace nek::testing {

constexpr int kSecond = 1000, kMinute = 60 * kSecond, kHour = 60 * kMinute;
using Texts = std::vector<std::string>;

class FollowTest {
 protected:
  Folder folder;

  // Begins to; the pattern is one of the folder.
  void follow(const std::string& pattern, const std::string& more = "") {
    options_ = "path: \"" + folder.path(pattern) + "\"\nfollow: true\n" + more;
    begin({});
  }
  // As after kill -9, just after a complete snapshot.
  void restart() {
    remember();
    Setup setup;
    setup.resume = at_;
    setup.ended = host().ended;
    setup.marks = input_->host().marks;
    begin(std::move(setup));
  }
  // What comes within this time, the bytes of all files one after the other.
  std::string read(int ms = 0, uint32_t capacity = 1 << 20) {
    std::string all;
    for (int time = 0; time <= ms; time += 250) {
      for (;;) {
        remember();
        const auto one = input_->read(capacity, 0);
        if (one.status != NEK_OK) throw std::runtime_error("read: " + host().error());
        if (one.segments.empty()) break;
        for (const auto& segment : one.segments) {
          all += segment.bytes;
          at_[segment.identity] = segment.position + segment.bytes.size();
          if (const size_t end = segment.bytes.rfind('\n'); end != std::string::npos)
            line_end_[segment.identity] = segment.position + end + 1;
        }
      }
      now_ += 250;
      host().now = now_;
    }
    remember();
    return all;
  }
  // One read only, of so many bytes.
  void read_once(uint32_t capacity) {
    for (const auto& segment : input_->read(capacity, 0).segments)
      at_[segment.identity] = segment.position + segment.bytes.size();
  }
  // Sources that were opened to be read, and not given up: "open", "ended" or "left" each.
  Texts sources() {
    Texts all;
    for (const auto& source : host().sources())
      if (!source.revoked && !source.name.empty())
        all.emplace_back(source.at_end ? "ended" : source.left ? "left" : "open");
    return all;
  }
  std::string log() {
    std::string all;
    for (const auto& line : host().logs()) all += line + "\n";
    return all;
  }
  // How many positions the next snapshot has.
  size_t known() const { return at_.size(); }
  Host& host() { return input_->host(); }
  // As gzip does it.
  void pack(const std::string& name) const {
    if (std::system(("gzip -n " + folder.path(name)).c_str()) != 0)
      throw std::runtime_error("gzip failed");
  }

 private:
  void begin(Setup setup) {
    input_.reset();
    input_.emplace(find_plugin("csv"), options_, std::move(setup));
    host().now = now_;
  }
  // A source that is opened again goes on where it was read to, if it was not given up.
  void remember() {
    auto& sources = host().sources();
    std::map<std::string, const Host::Source*> last;
    for (const auto& source : sources) last[source.identity] = &source;
    for (const auto& [identity, source] : last) {
      if (source->at_end)
        host().ended.insert(identity);
      else
        host().ended.erase(identity);
      if (source->revoked)
        at_.erase(identity);
      else if (source->left && at_.contains(identity))
        at_[identity] = std::min(at_[identity], std::max(line_end_[identity], begin_of(*source)));
    }
    host().resume = at_;
  }
  static uint64_t begin_of(const Host::Source& source) {
    return source.resume == NEK_NO_POSITION ? 0 : source.resume;
  }

  std::string options_;
  std::optional<Input> input_;
  std::map<std::string, uint64_t> at_, line_end_;  // by identity: how far it was read
  int64_t now_ = int64_t{std::time(nullptr)} * 1000;
};

}  // namespace nek::testing
