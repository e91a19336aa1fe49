# SPDX-License-Identifier: Apache-2.0
"""Homes in which something has gone wrong, made on purpose: one function a situation that docs/operating
has a page of. Each gives back the home; what `sluice status` then shows is what the page begins with."""

import pathlib
import shutil
import socket

from sluice_home import BUILD, NODE, TEST_PLUGINS, Home, block, set_op, wait_until

CONFIG = NODE + """[driver.replay]
path = "in.jsonl"
follow = {follow}
[commit]
policy = "{policy}"
on_failure = "{on_failure}"
ack_timeout = "{ack_timeout}"
recover_timeout = "{recover_timeout}"
window = {window}
[journal]
{journal}
[lifecycle]
{lifecycle}
[admin]
metrics_listen = ""
[sinks.audit]
plugin = "file"
settings = {{ path = "data/stream", fsync = true }}
{sinks}
"""

# Long enough that a sink is found between two attempts.
RETRY = 'retry = { initial = "60s", max = "60s", jitter = 0.0 }'
FILE_COPY = '[sinks.copy]\nplugin = "file"\nsettings = { path = "data/copy" }\n'


def config(sinks="", policy="all", on_failure="recover", ack_timeout="4s", recover_timeout="60s",
           window=8, journal="", lifecycle="", follow="true"):
    return CONFIG.format(**locals())


class Situation(Home):
    """A home whose plugins are the tests' faulty ones, under the names of what they stand for."""

    def __init__(self, test, text, **plugins):
        super().__init__(text)
        test.addCleanup(self.close)
        self.last = 0
        for name, faulty in plugins.items():
            (self.path / "plugins").mkdir(exist_ok=True)
            shutil.copy(TEST_PLUGINS / f"{faulty}.so", self.path / "plugins" / f"{name}.so")

    def feed(self, count, value="x"):
        with open(self.path / "in.jsonl", "a") as out:
            for height in range(self.last + 1, self.last + count + 1):
                out.write(block(height, set_op("orders", f"o-{height % 50}", value)) + "\n")
        self.last += count

    def until(self, what, holds):
        def look():
            status = self.running_status()
            return status if status and holds(status) else None
        return wait_until(what, look)

    def sink(self, status, name):
        return next(sink for sink in status["sinks"] if sink["name"] == name)

    def until_sink(self, name, **wanted):
        def holds(status):
            sink = self.sink(status, name)
            return all(sink[key] == value for key, value in wanted.items())
        return self.until(f"{name}: {wanted}", holds)

    def replay(self, code=0):
        outcome = self.run("replay", self.path / "in.jsonl")
        assert outcome.code == code, outcome
        return outcome


