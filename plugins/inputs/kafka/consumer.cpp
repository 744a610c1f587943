// SPDX-License-Identifier: Apache-2.0
#include "consumer.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string_view>
#include <utility>

#include "kafka/record_id.h"

namespace nek {
namespace {

using std::chrono::milliseconds;

// What is taken at once of librdkafka's queue: what is left there shows when it must be filled.
constexpr size_t kBatch = 4096, kBatchBytes = size_t{1} << 20;
constexpr int kCommitWaitMs = 10000;
constexpr std::chrono::seconds kRetry{1};
constexpr milliseconds kLongestRetry{10000};
// For the answers of brokers about where to begin; the short one while others are being read.
constexpr milliseconds kOpenWait{8000}, kShortOpenWait{2500};
constexpr std::chrono::seconds kLookForToken{5};
constexpr int kTokenWaitMs = 1000;
constexpr std::chrono::seconds kLeaveWait{5};

std::string place(const std::string& topic, int32_t partition) {
  return topic + "/" + std::to_string(partition);
}

std::string random_token() {
  std::random_device random;
  char text[17];
  std::snprintf(text, sizeof text, "%08x%08x", random(), random());
  return text;
}

}  // namespace

KafkaConsumer::KafkaConsumer(Host host, ConsumerConfig config)
    : host_(host),
      config_(std::move(config)),
      metrics_(host, KafkaMetrics::Role::kConsumer,
               [this](std::string_view topic, int32_t number) {
                 const auto is_it = [&](const auto& of) {
                   return of->topic == topic && of->number == number;
                 };
                 const auto found = std::find_if(partitions_.begin(), partitions_.end(), is_it);
                 return found == partitions_.end() ? -1 : (*found)->committed;
               }),
      lost_(host.loss("deleted_unread",
                      "Messages that the broker deleted before this group had read them.")),
      client_(host, [this](std::string_view json) { metrics_.update(json); }),
      batch_(kBatch) {}

Status KafkaConsumer::open(KafkaConf conf) {
  full_messages_ = std::strtoull(conf.get("queued.min.messages").c_str(), nullptr, 10);
  full_bytes_ = std::strtoull(conf.get("queued.max.messages.kbytes").c_str(), nullptr, 10) << 10;
  // Nothing is polled meanwhile, and who does not poll for longer is put out of the group.
  finish_ms_ = static_cast<uint32_t>(std::atoll(conf.get("max.poll.interval.ms").c_str()) / 5 * 4);
  rd_kafka_conf_set_rebalance_cb(conf.c(), on_rebalance);
  Status status = client_.open(RD_KAFKA_CONSUMER, std::move(conf), this);
  if (!status.ok()) return status;
  rd_kafka_t* handle = client_.c();
  rd_kafka_poll_set_consumer(handle);
  messages_.reset(rd_kafka_queue_new(handle));
  answers_.reset(rd_kafka_queue_new(handle));
  const PartitionList topics = new_partitions(config_.topics.size());
  for (const std::string& topic : config_.topics)
    rd_kafka_topic_partition_list_add(topics.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  const auto error = rd_kafka_subscribe(handle, topics.get());
  if (error) return fail(std::string("cannot subscribe: ") + rd_kafka_err2str(error));
  return {};
}

// ---- Being dealt partitions, and giving them up -------------------------------------------------

void KafkaConsumer::on_rebalance(rd_kafka_t* handle, rd_kafka_resp_err_t error,
                                 rd_kafka_topic_partition_list_t* list, void* opaque) {
  auto& self = *static_cast<KafkaConsumer*>(static_cast<KafkaClient*>(opaque)->owner());
  self.assigned_.reset();
  self.dealt_ = self.check_range_ = false;
  if (error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && !self.closing_) {
    self.assigned_ = copy_of(list);  // opened by serve(), which may wait and try again
    self.open_retry_ = {};
    return;
  }
  // What is lost may belong to somebody else already: nothing of it may be committed.
  if (!self.closing_) {
    const bool lost = rd_kafka_assignment_lost(handle);
    if (lost) self.host_.log(NEK_WARN, "lost its partitions, will ask for new ones");
    self.give_up(static_cast<uint32_t>(self.config_.drain_timeout.count()), !lost);
  }
  rd_kafka_assign(handle, nullptr);
}

void KafkaConsumer::give_up(uint32_t wait_ms, bool commit) {
  drop_messages();
  if (partitions_.empty()) return;
  std::vector<nek_source*> sources;
  sources.reserve(partitions_.size());
  for (const auto& partition : partitions_) sources.push_back(partition->source);
  const auto committed = host_.revoke_sources(sources, wait_ms);
  for (size_t i = 0; i < committed.size(); i++) {
    if (committed[i] == NEK_NO_POSITION) continue;
    Partition& partition = *partitions_[i];
    partition.to_commit = std::max(partition.to_commit, static_cast<int64_t>(committed[i]));
  }
  note_handed_on();
  if (const PartitionList list = collect_commits(); commit && list->cnt) {
    const PartitionList ours = still_ours(*list);
    const Status status = ours->cnt ? commit_and_wait(*ours) : Status();
    if (!status.ok())
      client_.log().say(NEK_WARN, "cannot commit what was drained: " + status.message(),
                        "; others will read it again");
  }
  for (const auto& partition : partitions_) given_up_.push_back(std::move(partition->queue));
  partitions_.clear();
  last_ = nullptr;
}

// Without those whose token the group has lost: the topic was deleted, and the offset of its
// messages would be taken for one of a new topic of that name.
PartitionList KafkaConsumer::still_ours(const rd_kafka_topic_partition_list_t& list) {
  const PartitionList found = copy_of(&list);
  PartitionList ours = new_partitions(static_cast<size_t>(list.cnt));
  if (const auto error = rd_kafka_committed(client_.c(), found.get(), kCommitWaitMs)) {
    client_.log().say(NEK_WARN,
                      std::string("cannot commit what was drained: ") + rd_kafka_err2str(error),
                      "; others will read it again");
    return ours;
  }
  for (int i = 0; i < list.cnt; i++) {
    const rd_kafka_topic_partition_t& mine = list.elems[i];
    const auto* now = rd_kafka_topic_partition_list_find(found.get(), mine.topic, mine.partition);
    const Partition* partition = find(mine.topic, mine.partition);
    if (now && partition && mark_of(*now).token == partition->mark.token)
      add_offset(*ours, mine.topic, mine.partition, mine.offset, partition->mark);
  }
  return ours;
}

// What was read goes on to the outputs whatever becomes of the partition.
void KafkaConsumer::note_handed_on() {
  for (const auto& partition : partitions_)
    left_[place(partition->topic, partition->number)] = {partition->mark.token, partition->next,
                                                         partition->to_commit};
}

void KafkaConsumer::open_anew() {
  if (!assigned_) assigned_ = new_partitions(partitions_.size());
  for (const auto& partition : partitions_)
    rd_kafka_topic_partition_list_add(assigned_.get(), partition->topic.c_str(), partition->number);
  rd_kafka_assign(client_.c(), nullptr);
  dealt_ = false;
  open_retry_ = {};
  check_range_ = reopen_ == Reopen::kOutOfRange;
  reopen_ = Reopen::kNo;
  give_up(static_cast<uint32_t>(config_.drain_timeout.count()), false);
}

// What cannot be opened now is tried again, ever more seldom while others are read.
void KafkaConsumer::try_to_open() {
  if (Clock::now() < open_retry_) return;
  if (open_retry_ == Clock::time_point()) {
    open_wait_ = kRetry;
    since_ms_ = host_.now_ms();
  }
  const Status status = open_assigned();
  if (status.ok() && !assigned_) {
    open_retry_ = {};
    return;
  }
  client_.log().say(NEK_WARN, status.message(), ", will try again");
  open_retry_ = Clock::now() + open_wait_;
  if (!partitions_.empty()) open_wait_ = std::min(open_wait_ * 2, kLongestRetry);
}

Status KafkaConsumer::open_assigned() {
  rd_kafka_t* handle = client_.c();
  if (cluster_.empty()) {
    char* id = rd_kafka_clusterid(handle, kCommitWaitMs);
    if (!id) return fail("cannot get the cluster's id");
    cluster_ = id;
    rd_kafka_mem_free(handle, id);
  }
  Search search{config_.start, read_, random_token(), check_range_,
                partitions_.empty() ? kOpenWait : kShortOpenWait};
  // Where it could not be opened at once, the end of now is not that of then.
  if (open_retry_ != Clock::time_point() && search.start.from == KafkaStart::From::kLatest)
    search.start = {KafkaStart::From::kTime, since_ms_};
  const auto found = find_beginnings(handle, *assigned_, search);
  if (!found.ok()) return found.status();
  if (found->all.empty() && found->later->cnt) return fail(found->why);
  // From here on the group has an offset wherever it reads: one that is missing tells of a topic
  // that was made anew.
  const PartitionList fresh = new_partitions(found->all.size());
  for (const Beginning& one : found->all)
    if (one.fresh) add_offset(*fresh, one.topic, one.partition, one.offset, one.mark);
  Status status = fresh->cnt ? commit_and_wait(*fresh) : Status();
  if (!status.ok()) {
    // Of a broker that was started anew. librdkafka does not join again before what it dealt has
    // its answer.
    if (is_no_member_ && !dealt_) {
      rd_kafka_assign(handle, nullptr);
      assigned_.reset();
    }
    return status;
  }
  if (partitions_.empty()) {
    // Nothing is open: whatever is still there belongs to what was given up.
    for (const Queue& queue : given_up_before_) empty(queue.get());
    given_up_before_ = std::exchange(given_up_, {});
  }
  for (const Beginning& one : found->all) open_partition(one);
  assign_open();
  if (found->later->cnt) {
    assigned_ = copy_of(found->later.get());
    return fail(found->why);
  }
  assigned_.reset();
  check_range_ = false;
  return {};
}

// The eager protocol knows no adding to what is read: all of it begins anew where it is.
void KafkaConsumer::assign_open() {
  drop_messages();
  rd_kafka_assign(client_.c(), nullptr);
  empty(messages_.get());
  const PartitionList from = new_partitions(partitions_.size());
  std::string names;
  for (const auto& partition : partitions_) {
    add_offset(*from, partition->topic, partition->number, partition->next, {});
    names += (names.empty() ? "" : ", ") + place(partition->topic, partition->number);
  }
  rd_kafka_assign(client_.c(), from.get());
  dealt_ = true;
  host_.log(NEK_INFO, names.empty() ? "reads nothing: others of the group have all partitions"
                                    : "reads " + names);
}

void KafkaConsumer::open_partition(const Beginning& at) {
  auto partition = std::make_unique<Partition>();
  partition->topic = at.topic;
  partition->number = at.partition;
  partition->mark = at.mark;
  read_[at.topic].numbers.insert(at.partition);
  read_[at.topic].partitions = at.mark.partitions;
  const std::string key = place(at.topic, at.partition);
  const std::string identity = cluster_ + "/" + key + "/" + at.mark.token;
  partition->id = partition_id(cluster_ + "/" + key);
  nek_source_open open{};
  open.identity = to_text(identity);
  open.key = to_text(key);
  open.flags = NEK_MESSAGES;
  open.of_input = partition.get();
  partition->source = host_.open_source(open);
  partition->committed = at.offset;
  int64_t resume = -1;
  if (partition->source->resume != NEK_NO_POSITION)
    resume = static_cast<int64_t>(partition->source->resume);
  int64_t durable = resume;
  if (const auto left = left_.extract(key); left && left.mapped().token == at.mark.token) {
    // Behind the end: the broker has lost what was read there, and other messages will come.
    if (const Left& was = left.mapped(); at.end < 0 || was.next <= at.end) {
      resume = std::max(resume, was.next);
      durable = std::max(durable, was.durable);
    }
  }
  partition->next = std::max(at.offset, resume);
  if (durable > at.offset) partition->to_commit = durable;
  const int64_t deleted = std::clamp<int64_t>(at.offset - resume, 0, at.deleted);
  if (deleted > 0) {
    lost_.add(static_cast<double>(deleted));
    host_.log(NEK_WARN, key + ": the broker deleted " + std::to_string(deleted) +
                            " messages before they were read; reading from its first one");
  }
  // Before it is assigned: librdkafka keeps a queue that was chosen.
  partition->queue.reset(rd_kafka_queue_get_partition(client_.c(), at.topic.c_str(), at.partition));
  rd_kafka_queue_forward(partition->queue.get(), messages_.get());
  partitions_.push_back(std::move(partition));
}

Status KafkaConsumer::serve() {
  rd_kafka_t* handle = client_.c();
  while (rd_kafka_message_t* message = rd_kafka_consumer_poll(handle, 0)) {
    note_error(*message);
    rd_kafka_message_destroy(message);
  }
  // Nothing brings it back: whoever supervises us starts it again, or sees that it is one too many.
  if (client_.fatal()) return fail(client_.fatal_reason() + "; nek must be started again");
  take_answers(0);
  if (reopen_ != Reopen::kNo && !partitions_.empty()) open_anew();
  if (assigned_) try_to_open();
  send_commits();
  return {};
}

// ---- Messages -----------------------------------------------------------------------------------

const rd_kafka_message_t* KafkaConsumer::next(milliseconds wait, Partition*& partition) {
  for (;;) {
    if (at_ == count_ && !take_batch(wait)) return nullptr;
    const rd_kafka_message_t& message = *batch_[at_];
    partition = find(message);
    if (!message.err && partition && message.offset >= partition->next) return &message;
    if (message.err) note_error(message);
    taken();
  }
}

bool KafkaConsumer::take_batch(milliseconds wait) {
  at_ = count_ = 0;
  const size_t most = std::clamp<size_t>(kBatchBytes / message_bytes_, 1, kBatch);
  ssize_t got = rd_kafka_consume_batch_queue(messages_.get(), 0, batch_.data(), most);
  if (got == 0) keep_fetching();
  // It waits until all that it was asked for is there: so for one.
  if (got == 0 && wait.count() > 0)
    got = rd_kafka_consume_batch_queue(messages_.get(), static_cast<int>(wait.count()),
                                       batch_.data(), 1);
  if (got <= 0) return false;
  count_ = static_cast<size_t>(got);
  size_t bytes = 0;
  for (size_t i = 0; i < count_; i++) bytes += batch_[i]->len;
  message_bytes_ = std::max<size_t>(bytes / count_, 1);
  keep_fetching();
  return true;
}

// When its queue is full, librdkafka before 2.2 does not look at it again for a second, and the
// queue is empty long before that. A question whose answer nobody waits for wakes the threads that
// fetch: where the queue may have been full, once for each half that was taken of it.
void KafkaConsumer::keep_fetching() {
  const size_t waiting = rd_kafka_queue_length(messages_.get());
  most_waiting_ = std::max(most_waiting_, waiting + count_);
  const bool was_full =
      most_waiting_ >= full_messages_ / 4 || most_waiting_ * message_bytes_ >= full_bytes_ / 4;
  if (!was_full || waiting > most_waiting_ / 2) return;
  most_waiting_ = waiting;
  const PartitionList all = new_partitions(partitions_.size());
  for (const auto& partition : partitions_)
    rd_kafka_topic_partition_list_add(all.get(), partition->topic.c_str(), partition->number)
        ->offset = 0;
  rd_kafka_offsets_for_times(client_.c(), all.get(), 0);
}

void KafkaConsumer::taken() { rd_kafka_message_destroy(batch_[at_++]); }

bool KafkaConsumer::at_end() const {
  return dealt_ && !assigned_ &&
         std::all_of(partitions_.begin(), partitions_.end(),
                     [](const auto& partition) { return partition->at_end; });
}

void KafkaConsumer::finish() {
  give_up(finish_ms_, true);
  rd_kafka_assign(client_.c(), nullptr);
}

void KafkaConsumer::drop_messages() {
  while (at_ < count_) taken();
}

// What lies in the queue of a partition holds that partition, and so the queue: where the topic was
// deleted librdkafka 2.0 empties it no more, and its threads would never end (its issue #4674).
void KafkaConsumer::empty(rd_kafka_queue_t* queue) {
  drop_messages();
  for (ssize_t got = 1; got > 0;) {
    got = rd_kafka_consume_batch_queue(queue, 0, batch_.data(), kBatch);
    for (ssize_t i = 0; i < got; i++) rd_kafka_message_destroy(batch_[static_cast<size_t>(i)]);
  }
}

KafkaConsumer::Partition* KafkaConsumer::find(const rd_kafka_message_t& message) {
  if (last_ && last_->handle == message.rkt && last_->number == message.partition) return last_;
  if (!message.rkt) return nullptr;
  Partition* partition = find(rd_kafka_topic_name(message.rkt), message.partition);
  if (!partition) return nullptr;
  partition->handle = message.rkt;
  return last_ = partition;
}

KafkaConsumer::Partition* KafkaConsumer::find(std::string_view topic, int32_t number) {
  for (const auto& partition : partitions_)
    if (partition->number == number && partition->topic == topic) return partition.get();
  return nullptr;
}

void KafkaConsumer::note_error(const rd_kafka_message_t& message) {
  switch (message.err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
      if (Partition* partition = find(message)) partition->at_end = true;
      return;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
      if (find(message)) reopen_ = Reopen::kOutOfRange;
      return;
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
      if (reopen_ == Reopen::kNo && find(message)) reopen_ = Reopen::kGone;
      [[fallthrough]];
    default: client_.log().say(NEK_WARN, rd_kafka_message_errstr(&message));
  }
}

// ---- Committing ---------------------------------------------------------------------------------

void KafkaConsumer::committed(nek_source& source, uint64_t position) {
  auto& partition = *static_cast<Partition*>(source.of_input);
  partition.to_commit = std::max(partition.to_commit, static_cast<int64_t>(position));
}

PartitionList KafkaConsumer::collect_commits() {
  PartitionList list = new_partitions(partitions_.size());
  for (const auto& partition : partitions_)
    if (partition->to_commit > partition->committed)
      add_offset(*list, partition->topic, partition->number, partition->to_commit, partition->mark);
  return list;
}

// Brokers forget a group's offsets with the topic, and librdkafka reads on in a new one of that
// name at the old place, often without an error. So whoever lacks the token is not what was opened.
bool KafkaConsumer::has_tokens() {
  const PartitionList found = new_partitions(partitions_.size());
  for (const auto& partition : partitions_)
    rd_kafka_topic_partition_list_add(found.get(), partition->topic.c_str(), partition->number);
  bool answered = !rd_kafka_committed(client_.c(), found.get(), kTokenWaitMs);
  for (int i = 0; answered && i < found->cnt; i++) {
    const rd_kafka_topic_partition_t& now = found->elems[i];
    const Partition* partition = find(now.topic, now.partition);
    if (now.err) {
      answered = false;
    } else if (partition && mark_of(now).token != partition->mark.token) {
      reopen_ = Reopen::kGone;
      host_.log(NEK_WARN, place(partition->topic, partition->number) +
                              " was made anew, or its offset was set by hand: opening it anew");
      return false;
    }
  }
  if (!answered) retry_ = Clock::now() + kRetry;
  look_ = Clock::now() + kLookForToken;
  return answered;
}

void KafkaConsumer::send_commits() {
  if (commit_under_way_ || !dealt_ || partitions_.empty() || Clock::now() < retry_) return;
  const PartitionList list = collect_commits();
  if (list->cnt == 0 && Clock::now() < look_) return;
  if (reopen_ != Reopen::kNo || !has_tokens() || list->cnt == 0) return;
  const auto error =
      rd_kafka_commit_queue(client_.c(), list.get(), answers_.get(), nullptr, nullptr);
  commit_under_way_ = !error;
}

void KafkaConsumer::take_answers(int wait_ms) {
  const auto deadline = Clock::now() + milliseconds(wait_ms);
  while (commit_under_way_) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
    rd_kafka_event_t* event =
        rd_kafka_queue_poll(answers_.get(), static_cast<int>(std::max<int64_t>(left, 0)));
    if (!event) return;
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_OFFSET_COMMIT) {
      commit_under_way_ = false;
      const auto error = rd_kafka_event_error(event);
      commit_failed_ = error != RD_KAFKA_RESP_ERR_NO_ERROR;
      is_no_member_ = error == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID ||
                      error == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION;
      const auto* list = rd_kafka_event_topic_partition_list(event);
      for (int i = 0; !error && list && i < list->cnt; i++) {
        Partition* partition = find(list->elems[i].topic, list->elems[i].partition);
        if (partition && !list->elems[i].err)
          partition->committed = std::max(partition->committed, list->elems[i].offset);
        commit_failed_ |= list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR;
      }
      if (commit_failed_) {
        retry_ = std::max(retry_, Clock::now() + kRetry);
        if (error)
          client_.log().say(
              NEK_WARN, std::string("cannot commit, will try again: ") + rd_kafka_err2str(error));
      }
    }
    rd_kafka_event_destroy(event);
  }
}

