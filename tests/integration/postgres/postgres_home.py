# SPDX-License-Identifier: Apache-2.0
"""A home with a postgres sink, and what the tests of it share."""

import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import postgres_server  # noqa: E402
from sluice_home import SLUICE, Home, block, delete_op, environment, require, set_op, wait_until  # noqa: E402

__all__ = ["Home", "PostgresHome", "SLUICE", "ServerTest", "block", "blocks", "delete_op",
           "environment", "set_op", "wait_until"]

CONFIG = """
[node]
stream_id = "demo"
[stores]
names = ["main", "orders"]
{stores}
[driver]
kind = "replay"
[commit]
policy = "all"
window = {window}
recover_timeout = "60s"
ack_timeout = "{ack_timeout}"
level = "{level}"
[sinks.pg]
plugin = "postgres"
retry = {{ initial = "20ms", max = "200ms" }}
{sink}
settings = {settings}
"""


def toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)


def blocks(first, last, changes=3):
    """Blocks that set, overwrite and delete; the same height always has the same content."""
    lines = []
    for height in range(first, last + 1):
        operations = [set_op("orders", f"k{(height * 7 + i) % 50}", f"{height}-{i}")
                      for i in range(changes)]
        operations.append(set_op("main", f"m{height % 11}", "x" * (height % 300)))
        if height % 3 == 0:
            operations.append(delete_op("orders", f"k{height % 50}"))
        lines.append(block(height, *operations) if height % 10 else
                     json.dumps({"height": height, "txs": []}))
    return lines


class PostgresHome(Home):
    """`settings` are the sink's, besides conninfo. `window`: how many heights may wait for it."""

    def __init__(self, server, settings=None, sink="", stores="", level="durable",
                 ack_timeout="10s", conninfo=None, window=8):
        super().__init__(None)
        self.server = server
        self.text = {"sink": sink, "stores": stores, "level": level, "ack_timeout": ack_timeout,
                     "window": window}
        self.conninfo = server.conninfo() if conninfo is None else conninfo
        self.set(settings or {})

    def set(self, settings, **text):
        self.text.update(text)
        settings = {"conninfo": self.conninfo, **settings}
        self.configure(CONFIG.format(settings=toml(settings), **self.text))

    def replay(self, lines):
        return self.run("replay", self.write("blocks.jsonl", lines), "--json", "--source", "blocks")

    def verify(self):
        return self.run("verify", "--sink", "pg", "--json")


class ServerTest(unittest.TestCase):
    """One server for all cases of a class, an empty database for each."""

    SERVER_SETTINGS = {}
    server = None

    @classmethod
    def setUpClass(cls):
        require(postgres_server.why_not())
        cls.server = postgres_server.PostgresServer(cls.SERVER_SETTINGS)

    @classmethod
    def tearDownClass(cls):
        if cls.server is not None:
            cls.server.close()

    def setUp(self):
        self.server.sql("DROP SCHEMA IF EXISTS sluice CASCADE")
        self.homes = []

    def tearDown(self):
        for home in self.homes:
            home.close()

    def home(self, *args, **kwargs):
        home = PostgresHome(self.server, *args, **kwargs)
        self.homes.append(home)
        return home

    def replayed(self, home, lines):
        """The lines are committed and acked; the summary."""
        outcome = home.replay(lines)
        self.assertEqual(outcome.code, 0, outcome)
        return outcome.json()

    def assert_equal(self, home):
        """Invariant I5, from the changes and from the state where both are kept; and that each
        change is there once."""
        outcome = home.verify()
        self.assertEqual(outcome.code, 0, outcome)
        self.assertTrue(outcome.json()["equal"])
        return outcome.json()

    def position(self, sink="pg"):
        rows = self.server.sql("SELECT height, epoch, encode(digest, 'hex') FROM "
                               f"sluice.sluice_position WHERE sink = '{sink}'", check=False)
        if not rows:
            return None
        return {"height": int(rows[0][0]), "epoch": int(rows[0][1]), "digest": rows[0][2]}
