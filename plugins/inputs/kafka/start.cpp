// SPDX-License-Identifier: Apache-2.0
#include "start.h"

#include <cstdlib>
#include <cstring>

#include "parse_time.h"

namespace nek {
namespace {

constexpr std::string_view kMark = "nek ";
constexpr int kWaitMs = 5000;

using Element = rd_kafka_topic_partition_t;

std::string place(const Element& of) {
  return std::string(of.topic) + "/" + std::to_string(of.partition);
}

Status failed(const std::string& what, rd_kafka_resp_err_t error) {
  return fail(what + ": " + rd_kafka_err2str(error));
}

bool has_offset(const Element& of) { return of.offset >= 0; }

// Whether the group knows another partition of the topic: then this one is new in it, and all that
// it holds came after the group began.
bool topic_is_known(const rd_kafka_topic_partition_list_t& committed, const char* topic) {
  for (int i = 0; i < committed.cnt; i++)
    if (has_offset(committed.elems[i]) && std::strcmp(committed.elems[i].topic, topic) == 0)
      return true;
  return false;
}

// The first offset of a message of that time or later; of none yet: the end.
Result<int64_t> offset_at(rd_kafka_t* handle, const Element& of, int64_t time_ms, int64_t end) {
  const PartitionList one = new_partitions(1);
  rd_kafka_topic_partition_list_add(one.get(), of.topic, of.partition)->offset = time_ms;
  const auto error = rd_kafka_offsets_for_times(handle, one.get(), kWaitMs);
  if (error) return failed(place(of) + ": cannot look for the time of 'start'", error);
  const int64_t found = one->elems[0].offset;
  return found >= 0 ? found : end;
}

Result<int64_t> begin_of(rd_kafka_t* handle, const Element& of, KafkaStart start) {
  int64_t low = 0, high = 0;
  const auto error =
      rd_kafka_query_watermark_offsets(handle, of.topic, of.partition, &low, &high, kWaitMs);
  if (error) return failed(place(of) + ": cannot find out where it begins", error);
  if (start.from == KafkaStart::From::kEarliest) return low;
  if (start.from == KafkaStart::From::kLatest) return high;
  return offset_at(handle, of, start.time_ms, high);
}

// An offset before the first message: retention was faster than we. One behind the last: the topic
// has been made anew, or the broker has lost its end.
Status into_range(rd_kafka_t* handle, const Element& of, Beginning& one,
                  const std::string& new_token) {
  int64_t low = 0, high = 0;
  const auto error =
      rd_kafka_query_watermark_offsets(handle, of.topic, of.partition, &low, &high, kWaitMs);
  if (error) return failed(place(of) + ": cannot find out what it holds", error);
  if (one.offset >= low && one.offset <= high) return {};
  if (one.offset < low) {
    one.deleted = low - one.offset;
  } else {
    one.token = new_token;
  }
  one.fresh = true;
  one.offset = low;
  return {};
}

}  // namespace

std::optional<KafkaStart> parse_kafka_start(std::string_view text) {
  if (text == "earliest") return KafkaStart{KafkaStart::From::kEarliest, 0};
  if (text == "latest") return KafkaStart{KafkaStart::From::kLatest, 0};
  const auto time = parse_time(text);
  if (!time) return std::nullopt;
  return KafkaStart{KafkaStart::From::kTime, *time};
}

std::string metadata_of_token(std::string_view token) {
  return std::string(kMark) + std::string(token);
}

std::string token_of(const Element& of) {
  if (!of.metadata) return {};
  std::string_view text(static_cast<const char*>(of.metadata), of.metadata_size);
  if (!text.starts_with(kMark)) return {};
  text.remove_prefix(kMark.size());
  return std::string(text);
}

void add_offset(rd_kafka_topic_partition_list_t& to, const std::string& topic, int32_t partition,
                int64_t offset, std::string_view token) {
  Element* element = rd_kafka_topic_partition_list_add(&to, topic.c_str(), partition);
  element->offset = offset;
  if (token.empty()) return;
  const std::string metadata = metadata_of_token(token);
  element->metadata = ::strdup(metadata.c_str());  // librdkafka frees it
  element->metadata_size = metadata.size();
}

Result<std::vector<Beginning>> find_beginnings(rd_kafka_t* handle,
                                               const rd_kafka_topic_partition_list_t& list,
                                               const KafkaStart& start,
                                               const std::set<std::string>& read,
                                               const std::string& new_token, bool check_range) {
  const PartitionList committed = copy_of(&list);
  const auto error = rd_kafka_committed(handle, committed.get(), kWaitMs);
  if (error) return failed("cannot get the group's offsets", error);
  std::vector<Beginning> all;
  for (int i = 0; i < committed->cnt; i++) {
    const Element& of = committed->elems[i];
    if (of.err) return failed(place(of) + ": cannot get the group's offset", of.err);
    Beginning& one = all.emplace_back();
    one.topic = of.topic;
    one.partition = of.partition;
    one.offset = of.offset;
    one.token = token_of(of);
    one.fresh = one.token.empty();
    if (one.fresh) one.token = new_token;
    if (has_offset(of)) {
      Status status = check_range ? into_range(handle, of, one, new_token) : Status();
      if (!status.ok()) return status;
      continue;
    }
    one.fresh = true;
    one.token = new_token;
    const bool known = topic_is_known(*committed, of.topic) || read.contains(of.topic);
    const KafkaStart from = known ? KafkaStart() : start;
    const auto offset = begin_of(handle, of, from);
    if (!offset.ok()) return offset.status();
    one.offset = *offset;
  }
  return all;
}

}  // namespace nek
