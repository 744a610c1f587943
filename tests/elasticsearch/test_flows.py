# SPDX-License-Identifier: Apache-2.0
"""The first users' job against real servers: what is in the indices is what nfdump counts."""

import collections
import os
import re
import subprocess
import unittest

import maxminddb
from search import COUNTRIES, NEK, RECORD, SOURCE, SearchTest, shared

COLUMNS = "fmt:%ts, %sa, %sp, %da, %dp, %byt, %pkt, %out, %pr, %flg"
FILE = SOURCE / "tests/data/nfcapd/cp-mikrotik2023.nfcapd"
# So that what is stored can be summed up by its whole value; the country of the source stands in `sc`.
MAPPING = {"mappings": {"properties": {
    "ts": {"type": "date"}, "byte": {"type": "long"},
    "sa": {"type": "ip", "ignore_malformed": True}, "da": {"type": "ip", "ignore_malformed": True},
    "pr": {"type": "keyword"}, "sc": {"type": "keyword"}, "dc": {"type": "keyword"},
    "flg": {"type": "keyword"}}}}


def nfdump(*arguments):
    done = subprocess.run(["nfdump", "-r", FILE, "-q", "-N", "-6", *arguments], text=True, check=True,
                          capture_output=True, env=os.environ | {"TZ": "UTC"})
    return [line for line in done.stdout.splitlines(keepends=True) if not line.startswith("No match")]


def expected(lines):
    """Flows and bytes by number of the protocol."""
    sums = collections.defaultdict(lambda: (0, 0))
    for line in lines:
        fields = [field.strip() for field in line.split(",")]
        flows, octets = sums[int(fields[8])]
        sums[int(fields[8])] = flows + 1, octets + int(fields[5])
    return dict(sums)


def countries_of(lines):
    """Flows by country of the source, by MaxMind's own reader."""
    with maxminddb.open_database(COUNTRIES) as database:
        found = (database.get(line.split(",")[1].strip()) for line in lines)
        return collections.Counter(record["country_code"] for record in found if record)


def sums(server, index):
    """By protocol: flows and bytes. By country of the source: flows."""
    server.ask("POST", f"/{index}/_refresh")
    by = {"pr": {"terms": {"field": "pr", "size": 500}, "aggs": {"byte": {"sum": {"field": "byte"}}}},
          "sc": {"terms": {"field": "sc", "size": 500}}}
    found = server.ask("POST", f"/{index}/_search?size=0&track_total_hits=true", {"aggs": by})["aggregations"]
    return ({bucket["key"]: (bucket["doc_count"], int(bucket["byte"]["value"]))
             for bucket in found["pr"]["buckets"]},
            {bucket["key"]: bucket["doc_count"] for bucket in found["sc"]["buckets"]})


