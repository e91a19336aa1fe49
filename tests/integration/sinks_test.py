#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sinks over time, as an operator steers them: commands, restarts, reloads, orphans, take-over."""

import json
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from cli_test import CliTest
from sluice_home import BUILD, DEADLINE_SECONDS, NODE, TEST_PLUGINS, block, set_op, wait_until

HEAD = NODE + """[driver.replay]
path = "in.jsonl"
[admin]
metrics_listen = ""
"""


def commit(policy, **more):
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in more.items())
    return f'[commit]\npolicy = "{policy}"\nrecover_timeout = "60s"\n{lines}'


def file_sink(name, path=None, **more):
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in more.items())
    return (f'[sinks.{name}]\nplugin = "file"\n'
            f'settings = {{ path = "{path or "data/" + name}", fsync = true }}\n{lines}')


class SinksTest(CliTest):
    def running(self, config):
        home = self.home(HEAD + config)
        self.input = home.path / "in.jsonl"
        self.input.write_text("")
        self.blocks = 0
        self.start(home)
        return home

    def start(self, home):
        self.node = home.start()
        wait_until("the node answers", lambda: home.running_status() or self.node.poll())
        self.assertIsNone(self.node.poll(), home.log())

    def stop(self, home, how=signal.SIGTERM):
        self.node.send_signal(how)
        code = self.node.wait(DEADLINE_SECONDS)
        self.assertEqual(code, 0 if how == signal.SIGTERM else -how, home.log())

    def add_blocks(self, count):
        with open(self.input, "a") as out:
            for _ in range(count):
                self.blocks += 1
                out.write(block(self.blocks, set_op("main", f"k{self.blocks % 7}",
                                                    str(self.blocks))) + "\n")

    def sink(self, home, name):
        status = home.running_status() or {"sinks": []}
        return next((s for s in status["sinks"] if s["name"] == name), None)

    def wait_for_height(self, home, height=None):
        height = height or self.blocks
        wait_until(f"height {height}",
                   lambda: (home.running_status() or {}).get("height") == height)

    def wait_for_watermark(self, home, *names):
        for name in names:
            wait_until(f"{name} has all",
                       lambda n=name: (self.sink(home, n) or {}).get("watermark") == self.blocks)

    def equal(self, home, *names):
        for name in names:
            verified = self.ok(home.run("verify", "--sink", name, "--json")).json()
            self.assertTrue(verified["equal"], verified)

    def configure(self, home, config):
        home.configure(HEAD + config)


