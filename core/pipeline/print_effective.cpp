// SPDX-License-Identifier: Apache-2.0
#include "pipeline/print_effective.h"

#include <algorithm>
#include <cctype>

#include "nek/text.hpp"
#include "pipeline/options.h"
#include "pipeline/scalar.h"

namespace nek {
namespace {

constexpr std::string_view kMask = "'***'";

bool is_plain(std::string_view text) {
  static constexpr std::string_view kNulls[] = {"null", "Null", "NULL"};
  if (text.empty() || std::find(std::begin(kNulls), std::end(kNulls), text) != std::end(kNulls))
    return false;
  const bool begins = std::isalnum(static_cast<unsigned char>(text[0])) || text[0] == '/' ||
                      text[0] == '.' || text[0] == '_';
  return begins && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) ||
                  std::string_view("_-./+@=").find(static_cast<char>(c)) != std::string_view::npos;
         });
}

// Text as YAML that reads back as the same text.
std::string yaml_text(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  if (is_plain(text)) return std::string(text);
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '$') {
      out += "$$";
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += {'\\', 'x', kHex[static_cast<unsigned char>(c) >> 4], kHex[c & 15]};
    } else {
      out += c;
    }
  }
  return out + "\"";
}

// Hides what stands between "//user:" and "@" of a URL.
std::string mask_url(std::string_view text) {
  const size_t slashes = text.find("://");
  if (slashes == std::string_view::npos) return std::string(text);
  const size_t begin = slashes + 3;
  const std::string_view authority = text.substr(begin, text.find('/', begin) - begin);
  const size_t at = authority.rfind('@'), colon = authority.find(':');
  if (at == std::string_view::npos || colon > at) return std::string(text);
  return std::string(text.substr(0, begin + colon + 1)) + "***" +
         std::string(text.substr(begin + at));
}

// Keys of maps that are handed through to a library carry no type that says "secret".
bool sounds_secret(std::string_view key) {
  std::string lower(key);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (std::string_view word : {"password", "secret", "token", "passphrase"})
    if (lower.find(word) != std::string::npos) return true;
  return false;
}

class Printer {
 public:
  Printer(const PipelineConfig& config, const Graph& graph) : config_(config), graph_(graph) {}

  std::string print() {
    line(0, "name: " + yaml_text(config_.name));
    if (!config_.settings.data_dir.empty())
      line(0, "data_dir: " + yaml_text(config_.settings.data_dir));
    print_settings(config_.settings);
    print_components("inputs:", Kind::kInput);
    print_components("filters:", Kind::kFilter);
    print_components("outputs:", Kind::kOutput);
    print_edges();
    return std::move(out_);
  }

 private:
  void line(size_t indent, const std::string& text) {
    out_ += std::string(indent, ' ') + text + "\n";
  }

  void print_settings(const PipelineSettings& s) {
    auto duration = [](uint64_t ms) { return format_duration(static_cast<int64_t>(ms)); };
    auto bytes = [](uint64_t n) { return format_bytes(static_cast<int64_t>(n)); };
    line(0, "settings:");
    line(2, "workers: " + std::to_string(s.workers));
    line(2, "memory: " + bytes(s.memory));
    line(2, "chunk_bytes: " + bytes(s.chunk_bytes));
    line(2, "max_record_bytes: " + bytes(s.max_record_bytes));
    line(2, "linger: " + duration(s.linger_ms));
    line(2, "snapshot_interval: " + duration(s.snapshot_interval_ms));
    line(2, "snapshot_bytes: " + bytes(s.snapshot_bytes));
    line(2, "shutdown_timeout: " + duration(s.shutdown_timeout_ms));
    if (s.max_dead_letters != UINT64_MAX)
      line(2, "max_dead_letters: " + std::to_string(s.max_dead_letters));
    line(2, "dead_letters: {max_bytes: " + bytes(s.dead_letters.max_bytes) +
                ", when_full: " + (s.dead_letters.drop_oldest ? "drop_oldest" : "stop") + "}");
    line(2, std::string("strict: ") + (s.strict ? "true" : "false"));
  }

  void print_components(const char* title, Kind kind) {
    bool titled = false;
    for (size_t i = 0; i < config_.components.size(); i++) {
      if (config_.components[i].kind != kind) continue;
      if (!titled) line(0, title);
      titled = true;
      print_component(static_cast<uint32_t>(i));
    }
  }

