# SPDX-License-Identifier: Apache-2.0
"""Runs programs and says what they cost."""
import contextlib
import dataclasses
import os
import signal
import subprocess
import threading
import time

LONGEST = 3600  # seconds


class Failed(Exception):
    """A program that did not do its job."""


@dataclasses.dataclass(frozen=True)
class Cost:
    seconds: float
    cpu: float   # seconds, of all its processes
    memory: int  # bytes at the peak; of several processes: of the largest


def on_one_core(command):
    return ["taskset", "-c", "0", *command]


@contextlib.contextmanager
def killed_when_late(child):
    timer = threading.Timer(LONGEST, os.killpg, (child.pid, signal.SIGKILL))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def run(command, environment, log):
    """A child's peak memory is never below that of this process, so keep this one small."""
    with open(log, "wb") as messages:
        began = time.monotonic()
        child = subprocess.Popen(command, env={**os.environ, **environment}, stdout=messages,
                                 stderr=messages, start_new_session=True)
        with killed_when_late(child):
            _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        end = log.read_text(errors="replace")[-2000:]
        raise Failed(f"{command[0]}: exit code {child.returncode}\n{end}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def seconds_to_first_byte(command, environment):
    """From the start of the program to the first byte on its standard output."""
    began = time.monotonic()
    with subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as child:
        first = child.stdout.read(1)
        seconds = time.monotonic() - began
        child.stdout.read()
    if not first or child.returncode:
        raise Failed(f"{command[0]}: exit code {child.returncode}, {len(first)} bytes")
    return seconds
