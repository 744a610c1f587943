# SPDX-License-Identifier: Apache-2.0
"""What the tests that span plugins share: a folder, the nek program in it, the main job's pipeline."""

import errno
import json
import os
import pathlib
import subprocess
import tempfile
import time
import unittest

NEK = os.environ["NEK_BIN"]
SOURCE = pathlib.Path(os.environ["NEK_SOURCE_DIR"])
COUNTRIES = SOURCE / "tests/data/geoip/iptoasn-country.mmdb"

# Names for chains of YAML items; a test puts them after "inputs:", "filters:" and "outputs:".
FILTERS = f"""
  - proto_map: {{ field: pr }}
  - flags: {{ field: flg }}
  - geoip: {{ database: "{COUNTRIES}", fields: {{ sa: sc, da: dc }} }}
  - syn_split: {{ id: split }}
"""
RECORD = "[ts, sa, sp, sc, da, dp, dc, byte, pkt, out, pr, flg]"
OUTPUTS = f"""
  - file: {{ from: split.all, path: all.ndjson, fields: {RECORD}, time_format: "%Y-%m-%d %H:%M:%S" }}
  - file: {{ from: split.syn, path: syn.ndjson, fields: {RECORD}, time_format: "%Y-%m-%d %H:%M:%S" }}
"""


class NekTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def main_job(self, inputs, settings="{}", outputs=OUTPUTS):
        (self.folder / "job.yaml").write_text(
            f"settings: {settings}\ninputs:{inputs}\nfilters:{FILTERS}\noutputs:{outputs}")

    def command(self, state="state"):
        return [NEK, "run", "job.yaml", "--data-dir", state]

    def run_nek(self, state="state", arguments=()):
        return subprocess.run(self.command(state) + list(arguments), cwd=self.folder, text=True,
                              capture_output=True, timeout=600)

    def must_run(self, **options):
        done = self.run_nek(**options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def start_nek(self):
        with open(self.folder / "log", "wb") as log:
            return subprocess.Popen(self.command(), cwd=self.folder, stderr=log)

    def wait_until(self, what, child=None, seconds=120):
        """What what() returns as soon as it is true. Fails with the log when it does not come, or `child` ends
        before."""
        deadline = time.monotonic() + seconds
        while True:
            ended = child is not None and child.poll() is not None  # what it did at last still counts
            if found := what():
                return found
            self.assertFalse(ended, f"nek ended: {self.log()}")
            self.assertLess(time.monotonic(), deadline, f"it did not come: {self.log()}")
            time.sleep(0.01)

    def writer_of(self, fifo, child):
        """The FIFO, open for writing as soon as nek reads it."""
        def opened():
            try:
                return os.fdopen(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK), "w")
            except OSError as error:
                self.assertIn(error.errno, (errno.ENXIO, errno.ENOENT))  # nobody reads it yet
                return None
        writer = self.wait_until(opened, child)
        os.set_blocking(writer.fileno(), True)
        return writer

    def log(self):
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""

    def records(self, name):
        with open(self.folder / name, "rb") as file:
            return [json.loads(line) for line in file]