class Commands(SinksTest):
    def test_suspend_stays_over_a_restart_until_resume(self):
        home = self.running(commit("all(audit)") + file_sink("audit") + file_sink("copy"))
        self.add_blocks(5)
        self.wait_for_watermark(home, "audit", "copy")
        done = self.ok(home.run("sink", "suspend", "copy"))
        self.assertEqual(done.out, "copy: suspended (operator)\n")
        self.ok(home.run("sink", "suspend", "copy"))
        self.add_blocks(5)
        self.wait_for_height(home)
        self.stop(home)
        self.start(home)
        self.assertEqual(self.sink(home, "copy")["lifecycle"], "suspended")
        self.add_blocks(5)
        self.wait_for_height(home)
        self.assertEqual(self.sink(home, "copy")["watermark"], 5)
        self.assertEqual(self.sink(home, "copy")["lag_blocks"], 10)
        # A kill forgets it as little.
        self.stop(home, signal.SIGKILL)
        self.start(home)
        self.assertEqual(self.sink(home, "copy")["reason"], "operator")
        self.assertEqual(self.ok(home.run("sink", "resume", "copy")).out, "copy: running\n")
        self.wait_for_watermark(home, "audit", "copy")
        self.equal(home, "audit", "copy")

    def test_what_the_policy_needs_is_not_suspended_into_a_halt(self):
        home = self.running(commit("all", on_failure="halt") + file_sink("audit"))
        self.fails(home.run("sink", "suspend", "audit"), 1, "the node would halt")
        self.configure(home, commit("all", on_failure="wait") + file_sink("audit"))
        self.ok(home.run("config", "reload"))
        self.ok(home.run("sink", "suspend", "audit"))
        self.stop(home)
        # It does not come up without the sink; what was told is taken back on the stopped home.
        self.fails(home.run("start"), 3, "sluice sink resume")
        self.assertEqual(self.ok(home.run("sink", "resume", "audit")).out,
                         "audit: goes on with the next start\n")
        self.start(home)
        self.add_blocks(2)
        self.wait_for_watermark(home, "audit")

    def test_restart_makes_a_new_instance_and_loses_no_height(self):
        home = self.running(commit("all") + file_sink("audit"))
        self.add_blocks(20)
        self.assertEqual(self.ok(home.run("sink", "restart", "audit")).out, "audit: running\n")
        self.add_blocks(20)
        self.wait_for_height(home)
        self.assertEqual(home.log().count("sink audit: attached at height"), 2)
        self.equal(home, "audit")

    def test_repair_and_its_backoff_as_status_shows_them(self):
        folder = "data/elsewhere"
        home = self.running(commit("all(audit)") + file_sink("audit") +
                            file_sink("copy", folder,
                                      retry={"initial": "10m", "max": "10m"}).replace(
                                          '{"initial": "10m", "max": "10m"}',
                                          '{ initial = "10m", max = "10m" }'))
        self.stop(home)
        # A file stands where the folder should be.
        shutil.rmtree(home.path / folder, ignore_errors=True)  # copy may not have begun
        (home.path / folder).write_text("in the way")
        self.start(home)
        copy = wait_until("repairing", lambda: (lambda s: s["lifecycle"] == "repairing" and s)(
            self.sink(home, "copy")))
        self.assertEqual(copy["attempt"], 1)
        self.assertGreater(copy["next_retry_seconds"], 60)
        shown = self.ok(home.run("status")).out
        self.assertRegex(shown, r"copy +file +repairing \(start failed: .*; attempt 1; next in \d+")
        (home.path / folder).unlink()
        self.assertEqual(self.ok(home.run("sink", "repair", "copy")).out, "copy: running\n")
        self.add_blocks(3)
        self.wait_for_watermark(home, "copy")
        self.assertEqual(self.ok(home.run("sink", "repair", "--all")).out, "no sink is broken\n")
        self.fails(home.run("sink", "repair", "copy"), 1, "there is nothing to repair")

    def test_a_repairing_sink_keeps_its_attempts_over_a_kill(self):
        home = self.running(commit("all(audit)") + file_sink("audit") +
                            f'[sinks.copy]\nplugin = "{TEST_PLUGINS}/start_fails.so"\n'
                            'retry = { initial = "10m", max = "10m" }\n')
        wait_until("repairing", lambda: self.sink(home, "copy")["lifecycle"] == "repairing")
        before = self.sink(home, "copy")
        self.stop(home, signal.SIGKILL)
        self.start(home)
        after = self.sink(home, "copy")
        self.assertEqual((after["lifecycle"], after["attempt"]), ("repairing", 1))
        # To the second: the two clocks that it is told by are not read at one moment.
        self.assertEqual(after["next_retry_at"][:19], before["next_retry_at"][:19])
        self.assertEqual(after["reason"], before["reason"])

    def test_what_does_not_apply_is_refused_with_what_does(self):
        home = self.running(commit("all") + file_sink("audit"))
        self.fails(home.run("sink", "suspend", "ghost"), 2, "sink ghost", "sluice sink list")
        self.fails(home.run("sink", "remove", "audit"), 1, "commit.policy needs it")
        self.fails(home.run("sink", "repair", "audit"), 1, "sluice sink restart audit")
        self.fails(home.run("sink", "repair"), 2, "--all")
        self.fails(home.run("sink", "show", "ghost"), 2, "audit")
        self.stop(home)
        self.fails(home.run("sink", "suspend", "audit"), 1, "no node is running")

    def test_list_and_show_of_a_running_and_of_a_stopped_home(self):
        home = self.running(commit("all") + file_sink("audit"))
        self.add_blocks(2)
        self.wait_for_watermark(home, "audit")
        self.assertRegex(self.ok(home.run("sink", "list")).out, r"audit +file +running +live")
        shown = self.ok(home.run("sink", "show", "audit")).out
        self.assertRegex(shown, r"state +running\n")
        self.assertRegex(shown, r"watermark +2\n")
        self.assertEqual(self.ok(home.run("sink", "show", "audit", "--json")).json()["level"],
                         "durable")
        self.stop(home)
        self.assertRegex(self.ok(home.run("sink", "list")).out, r"audit +file +stopped")
        self.assertEqual(self.ok(home.run("sink", "list", "--json")).json()[0]["watermark"], 2)


