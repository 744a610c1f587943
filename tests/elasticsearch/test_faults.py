# SPDX-License-Identifier: Apache-2.0
"""Real servers that refuse, have too much, stop and die: nothing is lost and nothing is there twice."""

import json
import subprocess
import unittest

from search import NEK, Node, SearchTest, peak_memory


class WithNode(SearchTest):
    FLAVOUR, SETTINGS = "opensearch", ()

    @classmethod
    def setUpClass(cls):
        cls.server = Node(cls.FLAVOUR, *cls.SETTINGS)
        cls.addClassCleanup(cls.server.close)

    def setUp(self):
        super().setUp()
        self.server.remove("rows*")

    def output(self, more="", index="rows"):
        return f'{{ hosts: ["{self.server.url}"], index: {index}{more} }}'

    def replay(self):
        done = subprocess.run([NEK, "replay", "job.yaml", "--data-dir", "state"], cwd=self.folder, text=True,
                              capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stderr

    def check_all_are_there(self, count, figures, index="rows"):
        self.assertEqual(self.server.count(index), count)
        self.assertEqual(figures["delivered"] + figures["duplicate"], count)
        self.assertEqual((figures["in"], figures["dead_letters"], figures["in_flight"]), (count, 0, 0))


class Refusals:
    def test_what_the_server_refuses_is_a_dead_letter_and_the_rest_is_there(self):
        self.server.ask("PUT", "/rows", {"mappings": {"properties": {"text": {"type": "long"}}}})
        path = self.rows(1000, text="7")
        rows = path.read_text().splitlines(keepends=True)
        for at in 3, 500, 999:
            rows[at] = rows[at].replace(",7\n", ",many\n")
        path.write_text("".join(rows))
        self.job(self.output())
        figures = self.report()
        self.assertEqual(figures, {"in": 1000, "delivered": 997, "duplicate": 0, "dead_letters": 3,
                                   "in_flight": 0})
        self.assertEqual(self.server.count("rows"), 997)
        letters = self.records("state/dead-letters.ndjson")
        self.assertEqual({letter["reason"] for letter in letters}, {"mapper_parsing_exception"})
        for letter, n in zip(sorted(letters, key=lambda letter: letter["encoded"].split('"n":')[1]), (3, 500, 999)):
            self.assertIn("failed to parse field [text] of type [long]", letter["detail"])
            action, document = map(json.loads, letter["encoded"].splitlines())
            self.assertEqual(action["create"]["_index"], "rows")
            self.assertEqual(document, {"n": n, "ts": f"2014-06-10T00:00:00.{n:03}Z", "text": "many"})
        # The mapping is mended: what it cannot read is left out of the index, and the document is there.
        self.server.ask("PUT", "/rows/_mapping", {"properties": {"text": {"type": "long", "ignore_malformed": True}}})
        self.assertIn("3 of 3 dead letters replayed", self.replay())
        self.assertEqual(self.server.count("rows"), 1000)
        found = self.server.ask("GET", "/rows/_search?q=_exists_:_ignored&sort=n")["hits"]["hits"]
        self.assertEqual([hit["_source"]["text"] for hit in found], ["many"] * 3)
        self.assertIn("there are no dead letters", self.replay())

    def test_documents_that_are_there_already_are_duplicates(self):
        self.rows(2000)
        self.job(self.output())
        self.assertEqual(self.report()["delivered"], 2000)
        again = self.report(arguments=["--from-start"])
        self.assertEqual(again, {"in": 2000, "delivered": 0, "duplicate": 2000, "dead_letters": 0,
                                 "in_flight": 0})
        self.assertEqual(self.server.count("rows"), 2000)

    def test_records_of_two_days_go_to_the_index_of_their_day(self):
        (self.folder / "rows.csv").write_text("1,1402358399999,a\n2,1402358400000,b\n3,,c\n")
        self.job(self.output(index='"rows-%Y.%m.%d"'))
        figures = self.report()
        self.assertEqual((figures["delivered"], figures["dead_letters"]), (2, 1))
        self.assertEqual(self.server.count("rows-2014.06.09"), 1)
        self.assertEqual(self.server.count("rows-2014.06.10"), 1)
        self.assertEqual([letter["reason"] for letter in self.records("state/dead-letters.ndjson")], ["no_time"])

    def test_documents_of_an_index_that_is_blocked_wait_until_it_is_not(self):
        self.server.ask("PUT", "/rows", {"settings": {"index.blocks.write": True}})
        self.rows(1000)
        self.job(self.output())
        self.start_job()
        self.wait_until(lambda: "records are sent again" in self.log())
        self.assertIn("cluster_block_exception", self.log())
        self.server.ask("PUT", "/rows/_settings", {"index.blocks.write": False})
        self.check_all_are_there(1000, self.ended())

    def test_a_server_that_is_killed_and_starts_again_has_all_of_them_once(self):
        self.rows(150_000)
        self.job(self.output(", max_request_bytes: 64KiB"), settings="{ chunk_bytes: 16KiB }")
        self.start_job()
        self.wait_until(lambda: self.server.count("rows") > 0)
        self.server.kill()
        self.wait_until(lambda: "will send again" in self.log())
        self.server.start()
        self.check_all_are_there(150_000, self.ended())


class Overload(WithNode):
    # One thread writes, one request may wait; bodies of more than 1 MB are refused.
    SETTINGS = ("node.processors=1", "thread_pool.write.queue_size=1", "http.max_content_length=1mb")

    def test_items_that_found_the_queue_full_are_sent_again_and_only_they(self):
        self.server.ask("PUT", "/rows", {"settings": {"number_of_shards": 2, "number_of_replicas": 0}})
        self.rows(100_000)
        self.job(self.output(", max_in_flight: 16, max_request_bytes: 256KiB"))
        self.start_job()
        self.check_all_are_there(100_000, self.ended())
        pools = self.server.ask("GET", "/_cat/thread_pool/write?format=json&h=rejected")
        self.assertGreater(int(pools[0]["rejected"]), 0, "nothing was refused: the test shows nothing")
        # Whatever was taken was not sent again.
        self.assertEqual(self.figures()["duplicate"], 0)

    def test_bodies_that_are_too_large_become_smaller_and_stay_so(self):
        self.rows(20_000, text="x" * 200)
        self.job(self.output(), settings="{ chunk_bytes: 4MiB }")
        self.start_job()
        self.check_all_are_there(20_000, self.ended())

    def test_a_document_that_is_larger_than_the_server_takes_is_a_dead_letter(self):
        path = self.rows(3)
        path.write_text(path.read_text() + "3,0," + "x" * 1_200_000 + "\n" + "4,0,x\n")
        self.job(self.output(), settings="{ max_record_bytes: 2MiB, chunk_bytes: 4MiB }")
        figures = self.report()
        self.assertEqual((figures["delivered"], figures["dead_letters"]), (4, 1))
        self.assertEqual([letter["reason"] for letter in self.records("state/dead-letters.ndjson")],
                         ["too_large"])


class Pressure(WithNode):
    SETTINGS = ("indexing_pressure.memory.limit=1mb",)

    def test_requests_that_are_refused_as_a_whole_are_sent_again(self):
        self.rows(60_000, text="x" * 100)
        self.job(self.output(), settings="{ chunk_bytes: 1MiB }")
        self.start_job()
        self.check_all_are_there(60_000, self.ended())
        stats = self.server.ask("GET", "/_nodes/stats/indexing_pressure")["nodes"]
        [node] = stats.values()
        rejected = node["indexing_pressure"]["memory"]["total"]["coordinating_rejections"]
        self.assertGreater(rejected, 0, "nothing was refused: the test shows nothing")


class Stops:
    def test_while_the_server_stands_still_memory_stays_in_its_bound_and_nothing_is_lost(self):
        self.rows(400_000, text="x" * 100)
        self.job(self.output(", timeout: 2s").replace(" }", ", buffer: { max_bytes: 4MiB } }"),
                 settings="{ memory: 16MiB, workers: 2 }")
        self.start_job()
        self.wait_until(lambda: self.server.count("rows") > 0)
        self.server.suspend()
        self.addCleanup(self.server.resume)
        self.wait_until(lambda: "imed out" in self.log())
        peak = peak_memory(self.process.pid)
        self.server.resume()
        figures = self.ended()
        print(f"most memory until the server went on: {peak / 1e6:.0f} MB")
        self.assertLess(peak, 80e6)
        self.check_all_are_there(400_000, figures)

    def test_nek_that_is_killed_goes_on_and_all_of_them_are_there_once(self):
        self.rows(60_000)
        self.job(self.output(", max_request_bytes: 64KiB"),
                 settings="{ chunk_bytes: 16KiB, snapshot_interval: 50ms }")
        process = self.start_job()
        self.wait_until(lambda: (self.folder / "state/state").exists() and self.server.count("rows") > 0)
        process.kill()
        process.wait()
        self.start_job()
        self.check_all_are_there(60_000, self.ended())

    def test_a_server_that_comes_later_is_waited_for(self):
        self.server.kill()
        self.rows(100)
        self.job(self.output())
        self.start_job()
        self.wait_until(lambda: "will send again" in self.log())
        self.server.start()
        self.check_all_are_there(100, self.ended())


class OpenSearch(Refusals, Stops, WithNode):
    pass


class Elasticsearch(Refusals, WithNode):
    FLAVOUR = "elasticsearch"


class TwoNodes(SearchTest):
    def test_of_two_nodes_one_dies_and_nothing_is_lost(self):
        first = Node("opensearch", "node.name=one", "discovery.type=zen", "discovery.seed_hosts=",
                     "cluster.initial_cluster_manager_nodes=one")
        self.addCleanup(first.close)
        nodes = first.ask("GET", "/_nodes/_local/transport")["nodes"]
        [address] = [node["transport_address"] for node in nodes.values()]
        second = Node("opensearch", "node.name=two", "discovery.type=zen", "node.roles=data,ingest",
                      f"discovery.seed_hosts={address}")
        self.addCleanup(second.close)
        self.wait_until(lambda: first.ask("GET", "/_cluster/health")["number_of_nodes"] == 2)
        first.ask("PUT", "/rows", {"settings": {"number_of_shards": 2, "number_of_replicas": 1}})
        first.ask("GET", "/_cluster/health/rows?wait_for_status=green&timeout=60s")
        self.rows(80_000)
        self.job(f'{{ hosts: ["{first.url}", "{second.url}"], index: rows, max_request_bytes: 64KiB }}',
                 settings="{ chunk_bytes: 16KiB }")
        self.start_job()
        self.wait_until(lambda: first.count("rows") > 0)
        second.kill()
        figures = self.ended()
        self.assertEqual(first.count("rows"), 80_000)
        self.assertEqual(figures["delivered"] + figures["duplicate"], 80_000)
        self.assertEqual(figures["dead_letters"], 0)


if __name__ == "__main__":
    unittest.main()
