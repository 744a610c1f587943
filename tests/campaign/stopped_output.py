#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: stopped_output.py NEK [--minutes M] [--rate ROWS] [--rounds N]
An output that takes nothing, while input goes on:
  1. for M minutes (default 3) rows come by a FIFO, ROWS a second (default 20,000), and the only output is
     stopped; then it goes on. Counts what arrives, and measures nek's memory meanwhile.
  2. beside an output that is stopped, with when_full: drop_newest, another one writes a file: how fast,
     compared with a pipeline that has that one alone; N rounds of each in turns (default 5)."""

import argparse
import dataclasses
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from process import peak_memory  # noqa: E402

SETTINGS = "{ memory: 64MiB, snapshot_interval: 100ms, shutdown_timeout: 1s }"
COLUMNS = "columns: { n: int64, text: text }"


def row(number):
    return f"{number},row {number:060}\n"


def write_rows(path, rows, rate):
    """Into a FIFO, in bursts of a tenth of a second."""
    with open(path, "w") as fifo:
        burst = max(rate // 10, 1)
        begun = time.monotonic()
        for first in range(0, rows, burst):
            fifo.writelines(map(row, range(first, min(first + burst, rows))))
            fifo.flush()
            time.sleep(max(0, begun + (first + burst) / rate - time.monotonic()))


@dataclasses.dataclass
class Stopped:
    rows: int
    seconds: float        # while the output took nothing
    arrived: int          # rows, each the one that was expected
    spool_bytes: int      # when the output went on
    peak_memory: int      # until then
    exit_code: int


def stop_the_only_output(nek, folder, seconds, rate):
    """The output is a pipe that nobody reads for so long."""
    fifo, state = folder / "in.fifo", folder / "state"
    os.mkfifo(fifo)
    rows = int(seconds * rate)
    (folder / "job.yaml").write_text(
        f"settings: {SETTINGS}\ninputs:\n  - fifo: {{ path: {fifo}, {COLUMNS}, spool: {{ max_bytes: 16GiB }} }}\n"
        "outputs:\n  - stdout: { fields: [n], buffer: { max_bytes: 1MiB } }\n")
    with open(folder / "log", "wb") as log:
        child = subprocess.Popen([nek, "run", folder / "job.yaml", "--data-dir", state],
                                 stdout=subprocess.PIPE, stderr=log)
    begun = time.monotonic()
    writer = threading.Thread(target=write_rows, args=(fifo, rows, rate), daemon=True)
    writer.start()
    while writer.is_alive():  # it does not wait for the output
        writer.join(0.1)
        if child.poll() is not None:
            raise RuntimeError((folder / "log").read_text())
    took = time.monotonic() - begun
    held = sum(path.stat().st_size for path in (state / "spool/fifo").glob("*.spool"))
    peak = peak_memory(child.pid)
    arrived = 0
    with child.stdout:
        for line in child.stdout:
            arrived += json.loads(line)["n"] == arrived
    return Stopped(rows, took, arrived, held, peak, child.wait())


@dataclasses.dataclass
class Dropped:
    rows: int
    seconds: float   # until the file had them all
    in_file: int
    report: dict     # of the output that is stopped; {}: there is none
    summary: str


def beside_a_stopped_output(nek, folder, rows, stopped):
    """stopped: whether there is one."""
    out, report = folder / "out.ndjson", folder / "report.json"
    flows = f"generate: {{ rows: {rows} }}"
    outputs = f"  - file: {{ id: kept, path: {out} }}\n"
    if stopped:
        outputs += "  - stdout: { id: stuck, buffer: { max_bytes: 1MiB, when_full: drop_newest } }\n"
    (folder / "job.yaml").write_text(f"settings: {SETTINGS}\ninputs:\n  - {flows}\noutputs:\n{outputs}")
    begun = time.monotonic()
    with open(folder / "log", "wb") as log:
        child = subprocess.Popen([nek, "run", folder / "job.yaml", "--data-dir", folder / "state", "--report", report],
                                 stdout=subprocess.PIPE, stderr=log)
    lines, read_to, deadline = 0, 0, begun + 200
    while lines < rows:
        if child.poll() not in (None, 0) or time.monotonic() > deadline:
            child.kill()
            raise RuntimeError((folder / "log").read_text())
        if out.exists():
            with open(out, "rb") as file:
                file.seek(read_to)
                new = file.read()
                lines += new.count(b"\n")
                read_to += len(new)
        time.sleep(0.005)
    took = time.monotonic() - begun
    child.send_signal(signal.SIGTERM)  # what the stuck one holds cannot be delivered
    child.wait()
    child.stdout.close()
    outputs = {o["component"]: o for o in json.loads(report.read_text())["outputs"]}
    return Dropped(rows, took, lines, outputs.get("stuck", {}), (folder / "log").read_text())


def main():
    parser = argparse.ArgumentParser(usage=__doc__[7:])
    parser.add_argument("nek", type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    nek = options.nek.resolve()
    with tempfile.TemporaryDirectory(prefix="nek-stopped-") as folder:
        result = stop_the_only_output(nek, pathlib.Path(folder), options.minutes * 60, options.rate)
    print(f"stopped for {result.seconds:.0f} s: {result.rows:,} rows written, {result.arrived:,} arrived; "
          f"{result.spool_bytes / 1e6:.0f} MB in the spool, peak memory {result.peak_memory / 1e6:.0f} MB")
    seconds = {False: [], True: []}
    for _ in range(options.rounds):
        for stopped in seconds:
            with tempfile.TemporaryDirectory(prefix="nek-stopped-") as folder:
                done = beside_a_stopped_output(nek, pathlib.Path(folder), 2_000_000, stopped)
            seconds[stopped].append(done.seconds)
    alone, beside = (statistics.median(seconds[stopped]) for stopped in (False, True))
    print(f"beside an output that drops: {done.in_file:,} of {done.rows:,} records in the file, "
          f"{done.report['dropped']:,} dropped; {2_000_000 / beside:,.0f}/s, alone {2_000_000 / alone:,.0f}/s "
          f"({100 * alone / beside:.0f} %)")
    return 0 if result.arrived == result.rows and result.exit_code == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
