// SPDX-License-Identifier: Apache-2.0
// Deterministic generator of NetFlow CSV rows as nfdump 1.7 prints them with
//   -o "fmt:%ts, %sa, %sp, %da, %dp, %byt, %pkt, %out, %pr, %flg" -q -N
// usage: gen_flows ROWS [SEED] > flows.csv
//
// Shares lie between those of a sampled backbone and of an edge router (real nfcapd files): flows
// come in the order of their ends, so that their begins go back and forth; few hosts have most
// flows; every fifth flow is of a private host. 38.4 million rows are a day. IPv6 is in full, as
// with -6, because shortened addresses have no country; nfdump pads all addresses wider then.
#include <arpa/inet.h>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

static uint64_t s[2];
static uint64_t mix(uint64_t& x) {  // splitmix64, for seeding
  uint64_t z = (x += 0x9e3779b97f4a7c15ull);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}
static uint64_t rnd() {  // xoroshiro128+
  uint64_t a = s[0], b = s[1], r = a + b;
  b ^= a;
  s[0] = ((a << 24) | (a >> 40)) ^ b ^ (b << 16);
  s[1] = (b << 37) | (b >> 27);
  return r;
}
static uint32_t below(uint32_t n) { return (uint32_t)(((rnd() >> 32) * n) >> 32); }
static double uni() { return (rnd() >> 11) * 0x1p-53; }

static bool is_public(uint32_t ip) {
  uint32_t a = ip >> 24, b = (ip >> 16) & 255;
  return a && a < 224 && a != 10 && a != 127 && !(a == 172 && (b & 0xf0) == 16) &&
         !(a == 192 && b == 168) && !(a == 169 && b == 254) && !(a == 100 && (b & 0xc0) == 64);
}

int main(int argc, char** argv) {
  long rows = argc > 1 ? atol(argv[1]) : 1000;
  uint64_t seed = argc > 2 ? strtoull(argv[2], nullptr, 10) : 20140610;
  s[0] = mix(seed), s[1] = mix(seed);

  // 200 000 IPv4 and 20 000 IPv6 hosts; popularity Zipf-like (rank ~ N^u).
  const int N4 = 200000, N6 = 20000, N_INSIDE = 4000;
  std::vector<std::string> v4(N4), v6(N6), inside(N_INSIDE);
  char buf[64];
  for (auto& h : v4) {
    uint32_t ip;
    do ip = (uint32_t)(rnd() >> 32);
    while (!is_public(ip));
    uint32_t be = htonl(ip);
    h = inet_ntop(AF_INET, &be, buf, sizeof buf);
  }
  static const uint16_t top[] = {0x2001, 0x2400, 0x2402, 0x2404, 0x2600, 0x2604, 0x2607, 0x2620,
                                 0x2800, 0x2804, 0x2a00, 0x2a01, 0x2a02, 0x2a03, 0x2a04, 0x2c0f};
  for (auto& h : v6) {
    uint16_t w[8] = {htons(top[below(16)])};
    for (int i = 1; i < 8; i++) w[i] = (i == 3 || i > 4 || below(2)) ? htons((uint16_t)rnd()) : 0;
    h = inet_ntop(AF_INET6, w, buf, sizeof buf);
  }
  for (auto& h : inside) {
    snprintf(buf, sizeof buf, "10.%u.%u.%u", below(4), below(256), below(256));
    h = buf;
  }
  auto pick4 = [&] { return v4[(int)std::pow((double)N4, uni()) - 1].c_str(); };
  auto pick6 = [&] { return v6[(int)std::pow((double)N6, uni()) - 1].c_str(); };

  static const int tcp_dst[] = {443, 443, 443, 80, 80, 22, 25, 445, 993, 3389, 8080, 3306};
  static const int udp_dst[] = {53, 53, 53, 123, 443, 443, 161, 1900, 5060, 500};
  static const char* flags[] = {"...A....", "...A....", "...A....", "...A....", "...AP...",
                                "...AP...", "...AP...", "...AP.SF", "...AP.SF", "...AP.SF",
                                "...AP.S.", "...A..S.", "...A..SF", "...A...F", "...A.R..",
                                ".....R..", "...APRS.", "CE.AP.SF", "........", "..UAPRSF"};
  static const char* icmp[] = {"8.0", "8.0", "8.0", "0.0", "0.0", "3.1", "3.3", "3.13", "11.0"};
  static const char* icmp6[] = {"128.0", "129.0", "135.0", "136.0", "1.4"};
  static char out[1 << 16];
  setvbuf(stdout, out, _IOFBF, sizeof out);

  int64_t us = 1402358400000000ll;  // 2014-06-10 00:00:00 UTC
  char sec[32] = "";
  int64_t last = -1;
  for (long i = 0; i < rows; i++) {
    us += below(4500);  // 444 flows a second
    // Half of them are over at once, the others last up to a minute.
    const int64_t ms = us / 1000 - (below(2) ? 0 : (int64_t)(60000 * uni() * uni()));
    if (ms / 1000 != last) {
      last = ms / 1000;
      time_t t = last;
      struct tm tm;
      gmtime_r(&t, &tm);
      strftime(sec, sizeof sec, "%Y-%m-%d %H:%M:%S", &tm);
    }
    bool six = below(100) < 5;
    const char *sa = six ? pick6() : pick4(), *da;
    do da = six ? pick6() : pick4();
    while (da == sa);
    if (!six && below(5) == 0) (below(2) ? sa : da) = inside[below(N_INSIDE)].c_str();
    uint32_t k = below(1000);
    int proto = k < 695   ? 6
                : k < 972 ? 17
                : k < 993 ? (six ? 58 : 1)
                : k < 996 ? 50
                : k < 998 ? 112
                          : 47;
    char sp[8] = "0", dp[8] = "0";
    const char* flg = "........";
    uint32_t pkt = 1 + (uint32_t)std::pow(2000.0, uni() * uni()) - 1;
    if (!pkt) pkt = 1;
    if (proto == 6 || proto == 17) {
      int hi = 1024 + (int)below(64512), lo = proto == 6 ? tcp_dst[below(12)] : udp_dst[below(10)];
      if (below(10) == 0) lo = 1024 + (int)below(64512);
      bool reply = below(2);
      snprintf(sp, sizeof sp, "%d", reply ? lo : hi);
      snprintf(dp, sizeof dp, "%d", reply ? hi : lo);
      if (proto == 6) {
        flg = flags[below(20)];
        if (below(50) == 0) {  // 1.4 % of all rows ask for a connection only, some of them with ECN
          flg = below(10) ? "......S." : "CE....S.";
          pkt = 1 + below(3);
        }
      }
    } else if (proto == 58) {
      snprintf(dp, sizeof dp, "%s", icmp6[below(5)]);
    } else if (proto == 1) {
      snprintf(dp, sizeof dp, "%s", icmp[below(9)]);
    }
    uint64_t byt = (uint64_t)pkt * (40 + below(1400));
    printf("%s.%03d, %16s, %6s, %16s, %6s, %8llu, %8u, %6u, %-5d, %s\n", sec, (int)(ms % 1000), sa,
           sp, da, dp, (unsigned long long)byt, pkt, below(24), proto, flg);
  }
}
