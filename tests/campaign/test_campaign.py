# SPDX-License-Identifier: Apache-2.0
"""The crash campaign, short: campaign.py does as many kills as you like."""

import os
import pathlib
import unittest

import campaign


class Short(unittest.TestCase):
    def run_kind(self, kind):
        kills = campaign.SHORT
        result = campaign.Campaign(pathlib.Path(os.environ["NEK_BIN"]), seed=7).run(kind, kills)
        print(result)
        self.assertEqual((result.lost, result.repeats), (0, 0))
        self.assertEqual(result.kills, kills)
        self.assertGreater(result.records, 1000)
        return result

    def test_a_csv_file_arrives_with_each_record_once(self):
        self.assertEqual(self.run_kind("csv").cut, 0)

    def test_a_packed_csv_file_arrives_with_each_record_once(self):
        self.assertEqual(self.run_kind("csv.gz").cut, 0)

    def test_files_that_are_followed_rotated_packed_and_removed_arrive_with_each_record_once(self):
        for kind in "follow", "follow copies":
            with self.subTest(kind):
                result = self.run_kind(kind)
                self.assertEqual(result.cut, 0)
                self.assertGreater(result.removed, 0)

    def test_a_row_of_which_a_part_was_read_comes_whole_from_a_copy_that_is_packed_at_once(self):
        result = self.run_kind("follow copies packed at once")
        self.assertEqual(result.cut, 0)
        self.assertGreater(result.raced, 0)

    def test_what_the_spool_of_a_fifo_held_at_each_kill_arrives_once(self):
        result = self.run_kind("fifo")
        # The half of a row that was read before a kill, and the half after it.
        self.assertLessEqual(result.cut, 2 * result.kills)


if __name__ == "__main__":
    unittest.main()
