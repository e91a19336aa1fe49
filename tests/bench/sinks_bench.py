#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the sinks for servers cost against the best that one client does by hand, on real servers that
are started here, in folders of their own: `./run bench postgres kafka`. README.md says what is counted.

    sinks_bench.py [--json] [--pairs N] [--rows NAME[,NAME…]] postgres|kafka…"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.setdefault("SLUICE_BUILD_DIR", str(ROOT / "build/release")))
os.environ.setdefault("SLUICE_SOURCE_DIR", str(ROOT))
sys.path += [str(ROOT / "tests/integration/postgres"), str(ROOT / "tests/integration/kafka")]
import kafka_cluster  # noqa: E402
import postgres_server  # noqa: E402

PLUGINS = BUILD / "lib/sluice/plugins"
TOOL = BUILD / "tests/sink_bench"

PAIRS = 5
MANY_PAIRS = 11  # where the difference that is asked about is under 15 %
BACKLOG = "1000,100,1000000,100"  # blocks, changes, keys, bytes of a value
BACKLOG_STATE = "1000,100,50000,100"  # few enough keys that many are written again
SINGLE = "400,100,1000000,100"
GIBIBYTE = "10400,100,1000000,1024"
# Some seconds of commits: with a server in their way, and without.
FEW = "600,100,1000000,100"
MANY = "2500,100,1000000,100"

CONFIG = """[node]
stream_id = "{stream}"
[stores]
names = ["main"]
[commit]
policy = "{policy}"
window = {window}
ack_timeout = "120s"
recover_timeout = "300s"
[journal]
retain_blocks = {retain}
disk_reserve = "0B"
[lifecycle]
drain_timeout = "500ms"
[admin]
metrics_listen = ""
[log]
level = "critical"
"""
AUDIT = '[sinks.audit]\nplugin = "file"\nsettings = { path = "stream", fsync = true }\n'


