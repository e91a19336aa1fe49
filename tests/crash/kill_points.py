# SPDX-License-Identifier: Apache-2.0
"""Kills the node right before and right after each step, in each policy, with one and three sinks.

A counting run says which named places (host/base/failpoint.h) are passed, and at which heights; each
becomes a case: SIGKILL there, I1 checked before anything else runs, then a restart to the end, whose
sinks, digests and stores are those of a run that nobody disturbed. Recovery's own steps are killed
the same way, from a home that a kill left between S1 and S5; the steps inside the file sink are its
file operations, by faultfs.
"""

import base64
import collections
import json
import pathlib
import random
import sys
import unittest

import crash_support as crash
import faultfs
from crash_support import expect

TENTH = "--tenth" in sys.argv
SHARE = 0.1 if TENTH else 1.0
SINKS = {1: ("a",), 3: ("a", "b", "c")}
BLOCKS = 12

# Every named place that these runs pass. One that is added to the code must be added here, and one
# that is passed no more must be explained. lifecycle.forget.*, which takes a command, is killed in
# lifecycle_kills.py; store.reopen.*, which takes a full disk, is killed in
# disk_full.py, and store.prune.*, which takes a large journal, below.
NAMES = """
commit.roll_forward commit.s1.after commit.s1.before commit.s2.after commit.s2.before
commit.s3.after commit.s3.before commit.s4.after commit.s4.before commit.s5.after commit.s5.before
commit.s6.after commit.s6.before delivery.deliver.after delivery.deliver.before
lifecycle.attach.after lifecycle.attach.before lifecycle.destroy.after lifecycle.destroy.before
lifecycle.drain.after lifecycle.drain.before lifecycle.provision.after lifecycle.provision.before
lifecycle.record.after lifecycle.record.before lifecycle.resume.after lifecycle.resume.before
lifecycle.start.after lifecycle.start.before node.epoch.after node.epoch.before node.s0.after
node.s0.before store.epoch.after store.epoch.before store.open.check store.open.families.after
store.open.families.before store.open.format.after store.open.format.before store.open.locked
store.open.recover.after store.open.recover.before store.write.after store.write.before
""".split()


def counted(home, source, log):
    """[(name, height, n-th hit of both)] of a run that nobody kills, in order."""
    done = home.replay(source, program=crash.FAILPOINTS,
                       environment=crash.clean_environment(SLUICE_FAILPOINT_LOG=log))
    expect(done.code == 0, "the counting run", done)
    return read_log(log)


def read_log(log):
    hits, numbers = [], collections.Counter()
    for line in pathlib.Path(log).read_text(encoding="ascii").splitlines():
        name, height = line.split()
        numbers[line] += 1
        hits.append((name, int(height), numbers[line]))
    return hits


