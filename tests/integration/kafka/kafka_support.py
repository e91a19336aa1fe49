# SPDX-License-Identifier: Apache-2.0
"""Homes with a Kafka sink, blocks for them, and what their topics must hold."""

import json
import os
import pathlib
import random
import shutil
import signal
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import kafka_cluster  # noqa: E402
from sluice_home import Home, require, wait_until  # noqa: E402,F401  (for the tests)

STORES = ["main", "orders"]


def require_kafka(version=kafka_cluster.VERSION):
    require(kafka_cluster.missing(version))


def seed():
    value = int(os.environ.get("SLUICE_TEST_SEED", random.randrange(1 << 31)))
    print(f"SLUICE_TEST_SEED={value}", flush=True)
    return value


def toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{ " + ", ".join(f'"{k}" = {toml(v)}' for k, v in value.items()) + " }"
    return json.dumps(value)


class KafkaHome(Home):
    """A home with the file sink "audit" and the Kafka sink "orders"."""

    def __init__(self, cluster, stream, settings=None, sink="", commit="", driver="",
                 patience="20s"):
        self.cluster = cluster
        self.stream = stream
        self.settings = {"brokers": cluster.brokers, "topic": stream, "encoding": "json"}
        self.settings.update(settings or {})
        if cluster.client:
            # The case's own credentials win.
            self.settings["producer"] = {**cluster.client, **self.settings.get("producer", {})}
        super().__init__(f"""
[node]
stream_id = "{stream}"
[stores]
names = {json.dumps(STORES)}
[driver]
kind = "replay"
{driver}
[commit]
policy = "all"
ack_timeout = "{patience}"
{commit}
[sinks.audit]
plugin = "file"
settings = {{ path = "data/stream", fsync = false }}
ack = false
[sinks.orders]
plugin = "kafka"
{sink}
settings = {toml(self.settings)}
""")

    def replay(self, blocks, *args, **kwargs):
        return self.run("replay", self.write_blocks(blocks), "--json", *args, **kwargs)

    def write_blocks(self, blocks):
        return self.write("blocks.jsonl", [json.dumps(b) for b in blocks])

    def copy(self):
        """Another home with the same content, as an operator's mistake would make it."""
        other = KafkaHome(self.cluster, self.stream, self.settings)
        shutil.rmtree(other.path)
        shutil.copytree(self.path, other.path, ignore=shutil.ignore_patterns("*.sock"))
        return other

    def position(self):
        """The newest position that is committed, or None."""
        topic = self.settings.get("position_topic", f"sluice.{self.stream}.position")
        rows = self.cluster.read(topic, fmt=r"%p\t%o\t%k\t%S\t\t%s\n")
        rows = [row for row in rows if row[2] == f"{self.stream}.orders"]
        return json.loads(rows[-1][5]) if rows else None


def make_blocks(first, last, changes=5, keys=50, rng=None):
    """Blocks with sets and deletes; every tenth is empty, every seventh has a transaction that fails."""
    rng = rng or random.Random(first)
    blocks = []
    for height in range(first, last + 1):
        txs = []
        if height % 10 != 0:
            ops = []
            for i in range(changes):
                store = rng.choice(STORES)
                key = f"k-{rng.randrange(keys)}"
                if rng.random() < 0.2:
                    ops.append({"op": "delete", "store": store, "key": key})
                else:
                    ops.append({"op": "set", "store": store, "key": key,
                                "value": f"v{height}-{i}"})
            txs.append({"ops": ops})
        if height % 7 == 0:
            txs.insert(0, {"ops": [{"op": "require", "store": "main", "key": "never",
                                    "value": "there"}]})
        blocks.append({"height": height, "txs": txs})
    return blocks


def expected_changes(blocks, store=None):
    """(height, seq, tx, op, store, key, value) of every change."""
    out = []
    for block in blocks:
        seq = 0
        for tx, one in enumerate(block["txs"]):
            if any(op["op"] == "require" for op in one["ops"]):
                continue
            for op in one["ops"]:
                if store in (None, op["store"]):
                    out.append((block["height"], seq, tx, op["op"], op["store"], op["key"],
                                op.get("value")))
                seq += 1
    return out


def changes_of(rows, plain_keys=False):
    """The same, from the records of a topic with layout changes and encoding json."""
    out = []
    for _, _, key, size, headers, value in rows:
        store = headers["sluice-store"]
        height, seq, tx = (int(headers[f"sluice-{n}"]) for n in ("height", "seq", "tx"))
        if not plain_keys:
            before, key = key.split("\0", 1)
            assert before == store, (before, store)
        if size < 0:
            out.append((height, seq, tx, "delete", store, key, None))
            continue
        line = json.loads(value)
        named = tuple(line[n] for n in ("height", "seq", "tx", "op", "store", "key", "value"))
        assert named == (height, seq, tx, "set", store, key, line["value"]), line
        out.append(named)
    return out


