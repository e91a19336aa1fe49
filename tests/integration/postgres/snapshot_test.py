# SPDX-License-Identifier: Apache-2.0
"""A copy that replaces what the sink holds, in the database: what readers of the tables see of it, and
what an older incarnation, or one that was interrupted, cannot do. The contract suite has the rest."""

import signal
import subprocess
import unittest

from postgres_home import ServerTest, wait_until
from sink_probe import AFTER_SNAPSHOT, FENCED, GENESIS, OK, REJECT, RESUMED, Probe, digest

OF_ANOTHER = "sink = 'other'"


class SnapshotCase(ServerTest):
    def probe(self, epoch, settings=None, **args):
        probe = Probe(self.server, epoch, settings, **args)
        self.addCleanup(probe.close)
        self.assertEqual(probe.started["code"], OK, probe.started)
        return probe

    def assert_all_ok(self, *answers):
        for answer in answers:
            self.assertEqual(answer["code"], OK, answer)

    def filled(self, settings=None, **args):
        """An instance that holds heights 1 to 3, of epoch 1."""
        probe = self.probe(1, settings, **args)
        self.assert_all_ok(probe.call("resume"), probe.attach(GENESIS, 0))
        for height in (1, 2, 3):
            self.assert_all_ok(probe.deliver(height, [["main", f"old-{height}", "before"],
                                                      ["orders", "shared", "before"]]))
        return probe

    def state(self, columns="store, convert_from(key, 'UTF8'), convert_from(value, 'UTF8')"):
        return self.server.sql(f"SELECT {columns} FROM sluice.state WHERE sink = 'pg'"
                               " ORDER BY store, key")

    def count(self, table, where="sink = 'pg'"):
        return int(self.server.value(f"SELECT count(*) FROM sluice.{table} WHERE {where}"))


ROWS = [["main", "a", "1"], ["main", "b", "2"], ["orders", "shared", "now"]]


