# SPDX-License-Identifier: Apache-2.0
"""kill -9 and signals at random moments: files and dead letters hold each record exactly once, in order."""

import random
import shutil
import signal
import subprocess
import time
import unittest

from e2e import NekTest

SETTINGS = ("{ workers: 2, chunk_bytes: 16KiB, linger: 5ms, snapshot_interval: 20ms, "
            "snapshot_bytes: 64KiB }")
FILES = "all.ndjson", "syn.ndjson"
CSV = "\n  - csv: { path: flows.csv, format: nfdump }"


class Crash(NekTest):
    def write_flows(self, rows, bad_every):
        """Flows that generate made, of which some are spoilt."""
        (self.folder / "job.yaml").write_text(
            f"inputs: [generate: {{ rows: {rows}, seed: 5, codec: csv, columns: {{ line: text }}, "
            "delimiter: ';' }]\noutputs: [file: { path: flows.ndjson }]\n")
        self.must_run(state="made")
        lines = [record["line"] for record in self.records("flows.ndjson")]
        for at in range(bad_every, rows, bad_every):
            lines[at] = f"not a flow {at}"
        (self.folder / "flows.csv").write_text("".join(line + "\n" for line in lines))

    def outcome(self, state):
        files = [(self.folder / name).read_bytes() for name in FILES]
        letters = self.folder / state / "dead-letters.ndjson"
        if not letters.exists():
            return files + [[]]
        return files + [[(letter["line"], letter["raw"])
                         for letter in self.records(letters.relative_to(self.folder))]]

    def undisturbed(self, inputs):
        """What comes out of a run that nothing disturbs, and how long it takes."""
        self.main_job(inputs, SETTINGS)
        began = time.monotonic()
        self.must_run(state="calm")
        seconds = time.monotonic() - began
        expected = self.outcome("calm")
        self.clear("calm")
        return expected, seconds

    def clear(self, state):
        shutil.rmtree(self.folder / state)
        for name in FILES:
            (self.folder / name).unlink()

    def disturb(self, inputs, number, seed, least):
        """Runs that get the signal sooner or later, until one is through."""
        expected, seconds = self.undisturbed(inputs)
        rng = random.Random(seed)
        hits, share = 0, 0.15
        for _ in range(200):
            child = self.start_nek()
            # At first hardly ever to the end; then it may.
            longest = seconds * (share if hits < least else 2)
            try:
                code = child.wait(rng.uniform(0, longest))
            except subprocess.TimeoutExpired:
                child.send_signal(number)
                code = child.wait(60)
                hits += 1
            else:
                self.assertEqual(code, 0, self.log())
                if hits >= least:
                    break
                # It was faster than the first run: from the beginning, with less time.
                self.clear("state")
                hits, share = 0, share / 2
            self.assertIn(code, (0, -number), self.log())
        else:
            self.fail("it never came to its end")
        self.assertGreaterEqual(hits, least)
        for name, is_of, should_be in zip(FILES + ("dead letters",), self.outcome("state"), expected):
            self.assertTrue(is_of == should_be, f"{name}: {len(is_of)}, not {len(should_be)}")
        self.assertTrue(all(expected[:2]))
        return expected

    def test_a_csv_file_survives_kills_with_each_record_and_dead_letter_once(self):
        for seed in 1, 2, 3:
            with self.subTest(seed):
                self.setUp()
                self.write_flows(rows=300_000, bad_every=100)
                expected = self.disturb(CSV, signal.SIGKILL, seed, least=8)
                self.assertEqual(len(expected[2]), 2999)

    def test_generated_flows_survive_kills_with_each_record_once(self):
        for seed in 4, 5:
            with self.subTest(seed):
                self.setUp()
                self.disturb("\n  - generate: { rows: 60000, rate: 20000 }", signal.SIGKILL, seed, least=8)

    def test_a_drained_pipeline_goes_on_where_it_was_told_to_stop(self):
        self.disturb("\n  - generate: { rows: 60000, rate: 20000 }", signal.SIGTERM, 6, least=5)

    def test_two_interrupts_end_it_at_once_with_code_130_and_the_next_run_completes_it(self):
        expected, _ = self.undisturbed("\n  - generate: { rows: 60000, rate: 20000 }")
        child = self.start_nek()
        out = self.folder / FILES[0]
        self.wait_until(lambda: out.exists() and out.stat().st_size > 0, child)
        child.send_signal(signal.SIGSTOP)  # so that it sees both together
        child.send_signal(signal.SIGINT)
        child.send_signal(signal.SIGTERM)
        child.send_signal(signal.SIGCONT)
        self.assertEqual(child.wait(60), 130)
        self.must_run()
        self.assertTrue(self.outcome("state") == expected)


if __name__ == "__main__":
    unittest.main()
