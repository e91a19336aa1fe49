# SPDX-License-Identifier: Apache-2.0
"""The Kafka sink on three brokers with min.insync.replicas = 2: a leader killed, then a second one;
the coordinator killed in a transaction."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from kafka_cluster import Cluster  # noqa: E402
from kafka_support import FollowingCase, KafkaCase, require_kafka  # noqa: E402


def setUpModule():
    require_kafka()
    KafkaCase.cluster = Cluster(nodes=3).start()


def tearDownModule():
    if KafkaCase.cluster:
        KafkaCase.cluster.close()


class ThreeNodes(FollowingCase):
    def test_leaders_killed_one_after_the_other(self):
        # The policy waits for as long as too few replicas are there.
        home, process, blocks, add = self.opened(
            60, {"replication": 3}, first=20, commit='on_failure = "wait"',
            sink='ack_timeout = "5s"')
        first = self.cluster.leader(home.stream)
        first.kill()
        add(blocks[20:40])
        self.wait_height(home, 40)  # two replicas are enough

        second = self.cluster.leader(home.stream)
        second.kill()
        add(blocks[40:])
        sink = self.wait_sink("one replica is not enough", home,
                              lambda sink: sink["lifecycle"] == "repairing")
        self.assertEqual(sink["watermark"], 40)

        first.start()
        second.start()
        self.cluster.wait_ready()
        self.finish(home, process, blocks)

    def test_the_coordinator_is_killed_and_another_takes_over(self):
        home, process, blocks, add = self.in_transaction(
            60, {"replication": 3}, commit='on_failure = "wait"')
        coordinator = self.cluster.leader("__transaction_state")
        coordinator.kill()
        add(blocks[11:])
        self.wait_height(home, 60)
        self.assertNotEqual(self.cluster.leader("__transaction_state"), coordinator)
        coordinator.start()
        self.cluster.wait_ready()
        self.finish(home, process, blocks)


if __name__ == "__main__":
    unittest.main(verbosity=2)
