// SPDX-License-Identifier: Apache-2.0
// BenchHost: one plugin of a shared object, started, and a host around it that checks nothing.
// The test host looks at every row of what is emitted; a measurement must not.
// Not thread-safe.
#pragma once
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "nek/arena.hpp"
#include "nek/plugin.h"
#include "nek/testing/config.hpp"
#include "nek/testing/host.hpp"
#include "nek/testing/run.hpp"

namespace nek::bench {

[[noreturn]] inline void stop(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

inline const nek_plugin& load(const std::string& file, std::string_view name) {
  const std::string path = std::string(NEK_BENCH_PLUGINS) + "/" + file + ".so";
  void* object = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!object) stop(dlerror());
  const void* entry = dlsym(object, "nek_plugin_entry");
  if (!entry) stop(path + " is no plugin");
  return testing::find_plugin(name, *static_cast<const nek_entry*>(entry));
}

// A filter and the batches that go through it.
class FilterBench {
 public:
  FilterBench(const std::string& file, std::string_view name, std::string_view options)
      : plugin_(load(file, name)), config_(plugin_.options, options) {
    fill_table();
    if (plugin_.create(&host_, config_.root(), &self_) != NEK_OK) stop(error_);
    shape_ = plugin_.shape(self_);
    nek_start start{};
    start.size = sizeof start;
    if (plugin_.start && plugin_.start(self_, &start) != NEK_OK) stop(error_);
    if (plugin_.lane_new) lane_ = plugin_.lane_new(self_);
  }
  ~FilterBench() {
    if (plugin_.lane_free) plugin_.lane_free(self_, lane_);
    if (plugin_.stop) plugin_.stop(self_);
    plugin_.destroy(self_);
  }
  FilterBench(const FilterBench&) = delete;
  FilterBench& operator=(const FilterBench&) = delete;

  // `reads`: the columns that the filter's shape reads, in that order. Valid until the bench's end.
  void add_batch(std::vector<const nek_column*> reads) { batches_.push_back(std::move(reads)); }
  Arena& arena() { return input_; }
  const nek_dictionary* dictionary(const nek_column& values) {
    const uint64_t id = dictionaries_.size() + 1;
    return &dictionaries_.emplace_back(nek_dictionary{id, testing::copy_column(input_, values)});
  }

  // The next batch through process(); its rows.
  uint32_t run() {
    const auto& reads = batches_[next_++ % batches_.size()];
    nek_batch batch{};
    batch.rows = reads[0]->rows;
    CallOf call;
    call.size = sizeof(nek_call);
    call.host = &host_;
    call.lane = lane_;
    call.batch = &batch;
    call.reads = reads.data();
    call.arena = &output_;
    output_.reset();
    if (plugin_.filter->process(self_, &call) != NEK_OK) stop(error_);
    return batch.rows;
  }
  uint64_t emitted() const { return emitted_; }  // batches, to all streams

 private:
  struct CallOf : nek_call {
    Arena* arena;
  };
  struct Table : nek_host {
    FilterBench* owner;
  };
  static FilterBench& of(const nek_host* host) { return *static_cast<const Table*>(host)->owner; }
  static Arena& arena_of(nek_call* call) { return *static_cast<CallOf*>(call)->arena; }

  void fill_table() {
    host_.size = sizeof(nek_host);
    host_.owner = this;
    host_.fail = [](const nek_host* h, nek_status status, nek_text what, const nek_value*) {
      of(h).error_ = to_view(what);
      return status;
    };
    host_.log = [](const nek_host*, int, nek_text) {};
    host_.now_ms = [](const nek_host*) { return int64_t{0}; };
    host_.metric = [](const nek_host*, int, const char*, const char*) -> nek_metric* {
      return nullptr;
    };
    host_.dictionary = [](const nek_host* h, const nek_column* values) {
      return of(h).dictionary(*values);
    };
    host_.dictionary_free = [](const nek_host*, const nek_dictionary*) {};
    host_.memory = [](nek_call* c, size_t bytes) { return arena_of(c).allocate(bytes); };
    host_.column = [](nek_call* c, const nek_make* make) {
      return make_column(arena_of(c), *make);
    };
    host_.emit = [](nek_call* c, uint32_t, const uint64_t*, const nek_column* const*) {
      of(c->host).emitted_++;
    };
    host_.refuse_row = [](nek_call*, uint32_t, const char*, nek_text) {};
  }

  const nek_plugin& plugin_;
  testing::Config config_;
  Table host_{};
  Arena input_, output_;
  std::deque<nek_dictionary> dictionaries_;
  std::vector<std::vector<const nek_column*>> batches_;
  std::string error_;
  const nek_shape* shape_ = nullptr;
  void* self_ = nullptr;
  void* lane_ = nullptr;
  size_t next_ = 0;
  uint64_t emitted_ = 0;
};

}  // namespace nek::bench
