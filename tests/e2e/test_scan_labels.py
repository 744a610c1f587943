# SPDX-License-Identifier: Apache-2.0
"""scan_detect on real captures whose scanners are known: tests/data/nfcapd/SOURCES.md says where they are
from. The table in docs/scan-detection.md is this one."""

import csv
import gzip
import json
import re
import shutil
import subprocess
import unittest

from e2e import SOURCE, NekTest

NFDUMP = shutil.which("nfdump")
FMT = "fmt:%ts, %sa, %sp, %da, %dp, %byt, %pkt, %out, %pr, %flg"

# Files of scans with 9 or 10 targets need a lower limit than 25; one is of a sampled backbone, and shows 4.
SMALL, SAMPLED = "min_pairs: 5", "min_pairs: 4, sampling_rate: 1000"
EXPECTED = {
    ("ncsa-port_scan", SMALL): {("192.168.2.154", "vertical")},
    ("ncsa-445_scan", SMALL): {("176.192.150.3", "horizontal")},
    ("ncsa-scan_zero_windows", SMALL): {("10.0.0.1", "horizontal")},
    ("ncsa-multiport_scan", SMALL): {("125.27.226.209", "horizontal")},
    ("cp-large2019-first20k", SAMPLED): {("167.71.190.61", "horizontal")},
    ("cp-large2019-first20k", ""): set(),
    ("cp-mikrotik2023", ""): set(),
    ("cp-small-lzo-v1", ""): set(),
    ("cp-empty-v1", ""): set(),
    ("sv-synflood200", ""): set(),
    ("sv-synflood200", SMALL): set(),
    ("sv-browsing-tls", ""): set(),
    ("sv-browsing-tls", SMALL): set(),
    ("sv-corpus", ""): set(),
    ("zeek-corpus", ""): set(),
    ("ipfixprobe-mixed", ""): set(),
    ("ipfixprobe-mixed", SMALL): set(),
    ("vendors-logstash", ""): set(),
    ("nfreplay-v5-svsynflood", ""): set(),
    ("nfreplay-v9-mikrotik2023", ""): set(),
    ("nfreplay-v9-svbrowsing", ""): set(),
}


