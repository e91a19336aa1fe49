# SPDX-License-Identifier: Apache-2.0
"""Full disks and failed syncs, under a real replay.

A full disk stops intake and says so; made space, the node goes on by itself. A sync that fails at the
sink is mended by the sink; one at the journal ends the node, and a restart goes on.
"""

import subprocess
import time
import unittest

import crash_support as crash
import faultfs
from crash_support import expect


class DiskFull(crash.CrashTest):
    BLOCKS = 30

    def environment(self, home, **faults):
        return faultfs.environment(home.folder, base=crash.clean_environment(), **faults)

    def wait_for(self, home, process, ready):
        """Until ready(), while the process runs; its end before is returned as False."""
        give_up_at = time.monotonic() + crash.PATIENCE
        while process.poll() is None:
            if ready():
                return True
            expect(time.monotonic() < give_up_at, "waited in vain", home.said())
            time.sleep(0.02)
        return False

    def running_status(self, home):
        """What the node itself says through its socket, or None while it has none."""
        status = home.run("--json", "status")
        running = status.code == 0 and status.json()["uptime_seconds"] > 0
        return status.json() if running else None

    def home(self, folder):
        """One that has run before: of a new one, most bytes would be those of its making."""
        if not hasattr(self, "base"):
            self.base = crash.Home(self.shop.new(), "all", ("a", "b"), window=4)
            environment = crash.clean_environment(SLUICE_FAILPOINT="commit.s2.after@6:kill")
            killed = self.base.replay(self.source, program=crash.FAILPOINTS,
                                      environment=environment)
            expect(killed.code == crash.KILLED, killed)
        return self.base.copy_to(folder)

    def grown_by(self, match):
        """How many bytes the files of a whole run grow by, roughly."""
        def size(home):
            return sum(p.stat().st_size for p in (home.folder / match).rglob("*") if p.is_file())
        home = self.home(self.shop.new())
        before = size(home)
        expect(home.replay(self.source).code == 0, "the measuring run")
        return max(size(home) - before, 30_000)

    def full(self, folder, match, blocks):
        """A replay whose disk is full after so many blocks; what it said then, and its status."""
        home = crash.Home(folder, "all", ("a", "b"), window=4)
        control = folder.with_name(folder.name + "full")
        lines = self.source.read_bytes().splitlines(keepends=True)
        process = home.start("--json", "replay", "-", "--source", self.source.name,
                             stdin=subprocess.PIPE, environment=self.environment(
                                 home, full_file=control, full_match=match))
        try:
            process.stdin.write(b"".join(lines[:5 * blocks]))
            process.stdin.flush()
            self.wait_for(home, process, lambda: (self.running_status(home) or {}).get(
                "height") == blocks)
            control.touch()
            process.stdin.write(b"".join(lines[5 * blocks:]))
            process.stdin.close()
            self.wait_for(home, process, lambda: "no space" in home.said().lower())
            time.sleep(0.3)  # what may be wrong here is that it goes on
            status, said = self.running_status(home), home.said()
            control.unlink()
            code = process.wait(crash.PATIENCE)
        finally:
            process.kill()
            process.wait()
        expect(status, "status of a node whose disk is full", said)
        expect(status["height"] < self.BLOCKS, "nothing is taken", status)
        expect(code == 0, "made space, it goes on by itself", f"exit {code}", home.said())
        crash.check_equal(home, self.reference)
        return said, status

    def test_full_at_the_node(self):
        def case(blocks, folder):
            said, status = self.full(folder, "data/db/", blocks)
            expect("taking no blocks" in said, said)
            expect(status["blocked"], "status says so", status)

        self.run_cases([0, 1, 2, 7, 15, 28], case)

    def test_full_at_a_sink(self):
        def case(blocks, folder):
            said, status = self.full(folder, "data/a/", blocks)
            sink = [s for s in status["sinks"] if s["name"] == "a"][0]
            expect("sink a" in said, "the sink is named", said)
            expect(sink["last_error"], "status has the sink's error", sink)

        self.run_cases([0, 1, 2, 7, 15, 28], case)

    def test_full_while_it_opens(self):
        """Clear words, and nothing is lost: the next start goes on."""
        size = self.grown_by("data")
        refused = []

        def case(after, folder):
            home = self.home(folder)
            control = folder.with_name(folder.name + "full")
            process = home.start("--json", "replay", self.source, environment=self.environment(
                home, full_file=control, full_match="data/", full_after=after))
            # One that is already at work waits for space, however long it takes.
            self.wait_for(home, process, lambda: "taking no blocks" in home.said() or
                          "sink" in home.said() and "no space" in home.said().lower())
            control.unlink(missing_ok=True)
            code = process.wait(crash.PATIENCE)
            if code != 0:
                refused.append(after)
                expect(code == 1 and "no space" in home.said().lower(), code, home.said())
            crash.check_stopped(home, self.reference)
            crash.check_finished(home, self.reference)

        self.run_cases([size * i // 12 + 1 for i in range(8)], case)
        self.assertTrue(refused)

    def test_kill_while_the_store_is_opened_again(self):
        """While sinks start and while blocks are taken; the disk stays full."""
        size = self.grown_by("data/db")
        killed = set()

        def case(one, folder):
            name, after = one
            home = self.home(folder)
            environment = self.environment(home, full_match="data/db/", full_after=after)
            environment["SLUICE_FAILPOINT"] = f"{name}:kill"
            run = home.replay(self.source, program=crash.FAILPOINTS, environment=environment)
            expect(run.code in (0, 1, crash.KILLED), run)
            if run.code == crash.KILLED:
                killed.add(name)
            crash.check_stopped(home, self.reference)
            crash.check_finished(home, self.reference)

        names = ["store.reopen.before", "store.reopen.after", "store.reopen.after#2"]
        # What is left at the end is less than what was written: the opening alone writes about as much.
        self.run_cases([(n, size + 2000 * i) for n in names for i in range(8)], case)
        self.assertEqual(killed, set(names))

class FailedSyncs(crash.CrashTest):
    BLOCKS = 30

    def environment(self, home, **faults):
        return faultfs.environment(home.folder, base=crash.clean_environment(), **faults)

    def test_failed_sync_at_a_sink_is_mended_by_it(self):
        def case(number, folder):
            home = crash.Home(folder, "all", ("a", "b"), window=2)
            done = home.replay(self.source, environment=self.environment(
                home, sync_error=f"data/a/:{number}"))
            expect(done.code == 0, done)
            crash.check_equal(home, self.reference, done.json())

        self.run_cases([1, 2, 3, 4, 5, 7, 11, 17, 23], case)

    def test_failed_sync_at_the_journal_ends_the_node_and_a_restart_goes_on(self):
        ended = []

        def case(number, folder):
            home = crash.Home(folder, "all", ("a", "b"), window=2)
            done = home.replay(self.source, environment=self.environment(
                home, sync_error=f"data/db/:{number}"))
            expect(done.code in (0, 1), "one failure", done)
            if done.code == 1:
                ended.append(number)
                expect("sluice: " in done.err, "it says what failed", done)
            crash.check_stopped(home, self.reference)
            crash.check_finished(home, self.reference)

        self.run_cases(list(range(1, 40, 3)), case)
        self.assertGreater(len(ended), 3)


if __name__ == "__main__":
    unittest.main(verbosity=2)
