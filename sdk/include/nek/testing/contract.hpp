// SPDX-License-Identifier: Apache-2.0
// check_contract: whether a plugin keeps to what plugin.h asks of all plugins, by one call.
// It describes, creates, starts and stops it, and runs its steps on empty, null and extreme rows.
// Not thread-safe.
#pragma once
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "nek/plugin.h"
#include "nek/testing/config.hpp"
#include "nek/testing/run.hpp"

namespace nek::testing {

namespace detail {

class Contract {
 public:
  Contract(const nek_plugin& plugin, std::string_view options)
      : plugin_(plugin), options_(options) {}

  std::string check() {
    const size_t files = open_files();
    check_description();
    check_options("", plugin_.options);
    check(open_files() == files, "describing it opens a file");
    if (!problems_.empty()) return problems_;  // what follows relies on it
    guarded("create and destroy without start", [&] { check_not_started(); });
    if (!problems_.empty()) return problems_;
    guarded("start and stop", [&] { check_started(); });
    if (!problems_.empty()) return problems_;
    guarded("steps", [&] { check_steps(); });
    check(open_files() == files, "files are left open after destroy");
    return problems_;
  }

 private:
  void check(bool good, const std::string& problem) {
    if (!good) problems_ += problem + "\n";
  }
  template <class F>
  void guarded(const std::string& what, F&& f) {
    try {
      f();
    } catch (const std::exception& e) {
      check(false, what + ": " + e.what());
    } catch (...) {
      check(false, what + ": it threw what is no std::exception");
    }
  }
  static size_t open_files() {
    std::error_code none;
    size_t count = 0;
    for (std::filesystem::directory_iterator at("/proc/self/fd", none), end; at != end;
         at.increment(none))
      count++;
    return count;
  }
  static bool filled(const char* text) { return text && *text; }
  static bool is_name(std::string_view name) {
    return !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") ==
                                std::string_view::npos;
  }
  static bool is_sentence(const char* text) {
    return filled(text) && std::string_view(text).back() == '.';
  }

  void check_description() {
    const nek_plugin& p = plugin_;
    check(p.size >= sizeof(nek_plugin), "size is not that of nek_plugin");
    check(p.name && is_name(p.name), "name is not of a-z, 0-9 and _");
    check(filled(p.version), "no version");
    check(filled(p.vendor), "no vendor");
    check(filled(p.licence), "no licence");
    check(is_sentence(p.summary), "summary is not a sentence");
    check(p.options, "no list of options");
    check(p.create && p.shape && p.destroy, "create, shape or destroy is missing");
    const int kinds = !!p.input + !!p.decoder + !!p.filter + !!p.encoder + !!p.output;
    check(kinds == 1, "it is not exactly one of input, decoder, filter, encoder and output");
    check(!p.codec || p.input || p.output, "a codec is for inputs and outputs");
    check(!p.lane_new == !p.lane_free, "lane_new and lane_free go together");
    if (p.output)
      check(!p.output->write != !p.output->send, "an output has exactly one of write and send");
    if (p.filter) check(p.filter->process, "a filter without process");
    if (p.input) check(p.input->read, "an input without read");
    if (p.decoder) check(p.decoder->decode, "a decoder without decode");
    if (p.encoder) check(p.encoder->encode, "an encoder without encode");
  }
  void check_options(const std::string& prefix, const nek_option* const* options) {
    static const std::set<std::string_view> kTypes = {"flag",     "integer", "real", "text",
                                                      "duration", "bytes",   "path", "secret",
                                                      "field",    "list",    "map"};
    std::set<std::string_view> names;
    for (; options && *options; options++) {
      const nek_option& o = **options;
      const std::string where = "option '" + prefix + (o.name ? o.name : "") + "': ";
      check(o.size >= sizeof(nek_option), where + "size is not that of nek_option");
      check(o.name && is_name(o.name), where + "name is not of a-z, 0-9 and _");
      check(o.name && names.insert(o.name).second, where + "is there twice");
      check(is_sentence(o.doc), where + "doc is not a sentence");
      check(o.type && kTypes.contains(o.type), where + "unknown type");
      check(!o.options || std::string_view(o.type) == "map", where + "has options, but is no map");
      check_options(prefix + (o.name ? o.name : "") + ".", o.options);
      const nek_option* const alone[] = {&o, nullptr};
      if (o.fallback) guarded("fallback", [&] { Config(alone, {}); });
    }
  }

