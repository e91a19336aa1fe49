# SPDX-License-Identifier: Apache-2.0
"""An older incarnation is refused in the database, also one that was only paused."""

import shutil
import signal
import subprocess
import unittest

from error_case import LAST, ErrorCase
from postgres_home import blocks, wait_until


class Fencing(ErrorCase):
    SETTINGS = {}

    def home(self, settings=None, **kwargs):
        return super().home({**self.SETTINGS, **(settings or {})}, **kwargs)

    def waiting(self, event):
        return self.server.sql("SELECT pid FROM pg_stat_activity WHERE application_name LIKE"
                               f" 'sluice/%' AND {event}")

    def begin(self, home, last):
        home.write("blocks.jsonl", blocks(1, last))
        return home.start("replay", str(home.root / "blocks.jsonl"), "--source", "blocks")

    def copy_of(self, home, settings):
        copy = self.home(settings)
        shutil.rmtree(copy.path)
        shutil.copytree(home.path, copy.path, ignore=lambda _, names: [
            name for name in names if name.endswith(".sock")])
        copy.set({**self.SETTINGS, **settings})
        return copy

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

    def takes_over(self, old, paused, settings, last):
        """A copy of the paused node's home goes on in its place, up to `last`."""
        new = self.copy_of(old, settings)
        process = self.begin(new, last)
        self.assertEqual(process.wait(timeout=300), 0, new.log())
        self.assertEqual(self.position()["height"], last)
        held = self.position()
        paused.send_signal(signal.SIGCONT)
        wait_until("the old one finds itself fenced",
                   lambda: "fenced" in old.log() or paused.poll() is not None)
        self.assertIn("epoch", old.log())
        paused.kill()
        paused.wait()
        self.assertEqual(self.position(), held)
        self.assertEqual(self.server.value("SELECT count(*) FROM sluice.sluice_heights"), str(last))
        self.assert_equal(new)
        return new

    def test_an_incarnation_stopped_within_a_transaction_writes_nothing_more(self):
        old = self.home()
        self.replayed(old, blocks(1, 20))
        # Held up behind its guard row: the row's lock is its transaction's from then on.
        old.set({**self.SETTINGS, "lock_timeout": "1h", "idle_in_transaction_timeout": "1h"},
                ack_timeout="1h")
        locker = self.lock_changes()
        paused = self.begin(old, 60)
        wait_until("it waits within its transaction",
                   lambda: self.waiting("wait_event_type = 'Lock'"))
        paused.send_signal(signal.SIGSTOP)
        locker.stdin.close()
        locker.wait()
        wait_until("its backend waits for it", lambda: self.waiting("wait_event = 'ClientRead'"))
        self.assertEqual(self.position()["height"], 20)
        new = self.takes_over(old, paused, {"lock_timeout": "200ms"}, 100)
        self.assertIn("of an older incarnation", new.log())

    def test_an_incarnation_stopped_between_transactions_writes_nothing_more(self):
        old = self.home()
        running = self.begin(old, 3000)
        wait_until("progress", lambda: (self.position() or {"height": 0})["height"] > 10)
        running.send_signal(signal.SIGSTOP)
        self.takes_over(old, running, {}, self.position()["height"] + 50)

    def test_a_start_that_changes_a_table_ends_an_older_incarnation_that_holds_it(self):
        home, running = self.started()
        name = self.server.value("SELECT DISTINCT application_name FROM pg_stat_activity"
                                 " WHERE application_name LIKE 'sluice/%'")
        running.kill()
        running.wait()
        # In the place of a session of that incarnation that does not end.
        older = subprocess.Popen(
            ["psql", "-X", "-q", "-d", f"host={self.server.root} port={self.server.port} user=app"
             f" dbname=postgres application_name='{name}'"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(older.wait)
        self.addCleanup(older.stdin.close)
        older.stdin.write(b"BEGIN; LOCK TABLE sluice.state IN ROW EXCLUSIVE MODE;\n")
        older.stdin.flush()
        wait_until("the lock is held", lambda: self.server.sql(
            "SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE granted"
            " AND relation = 'sluice.state'::regclass AND mode = 'RowExclusiveLock'"
            f" AND application_name = '{name}' AND state = 'idle in transaction'"))
        home.set({**self.SETTINGS, "lock_timeout": "200ms", "value_as": {"orders": "text"}})
        process = self.begin(home, LAST)
        self.finishes(home, process, LAST)
        self.assertIn("of an older incarnation", home.log())

    def test_the_same_epoch_twice_is_refused(self):
        old = self.home()
        self.replayed(old, blocks(1, 20))
        copy = self.copy_of(old, {})
        self.replayed(old, blocks(1, 20))
        process = self.begin(copy, 30)
        wait_until("it is refused", lambda: "was written under epoch" in copy.log())
        process.kill()
        process.wait()
        self.assertEqual(self.position()["height"], 20)


class SideBySide(Fencing):
    SETTINGS = {"connections": 4}


if __name__ == "__main__":
    unittest.main(verbosity=2)
