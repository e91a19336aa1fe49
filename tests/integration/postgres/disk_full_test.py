# SPDX-License-Identifier: Apache-2.0
"""53100: the server's disk is full, on a small tmpfs and, where none may be mounted as well, with a
layer in front of the server's libc that answers ENOSPC. Each prints which it is."""

import os
import pathlib
import shutil
import subprocess
import sys
import unittest

import postgres_server
from error_case import ErrorCase
from postgres_home import PostgresHome, block, require, set_op

FAULTFS = pathlib.Path(os.environ["SLUICE_BUILD_DIR"]) / "tests" / "libfaultfs.so"


class DiskFull(ErrorCase):
    def goes_on_when_there_is_space(self, server, options, make_space):
        home = PostgresHome(server, {"state": False}, conninfo=server.conninfo() + options)
        self.homes.append(home)
        # Random, because PostgreSQL compresses; twice what a tmpfs of 3 MiB takes.
        process = self.node(home, [block(h, set_op("main", f"k{h}", os.urandom(5000).hex()))
                                   for h in range(1, 401)])
        self.says(home, "No space left on device")
        self.says(home, "the server's disk is full")
        make_space()
        self.assertEqual(process.wait(timeout=240), 0, home.log()[-4000:])
        self.assertEqual(server.value("SELECT height FROM sluice.sluice_position"), "400")
        self.assert_equal(home)
        home.close()

    def test_53100_on_a_tmpfs(self):
        mount = self.server.root / "small"
        mount.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", mount],
                                 stderr=subprocess.DEVNULL, check=False).returncode == 0
        if not mounted:
            # The other test shows the same.
            print("SKIPPED: tmpfs may not be mounted here", file=sys.stderr)
            self.skipTest("tmpfs may not be mounted here")
        print("disk full: a tablespace on a tmpfs of 3 MiB", flush=True)
        try:
            shutil.chown(mount, self.server.data.owner())
            self.server.sql(f"CREATE TABLESPACE small LOCATION '{mount}'")
            self.goes_on_when_there_is_space(
                self.server, " options='-c default_tablespace=small'",
                lambda: subprocess.run(["mount", "-o", "remount,size=64m", mount], check=True))
        finally:
            self.server.sql("DROP SCHEMA IF EXISTS sluice CASCADE")
            self.server.sql("DROP TABLESPACE IF EXISTS small")
            subprocess.run(["umount", "-l", mount], check=True)

    def test_53100_under_a_preloaded_layer(self):
        if not FAULTFS.exists():
            require(f"{FAULTFS} is not built (it does not go together with a sanitizer)")
        print("disk full: a preloaded layer that answers ENOSPC", flush=True)
        server = postgres_server.PostgresServer(start=False)
        self.addCleanup(server.close)
        layer = server.root / FAULTFS.name
        shutil.copy(FAULTFS, layer)
        layer.chmod(0o755)
        full = server.root / "full"
        server.environment = {"LD_PRELOAD": layer, "SLUICE_FAULTFS_ROOT": server.data,
                              "SLUICE_FAULTFS_FULL_FILE": full, "SLUICE_FAULTFS_FULL_MATCH": "base/",
                              "SLUICE_FAULTFS_FULL_AFTER": 2 << 20}
        server.start()
        server.sql("SELECT 1")
        self.goes_on_when_there_is_space(server, "", full.unlink)


if __name__ == "__main__":
    unittest.main(verbosity=2)
