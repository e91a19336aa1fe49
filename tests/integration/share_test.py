#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The dashboard and the alert rules under share/ name only metrics that there are, with the labels
that they have. (`./run check rules` has promtool read and try the rules.)"""

import json
import os
import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from sluice_home import run

SHARE = pathlib.Path(os.environ["SLUICE_SOURCE_DIR"]) / "share"
# What Prometheus adds to each sample by itself.
TARGET_LABELS = {"instance", "job", "le"}


def documented():
    rows = run("config", "reference", "--metrics", "--json").json_lines()
    metrics = {}
    for row in rows:
        labels = set(filter(None, row["labels"].split(", "))) | TARGET_LABELS
        suffixes = ("_bucket", "_count", "_sum") if row["type"] == "histogram" else ("",)
        metrics.update({row["name"] + suffix: labels for suffix in suffixes})
    return metrics


class Share(unittest.TestCase):
    def check(self, text):
        metrics = documented()
        used = re.findall(r"\b(sluice_\w+)(?:\{([^}]*)\})?", text)
        self.assertTrue(used)
        for name, selector in used:
            self.assertIn(name, metrics, text)
            for label in re.findall(r"(\w+)\s*(?:=~|=|!=|!~)", selector):
                self.assertIn(label, metrics[name], text)
        return {name for name, _ in used}

    def test_the_dashboard_draws_metrics_that_there_are(self):
        dashboard = json.loads((SHARE / "grafana" / "sluice.json").read_text())
        for panel in dashboard["panels"]:
            self.assertTrue(panel["targets"], panel["title"])
            for target in panel["targets"]:
                self.check(target["expr"])
        ids = [panel["id"] for panel in dashboard["panels"]]
        self.assertEqual(len(ids), len(set(ids)))

    def test_the_alerts_watch_metrics_that_there_are(self):
        rules = (SHARE / "prometheus" / "sluice.rules.yml").read_text()
        used = self.check("\n".join(re.findall(r"^ *expr: (.*)$", rules, re.M)))
        self.assertIn("sluice_degraded", used)


if __name__ == "__main__":
    unittest.main()
