# SPDX-License-Identifier: Apache-2.0
"""The Kafka sink while things break: node and broker killed, stopped and paused, two nodes of one
home, transactions that take too long, a topic deleted under it."""

import os
import random
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from kafka_cluster import Cluster  # noqa: E402
from kafka_support import (FollowingCase, KafkaCase, changes_of,  # noqa: E402
                           expected_changes, make_blocks, require_kafka, seed, wait_until)

KILLS = int(os.environ.get("SLUICE_KAFKA_KILLS", "40"))


def setUpModule():
    require_kafka()
    KafkaCase.cluster = Cluster().start()


def tearDownModule():
    if KafkaCase.cluster:
        KafkaCase.cluster.close()


class Kills(FollowingCase):
    def test_node_and_broker_killed_at_random(self):
        rng = random.Random(seed())
        home = self.home({"partitions": 2, "linger": rng.choice(["0ms", "5ms"])})
        blocks = make_blocks(1, 20000, changes=3, rng=rng)
        path = home.write_blocks(blocks)
        node = self.cluster.nodes[0]
        kills = {"node": 0, "broker": 0}
        for kill in range(KILLS):
            attached = home.log().count("sink orders: attached")
            process = home.start("replay", path, "--json")
            if rng.random() < 0.75:
                # While it writes; else at any moment of its start.
                wait_until("the sink is attached", lambda: process.poll() is not None or
                           home.log().count("sink orders: attached") > attached)
            time.sleep(rng.uniform(0, 0.7))
            if kill % 5 == 4:
                node.kill()
                kills["broker"] += 1
                if rng.random() < 0.5:
                    process.kill()
                    kills["node"] += 1
                time.sleep(rng.uniform(0, 0.5))
                node.start()
                self.cluster.wait_ready()
            if process.poll() is None:
                process.kill()
                kills["node"] += 1
            process.wait()
        position = home.position() or {"height": 0}
        self.assertGreater(position["height"], 0)
        print(f"kills survived: {kills}, at height {position['height']}", flush=True)
        # So that the end is soon reached, however slow the machine.
        last = min(len(blocks), position["height"] + 200)
        self.assertDone(home.run("replay", home.write_blocks(blocks[:last]), "--json"), 0)
        report = self.assertEqualInKafka(home)
        expected = expected_changes(blocks[:report["height"]])
        rows = changes_of(self.cluster.read_settled(home.stream, len(expected)))
        self.assertEqual(len(rows), len(set(rows)))
        self.assertEqual(sorted(rows), expected)
        self.assertEqual(home.position()["digest"], report["digest"])

    def test_broker_killed_in_a_transaction(self):
        home, add = self.following({"linger": "5s"})
        process = home.start()
        blocks = make_blocks(1, 30)
        add(blocks[:10])
        self.wait_height(home, 10)
        add(blocks[10:11])
        self.wait_open_transaction(home, 11)
        node = self.cluster.nodes[0]
        node.kill()
        add(blocks[11:])
        time.sleep(1)
        node.start()
        self.cluster.wait_ready()
        self.wait_height(home, 30)
        self.stop(process)
        self.assertHolds(home, blocks)
        self.assertEqualInKafka(home)

    def test_broker_stopped_and_restarted(self):
        home, add = self.following()
        process = home.start()
        blocks = make_blocks(1, 30)
        add(blocks[:10])
        self.wait_height(home, 10)
        node = self.cluster.nodes[0]
        node.stop()
        add(blocks[10:])
        time.sleep(1)
        node.start()
        self.cluster.wait_ready()
        self.wait_height(home, 30)
        self.stop(process)
        self.assertHolds(home, blocks)

    def test_broker_paused(self):
        home, add = self.following(sink='ack_timeout = "1500ms"')
        process = home.start()
        blocks = make_blocks(1, 30)
        add(blocks[:10])
        self.wait_height(home, 10)
        node = self.cluster.nodes[0]
        node.pause()
        add(blocks[10:])
        wait_until("the sink notices", lambda: self.status_of(home)["lifecycle"] == "repairing")
        node.resume()
        self.cluster.wait_ready()
        self.wait_height(home, 30)
        self.stop(process)
        self.assertHolds(home, blocks)


