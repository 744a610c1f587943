# SPDX-License-Identifier: Apache-2.0
"""Tables and targets as Markdown."""
import os
import pathlib
import platform
import re
import statistics

MIB = 1 << 20


def table(head, rows):
    lines = [f"| {' | '.join(head)} |", "|---|" + "---:|" * (len(head) - 1)]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def median(values):
    return statistics.median(values)


def range_of(values, form):
    return f"{median(values):{form}} ({min(values):{form}}–{max(values):{form}})"


def machine():
    model = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()}"


def write_between(path, name, text):
    """Puts text between the lines <!-- name --> and <!-- /name -->, or makes the file."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    old = path.read_text() if path.exists() else begin + end
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(old):
        raise SystemExit(f"{path} has no lines {begin.strip()} and {end.strip()}")
    path.write_text(pattern.sub(lambda _: begin + text + end, old))


class Targets:
    def __init__(self):
        self.rows = []

    def add(self, what, value, least=None, most=None, unit=""):
        """`value` None: there is no figure to tell it from."""
        wanted = f"≥ {least:g}{unit}" if least is not None else f"≤ {most:g}{unit}"
        if value is None:
            self.rows.append((what, wanted, "–", "not measured"))
            return
        reached = value >= least if least is not None else value <= most
        verdict = "reached" if reached else "not reached"
        self.rows.append((what, wanted, f"{value:.3g}{unit}", verdict))

    def text(self):
        return table(("target", "wanted", "measured", ""), self.rows)
