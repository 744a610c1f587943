# SPDX-License-Identifier: Apache-2.0
"""The alerts of scan_detect are the same bytes after kill -9 at random moments and with any number of
workers; after a shuffle within the lateness bound the same sources scan, in the same way."""

import datetime
import json
import random
import shutil
import signal
import time
import unittest

from e2e import NekTest

SETTINGS = "chunk_bytes: 16KiB, linger: 5ms, snapshot_interval: 20ms, snapshot_bytes: 64KiB"
FAMILY = {"vertical": "vertical", "horizontal": "horizontal", "strobe": "horizontal", "block": "block",
          "sparse": "block"}
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)


def line(second, source, target, port, packets=1, size=40, flags="......S.", protocol=6):
    when = START + datetime.timedelta(seconds=second)
    return (f"{when:%Y-%m-%d %H:%M:%S}.000, {source}, {40000 + second % 20000}, {target}, {port}, {size}, "
            f"{packets}, 0, {protocol}, {flags}")


def traffic(seed):
    """30 hours: 40 scanners of all kinds, web clients, single probes of many sources. (second, line)"""
    rng = random.Random(seed)
    rows = []
    for scanner in range(40):
        source, gap = f"203.0.113.{scanner}", rng.choice([5, 60, 600])
        begin = rng.randrange(6 * 3600)
        for probe in range(150):
            host, port = [(7, probe + 1), (probe, 23), (probe // 5, 20 + probe % 5),
                          (probe % 12, 1000 + probe // 12 * 7)][scanner % 4]
            second = begin + probe * gap
            rows.append((second, line(second, source, f"192.0.2.{host}", port)))
        if scanner % 5 == 0:
            second = begin + 151 * gap
            rows.append((second, line(second, source, "192.0.2.7", 23, 20, 9000, "...AP.SF")))
    for _ in range(30_000):
        second = rng.randrange(30 * 3600)
        client = f"198.51.{rng.randrange(100)}.{rng.randrange(250)}"
        if rng.randrange(3):
            rows.append((second, line(second, client, f"192.0.2.{rng.randrange(250)}", 443, 12, 4000,
                                      "...AP.SF")))
        else:
            rows.append((second, line(second, client, "192.0.2.1", 445)))
    rows.sort()
    return rows


class ScanCrash(NekTest):
    def write(self, rows):
        (self.folder / "flows.csv").write_text("".join(text + "\n" for _, text in rows))

    def job(self, workers):
        (self.folder / "job.yaml").write_text(f"""
settings: {{ workers: {workers}, {SETTINGS} }}
inputs: [csv: {{ path: flows.csv, format: nfdump }}]
filters: [scan_detect: {{ id: scans, memory: 2MiB, own_networks: [192.0.2.0/24] }}]
outputs:
  - file: {{ from: scans.alerts, path: alerts.ndjson }}
  - file: {{ from: scans.flows, path: flows.ndjson }}
""")

    def clear(self):
        shutil.rmtree(self.folder / "state", ignore_errors=True)
        for name in "alerts.ndjson", "flows.ndjson":
            (self.folder / name).unlink(missing_ok=True)

    def alerts_of(self, rows, workers=2):
        self.clear()
        self.write(rows)
        self.job(workers)
        self.must_run(state=f"calm-{random.random()}")
        return (self.folder / "alerts.ndjson").read_bytes()

    def test_one_two_and_four_workers_make_the_same_bytes(self):
        rows = traffic(1)
        expected = self.alerts_of(rows, 1)
        self.assertGreater(expected.count(b"scan_new"), 35)
        self.assertGreater(expected.count(b"scan_connected"), 3)
        for workers in 2, 4:
            self.assertTrue(self.alerts_of(rows, workers) == expected)

    def test_kills_at_random_moments_leave_the_same_bytes(self):
        for seed in 2, 3:
            with self.subTest(seed):
                self.setUp()
                expected = self.alerts_of(traffic(seed))
                rng = random.Random(seed)
                kills = 0
                for _ in range(20):  # a run may be through before we see what it wrote
                    self.clear()
                    kills = sum(self.killed_at(share * len(expected), rng.uniform(0, 0.01))
                                for share in sorted(rng.uniform(0, 0.6) for _ in range(6)))
                    if kills >= 4:
                        break
                self.assertGreaterEqual(kills, 4)
                child = self.start_nek()
                self.assertEqual(child.wait(300), 0, self.log())
                self.assertTrue((self.folder / "alerts.ndjson").read_bytes() == expected)

    def killed_at(self, size, more):
        """Kills a run that has written so many bytes of alerts, some time later. False: it was through by then."""
        alerts = self.folder / "alerts.ndjson"
        child = self.start_nek()
        deadline = time.monotonic() + 120
        while child.poll() is None and not (alerts.exists() and alerts.stat().st_size > size):
            self.assertLess(time.monotonic(), deadline, self.log())
            time.sleep(0.0005)
        time.sleep(more)
        child.send_signal(signal.SIGKILL)
        code = child.wait(60)
        self.assertIn(code, (0, -signal.SIGKILL), self.log())
        return code != 0

    def test_a_shuffle_within_ten_minutes_leaves_the_same_scans(self):
        rows = traffic(4)
        rng = random.Random(5)
        shuffled = sorted(rows, key=lambda row: row[0] + rng.randrange(600))

        def scans(alerts):  # scan.id: a hash of source and generation
            last = {}
            for alert in map(json.loads, alerts.splitlines()):
                last[alert["scan.id"]] = (alert["source.ip"], alert["event.start"][:10],
                                          FAMILY[alert["scan.type"]])
            return set(last.items())

        expected = scans(self.alerts_of(rows))
        self.assertEqual(len(expected), 40)
        self.assertEqual(scans(self.alerts_of(shuffled)), expected)


if __name__ == "__main__":
    unittest.main()
