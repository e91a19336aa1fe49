# SPDX-License-Identifier: Apache-2.0
"""Reads a topic of the Kafka sink with layout = "blocks", encoding = "protobuf": puts chunks together
and checks each digest. Prints one JSON line a height, or a copy of the state, which takes the place of
all before it.   reader.py BROKERS TOPIC [KCAT ARGUMENT...]"""
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
        headers, size = line.decode().rsplit(" ", 1)  # size -1: no value
        yield dict(h.split("=", 1) for h in headers.split(",")), kcat.stdout.read(max(0, int(size)))
    if kcat.wait() != 0:
        sys.exit("kcat failed")


def blocks(brokers, topic, *more):
    """(height, headers, chunks) of each height, once; of a copy its parts instead of chunks."""
    last, chunks, parts = 0, [], []
    for headers, value in records(brokers, topic, *more):
        height, number = int(headers["sluice-height"]), int(headers.get("sluice-chunk", 0))
        copied = headers.get("sluice-part")
        if "sluice-parts" in headers:  # ends the copy
            yield height, headers, parts
            last = height
        elif copied is not None or height > last:  # else delivered again: transactions = false
            chunks = (chunks if number else []) + [value]  # at 0 a height, or part, begins (again)
            if number != len(chunks) - 1:
                sys.exit(f"height {height}: chunk {number} where {len(chunks) - 1} comes next")
            if len(chunks) == int(headers.get("sluice-chunks", 1)) and copied is not None:
                parts = parts[:int(copied)] + [b"".join(chunks)]  # at 0 one before was abandoned
            elif len(chunks) == int(headers.get("sluice-chunks", 1)):
                yield height, headers, chunks
                last = height


if __name__ == "__main__":
    for height, headers, pieces in blocks(*sys.argv[1:]):
        digest, previous = headers["sluice-digest"], headers.get("sluice-previous-digest", "")
        computed = hashlib.sha256(b"".join([bytes.fromhex(previous), *pieces])).hexdigest()
        whole = {"parts": len(pieces), "whole": len(pieces) == int(headers["sluice-parts"])} \
            if "sluice-parts" in headers else {"chunks": len(pieces), "digest_checked": computed == digest}
        print(json.dumps({"height": height, "bytes": sum(map(len, pieces)), "digest": digest, **whole}))
