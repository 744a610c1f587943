# SPDX-License-Identifier: Apache-2.0
"""What a second run says of what the first one left: whose state it is, and what was not delivered."""

import os
import subprocess
import unittest

from e2e import NEK, NekTest

ROW = "2023-01-25 18:35:{:02},52.5.7.161\n"
OTHER = ": what that pipeline has read counts as delivered here too. If they are two pipelines, give this " \
        "one a 'name' or a data_dir of its own; if it is to deliver all again, --from-start\n"


class SecondRun(NekTest):
    def pipeline(self, file="job.yaml", outputs="[file: {path: out.ndjson}]", settings=""):
        (self.folder / file).write_text(
            f"name: job\n{settings}inputs: [csv: {{path: a.csv, header: 'no', columns: {{t: text, a: text}}}}]\n"
            f"outputs: {outputs}\n")

    def rows(self, *rows):
        (self.folder / "a.csv").write_text("".join(rows))

    def told(self, file="job.yaml", *arguments):
        done = subprocess.run([NEK, "run", file, "--data-dir", "state", *arguments], cwd=self.folder,
                              text=True, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stderr

    def test_two_pipelines_with_one_state_are_told_of_each_other(self):
        self.rows(ROW.format(1))
        (self.folder / "one").mkdir()
        self.pipeline("one/job.yaml")
        self.assertNotIn("another file", self.told("one/job.yaml") + self.told("one/job.yaml"))
        self.pipeline("two.yaml")
        folder = self.folder.resolve()
        self.assertIn(f"the state in state is that of another file, {folder}/one/job.yaml" + OTHER,
                      self.told("two.yaml"))
        self.assertIn(f"the state in state is that of another file, {folder}/two.yaml" + OTHER,
                      self.told("one/job.yaml"))
        (self.folder / "out.ndjson").unlink()
        self.assertNotIn("another file", self.told("two.yaml", "--from-start"))

    def test_a_pipeline_whose_file_was_moved_or_has_another_name_goes_on_without_a_word(self):
        self.rows(ROW.format(1))
        self.pipeline("old.yaml")
        self.told("old.yaml")
        os.rename(self.folder / "old.yaml", self.folder / "new.yaml")
        self.assertNotIn("another file", self.told("new.yaml"))
        os.symlink("new.yaml", self.folder / "link.yaml")
        self.assertNotIn("another file", self.told("link.yaml"))

    def test_an_output_that_is_new_is_told_how_many_records_it_does_not_get(self):
        self.rows(ROW.format(1), ROW.format(2))
        self.pipeline()
        self.assertNotIn("is new", self.told())
        self.pipeline(outputs="[file: {path: out.ndjson}, file: {id: more, path: more.ndjson}]")
        self.assertIn("output 'more' is new: it gets what is read from now on, and none of the 2 records of "
                      "earlier runs. --from-start delivers all of them again, to each output\n", self.told())
        self.assertNotIn("is new", self.told())

    def test_a_new_file_under_an_old_path_is_read_also_where_a_wide_header_is_the_same(self):
        names = ["t", "a"] + [f"a_column_with_a_long_name_{i:03}" for i in range(60)]
        (self.folder / "job.yaml").write_text(
            "name: job\ninputs: [csv: {path: a.csv, columns: {t: text, a: text}}]\n"
            "outputs: [file: {path: out.ndjson, fields: [t]}]\n")
        def rewrite(*times):
            self.rows(",".join(names) + "\n", *[f"{t},x" + ",0" * 60 + "\n" for t in times])
            return self.told()
        rewrite("monday 1", "monday 2")
        rewrite("tuesday 1")
        self.assertIn("a.csv: already read (1 record, ", rewrite("tuesday 1"))
        self.assertEqual([record["t"] for record in self.records("out.ndjson")],
                         ["monday 1", "monday 2", "tuesday 1"])

    def test_nothing_new_does_not_say_that_dead_letters_were_delivered(self):
        self.rows(ROW.format(1), "bad\n", ROW.format(2), "worse\n")
        self.pipeline()
        self.told()
        told = self.told()
        self.assertIn("a.csv: already read (4 records, ", told)
        self.assertTrue(told.endswith(
            "job: nothing new; all 4 records were read by earlier runs; 2 dead letters are in "
            "state/dead-letters.ndjson: 'nek dead-letters ls' shows why, 'nek replay' hands them in again. "
            "To read them again: --from-start\n"), told)

    def test_nothing_new_does_not_say_that_dead_letters_that_had_no_room_were_delivered(self):
        bad = [f"bad row {i:04} {'x' * 900}\n" for i in range(3000)]
        self.pipeline(settings="settings: {dead_letters: {max_bytes: 1MiB, when_full: drop_oldest}}\n")
        for rows in 1000, 2000, 3000:  # what came with one snapshot stays together
            self.rows(*bad[:rows])
            self.told()
        self.assertRegex(self.told(), r"all 3,000 records were read by earlier runs; [0-9,]+ dead letters are in .*"
                                      r"; [0-9,]+ older dead letters were taken away to make room\. To read")


if __name__ == "__main__":
    unittest.main()
