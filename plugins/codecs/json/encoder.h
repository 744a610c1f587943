// SPDX-License-Identifier: Apache-2.0
// JsonEncoder: writes batches as NDJSON, one object a record and line.
// It writes from the columns straight into the host's buffer; keys, quotes and the values of
// dictionaries are rendered once. Thread-safe; a Lane is one thread's.
#pragma once
#include <string>
#include <vector>

#include "nek/plugin.hpp"
#include "time_format.h"

namespace nek {

enum class Nulls : uint8_t { kWrite, kOmit };

struct JsonEncoderConfig {
  std::vector<std::string> fields;
  StringPairs rename;
  Nulls nulls = Nulls::kWrite;
  std::string time_format;
  std::string timezone;
};

class JsonEncoder {
 public:
  using Config = JsonEncoderConfig;

  // What a member of the object keeps between batches.
  struct Member {
    static constexpr uint32_t kNotRendered = UINT32_MAX;
    struct Rendered {
      uint32_t begin = 0, size = kNotRendered;
    };
    std::string key;          // ,"name":
    std::string quoted_key;   // ,"name":"
    uint64_t dictionary = 0;  // id of the one that `rendered` is of, by code
    std::vector<Rendered> rendered;
    std::string text;    // ,"name":"value" of the values that were met
    size_t longest = 0;  // of them
    TimeFormat::Cache time;
  };
  struct Lane {
    struct Schema {
      const nek_schema* schema = nullptr;
      std::vector<Member> members;
      std::string twice;  // a name that two of them have
    };
    std::vector<Schema> schemas;
    std::vector<char> lines;  // see encoder.cpp
  };

  JsonEncoder(Host host, Config config) : host_(host), config_(std::move(config)) {}
  Status setup(Shape& shape);
  Status start(const Start& start);
  Status encode(Call& call, Encoded& out, Lane& lane) const;
  std::string_view record_end() const { return "\n"; }

 private:
  Status compile_time_format();
  Status check_names() const;
  bool is_user_rename(const std::string& column) const;
  std::string name_of(const std::string& column) const;
  Lane::Schema& schema_of(const Call& call, Lane& lane) const;

  Host host_;
  Config config_;
  TimeFormat time_format_;
};

}  // namespace nek
