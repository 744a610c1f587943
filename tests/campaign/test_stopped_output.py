# SPDX-License-Identifier: Apache-2.0
"""An output that takes nothing, for some seconds: stopped_output.py does it for minutes, and tells rates."""

import os
import pathlib
import tempfile
import unittest

import stopped_output

NEK = pathlib.Path(os.environ["NEK_BIN"])


class StoppedOutput(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def test_the_writer_of_a_fifo_goes_on_memory_is_bounded_and_all_rows_arrive(self):
        result = stopped_output.stop_the_only_output(NEK, self.folder, seconds=3, rate=200_000)
        print(result)
        self.assertEqual(result.arrived, 600_000)
        self.assertEqual(result.exit_code, 0)
        # Most of the 45 MB waited on the disk. Decoded they would be several times that.
        self.assertGreater(result.spool_bytes, 20e6)
        if not os.environ.get("NEK_SANITIZE"):  # whose memory is its own
            self.assertLess(result.peak_memory, 150e6)

    def test_beside_an_output_that_drops_the_other_one_gets_every_record_and_the_drops_are_counted(self):
        result = stopped_output.beside_a_stopped_output(NEK, self.folder, 300_000, stopped=True)
        stuck = result.report
        self.assertEqual(result.in_file, 300_000)
        self.assertGreater(stuck["dropped"], 200_000)
        # What its pipe took was delivered, and the buffer holds the rest.
        self.assertEqual(stuck["in"], 300_000)
        self.assertEqual(stuck["delivered"] + stuck["dropped"] + stuck["in_flight"], 300_000)
        self.assertRegex(result.summary, rf"stuck +300,000 +[\d,]+ +0 +{stuck['dropped']:,} ")


if __name__ == "__main__":
    unittest.main()
