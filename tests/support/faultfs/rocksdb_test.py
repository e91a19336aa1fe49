# SPDX-License-Identifier: Apache-2.0
"""RocksDB, unmodified, under the fault layer: what it promised must outlive a power cut.

SLUICE_TEST_SEED repeats one series of runs.
"""

import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import faultfs  # noqa: E402

BATCHES = 150
RUNS = 20


class RocksDbTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.root = self.folder / "root"
        (self.root / "db").mkdir(parents=True)
        self.trace = self.folder / "trace"
        self.program = str(pathlib.Path(os.environ["SLUICE_BUILD_DIR"]) / "tests/rocksdb_writer")

    def write(self, **settings):
        return subprocess.run([self.program, "write", "db", str(BATCHES)], cwd=self.root, text=True,
                              capture_output=True, check=False,
                              env=faultfs.environment(self.root, **settings))

    @staticmethod
    def acked(output):
        # A process killed from outside may leave a line cut short: it is no acknowledgement.
        return {int(line.split()[1]) for line in output.splitlines(keepends=True)
                if line.endswith("\n")}

    def batches(self, folder="root/db"):
        done = subprocess.run([self.program, "list", folder], cwd=self.folder, text=True,
                              capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [int(line.split()[1]) for line in done.stdout.splitlines()]

    def check_kept(self, acked):
        kept = self.batches()
        self.assertLessEqual(acked, set(kept))
        self.assertEqual(kept, list(range(len(kept))), "a batch before another is missing")
        return kept


class PowerCut(RocksDbTest):
    def test_synced_batches_survive_at_seeded_kill_points(self):
        series = int(os.environ.get("SLUICE_TEST_SEED", time.time_ns() % 2**32))
        print(f"SLUICE_TEST_SEED={series}", flush=True)
        rng = random.Random(series)
        count = self.folder / "count"
        faultfs.start_trace(self.root, self.trace)
        self.assertEqual(self.write(trace=self.trace, count=count).returncode, 0)
        operations = sum(faultfs.counts(count).values())
        lost = 0
        for run in range(RUNS):
            subprocess.run(["rm", "-rf", str(self.root / "db")], check=True)
            (self.root / "db").mkdir()
            faultfs.start_trace(self.root, self.trace)
            # Threads make the number of operations differ a little from run to run.
            kill = f"any::{rng.randint(1, operations * 9 // 10)}:{rng.choice(('before', 'after'))}"
            seed = rng.choice((None, rng.randint(0, 2**32)))
            with self.subTest(run=run, kill=kill, seed=seed):
                done = self.write(trace=self.trace, kill=kill)
                self.assertEqual(done.returncode, -signal.SIGKILL, done.stderr)
                shutil.copytree(self.root / "db", self.folder / f"uncut-{run}")
                faultfs.power_cut(self.root, self.trace, seed, tears=faultfs.rocksdb_tears)
                kept = self.check_kept(self.acked(done.stdout))
                lost += len(self.batches(f"uncut-{run}")) - len(kept)
        # SIGKILL alone loses none of these: without them the test would prove nothing about fsync.
        self.assertGreater(lost, 0)

    def test_skipping_of_syncs_is_noticed(self):
        """The same run with every sync of the log made to fail loses what the log held."""
        faultfs.start_trace(self.root, self.trace)
        done = self.write(trace=self.trace, sync_error=".log:1+")
        self.assertEqual(done.returncode, 1)
        self.assertIn("IO error", done.stderr)
        self.assertEqual(self.acked(done.stdout), set())
        faultfs.power_cut(self.root, self.trace)
        self.assertEqual(self.batches(), [])

    def test_kill_from_outside_then_power_cut(self):
        faultfs.start_trace(self.root, self.trace)
        with subprocess.Popen([self.program, "write", "db", "100000"], cwd=self.root, text=True,
                              stdout=subprocess.PIPE,
                              env=faultfs.environment(self.root, trace=self.trace)) as process:
            output = "".join(process.stdout.readline() for _ in range(20))
            process.kill()
            output += process.stdout.read()
        faultfs.power_cut(self.root, self.trace, check=False)
        self.check_kept(self.acked(output))


class FullDisk(RocksDbTest):
    def test_full_disk_is_an_error_and_nothing_acked_is_lost(self):
        control = self.folder / "full"
        done = self.write(full_file=control, full_after=300000)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("No space left on device", done.stderr)
        self.assertGreater(len(self.acked(done.stdout)), 5)
        control.unlink()
        self.check_kept(self.acked(done.stdout))


if __name__ == "__main__":
    unittest.main()
