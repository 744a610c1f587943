# SPDX-License-Identifier: Apache-2.0
"""scan_detect on a network that the input generate makes, whose scanners are known; a small part of bench/scans."""

import unittest

from e2e import NekTest

SIZE = "seed: 501, scanners: 2, clients: 4000"
SCANS = {"vertical", "horizontal", "strobe", "block", "sparse"}
BENIGN = {"client", "insider", "crawler", "health_check", "peer", "backscatter", "outage", "resolver", "brute_force",
          "spoofed", "reflected", "time_server"}


class Made(NekTest):
    def truth(self):
        (self.folder / "job.yaml").write_text(f"""
inputs:
  - generate: {{ kind: truth, {SIZE}, codec: csv, format: plain, header: no,
                columns: {{ source: text, kind: text, speed: text }} }}
outputs: [file: {{ path: truth.ndjson }}]
""")
        self.must_run(state="truth")
        return {line["source"].strip(): line["kind"].strip() for line in self.records("truth.ndjson")}

    def test_every_scanner_is_found_with_its_type_and_none_who_only_looks_like_one(self):
        truth = self.truth()
        self.assertEqual(set(truth.values()), SCANS | BENIGN)
        (self.folder / "job.yaml").write_text(f"""
inputs: [generate: {{ kind: scans, {SIZE} }}]
filters: [scan_detect: {{ id: scans, memory: 64MiB, own_networks: [10.20.0.0/16] }}]
outputs:
  - file: {{ from: scans.alerts, path: alerts.ndjson }}
  - blackhole: {{ from: scans.flows }}
""")
        self.must_run()
        found = {alert["source.ip"]: alert["scan.type"] for alert in self.records("alerts.ndjson")}
        scanners = {source: kind for source, kind in truth.items() if kind in SCANS}
        self.assertEqual(len(scanners), 30)
        self.assertEqual(found, scanners)


if __name__ == "__main__":
    unittest.main()