  void print_component(uint32_t i) {
    const ComponentConfig& c = config_.components[i];
    line(2, "- " + std::string(c.plugin->name) + ":");
    line(6, "id: " + yaml_text(c.id));
    if (c.kind != Kind::kInput) line(6, "from: [" + sources_of(i) + "]");
    if (c.codec) line(6, "codec: " + yaml_text(c.codec->name));
    if (c.kind == Kind::kOutput)
      line(6, "buffer: {max_bytes: " + format_bytes(static_cast<int64_t>(c.buffer.max_bytes)) +
                  ", when_full: " + (c.buffer.drop_newest ? "drop_newest" : "block") + "}");
    if (c.kind == Kind::kInput)
      line(6, "spool: {max_bytes: " + format_bytes(static_cast<int64_t>(c.spool.max_bytes)) +
                  ", fsync_interval: " +
                  format_duration(static_cast<int64_t>(c.spool.fsync_interval_ms)) +
                  ", when_full: " + (c.spool.drop_oldest ? "drop_oldest" : "block") + "}");
    print_options(c.config->root(), c.plugin->options, 6);
    if (c.codec) print_options(c.codec_config->root(), c.codec->options, 6);
  }

  void print_options(const nek_value& map, OptionList options, size_t indent) {
    for (uint32_t i = 0; i < map.count; i++) {
      const nek_value& value = map.items[i];
      const nek_option* option = find_option(options, to_view(value.key));
      const std::string key = yaml_text(to_view(value.key)) + ":";
      if (option && option->options && value.count > 0) {
        line(indent, key);
        print_options(value, option->options, indent + 2);
      } else {
        line(indent, key + " " + text_of(value, option ? option->type : ""));
      }
    }
  }

  std::string text_of(const nek_value& value, std::string_view type) const {
    if (type == "secret") return std::string(kMask);
    switch (value.kind) {
      case NEK_FLAG: return value.integer ? "true" : "false";
      case NEK_REAL: return format_real(value.real);
      case NEK_STRING: return yaml_text(mask_url(to_view(value.string)));
      case NEK_ITEMS:
      case NEK_MAP: return flow_of(value);
      default: break;
    }
    if (type == "duration") return format_duration(value.integer);
    if (type == "bytes") return format_bytes(value.integer);
    return std::to_string(value.integer);
  }

  std::string flow_of(const nek_value& value) const {
    const bool is_map = value.kind == NEK_MAP;
    std::string out = is_map ? "{" : "[";
    for (uint32_t i = 0; i < value.count; i++) {
      const nek_value& item = value.items[i];
      if (i > 0) out += ", ";
      if (is_map) out += yaml_key(to_view(item.key)) + ": ";
      const bool hidden = is_map && item.kind == NEK_STRING && sounds_secret(to_view(item.key));
      out += hidden ? std::string(kMask) : text_of(item, "");
    }
    return out + (is_map ? "}" : "]");
  }

  // Variables are not expanded in keys, so a dollar is one dollar there.
  static std::string yaml_key(std::string_view key) {
    std::string out = yaml_text(key);
    for (size_t at = 0; (at = out.find("$$", at)) != std::string::npos; at++) out.erase(at, 1);
    return out;
  }

  std::string stream_name(uint32_t component, uint32_t stream) const {
    const std::string& id = config_.components[component].id;
    const auto& streams = graph_.nodes[component].streams;
    return streams.size() == 1 ? id : id + "." + streams[stream].name;
  }

  std::string sources_of(uint32_t i) const {
    std::string out;
    for (const auto& [component, stream] : graph_.nodes[i].sources)
      out += (out.empty() ? "" : ", ") + stream_name(component, stream);
    return out;
  }

  void print_edges() {
    line(0, "# What flows where, and which of its columns are read there or further down:");
    for (uint32_t i = 0; i < graph_.nodes.size(); i++) {
      for (uint32_t s = 0; s < graph_.nodes[i].streams.size(); s++) {
        const Graph::Stream& stream = graph_.nodes[i].streams[s];
        std::string readers;
        for (uint32_t reader : stream.readers)
          readers += (readers.empty() ? "" : ", ") + config_.components[reader].id;
        line(0, "#   " + stream_name(i, s) + " -> " + (readers.empty() ? "nobody" : readers) +
                    ": " + columns_of(stream.needed));
      }
    }
  }

  static std::string columns_of(const ColumnSet& set) {
    if (set.all) return "all columns";
    std::string out;
    for (const std::string& name : set.names) out += (out.empty() ? "" : ", ") + name;
    return out.empty() ? "no column" : out;
  }

  const PipelineConfig& config_;
  const Graph& graph_;
  std::string out_;
};

}  // namespace

std::string print_effective(const PipelineConfig& config, const Graph& graph) {
  return Printer(config, graph).print();
}

}  // namespace nek
