# SPDX-License-Identifier: Apache-2.0
"""Large values, and many changes a block, through a sink whose memory stays bounded."""

import base64
import hashlib
import random
import re
import subprocess
import time
import unittest

from postgres_home import SLUICE, ServerTest, block, environment, set_op

MIB = 1 << 20


def random_value(seed, size):
    """What neither the node nor the server can compress away."""
    return base64.b64encode(random.Random(seed).randbytes(size)).decode()


def set_bytes(key, seed, size):
    return {"op": "set", "store": "main", "key": key, "value_base64": random_value(seed, size)}


class Large(ServerTest):
    def measured(self, home, lines):
        """The lines go in one by one; how many MiB the node had at most."""
        path = home.root / "blocks.jsonl"
        with open(path, "w", encoding="ascii") as out:
            for line in lines:
                out.write(line + "\n")
        with open(home.root / "start.log", "ab") as log:
            process = subprocess.Popen(
                [SLUICE, "--home", home.path, "replay", path, "--source", "blocks"],
                stdout=log, stderr=log, env=environment())
        home.started.append(process)
        peak = 0
        while process.poll() is None:
            try:
                with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
                    found = re.search(r"VmHWM:\s+(\d+) kB", status.read())
            except FileNotFoundError:
                break
            if found:
                peak = int(found[1]) // 1024
            time.sleep(0.02)  # looks again; nothing is timed by it
        self.assertEqual(process.wait(timeout=240), 0, home.log()[-4000:])
        return peak

    def large_home(self, settings=None):
        home = self.home(settings, ack_timeout="2m")
        path = home.path / "config" / "app.toml"
        path.write_text(path.read_text().replace(
            "[commit]", '[driver.replay]\nblock_max_bytes = "256MiB"\n[commit]'))
        return home

    def assert_values(self, sizes):
        """The server computes the digest of what it holds; the test that of what it gave."""
        found = dict(self.server.sql("SELECT convert_from(key, 'UTF8'), encode(sha256(value), 'hex')"
                                     " FROM sluice.state"))
        expected = {key: hashlib.sha256(random.Random(seed).randbytes(size)).hexdigest()
                    for key, seed, size in sizes}
        self.assertEqual(found, expected)

    def test_one_value_of_64_mib(self):
        home = self.large_home()
        peak = self.measured(home, [block(1, set_op("orders", "before", "1")),
                                    block(2, set_bytes("large", 1, 64 * MIB)),
                                    block(3, set_op("orders", "after", "1"))])
        print(f"peak {peak} MiB", flush=True)
        self.assertEqual(self.server.value("SELECT length(value) FROM sluice.state"
                                           " WHERE key = 'large'"), str(64 * MIB))
        self.assert_equal(home)
        self.assertLess(peak, 1024)

    def test_values_of_one_mib_many_a_block(self):
        home = self.large_home()
        # A backlog of twelve times what one transaction holds.
        peak = self.measured(home, (
            block(h, *[set_bytes(f"k{h % 4}-{i}", h * 10 + i, MIB) for i in range(6)])
            for h in range(1, 17)))
        print(f"peak {peak} MiB", flush=True)
        self.assert_values([(f"k{h % 4}-{i}", h * 10 + i, MIB)
                            for h in range(13, 17) for i in range(6)])
        self.assert_equal(home)
        self.assertLess(peak, 512)

    def test_two_thousand_changes_a_block(self):
        home = self.large_home()
        peak = self.measured(home, (
            block(h, *[set_op("orders", f"k{(h * 7 + i) % 5000}", f"{h}-{i}-" + "x" * 80)
                       for i in range(2000)]) for h in range(1, 51)))
        print(f"peak {peak} MiB", flush=True)
        self.assertEqual(self.server.value("SELECT count(*) FROM sluice.changes"), "100000")
        self.assert_equal(home)
        self.assertLess(peak, 350)


if __name__ == "__main__":
    unittest.main(verbosity=2)