  void check_not_started() {
    const Config config(plugin_.options, options_);
    Host host;
    void* self = nullptr;
    if (plugin_.create(host.c(), config.root(), &self) != NEK_OK) {
      check(!host.error().empty(), "create fails without a text");
      check(self == nullptr, "create fails and leaves an instance");
      return check(false, "create: " + host.error());
    }
    if (!self) return check(false, "create makes no instance");
    if (const nek_shape* shape = plugin_.shape(self))
      check_shape(*shape);
    else
      check(false, "it has no shape");
    plugin_.destroy(self);
    check(host.open_dictionaries() == 0, "a dictionary is not freed by destroy");
    host.check();
  }
  void check_shape(const nek_shape& shape) {
    check(shape.size >= sizeof(nek_shape), "shape: size is not that of nek_shape");
    if (plugin_.filter) check(shape.stream_count >= 1, "shape: a filter has at least one stream");
    if (plugin_.decoder) check(shape.stream_count == 1, "shape: a decoder has one stream");
    std::set<std::string_view> names;
    for (uint32_t i = 0; i < shape.stream_count; i++) {
      const nek_stream& s = shape.streams[i];
      check(filled(s.name) && names.insert(s.name).second,
            "shape: streams need names, each its own");
      check(s.kind <= NEK_DERIVED, "shape: a stream is of no kind that there is");
      check(s.add_count == 0 || s.adds, "shape: a stream adds columns, but does not say which");
      for (uint32_t c = 0; c < s.add_count; c++) {
        check(filled(s.adds[c].name), "shape: an added column has no name");
        check(s.adds[c].type >= NEK_BOOL && s.adds[c].type <= NEK_DICT_LIST,
              "shape: unknown type of a column");
      }
    }
    for (uint32_t i = 0; i < shape.need_count; i++) {
      check(filled(shape.reads[i].name), "shape: a column that is read has no name");
      check(shape.reads[i].types != 0, "shape: a column is read as no type");
    }
  }
  void check_started() {
    Instance instance(plugin_, options_);
    check(instance.error().empty(), instance.error());
    instance.end();
    check(instance.host().open_dictionaries() == 0, "a dictionary is not freed by destroy");
    instance.host().check();
  }

  // ---- Steps

  // Two rows of extreme values of a type.
  static std::pair<std::string, std::string> extremes(nek_type type) {
    switch (type) {
      case NEK_BOOL: return {"true", "false"};
      case NEK_INT64: return {"-9223372036854775808", "9223372036854775807"};
      case NEK_UINT64: return {"0", "18446744073709551615"};
      case NEK_DOUBLE: return {"-1e308", "5e-324"};
      case NEK_TIME: return {"-62135596800000", "253402300799999"};
      case NEK_JSON: return {"{}", "{\"a\": [1, null, {\"b\": \"a text longer than twelve\"}]}"};
      case NEK_LIST:
      case NEK_DICT_LIST: return {"[]", "[\"\", \"S\", \"a text longer than twelve\"]"};
      default: return {"\"\"", "\"\\u00e9 \\\\ \\\" a text longer than twelve\""};
    }
  }
  // The columns that it reads, in the n-th of the types that each allows (the last where there are
  // fewer).
  static std::vector<nek_field> columns(const nek_shape& shape, uint32_t n) {
    std::vector<nek_field> fields;
    for (uint32_t i = 0; i < shape.need_count; i++) {
      nek_type type = 0;
      uint32_t left = n;
      for (nek_type t = NEK_BOOL; t <= NEK_DICT_LIST; t++) {
        if (!(shape.reads[i].types & NEK_TYPE_BIT(t))) continue;
        type = t;
        if (left-- == 0) break;
      }
      fields.push_back({shape.reads[i].name, type, 0});
    }
    if (!shape.reads_all) return fields;
    static const char* const kNames[] = {"",   "c1", "c2", "c3", "c4", "c5",
                                         "c6", "c7", "c8", "c9", "c10"};
    for (nek_type t = NEK_BOOL; t <= NEK_DICT_LIST; t++) fields.push_back({kNames[t], t, 0});
    return fields;
  }
  static std::string table(const std::vector<nek_field>& fields, bool with_values, uint32_t nulls) {
    const nek_schema schema = {static_cast<uint32_t>(fields.size()), fields.data()};
    std::string text = format_types(schema);
    for (int row = 0; with_values && row < 2; row++) {
      std::string line;
      for (const auto& f : fields) {
        const auto [a, b] = extremes(f.type);
        line += (line.empty() ? "{\"" : ", \"") + std::string(f.name) + "\": " + (row ? b : a);
      }
      text += line.empty() ? "{}\n" : line + "}\n";
    }
    for (uint32_t i = 0; i < nulls; i++) text += "{}\n";
    return text;
  }
  std::vector<std::string> tables(const nek_shape& shape) const {
    std::vector<std::string> all = {table({}, false, 0), table({}, false, 3)};
    for (uint32_t n = 0; n < NEK_DICT_LIST; n++) {
      const auto fields = columns(shape, n);
      for (const auto& text :
           {table(fields, false, 0), table(fields, false, 3), table(fields, true, 1)}) {
        if (std::find(all.begin(), all.end(), text) == all.end()) all.push_back(text);
      }
    }
    return all;
  }
  static void hash(uint64_t& sum, const void* data, size_t size) {
    const auto* bytes = static_cast<const uint8_t*>(data);
    for (size_t i = 0; i < size; i++) sum = (sum ^ bytes[i]) * 0x100000001B3;
  }
  static void hash(uint64_t& sum, const nek_column& column) {
    hash(sum, column.values, value_bytes(column.type, column.rows));
    if (column.validity) hash(sum, column.validity, (column.rows + 7) / 8);
    for (uint32_t i = 0; i < column.text_count; i++)
      hash(sum, column.text[i].data, column.text[i].size);
    if (column.items) hash(sum, *column.items);
    if (column.dictionary) hash(sum, *column.dictionary->values);
  }
  static uint64_t hash(const nek_batch& batch) {
    uint64_t sum = 0xCBF29CE484222325;
    for (uint32_t c = 0; c < batch.schema->count; c++) hash(sum, *batch.columns[c]);
    return sum;
  }

