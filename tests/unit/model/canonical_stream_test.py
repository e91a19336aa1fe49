# SPDX-License-Identifier: Apache-2.0
"""Checks the golden stream as a stranger would: with protoc, hashlib and docs/formats.md alone.

Nothing of Sluice is linked or run here. The encoder below is written from the rules in the document.
"""

import hashlib
import importlib
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ.get("SLUICE_SOURCE_DIR", pathlib.Path(__file__).parents[3]))
STREAM = SOURCE / "tests/data/golden/stream"


def load_schema():
    """The module that protoc makes of stream.proto."""
    root = SOURCE / "plugin_api/proto"
    with tempfile.TemporaryDirectory() as out:
        subprocess.run(["protoc", f"-I{root}", f"--python_out={out}",
                        str(root / "sluice/stream/v1/stream.proto")], check=True)
        sys.path.insert(0, out)
        try:
            return importlib.import_module("sluice.stream.v1.stream_pb2")
        finally:
            sys.path.remove(out)


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field, value):
    return varint(field * 8) + varint(value) if value else b""


def delimited(field, content):
    return varint(field * 8 + 2) + varint(len(content)) + content


def canonical_change(change):
    out = number(1, change["tx"]) + number(2, change["seq"])
    out += number(3, 1 if change["op"] == "set" else 2)
    out += delimited(4, change["store"].encode()) + delimited(5, change["key"])
    return out + (delimited(6, change["value"]) if change["op"] == "set" else b"")


def canonical(content, filtered=False):
    out = delimited(1, content["stream_id"].encode()) + number(2, content["height"])
    if content["time_unix_nanos"]:
        out += varint(3 * 8 + 1) + struct.pack("<q", content["time_unix_nanos"])
    for change in content["changes"]:
        out += delimited(4, canonical_change(change))
    for index, code in enumerate(content["codes"]):
        out += delimited(5, number(1, index) + number(2, code))
    return out + number(6, filtered)


def field(described, name):
    once = described[name].encode() if name in described else bytes.fromhex(described[name + "_hex"])
    return once * described.get(name + "_times", 1)


def describe(height):
    """The content that <height>.json describes, and its filter or None."""
    described = json.loads((STREAM / f"{height}.json").read_text(encoding="utf-8"))
    changes = []
    for tx, transaction in enumerate(described["transactions"]):
        for change in transaction.get("changes", []):
            changes.append({
                "tx": tx, "seq": len(changes), "op": change["op"], "store": change["store"],
                "key": field(change, "key"),
                "value": field(change, "value") if change["op"] == "set" else None})
    content = {name: described[name] for name in ("stream_id", "height", "time_unix_nanos")}
    content["changes"] = changes
    content["codes"] = [transaction["code"] for transaction in described["transactions"]]
    return content, described.get("filter")


def apply_filter(content, described):
    prefixes = [prefix.encode() for prefix in described.get("key_prefixes", [])]
    prefixes += [bytes.fromhex(prefix) for prefix in described.get("key_prefixes_hex", [])]
    stores = described["stores"]
    return dict(content, changes=[
        change for change in content["changes"]
        if (not stores or change["store"] in stores)
        and (not prefixes or change["key"].startswith(tuple(prefixes)))])


def content_of(message):
    """What a parsed message says, in the form of describe()."""
    return {
        "stream_id": message.stream_id, "height": message.height,
        "time_unix_nanos": message.time_unix_nanos,
        "changes": [{
            "tx": change.tx, "seq": change.seq, "op": {1: "set", 2: "delete"}[change.op],
            "store": change.store, "key": change.key,
            "value": change.value if change.HasField("value") else None,
        } for change in message.changes],
        "codes": [result.code for result in message.transactions]}


class CanonicalStream(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.schema = load_schema()
        cls.heights = sorted(int(path.stem) for path in STREAM.glob("*.json"))

    def parse(self, data):
        message = self.schema.ChangeSet()
        message.ParseFromString(data)
        return message

    def test_heights_are_dense(self):
        self.assertEqual(self.heights, list(range(1, len(self.heights) + 1)))
        self.assertGreaterEqual(len(self.heights), 4)

    def test_bytes_hold_what_the_description_says(self):
        for height in self.heights:
            content, described_filter = describe(height)
            message = self.parse((STREAM / f"{height}.bin").read_bytes())
            self.assertEqual(content_of(message), content, height)
            self.assertFalse(message.filtered)
            self.assertEqual([r.index for r in message.transactions], list(range(len(content["codes"]))))
            if described_filter:
                message = self.parse((STREAM / f"{height}.filtered.bin").read_bytes())
                self.assertEqual(content_of(message), apply_filter(content, described_filter), height)
                self.assertTrue(message.filtered)

    def test_bytes_are_the_canonical_ones(self):
        for height in self.heights:
            content, described_filter = describe(height)
            data = (STREAM / f"{height}.bin").read_bytes()
            self.assertEqual(data.hex(), canonical(content).hex(), height)
            # From the parsed message too: reading loses nothing that the bytes hold.
            self.assertEqual(data, canonical(content_of(self.parse(data))))
            if described_filter:
                data = (STREAM / f"{height}.filtered.bin").read_bytes()
                expected = canonical(apply_filter(content, described_filter), filtered=True)
                self.assertEqual(data.hex(), expected.hex(), height)

    def test_digests_chain_from_genesis(self):
        lines = (STREAM / "digests.txt").read_text(encoding="ascii").splitlines()
        stream_id = describe(1)[0]["stream_id"]
        digest = hashlib.sha256(b"sluice.stream.v1:" + stream_id.encode()).digest()
        expected = [f"0 {digest.hex()}"]
        for height in self.heights:
            data = (STREAM / f"{height}.bin").read_bytes()
            digest = hashlib.sha256(digest + data).digest()
            expected.append(f"{height} {digest.hex()}")
        self.assertEqual(lines, expected)

    def test_one_changed_byte_changes_every_later_digest(self):
        data = bytearray((STREAM / "2.bin").read_bytes())
        at_one = hashlib.sha256(hashlib.sha256(b"sluice.stream.v1:demo").digest()
                                + (STREAM / "1.bin").read_bytes()).digest()
        recorded = (STREAM / "digests.txt").read_text(encoding="ascii").splitlines()[2].split()[1]
        for index in range(len(data)):
            data[index] ^= 1
            self.assertNotEqual(hashlib.sha256(at_one + data).hexdigest(), recorded)
            data[index] ^= 1
        self.assertEqual(hashlib.sha256(at_one + data).hexdigest(), recorded)


if __name__ == "__main__":
    unittest.main()
