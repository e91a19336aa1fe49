# SPDX-License-Identifier: Apache-2.0
"""What an ack of the sink means, and that commit.level is not above it."""

import unittest

import postgres_server
from error_case import LAST, ErrorCase
from postgres_home import PostgresHome, ServerTest, blocks, wait_until


class Levels(ServerTest):
    def test_level_from_synchronous_commit(self):
        for commit, level, fits in (("off", "received", True), ("off", "durable", False),
                                    ("local", "durable", True), ("on", "visible", False),
                                    ("remote_apply", "visible", True)):
            with self.subTest(commit=commit, level=level):
                self.server.sql("DROP SCHEMA IF EXISTS sluice CASCADE")
                home = self.home({"synchronous_commit": commit}, level=level)
                outcome = home.replay(blocks(1, 5))
                self.assertEqual(outcome.code == 0, fits, outcome)
                if not fits:
                    self.assertIn("level", outcome.err)


class FsyncOff(ServerTest):
    def test_a_server_without_fsync_is_not_durable(self):
        server = postgres_server.PostgresServer(start=False)
        self.addCleanup(server.close)
        server.settings["fsync"] = "off"
        server.start()
        home = PostgresHome(server, level="durable")
        self.homes.append(home)
        home.write("blocks.jsonl", blocks(1, 10))
        process = home.start("replay", str(home.root / "blocks.jsonl"), "--source", "blocks")
        wait_until("the log says so", lambda: "fsync = off: acks are at level received" in
                   home.log())
        # Nothing is committed that is only received.
        wait_until("it is refused", lambda: "commit.level" in home.log())
        process.kill()
        process.wait()
        home.set({}, level="received")
        self.replayed(home, blocks(1, 10))


class FsyncSwitchedOff(ErrorCase):
    def test_an_instance_does_not_go_on_at_a_level_that_the_server_cannot_give_any_more(self):
        server = postgres_server.PostgresServer()
        self.addCleanup(server.close)
        home = PostgresHome(server)
        self.homes.append(home)
        process = self.launched(home)
        wait_until("the first heights",
                   lambda: (home.running_status() or {"height": 0})["height"] == 20)
        server.stop()
        server.settings["fsync"] = "off"
        server.start()
        self.feed(process)
        self.says(home, "runs with fsync = off now")
        # No height counts as durable that is not, so the policy cannot hold.
        self.assertNotEqual(process.wait(timeout=120), 0, home.log())
        self.assertIn("stopped at height 20", home.log())


class SynchronousStandby(ErrorCase):
    """A primary whose commits wait for a standby, as far as synchronous_commit says."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.standby = cls.server.standby("standby")

    @classmethod
    def tearDownClass(cls):
        cls.standby.close()
        super().tearDownClass()

    def setUp(self):
        super().setUp()
        self.addCleanup(self.synchronous, "")
        self.synchronous("standby")
        wait_until("it is synchronous", lambda: self.server.value(
            "SELECT sync_state FROM pg_stat_replication") == "sync")

    def synchronous(self, names):
        self.server.sql(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        self.server.sql("SELECT pg_reload_conf()")

    def waits(self, but=()):
        """The server's process in which the sink waits for the standby, once it is none of `but`."""
        def found():
            pids = [row[0] for row in self.server.sql(
                "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'sluice/%'"
                " AND wait_event = 'SyncRep'", check=False)]
            return next((pid for pid in pids if pid not in but), None)
        wait_until("it waits for the standby", lambda: found() is not None)
        return found()

    def only_the_primary_has_it(self, home):
        wait_until("it is visible on the primary", lambda: self.stands() > 20)
        self.waits()
        self.assertEqual(home.running_status()["height"], 20)

    def test_a_wait_that_was_cancelled_is_no_ack(self):
        home, process = self.started(self.home({"state": False}, ack_timeout="2m"))
        wait_until("the standby has them", lambda: self.shown() == "20")
        self.pause_standby()
        self.feed(process)
        pid = self.waits()
        self.server.sql(f"SELECT pg_cancel_backend({pid})")
        self.says(home, "might not have been replicated")
        self.waits(but=(pid,))
        self.only_the_primary_has_it(home)
        self.standby.go_on()
        self.finishes(home, process, LAST)

    def test_what_a_restart_made_visible_is_no_ack(self):
        home = self.home({"state": False}, ack_timeout="2m")
        # Long enough for the server to be back before the same instance asks.
        config = home.path / "config" / "app.toml"
        config.write_text(config.read_text().replace(
            'initial = "20ms", max = "200ms"', 'initial = "10s", max = "10s"'))
        home, process = self.started(home)
        wait_until("the standby has them", lambda: self.shown() == "20")
        self.pause_standby()
        self.feed(process)
        self.waits()
        self.server.kill()
        self.server.start()
        self.only_the_primary_has_it(home)
        self.standby.go_on()
        self.finishes(home, process, LAST)

    def pause_standby(self):
        self.standby.pause()
        self.addCleanup(self.standby.go_on)

    def shown(self):
        return self.standby.value("SELECT height FROM sluice.sluice_position")

    def test_visible_is_seen_on_the_standby_at_once(self):
        home = self.home({"synchronous_commit": "remote_apply"}, level="visible",
                         ack_timeout="2m")
        home, process = self.started(home)
        self.pause_standby()
        self.feed(process)
        self.waits()
        # Delivered, and for the server as good as committed; the node waits for the ack.
        self.assertEqual(home.running_status()["height"], 20)
        self.standby.go_on()
        self.assertEqual(process.wait(timeout=120), 0, home.log())
        self.assertEqual(self.shown(), str(LAST))
        self.assert_equal(home)

    def test_local_does_not_wait_for_the_standby(self):
        home, process = self.started(self.home({"synchronous_commit": "local"}))
        self.pause_standby()
        self.feed(process)
        self.assertEqual(process.wait(timeout=120), 0, home.log())
        self.standby.go_on()
        self.assert_equal(home)


if __name__ == "__main__":
    unittest.main(verbosity=2)