class Orphans(SinksTest):
    def test_a_sink_that_vanishes_from_the_file_is_orphaned_and_only_a_command_removes_it(self):
        keep_nothing = "[journal]\nretain_blocks = 0\n" + commit("all(audit)")
        home = self.running(keep_nothing + file_sink("audit") + file_sink("copy"))
        self.add_blocks(100)
        self.wait_for_watermark(home, "audit", "copy")
        self.stop(home)
        self.configure(home, keep_nothing + file_sink("audit"))
        self.start(home)
        self.assertIn("sink copy is gone from the configuration", home.log())
        copy = self.sink(home, "copy")
        self.assertEqual((copy["lifecycle"], copy["reason"], copy["watermark"]),
                         ("suspended", "orphaned", 100))
        self.add_blocks(200)
        self.wait_for_watermark(home, "audit")
        # The journal keeps it in mind; it prunes 64 heights at a time.
        wait_until("what both have is pruned",
                   lambda: home.running_status()["journal"]["first"] > 1)
        self.assertLessEqual(home.running_status()["journal"]["first"], 101)
        self.fails(home.run("sink", "resume", "copy"), 1, "gone from the configuration")
        self.assertEqual(self.ok(home.run("sink", "remove", "copy")).out, "copy: removed\n")
        self.assertIsNone(self.sink(home, "copy"))
        self.add_blocks(10)
        wait_until("the journal lets go",
                   lambda: home.running_status()["journal"]["first"] > 101)
        self.assertTrue((home.path / "data" / "copy").exists(), "what it holds stays")
        self.stop(home)
        self.start(home)
        self.assertIsNone(self.sink(home, "copy"))

    def test_put_back_it_goes_on_where_it_was(self):
        home = self.running(commit("all(audit)") + file_sink("audit") + file_sink("copy"))
        self.add_blocks(5)
        self.wait_for_watermark(home, "audit", "copy")
        self.stop(home)
        self.configure(home, commit("all(audit)") + file_sink("audit"))
        self.start(home)
        self.add_blocks(150)
        self.wait_for_watermark(home, "audit")
        self.configure(home, commit("all(audit)") + file_sink("audit") + file_sink("copy"))
        self.assertIn("sink copy: configured again",
                      self.ok(home.run("config", "reload")).out)
        self.wait_for_watermark(home, "copy")
        self.equal(home, "copy")

    def test_a_removed_sink_that_runs_is_gone_at_once(self):
        home = self.running(commit("all(audit)") + file_sink("audit") + file_sink("copy"))
        self.add_blocks(5)
        self.wait_for_watermark(home, "copy")
        self.assertEqual(self.ok(home.run("sink", "remove", "copy")).out, "copy: removed\n")
        self.add_blocks(5)
        self.wait_for_watermark(home, "audit")
        self.assertIsNone(self.sink(home, "copy"))
        # It is in the file still: as any start, a reload makes it anew; it holds what it held.
        self.assertIn("sink copy: added", self.ok(home.run("config", "reload")).out)
        self.wait_for_watermark(home, "copy")
        self.equal(home, "copy")


