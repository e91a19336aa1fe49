#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An installed tree is complete: the node runs from it, and a plugin is built against it and loaded."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

BUILD = pathlib.Path(os.environ["SLUICE_BUILD_DIR"])
SOURCE = pathlib.Path(os.environ["SLUICE_SOURCE_DIR"])

CONFIG = """
[node]
stream_id = "installed"
[stores]
names = ["orders"]
[driver]
kind = "replay"
[commit]
policy = "all"
[sinks.audit]
plugin = "file"
settings = { path = "data/stream", fsync = true }
"""

BLOCKS = """\
{"height":1,"txs":[{"ops":[{"op":"set","store":"orders","key":"o-1","value":"42"}]}]}
{"height":2,"txs":[{"ops":[{"op":"set","store":"orders","key":"o-2","value":"7"}]}]}
{"height":3,"txs":[{"ops":[{"op":"delete","store":"orders","key":"o-1"}]}]}
"""


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise AssertionError(
            f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class InstallTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # Not below the build folder: nothing may be found there by accident.
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-install-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.prefix = cls.folder / "prefix"
        run("cmake", "--install", BUILD, "--prefix", cls.prefix)
        cls.sluice = cls.prefix / "bin" / "sluice"

    def test_has_the_promised_shape(self):
        for path in ("bin/sluice", "lib/sluice/plugins/file.so", "lib/sluice/plugins/null.so",
                     "include/sluice/plugin.h", "include/sluice/plugin.hpp", "include/sluice/replace_file.hpp",
                     "lib/cmake/sluice_plugin_api/sluice_plugin_api-config.cmake",
                     "share/sluice/proto/sluice/stream/v1/stream.proto",
                     "share/sluice/examples/counter/counter.cc", "share/sluice/configs/audit-file.toml",
                     "share/doc/sluice/getting-started.md", "share/doc/sluice/configuration.md",
                     "share/doc/sluice/file-format.md", "share/doc/sluice/LICENSE",
                     "share/doc/sluice/CHANGELOG.md"):
            self.assertTrue((self.prefix / path).is_file(), path)

    def test_node_runs_from_it(self):
        home = self.folder / "home"
        run(self.sluice, "--home", home, "init")
        (home / "config" / "app.toml").write_text(CONFIG)
        run(self.sluice, "--home", home, "config", "check")
        blocks = self.folder / "blocks.jsonl"
        blocks.write_text(BLOCKS)
        replayed = json.loads(run(self.sluice, "--home", home, "replay", blocks, "--json"))
        self.assertEqual(replayed["height"], 3)
        verified = json.loads(run(self.sluice, "--home", home, "verify", "--sink", "audit", "--json"))
        self.assertTrue(verified["equal"])
        self.assertEqual(verified["digest"], replayed["digest"])
        found = json.loads(run(self.sluice, "--home", home, "plugin", "inspect", "file", "--json"))
        self.assertEqual(pathlib.Path(found["path"]).resolve(),
                         (self.prefix / "lib/sluice/plugins/file.so").resolve())

    def test_example_plugin_is_built_against_it_and_loads(self):
        source = self.folder / "counter"
        shutil.copytree(self.prefix / "share/sluice/examples/counter", source)
        build = self.folder / "counter-build"
        run("cmake", "-S", source, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}")
        run("cmake", "--build", build)
        (plugin,) = build.rglob("counter.so")
        home = self.folder / "home-inspect"
        run(self.sluice, "--home", home, "init")
        inspected = json.loads(
            run(self.sluice, "--home", home, "plugin", "inspect", plugin, "--json"))
        self.assertEqual(inspected["id"], "counter")

    def test_node_exports_nothing_of_its_own(self):
        # A symbol of ours in the dynamic table would be bound to by a plugin that has one of that name.
        names = [line.split()[-1]
                 for line in run("nm", "-DC", "--defined-only", self.sluice).splitlines()]
        self.assertEqual([name for name in names if "sluice" in name], [])


if __name__ == "__main__":
    unittest.main()
