#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `./run demo` shows ends well, and in plain words."""

import os
import pathlib
import re
import subprocess
import unittest

SOURCE = pathlib.Path(os.environ["SLUICE_SOURCE_DIR"])


class DemoTest(unittest.TestCase):
    def test_survives_its_kill_and_proves_it(self):
        done = subprocess.run([SOURCE / "demo" / "demo.sh"], capture_output=True, text=True)
        shown = done.stdout + done.stderr
        self.assertEqual(done.returncode, 0, shown)
        self.assertRegex(done.stdout, r"heights in the sink +1 to 1000, 1000 frames", shown)
        history = re.search(r"digest of the history +([0-9a-f]{64})", done.stdout)
        own = re.search(r"the node's own digest +([0-9a-f]{64})", done.stdout)
        self.assertTrue(history and own, shown)
        self.assertEqual(history[1], own[1])
        self.assertRegex(done.stdout, r"keys that differ +0\n", shown)
        self.assertRegex(done.stdout, r"verdict +EQUAL\n", shown)
        self.assertIn("Try next", done.stdout)


if __name__ == "__main__":
    unittest.main()
