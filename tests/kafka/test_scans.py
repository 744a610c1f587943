# SPDX-License-Identifier: Apache-2.0
"""Filter scan_detect on flows that come through a real broker: the alerts are those of the files."""

import json
import unittest

from broker import SOURCE, KafkaTest

SAMPLE = SOURCE / "pipelines/portscan/sample/*.csv"
# Those that the sample was made with, one of each kind and two of one.
SCANNERS = {"162.66.111.37": "vertical", "113.31.175.76": "horizontal", "14.196.59.120": "strobe",
            "187.64.241.175": "block", "21.213.113.41": "vertical"}
FILTERS = "  - scan_detect: { id: scans, own_networks: [10.20.0.0/16, 192.168.0.0/16] }"


def scanners(alerts):
    """What each source was taken for in the end: a scan of many ports begins with a few."""
    return {alert["source.ip"]: alert["scan.type"] for alert in alerts}


class Scans(KafkaTest):
    def detect(self, name, inputs):
        """The alerts, in their order."""
        self.write_pipeline(name, inputs, "  - blackhole: { from: scans.flows }\n"
                            f"  - file: {{ id: alerts, from: scans.alerts, path: {name}.ndjson }}", FILTERS)
        self.run_nek(name)
        return self.records(f"{name}.ndjson")

    def send(self, codec, more=""):
        self.write_pipeline("send", f"  - csv: {{ path: '{SAMPLE}', {codec} }}",
                            f"  - kafka: {{ brokers: '{self.broker.address}', topic: {self.topic}, {more} }}")
        self.run_nek("send")

    def from_kafka(self, more):
        return (f"  - kafka: {{ brokers: '{self.broker.address}', topics: {self.topic}, group: g, "
                f"at_end: stop, {more} }}")

    def test_one_partition_gives_the_same_alerts_as_the_files(self):
        self.broker.create(self.topic)
        self.send("codec: lines", "codec: lines")
        alerts = self.detect("kafka", self.from_kafka("codec: csv, format: nfdump"))
        self.assertEqual(scanners(alerts), SCANNERS)
        from_files = self.detect("files", f"  - csv: {{ path: '{SAMPLE}', format: nfdump }}")
        self.assertEqual([json.dumps(a) for a in alerts], [json.dumps(a) for a in from_files])

    def test_partitions_keyed_by_source_give_the_same_scanners(self):
        self.broker.create(self.topic, 4)
        self.send("format: nfdump", "key: sa, time_format: epoch_millis")
        alerts = self.detect("kafka", self.from_kafka(
            "columns: { ts: epoch_ms, sa: text, sp: uint64, da: text, dp: uint64, byte: uint64, pkt: uint64, "
            "out: uint64, pr: dict, flg: dict }"))
        self.assertEqual(scanners(alerts), SCANNERS)


if __name__ == "__main__":
    unittest.main()
