# SPDX-License-Identifier: Apache-2.0
"""A short campaign.py: everything that may die does, and each record is in OpenSearch once."""

import unittest

import campaign


class Campaign(unittest.TestCase):
    def test_whatever_dies_each_record_is_in_opensearch_once(self):
        problem, report = campaign.run(rows=60000, seconds=0, seed=7, search=True)
        self.assertEqual(problem, "", report)
        self.assertEqual(report["documents"], 60000)


if __name__ == "__main__":
    unittest.main()
