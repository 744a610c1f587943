// SPDX-License-Identifier: Apache-2.0
#include "protocols.h"

#include <iterator>

#include "nek/text.hpp"

namespace nek {
namespace {

// IANA's keywords of 2026-11 in upper case, by number. The registry has none for "", nor behind the
// last; 0 has one (HOPOPT), but a flow of protocol 0 is one whose protocol nobody knows.
// clang-format off
constexpr std::string_view kKeywords[] = {
    "", "ICMP", "IGMP", "GGP", "IPV4", "ST", "TCP", "CBT", "EGP", "IGP", "BBN-RCC-MON", "NVP-II",
    "PUP", "ARGUS", "EMCON", "XNET", "CHAOS", "UDP", "MUX", "DCN-MEAS", "HMP", "PRM", "XNS-IDP",
    "TRUNK-1", "TRUNK-2", "LEAF-1", "LEAF-2", "RDP", "IRTP", "ISO-TP4", "NETBLT", "MFE-NSP",
    "MERIT-INP", "DCCP", "3PC", "IDPR", "XTP", "DDP", "IDPR-CMTP", "TP++", "IL", "IPV6", "SDRP",
    "IPV6-ROUTE", "IPV6-FRAG", "IDRP", "RSVP", "GRE", "DSR", "BNA", "ESP", "AH", "I-NLSP", "SWIPE",
    "NARP", "MIN-IPV4", "TLSP", "SKIP", "IPV6-ICMP", "IPV6-NONXT", "IPV6-OPTS", "", "CFTP", "",
    "SAT-EXPAK", "KRYPTOLAN", "RVD", "IPPC", "", "SAT-MON", "VISA", "IPCV", "CPNX", "CPHB", "WSN",
    "PVP", "BR-SAT-MON", "SUN-ND", "WB-MON", "WB-EXPAK", "ISO-IP", "VMTP", "SECURE-VMTP", "VINES",
    "IPTM", "NSFNET-IGP", "DGP", "TCF", "EIGRP", "OSPFIGP", "SPRITE-RPC", "LARP", "MTP", "AX.25",
    "IPIP", "MICP", "SCC-SP", "ETHERIP", "ENCAP", "", "GMTP", "IFMP", "PNNI", "PIM", "ARIS",
    "SCPS", "QNX", "A/N", "IPCOMP", "SNP", "COMPAQ-PEER", "IPX-IN-IP", "VRRP", "PGM", "", "L2TP",
    "DDX", "IATP", "STP", "SRP", "UTI", "SMP", "SM", "PTP", "ISIS OVER IPV4", "FIRE", "CRTP",
    "CRUDP", "SSCOPMCE", "IPLT", "SPS", "PIPE", "SCTP", "FC", "RSVP-E2E-IGNORE", "MOBILITY HEADER",
    "UDPLITE", "MPLS-IN-IP", "MANET", "HIP", "SHIM6", "WESP", "ROHC", "ETHERNET", "AGGFRAG", "NSH",
};
// clang-format on

struct Alias {
  std::string_view name;
  uint8_t number;
};
// What nfdump 1.7 prints where it is not the keyword, and one more that is often met. (nfdump
// prints IDPR for 35 and for 38; IPIP is its 4, though the registry has that name for 94.)
// clang-format off
constexpr Alias kAliases[] = {
    {"IPIP", 4}, {"BBN", 10}, {"NVPII", 11}, {"ENCOM", 14}, {"DCN", 19}, {"XNS", 22},
    {"TRNK1", 23}, {"TRNK2", 24}, {"LEAF1", 25}, {"LEAF2", 26}, {"ISO-4", 29}, {"NETBK", 30},
    {"MFESP", 31}, {"MEINP", 32}, {"RTE6", 43}, {"FRAG6", 44}, {"MHRP", 48}, {"INLSP", 52},
    {"MOBIL", 55}, {"ICMP6", 58}, {"NOHE6", 59}, {"OPTS6", 60}, {"HOST", 61}, {"NET", 63},
    {"SATNT", 64}, {"KLAN", 65}, {"FS", 68}, {"SATM", 69}, {"BSATM", 76}, {"SUNND", 77},
    {"WBMON", 78}, {"WBEXP", 79}, {"ISOIP", 80}, {"SVMTP", 82}, {"TTP", 84}, {"NSIGP", 85},
    {"OSPF", 89}, {"S-RPC", 90}, {"OS", 94}, {"SCCSP", 96}, {"ETHIP", 97}, {"IPCMP", 108},
    {"CPQPP", 110}, {"IPXIP", 111}, {"0HOP", 114}, {"ISIS4", 124}, {"MHEAD", 135}, {"UDP-L", 136},
    {"MPLS", 137}, {"ICMPV6", 58},
};
// clang-format on

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

}  // namespace

std::string protocol_name(uint8_t number) {
  if (number < std::size(kKeywords) && !kKeywords[number].empty()) {
    return std::string(kKeywords[number]);
  }
  return std::to_string(number);
}

std::optional<uint8_t> protocol_number(std::string_view text) {
  if (const auto number = parse_number<uint8_t>(text)) return number;
  const std::string name = upper(text);
  for (const Alias& alias : kAliases) {
    if (alias.name == name) return alias.number;
  }
  if (name.empty()) return std::nullopt;
  for (size_t number = 0; number < std::size(kKeywords); number++) {
    if (kKeywords[number] == name) return static_cast<uint8_t>(number);
  }
  return std::nullopt;
}

}  // namespace nek
