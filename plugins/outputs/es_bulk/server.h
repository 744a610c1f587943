// SPDX-License-Identifier: Apache-2.0
// Server: what is asked of the servers besides _bulk: who they are, templates, refresh and merge.
// Each function waits for the answer. Thread-safe.
#pragma once
#include <chrono>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "connection.h"
#include "nek/services.hpp"
#include "templates.h"

namespace nek {

class Server {
 public:
  explicit Server(const Connection& connection, Stop stop = {})
      : connection_(connection), stop_(std::move(stop)) {}

  struct About {
    std::string name, version;
    bool opensearch = false;
    std::string text() const {
      return std::string(opensearch ? "OpenSearch " : "Elasticsearch ") + version;
    }
  };
  Result<About> about() const;
  // Installs it unless one of this version or a newer one is there; what was done, in words.
  Result<std::string> install_template(const TemplateConfig& config,
                                       const std::string& pattern) const;
  // The version of the template of this name; -1: there is none.
  Result<int64_t> template_version(const std::string& name) const;
  // How far the server's clock is ahead of this one.
  Result<std::chrono::milliseconds> clock_skew(int64_t now_ms) const;
  Status refresh(const std::string& index) const;
  // Until the server needs what was written no more for a copy of a shard that it might make: a
  // merge keeps the source of younger documents even where none is to be stored. A minute at most.
  Status wait_for_leases(const std::string& index) const;
  Status force_merge(const std::string& index, uint32_t segments) const;

 private:
  Result<nlohmann::json> ask(HttpRequest request, bool may_be_absent = false) const;

  const Connection& connection_;
  Stop stop_;
};

}  // namespace nek
