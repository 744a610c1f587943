# SPDX-License-Identifier: Apache-2.0
"""Files that are cut, mended, grow or are named twice: each of their records arrives once."""

import gzip
import os
import subprocess
import unittest

from e2e import NekTest

PIPELINE = """
inputs:
  - csv: {{ path: {path}, columns: {{ n: int64, x: text }} }}
outputs:
  - file: {{ path: out.ndjson, fields: [n] }}
"""


def rows(begin, end):
    return "".join(f"{n},value {n * n}\n" for n in range(begin, end)).encode()


class Files(NekTest):
    def run_on(self, path):
        (self.folder / "job.yaml").write_text(PIPELINE.format(path=path))
        return self.run_nek()

    def numbers(self):
        return [record["n"] for record in self.records("out.ndjson")]

    def test_of_a_cut_gzip_file_arrives_what_gzip_can_read_and_the_rest_when_it_is_whole(self):
        whole = gzip.compress(rows(0, 20000), mtime=0)
        cut = self.folder / "a.gz"
        cut.write_bytes(whole[:len(whole) // 2])
        (self.folder / "b.csv").write_bytes(rows(20000, 20100))
        readable = subprocess.run(["gzip", "-dc", cut], capture_output=True, check=False).stdout
        lines = readable.count(b"\n")
        self.assertGreater(lines, 5000)

        done = self.run_on("[a.gz, b.csv]")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("'a.gz' ends within its compressed data: it is not whole", done.stderr)
        self.assertEqual(self.numbers(), list(range(lines)) + list(range(20000, 20100)))

        again = self.run_nek()  # as it is: the same error, and nothing twice
        self.assertEqual(again.returncode, 1, again.stderr)
        self.assertIn("'a.gz' ends within its compressed data: it is not whole", again.stderr)
        self.assertEqual(len(self.numbers()), lines + 100)

        cut.write_bytes(whole)
        self.must_run()
        self.assertEqual(self.numbers(), list(range(lines)) + list(range(20000, 20100)) +
                         list(range(lines, 20000)))

    def test_rows_added_to_a_delivered_file_arrive_in_the_next_run(self):
        file = self.folder / "a.csv"
        file.write_bytes(rows(0, 1000))
        self.assertEqual(self.run_on("a.csv").returncode, 0)
        with open(file, "ab") as more:
            more.write(rows(1000, 1200))
        done = self.must_run()
        self.assertIn("a.csv: has grown since it was read (1,000 records, ", done.stderr)
        self.assertEqual(self.numbers(), list(range(1200)))
        self.assertIn("already read (1,200 records", self.must_run().stderr)

    def test_rows_added_to_a_small_file_arrive_once(self):
        file = self.folder / "a.csv"
        for end in (3, 5, 1000):
            file.write_bytes(rows(0, end))
            self.assertEqual(self.run_on("a.csv").returncode, 0)
            self.assertEqual(self.numbers(), list(range(end)))

    def test_a_name_that_is_not_utf8_is_valid_json_in_the_records(self):
        (self.folder / os.fsdecode(b"caf\xe9.csv")).write_bytes(rows(0, 1))
        (self.folder / "job.yaml").write_text(
            PIPELINE.format(path='"*.csv"').replace("[n]", "[n, nek.source]"))
        self.must_run()
        self.assertEqual(self.records("out.ndjson"), [{"n": 0, "nek.source": "caf\ufffd.csv"}])

    def test_a_file_that_two_patterns_name_is_read_once(self):
        (self.folder / "a.csv").write_bytes(rows(0, 10))
        self.assertEqual(self.run_on('[a.csv, "*.csv", ./a.csv]').returncode, 0)
        self.assertEqual(self.numbers(), list(range(10)))


if __name__ == "__main__":
    unittest.main()
