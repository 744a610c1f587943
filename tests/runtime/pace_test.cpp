// SPDX-License-Identifier: Apache-2.0
#include "runtime/pace.h"

#include <catch2/catch.hpp>

namespace nek {
namespace {

using std::chrono::milliseconds;
constexpr size_t kMiB = size_t{1} << 20;

// Requests of the size that is wanted, each answered after `time`.
void answer(Pace& pace, int count, milliseconds time) {
  for (int i = 0; i < count; i++) pace.taken(pace.request_bytes(), time, true);
}

TEST_CASE("it begins with half of the requests that may be in flight, of one MiB at most") {
  CHECK(Pace(8, 4 * kMiB).in_flight() == 4);
  CHECK(Pace(1, 4 * kMiB).in_flight() == 1);
  CHECK(Pace(0, 4 * kMiB).in_flight() == 1);
  CHECK(Pace(8, 4 * kMiB).request_bytes() == kMiB);
  CHECK(Pace(8, 1000).request_bytes() == 1000);
}

TEST_CASE("requests that are answered quickly become larger and more, up to the bounds") {
  Pace pace(8, 4 * kMiB);
  answer(pace, 100, milliseconds(10));
  CHECK(pace.request_bytes() == 4 * kMiB);
  CHECK(pace.in_flight() == 8);
}

TEST_CASE("requests that take more than two seconds become smaller, down to 64 KiB") {
  Pace pace(8, 4 * kMiB);
  answer(pace, 20, milliseconds(3000));
  CHECK(pace.request_bytes() == 65536);
}

TEST_CASE("no more are sent at once where more would only wait for each other") {
  // A server that works on one request at a time: each waits for those before it.
  Pace pace(32, kMiB);
  for (int i = 0; i < 5000; i++)
    pace.taken(pace.request_bytes(), milliseconds(10 * pace.in_flight()), true);
  CHECK(pace.in_flight() >= 2);
  CHECK(pace.in_flight() <= 6);
}

TEST_CASE("a server that says it has too much gets half, once a round trip, and one at least") {
  Pace pace(8, kMiB);
  const Pace::Clock::time_point start{milliseconds(1000)};
  pace.too_much(start, start + milliseconds(10));
  CHECK(pace.in_flight() == 2);
  pace.too_much(start + milliseconds(5), start + milliseconds(11));  // of the same round
  CHECK(pace.in_flight() == 2);
  pace.too_much(start + milliseconds(20), start + milliseconds(30));
  CHECK(pace.in_flight() == 1);
  pace.too_much(start + milliseconds(40), start + milliseconds(50));
  CHECK(pace.in_flight() == 1);
}

TEST_CASE(
    "where even one request at a time is too much they become smaller, and larger much later") {
  Pace pace(1, 4 * kMiB);
  pace.too_much(Pace::Clock::time_point(milliseconds(1)), Pace::Clock::time_point(milliseconds(2)));
  CHECK(pace.request_bytes() == kMiB / 2);
  answer(pace, 49, milliseconds(1));
  CHECK(pace.request_bytes() == kMiB / 2);
  answer(pace, 1, milliseconds(1));
  CHECK(pace.request_bytes() == kMiB);
}

TEST_CASE("what was called too large is not tried again") {
  Pace pace(4, 4 * kMiB);
  pace.too_large(300'000);
  answer(pace, 50, milliseconds(1));
  CHECK(pace.request_bytes() == 300'000);
}

}  // namespace
}  // namespace nek
