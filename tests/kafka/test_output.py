# SPDX-License-Identifier: Apache-2.0
"""Output kafka against a real broker: what a topic does not take, and what is handed in again later."""

import json
import re
import subprocess
import unittest

from broker import NEK, KafkaTest, numbered


class Output(KafkaTest):
    PROPERTIES = ("auto.create.topics.enable=true",)

    def kafka_output(self, more=""):
        return f"  - kafka: {{ id: out, brokers: '{self.broker.address}', topic: {self.topic} {more} }}"

    def nek(self, *arguments, text=""):
        """Its exit code and what it says."""
        done = subprocess.run([NEK, *arguments], cwd=self.folder, input=text, text=True, capture_output=True,
                              timeout=120, env=self.environment())
        return done.returncode, done.stdout + done.stderr

    def send(self, lines, name="send"):
        """What nek says."""
        code, said = self.nek("run", f"{name}.yaml", "--data-dir", "state", text="".join(f"{line}\n" for line in lines))
        self.assertEqual(code, 0, said)
        return said

    def limit(self, size):
        self.broker.tool("configs", "--alter", "--entity-type", "topics", "--entity-name", self.topic, "--add-config",
                         f"max.message.bytes={size}")

    def test_a_topic_that_takes_less_than_a_batch_gets_all_records_in_smaller_ones(self):
        self.broker.create(self.topic, 1, "max.message.bytes=20000")
        self.write_pipeline("send", "  - stdin: { columns: {n: uint64} }", self.kafka_output(", compression: none"))
        said = self.send(numbered(60000))
        self.assertEqual(sorted(json.loads(line)["n"] for line in self.broker.consume(self.topic)),
                         list(range(60000)))
        # Halved at most until a batch is smaller than the limit; how large they are depends on how fast records come.
        self.assertIn("a topic takes no batch of 1000000 bytes: they are of 500000 at most from now on", said)
        self.assertLessEqual(said.count("a topic takes no batch"), 6, said)

    def test_among_many_records_only_those_too_large_are_refused(self):
        self.broker.create(self.topic, 1, "max.message.bytes=20000")
        self.write_pipeline("send", "  - stdin: { columns: {n: uint64, s: text} }",
                            self.kafka_output(", compression: none, nulls: omit"))
        lines = numbered(3000)
        for at in range(0, 3000, 300):
            lines[at] = f'{{"n":{at},"s":"{"x" * 20000}"}}'
        self.send(lines)
        self.assertEqual(sorted(json.loads(line)["n"] for line in self.broker.consume(self.topic)),
                         [n for n in range(3000) if n % 300])
        letters = self.records("state/dead-letters.ndjson")
        self.assertEqual([letter["reason"] for letter in letters], ["too_large"] * 10)

    def test_what_was_refused_is_sent_later_with_the_headers_that_it_had(self):
        self.broker.create(self.topic, 1, "max.message.bytes=300")
        columns = "  - stdin: { columns: {n: uint64, h: text, t: text} }"
        for name, more in (("send", "headers: {one: h}"), ("renamed", "headers: {other: h, more: t}, line_break: keep"),
                           ("none", "key: h")):
            self.write_pipeline(name, columns, self.kafka_output(", compression: none, fields: [n], " + more))
        large = "x" * 600
        for name in ("renamed", "none"):
            self.limit(300)
            self.send([f'{{"n":1,"h":"{large}"}}'])
            self.limit(100000)
            code, said = self.nek("replay", f"{name}.yaml", "--data-dir", "state")
            self.assertEqual(code, 0, said)
        messages = [line.split("|") for line in self.broker.consume(self.topic, "%k|%h|%S|%s\\n")]
        for key, headers, size, payload in messages:
            self.assertRegex(headers, f"^nek-id=[0-9a-f]{{32}},one={large}$")
            self.assertEqual([key, size, payload], ["", "7", '{"n":1}'])
        self.assertEqual(len(messages), 2)

    def test_a_dead_letter_of_an_older_nek_is_sent_unless_it_has_headers_whose_names_are_not_known(self):
        self.broker.create(self.topic, 1, "max.message.bytes=300")
        self.write_pipeline("send", "  - stdin: { columns: {s: text} }", self.kafka_output(", compression: none"))
        self.send([f'{{"s":"{"x" * 600}"}}'])
        path = self.folder / "state/dead-letters.ndjson"

        def rewrite(pattern, by):
            """In the file, which must be as long as it was."""
            text = path.read_text()
            new, count = re.subn(pattern, by, text)
            self.assertEqual(count, 1, text)
            path.write_text(new.replace("xxx", "xxx" + "x" * (len(text) - len(new)), 1))

        rewrite(r'"nek2 ([0-9a-f]{32}) 1 0 (.*?) -\\n', r'"nek \1 \2 - 1:v\\n')
        code, said = self.nek("replay", "send.yaml", "--data-dir", "state")
        self.assertEqual(code, 3, said)
        letter = self.records("state/dead-letters.ndjson")[0]
        self.assertEqual([letter["reason"], letter["detail"]],
                         ["envelope", "it is of an older nek, which did not write down what its headers are called"])
        self.limit(100000)
        rewrite(r' - 1:v\\n', r' -\\n')
        code, said = self.nek("replay", "send.yaml", "--data-dir", "state")
        self.assertEqual(code, 0, said)
        self.assertEqual(self.broker.consume(self.topic), ['{"s":"' + "x" * 605 + '"}'])

    def test_without_record_ids_a_message_has_no_header_but_those_that_are_asked_for(self):
        self.broker.create(self.topic, 1)
        for name, more in (("bare", ""), ("one", ", headers: {one: h}")):
            self.write_pipeline(name, "  - stdin: { columns: {n: uint64, h: text} }",
                                self.kafka_output(", record_ids: false, fields: [n]" + more))
            self.send(['{"n":1,"h":"x"}'], name)
        self.assertEqual(self.broker.consume(self.topic, "%h|%s\\n"), ['|{"n":1}', 'one=x|{"n":1}'])

    def test_messages_pass_through_codec_raw_as_they_are(self):
        for topic in (f"{self.topic}-in", self.topic):
            self.broker.create(topic)
        payloads = ["abc\n", "a\n\n", "\n", "abc"]
        for payload in payloads:  # all of a file is one message
            path = self.folder / "message"
            path.write_text(payload)
            subprocess.run(["kcat", "-b", self.broker.address, "-P", "-t", f"{self.topic}-in", path], check=True,
                           timeout=60)
        self.write_pipeline("send", f"  - kafka: {{ brokers: '{self.broker.address}', topics: {self.topic}-in, group: g, "
                                    "codec: raw, at_end: stop }", self.kafka_output(", codec: raw, field: message"))
        self.send([])
        self.assertEqual(self.broker.consume(self.topic, "%S "), ["4 3 1 3 "])

    def test_a_check_makes_no_topic(self):
        self.write_pipeline("send", "  - stdin: { columns: {n: uint64} }", self.kafka_output())
        _, said = self.nek("check", "--connect", "send.yaml")
        self.assertRegex(said, f"topic '{self.topic}': .*Unknown topic")
        self.assertNotIn(self.topic, self.broker.tool("topics", "--list").split())


if __name__ == "__main__":
    unittest.main()