class Records(SinksTest):
    def spoil(self, home, sink):
        """Overwrites the sink's record, as a bad disk would."""
        subprocess.run([BUILD / "tests" / "edit_home", home.path / "data" / "db", "record",
                        f"sink/{sink}", '{"schema":1,"na'], check=True, timeout=DEADLINE_SECONDS)

    def test_a_record_that_cannot_be_read_is_set_aside_and_the_others_start(self):
        home = self.running(commit("all") + file_sink("audit") + file_sink("copy"))
        self.add_blocks(3)
        self.wait_for_watermark(home, "audit", "copy")
        self.stop(home)
        self.spoil(home, "copy")
        self.start(home)
        self.assertIn("the record of sink copy cannot be read", home.log())
        self.assertIn("unreadable_sink/copy", home.log())
        self.add_blocks(3)
        self.wait_for_watermark(home, "audit", "copy")
        self.equal(home, "audit", "copy")

    def test_an_orphan_whose_record_cannot_be_read_is_an_orphan_still(self):
        home = self.running(commit("all(audit)") + file_sink("audit") + file_sink("copy"))
        self.add_blocks(3)
        self.wait_for_watermark(home, "audit", "copy")
        self.stop(home)
        self.spoil(home, "copy")
        self.configure(home, commit("all(audit)") + file_sink("audit"))
        self.start(home)
        copy = self.sink(home, "copy")
        self.assertEqual((copy["reason"], copy["watermark"]), ("orphaned", 3))

    def test_strict_refuses_to_start_instead(self):
        config = '[lifecycle]\nrestore = "strict"\n' + commit("all") + file_sink("audit")
        home = self.running(config)
        self.add_blocks(1)
        self.wait_for_watermark(home, "audit")
        self.stop(home)
        self.spoil(home, "audit")
        self.fails(home.run("start"), 1, "the record of sink audit cannot be read", "lenient")


