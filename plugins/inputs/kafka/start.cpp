// SPDX-License-Identifier: Apache-2.0
#include "start.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <utility>

#include "parse_time.h"

namespace nek {
namespace {

constexpr std::string_view kMark = "nek ";

using Element = rd_kafka_topic_partition_t;
using Clock = std::chrono::steady_clock;

std::string place(const Element& of) {
  return std::string(of.topic) + "/" + std::to_string(of.partition);
}

Status failed(const std::string& what, rd_kafka_resp_err_t error) {
  return fail(what + ": " + rd_kafka_err2str(error));
}

bool has_offset(const Element& of) { return of.offset >= 0; }

struct FreeTopic {
  void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
};
struct FreeMetadata {
  void operator()(const rd_kafka_metadata_t* metadata) const {
    rd_kafka_metadata_destroy(metadata);
  }
};

// One look at a list of partitions, bounded in time: the reader does nothing else meanwhile.
class Looker {
 public:
  Looker(rd_kafka_t* handle, const Search& search)
      : handle_(handle), search_(search), deadline_(Clock::now() + search.wait) {}

  bool late() const { return Clock::now() >= deadline_; }

  Result<PartitionList> committed(const rd_kafka_topic_partition_list_t& of) {
    PartitionList list = copy_of(&of);
    const auto error = rd_kafka_committed(handle_, list.get(), left_ms());
    if (error) return failed("cannot get the group's offsets", error);
    return list;
  }

  // Of a partition with what the group has of it.
  Status find(const Element& of, Beginning& one) {
    if (of.err) return failed(place(of) + ": cannot get the group's offset", of.err);
    one.topic = of.topic;
    one.partition = of.partition;
    one.offset = of.offset;
    one.mark = mark_of(of);
    if (has_offset(of)) {
      one.fresh = one.mark.token.empty();
      if (one.fresh) one.mark.token = search_.new_token;
      if (!search_.check_range) return {};
    }
    // Without this a question for its offsets would wait for a leader.
    const Topic& topic = look_at(of.topic);
    if (!topic.status.ok()) return fail(place(of) + ": " + topic.status.message());
    if (static_cast<size_t>(of.partition) >= topic.leaders.size())
      return fail(place(of) + ": is not there");
    if (topic.leaders[static_cast<size_t>(of.partition)] < 0)
      return fail(place(of) + ": has no leader");
    if (has_offset(of)) return into_range(of, one);
    one.fresh = true;
    one.mark = {search_.new_token, topic.partitions};
    const auto offset =
        begin_of(of, of.partition >= topic.partitions ? KafkaStart() : search_.start);
    if (!offset.ok()) return offset.status();
    one.offset = *offset;
    return {};
  }

 private:
  struct Topic {
    Status status;
    std::vector<int32_t> leaders;
    int32_t partitions = 0;  // as in Mark
  };

  int left_ms() const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now());
    return static_cast<int>(std::max<int64_t>(left.count(), 1));
  }

  const Topic& look_at(const std::string& name) {
    const auto [at, is_new] = topics_.try_emplace(name);
    Topic& topic = at->second;
    if (is_new) topic.status = look_at(name, topic);
    return topic;
  }

  Status look_at(const std::string& name, Topic& topic) {
    const std::unique_ptr<rd_kafka_topic_t, FreeTopic> handle(
        rd_kafka_topic_new(handle_, name.c_str(), nullptr));
    const rd_kafka_metadata_t* found = nullptr;
    auto error = rd_kafka_metadata(handle_, 0, handle.get(), &found, left_ms());
    const std::unique_ptr<const rd_kafka_metadata_t, FreeMetadata> metadata(found);
    if (!error && found->topic_cnt == 1) error = found->topics[0].err;
    if (error) return fail(rd_kafka_err2str(error));
    if (found->topic_cnt != 1) return fail("no broker tells of the topic");
    const int32_t count = found->topics[0].partition_cnt;
    topic.leaders.assign(static_cast<size_t>(count), -1);
    const PartitionList all = new_partitions(static_cast<size_t>(count));
    for (int32_t i = 0; i < count; i++) {
      const auto& partition = found->topics[0].partitions[i];
      if (partition.id >= 0 && partition.id < count)
        topic.leaders[static_cast<size_t>(partition.id)] = partition.leader;
      rd_kafka_topic_partition_list_add(all.get(), name.c_str(), i);
    }
    const auto offsets = committed(*all);
    if (!offsets.ok()) return offsets.status();
    return began_with(name, **offsets, topic.partitions);
  }

  // Others of the group have noted it; nobody has: the group begins now.
  Status began_with(const std::string& name, const rd_kafka_topic_partition_list_t& offsets,
                    int32_t& partitions) {
    partitions = offsets.cnt;
    const auto read = search_.read.find(name);
    if (read != search_.read.end()) partitions = std::min(partitions, read->second.partitions);
    for (int32_t i = 0; i < offsets.cnt; i++) {
      const Element& of = offsets.elems[i];
      if (of.err) return failed(place(of) + ": cannot get the group's offset", of.err);
      if (has_offset(of))
        partitions = std::min(partitions, mark_of(of).partitions);
      else if (read != search_.read.end() && read->second.numbers.contains(of.partition))
        partitions = 0;
    }
    return {};
  }