  void check_steps() {
    if (plugin_.filter) check_filter();
    if (plugin_.encoder) check_encoder();
    if (plugin_.output) check_output();
    if (plugin_.decoder) check_decoder();
    if (plugin_.input) check_input();
  }
  void check_filter() {
    Filter filter(plugin_, options_);
    for (const auto& text : tables(filter.shape())) {
      guarded("process of\n" + text, [&] {
        auto call = filter.begin();
        const nek_batch* batch = filter.host().batch(*call, text);
        const uint64_t before = hash(*batch);
        filter.run(*call, batch);
        check(hash(*batch) == before, "process changes the batch that it gets");
      });
    }
  }
  void check_encoder() {
    Encoder encoder(plugin_, options_);
    encoder.header();
    for (const auto& text : tables(encoder.shape())) {
      guarded("encode of\n" + text, [&] { encoder.encode(text); });
    }
  }
  void check_output() {
    Output output(plugin_, options_);
    for (const auto& text : tables(output.shape())) {
      guarded("encode of\n" + text, [&] { output.encode(text); });
    }
  }
  // No bytes may stop a pipeline: what is no record is refused.
  void check_decoder() {
    static const std::string kBytes[] = {
        "",         "\n",           "a\nb\n",        "\"",
        "{\"a\":",  "[[[[[[[[",     "\xff\xfe\x80,", std::string("\0\0\n\0", 4),
        "a,b,\r\n", "\"\"\"\n\"\"", "\xf0\x9f\x98"};
    for (const auto& bytes : kBytes) {
      for (const size_t chunk : {SIZE_MAX, size_t{1}}) {
        guarded("decode of \"" + bytes + "\"", [&] {
          Feed feed;
          feed.chunk = chunk;
          Decoder(plugin_, options_).decode(bytes, feed);
          feed.messages = true;
          Decoder(plugin_, options_).decode(bytes, feed);
        });
      }
    }
  }
  void check_input() {
    Input input(plugin_, options_);
    const Read read = input.read(0, 0);
    check(read.segments.empty(), "read hands out bytes when memory is full");
  }

  const nek_plugin& plugin_;
  std::string options_, problems_;
};

}  // namespace detail

// What is wrong, a line each, or "". `options`: a configuration that works here.
inline std::string check_contract(const nek_plugin& plugin, std::string_view options = {}) {
  return detail::Contract(plugin, options).check();
}

}  // namespace nek::testing