class Reload(SinksTest):
    def test_only_what_differs_is_touched(self):
        home = self.running(commit("all") + file_sink("audit") + file_sink("copy"))
        self.add_blocks(5)
        self.wait_for_watermark(home, "audit", "copy")
        self.assertEqual(self.ok(home.run("config", "reload")).out, "nothing to change\n")
        self.configure(home, commit("all") + file_sink("audit") +
                       file_sink("copy", queue_bytes="1MiB"))
        self.assertEqual(self.ok(home.run("config", "reload")).out, "sink copy: other settings\n")
        self.add_blocks(5)
        self.wait_for_watermark(home, "audit", "copy")
        wait_until("a new instance of copy",
                   lambda: home.log().count("sink copy: attached at height") == 2)
        self.assertEqual(home.log().count("sink audit: attached at height"), 1)
        self.equal(home, "audit", "copy")

    def test_a_file_that_does_not_check_changes_nothing(self):
        home = self.running(commit("all") + file_sink("audit"))
        self.add_blocks(2)
        self.wait_for_watermark(home, "audit")
        good = (home.path / "config" / "app.toml").read_text()
        for bad, code, said in (
                (good.replace('policy = "all"', 'policy = "all(ghost)"'), 2, "ghost"),
                (good + "[sinks.x]\nplugin = \"file\"\n", 2, "path"),
                (good + "[sinks.x]\nplugin = \"nosuch\"\n", 3, "nosuch")):
            (home.path / "config" / "app.toml").write_text(bad)
            self.fails(home.run("config", "reload"), code, said)
            status = home.running_status()
            self.assertEqual([s["name"] for s in status["sinks"]], ["audit"])
            self.assertEqual(status["commit"]["policy"], "all")
        self.add_blocks(2)
        self.wait_for_watermark(home, "audit")
        self.assertIn("nothing has changed", home.log())

    def test_what_waits_for_a_restart_is_said_until_there_was_one(self):
        home = self.running(commit("all") + file_sink("audit"))
        self.add_blocks(2)
        self.wait_for_watermark(home, "audit")
        self.configure(home, commit("all", window=3, ack_timeout="7s") + file_sink("audit"))
        first = self.ok(home.run("config", "reload")).out
        self.assertIn("commit.window: takes effect with the next start\n", first)
        self.assertIn("sink audit: another ack_timeout\n", first)
        self.assertEqual(self.ok(home.run("config", "reload")).out,
                         "commit.window: takes effect with the next start\n")
        (home.path / "config" / "app.toml").write_text(
            (home.path / "config" / "app.toml").read_text().replace(
                'names = ["main", "orders"]', 'names = ["main", "orders", "more"]'))
        self.assertIn("stores.names: takes effect", self.ok(home.run("config", "reload")).out)
        self.add_blocks(2)
        self.wait_for_watermark(home, "audit")
        self.assertEqual(home.log().count("sink audit: attached at height"), 1)
        self.stop(home)
        self.fails(home.run("config", "reload"), 1, "no node is running")

    def test_a_hang_up_reloads_too(self):
        home = self.running(commit("all") + file_sink("audit"))
        self.configure(home, commit("all") + file_sink("audit") + file_sink("copy"))
        self.node.send_signal(signal.SIGHUP)
        wait_until("copy is there", lambda: self.sink(home, "copy"))
        self.add_blocks(2)
        self.wait_for_watermark(home, "audit", "copy")
        self.assertIn("reload: sink copy: added", home.log())

    def test_a_sink_comes_and_another_goes_while_blocks_commit(self):
        home = self.running(commit("all") + file_sink("audit") + file_sink("old"))
        self.add_blocks(30)
        self.configure(home, commit("all") + file_sink("audit") + file_sink("new"))
        changed = self.ok(home.run("config", "reload")).out
        self.assertIn("sink new: added", changed)
        self.assertIn("sink old: gone from the configuration", changed)
        self.add_blocks(30)
        self.wait_for_watermark(home, "audit", "new")
        self.assertEqual(self.sink(home, "old")["reason"], "orphaned")
        self.assertIsNone(self.node.poll(), home.log())
        self.equal(home, "audit", "new")
        self.stop(home)
        self.start(home)
        self.assertEqual([s["name"] for s in home.running_status()["sinks"]],
                         ["audit", "new", "old"])

    def test_a_policy_takes_effect_at_a_height_that_the_log_names(self):
        never = f'[sinks.mute]\nplugin = "{TEST_PLUGINS}/never_acks.so"\n'
        home = self.running(commit("all", on_failure="wait") + file_sink("audit") + never)
        self.add_blocks(3)
        wait_until("it waits for mute", lambda: (home.running_status() or {}).get(
            "commit", {}).get("waiting_on") == ["mute"])
        self.configure(home, commit("all(audit)", on_failure="wait") + file_sink("audit") + never)
        self.assertIn('policy "all(audit)"', self.ok(home.run("config", "reload")).out)
        # Heights that wait are decided by it.
        self.wait_for_height(home)
        self.assertRegex(home.log(), r'policy "all\(audit\)" at level durable decides from '
                                     r'height 1 on')
        status = home.running_status()
        self.assertEqual(status["commit"]["policy"], "all(audit)")
        self.assertIn("audit", status["commit"]["policy_text"])

    def test_a_policy_of_sinks_that_are_not_there_lets_nothing_through(self):
        never = f'[sinks.mute]\nplugin = "{TEST_PLUGINS}/never_acks.so"\nack_timeout = "1s"\n'
        home = self.running(commit("all(audit)", on_failure="wait") + file_sink("audit") + never)
        self.add_blocks(3)
        self.wait_for_height(home)
        self.configure(home, commit("all(mute)", on_failure="wait") + file_sink("audit") + never)
        self.ok(home.run("config", "reload"))
        self.add_blocks(3)
        self.wait_for_watermark(home, "audit")
        self.assertEqual(home.running_status()["height"], 3)
        self.assertEqual(home.running_status()["commit"]["waiting_on"], ["mute"])

    def test_a_higher_level_waits_for_the_instance_that_can_give_it(self):
        def config(level, fsync):
            return (commit("all", level=level, on_failure="halt") +
                    file_sink("audit").replace("fsync = true", f"fsync = {fsync}"))
        home = self.running(config("received", "false"))
        self.add_blocks(5)
        self.wait_for_height(home)
        self.configure(home, config("durable", "true"))
        self.add_blocks(50)
        self.ok(home.run("config", "reload"))
        self.add_blocks(50)
        self.wait_for_height(home)
        self.assertIsNone(self.node.poll(), home.log())
        self.equal(home, "audit")

    def test_a_sink_that_newly_counts_is_not_waited_for_before_it_is_level(self):
        slow = (f'[sinks.slow]\nplugin = "{TEST_PLUGINS}/never_acks.so"\nack_timeout = "1s"\n')
        home = self.running(commit("all(audit)", on_failure="halt") + file_sink("audit") + slow)
        self.add_blocks(3)
        self.wait_for_height(home)
        self.configure(home, commit("all", on_failure="halt") + file_sink("audit") + slow)
        self.ok(home.run("config", "reload"))
        self.add_blocks(3)
        self.wait_for_height(home)
        self.assertIsNone(self.node.poll(), home.log())

    def test_a_replaced_library_really_runs(self):
        home = self.home(None)
        plugins = home.path / "plugins"
        plugins.mkdir(parents=True)
        shutil.copy(TEST_PLUGINS / "counts.so", plugins / "mine.so")
        config = commit("all(audit)") + file_sink("audit") + '[sinks.x]\nplugin = "mine"\n'
        home.configure(HEAD + config)
        self.input = home.path / "in.jsonl"
        self.input.write_text("")
        self.blocks = 0
        self.start(home)
        before = wait_until("it runs", lambda: (lambda s: s["lifecycle"] == "running" and s)(
            self.sink(home, "x")))
        (plugins / "mine.so.new").write_bytes((TEST_PLUGINS / "slow.so").read_bytes())
        os.chmod(plugins / "mine.so.new", stat.S_IRUSR | stat.S_IXUSR)
        os.replace(plugins / "mine.so.new", plugins / "mine.so")
        self.assertEqual(self.ok(home.run("config", "reload")).out, "sink x: a new library\n")
        after = wait_until("the new one runs",
                           lambda: (lambda s: s["plugin"] != before["plugin"] and s)(
                               self.sink(home, "x")))
        self.assertNotEqual(after["plugin"], before["plugin"])

    def test_what_takes_a_restart_is_said(self):
        home = self.running(commit("all") + file_sink("audit"))
        self.configure(home, commit("all", window=3) + "[journal]\nmax_bytes = \"1GiB\"\n" +
                       file_sink("audit"))
        done = self.ok(home.run("config", "reload")).out
        self.assertIn("commit.window: takes effect with the next start", done)
        self.assertIn("journal.max_bytes: takes effect with the next start", done)

    def test_a_disabled_sink_is_enabled_without_a_restart_and_back(self):
        def config(enabled):
            return (commit("all(audit)") + file_sink("audit") + file_sink("copy", enabled=enabled))
        home = self.running(config(False))
        self.assertEqual(self.sink(home, "copy")["reason"], "disabled")
        self.add_blocks(3)
        self.wait_for_height(home)
        self.configure(home, config(True))
        self.assertEqual(self.ok(home.run("config", "reload")).out, "sink copy: enabled\n")
        self.wait_for_watermark(home, "copy")
        self.configure(home, config(False))
        self.assertEqual(self.ok(home.run("config", "reload")).out, "sink copy: disabled\n")
        wait_until("suspended", lambda: self.sink(home, "copy")["lifecycle"] == "suspended")
        self.assertEqual(self.sink(home, "copy")["reason"], "disabled")


