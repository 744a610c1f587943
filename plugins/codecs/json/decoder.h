// SPDX-License-Identifier: Apache-2.0
// JsonDecoder: reads JSON objects, one a line or several a message, as typed columns.
// Which columns a record has depends on the record alone, so batches may be cut anywhere: with
// `columns` all records have these; without, records with the same keys and kinds of values in a
// row are one batch. Thread-safe; a Lane is one thread's.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "column_types.h"
#include "json_reader.h"
#include "nek/plugin.hpp"
#include "seen_texts.h"

namespace nek {

enum class Others : uint8_t { kDrop, kKeep };

struct JsonDecoderConfig {
  StringPairs columns;
  Others others = Others::kDrop;
};

class JsonDecoder {
 public:
  using Config = JsonDecoderConfig;
  static constexpr bool kTextsAreUtf8 = true;

  struct Column {
    std::string name;
    ColumnType type;
    uint32_t flags = 0;
  };
  // The columns of a batch.
  struct Table {
    const nek_schema* schema = nullptr;
    std::vector<Column> columns;
  };
  // Which column each member of records of one form becomes.
  struct Layout {
    struct Member {
      char form;       // see form_of()
      int32_t column;  // -1: none
    };
    std::vector<Member> members;
    bool any_form = true;           // no member's form decides about columns
    std::vector<uint32_t> missing;  // columns that no member becomes
    Table own;
    const Table* table = &own;
  };
  // Values of one column that are to be in one batch.
  struct Values {
    union Value {
      nek_span text;  // of the chunk, as written
      int64_t integer;
      uint64_t counter;
      double real;
    };
    enum : uint8_t { kNull = 0, kHas = 1, kEscaped = 2 };
    std::vector<Value> values;
    std::vector<uint8_t> flags;
  };
  // Codes of a column's texts; short ones are mostly found in a small table.
  struct Codes {
    struct Short {
      uint64_t text = 0;
      uint32_t size = UINT32_MAX;
      int32_t code = 0;
    };
    SeenTexts seen;
    std::vector<Short> last;  // by a hash
  };
  struct Lane {
    JsonReader reader;
    std::unordered_map<std::string, std::unique_ptr<Layout>> layouts;  // by signature
    const Layout* layout = nullptr;                                    // of the last object
    std::string signature;
    std::map<std::string, Codes> codes;  // by column
    // Records that are to be one batch.
    const Table* table = nullptr;
    std::vector<Values> columns;
    size_t room = 0;  // rows that each of the table's columns has room for
    std::vector<nek_span> raw;
  };

  JsonDecoder(Host host, Config config) : host_(host), config_(std::move(config)) {}
  Status setup(Shape& shape);
  Status start(const Start& start);
  size_t frame(std::string_view bytes, bool at_end) const;
  Status decode(Call& call, const nek_chunk& chunk, Lane& lane) const;

 private:
  class Decoding;
  bool keeps_others() const { return config_.columns.empty() || config_.others == Others::kKeep; }
  // Whether this column is to be made.
  bool wants(const std::string& name) const { return wants_all_ || wanted_.contains(name); }
  Table table_of(std::vector<Column> columns) const;

  Host host_;
  Config config_;
  std::vector<Column> declared_;
  std::unordered_map<std::string, uint32_t> declared_index_;
  std::set<std::string> wanted_;  // columns that anyone reads
  bool wants_all_ = true;
  Table fixed_;  // of the declared columns that anyone reads, where others are dropped
  std::vector<std::string> no_texts_;
  Dictionary empty_;
};

}  // namespace nek
