# SPDX-License-Identifier: Apache-2.0
"""Flows without TCP flags, nfdump's nine columns: nobody says that there was no scan."""

import unittest

from e2e import SOURCE, NekTest

SCANS = "pipelines/portscan/sample/scans.csv"  # five scanners, 1,810 flows


class NoFlags(NekTest):
    def run_scans(self, columns):
        rows = (SOURCE / SCANS).read_text().splitlines()
        (self.folder / "a.csv").write_text(
            "".join(", ".join(field.strip() for field in row.split(",")[:columns]) + "\n" for row in rows))
        (self.folder / "job.yaml").write_text(
            "inputs: [csv: {path: a.csv, format: nfdump}]\n"
            "filters: [scan_detect: {id: scans, own_networks: [10.20.0.0/16]},\n"
            "          syn_split: {id: split, from: scans.flows}]\n"
            "outputs: [file: {from: split.syn, path: syn.ndjson, fields: [sa, flg]},\n"
            "          file: {from: scans.alerts, path: alerts.ndjson}]\n")
        return self.must_run().stderr

    def test_without_flags_one_warning_and_the_summaries_say_what_cannot_be_seen(self):
        told = self.run_scans(9)
        self.assertIn("1810 flows were printed by nfdump without their TCP flags (%flg): what needs them, as SYN "
                      "flows and scans do, sees nothing in these\n", told)
        self.assertEqual(len([line for line in told.splitlines() if "warning" in line and "flags" in line]), 1)
        self.assertIn("\nscans: no scan was found, but in 1,810 TCP flows without flags none can be seen\n", told)
        self.assertIn("\nsplit: syn is empty, as no flow has flags in 'flg'\n", told)
        self.assertNotIn("nobody scanned", told)

    def test_with_flags_nothing_is_said_of_them(self):
        told = self.run_scans(10)
        self.assertIn("\nscans: 5 scanners:\n", told)
        self.assertNotIn("flags", told)
        self.assertNotIn("syn is empty", told)


if __name__ == "__main__":
    unittest.main()
