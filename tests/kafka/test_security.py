# SPDX-License-Identifier: Apache-2.0
"""Input and output kafka where brokers want a password, over TLS: certificates made for the test."""

import subprocess
import tempfile
import pathlib
import re
import unittest

from broker import Broker, KafkaTest, eventually, free_port, numbered


class Security(KafkaTest):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.keys = pathlib.Path(folder.name)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
                        cls.keys / "key.pem", "-out", cls.keys / "ca.pem"], check=True, capture_output=True)
        subprocess.run(["openssl", "pkcs12", "-export", "-in", cls.keys / "ca.pem", "-inkey",
                        cls.keys / "key.pem", "-passout", "pass:secret", "-out", cls.keys / "key.p12"],
                       check=True, capture_output=True)
        plain, controller, cls.port = free_port(), free_port(), free_port()
        login = ("org.apache.kafka.common.security.plain.PlainLoginModule required "
                 'username="broker" password="b" user_nek="right";')
        cls.broker = Broker(
            cls.keys / "broker",
            f"listeners=PLAINTEXT://127.0.0.1:{plain},SASL_SSL://127.0.0.1:{cls.port},"
            f"CONTROLLER://127.0.0.1:{controller}",
            f"advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SASL_SSL://127.0.0.1:{cls.port}",
            f"controller.quorum.voters=1@127.0.0.1:{controller}",
            "inter.broker.listener.name=PLAINTEXT",
            "sasl.enabled.mechanisms=PLAIN", f"listener.name.sasl_ssl.plain.sasl.jaas.config={login}",
            "ssl.keystore.type=PKCS12", f"ssl.keystore.location={cls.keys}/key.p12",
            "ssl.keystore.password=secret", "ssl.key.password=secret")
        cls.addClassCleanup(lambda: cls.broker.stop(kill=True))
        cls.broker.address = f"127.0.0.1:{plain}"

    def endpoint(self, password="right", tls=None):
        (self.folder / f"password-{password}").write_text(password)
        tls = tls or f"{{ ca_file: {self.keys}/ca.pem }}"
        return (f"brokers: '127.0.0.1:{self.port}', tls: {tls}, sasl: {{ mechanism: PLAIN, "
                f"username: nek, password_file: {self.folder}/password-{password} }}")

    def test_records_pass_with_the_password_and_the_certificate(self):
        self.broker.create(self.topic)
        (self.folder / "in.ndjson").write_text("".join(line + "\n" for line in numbered(100)))
        self.write_pipeline("send", "  - csv: { path: in.ndjson, codec: json, columns: {n: uint64} }",
                            f"  - kafka: {{ {self.endpoint()}, topic: {self.topic} }}")
        self.run_nek("send")
        self.write_pipeline("read", f"  - kafka: {{ {self.endpoint()}, topics: {self.topic}, group: g, "
                                    "at_end: stop, columns: {n: uint64} }", "  - file: { path: out.ndjson }")
        self.run_nek("read")
        self.assertEqual(self.numbers("out.ndjson"), list(range(100)))

    def fails_with(self, endpoint, text):
        self.write_pipeline("read", f"  - kafka: {{ {endpoint}, topics: t, group: g }}",
                            "  - blackhole: {}")
        child = self.start_nek("read")
        eventually(text, lambda: re.search(text, self.log("read")))
        self.finish(child)
        self.assertLess(len(self.log("read").splitlines()), 15, self.log("read"))

    def test_a_wrong_password_is_told(self):
        self.fails_with(self.endpoint("wrong"), "warning kafka: .*uthentication failed.*see the option 'sasl'")

    def test_a_certificate_that_nobody_vouches_for_is_told(self):
        self.fails_with(self.endpoint(tls="{}"), "warning kafka: .*certificate.*see the option 'tls'")


if __name__ == "__main__":
    unittest.main()
