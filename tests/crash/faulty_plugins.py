# SPDX-License-Identifier: Apache-2.0
"""What the node does with each misbehaving plugin, beside a healthy file sink.

Each plugin of tests/plugins runs twice: under `all`, where the node needs it, and under `1 of (good,
bad)`, where it does not. Under the second the healthy sink must have everything, whatever the other
does, short of taking the process down.
"""

import time
import unittest

import crash_support as crash
from crash_support import expect

# Short, so that what never comes is given up soon; long enough for a crowded machine.
COMMIT = {"ack_timeout": "3s", "recover_timeout": "4s"}
LIFECYCLE = """
[lifecycle]
start_timeout = "2s"
stop_timeout = "1s"
drain_timeout = "1s"
"""
STOP_DEADLINE = 2  # seconds: drain_timeout and stop_timeout together

DONE = (0, "")
LEFT_BEHIND = (1, "is committed, but sink bad is at")
CANNOT_HOLD = 'policy "all" cannot hold: sink bad'

# plugin: (settings, under all, under 1 of): (exit code, what standard error says)
LOADING = {
    "no_entry": "sluice_plugin_entry_v1",
    "wrong_major": "wrong_major.so",
    "missing_symbol": "sluice_tests_function_that_nobody_has",
    "short_table": "short_table.so",
    "wrong_tag": "draft",
    "no_table": "no_table.so",
}


class Case:
    def __init__(self, plugin, all_of, one_of, **settings):
        self.plugin, self.all_of, self.one_of, self.settings = plugin, all_of, one_of, settings

    def __repr__(self):
        return f"{self.plugin} {self.settings}"


CASES = [
    Case(name, (3, text), (0, text)) for name, text in LOADING.items()
] + [
    # It behaves in the end.
    Case("memory", DONE, DONE),
    Case("newer_minor", DONE, DONE),
    Case("acks_twice", DONE, DONE),
    Case("acks_future", DONE, DONE),
    Case("acks_from_thread", DONE, DONE, delay_ms=5),
    Case("acks_after_destroy", DONE, DONE, delay_ms=1),
    Case("in_parts", DONE, DONE, count=100),
    Case("slow", DONE, DONE, delay_ms=30),
    Case("busy_then_ready", DONE, DONE),
    Case("busy_then_ready_later", DONE, DONE, delay_ms=5),
    Case("retains", DONE, DONE, delay_ms=5),
    Case("never_releases", DONE, DONE),
    Case("retries", DONE, DONE, height=4, count=3),
    Case("nacks_then_recovers", DONE, DONE, height=4, count=3),
    Case("fatal_after", DONE, DONE, count=3),
    Case("fails_outside", DONE, DONE, delay_ms=1),
    # Its acks count for nothing; but it has what it was given, and says so when it is asked.
    Case("acks_old_epoch", DONE, DONE),
    Case("acks_old_attempt", DONE, DONE),
    Case("acks_bad_level", DONE, DONE),
    # It never has what it was given.
    Case("never_acks", (75, "bad"), LEFT_BEHIND),
    Case("hangs_until_cancelled", (75, "bad"), LEFT_BEHIND, height=4),
    Case("throws_in_deliver", (75, "thrown in deliver"), (1, "thrown in deliver")),
    Case("unknown_status", (75, "bad"), LEFT_BEHIND),
    Case("no_reason", (75, "bad"), LEFT_BEHIND),
    # It can never take a height: gone, at once.
    Case("rejects_height", (75, "longer than the column"), (0, "longer than the column"), height=4),
    # It cannot start, or be attached.
    Case("create_fails", (75, "no licence on this machine"), (1, "no licence on this machine")),
    Case("start_fails", (75, "refused the connection"), (1, "refused the connection")),
    Case("throws_in_create", (75, "thrown in create"), (1, "thrown in create")),
    Case("throws_in_start", (75, "thrown in start"), (1, "thrown in start")),
    Case("throws_in_resume", (75, "thrown in resume"), (1, "thrown in resume")),
    Case("throws_in_attach", (75, "thrown in attach"), (1, "thrown in attach")),
    Case("short_instance", (75, "bad"), (1, "bad")),
    Case("no_deliver", (75, "bad"), (1, "bad")),
    Case("level_too_high", (75, "bad"), (1, "bad")),
    Case("resumes_bad_position", (75, "bad"), (1, "bad")),
    Case("resumes_foreign", (3, "foreign"), (0, "foreign")),
    Case("attach_fenced", (3, "epoch 99"), (0, "epoch 99")),
    # It does not come back, and the process ends without it, and says who.
    Case("hangs_in_drain", (1, "sink bad did not stop"), (1, "sink bad did not stop")),
    Case("hangs_in_deliver", (75, "bad"), (1, "bad"), height=4),
    Case("throws_in_drain", DONE, DONE),
    Case("throws_in_cancel", DONE, DONE),
    # It takes the process down.
    Case("crashes_in_start", (-6, ""), (-6, "")),
    Case("crashes_in_deliver", (-6, ""), (-6, ""), height=4),
]


