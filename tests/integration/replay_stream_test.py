#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Homes rebuilt from what a file sink has written: `sluice replay PATH/TO/stream`."""

import contextlib
import json
import os
import pathlib
import pty
import shutil
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from cli_test import BLOCKS, CliTest
from sluice_home import (CONFIG, DEADLINE_SECONDS, SLUICE, block, environment, run, set_op,
                         wait_until)

# All that a block can be: times, transactions that fail, empty blocks, bytes that are no text.
VARIED = BLOCKS + [
    json.dumps({"height": 4, "time": "2026-01-31T12:00:00.000000001Z", "txs": [
        {"ops": [{"op": "require", "store": "orders", "key": "o-1", "value": "42"},
                 set_op("orders", "o-1", "43")]},
        {"ops": [set_op("main", "never", "1"),
                 {"op": "require", "store": "orders", "key": "o-1", "value": "wrong"}]},
        {"ops": []},
        {"ops": [set_op("main", "twice", "1"), set_op("main", "twice", "2")]}]}),
    json.dumps({"height": 5, "time": "1969-12-31T23:59:59Z", "txs": []}),
    json.dumps({"height": 6, "txs": [{"ops": [
        {"op": "set", "store": "main", "key_base64": "/wA=", "value_base64": "gIE="},
        {"op": "delete", "store": "main", "key": "absent"}]}]}),
]
SETTINGS = 'settings = { path = "data/stream", fsync = true }'


def with_settings(more):
    return CONFIG.replace(SETTINGS, SETTINGS.replace(" }", f", {more} }}"))


