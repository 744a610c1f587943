-- SPDX-License-Identifier: Apache-2.0
local proto = {
  ["1"] = "ICMP", ["2"] = "IGMP", ["6"] = "TCP", ["17"] = "UDP", ["41"] = "IPv6", ["47"] = "GRE",
  ["50"] = "ESP", ["51"] = "AH", ["58"] = "ICMPv6", ["89"] = "OSPF", ["112"] = "VRRP",
  ["132"] = "SCTP",
}
function flow(tag, ts, r)
  local f = {}
  for c in r.flg:gmatch("[^.]") do f[#f + 1] = c end
  r.flg = f
  r.pr = proto[r.pr] or r.pr
  return 2, ts, r
end
