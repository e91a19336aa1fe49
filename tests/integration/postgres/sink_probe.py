# SPDX-License-Identifier: Apache-2.0
"""A postgres sink without a node, call by call (sink_probe.cc)."""

import hashlib
import json
import os
import pathlib
import subprocess

PROGRAM = pathlib.Path(os.environ["SLUICE_BUILD_DIR"]) / "tests" / "sink_probe"

OK, PENDING, RETRY, REJECT, FATAL, FENCED = 0, 1, 3, 4, 5, 9
RESUMED, GENESIS, AFTER_SNAPSHOT = 1, 2, 5


def digest(height):
    return hashlib.sha256(f"history {height}".encode()).hexdigest()


class Probe:
    """One instance, of epoch `epoch`. Calls answer dictionaries with `code` and `text`."""

    def __init__(self, server, epoch, settings=None, stores=("main", "orders")):
        self.epoch = epoch
        self.process = subprocess.Popen([PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        # What the node completes; all else has its default in the sink.
        self.settings = {"conninfo": server.conninfo(), **(settings or {})}
        self.started = self.call("start", settings=self.settings, epoch=epoch, stores=stores)

    def tell(self, do, **args):
        """Without waiting for the answer."""
        self.process.stdin.write(json.dumps({"do": do, **args}).encode() + b"\n")
        self.process.stdin.flush()

    def answer(self):
        return json.loads(self.process.stdout.readline())

    def call(self, do, **args):
        self.tell(do, **args)
        return self.answer()

    def attach(self, reason, height):
        return self.call("attach", reason=reason, height=height, digest=digest(height))

    def begin(self, height, **args):
        return self.call("begin", height=height, digest=digest(height), **args)

    def part(self, number, rows):
        return self.call("part", part=number, rows=rows)

    def end(self):
        return self.call("end")

    def snapshot(self, height, *parts):
        """The whole of a copy; the answers."""
        answers = [self.begin(height)]
        answers += [self.part(number, rows) for number, rows in enumerate(parts)]
        return [*answers, self.end()]

    def deliver(self, height, changes, **args):
        return self.call("deliver", height=height, digest=digest(height),
                         previous=digest(height - 1), changes=changes, **args)

    def awaits(self, height):
        """What was acked, and what was not, once something is said of `height`."""
        return self.call("await", height=height)["reports"]

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(timeout=240)
        self.process.stdout.close()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
