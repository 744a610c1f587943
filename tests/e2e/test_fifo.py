# SPDX-License-Identifier: Apache-2.0
"""The first users' way, of 2014: mkfifo external.csv; gunzip -dc x.csv.gz > external.csv."""

import gzip
import os
import pty
import re
import subprocess
import threading
import unittest

from e2e import NekTest

ROWS = 300_000
PROGRESS = r"\r\x1b\[K[\d,]+ records, [\d,]+/s"
PIPELINE = """
inputs:
  - fifo: { path: external.csv, format: nfdump }
filters:
  - proto_map: { field: pr }
outputs:
  - file: { path: flows.ndjson, fields: [ts, byte, sa, sp, da, dp, pkt, out, pr] }
"""


class Story(NekTest):
    def write_day(self):
        """x.csv.gz, the rows of a day as bulk-import.py had them, with nine columns."""
        with gzip.open(self.folder / "x.csv.gz", "wt", compresslevel=1) as day:
            for row in range(ROWS):
                day.write(f"2014-03-12 {row // 3600 % 24:02}:{row // 60 % 60:02}:{row % 60:02}.000, "
                          f"10.0.{row >> 8 & 255}.{row & 255}, {1024 + row % 60000}, 192.0.2.1, 80, "
                          f"{40 + row % 1400}, 1, 0, 6\n")

    def shell(self, command):
        return subprocess.Popen(["sh", "-c", command], cwd=self.folder)

    def run_on_a_terminal(self, command, meanwhile):
        """What the program shows, and its exit code. meanwhile(what it has shown so far, process): while it runs."""
        ours, its = pty.openpty()
        child = subprocess.Popen(command, cwd=self.folder, stderr=its)
        os.close(its)
        shown = []

        def watch():
            try:
                while piece := os.read(ours, 65536):
                    shown.append(piece)
            except OSError:  # how Linux says that the other end is closed
                pass

        watcher = threading.Thread(target=watch)
        watcher.start()
        meanwhile(lambda: b"".join(shown).decode(errors="replace"), child)
        code = child.wait(120)
        watcher.join()
        os.close(ours)
        return b"".join(shown).decode(), code

    def test_all_rows_of_a_packed_day_arrive_progress_is_shown_and_it_ends_when_the_writer_ends(self):
        self.write_day()
        (self.folder / "job.yaml").write_text(PIPELINE)
        subprocess.run(["mkfifo", "external.csv"], cwd=self.folder, check=True)

        def write(shown, child):
            # Held open until a line of progress is there, on a fast machine too.
            with self.writer_of(self.folder / "external.csv", child):
                writer = self.shell("gunzip -dc x.csv.gz > external.csv")
                self.wait_until(lambda: re.search(PROGRESS, shown()), child)
                self.assertEqual(writer.wait(60), 0)

        shown, code = self.run_on_a_terminal(self.command(), write)
        self.assertEqual(code, 0, shown)
        self.assertRegex(shown, PROGRESS)
        self.assertRegex(shown, r"job: 300,000 records in [\d.]+ s")
        records = self.records("flows.ndjson")
        self.assertEqual(len(records), ROWS)
        self.assertEqual(records[-1], {
            "ts": "2014-03-12T11:19:59.000Z", "byte": 40 + 299_999 % 1400, "sa": "10.0.147.223",
            "sp": 1024 + 299_999 % 60000, "da": "192.0.2.1", "dp": 80, "pkt": 1, "out": 0, "pr": "TCP"})
        self.assertEqual(sum(r["byte"] for r in records),
                         sum(40 + row % 1400 for row in range(ROWS)))

    def test_the_same_day_again_is_another_source_with_its_rows_again(self):
        (self.folder / "job.yaml").write_text(PIPELINE)
        subprocess.run(["mkfifo", "external.csv"], cwd=self.folder, check=True)
        row = "2014-03-12 00:00:00.000, 10.0.0.1, 1024, 192.0.2.1, 80, 40, 1, 0, 6"
        for _ in range(2):
            writer = self.shell(f"echo '{row}' > external.csv")
            self.must_run()
            self.assertEqual(writer.wait(60), 0)
        self.assertEqual(len(self.records("flows.ndjson")), 2)

    def test_it_waits_for_more_writers_until_it_is_told_to_stop(self):
        (self.folder / "job.yaml").write_text(
            PIPELINE.replace("path: external.csv",
                             "path: external.csv, create: true, mode: \"0620\", until: forever"))
        child = self.start_nek()
        fifo = self.folder / "external.csv"
        self.wait_until(fifo.exists, child)
        for number in range(3):
            line = f"2014-03-12 00:00:00.000, 10.0.0.{number}, 1024, 192.0.2.1, 80, 40, 1, 0, 6"
            self.assertEqual(self.shell(f"echo '{line}' > external.csv").wait(60), 0)
        records = self.folder / "flows.ndjson"
        self.wait_until(lambda: records.exists() and len(records.read_bytes().splitlines()) >= 3, child)
        child.terminate()
        self.assertEqual(child.wait(60), 0, self.log())
        self.assertEqual([r["sa"] for r in self.records("flows.ndjson")],
                         ["10.0.0.0", "10.0.0.1", "10.0.0.2"])


if __name__ == "__main__":
    unittest.main()
