#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The contract, kept by the Kafka sink, with transactions, on a real broker."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration" / "kafka"))

import kafka_cluster  # noqa: E402
from contract_support import PLUGINS, ContractCase, run  # noqa: E402
from kafka_support import require_kafka  # noqa: E402

# The sink takes whole heights.
NOT_CHECKED = ["acks.of_parts"]


class KafkaSink(ContractCase):
    cluster = None

    @classmethod
    def setUpClass(cls):
        require_kafka()
        cls.cluster = kafka_cluster.Cluster().start()

    @classmethod
    def tearDownClass(cls):
        if cls.cluster is not None:
            cls.cluster.close()

    def kept(self, **settings):
        settings = {"brokers": self.cluster.brokers, "topic": "{sink}", **settings}
        self.assert_kept(run(PLUGINS / "kafka.so", settings), NOT_CHECKED)

    def test_changes(self):
        self.kept()

    def test_changes_in_json_in_three_partitions(self):
        self.kept(encoding="json", partitions=3)

    def test_blocks(self):
        self.kept(layout="blocks")


if __name__ == "__main__":
    unittest.main()
