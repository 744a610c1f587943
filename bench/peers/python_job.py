# SPDX-License-Identifier: Apache-2.0
"""The 2014 importer's logic, row by row: csv.reader, time.strptime, json.dumps.

usage: python_job.py INPUT OUTPUT      (COUNTRIES, a .mmdb, in the environment)

What it writes is what all others must write. pygeoip of 2014 is replaced by maxminddb's C
extension, which is much faster.
"""
import csv
import json
import os
import sys
import time

import maxminddb

from protocols import NAMES


def country(geo, address):
    found = geo.get(address)
    return found["country_code"] if found else ""


def records(lines, geo):
    for row in csv.reader(lines):
        ts, sa, sp, da, dp, byt, pkt, out, pr, flg = (field.strip() for field in row)
        when = time.strptime(ts.split(".")[0], "%Y-%m-%d %H:%M:%S")
        yield {
            "ts": time.strftime("%Y-%m-%d %H:%M:%S", when),
            "sa": sa, "sp": int(float(sp)), "sc": country(geo, sa),
            "da": da, "dp": int(float(dp)), "dc": country(geo, da),
            "byte": int(byt), "pkt": int(pkt), "out": int(out),
            "pr": NAMES.get(int(pr), pr),
            "flg": [letter for letter in flg if letter != "."],
        }


def main(source, target):
    geo = maxminddb.open_database(os.environ["COUNTRIES"], maxminddb.MODE_MMAP_EXT)
    with open(source, newline="") as lines, open(target, "w") as out:
        for record in records(lines, geo):
            out.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
