#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a service manager hears of a node, which listens at a socket of this test's; and what a node does
at SIGHUP."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from cli_test import BLOCKS, CliTest
from sluice_home import (BUILD, CONFIG, DEADLINE_SECONDS, SLUICE, TEST_PLUGINS, environment,
                         wait_until)

FOLLOW = CONFIG.replace('kind = "replay"', 'kind = "replay"\n[driver.replay]\npath = "in.jsonl"\n')
FOLLOW += '[admin]\nmetrics_listen = ""\n'
FILE_SINK = 'plugin = "file"\nsettings = { path = "data/stream", fsync = true }'
SOON = 0.2  # seconds: several looks at a watchdog of 100 ms


class Manager:
    """The socket at which a service manager listens."""

    def __init__(self, test):
        self.home = test.home(FOLLOW)
        self.input = self.home.path / "in.jsonl"
        self.input.write_text(BLOCKS[0] + "\n")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        test.addCleanup(self.socket.close)
        self.socket.bind(str(self.home.root / "notify"))
        self.socket.settimeout(DEADLINE_SECONDS)
        self.heard = []

    def start(self, *args, watchdog=None, program=SLUICE, env=None):
        extra = {"NOTIFY_SOCKET": str(self.home.root / "notify"), **(env or {})}
        command = [program, "--home", self.home.path, *(args or ["start"])]
        if watchdog is not None:
            # WATCHDOG_PID is the process's own, which only a shell in its place knows before.
            extra["WATCHDOG_USEC"] = str(watchdog)
            command = ["sh", "-c", 'WATCHDOG_PID=$$ exec "$@"', "sh", *command]
        with open(self.home.root / "start.log", "ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment(extra))
        self.home.started.append(process)
        return process

    def next(self):
        """The next message, as its lines."""
        message = self.socket.recv(65536).decode()
        self.heard.append(message)
        return dict(line.split("=", 1) for line in message.splitlines() if line)

    def until(self, holds):
        while True:
            message = self.next()
            if holds(message):
                return message

    def silent_for(self, seconds):
        """Whether nothing comes for so long, once what was under way has been heard."""
        self.socket.settimeout(seconds)
        try:
            self.next()
            return False
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(DEADLINE_SECONDS)


class Notifications(CliTest):
    def test_ready_status_and_stopping(self):
        manager = Manager(self)
        node = manager.start()
        ready = manager.until(lambda m: "READY" in m)
        self.assertEqual(ready["READY"], "1")
        # It takes blocks now; the one that is there may have committed since.
        # Blocks are taken once the sink is attached, a moment before its loop calls it running.
        self.assertRegex(ready["STATUS"], r"^height [01], ([01]) of 1 sinks live(; .*)?$")
        self.assertFalse(any("READY" in message for message in manager.heard[:-1]))
        manager.until(lambda m: m.get("STATUS") == "height 1, 1 of 1 sinks live")
        with open(manager.input, "a") as out:
            out.write(BLOCKS[1] + "\n")
        manager.until(lambda m: m.get("STATUS") == "height 2, 1 of 1 sinks live")
        self.assertFalse(any("WATCHDOG" in message for message in manager.heard))
        node.send_signal(signal.SIGTERM)
        stopping = manager.until(lambda m: "STOPPING" in m)
        # drain_timeout and stop_timeout, and some time to close the database.
        self.assertGreater(int(stopping["EXTEND_TIMEOUT_USEC"]), 20_000_000)
        self.assertEqual(node.wait(DEADLINE_SECONDS), 0)
        self.assertTrue(manager.silent_for(0.01), manager.heard[-1])
        self.assertEqual(sum("STOPPING" in message for message in manager.heard), 1)

    def test_a_start_that_waits_for_a_sink_asks_for_time_and_is_not_ready(self):
        manager = Manager(self)
        manager.home.configure(FOLLOW.replace(FILE_SINK, f'plugin = "{TEST_PLUGINS}/start_fails.so"')
                               .replace('recover_timeout = "2s"', 'on_failure = "wait"'))
        node = manager.start(watchdog=200_000)
        waiting = manager.until(lambda m: "waiting on audit" in m.get("STATUS", ""))
        self.assertGreater(int(waiting["EXTEND_TIMEOUT_USEC"]), 0)
        self.assertTrue(waiting["STATUS"].startswith("starting at height 0"))
        for _ in range(3):
            manager.until(lambda m: "WATCHDOG" in m and "EXTEND_TIMEOUT_USEC" in m)
        self.assertFalse(any("READY" in message for message in manager.heard))
        node.send_signal(signal.SIGTERM)
        self.assertEqual(node.wait(DEADLINE_SECONDS), 0)

    def test_signs_of_life_come_also_from_a_node_that_has_nothing_to_do(self):
        manager = Manager(self)
        manager.start(watchdog=200_000)
        manager.until(lambda m: "READY" in m)
        for _ in range(5):
            manager.until(lambda m: "WATCHDOG" in m)

    def test_no_sign_of_life_while_the_thread_that_commits_is_stuck(self):
        manager = Manager(self)
        # It stops for ever in front of the write of height 2; everything else goes on.
        manager.start(watchdog=100_000, program=BUILD / "tests" / "sluice-failpoints",
                      env={"SLUICE_FAILPOINT": "commit.s1.before@2:pause"})
        # The write of height 2 is one of its own.
        wait_until("height 1", lambda: (manager.home.running_status() or {}).get("height") == 1)
        manager.until(lambda m: "WATCHDOG" in m)
        with open(manager.input, "a") as out:
            out.write(BLOCKS[1] + "\n")
        wait_until("it is stuck", lambda: "paused at" in manager.home.log())
        wait_until("no more is heard", lambda: manager.silent_for(SOON))
        wait_until("it is said", lambda: "the thread that commits has not gone round" in manager.home.log())
        self.assertTrue(manager.silent_for(SOON), manager.heard[-1])
        # A timer in another thread would have gone on: the rest of the node does.
        self.assertEqual(manager.home.running_status()["height"], 1)

    def test_a_plugin_that_hangs_is_no_reason_to_end_the_node(self):
        manager = Manager(self)
        manager.home.configure(
            FOLLOW.replace('policy = "all"', 'policy = "1 of (audit, search)"') +
            f'[sinks.search]\nplugin = "{TEST_PLUGINS}/hangs_in_deliver.so"\nack_timeout = "300ms"\n'
            '[lifecycle]\nstop_timeout = "300ms"\n')
        manager.start(watchdog=200_000)
        manager.until(lambda m: "search suspended (hung)" in m.get("STATUS", ""))
        for _ in range(5):
            manager.until(lambda m: "WATCHDOG" in m)


class HangUp(CliTest):
    def test_the_log_file_is_opened_anew(self):
        manager = Manager(self)
        manager.home.configure(FOLLOW + '[log]\nfile = "data/log/sluice.log"\n')
        log = manager.home.path / "data" / "log" / "sluice.log"
        node = manager.start()
        manager.until(lambda m: "READY" in m)
        self.assertIn("info  node: stream demo at height 0", log.read_text())
        rotated = log.with_suffix(".log.1")
        log.rename(rotated)
        node.send_signal(signal.SIGHUP)
        reloading = manager.until(lambda m: "RELOADING" in m)
        self.assertGreater(int(reloading["MONOTONIC_USEC"]), 0)
        self.assertEqual(manager.until(lambda m: "READY" in m), {"READY": "1"})
        self.assertIn("the log file is opened anew", log.read_text())
        self.assertNotIn("opened anew", rotated.read_text())
        node.send_signal(signal.SIGTERM)
        self.assertEqual(node.wait(DEADLINE_SECONDS), 0)
        self.assertIn("node: stopped at height", log.read_text())
        self.assertEqual(manager.home.log(), "", "nothing is left for standard error")

    def test_without_a_log_file_it_changes_nothing(self):
        manager = Manager(self)
        node = manager.start()
        manager.until(lambda m: "READY" in m)
        node.send_signal(signal.SIGHUP)
        manager.until(lambda m: "READY" in m)
        node.send_signal(signal.SIGTERM)
        self.assertEqual(node.wait(DEADLINE_SECONDS), 0)

    def test_a_log_file_that_cannot_be_opened_is_named(self):
        home = self.home(FOLLOW + '[log]\nfile = "config"\n')
        self.fails(home.run("replay", "-"), 1, str(home.path / "config"), "cannot open")


if __name__ == "__main__":
    unittest.main(verbosity=1)
