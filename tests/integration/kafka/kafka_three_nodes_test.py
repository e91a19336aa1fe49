# SPDX-License-Identifier: Apache-2.0
"""The Kafka sink on three brokers with min.insync.replicas = 2: a leader killed, then a second one."""

import os
import re
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from kafka_cluster import Cluster  # noqa: E402
from kafka_support import FollowingCase, KafkaCase, make_blocks, require_kafka  # noqa: E402


def setUpModule():
    require_kafka()
    KafkaCase.cluster = Cluster(nodes=3).start()


def tearDownModule():
    if KafkaCase.cluster:
        KafkaCase.cluster.close()


class ThreeNodes(FollowingCase):
    def leader(self, topic):
        listed = self.cluster.kcat("-L", "-t", topic).stdout.decode()
        number = int(re.search(r"partition 0, leader (\d+)", listed).group(1))
        return self.cluster.nodes[number - 1]

    def test_leaders_killed_one_after_the_other(self):
        # The policy waits for as long as too few replicas are there.
        home, add = self.following({"replication": 3}, commit='on_failure = "wait"')
        process = home.start()
        blocks = make_blocks(1, 60)
        add(blocks[:20])
        self.wait_height(home, 20)

        first = self.leader(home.stream)
        first.kill()
        add(blocks[20:40])
        self.wait_height(home, 40)  # two replicas are enough

        second = self.leader(home.stream)
        second.kill()
        add(blocks[40:])
        time.sleep(5)  # nothing may happen meanwhile, which no condition can tell
        self.assertEqual(self.status_of(home)["watermark"], 40)

        first.start()
        second.start()
        self.cluster.wait_ready()
        self.wait_height(home, 60)
        self.stop(process)
        self.assertHolds(home, blocks)
        self.assertEqualInKafka(home)


if __name__ == "__main__":
    unittest.main(verbosity=2)
