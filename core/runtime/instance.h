// SPDX-License-Identifier: Apache-2.0
// Instance: one plugin of a pipeline, as configured, with the table of services that it was given.
// A component of the pipeline is one instance, or two: an input and its decoder, an output and its
// encoder. Not thread-safe beyond what plugin.h says of each function; the fields are read-only
// after start().
#pragma once
#include <atomic>
#include <exception>
#include <memory>
#include <string>

#include "metrics/metrics.h"
#include "nek/plugin.h"
#include "nek/status.hpp"
#include "runtime/records.h"
#include "util/env.h"

namespace nek {

// What an input's instance may ask of its reader. Called on the reader's thread only.
class SourceHost {
 public:
  virtual ~SourceHost() = default;
  virtual Source* open(const nek_source_open& request) = 0;
  virtual void end(Source& source) = 0;
  virtual void leave(Source& source) = 0;
  virtual void mark(Source& source, std::string_view mark) = 0;
  virtual void known(const std::function<void(const nek_known_source&)>& each) const = 0;
  virtual void revoke(Source* const* sources, uint32_t count, uint32_t wait_ms,
                      uint64_t* committed) = 0;
};

struct Instance : nek_host {
  Instance(const nek_plugin& plugin, uint32_t component, std::string id, Env& env,
           Metrics& metrics);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  Status create(const nek_value& config);
  Status start(const nek_start& start);
  void stop();  // once, after a start that succeeded; else nothing
  // Each call of the plugin goes through one of these. None may throw: what one throws is its
  // failure, not the end of nek.
  template <class F>
  nek_status run(F step) const {
    try {
      return step();
    } catch (const std::exception& e) {
      return threw(std::string("it threw: ") + e.what());
    } catch (...) {
      return threw("it threw what is no std::exception");
    }
  }
  // One that has no status to answer: why it failed is logged. False: it threw.
  template <class F>
  bool tell(const char* what, F call) const {
    begin_telling();
    const nek_status status = run([&] {
      call();
      return nek_status{NEK_OK};
    });
    end_telling(what);
    return status == NEK_OK;
  }
  // Of a decoder: a source begins, or is over.
  nek_status open_source(nek_source& source, nek_text head) const;
  void close_source(nek_source& source) const;
  bool wants(uint32_t control_kind) const { return control && (control->kinds & control_kind); }

  const nek_plugin& plugin;
  const uint32_t component;
  const std::string id;  // of the component
  Env& env;
  Metrics& metrics;
  void* self = nullptr;
  const nek_shape* shape = nullptr;
  const nek_control_extension* control = nullptr;
  const nek_progress_extension* progress = nullptr;
  const nek_summary_extension* summary = nullptr;
  const nek_connect_extension* connect = nullptr;
  SourceHost* sources = nullptr;  // inputs
  Instance* codec = nullptr;      // outputs: the encoder's
  bool started = false;
  std::atomic<bool> stopping = false;               // what host->stopping() answers
  mutable std::atomic<bool> told_of_texts = false;  // that it derives some which are not UTF-8

 private:
  nek_status threw(const std::string& why) const;
  static void begin_telling();
  void end_telling(const char* what) const;
};

// What host->fail() said last on this thread; reading it clears it.
struct Failure {
  std::string text;
  const nek_value* at = nullptr;
};
Failure take_failure();

// The table that every instance begins with.
nek_host host_services();

}  // namespace nek
