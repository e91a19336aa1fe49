#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sinks that are filled with a copy of the present state: new ones, and ones that nothing else mends."""

import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from sinks_test import HEAD, SinksTest, commit, file_sink
from sluice_home import SLUICE, TEST_PLUGINS, block, delete_op, set_op, wait_until

KEEP_NOTHING = "[journal]\nretain_blocks = 0\n"
BASE = KEEP_NOTHING + commit("all(audit)") + file_sink("audit")


class SnapshotsTest(SinksTest):
    def add_blocks(self, count, keys=50):
        """Sets and deletes, so that the state is another one at each height."""
        with open(self.input, "a") as out:
            for _ in range(count):
                self.blocks += 1
                out.write(block(
                    self.blocks,
                    set_op("main", f"k{self.blocks % keys:05}", f"value of {self.blocks}"),
                    set_op("orders", f"o{self.blocks % 13}", str(self.blocks)),
                    delete_op("main", f"k{(self.blocks * 7) % keys:05}")) + "\n")

    def pruned(self, more=""):
        """A home with 300 blocks whose journal no longer holds the first ones."""
        home = self.running(BASE + more)
        self.add_blocks(300)
        self.wait_for_watermark(home, "audit")
        self.add_blocks(1)
        wait_until("the beginning is pruned",
                   lambda: home.running_status()["journal"]["first"] > 64)
        return home

    def verified(self, home, sink):
        return self.ok(home.run("verify", "--sink", sink, "--json")).json()

    def expect_from_snapshot(self, home, sink):
        report = self.verified(home, sink)
        self.assertEqual((report["equal"], report["complete"], report["from_snapshot"]),
                         (True, True, True), report)
        self.assertGreater(report["from"], 1)
        return report


class NewSinks(SnapshotsTest):
    def test_a_new_sink_is_filled_while_blocks_go_on(self):
        for form in ("segments", "jsonl"):
            with self.subTest(form):
                home = self.pruned()
                self.configure(home, BASE + file_sink("late", start="snapshot").replace(
                    "fsync = true", f'fsync = true, format = "{form}"'))
                self.assertIn("sink late: added", self.ok(home.run("config", "reload")).out)
                self.add_blocks(100)
                self.wait_for_watermark(home, "audit", "late")
                self.expect_from_snapshot(home, "late")
                self.assertEqual(self.sink(home, "late")["mode"], "live")
                # It is the sink's own word from now on, over restarts and kills.
                for how in (signal.SIGTERM, signal.SIGKILL):
                    self.stop(home, how)
                    self.start(home)
                    self.add_blocks(5)
                    self.wait_for_watermark(home, "late")
                self.expect_from_snapshot(home, "late")
                self.assertEqual(home.log().count("copying the state"), 1)
                self.stop(home)
                checked = self.ok(home.run("stream", "verify", home.path / "data/late",
                                           "--json")).json()
                self.assertTrue(checked["ok"], checked)
                self.assertGreater(checked["snapshot"]["rows"], 0)
                home.close()


class Mended(SnapshotsTest):
    def test_a_gap_is_filled_where_the_operator_says_so(self):
        home = self.pruned()
        config = KEEP_NOTHING + commit("all(audit)") + file_sink("audit")
        self.configure(home, config + file_sink("copy"))
        self.ok(home.run("config", "reload"))
        wait_until("the gap", lambda: self.sink(home, "copy")["reason"] == "gap")
        self.assertIn("sluice sink snapshot", self.sink(home, "copy")["last_error"]["text"])
        self.configure(home, config + file_sink("copy", on_gap="snapshot"))
        self.assertEqual(self.ok(home.run("config", "reload")).out, "sink copy: other settings\n")
        self.add_blocks(20)
        self.wait_for_watermark(home, "copy")
        self.expect_from_snapshot(home, "copy")

    def test_by_command_a_running_sink_one_with_a_gap_and_one_that_is_partial(self):
        home = self.pruned(file_sink("running"))
        self.configure(home, BASE + file_sink("running") + file_sink("gap") +
                       file_sink("late", start="latest"))
        self.ok(home.run("config", "reload"))
        wait_until("the gap", lambda: self.sink(home, "gap")["reason"] == "gap")
        wait_until("late runs", lambda: self.sink(home, "late")["lifecycle"] == "running")
        for name in ("running", "gap", "late"):
            done = self.ok(home.run("sink", "snapshot", name))
            self.assertEqual(done.out, f"{name}: running\n")
            self.add_blocks(10)
            self.wait_for_watermark(home, name)
            self.expect_from_snapshot(home, name)
            self.assertEqual(self.sink(home, name)["mode"], "live")

    def test_one_that_holds_another_history(self):
        home = self.running(commit("all(audit)") + file_sink("audit") + file_sink("copy"))
        self.add_blocks(30)
        self.wait_for_watermark(home, "audit", "copy")
        self.stop(home)
        other = self.home(None)
        other.configure((home.path / "config" / "app.toml").read_text())
        (other.path / "in.jsonl").write_text("".join(
            block(height, set_op("main", f"other{height}", "x")) + "\n"
            for height in range(1, 31)))
        self.ok(other.run("replay", other.path / "in.jsonl"))
        shutil.rmtree(home.path / "data" / "copy")
        shutil.copytree(other.path / "data" / "copy", home.path / "data" / "copy")
        self.start(home)
        wait_until("diverged", lambda: self.sink(home, "copy")["reason"] == "diverged")
        self.assertIn("sluice sink snapshot", self.sink(home, "copy")["last_error"]["text"])
        self.ok(home.run("sink", "snapshot", "copy"))
        self.add_blocks(10)
        self.wait_for_watermark(home, "copy")
        self.expect_from_snapshot(home, "copy")

    def test_a_stopped_home_has_its_next_start_do_it(self):
        """Of a sink that the policy needs: the node does not come up before."""
        home = self.running(commit("all") + file_sink("audit"))
        self.add_blocks(30)
        self.wait_for_watermark(home, "audit")
        self.stop(home)
        for file in (home.path / "data" / "audit").glob("*.seg"):
            file.unlink()
        self.assertIn("filled with a copy of the state by the next start",
                      self.ok(home.run("sink", "snapshot", "audit")).out)
        self.start(home)
        self.add_blocks(10)
        self.wait_for_watermark(home, "audit")
        self.expect_from_snapshot(home, "audit")

    def test_lost_past_the_journals_cap(self):
        mute = f'[sinks.copy]\nplugin = "{TEST_PLUGINS}/never_acks.so"\nack_timeout = "1s"\n'
        config = ("[journal]\nretain_blocks = 0\nmax_blocks = 50\n" +
                  commit("1 of (audit, copy)") + file_sink("audit"))
        home = self.running(config + mute)
        self.add_blocks(200)
        wait_until("lost", lambda: self.sink(home, "copy")["mode"] == "lost")
        self.wait_for_height(home)
        self.configure(home, config + file_sink("copy", on_gap="snapshot"))
        self.ok(home.run("config", "reload"))
        self.add_blocks(10)
        self.wait_for_watermark(home, "copy")
        self.assertEqual(self.sink(home, "copy")["mode"], "live")
        self.expect_from_snapshot(home, "copy")


