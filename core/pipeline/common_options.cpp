// SPDX-License-Identifier: Apache-2.0
#include "pipeline/common_options.h"

#include <algorithm>

namespace nek {
namespace {

// All may be left out; their defaults are those of the structs that they fill.
constexpr nek_option option(const char* name, const char* type, const char* doc, const char* range = nullptr,
                            OptionList options = nullptr) {
  return {sizeof(nek_option), name, type, doc, "", range, nullptr, options};
}

constexpr nek_option kMaxBytes =
    option("max_bytes", "bytes", "Encoded records that may wait for this output.", "64KiB..");
constexpr nek_option kWhenFull =
    option("when_full", "text", "Whether a full buffer holds the pipeline back or loses the newest records.",
           "block|drop_newest");
constexpr const nek_option* kBufferOptions[] = {&kMaxBytes, &kWhenFull, nullptr};

constexpr nek_option kId =
    option("id", "text", "Its name in 'from', metrics and logs; default: the plugin's name.");
constexpr nek_option kFrom = option("from", "list", "What it reads: ID or ID.STREAM; default: the one before it.");
constexpr nek_option kCodec = option("codec", "text", "Another codec than the plugin's own.");
constexpr nek_option kBuffer =
    option("buffer", "map", "What waits between the pipeline and this output.", nullptr, kBufferOptions);

constexpr const nek_option* kInputOptions[] = {&kId, &kCodec, nullptr};
constexpr const nek_option* kFilterOptions[] = {&kId, &kFrom, nullptr};
constexpr const nek_option* kOutputOptions[] = {&kId, &kFrom, &kCodec, &kBuffer, nullptr};

constexpr nek_option kWorkers = option("workers", "integer", "Worker threads; 0: one a core.", "0..1024");
constexpr nek_option kMemory = option("memory", "bytes", "Bound of all records in flight.", "1MiB..");
constexpr nek_option kChunkBytes = option("chunk_bytes", "bytes", "Input handled in one go.", "4KiB..64MiB");
constexpr nek_option kMaxRecordBytes =
    option("max_record_bytes", "bytes", "A longer record is a dead letter.", "64..64MiB");
constexpr nek_option kLinger =
    option("linger", "duration", "Longest wait for a chunk to fill.", "1ms..1h");
constexpr nek_option kSnapshotInterval =
    option("snapshot_interval", "duration", "Time between snapshots.", "10ms..1d");
constexpr nek_option kSnapshotBytes =
    option("snapshot_bytes", "bytes", "Input between snapshots, where it comes sooner.", "64KiB..");
constexpr nek_option kStrict =
    option("strict", "flag", "Decodes all columns, also those that nobody reads, to find bad values.");
constexpr const nek_option* kSettings[] = {&kWorkers, &kMemory,           &kChunkBytes,    &kMaxRecordBytes,
                                           &kLinger,  &kSnapshotInterval, &kSnapshotBytes, &kStrict,
                                           nullptr};

template <class T>
void read_number(const nek_value& map, const char* key, T& to) {
  if (const nek_value* value = find_item(map, key)) to = static_cast<T>(value->integer);
}

}  // namespace

OptionList common_options(Kind kind) {
  switch (kind) {
    case Kind::kInput: return kInputOptions;
    case Kind::kFilter: return kFilterOptions;
    case Kind::kOutput: return kOutputOptions;
  }
  return kFilterOptions;
}

OptionList settings_options() { return kSettings; }

PipelineSettings read_settings(const MapEntry& entry, PipelineSettings settings, Diagnostics& diagnostics) {
  ConfigTree tree;
  const OptionTable table{kSettings, &tree};
  const size_t errors = diagnostics.error_count();
  read_options(entry.value, entry.place, "settings", {&table, 1}, diagnostics);
  const nek_value& root = tree.root();
  read_number(root, "workers", settings.workers);
  read_number(root, "memory", settings.memory);
  read_number(root, "chunk_bytes", settings.chunk_bytes);
  read_number(root, "max_record_bytes", settings.max_record_bytes);
  read_number(root, "linger", settings.linger_ms);
  read_number(root, "snapshot_interval", settings.snapshot_interval_ms);
  read_number(root, "snapshot_bytes", settings.snapshot_bytes);
  read_number(root, "strict", settings.strict);
  const uint64_t largest = std::max(settings.chunk_bytes, settings.max_record_bytes);
  if (diagnostics.error_count() == errors && settings.memory < 2 * largest)
    diagnostics.error(entry.place, "settings: 'memory' must be at least twice 'chunk_bytes' and 'max_record_bytes'");
  return settings;
}

OutputBuffer read_buffer(const nek_value& map) {
  OutputBuffer buffer;
  read_number(map, "max_bytes", buffer.max_bytes);
  if (const nek_value* when_full = find_item(map, "when_full"))
    buffer.drop_newest = view(when_full->string) == "drop_newest";
  return buffer;
}

}  // namespace nek
