#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The runbooks: each begins with what `sluice status` shows of a home in which just that has gone wrong,
which is made here. Words must be equal; numbers, times, digests and paths may differ.

    runbooks_test.py --show NAME      prints it, for who writes the page
"""

import os
import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import situations
from docs_test import fenced
from sluice_home import BUILD, TEST_PLUGINS, run

SOURCE = pathlib.Path(os.environ["SLUICE_SOURCE_DIR"])
FOLDER = SOURCE / "docs" / "operating"

# page: the situation that it begins with, and the further ones that it shows, in their order
PAGES = {
    "sink-down": ["sink_down"],
    "sink-exhausted": ["exhausted"],
    "sink-diverged": ["diverged"],
    "sink-foreign-or-fenced": ["foreign", "fenced"],
    "sink-gap-or-lost": ["gap", "lost"],
    "sink-rejected": ["rejected"],
    "sink-hung": ["hung"],
    "disk-full": ["disk_low"],
    "journal-full": ["journal_full"],
    "halted": ["halted"],
    "degraded": ["degraded"],
    "damaged": ["damaged"],
    "slow-commits": ["slow"],
    "restored-backup": ["ahead"],
    "stuck-in-start": ["stuck_in_start"],
}
FAULTY = re.compile(r"\b(never_acks|rejects_height|hangs_in_deliver|slow)(?=  )")


def told(home):
    """What `sluice status` prints, as an operator of a home in its usual place would see it."""
    outcome = home.run("status")
    text = outcome.out + outcome.err
    for path, shown in ((f"{home.root}/audit", "/mnt/audit"), (str(home.path), "/var/lib/sluice"),
                        (f"{BUILD}/lib", "/usr/lib"), (str(TEST_PLUGINS), "/usr/lib/sluice/plugins")):
        text = text.replace(path, shown)
    return FAULTY.sub(lambda m: "search" + " " * (len(m[0]) - len("search")), text)


def words(text):
    """One list of words a line, without what differs from run to run."""
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text)
    text = re.sub(r"\b[0-9a-f]{16}\b", "DIGEST", text)
    text = re.sub(r"\d+(\.\d+)?", "N", text)
    return [line.split() for line in text.splitlines() if line.strip()]


class Runbooks(unittest.TestCase):
    maxDiff = None

    def test_each_page_is_tried(self):
        pages = {path.stem for path in FOLDER.glob("*.md")} - {"README"}
        self.assertEqual(pages, set(PAGES))
        index = (FOLDER / "README.md").read_text()
        for page in pages:
            self.assertIn(f"({page}.md)", index)

    def test_each_page_has_its_four_parts(self):
        for page in PAGES:
            heads = re.findall(r"^## (.*)$", (FOLDER / f"{page}.md").read_text(), re.M)
            self.assertEqual(heads, ["What `sluice status` shows", "Why", "What to do",
                                     "How to know that it is mended"], page)

    def test_commands_in_the_pages_are_those_of_the_program(self):
        for path in sorted(FOLDER.glob("*.md")):
            for block in fenced(path.relative_to(SOURCE), "sh"):
                for line in block.splitlines():
                    for command in re.findall(r"(?:^|[|;(] *|sudo -u sluice )sluice ([^|;)#]*)", line):
                        names = [word for word in command.split() if re.fullmatch(r"[a-z]+", word)]
                        depth = 2 if names[0] in ("config", "store", "stream", "journal", "sink",
                                                  "plugin") else 1
                        outcome = run(*names[:depth], "--help")
                        self.assertEqual(outcome.code, 0, f"{path.name}: {line}\n{outcome}")
                        for option in re.findall(r"--[a-z-]+", command):
                            self.assertIn(option, outcome.out, f"{path.name}: {line}")

    def check(self, page):
        shown = fenced(f"docs/operating/{page}.md", "text")[:len(PAGES[page])]
        self.assertEqual(len(shown), len(PAGES[page]), page)
        for name, text in zip(PAGES[page], shown):
            home = getattr(situations, name)(self)
            self.assertEqual(words(text), words(told(home)), f"{page}: {name}")


def add_case(page):
    def case(self):
        self.check(page)
    setattr(Runbooks, "test_" + page.replace("-", "_"), case)


for one in PAGES:
    add_case(one)


def show(name):
    class Shown(unittest.TestCase):
        def runTest(self):
            print(told(getattr(situations, name)(self)), end="")
    Shown().debug()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--show"]:
        for situation in sys.argv[2:]:
            print(f"== {situation}")
            show(situation)
    else:
        unittest.main(verbosity=1)
