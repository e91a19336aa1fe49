#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The contract, kept by the file sink in each of its forms."""

import unittest

from contract_support import PLUGINS, ContractCase, run

# The sink takes whole heights.
NOT_CHECKED = ["acks.of_parts"]


class FileSink(ContractCase):
    def kept(self, **settings):
        self.assert_kept(run(PLUGINS / "file.so", {"path": "{sink}", **settings}), NOT_CHECKED,
                         snapshots=True)

    def test_segments(self):
        self.kept()

    def test_segments_compressed_in_many_files(self):
        self.kept(compression="zstd", rotate_bytes="4KiB")

    def test_jsonl(self):
        self.kept(format="jsonl")

    def test_segments_without_fsync(self):
        self.kept(fsync=False)


if __name__ == "__main__":
    unittest.main()