class Snapshot(SnapshotCase):
    def test_it_replaces_this_sinks_rows_and_no_others(self):
        self.filled().close()
        for table in ("changes", "state", "sluice_heights", "sluice_position"):
            self.server.sql(f"CREATE TEMPORARY TABLE more AS TABLE sluice.{table};"
                            " UPDATE more SET sink = 'other';"
                            f" INSERT INTO sluice.{table} SELECT * FROM more")
        others = [self.count(t, OF_ANOTHER) for t in ("changes", "state", "sluice_heights")]
        probe = self.probe(2)
        self.assert_all_ok(*probe.snapshot(10, ROWS[:2], ROWS[2:]))
        self.assertEqual(self.state(), ROWS)
        self.assertEqual(self.server.sql(
            "SELECT height, seq, tx, op, convert_from(key, 'UTF8') FROM sluice.changes"
            " WHERE sink = 'pg' ORDER BY height, seq"),
            [["10", "0", "0", "set", "a"], ["10", "1", "0", "set", "b"],
             ["10", "2", "0", "set", "shared"]])
        self.assertEqual(self.server.sql(
            "SELECT height, base_height, snapshot_height, filling, epoch FROM"
            " sluice.sluice_position WHERE sink = 'pg'"), [["10", "10", "10", "<null>", "2"]])
        self.assertEqual([self.count(t, OF_ANOTHER) for t in ("changes", "state", "sluice_heights")],
                         others)
        resumed = probe.call("resume")
        self.assertEqual((resumed["height"], resumed["digest"]), (10, digest(10)))
        self.assert_all_ok(probe.attach(AFTER_SNAPSHOT, 10),
                           probe.deliver(11, [["main", "a", "changed"], ["main", "b"]]))
        read = probe.call("read")
        self.assertEqual((read["code"], read["first"], read["truncated"], read["at"]),
                         (OK, 10, False, 11), read)
        self.assertEqual([item.get("row") for item in read["items"]], [*ROWS, None])
        self.assertEqual({item["digest"] for item in read["items"][:3]}, {digest(10)})
        self.assertEqual(self.state(), [["main", "a", "changed"], ["orders", "shared", "now"]])

    def test_reading_back_misses_a_row_of_it(self):
        probe = self.probe(1)
        self.assert_all_ok(*probe.snapshot(10, ROWS))
        self.server.sql("DELETE FROM sluice.changes WHERE seq = 1")
        self.assertIn("the snapshot at height 10 has 2 rows, and 3 were written",
                      probe.call("read")["text"])

    def test_large_tables_are_emptied_in_lots(self):
        probe = self.filled()
        self.server.sql("INSERT INTO sluice.state SELECT 'demo', 'pg', 'main', int8send(i), 'v', 3, 0"
                        " FROM generate_series(1, 120000) AS i")
        self.assert_all_ok(probe.begin(10))
        self.assertEqual(self.count("state"), 0)
        self.assert_all_ok(probe.part(0, ROWS), probe.end())
        self.assertEqual(self.state(), ROWS)

    def test_until_its_end_nothing_is_held(self):
        probe = self.filled()
        self.assert_all_ok(probe.begin(10), probe.part(0, ROWS))
        probe.kill()
        for state in ({}, {"readback": "state"}):
            with self.subTest(state=state):
                read = self.probe(2, state).call("read")
                self.assertEqual((read["code"], read["at"], read["items"]), (OK, 0, []), read)
        again = self.probe(3)
        self.assertEqual(again.call("resume")["height"], 0)

    def test_an_interrupted_one_is_no_part_of_what_is_delivered_instead(self):
        probe = self.filled()
        self.assert_all_ok(probe.begin(10), probe.part(0, ROWS))
        probe.kill()
        again = self.probe(2)
        self.assertEqual(again.call("resume")["height"], 0)
        self.assert_all_ok(again.attach(GENESIS, 0), again.deliver(1, [["main", "first", "1"]]))
        self.assertEqual(self.state(), [["main", "first", "1"]])
        self.assertEqual(self.count("changes"), 1)
        self.assertEqual(again.call("resume")["height"], 1)

    def test_an_interrupted_one_is_no_part_of_the_next(self):
        probe = self.probe(1)
        self.assert_all_ok(probe.begin(10), probe.part(0, ROWS))
        probe.kill()
        again = self.probe(2)
        self.assert_all_ok(*again.snapshot(12, [["main", "z", "26"]]))
        self.assertEqual(self.state(), [["main", "z", "26"]])
        self.assertEqual(self.count("changes"), 1)

    def test_parts_come_in_order_and_once(self):
        probe = self.probe(1)
        self.assert_all_ok(probe.begin(10), probe.part(0, ROWS[:1]))
        self.assertIn("part 0 of a copy came where part 1 was expected",
                      probe.part(0, ROWS[:1])["text"])
        self.assertIn("where part 1", probe.part(2, ROWS[1:])["text"])
        self.assertIn("without its beginning", self.probe(2).end()["text"])

    def test_a_table_a_store(self):
        settings = {"table_per_store": True, "changes": False}
        self.filled(settings).close()
        probe = self.probe(2, settings)
        self.assert_all_ok(*probe.snapshot(10, [["main", "a", "1"], ["new", "k", "2"]],
                                           [["new", "l", "3"]]))
        rows = {table: int(self.server.value(f"SELECT count(*) FROM sluice.state_{table}"))
                for table in ("main", "orders", "new")}
        self.assertEqual(rows, {"main": 1, "orders": 0, "new": 2})
        read = probe.call("read")
        self.assertEqual((read["first"], read["truncated"], len(read["items"])), (10, False, 3))

    def test_changes_alone(self):
        self.filled({"state": False}).close()
        probe = self.probe(2, {"state": False})
        self.assert_all_ok(*probe.snapshot(10, ROWS))
        self.assertEqual(self.count("changes"), 3)
        self.assertEqual(len(probe.call("read")["items"]), 3)

    def test_a_table_that_the_settings_have_left_is_emptied_too(self):
        self.filled().close()
        probe = self.probe(2, {"changes": False})
        self.assert_all_ok(*probe.snapshot(10, ROWS))
        self.assertEqual((self.count("changes"), self.count("sluice_heights")), (0, 0))

    def test_synchronous_commit_off(self):
        probe = self.probe(1, {"synchronous_commit": "off"})
        self.assert_all_ok(*probe.snapshot(10, ROWS))
        self.server.kill()
        self.server.start()
        self.assertEqual(self.state(), ROWS)
        self.assertEqual(self.probe(2).call("resume")["height"], 10)


