// SPDX-License-Identifier: Apache-2.0
// Decoder: rows of RFC 4180, or what nfdump printed, as typed columns.
// Which field becomes which column is told by a Plan: of the declared columns, of a source's header
// or of one of nfdump's formats. Thread-safe; a Lane is one thread's.
#pragma once
#include <atomic>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "columns.h"
#include "nek/plugin.hpp"
#include "nfdump.h"
#include "scan.h"

namespace nek::csv {

enum class Format : uint8_t { kPlain, kNfdump };
enum class Header : uint8_t { kAuto, kYes, kNo };

struct DecoderConfig {
  Format format = Format::kPlain;
  StringPairs columns;
  std::string timezone;
  bool icmp = false;
  // Of plain rows only, so that it is known whether they were written.
  std::optional<Header> header;
  std::optional<std::string> delimiter;
  std::optional<bool> trim;
};

class Decoder {
 public:
  static constexpr bool kTextsAreUtf8 = true;
  struct Source {
    std::optional<Plan> by_header;
    const Plan* plan = nullptr;         // of plain records
    std::string problem;                // of the header: no record can be read
    std::optional<uint64_t> header_at;  // empty lines may precede it
    // nfdump's
    std::optional<NfdumpFormat> header;  // with commas
    bool is_fmt = false;                 // mostly
    bool refuses_words = false;          // by its header their columns are elsewhere
  };
  struct Lane {
    Index index;
    std::vector<size_t> segments;  // the first record of each
    std::vector<Refusal> refusals;
    Scratch scratch;
  };

  Decoder(Host host, DecoderConfig config);
  Status setup(Shape& shape);
  Status start(const Start& start);
  // Bytes must not stop a pipeline: a header that is wrong makes dead letters of its rows.
  Status open(Source& source, std::string_view head) const;
  size_t frame(const Source&, std::string_view bytes, bool at_end) const {
    return at_end ? bytes.size() : last_record_end(bytes, dialect_);
  }
  Status decode(Call& call, const nek_chunk& chunk, Lane& lane) const;
  void stop();

 private:
  bool nfdump() const { return config_.format == Format::kNfdump; }

  Status set_nfdump();
  Column& add_flow_column(const char* name, FlowKind kind);
  Status set_plain();

  // The first time is the event's.
  static std::vector<nek_field> fields_of(const std::vector<Column>& columns);
  Plan plan_of(std::vector<Column> columns, uint32_t fields) const;
  Plan nfdump_plan(const NfdumpFormat& format) const;

  // Its fields, and where it begins.
  std::pair<std::vector<std::string>, uint32_t> first_record(std::string_view bytes) const;
  // The names in the first header of nfdump's, unless flows precede it.
  std::vector<std::string> nfdump_header_in(std::string_view head) const;
  // Whether a header further down tells what is assumed anyway: rows may be in another chunk, so
  // that it can't change how they are read.
  static bool is_expected(const Source& source, const std::vector<std::string>& names);
  bool is_header(const std::vector<std::string>& first) const;
  // What is wrong with the header, or "".
  std::string plan_by_header(Source& source, const std::vector<std::string>& names) const;
  // "": nothing.
  static std::string wrong_with_name(std::string_view name);

  void index_chunk(const nek_chunk& chunk, Lane& lane) const;
  void index_segment(const char* bytes, const nek_segment& segment, Index& index) const;

  // How to read a record; nullptr where it is none, with a refusal unless it is meant to be
  // skipped.
  const Plan* plan_for(const Source& source, const char* bytes, Record& record, Lane& lane) const;
  static void refuse(Call& call, std::vector<Refusal>& refusals);
  void count(const Counts& counts) const;

  Host host_;
  DecoderConfig config_;
  Dialect dialect_;
  Header header_ = Header::kAuto;
  BitmapUnit unit_ = bitmap_units().back();
  TimeZone zone_;
  std::vector<Column> columns_;  // declared; once started: those of them that anyone reads
  std::optional<std::set<std::string>> wanted_;  // none: all
  std::vector<Plan> plans_;  // nfdump: of each format; plain: of the declared columns in order
  Metric shortened_, ambiguous_, flagless_;
  mutable std::atomic<uint64_t> all_shortened_ = 0, all_ambiguous_ = 0, all_flagless_ = 0,
                                all_rows_ = 0,
                                all_refused_ = 0;  // for the warnings at the end
};

}  // namespace nek::csv
