# SPDX-License-Identifier: Apache-2.0
"""Dead letters: what they hold, how much room they take, and how they are replayed."""

import json
import random
import signal
import subprocess
import unittest

from e2e import NEK, NekTest

FAST = "{ workers: 2, chunk_bytes: 4KiB, linger: 5ms, snapshot_interval: 10ms, snapshot_bytes: 64KiB }"


class Replay(NekTest):
    def job(self, text):
        (self.folder / "job.yaml").write_text(text)

    def nek(self, *arguments, code=0):
        done = subprocess.run([NEK, *arguments], cwd=self.folder, text=True, capture_output=True,
                              timeout=300)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def letters(self):
        shown = self.nek("dead-letters", "show", "state").stdout
        return [json.loads(line) for line in shown.splitlines()]

    def run_job(self):
        self.nek("run", "job.yaml", "--data-dir", "state")

    def replay(self, *arguments, code=0):
        return self.nek("replay", "job.yaml", "--data-dir", "state", *arguments, code=code).stderr

    def test_a_row_that_the_decoder_refused_arrives_when_the_pipeline_can_read_it(self):
        (self.folder / "in.csv").write_text("n,word\n1,one\nx,two\n3,three\n")
        self.job("inputs: [csv: { path: in.csv, columns: { n: uint64, word: text } }]\n"
                 "outputs: [file: { path: out.ndjson }]\n")
        self.run_job()
        letter, = self.letters()
        self.assertEqual(letter["raw"], "x,two")
        self.assertEqual(letter["line"], 3)
        self.assertEqual(letter["position"], 13)
        (self.folder / "in.csv").unlink()  # nothing is read of it any more
        self.replay(code=3)
        again, = self.letters()
        self.assertEqual({**again, "time_ms": 0}, {**letter, "time_ms": 0})
        self.job("inputs: [csv: { path: in.csv, columns: { n: text, word: text } }]\n"
                 "outputs: [file: { path: out.ndjson }]\n")
        self.replay()
        self.assertEqual(self.letters(), [])
        self.assertEqual(self.records("out.ndjson"),
                         [{"n": 1, "word": "one"}, {"n": 3, "word": "three"}, {"n": "x", "word": "two"}])

    def test_a_record_that_a_filter_refused_comes_to_no_branch_that_has_it(self):
        (self.folder / "in.csv").write_text("flg\nS\n?bad?\nA\n")
        text = ("inputs: [csv: { path: in.csv }]\n"
                "filters: [flags: { field: flg, id: flags }]\n"
                "outputs:\n"
                "  - file: { id: before, from: csv, path: before.ndjson }\n"
                "  - file: { id: after, from: flags, path: after.ndjson }\n")
        self.job(text)
        self.run_job()
        self.assertEqual([letter["component"] for letter in self.letters()], ["flags"])
        self.assertEqual(len(self.records("before.ndjson")), 3)
        self.assertEqual(len(self.records("after.ndjson")), 2)
        self.job(text.replace("flags: { field: flg, id: flags }",
                              "proto_map: { field: flg, id: flags }"))
        self.replay()
        self.assertEqual(self.letters(), [])
        self.assertEqual(len(self.records("before.ndjson")), 3)
        self.assertEqual(self.records("after.ndjson")[2], {"flg": "?bad?"})

    def test_a_record_that_came_by_two_streams_that_overlap_comes_by_each_of_them_once_again(self):
        (self.folder / "in.csv").write_text("flg,note\nS,A\nS,?\nA,?\n")
        text = ("inputs: [csv: { path: in.csv }]\n"
                "filters:\n"
                "  - flags: { field: flg }\n"
                "  - syn_split: { id: split }\n"
                "  - flags: { id: notes, field: note, from: [split.all, split.syn] }\n"
                "outputs: [file: { path: out.ndjson, fields: [note] }]\n")
        self.job(text)
        self.run_job()
        self.assertEqual([(letter["raw"], letter["stream"]) for letter in self.letters()],
                         [("S,?", "split.all"), ("A,?", "split.all"), ("S,?", "split.syn")])
        self.job(text.replace("flags: { id: notes, field: note,", "proto_map: { id: notes, field: note,"))
        self.replay()
        self.assertEqual(self.letters(), [])
        self.assertEqual([record["note"] for record in self.records("out.ndjson")].count("?"), 3)

    def test_an_output_of_two_streams_that_overlap_gets_what_it_refused_once_for_each_of_them(self):
        (self.folder / "in.csv").write_text("flg,n,note\nS,1,\nS,2,\nA,3,\n")
        text = ("inputs: [csv: { path: in.csv, columns: { flg: text, n: uint64, note: text } }]\n"
                "filters: [flags: { field: flg }, syn_split: { id: split }]\n"
                "outputs: [file: { path: out, codec: raw, field: note, from: [split.all, split.syn] }]\n")
        self.job(text)
        self.run_job()
        refused = self.letters()
        self.assertEqual([letter["reason"] for letter in refused], ["no_text"] * 5)
        self.assertEqual(sorted((letter["raw"], letter["stream"]) for letter in refused),
                         [("A,3,", "split.all"), ("S,1,", "split.all"), ("S,1,", "split.syn"),
                          ("S,2,", "split.all"), ("S,2,", "split.syn")])
        self.replay(code=3)  # for the same reason
        self.assertEqual(sorted((letter["raw"], letter["stream"]) for letter in self.letters()),
                         sorted((letter["raw"], letter["stream"]) for letter in refused))
        self.job(text.replace("codec: raw, field: note", "fields: [n]").replace("split.all", "csv"))
        self.replay(code=3)  # those of a stream that it does not read stay
        self.assertEqual([letter["stream"] for letter in self.letters()], ["split.all"] * 3)
        self.job(text.replace("codec: raw, field: note", "fields: [n]"))
        self.replay()
        self.assertEqual(self.letters(), [])
        self.assertEqual(sorted(record["n"] for record in self.records("out")), [1, 1, 2, 2, 3])

    def test_a_record_that_a_filter_below_one_with_state_refused_passes_that_one_and_arrives(self):
        rows = [f"2023-01-25 18:35:43.000,192.0.2.1,{40000 + port},10.20.0.1,{port},60,1,0,TCP,"
                f"{'?' if port == 7 else 'A'},....S." for port in range(1, 61)]
        (self.folder / "in.csv").write_text(
            "\n".join(["ts,sa,sp,da,dp,byte,pkt,out,pr,note,flg", *rows]) + "\n")
        text = ("inputs: [csv: { path: in.csv, columns: { ts: time, sa: text, sp: uint64, da: text, dp: uint64, "
                "byte: uint64, pkt: uint64, out: uint64, pr: text, note: text, flg: text } }]\n"
                "filters:\n"
                "  - flags: { field: flg }\n"
                "  - scan_detect: { id: scans, own_networks: [10.20.0.0/16] }\n"
                "  - flags: { id: notes, field: note, from: scans.flows }\n"
                "outputs: [file: { path: out.ndjson, fields: [dp] }]\n")
        self.job(text)
        self.run_job()
        self.assertEqual([letter["component"] for letter in self.letters()], ["notes"])
        self.job(text.replace("flags: { id: notes, field: note,", "proto_map: { id: notes, field: note,"))
        self.replay()
        self.assertEqual(self.letters(), [])
        self.assertEqual(self.records("out.ndjson")[-1], {"dp": 7})

    def test_only_what_is_selected_is_replayed_and_the_rest_stays_word_for_word(self):
        (self.folder / "in.csv").write_text("n,flg\n1,S\nx,A\n2,?\n")
        self.job("inputs: [csv: { path: in.csv, columns: { n: uint64, flg: text } }]\n"
                 "filters: [flags: { field: flg }]\noutputs: [file: { path: out.ndjson }]\n")
        self.run_job()
        before = self.letters()
        self.assertEqual(sorted(letter["component"] for letter in before), ["csv", "flags"])
        listed = json.loads(self.nek("dlq", "ls", "state", "--json", "--component", "flags").stdout)
        self.assertEqual(listed["count"], 1)
        self.assertEqual(listed["reasons"][0]["reason"], "not_flags")
        self.job("inputs: [csv: { path: in.csv, columns: { n: uint64, flg: text } }]\n"
                 "filters: [proto_map: { id: flags, field: flg }]\noutputs: [file: { path: out.ndjson }]\n")
        done = self.replay("--component", "flags")
        self.assertIn("1 of 2 dead letters replayed", done)
        self.assertIn("1 not selected", done)
        self.assertEqual(self.letters(), [letter for letter in before if letter["component"] == "csv"])

    def test_a_replay_beside_a_running_nek_is_refused_and_so_is_one_without_a_run_before(self):
        self.job("inputs: [generate: { rate: 100 }]\noutputs: [blackhole: {}]\n")
        self.assertIn("nothing to replay", self.replay(code=1))
        child = self.start_nek()
        try:
            self.wait_until((self.folder / "state/state").exists, child)
            self.assertIn("held by another process", self.replay(code=1))
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait(60)

    def spoiled(self, rows, bad_every):
        with open(self.folder / "in.csv", "w") as out:
            out.write("n,flg\n")
            for n in range(rows):
                out.write(f"{n},{'?' if n % bad_every == 0 else 'S'}\n")

    def test_kills_in_the_middle_of_replays_neither_lose_nor_repeat_a_record_in_files(self):
        rows, bad_every = 100_000, 2
        text = (f"settings: {FAST}\n"
                "inputs: [csv: { path: in.csv, columns: { n: uint64, flg: text } }]\n"
                "filters: [flags: { id: flags, field: flg }]\n"
                "outputs:\n  - file: { from: flags, path: out.ndjson }\n"
                "  - file: { from: csv, id: whole, path: whole.ndjson }\n")
        self.spoiled(rows, bad_every)
        self.job(text)
        self.run_job()
        self.assertEqual(len(self.letters()), rows // bad_every)
        self.job(text.replace("flags: { id: flags, field: flg }", "proto_map: { id: flags, field: flg }"))
        rng = random.Random(7)
        command = [NEK, "replay", "job.yaml", "--data-dir", "state"]
        kills = 0
        for attempt in range(200):
            child = subprocess.Popen(command, cwd=self.folder, stderr=subprocess.PIPE, text=True)
            try:
                _, errors = child.communicate(timeout=rng.uniform(0.005, 0.25) if kills < 15 else 300)
                self.assertEqual(child.returncode, 0, errors)
                break
            except subprocess.TimeoutExpired:
                child.kill()
                child.communicate()
                kills += 1
        self.assertGreaterEqual(kills, 3)
        self.assertEqual(self.letters(), [])
        self.assertEqual(sorted(record["n"] for record in self.records("out.ndjson")), list(range(rows)))
        self.assertEqual([record["n"] for record in self.records("whole.ndjson")], list(range(rows)))

    def test_without_room_for_dead_letters_nek_stops_and_nothing_is_lost(self):
        self.spoiled(4_000, 2)
        text = ("settings: { chunk_bytes: 4KiB, snapshot_interval: 10ms, dead_letters: ROOM }\n"
                "inputs: [csv: { path: in.csv, columns: { n: uint64, flg: text } }]\n"
                "filters: [flags: { field: flg }]\noutputs: [file: { path: out.ndjson }]\n")
        self.job(text.replace("ROOM", "{ max_bytes: 64KiB }"))
        done = self.nek("run", "job.yaml", "--data-dir", "state", code=1)
        self.assertIn("there is no more room for dead letters", done.stderr)
        self.job(text.replace("ROOM", "{ max_bytes: 64MiB }"))
        self.run_job()
        self.assertEqual(len(self.letters()), 2_000)
        self.assertEqual(len(self.records("out.ndjson")), 2_000)

    def test_where_the_oldest_may_go_their_number_is_told(self):
        self.job("settings: { dead_letters: { max_bytes: 64KiB, when_full: drop_oldest } }\n"
                 "inputs: [csv: { path: 'in*.csv', columns: { n: uint64, flg: text } }]\n"
                 "filters: [flags: { field: flg }]\noutputs: [file: { path: out.ndjson }]\n")
        for run in range(3):
            (self.folder / f"in{run}.csv").write_text(
                "n,flg\n" + "".join(f"{run * 1000 + n},?\n" for n in range(1000)))
            self.nek("run", "job.yaml", "--data-dir", "state", "--report", "report.json")
        report = json.loads((self.folder / "report.json").read_text())
        self.assertEqual(report["dead_letters"]["dropped"], 1000)
        listed = json.loads(self.nek("dlq", "ls", "state", "--json").stdout)
        self.assertEqual(listed["dropped"], 2000)
        kept = [letter["raw"] for letter in self.letters()]
        self.assertEqual(kept, [f"{n},?" for n in range(2000, 3000)])


if __name__ == "__main__":
    unittest.main()
