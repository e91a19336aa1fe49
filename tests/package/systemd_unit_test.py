#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The unit is one that systemd takes, and as shut in as it says: systemd's own tools look at it."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))
from sluice_home import DEADLINE_SECONDS, SLUICE, require

UNIT = pathlib.Path(os.environ["SLUICE_SOURCE_DIR"]) / "share" / "systemd" / "sluice.service"
# Of 10; what is left is the network and the system's own files, which the node reads. Raised only with a
# reason.
EXPOSURE_MAX = 2.0


class Unit(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        require(None if shutil.which("systemd-analyze") else
                "systemd not installed: ./run setup --with package")
        cls.folder = tempfile.TemporaryDirectory(prefix="sluice-unit-")
        cls.addClassCleanup(cls.folder.cleanup)
        # As it is installed, but naming a program that is there.
        cls.unit = pathlib.Path(cls.folder.name) / "sluice.service"
        cls.unit.write_text(UNIT.read_text().replace("/usr/bin/sluice", str(SLUICE)))

    def analyze(self, *arguments):
        return subprocess.run(["systemd-analyze", *arguments, self.unit], capture_output=True,
                              text=True, timeout=DEADLINE_SECONDS)

    def test_systemd_takes_it(self):
        done = self.analyze("verify", "--man=no")
        about_it = [line for line in (done.stdout + done.stderr).splitlines() if "sluice" in line]
        self.assertEqual(about_it, [])

    def test_it_is_as_shut_in_as_promised(self):
        done = self.analyze("security", "--offline=yes", "--no-pager")
        exposure = re.search(r"Overall exposure level for sluice.service: ([\d.]+)", done.stdout)
        self.assertTrue(exposure, done.stdout + done.stderr)
        self.assertLessEqual(float(exposure[1]), EXPOSURE_MAX, done.stdout)

    def test_exit_codes_are_those_of_the_program(self):
        header = (UNIT.parents[2] / "host" / "cli" / "exit_code.h").read_text()
        codes = dict(re.findall(r"(kExit\w+) = (\d+);", header))
        text = UNIT.read_text()
        self.assertIn(f"RestartForceExitStatus={codes['kExitHalted']}\n", text)
        self.assertIn(f"RestartPreventExitStatus={codes['kExitConfiguration']} {codes['kExitPlugin']}\n",
                      text)


if __name__ == "__main__":
    unittest.main(verbosity=1)
