#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The checks go red where they should: each broken promise is found by the check that is named after
it, and a sink that keeps them all passes."""

import unittest

from contract_support import TEST_PLUGINS, ContractCase, run

# Too slow for a sink that writes all that it holds into one file as hexadecimal digits.
PATIENCE = ["--large-mib", 1, "--without", "acks.of_a_backlog"]
# So that what never acks or returns is found soon.
IMPATIENCE = ["--ack-seconds", 3, "--check-seconds", 30]

# flaw: checks that must find it
FLAWS = {
    "takes_gaps": ["gap.is_refused", "gap.at_the_beginning"],
    "gives_no_reason": ["gap.is_refused"],
    "takes_other_digests": ["digest.other_for_a_held_height"],
    "takes_unchained": ["digest.unchained_next_height"],
    "doubles_what_comes_again": ["again.held_height", "again.suffix_after_restart"],
    "resumes_from_memory": ["resume.again_in_an_open_group"],
    "does_not_fence": ["fence.older_epoch", "fence.equal_epoch"],
    "takes_no_lock": ["fence.older_delivers_late"],
    "drains_nothing": ["life.drain_acks_what_is_open"],
    "leaks_threads": ["life.destroy_leaves_nothing"],
    "leaks_descriptors": ["life.destroy_leaves_nothing"],
    "passes_over_empty_heights": ["content.empty_blocks", "filter.emptied_heights"],
    "drops_deletes": ["content.tombstones"],
    "drops_empty_values": ["content.empty_values"],
    "cuts_keys_at_nul": ["content.binary_keys"],
    "acks_before_it_stores": ["restart.after_ack", "resume.where_it_stands"],
    "stores_the_position_first": ["restart.in_deliver"],
    "keeps_what_it_held": ["snapshot.replaces_what_was_held"],
    "mixes_two_snapshots": ["snapshot.interrupted_after_a_part"],
    "stands_there_too_soon": ["snapshot.interrupted_after_begin"],
    "raises_no_epoch_for_a_snapshot": ["snapshot.older_epoch"],
}

# The same of the sink that takes heights side by side.
PARALLEL_FLAWS = {
    "loses_what_comes_at_once": ["parallel.side_by_side"],
    "resumes_above_a_gap": ["parallel.above_a_gap", "gap.is_refused"],
    "doubles_what_comes_again": ["parallel.above_a_gap", "again.suffix_after_restart"],
}

# Nothing that these look at is broken by any flaw.
UNTOUCHED = {"settings.schema_is_read", "life.destroy_without_start"}

# library of tests/plugins/faulty: checks that must find it. These keep nothing, or one position.
FAULTY = {
    "acks_future": ["acks.of_single_heights"],
    "acks_old_epoch": ["acks.of_single_heights"],
    "acks_bad_level": ["acks.of_single_heights"],
    "never_acks": ["acks.of_single_heights", "acks.of_groups"],
    "acks_after_destroy": ["life.destroy_leaves_nothing"],
    "attach_fenced": ["acks.of_single_heights"],
    "crashes_in_deliver": ["acks.of_single_heights"],
    "crashes_in_start": ["life.drain_of_nothing"],
    "hangs_in_drain": ["life.drain_of_nothing"],
    "hangs_in_deliver": ["acks.of_single_heights"],
    "level_too_high": ["acks.of_single_heights"],
    "resumes_ahead": ["resume.where_it_stands"],
    "resumes_foreign": ["resume.where_it_stands"],
    "resumes_other_digest": ["resume.where_it_stands"],
    "unknown_status": ["acks.of_single_heights"],
}

# What each of these says of itself: what is wrong with it.
REASONS = {
    "acks_future": "which was never delivered",
    "acks_old_epoch": "of epoch",
    "never_acks": "no ack for height 1",
    "crashes_in_deliver": "was ended by signal",
    "hangs_in_drain": "has not returned within",
    "resumes_foreign": "stream",
    "resumes_other_digest": "digest",
}


class SuiteCanFail(ContractCase):
    def test_a_sink_without_a_flaw_keeps_the_contract(self):
        outcome = run(TEST_PLUGINS / "flawed.so", {"path": "{sink}.json"}, *PATIENCE)
        self.assert_kept(outcome, ["acks.of_parts", "settings.missing_required_is_invalid"],
                         snapshots=True)

    def test_each_flaw_is_found(self):
        for flaw, expected in FLAWS.items():
            with self.subTest(flaw):
                only = [*expected, *UNTOUCHED]
                outcome = run(TEST_PLUGINS / "flawed.so", {"flaw": flaw}, *PATIENCE, *IMPATIENCE,
                              "--only", *only)
                self.assertEqual(outcome.code, 1, outcome.text)
                self.assertEqual(outcome.failed, set(expected), outcome.text)

    def test_a_sink_that_takes_heights_side_by_side_keeps_the_contract(self):
        outcome = run(TEST_PLUGINS / "side_by_side.so", {}, *PATIENCE)
        self.assert_kept(outcome, ["acks.of_parts", "settings.missing_required_is_invalid"],
                         parallel=True)

    def test_each_flaw_of_heights_side_by_side_is_found(self):
        for flaw, expected in PARALLEL_FLAWS.items():
            with self.subTest(flaw):
                outcome = run(TEST_PLUGINS / "side_by_side.so", {"flaw": flaw}, *PATIENCE,
                              *IMPATIENCE, "--only", *expected, *UNTOUCHED)
                self.assertEqual(outcome.code, 1, outcome.text)
                self.assertEqual(outcome.failed, set(expected), outcome.text)

    def test_each_faulty_plugin_is_found(self):
        for name, expected in FAULTY.items():
            with self.subTest(name):
                outcome = run(TEST_PLUGINS / f"{name}.so", {"record": "record"}, *IMPATIENCE,
                              "--only", *expected, "settings.schema_is_read")
                self.assertEqual(outcome.code, 1, outcome.text)
                self.assertEqual(outcome.failed, set(expected), outcome.text)
                if name in REASONS:
                    self.assertIn(REASONS[name], " ".join(outcome.what[expected[0]]))

    def test_what_cannot_be_loaded_is_said(self):
        for name in ("no_entry", "wrong_tag", "missing_symbol", "not_there"):
            with self.subTest(name):
                outcome = run(TEST_PLUGINS / f"{name}.so")
                self.assertEqual(outcome.code, 3, outcome.text)
                self.assertIn("sluice_contract: ", outcome.text)

    def test_settings_that_the_schema_refuses_are_said(self):
        outcome = run(TEST_PLUGINS / "flawed.so", {"flow": "none"})
        self.assertEqual(outcome.code, 3, outcome.text)
        self.assertIn("flow", outcome.text)


if __name__ == "__main__":
    unittest.main()
