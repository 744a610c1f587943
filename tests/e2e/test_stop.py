# SPDX-License-Identifier: Apache-2.0
"""SIGTERM: what was read is delivered within shutdown_timeout, or nek says what is not."""

import array
import fcntl
import http.server
import json
import os
import pathlib
import re
import select
import signal
import subprocess
import termios
import threading
import unittest

from e2e import NEK, NekTest

PIPELINE = """
settings: { shutdown_timeout: TIMEOUT, snapshot_interval: 20ms, linger: 5ms }
inputs:
  - generate: { rows: 100000, rate: 50000 }
outputs:
  - stdout: {}
"""


class Stop(NekTest):
    def start_nek_on(self, stdout, *arguments, timeout="1s"):
        (self.folder / "job.yaml").write_text(PIPELINE.replace("TIMEOUT", timeout))
        with open(self.folder / "log", "wb") as log:
            return subprocess.Popen(self.command() + list(arguments), cwd=self.folder, stdout=stdout,
                                    stderr=log)

    def wait_until_full(self, pipe, child):
        size = fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)
        def held():
            count = array.array("i", [0])
            fcntl.ioctl(pipe, termios.FIONREAD, count)
            return count[0]
        self.wait_until(lambda: held() > size - select.PIPE_BUF, child)

    def test_an_output_that_takes_nothing_does_not_hold_up_the_stop_and_nek_says_what_is_left(self):
        ours, its = os.pipe()  # nobody reads it
        child = self.start_nek_on(its, "--report", "report.json")
        self.wait_until_full(its, child)
        os.close(its)
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(60), 1, self.log())
        self.assertIn("not all was delivered within 'shutdown_timeout', 1s; the next run goes on from "
                      "the last snapshot", self.log())
        left = int(re.search(r"stdout: at least (\d+) records are not acknowledged", self.log()).group(1))
        report = json.loads((self.folder / "report.json").read_text())
        self.assertEqual(report["exit_code"], 1)
        self.assertEqual(report["outputs"][0]["in_flight"], left)
        os.close(ours)

    def test_a_second_signal_does_not_wait_for_the_timeout(self):
        ours, its = os.pipe()
        child = self.start_nek_on(its)
        self.wait_until_full(its, child)
        os.close(its)
        child.send_signal(signal.SIGTERM)
        self.wait_until(lambda: "stopping" in self.log(), child)
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(60), 130, self.log())
        os.close(ours)

    def test_what_was_read_is_delivered_when_the_output_takes_it_in_time(self):
        with open(self.folder / "out", "wb") as out:
            child = self.start_nek_on(out, timeout="60s")
            self.wait_until(lambda: (self.folder / "out").stat().st_size > 0, child)
            child.send_signal(signal.SIGTERM)
            self.assertEqual(child.wait(120), 0, self.log())
            self.assertEqual(self.start_nek_on(out, timeout="60s").wait(120), 0, self.log())
        self.assertEqual(len((self.folder / "out").read_bytes().splitlines()), 100_000)

    def start_nek_that_hangs(self, timeout):
        (self.folder / "job.yaml").write_text(f"""
settings: {{ shutdown_timeout: {timeout}, linger: 5ms }}
inputs:
  - generate: {{ rows: 1000 }}
outputs:
  - stuck: {{ from: generate }}
  - fails: {{ from: generate }}
""")
        plugins = str(pathlib.Path(NEK).parent / "tests/e2e/plugins")
        with open(self.folder / "log", "wb") as log:
            return subprocess.Popen(self.command() + ["--plugin-dir", plugins, "--report", "report.json"],
                                    cwd=self.folder, stderr=log)

    def must_have_failed(self):
        report = json.loads((self.folder / "report.json").read_text())
        self.assertEqual(report["exit_code"], 1)
        self.assertEqual(report["failure"], "fails: it gives up")
        self.assertIn("\njob: ", self.log())  # the summary

    def test_after_a_failure_an_output_that_hangs_is_waited_for_within_the_timeout(self):
        child = self.start_nek_that_hangs("1s")
        self.assertEqual(child.wait(60), 1, self.log())
        self.assertIn("fails: it gives up\n", self.log())
        self.assertIn("stuck: does not end within 'shutdown_timeout', 1s: it is not waited for\n", self.log())
        self.must_have_failed()

    def test_after_a_failure_nek_says_it_at_once_and_a_signal_ends_it_though_an_output_hangs(self):
        child = self.start_nek_that_hangs("1h")
        self.wait_until(lambda: "fails: it gives up" in self.log(), child)
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(60), 1, self.log())
        self.assertIn("stuck: does not end: it is not waited for\n", self.log())
        self.must_have_failed()

    def test_a_merge_at_the_end_is_not_waited_for_when_nek_is_to_stop(self):
        server = MergesForEver()
        self.addCleanup(server.end)
        (self.folder / "job.yaml").write_text(f"""
settings: {{ shutdown_timeout: 1h, linger: 5ms }}
inputs:
  - generate: {{ rows: 1000 }}
outputs:
  - es_bulk: {{ hosts: ["http://127.0.0.1:{server.port}"], index: flows, on_end: {{ force_merge: 1 }} }}
""")
        child = self.start_nek()
        self.wait_until(server.merges.is_set, child)
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(60), 0, self.log())
        self.assertEqual(sum(server.documents), 1000)
        self.assertIn("all is delivered, but nek is to stop: what 'on_end' asks for is not waited for, "
                      "from index flows on\n", self.log())


class MergesForEver:
    """A search server that takes all documents, and answers no request to merge them."""

    def __init__(self):
        self.documents = []  # of each request
        self.merges, self.ended = threading.Event(), threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                if "/_forcemerge" in self.path:
                    outer.merges.set()
                    outer.ended.wait()
                    return
                body = self.rfile.read(int(self.headers["Content-Length"]))
                count = body.count(b"\n") // 2
                outer.documents.append(count)
                reply = json.dumps({"errors": False, "items": [{"create": {"status": 201}}] * count}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def end(self):
        self.ended.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


if __name__ == "__main__":
    unittest.main()