class Killed(SnapshotsTest):
    def test_at_random_while_it_copies_and_blocks_go_on(self):
        seed = int(os.environ.get("SLUICE_TEST_SEED", "20260131"))
        print(f"SLUICE_TEST_SEED={seed}", file=sys.stderr)
        chance = random.Random(seed)
        home = self.running(BASE + file_sink("copy"))
        self.add_wide_blocks(40)
        self.wait_for_watermark(home, "audit", "copy")
        for _ in range(8):
            told = subprocess.Popen([SLUICE, "--home", home.path, "sink", "snapshot", "copy"],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.add_wide_blocks(3)
            time.sleep(chance.uniform(0, 0.3))  # when is the point of it
            self.stop(home, signal.SIGKILL)
            told.wait()
            self.start(home)
        self.add_wide_blocks(3)
        self.wait_for_watermark(home, "audit", "copy")
        self.equal(home, "audit", "copy")
        left = [p.name for p in (home.path / "data" / "copy").iterdir()
                if p.suffix in (".building", ".done")]
        self.assertEqual(left, [])

    def add_wide_blocks(self, count):
        """Many keys, of which some go again: a state that is not copied in a moment."""
        with open(self.input, "a") as out:
            for _ in range(count):
                self.blocks += 1
                first = self.blocks * 500
                ops = [set_op("main", f"k{key:07}", f"{self.blocks} " + "x" * 100)
                       for key in range(first, first + 1000)]
                ops += [delete_op("main", f"k{key:07}") for key in range(first, first + 1000, 7)]
                out.write(block(self.blocks, *ops) + "\n")


class Refused(SnapshotsTest):
    def test_what_the_policy_needs_is_not_filled_into_a_halt(self):
        home = self.running(commit("all", on_failure="halt") + file_sink("audit"))
        self.fails(home.run("sink", "snapshot", "audit"), 1, "the node would halt", "filled")
        self.configure(home, commit("all", on_failure="wait") + file_sink("audit"))
        self.ok(home.run("config", "reload"))
        self.fails(home.run("sink", "snapshot", "audit"), 1, "nothing is committed")
        self.add_blocks(5)
        self.wait_for_height(home)
        self.ok(home.run("sink", "snapshot", "audit"))
        self.add_blocks(5)
        self.wait_for_watermark(home, "audit")
        self.expect_from_snapshot(home, "audit")

    def test_a_plugin_that_takes_none_is_a_problem_of_the_configuration(self):
        for key in ("start", "on_gap"):
            home = self.home(HEAD + commit("fire-and-forget") +
                             f'[sinks.x]\nplugin = "{TEST_PLUGINS}/memory.so"\nack = false\n'
                             f'{key} = "snapshot"\n')
            self.fails(home.run("config", "check"), 2, f"sinks.x.{key}", "sluice.snapshot/1")
        home = self.running(commit("all(audit)") + file_sink("audit") +
                            f'[sinks.x]\nplugin = "{TEST_PLUGINS}/memory.so"\n')
        self.add_blocks(3)
        self.wait_for_height(home)
        self.fails(home.run("sink", "snapshot", "x"), 1, "takes no copy of the state")


if __name__ == "__main__":
    unittest.main(verbosity=2)
