# SPDX-License-Identifier: Apache-2.0
"""Heights side by side (connections > 1): that they are, and that what is above a gap is there once,
whatever ends the sink. fencing_test.py and failure_test.py do with four connections what they do with
one."""

import subprocess
import unittest

from cutting_proxy import CuttingProxy
from postgres_home import PostgresHome, blocks, wait_until
from sink_probe import GENESIS, OK, PENDING, REJECT, RESUMED, RETRY, Probe, digest
from snapshot_test import SnapshotCase

PARALLEL = 1  # SLUICE_CAP_PARALLEL
LONG = {"connections": 4, "lock_timeout": 3600000, "idle_in_transaction_timeout": 3600000}


class Parallel(SnapshotCase):
    def begun(self, settings=None):
        """An instance of epoch 1 that holds height 1, which sets the keys a and b."""
        probe = self.probe(1, settings or LONG)
        self.assertEqual(probe.started["capabilities"], PARALLEL)
        self.assert_all_ok(probe.attach(GENESIS, 0))
        self.delivered(probe, 1, [["main", "a", "1"], ["main", "b", "1"]])
        self.acked(probe, 1)
        return probe

    def delivered(self, probe, height, changes, **args):
        self.assertEqual(probe.deliver(height, changes, **args)["code"], PENDING)

    def acked(self, probe, height):
        reports = probe.awaits(height)
        self.assertIn({"ack": height, "first": height}, reports)
        return reports

    def row_lock(self, key):
        """A session of a test that holds the row of a key; ended by closing it."""
        psql = subprocess.Popen(
            ["psql", "-X", "-q", "-h", str(self.server.root), "-p", str(self.server.port), "-U",
             "app", "-d", "postgres"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        psql.stdin.write(f"SET application_name = 'holder of {key}'; BEGIN; SELECT 1 FROM sluice.state"
                         f" WHERE key = '{key}' FOR UPDATE;\n".encode())
        psql.stdin.flush()
        wait_until("the lock is held", lambda: self.server.sql(
            f"SELECT 1 FROM pg_stat_activity WHERE application_name = 'holder of {key}'"
            " AND state = 'idle in transaction' AND query LIKE '%FOR UPDATE%'"))

        def release():
            psql.stdin.close()
            psql.wait()
        self.addCleanup(psql.wait)
        self.addCleanup(psql.stdin.close)
        return release

    def one_waits(self):
        wait_until("one height waits for the lock", lambda: self.server.sql(
            "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'sluice/%'"
            " AND wait_event_type = 'Lock'"))

    def applied(self):
        return [int(row[0]) for row in self.server.sql(
            "SELECT height FROM sluice.sluice_applied ORDER BY height")]

    def above_a_gap(self):
        """Height 2 is under way and held up; 3 and 4 are acked."""
        probe = self.begun()
        release = self.row_lock("a")
        self.delivered(probe, 2, [["main", "a", "2"]])
        self.one_waits()
        self.delivered(probe, 3, [["main", "b", "3"]])
        self.acked(probe, 3)
        self.delivered(probe, 4, [["main", "c", "4"]])
        reports = self.acked(probe, 4)
        self.assertNotIn({"ack": 2, "first": 2}, reports)
        return probe, release

    def ended_with_a_gap(self):
        """The same, and then the sink is gone, with what its connections were at."""
        probe, release = self.above_a_gap()
        probe.kill()
        # A transaction that was told as a whole would go on without who told it.
        self.server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE application_name LIKE 'sluice/%'")
        wait_until("they have ended", lambda: not self.server.sql(
            "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'sluice/%'"))
        release()

    def moved(self, height):
        wait_until(f"the position is {height}", lambda: self.position()["height"] == height)
        self.assertEqual(self.position()["digest"], digest(height))
        self.assertEqual(self.applied(), [])

    def test_one_height_waits_for_a_lock_and_others_go_on(self):
        probe, release = self.above_a_gap()
        self.moved_to_the_gap()
        release()
        self.acked(probe, 2)
        self.moved(4)
        read = probe.call("read")
        self.assertEqual([item["height"] for item in read["items"]], [1, 2, 3, 4], read)
        self.assertEqual([row[2] for row in self.state()], ["2", "3", "4"])

    def moved_to_the_gap(self):
        self.assertLessEqual(self.position()["height"], 1)
        self.assertEqual(self.applied()[-2:], [3, 4])

    def again(self, settings, last=4):
        """Another instance, which gets everything from 2 on once more."""
        probe = self.probe(2, settings)
        resumed = probe.call("resume")
        self.assertEqual((resumed["height"], resumed["digest"]), (1, digest(1)))
        self.assert_all_ok(probe.attach(RESUMED, 1))
        changes = {2: [["main", "a", "2"]], 3: [["main", "b", "3"]], 4: [["main", "c", "4"]],
                   5: [["main", "b", "5"]]}
        for height in range(2, last + 1):
            answer = probe.deliver(height, changes[height])
            self.assertIn(answer["code"], (OK, PENDING), answer)
            if answer["code"] == PENDING:
                probe.awaits(height)
        return probe

    def assert_each_once(self, last):
        self.assertEqual(self.server.sql("SELECT height, count(*) FROM sluice.changes"
                                         " GROUP BY height ORDER BY height"),
                         [["1", "2"], *[[str(h), "1"] for h in range(2, last + 1)]])
        self.assertEqual(self.count("sluice_heights"), last)

    def test_what_is_above_a_gap_is_not_written_again(self):
        self.ended_with_a_gap()
        probe = self.again(LONG, 5)
        self.assert_each_once(5)
        self.moved(5)
        self.assertEqual([row[2] for row in self.state()], ["2", "5", "4"])

    def test_one_connection_goes_over_what_four_have_left(self):
        self.ended_with_a_gap()
        self.assertEqual(self.again({"connections": 1}, 5).started["capabilities"], 0)
        self.assert_each_once(5)
        self.moved(5)
        self.assertEqual([row[2] for row in self.state()], ["2", "5", "4"])

    def test_another_history_above_a_gap_is_refused(self):
        self.ended_with_a_gap()
        for epoch, settings in ((2, LONG), (3, {})):
            probe = self.probe(epoch, settings)
            self.assert_all_ok(probe.attach(RESUMED, 1))
            if settings:
                answer = probe.call("deliver", height=3, digest=digest(33), previous=digest(2),
                                    changes=[["main", "b", "other"]])
            else:
                self.assert_all_ok(probe.deliver(2, [["main", "a", "2"]]))
                answer = probe.call("deliver", height=3, digest=digest(33), previous=digest(2),
                                    changes=[["main", "b", "other"]])
            self.assertIn("diverged", answer["text"])
            probe.close()

    def test_reading_back_ends_below_the_gap(self):
        probe, release = self.above_a_gap()
        read = probe.call("read")
        self.assertEqual((read["at"], [item["height"] for item in read["items"]]), (1, [1]), read)
        release()
        self.acked(probe, 2)

    def test_the_state_alone_is_not_read_back_with_a_gap(self):
        settings = {**LONG, "changes": False}
        probe = self.begun(settings)
        release = self.row_lock("a")
        self.delivered(probe, 2, [["main", "a", "2"]])
        self.one_waits()
        self.delivered(probe, 3, [["main", "b", "3"]])
        self.acked(probe, 3)
        self.assertIn("lacks height 2", probe.call("read")["text"])
        release()
        self.acked(probe, 2)
        self.assertEqual(probe.call("read")["at"], 3)

    def test_a_snapshot_forgets_what_is_above_a_gap(self):
        self.ended_with_a_gap()
        probe = self.probe(2, LONG)
        self.assert_all_ok(*probe.snapshot(1, [["main", "z", "1"]]))
        self.assertEqual(probe.call("resume")["height"], 1)
        self.assertEqual(self.applied(), [])
        self.assert_all_ok(probe.attach(RESUMED, 1))
        self.delivered(probe, 2, [["main", "a", "2"]])
        self.acked(probe, 2)
        self.assertEqual([row[1] for row in self.state()], ["a", "z"])

    def test_the_height_at_fault_is_found_among_those_beside_it(self):
        probe = self.probe(1, {**LONG, "connections": 2, "value_as": {"orders": "jsonb"}})
        self.assert_all_ok(probe.attach(GENESIS, 0))
        self.delivered(probe, 1, [["orders", "a", "1"], ["orders", "b", "1"]])
        self.acked(probe, 1)
        # Both connections are held up, so that what follows is one group.
        releases = [self.row_lock("a")]
        self.delivered(probe, 2, [["orders", "a", "2"]])
        self.one_waits()
        releases.append(self.row_lock("b"))
        self.delivered(probe, 3, [["orders", "b", "2"]])
        wait_until("both wait", lambda: len(self.server.sql(
            "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'sluice/%'"
            " AND wait_event_type = 'Lock'")) == 2)
        for height, value in ((4, "4"), (5, "{bad"), (6, "6")):
            self.delivered(probe, height, [["orders", f"k{height}", value]])
        probe.call("reports")
        for release in releases:
            release()
        reports = probe.awaits(6)
        self.assertEqual({r["nack"]: r["code"] for r in reports if "nack" in r},
                         {4: RETRY, 5: RETRY, 6: RETRY}, reports)
        probe.call("reports")
        for height, value in ((4, "4"), (5, "{bad"), (6, "6")):
            self.delivered(probe, height, [["orders", f"k{height}", value]], attempt=2)
        self.acked(probe, 4)
        self.acked(probe, 6)
        refused = [r for r in probe.awaits(5) if "nack" in r]
        self.assertEqual([(r["nack"], r["code"]) for r in refused], [(5, REJECT)])
        self.assertIn("height 5, store orders, key 'k5'", refused[0]["text"])
        self.assertEqual(probe.call("resume")["height"], 4)

    def test_a_commit_whose_answer_is_lost_is_settled_by_the_table(self):
        proxy = CuttingProxy(self.server.port)
        self.addCleanup(proxy.close)
        proxy.plan = ["pass", "after", "pass", "before", "after", "before", "pass", "after"] * 3
        conninfo = self.server.conninfo().replace(f"port={self.server.port}", f"port={proxy.port}")
        home = PostgresHome(self.server, {"connections": 4, "batch_blocks": 4}, window=32,
                            conninfo=conninfo + " sslmode=disable gssencmode=disable")
        self.homes.append(home)
        self.replayed(home, blocks(1, 300))
        self.assertEqual(proxy.cut_count, {"after": 9, "before": 6})
        self.assertEqual(self.count("sluice_heights"), 300)
        self.assert_equal(home)

    def test_an_administrator_makes_the_table(self):
        self.server.sql("DROP OWNED BY writer; DROP ROLE writer", check=False)
        self.server.sql("CREATE ROLE writer LOGIN PASSWORD 'pw'")
        home = PostgresHome(self.server, {"connections": 4, "create": False},
                            conninfo=self.server.conninfo(user="writer", password="pw"))
        self.homes.append(home)
        outcome = home.run("sink", "provision", "pg", "--print")
        self.assertEqual(outcome.code, 0, outcome)
        self.server.sql(outcome.out)
        self.replayed(home, blocks(1, 60))
        self.assert_equal(home)

    def test_a_node_streams_and_goes_on_with_another_number(self):
        home = self.home({"connections": 4}, window=64)
        self.replayed(home, blocks(1, 300))
        self.assertEqual(self.position()["height"], 300)
        self.assert_equal(home)
        for last, connections in ((400, 1), (500, 3)):
            home.set({"connections": connections})
            self.replayed(home, blocks(1, last))
            self.assertEqual(self.position()["height"], last)
            self.assert_equal(home)

    def test_a_filtered_sink_is_known_as_such(self):
        home = self.home({"connections": 4}, sink='stores = ["orders"]', window=64)
        self.replayed(home, blocks(1, 100))
        self.assertEqual(self.server.value("SELECT filtered FROM sluice.sluice_position"), "t")
        self.assertFalse(self.assert_equal(home)["complete"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
