#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Completion in each shell, by the shell itself, offers what `sluice --help` lists, at every command; and
the manual page names every command."""

import functools
import os
import pathlib
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))
from sluice_home import DEADLINE_SECONDS, environment, require, run

BASH = r"""
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_sluice
printf '%s\n' "${COMPREPLY[@]}"
"""


def script(shell):
    outcome = run("generate", shell)
    assert outcome.code == 0, outcome
    return outcome.out


@functools.cache
def help_of(path):
    """(commands, options) that --help lists."""
    text = run(*path, "--help").out
    section = text.partition("\nSubcommands:\n")
    commands = re.findall(r"^  ([a-z]+)\b", section[2], re.M)
    options = re.findall(r"^  (?:-\w,)?(--[a-z0-9-]+)", section[0], re.M)
    return commands, options


def all_commands(path=()):
    yield path
    for name in help_of(path)[0]:
        yield from all_commands((*path, name))


class Completions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        missing = [shell for shell in ("fish", "zsh") if not shutil.which(shell)]
        require(f"{', '.join(missing)} not installed: ./run setup --with package" if missing else None)
        cls.folder = tempfile.TemporaryDirectory(prefix="sluice-completions-")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.root = pathlib.Path(cls.folder.name)
        (cls.root / "a-folder").mkdir()
        (cls.root / "a-file").write_text("")
        for shell in ("bash", "fish"):
            (cls.root / f"sluice.{shell}").write_text(script(shell))
        (cls.root / "zsh").mkdir()
        (cls.root / "zsh" / "_sluice").write_text(script("zsh"))
        cls.commands = list(all_commands())

    def shell(self, *command, env=None):
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.root,
                              timeout=DEADLINE_SECONDS, env=environment(env))
        self.assertEqual(done.stderr, "", command)
        return done.stdout.splitlines()

    def bash(self, *words):
        return self.shell("bash", "--norc", "-c", BASH, "bash", self.root / "sluice.bash", "sluice",
                          *words)

    def fish(self, *words):
        line = " ".join(["sluice", *words])
        home = {"HOME": str(self.root), "XDG_CONFIG_HOME": str(self.root / "config")}
        lines = self.shell("fish", "--no-config", "-c",
                           f"source sluice.fish; complete -C '{line}'", env=home)
        return [line.partition("\t")[0] for line in lines]

    def test_there_are_commands(self):
        self.assertIn(("config", "check"), self.commands)
        self.assertGreater(len(self.commands), 20)
        self.assertNotIn(("generate",), self.commands)

    def offers_what_help_lists(self, complete):
        for path in self.commands:
            commands, options = help_of(path)
            if commands:
                self.assertEqual(sorted(complete(*path, "")), sorted(commands), path)
            self.assertEqual(sorted(complete(*path, "--")), sorted(options), path)

    def test_bash_offers_what_help_lists(self):
        self.offers_what_help_lists(self.bash)
        # Of what begins with the letters that are there.
        self.assertEqual(self.bash("st"), ["start", "status", "store", "stream"])
        self.assertEqual(self.bash("stream", "d"), ["dump"])

    def test_fish_offers_what_help_lists(self):
        self.offers_what_help_lists(self.fish)
        self.assertEqual(self.fish("stream", "d"), ["dump"])

    def test_options_with_values_are_stepped_over(self):
        for complete in (self.bash, self.fish):
            self.assertEqual(sorted(complete("--home", "store", "stream", "")), ["dump", "verify"])

    def test_values_are_offered(self):
        self.assertEqual(sorted(self.bash("init", "--format", "")), ["toml", "yaml"])
        self.assertEqual(sorted(self.fish("init", "--format", "")), ["toml", "yaml"])
        self.assertIn("a-folder", self.bash("--home", "a"))
        self.assertNotIn("a-file", self.bash("--home", "a"))
        self.assertIn("a-file", self.bash("replay", "a"))

    def test_zsh_offers_what_help_lists(self):
        # In a terminal of its own: zsh completes nowhere else.
        for path, wanted in (((), help_of(())[0]), (("config",), help_of(("config",))[0]),
                             (("--home", "store", "stream"), ["dump", "verify"])):
            shown = self.zsh(" ".join(["sluice", *path, ""]))
            for word in wanted:
                self.assertRegex(shown, rf"\b{word}\b", path)
        self.assertIn("toml", self.zsh("sluice init --format "))

    def zsh(self, line):
        """What the terminal shows when TAB is pressed behind the line."""
        ours, theirs = pty.openpty()
        env = environment({"TERM": "dumb", "PS1": "% ", "COLUMNS": "200"})
        process = subprocess.Popen(["zsh", "-f", "-i"], stdin=theirs, stdout=theirs, stderr=theirs,
                                   cwd=self.root, env=env, start_new_session=True)
        os.close(theirs)
        # Two words that stand in no echo of the command make the ends of what is awaited.
        setup = (f"fpath=({self.root}/zsh $fpath); autoload -Uz compinit; compinit -u -D; "
                 "setopt auto_list no_beep; unsetopt auto_menu list_ambiguous; LISTMAX=0; "
                 "zstyle ':completion:*' insert-tab false; echo rea''dy\n")
        os.write(ours, setup.encode())
        seen = self.read_until(ours, "ready\r\n")
        # zsh edits the line from here on; before, the terminal itself would take it apart.
        while "\x1b[?2004h" not in seen.rpartition("ready\r\n")[2]:
            seen += os.read(ours, 65536).decode(errors="replace")
        os.write(ours, f"{line}\t\t".encode())
        os.write(ours, b"\x15echo do''ne\n")
        seen = self.read_until(ours, "done\r\n")
        process.kill()
        process.wait()
        os.close(ours)
        return seen

    def read_until(self, descriptor, mark):
        seen = ""
        while mark not in seen:
            seen += os.read(descriptor, 65536).decode(errors="replace")
        return seen

    def test_the_manual_page_names_every_command(self):
        page = script("man").replace("\\-", "-")
        for path in self.commands:
            if path and not help_of(path)[0]:
                self.assertRegex(page, rf"(?m)^\.SS sluice {' '.join(path)}( |$)")
        for code in (0, 1, 2, 3, 75):
            self.assertRegex(page, rf"(?m)^\.TP\n{code}$")


if __name__ == "__main__":
    unittest.main(verbosity=1)
