# SPDX-License-Identifier: Apache-2.0
"""An output that takes nothing, for some seconds: stopped_output.py does it for minutes, and tells rates."""

import os
import pathlib
import tempfile
import unittest

import stopped_output

NEK = pathlib.Path(os.environ["NEK_BIN"])
SANITIZE = os.environ.get("NEK_SANITIZE")  # it takes its time, and its memory is its own


class StoppedOutput(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def test_the_writer_of_a_fifo_goes_on_memory_is_bounded_and_all_rows_arrive(self):
        rate = 20_000 if SANITIZE else 200_000
        result = stopped_output.stop_the_only_output(NEK, self.folder, seconds=3, rate=rate)
        print(result)
        self.assertEqual(result.arrived, 3 * rate)
        self.assertEqual(result.exit_code, 0)
        # Most of it, 75 bytes a row, waited on the disk. Decoded it would be several times that.
        self.assertGreater(result.spool_bytes, 40 * 3 * rate)
        if not SANITIZE:
            self.assertLess(result.peak_memory, 150e6)

    def test_beside_an_output_that_drops_the_other_one_gets_every_record_and_the_drops_are_counted(self):
        rows = 60_000 if SANITIZE else 300_000
        result = stopped_output.beside_a_stopped_output(NEK, self.folder, rows, stopped=True)
        stuck = result.report
        self.assertEqual(result.in_file, rows)
        self.assertGreater(stuck["dropped"], rows / 2)
        # What its pipe took was delivered, and the buffer holds the rest.
        self.assertEqual(stuck["in"], rows)
        self.assertEqual(stuck["delivered"] + stuck["dropped"] + stuck["in_flight"], rows)
        self.assertRegex(result.summary, rf"stuck +{rows:,} +[\d,]+ +0 +{stuck['dropped']:,} ")


if __name__ == "__main__":
    unittest.main()
