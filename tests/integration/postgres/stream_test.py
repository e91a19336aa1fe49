# SPDX-License-Identifier: Apache-2.0
"""A node streams into a real PostgreSQL, and psql sees just what was committed."""

import unittest

from postgres_home import ServerTest, block, blocks, delete_op, set_op, wait_until


class Stream(ServerTest):
    def test_tables_hold_what_was_committed(self):
        home = self.home()
        summary = self.replayed(home, blocks(1, 200))
        self.assertEqual(self.position()["height"], 200)
        self.assertEqual(self.position()["digest"], summary["digest"])
        self.assertEqual(int(self.server.value("SELECT count(*) FROM sluice.changes")),
                         summary["changes"])
        # The latest value of each key, worked out from the changes by the server itself.
        self.assertEqual(self.server.sql(
            "SELECT * FROM (SELECT DISTINCT ON (store, key) store, key, value, height, seq, op"
            " FROM sluice.changes ORDER BY store, key, height DESC, seq DESC) latest"
            " FULL JOIN sluice.state USING (store, key, value, height, seq)"
            " WHERE (state.stream IS NULL AND op = 'set') OR op IS DISTINCT FROM 'set'"
            " AND state.stream IS NOT NULL"), [])
        expected = {line["key"]: line["value"]
                    for line in home.run("store", "scan", "orders", "--json").json_lines()}
        found = dict(self.server.sql("SELECT convert_from(key, 'UTF8'), convert_from(value, 'UTF8')"
                                     " FROM sluice.state WHERE store = 'orders'"))
        self.assertEqual(found, expected)
        self.assert_equal(home)

    def test_continues_where_the_database_says_it_stands(self):
        home = self.home()
        self.replayed(home, blocks(1, 50))
        epoch = self.position()["epoch"]
        self.replayed(home, blocks(1, 120))
        self.assertEqual(self.position()["height"], 120)
        self.assertGreater(self.position()["epoch"], epoch)
        self.assertEqual(self.server.value("SELECT count(*) FROM sluice.sluice_heights"), "120")
        self.assert_equal(home)

    def test_verify_reads_the_state_alone(self):
        home = self.home({"changes": False})
        self.replayed(home, blocks(1, 60))
        self.assertEqual(self.server.value("SELECT to_regclass('sluice.changes')"), "<null>")
        self.assert_equal(home)
        self.server.sql("UPDATE sluice.state SET value = 'wrong' WHERE key = 'k5'")
        self.server.sql("DELETE FROM sluice.state WHERE key = 'k7'")
        outcome = home.verify()
        self.assertEqual(outcome.code, 1, outcome)
        orders = outcome.json()["stores"]["orders"]
        self.assertEqual((orders["different"], orders["missing"]), (1, 1))

    def test_verify_reads_the_changes_alone(self):
        home = self.home({"state": False})
        self.replayed(home, blocks(1, 60))
        self.assertEqual(self.server.value("SELECT to_regclass('sluice.state')"), "<null>")
        self.assert_equal(home)
        self.server.sql("DELETE FROM sluice.changes WHERE height = 33 AND seq = 1")
        outcome = home.verify()
        self.assertEqual(outcome.code, 1, outcome)
        self.assertIn("height 33 has", outcome.err)

    def test_verify_finds_changes_of_a_height_that_is_gone(self):
        home = self.home({"state": False})
        self.replayed(home, blocks(1, 30))
        self.server.sql("DELETE FROM sluice.sluice_heights WHERE height = 12")
        outcome = home.verify()
        self.assertEqual(outcome.code, 1, outcome)
        self.assertIn("height 12 has 5 changes, and no row in sluice_heights", outcome.err)

    def test_verify_reads_each_change_twice_whatever_the_server_knows_of_its_tables(self):
        # Autovacuum is off, so nothing was ever counted.
        home = self.home()
        self.replayed(home, blocks(1, 1000))

        def fetched():
            return int(self.server.value("SELECT idx_tup_fetch + seq_tup_read FROM"
                                         " pg_stat_user_tables WHERE relname = 'changes'"))
        count = int(self.server.value("SELECT count(*) FROM sluice.changes"))
        before = fetched()
        self.assert_equal(home)
        # Counted when the connection ends; one reading for the changes, one to compare the state.
        wait_until("the server has counted", lambda: fetched() >= before + count)
        self.assertLess(fetched() - before, 3 * count)

    def test_verify_compares_the_two_where_both_are_kept(self):
        home = self.home()
        self.replayed(home, blocks(1, 30))
        for change in ("UPDATE sluice.state SET value = 'wrong' WHERE key = 'k5'",
                       "DELETE FROM sluice.state WHERE key = 'k5'",
                       "INSERT INTO sluice.state SELECT stream, sink, store, 'more', value, height,"
                       " seq FROM sluice.state WHERE key = 'm1'"):
            with self.subTest(change=change):
                saved = "CREATE TABLE sluice.saved AS TABLE sluice.state; "
                self.server.sql(saved + change)
                outcome = home.verify()
                self.assertEqual(outcome.code, 1, outcome)
                self.assertIn("the state table is not what the changes give: 1 keys differ",
                              outcome.err)
                self.server.sql("TRUNCATE sluice.state; INSERT INTO sluice.state TABLE sluice.saved;"
                                " DROP TABLE sluice.saved")
        self.assert_equal(home)

    def test_keys_and_values_are_any_bytes(self):
        home = self.home()
        every = bytes(range(256))
        import base64
        text = base64.b64encode(every).decode()
        operation = {"op": "set", "store": "main", "key_base64": text, "value_base64": text}
        self.replayed(home, [block(1, operation, set_op("main", "e", "")),
                             block(2, set_op("main", "big", "v" * (1 << 20)),
                                   delete_op("main", "never there"))])
        self.assertEqual(self.server.sql(
            "SELECT encode(value, 'hex') FROM sluice.state WHERE key = "
            f"decode('{text}', 'base64')"), [[every.hex()]])
        self.assertEqual(self.server.value(
            "SELECT length(value) FROM sluice.state WHERE key = 'e'"), "0")
        self.assert_equal(home)

    def test_a_table_a_store(self):
        home = self.home({"table_per_store": True, "changes": False})
        self.replayed(home, blocks(1, 80))
        self.assertEqual(self.server.sql(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'sluice'"
            " AND table_name LIKE 'state%' ORDER BY 1"), [["state_main"], ["state_orders"]])
        self.assert_equal(home)
        expected = {line["key"]: line["value"]
                    for line in home.run("store", "scan", "orders", "--json").json_lines()}
        found = dict(self.server.sql("SELECT convert_from(key, 'UTF8'), convert_from(value, 'UTF8')"
                                     " FROM sluice.state_orders"))
        self.assertEqual(found, expected)

    def test_a_backlog_is_written_in_groups_and_a_single_height_at_once(self):
        home = self.home()
        self.replayed(home, blocks(1, 300))
        # Heights of one transaction have one xmin.
        groups = int(self.server.value("SELECT count(DISTINCT xmin::text) FROM"
                                       " sluice.sluice_heights"))
        self.assertLess(groups, 300)
        self.server.sql("DROP SCHEMA sluice CASCADE")
        single = self.home({"linger": "0s"})
        self.replayed(single, blocks(1, 40))
        self.assertEqual(self.server.value("SELECT count(DISTINCT xmin::text) FROM"
                                           " sluice.sluice_heights"), "40")

    def test_old_values_are_kept_where_the_node_keeps_them(self):
        home = self.home(stores='old_values = ["main"]', sink="old_values = true")
        self.replayed(home, [block(1, set_op("main", "k", "one")), block(2, set_op("main", "k", "two")),
                             block(3, delete_op("main", "k"))])
        self.assertEqual(self.server.sql(
            "SELECT op, convert_from(value, 'UTF8'), convert_from(old_value, 'UTF8')"
            " FROM sluice.changes ORDER BY height"),
            [["set", "one", "<null>"], ["set", "two", "one"], ["delete", "<null>", "two"]])

    def test_a_filtered_sink_is_verified_as_such(self):
        home = self.home(sink='stores = ["orders"]')
        self.replayed(home, blocks(1, 60))
        self.assertEqual(self.server.sql("SELECT DISTINCT store FROM sluice.changes"), [["orders"]])
        document = self.assert_equal(home)
        self.assertFalse(document["complete"])

    def test_two_sinks_share_the_tables(self):
        home = self.home()
        config = home.path / "config" / "app.toml"
        text = config.read_text()
        config.write_text(text + text[text.index("[sinks.pg]"):].replace("[sinks.pg]",
                                                                         "[sinks.second]"))
        self.replayed(home, blocks(1, 60))
        for sink in ("pg", "second"):
            self.assertEqual(self.position(sink)["height"], 60)
            self.assertEqual(home.run("verify", "--sink", sink).code, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