def first_middle_last(hits):
    """For each name: the first hit of its first height, one in the middle, the last of its last."""
    by_name = collections.defaultdict(list)
    for hit in hits:
        by_name[hit[0]].append(hit)
    chosen = []
    for name, of_name in sorted(by_name.items()):
        of_name.sort(key=lambda hit: hit[1:])
        # The gate looks at a height as often as it is woken, which differs between runs.
        steady = [hit for hit in of_name if hit[2] == 1] if name == "commit.s4.before" else of_name
        chosen += sorted({steady[0], steady[len(steady) // 2], steady[-1]})
    return chosen


class KillPoints(crash.CrashTest):
    BLOCKS = BLOCKS
    passed = set()

    def kill_at(self, home, hit):
        """Ends the program at `hit`, or at another hit of the same name where this one is not
        passed: how acks are put together differs between runs."""
        name, height, number = hit
        for rule in (f"{name}@{height}#{number}", f"{name}@{height}#1", f"{name}#1"):
            environment = crash.clean_environment(SLUICE_FAILPOINT=f"{rule}:kill")
            target = home.copy_to(home.folder.with_name(home.folder.name + "k"))
            run = target.replay(self.source, program=crash.FAILPOINTS, environment=environment)
            if run.code == crash.KILLED:
                return target
            expect(run.code == 0, f"neither killed at {rule} nor done", run)
            crash.shutil.rmtree(target.folder)
        raise crash.Expectation(f"{name} is not passed")

    def survives(self, home, hit):
        target = self.kill_at(home, hit)
        try:
            crash.check_stopped(target, self.reference)
            crash.check_finished(target, self.reference)
        except crash.Expectation as error:
            raise crash.Expectation(f"killed at {hit}: {error}") from None
        crash.shutil.rmtree(target.folder)

    def test_step_of_a_run(self):
        cases = []
        for number, sinks in SINKS.items():
            for policy in crash.policies(sinks):
                home = crash.Home(self.shop.new(), policy, sinks)
                hits = counted(home, self.source, self.shop.new("log"))
                self.passed.update(hit[0] for hit in hits)
                cases += [(policy, number, hit) for hit in first_middle_last(hits)]
        steps = [c for c in cases if c[2][0].startswith("commit.")]
        others = [c for c in cases if not c[2][0].startswith("commit.")]
        cases = crash.sample(steps, SHARE) + crash.sample(others, SHARE * 0.4)

        def case(one, folder):
            policy, number, hit = one
            self.survives(crash.Home(folder, policy, SINKS[number]), hit)

        self.run_cases(cases, case)

    def test_step_of_recovery(self):
        cases, bases = [], {}
        for number, sinks in SINKS.items():
            for policy in crash.policies(sinks):
                # Between S1 and S5; under fire-and-forget, which has no such window, after its batch.
                place = "commit.s2.before" if policy == "fire-and-forget" else "delivery.deliver.after"
                base = crash.Home(self.shop.new(), policy, sinks)
                base = self.kill_at(base, (place, BLOCKS // 2, 1))
                bases[policy, number] = base
                hits = counted(base.copy_to(self.shop.new()), self.source, self.shop.new("log"))
                self.passed.update(hit[0] for hit in hits)
                until = [i for i, hit in enumerate(hits) if hit[0] == "node.s0.before"][0]
                unique = {hit: None for hit in hits[:until]}
                cases += [(policy, number, hit) for hit in unique if hit[2] <= number]

        def case(one, folder):
            policy, number, hit = one
            self.survives(bases[policy, number].copy_to(folder), hit)

        self.run_cases(crash.sample(cases, SHARE * 0.5), case)

    def test_zz_every_name_is_passed(self):
        missing, unknown = set(NAMES) - self.passed, self.passed - set(NAMES)
        self.assertFalse(missing, "named in the code and passed by no run")
        self.assertFalse(unknown, "passed, and not in the list above")


class PrunedFiles(crash.CrashTest):
    """The journal's files go once tens of megabytes of it are pruned."""

    BLOCKS = 90
    VALUE = 1_000_000

    @classmethod
    def make_source(cls, path):
        chance = random.Random(1)
        with open(path, "w", encoding="ascii") as file:
            for number in range(cls.BLOCKS):
                value = base64.b64encode(chance.randbytes(cls.VALUE * 3 // 4)).decode("ascii")
                ops = [{"op": "set", "store": "main", "key": f"k{number % 3}", "value": value}]
                file.write(json.dumps({"height": number + 1, "txs": [{"ops": ops}]}) + "\n")
        return path

    def test_removal_of_pruned_files(self):
        def case(rule, folder):
            home = crash.Home(folder, window=4, sink_settings={"rotate_bytes": "16MiB"})
            environment = crash.clean_environment(SLUICE_FAILPOINT=f"{rule}:kill")
            run = home.replay(self.source, program=crash.FAILPOINTS, environment=environment)
            expect(run.code == crash.KILLED, f"{rule} is not passed", run)
            crash.check_stopped(home, self.reference, contents=False)
            crash.check_finished(home, self.reference, contents=False)
            journal = home.status()["journal"]
            # How far depends on how far the sink was. Files go once 32 MiB of them are pruned, and
            # one of 16 MiB may lie across the end; counting starts anew with the node.
            kept = (journal["last"] + 1 - journal["first"]) * self.VALUE
            expect(journal["first"] > 1 and journal["bytes"] < kept + (50 << 20), "it is pruned",
                   journal)

        self.run_cases(["store.prune.before", "store.prune.after"], case)


@unittest.skipIf(TENTH, "a sanitizer's runtime and faultfs do not go together")
class FileSinkSteps(crash.CrashTest):
    """Each file operation of a file sink: before, after, and half-way through a write."""

    BLOCKS = BLOCKS

    def environment(self, home, **settings):
        return faultfs.environment(home.folder, base=crash.clean_environment(), **settings)

    def test_file_operation_of_a_sink(self):
        cases = []
        for number, sinks in SINKS.items():
            home = crash.Home(self.shop.new(), "all", sinks)
            counts = self.shop.new("count")
            done = home.replay(self.source, environment=self.environment(
                home, count=counts, count_match="data/a/"))
            expect(done.code == 0, "the counting run", done)
            points = faultfs.kill_points(faultfs.counts(counts), match="data/a/")
            cases += [(number, point) for point in points]

        def case(one, folder):
            number, point = one
            home = crash.Home(folder, "all", SINKS[number])
            run = home.replay(self.source, environment=self.environment(home, kill=point))
            expect(run.code == crash.KILLED, f"not killed at {point}", run)
            crash.check_stopped(home, self.reference)
            crash.check_finished(home, self.reference)

        self.run_cases(crash.sample(cases, 0.4), case)


if __name__ == "__main__":
    unittest.main(argv=[a for a in sys.argv if a != "--tenth"], verbosity=2)
