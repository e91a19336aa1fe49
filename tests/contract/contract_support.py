# SPDX-License-Identifier: Apache-2.0
"""Runs sluice_contract and reads what came out."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

BUILD = pathlib.Path(os.environ["SLUICE_BUILD_DIR"])
PROGRAM = BUILD / "tests" / "sluice_contract"
PLUGINS = BUILD / "lib" / "sluice" / "plugins"
EXAMPLES = BUILD / "lib" / "sluice" / "examples"
TEST_PLUGINS = BUILD / "tests" / "plugins"
# Much longer than anything takes: a deadline that is met means a hang, not a slow machine.
DEADLINE_SECONDS = 1700

VERDICTS = {"PASS": "passed", "FAIL": "failed", "----": "not checked"}


class Outcome:
    def __init__(self, done):
        self.code = done.returncode
        self.text = done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")
        self.verdicts = {}
        self.what = {}  # what failed, by check
        name = None
        for line in self.text.splitlines():
            found = re.match(r"(PASS|FAIL|----)  (\S+)$", line)
            if found:
                name = found[2]
                self.verdicts[name] = VERDICTS[found[1]]
                self.what[name] = []
            elif name and line.startswith("      "):
                self.what[name].append(line.strip())

    def named(self, verdict):
        return sorted(name for name, found in self.verdicts.items() if found == verdict)

    @property
    def failed(self):
        return set(self.named("failed"))


def run(plugin, settings=None, *args):
    """`settings` goes through a file, so that no password shows in the list of processes."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(settings or {}, file)
        file.flush()
        done = subprocess.run([PROGRAM, str(plugin), "--settings", f"@{file.name}", *map(str, args)],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              stdin=subprocess.DEVNULL, timeout=DEADLINE_SECONDS, check=False)
    return Outcome(done)


class ContractCase(unittest.TestCase):
    def assert_kept(self, outcome, not_checked=(), parallel=False, snapshots=False):
        """Every check passed; but for those that cannot be made on this sink, which are named, and
        those of heights side by side and of snapshots, where the sink need not take them."""
        print(outcome.text, file=sys.stderr, flush=True)
        self.assertEqual(outcome.code, 0, outcome.text)
        self.assertGreater(len(outcome.verdicts), 40, outcome.text)
        left_out = [name for name in outcome.named("not checked")
                    if (parallel or not name.startswith("parallel."))
                    and (snapshots or not name.startswith("snapshot."))]
        self.assertEqual(left_out, sorted(not_checked), outcome.text)
