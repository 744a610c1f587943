// SPDX-License-Identifier: Apache-2.0
// The whole main job in one function: nfdump's CSV, protocol names, flags, countries, NDJSON.
// No framework, no checks, no error handling: a yardstick for bench/compare, not an example.
// usage: reference flows.csv country.mmdb out.ndjson
#include <fcntl.h>
#include <maxminddb.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <vector>

using std::string_view;

struct Batch {
  std::vector<string_view> ts, sa, da, flags;
  std::vector<int64_t> sp, dp, bytes, packets, out;
  std::vector<uint8_t> proto;
  std::vector<uint16_t> sc, dc;
};

static MMDB_s db;

static uint16_t lookup(string_view address) {
  char text[64];
  size_t n = address.size() < 63 ? address.size() : 63;
  memcpy(text, address.data(), n);
  text[n] = 0;
  int gai, err;
  auto r = MMDB_lookup_string(&db, text, &gai, &err);
  if (!r.found_entry) return 0;
  MMDB_entry_data_s d;
  if (MMDB_get_value(&r.entry, &d, "country_code", nullptr) || !d.has_data)
    if (MMDB_get_value(&r.entry, &d, "country", "iso_code", nullptr) || !d.has_data) return 0;
  uint16_t c;
  memcpy(&c, d.utf8_string, 2);
  return c;
}

static uint16_t country(string_view address) {
  struct Slot {
    uint32_t ip;
    uint16_t country, used;
  };
  static std::vector<Slot> cache(1 << 18);
  uint32_t ip = 0, octet = 0;
  for (char c : address) {
    if (c == '.')
      ip = ip << 8 | octet, octet = 0;
    else if (c == ':')
      return lookup(address);
    else
      octet = octet * 10 + (c - '0');
  }
  ip = ip << 8 | octet;
  Slot& s = cache[(ip * 2654435761u) >> 14];
  if (!s.used || s.ip != ip) s = {ip, lookup(address), 1};
  return s.country;
}

static string_view trim(const char* b, const char* e) {
  while (b < e && *b == ' ') b++;
  while (e > b && e[-1] == ' ') e--;
  return {b, size_t(e - b)};
}

static int64_t number(string_view s) {
  int64_t v = 0;
  for (char c : s) {
    if (c == '.') break;
    v = v * 10 + (c - '0');
  }
  return v;
}

static char* put_country(char* p, uint16_t country) {
  memcpy(p, &country, 2);
  return p + (country ? 2 : 0);
}
static char* put(char* p, string_view s) {
  memcpy(p, s.data(), s.size());
  return p + s.size();
}

static char* put(char* p, uint64_t v) {
  char t[20];
  int i = 20;
  do t[--i] = char('0' + v % 10);
  while (v /= 10);
  memcpy(p, t + i, 20 - i);
  return p + 20 - i;
}

int main(int, char** argv) {
  MMDB_open(argv[2], MMDB_MODE_MMAP, &db);
  int in = open(argv[1], O_RDONLY), out = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC, 0644);
  struct stat st;
  fstat(in, &st);
  auto* b = static_cast<const char*>(
      mmap(nullptr, st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, in, 0));
  const char* end = b + st.st_size;
  const char* names[256];
  for (auto& n : names) n = "?";
  names[1] = "ICMP", names[6] = "TCP", names[17] = "UDP", names[47] = "GRE", names[50] = "ESP";
  names[58] = "ICMPv6", names[112] = "VRRP";

  constexpr int kRows = 4096;
  std::vector<char> text(kRows * 320);
  Batch x;
  long rows = 0;
  auto start = std::chrono::steady_clock::now();
  while (b < end) {
    auto clear = [](auto&... column) { (column.clear(), ...); };
    clear(x.ts, x.sa, x.da, x.flags, x.sp, x.dp, x.bytes, x.packets, x.out, x.proto, x.sc, x.dc);
    for (int i = 0; i < kRows && b < end; i++) {
      auto* nl = static_cast<const char*>(memchr(b, '\n', end - b));
      if (!nl) nl = end;
      const char* f[11];
      int k = 0;
      f[0] = b;
      for (const char* q = b; q < nl && k < 9; q++)
        if (*q == ',') f[++k] = q + 1;
      f[k + 1] = nl + 1;
      auto field = [&](int j) { return trim(f[j], f[j + 1] - 1); };
      x.ts.push_back(field(0).substr(0, 19));
      x.sa.push_back(field(1));
      x.sp.push_back(number(field(2)));
      x.da.push_back(field(3));
      x.dp.push_back(number(field(4)));
      x.bytes.push_back(number(field(5)));
      x.packets.push_back(number(field(6)));
      x.out.push_back(number(field(7)));
      x.proto.push_back(uint8_t(number(field(8))));
      x.flags.push_back(field(9));
      b = nl + 1;
    }
    size_t n = x.ts.size();
    x.sc.resize(n);
    x.dc.resize(n);
    for (size_t i = 0; i < n; i++) x.sc[i] = country(x.sa[i]);
    for (size_t i = 0; i < n; i++) x.dc[i] = country(x.da[i]);
    char* p = text.data();
    for (size_t i = 0; i < n; i++) {
      p = put(put(p, "{\"ts\":\""), x.ts[i]);
      p = put(put(p, "\",\"sa\":\""), x.sa[i]);
      p = put(put(p, "\",\"sp\":"), uint64_t(x.sp[i]));
      p = put_country(put(p, ",\"sc\":\""), x.sc[i]);
      p = put(put(p, "\",\"da\":\""), x.da[i]);
      p = put(put(p, "\",\"dp\":"), uint64_t(x.dp[i]));
      p = put_country(put(p, ",\"dc\":\""), x.dc[i]);
      p = put(put(p, "\",\"byte\":"), uint64_t(x.bytes[i]));
      p = put(put(p, ",\"pkt\":"), uint64_t(x.packets[i]));
      p = put(put(p, ",\"out\":"), uint64_t(x.out[i]));
      p = put(put(p, ",\"pr\":\""), string_view(names[x.proto[i]]));
      p = put(p, "\",\"flg\":[");
      bool first = true;
      for (char c : x.flags[i])
        if (c != '.') {
          if (!first) *p++ = ',';
          first = false;
          *p++ = '"', *p++ = c, *p++ = '"';
        }
      p = put(p, "]}\n");
    }
    if (write(out, text.data(), p - text.data()) < 0) return 1;
    rows += n;
  }
  double s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  printf("%ld rows, %.3f s, %.2f M rows/s\n", rows, s, rows / s / 1e6);
}
