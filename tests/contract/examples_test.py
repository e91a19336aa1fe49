#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The contract, kept by the examples that plugin authors begin with."""

import unittest

from contract_support import EXAMPLES, ContractCase, run


class Examples(ContractCase):
    def test_mirror(self):
        self.assert_kept(run(EXAMPLES / "mirror.so"),
                         ["acks.of_parts", "settings.missing_required_is_invalid"])

    def test_counter_which_cannot_be_read_back(self):
        outcome = run(EXAMPLES / "counter.so")
        self.assertEqual(outcome.code, 0, outcome.text)
        self.assertIn("FATAL", " ".join(outcome.what["gap.is_refused"]))
        self.assertEqual(outcome.verdicts["restart.after_start"], "not checked")
        for name in outcome.verdicts:
            if name.startswith("content."):
                self.assertEqual(outcome.verdicts[name], "not checked", outcome.text)
                self.assertIn("not checked: content: no sluice.readback/1", outcome.what[name])

    def test_hello_which_keeps_nothing(self):
        outcome = run(EXAMPLES / "hello_c.so")
        self.assertEqual(outcome.code, 0, outcome.text)
        self.assertEqual(outcome.verdicts["fence.older_epoch"], "not checked")
        self.assertIn("no resume", " ".join(outcome.what["fence.older_epoch"]))


if __name__ == "__main__":
    unittest.main()