class Bases(SinksTest):
    """Sinks that begin, or go on, somewhere else than where they are."""

    KEEP_NOTHING = "[journal]\nretain_blocks = 0\n" + commit("all(audit)")

    def pruned(self):
        """A home with 200 blocks whose journal no longer holds the first ones."""
        home = self.running(self.KEEP_NOTHING + file_sink("audit"))
        self.add_blocks(200)
        self.wait_for_watermark(home, "audit")
        self.add_blocks(1)
        wait_until("the beginning is pruned",
                   lambda: home.running_status()["journal"]["first"] > 64)
        return home

    def verified(self, home, sink):
        return self.ok(home.run("verify", "--sink", sink, "--json")).json()

    def test_latest_begins_with_the_next_height_and_says_so_ever_after(self):
        home = self.pruned()
        self.wait_for_watermark(home, "audit")
        began = self.blocks
        self.configure(home, self.KEEP_NOTHING + file_sink("audit") +
                       file_sink("late", start="latest"))
        self.assertIn("sink late: added", self.ok(home.run("config", "reload")).out)
        wait_until("late runs", lambda: self.sink(home, "late")["lifecycle"] == "running")
        self.add_blocks(5)
        self.wait_for_watermark(home, "late")
        self.assertEqual(self.sink(home, "late")["mode"], "partial")
        report = self.verified(home, "late")
        self.assertEqual((report["equal"], report["complete"], report["from"]),
                         (True, False, began + 1))
        for how in (signal.SIGTERM, signal.SIGKILL):
            self.stop(home, how)
            self.start(home)
            self.add_blocks(2)
            self.wait_for_watermark(home, "late")
            self.assertEqual(self.sink(home, "late")["mode"], "partial")

    def test_a_gap_is_refused_and_skipped_only_where_the_operator_says_so(self):
        home = self.pruned()
        self.configure(home, self.KEEP_NOTHING + file_sink("audit") + file_sink("copy"))
        self.ok(home.run("config", "reload"))
        wait_until("the gap", lambda: self.sink(home, "copy")["reason"] == "gap")
        self.assertIn('on_gap = "skip"', self.sink(home, "copy")["last_error"]["text"])
        self.configure(home, self.KEEP_NOTHING + file_sink("audit") +
                       file_sink("copy", on_gap="skip"))
        self.assertEqual(self.ok(home.run("config", "reload")).out, "sink copy: other settings\n")
        self.add_blocks(3)
        self.wait_for_watermark(home, "copy")
        self.assertRegex(home.log(), r"sink copy: heights 1 to \d+ are skipped")
        self.assertEqual(self.sink(home, "copy")["mode"], "partial")
        report = self.verified(home, "copy")
        self.assertEqual((report["equal"], report["complete"]), (True, False))
        self.assertGreater(report["from"], 64)