def closed_port():
    """A port where nobody listens: it was free a moment ago, and no ephemeral one is given twice in a row."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def mirror(port, retry=RETRY):
    """A PostgreSQL whose server is down."""
    return (f'[sinks.mirror]\nplugin = "{BUILD}/lib/sluice/plugins/postgres.so"\n{retry}\n'
            f'settings = {{ conninfo = "host=127.0.0.1 port={port} dbname=mirror" }}\n')


def sink_down(test):
    home = Situation(test, config(mirror(closed_port()), "1 of (audit, mirror)"))
    home.feed(42)
    home.start()
    home.until("it is repaired", lambda s: s["height"] == 42 and
               home.sink(s, "mirror")["lifecycle"] == "repairing" and
               home.sink(s, "mirror")["next_retry_at"])
    return home


def exhausted(test):
    retry = 'retry = { initial = "100ms", max = "200ms", max_attempts = 3 }'
    home = Situation(test, config(mirror(closed_port(), retry), "1 of (audit, mirror)"))
    home.feed(42)
    home.start()
    home.until_sink("mirror", lifecycle="suspended", reason="exhausted")
    return home


def stuck_in_start(test):
    home = Situation(test, config(on_failure="wait"))
    home.feed(42)
    home.replay()
    home.configure(config(mirror(closed_port()), on_failure="wait"))
    home.start()
    home.until("it waits", lambda s: not s["ready"] and s["commit"]["waiting_on"] == ["mirror"] and
               home.sink(s, "audit")["mode"] == "live" and home.sink(s, "mirror")["next_retry_at"])
    return home


def diverged(test):
    other = Situation(test, config(FILE_COPY))
    other.feed(42, value="another history")
    other.replay()
    home = Situation(test, config())
    home.feed(42)
    home.replay()
    home.configure(config(FILE_COPY, "1 of (audit, copy)"))
    shutil.copytree(other.path / "data" / "copy", home.path / "data" / "copy")
    home.start()
    home.until_sink("copy", lifecycle="suspended", reason="diverged")
    return home


def foreign(test):
    other = Situation(test, config().replace('"demo"', '"billing"'))
    other.feed(42)
    other.replay()
    home = Situation(test, config(FILE_COPY, "1 of (audit, copy)"))
    home.feed(42)
    shutil.copytree(other.path / "data" / "stream", home.path / "data" / "copy")
    home.start()
    home.until("it is refused", lambda s: s["height"] == 42 and
               home.sink(s, "copy")["lifecycle"] == "suspended")
    return home


def backup_and_more(test):
    """A home, put back to what it was before its sink, which lies outside of it, got further."""
    home = Situation(test, config())
    home.configure(config().replace('"data/stream"', f'"{home.root}/audit"'))
    home.feed(42)
    home.replay()
    shutil.copytree(home.path, home.root / "backup")
    home.feed(10)
    for _ in range(2):
        home.replay()
    shutil.rmtree(home.path / "data")
    shutil.copytree(home.root / "backup" / "data", home.path / "data")
    return home


def fenced(test):
    home = backup_and_more(test)
    home.replay(code=3)
    return home


def ahead(test):
    home = fenced(test)
    taken = home.run("sink", "repair", "--take-over", "audit")
    test.assertEqual(taken.code, 0, taken)
    home.replay(code=3)
    return home


def gap(test):
    journal = "retain_blocks = 5\nmax_blocks = 20"
    home = Situation(test, config(journal=journal))
    home.feed(100)
    home.replay()
    home.configure(config(FILE_COPY, "1 of (audit, copy)", journal=journal))
    home.start()
    home.until_sink("copy", lifecycle="suspended", reason="gap")
    return home


def lost(test):
    home = Situation(
        test, config(f'[sinks.search]\nplugin = "search"\n{RETRY}\n', "1 of (audit, search)",
                     journal="retain_blocks = 5\nmax_blocks = 20"),
        search="never_acks")
    home.feed(100)
    home.start()
    home.until("it is lost", lambda s: s["height"] == 100 and
               home.sink(s, "search")["mode"] == "lost" and
               home.sink(s, "search")["lifecycle"] == "repairing" and
               home.sink(s, "search")["next_retry_at"])
    return home


def rejected(test):
    home = Situation(test, config('[sinks.search]\nplugin = "search"\nsettings = { height = 42 }\n',
                                  "1 of (audit, search)"), search="rejects_height")
    home.feed(50)
    home.start()
    home.until("it refuses", lambda s: s["height"] == 50 and
               home.sink(s, "search")["reason"] == "rejected")
    return home


def hung(test):
    home = Situation(
        test, config('[sinks.search]\nplugin = "search"\nsettings = { height = 42 }\n',
                     "1 of (audit, search)",
                     lifecycle='start_timeout = "1s"\nstop_timeout = "1s"\nstalled_after = "1s"'),
        search="hangs_in_deliver")
    home.feed(50)
    home.start()
    home.until("it hangs", lambda s: s["height"] == 50 and home.sink(s, "search")["reason"] == "hung")
    return home


def disk_low(test):
    home = Situation(test, config())
    home.feed(42)
    home.replay()
    home.configure(config(journal='disk_reserve = "1000TiB"'))
    home.feed(10)
    home.start()
    home.until("it takes no block", lambda s: s["blocked"])
    return home


def journal_full(test):
    home = Situation(
        test, config(f'[sinks.search]\nplugin = "search"\n{RETRY}\n', on_failure="wait", window=100,
                     journal="retain_blocks = 5\nmax_blocks = 10"),
        search="never_acks")
    home.feed(30)
    home.start()
    home.until("all are journaled", lambda s: s["journaled_height"] == 30)
    home.feed(10)
    home.until("it takes no block", lambda s: s["blocked"] and s["commit"]["waiting_on"] and
               home.sink(s, "search")["lifecycle"] == "repairing" and
               home.sink(s, "search")["next_retry_at"])
    return home


def halted(test):
    home = Situation(test, config(f'[sinks.search]\nplugin = "search"\nack_timeout = "500ms"\n{RETRY}\n',
                                  on_failure="halt"), search="never_acks")
    home.feed(42)
    home.replay(code=75)
    return home


def degraded(test):
    home = Situation(test, config(f'[sinks.search]\nplugin = "search"\n{RETRY}\n',
                                  on_failure="degrade", recover_timeout="1s"), search="never_acks")
    home.feed(42)
    home.start()
    home.until("it degrades", lambda s: s["height"] == 42 and s["degraded"] and
               home.sink(s, "search")["lifecycle"] == "repairing" and
               home.sink(s, "search")["next_retry_at"])
    return home


def slow(test):
    home = Situation(test, config('[sinks.search]\nplugin = "search"\nsettings = { delay_ms = 50 }\n',
                                  ack_timeout="60s"), search="slow")
    home.feed(2000)
    home.start()
    home.until("it crawls", lambda s: s["height"] >= 20 and s["commit"]["waiting_on"] == ["search"] and
               home.sink(s, "search")["mode"] == "live")
    return home


def damaged(test):
    home = Situation(test, config())
    home.feed(42, value="x" * 1000)
    home.replay()
    log = max((home.path / "data" / "db").glob("*.log"), key=lambda p: p.stat().st_size)
    if log.stat().st_size > 10000:
        with open(log, "r+b") as out:
            out.seek(5000)
            byte = out.read(1)
            out.seek(5000)
            out.write(bytes([byte[0] ^ 0xff]))
    else:
        raise AssertionError(f"nothing is in {log}")
    return home