class Fencing(FollowingCase):
    def test_an_older_node_is_fenced_for_good(self):
        self.fence({}, between_transactions=True)

    def test_an_older_node_paused_in_a_transaction_is_fenced_for_good(self):
        self.fence({"linger": "5s"}, between_transactions=False)

    def fence(self, settings, between_transactions):
        home, add = self.following(settings)
        blocks = make_blocks(1, 14)
        process = home.start()
        add(blocks[:9])
        self.wait_height(home, 9)
        if not between_transactions:
            add(blocks[9:11])
            self.wait_open_transaction(home, 11)
        process.send_signal(signal.SIGSTOP)
        newer = home.copy()
        self.addCleanup(newer.close)
        outcome = newer.run("replay", newer.write_blocks(blocks[:12]), "--source", "blocks.jsonl",
                            "--json")
        self.assertDone(outcome)
        process.send_signal(signal.SIGCONT)
        add(blocks[9:] if between_transactions else blocks[11:])
        sink = wait_until("the older node is fenced",
                          lambda: (lambda s: s if s and s["lifecycle"] == "suspended" else None)(
                              self.status_of(home)))
        self.assertEqual(sink["reason"], "fenced", sink)
        self.assertIn("another node", sink["last_error"]["text"])
        # And the newer one goes on undisturbed.
        self.assertDone(newer.run("replay", newer.write_blocks(blocks), "--source", "blocks.jsonl"))
        self.assertHolds(newer, blocks)
        self.assertEqualInKafka(newer)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def test_an_older_copy_fences_nobody(self):
        home = self.home()
        blocks = make_blocks(1, 12)
        self.assertDone(home.replay(blocks[:4]))
        older = home.copy()
        self.addCleanup(older.close)
        self.assertDone(home.replay(blocks[:6]))
        self.assertDone(home.replay(blocks[:8]))
        before = self.cluster.read(f"sluice.{home.stream}.position", fmt=r"%p\t%o\t%k\t%S\t\t\n")
        outcome = older.replay(blocks[:5])
        self.assertEqual(outcome.code, 3, outcome)
        self.assertIn("nothing was changed", outcome.err)
        after = self.cluster.read(f"sluice.{home.stream}.position", fmt=r"%p\t%o\t%k\t%S\t\t\n")
        self.assertEqual(before, after)
        self.assertDone(home.replay(blocks))
        self.assertHolds(home, blocks)


class Timeouts(FollowingCase):
    def test_a_transaction_that_outlives_its_time_is_begun_again(self):
        home, add = self.following({
            "linger": "5s", "producer": {"transaction.timeout.ms": "6000"}})
        process = home.start()
        blocks = make_blocks(1, 20)
        add(blocks[:9])
        self.wait_height(home, 9)
        add(blocks[9:11])
        self.wait_open_transaction(home, 11)
        process.send_signal(signal.SIGSTOP)
        time.sleep(8)  # the broker's clock, not ours, ends the transaction
        process.send_signal(signal.SIGCONT)
        add(blocks[11:])
        self.wait_height(home, 20)
        self.stop(process)
        self.assertHolds(home, blocks)
        self.assertEqualInKafka(home)


class Topics(FollowingCase):
    def test_a_topic_deleted_under_it_is_named(self):
        home, add = self.following({"producer": {"message.timeout.ms": "3000",
                                                 "topic.metadata.refresh.interval.ms": "500",
                                                 "transaction.timeout.ms": "5000"}})
        process = home.start()
        blocks = make_blocks(1, 9)
        add(blocks[:8])
        self.wait_height(home, 8)
        self.cluster.tool("org.apache.kafka.tools.TopicCommand", "--delete", "--topic",
                          home.stream)
        wait_until("the topic is gone", lambda: home.stream not in self.cluster.topics())
        add(blocks[8:])
        sink = wait_until("the loss is named", lambda: (
            lambda s: s if s and "is gone" in str(s["last_error"]) else None)(self.status_of(home)))
        self.assertIn("although the sink stands at height 8", sink["last_error"]["text"])
        process.kill()
        process.wait()


if __name__ == "__main__":
    unittest.main(verbosity=2)
