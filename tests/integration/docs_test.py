#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The commands and examples of the documents, run as they stand."""

import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from sluice_home import BUILD, SLUICE, environment

SOURCE = pathlib.Path(os.environ["SLUICE_SOURCE_DIR"])
DEADLINE_SECONDS = 840  # plugins are compiled meanwhile


def fenced(document, kind):
    """The texts of the fenced blocks of one kind."""
    text = (SOURCE / document).read_text()
    return re.findall(rf"^```{re.escape(kind)}\n(.*?)^```$", text, flags=re.S | re.M)


class ShellBlocks(unittest.TestCase):
    """A document's ```sh blocks, run in their order by one shell, in what looks like a clone."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="sluice-docs-")
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)
        (self.root / "build").mkdir()
        (self.root / "build" / "release").symlink_to(BUILD)

    def run_blocks(self, document):
        """What each block printed, on standard output and standard error together."""
        script = []
        for block in fenced(document, "sh"):
            # The test runs inside a build; building anew would say nothing about the document.
            kept = [line for line in block.splitlines() if line != "./run build"]
            script.append("\n".join(["printf '\\n\\001\\n'", *kept]))
        done = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", "exec 2>&1\n" + "\n".join(script)],
            cwd=self.root, stdout=subprocess.PIPE, timeout=DEADLINE_SECONDS,
            env=environment(self.compiler_cache()))
        text = done.stdout.decode()
        self.assertEqual(done.returncode, 0, text)
        return text.split("\n\1\n")[1:]

    def compiler_cache(self):
        """The plugins are the same each time; so is what they are compiled to, paths aside."""
        if shutil.which("ccache") is None:
            return {}
        return {"CMAKE_CXX_COMPILER_LAUNCHER": "ccache", "CCACHE_BASEDIR": str(self.root),
                "CCACHE_NOHASHDIR": "1"}

    def test_getting_started(self):
        build, home, replay, again, look, run, second = self.run_blocks("docs/getting-started.md")
        self.assertEqual(build, "")
        self.assertIn("app.toml: ok", home)
        self.assertIn("1 blocks, 3 transactions (0 failed), 3 changes", replay)
        self.assertIn("sink audit: watermark 1", replay)
        self.assertIn("0 blocks, 0 transactions (0 failed), 0 changes", again)
        # What the document shows as output is in the output, times aside.
        for shown in fenced("docs/getting-started.md", "text"):
            for line in shown.splitlines():
                self.assertIn(re.sub(r" in [0-9.]+ s$", "", line), replay + look)
        self.assertIn('{"item":"desk","qty":1}', look)
        self.assertIn("every digest was computed again and is right", look)
        self.assertIn("late", run)
        self.assertRegex(run, r"(?s)running.*height 2.*stopped.*height 2")
        self.assertIn("2 blocks, 4 transactions (0 failed), 4 changes", second)
        self.assertIn("sink audit: equal at height 2: 2 keys compared", second)

    def test_writing_a_plugin(self):
        kit, hello, node, counter, mirror, pin = self.run_blocks("docs/writing-a-plugin.md")
        self.assertIn("plugin.hpp", kit)
        self.assertIn("plugin     hello_cpp 1.0.0", hello)
        self.assertIn("a height commits when hello has acked it (level received)", node)
        self.assertIn("sink hello: hello, height 1", node)
        # Counted once, although it was fed twice.
        counts = [json.loads(line) for line in counter.splitlines() if line.startswith("{")]
        self.assertEqual(len(counts), 2)
        for document in counts:
            self.assertEqual(document["counts"], {"main": {"sets": 2, "deletes": 1}})
            self.assertEqual(document["height"], 1)
        self.assertIn("sink mirror: equal at height 1: 1 keys compared", mirror)
        self.assertIn("a height commits when counts and mirror have acked it", pin)

    def test_examples_in_cpp_compile(self):
        snippets = "\n".join(fenced("docs/writing-a-plugin.md", "cpp"))
        for name in ("PlanProvision", "BeginProvision", "EndGroup", "NoteRoundTrip", "EndSnapshot"):
            self.assertIn(name, snippets)
        source = self.root / "group.cc"
        source.write_text(f"""#include <sluice/plugin.hpp>
            using namespace sluice::sdk;
            class Group {{
             public:
              explicit Group(Host host) : host_(host) {{}}
              {snippets}
             private:
              static std::string TableName(std::string_view settings);
              struct Progress {{ bool running, done, refused; }};
              static bool Exists(std::string_view name);
              static std::string FindTaskUnderWay(std::string_view name);
              static std::string AskForAnIndex(std::string_view name);
              static Progress Ask(std::string_view task);
              struct At {{ uint64_t height; sluice_digest digest; }};
              At copy_{{}};
              Status BeginCopy(uint64_t epoch);
              Status FinishCopy(const At&);
              void Put(std::string_view store, std::string_view key, std::string_view value);
              Metrics metrics_;
              void Append(std::string_view);
              Status Sync();
              void DropWhatIsNotSynced();
              Host host_;
              uint64_t group_begin_ = 0, group_size_ = 0;
            }};
            SLUICE_PLUGIN(Group, .id = "group", .highest_level = SLUICE_LEVEL_DURABLE)
            """)
        done = subprocess.run(
            ["c++", "-std=c++20", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
             "-I", SOURCE / "plugin_api" / "include", source], capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr.decode())

    def test_settings_example_of_a_plugin_is_json(self):
        rows = [json.loads(text) for text in fenced("docs/writing-a-plugin.md", "json")]
        self.assertTrue(rows and all(row["name"] and row["type"] for row in rows[0]))


class FormatsExamples(unittest.TestCase):
    """docs/formats.md: one node, fed with the document's blocks, prints what the document shows."""

    VOLATILE = {"seconds"}  # of what is compared, the only value that depends on the run

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="sluice-docs-")
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name).resolve()
        (self.root / "home" / "config").mkdir(parents=True)
        (config,) = fenced("docs/formats.md", "example-toml")
        (blocks,) = fenced("docs/formats.md", "example-blocks")
        (self.root / "home" / "config" / "app.toml").write_text(config)
        (self.root / "blocks.jsonl").write_text(blocks)

    def sluice(self, *arguments):
        done = subprocess.run([SLUICE, *arguments], cwd=self.root, capture_output=True,
                              timeout=DEADLINE_SECONDS,
                              env=environment({"SLUICE_HOME": str(self.root / "home")}))
        self.assertEqual(done.returncode, 0, f"{arguments}: {done.stderr.decode()}")
        return done.stdout.decode().replace(str(self.root), "/srv/demo")

    def documents(self, text):
        """The JSON documents that follow one another in a text."""
        decoder = json.JSONDecoder(object_pairs_hook=self.without_volatile)
        found = []
        while text := text.lstrip():
            document, end = decoder.raw_decode(text)
            found.append(document)
            text = text[end:]
        return found

    def without_volatile(self, pairs):
        return {key: None if key in self.VOLATILE else value for key, value in pairs}

    def test_examples_are_what_the_node_prints(self):
        commands = 0
        for block in fenced("docs/formats.md", "example-console"):
            for example in re.split(r"^\$ ", block, flags=re.M)[1:]:
                command, _, shown = example.partition("\n")
                program, *arguments = shlex.split(command)
                self.assertEqual(program, "sluice")
                printed = self.sluice(*arguments)
                self.assertEqual(self.documents(printed), self.documents(shown), command)
                # The order of the fields too, for who reads lines: it is that of the document.
                self.assertEqual(re.findall(r'"(\w+)":', printed), re.findall(r'"(\w+)":', shown))
                commands += 1
        self.assertGreater(commands, 10)

        (changes,) = fenced("docs/formats.md", "example-changes")
        self.assertEqual(self.sluice("stream", "dump", "home/data/stream"), changes)

    def test_jsonl_files_hold_the_same_lines(self):
        config = self.root / "home" / "config" / "app.toml"
        config.write_text(config.read_text().replace(
            'path = "data/stream"', 'path = "data/stream", format = "jsonl"'))
        self.sluice("replay", "blocks.jsonl")
        (changes,) = fenced("docs/formats.md", "example-changes")
        (path,) = (self.root / "home" / "data" / "stream").glob("*.jsonl")
        self.assertEqual(path.name, "00000000000000000001.jsonl")
        self.assertEqual(path.read_text(), changes)

    def test_status_has_just_the_documented_keys(self):
        self.sluice("replay", "blocks.jsonl")
        printed = set(self.keys(json.loads(self.sluice("status", "--json"))))
        text = (SOURCE / "docs" / "formats.md").read_text()
        section = text[text.index("### The status document"):]
        documented = set(re.findall(r"^\| `([^`]+)` \|", section, flags=re.M))
        self.assertEqual(printed, documented)

    def keys(self, node, path=""):
        """The paths of all that is no object, lists marked; what a plugin says is its own."""
        if isinstance(node, dict) and path not in ("sinks[].settings", "sinks[].metrics"):
            for key, value in node.items():
                yield from self.keys(value, f"{path}.{key}" if path else key)
        elif isinstance(node, list):
            if node and isinstance(node[0], dict):
                yield from self.keys(node[0], path + "[]")
            else:
                yield path + "[]"
        else:
            yield path


class Links(unittest.TestCase):
    DOCUMENTS = sorted(p for p in SOURCE.rglob("*.md")
                       if "build" not in p.relative_to(SOURCE).parts)

    def test_links_between_documents_lead_somewhere(self):
        for document in self.DOCUMENTS:
            for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", document.read_text()):
                self.assertTrue((document.parent / target).exists(), f"{document}: {target}")

    def test_files_that_the_reading_list_names_are_there(self):
        text = (SOURCE / "docs" / "reading-list.md").read_text()
        names = re.findall(r"`((?:host|plugin_api|plugins|tests)/[\w./]+\.\w+)`", text)
        self.assertGreater(len(names), 10)
        for name in names:
            self.assertTrue((SOURCE / name).is_file(), name)


if __name__ == "__main__":
    unittest.main(verbosity=1)
