# SPDX-License-Identifier: Apache-2.0
"""What happens around the records: templates, data streams, the end of an import, checks, TLS, keys."""

import base64
import os
import ssl
import subprocess
import sys
import unittest

from search import NEK, SOURCE, SearchTest, shared

sys.path.insert(0, str(SOURCE / "tests/support"))
from fault_proxy import FaultProxy  # noqa: E402

# Two flows; nfdump shortened the second one's source, which is no address any more.
FLOWS = """\
2014-06-10 00:38:02.123, 82.192.243.163, 1250, 78.160.12.34, 445, 192, 4, 0, 6, ......S.
2014-06-10 00:38:03.000, 2001:6..0:1111, 1251, 2001:db8::1, 443, 1000, 7, 3, 6, ...AP.S.
"""


class WithServer(SearchTest):
    FLAVOUR = "opensearch"

    def setUp(self):
        super().setUp()
        self.server = shared(self.FLAVOUR)
        self.server.remove("flows-*", "alerts-*", "_data_stream/stream-*", "_index_template/nek-*")

    def flows(self, output, **options):
        (self.folder / "flows.csv").write_text(FLOWS)
        self.main_job("\n  - csv: { path: flows.csv, format: nfdump }", "{}",
                      f'\n  - es_bulk: {{ from: split.all, hosts: ["{self.server.url}"], {output} }}\n')
        return self.report(**options)

    def alerts(self, options):
        """The alerts of the made scans in the sample, into alerts-2023.01; the report."""
        (self.folder / "job.yaml").write_text(f"""
inputs: [csv: {{ path: '{SOURCE}/pipelines/portscan/sample/*.csv', format: nfdump }}]
filters: [scan_detect: {{ id: scans, own_networks: [10.20.0.0/16] }}]
outputs:
  - es_bulk: {{ from: scans.alerts, hosts: "{self.server.url}", index: "alerts-%Y.%m", time_field: "@timestamp",
                on_end: {{ refresh: true }}, {options} }}
""")
        return self.report()

    def types(self, index):
        """Of all fields of an index: {"event.start": "date"}; of those with sub-fields their own."""
        found = {}

        def walk(properties, before):
            for name, field in properties.items():
                if "type" in field:
                    found[before + name] = field["type"]
                walk(field.get("properties", {}), before + name + ".")
        walk(self.server.ask("GET", f"/{index}/_mapping")[index]["mappings"]["properties"], "")
        return found

    def found(self, index, query):
        return self.server.ask("POST", f"/{index}/_search", {"query": query})["hits"]["total"]["value"]

    def template(self, name="nek-flows"):
        return self.server.ask("GET", f"/_index_template/{name}")["index_templates"][0]["index_template"]


