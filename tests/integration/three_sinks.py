# SPDX-License-Identifier: Apache-2.0
"""A home with a file, a PostgreSQL and a Kafka sink, and the two servers, for tests that need all."""

import http.client
import json
import os
import pathlib
import signal
import socket
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE / "postgres"), str(HERE / "kafka")]

import kafka_cluster  # noqa: E402
import postgres_server  # noqa: E402
from postgres_home import blocks  # noqa: E402
from sluice_home import Home, require  # noqa: E402

SINKS = ("audit", "pg", "orders")
# Much longer than anything takes: a deadline that is met means a hang, not a busy machine.
DEADLINE_SECONDS = 300

# Small transactions in both servers, so that catching up takes some time.
CONFIG = """
[node]
stream_id = "{stream}"
[stores]
names = ["main", "orders"]
[driver.replay]
path = "blocks.jsonl"
[commit]
policy = "{policy}"
{commit}
[admin]
metrics_listen = ""
[sinks.audit]
plugin = "file"
settings = {{ path = "data/stream", fsync = true }}
[sinks.pg]
plugin = "postgres"
ack_timeout = "2s"
retry = {{ initial = "50ms", max = "500ms" }}
settings = {{ conninfo = {conninfo}, batch_blocks = 4 }}
[sinks.orders]
plugin = "kafka"
ack_timeout = "2s"
retry = {{ initial = "50ms", max = "500ms" }}
settings = {{ brokers = "{brokers}", topic = "{stream}", encoding = "json", batch_blocks = 4 }}
"""


def require_servers():
    require(postgres_server.why_not() or kafka_cluster.missing())


class Servers:
    """Named as the sinks that write to them."""

    def __init__(self):
        self.down = set()
        self.postgres = postgres_server.PostgresServer()
        try:
            self.kafka = kafka_cluster.Cluster().start()
        except BaseException:
            self.postgres.close()
            raise

    def stop(self, *names):
        for name in names:
            (self.postgres if name == "pg" else self.kafka.nodes[0]).stop()
            self.down.add(name)

    def start(self, *names):
        for name in names:
            (self.postgres if name == "pg" else self.kafka.nodes[0]).start()
            self.down.discard(name)
        if "orders" in names:
            self.kafka.wait_ready()

    def close(self):
        self.postgres.close()
        self.kafka.close()


class ThreeSinksHome(Home):
    """Its node follows a file, to which feed() adds blocks."""

    count = 0

    def __init__(self, servers, policy, commit):
        ThreeSinksHome.count += 1
        self.policy = policy
        self.stream = f"t{os.getpid()}-{ThreeSinksHome.count}"
        self.fed = 0
        self.node = None
        super().__init__(CONFIG.format(
            stream=self.stream, policy=policy, commit=commit,
            conninfo=json.dumps(servers.postgres.conninfo()), brokers=servers.kafka.brokers))
        self.blocks = self.path / "blocks.jsonl"
        self.blocks.touch()

    def feed(self, count):
        lines = blocks(self.fed + 1, self.fed + count)
        with open(self.blocks, "a", encoding="utf-8") as file:
            file.write("".join(line + "\n" for line in lines))
        self.fed += count

    def run_node(self):
        self.node = self.start()

    def kill_node(self):
        self.node.send_signal(signal.SIGKILL)
        self.node.wait()

    def stop_node(self):
        self.node.send_signal(signal.SIGTERM)
        return self.node.wait(60)

    def live_status(self):
        """The status document of the running node; None while there is none. Asked for directly,
        because a process for each look would take the time that is looked at."""
        connection = http.client.HTTPConnection("node")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(DEADLINE_SECONDS)
        try:
            connection.sock.connect(str(self.path / "data" / "admin.sock"))
            connection.request("GET", "/v1/status")
            return json.loads(connection.getresponse().read())
        except OSError:
            return None
        finally:
            connection.close()

    def wait_status(self, what, ready):
        """The first status of the running node of which ready(status) is true."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        status = None
        while time.monotonic() < deadline and self.node.poll() is None:
            status = self.live_status()
            if status and ready(status):
                return status
            time.sleep(0.005)  # looks again; nothing is timed by it
        raise AssertionError(f"'{self.policy}': {what}: not within {DEADLINE_SECONDS} s, exit code "
                             f"{self.node.poll()}\n{status}\n{self.log()[-4000:]}")

    def wait_committed(self):
        return self.wait_status(f"height {self.fed}", lambda s: s["height"] == self.fed)

    def wait_level(self):
        """Until each sink holds everything."""
        return self.wait_status(f"sinks at {self.fed}", lambda s: s["height"] == self.fed and all(
            sink["watermark"] == self.fed for sink in s["sinks"]))

    def watermark(self, status, name):
        return next(sink["watermark"] for sink in status["sinks"] if sink["name"] == name)
