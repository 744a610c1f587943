# SPDX-License-Identifier: Apache-2.0
"""Names of IP protocols, the same for all peers."""

NAMES = {1: "ICMP", 2: "IGMP", 6: "TCP", 17: "UDP", 41: "IPv6", 47: "GRE", 50: "ESP", 51: "AH",
         58: "ICMPv6", 89: "OSPF", 112: "VRRP", 132: "SCTP"}
BY_TEXT = {str(number): name for number, name in NAMES.items()}