def run(program, *args):
    done = subprocess.run([program, *map(str, args)], stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit(f"bench: {program} {' '.join(map(str, args))}: exit code {done.returncode}")
    return done.stdout.decode()


def measured(program, *args):
    return json.loads(run(program, *args))


class Bench:
    def __init__(self, options, folder):
        self.options = options
        self.folder = pathlib.Path(folder)
        self.postgres = None
        self.kafka = None
        self.numbers = 0

    # --- what is measured with

    def number(self):
        self.numbers += 1
        return self.numbers

    def home(self, sinks, policy="fire-and-forget", window=8, stream="bench", retain=0, path=None):
        path = path or self.folder / f"home-{self.number()}"
        (path / "config").mkdir(parents=True, exist_ok=True)
        (path / "config/app.toml").write_text(
            CONFIG.format(stream=stream, policy=policy, window=window, retain=retain) + sinks)
        return path

    def rows(self, shape):
        path = self.folder / f"rows-{shape}"
        if not path.exists():
            run(TOOL, "rows", path, shape)
        return path

    def backlog(self, shape):
        """A home whose journal holds all blocks of a shape, and that has no sink yet."""
        path = self.folder / f"backlog-{shape}"
        if not path.exists():
            self.home("", retain=10_000_000, path=path)
            run(TOOL, "run", path, PLUGINS, shape)
            # The first start turns RocksDB's log into a file, the second finds none.
            for _ in range(2):
                run(TOOL, "settle", path, PLUGINS)
        return path

    def pg_sink(self, settings="", name="pg"):
        conninfo = json.dumps(self.postgres.conninfo())
        return (f"[sinks.{name}]\nplugin = \"postgres\"\n"
                f"settings = {{ conninfo = {conninfo}{settings} }}\n")

    def kafka_sink(self, topic):
        return ("[sinks.orders]\nplugin = \"kafka\"\nsettings = { " +
                f"brokers = \"{self.kafka.brokers}\", topic = \"{topic}\", "
                f"position_topic = \"{topic}.position\" }}\n")

    def clean_postgres(self):
        self.postgres.sql("SET client_min_messages = warning; DROP SCHEMA IF EXISTS sluice CASCADE; "
                          "DROP SCHEMA IF EXISTS baseline CASCADE")
        self.postgres.sql("CHECKPOINT")

    def drained(self, shape, sinks, sink):
        """Seconds in which a node brings its backlog to an empty sink."""
        home = self.folder / f"home-{self.number()}"
        shutil.copytree(self.backlog(shape), home)
        self.home(sinks, path=home, retain=10_000_000)
        seconds = measured(TOOL, "drain", home, PLUGINS, sink)["seconds"]
        shutil.rmtree(home)
        return seconds

    def committed(self, shape, sinks, policy, stream, window=8):
        """What a node says of a run over the blocks of a shape, from the first to the last commit."""
        home = self.home(sinks, policy=policy, window=window, stream=stream)
        out = measured(TOOL, "run", home, PLUGINS, shape)
        shutil.rmtree(home)
        return out

    # --- what comes of it

    def pairs(self, count, ours, baseline):
        """Both in turns, the order changing with each pair; a first pair that does not count."""
        values = {ours: [], baseline: []}
        for pair in range(-1, self.options.pairs or count):
            for measure in ((ours, baseline) if pair % 2 == 0 else (baseline, ours)):
                value = measure()
                if pair >= 0:
                    values[measure].append(value)
        return values[ours], values[baseline]

    def report(self, name, unit, ours, baseline, baseline_is, note):
        outcome = {"name": name, "unit": unit, "sluice": ours, "baseline": baseline,
                   "baseline_is": baseline_is, "note": note}
        subprocess.run([TOOL, "report", *(["--json"] if self.options.json else [])],
                       input=json.dumps(outcome).encode() + b"\n", check=True)


def total(shape):
    blocks, changes, *_ = map(int, shape.split(","))
    return blocks * changes


# --- throughput of a backlog

def postgres_backlog(bench, name, shape, settings, mode):
    commits = []

    def ours():
        bench.clean_postgres()
        seconds = bench.drained(shape, bench.pg_sink(settings), "pg")
        # Each transaction moves the guard row once.
        commits.append(int(bench.postgres.value(
            "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'sluice_position'")))
        return total(shape) / seconds

    def baseline():
        bench.clean_postgres()
        if not commits:
            ours()
        blocks = int(shape.split(",", maxsplit=1)[0])
        group = max(1, round(blocks / statistics.median(commits)))
        return total(shape) / measured(BUILD / "tests/postgres_baseline", bench.postgres.conninfo(),
                                       bench.rows(shape), mode, group)["seconds"]

    values = bench.pairs(MANY_PAIRS, ours, baseline)
    bench.report(name, "changes/s", *values,
                 "libpq, one client, as many rows a commit, the same table and primary key",
                 f"asked for: at least 0.80; {statistics.median(commits):g} commits (median) for "
                 f"{shape.split(',', maxsplit=1)[0]} blocks of {shape.split(',')[1]}")


def postgres_changes(bench):
    postgres_backlog(bench, "postgres_changes", BACKLOG, ", state = false", "changes")


def postgres_state(bench):
    postgres_backlog(bench, "postgres_state", BACKLOG_STATE, ", changes = false", "state")


def postgres_parallel(bench):
    def rate(connections):
        bench.clean_postgres()
        sink = bench.pg_sink(f", state = false, connections = {connections}")
        return total(BACKLOG) / bench.drained(BACKLOG, sink, "pg")

    values = bench.pairs(PAIRS, lambda: rate(4), lambda: rate(1))
    bench.report("postgres_parallel", "changes/s", *values, "the same sink with one connection",
                 "four connections, 4 workers, blocks of 100 changes of which few share a key")


def kafka_changes(bench):
    commits = []

    def ours():
        topic = f"ours-{bench.number()}"
        seconds = bench.drained(BACKLOG, bench.kafka_sink(topic), "orders")
        # Each transaction holds one position; the first one is that of the attaching.
        positions = bench.kafka.kcat("-C", "-e", "-q", "-t", topic + ".position", "-o", "beginning",
                                     "-X", "isolation.level=read_committed", "-f", "%o\n")
        commits.append(len(positions.stdout.splitlines()) - 1)
        return total(BACKLOG) / seconds

    def baseline():
        if not commits:
            ours()
        group = max(1, round(1000 / statistics.median(commits)))
        return total(BACKLOG) / measured(
            BUILD / "tests/kafka_baseline", bench.kafka.brokers, bench.rows(BACKLOG),
            f"baseline-{bench.number()}", "changes", group)["seconds"]

    values = bench.pairs(MANY_PAIRS, ours, baseline)
    bench.report("kafka_changes", "changes/s", *values,
                 "librdkafka's transactional producer, the same records, as many a transaction",
                 f"asked for: at least 0.80; {statistics.median(commits):g} transactions (median) "
                 "for 1000 blocks of 100")


# --- one block at a time

def latency(bench, server, ours_once, baseline_once, baseline_is):
    """Two rows of the same runs: the whole time of a block, and the part of delivery and ack."""
    gates = []

    def ours():
        out = ours_once()
        gates.append(out["gate_p50_us"])
        return out["block_p50_us"]

    whole, baseline = bench.pairs(PAIRS, ours, baseline_once)
    limit = "asked for, from sealed to acked: at most 1.5; "
    bench.report(f"{server}_latency_block", "us", whole, baseline, baseline_is,
                 limit + "this is more: executed, sealed, journaled, delivered, acked and committed")
    bench.report(f"{server}_latency_delivered", "us", gates[-len(whole):], baseline, baseline_is,
                 limit + "this is less: from delivered, which is after the journal's fsync, to acked")


def postgres_latency(bench):
    def ours():
        bench.clean_postgres()
        return bench.committed(SINGLE, bench.pg_sink(", state = false"), "all", "bench", window=1)

    def baseline():
        bench.clean_postgres()
        return measured(BUILD / "tests/postgres_baseline", bench.postgres.conninfo(),
                        bench.rows(SINGLE), "guarded", 1)["p50_us"]

    latency(bench, "postgres", ours, baseline, "libpq: guard row and COPY in one transaction, p50")


def kafka_latency(bench):
    def ours():
        topic = f"single-{bench.number()}"
        return bench.committed(SINGLE, bench.kafka_sink(topic), "all", "bench", window=1)

    def baseline():
        return measured(BUILD / "tests/kafka_baseline", bench.kafka.brokers, bench.rows(SINGLE),
                        f"single-{bench.number()}", "single", 1)["p50_us"]

    latency(bench, "kafka", ours, baseline, "librdkafka: one transaction, p50")


# --- memory

def memory(bench, server, sinks, sink, stop, start):
    home = bench.home(sinks)
    stop()
    node = subprocess.Popen([TOOL, "hold", home, PLUGINS, GIBIBYTE, sink], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)
    try:
        filled = json.loads(node.stdout.readline())
        start()
        node.stdin.write(b"\n")
        node.stdin.flush()
        drained = json.loads(node.stdout.readline())
        if node.wait(60) != 0:
            sys.exit(f"bench: the node of {server}_memory failed")
    finally:
        node.kill()
        node.wait()
        shutil.rmtree(home)
    note = (f"asked for: below 350 MiB; the journal held {filled['journal_bytes'] / (1 << 30):.2f} "
            f"GiB; catching up took {drained['seconds']:.0f} s")
    bench.report(f"{server}_memory", "MiB", [filled["peak_bytes"] / (1 << 20)], [350.0],
                 "the limit, for a node that fills its journal while the server is stopped", note)
    bench.report(f"{server}_memory_catching_up", "MiB", [drained["peak_bytes"] / (1 << 20)], [350.0],
                 "the limit, for the same node until the server has everything", note)


def postgres_memory(bench):
    bench.clean_postgres()
    memory(bench, "postgres", bench.pg_sink(), "pg", bench.postgres.stop, bench.postgres.start)


def kafka_memory(bench):
    node = bench.kafka.nodes[0]

    def start():
        node.start()
        bench.kafka.wait_ready()

    memory(bench, "kafka", bench.kafka_sink(f"memory-{bench.number()}"), "orders", node.stop, start)


# --- three sinks, one server stopped

# Policy: the same without each of the two.
FORMS = {
    "fire-and-forget": {"pg": "fire-and-forget", "orders": "fire-and-forget"},
    "1 of (pg, orders)": {"pg": "1 of (orders)", "orders": "1 of (pg)"},
    "all(audit) and 1 of (pg, orders)": {"pg": "all(audit) and 1 of (orders)",
                                         "orders": "all(audit) and 1 of (pg)"},
    "2 of (audit, pg, orders)": {"pg": "2 of (audit, orders)", "orders": "2 of (audit, pg)"},
}


def policies(bench):
    node = bench.kafka.nodes[0]
    for stopped in ("pg", "orders"):
        (bench.postgres if stopped == "pg" else node).stop()
        for policy, without in FORMS.items():
            policy_of_one(bench, policy, stopped, without[stopped])
        (bench.postgres if stopped == "pg" else node).start()
        if stopped == "orders":
            bench.kafka.wait_ready()


def policy_of_one(bench, policy, stopped, policy_without):
    names = ("audit", "pg", "orders")
    shape = MANY if policy == "fire-and-forget" else FEW

    def rate(named, under):
        if stopped != "pg":
            bench.clean_postgres()
        # A stream of its own each time, and a topic: a sink refuses one that holds another's heights.
        stream = f"policies-{bench.number()}"
        sinks = {"audit": AUDIT, "pg": bench.pg_sink(), "orders": bench.kafka_sink(stream)}
        out = bench.committed(shape, "".join(sinks[name] for name in named), under, stream)
        return total(shape) / out["seconds"]

    others = [name for name in names if name != stopped]
    values = bench.pairs(MANY_PAIRS, lambda: rate(names, policy),
                         lambda: rate(others, policy_without))
    form = "".join(c if c.isalnum() else "_" for c in policy).strip("_").replace("__", "_")
    bench.report(f"stopped_{stopped}_{form}", "changes/s", *values,
                 f'the same node without sink {stopped}, policy "{policy_without}"',
                 f'asked for: at least 0.90; policy "{policy}", three sinks, server of {stopped} '
                 "stopped")


# Name: what it needs, and what runs it.
ROWS = {
    "postgres_changes": ({"postgres"}, postgres_changes),
    "postgres_state": ({"postgres"}, postgres_state),
    "postgres_parallel": ({"postgres"}, postgres_parallel),
    "postgres_latency": ({"postgres"}, postgres_latency),
    "postgres_memory": ({"postgres"}, postgres_memory),
    "kafka_changes": ({"kafka"}, kafka_changes),
    "kafka_latency": ({"kafka"}, kafka_latency),
    "kafka_memory": ({"kafka"}, kafka_memory),
    "policies": ({"postgres", "kafka"}, policies),
}


def parse():
    parser = argparse.ArgumentParser(description="The sinks for servers, against one client by hand.")
    parser.add_argument("servers", nargs="+", choices=["postgres", "kafka"])
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    parser.add_argument("--pairs", type=int, default=0, help="instead of 5 or 11")
    parser.add_argument("--rows", default="", help="some of " + ",".join(ROWS))
    options = parser.parse_args()
    options.rows = options.rows.split(",") if options.rows else list(ROWS)
    for row in options.rows:
        if row not in ROWS:
            parser.error(f"there is no row {row}; there are {', '.join(ROWS)}")
    return options


def versions(bench):
    found = []
    if bench.postgres:
        found.append("PostgreSQL " + bench.postgres.value("SHOW server_version"))
    if bench.kafka:
        found.append("Apache Kafka " + kafka_cluster.VERSION)
    for package in ("libpq5", "librdkafka1", "librocksdb7.8"):
        shown = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}", package],
                               capture_output=True, check=False)
        found.append(shown.stdout.decode())
    return "; ".join(one for one in found if one)


def main():
    options = parse()
    for server, why in (("postgres", postgres_server.why_not), ("kafka", kafka_cluster.missing)):
        if server in options.servers and why():
            sys.exit(f"bench: {why()}")
    bench = Bench(options, tempfile.mkdtemp(prefix="sluice-bench-"))
    try:
        if "postgres" in options.servers:
            bench.postgres = postgres_server.PostgresServer({"max_wal_size": "4GB"})
        if "kafka" in options.servers:
            bench.kafka = kafka_cluster.Cluster().start()
        print(run(TOOL, "machine", bench.folder), end="", file=sys.stderr)
        print(versions(bench), file=sys.stderr, flush=True)
        for name in options.rows:
            needs, measure = ROWS[name]
            if needs <= set(options.servers):
                print(f"{name} …", file=sys.stderr, flush=True)
                measure(bench)
        print(run(TOOL, "machine", bench.folder), end="", file=sys.stderr)
    finally:
        for server in (bench.postgres, bench.kafka):
            if server:
                server.close()
        shutil.rmtree(bench.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