class TakeOver(SinksTest):
    def restored(self, config):
        """A home put back to an earlier state of its own; the sink, outside of it, has gone on."""
        home = self.running(config)
        self.add_blocks(3)
        self.wait_for_height(home)
        self.stop(home)
        shutil.copytree(home.path / "data", home.root / "backup")
        # Later starts raise the epoch that the sink sees.
        for _ in range(3):
            self.start(home)
            self.add_blocks(1)
            self.wait_for_height(home)
            self.stop(home)
        shutil.rmtree(home.path / "data")
        shutil.copytree(home.root / "backup", home.path / "data")
        return home

    def test_a_restored_home_takes_its_sink_over_before_its_start(self):
        outside = pathlib.Path(self.home(None).root) / "stream"
        home = self.restored(commit("all") + file_sink("audit", str(outside)))
        self.fails(home.run("start"), 3, "epoch", "--take-over")
        taken = self.ok(home.run("sink", "repair", "--take-over", "audit")).out
        self.assertIn("start the node", taken)
        # The sink is ahead: the same blocks come again without it first, as documented.
        self.ok(home.run("replay", self.input, env={"SLUICE_COMMIT__POLICY": "fire-and-forget"}))
        self.start(home)
        self.add_blocks(3)
        self.wait_for_height(home)
        self.wait_for_watermark(home, "audit")
        self.equal(home, "audit")

    def test_a_running_node_takes_over_a_sink_that_it_does_without(self):
        outside = pathlib.Path(self.home(None).root) / "stream"
        home = self.restored(commit("all(audit)") + file_sink("audit") +
                             file_sink("copy", str(outside)))
        self.start(home)
        wait_until("fenced", lambda: self.sink(home, "copy")["reason"] == "fenced")
        self.fails(home.run("sink", "repair", "copy"), 1, "fenced")
        self.assertEqual(self.ok(home.run("sink", "repair", "--take-over", "copy")).out,
                         "copy: running\n")
        self.wait_for_watermark(home, "copy")
        self.equal(home, "copy")


if __name__ == "__main__":
    unittest.main(verbosity=2)
