# SPDX-License-Identifier: Apache-2.0
"""The spool of a FIFO through the whole program: kills, a full spool, damage."""

import contextlib
import json
import re
import subprocess
import unittest

from e2e import NekTest

NOBODY = "http://127.0.0.1:1"  # where no server listens: an output that takes nothing
TO_NOBODY = f"es_bulk: {{ hosts: ['{NOBODY}'], index: rows }}"
TO_FILE = "file: { path: out.ndjson, fields: [n, text] }"
PIPELINE = """
settings: {{ chunk_bytes: 16KiB, max_record_bytes: 16KiB, linger: 5ms, snapshot_interval: 20ms,
             shutdown_timeout: 1s }}
inputs:
  - fifo: {{ path: in.fifo, create: true, until: {until}, columns: {{ n: int64, text: text }},
             spool: {spool} }}
outputs:
  - {output}
"""


def row(number):
    return f"{number},row {number:050}\n"


class Spool(NekTest):
    def write_job(self, output, until="forever", spool="{ fsync_interval: 20ms }"):
        (self.folder / "job.yaml").write_text(
            PIPELINE.format(output=output, until=until, spool=spool))

    def start(self, *arguments):
        with open(self.folder / "log", "ab") as log:
            child = subprocess.Popen(self.command() + list(arguments), cwd=self.folder, stderr=log)
        self.addCleanup(lambda: child.poll() is None and (child.kill(), child.wait()))
        return child

    def spooled(self):
        """All that lies in the segments, one after the other. A full spool drops them meanwhile."""
        all_bytes = b""
        for path in self.segments():
            with contextlib.suppress(FileNotFoundError):
                all_bytes += path.read_bytes()
        return all_bytes

    def segments(self, suffix="spool"):
        return sorted((self.folder / "state/spool/fifo").glob(f"*.{suffix}"))

    def write_rows(self, begin, end, child):
        with self.writer_of(self.folder / "in.fifo", child) as fifo:
            fifo.writelines(map(row, range(begin, end)))

    def finish(self):
        """Delivers what the spool holds to a file, and ends with a writer that writes nothing."""
        self.write_job(TO_FILE, until="writer_closes")
        child = self.start("--report", "report.json")
        self.write_rows(0, 0, child)
        self.assertEqual(child.wait(120), 0, self.log())
        return [record["n"] for record in self.records("out.ndjson")]

    def kill_with_rows_in_the_spool(self, rows):
        """No output has taken any of them."""
        self.write_job(TO_NOBODY)
        child = self.start()
        self.write_rows(0, rows, child)
        self.wait_until(lambda: row(rows - 1).encode() in self.spooled(), child)
        child.kill()
        child.wait()

    def test_rows_that_no_output_had_taken_at_a_kill_arrive_once_and_the_window_of_a_crash_is_told(self):
        self.kill_with_rows_in_the_spool(20_000)
        self.assertIn("fifo: what it reads goes through the spool; only a crash of the machine loses "
                      "what was read in the last 20 ms", self.log())
        held = len(self.spooled())
        self.assertEqual(self.finish(), list(range(20_000)))
        self.assertIn(f"fifo: spool: {held} bytes that earlier runs read are looked through first",
                      self.log())
        # And they are gone from the spool: the next run has nothing to deliver.
        self.assertEqual(self.segments(), [])
        self.assertEqual(len(self.finish()), 20_000)

    def test_the_part_of_a_row_that_a_kill_cuts_is_a_dead_letter_that_says_so(self):
        self.write_job(TO_NOBODY)
        child = self.start()
        with self.writer_of(self.folder / "in.fifo", child) as fifo:
            fifo.write(row(0) + "1,cut")
            fifo.flush()
            self.wait_until(lambda: b"1,cut" in self.spooled(), child)
            child.kill()
            child.wait()
        self.assertEqual(self.finish(), [0])
        letters = self.records("state/dead-letters.ndjson")
        self.assertEqual([(letter["reason"], letter["raw"]) for letter in letters],
                         [("unfinished", "1,cut")])
        self.assertEqual(letters[0]["detail"], "nek ended before the rest of it was read, which may be "
                                               "the first line of the next source")

    def test_what_a_full_spool_drops_is_told_in_the_summary(self):
        rows = 30_000
        self.write_job(TO_NOBODY, spool="{ max_bytes: 256KiB, when_full: drop_oldest }")
        child = self.start()
        self.write_rows(0, rows, child)
        self.wait_until(lambda: row(rows - 1).encode() in self.spooled(), child)
        child.terminate()
        # The output holds records that it could not deliver.
        self.assertEqual(child.wait(60), 1, self.log())
        dropped = sum(int(n) for n in re.findall(
            r"it is full: the oldest (\d+) records, \d+ bytes, are dropped", self.log()))
        told = int(re.search(r"([\d,]+) records dropped by the full spool of fifo",
                             self.log()).group(1).replace(",", ""))
        self.assertGreater(told, 20_000)
        self.assertGreaterEqual(told, dropped)
        got = self.finish()
        self.assertEqual(got, sorted(set(got)))
        self.assertEqual(got[-1], rows - 1)

    def test_the_drops_of_a_run_and_what_it_delivers_are_all_that_was_written(self):
        rows = 60_000
        self.write_job("stdout: {}", until="writer_closes",
                       spool="{ max_bytes: 256KiB, when_full: drop_oldest }")
        with open(self.folder / "log", "wb") as log:
            child = subprocess.Popen(self.command() + ["--report", "report.json"], cwd=self.folder,
                                     stdout=subprocess.PIPE, stderr=log)
        self.write_rows(0, rows, child)  # nobody takes what comes out meanwhile
        got = [json.loads(line)["n"] for line in child.communicate(timeout=120)[0].splitlines()]
        self.assertEqual(child.returncode, 0, self.log())
        dropped = json.loads((self.folder / "report.json").read_text())["spools"]["fifo"]
        self.assertGreater(dropped["dropped_records"], 0)
        self.assertEqual(len(got) + dropped["dropped_records"], rows)
        self.assertEqual(got, sorted(set(got)))

    def test_damage_within_a_segment_costs_its_rows_only_and_the_segment_is_kept(self):
        self.kill_with_rows_in_the_spool(20_000)
        segment = self.segments()[0]
        held = bytearray(segment.read_bytes())
        held[len(held) // 2] ^= 0x10
        segment.write_bytes(held)
        got = self.finish()
        self.assertEqual(got, sorted(set(got)))
        self.assertEqual((got[0], got[-1]), (0, 19_999))
        self.assertGreater(len(got), 15_000)
        self.assertRegex(self.log(), r"fifo: spool: \S+00000001.spool is damaged from byte \d+ on: \d+ "
                                     r"bytes are left out; the file is kept as \S+00000001.damaged")
        self.assertIn("bytes of the spool of fifo were damaged", self.log())
        self.assertEqual([path.name for path in self.segments("damaged")], ["00000001.damaged"])

    def test_a_segment_of_another_version_is_set_aside_and_the_run_goes_on(self):
        self.kill_with_rows_in_the_spool(100)
        segment = self.segments()[0]
        held = bytearray(segment.read_bytes())
        held[:24] = HEAD_OF_VERSION_9
        segment.write_bytes(held)
        self.assertEqual(self.finish(), [])
        self.assertRegex(self.log(), r"fifo: spool: \S+00000001.spool is set aside as "
                                     r"\S+00000001.unreadable: it is of version 9, this nek reads "
                                     r"version 1: use the nek that wrote it")
        self.assertEqual([path.read_bytes() for path in self.segments("unreadable")], [bytes(held)])


# "NEKSPOOL", 9, 0 and their checksum, by another implementation of XXH3-64 (Python's xxhash).
HEAD_OF_VERSION_9 = bytes.fromhex("4e454b53504f4f4c" "09000000" "00000000" "6e7693ddc729d85e")

if __name__ == "__main__":
    unittest.main()