class Templates:
    def test_the_profile_for_flows_makes_indices_in_which_they_can_be_searched(self):
        self.assertEqual(self.flows('index: "flows-%Y.%m", template: { name: nek-flows, replicas: 0 }, '
                                    'on_end: { refresh: true }')["delivered"], 2)
        index = self.server.ask("GET", "/flows-2014.06")["flows-2014.06"]
        types = {name: field["type"] for name, field in index["mappings"]["properties"].items()}
        self.assertEqual(types, {
            "ts": "date", "sa": "ip", "sp": "integer", "sc": "keyword", "da": "ip", "dp": "integer",
            "dc": "keyword", "byte": "long", "pkt": "long", "out": "integer", "pr": "keyword",
            "flg": "keyword", "exporter": "keyword"})
        self.assertIn(index["settings"]["index"]["codec"], ("zstd", "best_compression"))
        self.assertEqual(index["settings"]["index"]["sort"]["field"], "ts")

        def found(query):
            return self.server.ask("POST", "/flows-2014.06/_search", {"query": query})["hits"]["total"]["value"]
        self.assertEqual(found({"term": {"sa": "82.192.0.0/16"}}), 1)
        self.assertEqual(found({"term": {"da": "2001:db8::/32"}}), 1)
        self.assertEqual(found({"term": {"_ignored": "sa"}}), 1)  # the shortened one is stored all the same
        self.assertEqual(found({"term": {"flg": "S"}}), 2)

    def test_without_source_documents_are_counted_but_not_kept_as_they_came(self):
        self.flows("index: flows-all, template: { name: nek-flows, source: false }, on_end: { refresh: true }")
        hits = self.server.ask("GET", "/flows-all/_search")["hits"]["hits"]
        self.assertEqual(len(hits), 2)
        self.assertNotIn("_source", hits[0])

    def test_by_the_names_of_ecs_documents_have_those_and_the_short_ones_are_aliases(self):
        # Some columns of a record, and one with another name than ECS has for it.
        figures = self.flows("index: flows-ecs, template: { name: nek-flows, names: ecs }, "
                             "fields: [ts, sa, sp, da, pr, flg], rename: { flg: flags }, on_end: { refresh: true }")
        self.assertEqual((figures["delivered"], figures["dead_letters"]), (2, 0))
        query = {"term": {"sa": "82.192.243.163"}}
        self.assertEqual(self.found("flows-ecs", query), 1)
        self.assertEqual(self.found("flows-ecs", {"term": {"source.ip": "82.192.243.163"}}), 1)
        hits = self.server.ask("POST", "/flows-ecs/_search", {"query": query})["hits"]["hits"]
        self.assertEqual(hits[0]["_source"], {
            "@timestamp": 1402360682123, "source.ip": "82.192.243.163", "source.port": 1250,
            "destination.ip": "78.160.12.34", "network.transport": "TCP", "flags": ["S"]})

    def test_by_the_names_of_ecs_a_column_of_ones_own_may_have_one_and_no_column_must_be_there(self):
        (self.folder / "rows.csv").write_text("1402360682123,82.192.243.163,1250\n")

        def job(rename):
            self.job(f'{{ hosts: ["{self.server.url}"], index: flows-ecs, rename: {rename}, '
                     "template: { name: nek-flows, names: ecs }, on_end: { refresh: true } }",
                     columns="{ts: epoch_ms, src: text, sp: uint64}")
            return subprocess.run([NEK, "check", "job.yaml"], cwd=self.folder, text=True, capture_output=True)

        checked = job("{ srcc: source.ip }")
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertIn("warning: es_bulk: writes column 'srcc', which nobody makes before it", checked.stderr)
        checked = job("{ src: source.ip }")
        self.assertEqual((checked.returncode, checked.stderr), (0, ""))
        figures = self.report()
        self.assertEqual((figures["delivered"], figures["dead_letters"]), (1, 0))
        hits = self.server.ask("POST", "/flows-ecs/_search", {"query": {"term": {"sa": "82.192.243.163"}}})
        self.assertEqual([hit["_source"] for hit in hits["hits"]["hits"]], [
            {"@timestamp": 1402360682123, "source.ip": "82.192.243.163", "source.port": 1250}])

    def test_without_a_template_times_are_found_as_times(self):
        self.assertEqual(self.flows("index: flows-none, on_end: { refresh: true }")["delivered"], 2)
        self.assertEqual(self.types("flows-none")["ts"], "date")
        self.assertEqual(self.found("flows-none", {"range": {"ts": {
            "gte": "2014-06-10T00:38:02.123Z", "lt": "2014-06-10T00:38:02.124Z"}}}), 1)
        self.alerts("document_id: event.id")
        types = self.types("alerts-2023.01")
        self.assertEqual({types[name] for name in ("@timestamp", "event.start", "event.end")}, {"date"})

    def test_the_template_for_alerts_makes_an_index_in_which_they_can_be_searched(self):
        figures = self.alerts("template: { name: nek-alerts, records: alerts, replicas: 0 }")
        self.assertGreater(figures["delivered"], 10)
        self.assertEqual(figures["delivered"], figures["in"])
        types = self.types("alerts-2023.01")
        self.assertEqual({name: types[name] for name in (
            "@timestamp", "event.start", "event.end", "event.action", "event.severity", "source.ip",
            "destination.ip", "message", "threat.technique.id", "scan.type", "scan.hosts",
            "scan.failed_ratio", "scan.score", "scan.exact", "scan.sample_hosts")}, {
                "@timestamp": "date", "event.start": "date", "event.end": "date", "event.action": "keyword",
                "event.severity": "long", "source.ip": "ip", "destination.ip": "ip",
                "message": "text", "threat.technique.id": "keyword", "scan.type": "keyword", "scan.hosts": "long",
                "scan.failed_ratio": "double", "scan.score": "double", "scan.exact": "boolean",
                "scan.sample_hosts": "ip"})
        self.assertGreater(self.found("alerts-*", {"term": {"source.ip": "113.31.0.0/16"}}), 0)
        self.assertEqual(self.found("alerts-*", {"range": {"event.start": {
            "gte": "2023-01-25", "lt": "2023-01-27"}}}), figures["delivered"])
        self.assertEqual(self.template("nek-alerts")["index_patterns"], ["alerts-*.*"])

    def test_a_template_is_replaced_by_a_newer_version_and_never_by_an_older_one(self):
        for version, expected in (2, 2), (1, 2), (3, 3):
            with self.subTest(version):
                self.flows(f"index: flows-all, template: {{ name: nek-flows, version: {version} }}",
                           arguments=["--from-start"])
                self.assertEqual(self.template()["version"], expected)

    def test_a_template_of_ones_own_is_installed_as_it_is(self):
        (self.folder / "own.json").write_text('{"template": {"mappings": {"properties": {"byte": {"type": "double"}}}}}')
        self.flows("index: flows-own, template: { name: nek-flows, file: own.json }")
        mapping = self.server.ask("GET", "/flows-own/_mapping")["flows-own"]["mappings"]
        self.assertEqual(mapping["properties"]["byte"], {"type": "double"})
        self.assertEqual(self.template()["index_patterns"], ["flows-own"])

    def test_at_the_end_each_index_is_merged_into_one_segment(self):
        (self.folder / "rows.csv").write_text("".join(f"{n},{n % 2 * 86400000},x\n" for n in range(20_000)))
        self.job(f'{{ hosts: ["{self.server.url}"], index: "flows-%Y.%m.%d", max_request_bytes: 64KiB, '
                 "on_end: { refresh: true, force_merge: 1 } }", settings="{ chunk_bytes: 16KiB }")
        said = self.must_run().stderr
        self.assertIn("merging flows-1970.01.01 into 1 segment (index 1 of 2)", said)
        self.assertIn("merging flows-1970.01.02 into 1 segment (index 2 of 2)", said)
        # Found without another refresh, and in one segment a shard.
        self.assertEqual(self.server.ask("GET", "/flows-*/_count")["count"], 20_000)
        segments = self.server.ask("GET", "/_cat/segments/flows-*?format=json&h=index,docs.count")
        self.assertEqual([(s["index"], s["docs.count"]) for s in sorted(segments, key=lambda s: s["index"])],
                         [("flows-1970.01.01", "10000"), ("flows-1970.01.02", "10000")])


    def test_before_it_waits_for_the_server_it_says_so(self):
        self.rows(10)
        self.job(f'{{ hosts: ["{self.server.url}"], index: flows-all, on_end: {{ force_merge: 1 }}, '
                 "template: { name: nek-flows, source: false } }")
        self.start_job()
        self.wait_until(lambda: "before the merge it waits" in self.log())


