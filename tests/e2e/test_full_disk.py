# SPDX-License-Identifier: Apache-2.0
"""A real disk of a few MiB that fills up under the spool, the state, a file and the dead letters: nek
says which file it cannot write, loses nothing, and goes on when there is room."""

import json
import os
import pathlib
import re
import signal
import subprocess
import unittest

from e2e import NekTest

MIB = 1 << 20
SETTINGS = "{ chunk_bytes: 16KiB, max_record_bytes: 16KiB, linger: 5ms, snapshot_interval: 20ms }"
NO_SPACE = "No space left on device"


def row(number):
    return f"{number},row {number:050}\n"


class SmallDisk:
    """A tmpfs in a mount namespace of its own. `path`: where programs in it see the disk; `outside`:
    where we see it. Root makes one, and whoever may have a user namespace."""

    def __init__(self, folder, size):
        self.path = folder / "disk"
        self.path.mkdir()
        self.user = ["--user", "--map-root-user"] if os.geteuid() else []
        self.keeper = subprocess.Popen(
            ["unshare", "--mount", *self.user, "sh", "-c",
             f'mount -t tmpfs -o size={size} disk "$0" && echo mounted && exec sleep infinity',
             self.path], stdout=subprocess.PIPE, text=True)
        assert self.keeper.stdout.readline() == "mounted\n"
        self.outside = pathlib.Path(f"/proc/{self.keeper.pid}/root{self.path}")

    def enter(self):
        user = ["--user", "--preserve-credentials"] if self.user else []
        return ["nsenter", "--mount", *user, f"--target={self.keeper.pid}", "--wdns=/"]

    def fill(self):
        """Until not a byte fits."""
        with open(self.outside / "ballast", "wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(4096))
            except OSError:
                pass

    def make_room(self):
        (self.outside / "ballast").unlink()

    def close(self):
        self.keeper.kill()
        self.keeper.wait()
        self.keeper.stdout.close()


class FullDisk(NekTest):
    def setUp(self):
        super().setUp()
        self.disk = SmallDisk(self.folder, 8 * MIB)
        self.addCleanup(self.disk.close)

    def start(self, inputs, outputs, data_dir):
        (self.folder / "job.yaml").write_text(
            f"settings: {SETTINGS}\ninputs:\n  - {inputs}\noutputs:\n  - {outputs}\n")
        nek = self.command(data_dir)[:1]
        with open(self.folder / "log", "wb") as log:
            child = subprocess.Popen(
                [*self.disk.enter(), *nek, "run", str(self.folder / "job.yaml"), "--data-dir", str(data_dir),
                 "--report", str(self.folder / "report.json")], cwd=self.folder, stderr=log)
        self.addCleanup(lambda: child.poll() is None and (child.kill(), child.wait()))
        return child

    def wait_for_log(self, pattern, child):
        self.wait_until(lambda: re.search(pattern, self.log()), child)

    def must_end(self, child):
        """With a ledger that balances: else the code would be 3."""
        self.assertEqual(child.wait(120), 0, self.log())
        return json.loads((self.folder / "report.json").read_text())

    def numbers(self, path):
        return [json.loads(line)["n"] for line in path.read_bytes().splitlines()]

    def write_csv(self, rows):
        with open(self.folder / "in.csv", "w") as file:
            file.writelines(map(row, range(rows)))
        return f"csv: {{ path: {self.folder}/in.csv, columns: {{ n: int64, text: text }} }}"

    def test_under_the_spool_what_was_read_is_delivered_and_the_rest_waits_in_the_pipe(self):
        fifo, out = self.folder / "in.fifo", self.folder / "out.ndjson"
        os.mkfifo(fifo)
        child = self.start(f"fifo: {{ path: {fifo}, columns: {{ n: int64, text: text }} }}",
                           f"file: {{ path: {out}, fields: [n] }}", self.disk.path / "state")
        with self.writer_of(fifo, child) as writer:
            writer.writelines(map(row, range(1000)))
            writer.flush()
            self.wait_until(lambda: out.exists() and len(self.numbers(out)) == 1000, child)
            self.disk.fill()
            # No more than a pipe takes when nobody reads it.
            writer.writelines(map(row, range(1000, 2000)))
            writer.flush()
            self.wait_for_log(rf"error fifo: spool: cannot write {self.disk.path}/state/spool/fifo/\d+"
                              rf"\.spool: {NO_SPACE}; no more is read, will try again in \d+ ms", child)
            self.disk.make_room()
            writer.writelines(map(row, range(2000, 10_000)))
        report = self.must_end(child)
        self.assertEqual(self.numbers(out), list(range(10_000)))
        self.assertEqual(report["outputs"][0]["delivered"], 10_000)
        self.assertIn("fifo: spool: it is written again", self.log())

    def test_under_the_spool_a_kill_on_the_full_disk_costs_nothing_that_the_spool_had(self):
        fifo, out = self.folder / "in.fifo", self.folder / "out.ndjson"
        os.mkfifo(fifo)
        source = f"fifo: {{ path: {fifo}, columns: {{ n: int64, text: text }} }}"
        nowhere = "es_bulk: { hosts: ['http://127.0.0.1:1'], index: rows }"
        child = self.start(source, nowhere, self.disk.path / "state")
        with self.writer_of(fifo, child) as writer:
            writer.writelines(map(row, range(1000)))
            writer.flush()
            segment = self.disk.outside / "state/spool/fifo/00000001.spool"
            self.wait_until(lambda: segment.exists() and row(999).encode() in segment.read_bytes(), child)
            self.disk.fill()
            writer.writelines(map(row, range(1000, 1500)))
            writer.flush()
            self.wait_for_log(f"spool: cannot write .*{NO_SPACE}", child)
            child.kill()
            child.wait()
        # The next run delivers it before there is more room than its own reserve.
        child = self.start(source, f"file: {{ path: {out}, fields: [n] }}", self.disk.path / "state")
        self.wait_until(lambda: out.exists() and out.read_bytes().count(b"\n") >= 1000, child)
        self.disk.make_room()
        self.writer_of(fifo, child).close()
        self.must_end(child)
        got = self.numbers(out)
        self.assertEqual(got[:1000], list(range(1000)))
        self.assertEqual(got, sorted(set(got)))

    def test_under_the_state_records_go_on_and_the_end_waits_for_the_last_snapshot(self):
        out = self.folder / "out.ndjson"
        source = self.write_csv(20_000)
        self.disk.fill()
        child = self.start(source, f"file: {{ path: {out}, fields: [n] }}", self.disk.path)
        self.wait_for_log(rf"snapshot failed, the last complete one stays: cannot write {self.disk.path}/"
                          f"state.part: {NO_SPACE}", child)
        self.wait_until(lambda: out.exists() and out.read_bytes().count(b"\n") == 20_000, child)
        self.assertIsNone(child.poll())
        self.disk.make_room()
        self.assertEqual(self.must_end(child)["outputs"][0]["delivered"], 20_000)
        self.assertEqual(self.numbers(out), list(range(20_000)))

    def test_under_the_first_snapshot_a_signal_ends_nek_and_nothing_was_read(self):
        out = self.folder / "out.ndjson"
        source = self.write_csv(1000)
        self.disk.fill()
        child = self.start(source, f"file: {{ path: {out}, fields: [n] }}", self.disk.path)
        self.wait_for_log("snapshot failed", child)
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(120), 0, self.log())
        self.disk.make_room()
        child = self.start(source, f"file: {{ path: {out}, fields: [n] }}", self.disk.path)
        self.assertEqual(self.must_end(child)["outputs"][0]["delivered"], 1000)

    def test_under_a_file_it_is_written_on_when_there_is_room_with_no_line_torn(self):
        out = self.disk.outside / "out.ndjson"
        rows = 20_000
        self.disk.fill()
        child = self.start(self.write_csv(rows),
                           f"file: {{ path: {self.disk.path}/out.ndjson, fields: [n, text] }}",
                           self.folder / "state")
        self.wait_for_log(rf"file: .*{self.disk.path}/out.ndjson: {NO_SPACE}", child)
        self.disk.make_room()
        self.assertEqual(self.must_end(child)["outputs"][0]["delivered"], rows)
        self.assertEqual(self.numbers(out), list(range(rows)))

    def test_under_the_dead_letters_each_is_there_once_when_there_is_room(self):
        rows = 8_000  # 2 MiB of letters: more than is kept in memory; twice that fits on the disk
        out = self.folder / "out.ndjson"
        with open(self.folder / "in.csv", "w") as file:
            file.writelines(f"{number}\n" for number in range(rows))
        self.disk.fill()
        child = self.start(f"csv: {{ path: {self.folder}/in.csv, columns: {{ n: int64, text: text }} }}",
                           f"file: {{ path: {out}, fields: [n] }}", self.disk.path)
        self.wait_for_log(rf"cannot write {self.disk.path}/\S+: {NO_SPACE}", child)
        self.disk.make_room()
        report = self.must_end(child)
        letters = [json.loads(line) for path in sorted(self.disk.outside.glob("dead-letters*.ndjson"))
                   for line in path.read_bytes().splitlines()]
        self.assertEqual(sorted(int(letter["raw"]) for letter in letters), list(range(rows)))
        self.assertEqual(report["dead_letters"]["count"], rows)


if __name__ == "__main__":
    unittest.main()
