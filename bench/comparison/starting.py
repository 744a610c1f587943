# SPDX-License-Identifier: Apache-2.0
"""How long nek takes to check a pipeline, and until the first record is out."""
import os
import shutil

from .contestants import BENCH
from .measure import run, seconds_to_first_byte


def measure(nek, work, database):
    """Seconds by name."""
    one = work / "one.csv"
    with open(work / "flows.csv", "rb") as flows:
        one.write_bytes(flows.readline())
    environment = {"FLOWS": str(one), "OUT": str(work / "out"), "COUNTRIES": os.fspath(database)}

    def first(pipeline):
        shutil.rmtree(work / "state", ignore_errors=True)
        return seconds_to_first_byte(
            [nek, "run", BENCH / f"pipelines/{pipeline}.yaml", "--quiet", "--log-level", "error",
             "--data-dir", work / "state"], environment)

    def check(pipeline):
        return run([nek, "check", BENCH / f"pipelines/{pipeline}.yaml"], environment,
                   work / "log").seconds

    return {"first": first("first"), "first-country": first("first-country"),
            "check": check("first"), "check-country": check("flows")}
