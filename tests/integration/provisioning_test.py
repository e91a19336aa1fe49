#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Provisioning as a task of a real plugin on a real node, through kills; and sinks that are made empty."""

import pathlib
import shutil
import signal
import struct
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from sinks_test import SinksTest, commit, file_sink
from sluice_home import TEST_PLUGINS, wait_until

# Of tests/plugins/provision/provisions.c.
SUCCEEDS, FAILS_BY_SYSTEM, FAILS_BY_USER, NEVER_ENDS, FORGETS, IS_THERE = 0, 1, 2, 3, 4, 5


class Provisioning(SinksTest):
    def external(self, home):
        """(tasks begun, task under way, …, failures, polls, resets), as the external system counts."""
        path = home.path / "record.external"
        if not path.exists() or path.stat().st_size < 56:
            return dict.fromkeys(("begun", "failures", "polls", "resets"), 0)
        begun, _, _, _, failures, polls, resets = struct.unpack("<7Q", path.read_bytes()[:56])
        return {"begun": begun, "failures": failures, "polls": polls, "resets": resets}

    def config(self, home_path, way, delay_ms=0, count=1, timeout="5m"):
        return (f'[lifecycle]\nprovision_timeout = "{timeout}"\n' + commit("all(audit)") +
                file_sink("audit") + f'[sinks.index]\nplugin = "{TEST_PLUGINS}/provisions.so"\n'
                f'settings = {{ record = "{home_path}/record", height = {way}, '
                f'count = {count}, delay_ms = {delay_ms} }}\n'
                'retry = { initial = "50ms", max = "100ms" }\n')

    def provisioned(self, way, **more):
        home = self.running(commit("all(audit)") + file_sink("audit"))
        self.stop(home)
        self.configure(home, self.config(home.path, way, **more))
        self.start(home)
        return home

    def test_success(self):
        home = self.provisioned(SUCCEEDS, delay_ms=200)
        self.add_blocks(3)
        self.wait_for_watermark(home, "audit", "index")
        self.assertEqual(self.external(home)["begun"], 1)
        self.stop(home)
        self.start(home)
        self.add_blocks(3)
        self.wait_for_watermark(home, "index")
        self.assertEqual(self.external(home)["begun"], 1, "it is there already")

    def test_what_is_there_already_needs_no_task(self):
        home = self.provisioned(IS_THERE)
        self.add_blocks(1)
        self.wait_for_watermark(home, "index")
        self.assertEqual(self.external(home)["begun"], 0)

    def test_a_failure_says_whose_it_is_and_is_tried_again(self):
        for way, said in ((FAILS_BY_SYSTEM, "in the external system: no shard is free"),
                          (FAILS_BY_USER, "for the operator to mend: no such group")):
            home = self.provisioned(way, count=2)
            self.add_blocks(1)
            self.wait_for_watermark(home, "index")
            self.assertEqual(self.external(home)["begun"], 3)
            self.assertIn(f"provisioning failed, {said}".replace("failed, in", "failed in"),
                          self.sink(home, "index")["last_error"]["text"])
            self.stop(home)

    def test_a_task_that_does_not_end_fails_at_its_deadline(self):
        home = self.provisioned(NEVER_ENDS, timeout="200ms")
        wait_until("the deadline", lambda: "has not ended within 200 ms" in (
            (self.sink(home, "index") or {}).get("last_error") or {"text": ""})["text"])
        # The policy does without it.
        self.add_blocks(2)
        self.wait_for_watermark(home, "audit")

    def test_an_unknown_task_is_begun_anew(self):
        home = self.provisioned(FORGETS)
        self.add_blocks(1)
        self.wait_for_watermark(home, "index")
        self.assertEqual(self.external(home)["begun"], 2)
        self.assertIn("is not known any more", self.sink(home, "index")["last_error"]["text"])

    def test_a_kill_in_the_middle_leaves_exactly_one_provisioning(self):
        home = self.provisioned(NEVER_ENDS)
        for _ in range(3):
            polls = self.external(home)["polls"]
            wait_until("it is being watched", lambda p=polls: self.external(home)["polls"] > p)
            self.stop(home, signal.SIGKILL)
            self.start(home)
        wait_until("status says so", lambda: (self.sink(home, "index") or {}).get("reason") ==
                   "provisioning: 3 of 4 shards")
        self.stop(home, signal.SIGKILL)
        # Now it does end, there.
        self.configure(home, self.config(home.path, SUCCEEDS))
        self.start(home)
        self.add_blocks(3)
        self.wait_for_watermark(home, "audit", "index")
        self.assertEqual(self.external(home)["begun"], 1)

    def test_a_reset_of_it(self):
        home = self.provisioned(SUCCEEDS)
        self.add_blocks(3)
        self.wait_for_watermark(home, "index")
        self.assertEqual(self.ok(home.run("sink", "reset", "--yes", "index")).out,
                         "index: running\n")
        self.wait_for_watermark(home, "index")
        external = self.external(home)
        self.assertEqual((external["begun"], external["resets"]), (1, 1))


