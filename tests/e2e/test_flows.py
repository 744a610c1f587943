# SPDX-License-Identifier: Apache-2.0
"""The main job on real flows: nek's counts and sums are those that nfdump itself has."""

import collections
import os
import shutil
import subprocess
import unittest

from e2e import NekTest, SOURCE

NFDUMP = shutil.which("nfdump")
NINE_COLUMNS = "fmt:%ts, %sa, %sp, %da, %dp, %byt, %pkt, %out, %pr"
TEN_COLUMNS = NINE_COLUMNS + ", %flg"
SYN_ONLY = "flags S and not flags AFURP"
# So that sums stand beside the number that nfdump has, where the record has the name.
NUMBERS = """
  - file: { from: csv, path: numbers.ndjson, fields: [pr, byte, pkt] }
"""


def nfdump(file, *arguments):
    environment = os.environ | {"TZ": "UTC"}
    return subprocess.run([NFDUMP, "-r", file, *arguments], env=environment, text=True, check=True,
                          capture_output=True).stdout


def nfdump_flows(file, *arguments):
    """Lines of flows; nfdump says so in words when there are none."""
    lines = nfdump(file, "-q", "-N", *arguments).splitlines(keepends=True)
    return [line for line in lines if not line.startswith("No matching flows")]


def nfdump_sums(file):
    """Packets and bytes of each protocol number that has any, by nfdump's own statistics."""
    sums = {}
    for line in nfdump(file, "-N", "-s", "proto", "-n", "0", "-o", "csv").splitlines():
        fields = line.split(",")
        if len(fields) == 14 and fields[0] != "ts":
            sums[int(fields[4])] = (int(fields[7]), int(fields[9]))
    return sums


@unittest.skipUnless(NFDUMP, "nfdump is not installed")
class RealFlows(NekTest):
    def run_job(self, lines):
        (self.folder / "flows.csv").write_text("".join(lines))
        self.main_job("\n  - csv: { path: flows.csv, format: nfdump }")
        with open(self.folder / "job.yaml", "a") as job:
            job.write(NUMBERS)
        self.must_run()

    def check(self, file, columns):
        lines = nfdump_flows(file, "-o", columns)
        self.run_job(lines)
        self.assertEqual(len(self.records("all.ndjson")), len(lines))

        flows = collections.Counter()
        sums = collections.defaultdict(lambda: (0, 0))
        for record in self.records("numbers.ndjson"):
            protocol = int(record["pr"])
            flows[protocol] += 1
            packets, octets = sums[protocol]
            sums[protocol] = packets + record["pkt"], octets + record["byte"]
        self.assertEqual({p: s for p, s in sums.items() if any(s)}, nfdump_sums(file))
        # One by one: its statistics leave out the outer flows of tunnels, its filter adds inner ones.
        self.assertEqual(flows, collections.Counter(map(int, nfdump_flows(file, "-o", "fmt:%pr"))))

    def test_counts_and_sums_of_ten_columns_are_those_of_nfdump(self):
        for file in sorted((SOURCE / "tests/data/nfcapd").glob("*.nfcapd")):
            with self.subTest(file.name):
                self.setUp()
                self.check(file, TEN_COLUMNS)
                syn = nfdump_flows(file, "-o", "fmt:%pr%flg", SYN_ONLY)
                # The filter also takes an outer flow by the flags of the inner one.
                self.assertEqual(len(self.records("syn.ndjson")), sum("S" in line for line in syn))

    def test_counts_and_sums_of_nine_columns_are_those_of_nfdump_and_no_flow_is_syn_only(self):
        for file in sorted((SOURCE / "tests/data/nfcapd").glob("*.nfcapd")):
            with self.subTest(file.name):
                self.setUp()
                self.check(file, NINE_COLUMNS)
                self.assertEqual(self.records("syn.ndjson"), [])


class Record(NekTest):
    def test_a_flow_becomes_the_record_that_the_first_users_had(self):
        (self.folder / "flows.csv").write_text(
            "2014-06-10 00:38:02.123,    82.192.243.163,   1250,     78.160.12.34,    445,"
            "      192,        4,      0, 6    , ......S.\n")
        self.main_job("\n  - csv: { path: flows.csv, format: nfdump }")
        self.must_run()
        record = (b'{"ts":"2014-06-10 00:38:02","sa":"82.192.243.163","sp":1250,"sc":"CH",'
                  b'"da":"78.160.12.34","dp":445,"dc":"TR","byte":192,"pkt":4,"out":0,"pr":"TCP",'
                  b'"flg":["S"]}\n')
        for name in "all.ndjson", "syn.ndjson":
            self.assertEqual((self.folder / name).read_bytes(), record)


class Determinism(NekTest):
    """Rows that fit and rows that do not, IPv4 and IPv6: what comes out hangs on none of the settings."""

    def outcome(self, text, settings):
        self.setUp()
        (self.folder / "flows.csv").write_text(text)
        self.main_job("\n  - csv: { path: flows.csv, format: nfdump }", settings)
        self.must_run()
        letters = self.records("state/dead-letters.ndjson")
        for letter in letters:
            del letter["time_ms"]
        return [(self.folder / name).read_bytes() for name in ("all.ndjson", "syn.ndjson")] + [letters]

    def test_output_is_the_same_bytes_with_any_number_of_workers_and_any_size_of_chunks(self):
        sample = (SOURCE / "pipelines/portscan/sample/flows.csv").read_text()
        rows = sample.splitlines(keepends=True)
        for at in range(0, len(rows), 97):
            rows[at] = f"not a flow {at}\n"
        first = None
        for workers in 1, 2, 8:
            for chunk in "4KiB", "37KiB", "1MiB":
                settings = f"{{ workers: {workers}, chunk_bytes: {chunk} }}"
                outcome = self.outcome("".join(rows), settings)
                first = first or outcome
                with self.subTest(settings):
                    self.assertTrue(all(first))
                    self.assertTrue(outcome == first, "another outcome than with the first settings")

    def test_a_quote_that_is_never_closed_costs_its_line_wherever_the_input_is_cut(self):
        rows = [f"{n},row {n}\n" for n in range(4000)]
        rows[1000] = '1000,"never closed\n'
        pipeline = ("name: quotes\nsettings: {{ max_record_bytes: 4KiB, chunk_bytes: {} }}\n"
                    "inputs:\n  - csv: {{ path: rows.csv, columns: {{ n: uint64, text: text }} }}\n"
                    "outputs:\n  - file: {{ path: out.ndjson }}\n")
        for chunk in "4KiB", "5000", "37KiB", "1MiB":
            with self.subTest(chunk):
                self.setUp()
                (self.folder / "rows.csv").write_text("".join(rows))
                (self.folder / "job.yaml").write_text(pipeline.format(chunk))
                self.must_run()
                numbers = [record["n"] for record in self.records("out.ndjson")]
                self.assertEqual(numbers, [n for n in range(4000) if n != 1000])
                letters = self.records("state/dead-letters.ndjson")
                self.assertEqual([(l["reason"], l["line"], l["raw"]) for l in letters],
                                 [("too_long", 1001, rows[1000])])


if __name__ == "__main__":
    unittest.main()
