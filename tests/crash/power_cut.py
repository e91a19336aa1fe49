# SPDX-License-Identifier: Apache-2.0
"""Power cuts at file operations of the node and of its file sink, both in one process.

faultfs kills the process at an operation and then takes back what was not synced. A log outside of
the home says what had been acked and answered by then: none of it may be missing afterwards.
"""

import pathlib
import random
import unittest

import crash_support as crash
import faultfs
from crash_support import expect

SHARE = 0.08
SHARE_OF_RECOVERY = 0.04


def log_of(log):
    """(highest height that the sink acked, highest that the driver was answered)."""
    acked = answered = 0
    for line in pathlib.Path(log).read_text(encoding="ascii").splitlines() if log.exists() else ():
        name, height = line.split()
        if name == "commit.s3.after":
            acked = max(acked, int(height))
        elif name == "commit.s6.after":
            answered = max(answered, int(height))
    return acked, answered


class PowerCut(crash.CrashTest):
    def run_traced(self, home, *, log=None, **faults):
        """One run under the layer, which goes on with the home's trace where there is one."""
        trace = home.folder.with_name(home.folder.name + "t")
        if not trace.exists():
            faultfs.start_trace(home.folder, trace)
        environment = crash.clean_environment(SLUICE_FAILPOINT_LOG=log or "/dev/null")
        environment = faultfs.environment(home.folder, trace=trace, base=environment, **faults)
        return home.replay(self.source, program=crash.FAILPOINTS, environment=environment), trace

    def points(self, home):
        counts = self.shop.new("count")
        done, _ = self.run_traced(home, count=counts)
        expect(done.code == 0, "the counting run", done)
        return list(faultfs.kill_points(faultfs.counts(counts)))

    def cut(self, home, point, seed, log):
        """False where the run ended before the point: threads share the operations otherwise each
        time, so the last ones may not be reached."""
        run, trace = self.run_traced(home, log=log, kill=point)
        expect(run.code in (crash.KILLED, 0), f"at {point}", run)
        faultfs.power_cut(home.folder, trace, seed=seed, tears=faultfs.rocksdb_tears)
        return run.code == crash.KILLED

    def check_cut(self, home, log):
        acked, answered = log_of(log)
        found = crash.check_stopped(home, self.reference)
        expect(found["journaled"] >= answered, f"height {answered} was answered", found)
        expect(found["sinks"]["a"] >= acked, f"height {acked} was acked", found)
        return found

    def test_cut_in_a_run(self):
        cases = []
        for window in (1, 8):
            points = self.points(crash.Home(self.shop.new(), window=window))
            cases += [(window, point, seeded) for point in points for seeded in (False, True)]

        def case(one, folder):
            window, point, seeded = one
            home = crash.Home(folder, window=window)
            log = folder.with_name(folder.name + "l")
            self.cut(home, point, seed_of(one) if seeded else None, log)
            self.check_cut(home, log)
            crash.check_finished(home, self.reference)

        self.run_cases(crash.sample(cases, SHARE), case)

    def test_cut_in_the_recovery_from_a_cut(self):
        first = "sync:data/db/:30:after"
        home = crash.Home(self.shop.new())
        self.assertTrue(self.cut(home, first, None, self.shop.new("log")))
        cases = [(point, seeded) for point in self.points(home) for seeded in (False, True)]

        def case(one, folder):
            point, seeded = one
            home = crash.Home(folder)
            log = folder.with_name(folder.name + "l")
            expect(self.cut(home, first, None, log), f"not killed at {first}")
            self.cut(home, point, seed_of(one) if seeded else None, log)
            self.check_cut(home, log)
            crash.check_finished(home, self.reference)

        self.run_cases(crash.sample(cases, SHARE_OF_RECOVERY), case)

    def test_without_sync_the_node_opens_and_says_which_sink_is_ahead(self):
        """The promise for power cuts is given up; order and content are not."""
        commit = {"sync": False}
        points = self.points(crash.Home(self.shop.new(), window=8, commit=commit))
        cases = [(policy, point, seeded) for point in points for seeded in (False, True)
                 for policy in ("all", "fire-and-forget")]

        def case(one, folder):
            policy, point, seeded = one
            home = crash.Home(folder, policy, window=8, commit=commit)
            self.cut(home, point, seed_of(one) if seeded else None, folder.with_name("no-log"))
            status = home.status()
            ahead = home.last("a") > status["journaled_height"]
            expect(status["digest"] == self.reference.digests[status["height"]], status)
            done = home.replay(self.source)
            if ahead and policy == "all":
                expect(done.code == 3 and "ahead" in done.err, "a needed sink is ahead", done)
                home.edit_config('policy = "all"', 'policy = "fire-and-forget"')
                home.policy = "fire-and-forget"
                done = home.replay(self.source)
            expect(done.code == 0, done)
            crash.check_equal(home, self.reference, done.json())

        self.run_cases(crash.sample(cases, SHARE_OF_RECOVERY), case)


def seed_of(case):
    return random.Random(f"{crash.SEED} {case}").randrange(1 << 32)


if __name__ == "__main__":
    unittest.main(verbosity=2)
