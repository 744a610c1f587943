// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "memory_env.h"
#include "model.h"
#include "nek/plugin.hpp"
#include "runtime/pipeline.h"

namespace nek::test {
namespace {

struct Message {
  std::string bytes;
  std::string id;  // empty: it brings none along
};
// Not of a thread that runs while they are set.
std::vector<Message> inbox;          // NOLINT
std::vector<std::string> delivered;  // NOLINT: id, and how long the record is

nek_id id_of(const std::string& text) {
  nek_id id{};
  std::copy(text.begin(), text.end(), id.bytes);
  return id;
}

class Mail {
 public:
  explicit Mail(Host host) : host_(host) {}
  Status read(nek::Chunk& chunk, std::chrono::milliseconds) {
    if (chunk.memory_full()) return {};
    if (!source_) {
      nek_source_open open{};
      open.identity = to_text("mail");
      open.flags = NEK_MESSAGES;
      source_ = host_.open_source(open);
    }
    for (; at_ < inbox.size(); at_++) {
      const Message& message = inbox[at_];
      if (!chunk.add(source_, at_, message.bytes)) {
        if (chunk.empty()) chunk.need(message.bytes.size());
        return {};
      }
      if (!message.id.empty()) chunk.set_id(id_of(message.id));
    }
    return end();
  }

 private:
  Host host_;
  nek_source* source_ = nullptr;
  size_t at_ = 0;
};

// A record for each word.
class Words {
 public:
  explicit Words(Host host) : host_(host) {}
  Status setup(Shape& shape) {
    shape.derived("out", {{"size", NEK_UINT64}});
    return {};
  }
  Status start(const Start&) {
    static constexpr nek_field kSize{"size", NEK_UINT64, 0};
    schema_ = host_.schema({&kSize, 1});
    return {};
  }
  Status decode(Call& call, const nek_chunk& chunk) const {
    std::vector<nek_span> raw;
    for (uint32_t i = 0; i < chunk.segment_count; i++) {
      const std::string_view bytes = bytes_of(chunk, chunk.segments[i]);
      for (size_t begin = 0; begin < bytes.size();) {
        const size_t end = std::min(bytes.find(' ', begin), bytes.size());
        raw.push_back({chunk.segments[i].begin + static_cast<uint32_t>(begin),
                       static_cast<uint32_t>(end - begin)});
        begin = end + 1;
      }
    }
    const auto rows = static_cast<uint32_t>(raw.size());
    Uint64Writer sizes(call.column(NEK_UINT64, {.rows = rows}));
    for (uint32_t row = 0; row < rows; row++) sizes.set(row, raw[row].size);
    const nek_column* const columns[] = {sizes.column()};
    call.decoded(schema_, rows, columns, raw);
    return {};
  }

 private:
  Host host_;
  const nek_schema* schema_ = nullptr;
};

class Desk {
 public:
  explicit Desk(Host) {}
  Status setup(Shape& shape) {
    size_ = shape.read("size", {NEK_UINT64});
    return {};
  }
  Status encode(Call& call, Encoded& out) const {
    const Uint64View sizes(call.read(size_));
    for (uint32_t row = 0; row < call.rows(); row++) {
      const auto* id = reinterpret_cast<const char*>(call.ids()[row].bytes);
      out.append({id, sizeof(nek_id)});
      out.append(std::to_string(sizes[row]));
      out.end_row(row);
    }
    return {};
  }
  Status write(std::span<const nek_encoded* const> blocks) {
    for (const nek_encoded* block : blocks)
      for (uint32_t row = 0, begin = 0; row < block->rows; begin = block->ends[row++])
        delivered.emplace_back(reinterpret_cast<const char*>(block->data) + begin,
                               block->ends[row] - begin);
    return {};
  }

 private:
  uint32_t size_ = 0;
};

constexpr nek_plugin kMail = input<Mail>({.name = "mail"});
constexpr nek_plugin kWords = decoder<Words>({.name = "words"});
constexpr nek_plugin kDesk = output<Desk>({.name = "desk"});

void run(std::vector<Message> messages) {
  inbox = std::move(messages);
  delivered.clear();
  PipelineConfig config;
  config.name = "messages";
  config.settings.workers = 2;
  config.settings.chunk_bytes = 64;
  const auto add = [&](Kind kind, const nek_plugin& plugin, const nek_plugin* codec) {
    ComponentConfig& component = config.components.emplace_back();
    component.kind = kind;
    component.plugin = &plugin;
    component.codec = codec;
    component.id = plugin.name;
    component.config = config_of({});
    component.codec_config = config_of({});
  };
  add(Kind::kInput, kMail, &kWords);
  add(Kind::kOutput, kDesk, nullptr);
  config.components[1].from = {{0, "", 0, 0}};
  MemoryEnv env;
  PipelineOptions options;
  options.env = &env;
  options.data_dir = "data";
  Diagnostics diagnostics("messages", "");
  auto pipeline = Pipeline::make(std::move(config), options, diagnostics);
  REQUIRE(pipeline);
  REQUIRE(pipeline->start().ok());
  REQUIRE(pipeline->wait(std::chrono::milliseconds(60000)));
  REQUIRE(pipeline->failure().empty());
}

TEST_CASE(
    "a record has the id that its message brings along, others of the message ids of their own") {
  const std::string one = "an id of sixteen", two = "another, the 2nd";
  run({{"first", one}, {"second third", two}, {"fourth", ""}});
  REQUIRE(delivered.size() == 4);
  CHECK(delivered[0] == one + "5");
  CHECK(delivered[1] == two + "6");
  CHECK(delivered[2].substr(0, 16) != two);
  CHECK(delivered[3].substr(0, 16) != std::string(16, '\0'));
  const auto before = delivered;
  run({{"other", ""}, {"second third", two}});  // elsewhere, but the same message
  CHECK(delivered[1] == before[1]);
  CHECK(delivered[2] == before[2]);
  run({{"second third", one}});
  CHECK(delivered[1] != before[2]);
}

TEST_CASE("a message larger than a chunk is read whole") {
  run({{"small", ""}, {std::string(1000, 'x'), ""}, {"small again", ""}});
  REQUIRE(delivered.size() == 4);
  CHECK(delivered[1].substr(16) == "1000");
}

}  // namespace
}  // namespace nek::test
