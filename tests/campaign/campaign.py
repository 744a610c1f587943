#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: campaign.py NEK [--kills N] [--kind KIND]... [--seed N] [--opensearch URL] [--report FILE.json]
Kills nek with SIGKILL at random moments, starts it again, and in the end counts what arrived: of files each
record exactly once, also of files that are followed while they are written, rotated, packed and removed, and while nek
is stopped by SIGSTOP now and then; of a FIFO whatever the spool held when nek was killed, exactly once.
  --kills N      of each kind (default 20)
  --kind KIND    only these: """

import argparse
import collections
import ctypes
import dataclasses
import gzip
import json
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from search_server import Server  # noqa: E402

SHORT = 12  # kills: as in CI
KILLS_A_ROUND = 20
ROWS = 250_000
PATIENCE = 3 if os.environ.get("NEK_SANITIZE") else 1
SETTINGS = ("{ workers: 2, chunk_bytes: 16KiB, linger: 5ms, snapshot_interval: 20ms, "
            "snapshot_bytes: 256KiB, max_record_bytes: 64KiB }")
COLUMNS = "columns: { n: text, check: text }"


def row(number):
    """A row that shows when a part of it is missing."""
    return f"{number:09},row {number:09}\n"


def number_of(n, check):
    """None: it is a part of a row."""
    if n is None or check is None or len(n) != 9 or check != f"row {n}":
        return None
    return int(n)


@dataclasses.dataclass
class Result:
    kind: str
    kills: int = 0
    rounds: int = 0
    records: int = 0
    lost: int = 0
    repeats: int = 0
    spooled: int = 0      # found in the spool after a kill
    in_the_pipe: int = 0  # written by a program, and not yet read by nek when it was killed
    cut: int = 0          # rows of which the kill left a part
    removed: int = 0      # files that were removed while they were followed
    rotations: int = 0
    raced: int = 0        # of these: a part of the last row was there before, and nek was stopped until all was done

    def is_good(self):
        # A kill tears a row of a FIFO of which a part was still in the pipe; no other.
        return not self.lost and not self.repeats and (not self.cut or self.kind.startswith("fifo"))


# ---- Where records go -----------------------------------------------------------------------------


class ToFile:
    def __init__(self, folder):
        self.path = folder / "out.ndjson"

    def yaml(self):
        return f"file: {{ path: {self.path}, fields: [n, check] }}"

    def count(self):
        return self.path.read_bytes().count(b"\n") if self.path.exists() else 0

    def rows(self):
        if not self.path.exists():
            return []
        with open(self.path, encoding="utf-8") as lines:
            records = [json.loads(line) for line in lines]
        return [(record.get("n"), record.get("check")) for record in records]


class ToOpenSearch:
    def __init__(self, url, index):
        self.server, self.index = Server(url), index

    def yaml(self):
        return f"es_bulk: {{ hosts: ['{self.server.url}'], index: {self.index} }}"

    def count(self):
        return self.server.count(self.index)

    def rows(self):
        rows = self.server.documents(self.index, "n", "check")
        self.server.remove(self.index)
        return rows


# ---- Where they come from -------------------------------------------------------------------------


class FromFile:
    """All rows are there from the beginning."""

    def __init__(self, folder, rng, packed):
        self.path = folder / ("in.csv.gz" if packed else "in.csv")
        with (gzip.open(self.path, "wt", compresslevel=1) if packed else open(self.path, "w")) as file:
            file.writelines(map(row, range(ROWS)))

    def yaml(self):
        return f"csv: {{ path: {self.path}, {COLUMNS} }}"

    def start(self):
        pass

    def runs(self, child):
        pass

    def killed(self, data_dir):
        pass

    def finish(self):
        """What has to arrive."""
        return set(range(ROWS))


def read_state(path):
    """Position of each source, by key: reads docs/state-format.md, checksums apart."""
    state = path.read_bytes()
    at, positions = 16, {}
    while at + 24 <= len(state):
        kind, _, size = struct.unpack_from("<IIQ", state, at)
        frame, at = state[at + 24:at + 24 + size], at + 24 + size
        if kind != 3:
            continue
        here = 4
        for _ in range(struct.unpack_from("<I", frame)[0]):
            texts = []
            for _ in range(3):
                length = struct.unpack_from("<I", frame, here)[0]
                texts.append(frame[here + 4:here + 4 + length])
                here += 4 + length
            positions[texts[1]] = struct.unpack_from("<Q", frame, here)[0]
            here += 33
            here += 4 + struct.unpack_from("<I", frame, here)[0]
    return positions


class Hash128(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


def identity_of(first_lines):
    """The key of a file that is followed, from its first two lines."""
    xxhash = ctypes.CDLL("libxxhash.so.0")
    xxhash.XXH3_128bits.restype = Hash128
    xxhash.XXH3_128bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    hash = xxhash.XXH3_128bits(first_lines, len(first_lines))
    return f"{hash.high:016x}{hash.low:016x}".encode()


class FromFollowed:
    """A program writes rows into a file, at times half a row first. The file is rotated as logrotate does it: others
    are renamed, one is packed (the third, or the next, or the new one at once), and what a snapshot holds whole is
    removed after that."""
    BYTES_OF_ROW = len(row(0))

    def __init__(self, folder, rng, copies, packed_from=4):
        self.folder, self.rng, self.copies, self.packed_from = folder, rng, copies, packed_from
        self.path = folder / "in.csv"
        self.written, self.since_rotation = 0, 0
        self.first_of = {}  # of each rotated file, by number: its first row and how many
        self.stopping = False
        self.removed, self.rotations, self.raced = 0, 0, 0
        self.nek = None  # the process, while there is one
        self.nek_lock = threading.Lock()

    def yaml(self):
        return f"csv: {{ path: '{self.path}*', follow: true, close_after: 1s, {COLUMNS} }}"

    def start(self):
        self.writer = threading.Thread(target=self.write)
        self.writer.start()

    def runs(self, child):
        with self.nek_lock:
            self.nek = child

    def write(self):
        file = open(self.path, "a", encoding="ascii")
        while not self.stopping:
            rows = "".join(map(row, range(self.written, self.written + self.rng.randrange(1, 300))))
            self.written += len(rows) // self.BYTES_OF_ROW
            self.since_rotation += len(rows) // self.BYTES_OF_ROW
            half = self.rng.randrange(len(rows)) if self.rng.random() < 0.3 else len(rows)
            file.write(rows[:half])
            file.flush()
            time.sleep(self.rng.random() * 0.004 * PATIENCE)
            rotates = self.since_rotation > 1000 and self.rng.random() < (0.3 if half < len(rows) else 0.02)
            # nek has read the half, and sees no more before all is done.
            stopped = rotates and half % self.BYTES_OF_ROW and self.stop_nek()
            file.write(rows[half:])
            file.flush()
            if rotates:
                self.rotate()
                if not self.copies:
                    file.close()
                    file = open(self.path, "a", encoding="ascii")
                if stopped:
                    self.more_follows(file)
                    self.raced += 1
            if stopped:
                self.go_on()
            if self.rng.random() < 0.05:
                self.remove_oldest()
        file.close()

    def more_follows(self, file):
        """So that the truncated file is not empty when nek looks again."""
        file.write(row(self.written) + row(self.written + 1))
        file.flush()
        self.written += 2
        self.since_rotation += 2

    def stop_nek(self):
        self.nek_lock.acquire()
        if self.nek is not None and self.nek.poll() is None:
            self.nek.send_signal(signal.SIGSTOP)
            return True
        self.nek_lock.release()
        return False

    def go_on(self):
        self.nek.send_signal(signal.SIGCONT)
        self.nek_lock.release()

    def rotate(self):
        for number in sorted(self.first_of, reverse=True):
            self.move(self.rotated(number), self.rotated(number + 1))
            self.first_of[number + 1] = self.first_of.pop(number)
        if self.copies:
            self.move(self.path, self.rotated(1), keep=True)
            os.truncate(self.path, 0)
        else:
            self.move(self.path, self.rotated(1))
        self.first_of[1] = self.written - self.since_rotation, self.since_rotation
        self.since_rotation = 0
        self.rotations += 1

    def rotated(self, number):
        return self.folder / f"in.csv.{number}{'.gz' if number >= self.packed_from else ''}"

    @staticmethod
    def move(path, to, keep=False):
        if to.suffix == ".gz" and path.suffix != ".gz":  # as gzip does it
            with open(path, "rb") as plain, gzip.open(to, "wb", compresslevel=1) as packed:
                packed.write(plain.read())
            if not keep:
                path.unlink()
        elif keep:
            shutil.copyfile(path, to)
        else:
            path.rename(to)

    def remove_oldest(self):
        """Where the last snapshot says that all of it was delivered."""
        oldest = max(self.first_of, default=0)
        if oldest < 3:
            return
        try:
            positions = read_state(self.folder / "state/state")
        except FileNotFoundError:
            return
        path = self.rotated(oldest)
        with (gzip.open(path) if path.suffix == ".gz" else open(path, "rb")) as file:
            identity = identity_of(file.read(2 * self.BYTES_OF_ROW))
        if positions.get(identity) == self.first_of[oldest][1] * self.BYTES_OF_ROW:
            path.unlink()
            del self.first_of[oldest]
            self.removed += 1

    def killed(self, data_dir):
        pass

    def finish(self):
        self.stopping = True
        self.writer.join()
        return set(range(self.written))


def whole_rows_in_spool(folder):
    """Numbers of the rows that are whole in a spool: reads docs/spool-format.md, checksums apart."""
    bytes_of = collections.defaultdict(dict)
    for path in sorted(folder.glob("*.spool")):
        segment = path.read_bytes()
        at = 24
        while len(segment) - at >= 24 and segment[at:at + 4] == b"NEKF":
            kind, head_size, body_size = struct.unpack_from("<III", segment, at + 4)
            head = segment[at + 24:at + 24 + head_size]
            body = segment[at + 24 + head_size:at + 24 + head_size + body_size]
            if len(head) < head_size or len(body) < body_size:
                break
            at += 24 + head_size + body_size
            if kind != 2:
                continue
            begin = 0
            for i in range(struct.unpack_from("<I", head)[0]):
                source, position, size = struct.unpack_from("<QQI", head, 4 + 20 * i)
                bytes_of[source][position] = body[begin:begin + size]
                begin += size
    numbers = set()
    for pieces in bytes_of.values():
        lines = b"".join(pieces[position] for position in sorted(pieces)).split(b"\n")[:-1]
        for line in lines:
            number = number_of(*(line.decode().split(",") + [None])[:2])
            if number is not None:
                numbers.add(number)
    return numbers


class FromFifo:
    """A program writes rows into the FIFO as long as somebody reads."""

    def __init__(self, folder, rng):
        self.path, self.rng = folder / "in.fifo", rng
        os.mkfifo(self.path)
        self.written, self.kept = 0, set()
        self.stopping = False

    def yaml(self):
        return (f"fifo: {{ path: {self.path}, until: \"${{UNTIL:-forever}}\", {COLUMNS}, "
                "spool: { max_bytes: 4MiB, fsync_interval: 50ms } }")

    def start(self):
        self.writer = threading.Thread(target=self.write)
        self.writer.start()

    def write(self):
        while not self.stopping:
            try:
                with open(self.path, "w") as fifo:  # waits for a reader
                    while not self.stopping:
                        many = self.rng.randrange(1, 2000)
                        rows = "".join(map(row, range(self.written, self.written + many)))
                        self.written += many  # what of these gets through is not known
                        fifo.write(rows)
                        fifo.flush()
                        time.sleep(self.rng.random() * 0.002)
            except BrokenPipeError:
                pass

    def runs(self, child):
        pass

    def killed(self, data_dir):
        self.kept |= whole_rows_in_spool(data_dir / "spool" / "fifo")

    def finish(self):
        self.stopping = True
        # Whoever waits for a reader gets one.
        reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        while self.writer.is_alive():
            time.sleep(0.01)
            try:
                os.read(reader, 1 << 20)
            except BlockingIOError:
                pass
        os.close(reader)
        return self.kept

    def last_writer(self):
        """Comes and goes, so that nek ends with it."""
        def open_and_close():
            with open(self.path, "w"):
                pass
        threading.Thread(target=open_and_close, daemon=True).start()


KINDS = {
    "csv": lambda folder, rng: FromFile(folder, rng, packed=False),
    "csv.gz": lambda folder, rng: FromFile(folder, rng, packed=True),
    "follow": lambda folder, rng: FromFollowed(folder, rng, copies=False),
    "follow copies": lambda folder, rng: FromFollowed(folder, rng, copies=True),
    "follow copies packed next": lambda folder, rng: FromFollowed(folder, rng, copies=True, packed_from=2),
    "follow copies packed at once": lambda folder, rng: FromFollowed(folder, rng, copies=True, packed_from=1),
    "fifo": FromFifo,
}


# ---- A round --------------------------------------------------------------------------------------


class Failure(Exception):
    pass


class Campaign:
    def __init__(self, nek, seed=1, opensearch=None):
        self.nek, self.rng, self.opensearch = nek, random.Random(seed), opensearch
        self.number = 0
        self.longest = 0.0  # until a kill, seconds; less where nek was through before

    def run(self, kind, kills):
        self.longest = 0.3 * PATIENCE
        result = Result(kind + (" to OpenSearch" if self.opensearch else ""))
        while result.kills < kills:
            with tempfile.TemporaryDirectory(prefix="nek-campaign-") as folder:
                self.round(pathlib.Path(folder), kind, min(KILLS_A_ROUND, kills - result.kills), result)
        return result

    def start(self, folder, **environment):
        log = open(folder / "log", "ab")
        return subprocess.Popen([self.nek, "run", folder / "job.yaml", "--data-dir", folder / "state"],
                                stderr=log, env=os.environ | environment)

    @staticmethod
    def kill(child, source, folder):
        """False: it was through before."""
        source.runs(None)  # it is not stopped any more
        child.send_signal(signal.SIGKILL)
        code = child.wait()
        if code not in (0, -signal.SIGKILL):
            raise Failure(f"exit code {code}: " + (folder / "log").read_text()[-2000:])
        if code != 0:
            source.killed(folder / "state")
        return code != 0

    def run_until_one_is_removed(self, source, folder):
        """Where no run before was long enough for that."""
        if source.removed:
            return
        child = self.start(folder)
        source.runs(child)
        deadline = time.monotonic() + 60 * PATIENCE
        while not source.removed and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        self.kill(child, source, folder)

    def round(self, folder, kind, kills, result):
        self.number += 1
        result.rounds += 1
        source = KINDS[kind](folder, self.rng)
        to = ToOpenSearch(self.opensearch, f"campaign-{self.number}") if self.opensearch else ToFile(folder)
        (folder / "job.yaml").write_text(
            f"settings: {SETTINGS}\ninputs:\n  - {source.yaml()}\noutputs:\n  - {to.yaml()}\n")
        source.start()
        try:
            for _ in range(kills):
                child = self.start(folder)
                source.runs(child)
                # A packed file is read when it was quiet for 2 s. Not in CI, which has no time.
                packed = isinstance(source, FromFollowed) and kills > SHORT and self.rng.random() < 0.05
                time.sleep(self.rng.random() * self.longest + (2.2 * PATIENCE if packed else 0))
                if not self.kill(child, source, folder):
                    self.longest *= 0.6
                    break
                result.kills += 1
            if isinstance(source, FromFollowed) and not self.opensearch:  # by which it would take long
                self.run_until_one_is_removed(source, folder)
        finally:
            expected = source.finish()
        child = self.start(folder, UNTIL="writer_closes")
        if hasattr(source, "last_writer"):
            source.last_writer()
        if isinstance(source, FromFollowed):  # it does not end by itself
            for _ in range(1200 * PATIENCE):
                if child.poll() is not None or to.count() >= len(expected):
                    break
                time.sleep(0.25)
            time.sleep(3)  # for what might come twice
            child.send_signal(signal.SIGTERM)
        if child.wait(300 * PATIENCE) != 0:
            raise Failure(f"{kind}: the last run: " + (folder / "log").read_text()[-2000:])
        self.judge(source, to.rows(), expected, result)

    @staticmethod
    def judge(source, rows, expected, result):
        got = collections.Counter(number_of(*columns) for columns in rows)
        result.cut += got.pop(None, 0)
        result.records += len(got)
        result.repeats += sum(got.values()) - len(got)
        result.lost += len(expected - got.keys())
        if isinstance(source, FromFollowed):
            result.removed += source.removed
            result.rotations += source.rotations
            result.raced += source.raced
        if isinstance(source, FromFifo):
            result.spooled += len(expected)
            result.in_the_pipe += source.written - len(got)


def main():
    parser = argparse.ArgumentParser(usage=__doc__[7:] + ", ".join(KINDS))
    parser.add_argument("nek", type=pathlib.Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--kind", action="append", choices=KINDS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--opensearch")
    parser.add_argument("--report", type=pathlib.Path)
    options = parser.parse_args()
    campaign = Campaign(options.nek.resolve(), options.seed, options.opensearch)
    results = []
    print("| input | kills | rounds | records | lost | repeated | in the spool when killed | in the pipe when killed | cut rows | files removed | rotations | with nek stopped |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for kind in options.kind or KINDS:
        result = campaign.run(kind, options.kills)
        results.append(result)
        print("| " + " | ".join(f"{value:,}" if isinstance(value, int) else value
                                for value in dataclasses.asdict(result).values()) + " |", flush=True)
    if options.report:
        options.report.write_text(json.dumps([*map(dataclasses.asdict, results)], indent=2) + "\n")
    return 0 if all(result.is_good() for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
