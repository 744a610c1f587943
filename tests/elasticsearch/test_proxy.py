# SPDX-License-Identifier: Apache-2.0
"""What no server can be made to do, by a proxy before a real one: each document is there once."""

import sys
import time
import unittest

from search import SOURCE, SearchTest, shared

sys.path.insert(0, str(SOURCE / "tests/support"))
from fault_proxy import (FaultProxy, answer, black_hole, cut_json, cut_reply, garbage, no_http,  # noqa: E402
                         one_item_less, reset_reply, reset_request)


class Proxy(SearchTest):
    def setUp(self):
        super().setUp()
        self.server = shared("opensearch")
        self.server.remove("proxied")

    def proxy(self, *faults):
        proxy = FaultProxy(self.server.url)
        self.addCleanup(proxy.close)
        proxy.faults = list(faults)
        return proxy

    def output(self, *proxies, more=""):
        hosts = ", ".join(f'"{proxy.url}"' for proxy in proxies)
        return f"{{ hosts: [{hosts}], index: proxied, max_request_bytes: 64KiB{more} }}"

    def run_through(self, *faults, rows=5000, more=""):
        """Figures and log of a run in which the first requests meet these faults."""
        self.server.remove("proxied")
        proxy = self.proxy(*faults)
        self.rows(rows)
        self.job(self.output(proxy, more=more), settings="{ chunk_bytes: 16KiB }")
        self.start_job()
        figures = self.ended()
        self.assertEqual(proxy.faults, [], "not all faults were met")
        self.assertEqual(self.server.count("proxied"), rows)
        self.assertEqual((figures["in"], figures["dead_letters"], figures["in_flight"]), (rows, 0, 0))
        self.assertEqual(figures["delivered"] + figures["duplicate"], rows)
        return figures, self.log(), proxy

    def test_connections_that_are_reset_while_a_request_is_sent_lose_nothing(self):
        figures, log, _ = self.run_through(reset_request(0), reset_request(1000), None, reset_request(30_000))
        self.assertEqual(figures["duplicate"], 0)
        self.assertIn("will send again", log)

    def test_answers_that_are_lost_make_duplicates_that_are_counted_and_not_there(self):
        for fault in reset_reply, cut_reply, cut_json, garbage, no_http, one_item_less:
            with self.subTest(fault.__name__):
                self.setUp()
                figures, log, _ = self.run_through(fault, None, fault)
                self.assertGreater(figures["duplicate"], 0)
                self.assertIn("will send again", log)

    def test_an_answer_that_makes_no_sense_is_said_to_make_none(self):
        _, log, _ = self.run_through(one_item_less)
        self.assertRegex(log, r"cannot be made sense of: it speaks of \d+ documents, not of \d+")

    def test_a_server_that_never_answers_is_given_up_after_the_timeout(self):
        figures, log, _ = self.run_through(black_hole, more=", timeout: 1s")
        self.assertIn("imed out", log)
        self.assertEqual(figures["delivered"], 5000)

    def test_a_server_that_answers_slowly_gets_all_and_is_given_no_more_than_its_bound(self):
        under_way, most = [], []

        def slow(exchange):
            under_way.append(exchange)
            most.append(len(under_way))
            status, _, body = exchange.forward()
            time.sleep(0.3)
            under_way.remove(exchange)
            exchange.answer(status, body)
        figures, log, _ = self.run_through(*[slow] * 6, more=", max_in_flight: 2")
        self.assertEqual((figures["delivered"], figures["duplicate"]), (5000, 0))
        self.assertNotIn("will send again", log)
        self.assertLessEqual(max(most), 2)

    def test_while_one_server_never_answers_the_other_one_gets_the_records(self):
        dead, alive = self.proxy(*[black_hole] * 1000), self.proxy()
        self.rows(20_000)
        self.job(self.output(dead, alive, more=", timeout: 1s"), settings="{ chunk_bytes: 16KiB }")
        self.start_job()
        figures = self.ended()
        self.assertEqual(self.server.count("proxied"), 20_000)
        self.assertEqual(figures["delivered"], 20_000)
        # It was left alone: a few requests found out, the others went elsewhere.
        self.assertLess(len(dead.requests), len(alive.requests))

    def test_a_server_that_hangs_up_on_large_bodies_gets_smaller_ones(self):
        def hang_up_on_large(exchange):
            if exchange.length > 300_000:
                exchange.body(100_000)
                return exchange.reset()
            status, _, body = exchange.forward()
            return exchange.answer(status, body)
        proxy = self.proxy(*[hang_up_on_large] * 1000)
        self.rows(20_000, text="x" * 100)
        self.job(self.output(proxy).replace("64KiB", "1MiB"), settings="{ chunk_bytes: 2MiB }")
        self.start_job()
        figures = self.ended()
        self.assertEqual((figures["delivered"], figures["dead_letters"]), (20_000, 0))
        self.assertEqual(self.server.count("proxied"), 20_000)

    def test_nothing_is_sent_before_the_time_that_the_server_names(self):
        self.run_through(answer(429, b"{}", [("Retry-After", "1")]))
        self.assertIn("will send again in 1000 ms", self.log())

    def test_a_key_that_is_refused_pauses_and_drops_nothing(self):
        figures, log, _ = self.run_through(answer(401, b'{"error":{"type":"security_exception","reason":"no"}}'))
        self.assertIn("paused in 5000 ms: the server answers 401 security_exception: no; nothing is dropped", log)
        self.assertEqual(figures["delivered"], 5000)

    def test_a_document_that_went_to_the_failure_store_is_counted_and_said(self):
        reply = (b'{"errors":false,"items":[{"create":{"status":201,"failure_store":"used","error":'
                 b'{"type":"mapper_parsing_exception","reason":"no number"}}}]}')
        proxy = self.proxy(answer(200, reply))
        self.rows(1)
        self.job(self.output(proxy))
        self.start_job()
        self.assertEqual(self.ended()["delivered"], 1)
        self.assertIn("1 documents went to the failure store, not to their data stream: "
                      "mapper_parsing_exception: no number", self.log())

    def test_gzip_bodies_are_what_the_server_reads(self):
        _, _, proxy = self.run_through(more=", compression: gzip")
        self.assertLess(sum(proxy.requests), 5000 * 60)


if __name__ == "__main__":
    unittest.main()