  Result<std::pair<int64_t, int64_t>> range_of(const Element& of) {
    std::pair<int64_t, int64_t> range;
    const auto error = rd_kafka_query_watermark_offsets(handle_, of.topic, of.partition,
                                                        &range.first, &range.second, left_ms());
    if (error) return failed(place(of) + ": cannot find out what it holds", error);
    return range;
  }

  Result<int64_t> begin_of(const Element& of, const KafkaStart& start) {
    const auto range = range_of(of);
    if (!range.ok()) return range.status();
    if (start.from == KafkaStart::From::kEarliest) return range->first;
    if (start.from == KafkaStart::From::kLatest) return range->second;
    // The first message of that time or later; of none yet: the end.
    const PartitionList one = new_partitions(1);
    rd_kafka_topic_partition_list_add(one.get(), of.topic, of.partition)->offset = start.time_ms;
    const auto error = rd_kafka_offsets_for_times(handle_, one.get(), left_ms());
    if (error) return failed(place(of) + ": cannot look for the time of 'start'", error);
    return has_offset(one->elems[0]) ? one->elems[0].offset : range->second;
  }

  // An offset before the first message: retention was faster than we. One behind the last: the
  // topic has been made anew, or the broker has lost its end.
  Status into_range(const Element& of, Beginning& one) {
    const auto range = range_of(of);
    if (!range.ok()) return range.status();
    const auto [low, high] = *range;
    one.end = high;
    if (one.offset >= low && one.offset <= high) return {};
    if (one.offset < low) {
      one.deleted = low - one.offset;
    } else {
      one.mark.token = search_.new_token;
    }
    one.fresh = true;
    one.offset = low;
    return {};
  }

  rd_kafka_t* handle_;
  const Search& search_;
  const Clock::time_point deadline_;
  std::map<std::string, Topic> topics_;
};

}  // namespace

std::optional<KafkaStart> parse_kafka_start(std::string_view text) {
  if (text == "earliest") return KafkaStart{KafkaStart::From::kEarliest, 0};
  if (text == "latest") return KafkaStart{KafkaStart::From::kLatest, 0};
  const auto time = parse_time(text);
  if (!time) return std::nullopt;
  return KafkaStart{KafkaStart::From::kTime, *time};
}

std::string metadata_of(const Mark& mark) {
  return std::string(kMark) + mark.token + " " + std::to_string(mark.partitions);
}

Mark mark_of(const Element& of) {
  if (!of.metadata) return {};
  std::string_view text(static_cast<const char*>(of.metadata), of.metadata_size);
  if (!text.starts_with(kMark)) return {};
  text.remove_prefix(kMark.size());
  const size_t space = text.find(' ');
  Mark mark{std::string(text.substr(0, space)), 0};
  int32_t partitions = 0;
  if (space != text.npos &&
      std::from_chars(text.data() + space + 1, text.data() + text.size(), partitions).ec ==
          std::errc() &&
      partitions > 0)
    mark.partitions = partitions;
  return mark;
}

void add_offset(rd_kafka_topic_partition_list_t& to, const std::string& topic, int32_t partition,
                int64_t offset, const Mark& mark) {
  Element* element = rd_kafka_topic_partition_list_add(&to, topic.c_str(), partition);
  element->offset = offset;
  if (mark.token.empty()) return;
  const std::string metadata = metadata_of(mark);
  element->metadata = ::strdup(metadata.c_str());  // librdkafka frees it
  element->metadata_size = metadata.size();
}

Result<Found> find_beginnings(rd_kafka_t* handle, const rd_kafka_topic_partition_list_t& list,
                              const Search& search) {
  Looker looker(handle, search);
  const auto committed = looker.committed(list);
  if (!committed.ok()) return committed.status();
  Found found;
  found.later = new_partitions(0);
  std::vector<const Element*> failed;
  for (int i = 0; i < (*committed)->cnt; i++) {
    const Element& of = (*committed)->elems[i];
    if (looker.late()) {
      rd_kafka_topic_partition_list_add(found.later.get(), of.topic, of.partition);
      continue;
    }
    Beginning one;
    const Status status = looker.find(of, one);
    if (status.ok()) {
      found.all.push_back(std::move(one));
      continue;
    }
    if (found.why.empty()) found.why = status.message();
    failed.push_back(&of);
  }
  for (const Element* of : failed)
    rd_kafka_topic_partition_list_add(found.later.get(), of->topic, of->partition);
  if (found.why.empty()) found.why = "brokers take long to tell where partitions begin";
  return found;
}

}  // namespace nek
