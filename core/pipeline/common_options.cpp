// SPDX-License-Identifier: Apache-2.0
#include "pipeline/common_options.h"

#include "nek/config.hpp"

namespace nek {
namespace {

enum class WhenLettersFull : uint8_t { kStop, kDropOldest };
struct LetterRoom {
  Bytes max_bytes = {DeadLetterRoom().max_bytes};
  WhenLettersFull when_full = WhenLettersFull::kStop;
};
constexpr auto kLetterRoom = options<LetterRoom>(
    option<&LetterRoom::max_bytes>("max_bytes", "What all dead letters may take on disk.",
                                   {.fallback = "", .range = "64KiB.."}),
    option<&LetterRoom::when_full>(
        "when_full", "Stop, so that nothing is lost, or take the oldest away; they are counted.",
        {.fallback = "", .range = "stop|drop_oldest"}));

struct Settings : PipelineSettings {
  LetterRoom letter_room;
};
constexpr auto kSettings = options<Settings>(
    option<&Settings::workers>("workers", "Worker threads; 0: one a core.",
                               {.fallback = "", .range = "0..1024"}),
    option<&Settings::memory>("memory", "Bound of all records in flight.",
                              {.type = "bytes", .fallback = "", .range = "1MiB.."}),
    option<&Settings::chunk_bytes>("chunk_bytes", "Input that is handled in one go.",
                                   {.type = "bytes", .fallback = "", .range = "4KiB..64MiB"}),
    option<&Settings::max_record_bytes>("max_record_bytes", "A longer record is a dead letter.",
                                        {.type = "bytes", .fallback = "", .range = "64..64MiB"}),
    option<&Settings::linger_ms>("linger", "Longest wait for a chunk to fill.",
                                 {.type = "duration", .fallback = "", .range = "1ms..1h"}),
    option<&Settings::snapshot_interval_ms>(
        "snapshot_interval", "Time between two snapshots.",
        {.type = "duration", .fallback = "", .range = "10ms..1d"}),
    option<&Settings::snapshot_bytes>("snapshot_bytes",
                                      "Input after which a snapshot comes sooner.",
                                      {.type = "bytes", .fallback = "", .range = "64KiB.."}),
    option<&Settings::shutdown_timeout_ms>(
        "shutdown_timeout", "How long what was read may take to be delivered after a stop.",
        {.type = "duration", .fallback = "", .range = "0s..1h"}),
    option<&Settings::max_dead_letters>("max_dead_letters",
                                        "With more dead letters in a run, nek ends with code 3.",
                                        {.fallback = "", .range = "0.."}),
    option<&Settings::letter_room, kLetterRoom>("dead_letters", "Room for records nobody takes.",
                                                {.fallback = ""}),
    option<&Settings::strict>("strict", "Checks the values of all columns, not only of those read.",
                              {.fallback = ""}));

enum class WhenFull : uint8_t { kBlock, kDropNewest };
struct Buffer {
  Bytes max_bytes = {OutputBuffer().max_bytes};
  WhenFull when_full = WhenFull::kBlock;
};
constexpr auto kBuffer = options<Buffer>(
    option<&Buffer::max_bytes>("max_bytes", "Encoded records that may wait for this output.",
                               {.fallback = "", .range = "64KiB.."}),
    option<&Buffer::when_full>("when_full", "Hold the pipeline back, or lose the newest records.",
                               {.fallback = "", .range = "block|drop_newest"}));

enum class WhenSpoolFull : uint8_t { kBlock, kDropOldest };
struct Spool {
  Bytes max_bytes = {InputSpool().max_bytes};
  std::chrono::milliseconds fsync_interval{InputSpool().fsync_interval_ms};
  WhenSpoolFull when_full = WhenSpoolFull::kBlock;
};
constexpr auto kSpool = options<Spool>(
    option<&Spool::max_bytes>("max_bytes", "Its size on disk; 0: no spool.",
                              {.fallback = "", .range = "0.."}),
    option<&Spool::fsync_interval>("fsync_interval",
                                   "Longest time that what was read is not synced; 0: none.",
                                   {.fallback = "", .range = "0s..1h"}),
    option<&Spool::when_full>("when_full", "Read no more, or lose the oldest records.",
                              {.fallback = "", .range = "block|drop_oldest"}));

struct Component {
  std::string id, codec;
  const nek_value* from = nullptr;
  Buffer buffer;
  Spool spool;
};
constexpr auto kId = option<&Component::id>(
    "id", "Its name in 'from', metrics and logs; default: the plugin's name.", {.fallback = ""});
constexpr auto kCodec =
    option<&Component::codec>("codec", "Another codec than the plugin's own.", {.fallback = ""});
constexpr auto kFrom = option<&Component::from>(
    "from", "What it reads: ID or ID.STREAM; default: the component before it.",
    {.type = "list", .fallback = ""});
constexpr auto kInput = options<Component>(
    kId, kCodec,
    option<&Component::spool, kSpool>("spool", "Where what cannot be read again is kept on disk.",
                                      {.fallback = ""}));
constexpr auto kFilter = options<Component>(kId, kFrom);
constexpr auto kOutput = options<Component>(
    kId, kFrom, kCodec,
    option<&Component::buffer, kBuffer>("buffer", "What may wait between pipeline and output.",
                                        {.fallback = ""}));

}  // namespace

OptionList settings_options() { return detail::kTable<kSettings>.data(); }

OptionList common_options(Kind kind) {
  switch (kind) {
    case Kind::kInput: return detail::kTable<kInput>.data();
    case Kind::kFilter: return detail::kTable<kFilter>.data();
    case Kind::kOutput: return detail::kTable<kOutput>.data();
  }
  return nullptr;
}

void bind_settings(const nek_value& map, PipelineSettings& settings) {
  Settings all{settings, {}};
  (void)kSettings.bind(all, map);  // ranges keep every value within its member's type
  settings = all;
  settings.dead_letters = {all.letter_room.max_bytes.count,
                           all.letter_room.when_full == WhenLettersFull::kDropOldest};
}

CommonOptions bind_common(const nek_value& map) {
  Component component;
  (void)kInput.bind(component, map);
  (void)kFilter.bind(component, map);
  (void)kOutput.bind(component, map);
  const bool drops = component.buffer.when_full == WhenFull::kDropNewest;
  return {component.from,
          {component.buffer.max_bytes, drops},
          {component.spool.max_bytes, static_cast<uint64_t>(component.spool.fsync_interval.count()),
           component.spool.when_full == WhenSpoolFull::kDropOldest}};
}

}  // namespace nek
