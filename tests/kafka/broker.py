# SPDX-License-Identifier: Apache-2.0
"""A real Kafka broker in a folder of its own, Kafka's own tools, kcat, and nek processes beside them."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest

NEK = os.environ["NEK_BIN"]
SOURCE = pathlib.Path(os.environ["NEK_SOURCE_DIR"])
SCRIPT = SOURCE / "scripts/servers/kafka"
PATIENCE = 120  # seconds until something that must happen is given up


def eventually(what, condition, seconds=PATIENCE):
    """What condition() returns as soon as it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"in {seconds} s never: {what}")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Broker:
    def __init__(self, folder, *properties, port=0):
        self.folder = pathlib.Path(folder)
        self.topics = {}
        self.start(*properties, port=port)

    def start(self, *properties, port=0):
        subprocess.run([SCRIPT, "start", self.folder, str(port), *properties], check=True,
                       stdout=subprocess.DEVNULL, timeout=300)
        self.address = (self.folder / "address").read_text().strip()
        # Started again it answers before it has read which topics there are, and kcat gives up at once.
        for topic, partitions in self.topics.items():
            for partition in range(partitions):
                eventually(f"the broker has {topic} again", lambda: subprocess.run(
                    ["kcat", "-b", self.address, "-Q", "-t", f"{topic}:{partition}:-1"], timeout=120,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0)

    def stop(self, kill=False):
        subprocess.run([SCRIPT, "stop", self.folder] + ["--kill"] * kill, check=True, timeout=60)

    def signal(self, number):
        os.kill(int((self.folder / "pid").read_text()), number)

    def tool(self, name, *arguments):
        done = subprocess.run([SCRIPT, "tool", name, "--bootstrap-server", self.address, *arguments],
                              text=True, capture_output=True, timeout=120)
        if done.returncode:
            raise AssertionError(f"{name} {arguments}: {done.stdout}{done.stderr}")
        return done.stdout

    def create(self, topic, partitions=1, *config):
        more = [word for one in config for word in ("--config", one)]
        self.tool("topics", "--create", "--topic", topic, "--partitions", str(partitions), *more)
        self.topics[topic] = partitions

    def delete(self, topic):
        self.tool("topics", "--delete", "--topic", topic)
        self.topics.pop(topic, None)

    def committed(self, group):
        """{(topic, partition): offset} as Kafka's own tool tells."""
        offsets = {}
        for line in self.tool("groups", "--describe", "--group", group).splitlines():
            words = line.split()
            if len(words) > 3 and words[0] == group and words[3].isdigit():
                offsets[words[1], int(words[2])] = int(words[3])
        return offsets

    def produce(self, topic, messages, *arguments):
        """One message a line, or all of a text; by kcat."""
        text = messages if isinstance(messages, str) else "".join(m + "\n" for m in messages)
        subprocess.run(["kcat", "-b", self.address, "-P", "-t", topic,
                        "-X", "sticky.partitioning.linger.ms=0", *arguments], input=text,
                       text=True, check=True, timeout=120, stderr=subprocess.DEVNULL)

    def end_of(self, topic, partition):
        """The offset that its next message gets, by kcat."""
        done = subprocess.run(["kcat", "-b", self.address, "-Q", "-t", f"{topic}:{partition}:-1"], text=True,
                              capture_output=True, timeout=120)
        return int(done.stdout.split()[-1])

    def consume(self, topic, form="%s\n", *arguments):
        """All there is, by kcat, a line each. While more is sent there is no end: say -p and -c."""
        done = subprocess.run(["kcat", "-b", self.address, "-C", "-t", topic, "-o", "beginning", "-e",
                               "-q", "-f", form, *arguments], text=True, capture_output=True, timeout=120)
        return done.stdout.splitlines()


class KafkaTest(unittest.TestCase):
    """One broker for all tests of the class; each has a folder, and topics of its own."""

    PROPERTIES = ()

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.broker = Broker(folder.name, *cls.PROPERTIES)
        cls.addClassCleanup(lambda: cls.broker.stop(kill=True))

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.topic = self.id().rsplit(".")[-1].removeprefix("test_")
        self.children = []
        self.addCleanup(self.end_children)

    def end_children(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()

    def write_pipeline(self, name, inputs, outputs, filters="", settings="{}"):
        text = f"settings: {settings}\ninputs:\n{inputs}\n"
        if filters:
            text += f"filters:\n{filters}\n"
        (self.folder / f"{name}.yaml").write_text(text + f"outputs:\n{outputs}\n")

    def kafka_input(self, group="g", more="", columns="{n: uint64}", topic=None):
        return (f"  - kafka: {{ brokers: '{self.broker.address}', topics: {topic or self.topic}, "
                f"group: {group}-{self.topic}, columns: {columns}, "
                f"librdkafka: {{ session.timeout.ms: 6000 }} {more} }}")

    @staticmethod
    def environment():
        preload = os.environ.get("NEK_PRELOAD")
        return dict(os.environ, **({"LD_PRELOAD": preload} if preload else {}))

    def start_nek(self, name, state=None, stdout=subprocess.DEVNULL):
        with open(self.folder / f"{state or name}.log", "ab") as log:
            child = subprocess.Popen([NEK, "run", f"{name}.yaml", "--data-dir", state or f"{name}.state",
                                      "--metrics", f"{state or name}.prom"],
                                     cwd=self.folder, stdout=stdout, stderr=log,
                                     env=self.environment())
        self.children.append(child)
        return child

    def finish(self, child):
        """Ends a nek as a user does; all that it has read is delivered."""
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(PATIENCE), 0, self.logs())

    def run_nek(self, name):
        done = subprocess.run([NEK, "run", f"{name}.yaml", "--data-dir", f"{name}.state"],
                              cwd=self.folder, text=True, capture_output=True, timeout=PATIENCE * 2,
                              env=self.environment())
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stderr

    def check_nek(self, text):
        (self.folder / "check.yaml").write_text(text)
        done = subprocess.run([NEK, "check", "check.yaml"], cwd=self.folder, text=True,
                              capture_output=True, timeout=60, env=self.environment())
        return done.stderr

    def log(self, name):
        return (self.folder / f"{name}.log").read_text()

    def logs(self):
        return "".join(f"{path.name}:\n{path.read_text()}\n" for path in self.folder.glob("*.log"))

    def metric(self, name, which):
        """The value in the metrics file; None: it is not there yet."""
        path = self.folder / f"{name}.prom"
        found = re.search(rf"(?m)^{re.escape(which)} (\S+)$", path.read_text()) if path.exists() else None
        return float(found[1]) if found else None

    def lines(self, name):
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def records(self, name):
        return [json.loads(line) for line in self.lines(name)]

    def numbers(self, name):
        """Of whole lines: a nek may be writing the last one."""
        path = self.folder / name
        text = path.read_text() if path.exists() else ""
        return [json.loads(line)["n"] for line in text[:text.rfind("\n") + 1].splitlines()]

    def until(self, name, count, seconds=PATIENCE):
        """Waits until the file holds so many records."""
        try:
            eventually(f"{count} records in {name}", lambda: len(self.numbers(name)) >= count, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; there are {len(self.numbers(name))}\n{self.logs()}") from None


def numbered(count, begin=0):
    return [f'{{"n":{n}}}' for n in range(begin, begin + count)]
