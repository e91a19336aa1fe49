#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Streams 20,000 real flights into a file, a real PostgreSQL and a real Kafka broker at once, kills the
node and one of the servers on the way, and shows what the users of these systems then see. Run it as
`./run demo --with postgres,kafka`. Servers run in folders of their own, on free ports of 127.0.0.1, and
are gone when it ends."""

import json
import pathlib
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path += [str(ROOT / "tests/integration/postgres"), str(ROOT / "tests/integration/kafka")]
import kafka_cluster  # noqa: E402
import postgres_server  # noqa: E402

SLUICE = str(ROOT / "build/release/bin/sluice")
DATA = str(ROOT / "data/flights/flights.jsonl.zst")
HOME = ROOT / "build/demo-servers"
BLOCKS = 1000
PATIENCE_SECONDS = 120

# The busiest airports: the flights that the one store holds still, beside all departures that the other
# has counted.
QUERY = """
SELECT f.value_jsonb->>'origin' AS airport, count(*) AS flights,
       round(avg((f.value_jsonb->>'delay')::int), 1) AS mean_delay_minutes,
       max((a.value_jsonb->>'departures')::int) AS departures_ever
FROM sluice.state f
JOIN sluice.state a ON a.store = 'airports' AND a.key = convert_to(f.value_jsonb->>'origin', 'UTF8')
WHERE f.store = 'flights' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5"""


def say(text):
    print(f"\n\033[1m{text}\033[0m", flush=True)


def fail(text):
    sys.exit(f"demo: {text}")


def sluice(*args, check=True):
    done = subprocess.run([SLUICE, "--home", str(HOME), *args], capture_output=True, text=True,
                          check=False)
    if check and done.returncode != 0:
        fail(f"sluice {' '.join(args)}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


def configure(postgres, kafka):
    """Five lines a sink are what an operator writes."""
    others = [name for name, server in (("pg", postgres), ("orders", kafka)) if server]
    text = f"""[node]
stream_id = "flights"

[stores]
names = ["flights", "airports"]

[driver]
kind = "replay"

[commit]
policy = "all(audit) and 1 of ({', '.join(others)})"
ack_timeout = "20s"

[log]
level = "error"

[sinks.audit]
plugin = "file"
settings = {{ path = "data/stream", fsync = true }}
"""
    if postgres:
        text += """
[sinks.pg]
plugin = "postgres"
[sinks.pg.settings]
conninfo = { file = "config/pg-conninfo" }
value_as = { flights = "jsonb", airports = "jsonb" }
"""
    if kafka:
        text += f"""
