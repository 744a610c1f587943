# SPDX-License-Identifier: Apache-2.0
"""Input and output kafka against a real broker: what arrives, what is committed, how a group shares it."""

import collections
import json
import pathlib
import re
import subprocess
import tempfile
import textwrap
import time
import unittest

from broker import NEK, SOURCE, KafkaTest, eventually, free_port, numbered

FLOWS = SOURCE / "pipelines/portscan/sample/flows.csv"
FILE = "  - file: { path: out.ndjson, if_exists: overwrite }"


class Kafka(KafkaTest):
    def test_flows_arrive_keyed_each_with_its_id(self):
        self.broker.create(self.topic, 8)
        self.write_pipeline("send", f"  - csv: {{ path: {FLOWS}, format: nfdump }}",
                            f"  - kafka: {{ brokers: '{self.broker.address}', topic: {self.topic}, "
                            "key: sa, headers: { protocol: pr } }")
        self.run_nek("send")
        messages = [line.split("|", 3) for line in self.broker.consume(self.topic, "%p|%k|%h|%s\\n")]
        self.assertEqual(len(messages), 3018)
        partitions = collections.defaultdict(set)
        ids = set()
        for partition, key, headers, payload in messages:
            record = json.loads(payload)
            self.assertEqual(key, record["sa"])
            partitions[key].add(partition)
            found = re.fullmatch(r"nek-id=([0-9a-f]{32}),protocol=(\d+)", headers)
            self.assertEqual(found[2], record["pr"])
            ids.add(found[1])
        self.assertEqual(len(ids), 3018)
        self.assertEqual({len(where) for where in partitions.values()}, {1})
        self.assertEqual(len({p for where in partitions.values() for p in where}), 8)

    def test_what_another_client_sends_is_read_with_what_kafka_knows_of_it(self):
        self.broker.create(self.topic)
        self.broker.produce(self.topic, ['{"n":1}'], "-k", "a key", "-H", "one=0", "-H", "one=1",
                            "-H", "two=\u00e9")
        self.broker.produce(self.topic, ['{"n":2}'])
        self.write_pipeline("read", self.kafka_input(
            more=", metadata: { topic: t, partition: p, offset: o, key: k, headers: h, "
                 "timestamp: at }"), FILE)
        child = self.start_nek("read")
        self.until("out.ndjson", 2)
        self.finish(child)
        one, two = self.records("out.ndjson")
        self.assertRegex(one.pop("at"), r"^20\d\d-")
        self.assertEqual(one, {"n": 1, "t": self.topic, "p": 0, "o": 0, "k": "a key",
                               "h": {"one": "1", "two": "\u00e9"}})
        two.pop("at")
        self.assertEqual(two, {"n": 2, "t": self.topic, "p": 0, "o": 1, "k": None, "h": None})

    def test_messages_are_decoded_by_any_codec(self):
        for codec, columns, message, expected in (
                ("csv", "columns: {a: text, b: uint64}", "x,1\ny,2", [["x", 1], ["y", 2]]),
                ("lines", "field: a", "x\ny z", [["x"], ["y z"]]),
                ("raw", "field: a", "x\ny z", [["x\ny z"]]),
                ("json", "columns: {a: text, b: uint64}", '{"a":"x","b":1}\n{"a":"y"}',
                 [["x", 1], ["y", None]])):
            with self.subTest(codec):
                topic = f"{self.topic}-{codec}"
                self.broker.create(topic)
                self.broker.produce(topic, message, "-D", "|")
                header = ", header: no" if codec == "csv" else ""
                self.write_pipeline(codec, f"  - kafka: {{ brokers: '{self.broker.address}', "
                                           f"topics: {topic}, group: g, codec: {codec}, "
                                           f"{columns}{header} }}",
                                    f"  - file: {{ path: {codec}.ndjson }}")
                child = self.start_nek(codec)
                eventually("its records", lambda: len(self.lines(f"{codec}.ndjson")) >= len(expected))
                self.finish(child)
                self.assertEqual([list(r.values()) for r in self.records(f"{codec}.ndjson")], expected)

    def test_a_message_that_is_no_record_goes_to_the_dead_letters_with_its_place(self):
        self.broker.create(self.topic, 2)
        self.broker.produce(self.topic, ['{"n":1}', "no json", '{"n":3}'], "-p", "1")
        self.write_pipeline("read", self.kafka_input(), FILE)
        child = self.start_nek("read")
        self.until("out.ndjson", 2)
        self.finish(child)
        letter = self.records("read.state/dead-letters.ndjson")[0]
        self.assertEqual([letter[key] for key in ("source", "position", "raw")],
                         [f"{self.topic}/1", 1, "no json"])
        self.assertEqual(self.broker.committed(f"g-{self.topic}")[self.topic, 1], 3)

    def test_an_offset_is_not_committed_before_every_output_has_the_record(self):
        self.broker.create(self.topic)
        self.broker.produce(self.topic, numbered(200000))
        # The pipe takes 64 KiB, then this output waits for its reader; the other one does not.
        self.write_pipeline("read", self.kafka_input(), "  - stdout: {}\n" + FILE,
                            settings="{ snapshot_interval: 50ms }")
        child = self.start_nek("read", stdout=subprocess.PIPE)
        self.until("out.ndjson", 50000)  # far beyond what the pipe holds
        time.sleep(2)  # forty snapshots would have passed
        committed = self.broker.committed(f"g-{self.topic}").get((self.topic, 0), 0)
        shortest = len('{"n":0}\n')
        self.assertLessEqual(committed, (64 << 10) / shortest)
        # Nobody has committed more, so all the others are behind; seen from outside, while it stalls.
        eventually("the lag is shown", lambda: self.metric(
            "read", f'nek_lag{{pipeline="read",component="kafka",topic="{self.topic}",partition="0"}}')
            == 200000 - self.broker.committed(f"g-{self.topic}").get((self.topic, 0), 0))
        seen = [json.loads(child.stdout.readline())["n"] for _ in range(200000)]
        self.assertEqual(seen, list(range(200000)))
        eventually("all is committed", lambda: self.broker.committed(
            f"g-{self.topic}")[self.topic, 0] == 200000)
        child.stdout.close()
        self.finish(child)

    def test_processes_of_a_group_share_the_work_and_hand_it_over(self):
        self.broker.create(self.topic, 6)
        outputs = []
        for name in ("one", "two", "three"):
            self.write_pipeline(name, self.kafka_input(),
                                f"  - file: {{ path: {name}.ndjson, if_exists: overwrite }}")
            outputs.append(f"{name}.ndjson")
        one, two = self.start_nek("one"), self.start_nek("two")
        eventually("two members", lambda: len(set(re.findall(
            r"nek-[0-9a-f-]{36}", self.broker.tool("groups", "--describe", "--group",
                                                   f"g-{self.topic}", "--members")))) == 2)
        sent = 0

        def send():
            nonlocal sent
            for partition in range(6):  # left alone kcat fills whichever it likes
                self.broker.produce(self.topic, numbered(5000, sent), "-p", str(partition))
                sent += 5000

        def arrived():
            return sum(len(self.numbers(name)) for name in outputs) >= sent

        send()
        eventually("the first part", arrived)
        three = self.start_nek("three")
        send()
        eventually("the second part", arrived)
        eventually("the third has its share", lambda: re.search("reads .*/.*/", self.log("three")))
        send()
        eventually("the third part", arrived)
        self.finish(two)
        send()
        eventually("the fourth part", arrived)
        self.finish(one)
        self.finish(three)
        counts = [len(self.numbers(name)) for name in outputs]
        self.assertGreaterEqual(min(counts), 5000, counts)  # a partition's worth of one part
        everything = sorted(n for name in outputs for n in self.numbers(name))
        self.assertEqual(everything, list(range(sent)))  # handed over, nothing was read twice

    def test_with_at_end_stop_it_ends_when_all_is_read_and_committed(self):
        self.broker.create(self.topic, 3)
        self.broker.produce(self.topic, numbered(5000))
        self.write_pipeline("read", self.kafka_input(more=", at_end: stop"), FILE)
        self.run_nek("read")
        self.assertEqual(sorted(self.numbers("out.ndjson")), list(range(5000)))
        self.assertEqual(sum(self.broker.committed(f"g-{self.topic}").values()), 5000)
        self.broker.produce(self.topic, numbered(10, 5000))
        self.run_nek("read")
        self.assertEqual(sorted(self.numbers("out.ndjson")), list(range(5010)))

    def test_check_connect_tells_who_answers(self):
        self.broker.create(self.topic, 3)
        self.write_pipeline("good", self.kafka_input(), f"  - kafka: {{ brokers: "
                            f"'{self.broker.address}', topic: {self.topic} }}")
        self.write_pipeline("bad", self.kafka_input(topic="nowhere"),
                            f"  - kafka: {{ brokers: '127.0.0.1:{free_port()}', topic: t }}")
        done = {name: subprocess.run([NEK, "check", "--connect", f"{name}.yaml"],
                                     cwd=self.folder, text=True, capture_output=True, timeout=120,
                                     env=self.environment()) for name in ("good", "bad")}
        told = done["good"].stdout + done["good"].stderr
        self.assertEqual(done["good"].returncode, 0, told)
        self.assertIn(f"{self.broker.address}: a cluster of 1 brokers", told)
        self.assertIn(f"topic '{self.topic}' has 3 partitions", told)
        told = done["bad"].stdout + done["bad"].stderr
        self.assertEqual(done["bad"].returncode, 1, told)
        self.assertIn("topic 'nowhere': Broker: Unknown topic or partition", told)
        self.assertRegex(told, "no broker answers: .*Connection refused")

    def test_where_a_group_begins(self):
        self.broker.create(self.topic)
        self.broker.produce(self.topic, ['{"n":1}'])
        time.sleep(1.1)
        between = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        time.sleep(0.1)
        self.broker.produce(self.topic, ['{"n":2}'])
        for start in ("earliest", between, "latest"):
            self.write_pipeline(start[:6], self.kafka_input(start, f", start: '{start}'"),
                                f"  - file: {{ path: {start[:6]}.ndjson }}")
            child = self.start_nek(start[:6])
            eventually("it reads", lambda: "reads where" in self.log(start[:6]))
            if start == "latest":
                self.broker.produce(self.topic, ['{"n":3}'])
                self.until("latest.ndjson", 1)
            else:
                self.until(f"{start[:6]}.ndjson", 2 if start == "earliest" else 1)
            self.finish(child)
        self.assertEqual(self.numbers("earlie.ndjson"), [1, 2])
        self.assertEqual(self.numbers(f"{between[:6]}.ndjson"), [2])
        self.assertEqual(self.numbers("latest.ndjson"), [3])

    def test_an_offset_that_was_set_by_hand_counts(self):
        self.broker.create(self.topic)
        self.broker.produce(self.topic, numbered(100))
        self.write_pipeline("read", self.kafka_input(), FILE)
        child = self.start_nek("read")
        self.until("out.ndjson", 100)
        self.finish(child)
        self.broker.tool("groups", "--group", f"g-{self.topic}", "--topic", self.topic,
                         "--reset-offsets", "--to-offset", "60", "--execute")
        child = self.start_nek("read")
        self.until("out.ndjson", 140)
        self.finish(child)
        self.assertEqual(self.numbers("out.ndjson"), list(range(100)) + list(range(60, 100)))

    def test_of_a_batch_with_one_record_that_the_topic_refuses_all_others_arrive(self):
        self.broker.create(self.topic, 1, "cleanup.policy=compact")  # takes nothing without a key
        (self.folder / "in.ndjson").write_text("".join(
            f'{{"n":{n},"k":"k{n}"}}\n' if n != 50 else '{"n":50}\n' for n in range(100)))
        self.write_pipeline("send", "  - stdin: { columns: {n: uint64, k: text} }",
                            f"  - kafka: {{ brokers: '{self.broker.address}', topic: {self.topic}, key: k }}")
        with open(self.folder / "in.ndjson") as text, open(self.folder / "send.log", "w") as log:
            code = subprocess.run([NEK, "run", "send.yaml", "--data-dir", "send.state"],
                                  cwd=self.folder, stdin=text, stderr=log, timeout=120,
                                  env=self.environment()).returncode
        self.assertEqual(code, 0, self.logs())
        self.assertEqual(sorted(json.loads(line)["n"] for line in self.broker.consume(self.topic)),
                         [n for n in range(100) if n != 50])
        letters = self.records("send.state/dead-letters.ndjson")
        self.assertEqual([letter["reason"] for letter in letters], ["kafka"])

    def test_a_record_that_no_broker_takes_goes_to_the_dead_letters(self):
        self.broker.create(self.topic, 1, "max.message.bytes=2000")
        large = "x" * 5000
        (self.folder / "in.ndjson").write_text(f'{{"n":1}}\n{{"n":2,"s":"{large}"}}\n{{"n":3}}\n')
        self.write_pipeline("send", "  - stdin: { columns: {n: uint64, s: text} }",
                            f"  - kafka: {{ brokers: '{self.broker.address}', topic: {self.topic}, "
                            "nulls: omit, compression: none }")
        with open(self.folder / "in.ndjson") as text, open(self.folder / "send.log", "w") as log:
            code = subprocess.run([NEK, "run", "send.yaml", "--data-dir", "send.state"],
                                  cwd=self.folder, stdin=text, stderr=log, timeout=120,
                                  env=self.environment()).returncode
        self.assertEqual(code, 0, self.logs())
        self.assertEqual(sorted(self.broker.consume(self.topic)), ['{"n":1}', '{"n":3}'])
        letter = self.records("send.state/dead-letters.ndjson")[0]
        self.assertRegex(letter["reason"] + letter.get("detail", ""), "too_large.*bytes")
        self.assertIn(f'{{"n":2,"s":"{large}"}}', letter["encoded"])

    def test_a_topic_that_is_not_there_yet_is_waited_for(self):
        self.write_pipeline("read", self.kafka_input(
            more=", librdkafka: { topic.metadata.refresh.interval.ms: 1000 }").replace(
                "librdkafka: { session.timeout.ms: 6000 } ,", ""), FILE)
        child = self.start_nek("read")
        eventually("a line that names the topic", lambda: re.search(
            rf"warning kafka: .*{self.topic}.*Unknown topic", self.log("read")))
        self.broker.create(self.topic)
        self.broker.produce(self.topic, numbered(10))
        self.until("out.ndjson", 10)
        self.finish(child)