class Labels(NekTest):
    def flows(self, name):
        file = SOURCE / f"tests/data/nfcapd/{name}.nfcapd"
        done = subprocess.run([NFDUMP, "-q", "-N", "-6", "-r", str(file), "-o", FMT], text=True,
                              capture_output=True, check=True)
        (self.folder / "flows.csv").write_text(done.stdout)

    def test_slow_scans_by_nmap_are_found_with_their_types_and_nobody_else(self):
        folder = SOURCE / "tests/data/nmap"
        (self.folder / "flows.csv").write_bytes(gzip.decompress((folder / "flows.csv.gz").read_bytes()))
        with open(folder / "truth.csv") as file:
            truth = {address: kind for address, kind in csv.reader(file)}
        self.assertEqual(sorted(truth.values()), ["block", "brute_force", "client", "client"] + ["horizontal"] * 4 +
                         ["strobe"] + ["vertical"] * 3)
        expected = {(address, kind) for address, kind in truth.items() if kind not in ("client", "brute_force")}
        found = self.scanners("own_networks: [198.18.1.0/24]", "state")
        self.assertEqual({address for address, _ in found}, {address for address, _ in expected})
        self.assertEqual(self.last_types(), expected)

    def last_types(self):
        return set({alert["source.ip"]: alert["scan.type"]
                    for alert in self.records("alerts.ndjson")}.items())

    def scanners(self, options, state):
        (self.folder / "job.yaml").write_text(f"""
inputs: [csv: {{ path: flows.csv, format: nfdump }}]
filters: [scan_detect: {{ id: scans, memory: 16MiB, {options} }}]
outputs:
  - file: {{ from: scans.alerts, path: alerts.ndjson, if_exists: overwrite }}
  - blackhole: {{ from: scans.flows }}
""")
        self.must_run(state=state, arguments=["--quiet"])
        return {(alert["source.ip"], alert["scan.type"]) for alert in self.records("alerts.ndjson")}

    def test_every_scanner_is_found_with_its_type_and_nobody_else(self):
        for number, ((name, options), expected) in enumerate(EXPECTED.items()):
            with self.subTest(file=name, options=options):
                self.flows(name)
                self.assertEqual(self.scanners(options, f"state{number}"), expected)

    def test_the_end_of_a_run_shows_the_scanners_and_the_report_has_them(self):
        self.flows("ncsa-445_scan")
        self.scanners(SMALL, "state")  # makes the job
        done = self.must_run(state="other", arguments=["--report", "report.json"])
        self.assertTrue(done.stderr.endswith("""
scans: 1 scanner:
  SOURCE         CC  CLASS       DIR  HOSTS  PORTS  HOURS  FIRST   LAST  CONNECTED
  176.192.150.3  -   horizontal  -        9      1      3  17:52  19:36  no
"""), done.stderr)
        report = json.loads((self.folder / "report.json").read_text())
        self.assertEqual(report["summaries"], [{
            "component": "scans", "title": "1 scanner:",
            "rows": [{"SOURCE": "176.192.150.3", "CC": "-", "CLASS": "horizontal", "DIR": "-", "HOSTS": "9",
                      "PORTS": "1", "HOURS": "3", "FIRST": "17:52", "LAST": "19:36", "CONNECTED": "no"}]}])

    def test_where_nobody_scans_the_summary_says_so(self):
        self.flows("sv-browsing-tls")
        self.scanners("", "state")
        self.assertTrue(self.must_run(state="other").stderr.endswith("\nscans: nobody scanned\n"))

    def test_flows_that_were_not_counted_are_a_line_of_the_summary_and_all_metrics_are_in_the_report(self):
        row = "{} 00:00:00.000, 192.0.2.1, 40000, 10.0.0.{}, 445, 40, 1, 1, 6, ......S.\n"
        days = ["2026-01-01", "2026-01-01", "2080-01-01", "2026-01-01"]
        (self.folder / "flows.csv").write_text("".join(row.format(day, i) for i, day in enumerate(days)))
        self.scanners("", "state")
        done = self.must_run(state="other", arguments=["--report", "report.json"])
        line = "  scans: 1 ahead: Flows with a time far ahead, which were not counted.\n"
        self.assertEqual(done.stderr.count(line), 1, done.stderr)
        metrics = json.loads((self.folder / "report.json").read_text())["metrics"]
        self.assertEqual(metrics["scans"], {
            "suspects": 1, "tracked": 0, "evicted": 0, "evicted_tracked": 0, "refused": 0, "late": 0, "ahead": 1,
            "skipped": 0, "no_flags": 0, "alerts": 0})
        self.assertEqual(metrics["blackhole"]["records"], 4)

    def test_an_address_that_is_no_address_is_cut_at_a_character(self):
        row = "2026-01-01 00:00:00.000, aaaaaaaaaaaaaaa\u00e9, 40000, 10.0.0.{}, 445, 40, 1, 1, 6, ......S.\n"
        (self.folder / "flows.csv").write_text("".join(row.format(i) for i in range(25)), encoding="utf-8")
        self.assertEqual(self.scanners("", "state"), {("a" * 15, "horizontal")})

    def test_a_scan_that_is_over_for_days_is_no_row_but_the_title_counts_its_alerts(self):
        scan = "2026-01-01 00:00:00.000, 192.0.2.1, 40000, 10.0.0.{}, 445, 40, 1, 1, 6, ......S.\n"
        work = "2026-01-0{} 00:00:00.000, 192.0.2.9, 40000, 10.0.0.1, 443, 4000, 12, 1, 6, ...AP.SF\n"
        rows = [scan.format(i) for i in range(25)] + [work.format(day) for day in (3, 5) for _ in range(40)]
        (self.folder / "flows.csv").write_text("".join(rows))
        self.scanners("", "state")
        done = self.must_run(state="other")
        self.assertTrue(done.stderr.endswith(
            "\nscans: nobody scanned in the last two windows; alerts of this run: 2\n"), done.stderr)

    def test_the_table_in_the_documentation_is_this_one(self):
        rows = re.findall(r"^\| `([\w-]+)` \| (.*?) \| .*? \| (.*?) \|$",
                          (SOURCE / "docs/scan-detection.md").read_text(), re.MULTILINE)
        table = {}
        for name, options, found in rows:
            found = set() if found == "nobody" else {tuple(found.split(" ", 1))}
            table[(name, "" if options == "defaults" else options.strip("`"))] = found
        self.assertEqual(table, EXPECTED)


if __name__ == "__main__":
    unittest.main()
