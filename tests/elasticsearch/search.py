# SPDX-License-Identifier: Apache-2.0
"""What tests against real search servers share: jobs that write to them, nek's ledger."""

import json
import os
import pathlib
import subprocess
import sys

SOURCE = pathlib.Path(os.environ["NEK_SOURCE_DIR"])
sys.path[:0] = [str(SOURCE / "tests/e2e"), str(SOURCE / "tests/support")]
from e2e import COUNTRIES, NEK, NekTest  # noqa: E402, F401
from process import peak_memory  # noqa: E402, F401
from search_server import Node, shared  # noqa: E402, F401

# The record of the first users, times as the server stores them.
RECORD = "[ts, sa, sp, sc, da, dp, dc, byte, pkt, out, pr, flg]"


class SearchTest(NekTest):
    def rows(self, count, begin=0, text="x"):
        """A file of numbered rows, a millisecond apart."""
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
