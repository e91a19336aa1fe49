# SPDX-License-Identifier: Apache-2.0
"""Each row of the table of errors in docs/sinks/postgres.md, on the real server: what the operator
reads, and that the sink goes on by itself once the cause is gone, or does not where it must not."""

import os
import pathlib
import shutil
import subprocess
import unittest

import postgres_server
from postgres_home import (SLUICE, PostgresHome, ServerTest, block, blocks, environment,
                           set_op, wait_until)

# Of the input in two parts.
LAST = 60


class Errors(ServerTest):
    def setUp(self):
        super().setUp()
        self.server.sql("DROP OWNED BY writer; DROP ROLE writer", check=False)

    def node(self, home, lines):
        home.write("blocks.jsonl", lines)
        return home.start("replay", str(home.root / "blocks.jsonl"), "--source", "blocks")

    def says(self, home, text):
        wait_until(f"the log says {text!r}", lambda: text in home.log())
        self.assertNotIn(postgres_server.PASSWORD, home.log())

    def finishes(self, home, process, last):
        self.assertEqual(process.wait(timeout=120), 0, home.log()[-4000:])
        self.assertEqual(self.position()["height"], last)
        self.assert_equal(home)

    def started(self, home=None):
        """A node that has written the first heights and waits for the others: feed() gives them."""
        home = home or self.home()
        with open(home.root / "start.log", "ab") as log:
            process = subprocess.Popen(
                [SLUICE, "--home", home.path, "replay", "-", "--source", "blocks"],
                stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment())
        home.started.append(process)
        process.stdin.write("".join(line + "\n" for line in blocks(1, 20)).encode())
        process.stdin.flush()
        wait_until("the first heights", lambda: self.stands() == 20)
        return home, process

    def feed(self, process):
        process.stdin.write("".join(line + "\n" for line in blocks(21, LAST)).encode())
        process.stdin.close()

    def stands(self):
        rows = self.server.sql("SELECT height FROM sluice.sluice_position", check=False)
        return int(rows[0][0]) if rows else 0

    def writer(self):
        """A role with just what the docs say, and a home that uses it."""
        self.server.sql("CREATE ROLE writer LOGIN PASSWORD 'pw'")
        self.replayed(self.home(), blocks(1, 5))  # makes the tables
        self.server.sql("GRANT USAGE ON SCHEMA sluice TO writer; GRANT SELECT, INSERT, UPDATE,"
                        " DELETE ON ALL TABLES IN SCHEMA sluice TO writer;"
                        " TRUNCATE sluice.changes, sluice.state, sluice.sluice_heights,"
                        " sluice.sluice_position")
        home = PostgresHome(self.server, {"create": False},
                            conninfo=self.server.conninfo(user="writer", password="pw"))
        self.homes.append(home)
        return home

    # --- the operator's

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

    def test_22P03_changed_type(self):
        home, process = self.started()
        self.server.sql("ALTER TABLE sluice.changes ALTER COLUMN tx TYPE bigint")
        self.feed(process)
        self.says(home, 'column "tx" has type bigint, not integer')
        self.server.sql("ALTER TABLE sluice.changes ALTER COLUMN tx TYPE integer")
        self.finishes(home, process, LAST)

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

    # --- tried again

    def make_writable(self):
        subprocess.run(["psql", "-X", "-q", "-h", str(self.server.root), "-p",
                        str(self.server.port), "-U", "app", "-d", "postgres", "-c",
                        "SET default_transaction_read_only = off", "-c",
                        "ALTER SYSTEM RESET default_transaction_read_only", "-c",
                        "SELECT pg_reload_conf()"], check=True, stdout=subprocess.DEVNULL)

    def test_25006_read_only_server(self):
        self.addCleanup(self.make_writable)
        home, process = self.started()
        self.server.sql("ALTER SYSTEM SET default_transaction_read_only = on")
        self.server.sql("SELECT pg_reload_conf()")
        self.feed(process)
        self.says(home, "read-only transaction")
        self.says(home, "target_session_attrs=read-write")
        self.make_writable()
        self.finishes(home, process, LAST)

    def test_25006_standby(self):
        self.replayed(self.home(), blocks(1, 10))
        self.server.stop()
        standby = postgres_server.PostgresServer(data=self.server.data, start=False)
        self.addCleanup(standby.close)
        self.server.start()
        (standby.data / "standby.signal").touch()
        shutil.chown(standby.data / "standby.signal", standby.data.owner())
        standby.start()
        home = PostgresHome(standby)
        self.homes.append(home)
        process = self.node(home, blocks(1, 10))
        self.says(home, "it is a standby")
        process.kill()

    def test_53100_disk_full(self):
        mount = pathlib.Path(self.server.root) / "small"
        mount.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", mount],
                                 stderr=subprocess.DEVNULL, check=False).returncode == 0
        if not mounted:
            if os.environ.get("CI"):
                self.fail("in CI nothing may be skipped: tmpfs may not be mounted here")
            print("SKIPPED: tmpfs may not be mounted here", flush=True)
            self.skipTest("tmpfs may not be mounted here")
        print("disk full: a tablespace on a tmpfs of 3 MiB", flush=True)
        try:
            shutil.chown(mount, self.server.data.owner())
            self.server.sql(f"CREATE TABLESPACE small LOCATION '{mount}'")
            home = PostgresHome(self.server, {"state": False}, conninfo=self.server.conninfo() +
                                " options='-c default_tablespace=small'")
            self.homes.append(home)
            process = self.node(home, [block(h, set_op("main", f"k{h}", os.urandom(5000).hex()))
                                       for h in range(1, 401)])
            self.says(home, "No space left on device")
            self.says(home, "the server's disk is full")
            subprocess.run(["mount", "-o", "remount,size=64m", mount], check=True)
            self.finishes(home, process, 400)
            home.close()
        finally:
            self.server.sql("DROP SCHEMA IF EXISTS sluice CASCADE")
            self.server.sql("DROP TABLESPACE IF EXISTS small")
            subprocess.run(["umount", "-l", mount], check=True)

    def test_53300_too_many_connections(self):
        home = self.writer()
        self.server.sql("ALTER ROLE writer CONNECTION LIMIT 0")
        process = self.node(home, blocks(1, 50))
        self.says(home, 'too many connections for role "writer"')
        self.says(home, "the server has no connection left")
        self.server.sql("ALTER ROLE writer CONNECTION LIMIT -1")
        self.finishes(home, process, 50)

    def test_55P03_a_table_that_is_locked(self):
        home, process = self.started()
        locker = subprocess.Popen(
            ["psql", "-X", "-q", "-h", str(self.server.root), "-p", str(self.server.port), "-U",
             "app", "-d", "postgres"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self.addCleanup(locker.wait)
        self.addCleanup(locker.stdin.close)
        locker.stdin.write(b"BEGIN; LOCK TABLE sluice.changes;\n")
        locker.stdin.flush()
        wait_until("the lock is held", lambda: self.server.sql(
            "SELECT 1 FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted"
            " AND relation = to_regclass('sluice.changes')"))
        self.feed(process)
        self.says(home, "for longer than lock_timeout")
        locker.stdin.write(b"ROLLBACK;\n")
        locker.stdin.flush()
        self.finishes(home, process, LAST)

    def test_57014_statement_timeout_of_the_role(self):
        home = self.writer()
        self.server.sql("ALTER ROLE writer SET statement_timeout = '1ms'")
        process = self.node(home, blocks(1, 50))
        self.says(home, "statement timeout")
        self.says(home, "ended the statement")
        self.server.sql("ALTER ROLE writer RESET statement_timeout")
        self.finishes(home, process, 50)


class FsyncOff(ServerTest):
    def test_a_server_without_fsync_is_not_durable(self):
        server = postgres_server.PostgresServer(start=False)
        self.addCleanup(server.close)
        server.settings["fsync"] = "off"
        server.start()
        home = PostgresHome(server)
        self.homes.append(home)
        home.write("blocks.jsonl", blocks(1, 10))
        process = home.start("replay", str(home.root / "blocks.jsonl"))
        wait_until("the log says so", lambda: "fsync = off: acks are at level received" in
                   home.log())
        process.kill()


class Settings(ServerTest):
    def problems(self, settings):
        home = self.home(settings)
        outcome = home.run("config", "check")
        return outcome.code, outcome.err + outcome.out

    def test_more_than_one_connection_is_a_configuration_error(self):
        code, text = self.problems({"connections": 4})
        self.assertEqual(code, 2, text)
        self.assertIn("connections", text)

    def test_conninfo_is_masked(self):
        home = self.home()
        for command in (("config", "show"), ("status", "--json")):
            outcome = home.run(*command)
            self.assertNotIn(postgres_server.PASSWORD, outcome.out + outcome.err)
            self.assertNotIn("s3cret", outcome.out + outcome.err)

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


if __name__ == "__main__":
    unittest.main(verbosity=2)
