# SPDX-License-Identifier: Apache-2.0
"""Input of one of the pipelines here, and what must come out of it; the same every time.

usage: make.py web|connections ROWS INPUT WANTED      (COUNTRIES, a .mmdb, in the environment)
"""
import csv
import datetime
import functools
import json
import os
import random
import sys

import maxminddb

METHODS = ["GET"] * 8 + ["POST", "HEAD"]
STATUS = [200] * 12 + [304, 304, 404, 301, 500]
WORDS = ["login", "images", "api/v2", "search?q=caf\u00e9", "index.html", "static/app.js", "cart"]
AGENTS = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)",
    'curl/8.1 "with quotes" and a \\',
    "Robot/2.1 (+https://example.org/robot.html)",
]
PROTOCOLS = [("6", "TCP")] * 7 + [("17", "UDP")] * 3 + [("1", "ICMP")]
SERVICES = ["http", "dns", "ssl", "", "ssh", "smtp, with a comma"]
STATES = ["SF", "S0", "REJ", "RSTO", "OTH"]
BEGIN = datetime.datetime(2024, 3, 5, 10)


class Maker:
    def __init__(self, database):
        self.random = random.Random(20240305)
        self.geo = maxminddb.open_database(database, maxminddb.MODE_MMAP_EXT)
        self.ms = 0
        self.hosts = [".".join(str(self.random.randrange(1, 224)) for _ in range(4))
                      for _ in range(20_000)]

    @functools.cache
    def country(self, address):
        found = self.geo.get(address)
        return found["country_code"] if found else None

    def host(self):
        return self.hosts[int(len(self.hosts) ** self.random.random()) - 1]

    def time(self):
        self.ms += self.random.randrange(20)
        return (BEGIN + datetime.timedelta(milliseconds=self.ms)).isoformat(
            timespec="milliseconds") + "Z"

    def seconds(self):
        # Never a whole number, which Python writes as 2.0 and nek as 2.
        return (self.random.randrange(1000, 5_000_000) | 1) / 1e6

    def request(self):
        pick, number = self.random.choice, self.random.randrange
        path = "/" + "/".join(pick(WORDS) for _ in range(number(1, 4)))
        return {"time": self.time(), "client": self.host(), "method": pick(METHODS), "path": path,
                "status": pick(STATUS), "bytes": number(200_000), "took": self.seconds(),
                "agent": pick(AGENTS)}

    def connection(self):
        pick, number = self.random.choice, self.random.randrange
        return [self.time(), f"C{number(1 << 60):x}", self.host(), self.host(), number(65536),
                pick(PROTOCOLS), pick(SERVICES), self.seconds(), number(100_000),
                number(10_000_000), pick(STATES)]


def web(maker, rows, source, wanted):
    def line(record):
        return json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"

    for _ in range(rows):
        request = maker.request()
        source.write(line(request))
        country = maker.country(request["client"])
        keys = ["time", "country", "client", "method", "status", "bytes", "took", "path", "agent"]
        wanted.write(line({key: (request | {"country": country})[key] for key in keys}))


def connections(maker, rows, source, wanted):
    into, out = (csv.writer(file, lineterminator="\n") for file in (source, wanted))
    into.writerow(["start", "uid", "client", "server", "port", "proto", "service", "duration",
                   "sent", "received", "state"])
    out.writerow(["start", "client", "server", "country", "port", "proto", "service", "duration",
                  "sent", "received", "state"])
    for _ in range(rows):
        start, uid, client, server, port, (number, name), *rest = maker.connection()
        into.writerow([start, uid, client, server, port, number, *rest])
        out.writerow([start, client, server, maker.country(server), port, name, *rest])


def main(kind, rows, source, wanted):
    maker = Maker(os.environ["COUNTRIES"])
    with open(source, "w", encoding="utf-8") as into, open(wanted, "w", encoding="utf-8") as out:
        {"web": web, "connections": connections}[kind](maker, int(rows), into, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
