# SPDX-License-Identifier: Apache-2.0
"""bench/compare's judgement: which outputs count as right, and what its tables say."""

import json
import os
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(os.environ["NEK_SOURCE_DIR"]) / "bench"))

from comparison import records
from comparison.contestants import FILES, Contestant, Input, LedgerSays, SameRecords
from comparison.measure import Cost, Failed, run
from comparison.report import Targets, write_between
from comparison.results import Results

TCP = {"ts": "2014-06-10 00:00:00", "sa": "1.2.3.4", "sp": 443, "sc": "US", "da": "10.0.0.1",
       "dp": 5000, "dc": "", "byte": 100, "pkt": 2, "out": 7, "pr": "TCP", "flg": ["A", "P"]}
UDP = TCP | {"sa": "2001:db8::1", "da": "2001:db8::2", "sp": 53, "sc": "DE", "dc": "CH",
             "pr": "UDP", "flg": []}
SYN = TCP | {"flg": ["S"]}


class InFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def file(self, *written):
        path = self.folder / "records.ndjson"
        path.write_text("".join(json.dumps(record) + "\n" for record in written))
        return path


class RightOutputs(InFolder):
    def wanted(self, *written, form=records.as_is):
        totals = records.Totals(tuple(field for field in records.FIELDS if field in form(TCP)))
        for record in written:
            totals.add(form(record))
        return totals

    def problem(self, path, wanted, form=records.as_is):
        with self.assertRaises(Failed) as caught:
            records.compare(path, form, wanted)
        return str(caught.exception)

    def test_the_order_of_lines_and_keys_does_not_matter(self):
        backwards = dict(reversed(TCP.items()))
        records.compare(self.file(SYN, UDP, backwards), records.as_is, self.wanted(TCP, UDP, SYN))

    def test_a_value_that_differs_is_named_by_its_field(self):
        path = self.file(TCP | {"byte": 101}, UDP | {"dc": "AT"})
        self.assertEqual(self.problem(path, self.wanted(TCP, UDP)), "other values in dc, byte")

    def test_values_that_changed_records_are_wrong_though_the_sums_are_right(self):
        path = self.file(TCP | {"sp": 53}, UDP | {"sp": 443})
        self.assertEqual(self.problem(path, self.wanted(TCP, UDP)), "other values in some records")

    def test_a_number_that_became_text_is_wrong(self):
        self.assertIn("sp", self.problem(self.file(TCP | {"sp": "443"}), self.wanted(TCP)))

    def test_a_number_that_became_a_fraction_is_wrong(self):
        self.assertEqual(self.problem(self.file(TCP | {"sp": 443.0}), self.wanted(TCP)),
                         "other values in some records")

    def test_a_missing_a_doubled_and_an_incomplete_record_are_wrong(self):
        self.assertEqual(self.problem(self.file(TCP), self.wanted(TCP, TCP)), "1 records, not 2")
        self.assertEqual(self.problem(self.file(TCP, TCP), self.wanted(TCP)), "2 records, not 1")
        incomplete = {key: value for key, value in TCP.items() if key != "out"}
        path = self.file(incomplete)
        self.assertIn("record 1 has the keys", self.problem(path, self.wanted(TCP)))

    def test_a_peer_is_excused_only_from_what_it_cannot_do(self):
        form = records.without_ipv6_countries
        path = self.file(TCP, UDP | {"sc": "", "dc": ""})
        records.compare(path, form, self.wanted(TCP, UDP, form=form))
        path = self.file(TCP | {"sc": ""}, UDP | {"sc": "", "dc": ""})
        self.assertEqual(self.problem(path, self.wanted(TCP, UDP, form=form), form),
                         "other values in sc")

    def test_only_flows_that_asked_for_a_connection_are_syn(self):
        flags = [["S"], ["C", "E", "S"], ["S", "A"], ["S", "R"], [], ["A"]]
        self.assertEqual([records.is_syn(TCP | {"flg": one}) for one in flags],
                         [True, True, False, False, False, False])

    def test_every_round_is_checked(self):
        path = self.file(TCP, UDP)
        check = SameRecords(path, self.wanted(TCP, UDP))
        check()
        self.file(UDP, TCP)
        check()
        self.file(UDP, UDP)
        with self.assertRaises(Failed):
            check()

    def test_a_ledger_that_counts_otherwise_is_wrong(self):
        report = self.folder / "report.json"
        report.write_text(json.dumps({"outputs": [{"component": "flows", "delivered": 3}],
                                      "ledger_faults": []}))
        LedgerSays(report, {"flows": 3})()
        with self.assertRaises(Failed):
            LedgerSays(report, {"flows": 4})()


class Measuring(InFolder):
    def test_a_program_that_fails_is_no_result_and_its_words_are_shown(self):
        with self.assertRaises(Failed) as caught:
            run(["sh", "-c", "echo no space; exit 3"], {}, self.folder / "log")
        self.assertEqual(str(caught.exception), "sh: exit code 3\nno space\n")

    def test_cpu_and_memory_of_children_count(self):
        spin = "sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done'; true"
        cost = run(["sh", "-c", spin], {}, self.folder / "log")
        self.assertGreater(cost.cpu, 0)
        self.assertGreater(cost.memory, 100_000)


class Tables(InFolder):
    def results(self):
        results = Results()
        flows = Input("flows.csv", 1_000_000, 100_000_000)
        for key, seconds in (("reference", (1.0, 2.0, 1.0)), ("nek1", (0.5, 0.5, 0.25))):
            contestant = Contestant(key, key, FILES, [], flows, [], cores=1)
            for one in seconds:
                results.add(contestant, Cost(one, one, 40 << 20))
        return results

    def test_a_ratio_is_the_median_of_the_rounds_ratios(self):
        self.assertEqual(self.results().ratios("nek1", "reference"), [2.0, 4.0, 4.0])
        self.assertEqual(self.results().ratio("nek1", "reference"), 4.0)

    def test_who_did_not_run_has_no_ratio(self):
        self.assertIsNone(self.results().ratio("nek2", "reference"))
        self.assertIsNone(self.results().per_cpu("nek1", "nek2"))

    def test_targets_say_reached_not_reached_or_not_measured(self):
        targets = Targets()
        targets.add("fast", 2.5, least=2.2)
        targets.add("slow", 2.1, least=2.2)
        targets.add("small", 97, most=96, unit=" MiB")
        targets.add("absent", None, most=5)
        self.assertEqual(targets.rows, [("fast", "≥ 2.2", "2.5", "reached"),
                                        ("slow", "≥ 2.2", "2.1", "not reached"),
                                        ("small", "≤ 96 MiB", "97 MiB", "not reached"),
                                        ("absent", "≤ 5", "–", "not measured")])

    def test_only_what_is_between_the_marks_is_replaced(self):
        page = self.folder / "page.md"
        page.write_text("before\n<!-- compare -->\nold\n<!-- /compare -->\nafter\n")
        write_between(page, "compare", "new \\1\n")
        self.assertEqual(page.read_text(),
                         "before\n<!-- compare -->\nnew \\1\n<!-- /compare -->\nafter\n")


if __name__ == "__main__":
    unittest.main()
