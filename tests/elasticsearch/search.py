# SPDX-License-Identifier: Apache-2.0
"""What tests against real search servers share: nodes of their own, what is in them, nek's ledger."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

SOURCE = pathlib.Path(os.environ["NEK_SOURCE_DIR"])
sys.path.insert(0, str(SOURCE / "tests/e2e"))
from e2e import COUNTRIES, NEK, NekTest  # noqa: E402, F401

# The record of the first users, times as the server stores them.
RECORD = "[ts, sa, sp, sc, da, dp, dc, byte, pkt, out, pr, flg]"


class Server:
    """What a server is asked for, by its address."""

    def __init__(self, url):
        self.url = url

    def ask(self, method, path, body=None, timeout=60):
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method,
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=timeout) as reply:
            text = reply.read()
        return json.loads(text) if text else None

    def count(self, index):
        """0 when there is no such index yet, or its shards are being made."""
        found = "ignore_unavailable=true&allow_no_indices=true"
        self.ask("POST", f"/{index}/_refresh?{found}")
        try:
            return self.ask("GET", f"/{index}/_count?{found}")["count"]
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            return 0

    def sums(self, index):
        """By protocol: flows and bytes. By country of the source: flows."""
        self.ask("POST", f"/{index}/_refresh")
        by = {"pr": {"terms": {"field": "pr", "size": 500}, "aggs": {"byte": {"sum": {"field": "byte"}}}},
              "sc": {"terms": {"field": "sc", "size": 500}}}
        found = self.ask("POST", f"/{index}/_search?size=0&track_total_hits=true", {"aggs": by})["aggregations"]
        return ({bucket["key"]: (bucket["doc_count"], int(bucket["byte"]["value"]))
                 for bucket in found["pr"]["buckets"]},
                {bucket["key"]: bucket["doc_count"] for bucket in found["sc"]["buckets"]})

    def remove(self, *names):
        for name in names:
            try:
                self.ask("DELETE", f"/{name}")
            except urllib.error.HTTPError as error:
                if error.code not in (404, 405):  # 405: Elasticsearch's free jars have no data streams
                    raise


class Node(Server):
    """A node of its own, that a test may stop, kill and start again."""

    def __init__(self, flavour, *settings):
        self.flavour, self.settings = flavour, settings
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.port = 0
        self.start()

    def script(self, *arguments):
        done = subprocess.run([SOURCE / "scripts/servers" / self.flavour, *arguments], text=True,
                              capture_output=True, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(done.stdout + done.stderr)

    def start(self):
        self.script("start", self.folder.name, str(self.port), *self.settings)
        super().__init__((pathlib.Path(self.folder.name) / "url").read_text().strip())
        self.port = int(self.url.rsplit(":", 1)[1])

    def pid(self):
        return int((pathlib.Path(self.folder.name) / "pid").read_text())

    def suspend(self):
        os.kill(self.pid(), signal.SIGSTOP)

    def resume(self):
        os.kill(self.pid(), signal.SIGCONT)

    def kill(self):
        self.script("stop", self.folder.name, "--kill")

    def close(self):
        self.kill()
        self.folder.cleanup()


def shared(flavour):
    """The node that ctest's fixture started, for tests that leave it as it is."""
    return Server((pathlib.Path(os.environ["NEK_BUILD_DIR"]) / f"servers/{flavour}/url").read_text().strip())


class SearchTest(NekTest):
    def rows(self, count, begin=0, text="x"):
        """A file of numbered rows, an hour apart."""
        path = self.folder / f"rows{begin}.csv"
        with open(path, "w") as file:
            for n in range(begin, begin + count):
                file.write(f"{n},{1402358400000 + n},{text}\n")
        return path

    def job(self, output, path="rows*.csv", settings="{}", columns="{n: uint64, ts: epoch_ms, text: text}"):
        (self.folder / "job.yaml").write_text(
            f"settings: {settings}\n"
            f"inputs: [csv: {{ path: '{path}', columns: {columns} }}]\n"
            f"outputs: [es_bulk: {output}]\n")

    def figures(self, output="es_bulk"):
        """Of the output, as the report has them; with those of earlier runs."""
        report = json.loads((self.folder / "report.json").read_text())
        found = {output["component"]: output for output in report["outputs"]}[output]
        return {key: found[key] for key in ("in", "delivered", "duplicate", "dead_letters", "in_flight")}

    def report(self, code=0, **options):
        """Runs the job; the output's figures."""
        arguments = [*options.pop("arguments", ()), "--report", "report.json"]
        done = self.run_nek(arguments=arguments, **options)
        self.assertEqual(done.returncode, code, done.stderr)
        return self.figures()

    def start_job(self):
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(self.command() + ["--report", "report.json"],
                                            cwd=self.folder, stderr=log)
        self.addCleanup(self.end_job, self.process)
        return self.process

    @staticmethod
    def end_job(process):
        process.kill()
        process.wait()

    def ended(self, timeout=300):
        """Figures of the output after the job that start_job() began."""
        self.assertEqual(self.process.wait(timeout), 0, self.log())
        return self.figures()

    def wait_until(self, condition, seconds=120):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, "it did not come to that")
            time.sleep(0.05)