class Flows:
    """For each of the servers."""

    def setUp(self):
        super().setUp()
        self.server = shared(self.FLAVOUR)
        self.server.remove("flows-*", "syn-*", "days", "rows")

    def test_counts_and_sums_are_nfdumps_and_a_second_run_finds_only_duplicates(self):
        lines = nfdump("-o", COLUMNS)
        # "flags S and not flags AFURP", of the letters that nfdump prints.
        syn = [line for line in lines if re.fullmatch(r"[.CES]*S", line.rsplit(",", 1)[1].strip(" .\n"))]
        self.assertGreater(len(syn), 0)
        (self.folder / "flows.csv").write_text("".join(lines))
        for index in "flows-all", "syn-only":
            self.server.ask("PUT", f"/{index}", MAPPING)
        output = f'hosts: ["{self.server.url}"], fields: {RECORD}'
        self.main_job("\n  - csv: { path: flows.csv, format: nfdump }", "{ chunk_bytes: 64KiB }", f"""
  - es_bulk: {{ id: all, from: split.all, index: flows-all, {output} }}
  - es_bulk: {{ id: syn, from: split.syn, index: syn-only, {output} }}
""")
        numbers = {"ICMP": 1, "TCP": 6, "UDP": 17, "IGMP": 2, "GRE": 47, "ESP": 50, "IPV6-ICMP": 58}
        for repeat in range(2):
            with self.subTest(repeat=repeat):
                self.must_run(arguments=["--from-start", "--report", "report.json"])
                for index, rows in ("flows-all", lines), ("syn-only", syn):
                    protocols, countries = sums(self.server, index)
                    self.assertEqual({numbers[name]: of_it for name, of_it in protocols.items()},
                                     expected(rows))
                    self.assertEqual(self.server.count(index), len(rows))
                    self.assertEqual(countries, countries_of(rows))
                for output, rows in ("all", lines), ("syn", syn):
                    figures = self.figures(output)
                    self.assertEqual((figures["delivered"], figures["duplicate"]),
                                     (0, len(rows)) if repeat else (len(rows), 0))

    def test_a_time_that_was_read_in_istanbul_is_found_at_its_instant(self):
        # 2014-06-10 00:30 in Istanbul, in summer three hours ahead, was still the ninth in UTC.
        (self.folder / "flows.csv").write_text(
            "2014-06-10 00:30:00.250, 82.192.243.163, 1250, 78.160.12.34, 445, 192, 4, 0, 6, ......S.\n")
        self.main_job("\n  - csv: { path: flows.csv, format: nfdump, timezone: Europe/Istanbul }", "{}", f"""
  - es_bulk: {{ from: split.all, hosts: ["{self.server.url}"], index: "flows-%Y.%m.%d", fields: {RECORD} }}
""")
        self.server.ask("PUT", "/flows-2014.06.09", MAPPING)
        self.must_run()
        self.server.ask("POST", "/flows-*/_refresh")
        instant = "2014-06-09T21:30:00.250Z"
        found = self.server.ask("POST", "/flows-*/_search", {"query": {"range": {"ts": {
            "gte": instant, "lte": instant, "format": "strict_date_optional_time"}}}})["hits"]["hits"]
        self.assertEqual([hit["_index"] for hit in found], ["flows-2014.06.09"])
        # A column without a value is left out.
        self.assertEqual(found[0]["_source"], {
            "ts": instant, "sa": "82.192.243.163", "sp": 1250, "sc": "CH", "da": "78.160.12.34",
            "dp": 445, "dc": "TR", "byte": 192, "pkt": 4, "out": 0, "pr": "TCP", "flg": ["S"]})

    def test_the_pipeline_in_the_repository_tells_exporters_apart_and_keeps_no_source_of_all_flows(self):
        self.server.remove("_index_template/flows", "_index_template/syn")
        self.addCleanup(self.server.remove, "_index_template/flows", "_index_template/syn", "flows-*", "syn-*")
        folder = SOURCE / "pipelines"
        done = subprocess.run(
            [NEK, "run", folder / "flows-to-elasticsearch/pipeline.yaml", "--data-dir", "state"], text=True,
            cwd=self.folder, capture_output=True, timeout=120, env=os.environ | {
                "ES": self.server.url, "SEGMENTS": "0", "FIRST": f"{folder}/portscan/sample/flows.csv",
                "SECOND": f"{folder}/flows-to-elasticsearch/sample/*.csv",
                "COUNTRY_DB": f"{SOURCE}/tests/data/geoip/iptoasn-country.mmdb"})
        self.assertEqual(done.returncode, 0, done.stderr)

        def by_exporter(index):
            found = self.server.ask("POST", f"/{index}/_search?size=1", {
                "aggs": {"of": {"terms": {"field": "exporter"}}}})
            return ({bucket["key"]: bucket["doc_count"] for bucket in found["aggregations"]["of"]["buckets"]},
                    found["hits"]["hits"][0])
        flows, one = by_exporter("flows-*")
        self.assertEqual(flows, {"fnf1": 3018, "fnf2": 432})
        self.assertNotIn("_source", one)
        syn, one = by_exporter("syn-*")
        # The flood, and one of the browsing; the first is what quickstart shows.
        self.assertEqual(syn, {"fnf1": 422, "fnf2": 201})
        self.assertEqual(one["_source"]["flg"], ["S"])
        days = {row["index"] for row in self.server.ask("GET", "/_cat/indices/flows-*?format=json&h=index")}
        self.assertEqual(days, {"flows-2022.03.17", "flows-2023.01.25", "flows-2023.11.14"})

    def is_read(self):
        """Whether somebody has the FIFO open for reading."""
        try:
            os.close(os.open(self.folder / "fifo", os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return False
        return True

    def test_two_days_through_one_fifo_are_two_days_in_one_index(self):
        # The same rows but for the day, so that only where they come from tells them apart by place.
        os.mkfifo(self.folder / "fifo")
        self.job(f'{{ hosts: ["{self.server.url}"], index: days }}', path="fifo")
        job = (self.folder / "job.yaml").read_text().replace("csv: {", "fifo: { until: forever,")
        (self.folder / "job.yaml").write_text(job)
        process = self.start_job()
        self.wait_until(self.is_read)
        for day in range(2):
            # Opens at once, because nek reads there, or fails.
            with open(os.open(self.folder / "fifo", os.O_WRONLY | os.O_NONBLOCK), "w") as fifo:
                os.set_blocking(fifo.fileno(), True)
                fifo.writelines(f"{n},{1402358400000 + day * 86_400_000},x\n" for n in range(1000))
            self.wait_until(lambda: self.server.count("days") == 1000 * (day + 1))
        process.terminate()
        self.assertEqual(self.ended(), {"in": 2000, "delivered": 2000, "duplicate": 0,
                                        "dead_letters": 0, "in_flight": 0})

    def test_a_new_file_under_an_old_name_is_no_duplicate_of_the_old_one(self):
        self.job(f'{{ hosts: ["{self.server.url}"], index: rows }}', path="rows.csv")
        for begin in 0, 1000:
            self.rows(1000, begin).rename(self.folder / "rows.csv")
            self.report()
        self.assertEqual(self.server.count("rows"), 2000)
        self.assertEqual(self.figures()["duplicate"], 0)


class OpenSearch(Flows, SearchTest):
    FLAVOUR = "opensearch"


class Elasticsearch(Flows, SearchTest):
    FLAVOUR = "elasticsearch"


if __name__ == "__main__":
    unittest.main()
