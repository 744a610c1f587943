# SPDX-License-Identifier: Apache-2.0
"""The nek program as its users see it: verbs, messages, exit codes."""

import os
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

NEK = os.environ["NEK_BIN"]


class Cli(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def nek(self, *arguments, **variables):
        environment = {k: v for k, v in os.environ.items() if k != "NEK_PLUGIN_PATH"} | variables
        return subprocess.run([NEK, *arguments], cwd=self.folder, env=environment, text=True,
                              capture_output=True, timeout=120)

    def test_a_command_line_that_makes_no_sense_is_code_2(self):
        for arguments in [], ["bogus"], ["run"], ["run", "x", "--workers", "many"], ["version", "x"]:
            with self.subTest(arguments):
                self.assertEqual(self.nek(*arguments).returncode, 2)

    def test_help_and_version_are_code_0(self):
        self.assertEqual(self.nek("--help").returncode, 0)
        version = self.nek("version")
        self.assertEqual(version.returncode, 0)
        self.assertRegex(version.stdout, r"^nek \d+\.\d+\.\d+, plugin ABI 1\n$")

    def test_plugins_are_listed_and_described(self):
        listed = self.nek("plugins")
        self.assertEqual(listed.returncode, 0)
        self.assertRegex(listed.stdout, r"(?m)^input +csv +\d")
        described = self.nek("plugins", "file")
        self.assertEqual(described.returncode, 0)
        self.assertRegex(described.stdout, r"(?m)^  path +path +required +")
        unknown = self.nek("plugins", "fil")
        self.assertEqual(unknown.returncode, 2)
        self.assertEqual(unknown.stderr, "nek: no plugin is called 'fil'; did you mean 'file'?\n")

    def test_check_reports_all_errors_with_their_lines_and_is_code_2(self):
        self.write("p.yaml", "inputs:\n  - csv: {pth: in.csv}\noutputs:\n  - fil: {path: out}\n")
        checked = self.nek("check", "p.yaml")
        self.assertEqual(checked.returncode, 2)
        self.assertEqual(checked.stdout, "")
        self.assertRegex(
            checked.stderr,
            r"^p\.yaml:2:5: csv: option 'path' is required: .*\n"
            r"      - csv: {pth: in\.csv}\n"
            r"        \^\n"
            r"p\.yaml:2:11: csv: unknown option 'pth'; did you mean 'path'\?\n"
            r"      - csv: {pth: in\.csv}\n"
            r"              \^\n"
            r"p\.yaml:4:5: unknown output 'fil'; did you mean 'file'\?\n"
            r"      - fil: {path: out}\n"
            r"        \^\n$")

    def test_check_of_a_file_that_is_not_there_is_code_2(self):
        checked = self.nek("check", "none.yaml")
        self.assertEqual(checked.returncode, 2)
        self.assertEqual(checked.stderr, "none.yaml: cannot read it: No such file or directory\n")

    def test_check_starts_nothing_and_print_shows_the_effective_pipeline(self):
        self.write("in.csv", "a,b\n1,2\n")
        self.write("p.yaml", "inputs: [csv: {path: in.csv}]\noutputs: [file: {path: out.ndjson}]\n")
        checked = self.nek("check", "p.yaml")
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, "p.yaml: good\n", ""))
        self.assertEqual(sorted(os.listdir(self.folder)), ["in.csv", "p.yaml"])
        printed = self.nek("validate", "p.yaml", "--print")
        self.assertEqual(printed.returncode, 0)
        self.assertIn("      path: out.ndjson\n", printed.stdout)
        self.assertIn("#   csv -> file: all columns\n", printed.stdout)
        self.write("q.yaml", printed.stdout)
        self.assertEqual(self.nek("check", "--print", "q.yaml").stdout, printed.stdout)

    def test_run_delivers_and_goes_on_where_it_ended(self):
        self.write("in.csv", "a,b\n1,2\n3,4\n")
        self.write("p.yaml", "inputs: [csv: {path: in.csv}]\noutputs: [file: {path: out.ndjson}]\n")
        first = self.nek("run", "p.yaml")
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertIn("p: 2 records in ", first.stderr)
        out = self.folder / "out.ndjson"
        self.assertEqual(len(out.read_text().splitlines()), 2)
        again = self.nek("run", "p.yaml")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertIn("p: 0 records in ", again.stderr)
        self.assertEqual(len(out.read_text().splitlines()), 2)
        quiet = self.nek("run", "p.yaml", "--quiet", "--log-level", "error", "--data-dir", "other",
                         "--from-start")
        self.assertNotIn("records in", quiet.stderr)

    def test_more_dead_letters_than_allowed_are_code_3(self):
        self.write("in.csv", "a,b\n1,2\n3\n")
        pipeline = "inputs: [csv: {path: in.csv}]\noutputs: [file: {path: out.ndjson}]\n"
        self.write("p.yaml", pipeline)
        allowed = self.nek("run", "p.yaml")
        self.assertEqual(allowed.returncode, 0, allowed.stderr)
        self.assertIn("  1 dead letters in nek-data/p/dead-letters.ndjson\n", allowed.stderr)
        self.write("q.yaml", "settings: {max_dead_letters: 0}\n" + pipeline.replace("out.", "q."))
        refused = self.nek("run", "q.yaml")
        self.assertEqual(refused.returncode, 3, refused.stderr)
        self.assertIn("more dead letters than 'max_dead_letters' allows, 0\n", refused.stderr)

    def start_reading(self):
        """A run without end that has delivered its first records."""
        self.write("p.yaml", "inputs: [generate: {rate: 1000}]\noutputs: [file: {path: out.ndjson}]\n")
        child = subprocess.Popen([NEK, "run", "p.yaml", "--from-start"], cwd=self.folder,
                                 stderr=subprocess.DEVNULL)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        out = self.folder / "out.ndjson"
        for _ in range(1000):
            if out.exists() and out.stat().st_size > 0:
                return child
            time.sleep(0.02)
        self.fail("no record came out")

    def test_the_first_signal_ends_in_order_with_code_0(self):
        for number in signal.SIGINT, signal.SIGTERM:
            with self.subTest(number):
                child = self.start_reading()
                child.send_signal(number)
                self.assertEqual(child.wait(60), 0)
                (self.folder / "out.ndjson").unlink()

    def test_a_second_signal_stops_it_at_once_with_code_130(self):
        child = self.start_reading()
        child.send_signal(signal.SIGSTOP)  # so that it sees both signals together
        child.send_signal(signal.SIGINT)
        child.send_signal(signal.SIGTERM)
        child.send_signal(signal.SIGCONT)
        self.assertEqual(child.wait(60), 130)


if __name__ == "__main__":
    unittest.main()
