#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a running node tells over TCP: metrics, health, readiness, and the documents of the status
page; and who may not read them."""

import json
import pathlib
import re
import signal
import socket
import sys
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from cli_test import BLOCKS, CliTest
from sluice_home import CONFIG, DEADLINE_SECONDS, TEST_PLUGINS, wait_until

FOLLOW = CONFIG.replace('kind = "replay"', 'kind = "replay"\n[driver.replay]\npath = "in.jsonl"\n')
ANY_PORT = '[admin]\nmetrics_listen = "127.0.0.1:0"\n'


def get(address, path, **headers):
    """(HTTP status, text)"""
    request = urllib.request.Request(f"http://{address}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def samples_of(text):
    """{'name{labels}': value} of Prometheus's text format."""
    return {name: float(value) for name, value in
            (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))}


class Observability(CliTest):
    def node(self, config=FOLLOW + ANY_PORT, blocks=2):
        home = self.home(config)
        self.input = home.path / "in.jsonl"
        self.input.write_text("".join(line + "\n" for line in BLOCKS[:blocks]))
        process = home.start()
        return home, process

    def at_height(self, home, height):
        def there():
            status = home.running_status()
            return status if status and status["height"] == height and status["ready"] else None
        return wait_until(f"height {height}", there)

    def test_metrics_are_those_of_the_status_document(self):
        home, _ = self.node()
        status = self.at_height(home, 2)
        code, text = get(status["metrics_address"], "/metrics")
        self.assertEqual(code, 200)
        found = samples_of(text)
        self.assertEqual(found["sluice_height"], 2)
        self.assertEqual(found["sluice_journaled_height"], 2)
        self.assertEqual(found['sluice_sink_watermark{sink="audit"}'], 2)
        self.assertEqual(found['sluice_sink_lifecycle{sink="audit",state="running"}'], 1)
        self.assertEqual(found['sluice_delivered_blocks_total{sink="audit"}'], 2)
        self.assertEqual(found['sluice_delivered_changes_total{sink="audit"}'], 4)
        for histogram in ("sluice_commit_seconds", "sluice_gate_wait_seconds",
                          "sluice_fsync_seconds"):
            self.assertGreaterEqual(found[f"{histogram}_count"], 1, histogram)
            self.assertGreater(found[f"{histogram}_sum"], 0, histogram)
        self.assertEqual(found["sluice_commit_seconds_count"], 2)
        self.assertEqual(found['sluice_ack_seconds_count{sink="audit"}'], 2)

    def test_metrics_are_the_documented_ones(self):
        home, _ = self.node()
        status = self.at_height(home, 2)
        told = set(re.findall(r"^# TYPE (\S+)", get(status["metrics_address"], "/metrics")[1], re.M))
        documented = {row["name"] for row in
                      self.ok(home.run("config", "reference", "--metrics", "--json")).json_lines()}
        # These are there once there was an error, or where a plugin has numbers of its own.
        self.assertEqual(told | {"sluice_errors_total", "sluice_plugin_metric"}, documented)

    def test_health_readiness_and_history(self):
        home, _ = self.node()
        status = self.at_height(home, 2)
        address = status["metrics_address"]
        self.assertEqual(get(address, "/healthz"), (200, "alive\n"))
        self.assertEqual(get(address, "/readyz"), (200, "ready\n"))
        page = get(address, "/")
        self.assertEqual(page[0], 200)
        self.assertIn("<!DOCTYPE html>", page[1])
        self.assertEqual(json.loads(get(address, "/v1/status")[1]).keys(), status.keys())
        history = wait_until("a sample", lambda: json.loads(get(address, "/v1/history")[1])["samples"])
        self.assertEqual(history[-1]["height"], 2)
        self.assertEqual(get(address, "/nothing")[0], 404)
        request = urllib.request.Request(f"http://{address}/v1/status", method="POST", data=b"")
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=DEADLINE_SECONDS)
        refused.exception.close()
        self.assertEqual(refused.exception.code, 405)

    def test_a_policy_that_cannot_hold_any_more_is_not_ready(self):
        config = FOLLOW.replace('plugin = "file"\nsettings = { path = "data/stream", fsync = true }',
                                f'plugin = "{TEST_PLUGINS}/rejects_height.so"')
        config = config.replace('policy = "all"', 'policy = "all"\non_failure = "wait"')
        home, _ = self.node(config + ANY_PORT)
        def rejected():
            status = home.running_status()
            return status if status and status["sinks"][0]["reason"] == "rejected" else None
        status = wait_until("the sink refuses", rejected)
        code, text = get(status["metrics_address"], "/readyz")
        self.assertEqual(code, 503)
        self.assertIn("cannot hold without audit", text)
        self.assertEqual(get(status["metrics_address"], "/healthz")[0], 200)
        errors = samples_of(get(status["metrics_address"], "/metrics")[1])
        self.assertEqual(errors['sluice_errors_total{sink="audit",code="REJECT"}'], 1)

    def test_an_address_that_is_taken_is_said_and_the_node_runs(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            home, process = self.node(FOLLOW + f'[admin]\nmetrics_listen = "127.0.0.1:{port}"\n')
            status = self.at_height(home, 2)
            self.assertEqual(status["metrics_address"], "")
            self.assertIn(f"no status page and no /metrics: cannot listen: 127.0.0.1:{port}", home.log())
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(DEADLINE_SECONDS), 0)

    def test_the_command_asks_over_tcp_with_the_token(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        config = FOLLOW + f'[admin]\nlisten = "127.0.0.1:{port}"\ntoken = "s3cret"\nmetrics_listen = ""\n'
        home, _ = self.node(config)
        status = self.at_height(home, 2)
        self.assertTrue(status["running"])
        address = f"127.0.0.1:{port}"
        self.assertEqual(get(address, "/v1/status")[0], 401)
        self.assertEqual(get(address, "/v1/status", Authorization="Bearer wrong!")[0], 401)
        self.assertEqual(get(address, "/v1/status", Authorization="Bearer s3cret")[0], 200)


if __name__ == "__main__":
    unittest.main()