class Quiet(KafkaTest):
    PROPERTIES = ("connections.max.idle.ms=2000",)  # in life it is ten minutes

    def test_the_log_is_quiet_while_all_is_well_also_when_brokers_close_connections_that_are_idle(self):
        self.broker.create(self.topic)
        self.broker.create(f"{self.topic}-copy")
        self.write_pipeline("copy", self.kafka_input(), f"  - kafka: {{ brokers: '{self.broker.address}', "
                            f"topic: {self.topic}-copy }}")
        child = self.start_nek("copy")
        for n in range(3):
            self.broker.produce(self.topic, numbered(10, 10 * n))
            eventually("the copy has them", lambda: len(
                self.broker.consume(f"{self.topic}-copy")) == 10 * (n + 1))
            time.sleep(5)  # connections were closed meanwhile
        self.finish(child)
        said = [line for line in self.log("copy").splitlines() if re.search(" warning | error ", line)]
        self.assertEqual(said, [])


class Check(unittest.TestCase):
    def check(self, options, kind="inputs"):
        with tempfile.TemporaryDirectory() as folder:
            inputs = options if kind == "inputs" else "generate: { rows: 1 }"
            outputs = options if kind == "outputs" else "blackhole: {}"
            (pathlib.Path(folder) / "p.yaml").write_text(
                f"inputs:\n  - {inputs}\noutputs:\n  - {outputs}\n")
            return subprocess.run([NEK, "check", "p.yaml"], cwd=folder, text=True,
                                  capture_output=True, timeout=60,
                                  env=KafkaTest.environment()).stderr

    def test_the_pipeline_in_the_kubernetes_manifest_is_one(self):
        manifest = (SOURCE / "deploy/kubernetes.yaml").read_text()
        text = textwrap.dedent(re.search(r"pipeline\.yaml: \|\n(.*?)---", manifest, re.DOTALL)[1])
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "p.yaml").write_text(text)
            done = subprocess.run(
                [NEK, "check", "p.yaml"], cwd=folder, text=True, capture_output=True, timeout=60,
                env=dict(KafkaTest.environment(), POD="nek-0", OPENSEARCH_PASSWORD="secret"))
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_mistakes_are_found_before_anything_starts(self):
        good = "brokers: 'h:1', topics: t, group: g"
        for options, expected in (
                (f"{good}, librdkafka: {{ fetch.min.byte: 1 }}",
                 "p.yaml:2:81: kafka: librdkafka: No such configuration property: "
                 '"fetch.min.byte"'),
                (f"{good}, librdkafka: {{ fetch.min.bytes: many }}", "fetch.min.bytes"),
                (f"{good}, librdkafka: {{ group.id: x }}",
                 "librdkafka: 'group.id' is set by nek; use 'group'"),
                (f"{good}, start: yesterday", "start: 'yesterday' is neither earliest, latest nor"),
                (f"{good}, drain_timeout: 10m", "must be at most half of max.poll.interval.ms"),
                (f"{good}, librdkafka: {{ session.timeout.ms: 60000, max.poll.interval.ms: 45000 }}, "
                 "drain_timeout: 10s",
                 "p.yaml:2:63: kafka: librdkafka: `max.poll.interval.ms`must be >= `session.timeout.ms`"),
                (f"{good}, tls: {{ ca_file: nowhere.pem }}", "tls.ca_file: cannot read nowhere.pem"),
                ("brokers: [], topics: t, group: g", "brokers: names no broker"),
                ("brokers: 'h:1', topics: [], group: g", "topics: names no topic"),
                (f"{good}, sasl: {{ username: u, password: p }}", "is a secret")):
            with self.subTest(options):
                self.assertIn(expected, self.check(f"kafka: {{ {options} }}"))
        for options, expected in (
                ("brokers: 'h:1'", "needs 'topic', or 'topic_field'"),
                ("brokers: 'h:1', topic: t, compression: rar", "compression"),
                ("brokers: 'h:1', topic: t, key: nothing", "nothing"),
                ("brokers: 'h:1', topic: t, librdkafka: { acks: 1 }",
                 "p.yaml:4:60: kafka: librdkafka: 'acks' is set by nek; leave it out: all that keep the partition "
                 "acknowledge, with fewer records could be lost"),
                ("brokers: 'h:1', topic: t, librdkafka: { request.required.acks: 0 }", "with fewer records could be lost"),
                ("brokers: 'h:1', topic: t, librdkafka: { enable.idempotence: false }",
                 "'enable.idempotence' is set by nek; leave it out: without it records could change their order"),
                ("brokers: 'h:1', topic: t, librdkafka: { message.timeout.ms: 1000 }",
                 "'message.timeout.ms' is set by nek; leave it out: records are sent until they arrive"),
                ("brokers: 'h:1', topic: t, librdkafka: { queue.buffering.max.messages: 100 }",
                 "leave it out: what waits is bounded by the output's 'buffer'"),
                ("brokers: 'h:1', topic: t, librdkafka: { max.in.flight: 50 }",
                 "`max.in.flight` must be set <= 5 when `enable.idempotence` is true")):
            with self.subTest(options):
                self.assertIn(expected, self.check(f"kafka: {{ {options} }}", "outputs"))


if __name__ == "__main__":
    unittest.main()
