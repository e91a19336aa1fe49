# SPDX-License-Identifier: Apache-2.0
"""A file, PostgreSQL and Kafka together under each form of policy, while servers are stopped: one
that the policy does without stops no commit; one that it needs does what on_failure says; and one
that returns catches up while commits go on."""

import threading
import unittest

from three_sinks import DEADLINE_SECONDS, SINKS, Servers, ThreeSinksHome, require_servers

PG, ORDERS, BOTH = {"pg"}, {"orders"}, {"pg", "orders"}
# Policy: the outages that it does without.
FORMS = {
    "fire-and-forget": [PG, ORDERS, BOTH],
    "all": [],
    "1 of (pg, orders)": [PG, ORDERS],
    "all(audit) and 1 of (pg, orders)": [PG, ORDERS],
    "2 of (audit, pg, orders)": [PG, ORDERS],
}
BACKLOG = 400
servers = None


def setUpModule():
    global servers
    require_servers()
    servers = Servers()


def tearDownModule():
    if servers:
        servers.close()


class PolicyCase(unittest.TestCase):
    def setUp(self):
        servers.start(*servers.down.copy())

    def home(self, policy, commit):
        home = ThreeSinksHome(servers, policy, commit)
        self.addCleanup(home.close)
        home.run_node()
        return home

    def assert_all_equal(self, home):
        """All three hold all of it, and what they hold is what the stores hold."""
        self.assertEqual(home.wait_level()["height"], home.fed)
        self.assertEqual(home.stop_node(), 0, home.log()[-3000:])
        for sink in SINKS:
            outcome = home.run("verify", "--sink", sink, "--json")
            self.assertEqual(outcome.code, 0, outcome)
            report = outcome.json()
            self.assertTrue(report["equal"] and report["height"] == home.fed, report)


class NotNeeded(PolicyCase):
    """With an ack_timeout that no test outlives: a commit that waited for the stopped server just
    once would never come."""

    COMMIT = 'ack_timeout = "1h"\nrecover_timeout = "1h"'

    def go_on_without(self, policy):
        home = self.home(policy, self.COMMIT)
        home.feed(20)
        home.wait_level()
        for outage in FORMS[policy]:
            self.outage(home, outage)
        self.assert_all_equal(home)

    def outage(self, home, outage):
        servers.stop(*outage)
        before = home.fed
        home.feed(BACKLOG)
        status = home.wait_committed()
        for name in outage:
            self.assertLessEqual(home.watermark(status, name), before + 1)
        self.assertEqual(status["commit"]["waiting_on"], [])
        self.assertFalse(status["degraded"])
        # Nor does it keep a node from starting, and from taking blocks.
        home.kill_node()
        home.run_node()
        home.feed(5)
        home.wait_committed()
        self.commits_while_catching_up(home, outage)
        home.wait_level()

    def commits_while_catching_up(self, home, outage):
        backlog_ends = home.fed
        seen = {name: [] for name in outage}  # the heights committed while it was behind

        def fed_and_caught_up(status):
            for name in outage:
                watermark = home.watermark(status, name)
                if backlog_ends - BACKLOG < watermark < backlog_ends:
                    seen[name].append(status["height"])
            if status["height"] == home.fed:
                home.feed(1)
            return all(home.watermark(status, name) >= backlog_ends for name in outage)

        # A sink may be through before a server's start returns.
        starting = threading.Thread(target=servers.start, args=tuple(outage))
        starting.start()
        try:
            home.wait_status(f"{outage} caught up", fed_and_caught_up)
        finally:
            starting.join()
        for name, heights in seen.items():
            self.assertGreater(len(set(heights)), 1, f"{name} caught up without a commit meanwhile")

    def test_fire_and_forget(self):
        self.go_on_without("fire-and-forget")

    def test_one_of(self):
        self.go_on_without("1 of (pg, orders)")

    def test_all_and_one_of(self):
        self.go_on_without("all(audit) and 1 of (pg, orders)")

    def test_two_of(self):
        self.go_on_without("2 of (audit, pg, orders)")


