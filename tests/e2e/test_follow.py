# SPDX-License-Identifier: Apache-2.0
"""Files that are followed while programs write and logrotate rotates them: each record arrives once."""

import gzip
import json
import os
import shutil
import signal
import subprocess
import unittest

from e2e import NEK, NekTest

PIPELINE = """
settings: {{ linger: 20ms, snapshot_interval: 50ms }}
inputs:
  - csv: {{ path: "{path}", follow: true, close_after: 2s, {more} }}
outputs:
  - file: {{ path: out.ndjson, fields: [n, x, nek.line] }}
"""
HEADER = "n,x\n"
LOGROTATE = shutil.which("logrotate", path=os.environ["PATH"] + ":/usr/sbin")


def row(number):
    return f"{number},value {number}\n"


class Follow(NekTest):
    def setUp(self):
        super().setUp()
        self.child, self.rows = None, 0
        self.addCleanup(self.stop)

    def start(self, path="in.csv*", more="header: yes"):
        (self.folder / "job.yaml").write_text(PIPELINE.format(path=path, more=more))
        self.child = self.start_nek()

    def stop(self, number=signal.SIGTERM):
        if self.child:
            self.child.send_signal(number)
            code, self.child = self.child.wait(60), None
            self.assertIn(code, (0, -number), self.log())

    def add(self, count, name="in.csv", end="\n"):
        """Rows to a file, which begins with a header."""
        path = self.folder / name
        with open(path, "a", encoding="ascii") as file:
            if file.tell() == 0:
                file.write(HEADER)
            text = "".join(map(row, range(self.rows, self.rows + count)))
            file.write(text if end else text[:-1])
        self.rows += count

    def arrived(self):
        path = self.folder / "out.ndjson"
        if not path.exists():
            return []
        lines = path.read_bytes().split(b"\n")[:-1]  # the last may be half there
        return [int(json.loads(line)["n"]) for line in lines]

    def wait_for(self, count):
        self.wait_until(lambda: len(self.arrived()) >= count, self.child)
        self.assertEqual(len(self.arrived()), count, self.log())

    def all_must_arrive(self):
        self.wait_for(self.rows)
        self.stop()
        self.assertEqual(sorted(self.arrived()), list(range(self.rows)))
        self.assertEqual([path.name for path in (self.folder / "state").glob("dead-letters.ndjson")
                          if path.stat().st_size], [])

    def logrotate(self, *how):
        conf = self.folder / "rotate.conf"
        conf.write_text("\n".join([f"{self.folder}/in.csv {{", "  su root root" if os.geteuid() == 0 else "",
                                   "  rotate 100", *how, "}", ""]))
        subprocess.run([LOGROTATE, "-f", "-s", self.folder / "rotate.state", conf], check=True)

    def test_logrotate_renames_and_packs_while_nek_reads_and_dies(self):
        self.start()
        for turn in range(8):
            self.add(500)
            if turn % 3 == 1:
                self.wait_for(self.rows)
            self.logrotate("  compress", "  delaycompress")
            if turn % 3 == 2:
                self.stop(signal.SIGKILL)
                self.add(10)
                self.start()
        self.assertTrue((self.folder / "in.csv.5.gz").exists())
        self.all_must_arrive()

    def test_logrotate_copies_and_truncates(self):
        self.start()
        for turn in range(6):
            self.add(500)
            if turn % 2:
                self.wait_for(self.rows)
            self.logrotate("  copytruncate")
            if turn == 3:
                self.stop()
                self.start()
        self.all_must_arrive()

    def test_a_day_of_files_as_nfdump_writes_them_each_five_minutes(self):
        """Written under another name, renamed when whole, later packed and at last removed."""
        more = "header: yes, exclude: '*.part'"
        self.start("flows/*/*", more)
        day = self.folder / "flows/2026-11-28"
        for number in range(20):
            day.mkdir(parents=True, exist_ok=True)
            name = f"flows/2026-11-28/{number:02}.csv"
            self.add(200, name + ".part")
            os.rename(self.folder / (name + ".part"), self.folder / name)
            if number == 10:
                self.stop()
                self.start("flows/*/*", more)
            if number > 4:
                old = day / f"{number - 5:02}.csv"
                old.with_suffix(".csv.gz").write_bytes(gzip.compress(old.read_bytes()))
                old.unlink()
        self.wait_for(self.rows)
        for path in day.glob("*.gz"):
            path.unlink()
        self.all_must_arrive()

    def test_an_unfinished_line_waits_for_its_end_also_across_a_restart(self):
        self.add(3, end="")
        self.start()
        self.wait_for(2)
        self.stop()
        self.assertEqual(self.arrived(), [0, 1])
        self.start()
        self.wait_until(lambda: "its last line has no end yet" in self.log(), self.child)
        self.assertEqual(self.arrived(), [0, 1])
        with open(self.folder / "in.csv", "a", encoding="ascii") as file:
            file.write("\n")
        self.add(1)
        self.all_must_arrive()
        self.assertEqual([record["nek.line"] for record in self.records("out.ndjson")], [2, 3, 4, 5])

    def test_the_last_line_of_a_file_that_is_gone_needs_no_end(self):
        self.add(3, end="")
        self.start()
        self.wait_for(2)
        os.remove(self.folder / "in.csv")
        self.all_must_arrive()

    def test_a_dead_letter_names_its_file_and_line_and_is_replayed(self):
        (self.folder / "in.csv").write_text(HEADER + "0,10\n1,eleven\n2,12\n")
        self.start(more="columns: { n: text, x: int64 }")
        self.wait_for(2)
        self.stop()
        letter, = self.records("state/dead-letters.ndjson")
        self.assertEqual((letter["name"], letter["line"], letter["raw"]), ("in.csv", 3, "1,eleven"))
        job = self.folder / "job.yaml"
        job.write_text(job.read_text().replace("int64", "text"))
        done = subprocess.run([NEK, "replay", "job.yaml", "--data-dir", "state"], cwd=self.folder, text=True,
                              capture_output=True)
        self.assertEqual(self.arrived(), [0, 2, 1], done.stderr)

    def test_check_explains_mistakes(self):
        (self.folder / "job.yaml").write_text(
            'inputs:\n  - csv: { path: "-", follow: true }\noutputs:\n  - file: { path: out.ndjson }\n')
        done = subprocess.run([NEK, "check", "job.yaml"], cwd=self.folder, text=True, capture_output=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("job.yaml:2:18: csv: path: standard input cannot be followed; it is read until it "
                      "ends without 'follow'", done.stderr)


if __name__ == "__main__":
    unittest.main()
