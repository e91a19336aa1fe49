# SPDX-License-Identifier: Apache-2.0
"""Each row of the table of errors in docs/sinks/postgres.md that is tried again, on the real server.
failure_test.py has servers that are stopped and killed, and connections that are cut."""

import os
import shutil
import signal
import subprocess
import unittest

import postgres_server
from error_case import LAST, ErrorCase
from postgres_home import PostgresHome, blocks, wait_until


class Retries(ErrorCase):
    def session(self):
        """A psql that is told what to do as the test goes on."""
        psql = subprocess.Popen(
            ["psql", "-X", "-q", "-h", str(self.server.root), "-p", str(self.server.port), "-U",
             "app", "-d", "postgres"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        self.addCleanup(psql.wait)
        self.addCleanup(psql.stdin.close)

        def tell(sql):
            psql.stdin.write(sql.encode() + b";\n")
            psql.stdin.flush()
        return tell

    def sink_waits(self, event):
        wait_until(f"the sink's connection waits: {event}", lambda: self.server.sql(
            "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'sluice/%'"
            f" AND {event}"))

    def test_40_serialization_and_what_only_a_trigger_gives(self):
        for state in ("40001", "53200", "58030", "XX000"):
            with self.subTest(state=state):
                self.server.sql("DROP SCHEMA IF EXISTS sluice CASCADE")
                self.refused_for_a_while(state)

    def test_40P01_deadlock(self):
        # The sink looks for a deadlock late enough for the other one to be there.
        self.server.sql("ALTER ROLE app SET deadlock_timeout = '10s'")
        self.addCleanup(self.server.sql, "ALTER ROLE app RESET deadlock_timeout")
        home, process = self.started(self.home({"lock_timeout": "1h"}, ack_timeout="2m"))
        tell = self.session()
        tell("SET deadlock_timeout = '1h'; BEGIN; LOCK TABLE sluice.changes IN SHARE MODE")
        wait_until("the lock is held", lambda: self.server.sql(
            "SELECT 1 FROM pg_locks WHERE mode = 'ShareLock' AND granted"
            " AND relation = to_regclass('sluice.changes')"))
        self.feed(process)
        self.sink_waits("wait_event_type = 'Lock'")
        tell("UPDATE sluice.sluice_position SET updated_at = now()")
        tell("ROLLBACK")
        self.says(home, "deadlock detected")
        self.finishes(home, process, LAST)

    def test_25P03_writer_stopped_between_two_statements(self):
        home = self.home({"lock_timeout": "1h", "idle_in_transaction_timeout": "2s"},
                         ack_timeout="2m")
        home, process = self.started(home)
        tell = self.session()
        tell("BEGIN; SELECT 1 FROM sluice.sluice_position FOR UPDATE")
        wait_until("the lock is held", lambda: self.server.sql(
            "SELECT 1 FROM pg_locks WHERE mode = 'RowShareLock' AND granted"
            " AND relation = to_regclass('sluice.sluice_position')"))
        # A height without changes: nothing is copied, so the guard row's answer is waited for.
        process.stdin.write(b'{"height": 21, "txs": []}\n')
        process.stdin.flush()
        self.sink_waits("wait_event_type = 'Lock'")
        process.send_signal(signal.SIGSTOP)
        tell("ROLLBACK")
        wait_until("the server has ended it", lambda: not self.server.sql(
            "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'sluice/%'"))
        process.send_signal(signal.SIGCONT)
        self.says(home, "due to idle-in-transaction timeout [SQLSTATE 25P03]")
        process.stdin.close()
        self.finishes(home, process, 21)

    def test_57P05_idle_session(self):
        home = self.writer()
        self.server.sql("ALTER ROLE writer SET idle_session_timeout = '200ms'")
        home, process = self.started(home)
        wait_until("the server has ended it", lambda: not self.server.sql(
            "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'sluice/%'"))
        self.feed(process)
        self.says(home, "due to idle-session timeout [SQLSTATE 57P05]")
        self.server.sql("ALTER ROLE writer RESET idle_session_timeout")
        self.finishes(home, process, LAST)

    def test_57P02_another_backend_crashes(self):
        home, process = self.started()
        tell = self.session()
        tell("SET application_name = 'victim'; SELECT pg_sleep(1000)")
        victim = wait_until("the other one", lambda: self.server.sql(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'victim'"
            " AND wait_event = 'PgSleep'"))
        os.kill(int(victim[0][0]), signal.SIGKILL)
        self.feed(process)
        self.says(home, "because of crash of another server process [SQLSTATE 57P02]")
        self.finishes(home, process, LAST)

    def test_57P03_server_that_takes_no_connections_yet(self):
        home, process = self.started()
        self.server.stop()
        signal_file = self.server.data / "standby.signal"
        signal_file.touch()
        shutil.chown(signal_file, self.server.data.owner())
        self.server.settings["hot_standby"] = "off"
        try:
            self.server.start()
        finally:
            del self.server.settings["hot_standby"]
        self.feed(process)
        self.says(home, "57P03")
        self.server.promote()
        self.finishes(home, process, LAST)

    def test_58P01_file_that_is_gone(self):
        home, process = self.started()
        path = self.server.data / self.server.value("SELECT pg_relation_filepath('sluice.changes')")
        # A new connection has to open it; nothing of it is left to be written by others.
        self.server.sql("CHECKPOINT")
        path.rename(path.with_name("moved"))
        self.server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE application_name LIKE 'sluice/%'")
        self.feed(process)
        self.says(home, "[SQLSTATE 58P01]; the server's operating system refused")
        path.with_name("moved").rename(path)
        self.finishes(home, process, LAST)

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
        tell = self.session()
        tell("BEGIN; LOCK TABLE sluice.changes")
        wait_until("the lock is held", lambda: self.server.sql(
            "SELECT 1 FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted"
            " AND relation = to_regclass('sluice.changes')"))
        self.feed(process)
        self.says(home, "for longer than lock_timeout")
        tell("ROLLBACK")
        self.finishes(home, process, LAST)

    def test_57014_statement_timeout_of_the_role(self):
        home = self.writer()
        self.server.sql("ALTER ROLE writer SET statement_timeout = '1ms'")
        process = self.node(home, blocks(1, 50))
        self.says(home, "statement timeout")
        self.says(home, "ended the statement")
        self.server.sql("ALTER ROLE writer RESET statement_timeout")
        self.finishes(home, process, 50)


if __name__ == "__main__":
    unittest.main(verbosity=2)