class Needed(PolicyCase):
    """A node for each form, side by side; first PostgreSQL is stopped, then Kafka too."""

    TIMES = 'ack_timeout = "8s"\n'

    def outages(self, commit, struck):
        """Calls struck(home, outage) for each node that cannot do without, once. Gives the nodes."""
        homes = [self.home(policy, self.TIMES + commit) for policy in FORMS]
        for home in homes:
            home.feed(20)
        for home in homes:
            home.wait_level()
        whole = list(homes)
        for outage in (PG, BOTH):
            servers.stop(*(outage - servers.down))
            for home in whole:
                home.feed(20)
            for home in list(whole):
                with self.subTest(policy=home.policy, outage=outage):
                    if outage in FORMS[home.policy]:
                        self.assertEqual(home.wait_committed()["unacked_ranges"], [])
                    else:
                        whole.remove(home)
                        struck(home, outage)
        self.assertEqual([home.policy for home in whole], ["fire-and-forget"])
        servers.start(*BOTH)
        return homes

    def wait_waiting(self, home, outage, log):
        """Until the gate waits, for nobody but the stopped servers, and on_failure was asked."""
        status = home.wait_status("the gate waits", lambda s: s["commit"]["waiting_on"] and
                                  log in home.log())
        self.assertLessEqual(set(status["commit"]["waiting_on"]), outage)
        self.assertEqual(status["height"], home.fed - 20)
        self.assertGreater(status["journaled_height"], status["height"])

    def assert_halted(self, home, outage):
        self.assertEqual(home.node.wait(DEADLINE_SECONDS), 75, home.log()[-3000:])
        status = home.run("status", "--json").json()
        self.assertEqual(status["height"], home.fed - 20)
        self.assertGreater(status["journaled_height"], status["height"])
        for name in outage:
            self.assertIn(name, str(status["last_halt"]))

    def test_halt(self):
        homes = self.outages('on_failure = "halt"', self.assert_halted)
        for home in homes:
            if home.node.poll() is not None:
                home.run_node()
        for home in homes:
            self.assert_all_equal(home)

    def test_wait(self):
        homes = self.outages(
            'on_failure = "wait"\nrecover_timeout = "1s"',
            lambda home, outage: self.wait_waiting(home, outage, "on_failure"))
        for home in homes:
            self.assert_all_equal(home)

    def test_recover_in_time(self):
        homes = self.outages(
            'on_failure = "recover"\nrecover_timeout = "1h"',
            lambda home, outage: self.wait_waiting(home, outage, "on_failure decides"))
        for home in homes:
            self.assert_all_equal(home)

    def test_recover_too_late(self):
        homes = self.outages('on_failure = "recover"\nrecover_timeout = "10s"', self.assert_halted)
        for home in homes:
            if home.node.poll() is not None:
                home.run_node()
        for home in homes:
            self.assert_all_equal(home)

    def test_degrade(self):
        def struck(home, outage):
            status = home.wait_committed()
            self.assertTrue(status["degraded"])
            ranges = status["unacked_ranges"]
            self.assertTrue(all(not one["healed"] for one in ranges), ranges)
            self.assertEqual((ranges[0]["first"], ranges[-1]["last"]), (home.fed - 19, home.fed))
            self.assertLessEqual(set().union(*(one["sinks"] for one in ranges)), outage)

        for home in self.outages('on_failure = "degrade"', struck):
            if home.policy != "fire-and-forget":
                home.wait_level()
                home.feed(1)  # what is healed is noted with the next height
                status = home.wait_status("healed", lambda s: not s["degraded"])
                self.assertTrue(status["unacked_ranges"])
                self.assertTrue(all(one["healed"] for one in status["unacked_ranges"]), status)
            self.assert_all_equal(home)


if __name__ == "__main__":
    unittest.main(verbosity=2)
