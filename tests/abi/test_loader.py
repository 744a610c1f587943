# SPDX-License-Identifier: Apache-2.0
"""Files that are no good plugins: each is refused with a message that names it, and code 2."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

NEK = os.environ["NEK_BIN"]
BROKEN = pathlib.Path(os.environ["BROKEN_PLUGINS"])
FILE = "nek-filter-broken.so"
PIPELINE = ("inputs: [generate: { rows: 10 }]\n"
            "filters: [FILTER]\n"
            "outputs: [file: { path: out.ndjson }]\n")


class Loader(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_with(self, plugins, text="broken: "):
        (self.folder / "p.yaml").write_text(PIPELINE.replace("FILTER", text))
        return subprocess.run(
            [NEK, "run", "--plugin-dir", plugins, "p.yaml", "--data-dir", "state"], cwd=self.folder,
            text=True, capture_output=True, timeout=120)

    def must_refuse(self, plugins, message):
        done = self.run_with(plugins)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertRegex(done.stderr, message)
        self.assertFalse((self.folder / "out.ndjson").exists())

    def test_a_plugin_without_fault_is_loaded(self):
        done = self.run_with(BROKEN / "whole")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len((self.folder / "out.ndjson").read_text().splitlines()), 10)

    def test_a_faulty_plugin_is_refused_with_its_file_and_fault(self):
        for name, message in (
                ("other_abi", " is built for plugin ABI 2, this nek has ABI 1: build the plugin against "),
                ("no_symbol", " is not a nek plugin: it has no symbol nek_plugin_entry\n"),
                ("empty", " offers no plugins under nek.plugins/1\n"),
                ("short", " is a damaged plugin: its description is too short\n"),
                ("nameless", " is a damaged plugin: it has a plugin without a name\n"),
                ("kindless", " is a damaged plugin: plugin 'broken' must be exactly one of input, "),
                ("createless", " is a damaged plugin: plugin 'broken' lacks create, shape or destroy\n")):
            with self.subTest(name):
                self.must_refuse(BROKEN / name, re.escape(f"/{name}/{FILE}{message}"))

    def test_an_unresolved_symbol_is_named(self):
        self.must_refuse(BROKEN / "unresolved",
                         rf"cannot load \S*/unresolved/{FILE}: .*nowhere_to_be_found\n")

    def test_a_plugin_that_is_cut_short_anywhere_is_refused(self):
        whole = (BROKEN / "whole" / FILE).read_bytes()
        for size in (16, 63, 64, 3000, len(whole) // 2, len(whole) - 1):
            with self.subTest(size=size):
                (self.folder / FILE).write_bytes(whole[:size])
                self.must_refuse(self.folder, f"/{FILE} is cut short: copy or build it again\n")

    def test_a_text_file_is_no_plugin(self):
        (self.folder / "text.so").write_text("hello\n")
        self.must_refuse(self.folder, r"cannot load \S*/text\.so: ")

    def test_a_file_whose_plugin_the_pipeline_does_not_name_is_not_opened(self):
        shutil.copy(BROKEN / "whole" / FILE, self.folder)
        for name in "nek-filter-unnamed.so", "nek-input-unnamed.so", "nek-output-unnamed.so":
            (self.folder / name).write_text("hello\n")
        done = self.run_with(self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("unnamed", done.stderr)

    def test_all_files_are_opened_where_a_name_is_not_that_of_a_file(self):
        shutil.copy(BROKEN / "whole" / FILE, self.folder / "nek-filter-other.so")
        done = self.run_with(self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_of_two_files_with_the_same_plugin_the_first_is_used_and_both_are_named(self):
        for name in "first.so", "second.so":
            shutil.copy(BROKEN / "whole" / FILE, self.folder / name)
        done = self.run_with(self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"/second\.so offers the filter 'broken', which \S*/first\.so "
                                      r"offers already: remove one of the files\n")

    def test_a_plugin_that_throws_when_it_is_made_is_an_error_at_its_line(self):
        done = self.run_with(BROKEN / "throwing", "throwing: ")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertRegex(done.stderr, r"p\.yaml:2:11: throwing: .*thrown in create\n")

    def test_a_plugin_that_never_stops_is_left_by_a_second_signal(self):
        (self.folder / "p.yaml").write_text(PIPELINE.replace("FILTER", "broken: "))
        with subprocess.Popen([NEK, "run", "--plugin-dir", BROKEN / "hanging", "p.yaml", "--data-dir", "state"],
                              cwd=self.folder, text=True, stderr=subprocess.PIPE) as child:
            self.addCleanup(child.kill)
            said = ""
            while "hangs" not in said:
                line = child.stderr.readline()
                self.assertTrue(line, said)
                said += line
            deadline = time.monotonic() + 120
            while child.poll() is None:  # two that come at the same time are one
                self.assertLess(time.monotonic(), deadline)
                child.send_signal(signal.SIGTERM)
                time.sleep(0.1)
            self.assertEqual(child.returncode, 130)
            self.assertIn("before all plugins had ended", child.stderr.read())
        self.assertEqual(len((self.folder / "out.ndjson").read_text().splitlines()), 10)


@unittest.skipIf(os.environ["NEK_SANITIZE"], "the example would be built without the sanitizer")
class OutOfTree(unittest.TestCase):
    def test_the_example_in_c_runs_in_a_pipeline_when_built_against_the_installed_sdk(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        work = pathlib.Path(folder.name)
        for command in (
                ["cmake", "--install", os.environ["NEK_BUILD_DIR"], "--prefix", work / "sdk", "--component", "sdk"],
                ["cmake", "-S", pathlib.Path(os.environ["NEK_SOURCE_DIR"]) / "sdk/examples/c-filter",
                 "-B", work / "build", f"-DCMAKE_PREFIX_PATH={work / 'sdk'}"],
                ["cmake", "--build", work / "build"]):
            done = subprocess.run(command, text=True, capture_output=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        (work / "flows.csv").write_text("bytes,packets\n192,4\n7,0\n")
        (work / "p.yaml").write_text(
            "inputs: [csv: { path: flows.csv, columns: { bytes: uint64, packets: uint64 } }]\n"
            "filters: [ratio_c: { of: bytes, by: packets, target: ratio }]\n"
            "outputs: [file: { path: out.ndjson }]\n")
        done = subprocess.run([NEK, "run", "--plugin-dir", "build/plugins", "p.yaml", "--data-dir", "state"],
                              cwd=work, text=True, capture_output=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [json.loads(line) for line in (work / "out.ndjson").read_text().splitlines()]
        self.assertEqual(lines, [{"bytes": 192, "packets": 4, "ratio": 48},
                                 {"bytes": 7, "packets": 0, "ratio": None}])


if __name__ == "__main__":
    unittest.main()
