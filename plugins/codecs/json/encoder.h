// SPDX-License-Identifier: Apache-2.0
// JsonEncoder: writes batches as NDJSON, one object a record and line.
// It writes from the columns straight into the host's buffer; keys, quotes and the values of
// dictionaries are rendered once. Thread-safe; a Lane is one thread's.
#pragma once
#include <string>
#include <vector>

#include "encoder_options.h"
#include "nek/plugin.hpp"
#include "rendered_values.h"

namespace nek {

enum class Nulls : uint8_t { kWrite, kOmit };

struct JsonEncoderConfig : EncoderOptions {
  Nulls nulls = Nulls::kWrite;
};

class JsonEncoder {
 public:
  using Config = JsonEncoderConfig;

  // What a member of the object keeps between batches.
  struct Member {
    std::string key;         // ,"name":
    std::string quoted_key;  // ,"name":"
    RenderedValues values;   // of a dictionary, with the key: ,"name":"value"
    TimeFormat::Cache time;
  };
  struct Lane {
    struct Schema {
      const nek_schema* schema = nullptr;
      std::vector<Member> members;
      std::string twice;  // a name that two of them have
    };
    std::vector<Schema> schemas;
    std::vector<char> lines;  // see rows.cpp
  };

  JsonEncoder(Host host, Config config) : host_(host), config_(std::move(config)) {}
  Status setup(Shape& shape);
  Status start(const Start& start);
  Status encode(Call& call, Encoded& out, Lane& lane) const;
  std::string_view record_end() const { return "\n"; }

 private:
  Status set_time_format();
  Lane::Schema& schema_of(const Call& call, Lane& lane) const;

  Host host_;
  Config config_;
  TimeFormat time_format_;
};

}  // namespace nek
