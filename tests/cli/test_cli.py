# SPDX-License-Identifier: Apache-2.0
"""The nek program as its users see it: verbs, messages, exit codes."""

import fcntl
import json
import os
import pathlib
import pty
import re
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

NEK = os.environ["NEK_BIN"]
ROOT = pathlib.Path(__file__).resolve().parents[2]


class Cli(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def run_nek(self, file, *arguments):
        """Its state beside the file, never where this machine keeps it."""
        return self.nek("run", file, "--data-dir", "state", *arguments)

    def nek(self, *arguments, **variables):
        environment = {k: v for k, v in os.environ.items() if k != "NEK_PLUGIN_PATH"} | variables
        return subprocess.run([NEK, *arguments], cwd=self.folder, env=environment, text=True,
                              capture_output=True, timeout=120)

    def test_a_command_line_that_makes_no_sense_is_code_2(self):
        for arguments in [], ["bogus"], ["run"], ["run", "x", "--workers", "many"], ["version", "x"]:
            with self.subTest(arguments):
                self.assertEqual(self.nek(*arguments).returncode, 2)

    def test_a_verb_that_there_is_not_is_told_with_the_nearest(self):
        done = self.nek("chekc", "x.yaml")
        self.assertEqual((done.returncode, done.stderr),
                         (2, "nek has no verb 'chekc'; did you mean 'check'?\n"))

    def test_a_plugin_folder_that_is_not_there_is_code_2(self):
        done = self.nek("plugins", "--plugin-dir", "/not/there")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--plugin-dir: Directory does not exist: /not/there", done.stderr)

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
        columns = self.nek("plugins", "flags").stdout
        self.assertRegex(columns, r"(?m)^Columns read, as in the example: flg\n.*\n  out +all records +flg$")
        as_json = json.loads(self.nek("plugins", "geoip", "--json").stdout)
        self.assertEqual([(p["kind"], p["name"]) for p in as_json], [("filter", "geoip")])
        self.assertEqual(as_json[0]["options"][0]["name"], "database")
        self.assertIsNone(as_json[0]["options"][0]["default"])  # it is required
        unknown = self.nek("plugins", "fil")
        self.assertEqual(unknown.returncode, 2)
        self.assertEqual(unknown.stderr, "nek: no plugin is called 'fil'; did you mean 'file'?\n")

    def test_the_options_tables_in_the_readmes_are_those_of_the_plugins(self):
        done = subprocess.run([sys.executable, ROOT / "scripts/docs", NEK, "--check"], text=True,
                              capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)

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

    def test_of_a_plugin_that_is_not_there_the_folders_are_named_that_were_looked_in(self):
        (self.folder / "mine").mkdir()
        self.write("p.yaml", "inputs: [csv: {path: in.csv}]\noutputs: [warehouse: {}]\n")
        checked = self.nek("check", "--plugin-dir", "mine", "p.yaml", NEK_PLUGIN_PATH="/none/such")
        self.assertRegex(checked.stderr,
                         r"unknown output 'warehouse'; there are: .*; plugins were looked for in mine, "
                         r"/none/such \(not there\), /.*/plugins")
        listed = self.nek("plugins", "warehouse", "--plugin-dir", "mine")
        self.assertRegex(listed.stderr, r"no plugin is called 'warehouse'; .*; plugins were looked for in mine, /")

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

    def test_check_connect_says_when_there_is_nothing_to_connect_to(self):
        self.write("in.csv", "a,b\n1,2\n")
        self.write("p.yaml", "inputs: [csv: {path: in.csv}]\noutputs: [file: {path: out.ndjson}]\n")
        checked = self.nek("check", "--connect", "p.yaml")
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr),
                         (0, "p.yaml: good\nit names no servers\n", ""))

    def test_run_delivers_and_goes_on_where_it_ended(self):
        self.write("in.csv", "a,b\n1,2\n3,4\n")
        self.write("p.yaml", "inputs: [csv: {path: in.csv}]\noutputs: [file: {path: out.ndjson}]\n")
        first = self.run_nek("p.yaml")
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertIn("p: 2 records in ", first.stderr)
        out = self.folder / "out.ndjson"
        self.assertEqual(len(out.read_text().splitlines()), 2)
        again = self.run_nek("p.yaml")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertRegex(again.stderr, r"in\.csv: already read \(2 records, 20\d\d-\d\d-\d\d "
                                       r"\d\d:\d\d\); --from-start reads it again\n")
        self.assertTrue(again.stderr.endswith(
            "p: nothing new; all 2 records were delivered by earlier runs. "
            "To read them again: --from-start\n"), again.stderr)
        self.assertEqual(len(out.read_text().splitlines()), 2)
        quiet = self.nek("run", "p.yaml", "--quiet", "--log-level", "error", "--data-dir", "other",
                         "--from-start")
        self.assertNotIn("records in", quiet.stderr)

    def write_bad_rows(self, settings=""):
        self.write("in.csv", "a,b\n1,2\n3\n4\n")
        self.write("p.yaml", settings + "inputs: [csv: {path: in.csv}]\noutputs: [file: {path: out.ndjson}]\n")

    def test_the_summary_says_why_there_are_dead_letters_and_shows_one(self):
        self.write_bad_rows()
        allowed = self.run_nek("p.yaml")
        self.assertEqual(allowed.returncode, 0, allowed.stderr)
        self.assertIn("  2 dead letters in state/dead-letters.ndjson\n"
                      "    2  csv: columns, for example in.csv line 3: has 1 fields, not 2: '3'\n", allowed.stderr)

    def test_more_dead_letters_than_allowed_are_code_3(self):
        self.write_bad_rows("settings: {max_dead_letters: 1}\n")
        refused = self.run_nek("p.yaml")
        self.assertEqual(refused.returncode, 3, refused.stderr)
        self.assertIn("more dead letters than 'max_dead_letters' allows, 1\n", refused.stderr)

    def test_the_command_line_sets_how_many_dead_letters_are_allowed(self):
        self.write_bad_rows("settings: {max_dead_letters: 1}\n")
        for limit, code in ("2", 0), ("1", 3), ("66.7%", 0), ("66%", 3), ("0", 3), ("100%", 0):
            with self.subTest(limit):
                done = self.nek("run", "p.yaml", "--data-dir", f"state{limit}", "--max-dead-letters",
                                limit)
                self.assertEqual(done.returncode, code, done.stderr)
                if code:
                    self.assertIn(f"more dead letters than --max-dead-letters allows, {limit}\n",
                                  done.stderr)
                (self.folder / "out.ndjson").unlink()
        for nonsense in "-1", "1.5", "101%", "many", "":
            with self.subTest(nonsense):
                self.assertEqual(self.run_nek("p.yaml", f"--max-dead-letters={nonsense}").returncode, 2)

    def test_the_report_holds_the_figures_of_the_summary(self):
        self.write_bad_rows()
        done = self.run_nek("p.yaml", "--report", "report.json", "--max-dead-letters", "1")
        self.assertEqual(done.returncode, 3, done.stderr)
        report = json.loads((self.folder / "report.json").read_text())
        self.assertEqual((report["pipeline"], report["exit_code"], report["records"], report["failure"]),
                         ("p", 3, 3, ""))
        self.assertEqual(report["dead_letters"], {
            "count": 2, "path": "state/dead-letters.ndjson", "dropped": 0,
            "reasons": [{"component": "csv", "reason": "columns", "count": 2,
                         "example": "in.csv line 3: has 1 fields, not 2: '3'"}]})
        self.assertEqual(report["outputs"], [{"component": "file", "in": 1, "delivered": 1, "duplicate": 0,
                                              "dropped": 0, "dead_letters": 0, "in_flight": 0}])
        self.assertEqual(report["streams"][0]["created"], 3)
        self.assertEqual(report["ledger_faults"], [])

    def test_a_report_that_cannot_be_written_is_code_1(self):
        self.write_bad_rows()
        done = self.run_nek("p.yaml", "--report", "none/report.json")
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot write the report none/report.json: No such file or directory\n", done.stderr)

    def test_a_second_nek_with_the_same_data_dir_is_code_1_and_says_what_to_do(self):
        self.start_reading()
        second = self.run_nek("p.yaml")
        self.assertEqual(second.returncode, 1)
        self.assertIn("cannot use state: state/lock is held by another process; end the nek that runs "
                      "there, or give this one another --data-dir\n", second.stderr)

    def test_a_plugin_folder_may_stand_before_the_file(self):
        self.write_bad_rows()
        self.assertEqual(self.nek("check", "--plugin-dir", ".", "p.yaml").returncode, 0)

    def on_terminal(self, *arguments, columns=100):
        """What a person sees: the screen's lines after all rewriting, and all that was written."""
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(self.folder)
            os.execv(NEK, [NEK, *arguments])
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        written = b""
        while True:
            try:
                piece = os.read(terminal, 65536)
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            written += piece
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.close(terminal)
        text = written.decode()
        shown = [re.sub(r"\x1b\[[0-9;]*m", "", line.rpartition("\x1b[K")[2]).strip("\r")
                 for line in text.split("\n")]
        return code, shown, text

    def test_a_terminal_shows_progress_in_one_line_that_is_gone_at_the_end(self):
        self.write("p.yaml", "inputs: [generate: {rows: 3000, rate: 1500}]\noutputs: [blackhole: ]\n")
        code, shown, text = self.on_terminal("run", "p.yaml", "--data-dir", "state")
        self.assertEqual(code, 0, text)
        progress = re.findall(r"\r\x1b\[K([\d,]+ records, [\d,]+/s, \d+\.\d %, \d+ s left)\r", text)
        self.assertGreaterEqual(len(progress), 2, text)
        self.assertFalse([line for line in shown if " left" in line], shown)
        self.assertTrue([line for line in shown if line.startswith("p: 3,000 records in ")], shown)

    def test_progress_never_wraps_on_a_narrow_terminal(self):
        self.write("p.yaml", "inputs: [generate: {rows: 2000, rate: 1000}]\noutputs: [blackhole: ]\n")
        _, _, text = self.on_terminal("run", "p.yaml", "--data-dir", "state", columns=30)
        lines = re.findall(r"\x1b\[K(\d[\d,]* records, [^\r\n]*)", text)
        self.assertGreaterEqual(len(lines), 2, text)
        self.assertLess(max(map(len, lines)), 30)

    def test_quiet_shows_no_progress_on_a_terminal(self):
        self.write("p.yaml", "inputs: [generate: {rows: 1000, rate: 1000}]\noutputs: [blackhole: ]\n")
        _, _, text = self.on_terminal("run", "p.yaml", "--data-dir", "state", "--quiet")
        self.assertNotIn("records", text)

    def start_reading(self):
        """A run without end that has delivered its first records."""
        self.write("p.yaml", "inputs: [generate: {rate: 1000}]\noutputs: [file: {path: out.ndjson}]\n")
        child = subprocess.Popen([NEK, "run", "p.yaml", "--from-start", "--data-dir", "state"], cwd=self.folder,
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
