# SPDX-License-Identifier: Apache-2.0
"""Memory hangs on the settings, not on how much there is to read."""

import os
import subprocess
import unittest

from e2e import NekTest


class Memory(NekTest):
    def peak_bytes(self, rows):
        # Most flows to nowhere, so that it is not the disk that is measured. Little memory in flight, so that
        # runs of any length use all of it.
        outputs = """
  - blackhole: { from: split.all }
  - file: { from: split.syn, path: syn.ndjson }
"""
        self.main_job(f"\n  - generate: {{ rows: {rows} }}", "{ workers: 2, memory: 8MiB }", outputs)
        self.runs = getattr(self, "runs", 0) + 1
        child = subprocess.Popen(self.command(f"state{self.runs}"), cwd=self.folder, stderr=subprocess.PIPE)
        log = child.stderr.read()
        child.stderr.close()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(child.returncode, 0, log)
        (self.folder / "syn.ndjson").unlink()
        return usage.ru_maxrss * 1024

    @unittest.skipIf(os.environ.get("NEK_SANITIZE"), "a sanitizer's memory is its own")
    def test_ten_million_rows_take_no_more_memory_than_one_million(self):
        # A short run may end before its queues were ever full: the most of several is what it may take.
        one = max(self.peak_bytes(1_000_000) for _ in range(4))
        ten = self.peak_bytes(10_000_000)
        print(f"peak memory: {one / 1e6:.0f} MB for 1 M rows, {ten / 1e6:.0f} MB for 10 M")
        self.assertLess(ten, 1.5 * one)
        self.assertLess(ten, 200e6)


if __name__ == "__main__":
    unittest.main()
