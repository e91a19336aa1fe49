# SPDX-License-Identifier: Apache-2.0
"""Node and broker killed at random while a real replay streams: nothing is lost, nothing is twice.

    SLUICE_KILLS=300 SLUICE_TEST_SEED=7 ctest --preset release -R kafka_crash

Without transactions, with a quarter as many kills: readers that deduplicate see the same."""

import collections
import os
import random
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from kafka_cluster import Cluster  # noqa: E402
from kafka_support import (KafkaCase, changes_of, expected_changes, make_blocks,  # noqa: E402
                           require_kafka, seed, wait_until)

KILLS = int(os.environ.get("SLUICE_KILLS", "40"))


def setUpModule():
    require_kafka()
    KafkaCase.cluster = Cluster().start()


def tearDownModule():
    if KafkaCase.cluster:
        KafkaCase.cluster.close()


class Kills(KafkaCase):
    def begin(self, process):
        """The replay again, of a longer input where it had come to its end."""
        if process is None or process.returncode == 0:
            self.blocks += make_blocks(len(self.blocks) + 1, len(self.blocks) + 300, changes=3,
                                       rng=self.dice)
            self.path = self.home.write_blocks(self.blocks)
        self.attached = self.home.log().count("sink orders: attached")
        return self.home.start("replay", self.path, "--json")

    def kill_one(self, process):
        broker = self.cluster.nodes[0]
        what = self.dice.choice(["node", "node", "node", "node", "broker"])
        self.killed[what] += 1
        if what == "node":
            process.kill()
            process.wait()
            return
        broker.kill()
        time.sleep(self.dice.uniform(0, 0.5))  # when is left to chance
        if process.poll() is None and self.dice.random() < 0.5:
            self.killed["node"] += 1
            process.kill()
            process.wait()
        broker.start()
        self.cluster.wait_ready()

    def kill_at_random(self, kills, settings):
        """The topic's records, once all blocks are in it; what `verify` reports."""
        self.dice = random.Random(seed())
        self.killed = collections.Counter()
        self.home = self.home({"partitions": 2, "linger": self.dice.choice(["0ms", "5ms"]),
                               **settings})
        self.blocks = []
        process = None
        while self.killed.total() < kills:
            if process is None or process.poll() is not None:
                process = self.begin(process)
            if self.dice.random() < 0.75:
                # While it writes; else at any moment of its start.
                wait_until("the sink is attached", lambda: process.poll() is not None or
                           self.home.log().count("sink orders: attached") > self.attached)
            time.sleep(self.dice.uniform(0, 0.7))  # when is left to chance
            if process.poll() is None:
                self.kill_one(process)
            else:
                self.assertEqual(process.returncode, 0, self.home.log()[-3000:])
        print(f"killed: {dict(self.killed)}; heights: {len(self.blocks)}", flush=True)
        if process.poll() is None:
            process.wait(300)
        self.assertDone(self.home.run("replay", self.path, "--json"))
        report = self.assertEqualInKafka(self.home)
        position = self.home.position()
        self.assertEqual((position["height"], position["digest"]),
                         (len(self.blocks), report["digest"]))
        return self.cluster.read_settled(self.home.stream, len(expected_changes(self.blocks)))

    def test_kills_at_random(self):
        rows = changes_of(self.kill_at_random(KILLS, {}))
        self.assertEqual(len(rows), len({row[:2] for row in rows}), "a height and sequence twice")
        self.assertEqual(sorted(rows), expected_changes(self.blocks))

    def test_kills_at_random_without_transactions(self):
        rows = self.kill_at_random(max(KILLS // 4, 1), {"transactions": False})
        # As docs/sinks/kafka.md tells readers to deduplicate.
        last = {}
        kept = []
        for (partition, *_), change in zip(rows, changes_of(rows)):
            if change[:2] > last.get(partition, (0, 0)):
                last[partition] = change[:2]
                kept.append(change)
        print(f"records: {len(rows)}; that repeat others: {len(rows) - len(kept)}", flush=True)
        self.assertEqual(sorted(kept), expected_changes(self.blocks))


if __name__ == "__main__":
    unittest.main(verbosity=2)
