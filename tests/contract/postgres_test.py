#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The contract, kept by the postgres sink on a real server."""

import pathlib
import sys
import unittest

INTEGRATION = pathlib.Path(__file__).resolve().parents[1] / "integration"
sys.path[:0] = [str(INTEGRATION), str(INTEGRATION / "postgres")]

import postgres_server  # noqa: E402
from contract_support import PLUGINS, ContractCase, run  # noqa: E402
from sluice_home import require  # noqa: E402

# The sink takes whole heights, and each setting has a default.
NOT_CHECKED = ["acks.of_parts", "settings.missing_required_is_invalid"]


class PostgresSink(ContractCase):
    server = None

    @classmethod
    def setUpClass(cls):
        require(postgres_server.why_not())
        cls.server = postgres_server.PostgresServer()

    @classmethod
    def tearDownClass(cls):
        if cls.server is not None:
            cls.server.close()

    def kept(self, parallel=False, **settings):
        settings = {"conninfo": self.server.conninfo(), **settings}
        self.assert_kept(run(PLUGINS / "postgres.so", settings), NOT_CHECKED, parallel=parallel,
                         snapshots=True)

    def test_changes_and_state(self):
        self.kept()

    def test_groups_written_while_the_next_is_collected(self):
        self.kept(schema="small_groups", batch_blocks=12)  # of which three begin a transaction

    def test_heights_side_by_side(self):
        self.kept(parallel=True, schema="side_by_side", connections=4)

    def test_a_table_a_store(self):
        self.kept(schema="table_a_store", table_per_store=True)

    def test_changes_only(self):
        self.kept(schema="changes_only", state=False)

    def test_state_only(self):
        self.kept(schema="state_only", changes=False)


if __name__ == "__main__":
    unittest.main()
