#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The status page, opened in Chromium: its numbers are those of the status document, on a phone and on
a desk; it follows the node, and says when that is gone.

    status_page_test.py --screenshot FILE      writes the picture of the documents instead
"""

import base64
import json
import os
import pathlib
import re
import signal
import sys
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))
from chromium import DESKTOP, PHONE, open_browser, set_size, why_missing
from sluice_home import (CONFIG, DEADLINE_SECONDS, TEST_PLUGINS, Home, block, require, set_op,
                         wait_until)

# One sink that is level, one that refuses with a long text, one that is behind for ever.
CONFIG = CONFIG.replace('kind = "replay"', 'kind = "replay"\n[driver.replay]\npath = "in.jsonl"\n')
CONFIG = CONFIG.replace('policy = "all"', 'policy = "1 of (audit, search)"')
CONFIG += f"""
[sinks.search]
plugin = "{TEST_PLUGINS}/rejects_height.so"
[sinks.warehouse]
plugin = "{TEST_PLUGINS}/never_acks.so"
ack = false
[admin]
metrics_listen = "127.0.0.1:0"
"""
PICTURE_CONFIG = CONFIG.replace(f'"{TEST_PLUGINS}/rejects_height.so"',
                                '"file"\nsettings = { path = "data/search" }')


def number(value):
    return f"{value:,}"


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        require(why_missing())
        cls.browser = open_browser()
        cls.addClassCleanup(cls.browser.quit)

    def setUp(self):
        self.home = Home(CONFIG)
        self.addCleanup(self.home.close)
        self.input = self.home.path / "in.jsonl"
        self.input.write_text("")
        self.feed(1, 1200)
        self.node = self.home.start()
        status = wait_until("height 1200", lambda: self.at_height(1200))
        self.url = f"http://{status['metrics_address']}/"

    def feed(self, first, last):
        with open(self.input, "a") as out:
            for height in range(first, last + 1):
                out.write(block(height, set_op("orders", f"o-{height % 50}", "x" * 100)) + "\n")

    def at_height(self, height):
        status = self.home.running_status()
        settled = status and status["height"] == height and all(
            sink["lifecycle"] != "initializing" for sink in status["sinks"])
        return status if settled and not status["commit"]["waiting_on"] else None

    def status(self):
        with urllib.request.urlopen(self.url + "v1/status", timeout=DEADLINE_SECONDS) as answer:
            return json.load(answer)

    def open(self, size):
        set_size(self.browser, size)
        self.browser.get_log("browser")  # what a page before this one said
        self.browser.get(self.url)
        wait_until("the page shows sinks", lambda: len(self.shown()["sinks"]) == 3)

    def shown(self):
        """What the page says, by its own marks."""
        return self.browser.execute_script("""
            const text = node => node.innerText.trim();
            const cells = row => Object.fromEntries(
                [...row.querySelectorAll("td")].map(cell =>
                    [cell.dataset.name, text(cell.querySelector("span"))]));
            return {
              title: text(document.getElementById("title")),
              gone: document.getElementById("gone").hidden ? null :
                    text(document.getElementById("gone")),
              says: [...document.querySelectorAll("#says p")].map(text),
              facts: Object.fromEntries([...document.querySelectorAll("#facts div")].map(fact =>
                  [text(fact.querySelector("dt")), text(fact.querySelector("dd"))])),
              sinks: Object.fromEntries([...document.querySelectorAll("#sinks tr")].map(row =>
                  [row.dataset.sink, cells(row)])),
              plots: [...document.querySelectorAll(".plot")].map(text),
              meter: [...document.querySelectorAll("meter")].map(m => [m.max, m.value]),
            };""")

    def assert_no_sideways_scrolling(self):
        sizes = self.browser.execute_script("""
            const wide = [...document.querySelectorAll("body *")].filter(
                node => node.scrollWidth > node.clientWidth + 1 &&
                        getComputedStyle(node).overflowX !== "visible");
            return [document.documentElement.scrollWidth, document.documentElement.clientWidth,
                    wide.map(node => node.className || node.tagName)];""")
        self.assertLessEqual(sizes[0], sizes[1])
        self.assertEqual(sizes[2], [], "nor does any part of it")

    def compare(self):
        # Both of one moment: nothing that is compared changes while no block comes.
        status, shown = self.status(), self.shown()
        self.assertIsNone(shown["gone"])
        self.assertEqual(shown["title"], f"demo at height {number(status['height'])}")
        facts = shown["facts"]
        self.assertEqual(facts["version"], status["version"])
        self.assertEqual(facts["epoch"], number(status["epoch"]))
        self.assertEqual(facts["journaled"], number(status["journaled_height"]))
        self.assertEqual(facts["policy"], status["commit"]["policy_text"])
        self.assertEqual(facts["waiting on"], "nobody")
        self.assertEqual(set(shown["sinks"]), {sink["name"] for sink in status["sinks"]})
        for sink in status["sinks"]:
            row = shown["sinks"][sink["name"]]
            state = sink["lifecycle"] + (f" ({sink['reason']})" if sink["reason"] else "")
            self.assertEqual(row["state"], state)
            self.assertEqual(row["plugin"], f"{sink['plugin']} {sink['plugin_version']}")
            self.assertEqual(row["counts"], "yes" if sink["counted"] else "no")
            self.assertEqual(row["mode"], sink["mode"])
            self.assertEqual(row["watermark"], number(sink["watermark"]))
            self.assertEqual(row["retries"], number(sink["retries"]))
            self.assertRegex(row["lag"], rf"^{number(sink['lag_blocks'])}( blocks, |$)")
            if sink["last_error"]:
                self.assertIn(sink["last_error"]["text"], row["last error"])
            else:
                self.assertEqual(row["last error"], "–")
        journal = status["journal"]
        self.assertEqual(shown["meter"], [[journal["max_bytes"], journal["bytes"]]])
        self.assertIn(f"heights {number(journal['first'])} to {number(journal['last'])}",
                      shown["plots"][3])
        return status

    def test_on_a_desk_it_shows_the_numbers_of_the_status_document(self):
        self.open(DESKTOP)
        status = self.compare()
        self.assertEqual({sink["name"]: sink["reason"] for sink in status["sinks"]},
                         {"audit": "", "search": "rejected", "warehouse": ""})
        self.assertGreater(status["sinks"][2]["lag_blocks"], 1000)
        self.assert_no_sideways_scrolling()
        complaints = [entry for entry in self.browser.get_log("browser")
                      if entry["level"] == "SEVERE"]
        self.assertEqual(complaints, [])

    def test_on_a_phone_all_of_it_is_read_without_scrolling_sideways(self):
        self.open(PHONE)
        self.compare()
        self.assert_no_sideways_scrolling()
        smallest = self.browser.execute_script("""
            return Math.min(...[...document.querySelectorAll("td span, dd, dt")].map(
                node => parseFloat(getComputedStyle(node).fontSize)));""")
        self.assertGreaterEqual(smallest, 12, "to be read without zooming")

    def test_it_follows_the_node_and_says_when_it_is_gone(self):
        self.open(DESKTOP)
        self.browser.execute_script("window.loadedOnce = true;")
        self.feed(1201, 1300)
        wait_until("the page follows", lambda: self.shown()["title"] == "demo at height 1,300")
        wait_until("the blocks are plotted", lambda: self.browser.execute_script("""
            const heights = document.querySelector(".plot path").getAttribute("d").match(/ [0-9.]+/g);
            return new Set(heights).size > 1;"""))
        for title in ("Blocks a second", "Commit", "Gate", "Journal"):
            self.assertTrue(any(plot.startswith(title + ":") for plot in self.shown()["plots"]))
        self.node.send_signal(signal.SIGTERM)
        self.assertEqual(self.node.wait(DEADLINE_SECONDS), 0)
        gone = wait_until("the page says that the node is gone", lambda: self.shown()["gone"])
        self.assertRegex(gone, r"^The node does not answer \(.+\); what is below is old\.$")
        self.assertIn("audit", self.shown()["sinks"])
        self.assertTrue(self.browser.execute_script("return window.loadedOnce;"))


def write_picture(path):
    require(why_missing())
    test = PageTest()
    global CONFIG
    CONFIG = PICTURE_CONFIG
    PageTest.browser = open_browser()
    try:
        test.setUp()
        # A few seconds of a node at work, so that the plots have something to show.
        height = 1200
        test.open((1200, 500))
        while "up to" not in (plots := test.shown()["plots"])[0] or samples(plots[0]) < 20:
            test.feed(height + 1, height + 40)
            height += 40
            wait_until("the page follows", lambda: test.at_height(height))
        picture = PageTest.browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        pathlib.Path(path).write_bytes(base64.b64decode(picture["data"]))
    finally:
        test.doCleanups()
        PageTest.browser.quit()


def samples(plot):
    return int(re.search(r", (\d+) s", plot).group(1))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--screenshot"]:
        write_picture(sys.argv[2])
    else:
        unittest.main(verbosity=1)
