# SPDX-License-Identifier: Apache-2.0
"""Connections, servers and nodes that end at any moment: equal afterwards, and nothing twice.

    ./run test postgres                                  40 kills among all others, and 40 of a sink
                                                         with four connections
    SLUICE_KILLS=300 ctest --test-dir build/release -V -R postgres_failure
    SLUICE_KILLS=300 SLUICE_TEST_SEED=7 …                the same again
"""

import os
import random
import signal
import time
import unittest

from cutting_proxy import CuttingProxy
from postgres_home import PostgresHome, ServerTest, blocks, wait_until

SEED = int(os.environ.get("SLUICE_TEST_SEED", time.time_ns() % 1_000_000))
KILLS = int(os.environ.get("SLUICE_KILLS", "40"))


# Small groups, and enough heights for one to be written while the next is collected.
BEHIND = {"settings": {"batch_blocks": 4}, "window": 64}


class Failures(ServerTest):
    SETTINGS = {}

    def home(self, settings=None, **kwargs):
        return super().home({**self.SETTINGS, **(settings or {})}, **kwargs)

    def setUp(self):
        super().setUp()
        if self.server.pid() is None:
            self.server.start()

    def height(self):
        """Where the sink stands; 0 where nothing can be asked."""
        rows = self.server.sql("SELECT height FROM sluice.sluice_position", check=False)
        return int(rows[0][0]) if rows else 0

    def begin(self, home, lines):
        home.write("blocks.jsonl", lines)
        return home.start("replay", str(home.root / "blocks.jsonl"), "--source", "blocks")

    def finish(self, home, process, last):
        self.assertEqual(process.wait(timeout=300), 0, home.log()[-4000:])
        self.assertEqual(self.position()["height"], last)
        self.assert_once(last)
        self.assert_equal(home)

    def assert_once(self, last):
        """The primary key forbids a change twice; here that none is missing either."""
        self.assertEqual(self.server.sql(
            "SELECT count(*), min(height), max(height) FROM sluice.sluice_heights"),
            [[str(last), "1", str(last)]])
        self.assertEqual(self.server.sql(
            "SELECT h.height FROM sluice.sluice_heights h WHERE changes <> (SELECT count(*) FROM"
            " sluice.changes c WHERE c.stream = h.stream AND c.sink = h.sink AND"
            " c.height = h.height)"), [])

    def test_connection_cut_in_commit_is_settled_by_the_guard_row(self):
        proxy = CuttingProxy(self.server.port)
        self.addCleanup(proxy.close)
        proxy.plan = ["pass", "after", "pass", "before", "after", "before", "pass", "after"] * 3
        conninfo = self.server.conninfo().replace(f"port={self.server.port}",
                                                  f"port={proxy.port}")
        home = PostgresHome(self.server, {"batch_blocks": 4}, conninfo=conninfo +
                            " sslmode=disable gssencmode=disable")
        self.homes.append(home)
        process = self.begin(home, blocks(1, 200))
        self.finish(home, process, 200)
        self.assertEqual(proxy.cut_count, {"after": 9, "before": 6})

    def test_a_group_that_fails_takes_the_one_behind_it_along(self):
        home = self.home(**BEHIND)
        self.replayed(home, blocks(1, 20))
        # Two transactions fail, at their end, while the heights after them are collected.
        self.server.sql(
            "CREATE SEQUENCE sluice.tries;"
            " CREATE FUNCTION sluice.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF new.height = 42 AND nextval('sluice.tries') < 3 THEN"
            " RAISE EXCEPTION 'refused by a test' USING ERRCODE = '40001'; END IF;"
            " RETURN new; END $$;"
            " CREATE TRIGGER refuse BEFORE INSERT ON sluice.sluice_heights"
            " FOR EACH ROW EXECUTE FUNCTION sluice.refuse()")
        self.finish(home, self.begin(home, blocks(1, 120)), 120)
        self.assertEqual(self.server.value("SELECT last_value FROM sluice.tries"), "3")
        # Transactions are in the order of their heights, and mostly hold several.
        self.assertEqual(self.server.sql(
            "SELECT height FROM (SELECT height, xmin::text::bigint AS written,"
            " lag(xmin::text::bigint) OVER (ORDER BY height) AS before FROM sluice.sluice_heights)"
            " AS heights WHERE written < before"), [])
        self.assertLess(int(self.server.value("SELECT count(DISTINCT xmin::text) FROM"
                                              " sluice.sluice_heights WHERE height > 20")), 80)

    def test_backends_that_are_terminated(self):
        home = self.home(**BEHIND)
        process = self.begin(home, blocks(1, 600))
        for step in range(5):
            wait_until("progress", lambda step=step: self.height() > step * 40)
            self.server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                            " WHERE application_name LIKE 'sluice/%'")
        self.finish(home, process, 600)

    def test_server_stopped_and_started(self):
        home = self.home()
        process = self.begin(home, blocks(1, 600))
        wait_until("progress", lambda: self.height() > 50)
        self.server.stop()
        wait_until("it says so", lambda: "refused" in home.log())
        self.server.start()
        self.finish(home, process, 600)

    def test_server_killed(self):
        home = self.home(**BEHIND)
        process = self.begin(home, blocks(1, 600))
        for step in range(3):
            wait_until("progress", lambda step=step: self.height() > step * 100)
            self.server.kill()
            self.server.start()
        self.finish(home, process, 600)

    def test_server_paused_longer_than_the_ack_timeout(self):
        home = self.home(ack_timeout="1s", **BEHIND)
        process = self.begin(home, blocks(1, 600))
        wait_until("progress", lambda: self.height() > 50)
        self.server.pause()
        try:
            wait_until("a new instance waits", lambda: "repairing" in home.log())
        finally:
            self.server.go_on()
        self.finish(home, process, 600)

    def kill(self, what, process):
        if what == "node":
            process.send_signal(signal.SIGKILL)
            process.wait()
        elif what == "server":
            self.server.kill()
            self.server.start()
        else:
            self.server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                            " WHERE application_name LIKE 'sluice/%'", check=False)

    def test_kills_at_random(self):
        print(f"seed {SEED}, {KILLS} kills", flush=True)
        dice = random.Random(SEED)
        home = self.home(**BEHIND)
        last = 0
        process = None
        killed = {"node": 0, "server": 0, "connection": 0}
        while sum(killed.values()) < KILLS or process.poll() is None or process.returncode != 0:
            if process is None or process.poll() is not None:
                if process is None or process.returncode == 0:
                    last += 200  # the same input, longer
                process = self.begin(home, blocks(1, last, changes=2))
            if sum(killed.values()) == KILLS:
                process.wait(timeout=300)
                continue
            before = self.height()
            wait_until("progress", lambda: self.height() > before or process.poll() is not None)
            time.sleep(dice.random() * 0.3)  # when is left to chance; nothing waits for it
            if process.poll() is None:
                what = dice.choice(["node", "node", "server", "connection"])
                killed[what] += 1
                self.kill(what, process)
        print(f"killed: {killed}, heights: {last}", flush=True)
        self.finish(home, process, last)


class SideBySide(Failures):
    """The same, but for what is said of one transaction after another; parallel_test.py cuts their
    connections in COMMIT."""

    SETTINGS = {"connections": 4}
    test_a_group_that_fails_takes_the_one_behind_it_along = None
    test_connection_cut_in_commit_is_settled_by_the_guard_row = None

    def finish(self, home, process, last):
        super().finish(home, process, last)
        self.assertEqual(self.server.value("SELECT count(*) FROM sluice.sluice_applied"), "0")


if __name__ == "__main__":
    unittest.main(verbosity=2)