class Reset(SnapshotCase):
    def reset(self, probe, epoch, **args):
        return probe.call("reset", settings=probe.settings, epoch=epoch,
                          stores=["main", "orders"], **args)

    def test_it_takes_this_sinks_rows_and_no_others_and_a_start_may_follow(self):
        old = self.filled()
        self.server.sql("INSERT INTO sluice.state SELECT stream, 'other', store, key, value, height,"
                        " seq FROM sluice.state")
        probe = self.probe(2)
        self.assert_all_ok(self.reset(probe, 3))
        for table in ("state", "changes", "sluice_heights"):
            self.assertEqual(self.count(table), 0)
        self.assertEqual(self.count("state", OF_ANOTHER), 4)
        # The epoch is the database's from before the first row was removed.
        self.assertEqual(old.deliver(4, [["main", "late", "x"]])["code"], FENCED)
        self.assert_all_ok(probe.call("start", settings=probe.settings, epoch=3, same=True,
                                      stores=["main", "orders"]))
        self.assertEqual(probe.call("resume")["height"], 0)
        self.assert_all_ok(probe.attach(GENESIS, 0), probe.deliver(1, [["main", "new", "1"]]))
        self.assertEqual(self.state(), [["main", "new", "1"]])

    def test_a_newer_epoch_is_not_touched(self):
        self.filled().close()
        probe = self.probe(5)
        self.assert_all_ok(probe.attach(RESUMED, 3))
        older = self.probe(6)
        self.assertEqual(self.reset(older, 4)["code"], FENCED)
        self.assertEqual(self.count("changes"), 6)

    def test_nothing_was_ever_there(self):
        probe = self.probe(1)
        self.server.sql("DROP SCHEMA sluice CASCADE")
        self.assert_all_ok(self.reset(probe, 2))

    def test_other_settings_may_follow(self):
        self.filled({"changes": False}).close()
        probe = self.probe(2, {"changes": False})
        self.assert_all_ok(self.reset(probe, 3))
        probe.close()
        probe = self.probe(4)
        self.assert_all_ok(probe.attach(GENESIS, 0), probe.deliver(1, [["main", "new", "1"]]))
        self.assertEqual(self.count("changes"), 1)


class Values(SnapshotCase):
    ROWS = [["notes", "n", "words"], ["orders", "bad", "{not json"], ["orders", "good", '{"q": 1}']]
    TYPED = "convert_from(key, 'UTF8'), value_text, value_jsonb"

    def taken(self, on_bad_value):
        probe = self.probe(1, {"value_as": {"orders": "jsonb", "notes": "text"},
                               "on_bad_value": on_bad_value})
        return probe, probe.snapshot(10, self.ROWS)

    def test_null(self):
        probe, answers = self.taken("null")
        self.assert_all_ok(*answers)
        self.assertEqual(self.state(self.TYPED),
                         [["n", "words", "<null>"], ["bad", "<null>", "<null>"],
                          ["good", "<null>", '{"q": 1}']])
        self.assertEqual(self.server.sql("SELECT height, seq, store, convert_from(key, 'UTF8') FROM"
                                         " sluice.sluice_bad_values"), [["10", "1", "orders", "bad"]])
        self.assertEqual(probe.call("read")["code"], OK)

    def test_skip(self):
        probe, answers = self.taken("skip")
        self.assert_all_ok(*answers)
        self.assertEqual([row[0] for row in self.state(self.TYPED)], ["n", "good"])
        self.assertEqual(self.count("sluice_bad_values"), 1)
        # The state is still what the changes give, but for what was passed over.
        read = probe.call("read")
        self.assertEqual((read["code"], len(read["items"])), (OK, 3), read)

    def test_halt_names_store_and_key(self):
        _, answers = self.taken("halt")
        self.assertEqual(answers[1]["code"], REJECT)
        self.assertIn("height 10, store orders, key 'bad': the value is no jsonb", answers[1]["text"])


