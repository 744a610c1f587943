# SPDX-License-Identifier: Apache-2.0
"""nek run --metrics: the figures of a pipeline while it runs, as Prometheus reads them."""

import subprocess
import unittest

from prometheus_client.parser import text_string_to_metric_families

from e2e import NekTest

PIPELINE = """
inputs:
  - stdin: { codec: json, columns: {n: uint64} }
outputs:
  - file: { id: out, path: out.ndjson }
"""


class Metrics(NekTest):
    def start(self):
        (self.folder / "job.yaml").write_text(PIPELINE)
        with open(self.folder / "log", "wb") as log:
            return subprocess.Popen(self.command() + ["--metrics", "nek.prom"], cwd=self.folder, stdin=subprocess.PIPE,
                                    stderr=log)

    def samples(self):
        """By name and labels but for the pipeline's; as Prometheus's own client reads them."""
        found = {}
        for family in text_string_to_metric_families((self.folder / "nek.prom").read_text()):
            for sample in family.samples:
                labels = dict(sample.labels)
                self.assertEqual(labels.pop("pipeline"), "job")
                found[sample.name, *sorted(labels.values())] = sample.value
        return found

    def test_figures_of_a_pipeline_that_does_not_end_can_be_read_while_it_runs(self):
        child = self.start()
        child.stdin.write(b'{"n":1}\n{"n":"x"}\n{"n":3}\n')
        child.stdin.flush()
        def has_come():
            path = self.folder / "nek.prom"
            return path.exists() and self.samples().get(("nek_stream_records_total", "created", "out", "stdin")) == 3
        self.wait_until(has_come, child)
        child.stdin.close()
        self.assertEqual(child.wait(60), 0, self.log())
        last = self.samples()
        self.assertEqual(last["nek_stream_records_total", "dead_letters", "out", "stdin"], 1)
        self.assertEqual(last["nek_output_records_total", "delivered", "out"], 2)
        self.assertEqual(last["nek_output_records_in_flight", "out"], 0)
        self.assertEqual(last[("nek_dead_letters_total",)], 1)
        self.assertEqual(last[("nek_read_bytes_total",)], 26)

    def test_a_file_that_cannot_be_written_is_a_warning_and_the_pipeline_goes_on(self):
        (self.folder / "nek.prom").mkdir()
        child = self.start()
        child.stdin.write(b'{"n":1}\n')
        child.stdin.close()
        self.assertEqual(child.wait(60), 0, self.log())
        self.assertIn("cannot write the metrics nek.prom: Is a directory", self.log())
        self.assertEqual(self.records("out.ndjson"), [{"n": 1}])


if __name__ == "__main__":
    unittest.main()