def home_with(folder, plugin, policy, commit=None, sink_keys="", lifecycle=LIFECYCLE, **settings):
    settings = {"record": "record"} | settings
    if plugin.startswith("throws_in_"):
        settings = {}
    table = ", ".join(f'{key} = {value!r}' for key, value in settings.items())
    bad = f"""
[sinks.bad]
plugin = "{crash.FAULTY / plugin}.so"
ack_timeout = "1s"
retry = {{ initial = "20ms", max = "100ms" }}
settings = {{ {table} }}
{sink_keys}
"""
    return crash.Home(folder, policy, ("good",), window=2, commit=COMMIT | (commit or {}),
                      sections=lifecycle, extra_sinks=bad)


def check_good(home, reference):
    """The healthy sink's stream is whole, and what it holds is right."""
    last = home.last("good")
    expect(home.dump("good") == reference.prefix(last), f"content through {last}")
    return last


class FaultyPlugins(crash.CrashTest):
    def test_every_faulty_plugin(self):
        cases = [(case, policy) for case in CASES for policy in ("all", "1 of (good, bad)")]

        def case(one, folder):
            what, policy = one
            code, text = what.all_of if policy == "all" else what.one_of
            home = home_with(folder, what.plugin, policy, **what.settings)
            done = home.replay(self.source)
            expect(done.code == code, f"expected exit {code}", done)
            expect(text in done.err, f"expected: {text}", done)
            last = check_good(home, self.reference)
            status = home.status()
            expect(last <= status["journaled_height"], last, status)
            if policy != "all" and code in (0, 1):
                expect(status["height"] == last == self.BLOCKS, "the others go on", last, status)
            # Whatever it was: with a sink that behaves in its place the node goes on to the end.
            if what.plugin.startswith("throws_in_") and code == 0:
                return  # it was level, and remembers nothing: a gap to whoever comes after it
            self.mend(home, what.plugin)
            crash.check_finished(home, self.reference)

        self.run_cases(cases, case, jobs=6 * crash.JOBS)  # they mostly wait

    def mend(self, home, plugin):
        home.edit_config(f"/{plugin}.so", "/memory.so")
        if plugin.startswith("throws_in_"):
            home.edit_config("settings = {  }", "settings = { record = 'record' }")

    def test_stop_comes_within_its_deadline_and_says_who_hangs(self):
        for plugin in ("hangs_in_drain", "hangs_in_deliver", "hangs_until_cancelled", "never_acks"):
            with self.subTest(plugin):
                home = home_with(self.shop.new(), plugin, "all", {"ack_timeout": "60s"},
                                 height=1)
                process = home.start("--json", "replay", self.source)
                self.addCleanup(process.kill)
                give_up_at = time.monotonic() + crash.PATIENCE
                while home.last("good") == 0 and time.monotonic() < give_up_at:
                    time.sleep(0.05)
                asked_at = time.monotonic()
                process.terminate()
                code = process.wait(crash.PATIENCE)
                took = time.monotonic() - asked_at
                # Twice: what is in flight may finish first, and then the sinks are drained. The
                # rest is the machine's.
                self.assertLess(took, 2 * STOP_DEADLINE + 10, home.said())
                if plugin.startswith("hangs_in_"):
                    self.assertEqual(code, 1, home.said())
                    self.assertIn("sink bad did not stop", home.said())
                check_good(home, self.reference)

    def test_crash_of_a_plugin_is_a_crash_of_the_node_and_rolls_forward(self):
        home = home_with(self.shop.new(), "crashes_in_deliver", "all", height=5)
        done = home.replay(self.source)
        self.assertEqual(done.code, -6, done)
        status = home.status()
        self.assertLess(status["height"], 5)
        self.assertGreaterEqual(status["journaled_height"], 5)
        self.mend(home, "crashes_in_deliver")
        again = crash.check_finished(home, self.reference)
        self.assertIn("rolling forward", again.err)


if __name__ == "__main__":
    unittest.main(verbosity=2)
