# SPDX-License-Identifier: Apache-2.0
"""Kills the node at each boundary of each transition that an operator asks of a sink.

A counting run says which places of the lifecycle (host/base/failpoint.h, lifecycle.*, and those of a copy
of the state, delivery.snapshot.*) are passed from the command on; each becomes a case: SIGKILL there, a start, and then: no state that sticks, what the
command was answered with holds, no height is lost or doubled, and nothing is left over of what was
removed.
"""

import collections
import json
import pathlib
import shutil
import signal
import sys
import time
import unittest

import crash_support as crash
from crash_support import expect

SETTLED = {"running", "suspended"}
BLOCKS = 6


def config(sinks, policy="all(audit)"):
    text = ('[node]\nstream_id = "crash"\n[stores]\nnames = ["main"]\n'
            '[driver.replay]\npath = "in.jsonl"\n[admin]\nmetrics_listen = ""\n'
            f'[commit]\npolicy = "{policy}"\nrecover_timeout = "60s"\nack_timeout = "30s"\n'
            '[journal]\ndisk_reserve = "1B"\n')
    for sink in sinks:
        text += (f'[sinks.{sink}]\nplugin = "file"\n'
                 f'settings = {{ path = "data/{sink}", fsync = true }}\n')
    return text


class Steered(crash.Home):
    """A home that follows a file, and whose node is told things while it runs."""

    def __init__(self, folder, sinks):  # pylint: disable=super-init-not-called
        self.folder = pathlib.Path(folder)
        (self.folder / "config").mkdir(parents=True, exist_ok=True)
        self.sinks = tuple(sinks)
        self.write_config(config(sinks))
        self.blocks = 0
        (self.folder / "in.jsonl").write_text("", encoding="ascii")

    def copy_to(self, folder):
        copy = super().copy_to(folder)
        copy.__class__ = Steered
        return copy

    def add_blocks(self, count):
        with open(self.folder / "in.jsonl", "a", encoding="ascii") as out:
            for _ in range(count):
                self.blocks += 1
                ops = [{"op": "set", "store": "main", "key": f"k{self.blocks % 3}",
                        "value": str(self.blocks)}]
                out.write(json.dumps({"height": self.blocks, "txs": [{"ops": ops}]}) + "\n")

    def document(self):
        status = self.run("--json", "status")
        return status.json() if status.code == 0 else None

    def sink(self, name):
        document = self.document() or {"sinks": []}
        return next((s for s in document["sinks"] if s["name"] == name), None)

    def up(self, program=crash.SLUICE, environment=None):
        node = self.start("start", program=program, environment=environment)
        self.until("the node answers",
                   lambda: node.poll() is not None or (self.document() or {}).get("running"))
        return node

    def until(self, what, holds):
        deadline = time.monotonic() + crash.PATIENCE
        while not holds():
            expect(time.monotonic() < deadline, what, self.said())
            time.sleep(0.02)  # looks again; nothing is timed by it

    def level(self, *sinks):
        def holds():
            by_name = {s["name"]: s for s in (self.document() or {"sinks": []})["sinks"]}
            return all(by_name.get(s, {}).get("watermark") == self.blocks for s in sinks)
        self.until(f"{sinks} are level", holds)

    def end(self, node):
        node.send_signal(signal.SIGTERM)
        code = node.wait(crash.PATIENCE)
        expect(code == 0, f"the node ended with {code}", self.said())


# What is asked, from which state, and the states that may follow. `told`: where it was answered with
# success; `any`: where the node was killed before it answered.
def suspend(home):
    return home.run("sink", "suspend", "copy")


def resume(home):
    return home.run("sink", "resume", "copy")


def restart(home):
    return home.run("sink", "restart", "copy")


def remove(home):
    return home.run("sink", "remove", "copy")


def snapshot(home):
    return home.run("sink", "snapshot", "copy")


def reset(home):
    return home.run("sink", "reset", "--yes", "copy")


def add(home):
    home.write_config(config(("audit", "copy", "third")))
    return home.run("config", "reload")


SUSPENDED, RUNNING = ("suspended", "operator"), ("running", "")
CASES = {
    "suspend": (suspend, False, {SUSPENDED}, {SUSPENDED, RUNNING}),
    "resume": (resume, True, {RUNNING}, {SUSPENDED, RUNNING}),
    "restart": (restart, False, {RUNNING}, {RUNNING}),
    "snapshot": (snapshot, False, {RUNNING}, {RUNNING}),
    "reset": (reset, False, {RUNNING}, {RUNNING}),
    # Removed and still in the file, it is new again with the next start.
    "remove": (remove, False, {RUNNING}, {RUNNING}),
    "reload": (add, False, {RUNNING}, {RUNNING}),
}


