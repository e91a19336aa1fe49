# SPDX-License-Identifier: Apache-2.0
"""What happens when the policy does not hold in time: halt, recover, wait, degrade; and that under
fire-and-forget there is nothing to happen."""

import time
import unittest

import crash_support as crash
import faultfs
from crash_support import expect
from faulty_plugins import check_good, home_with

FAST = {"ack_timeout": "1500ms", "recover_timeout": "4s"}


class OnFailure(crash.CrashTest):
    def wait_for(self, home, process, ready):
        """The first status of the running node of which ready(status) is true."""
        give_up_at = time.monotonic() + crash.PATIENCE
        while time.monotonic() < give_up_at:
            self.assertIsNone(process.poll(), home.said())
            status = home.run("--json", "status")
            if status.code == 0 and status.json()["uptime_seconds"] and ready(status.json()):
                return status.json()
            time.sleep(0.05)
        return self.fail(f"waited in vain: {home.said()}")

    def start(self, home, **options):
        process = home.start("--json", "replay", self.source, **options)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def finish(self, home):
        """With a sink that behaves in the place of the bad one."""
        home.edit_config("/never_acks.so", "/memory.so")
        return crash.check_finished(home, self.reference)

    def test_halt(self):
        home = home_with(self.shop.new(), "never_acks", "all", FAST | {"on_failure": "halt"})
        done = home.replay(self.source)
        self.assertEqual(done.code, 75, done)
        self.assertIn("bad", done.err)
        status = home.status()
        self.assertEqual(status["height"], 0)
        self.assertGreater(status["journaled_height"], 0)
        self.assertIn("bad", str(status["last_halt"]))
        check_good(home, self.reference)
        self.assertIn("rolling forward", self.finish(home).err)

    def test_recover(self):
        commit = {"ack_timeout": "600ms", "recover_timeout": "30s", "on_failure": "recover"}
        home = home_with(self.shop.new(), "retries", "all", commit, height=4, count=20,
                         sink_keys="max_in_flight = 1")
        home.edit_config('ack_timeout = "1s"', 'ack_timeout = "400ms"')
        done = home.replay(self.source)
        self.assertEqual(done.code, 0, done)
        self.assertIn("on_failure decides", done.err)
        crash.check_equal(home, self.reference, done.json())

    def test_recover_gives_up_as_halt(self):
        commit = {"ack_timeout": "1500ms", "recover_timeout": "2s", "on_failure": "recover"}
        home = home_with(self.shop.new(), "never_acks", "all", commit)
        done = home.replay(self.source)
        self.assertEqual(done.code, 75, done)
        self.assertIn("bad", str(home.status()["last_halt"]))
        self.finish(home)

    def test_wait(self):
        home = home_with(self.shop.new(), "never_acks", "all",
                         {"ack_timeout": "1500ms", "recover_timeout": "1s", "on_failure": "wait"})
        process = self.start(home)
        status = self.wait_for(home, process, lambda s: s["commit"]["waiting_on"] and s["uptime_seconds"] > 6)
        self.assertEqual(status["commit"]["waiting_on"], ["bad"])
        self.assertEqual(status["height"], 0)
        self.assertLessEqual(status["journaled_height"], home.window)
        process.terminate()
        self.assertEqual(process.wait(crash.PATIENCE), 0, home.said())
        self.finish(home)

    def degraded_home(self, keys="", patience="2s"):
        return crash.Home(self.shop.new(), "all", ("good", "bad"), window=2,
                          commit={"ack_timeout": "1500ms", "recover_timeout": patience,
                                  "on_failure": "degrade"},
                          sink_keys='retry = { initial = "20ms", max = "100ms" }\n' + keys)

    def test_degrade_records_what_is_missing_and_heals(self):
        home = self.degraded_home()
        full = self.shop.new("full")
        full.touch()
        done = home.replay(self.source, environment=faultfs.environment(
            home.folder, base=crash.clean_environment(), full_file=full, full_match="data/bad/"))
        # All is committed, but a replay waits for its sinks.
        self.assertEqual(done.code, 1, done)
        self.assertIn("is committed, but sink bad is at", done.err)
        status = home.status()
        self.assertEqual(status["height"], self.BLOCKS)
        self.assertTrue(status["degraded"])
        self.assertEqual([(r["first"], r["last"], r["sinks"], r["healed"])
                          for r in status["unacked_ranges"]], [(1, self.BLOCKS, ["bad"], False)])
        self.assertEqual(home.last("good"), self.BLOCKS)
        self.assertEqual(home.last("bad"), 0)

        done = home.replay(self.source)
        self.assertEqual(done.code, 0, done)
        crash.check_equal(home, self.reference, done.json())
        status = home.status()
        self.assertFalse(status["degraded"], status)
        self.assertEqual([(r["first"], r["last"], r["healed"]) for r in status["unacked_ranges"]],
                         [(1, self.BLOCKS, True)])

    def test_degrade_in_the_middle_heals_while_it_runs(self):
        # Looked at while it runs: on a busy machine that takes its time.
        home = self.degraded_home(patience="60s")
        full = self.shop.new("full")
        process = self.start(home, environment=faultfs.environment(
            home.folder, base=crash.clean_environment(), full_file=full, full_match="data/bad/",
            full_after=4000))
        status = self.wait_for(home, process, lambda s: s["degraded"] and s["height"] == self.BLOCKS)
        ranges = status["unacked_ranges"]
        self.assertEqual(len(ranges), 1, ranges)
        self.assertEqual((ranges[0]["last"], ranges[0]["healed"]), (self.BLOCKS, False))
        missing = ranges[0]["first"]
        self.assertGreater(missing, 1)
        full.unlink()
        self.assertEqual(process.wait(crash.PATIENCE), 0, home.said())
        crash.check_equal(home, self.reference)
        # Once the last height is in, nothing is written any more that could carry the mark; the
        # next start sees that the sink has it all.
        done = home.replay(self.source)
        self.assertEqual(done.code, 0, done)
        status = home.status()
        self.assertFalse(status["degraded"], status)
        self.assertEqual([(r["first"], r["last"], r["healed"]) for r in status["unacked_ranges"]],
                         [(missing, self.BLOCKS, True)])

    def test_fire_and_forget_is_never_delayed(self):
        home = home_with(self.shop.new(), "never_acks", "fire-and-forget",
                         FAST | {"recover_timeout": "20s"})
        process = self.start(home)
        status = self.wait_for(home, process, lambda s: s["height"] == self.BLOCKS)
        bad = [sink for sink in status["sinks"] if sink["name"] == "bad"][0]
        self.assertEqual(bad["watermark"], 0)
        self.assertEqual(status["commit"]["waiting_on"], [])
        self.assertEqual(process.wait(crash.PATIENCE), 1, home.said())
        self.assertIn("is committed, but sink bad is at 0", home.said())
        self.finish(home)
        expect(home.last("good") == self.BLOCKS, "the good sink")


if __name__ == "__main__":
    unittest.main(verbosity=2)
