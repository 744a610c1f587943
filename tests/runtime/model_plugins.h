// SPDX-License-Identifier: Apache-2.0
// Plugins of the model test: small, random, and each with a rule that the model can foretell.
// A record is a number. Numbers come as lines of eight bytes: "0000042\n".
#pragma once
#include <atomic>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "nek/plugin.h"

namespace nek::test {

// What outlives a crash outside of nek: the disks and servers that outputs write to. One a run.
struct World {
  struct Disk {
    std::vector<uint64_t> written;  // in order
    size_t synced = 0;
  };
  struct Server {
    std::set<std::string> ids;
    std::multiset<uint64_t> values;  // of new ids
  };
  // One writer of what can be read once only. It goes on where the last reader left off.
  struct Feed {
    uint64_t begin = 0;  // where the session began that reads it
    uint64_t next = 0;   // what was handed out
    uint64_t safe = 0;   // what was handed out before the last read began
    std::string identity;
  };
  std::mutex mutex;
  std::map<std::pair<uint64_t, uint32_t>, Feed> feeds;  // by the input's option `number`, and part
  uint64_t sessions = 0;
  std::map<uint64_t, Disk> disks;  // by the output's option `number`
  std::map<uint64_t, Server> servers;
  std::vector<int64_t> watermarks;  // that the filter watch was told
  std::minstd_rand random{1};
  bool mended = false;  // nothing is refused any more; set before a pipeline is made

  uint32_t roll(uint32_t below);  // thread-safe
  void crash();                   // disks lose some of what was not synced
};

// The run's world; set before a pipeline is made.
void set_world(World* world);

// Rules that the model repeats.
constexpr bool is_bad_line(uint64_t v) { return v % 97 == 13; }  // refused by the decoder
constexpr bool is_refused(uint64_t v) { return v % 11 == 5; }    // by the filter refuse
constexpr bool is_third(uint64_t v) { return v % 3 == 0; }       // stream a of split
constexpr bool is_rejected(uint64_t v) { return v % 13 == 1; }   // by the server
constexpr uint64_t kCounted = 1'000'000;                         // derived by count: kCounted + n
constexpr uint64_t kEvery = 10;
constexpr uint64_t kTotal = 2'000'000;  // derived at the end: kTotal + n

// options: count, messages, once, number. once: its sources cannot be read again
const nek_plugin* numbers_input();
const nek_plugin* numbers_decoder();
const nek_plugin* pass_filter();   // one stream; adds nothing
const nek_plugin* split_filter();  // streams a, b (subset), all (pass)
const nek_plugin* refuse_filter();
const nek_plugin* count_filter();  // stateful: streams out (pass), counts (derived)
const nek_plugin*
watch_filter();  // passes all; notes watermarks, of which a number is its own time
const nek_plugin* text_encoder();
const nek_plugin* disk_output();    // options: number, slow, faults. write()
const nek_plugin* server_output();  // options: number, slow, faults. send()

}  // namespace nek::test
