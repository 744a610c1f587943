# SPDX-License-Identifier: Apache-2.0
"""The crash campaign to a real OpenSearch, short: campaign.py --opensearch does as many kills as you like."""

import os
import pathlib
import unittest

import campaign

URL = pathlib.Path(os.environ["NEK_BUILD_DIR"]) / "servers/opensearch/url"


class ShortToOpenSearch(unittest.TestCase):
    def test_files_that_are_followed_rotated_and_packed_are_there_with_each_record_once(self):
        for kind in "follow", "follow copies packed at once":
            with self.subTest(kind):
                crashes = campaign.Campaign(pathlib.Path(os.environ["NEK_BIN"]), seed=7,
                                            opensearch=URL.read_text().strip())
                result = crashes.run(kind, 5)
                print(result)
                self.assertEqual((result.lost, result.repeats, result.cut), (0, 0, 0))
                self.assertEqual(result.kills, 5)
                self.assertGreater(result.rotations, 0)
                self.assertGreater(result.records, 1000)


if __name__ == "__main__":
    unittest.main()
