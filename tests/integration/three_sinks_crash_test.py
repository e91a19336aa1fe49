# SPDX-License-Identifier: Apache-2.0
"""The crash and disk cases of the file sink, with PostgreSQL and Kafka beside it: the node killed at
each named place, its power cut, its disk full, its syncs failing, the file sink's disk full. Afterwards
no sink is ahead of the journal, and in the end all three hold everything, once."""

import os
import random
import signal
import subprocess
import sys
import unittest

from three_sinks import DEADLINE_SECONDS, SINKS, Servers, ThreeSinksHome, require_servers
from sluice_home import BUILD, SLUICE, environment, wait_until

sys.path.insert(0, os.path.join(os.environ["SLUICE_SOURCE_DIR"], "tests", "support", "faultfs"))
import faultfs  # noqa: E402

FAILPOINTS = BUILD / "tests" / "sluice-failpoints"
SEED = int(os.environ.get("SLUICE_TEST_SEED", random.randrange(1 << 31)))
TIMES = 'ack_timeout = "60s"\nrecover_timeout = "300s"'
# One block at a time, so that each height passes each place by itself.
SINGLY = TIMES + "\nwindow = 1"
# Named places of the node (tests/crash/kill_points.py) where a sink has something to lose.
PLACES = """
commit.s1.before commit.s1.after commit.s2.before commit.s2.after delivery.deliver.before
delivery.deliver.after commit.s3.before commit.s3.after commit.s4.before commit.s4.after
commit.s5.before commit.s5.after commit.s6.before commit.s6.after store.write.before store.write.after
lifecycle.start.before lifecycle.start.after lifecycle.resume.before lifecycle.resume.after
lifecycle.attach.before lifecycle.attach.after lifecycle.drain.before lifecycle.drain.after
lifecycle.destroy.before lifecycle.destroy.after
""".split()
PLACES_OF_RECOVERY = ["commit.roll_forward", "lifecycle.resume.after", "lifecycle.attach.after",
                      "delivery.deliver.after"]
servers = None


def setUpModule():
    global servers
    require_servers()
    print(f"SLUICE_TEST_SEED={SEED}", flush=True)
    servers = Servers()


def tearDownModule():
    if servers:
        servers.close()


class CrashHome(ThreeSinksHome):
    """Its node takes what was fed and ends."""

    def replay(self, program=SLUICE, env=None):
        """The exit code; what it said goes to the log."""
        with open(self.root / "start.log", "ab") as log:
            done = subprocess.run([program, "--home", self.path, "replay", self.blocks, "--json"],
                                  stdout=log, stderr=log, env=environment(env), check=False,
                                  timeout=DEADLINE_SECONDS)
        return done.returncode

    def faults(self, **faults):
        """The environment for a run under faultfs."""
        return faultfs.environment(self.path, base={}, **faults)

    def pg_height(self):
        rows = servers.postgres.sql("SELECT height FROM sluice.sluice_position WHERE stream = "
                                    f"'{self.stream}'", check=False)
        return int(rows[0][0]) if rows else 0


class CrashCase(unittest.TestCase):
    def home(self, policy="all", commit=TIMES):
        home = CrashHome(servers, policy, commit)
        self.addCleanup(home.close)
        return home

    def assert_not_ahead(self, home):
        """Of a stopped home. What is in PostgreSQL is asked of PostgreSQL, not of the node."""
        status = home.run("status", "--json").json()
        held = home.pg_height()
        self.assertLessEqual(held, status["journaled_height"], status)
        if home.policy == "all":
            self.assertGreaterEqual(held, status["height"], status)
        return status

    def assert_all_equal(self, home):
        self.assertEqual(home.replay(), 0, home.log()[-3000:])
        for sink in SINKS:
            outcome = home.run("verify", "--sink", sink, "--json")
            self.assertEqual(outcome.code, 0, outcome)
            self.assertTrue(outcome.json()["equal"], outcome)
            self.assertEqual(outcome.json()["height"], home.fed)
        stream = f"stream = '{home.stream}'"
        self.assertEqual(servers.postgres.sql(
            f"SELECT count(*), max(height) FROM sluice.sluice_heights WHERE {stream}"),
            [[str(home.fed)] * 2])
        changes = int(servers.postgres.value(f"SELECT count(*) FROM sluice.changes WHERE {stream}"))
        places = [(row[4]["sluice-height"], row[4]["sluice-seq"])
                  for row in servers.kafka.read_settled(home.stream, changes)]
        self.assertEqual((len(places), len(set(places))), (changes, changes))


