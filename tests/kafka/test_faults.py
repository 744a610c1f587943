# SPDX-License-Identifier: Apache-2.0
"""Input and output kafka when processes, brokers and topics die, come late or are made anew."""

import collections
import json
import re
import signal
import subprocess
import time
import unittest

from broker import NEK, PATIENCE, Broker, KafkaTest, eventually, free_port, numbered

FILE = "  - file: { path: out.ndjson, if_exists: overwrite }"


class Faults(KafkaTest):
    def test_after_kill_9_files_hold_each_record_once(self):
        self.broker.create(self.topic, 4)
        self.broker.produce(self.topic, numbered(100000))
        self.write_pipeline("read", self.kafka_input(more=", drain_timeout: 5s").replace(
            "session.timeout.ms: 6000", "session.timeout.ms: 2000, heartbeat.interval.ms: 500"), FILE,
                            settings="{ snapshot_interval: 20ms, chunk_bytes: 16KiB }")
        for part in (10000, 50000):
            child = self.start_nek("read")
            self.until("out.ndjson", part)
            child.kill()
            child.wait()
        child = self.start_nek("read")
        self.until("out.ndjson", 100000)
        self.finish(child)
        self.assertEqual(sorted(self.numbers("out.ndjson")), list(range(100000)))

    def make_anew(self, count, begin):
        self.broker.delete(self.topic)
        self.broker.create(self.topic)
        self.broker.produce(self.topic, numbered(count, begin))

    def test_a_topic_that_was_made_anew_while_nek_was_away_is_read_once_from_its_beginning(self):
        self.write_pipeline("read", self.kafka_input(), FILE)
        self.broker.create(self.topic)
        self.broker.produce(self.topic, numbered(100))
        child = self.start_nek("read")
        self.until("out.ndjson", 100)
        self.finish(child)
        self.make_anew(150, 1000)
        child = self.start_nek("read")
        self.until("out.ndjson", 250)
        self.finish(child)
        self.assertEqual(self.numbers("out.ndjson"), list(range(100)) + list(range(1000, 1150)))

    def test_all_records_of_a_topic_that_is_made_anew_while_nek_reads_it_arrive(self):
        self.write_pipeline("read", self.kafka_input(), FILE)
        self.broker.create(self.topic)
        self.broker.produce(self.topic, numbered(150))
        child = self.start_nek("read")
        self.until("out.ndjson", 150)
        # More than it has read, as much, and less: the old place is in the new topic, at its end, behind it.
        for begin, count in ((1000, 200), (2000, 200), (3000, 30)):
            self.make_anew(count, begin)
            new = set(range(begin, begin + count))
            eventually(f"all {count} records are there", lambda: new <= set(self.numbers("out.ndjson")))
        self.finish(child)
        expected = {*range(150), *range(1000, 1200), *range(2000, 2200), *range(3000, 3030)}
        self.assertEqual(set(self.numbers("out.ndjson")), expected)

    def test_of_a_topic_that_is_made_anew_no_offset_of_the_old_one_is_committed(self):
        self.write_pipeline("read", self.kafka_input(), FILE)
        self.broker.create(self.topic)
        self.broker.produce(self.topic, numbered(5000))
        child = self.start_nek("read")
        self.until("out.ndjson", 5000)
        self.make_anew(10, 5000)
        self.until("out.ndjson", 5010)
        eventually("the end of the new topic is committed", lambda: self.broker.committed(
            f"g-{self.topic}").get((self.topic, 0)) == 10, 30)
        child.kill()
        child.wait()
        self.broker.produce(self.topic, numbered(6000, 5010))
        child = self.start_nek("read")
        self.until("out.ndjson", 11010)
        self.finish(child)
        self.assertEqual(set(self.numbers("out.ndjson")), set(range(11010)))

    def test_of_a_topic_that_is_made_anew_even_a_nek_that_began_at_the_end_misses_nothing(self):
        self.write_pipeline("read", self.kafka_input(more=", start: latest"), FILE)
        self.broker.create(self.topic)
        self.broker.produce(self.topic, numbered(50))
        child = self.start_nek("read")
        eventually("it reads", lambda: "reads " + self.topic in self.log("read"))
        self.broker.produce(self.topic, numbered(10, 100))
        self.until("out.ndjson", 10)
        self.make_anew(200, 1000)
        self.until("out.ndjson", 210)
        self.finish(child)
        self.assertEqual(set(self.numbers("out.ndjson")), {*range(100, 110), *range(1000, 1200)})

    def test_a_fixed_member_that_was_killed_goes_on_before_its_session_ends(self):
        self.broker.create(self.topic, 2)
        self.broker.produce(self.topic, numbered(1000))
        self.write_pipeline("read", self.kafka_input().replace(
            "session.timeout.ms: 6000", "session.timeout.ms: 240000, group.instance.id: one"), FILE)
        for part in (1000, 2000):
            child = self.start_nek("read")
            self.until("out.ndjson", part)
            child.kill()
            child.wait()
            self.broker.produce(self.topic, numbered(1000, part))
        child = self.start_nek("read")
        self.until("out.ndjson", 3000)
        self.finish(child)
        self.assertEqual(sorted(self.numbers("out.ndjson")), list(range(3000)))

    def test_a_member_whose_place_another_took_ends_with_an_error(self):
        self.broker.create(self.topic)
        for name in ("first", "second"):
            self.write_pipeline(name, self.kafka_input().replace(
                "session.timeout.ms: 6000", "session.timeout.ms: 6000, group.instance.id: one"),
                f"  - file: {{ path: {name}.ndjson }}")
        first = self.start_nek("first")
        eventually("it reads", lambda: "reads " + self.topic in self.log("first"))
        second = self.start_nek("second")
        self.assertEqual(first.wait(PATIENCE), 1, self.logs())
        self.assertRegex(self.log("first"), "error kafka: .*fenced by other consumer with same group.instance.id")
        self.finish(second)

    def test_a_topic_that_is_deleted_holds_the_others_up_for_no_time_and_the_end_comes(self):
        gone = f"{self.topic}-gone"
        for topic in (self.topic, gone):
            self.broker.create(topic)
        self.broker.produce(self.topic, numbered(100))
        self.broker.produce(gone, numbered(100, 100))
        self.write_pipeline("read", self.kafka_input(topic=f"[{self.topic}, {gone}]").replace(
            "session.timeout.ms: 6000", "session.timeout.ms: 6000, topic.metadata.refresh.interval.ms: 600000"), FILE)
        child = self.start_nek("read")
        self.until("out.ndjson", 200)
        self.broker.delete(gone)
        eventually("it has seen that", lambda: re.search(f"{gone}/0: .*Unknown topic", self.log("read")))
        self.broker.produce(self.topic, numbered(100, 200))
        self.until("out.ndjson", 300)
        self.broker.create(gone)
        self.broker.produce(gone, numbered(100, 300))
        self.until("out.ndjson", 400)
        self.finish(child)
        self.assertEqual(sorted(self.numbers("out.ndjson")), list(range(400)))

    def test_a_member_that_loses_its_partitions_and_gets_them_again_reads_nothing_twice(self):
        self.broker.create(self.topic, 2)
        count = 40000
        self.broker.produce(self.topic, numbered(count))
        # Snapshots so seldom that none is complete when it loses them.
        self.write_pipeline("read", self.kafka_input(more=", drain_timeout: 5s"), FILE,
                            settings="{ snapshot_interval: 60s, chunk_bytes: 4KiB }")
        child = self.start_nek("read")
        self.until("out.ndjson", count)
        self.broker.stop(kill=True)
        eventually("it sees that it has lost them", lambda: "lost its partitions" in self.log("read"))
        self.broker.start()
        self.broker.produce(self.topic, numbered(1000, count))
        self.until("out.ndjson", count + 1000)
        self.finish(child)
        self.assertEqual(sorted(self.numbers("out.ndjson")), list(range(count + 1000)))

    def test_records_that_a_broker_deletes_in_one_partition_are_counted_and_others_are_not_read_twice(self):
        self.broker.create(self.topic, 2)
        self.broker.produce(self.topic, numbered(100), "-p", "0")
        self.broker.produce(self.topic, numbered(100, 100), "-p", "1")
        self.write_pipeline("read", self.kafka_input(), FILE, settings="{ snapshot_interval: 60s }")
        child = self.start_nek("read")
        self.until("out.ndjson", 200)
        self.finish(child)
        self.broker.produce(self.topic, numbered(100, 200), "-p", "1")
        (self.folder / "delete.json").write_text(json.dumps({"version": 1, "partitions": [
            {"topic": self.topic, "partition": 1, "offset": 150}]}))
        self.broker.tool("delete-records", "--offset-json-file", str(self.folder / "delete.json"))
        self.broker.produce(self.topic, numbered(100, 300), "-p", "0")
        child = self.start_nek("read")
        self.until("out.ndjson", 350)
        self.finish(child)
        self.assertIn(f"{self.topic}/1: the broker deleted 50 messages", self.log("read"))
        self.assertEqual(sorted(self.numbers("out.ndjson")), [*range(200), *range(250, 400)])

    def test_a_partition_added_to_a_topic_is_read_from_its_first_message_also_with_start_latest(self):
        self.broker.create(self.topic)
        self.broker.produce(self.topic, numbered(100))
        # Partitions are dealt out in the order of these names.
        for name in ("a", "b"):
            self.write_pipeline(name, self.kafka_input(more=", start: latest").replace(
                "session.timeout.ms: 6000", f"session.timeout.ms: 6000, group.instance.id: {name}, "
                "topic.metadata.refresh.interval.ms: 10000"), f"  - file: {{ path: {name}.ndjson }}")
        children = [self.start_nek("a")]
        eventually("it reads", lambda: f"reads {self.topic}/0" in self.log("a"))
        children.append(self.start_nek("b"))
        eventually("nothing is left for it", lambda: "reads nothing" in self.log("b"))
        self.broker.tool("topics", "--alter", "--topic", self.topic, "--partitions", "2")
        self.broker.produce(self.topic, numbered(100, 100), "-p", "1")
        self.until("b.ndjson", 100)
        for child in children:
            self.finish(child)
        self.assertEqual(self.numbers("b.ndjson"), list(range(100, 200)))
        self.assertEqual(self.numbers("a.ndjson"), [])

    def test_a_partition_that_was_there_when_the_group_began_is_read_from_where_start_says(self):
        self.broker.create(self.topic, 2)
        self.broker.produce(self.topic, numbered(100), "-p", "1")
        self.write_pipeline("read", self.kafka_input(more=", start: latest"), FILE)
        child = self.start_nek("read")
        eventually("it reads", lambda: "reads " + self.topic in self.log("read"))
        self.finish(child)
        # As if another member of a group that is new had been the first one to note where it begins.
        self.broker.tool("groups", "--delete-offsets", "--group", f"g-{self.topic}", "--topic",
                         f"{self.topic}:1")
        child = self.start_nek("read", "again")
        eventually("it reads", lambda: "reads " + self.topic in self.log("again"))
        for partition in (0, 1):
            self.broker.produce(self.topic, numbered(10, 100 + 10 * partition), "-p", str(partition))
        self.until("out.ndjson", 20)
        self.finish(child)
        self.assertEqual(sorted(self.numbers("out.ndjson")), list(range(100, 120)))

    def test_a_broker_that_does_not_answer_cannot_keep_it_from_ending(self):
        self.broker.create(self.topic)
        self.broker.produce(self.topic, numbered(100))
        self.write_pipeline("read", self.kafka_input(), FILE)
        child = self.start_nek("read")
        self.until("out.ndjson", 100)
        self.broker.signal(signal.SIGSTOP)
        self.addCleanup(self.broker.signal, signal.SIGCONT)
        self.finish(child)

    def test_a_broker_that_comes_late_is_waited_for_without_haste(self):
        port = free_port()
        self.write_pipeline("read", f"  - kafka: {{ brokers: '127.0.0.1:{port}', topics: t, group: g, "
                                    "columns: {n: uint64} }", FILE)
        (self.folder / "in.ndjson").write_text("".join(line + "\n" for line in numbered(10)))
        self.write_pipeline("send", "  - stdin: { columns: {n: uint64} }",
                            f"  - kafka: {{ brokers: '127.0.0.1:{port}', topic: t }}")
        began = time.process_time()
        reader = self.start_nek("read")
        with open(self.folder / "in.ndjson") as text, open(self.folder / "send.log", "wb") as log:
            sender = subprocess.Popen([NEK, "run", "send.yaml", "--data-dir", "send.state"],
                                      cwd=self.folder, stdin=text, stderr=log,
                                      env=self.environment())
        self.children.append(sender)
        for name in ("read", "send"):
            eventually("a line that names the broker", lambda: re.search(
                rf"warning kafka: .*127.0.0.1:{port}.*Connection refused", self.log(name)))
        time.sleep(3)
        for name in ("read", "send"):
            self.assertLess(len(self.log(name).splitlines()), 8, self.log(name))
        for child in (reader, sender):  # seconds of processor time, of at least three
            with open(f"/proc/{child.pid}/stat") as stat:
                fields = stat.read().rsplit(")")[-1].split()
            self.assertLess((int(fields[11]) + int(fields[12])) / 100, 2)
        late = Broker(self.folder / "late", "num.partitions=1", "auto.create.topics.enable=true",
                      port=port)
        self.addCleanup(lambda: late.stop(kill=True))
        self.until("out.ndjson", 10)
        self.assertEqual(sender.wait(60), 0, self.logs())
        self.finish(reader)

    def test_nothing_is_lost_and_keys_keep_their_order_while_the_broker_is_stopped_and_killed(self):
        self.broker.create(self.topic, 4)
        count = 60000
        (self.folder / "in.ndjson").write_text("".join(f'{{"n":{n},"k":"{n % 50}"}}\n' for n in range(count)))
        self.write_pipeline("send", "  - stdin: { columns: {n: uint64, k: text} }",
                            f"  - kafka: {{ brokers: '{self.broker.address}', topic: {self.topic}, key: k }}",
                            settings="{ chunk_bytes: 16KiB }")
        self.write_pipeline("read", self.kafka_input(), FILE)
        reader = self.start_nek("read")
        with open(self.folder / "send.log", "wb") as log:
            sender = subprocess.Popen([NEK, "run", "send.yaml", "--data-dir", "send.state"],
                                      cwd=self.folder, stdin=subprocess.PIPE, stderr=log,
                                      env=self.environment())
        self.children.append(sender)
        lines = (self.folder / "in.ndjson").read_bytes().splitlines(keepends=True)
        third = count // 3
        for part, kill in enumerate((False, True, None)):
            sender.stdin.write(b"".join(lines[part * third:part * third + third // 2]))
            sender.stdin.flush()
            if kill is not None:
                self.broker.stop(kill)
            sender.stdin.write(b"".join(lines[part * third + third // 2:(part + 1) * third]))
            sender.stdin.flush()
            if kill is not None:
                self.broker.start()
        sender.stdin.close()
        self.assertEqual(sender.wait(120), 0, self.logs())
        self.until("out.ndjson", count)
        self.finish(reader)
        self.assertEqual(sorted(set(self.numbers("out.ndjson"))), list(range(count)))
        of_key = collections.defaultdict(list)
        for line in self.broker.consume(self.topic, "%k|%s\\n"):
            key, record = line.split("|", 1)
            of_key[key].append(json.loads(record)["n"])
        for key, seen in of_key.items():
            self.assertEqual(seen, sorted(seen), key)


if __name__ == "__main__":
    unittest.main()
