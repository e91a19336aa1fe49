#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `sluice status` shows: of a running node, again and again; of a stopped home in all its
shapes; and of a home that a newer release has written."""

import contextlib
import json
import os
import pathlib
import pty
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from cli_test import BLOCKS, CliTest
from sluice_home import (BUILD, CONFIG, DEADLINE_SECONDS, SLUICE, TEST_PLUGINS, environment,
                         wait_until)

FOLLOW = CONFIG.replace('kind = "replay"', 'kind = "replay"\n[driver.replay]\npath = "in.jsonl"\n')
NEVER_ACKS = f'plugin = "{TEST_PLUGINS}/never_acks.so"'
FILE_SINK = 'plugin = "file"\nsettings = { path = "data/stream", fsync = true }\n'


class Watching(CliTest):
    def running(self):
        home = self.home(FOLLOW)
        self.input = home.path / "in.jsonl"
        self.input.write_text(BLOCKS[0] + "\n")
        node = home.start()
        wait_until("height 1", lambda: (home.running_status() or {}).get("height") == 1)
        return home, node

    def add_block(self, height):
        with open(self.input, "a") as out:
            out.write(BLOCKS[height - 1] + "\n")

    @contextlib.contextmanager
    def watch(self, home, *args, **streams):
        watch = subprocess.Popen([SLUICE, "--home", home.path, "status", "--watch", *args],
                                 env=environment(), **streams)
        try:
            yield watch
        finally:
            if watch.poll() is None:
                watch.kill()
            watch.wait()
            for stream in (watch.stdout, watch.stderr):
                if stream:
                    stream.close()

    def test_it_prints_again_until_it_is_interrupted_and_outlives_the_node(self):
        home, node = self.running()
        with self.watch(home, "--json", stdout=subprocess.PIPE) as watch:
            def next_with(what, holds):
                # One document a line; unchanged ones come once a second.
                for line in watch.stdout:
                    self.assertTrue(line.endswith(b"\n"))
                    document = json.loads(line)
                    if holds(document):
                        return document
                return self.fail(f"{what}: the watch ended: {watch.wait()}")
            next_with("running", lambda s: s["running"] and s["height"] == 1)
            self.assertTrue(next_with("again", lambda s: True)["running"])
            self.add_block(2)
            next_with("an update", lambda s: s["height"] == 2)
            node.send_signal(signal.SIGTERM)
            self.assertEqual(node.wait(DEADLINE_SECONDS), 0, home.log())
            stopped = next_with("the end of the node", lambda s: not s["running"])
            self.assertEqual((stopped["height"], stopped["sinks"][0]["lifecycle"]), (2, "stopped"))
            self.assertIsNone(watch.poll())
            home.start()
            next_with("the node again", lambda s: s["running"])
            watch.send_signal(signal.SIGINT)
            self.assertEqual(watch.wait(DEADLINE_SECONDS), -signal.SIGINT)
            rest = watch.stdout.read()
            self.assertTrue(rest == b"" or rest.endswith(b"\n"), rest)
        wait_until("the node goes on", home.running_status)

    def test_for_people_the_tables_follow_one_another(self):
        home, _ = self.running()
        with self.watch(home, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as watch:
            tables = 0
            for line in watch.stdout:
                self.assertNotIn(b"\x1b", line)
                tables += line.startswith(b"stream demo   running")
                if tables == 3:
                    break
            self.assertEqual(tables, 3)
            watch.stdout.close()  # as `| head` does
            self.assertEqual(watch.wait(DEADLINE_SECONDS), -signal.SIGPIPE)
            self.assertEqual(watch.stderr.read(), b"")

    def test_on_a_terminal_it_redraws(self):
        home, _ = self.running()
        ours, theirs = pty.openpty()
        with self.watch(home, stdout=theirs) as watch:
            os.close(theirs)
            seen = b""
            added = False
            while b"height 2 " not in seen:
                seen += os.read(ours, 4096)
                # One read may bring more than one screen.
                if not added and seen.count(b"\x1b[2J") >= 2:
                    self.add_block(2)
                    added = True
            watch.send_signal(signal.SIGINT)
            self.assertEqual(watch.wait(DEADLINE_SECONDS), -signal.SIGINT)
        os.close(ours)

    def test_what_is_wrong_from_the_beginning_is_not_watched(self):
        home = self.home(CONFIG.replace("[commit]", "[commit]\nwindwo = 1"))
        self.fails(home.run("status", "--watch"), 2, "commit.windwo")
        home = self.filled()
        home.configure(CONFIG.replace('"demo"', '"other"'))
        self.fails(home.run("status", "--watch", "--json"), 1, "'demo'", "'other'")


class PluginsOwn(CliTest):
    COUNTS = (f'plugin = "{TEST_PLUGINS}/counts.so"\n'
              'settings = { record = "counts.record", height = 2, count = 1 }\n')

    def test_its_numbers_and_that_it_is_at_least_once(self):
        home = self.home(FOLLOW.replace(FILE_SINK, self.COUNTS))
        (home.path / "in.jsonl").write_text("".join(line + "\n" for line in BLOCKS[:3]))
        node = home.start()
        status = wait_until("height 3", lambda: (lambda s: s if s and s["height"] == 3 else None)(
            home.running_status()))
        sink = status["sinks"][0]
        # Height 1 by the first instance, which failed at 2; the others by the second.
        self.assertEqual(sink["retries"], 1)
        self.assertEqual(sink["metrics"], {"heights_taken": 3, "last_height": 3})
        self.assertIs(sink["at_least_once"], True)
        self.assertEqual(home.log().count('metric "No Name" is not taken'), 2, home.log())
        said = "audit is at least once: after a crash its readers may see heights again\n"
        self.assertIn(said, self.ok(home.run("status")).out)
        node.send_signal(signal.SIGTERM)
        self.assertEqual(node.wait(DEADLINE_SECONDS), 0, home.log())
        sink = self.ok(home.run("status", "--json")).json()["sinks"][0]
        self.assertEqual((sink["metrics"], sink["at_least_once"]), ({}, None))

    def test_a_sink_that_says_nothing_is_not_called_at_least_once(self):
        home = self.home(FOLLOW)
        (home.path / "in.jsonl").write_text(BLOCKS[0] + "\n")
        home.start()
        status = wait_until("height 1", lambda: (lambda s: s if s and s["height"] == 1 else None)(
            home.running_status()))
        sink = status["sinks"][0]
        self.assertEqual((sink["metrics"], sink["at_least_once"]), ({}, False))
        self.assertNotIn("at least once", self.ok(home.run("status")).out)


class Stopped(CliTest):
    def status(self, home):
        return (self.ok(home.run("status", "--json")).json(), self.ok(home.run("status")).out)

    def test_clean(self):
        home = self.filled()
        status, text = self.status(home)
        self.assertEqual((status["running"], status["height"], status["journaled_height"]),
                         (False, 3, 3))
        self.assertEqual((status["degraded"], status["unacked_ranges"], status["last_halt"]),
                         (False, [], None))
        self.assertEqual((status["uptime_seconds"], status["commit"]["waiting_on"]), (0, []))
        sink = status["sinks"][0]
        self.assertEqual((sink["name"], sink["lifecycle"], sink["watermark"], sink["lag_blocks"]),
                         ("audit", "stopped", 3, 0))
        self.assertIn("stream demo   stopped", text)
        self.assertIn("height 3   journaled 3   digest " + status["digest"][:16], text)
        for word in ("DEGRADED", "unacked", "last halt", "waiting on"):
            self.assertNotIn(word, text)
        # Looking changes nothing, the epoch least of all.
        self.assertEqual(self.status(home)[0], status)

    def test_journaled_ahead_of_what_is_committed(self):
        home = self.home(FOLLOW.replace(FILE_SINK, NEVER_ACKS + "\n").replace(
            'recover_timeout = "2s"', 'on_failure = "wait"'))
        (home.path / "in.jsonl").write_text("".join(line + "\n" for line in BLOCKS))
        node = home.start()
        wait_until("all is journaled",
                   lambda: (home.running_status() or {}).get("journaled_height") == 3)
        node.send_signal(signal.SIGKILL)
        node.wait()
        status, text = self.status(home)
        self.assertEqual((status["running"], status["height"], status["journaled_height"]),
                         (False, 0, 3))
        self.assertEqual((status["journal"]["first"], status["journal"]["last"]), (1, 3))
        self.assertEqual((status["last_halt"], status["sinks"][0]["watermark"]), (None, 0))
        self.assertIn("height 0   journaled 3", text)
        # The next start rolls it forward, and status has shown what it would be.
        home.configure(CONFIG)
        self.ok(home.run("replay", "-"))
        status, text = self.status(home)
        self.assertEqual((status["height"], status["journaled_height"]), (3, 3))
        self.assertIn("height 3   journaled 3", text)

    def degraded_home(self):
        return self.home(CONFIG.replace(
            'recover_timeout = "2s"', 'ack_timeout = "300ms"\non_failure = "degrade"\n'
            'recover_timeout = "1s"') + f"[sinks.late]\n{NEVER_ACKS}\n")

    def test_degraded_and_healed(self):
        home = self.degraded_home()
        blocks = home.write("blocks.jsonl", BLOCKS)
        self.fails(home.run("replay", blocks), 1, "is committed, but sink late is at 0")
        status, text = self.status(home)
        self.assertEqual((status["height"], status["degraded"]), (3, True))
        (unacked,) = status["unacked_ranges"]
        self.assertEqual((unacked["first"], unacked["last"], unacked["healed"], unacked["sinks"]),
                         (1, 3, False, ["late"]))
        self.assertRegex(unacked["since"], r"^\d{4}-\d\d-\d\dT")
        self.assertEqual([(sink["name"], sink["watermark"], sink["lag_blocks"])
                          for sink in status["sinks"]], [("audit", 3, 0), ("late", 0, 3)])
        self.assertIn("DEGRADED", text)
        self.assertIn("unacked heights 1 to 3 (not healed yet)", text)
        # The sink comes back; the next start sees that it has all.
        home.configure((home.path / "config" / "app.toml").read_text().replace(
            NEVER_ACKS, 'plugin = "file"\nsettings = { path = "data/late" }'))
        for _ in range(2):
            self.ok(home.run("replay", blocks))
        status, text = self.status(home)
        self.assertEqual((status["degraded"], status["unacked_ranges"][0]["healed"]), (False, True))
        self.assertEqual(status["sinks"][1]["watermark"], 3)
        self.assertNotIn("DEGRADED", text)
        self.assertIn("unacked heights 1 to 3 (healed)", text)

    def test_last_halt_is_kept_on_record(self):
        halting = 'ack_timeout = "200ms"\non_failure = "halt"'
        home = self.home(CONFIG.replace(FILE_SINK, NEVER_ACKS + "\n").replace(
            'recover_timeout = "2s"', halting))
        blocks = home.write("blocks.jsonl", BLOCKS[:1])
        self.fails(home.run("replay", blocks), 75, "audit")
        status, text = self.status(home)
        self.assertEqual((status["height"], status["journaled_height"]), (0, 1))
        halt = status["last_halt"]
        self.assertRegex(halt["time"], r"^\d{4}-\d\d-\d\dT.*Z$")
        self.assertEqual(halt["height"], 0)
        self.assertIn("audit", halt["reason"])
        self.assertIn(f"last halt {halt['time']}: ", text)
        home.configure(CONFIG)
        self.ok(home.run("replay", blocks))
        status, _ = self.status(home)
        self.assertEqual((status["height"], status["last_halt"]), (1, halt))

    def test_what_ended_the_node_is_shown_until_a_start_succeeds(self):
        home = self.filled()
        home.configure(CONFIG.replace('"data/stream"', '"data/moved"'))
        stream = home.path / "data" / "moved"
        (home.path / "data" / "stream").rename(stream)
        (home.path / "data" / "db").rename(home.root / "old-db")  # the sink knows newer epochs
        self.fails(home.run("replay", "-"), 3, "audit", "epoch")
        status, text = self.status(home)
        (sink,) = status["sinks"]
        self.assertEqual((sink["lifecycle"], sink["reason"]), ("stopped", "fenced"))
        self.assertIn("epoch", sink["last_error"]["text"])
        self.assertRegex(sink["last_error"]["time"], r"^\d{4}-\d\d-\d\dT.*Z$")
        self.assertEqual(sink["last_error"]["code"], "FENCED")
        self.assertIn("stopped (fenced)", text)
        self.assertIn(sink["last_error"]["time"][:19] + "Z ", text)
        self.assertIn("sink audit (fenced: ", status["last_halt"]["reason"])
        # A library that cannot be loaded.
        home.configure(CONFIG.replace('plugin = "file"', 'plugin = "nothing"'))
        self.fails(home.run("replay", "-"), 3, "nothing")
        self.assertIn("nothing", self.status(home)[0]["sinks"][0]["reason"])
        home.configure(CONFIG)
        self.ok(home.run("replay", home.root / "blocks.jsonl"))
        (sink,) = self.status(home)[0]["sinks"]
        self.assertEqual((sink["reason"], sink["last_error"]), ("", None))

    def test_sinks_that_do_not_take_part(self):
        home = self.filled(CONFIG + "[sinks.idle]\nplugin = \"null\"\nenabled = false\n"
                           "[sinks.aside]\nplugin = \"null\"\nack = false\nstores = [\"orders\"]\n")
        status, text = self.status(home)
        sinks = {sink["name"]: sink for sink in status["sinks"]}
        self.assertEqual((sinks["idle"]["reason"], sinks["idle"]["watermark"]), ("disabled", 0))
        self.assertEqual((sinks["aside"]["counted"], sinks["aside"]["filters"]["stores"]),
                         (False, ["orders"]))
        self.assertTrue(sinks["audit"]["counted"])
        self.assertIn("stopped (disabled)", text)


class NewerHome(CliTest):
    def set_format(self, home, version):
        subprocess.run([BUILD / "tests" / "edit_home", home.path / "data" / "db", "version",
                        str(version)], check=True, timeout=DEADLINE_SECONDS)

    def files(self, folder):
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    def test_every_command_refuses_it_and_leaves_it_as_it_is(self):
        home = self.filled()
        self.set_format(home, 1)  # opening it has an effect of its own on RocksDB's files
        before = self.ok(home.run("status", "--json")).json()
        kept = self.ok(home.run("journal", "list", "--json")).out
        stream = self.files(home.path / "data" / "stream")
        self.set_format(home, 2)
        commands = [["replay", home.root / "blocks.jsonl"], ["status"], ["store", "list"],
                    ["store", "get", "orders", "o-1"], ["journal", "list"], ["journal", "verify"],
                    ["verify", "--sink", "audit"]]
        for command in commands:
            self.fails(home.run(*command), 1, "the home has format 2, this program knows 1",
                       "use the newer release that wrote it", str(home.path / "data" / "db"))
        home.configure(FOLLOW)
        self.fails(home.run("start"), 1, "the home has format 2")
        home.configure(CONFIG)
        self.assertFalse((home.path / "data" / "admin.sock").exists())
        self.assertEqual(self.files(home.path / "data" / "stream"), stream)
        self.set_format(home, 1)
        self.assertEqual(self.ok(home.run("status", "--json")).json(), before)
        self.assertEqual(self.ok(home.run("journal", "list", "--json")).out, kept)
        self.ok(home.run("journal", "verify"))
        self.ok(home.run("verify", "--sink", "audit"))
        done = self.ok(home.run("replay", home.root / "blocks.jsonl", "--json")).json()
        self.assertEqual((done["skipped"], done["digest"]), (3, before["digest"]))


if __name__ == "__main__":
    unittest.main(verbosity=1)