class Reset(SinksTest):
    def test_a_file_sink_begins_anew(self):
        home = self.running(commit("all(audit)") + file_sink("audit") + file_sink("copy"))
        self.add_blocks(5)
        self.wait_for_watermark(home, "audit", "copy")
        self.fails(home.run("sink", "reset", "copy"), 2, "say --yes")
        self.assertEqual(self.ok(home.run("sink", "reset", "copy", "--yes")).out, "copy: running\n")
        self.add_blocks(2)
        self.wait_for_watermark(home, "audit", "copy")
        self.equal(home, "audit", "copy")
        self.assertIn("sink copy: made empty, as it was told", home.log())

    def test_a_damaged_one_is_mended_by_it(self):
        home = self.running(commit("all(audit)") + file_sink("audit") + file_sink("copy"))
        self.add_blocks(5)
        self.wait_for_watermark(home, "audit", "copy")
        self.ok(home.run("sink", "suspend", "copy"))
        segment = next((home.path / "data" / "copy").glob("*.seg"))
        bytes_ = bytearray(segment.read_bytes())
        bytes_[200] ^= 1
        segment.write_bytes(bytes_)
        self.assertIn("made empty once it is resumed",
                      self.ok(home.run("sink", "reset", "copy", "--yes")).out)
        self.ok(home.run("sink", "resume", "copy"))
        self.wait_for_watermark(home, "copy")
        self.equal(home, "copy")

    def test_of_a_stopped_home_it_is_done_with_the_next_start_also_after_a_kill(self):
        home = self.running(commit("all(audit)") + file_sink("audit") + file_sink("copy"))
        self.add_blocks(5)
        self.wait_for_watermark(home, "audit", "copy")
        self.stop(home)
        self.assertEqual(self.ok(home.run("sink", "reset", "copy", "--yes")).out,
                         "copy: is made empty with the next start\n")
        self.assertEqual(self.ok(home.run("sink", "reset", "copy", "--yes")).out,
                         "copy: it is to be made empty already\n")
        self.start(home)
        self.stop(home, signal.SIGKILL)
        self.start(home)
        self.add_blocks(2)
        self.wait_for_watermark(home, "audit", "copy")
        self.equal(home, "copy")

    def test_what_the_policy_needs_is_not_reset_into_a_halt(self):
        home = self.running(commit("all", on_failure="halt") + file_sink("audit"))
        self.fails(home.run("sink", "reset", "audit", "--yes"), 1, "the node would halt")

    def test_what_the_journal_no_longer_has_leads_to_on_gap(self):
        def config(on_gap):
            return ("[journal]\nretain_blocks = 0\n" + commit("all(audit)") + file_sink("audit") +
                    file_sink("copy", on_gap=on_gap))
        home = self.running(config("refuse"))
        self.add_blocks(200)
        self.wait_for_watermark(home, "audit", "copy")
        wait_until("pruned", lambda: home.running_status()["journal"]["first"] > 1)
        self.fails(home.run("sink", "reset", "copy", "--yes"), 1, "suspended (gap)")
        self.configure(home, config("skip"))
        self.ok(home.run("config", "reload"))
        self.add_blocks(3)
        self.wait_for_watermark(home, "copy")
        self.assertEqual(self.sink(home, "copy")["mode"], "partial")

    def test_a_plugin_that_does_not_know_how_refuses(self):
        home = self.running(commit("all(audit)") + file_sink("audit") +
                            f'[sinks.mem]\nplugin = "{TEST_PLUGINS}/memory.so"\n')
        self.add_blocks(1)
        self.wait_for_watermark(home, "mem")
        self.fails(home.run("sink", "reset", "mem", "--yes"), 1, "cannot make it empty")


