# SPDX-License-Identifier: Apache-2.0
"""Writes the tables that some peers need where others have code: names, letters, IPv4 ranges.

usage: tables.py FOLDER      (COUNTRIES, a .mmdb, in the environment)
"""
import json
import os
import pathlib
import sys

import maxminddb

from protocols import BY_TEXT, NAMES

LETTERS = "CEUAPRSF"
FLAGS = ["".join(letter if mask >> i & 1 else "." for i, letter in enumerate(LETTERS))
         for mask in range(256)]


def flag_json(flags):
    return json.dumps([letter for letter in flags if letter != "."], separators=(",", ":"))


def ranges(database):
    """First addresses of the IPv4 ranges with one country each, "" where there is none."""
    last, end = None, 0
    with maxminddb.open_database(database) as geo:
        networks = sorted((int(network.network_address), network.num_addresses,
                           record["country_code"]) for network, record in geo
                          if network.version == 4 or int(network.network_address) < 1 << 32)
    for begin, size, country in networks:
        if begin > end and last != "":
            yield end, ""
            last = ""
        if country != last:
            yield begin, country
            last = country
        end = max(end, begin + size)


def write_syslog_ng(folder):
    """selector,name,value of add-contextual-data()."""
    with open(folder / "syslog-ng.csv", "w") as table:
        for number, name in BY_TEXT.items():
            table.write(f"{number},f.proto,{name}\n")
        for flags in FLAGS:
            quoted = flag_json(flags).replace('"', '""')
            table.write(f'{flags},f.flags,"{quoted}"\n')


def write_rsyslog(folder):
    def write(name, kind, otherwise, pairs):
        rows = [{"index": index, "value": value} for index, value in pairs]
        with open(folder / f"rsyslog-{name}.json", "w") as table:
            json.dump({"version": 1, "nomatch": otherwise, "type": kind, "table": rows}, table)

    write("proto", "array", "", ((i, NAMES.get(i, str(i))) for i in range(256)))
    write("flags", "string", "[]", ((flags, flag_json(flags)) for flags in FLAGS))
    # rsyslog reads an index as int32, so that the upper half of the addresses has its own table.
    halves = [{}, {0: ""}]
    for begin, country in ranges(os.environ["COUNTRIES"]):
        halves[begin >> 31][begin & 0x7FFFFFFF] = country
    for name, half in zip(("low", "high"), halves):
        write(name, "sparseArray", "", half.items())


if __name__ == "__main__":
    target = pathlib.Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    write_syslog_ng(target)
    write_rsyslog(target)