class Kills(CrashCase):
    def kill_at(self, home, rule):
        code = home.replay(FAILPOINTS, {"SLUICE_FAILPOINT": f"{rule}:kill"})
        self.assertEqual(code, -signal.SIGKILL, f"{rule} is not passed\n{home.log()[-2000:]}")
        return self.assert_not_ahead(home)

    def at_each_place(self, policy):
        home = self.home(policy, SINGLY)
        for place in PLACES:
            if policy == "fire-and-forget" and ".s4" in place:
                continue  # there is no gate
            # At a height that is new: what is rolled forward comes before.
            steady = place.startswith("commit") and ".s3" not in place
            home.feed(4)
            with self.subTest(place=place):
                self.kill_at(home, place + (f"@{home.fed - 2}" if steady else "#2"))
        self.assert_all_equal(home)

    def test_each_place_under_all(self):
        self.at_each_place("all")

    def test_each_place_under_fire_and_forget(self):
        self.at_each_place("fire-and-forget")

    def test_places_of_recovery(self):
        home = self.home(commit=SINGLY)
        for place in PLACES_OF_RECOVERY:
            home.feed(4)
            with self.subTest(place=place):
                # Between S1 and S5, so that there is something to roll forward.
                status = self.kill_at(home, f"commit.s2.before@{home.fed - 2}")
                self.assertGreater(status["journaled_height"], status["height"])
                self.kill_at(home, place)
        self.assert_all_equal(home)


class PowerCuts(CrashCase):
    def test_power_cut_of_the_node(self):
        """What was not synced is gone; what a server has acked was journaled and synced before."""
        home = self.home()
        home.feed(10)
        self.assertEqual(home.replay(), 0, home.log()[-2000:])
        dice = random.Random(SEED)
        for _ in range(8):
            home.feed(10)
            trace = home.root / "trace"
            faultfs.start_trace(home.path, trace)
            point = f"sync:data/db/:{dice.randrange(1, 12)}:{dice.choice(['before', 'after'])}"
            with self.subTest(point=point):
                code = home.replay(FAILPOINTS, home.faults(trace=trace, kill=point))
                self.assertIn(code, (0, -signal.SIGKILL), home.log()[-2000:])
                seed = dice.choice([None, dice.randrange(1 << 31)])
                faultfs.power_cut(home.path, trace, seed=seed, tears=faultfs.rocksdb_tears)
                self.assert_not_ahead(home)
        self.assert_all_equal(home)


class Disks(CrashCase):
    def following(self, home, **faults):
        """`sluice start` under faultfs."""
        log = open(home.root / "start.log", "ab")
        home.node = subprocess.Popen([SLUICE, "--home", home.path, "start"], stdout=log, stderr=log,
                                     env=environment(home.faults(**faults)))
        log.close()
        home.started.append(home.node)

    def test_full_disk_of_the_node(self):
        home = self.home()
        full = home.root / "full"
        self.following(home, full_file=full, full_match="data/db/")
        home.feed(20)
        home.wait_level()
        full.touch()
        home.feed(20)
        wait_until("it says so", lambda: "taking no blocks" in home.log())
        status = home.wait_status("no block is taken", lambda s: s["blocked"])
        # Nothing is delivered that is not journaled.
        self.assertLessEqual(home.pg_height(), status["journaled_height"])
        self.assertLess(status["height"], home.fed)
        full.unlink()
        home.wait_level()
        self.assertEqual(home.stop_node(), 0, home.log()[-2000:])
        self.assert_all_equal(home)

    def full_at_the_file_sink(self, policy, goes_on):
        home = self.home(policy, 'ack_timeout = "8s"\non_failure = "wait"')
        full = home.root / "full"
        self.following(home, full_file=full, full_match="data/stream/")
        home.feed(20)
        home.wait_level()
        full.touch()
        home.feed(20)
        if goes_on:
            status = home.wait_committed()
        else:
            status = home.wait_status("the gate waits", lambda s: "on_failure" in home.log())
            self.assertEqual(status["commit"]["waiting_on"], ["audit"])
            self.assertEqual(status["height"], home.fed - 20)
        self.assertLess(home.watermark(status, "audit"), home.fed)
        full.unlink()
        home.wait_level()
        self.assertEqual(home.stop_node(), 0, home.log()[-2000:])
        self.assert_all_equal(home)

    def test_full_disk_of_the_file_sink_where_the_servers_suffice(self):
        self.full_at_the_file_sink("2 of (audit, pg, orders)", goes_on=True)

    def test_full_disk_of_the_file_sink_where_it_is_needed(self):
        self.full_at_the_file_sink("all(audit) and 1 of (pg, orders)", goes_on=False)

    def test_failed_sync_of_the_journal(self):
        home = self.home()
        home.feed(10)
        self.assertEqual(home.replay(), 0, home.log()[-2000:])
        ended = 0
        for number in (2, 4, 6, 8):
            home.feed(10)
            with self.subTest(sync=number):
                code = home.replay(env=home.faults(sync_error=f"data/db/:{number}"))
                self.assertIn(code, (0, 1), home.log()[-2000:])
                ended += code
                self.assert_not_ahead(home)
        self.assertGreater(ended, 0)
        self.assert_all_equal(home)


if __name__ == "__main__":
    unittest.main(verbosity=2)
