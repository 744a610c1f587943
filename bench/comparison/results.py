# SPDX-License-Identifier: Apache-2.0
"""What was measured, as tables, and whether it reaches what nek promises."""
import json
import subprocess

from .contestants import FILES, FORGET, INPUTS, PIPELINES
from .report import MIB, Targets, machine, median, range_of, table

NO_COUNTRIES = ("duckdb", "polars", "chdb")
PEERS = ("syslog-ng", "syslog-ng-2", "rsyslog", "benthos", "fluent-bit")
STARTING = {"first": "first record, no country database",
            "first-country": "first record, with a country database",
            "check": "nek check, no country database",
            "check-country": "nek check of the main job, with one"}


class Runs:
    """One contestant's costs, a round each."""

    def __init__(self, contestant):
        self.contestant = contestant
        self.costs = []

    def speeds(self):
        return [self.contestant.input.rows / cost.seconds for cost in self.costs]

    def cpu_per_million(self):
        return median([cost.cpu for cost in self.costs]) / self.contestant.input.rows * 1e6

    def memory(self):
        return max(cost.memory for cost in self.costs)

    def megabytes_a_second(self):
        return median([self.contestant.input.bytes / cost.seconds / 1e6 for cost in self.costs])


class Results:
    def __init__(self):
        self.runs = {}      # by key
        self.wrong = {}     # key: what is wrong
        self.starting = {}  # name: seconds
        self.boundary = None

    def add(self, contestant, cost):
        self.runs.setdefault(contestant.key, Runs(contestant)).costs.append(cost)

    def measure_boundary(self, program):
        """Time of stages behind the plugin boundary, over that of the same ones in one program."""
        if not program.exists():
            return
        done = subprocess.run([program, "--benchmark_format=json", "--benchmark_repetitions=25",
                               "--benchmark_min_time=0.05",
                               "--benchmark_enable_random_interleaving=true"],
                              capture_output=True, text=True, check=True)
        # The least, because what disturbs a run only ever adds to it.
        least = {}
        for run in json.loads(done.stdout)["benchmarks"]:
            if run["run_type"] == "iteration":
                name = run["run_name"].split("/")[0]
                least[name] = min(run["cpu_time"], least.get(name, run["cpu_time"]))
        self.boundary = least["plugins"] / least["fused"]

    def ratios(self, key, to):
        """Of speeds, in each round."""
        if key not in self.runs or to not in self.runs:
            return []
        return [a / b for a, b in zip(self.runs[key].speeds(), self.runs[to].speeds())]

    def ratio(self, key, to):
        ratios = self.ratios(key, to)
        return median(ratios) if ratios else None

    def per_cpu(self, key, to):
        """How many times the rows for a second of CPU."""
        if key not in self.runs or to not in self.runs:
            return None
        return self.runs[to].cpu_per_million() / self.runs[key].cpu_per_million()

    def of_table(self, name):
        found = [run for run in self.runs.values() if run.contestant.table == name]
        return sorted(found, key=lambda run: -median(run.speeds()))

    def contest_table(self, name, to, head):
        rows = [(run.contestant.name, str(run.contestant.cores), f"{median(run.speeds()):,.0f}",
                 range_of(self.ratios(run.contestant.key, to), ".2f") if to in self.runs else "",
                 f"{run.cpu_per_million():.3f}", f"{run.memory() / MIB:.0f}")
                for run in self.of_table(name)]
        return table([head, "cores", "rows/s", "times the reference", "CPU s / 1 M rows",
                      "peak MiB"], rows)

    def bytes_table(self, head, runs):
        rows = [(run.contestant.name, f"{median(run.speeds()):,.0f}",
                 f"{run.megabytes_a_second():,.0f}", f"{run.cpu_per_million():.3f}",
                 f"{run.memory() / MIB:.0f}") for run in runs]
        return table([head, "rows/s", "MB/s read", "CPU s / 1 M rows", "peak MiB"], rows)

    def inputs(self):
        plain = [self.runs[key] for key in ("nek1", "nek2") if key in self.runs]
        return plain + self.of_table(INPUTS)

    def starting_table(self):
        rows = [(STARTING[name], range_of([1000 * one for one in seconds], ".0f"))
                for name, seconds in self.starting.items()]
        return table(["start", "ms"], rows)

    def targets(self):
        targets = Targets()
        targets.add("1 worker on 1 core, files in memory: times the reference",
                    self.ratio("nek1", "reference"), least=2.2)
        targets.add("1 worker on 1 core, encoded and forgotten: times the reference to /dev/null",
                    self.ratio("nek1-forget", "reference-null"), least=3)
        peers = [self.per_cpu("nek1", peer) for peer in PEERS if peer in self.runs]
        targets.add("rows for a CPU second: times the best peer",
                    min(peers) if peers and "nek1" in self.runs else None, least=20)
        targets.add("2 workers on 2 cores: times the reference on one",
                    self.ratio("nek2", "reference"), least=3.5)
        for peer in NO_COUNTRIES:
            targets.add(f"2 workers: times {peer}, which leaves countries out",
                        self.ratio("nek2", peer), least=3)
        more = self.per_cpu("nek1", "nek2")
        targets.add("2 workers: CPU for a row, more than with 1",
                    None if more is None else (more - 1) * 100, most=10, unit=" %")
        mine = [run.memory() / MIB for key, run in self.runs.items()
                if run.contestant.environment.get("OUT")]
        targets.add("peak memory, largest of all runs of nek", max(mine, default=None), most=96,
                    unit=" MiB")
        targets.add("plugin boundary: cost over the same stages in one program",
                    None if self.boundary is None else (self.boundary - 1) * 100, most=5, unit=" %")
        limits = {"first": 50, "first-country": 150, "check": 50, "check-country": 50}
        for name, most in limits.items():
            targets.add(STARTING[name], 1000 * median(self.starting[name]), most=most, unit=" ms")
        return targets.text()

    def text(self):
        whole = max((run.contestant.input.rows for run in self.runs.values()), default=0)
        rounds = max((len(run.costs) for run in self.runs.values()), default=0)
        parts = [
            f"{machine()}. {whole:,} rows, {rounds} rounds; medians, in brackets the least and the "
            "most. Slow peers read a tenth of the rows.\n",
            self.contest_table(FILES, "reference", "to files in memory"),
            self.contest_table(FORGET, "reference-null", "encoded and forgotten"),
            self.bytes_table("main job from other inputs", self.inputs()),
            self.bytes_table("other pipelines, 1 worker", self.of_table(PIPELINES)),
            self.starting_table(),
            self.targets(),
        ]
        if self.wrong:
            parts.append("No result: " + ", ".join(sorted(self.wrong)) + ".\n")
        return "\n" + "\n".join(parts) + "\n"
