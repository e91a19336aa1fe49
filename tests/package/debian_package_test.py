#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Debian package, built anew: what it holds; what lintian says; and, installed by dpkg into a root
that forgets everything afterwards, that its node runs from the example configuration as the user sluice,
and that it is removed and purged."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))
from sluice_home import BUILD, DEADLINE_SECONDS, block, require, set_op

TOOLS = {"lintian": "lintian", "dpkg-deb": "dpkg", "dpkg-shlibdeps": "dpkg-dev", "cpack": "cmake",
         "systemd-sysusers": "systemd", "runuser": "util-linux"}

# Runs in a root whose writes go to memory. What it prints is looked at.
IN_ROOT = r"""
set -eu
root=$1 package=$2 work=$3
mount -t tmpfs -o mode=0755 tmpfs "$work"
mkdir "$work/upper" "$work/work" "$work/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/work" "$work/root"
mount -t proc proc "$work/root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$work/root/tmp"
# No system manager is seen there, as in a container.
mount -t tmpfs tmpfs "$work/root/run"
mount --rbind /dev "$work/root/dev"
cp "$package" "$work/root/tmp/sluice.deb"
cp "$root/inside.sh" "$root/blocks.jsonl" "$work/root/tmp/"
exec chroot "$work/root" /bin/bash /tmp/inside.sh
"""

INSIDE = r"""
set -eu
exec 2>&1
sluice() { runuser -u sluice -- /usr/bin/sluice --home /var/lib/sluice "$@"; }
# As if it had never been here.
dpkg --purge sluice >/dev/null 2>&1 || true
echo "== install"
dpkg -i /tmp/sluice.deb
stat -c '%n %U %G %a' /var/lib/sluice /var/lib/sluice/blocks.jsonl /etc/sluice /etc/sluice/app.toml
readlink -f /var/lib/sluice/config
echo "== check"
sluice config check
echo "== run"
cat /tmp/blocks.jsonl >> /var/lib/sluice/blocks.jsonl
runuser -u sluice -- /usr/bin/sluice --home /var/lib/sluice start &
node=$!
for _ in $(seq 600); do
  if sluice status --json 2>/dev/null > /tmp/status.json && grep -q '"height":3,' /tmp/status.json; then break; fi
  sleep 0.1
done
cat /tmp/status.json
pkill -TERM -P "$node" -x sluice || kill "$node"
wait "$node"
echo "== verify"
sluice verify --sink audit
man -w sluice >/dev/null 2>&1 || test -f /usr/share/man/man1/sluice.1.gz
echo "edited = true" >> /etc/sluice/app.toml
echo "== again"
dpkg -i /tmp/sluice.deb
tail -1 /etc/sluice/app.toml
echo "== remove"
dpkg --remove sluice
test ! -e /usr/bin/sluice
test ! -e /usr/lib/sluice
ls /etc/sluice
echo "== purge"
dpkg --purge sluice
test ! -e /etc/sluice
test ! -e /var/lib/sluice/config
ls /var/lib/sluice
dpkg -L sluice >/dev/null 2>&1 && echo "still known"
echo "== end"
"""


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=5 * DEADLINE_SECONDS, **options)
    return done.returncode, done.stdout


