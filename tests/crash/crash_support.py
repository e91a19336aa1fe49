# SPDX-License-Identifier: Apache-2.0
"""What the crash tests share: homes, the real program on them, and what must be true of them.

Environment: SLUICE_TEST_SEED (which sample is taken), SLUICE_CRASH_FULL=1 (everything instead of a
sample), SLUICE_CRASH_JOBS (cases at once), SLUICE_CRASH_KEEP=1 (homes of failed cases are kept).
"""

import concurrent.futures
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import unittest

BUILD = pathlib.Path(os.environ["SLUICE_BUILD_DIR"])
SOURCE = pathlib.Path(os.environ["SLUICE_SOURCE_DIR"])
SLUICE = BUILD / "bin" / "sluice"
FAILPOINTS = BUILD / "tests" / "sluice-failpoints"
FAULTY = BUILD / "tests" / "plugins"
sys.path.insert(0, str(SOURCE / "tests" / "support" / "faultfs"))

FULL = os.environ.get("SLUICE_CRASH_FULL") == "1"
SEED = int(os.environ.get("SLUICE_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
JOBS = int(os.environ.get("SLUICE_CRASH_JOBS") or os.cpu_count() or 2)
KILLED = -signal.SIGKILL
PATIENCE = 120  # seconds; only a program that hangs needs them


def clean_environment(**extra):
    """Of ours, the program is to see only what a case gives it."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SLUICE_") and k != "LD_PRELOAD"}
    return kept | {k: str(v) for k, v in extra.items()}


def make_input(path, blocks, seed=1, transactions=5, large=()):
    """A source without heights, `transactions` lines a block, in two stores.

    `large`: the numbers of lines whose value is so long that the journal keeps it in a blob file.

    Such a source is continued by its recorded position alone, which is where a crash could feed a
    line twice: each transaction requires the value that the one before has left of its key.
    """
    chance = random.Random(seed)
    held = {}
    with open(path, "w", encoding="utf-8") as file:
        for number in range(blocks * transactions):
            key = f"k{chance.randrange(7)}"
            ops = [{"op": "require", "store": "main", "key": key, "value": held.get(key)}]
            if number % 11 == 10:  # fails, and leaves nothing
                ops += [{"op": "set", "store": "main", "key": key, "value": "never"},
                        {"op": "require", "store": "main", "key": "absent", "value": "no"}]
            elif number % 13 == 12:
                held[key] = None
                ops += [{"op": "delete", "store": "main", "key": key}]
            else:
                held[key] = str(number)
                ops += [{"op": "set", "store": "main", "key": key, "value": held[key]},
                        {"op": "set", "store": "orders", "key": f"o{number % 29}",
                         "value": "v" * (chance.randrange(1, 200) + 6000 * (number in large))}]
            file.write(json.dumps({"ops": ops}) + "\n")
    return path


class Run:
    """How one run of the program ended."""

    def __init__(self, command, code, out, err):
        self.command, self.code, self.out, self.err = command, code, out, err

    def json(self):
        return json.loads(self.out)

    def __str__(self):
        return f"{' '.join(map(str, self.command))}: exit {self.code}\n{self.out[-600:]}\n{self.err[-3000:]}"


def run(*arguments, program=SLUICE, environment=None, patience=PATIENCE, stdin=None):
    command = [str(program), *map(str, arguments)]
    done = subprocess.run(command, env=environment or clean_environment(), capture_output=True,
                          timeout=patience, input=stdin, check=False)
    return Run(command, done.returncode, done.stdout.decode("utf-8", "replace"),
               done.stderr.decode("utf-8", "replace"))


class Expectation(AssertionError):
    """What a case found to be wrong, in words that name the run at fault."""


def expect(condition, *what):
    if not condition:
        raise Expectation("; ".join(str(part) for part in what))


class Home:
    """A home folder with a configuration, and the program on it."""

    def __init__(self, folder, policy="all", sinks=("a",), window=1, commit=None, journal=None,
                 sections="", sink_settings=None, extra_sinks="", sink_keys=""):
        self.folder = pathlib.Path(folder)
        self.policy, self.sinks, self.window = policy, tuple(sinks), window
        (self.folder / "config").mkdir(parents=True, exist_ok=True)
        settings = {"fsync": True, "rotate_bytes": "2KiB"} | (sink_settings or {})
        lines = ["[node]", 'stream_id = "crash"', "[stores]",
                 'names = ["main", "orders", "flights", "airports"]',
                 "[driver.replay]", "block_txs = 5",
                 "[commit]", f"policy = {json.dumps(policy)}", f"window = {window}"]
        keys = {"ack_timeout": "30s", "recover_timeout": "60s"} | (commit or {})
        lines += [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
        lines += ["[journal]"]
        keys = {"retain_blocks": 2, "disk_reserve": "1B"} | (journal or {})
        lines += [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
        lines += ["[admin]", 'metrics_listen = ""']
        for sink in sinks:
            table = ", ".join(f"{key} = {json.dumps(value)}" for key, value in
                              ({"path": f"data/{sink}"} | settings).items())
            lines += [f"[sinks.{sink}]", 'plugin = "file"', f"settings = {{ {table} }}"]
            lines += [sink_keys]
        self.write_config("\n".join(lines + [sections, extra_sinks]) + "\n")

    def write_config(self, text):
        (self.folder / "config" / "app.toml").write_text(text, encoding="utf-8")

    def edit_config(self, old, new):
        path = self.folder / "config" / "app.toml"
        text = path.read_text(encoding="utf-8")
        expect(old in text, f"{old!r} is not in {path}")
        self.write_config(text.replace(old, new))

    def copy_to(self, folder):
        shutil.copytree(self.folder, folder,
                        ignore=lambda _, names: [n for n in names if n.endswith(".sock")])
        copy = object.__new__(Home)
        copy.__dict__.update(self.__dict__)
        copy.folder = pathlib.Path(folder)
        return copy

    def path(self, sink):
        return self.folder / "data" / sink

    def run(self, *arguments, **options):
        return run("--home", self.folder, *arguments, **options)

    def start(self, *arguments, program=SLUICE, environment=None, stdin=subprocess.DEVNULL):
        """The program in the background; what it says goes to two files of the home."""
        out = open(self.folder / "out.txt", "wb")
        err = open(self.folder / "err.txt", "wb")
        with out, err:
            return subprocess.Popen([str(program), "--home", str(self.folder), *map(str, arguments)],
                                    env=environment or clean_environment(), stdout=out, stderr=err,
                                    stdin=stdin)

    def said(self):
        return (self.folder / "err.txt").read_text(encoding="utf-8", errors="replace")

    def replay(self, source, **options):
        return self.run("--json", "replay", source, **options)

    def status(self):
        status = self.run("--json", "status")
        expect(status.code == 0, "status of a stopped home", status)
        return status.json()

    def stream(self, sink):
        """What `stream verify` says; None where the sink never wrote."""
        if not any(self.path(sink).glob("*.seg")) and not any(self.path(sink).glob("*.jsonl")):
            return None
        verified = self.run("--json", "stream", "verify", self.path(sink))
        expect(verified.code == 0, f"stream verify of {sink}", verified)
        return verified.json()

    def last(self, sink):
        stream = self.stream(sink)
        return stream["last"] if stream else 0

    def dump(self, sink):
        """Changes and end lines without the epoch, which differs by how often the node started."""
        if not any(self.path(sink).glob("*.seg")):
            return ""
        dumped = self.run("stream", "dump", self.path(sink))
        expect(dumped.code == 0, f"stream dump of {sink}", dumped)
        return without_epoch(dumped.out)


def without_epoch(dump):
    return re.sub(r'"epoch":\d+,', "", dump)


class Reference:
    """What a run that nobody disturbs makes of a source."""

    def __init__(self, folder, source):
        self.source = source
        home = Home(folder)
        done = home.replay(source)
        expect(done.code == 0, "the run that nobody disturbs", done)
        self.height = done.json()["height"]
        self.dump = home.dump("a")
        self.digests = {0: home_genesis(folder)}
        self.ends = {0: 0}
        at = 0
        for line in self.dump.splitlines(keepends=True):
            at += len(line)
            if '"changes":' in line:
                record = json.loads(line)
                if "op" not in record:
                    self.digests[record["height"]] = record["digest"]
                    self.ends[record["height"]] = at
        expect(len(self.ends) == self.height + 1, "a dump has a line for the end of each height")
        expect(self.digests[self.height] == done.json()["digest"], "dump and replay agree")

    def prefix(self, height):
        return self.dump[:self.ends[height]]


def home_genesis(folder):
    """D(0), from a home that never ran."""
    empty = Home(pathlib.Path(folder) / "empty")
    return empty.status()["digest"]


def needed(policy, sinks):
    """How many sinks hold each committed height."""
    if policy == "fire-and-forget":
        return 0
    return len(sinks) if policy == "all" else int(policy.split(" ")[0])


def policies(sinks):
    """Each kind of policy that makes sense with these sinks."""
    names = ", ".join(sinks)
    return ["fire-and-forget", "all"] + [f"{n} of ({names})" for n in (1, 2) if n <= len(sinks)]


def check_stopped(home, reference, ahead_allowed=False, contents=True):
    """I1 and the rest of what holds in a home that was just killed; nothing has run since.

    contents=False trusts the digests, which `stream verify` computes again from the bytes.

    Returns {"height", "journaled", "sinks": {name: last}}.
    """
    status = home.status()
    height, journaled = status["height"], status["journaled_height"]
    expect(height <= journaled <= height + home.window, "committed and journaled", status)
    expect(status["digest"] == reference.digests[height], "the committed digest", status)
    lasts = {}
    for sink in home.sinks:
        stream = home.stream(sink)
        last = lasts[sink] = stream["last"] if stream else 0
        if last:
            expect(stream["first"] == 1 and stream["frames"] == last, "dense from 1", stream)
            expect(stream["digest_checked"], "digests computed again", stream)
            expect(stream["digest"] == reference.digests[last], f"digest of {sink}", stream)
        if not ahead_allowed:
            expect(last <= journaled, f"{sink} is at {last}, beyond what is journaled", status)
        if contents:
            expect(home.dump(sink) == reference.prefix(last), f"content of {sink} through {last}")
    holders = sum(last >= height for last in lasts.values())
    expect(holders >= needed(home.policy, home.sinks),
           f"committed {height} under '{home.policy}', but the sinks hold {lasts}")
    return {"height": height, "journaled": journaled, "sinks": lasts}


def check_finished(home, reference, contents=True):
    """Replays to the end; then everything is as if nobody had ever disturbed it."""
    done = home.replay(reference.source)
    expect(done.code == 0, "the replay after it", done)
    check_equal(home, reference, done.json(), contents)
    return done


def check_equal(home, reference, summary=None, contents=True):
    if summary:
        expect(summary["height"] == reference.height, "height", summary)
        expect(summary["digest"] == reference.digests[reference.height], "digest", summary)
    found = check_stopped(home, reference, contents=contents)
    expect(found["height"] == reference.height, "all is committed", found)
    for sink, last in found["sinks"].items():
        expect(last == reference.height, f"{sink} has everything", found)
        verified = home.run("--json", "verify", "--sink", sink)
        expect(verified.code == 0 and verified.json()["equal"], f"verify {sink}", verified)
        expect(verified.json().get("complete", True), f"verify {sink} compared all", verified)


class Workshop:
    """The folder that a test script works in."""

    def __init__(self):
        # Short: a unix socket's path has room for 107 bytes. In memory where that can be had: a kill
        # keeps the page cache, so for kills the two are the same.
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        if base and shutil.disk_usage(base).free < 1 << 30:
            base = None
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="crash-", dir=base))
        self.keep = False
        self._number = 0

    def new(self, name="h"):
        self._number += 1
        return self.folder / f"{name}{self._number}"

    def close(self):
        if self.keep:
            print(f"kept: {self.folder}", flush=True)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


class CrashTest(unittest.TestCase):
    """A workshop, a source of BLOCKS blocks, and what a run that nobody disturbs makes of it."""

    BLOCKS = 12

    @classmethod
    def setUpClass(cls):
        print(f"seed {SEED}", flush=True)
        cls.shop = Workshop()
        cls.addClassCleanup(cls.shop.close)
        cls.source = cls.make_source(cls.shop.folder / "in.jsonl")
        cls.reference = Reference(cls.shop.folder / "r", cls.source)
        expect(cls.reference.height == cls.BLOCKS, "the source's blocks")

    @classmethod
    def make_source(cls, path):
        return make_input(path, cls.BLOCKS)

    def run_cases(self, cases, do, jobs=JOBS):
        run_cases(self, self.shop, cases, do, jobs)


def run_cases(test, workshop, cases, do, jobs=JOBS):
    """do(case, folder) for each, several at once; all that failed is named in one failure."""
    failures, started_at = [], time.monotonic()

    def one(number_and_case):
        number, case = number_and_case
        folder = workshop.folder / f"c{number}-{random.Random(repr(case)).randrange(1 << 24):x}"
        try:
            do(case, folder)
        except Exception as error:  # any: a case that breaks off is a case that failed
            text = str(error) if isinstance(error, Expectation) else traceback.format_exc()
            failures.append(f"--- {case}\n{text}\n    home: {folder}")
            print(failures[-1], flush=True)
            if os.environ.get("SLUICE_CRASH_KEEP") == "1":
                workshop.keep = True
                return
        shutil.rmtree(folder, ignore_errors=True)

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        list(pool.map(one, enumerate(cases)))
    seconds = time.monotonic() - started_at
    print(f"{len(cases)} cases, {len(failures)} failed, {seconds:.0f} s, seed {SEED}", flush=True)
    if failures:
        test.fail(f"{len(failures)} of {len(cases)} cases (SLUICE_TEST_SEED={SEED}):\n" +
                  "\n".join(failures[:20]))


def sample(cases, share):
    """A seeded part of the cases, at least one; all of them under SLUICE_CRASH_FULL=1."""
    cases = list(cases)
    if FULL or share >= 1:
        return cases
    size = max(1, round(len(cases) * share))
    chosen = sorted(random.Random(SEED).sample(range(len(cases)), min(size, len(cases))))
    return [cases[i] for i in chosen]
