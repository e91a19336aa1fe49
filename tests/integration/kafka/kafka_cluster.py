# SPDX-License-Identifier: Apache-2.0
"""A real Apache Kafka cluster (KRaft, one node or three) in a folder of its own, on free ports of
127.0.0.1, and what tests ask of it through kcat.

    kafka_cluster.py VERSION    writes the archive of a broker's classes, with which one starts in half
                                the time; fetch_jars.sh calls it
"""

import base64
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import kafka_admin  # noqa: E402

SOURCE = pathlib.Path(os.environ.get(
    "SLUICE_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[3]))
# In one spelling: a JVM compares the path with the one in the archive of classes.
SERVERS = pathlib.Path(os.environ.get("SLUICE_SERVERS_DIR", SOURCE / "build" / "servers")).resolve()
VERSION = os.environ.get("SLUICE_KAFKA_VERSION", "4.1.1")
# The older one that is tried too.
OLDER_VERSION = "3.9.2"
# Much longer than anything takes: a deadline that is met means a hang, not a slow machine.
DEADLINE_SECONDS = 300


def missing(version=VERSION):
    """Why there can be no broker here, or None."""
    if not (SERVERS / "kafka" / version / "complete").exists():
        return f"no jars of Kafka {version} in {SERVERS}: ./run setup --with kafka"
    for program in ("java", "kcat"):
        if shutil.which(program) is None:
            return f"{program} is not installed: ./run setup --with kafka"
    return None


def class_archive(libs):
    return libs / "classes.jsa"


def shared_classes(libs):
    """Arguments of a JVM that runs these jars. One that the archive does not fit does without it."""
    archive = class_archive(libs)
    return [f"-XX:SharedArchiveFile={archive}", "-Xlog:disable", "-Xlog:all=error:stderr"] \
        if archive.exists() else []


def write_class_archive(version):
    libs = SERVERS / "kafka" / version
    archive = class_archive(libs)
    if archive.exists():
        return
    partial = archive.with_suffix(f".{os.getpid()}")
    cluster = Cluster(version=version, jvm=[f"-XX:ArchiveClassesAtExit={partial}"]).start()
    try:
        cluster.nodes[0].stop(DEADLINE_SECONDS)
        partial.rename(archive)
    finally:
        cluster.close()


def free_ports(count):
    # All at once, so that none is given twice.
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Node:
    def __init__(self, cluster, number, port, controller_port):
        self.cluster = cluster
        self.number = number
        self.port = port
        self.controller_port = controller_port
        self.folder = cluster.folder / f"node-{number}"
        self.process = None
        self.paused = False

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def properties(self):
        cluster = self.cluster
        many = len(cluster.ports) > 1
        replicas = "3" if many else "1"
        in_sync = "2" if many else "1"
        voters = ",".join(f"{i + 1}@127.0.0.1:{controller}"
                          for i, (_, controller) in enumerate(cluster.ports))
        protocol = cluster.protocol
        lines = {
            "process.roles": "broker,controller",
            "node.id": self.number,
            "controller.quorum.voters": voters,
            "listeners": f"{protocol}://127.0.0.1:{self.port},"
                         f"CONTROLLER://127.0.0.1:{self.controller_port}",
            "listener.security.protocol.map":
                f"{protocol}:{protocol},CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": protocol,
            "controller.listener.names": "CONTROLLER",
            "log.dirs": self.folder / "data",
            "num.partitions": 1,
            "auto.create.topics.enable": "false",
            "default.replication.factor": replicas,
            "min.insync.replicas": in_sync,
            "offsets.topic.num.partitions": 1,
            "offsets.topic.replication.factor": replicas,
            "transaction.state.log.num.partitions": 1,
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": in_sync,
            "group.initial.rebalance.delay.ms": 0,
            "log.cleaner.dedupe.buffer.size": 4194304,
            "broker.heartbeat.interval.ms": 300,
            "broker.session.timeout.ms": 3000,
            # How soon a transaction that took too long is found.
            "transaction.abort.timed.out.transaction.cleanup.interval.ms": 500,
        }
        if many:
            lines["controller.quorum.election.timeout.ms"] = 500
            lines["controller.quorum.fetch.timeout.ms"] = 1000
        lines.update(cluster.extra)
        return "".join(f"{name}={value}\n" for name, value in lines.items())

    def start(self):
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        (self.folder / "server.properties").write_text(self.properties())
        meta = self.folder / "data" / "meta.properties"
        if not meta.exists():
            meta.write_text(f"version=1\nnode.id={self.number}\ncluster.id={self.cluster.id}\n")
            if self.cluster.formatter:
                meta.unlink()
                self.cluster.formatter(self)
        libs = self.cluster.libs
        log = open(self.folder / "log", "ab")
        # A session of its own would outlive us; the same process group ends with the test's.
        self.process = subprocess.Popen(
            ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
             "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", *shared_classes(libs),
             *self.cluster.jvm, "-cp", f"{libs}/*", "kafka.Kafka", str(self.folder / "server.properties")],
            stdout=log, stderr=log, cwd=self.folder)
        log.close()

    def signal(self, number):
        os.kill(self.process.pid, number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait()
        self.process = None

    def stop(self, patience=30):
        self.resume()
        self.signal(signal.SIGTERM)
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.process.wait()
        self.process = None

    def pause(self):
        self.signal(signal.SIGSTOP)
        self.paused = True

    def resume(self):
        if self.paused:
            self.signal(signal.SIGCONT)
        self.paused = False

    def log(self):
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""


class Cluster:
    """`extra`: further broker properties. `client`: librdkafka properties that kcat needs."""

    def __init__(self, nodes=1, protocol="PLAINTEXT", extra=None, client=None, jvm=(),
                 formatter=None, version=VERSION):
        self.libs = SERVERS / "kafka" / version
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-kafka-"))
        self.id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        self.protocol = protocol
        self.extra = extra or {}
        self.client = client or {}
        self.jvm = jvm
        self.formatter = formatter
        ports = free_ports(2 * nodes)
        self.ports = list(zip(ports[::2], ports[1::2]))
        self.nodes = [Node(self, i + 1, *pair) for i, pair in enumerate(self.ports)]

    @property
    def brokers(self):
        return ",".join(node.address for node in self.nodes)

    def start(self):
        try:
            for node in self.nodes:
                node.start()
            self.wait_ready()
        except BaseException:
            self.close()
            raise
        return self

    def wait_ready(self):
        deadline = time.monotonic() + DEADLINE_SECONDS
        alive = [node for node in self.nodes if node.process]
        while time.monotonic() < deadline:
            for node in alive:
                if node.process.poll() is not None:
                    raise AssertionError(f"a broker ended at its start:\n{node.log()[-3000:]}")
            listed = self.kcat("-L", "-m", "2", check=False)
            if all(f" broker {node.number} at " in listed.stdout.decode() for node in alive):
                return
            time.sleep(0.1)  # looks again; nothing is timed by it
        raise AssertionError(f"no broker within {DEADLINE_SECONDS} s:\n{alive[0].log()[-3000:]}")

    def kcat(self, *args, stdin=b"", check=True, timeout=DEADLINE_SECONDS):
        properties = [part for name, value in self.client.items()
                      for part in ("-X", f"{name}={value}")]
        done = subprocess.run(["kcat", "-b", self.brokers, *properties, *map(str, args)],
                              input=stdin, capture_output=True, timeout=timeout)
        if check and done.returncode != 0:
            raise AssertionError(f"kcat {args}: {done.stderr.decode()}")
        return done

    def read_settled(self, topic, count, **kwargs):
        """Read, once `count` records are there: what is acked becomes visible to readers a little
        later, one partition after the other. There may be more."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            rows = self.read(topic, **kwargs)
            if len(rows) >= count:
                return rows
            if time.monotonic() > deadline:
                raise AssertionError(f"{topic}: {len(rows)} records, not {count}")
            time.sleep(0.05)  # looks again; nothing is timed by it

    def read(self, topic, committed=True, fmt=r"%p\t%o\t%k\t%S\t%h\t%s\n"):
        """What a reader of the topic sees: a list of (partition, offset, key, size, headers, value).
        Keys and values must hold neither tabs nor newlines."""
        level = "read_committed" if committed else "read_uncommitted"
        out = self.kcat("-C", "-e", "-q", "-t", topic, "-o", "beginning",
                        "-X", f"isolation.level={level}", "-f", fmt).stdout.decode()
        rows = []
        for line in out.split("\n")[:-1]:
            partition, offset, key, size, headers, value = line.split("\t", 5)
            named = dict(part.split("=", 1) for part in headers.split(",") if part)
            rows.append((int(partition), int(offset), key, int(size), named, value))
        return rows

    def java(self, main_class, *args):
        """Runs a class of the broker's jars; what it printed, and whether it succeeded."""
        done = subprocess.run(
            ["java", "-Xmx128m", "-XX:TieredStopAtLevel=1",
             "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", *shared_classes(self.libs),
             "-cp", f"{self.libs}/*", main_class, *map(str, args)],
            capture_output=True, timeout=DEADLINE_SECONDS)
        return done.stdout.decode() + done.stderr.decode(), done.returncode == 0

    def tool(self, name, *args, config=None):
        """Runs one of Kafka's own tools on the cluster: TopicCommand, ConfigCommand, …"""
        more = ["--command-config", config] if config else []
        out = ""
        # Where a tool lives has changed between versions.
        for package in ("org.apache.kafka.tools", "kafka.admin"):
            out, done = self.java(f"{package}.{name}", "--bootstrap-server", self.brokers, *more,
                                  *args)
            if done:
                return out
            if "ClassNotFoundException" not in out:
                break
        raise AssertionError(f"{name} {args}: {out}")

    def create_topic(self, topic, **config):
        kafka_admin.create_topic(self.brokers, topic, **config)

    def delete_topic(self, topic):
        """Until no broker knows it."""
        kafka_admin.delete_topic(self.brokers, topic)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while topic in self.topics():
            if time.monotonic() > deadline:
                raise AssertionError(f"{topic} is still there")
            time.sleep(0.05)  # looks again; nothing is timed by it

    def delete_records(self, topic, partition, offset):
        """Until a reader finds none before the offset."""
        kafka_admin.delete_records(self.brokers, topic, partition, offset)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while any(row[0] == partition and row[1] < offset
                  for row in self.read(topic, committed=False)):
            if time.monotonic() > deadline:
                raise AssertionError(f"{topic}: records before offset {offset} are still there")
            time.sleep(0.05)  # looks again; nothing is timed by it

    def alter_topic(self, topic, name, value):
        kafka_admin.alter_topic(self.brokers, topic, name, value)

    def transaction_state(self, transactional_id):
        """"Ongoing", "CompleteAbort", …, as the coordinator has it."""
        described = self.tool("TransactionsCommand", "describe", "--transactional-id",
                              transactional_id)
        header, values = [line.split("\t") for line in described.splitlines()[:2]]
        return dict(zip((name.strip() for name in header), values))["TransactionState"].strip()

    def leader(self, topic):
        """The node that leads partition 0; of __transaction_state, here with one partition, that is
        the coordinator of all transactions."""
        listed = self.kcat("-L", "-t", topic).stdout.decode()
        return self.nodes[int(re.search(r"partition 0, leader (\d+)", listed).group(1)) - 1]

    def topics(self):
        lines = self.kcat("-L").stdout.decode().splitlines()
        return sorted(line.split('"')[1] for line in lines if line.strip().startswith("topic "))

    def close(self):
        for node in self.nodes:
            if node.process:
                node.resume()
                node.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


if __name__ == "__main__":
    write_class_archive(sys.argv[1])