class DebianPackage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        missing = {package for tool, package in TOOLS.items() if not shutil.which(tool)}
        require(f"{', '.join(sorted(missing))} not installed: ./run setup --with package"
                if missing else None)
        # dpkg syncs each file that it unpacks: in memory, where that can be had.
        memory = pathlib.Path("/dev/shm")
        cls.temporary = tempfile.TemporaryDirectory(
            prefix="sluice-package-", dir=memory if os.access(memory, os.W_OK) else None)
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.folder = pathlib.Path(cls.temporary.name)
        code, out = run("cpack", "-G", "DEB", "--config", BUILD / "CPackConfig.cmake", "-B", cls.folder,
                        cwd=BUILD)
        assert code == 0, out
        (cls.package,) = cls.folder.glob("sluice_*.deb")
        cls.tree = cls.folder / "tree"
        code, out = run("dpkg-deb", "-x", cls.package, cls.tree)
        assert code == 0, out

    def test_it_holds_what_a_node_needs(self):
        for path in ("usr/bin/sluice", "usr/lib/sluice/plugins/file.so",
                     "usr/lib/sluice/plugins/postgres.so", "usr/lib/sluice/plugins/kafka.so",
                     "usr/lib/systemd/system/sluice.service", "usr/lib/sysusers.d/sluice.conf",
                     "usr/lib/tmpfiles.d/sluice.conf", "etc/sluice/app.toml",
                     "usr/share/bash-completion/completions/sluice",
                     "usr/share/zsh/vendor-completions/_sluice",
                     "usr/share/fish/vendor_completions.d/sluice.fish",
                     "usr/share/man/man1/sluice.1.gz", "usr/share/doc/sluice/operating.md",
                     "usr/share/doc/sluice/operating/sink-down.md",
                     "usr/share/doc/sluice/status-page.png",
                     "usr/share/doc/sluice/examples/audit-file.toml"):
            self.assertTrue((self.tree / path).is_file(), path)
        unit = (self.tree / "usr/lib/systemd/system/sluice.service").read_text()
        self.assertIn("ExecStart=/usr/bin/sluice --home /var/lib/sluice start\n", unit)
        code, files = run("dpkg-deb", "-I", self.package, "conffiles")
        self.assertEqual((code, files), (0, "/etc/sluice/app.toml\n"))

    def test_lintian_finds_nothing(self):
        code, out = run("lintian", "--allow-root", "--fail-on", "error,warning", self.package,
                        env={**os.environ, "TMPDIR": str(self.folder)})
        self.assertEqual(code, 0, out)

    def test_unpacked_anywhere_its_node_runs_from_the_example(self):
        home = self.folder / "home"
        home.mkdir()
        (home / "config").symlink_to(self.tree / "etc" / "sluice")
        blocks = home / "blocks.jsonl"
        blocks.write_text(block(1, set_op("main", "k", "v")) + "\n")
        sluice = [self.tree / "usr" / "bin" / "sluice", "--home", home]
        for command in (["config", "check"], ["replay", blocks], ["verify", "--sink", "audit"]):
            code, out = run(*sluice, *command)
            self.assertEqual(code, 0, out)
        self.assertIn("sink audit: equal at height 1: 1 keys compared", out)

    def test_its_node_runs_and_it_is_removed_cleanly(self):
        (self.folder / "inside.sh").write_text(INSIDE)
        (self.folder / "blocks.jsonl").write_text("".join(
            block(height, set_op("main", f"k-{height}", "v")) + "\n" for height in (1, 2, 3)))
        work = self.folder / "root"
        work.mkdir()
        # A user of this machine is root within, where this is not root already.
        enter = ["unshare", "--mount"] if os.getuid() == 0 else ["unshare", "--mount", "--map-auto",
                                                                 "--map-root-user"]
        code, out = run(*enter, "true")
        require(f"no root of its own can be made here: {out.strip()}" if code else None)
        code, out = run(*enter, "bash", "-c", textwrap.dedent(IN_ROOT), "bash", self.folder,
                        self.package, work)
        self.assertEqual(code, 0, out)
        parts = dict(re.findall(r"== (\w+)\n(.*?)(?=^== |\Z)", out, re.S | re.M))
        self.assertIn("/var/lib/sluice sluice sluice 750\n", parts["install"])
        self.assertIn("/var/lib/sluice/blocks.jsonl sluice sluice 640\n", parts["install"])
        self.assertIn("/etc/sluice/app.toml root sluice 640\n", parts["install"])
        self.assertIn("\n/etc/sluice\n", parts["install"])
        self.assertIn("app.toml: ok", parts["check"])
        status = json.loads(next(line for line in parts["run"].splitlines() if line.startswith("{")))
        self.assertEqual((status["height"], status["sinks"][0]["lifecycle"]), (3, "running"))
        self.assertIn("stopped at height 3", parts["run"])
        self.assertIn("sink audit: equal at height 3: 3 keys compared", parts["verify"])
        # What the administrator has changed is kept over an upgrade and a removal, and purged.
        self.assertTrue(parts["again"].endswith("edited = true\n"), parts["again"])
        self.assertTrue(parts["remove"].endswith("app.toml\n"), parts["remove"])
        self.assertIn("holds committed data and is left", parts["purge"])
        self.assertTrue(parts["purge"].endswith("blocks.jsonl\ndata\n"), parts["purge"])
        self.assertIn("end", parts)
        self.assertFalse(pathlib.Path("/etc/sluice").exists(), "nothing of it reaches this machine")


if __name__ == "__main__":
    unittest.main(verbosity=1)