class OpenSearch(Templates, WithServer):
    def test_data_streams_take_documents_by_create_and_know_duplicates(self):
        for begin in range(2):
            figures = self.flows("index: stream-flows, template: { name: nek-stream, data_stream: true }",
                                 arguments=["--from-start"])
            self.assertEqual((figures["delivered"], figures["duplicate"]), (0, 2) if begin else (2, 0))
        stream = self.server.ask("GET", "/_data_stream/stream-flows")["data_streams"][0]
        self.assertEqual(stream["timestamp_field"]["name"], "ts")
        self.assertEqual(self.server.count("stream-flows"), 2)


class Elasticsearch(Templates, WithServer):
    FLAVOUR = "elasticsearch"


class Connect(WithServer):
    def check(self, output, code):
        self.rows(1)
        self.job(output)
        done = subprocess.run([NEK, "check", "--connect", "job.yaml"], cwd=self.folder, text=True,
                              capture_output=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def test_it_says_who_answers_and_whether_the_template_is_there(self):
        other = shared("elasticsearch")
        said = self.check(f'{{ hosts: ["{self.server.url}", "{other.url}"], index: rows, '
                          "template: { name: nek-connect } }", 0)
        self.assertEqual(said, (
            "job.yaml: good\n"
            f"es_bulk: {self.server.url}: OpenSearch 2.19.6, cluster nek-test\n"
            f"es_bulk: {self.server.url}: template nek-connect is not there; the first run installs it\n"
            f"es_bulk: {other.url}: Elasticsearch 7.17.28, cluster nek-test\n"
            f"es_bulk: {other.url}: template nek-connect is not there; the first run installs it\n"))
        with self.assertRaises(Exception):
            self.template("nek-connect")  # nothing was changed

    def test_a_server_that_is_not_there_is_code_1(self):
        said = self.check('{ hosts: ["http://127.0.0.1:1"], index: rows }', 1)
        self.assertRegex(said, r"es_bulk: error: http://127\.0\.0\.1:1: .*refused")

    def test_a_key_that_is_refused_is_code_1(self):
        with FaultProxy(self.server.url, check=lambda headers: 401) as proxy:
            said = self.check(f'{{ hosts: ["{proxy.url}"], index: rows }}', 1)
        self.assertIn("es_bulk: error: " + proxy.url + ": GET / is answered with 401 security_exception", said)


class WithSecrets(WithServer):
    def deliver(self, proxy, options, **variables):
        self.rows(10)
        self.job(f'{{ hosts: ["{proxy.url}"], index: flows-secret, {options} }}')
        environment = os.environ | variables
        done = subprocess.run(self.command() + ["--from-start", "--log-level", "debug"], cwd=self.folder, text=True,
                              capture_output=True, timeout=120, env=environment)
        printed = subprocess.run([NEK, "check", "--print", "job.yaml"], cwd=self.folder, text=True,
                                 capture_output=True, env=environment)
        self.assertEqual(printed.returncode, 0, printed.stderr)
        self.assertNotIn("s3cr3t", done.stdout + done.stderr + printed.stdout + printed.stderr)
        return done


class Secrets(WithSecrets):
    def check_header(self, options, expected):
        seen = []

        def check(headers):
            seen.append(headers.get("authorization"))
        with FaultProxy(self.server.url, check=check) as proxy:
            self.assertEqual(self.deliver(proxy, options, KEY="s3cr3t").returncode, 0)
        self.assertEqual(set(seen), {expected})

    def test_who_we_are_is_said_as_the_server_wants_it_and_never_printed(self):
        basic = "Basic " + base64.b64encode(b"me:s3cr3t").decode()
        self.check_header('user: me, password: "${KEY}"', basic)
        self.check_header('api_key: "${KEY}"', "ApiKey s3cr3t")
        self.check_header('bearer: "${KEY}"', "Bearer s3cr3t")
        (self.folder / "key").write_text("s3cr3t\n")
        self.check_header("api_key_file: key", "ApiKey s3cr3t")


class Tls(WithSecrets):
    def setUp(self):
        super().setUp()
        for name in "server", "client", "other":
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                            "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "2",
                            "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"],
                           cwd=self.folder, check=True, capture_output=True)

    def tls_proxy(self, wants_client=False):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        if wants_client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.folder / "client.pem")
        proxy = FaultProxy(self.server.url, tls=context)
        self.addCleanup(proxy.close)
        return proxy

    def fingerprint(self):
        key = subprocess.run("openssl x509 -in server.pem -pubkey -noout | openssl pkey -pubin -outform der | "
                             "openssl dgst -sha256 -binary | base64", shell=True, cwd=self.folder, check=True,
                             capture_output=True, text=True).stdout
        return "sha256//" + key.strip()

    def test_a_server_is_believed_by_its_certificate_its_key_or_not_at_all(self):
        proxy = self.tls_proxy()
        for tls in "ca_file: server.pem", f"fingerprint: '{self.fingerprint()}'", "verify: false":
            with self.subTest(tls):
                self.assertEqual(self.deliver(proxy, f"tls: {{ {tls} }}").returncode, 0)

    def check_is_not_believed(self, tls, why):
        proxy = self.tls_proxy()
        self.rows(1)
        self.job(f'{{ hosts: ["{proxy.url}"], index: flows-tls, tls: {{ {tls} }} }}')
        self.start_job()
        self.wait_until(lambda: "paused" in self.log())
        self.process.kill()
        self.process.wait()
        self.assertRegex(self.log(), why + ".*; see the options of 'tls'")
        self.assertEqual(proxy.requests, [])

    def test_a_server_that_nobody_vouches_for_gets_nothing(self):
        self.check_is_not_believed("", "certificate")
        self.check_is_not_believed("ca_file: other.pem", "certificate")
        self.check_is_not_believed("fingerprint: 'sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='",
                                   "public key")

    def test_a_server_that_asks_who_we_are_gets_our_certificate(self):
        proxy = self.tls_proxy(wants_client=True)
        done = self.deliver(proxy, "tls: { ca_file: server.pem, certificate: client.pem, key: client.key }")
        self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