class ReplayStream(CliTest):
    def replayed(self, lines, config=CONFIG):
        """A home that was fed with lines, its stream, and the summary of the feeding."""
        home = self.home(config)
        done = home.run("replay", home.write("blocks.jsonl", lines), "--json")
        return home, home.path / "data" / "stream", self.ok(done).json()

    def height(self, home):
        return self.ok(home.run("status", "--json")).json()["height"]

    def assert_equal_homes(self, one, other):
        for store in ("main", "orders"):
            scans = [self.ok(home.run("store", "scan", store, "--json")).out
                     for home in (one, other)]
            self.assertEqual(*scans)
        verified = [self.ok(home.run("verify", "--sink", "audit", "--json")).json()
                    for home in (one, other)]
        self.assertEqual(*verified)
        self.assertTrue(verified[0]["equal"] and verified[0]["digest_checked"])
        # Line by line what the sinks have, epochs aside.
        dumps = [[{key: value for key, value in line.items() if key != "epoch"} for line in
                  self.ok(run("stream", "dump", home.path / "data" / "stream")).json_lines()]
                 for home in (one, other)]
        self.assertEqual(*dumps)

    def test_a_home_rebuilt_from_a_stream_is_the_same(self):
        first, stream, fed = self.replayed(VARIED)
        self.assertEqual(fed["failed_transactions"], 1)
        second = self.home()
        rebuilt = self.ok(second.run("replay", stream, "--json")).json()
        for summary in (fed, rebuilt):
            del summary["seconds"]
        self.assertEqual(rebuilt, fed)
        self.assert_equal_homes(first, second)
        third = self.home()
        self.ok(third.run("replay", second.path / "data" / "stream"))
        self.assert_equal_homes(first, third)

    def test_from_many_compressed_segments_into_few(self):
        config = with_settings('rotate_bytes = "1KiB", compression = "zstd"')
        lines = [block(height, set_op("main", f"k-{height % 7}", "value " * 50))
                 for height in range(1, 61)]
        first, stream, fed = self.replayed(lines, config)
        self.assertGreater(len(list(stream.glob("*.seg"))), 3)
        second = self.home()
        rebuilt = self.ok(second.run("replay", stream, "--json")).json()
        self.assertEqual((rebuilt["blocks"], rebuilt["digest"]), (60, fed["digest"]))
        self.assert_equal_homes(first, second)

    def test_one_segment_and_then_the_folder(self):
        config = with_settings('rotate_bytes = "1KiB"')
        lines = [block(height, set_op("main", "k", "v" * 300)) for height in range(1, 11)]
        first, stream, fed = self.replayed(lines, config)
        segment = sorted(stream.glob("*.seg"))[0]
        second = self.home()
        done = self.ok(second.run("replay", segment, "--json")).json()
        taken = done["height"]
        self.assertGreater(taken, 0)
        self.assertLess(taken, 10)
        done = self.ok(second.run("replay", stream, "--json")).json()
        self.assertEqual((done["skipped"], done["blocks"]), (taken, 10 - taken))
        self.assertEqual(done["digest"], fed["digest"])
        self.assert_equal_homes(first, second)
        again = self.ok(second.run("replay", stream)).out
        self.assertIn("0 blocks, 0 transactions", again)
        self.assertIn("10 blocks were there already", again)

    def test_killed_and_stopped_on_the_way_it_continues(self):
        blocks = 8000  # fed as quickly as can be, and taken slowly: one after another, all synced
        lines = [block(height, set_op("main", f"k-{height}", "v" * 100))
                 for height in range(1, blocks + 1)]
        quick = CONFIG.replace("fsync = true", "fsync = false").replace(
            "[commit]", '[commit]\nlevel = "received"\nsync = false')
        _, stream, fed = self.replayed(lines, quick)
        second = self.home(CONFIG.replace("[commit]", "[commit]\nwindow = 1"))
        reached = 0
        for end_it in (signal.SIGKILL, signal.SIGTERM):
            process = second.start("replay", stream)

            def further():
                status = second.running_status()
                return status and status["height"] > reached
            wait_until("it goes on", further)
            process.send_signal(end_it)
            process.wait(DEADLINE_SECONDS)
            before, reached = reached, self.height(second)
            self.assertLess(before, reached, second.log())
            self.assertLess(reached, blocks, "it was faster than the signal")
        second.configure(CONFIG)
        done = self.ok(second.run("replay", stream, "--json")).json()
        # After a kill, what was journaled is rolled forward before the input is looked at.
        self.assertEqual(done["skipped"] + done["blocks"], blocks)
        self.assertEqual(done["digest"], fed["digest"])
        self.ok(second.run("verify", "--sink", "audit"))

    def test_into_another_stream_with_other_digests_and_a_word_about_it(self):
        first, stream, fed = self.replayed(VARIED)
        second = self.home(CONFIG.replace('"demo"', '"other"'))
        done = self.ok(second.run("replay", stream, "--json"))
        self.assertEqual(done.err.count("of stream demo, the home of stream other"), 1)
        self.assertNotEqual(done.json()["digest"], fed["digest"])
        self.assertEqual(done.json()["height"], 6)
        for store in ("main", "orders"):
            self.assertEqual(self.ok(first.run("store", "scan", store, "--json")).out,
                             self.ok(second.run("store", "scan", store, "--json")).out)
        self.ok(second.run("verify", "--sink", "audit"))
        self.assertNotIn("of stream demo", self.ok(second.run("replay", stream)).err)
        # What came later continues, until the home has blocks that the stream has not.
        self.ok(first.run("replay", first.write("more.jsonl", [block(7), block(8)])))
        done = self.ok(second.run("replay", f"{stream}/", "--json")).json()
        self.assertEqual((done["skipped"], done["blocks"], done["height"]), (6, 2, 8))
        self.ok(second.run("replay", second.write("own.jsonl", [block(9)])))
        self.fails(second.run("replay", stream), 1, "at height 9 by other blocks")
        self.assertEqual(self.height(second), 9)

    def test_another_stream_is_not_put_on_top_of_other_blocks(self):
        _, stream, _ = self.replayed([block(height, set_op("main", "k", str(height)))
                                      for height in range(1, 9)])
        own = [block(height, set_op("orders", "own", str(height))) for height in range(1, 6)]
        home, _, before = self.replayed(own, CONFIG.replace('"demo"', '"prod"'))
        self.fails(home.run("replay", stream), 1, "it is of stream demo",
                   "the home is at height 5 by other blocks; use an empty home")
        after = self.ok(home.run("status", "--json")).json()
        self.assertEqual((after["height"], after["journaled_height"], after["digest"]),
                         (5, 5, before["digest"]))
        self.ok(home.run("verify", "--sink", "audit"))

    def test_another_history_of_the_same_stream(self):
        _, stream, _ = self.replayed(VARIED)
        other, _, _ = self.replayed([block(1, set_op("main", "a", "another"))])
        self.fails(other.run("replay", stream), 1, "at byte", "two histories of stream demo")
        self.assertEqual(self.height(other), 1)

    def test_damage_and_a_torn_end_take_what_is_before_them(self):
        _, stream, _ = self.replayed(VARIED)
        segment = next(stream.glob("*.seg"))
        whole = segment.read_bytes()
        segment.write_bytes(whole + b"torn")
        home = self.home()
        self.fails(home.run("replay", stream), 1, str(segment), f"at byte {len(whole)}",
                   "run again")
        self.assertEqual(self.height(home), 6)
        self.fails(home.run("replay", stream), 1, f"cut {segment} to {len(whole)} bytes")
        os.truncate(segment, len(whole))
        done = self.ok(home.run("replay", stream, "--json")).json()
        self.assertEqual((done["height"], done["sinks"]["audit"]["watermark"]), (6, 6))
        damaged = bytearray(whole)
        damaged[-200] ^= 1  # in the last height but one
        segment.write_bytes(damaged)
        home = self.home()
        self.fails(home.run("replay", stream), 1, str(segment), "at byte", "from a copy")
        taken = self.height(home)
        self.assertGreater(taken, 0)
        self.assertLess(taken, 6)
        segment.write_bytes(whole)
        done = self.ok(home.run("replay", stream, "--json")).json()
        self.assertEqual((done["height"], done["skipped"]), (6, taken))

    def test_missing_heights(self):
        config = with_settings('rotate_bytes = "1KiB"')
        lines = [block(height, set_op("main", "k", "v" * 300)) for height in range(1, 11)]
        _, stream, _ = self.replayed(lines, config)
        segments = sorted(stream.glob("*.seg"))
        second_begins = int(segments[1].stem)
        away = stream.parent / "away"
        away.mkdir()
        shutil.move(segments[1], away)
        home = self.home()
        self.fails(home.run("replay", stream), 1, str(segments[2]), "at byte",
                   f"begins with height {second_begins}, is missing")
        self.assertEqual(self.height(home), second_begins - 1)
        shutil.move(away / segments[1].name, segments[1])
        segments[0].unlink()
        self.ok(home.run("replay", stream))  # it needs no more than what follows
        self.assertEqual(self.height(home), 10)
        self.fails(self.home().run("replay", stream), 1, str(segments[1]),
                   f"height {second_begins} where 1 is the next")

    def test_an_unknown_store_a_filtered_stream_and_lines_are_refused(self):
        _, stream, _ = self.replayed(BLOCKS)
        home = self.home(CONFIG.replace('"main", "orders"', '"main"'))
        self.fails(home.run("replay", stream), 1, "height 1", "store 'orders'", "stores.names")
        self.assertEqual(self.height(home), 0)
        _, filtered, _ = self.replayed(BLOCKS, CONFIG + 'stores = ["orders"]\n')
        self.fails(self.home().run("replay", filtered), 1, "the filter of sink audit")
        _, lines, _ = self.replayed(BLOCKS, with_settings('format = "jsonl"'))
        self.fails(self.home().run("replay", lines), 1, "jsonl", "segments")

    def test_what_is_no_stream(self):
        home = self.home()
        self.fails(home.run("replay", home.root), 1, str(home.root), "holds no segment")
        _, stream, _ = self.replayed(BLOCKS)
        segment = next(stream.glob("*.seg"))
        self.fails(home.run("replay", "-", stdin=segment.read_bytes()), 1,
                   "<stdin>:1:1: this is a segment")
        (home.root / "-").mkdir()
        lines = "".join(line + "\n" for line in BLOCKS).encode()
        done = self.ok(home.run("replay", "-", "--json", stdin=lines, cwd=home.root)).json()
        self.assertEqual(done["height"], len(BLOCKS))
        renamed = home.root / "copy.seg"
        shutil.copy(segment, renamed)
        self.fails(home.run("replay", renamed), 1, str(renamed), "its name back")

    def test_progress_on_a_terminal_knows_how_much_there_is(self):
        _, stream, _ = self.replayed(VARIED)
        home = self.home()
        ours, theirs = pty.openpty()
        done = subprocess.run([SLUICE, "--home", home.path, "replay", stream], stderr=theirs,
                              stdout=subprocess.PIPE, env=environment(), timeout=DEADLINE_SECONDS)
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # how a terminal says that nobody writes to it any more
            while more := os.read(ours, 65536):
                shown += more
        os.close(ours)
        self.assertEqual(done.returncode, 0, shown)
        self.assertIn("[" + "#" * 30 + "] 100 %", shown.decode())
        self.assertIn(b"6 blocks, 8 transactions (1 failed)", done.stdout)

    def test_start_reads_a_stream_to_its_end_and_does_not_follow_it(self):
        _, stream, fed = self.replayed(VARIED)
        config = CONFIG.replace('kind = "replay"',
                                f'kind = "replay"\n[driver.replay]\npath = "{stream}"\n')
        home = self.home(config)
        self.fails(home.run("start"), 2, "driver.replay.follow", str(stream))
        self.assertEqual(self.height(home), 0)
        home.configure(config.replace("[driver.replay]", "[driver.replay]\nfollow = false"))
        self.ok(home.run("start"))
        self.assertEqual(self.ok(home.run("status", "--json")).json()["digest"], fed["digest"])


if __name__ == "__main__":
    unittest.main(verbosity=1)
