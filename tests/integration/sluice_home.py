# SPDX-License-Identifier: Apache-2.0
"""A home in a temporary folder, and the sluice command run on it, for integration tests."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

BUILD = pathlib.Path(os.environ["SLUICE_BUILD_DIR"])
SLUICE = BUILD / "bin" / "sluice"
TEST_PLUGINS = BUILD / "tests" / "plugins"
# Much longer than anything takes: a deadline that is met means a hang, not a slow machine.
DEADLINE_SECONDS = 120

# What every configuration of these tests begins with.
NODE = """
[node]
stream_id = "demo"
[stores]
names = ["main", "orders"]
[driver]
kind = "replay"
"""

CONFIG = NODE + """[commit]
policy = "all"
recover_timeout = "2s"
[sinks.audit]
plugin = "file"
settings = { path = "data/stream", fsync = true }
"""


class Outcome:
    """What a command printed, and how it ended."""

    def __init__(self, completed):
        self.code = completed.returncode
        self.out = completed.stdout.decode()
        self.err = completed.stderr.decode()

    def json(self):
        return json.loads(self.out)

    def json_lines(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def __repr__(self):
        return f"exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


def environment(extra=None):
    # What the caller's shell holds must not steer a node under test.
    kept = {k: v for k, v in os.environ.items()
            if not k.startswith("SLUICE_") or k == "SLUICE_BUILD_DIR"}
    kept.pop("SLUICE_BUILD_DIR", None)
    kept.update(extra or {})
    return kept


def run(*args, stdin=b"", env=None, cwd=None):
    return Outcome(subprocess.run([SLUICE, *map(str, args)], input=stdin, capture_output=True,
                                  timeout=DEADLINE_SECONDS, env=environment(env), cwd=cwd))


def require(why):
    """`why` a server or the like cannot be had, or None: skips then, visibly; fails in CI."""
    if why is None:
        return
    if os.environ.get("CI"):
        raise AssertionError(f"in CI nothing may be skipped: {why}")
    print(f"SKIPPED: {why}", file=sys.stderr, flush=True)
    raise unittest.SkipTest(why)


def wait_until(what, condition):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)  # looks again; nothing is timed by it
    raise AssertionError(f"{what}: not within {DEADLINE_SECONDS} s")


class Home:
    def __init__(self, config=CONFIG):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="sluice-"))
        self.path = self.root / "home"
        self.started = []
        if config is not None:
            self.configure(config)

    def configure(self, text):
        (self.path / "config").mkdir(parents=True, exist_ok=True)
        (self.path / "config" / "app.toml").write_text(text)

    def run(self, *args, **kwargs):
        return run("--home", self.path, *args, **kwargs)

    def write(self, name, lines):
        path = self.root / name
        path.write_text("".join(line + "\n" for line in lines))
        return path

    def start(self, *args):
        """`sluice start` in the background; its standard error goes to a file."""
        log = open(self.root / "start.log", "ab")
        process = subprocess.Popen([SLUICE, "--home", self.path, *(args or ["start"])],
                                   stdout=log, stderr=log, env=environment())
        log.close()
        self.started.append(process)
        return process

    def log(self):
        path = self.root / "start.log"
        return path.read_text() if path.exists() else ""

    def running_status(self):
        """The status document once a node answers, else None."""
        outcome = self.run("status", "--json")
        if outcome.code != 0:
            return None
        document = outcome.json()
        return document if document["running"] else None

    def close(self):
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()
        shutil.rmtree(self.root, ignore_errors=True)


def block(height, *operations):
    """A block line with one transaction."""
    return json.dumps({"height": height, "txs": [{"ops": list(operations)}]})


def set_op(store, key, value):
    return {"op": "set", "store": store, "key": key, "value": value}


def delete_op(store, key):
    return {"op": "delete", "store": store, "key": key}
