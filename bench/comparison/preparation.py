# SPDX-License-Identifier: Apache-2.0
"""Makes the inputs, and the records that must come out of them."""
import os
import shutil
import subprocess
import sys

from . import records
from .contestants import BENCH, DATABASE, Input, peer_python

FILES = 1000


class Preparation:
    """`work`: a folder in memory. `part`: rows of what slow contestants read."""

    def __init__(self, work, rows, part):
        self.work, self.rows, self.part = work, rows, part

    def compile(self, program, *flags):
        subprocess.run([os.environ.get("CXX", "c++"), "-std=c++20", BENCH / f"{program}.cpp", "-o",
                        self.work / program, *flags], check=True)
        return self.work / program

    def reference(self):
        return self.compile("reference", "-O3", "-march=native", "-lmaxminddb")

    def flows(self):
        path, program = self.work / "flows.csv", self.compile("gen_flows", "-O2")
        with open(path, "wb") as flows:
            subprocess.run([program, str(self.rows)], stdout=flows, check=True)
        return path

    def source_of(self, pipeline):
        if pipeline in ("flows", "forget"):
            return self.flows()
        return self.pipeline_input(pipeline).path

    def inputs(self):
        whole, part = self.flows(), self.work / "part.csv"
        with open(part, "wb") as flows:
            subprocess.run(["head", "-n", str(self.part), whole], stdout=flows, check=True)
        subprocess.run(["gzip", "--keep", whole], check=True)
        files = self.work / "files"
        files.mkdir()
        subprocess.run(["split", "-n", f"l/{FILES}", "-a", "4", "--additional-suffix=.csv", whole,
                        files / "flows-"], check=True)
        size = whole.stat().st_size
        return {"whole": Input(str(whole), self.rows, size),
                "part": Input(str(part), self.part, part.stat().st_size),
                "gzip": Input(f"{whole}.gz", self.rows, size),
                "files": Input(f"{files}/*.csv", self.rows, size),
                "web": self.pipeline_input("web"),
                "connections": self.pipeline_input("connections")}

    def pipeline_input(self, name):
        """Also what must come out: work/NAME.wanted."""
        path, wanted = self.work / f"{name}.input", self.work / f"{name}.wanted"
        self.python(BENCH / "pipelines/make.py", name, self.part, path, wanted)
        return Input(str(path), self.part, path.stat().st_size)

    def wanted(self, flows):
        """Totals of what the Python script makes of all flows and of a part of them."""
        path = self.work / "python.ndjson"
        self.python(BENCH / "peers/python_job.py", flows, path)
        forms = {"whole": records.as_is, "no countries": records.without_countries,
                 "no IPv6 countries": records.without_ipv6_countries}
        totals = {name: records.Totals() for name in (*forms, "syn")}
        totals["no countries"].fields = tuple(
            field for field in records.FIELDS if field not in records.COUNTRIES)
        wanted = {}
        for number, record in enumerate(records.records_of(path), 1):
            for name, form in forms.items():
                totals[name].add(form(record))
            if records.is_syn(record):
                totals["syn"].add(record)
            if number == self.part:
                wanted["part"] = {name: total.copy() for name, total in totals.items()}
        path.unlink()
        wanted["whole"] = totals
        return wanted

    def python(self, script, *arguments):
        python = peer_python()
        if not python:
            sys.exit("no Python with maxminddb: run scripts/setup --tests, or bench/install-peers")
        subprocess.run([python, "-B", script, *map(str, arguments)], check=True,
                       env={**os.environ, "COUNTRIES": str(DATABASE)})

    def empty_output(self):
        for folder in "out", "state":
            shutil.rmtree(self.work / folder, ignore_errors=True)
        (self.work / "out").mkdir()
