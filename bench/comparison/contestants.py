# SPDX-License-Identifier: Apache-2.0
"""Who takes part: nek with several inputs, the reference, and the peers that are installed."""
import dataclasses
import json
import pathlib
import shutil
import subprocess

from . import records
from .measure import Failed, on_one_core

BENCH = pathlib.Path(__file__).resolve().parent.parent
ROOT = BENCH.parent
PEERS = ROOT / "build/peers"
DATABASE = ROOT / "tests/data/geoip/iptoasn-country.mmdb"

FILES = "To files in memory"
FORGET = "Encoded and forgotten"
INPUTS = "The same rows as other inputs"
PIPELINES = "Other pipelines"


@dataclasses.dataclass(frozen=True)
class Input:
    path: str
    rows: int
    bytes: int  # as they are parsed: unpacked


@dataclasses.dataclass
class Contestant:
    key: str
    name: str
    table: str
    command: list
    input: Input
    checks: list
    cores: int = 2
    environment: dict = dataclasses.field(default_factory=dict)


class SameRecords:
    """Each record is compared, unless the lines are those of a file that was right."""

    def __init__(self, path, wanted, form=records.as_is):
        self.path, self.wanted, self.form = path, wanted, form

    def __call__(self):
        lines = self.form, records.lines_of(self.path)
        if lines not in self.wanted.right_files:
            records.compare(self.path, self.form, self.wanted)
            self.wanted.right_files.add(lines)


class SameBytes:
    def __init__(self, path, wanted):
        self.command = ["cmp", path, wanted]

    def __call__(self):
        done = subprocess.run(self.command, capture_output=True, text=True)
        if done.returncode:
            raise Failed(done.stdout + done.stderr)


class LedgerSays:
    """What nek itself counted."""

    def __init__(self, report, delivered):
        self.report, self.delivered = report, delivered

    def __call__(self):
        report = json.loads(self.report.read_text())
        delivered = {output["component"]: output["delivered"] for output in report["outputs"]}
        if delivered != self.delivered or report["ledger_faults"]:
            raise Failed(f"delivered {delivered}, not {self.delivered}; {report['ledger_faults']}")


class Field:
    """All contestants; `inputs` and `wanted` are those of Preparation."""

    def __init__(self, nek, work, inputs, wanted):
        self.nek, self.work, self.inputs, self.wanted = nek, work, inputs, wanted
        self.out = work / "out"

    def all(self):
        yield from self.references()
        yield from self.main_job()
        yield from self.other_inputs()
        yield from self.other_pipelines()
        yield from self.peers()

    def nek_command(self, pipeline, workers):
        command = [self.nek, "run", BENCH / "pipelines" / f"{pipeline}.yaml", "--quiet",
                   "--log-level", "error", "--workers", str(workers),
                   "--data-dir", self.work / "state", "--report", self.work / "report.json"]
        return on_one_core(command) if workers == 1 else command

    def nek_run(self, key, name, table, pipeline, workers, data, checks):
        environment = {"FLOWS": data.path, "INPUT": data.path, "OUT": str(self.out),
                       "COUNTRIES": str(DATABASE)}
        return Contestant(key, name, table, self.nek_command(pipeline, workers), data, checks,
                          workers, environment)

    def ledger(self, share):
        wanted = self.wanted[share]
        return LedgerSays(self.work / "report.json",
                          {"flows": wanted["whole"].rows, "syn": wanted["syn"].rows})

    def both_files(self, share):
        return [self.ledger(share),
                SameRecords(self.out / "flows.ndjson", self.wanted[share]["whole"]),
                SameRecords(self.out / "syn.ndjson", self.wanted[share]["syn"])]

    def references(self):
        flows = self.inputs["whole"]
        for key, table, target in (("reference", FILES, self.out / "flows.ndjson"),
                                   ("reference-null", FORGET, pathlib.Path("/dev/null"))):
            checks = [SameRecords(target, self.wanted["whole"]["whole"])] if table == FILES else []
            command = on_one_core([self.work / "reference", flows.path, DATABASE, target])
            yield Contestant(key, "reference program", table, command, flows, checks, cores=1)

    def main_job(self):
        flows = self.inputs["whole"]
        for workers, name in ((1, "nek, 1 worker"), (2, "nek, 2 workers")):
            yield self.nek_run(f"nek{workers}", name, FILES, "flows", workers, flows,
                               self.both_files("whole"))
            yield self.nek_run(f"nek{workers}-forget", name, FORGET, "forget", workers, flows,
                               [self.ledger("whole")])

    def other_inputs(self):
        for share, name in (("gzip", "one file, gzip"), ("files", "1000 files")):
            for workers, plural in ((1, ""), (2, "s")):
                yield self.nek_run(f"nek{workers}-{share}", f"{name}, {workers} worker{plural}",
                                   INPUTS, "flows", workers, self.inputs[share],
                                   self.both_files("whole"))

    def other_pipelines(self):
        yield self.nek_run("nek1-part", "the main job, as many rows", PIPELINES, "flows", 1,
                           self.inputs["part"], self.both_files("part"))
        for pipeline, name, target in (("web", "JSON to JSON", "requests.ndjson"),
                                       ("connections", "CSV to CSV", "connections.csv")):
            checks = [SameBytes(self.out / target, self.work / f"{pipeline}.wanted")]
            yield self.nek_run(pipeline, name, PIPELINES, pipeline, 1, self.inputs[pipeline],
                               checks)

    def peer(self, key, name, command, share, form=records.as_is, wanted="whole", cores=2):
        target = self.out / "records.ndjson"
        checks = [SameRecords(target, self.wanted[share][wanted], form)]
        return Contestant(key, name, FILES, [*command, self.inputs[share].path, target],
                          self.inputs[share], checks, cores,
                          {"PEERS": str(PEERS), "COUNTRIES": str(DATABASE)})

    def peers(self):
        """Slow ones get a part of the rows."""
        scripts = BENCH / "peers"
        python = [peer_python() or "", "-B"]
        if peer_python():
            script = on_one_core([*python, scripts / "python_job.py"])
            yield self.peer("python", "Python script", script, "part", cores=1)
        if (PEERS / "debian").is_dir():
            syslog_ng = scripts / "syslog-ng/run"
            yield self.peer("syslog-ng", "syslog-ng", [syslog_ng, "json", "1"], "part")
            yield self.peer("syslog-ng-2", "syslog-ng, 2 processes, nothing escaped",
                            [syslog_ng, "template", "2"], "part")
            yield self.peer("rsyslog", "rsyslog, no IPv6 countries", [scripts / "rsyslog/run"],
                            "part", records.without_ipv6_countries, "no IPv6 countries")
        if (PEERS / "benthos").exists():
            yield self.peer("benthos", "Benthos", [scripts / "benthos/run"], "part")
        if shutil.which("fluent-bit"):
            yield self.peer("fluent-bit", "Fluent Bit", [scripts / "fluent-bit/run"], "part",
                            records.with_empty_countries)
        for key, name in (("duckdb", "DuckDB"), ("polars", "Polars"), ("chdb", "chDB")):
            if peer_has(key):
                yield self.peer(key, f"{name}, no countries", [*python, scripts / f"{key}_job.py"],
                                "whole", wanted="no countries")


def peer_python():
    """One that has maxminddb: that of bench/install-peers, or of scripts/setup --tests."""
    for python in (PEERS / "venv/bin/python", ROOT / "build/venv/bin/python"):
        if python.exists():
            return python
    return None


def peer_has(module):
    return any((PEERS / "venv").glob(f"lib/python3*/site-packages/{module}"))
