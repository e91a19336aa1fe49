# SPDX-License-Identifier: Apache-2.0
"""Each row of the table of errors in docs/sinks/postgres.md that needs somebody, on the real server:
what the operator reads, and that the sink goes on by itself once the cause is gone, or does not where
it must not. retries_test.py has the rows that are tried again."""

import os
import unittest

import postgres_server
from error_case import LAST, ErrorCase
from postgres_home import PostgresHome, ServerTest, block, blocks, set_op, wait_until


class Errors(ErrorCase):
    def test_28_wrong_password(self):
        home = self.home()
        home.conninfo = self.server.conninfo(password="guessed-it")
        home.set({})
        self.server.sql("SELECT 1")
        process = self.node(home, blocks(1, 10))
        self.says(home, "password authentication failed")
        self.says(home, "check user, password and pg_hba.conf")
        self.assertNotIn("guessed-it", home.log())
        process.kill()

    def test_28000_role_that_may_not_log_in(self):
        home = self.writer()
        self.server.sql("ALTER ROLE writer NOLOGIN")
        process = self.node(home, blocks(1, 30))
        self.says(home, "is not permitted to log in")
        self.says(home, "check user, password and pg_hba.conf")
        self.server.sql("ALTER ROLE writer LOGIN")
        self.finishes(home, process, 30)

    def test_3D_missing_database(self):
        home = PostgresHome(self.server, conninfo=self.server.conninfo(database="nowhere"))
        self.homes.append(home)
        process = self.node(home, blocks(1, 30))
        self.says(home, 'database "nowhere" does not exist')
        self.says(home, "create the database")
        self.server.sql("CREATE DATABASE nowhere")
        self.addCleanup(self.server.sql, "DROP DATABASE nowhere WITH (FORCE)")
        self.assertEqual(process.wait(timeout=120), 0, home.log())

    def test_42501_revoked_privilege(self):
        home = self.writer()
        home, process = self.started(home)
        self.server.sql("REVOKE INSERT ON sluice.changes FROM writer")
        self.feed(process)
        self.says(home, "permission denied for table changes")
        self.says(home, "grant the sink's role")
        self.server.sql("GRANT INSERT ON sluice.changes TO writer")
        self.finishes(home, process, LAST)

    def test_42P01_dropped_table(self):
        home, process = self.started()
        self.server.sql("DROP TABLE sluice.changes")
        self.feed(process)
        self.says(home, 'relation "sluice.changes" does not exist')
        # It never comes back empty by itself.
        self.says(home, "is gone: restore it, or start the sink over")
        self.assertEqual(self.server.value("SELECT to_regclass('sluice.changes')"), "<null>")
        process.kill()

    def test_3F000_dropped_schema_starts_over_out_of_the_journal(self):
        home, process = self.started()
        self.server.sql("DROP SCHEMA sluice CASCADE")
        self.feed(process)
        self.finishes(home, process, LAST)
        self.assertEqual(self.server.value("SELECT min(height) FROM sluice.sluice_heights"), "1")

    def changed_type(self, changed, sqlstate):
        home, process = self.started()
        self.server.sql(f"ALTER TABLE sluice.changes ALTER COLUMN tx TYPE {changed}")
        self.feed(process)
        self.says(home, f"[SQLSTATE {sqlstate}]; a column does not have the type")
        self.says(home, f'column "tx" has type {changed}, not integer')
        self.server.sql("ALTER TABLE sluice.changes ALTER COLUMN tx TYPE integer")
        self.finishes(home, process, LAST)

    def test_08P01_changed_to_a_wider_type(self):
        self.changed_type("bigint", "08P01")

    def test_22P03_changed_to_a_narrower_type(self):
        self.changed_type("smallint", "22P03")

    def test_23505_rows_of_somebody_else(self):
        self.replayed(self.home(), blocks(1, 20))
        self.server.sql("DELETE FROM sluice.sluice_position")
        home = self.home()
        process = self.node(home, blocks(1, 20))
        self.says(home, "duplicate key value violates unique constraint")
        self.says(home, "rows that somebody else wrote")
        process.kill()

    def test_54000_key_too_large_for_an_index(self):
        home = self.home()
        # Random, because PostgreSQL compresses before it measures.
        key = os.urandom(4000).hex()
        process = self.node(home, [block(1, set_op("main", "a", "1")),
                                   block(2, set_op("main", key, "1")),
                                   block(3, set_op("main", "b", "1"))])
        self.says(home, "a key or a value is larger than PostgreSQL allows")
        self.says(home, "rejected")
        wait_until("the height before it", lambda: self.stands() == 1)
        process.kill()

    def test_XX001_damaged_page(self):
        home, process = self.started()
        path = self.server.data / self.server.value(
            "SELECT pg_relation_filepath('sluice.sluice_position')")
        self.server.stop()
        whole = path.read_bytes()
        path.write_bytes(whole[:8000] + bytes(64) + whole[8064:])
        self.server.start()
        self.feed(process)
        self.says(home, "invalid page in block 0 of relation")
        self.says(home, "[SQLSTATE XX001]; the server's files are damaged")
        self.server.stop()
        path.write_bytes(whole)
        self.server.start()
        self.finishes(home, process, LAST)

    def test_all_others(self):
        for state in ("P0001", "XX002", "42P10"):
            with self.subTest(state=state):
                self.server.sql("DROP SCHEMA IF EXISTS sluice CASCADE")
                self.refused_for_a_while(state)

    def test_another_history_is_not_overwritten(self):
        self.replayed(self.home(), blocks(1, 20))
        home = self.home({"schema": "other"})
        self.addCleanup(self.server.sql, "DROP SCHEMA other CASCADE")
        self.replayed(home, blocks(1, 20, changes=2))
        home.set({})
        self.server.sql("UPDATE sluice.sluice_position SET epoch = 0")
        process = self.node(home, blocks(1, 30, changes=2))
        self.says(home, "diverged")
        self.assertEqual(self.stands(), 20)
        process.kill()

    def test_tables_missing_and_not_to_be_created(self):
        home = self.home({"create": False})
        process = self.node(home, blocks(1, 30))
        self.says(home, "let an administrator run:")
        log = home.log()
        sql = log[log.index("administrator run:") + len("administrator run:"):].split("\n")[0]
        self.server.sql(sql[:sql.rindex(";") + 1])
        self.finishes(home, process, 30)

    def test_a_table_that_was_switched_on_later(self):
        home = self.home({"changes": False})
        self.replayed(home, blocks(1, 20))
        home.set({"changes": True})
        process = self.node(home, blocks(1, 40))
        self.says(home, "which would lack what came before")
        process.kill()
        process.wait()
        home.set({"changes": False})
        self.replayed(home, blocks(1, 40))


class Settings(ServerTest):
    def problems(self, settings):
        home = self.home(settings)
        outcome = home.run("config", "check")
        return outcome.code, outcome.err + outcome.out

    def test_more_connections_than_there_can_be_are_a_configuration_error(self):
        code, text = self.problems({"connections": 65})
        self.assertEqual(code, 2, text)
        self.assertIn("connections", text)

    def test_conninfo_is_masked(self):
        home = self.home()
        for command in (("config", "show"), ("status", "--json")):
            outcome = home.run(*command)
            self.assertNotIn(postgres_server.PASSWORD, outcome.out + outcome.err)
            self.assertNotIn("s3cret", outcome.out + outcome.err)


if __name__ == "__main__":
    unittest.main(verbosity=2)
