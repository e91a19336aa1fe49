#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the demo's blocks from flights-20k.json of the npm package vega-datasets.

    convert.py flights-20k.json > flights.jsonl

The same input always gives the same bytes. README.md beside this file says where the input comes
from and what the blocks contain.
"""

import datetime
import hashlib
import json
import sys

INPUT_SHA256 = "52f0ddd892d4569284b845e17323abc9afb7d303ec8f63251634a20327a610bb"
FLIGHTS_PER_BLOCK = 20
KEEP_DAYS = 45


def compact(value):
    return json.dumps(value, separators=(",", ":"))


class Airports:
    """The running counters of every airport, as the blocks so far have left them."""

    def __init__(self):
        self._counters = {}

    def after(self, code, counter, delay_minutes):
        """The operation that writes the counters as they stand after one more flight."""
        values = dict(self._counters.get(
            code, {"departures": 0, "arrivals": 0, "delay_minutes": 0}))
        values[counter] += 1
        values["delay_minutes"] += delay_minutes
        return {"op": "set", "store": "airports", "key": code, "value": values}

    def accept(self, op):
        self._counters[op["key"]] = op["value"]


class Board:
    """The flights that the store `flights` holds, by the day of their departure."""

    def __init__(self):
        self._keys = set()
        self._by_day = {}

    def add(self, key, day):
        """False where the key is taken: the node will refuse that transaction."""
        if key in self._keys:
            return False
        self._keys.add(key)
        self._by_day.setdefault(day, []).append(key)
        return True

    def expire(self, before_day):
        """Removes and returns, in the order of their arrival, the flights of days before this."""
        expired = []
        for day in sorted(day for day in self._by_day if day < before_day):
            expired += self._by_day.pop(day)
        self._keys.difference_update(expired)
        return expired


def transactions_of(record, time, airports, board):
    """One transaction for the flight; before it, on the first flight of a day, the clean-up."""
    day = time.date()
    expired = board.expire(day - datetime.timedelta(days=KEEP_DAYS))
    if expired:
        yield {"ops": [{"op": "delete", "store": "flights", "key": key} for key in expired]}
    key = f"{time:%Y-%m-%dT%H:%M}-{record['origin']}-{record['destination']}"
    counters = [airports.after(record["origin"], "departures", record["delay"]),
                airports.after(record["destination"], "arrivals", record["delay"])]
    if board.add(key, day):
        for op in counters:
            airports.accept(op)
    yield {"ops": [
        {"op": "require", "store": "flights", "key": key, "value": None},
        {"op": "set", "store": "flights", "key": key, "value": record},
        *counters,
    ]}


def blocks(records):
    airports = Airports()
    board = Board()
    for start in range(0, len(records), FLIGHTS_PER_BLOCK):
        txs = []
        for record in records[start:start + FLIGHTS_PER_BLOCK]:
            time = datetime.datetime.strptime(record["date"], "%Y/%m/%d %H:%M")
            txs += transactions_of(record, time, airports, board)
        yield {
            "height": start // FLIGHTS_PER_BLOCK + 1,
            "time": f"{time:%Y-%m-%dT%H:%M:%SZ}",
            "txs": txs,
        }


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: convert.py flights-20k.json > flights.jsonl")
    with open(sys.argv[1], "rb") as file:
        content = file.read()
    found = hashlib.sha256(content).hexdigest()
    if found != INPUT_SHA256:
        sys.exit(f"convert.py: not the expected input: {sys.argv[1]} has SHA-256 {found}, "
                 f"not {INPUT_SHA256}: take the file from vega-datasets 3.2.1")
    for block in blocks(json.loads(content)):
        sys.stdout.write(compact(block) + "\n")


if __name__ == "__main__":
    main()
