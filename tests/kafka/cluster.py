#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: tests/kafka/cluster.py [--rows N] [--rate N] [--seconds S] [--seed N] [--search opensearch|none]
csv -> Kafka (8 partitions) -> nek processes of one group -> OpenSearch, while everything that may end
or die does: the sender by kill -9, readers by kill -9 and SIGTERM, others join, the broker is stopped
and killed, OpenSearch is stopped for a while: then all records before the committed offsets must be in it. In the
end each record must be in OpenSearch once, and nowhere twice, whatever was sent twice.
  --rate N        so many rows a second are there for the sender, so that it too sends the whole time;
                  0: all at once
  --search none   into files instead, in which a record that was read twice stands twice: there must be
                  none missing
NEK_BIN and NEK_SOURCE_DIR as in tests; test_cluster.py runs a short one."""

import argparse
import collections
import json
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

from broker import NEK, SOURCE, Broker, KafkaTest, eventually

sys.path.insert(0, str(SOURCE / "tests/support"))
from search_server import Node  # noqa: E402

TOPIC, PARTITIONS, GROUP, READERS = "flows", 8, "campaign", 3


class Campaign:
    def __init__(self, folder, rows, seed, search, rate=0):
        self.folder = pathlib.Path(folder)
        self.rows, self.rate = rows, rate
        self.feeder, self.feeding = threading.Thread(target=self.write_rows), True
        self.rng = random.Random(seed)
        self.events = collections.Counter()
        self.children = {}
        self.broker = Broker(self.folder / "kafka")
        self.broker.create(TOPIC, PARTITIONS)
        self.search = Node("opensearch") if search else None
        (self.folder / "in.csv").touch()
        self.feeder.start()
        if not rate:
            self.feeder.join()
        self.write_pipelines()
        self.readers = 0

    def write_rows(self):
        self.byte_sum = 0
        rng = random.Random(self.rows)
        began = time.monotonic()
        with open(self.folder / "in.csv", "w") as out:
            for n in range(self.rows):
                byte = rng.randrange(40, 60000)
                self.byte_sum += byte
                out.write(f"{n},10.0.{rng.randrange(4)}.{rng.randrange(256)},{byte}\n")
                while self.feeding and self.rate and time.monotonic() - began < n / self.rate:
                    out.flush()
                    time.sleep(0.01)

    def write_pipelines(self):
        columns = "columns: { n: uint64, sa: text, byte: uint64 }"
        settings = ("settings: { snapshot_interval: 100ms, chunk_bytes: 16KiB, memory: 16MiB, "
                    "shutdown_timeout: 100s }\n")
        (self.folder / "send.yaml").write_text(
            f"{settings}inputs:\n  - csv: {{ path: in.csv, header: no, follow: {'true' if self.rate else 'false'}, "
            f"{columns} }}\n"
            f"outputs:\n  - kafka: {{ brokers: '{self.broker.address}', topic: {TOPIC}, key: sa }}\n")
        output = "file: { path: '${NAME}.ndjson', if_exists: overwrite }"
        if self.search:
            output = f"es_bulk: {{ hosts: '{self.search.url}', index: {TOPIC} }}"
        (self.folder / "read.yaml").write_text(
            f"{settings}inputs:\n  - kafka: {{ brokers: '{self.broker.address}', topics: {TOPIC}, "
            f"group: {GROUP}, {columns}, drain_timeout: 5s, librdkafka: {{ session.timeout.ms: 6000, "
            f"heartbeat.interval.ms: 500 }} }}\noutputs:\n  - {output}\n")

    def start(self, pipeline, name):
        with open(self.folder / f"{name}.log", "ab") as log:
            self.children[name] = subprocess.Popen(
                [NEK, "run", f"{pipeline}.yaml", "--data-dir", f"{name}.state"], cwd=self.folder,
                stdout=subprocess.DEVNULL, stderr=log, env=dict(KafkaTest.environment(), NAME=name))

    def add_reader(self):
        self.readers += 1
        self.start("read", f"reader{self.readers}")

    def end(self, name, sign):
        child = self.children[name]
        child.send_signal(sign)
        code = child.wait(120)
        if sign == signal.SIGTERM and code != 0:
            raise AssertionError(f"{name} ended with {code}:\n" + (self.folder / f"{name}.log").read_text())

    def a_reader(self):
        return self.rng.choice([name for name in self.children if name.startswith("reader")])

    # What may happen.

    def kill_a_reader(self):
        name = self.a_reader()
        self.end(name, signal.SIGKILL)
        self.start("read", name)

    def end_a_reader(self):
        name = self.a_reader()
        self.end(name, signal.SIGTERM)
        self.start("read", name)

    def join_a_reader(self):
        if self.readers < READERS + 2:
            self.add_reader()

    def kill_the_sender(self):
        """False: it had sent everything."""
        if self.children["send"].poll() is not None:
            return False
        self.end("send", signal.SIGKILL)
        self.start("send", "send")
        return True

    def kill_the_sender_as_soon_as_it_sends(self):
        eventually("a message", lambda: any(
            self.broker.end_of(TOPIC, partition) for partition in range(PARTITIONS)))
        return self.kill_the_sender()

    def stop_the_broker(self):
        self.broker.stop()
        self.broker.start()

    def kill_the_broker(self):
        self.broker.stop(kill=True)
        self.broker.start()

    def stop_the_search(self):
        """And, while nothing can be delivered, looks from outside at what is committed."""
        if not self.search:
            return
        self.search.stop()
        time.sleep(1)
        committed = self.broker.committed(GROUP)
        readers = [name for name in self.children if name.startswith("reader")]
        for name in readers:  # so that nothing more is delivered before it is counted
            self.end(name, signal.SIGKILL)
        self.search.start()
        self.search.ask("GET", "/_cluster/health?wait_for_status=yellow&timeout=60s")
        lost = self.sent_before(committed) - {n for n, _ in self.documents()}
        if lost:
            raise AssertionError(f"committed, and not in OpenSearch: {sorted(lost)[:10]}, {len(lost)} in all")
        for name in readers:
            self.start("read", name)

    def sent_before(self, committed):
        """n of all messages before these offsets."""
        numbers = set()
        for (_, partition), offset in committed.items():
            if offset:  # -c 0 would be all
                lines = self.broker.consume(TOPIC, "%s\\n", "-p", str(partition), "-c", str(offset))
                assert len(lines) == offset, (partition, offset, len(lines))
                numbers.update(json.loads(line)["n"] for line in lines)
        return numbers

    def run_calm(self):
        """Nothing dies, and all readers are there before the first record."""
        for _ in range(READERS):
            self.add_reader()
        eventually("all have their share of the partitions", lambda: sorted(
            self.partitions_of(f"reader{n + 1}") for n in range(READERS)) == [2, 3, 3])
        self.start("send", "send")
        self.settle()

    def partitions_of(self, name):
        """How many it read at last, as its log says."""
        dealt = re.findall(rf"reads ((?:{TOPIC}/\d+(?:, )?)+)$", (self.folder / f"{name}.log").read_text(),
                           re.MULTILINE)
        return dealt[-1].count("/") if dealt else 0

    def run(self, seconds):
        self.start("send", "send")
        for _ in range(READERS):
            self.add_reader()
        every = [self.kill_a_reader, self.kill_the_sender, self.end_a_reader, self.join_a_reader,
                 self.kill_the_broker, self.stop_the_broker, self.stop_the_search]
        deadline = time.monotonic() + seconds
        events = [self.kill_the_sender_as_soon_as_it_sends]
        while events:
            for event in events:
                if event() is not False:
                    self.events[event.__name__] += 1
                time.sleep(self.rng.uniform(0, 1))
            more = time.monotonic() < deadline or len(events) == 1
            events = self.rng.sample(every, len(every)) if more else []
        self.settle()

    def settle(self):
        """Nothing happens any more until everything has arrived."""
        self.feeder.join()
        if self.rate:
            eventually("all is sent", lambda: sum(self.ends().values()) >= self.rows, 300)
        elif self.children["send"].wait(300) != 0:
            raise AssertionError((self.folder / "send.log").read_text())
        eventually("all is there", lambda: self.arrived() >= self.rows, 300)
        eventually("all is committed", lambda: sum(self.broker.committed(GROUP).values()) ==
                   sum(self.ends().values()), 120)
        for name in self.children:
            if name.startswith("reader") or self.rate:
                self.end(name, signal.SIGTERM)

    def ends(self):
        lines = self.broker.tool("get-offsets", "--topic", TOPIC).split()
        return {line.rsplit(":", 1)[0]: int(line.rsplit(":", 1)[1]) for line in lines}

    def arrived(self):
        return self.search.count(TOPIC) if self.search else len(set(self.file_numbers()))

    def documents(self):
        """n and byte of each."""
        return self.search.documents(TOPIC, "n", "byte")

    def file_numbers(self):
        for path in self.folder.glob("reader*.ndjson"):
            text = path.read_text()
            for line in text[:text.rfind("\n") + 1].splitlines():
                yield json.loads(line)["n"]

    def verdict(self):
        """What is wrong, or ""; and a report."""
        sent = sum(self.ends().values())
        shares = self.shares()
        report = {"rows": self.rows, "messages": sent, "events": dict(self.events), "shares": shares}
        documents = self.documents() if self.search else []
        numbers = sorted(n for n, _ in documents) if self.search else sorted(set(self.file_numbers()))
        problems = []
        if numbers != list(range(self.rows)):
            counts = collections.Counter(numbers)
            problems.append(f"missing {self.rows - len(counts)}, "
                            f"twice {sum(1 for c in counts.values() if c > 1)}")
        if self.search:
            report["documents"] = len(documents)
            byte_sum = sum(byte for _, byte in documents)
            if byte_sum != self.byte_sum:
                problems.append(f"{byte_sum} bytes instead of {self.byte_sum}")
        return "; ".join(problems), report

    def shares(self):
        """Records that each reader delivered, of the runs that ended in order."""
        shares = collections.Counter()
        for path in self.folder.glob("reader*.log"):
            shares[path.stem] += 0
            for found in re.findall(r"^\S*: ([\d,]+) records in", path.read_text(), re.MULTILINE):
                shares[path.stem] += int(found.replace(",", ""))
        return dict(shares)

    def close(self):
        self.feeding = False
        self.feeder.join()
        for child in self.children.values():
            if child.poll() is None:
                child.kill()
            child.wait()
        self.broker.stop(kill=True)
        if self.search:
            self.search.close()


def run(rows, seconds, seed, search, calm=False, rate=0):
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign(folder, rows, seed, search, rate)
        try:
            if calm:
                campaign.run_calm()
            else:
                campaign.run(seconds)
            return campaign.verdict()
        except Exception:
            for path in sorted(pathlib.Path(folder).glob("*.log")):
                print(f"{path.name}:\n{path.read_text()[-3000:]}", file=sys.stderr)
            raise
        finally:
            campaign.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1000000)
    parser.add_argument("--rate", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--search", choices=("opensearch", "none"), default="opensearch")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    began = time.monotonic()
    problem, report = run(options.rows, options.seconds, options.seed, options.search != "none", rate=options.rate)
    report["seconds"] = round(time.monotonic() - began)
    print(json.dumps(report, indent=2))
    sys.exit(problem or 0)


if __name__ == "__main__":
    main()