class KafkaCase(unittest.TestCase):
    """A home a test; streams and topics are named after the test, so that one broker serves all."""

    cluster = None
    count = 0

    def home(self, settings=None, **kwargs):
        KafkaCase.count += 1
        stream = f"t{os.getpid()}-{KafkaCase.count}"
        home = KafkaHome(self.cluster, stream, settings, **kwargs)
        self.addCleanup(home.close)
        return home

    def assertDone(self, outcome, code=0):
        self.assertEqual(outcome.code, code, outcome)
        return outcome

    def assertRefused(self, home, blocks, *texts):
        """A replay says why its sink does not go on, all of `texts`. It ends by itself, or would try
        again for a minute. What it logged."""
        before = home.log()
        process = home.start("replay", home.write_blocks(blocks), "--json")

        def said():
            ended = process.poll() is not None
            log = home.log()[len(before):]
            return log if ended or all(text in log for text in texts) else None
        log = wait_until(f"a refusal with {texts}", said)
        process.kill()
        self.assertNotEqual(process.wait(), 0, log)
        for text in texts:
            self.assertIn(text, log)
        return log

    def assertEqualInKafka(self, home):
        outcome = self.assertDone(home.run("verify", "--sink", "orders", "--json"))
        report = outcome.json()
        self.assertTrue(report["equal"], report)
        return report

    def assertHolds(self, home, blocks):
        """The topic holds each change just once, in order."""
        expected = expected_changes(blocks)
        rows = self.cluster.read_settled(home.settings["topic"], len(expected))
        self.assertEqual(changes_of(rows), expected)
        return rows


class FollowingCase(KafkaCase):
    """Nodes that run, and take what is added to a file."""

    def following(self, settings=None, **kwargs):
        """A home whose running node follows blocks.jsonl, and a function that adds blocks to it."""
        home = self.home(settings, driver='\n[driver.replay]\npath = "blocks.jsonl"\n', **kwargs)
        path = home.path / "blocks.jsonl"
        path.write_text("")

        def add(blocks):
            with open(path, "a") as file:
                file.write("".join(json.dumps(block) + "\n" for block in blocks))
        return home, add

    def opened(self, last, settings=None, first=10, **kwargs):
        """A running node with the first blocks in Kafka: the home, its process, all blocks through
        `last`, and the function that adds some of them."""
        home, add = self.following(settings, **kwargs)
        process = home.start()
        blocks = make_blocks(1, last)
        add(blocks[:first])
        self.wait_height(home, first)
        return home, process, blocks, add

    def in_transaction(self, last, settings=None, **kwargs):
        """`opened`, and block 11 in a transaction that stays open: until there are fifteen blocks."""
        home, process, blocks, add = self.opened(
            last, {"linger": "30s", "batch_blocks": 5, **(settings or {})}, patience="10m",
            sink='ack_timeout = "5m"', **kwargs)
        add(blocks[10:11])
        self.wait_open_transaction(home, 11)
        return home, process, blocks, add

    def wait_sink(self, what, home, condition):
        """Until the status of the sink is as wanted; that status."""
        def look():
            sink = self.status_of(home)
            return sink if sink and condition(sink) else None
        return wait_until(what, look)

    def wait_error(self, home, *texts):
        """Until the sink's last error has all the texts; the sink's status."""
        return self.wait_sink(f"an error with {texts}", home, lambda sink: sink["last_error"] and all(
            text in sink["last_error"]["text"] for text in texts))

    def wait_refused(self, home, since):
        """Until the sink has tried to reach a broker that is gone; `since`: the log before."""
        wait_until("a refused connection",
                   lambda: "Connection refused" in home.log()[len(since):])

    def finish(self, home, process, blocks):
        """All of it arrives, just once, and is what the stores hold."""
        self.wait_height(home, len(blocks))
        self.stop(process)
        self.assertHolds(home, blocks)
        self.assertEqualInKafka(home)

    def status_of(self, home):
        status = home.running_status()
        if status is None:
            ended = home.started[-1].poll()
            self.assertIsNone(ended, f"the node has ended:\n{home.log()[-3000:]}")
            return None
        return next(sink for sink in status["sinks"] if sink["name"] == "orders")

    def wait_height(self, home, height):
        wait_until(f"height {height} in Kafka",
                   lambda: (self.status_of(home) or {}).get("watermark") == height)

    def wait_records(self, home, height):
        """Until the topic holds some of the height, committed or not."""
        def are_there():
            rows = self.cluster.read(home.stream, committed=False)
            return any(int(row[4]["sluice-height"]) == height for row in rows)
        wait_until(f"records of height {height}", are_there)

    def wait_open_transaction(self, home, height):
        """Until records of the height are in the topic, and not committed."""
        self.wait_records(home, height)
        self.assertLess((home.position() or {"height": 0})["height"], height)

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        process.wait(60)
