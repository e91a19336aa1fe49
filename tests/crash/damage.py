# SPDX-License-Identifier: Apache-2.0
"""Flipped bytes, cut and missing files, in each class of file that a home persists.

Damage is named, with exit code and text, or what comes out is provably equal to a run that nobody
disturbed; nothing is skipped silently, and nothing aborts.
"""

import os
import random
import unittest

import crash_support as crash
from crash_support import expect

BLOCKS = 30


class Damage(crash.CrashTest):
    BLOCKS = BLOCKS

    @classmethod
    def make_source(cls, path):
        return crash.make_input(path, cls.BLOCKS, large=(20, 71, 122))

    def test_damage_is_named_or_harmless(self):
        bases = {name: self.base(name) for name in ("killed", "finished", "reopened")}
        cases, classes = [], set()
        for name, base in bases.items():
            for path in sorted((base.folder / "data").rglob("*")):
                if not path.is_file() or path.name in ("LOCK", "LOG"):
                    continue
                classes.add(path.suffix or path.name.split("-")[0])
                where = str(path.relative_to(base.folder))
                size = path.stat().st_size
                for part in (0.0, 0.02, 0.3, 0.6, 0.97):
                    if size:
                        cases.append((name, where, "flip", min(size - 1, int(size * part))))
                cases += [(name, where, "cut", int(size * part)) for part in (0.0, 0.5) if size]
                cases += [(name, where, "cut", size - 1)] if size else []
                cases.append((name, where, "remove", 0))
        print(f"classes of files: {sorted(classes)}", flush=True)
        for expected in (".log", ".sst", ".blob", "MANIFEST", "CURRENT", ".seg", "FENCE"):
            self.assertIn(expected, classes)
        outcomes = {"refused": 0, "equal": 0}

        def case(one, folder):
            name, where, kind, at = one
            home = bases[name].copy_to(folder)
            path = home.folder / where
            self.harm(path, kind, at)
            done = home.replay(self.source)
            # 75: a sink that is needed names its damage for as long as it is waited for.
            expect(done.code in (0, 1, 3, 75), "no abort, no crash", done)
            if done.code != 0:
                outcomes["refused"] += 1
                expect("sluice: " in done.err, "it says why", done)
                named = where.rsplit("/", 1)[-1] in done.err or "height" in done.err or \
                    where.rsplit("/", 1)[0] in done.err
                expect(named, f"{where} is not named", done)
                return
            outcomes["equal"] += 1
            # What a start does not read is found by whoever does; nothing damaged is passed on.
            checks = [("journal", "verify")]
            for sink in home.sinks:
                checks += [("stream", "verify", home.path(sink)), ("verify", "--sink", sink)]
            for command in checks:
                checked = home.run("--json", *command)
                if checked.code != 0:
                    expect("sluice: " in checked.err, "it says what is damaged", checked)
                    return
                if '"complete":false' in checked.out:  # a first file that is not there
                    return
            crash.check_equal(home, self.reference, done.json())

        self.run_cases(crash.sample(cases, 0.3), case, jobs=2 * crash.JOBS)
        print(outcomes, flush=True)
        self.assertGreater(outcomes["refused"], 0)

    def test_damage_in_a_blob_file_is_found_and_names_the_record_or_the_file(self):
        base = self.base("reopened")
        blobs = sorted((base.folder / "data/db").glob("*.blob"))
        self.assertTrue(blobs, "large blocks that were written out")
        largest = max(blobs, key=lambda path: path.stat().st_size)
        size = largest.stat().st_size

        def case(one, folder):
            home = base.copy_to(folder)
            self.harm(home.folder / "data/db" / largest.name, *one)
            found = [home.run("--json", "journal", "verify"), home.replay(self.source)]
            bad = [run for run in found if run.code != 0]
            expect(bad, "nothing noticed it", *found)
            for run in bad:
                expect("journal record" in run.err or largest.name in run.err, "not named", run)
                expect("restore the home from a backup" in run.err or "sluice: " in run.err, run)

        self.run_cases([("flip", size // 3), ("flip", size // 2), ("cut", 0), ("cut", size // 2),
                        ("cut", size - 40), ("remove", 0)], case)

    def base(self, name):
        home = crash.Home(self.shop.new(name), "all", ("a", "b"), window=2,
                          commit={"recover_timeout": "2s", "ack_timeout": "4s"},
                          journal={"retain_blocks": 1000})
        if name == "killed":
            environment = crash.clean_environment(
                SLUICE_FAILPOINT=f"commit.s2.after@{BLOCKS // 2}:kill")
            done = home.replay(self.source, program=crash.FAILPOINTS, environment=environment)
            expect(done.code == crash.KILLED, done)
        else:
            for _ in range(2 if name == "reopened" else 1):
                expect(home.replay(self.source).code == 0, "the base")
        return home

    def harm(self, path, kind, at):
        if kind == "remove":
            path.unlink()
        elif kind == "cut":
            os.truncate(path, at)
        else:
            with open(path, "r+b") as file:
                file.seek(at)
                byte = file.read(1)[0]
                file.seek(at)
                file.write(bytes([byte ^ 1 << random.Random(crash.SEED).randrange(8)]))


if __name__ == "__main__":
    unittest.main(verbosity=2)