class LifecycleKills(crash.CrashTest):
    BLOCKS = 1
    passed = set()

    def base(self, suspended):
        home = Steered(self.shop.new(), ("audit", "copy"))
        home.add_blocks(BLOCKS)
        node = home.up()
        home.level("audit", "copy")
        if suspended:
            expect(suspend(home).code == 0, "suspend")
        home.end(node)
        return home

    def hits(self, home, do):
        """[(name, n-th hit of the run)] from the command on."""
        log = self.shop.new("log")
        node = home.up(crash.FAILPOINTS, crash.clean_environment(SLUICE_FAILPOINT_LOG=log))
        home.until("copy is at rest", lambda: (home.sink("copy") or {}).get("lifecycle") in SETTLED)
        before = len(pathlib.Path(log).read_text(encoding="ascii").splitlines())
        done = do(home)
        expect(done.code == 0, "the counting run", done)
        home.end(node)
        numbers, found = collections.Counter(), []
        for at, line in enumerate(pathlib.Path(log).read_text(encoding="ascii").splitlines()):
            name = line.split()[0]
            numbers[name] += 1
            if at >= before and name.startswith(("lifecycle.", "delivery.snapshot.")):
                found.append((name, numbers[name]))
        return found

    def survives(self, home, do, hit, told, either):
        name, number = hit
        environment = crash.clean_environment(SLUICE_FAILPOINT=f"{name}#{number}:kill")
        node = home.up(crash.FAILPOINTS, environment)
        answered = None
        if node.poll() is None:
            answered = do(home)
        if node.poll() is None:
            node.send_signal(signal.SIGTERM)  # the last places are passed while it ends
        code = node.wait(crash.PATIENCE)
        # How often a place is passed differs by a little between runs.
        expect(code in (-signal.SIGKILL, 0), f"ended with {code}", home.said())

        node = home.up()
        home.until("no state sticks", lambda: all(
            s["lifecycle"] in SETTLED for s in (home.document() or {"sinks": [{"lifecycle": ""}]})[
                "sinks"]))
        copy = home.sink("copy")
        allowed = told if answered is not None and answered.code == 0 else either
        expect((copy["lifecycle"], copy["reason"]) in allowed,
               f"copy is {copy['lifecycle']} ({copy['reason']}), not one of {allowed}", answered)
        if copy["lifecycle"] == "suspended":
            expect(resume(home).code == 0, "resume", home.said())
        home.add_blocks(3)
        names = [s["name"] for s in home.document()["sinks"]]
        home.level(*names)
        for sink in names:
            verified = home.run("--json", "verify", "--sink", sink)
            expect(verified.code == 0 and verified.json()["equal"], f"verify {sink}", verified)
        home.end(node)
        for sink in names:
            closing = [entry for entry in map(json.loads, home.dump(sink).splitlines())
                       if "digest" in entry]
            copied = [entry["height"] for entry in closing if entry.get("snapshot") == "end"]
            expect(len(copied) < 2, f"{sink} holds {len(copied)} snapshots")
            heights = [entry["height"] for entry in closing if "snapshot" not in entry]
            expect(heights == list(range(1 + sum(copied), home.blocks + 1)),
                   f"{sink} holds {heights} behind {copied}")
            files = [p.name for p in (home.folder / "data" / sink).iterdir()
                     if p.suffix in (".building", ".done")]
            expect(not files, f"{sink} has left {files}")
            folders = sorted(p.name for p in (home.folder / "data").iterdir() if p.is_dir())
            expect(folders == sorted(["db", *names]), f"folders: {folders}")

    def test_each_boundary_of_each_transition(self):
        bases, cases = {}, []
        for what, (do, suspended, told, either) in CASES.items():
            bases[what] = self.base(suspended)
            hits = self.hits(bases[what].copy_to(self.shop.new()), do)
            expect(hits, f"{what} passes no place of the lifecycle")
            self.passed.update(name for name, _ in hits)
            cases += [(what, hit) for hit in hits]

        def case(one, folder):
            what, hit = one
            do, _, told, either = CASES[what]
            home = bases[what].copy_to(folder)
            try:
                self.survives(home, do, hit, told, either)
            except crash.Expectation as error:
                raise crash.Expectation(f"{what}, killed at {hit}: {error}") from None
            shutil.rmtree(home.folder)

        self.run_cases(cases, case)
        print(f"{len(cases)} kills at {len(self.passed)} places", file=sys.stderr)
        for name in ("provision", "reset", "record", "forget", "drain", "destroy", "start", "attach", "resume"):
            for side in ("before", "after"):
                self.assertIn(f"lifecycle.{name}.{side}", self.passed)
        for name in ("begin", "part", "end"):
            for side in ("before", "after"):
                self.assertIn(f"delivery.snapshot.{name}.{side}", self.passed)


if __name__ == "__main__":
    unittest.main(verbosity=2)
