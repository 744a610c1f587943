# SPDX-License-Identifier: Apache-2.0
"""Baseline: the 2014 importer's per-row logic in Python 3 (csv.reader + time.strptime + json.dumps).

usage: baseline.py flows.csv country.mmdb out.json
pygeoip is replaced by the maxminddb C extension (pip install maxminddb), much faster than it was.
"""
import csv
import json
import sys
import time

import maxminddb

PROTO = {1: "ICMP", 2: "IGMP", 6: "TCP", 17: "UDP", 41: "IPv6", 47: "GRE", 50: "ESP", 51: "AH",
         58: "ICMPv6", 89: "OSPF", 112: "VRRP", 132: "SCTP"}


def country(geo, ip):
    rec = geo.get(ip)
    return rec["country_code"] if rec else ""


def docs(src, geo):
    with open(src, newline="") as fin:
        for row in csv.reader(fin):
            ts, sa, sp, da, dp, byt, pkt, out, pr, flg = (f.strip() for f in row)
            t = time.strptime(ts.split(".")[0], "%Y-%m-%d %H:%M:%S")
            yield json.dumps({
                "ts": time.strftime("%Y-%m-%d %H:%M:%S", t),
                "sa": sa, "sp": int(float(sp)), "sc": country(geo, sa),
                "da": da, "dp": int(float(dp)), "dc": country(geo, da),
                "byte": int(byt), "pkt": int(pkt), "out": int(out),
                "pr": PROTO.get(int(pr), pr),
                "flg": [c for c in flg if c != "."],
            })


def main(src, mmdb, dst):
    geo = maxminddb.open_database(mmdb, maxminddb.MODE_MMAP_EXT)
    with open(dst, "w") as fout:
        for doc in docs(src, geo):
            fout.write(doc + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:4])