class WithoutAConfiguration(SinksTest):
    def test_a_running_node_is_steered_and_shown_while_its_file_does_not_parse(self):
        home = self.running(commit("all(audit)") + file_sink("audit") + file_sink("copy"))
        self.add_blocks(2)
        self.wait_for_watermark(home, "copy")
        good = (home.path / "config" / "app.toml").read_text()
        (home.path / "config" / "app.toml").write_text("[node\n" + good)
        self.assertIn("does not check", home.run("status").err)
        self.assertTrue(self.ok(home.run("status", "--json")).json()["running"])
        self.ok(home.run("sink", "suspend", "copy"))
        self.ok(home.run("sink", "list"))
        self.fails(home.run("config", "reload"), 2, "app.toml")
        (home.path / "config" / "app.toml").write_text(good)
        self.ok(home.run("sink", "resume", "copy"))
        (home.path / "config" / "app.toml").write_text("[node\n" + good)
        self.stop(home)
        self.fails(home.run("status"), 2, "app.toml")


class StoppedHomes(SinksTest):
    def test_a_killed_home_shows_orphans_and_why_sinks_did_not_run(self):
        home = self.running(commit("all(audit)") + file_sink("audit") + file_sink("copy") +
                            file_sink("old") +
                            f'[sinks.bad]\nplugin = "{TEST_PLUGINS}/start_fails.so"\n')
        self.add_blocks(4)
        self.wait_for_watermark(home, "audit", "copy", "old")
        self.ok(home.run("sink", "suspend", "copy"))
        self.add_blocks(4)
        self.wait_for_watermark(home, "audit", "old")
        copy = self.sink(home, "copy")
        self.assertEqual(copy["lag_blocks"], 4)
        self.assertGreater(copy["lag_bytes"], 0)
        self.assertGreater(copy["lag_seconds"], 0)
        wait_until("bad is tried", lambda: self.sink(home, "bad")["lifecycle"] == "repairing")
        self.stop(home, signal.SIGKILL)
        self.configure(home, commit("all(audit)") + file_sink("audit") + file_sink("copy") +
                       f'[sinks.bad]\nplugin = "{TEST_PLUGINS}/start_fails.so"\n')
        sinks = {s["name"]: s for s in self.ok(home.run("sink", "list", "--json")).json()}
        self.assertEqual(sinks["copy"]["reason"], "operator")
        self.assertEqual(sinks["copy"]["lag_blocks"], 4)
        self.assertGreater(sinks["copy"]["lag_bytes"], 0)
        self.assertEqual(sinks["old"]["reason"], "orphaned")
        self.assertEqual(sinks["bad"]["reason"], "repairing")
        self.assertIn("start failed", sinks["bad"]["last_error"]["text"])


class Stopping(SinksTest):
    def test_a_node_that_waits_for_a_rejected_sink_stops_at_once(self):
        home = self.running('[lifecycle]\ndrain_timeout = "10m"\n' +
                            commit("all", on_failure="wait") + file_sink("audit") +
                            f'[sinks.no]\nplugin = "{TEST_PLUGINS}/rejects_height.so"\n'
                            'settings = { height = 2 }\n')
        self.add_blocks(3)
        wait_until("it is rejected", lambda: self.sink(home, "no")["reason"] == "rejected")
        # Long before the ten minutes, or this fails at its own deadline.
        self.stop(home)

    def test_a_reloaded_drain_timeout_is_the_nodes_own(self):
        def config(drain_timeout):
            return (f'[lifecycle]\ndrain_timeout = "{drain_timeout}"\n' + commit("all") +
                    file_sink("audit") + f'[sinks.mute]\nplugin = "{TEST_PLUGINS}/never_acks.so"\n'
                    'ack_timeout = "10m"\nack = false\n')
        home = self.running(config("10m"))
        self.add_blocks(2)
        self.wait_for_watermark(home, "audit")
        self.configure(home, config("100ms"))
        self.ok(home.run("config", "reload"))
        self.stop(home)


class Replays(SinksTest):
    def test_a_sink_that_has_diverged_is_named_at_the_end(self):
        home = self.running(commit("fire-and-forget") + file_sink("audit"))
        self.add_blocks(3)
        self.wait_for_watermark(home, "audit")
        self.stop(home)
        shutil.rmtree(home.path / "data" / "db")
        other = home.write("other.jsonl", [self.input.read_text().splitlines()[0].replace(
            '"1"', '"x"')])
        done = self.ok(home.run("replay", other, "--source", "other"))
        self.assertRegex(done.err, r"sluice: warning: sink audit: it is suspended \((diverged|foreign|fenced)")


if __name__ == "__main__":
    unittest.main(verbosity=2)
