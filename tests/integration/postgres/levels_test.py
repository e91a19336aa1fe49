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

    def shown(self):
        return self.standby.value("SELECT height FROM sluice.sluice_position")

    def test_visible_is_seen_on_the_standby_at_once(self):
        home = self.home({"synchronous_commit": "remote_apply"}, level="visible",
                         ack_timeout="2m")
        home, process = self.started(home)
        self.standby.pause()
        self.addCleanup(self.standby.go_on)
        self.feed(process)
        wait_until("the commit waits", lambda: self.server.sql(
            "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'sluice/%'"
            " AND wait_event = 'SyncRep'"))
        # Delivered, and for the server as good as committed; the node waits for the ack.
        self.assertEqual(home.running_status()["height"], 20)
        self.standby.go_on()
        self.assertEqual(process.wait(timeout=120), 0, home.log())
        self.assertEqual(self.shown(), str(LAST))
        self.assert_equal(home)

    def test_local_does_not_wait_for_the_standby(self):
        home, process = self.started(self.home({"synchronous_commit": "local"}))
        self.standby.pause()
        self.addCleanup(self.standby.go_on)
        self.feed(process)
        self.assertEqual(process.wait(timeout=120), 0, home.log())
        self.standby.go_on()
        self.assert_equal(home)


if __name__ == "__main__":
    unittest.main(verbosity=2)