class OlderIncarnation(SnapshotCase):
    def lock_changes(self):
        locker = subprocess.Popen(
            ["psql", "-X", "-q", "-h", str(self.server.root), "-p", str(self.server.port), "-U",
             "app", "-d", "postgres"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        locker.stdin.write(b"BEGIN; LOCK TABLE sluice.changes IN SHARE MODE;\n")
        locker.stdin.flush()
        wait_until("the lock is held", lambda: self.server.sql(
            "SELECT 1 FROM pg_locks WHERE relation = 'sluice.changes'::regclass AND granted"
            " AND mode = 'ShareLock'"))
        return locker

    def sink_waits(self, event):
        wait_until(f"the sink's connection waits: {event}", lambda: self.server.sql(
            "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'sluice/%'"
            f" AND {event}"))

    def new_one_takes_over(self):
        new = self.probe(2, {"lock_timeout": 200})
        self.assertEqual(new.call("resume")["height"], 0)
        self.assert_all_ok(*new.snapshot(12, [["main", "new", "1"]]), new.attach(AFTER_SNAPSHOT, 12))
        return new

    def assert_only_the_new(self):
        self.assertEqual(self.state(), [["main", "new", "1"]])
        self.assertEqual(self.count("changes"), 1)
        self.assertEqual(self.position()["height"], 12)

    def test_stopped_within_a_part(self):
        old = self.probe(1, {"lock_timeout": 3600000, "idle_in_transaction_timeout": 3600000})
        self.assert_all_ok(old.begin(10), old.part(0, ROWS[:1]))
        locker = self.lock_changes()
        old.tell("part", part=1, rows=ROWS[1:])
        self.sink_waits("wait_event_type = 'Lock'")
        old.process.send_signal(signal.SIGSTOP)
        locker.stdin.close()
        locker.wait()
        self.sink_waits("wait_event = 'ClientRead' AND state <> 'idle'")
        self.new_one_takes_over()
        old.process.send_signal(signal.SIGCONT)
        self.assertNotEqual(old.answer()["code"], OK)
        self.assertNotEqual(old.end()["code"], OK)
        self.assert_only_the_new()

    def test_stopped_between_parts(self):
        for late in ("part", "end", "begin"):
            with self.subTest(late=late):
                self.server.sql("DROP SCHEMA IF EXISTS sluice CASCADE")
                old = self.probe(1)
                self.assert_all_ok(old.begin(10), old.part(0, ROWS[:1]))
                self.new_one_takes_over()
                answer = {"part": lambda: old.part(1, ROWS[1:]), "end": old.end,
                          "begin": lambda: old.begin(10)}[late]()
                self.assertEqual(answer["code"], FENCED, answer)
                self.assertIn("of epoch 2", answer["text"])
                self.assert_only_the_new()

    def test_a_delivery_that_was_under_way(self):
        old = self.filled({"lock_timeout": 3600000, "idle_in_transaction_timeout": 3600000})
        locker = self.lock_changes()
        old.tell("deliver", height=4, digest=digest(4), previous=digest(3),
                 changes=[["main", "late", "x"]])
        self.sink_waits("wait_event_type = 'Lock'")
        old.process.send_signal(signal.SIGSTOP)
        locker.stdin.close()
        locker.wait()
        self.sink_waits("wait_event = 'ClientRead' AND state <> 'idle'")
        new = self.probe(2, {"lock_timeout": 200})
        self.assert_all_ok(new.call("resume"), *new.snapshot(12, [["main", "new", "1"]]))
        old.process.send_signal(signal.SIGCONT)
        self.assertNotEqual(old.answer()["code"], OK)
        self.assert_only_the_new()
        self.assertEqual(self.probe(3).attach(RESUMED, 12)["code"], OK)


if __name__ == "__main__":
    unittest.main(verbosity=2)
