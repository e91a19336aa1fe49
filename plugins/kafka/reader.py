# SPDX-License-Identifier: Apache-2.0
"""Reads a topic of the Kafka sink with layout = "blocks", encoding = "protobuf": puts chunks together
and checks each digest. Prints one JSON line a height.   reader.py BROKERS TOPIC [KCAT ARGUMENT...]"""

import hashlib
import json
import subprocess
import sys


def records(brokers, topic, *more):
    """(headers, value) of each committed record, in order."""
    kcat = subprocess.Popen(
        ["kcat", "-b", brokers, "-C", "-e", "-q", "-t", topic, "-p", "0", "-o", "beginning",
         "-X", "isolation.level=read_committed", "-f", "%h %S\n%s", *more], stdout=subprocess.PIPE)
    while line := kcat.stdout.readline():
        headers, size = line.decode().rsplit(" ", 1)
        yield dict(part.split("=", 1) for part in headers.split(",")), kcat.stdout.read(int(size))
    if kcat.wait() != 0:
        sys.exit("kcat failed")


def blocks(brokers, topic, *more):
    """(height, chunks, headers, canonical bytes) of each height, once."""
    last, chunks = 0, []
    for headers, value in records(brokers, topic, *more):
        height, number = int(headers["sluice-height"]), int(headers.get("sluice-chunk", 0))
        if height <= last:
            continue  # delivered again: only with transactions = false
        if number == 0:
            chunks = []  # also where a height begins again
        if number != len(chunks):
            sys.exit(f"height {height}: chunk {number} where {len(chunks)} comes next")
        chunks.append(value)
        if len(chunks) == int(headers.get("sluice-chunks", 1)):
            yield height, len(chunks), headers, b"".join(chunks)
            last, chunks = height, []


if __name__ == "__main__":
    for height, chunks, headers, canonical in blocks(*sys.argv[1:]):
        previous, digest = headers["sluice-previous-digest"], headers["sluice-digest"]
        computed = hashlib.sha256(bytes.fromhex(previous) + canonical).hexdigest()
        print(json.dumps({"height": height, "chunks": chunks, "bytes": len(canonical),
                          "digest": digest, "digest_checked": computed == digest}))