Status KafkaConsumer::commit_and_wait(const rd_kafka_topic_partition_list_t& list) {
  take_answers(kCommitWaitMs);
  if (commit_under_way_) return fail("the broker does not answer a commit");
  const auto error = rd_kafka_commit_queue(client_.c(), &list, answers_.get(), nullptr, nullptr);
  if (error) return fail(std::string("cannot commit: ") + rd_kafka_err2str(error));
  commit_under_way_ = true;
  take_answers(kCommitWaitMs);
  if (commit_under_way_) return fail("the broker does not answer a commit");
  return commit_failed_ ? fail("cannot commit") : Status();
}

// A broker that does not answer is not waited for: it sees by itself that nobody is here any more.
void KafkaConsumer::leave_group() {
  const Queue farewell(rd_kafka_queue_new(client_.c()));
  if (rd_kafka_error_t* error = rd_kafka_consumer_close_queue(client_.c(), farewell.get())) {
    client_.log().say(NEK_WARN, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return;
  }
  const auto deadline = Clock::now() + kLeaveWait;
  while (!rd_kafka_consumer_closed(client_.c())) {
    if (Clock::now() >= deadline) {
      client_.log().say(NEK_WARN, "the broker does not answer a farewell to the group");
      return;
    }
    rd_kafka_queue_poll_callback(farewell.get(), 10);
  }
}

void KafkaConsumer::close() {
  if (!client_.c()) return;
  closing_ = true;
  drop_messages();
  PartitionList list = client_.fatal() ? new_partitions(0) : collect_commits();
  if (list->cnt) list = still_ours(*list);
  if (list->cnt) {
    const Status status = commit_and_wait(*list);
    if (!status.ok()) client_.log().say(NEK_WARN, status.message());
  }
  leave_group();
  for (const auto& partition : partitions_) empty(partition->queue.get());
  for (const Queue& queue : given_up_) empty(queue.get());
  for (const Queue& queue : given_up_before_) empty(queue.get());
  empty(messages_.get());
  partitions_.clear();
  given_up_.clear();
  given_up_before_.clear();
  messages_.reset();
  answers_.reset();
  client_.close();
}

}  // namespace nek
