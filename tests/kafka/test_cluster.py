# SPDX-License-Identifier: Apache-2.0
"""A short cluster.py: everything that may die does, and each record is in OpenSearch once."""

import unittest

import cluster


class Cluster(unittest.TestCase):
    def test_three_processes_of_a_group_share_the_work_and_all_sums_are_those_of_the_input(self):
        problem, report = cluster.run(rows=60000, seconds=0, seed=7, search=True, calm=True)
        self.assertEqual(problem, "", report)
        self.assertEqual(report["documents"], 60000)
        self.assertEqual(report["messages"], 60000)
        shares = report["shares"]
        self.assertEqual(sum(shares.values()), 60000, report)
        # Two or three of eight partitions, by 1,024 addresses: between a sixth and a half of all.
        self.assertEqual(len(shares), 3, report)
        self.assertGreater(min(shares.values()), 10000, report)
        self.assertLess(max(shares.values()), 30000, report)

    def test_whatever_dies_each_record_is_in_opensearch_once(self):
        problem, report = cluster.run(rows=60000, seconds=0, seed=7, search=True)
        self.assertEqual(problem, "", report)
        self.assertEqual(report["documents"], 60000)


if __name__ == "__main__":
    unittest.main()
