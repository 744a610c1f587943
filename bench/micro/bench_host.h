// SPDX-License-Identifier: Apache-2.0
// BenchHost and BenchPlugin: a host around started plugins that checks nothing.
// The test host looks at every row of what is handed out; a measurement must not.
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

// The plugin of that name and kind (&nek_plugin::filter), from the build folder.
template <class Table>
const nek_plugin& load(const std::string& file, std::string_view name, Table nek_plugin::* kind) {
  const std::string path = std::string(NEK_BENCH_PLUGINS) + "/" + file + ".so";
  void* object = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!object) stop(dlerror());
  const auto* entry = static_cast<const nek_entry*>(dlsym(object, "nek_plugin_entry"));
  if (!entry) stop(path + " is no plugin");
  const auto* list = static_cast<const nek_plugin* const*>(entry->get_factory(NEK_PLUGINS));
  for (; *list; list++) {
    if ((*list)->*kind && (*list)->name == name) return **list;
  }
  stop(path + " has no such plugin as " + std::string(name));
}

class BenchHost {
 public:
  struct CallOf : nek_call {
    size_t stage = 0;  // whose call it is, where there are several
  };

  BenchHost() { fill_table(); }
  virtual ~BenchHost() = default;
  BenchHost(const BenchHost&) = delete;
  BenchHost& operator=(const BenchHost&) = delete;

  const nek_host* c() const { return &host_; }
  // What calls make; whoever measures resets it.
  Arena& output() { return output_; }
  // What lives as long as the host.
  Arena& kept() { return kept_; }

  CallOf call(void* lane, size_t stage = 0) const {
    CallOf call;
    static_cast<nek_call&>(call) = {};
    call.size = sizeof(nek_call);
    call.host = &host_;
    call.lane = lane;
    call.stage = stage;
    return call;
  }
  const nek_dictionary* dictionary(const nek_column& values) {
    const nek_column* copy = testing::copy_column(kept_, values);
    return &dictionaries_.emplace_back(nek_dictionary{1 + dictionaries_.size(), copy});
  }
  // What columns with chunk_text point into.
  void set_chunk(nek_buffer chunk) { chunk_ = chunk; }
  const std::string& error() const { return error_; }

 protected:
  virtual void decoded(const nek_schema&, uint32_t /*rows*/, const nek_column* const*) {}
  virtual void emitted(size_t /*stage*/, const nek_column* const* /*added*/) {}

 private:
  struct Table : nek_host {
    BenchHost* owner;
  };
  static BenchHost& of(const nek_host* host) { return *static_cast<const Table*>(host)->owner; }

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
    host_.schema = [](const nek_host* h, const nek_field* fields, uint32_t count) {
      return of(h).schema(fields, count);
    };
    host_.dictionary = [](const nek_host* h, const nek_column* values) {
      return of(h).dictionary(*values);
    };
    host_.dictionary_free = [](const nek_host*, const nek_dictionary*) {};
    host_.memory = [](nek_call* c, size_t bytes) { return of(c->host).output_.allocate(bytes); };
    host_.column = [](nek_call* c, const nek_make* make) {
      return make_column(of(c->host).output_, *make, of(c->host).chunk_);
    };
    host_.emit = [](nek_call* c, uint32_t, const uint64_t*, const nek_column* const* added) {
      of(c->host).emitted(static_cast<const CallOf*>(c)->stage, added);
    };
    host_.derive = [](nek_call*, uint32_t, uint32_t, const nek_column* const*, const nek_id*) {};
    host_.decoded = [](nek_call* c, const nek_schema* schema, uint32_t rows,
                       const nek_column* const* columns,
                       const nek_span*) { of(c->host).decoded(*schema, rows, columns); };
    host_.refuse_row = [](nek_call*, uint32_t, const char* reason, nek_text detail) {
      stop("refused: " + std::string(reason) + ": " + std::string(to_view(detail)));
    };
    host_.refuse_bytes = [](nek_call*, nek_span, const char* reason, nek_text detail) {
      stop("refused: " + std::string(reason) + ": " + std::string(to_view(detail)));
    };
    host_.reserve = [](nek_encoded*, size_t) {
      stop("the block for encoded records is too small");
    };
  }
  const nek_schema* schema(const nek_field* fields, uint32_t count) {
    auto& copy = fields_.emplace_back(fields, fields + count);
    for (nek_field& field : copy) field.name = names_.emplace_back(field.name).c_str();
    return &schemas_.emplace_back(nek_schema{count, copy.data()});
  }

  Table host_{};
  Arena output_, kept_;
  nek_buffer chunk_{};
  std::deque<nek_dictionary> dictionaries_;
  std::deque<nek_schema> schemas_;
  std::deque<std::vector<nek_field>> fields_;
  std::deque<std::string> names_;
  std::string error_;
};

// A started instance and a lane of it.
class BenchPlugin {
 public:
  BenchPlugin(BenchHost& host, const nek_plugin& plugin, std::string_view options)
      : plugin_(plugin), config_(plugin.options, options) {
    if (plugin_.create(host.c(), config_.root(), &self_) != NEK_OK) stop(host.error());
    nek_start start{};
    start.size = sizeof start;
    if (plugin_.start && plugin_.start(self_, &start) != NEK_OK) stop(host.error());
    if (plugin_.lane_new) lane_ = plugin_.lane_new(self_);
  }
  ~BenchPlugin() {
    if (plugin_.lane_free) plugin_.lane_free(self_, lane_);
    if (plugin_.stop) plugin_.stop(self_);
    plugin_.destroy(self_);
  }
  BenchPlugin(const BenchPlugin&) = delete;
  BenchPlugin& operator=(const BenchPlugin&) = delete;

  const nek_plugin& plugin() const { return plugin_; }
  const nek_shape& shape() const { return *plugin_.shape(self_); }
  void* self() const { return self_; }
  void* lane() const { return lane_; }

 private:
  const nek_plugin& plugin_;
  testing::Config config_;
  void* self_ = nullptr;
  void* lane_ = nullptr;
};

}  // namespace nek::bench
