# SPDX-License-Identifier: Apache-2.0
"""Kills `sluice replay` of real data at random instants, again and again, and loses nothing.

Two file sinks, policy all, pipelined. After each kill I1 is checked before anything else runs, then
the replay is continued and killed again; what has come to its end must be equal to a run that nobody
disturbed. Instants are drawn over a whole run, from the first millisecond of the start to the last of
the stop; a part of the kills follows a SIGTERM, so that they fall into the orderly stop.
"""

import collections
import random
import signal
import time
import unittest

import crash_support as crash
from crash_support import expect

KILLS = 1000 if crash.FULL else 120
FLIGHTS = crash.SOURCE / "data" / "flights" / "flights.jsonl.zst"
SERIES = 8


def new_home(folder):
    return crash.Home(folder, "all", ("a", "b"), window=8,
                      sink_settings={"rotate_bytes": "256KiB"})


class Killer:
    """Runs a home's replay and ends it at a random instant of the `whole` seconds that it takes."""

    def __init__(self, home, chance, whole):
        self.home, self.chance, self.whole = home, chance, whole
        self.killed = 0

    def instant(self):
        kind = self.chance.random()
        if kind < 0.25:
            return self.chance.uniform(0, 0.1 * self.whole)  # the start
        return self.chance.uniform(0, 1.1 * self.whole)

    def once(self):
        process = self.home.start("--json", "replay", FLIGHTS)
        time.sleep(self.instant())
        # How long a run takes here changes with who else is at work: two kills of three are to hit.
        self.whole *= 1.1 if process.poll() is None else 0.8
        if self.chance.random() < 0.2:
            process.send_signal(signal.SIGTERM)
            time.sleep(self.chance.uniform(0, 0.05))
        process.kill()
        code = process.wait(crash.PATIENCE)
        # SIGTERM itself kills who has not yet come to take it.
        killed = code in (crash.KILLED, -signal.SIGTERM)
        expect(killed or code == 0, f"exit {code}", self.home.said())
        self.killed += killed


class RandomKills(unittest.TestCase):
    def test_random_kills(self):
        print(f"seed {crash.SEED}", flush=True)
        shop = crash.Workshop()
        self.addCleanup(shop.close)
        reference = crash.Reference(shop.folder / "r", FLIGHTS)
        measured = self.measure(shop, reference)
        print(f"{reference.height} heights, a whole run takes {measured:.2f} s", flush=True)
        found_at, survived, homes = collections.Counter(), [], []

        def series(number, folder):
            """Homes, one after another, until this series has seen its share of the kills."""
            chance = random.Random(f"{crash.SEED} {number}")
            kills, whole = 0, measured
            while kills < KILLS // SERIES:
                home = new_home(folder / str(len(homes)))
                killer = Killer(home, chance, whole)
                height = 0
                while height < reference.height or chance.random() < 0.5:
                    killer.once()
                    found = crash.check_stopped(home, reference, contents=False)
                    expect(found["height"] >= height, f"was at {height}", found)
                    height = found["height"]
                    found_at[height] += 1
                    if kills + killer.killed >= KILLS // SERIES:
                        break
                crash.check_finished(home, reference, contents=not kills)
                kills, whole = kills + killer.killed, killer.whole
                survived.append(killer.killed)
                homes.append(home)
                crash.shutil.rmtree(home.folder)

        crash.run_cases(self, shop, range(SERIES), series)
        print(f"{sum(survived)} kills survived in {len(homes)} homes, found at {len(found_at)} "
              f"different heights, seed {crash.SEED}", flush=True)
        # Otherwise all kills fell before the first block or after the last, and this shows little.
        self.assertGreater(len(found_at), KILLS // 5)

    def measure(self, shop, reference):
        home = new_home(shop.new())
        started_at = time.monotonic()
        process = home.start("--json", "replay", FLIGHTS)
        expect(process.wait(crash.PATIENCE) == 0, home.said())
        whole = time.monotonic() - started_at
        crash.check_equal(home, reference)
        return whole


if __name__ == "__main__":
    unittest.main(verbosity=2)