[sinks.orders]
plugin = "kafka"
settings = {{ brokers = "{kafka.brokers}", topic = "flights", encoding = "json" }}
"""
    shutil.rmtree(HOME, ignore_errors=True)
    (HOME / "config").mkdir(parents=True)
    (HOME / "config/app.toml").write_text(text)
    if postgres:
        secret = HOME / "config/pg-conninfo"
        secret.write_text(postgres.conninfo())
        secret.chmod(0o600)
    print(text)
    print(sluice("config", "check"), end="")


class Replay:
    """The node, fed in the background."""

    def __init__(self):
        self.errors = open(HOME / "replay.log", "wb")
        self.process = subprocess.Popen([SLUICE, "--home", str(HOME), "replay", DATA],
                                        stdout=self.errors, stderr=self.errors)

    def wait_for(self, height):
        """True once the height is committed; False where the node has ended before it was seen."""
        while self.process.poll() is None:
            try:
                if json.loads(sluice("status", "--json", check=False))["height"] >= height:
                    return True
            except (ValueError, KeyError):
                pass  # it is starting, or ending
        return False

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def finish(self):
        try:
            code = self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            fail(f"the node did not end within {PATIENCE_SECONDS} s\n" +
                 (HOME / "replay.log").read_text())
        if code != 0:
            fail(f"the node ended with {code}\n" + (HOME / "replay.log").read_text())


def run_and_kill():
    replay = Replay()
    seen = replay.wait_for(BLOCKS // 2)
    replay.kill()
    return seen


def run_and_kill_server(postgres, kafka):
    """The node goes on while the server that it can do without is down."""
    node = kafka.nodes[0] if kafka else None
    replay = Replay()
    if not replay.wait_for(BLOCKS * 3 // 4):
        replay.finish()
        print("The node had finished before a server could be killed.")
        return
    at = json.loads(sluice("status", "--json"))["height"]
    (node or postgres).kill()
    print(f"{'The Kafka broker' if node else 'PostgreSQL'} was killed at height {at}.", flush=True)
    if node and postgres:
        replay.wait_for(BLOCKS - 50)
        rows = json.loads(sluice("status", "--json", check=False) or "{}").get("sinks", [])
        for row in rows:
            error = (row.get("last_error") or {}).get("text", "")
            print(f"  {row['name']:7} {row['lifecycle']:10} at {row['watermark']:4}  {error}"[:140])
    (node or postgres).start()
    if node:
        kafka.wait_ready()
    print("It is started again; the node brings it up to date.", flush=True)
    replay.finish()


def show(postgres, kafka):
    if postgres:
        say("5. PostgreSQL's users: psql, a join over both stores")
        print(QUERY.strip())
        subprocess.run(["psql", "-X", "-h", str(postgres.root), "-p", str(postgres.port), "-U",
                        postgres_server.USER, "-d", "postgres", "-c", QUERY], check=True)
    if kafka:
        say("6. Kafka's users: kcat, only what is committed, the last three records")
        command = ["kcat", "-b", kafka.brokers, "-C", "-e", "-q", "-t", "flights", "-X",
                   "isolation.level=read_committed", "-f", "%o %k %s\n"]
        print(" ".join(command[:-1]), repr(command[-1]))
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        print("\n".join(lines.splitlines()[-3:]))


def verify(names):
    say("7. Is what each sink holds what the stores hold?")
    equal = True
    for name in names:
        done = subprocess.run([SLUICE, "--home", str(HOME), "verify", "--sink", name, "--json"],
                              capture_output=True, text=True, check=False)
        if not done.stdout:
            fail(f"verify --sink {name}: {done.stderr}")
        found = json.loads(done.stdout)
        keys = sum(store["keys"] for store in found["stores"].values())
        wrong = sum(store[kind] for store in found["stores"].values()
                    for kind in ("missing", "extra", "different"))
        right = found["equal"] and done.returncode == 0
        equal = equal and right
        print(f"  {name:7} height {found['height']}, {keys} keys compared, {wrong} differ: "
              f"{'EQUAL' if right else 'NOT EQUAL'}")
    return equal


def demo(servers, opened):
    for module, name, why in ((postgres_server, "postgres", postgres_server.why_not()),
                              (kafka_cluster, "kafka", kafka_cluster.missing())):
        if name in servers and why:
            fail(why)
    say("1. Real servers, in folders of their own")
    postgres = kafka = None
    if "postgres" in servers:
        postgres = postgres_server.PostgresServer()
        opened.append(postgres)
        print(f"PostgreSQL on 127.0.0.1:{postgres.port}", flush=True)
    if "kafka" in servers:
        kafka = kafka_cluster.Cluster()
        opened.append(kafka)
        kafka.start()
        print(f"Apache Kafka {kafka_cluster.VERSION} on {kafka.brokers}", flush=True)

    say("2. A node with two stores and a sink for each, and a policy that can do without one of them")
    configure(postgres, kafka)

    say("3. Streaming 1,000 blocks of real flights, and killing the node (SIGKILL) half-way")
    if not run_and_kill():
        fail("the node had finished before it could be killed; run the demo again")
    print(f"killed; committed: {json.loads(sluice('status', '--json'))['height']} of {BLOCKS}")

    say("4. The same command again; a server is killed on the way (SIGKILL), and comes back")
    run_and_kill_server(postgres, kafka)
    show(postgres, kafka)
    names = ["audit"] + (["pg"] if postgres else []) + (["orders"] if kafka else [])
    return verify(names)


def main():
    servers = sys.argv[1].split(",")
    opened = []
    began = time.monotonic()
    # So that the servers are stopped then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        equal = demo(servers, opened)
    finally:
        for server in opened:
            server.close()
    print(f"\nThe servers are stopped and their folders gone; the node's home is {HOME}. "
          f"{time.monotonic() - began:.0f} s.")
    sys.exit(0 if equal else 1)


if __name__ == "__main__":
    main()
