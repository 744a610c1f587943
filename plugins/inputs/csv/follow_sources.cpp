// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "decompress/decompress.h"
#include "fingerprint.h"
#include "follow.h"

namespace nek {

namespace {

using State = Tail::State;

constexpr uint64_t kCompareBytes = 4096;

// One that is too short to be told by its content alone.
std::string short_identity(const std::string& path, std::string_view content) {
  return fingerprint_all(fingerprint_all(path) + std::string(content));
}

// Of two that are the same: which is read.
bool is_better(const Tail& a, const Tail& b) {
  if (a.is_packed != b.is_packed) return b.is_packed;
  return a.size > b.size;
}

// The bytes before a position; fewer where it ends before that.
Result<std::string> before_in(FileReader& reader, uint64_t position) {
  std::string bytes(KeptMark::window(position), '\0');
  Status status = reader.skip_to(position - bytes.size());
  if (!status.ok() && !reader.at_end()) return status;
  size_t used = 0;
  while (used < bytes.size() && !reader.at_end()) {
    const auto got =
        reader.read({reinterpret_cast<uint8_t*>(bytes.data()) + used, bytes.size() - used}, 0);
    if (!got.ok()) return got.status();
    used += *got;
  }
  bytes.resize(used);
  return bytes;
}

}  // namespace

// ---- What tells a file from others --------------------------------------------------------------

// How many of the first bytes make the identity; 0: there are too few.
size_t Follower::told_bytes(std::string_view head) const {
  const size_t first = head.find('\n') + 1;  // npos + 1 is 0
  const size_t most = first > 0 ? first + FileReader::kAfterFirstLine : FileReader::kMostHeadBytes;
  size_t end = first;
  for (uint32_t line = 1; first > 0 && line < settings_.fingerprint_lines; line++) {
    end = head.find('\n', end) + 1;
    if (end == 0 || end > most) break;
  }
  if (end > 0 && end <= most) return end;
  return head.size() >= most ? most : 0;
}

void Follower::tell(Tail& tail) {
  tail.told_ms = now();
  if (!ensure_open(tail)) return;
  auto head = tail.first_bytes();
  if (!head.ok()) return trouble(tail, head.status().message());
  if (!head->starts_with(std::string_view(tail.head).substr(0, tail.told_bytes)))
    tail.read_as_short = 0;  // that was of another file
  tail.head = std::move(*head);
  tail.is_packed = make_decompressor(tail.head) != nullptr;
  tail.is_short = false;
  tail.limit = UINT64_MAX;
  if (!(tail.is_packed ? tell_packed(tail) : tell_plain(tail))) return;
  if (tail.is_old && !is_known(tail)) {
    close_file(tail);
    tail.state = State::kOld;
    return;
  }
  tail.is_old = false;
  tail.state = State::kTold;
  told_.push_back(&tail);
}

// nek had begun it, perhaps when it was too short to be told.
bool Follower::is_known(const Tail& tail) const {
  if (known_.contains(tail.identity)) return true;
  const std::string_view told = std::string_view(tail.head).substr(0, tail.told_bytes);
  for (size_t end = told.find('\n') + 1; end > 0; end = told.find('\n', end) + 1)
    if (known_.contains(short_identity(tail.path, told.substr(0, end)))) return true;
  return false;
}

bool Follower::tell_plain(Tail& tail) {
  tail.told_bytes = told_bytes(tail.head);
  if (tail.told_bytes == 0) return now() >= quiet_at(tail) && tell_short(tail);
  tail.identity = fingerprint_all(std::string_view(tail.head).substr(0, tail.told_bytes));
  return true;
}

// Its whole lines are not held back for ever; where it grows after all it gets its own identity.
bool Follower::tell_short(Tail& tail) {
  const size_t lines = tail.head.rfind('\n') + 1;  // npos + 1 is 0
  if (tail.head.empty() || (lines == 0 && !tail.gone_ms)) return false;
  tail.is_short = true;
  tail.told_bytes = lines > 0 ? lines : tail.head.size();  // all that is read as a short one
  if (!tail.gone_ms) tail.limit = lines;
  tail.identity = short_identity(tail.path, std::string_view(tail.head).substr(0, tail.told_bytes));
  return true;
}

bool Follower::tell_packed(Tail& tail) {
  if (now() < quiet_at(tail)) return false;
  if (!open_packed(tail)) return false;
  tail.head = tail.packed->head();
  tail.told_bytes = told_bytes(tail.head);
  if (tail.told_bytes > 0) {
    tail.identity = fingerprint_all(std::string_view(tail.head).substr(0, tail.told_bytes));
    return true;
  }
  if (tail.head.empty()) {
    tail.state = State::kDone;
    return false;
  }
  tail.is_short = true;
  tail.told_bytes = tail.head.size();
  tail.identity = short_identity(tail.path, tail.head);
  return true;
}

// Unpacks up to where it is to be read on.
bool Follower::open_packed(Tail& tail) {
  if (!tail.packed && !unpack_head(tail)) return false;
  if (tail.state != State::kReading || tail.packed->position() == tail.position) return true;
  return skip_packed(tail);
}

bool Follower::unpack_head(Tail& tail) {
  Fd fd(::dup(tail.fd.get()));
  if (fd.get() < 0 || ::lseek(fd.get(), 0, SEEK_SET) != 0) return false;
  tail.packed = FileReader::of(tail.path, std::move(fd), tail.size);
  const auto head = tail.packed->read_head(0);
  if (head.ok()) return true;
  tail.packed.reset();
  trouble(tail, head.status().message());
  return false;
}

// To where it is to be read on.
bool Follower::skip_packed(Tail& tail) {
  const uint64_t begin = tail.position - KeptMark::window(tail.position);
  if (tail.packed->position() > begin && !unpack_head(tail)) return false;
  Status status = tail.packed->skip_to(begin);
  auto before = before_in(*tail.packed, tail.position);
  if (status.ok()) status = before.status();
  if (status.ok()) status = tail.packed->skip_to(tail.position);
  if (!status.ok()) {
    tail.packed.reset();
    trouble(tail, status.message());
    return false;
  }
  begin_mark(tail, std::move(*before));
  return true;
}

// It was read as a short one, and has what tells it by now: it goes on as that.
bool Follower::outgrew(Tail& tail) {
  const auto head = tail.first_bytes();
  if (!head.ok() || told_bytes(*head) == 0) return false;
  tell_again(tail);
  return true;
}

// It gets another identity, and goes on where it was.
void Follower::tell_again(Tail& tail) {
  leave(tail);
  tail.read_as_short = tail.position;
  tail.state = State::kNew;
  queue(tail);
}

// ---- Sources ----------------------------------------------------------------------------------

// Of those that are one source the longest is read.
void Follower::open_told() {
  put_off_left();
  if (told_.empty()) return;
  std::unordered_map<std::string, Tail*> best;
  const auto is_the_one = [&](const Tail& tail) {
    const auto known = known_.find(tail.identity);
    return !tail.is_packed && known != known_.end() && tail.is_as_kept(known->second);
  };
  for (Tail* tail : told_) {
    Tail*& one = best[tail->identity];
    if (!one) {
      one = tail;
      continue;
    }
    const bool is = is_the_one(*tail), was = is_the_one(*one);
    if (is != was ? is : is_better(*tail, *one)) one = tail;
  }
  const std::vector<Tail*> told = std::exchange(told_, {});
  for (Tail* tail : told)
    if (best[tail->identity] == tail && !owners_.contains(tail->identity)) open_source(*tail);
  for (Tail* tail : told)
    if (tail->state == State::kTold) hold(*tail);
}

// Where a source is read on is known when the chunk with what was read of it last is on its way.
void Follower::put_off_left() {
  if (told_.empty() || left_.empty()) return;
  std::set<std::string> open;
  host_.known_sources([&](const nek_known_source& source) {
    if (source.position == NEK_NO_POSITION) open.emplace(to_view(source.identity));
  });
  std::erase_if(left_, [&](const std::string& identity) { return !open.contains(identity); });
  std::erase_if(told_, [&](Tail* tail) {
    if (!left_.contains(tail->identity)) return false;
    tail->state = State::kNew;
    tail->retry_ms = now();
    return true;
  });
}

// tail: it is to be read; NULL: it is only to be forgotten, or marked.
nek_source* Follower::open_at_host(const std::string& identity, const Tail* tail) const {
  nek_source_open open{};
  open.identity = to_text(identity);
  if (tail) {
    open.head = to_text(tail->head);
    open.name = to_text(tail->path);
  }
  return host_.open_source(open);
}

void Follower::open_source(Tail& tail) {
  tail.state = State::kReading;
  tail.at_end = false;
  tail.position = 0;
  const uint64_t read_as_short = std::exchange(tail.read_as_short, 0);
  tail.source = open_at_host(tail.identity, &tail);
  tail.kept = KeptMark::parse(Host::mark_of(*tail.source));
  owners_[tail.identity] = &tail;
  forgotten_.erase(tail.identity);
  const bool ended = tail.source->ended;
  if (tail.source->resume != NEK_NO_POSITION) tail.position = tail.source->resume;
  // It may have more than what has ended: that was perhaps a file that was truncated before it was
  // read to its end, or fewer members. So it is unpacked in any case.
  if (tail.is_packed) {
    tail.mark = {};
    tail.line_begin = 0;
    return queue(tail);
  }
  if (std::exchange(tail.truncated, {}) == tail.identity) return start_anew(tail);
  if (tail.position == 0 && read_as_short > 0)
    tail.position = read_as_short;
  else if (tail.position == 0 && !tail.is_short)
    tail.position = known_as_short(tail);
  const auto info = tail.look();
  const uint64_t size = info ? static_cast<uint64_t>(info->st_size) : tail.size;
  if (tail.position > size && !tail.begins_as_before()) {  // since it was told
    begin_mark(tail, {});
    return queue(tail);  // it is replaced there, with what was read of a copy kept
  }
  if (tail.position > size && ended) {
    host_.log(NEK_WARN, "'" + tail.path +
                            "' begins like a file that was read to its end, and is "
                            "shorter: it is taken for a part of that, and not read. Where it is "
                            "another file, a larger 'fingerprint_lines' tells them apart");
    return be_done(tail);
  }
  if (tail.position > size) {
    host_.log(NEK_WARN, "'" + tail.path +
                            "' is shorter than what was read of it before: it is "
                            "read from its beginning");
    return start_anew(tail);
  }
  auto before = tail.before(tail.position);
  begin_mark(tail, before.ok() ? std::move(*before) : std::string());
  queue(tail);
}

// It has less than was read of its source before, or its bytes went.
void Follower::start_anew(Tail& tail) {
  host_.revoke_sources({&tail.source, 1}, 0);
  tail.source = open_at_host(tail.identity, &tail);
  tail.position = 0;
  tail.packed.reset();
  tail.kept.reset();
  begin_mark(tail, {});
  queue(tail);
}

// How much of it was read when it was too short to be told: some of its first lines, the same
// bytes.
uint64_t Follower::known_as_short(const Tail& tail) {
  const std::string_view told = std::string_view(tail.head).substr(0, tail.told_bytes);
  for (size_t end = told.find('\n') + 1; end > 0 && end < told.size();
       end = told.find('\n', end) + 1) {
    const std::string identity = short_identity(tail.path, told.substr(0, end));
    if (owners_.contains(identity)) continue;  // that is another file
    nek_source* source = open_at_host(identity, nullptr);
    if (source->resume == NEK_NO_POSITION || source->resume == 0) {
      host_.revoke_sources({&source, 1}, 0);
      continue;
    }
    const uint64_t position = source->resume;
    host_.end_source(source);
    forget_soon(identity);                 // not now: no snapshot knows its new name yet
    if (position <= end) return position;  // else it had a last line without end, and went
  }
  return 0;
}

// All that it has was read.
void Follower::be_done(Tail& tail) {
  left_.insert(tail.identity);
  host_.end_source(std::exchange(tail.source, nullptr));
  owners_.erase(tail.identity);
  for (Tail* other : held(tail.identity)) {
    other->state = State::kDone;
    held_--;
  }
  close_file(tail);
  tail.state = State::kDone;
}

// ---- Files that are the same source -------------------------------------------------------------

std::vector<Tail*> Follower::held(const std::string& identity) const {
  std::vector<Tail*> all;
  if (held_ == 0) return all;
  for (const auto& [id, tail] : tails_)
    if (tail->state == State::kHeld && tail->identity == identity) all.push_back(tail.get());
  return all;
}

void Follower::hold(Tail& tail) {
  tail.state = State::kHeld;
  tail.differs = false;
  held_++;
  compare(tail);
  if (tail.state == State::kHeld) close_file(tail);
}

// A copy has the same bytes up to where the shorter one ends. The longer one is read.
void Follower::compare(Tail& held) {
  const auto found = owners_.find(held.identity);
  if (found == owners_.end()) return;
  Tail& owner = *found->second;
  if (owner.state != State::kReading || owner.is_packed || held.is_packed || owner.is_short) return;
  if (!ensure_open(owner) || !ensure_open(held)) return;
  const auto its = owner.look(), other = held.look();
  if (!its || !other) return;
  const auto its_size = static_cast<uint64_t>(its->st_size);
  const auto other_size = static_cast<uint64_t>(other->st_size);
  const uint64_t end = std::min(its_size, other_size);
  const uint64_t begin = end - std::min(end, kCompareBytes);
  const auto a = owner.bytes_at(begin, end - begin), b = held.bytes_at(begin, end - begin);
  if (!a.ok() || !b.ok()) return;
  // Both may be truncated at any moment: they are looked at after they were read.
  if (!held.begins_as_before()) {
    held.state = State::kNew;
    held_--;
    return queue(held);
  }
  if (its_size < owner.position || !owner.begins_as_before()) return queue(owner);
  if (a->size() < end - begin || b->size() < end - begin) return;  // that is told as a change
  const bool differed = std::exchange(held.differs, *a != *b);
  if (held.differs && !differed)
    host_.log(NEK_WARN, "'" + held.path + "' begins like '" + owner.path +
                            "', but is another file: it is not read before that one is gone. A "
                            "larger 'fingerprint_lines' tells them apart");
  if (held.differs || owner.position < its_size || other_size <= owner.position) return;
  held_--;
  take_over(owner, held);
  owner.state = State::kHeld;
  held_++;
  close_file(owner);
}

void Follower::compare_held(const Tail& owner) {
  for (Tail* one : held(owner.identity)) compare(*one);
}

void Follower::take_over(Tail& from, Tail& to) {
  to.source = std::exchange(from.source, nullptr);
  to.position = from.position;
  to.line_begin = from.line_begin;
  to.mark = from.mark;
  to.kept.reset();
  if (to.is_packed) to.kept = from.mark.keep();
  to.state = State::kReading;
  to.at_end = false;
  owners_[to.identity] = &to;
  queue(to);
}

// No more can be read of it. Another one that is the same goes on with its source (and is the
// answer), or that ends. cut: what stands after its last line end may be read on elsewhere.
const Tail* Follower::leave(Tail& tail, bool cut) {
  if (!tail.source) return nullptr;
  owners_.erase(tail.identity);
  const std::vector<Tail*> others = held(tail.identity);
  Tail* heir = nullptr;
  for (Tail* one : others) {
    if (one->differs || !ensure_open(*one)) continue;
    if (const auto info = one->look()) one->size = static_cast<uint64_t>(info->st_size);
    if (!one->is_packed && one->size < tail.position) continue;
    if (one->is_short && one->limit < tail.position) {  // it had a last line without end, and went
      one->differs = true;
      continue;
    }
    if (!heir || is_better(*one, *heir)) heir = one;
  }
  if (heir) {
    held_--;
    take_over(tail, *heir);
    return heir;
  }
  keep_mark(tail, now());
  left_.insert(tail.identity);
  if (cut)
    host_.leave_source(std::exchange(tail.source, nullptr));
  else
    host_.end_source(std::exchange(tail.source, nullptr));
  bool another = false;
  for (Tail* one : others) {
    held_--;
    one->state = one->differs ? State::kNew : State::kDone;
    another = another || one->differs;
    if (one->differs)
      queue(*one);
    else
      close_file(*one);
  }
  if (another)
    forget(tail.identity);
  else
    forget_soon(tail.identity);
  return nullptr;
}

// Its bytes are not those that were read.
void Follower::replaced(Tail& tail) {
  tail.state = State::kNew;
  scan();  // there may be a copy
  const uint64_t cut = tail.position - tail.line_begin;
  const Tail* heir = leave(tail, true);
  if (heir)
    host_.log(NEK_INFO,
              "'" + tail.path + "' was truncated; what it held is read on in '" + heir->path + "'");
  else
    host_.log(NEK_WARN, "'" + tail.path +
                            "' was truncated: it is read from its beginning. What "
                            "was written to it after nek last looked is lost, unless a copy is "
                            "followed too" +
                            (cut > 0 ? "; and so are the " + std::to_string(cut) +
                                           " bytes of its last line, which had no end"
                                     : ""));
  truncated_.add();
  tail.truncated = heir ? std::string() : tail.identity;
  tail.packed.reset();
  tail.identity.clear();
  tail.position = 0;
  tail.at_end = false;
  tail.line_begin = 0;
  tail.changed_ms = now();
  queue(tail);
}

}  // namespace nek
