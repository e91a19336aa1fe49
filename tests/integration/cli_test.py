#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The sluice command as an operator meets it: the first hour, every exit code, every wrong turn."""

import gzip
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from sluice_home import (CONFIG, DEADLINE_SECONDS, SLUICE, TEST_PLUGINS, Home, block, delete_op,
                         environment, run, set_op, wait_until)

GOLDEN = pathlib.Path(os.environ["SLUICE_SOURCE_DIR"]) / "tests" / "data" / "golden"

BLOCKS = [
    block(1, set_op("orders", "o-1", "41"), set_op("main", "a", "x")),
    block(2, set_op("orders", "o-1", "42"), set_op("orders", "o-2", "7")),
    block(3, delete_op("main", "a"), set_op("orders", "o-3", "")),
]


class CliTest(unittest.TestCase):
    def home(self, config=CONFIG):
        home = Home(config)
        self.addCleanup(home.close)
        return home

    def filled(self, config=CONFIG):
        home = self.home(config)
        self.ok(home.run("replay", home.write("blocks.jsonl", BLOCKS)))
        return home

    def ok(self, outcome):
        self.assertEqual(outcome.code, 0, outcome)
        return outcome

    def fails(self, outcome, code, *said):
        self.assertEqual(outcome.code, code, outcome)
        # sluice: what failed: on what: what to do
        for line in outcome.err.splitlines():
            if re.match(r"\[?\d{4}-", line):
                continue  # the log
            self.assertRegex(line, r"^sluice: (warning: )?\S.*\S: \S", outcome)
        for text in said:
            self.assertIn(text, outcome.err, outcome)
        return outcome


class FirstHour(CliTest):
    def test_init_to_verify_as_documented(self):
        home = self.home(None)
        wrote = self.ok(home.run("init"))
        self.assertIn("app.toml", wrote.out)
        config = home.path / "config" / "app.toml"
        self.ok(home.run("config", "check"))
        # The operator edits: a window of their own.
        text = config.read_text()
        self.assertIn("[stores]", text)
        show = self.ok(home.run("config", "show", "--json")).json()
        store = show["values"]["stores"]["names"][0]
        sink = next(iter(show["values"]["sinks"]))
        self.ok(home.run("config", "check", env={"SLUICE_COMMIT__WINDOW": "4"}))
        lines = [json.dumps(set_op(store, f"k-{i}", str(i))) for i in range(250)]
        done = self.ok(home.run("replay", home.write("data.jsonl", lines), "--json")).json()
        self.assertEqual(done["blocks"], 3)
        self.assertEqual(done["changes"], 250)
        self.assertEqual(done["sinks"][sink]["watermark"], 3)
        status = self.ok(home.run("status"))
        self.assertIn("height 3", status.out)
        self.assertIn("stopped", status.out)
        self.assertEqual(self.ok(home.run("store", "get", store, "k-7")).out, "7\n")
        stream = home.path / show["values"]["sinks"][sink]["settings"]["path"]
        dump = self.ok(run("stream", "dump", stream)).json_lines()
        self.assertEqual(sum("op" in line for line in dump), 250)
        checked = self.ok(run("stream", "verify", stream, "--json")).json()
        self.assertEqual((checked["first"], checked["last"]), (1, 3))
        self.assertEqual(checked["digest"], done["digest"])
        self.assertTrue(checked["ok"] and checked["digest_checked"])
        verified = self.ok(home.run("verify", "--sink", sink, "--json")).json()
        self.assertTrue(verified["equal"] and verified["complete"] and verified["digest_checked"])
        self.assertEqual(verified["stores"][store]["keys"], 250)
        self.assertEqual(verified["digest"], done["digest"])

    def test_init_writes_yaml_too_and_never_over_a_configuration(self):
        home = self.home(None)
        self.ok(home.run("init", "--format", "yaml"))
        self.ok(home.run("config", "check"))
        self.fails(home.run("init"), 1, "there is a configuration already")

    def test_home_is_taken_before_and_after_the_name_and_from_the_environment(self):
        home = self.filled()
        self.ok(run("--home", home.path, "store", "list"))
        self.ok(run("store", "--home", home.path, "list"))
        self.ok(run("store", "list", "--home", home.path))
        self.ok(run("store", "list", env={"SLUICE_HOME": str(home.path)}))
        self.ok(run("store", "list", cwd=home.path))
        self.ok(run("--home", home.path, "store", "list", env={"SLUICE_HOME": "/nowhere"}))

    def test_replay_again_skips_what_is_there(self):
        home = self.filled()
        again = self.ok(home.run("replay", home.root / "blocks.jsonl", "--json")).json()
        self.assertEqual((again["blocks"], again["skipped"], again["height"]), (0, 3, 3))


class Reading(CliTest):
    def test_store_commands(self):
        home = self.filled()
        self.assertEqual(self.ok(home.run("store", "list", "--json")).json_lines(),
                         [{"store": "main", "keys": 0}, {"store": "orders", "keys": 3}])
        self.assertEqual(self.ok(home.run("store", "count", "orders")).out, "3\n")
        self.assertEqual(self.ok(home.run("store", "count", "orders", "--json")).json(),
                         {"store": "orders", "keys": 3})
        self.assertEqual(self.ok(home.run("store", "get", "orders", "o-1", "--json")).json(),
                         {"key": "o-1", "value": "42"})
        self.assertEqual(self.ok(home.run("store", "get", "orders", "o-3")).out, "\n")
        self.assertEqual(
            self.ok(home.run("store", "get", "orders", "by0x", "--key-base64")).out, "42\n")
        scan = home.run("store", "scan", "orders", "--prefix", "o-", "--limit", "2", "--json")
        self.assertEqual(self.ok(scan).json_lines(),
                         [{"key": "o-1", "value": "42"}, {"key": "o-2", "value": "7"}])

    def test_bytes_that_are_no_text_are_base64(self):
        home = self.home()
        line = json.dumps({"op": "set", "store": "main", "key_base64": "/wA=",
                           "value_base64": "gIE="})
        self.ok(home.run("replay", home.write("b.jsonl", [line])))
        self.assertEqual(self.ok(home.run("store", "scan", "main", "--json")).json(),
                         {"key_base64": "/wA=", "value_base64": "gIE="})
        raw = subprocess.run([SLUICE, "--home", home.path, "store", "get", "main", "/wA=",
                              "--key-base64"], capture_output=True, env=environment(), check=True)
        self.assertEqual(raw.stdout, b"\x80\x81\n")

    def test_absent_key_and_unknown_store(self):
        home = self.filled()
        self.fails(home.run("store", "get", "orders", "nope"), 1, "orders", "nope")
        self.fails(home.run("store", "get", "order", "o-1"), 2, "did you mean 'orders'?")
        self.fails(home.run("store", "get", "orders", "?", "--key-base64"), 2, "base64")

    def test_a_home_that_was_never_started(self):
        home = self.home()
        self.fails(home.run("store", "list"), 1, "start the node once")
        status = self.ok(home.run("status", "--json")).json()
        self.assertEqual((status["running"], status["height"]), (False, 0))

    def test_status_of_a_stopped_home_has_the_stable_keys(self):
        home = self.filled()
        status = self.ok(home.run("status", "--json")).json()
        self.assertEqual(keys_of(status), json.loads((GOLDEN / "status_keys.json").read_text()))
        self.assertFalse(status["running"])
        self.assertEqual((status["height"], status["journaled_height"]), (3, 3))
        self.assertEqual(status["sinks"][0]["lifecycle"], "stopped")
        self.assertEqual(status["sinks"][0]["watermark"], 3)

    def test_journal(self):
        home = self.filled()
        rows = self.ok(home.run("journal", "list", "--json")).json_lines()
        self.assertEqual([row["height"] for row in rows], [1, 2, 3])
        self.assertTrue(all(row["committed"] for row in rows))
        self.assertEqual(rows[0]["why"], "journal.retain_blocks")
        self.assertEqual(rows[2]["digest"], self.ok(home.run("status", "--json")).json()["digest"])
        verified = self.ok(home.run("journal", "verify", "--json")).json()
        self.assertEqual((verified["first"], verified["last"], verified["ok"]), (1, 3, True))

    def test_plugin_inspect(self):
        home = self.home()
        plugin = self.ok(home.run("plugin", "inspect", "file", "--json")).json()
        self.assertEqual((plugin["id"], plugin["loadable"]), ("file", True))
        self.assertIn("path", [row["name"] for row in plugin["settings"]])
        self.ok(home.run("plugin", "inspect", plugin["path"]))
        self.fails(home.run("plugin", "inspect", "nothing"), 3, "nothing")
        self.fails(home.run("plugin", "inspect", TEST_PLUGINS / "no_entry.so"), 3)

    def test_status_keys_of_stopped_and_running_are_the_same_and_a_closed_pipe_is_quiet(self):
        home = self.home()
        lines = [json.dumps(set_op("main", f"{i:06}", "v" * 100)) for i in range(3000)]
        self.ok(home.run("replay", home.write("many.jsonl", lines)))
        piped = subprocess.run(f"'{SLUICE}' --home '{home.path}' store scan main | head -1",
                               shell=True, capture_output=True, env=environment(),
                               timeout=DEADLINE_SECONDS)
        self.assertEqual((piped.returncode, piped.stderr), (0, b""))
        self.assertEqual(piped.stdout.count(b"\n"), 1)

    def test_an_answer_that_cannot_be_written_is_a_failure(self):
        home = self.filled()
        with open("/dev/full", "wb") as full:
            done = subprocess.run([SLUICE, "--home", home.path, "store", "list"], stdout=full,
                                  stderr=subprocess.PIPE, env=environment())
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"standard output", done.stderr)


class Streams(CliTest):
    def segment(self, home):
        return next((home.path / "data" / "stream").glob("*.seg"))

    def test_dump_is_what_went_in(self):
        home = self.filled()
        lines = self.ok(run("stream", "dump", home.path / "data" / "stream")).json_lines()
        self.assertEqual(lines[0], {"stream": "demo", "height": 1, "tx": 0, "seq": 0, "op": "set",
                                    "store": "orders", "key": "o-1", "value": "41"})
        closing = [line for line in lines if "op" not in line]
        self.assertEqual([line["changes"] for line in closing], [2, 2, 2])
        self.assertEqual(closing[-1]["digest"],
                         self.ok(home.run("status", "--json")).json()["digest"])
        deletes = [line for line in lines if line.get("op") == "delete"]
        self.assertEqual([set(line) for line in deletes],
                         [{"stream", "height", "tx", "seq", "op", "store", "key"}])

    def test_dump_of_a_range_is_inclusive(self):
        home = self.filled()
        stream = home.path / "data" / "stream"
        lines = self.ok(run("stream", "dump", stream, "--from", "2", "--to", "2")).json_lines()
        self.assertEqual({line["height"] for line in lines}, {2})
        self.fails(run("stream", "dump", stream, "--from", "3", "--to", "2"), 2, "--from")

    def test_a_torn_tail_is_normal(self):
        home = self.filled()
        segment = self.segment(home)
        with open(segment, "ab") as out:
            out.write(b"torn")
        dump = self.ok(run("stream", "dump", segment.parent))
        self.assertEqual(sum(1 for line in dump.json_lines() if "op" not in line), 3)
        self.assertIn('"torn_bytes":4', dump.err)
        checked = self.ok(run("stream", "verify", segment.parent, "--json")).json()
        self.assertEqual((checked["torn_bytes"], checked["last"], checked["ok"]), (4, 3, True))

    def test_damage_names_file_and_offset(self):
        home = self.filled()
        segment = self.segment(home)
        data = bytearray(segment.read_bytes())
        data[len(data) // 2] ^= 1
        segment.write_bytes(data)
        checked = run("stream", "verify", segment.parent, "--json")
        self.fails(checked, 1, str(segment), "at byte")
        self.assertFalse(checked.json()["ok"])
        self.assertEqual(checked.json()["error"]["file"], str(segment))
        self.fails(run("stream", "dump", segment.parent), 1, "at byte")
        self.fails(home.run("verify", "--sink", "audit"), 1, "audit", "at byte")

    def test_jsonl_streams_are_read_but_their_digests_cannot_be_computed(self):
        home = self.filled(CONFIG.replace("fsync = true", 'fsync = true, format = "jsonl"'))
        stream = home.path / "data" / "stream"
        checked = self.ok(run("stream", "verify", stream, "--json")).json()
        self.assertEqual((checked["frames"], checked["digest_checked"]), (3, False))
        self.assertEqual(self.ok(run("stream", "dump", stream)).out,
                         "".join(p.read_text() for p in sorted(stream.glob("*.jsonl"))))
        verified = self.ok(home.run("verify", "--sink", "audit", "--json")).json()
        self.assertTrue(verified["equal"])
        self.assertFalse(verified["digest_checked"])

    def test_a_changed_value_is_found_by_verify(self):
        home = self.filled(CONFIG.replace("fsync = true", 'fsync = true, format = "jsonl"'))
        path = next((home.path / "data" / "stream").glob("*.jsonl"))
        path.write_text(path.read_text().replace('"value":"42"', '"value":"43"'))
        outcome = home.run("verify", "--sink", "audit", "--json")
        self.assertEqual(outcome.code, 1, outcome)
        report = outcome.json()
        self.assertFalse(report["equal"])
        self.assertEqual(report["stores"]["orders"]["different"], 1)
        self.assertEqual(report["examples"], [{"kind": "different", "store": "orders",
                                               "key": "o-1", "expected": "42", "found": "43"}])

    def test_a_filtered_sink_is_compared_as_far_as_it_goes(self):
        home = self.filled(CONFIG + 'stores = ["orders"]\n')
        report = self.ok(home.run("verify", "--sink", "audit", "--json")).json()
        self.assertEqual((report["equal"], report["complete"], report["from"]), (True, False, 1))
        self.assertEqual(report["stores"]["orders"]["keys"], 3)
        checked = self.ok(run("stream", "verify", home.path / "data" / "stream", "--json")).json()
        self.assertFalse(checked["digest_checked"])

    def test_more_than_verify_holds_at_once_is_rebuilt_in_parts(self):
        # It holds 256 MiB of keys and values; these are 280: it reads the sink once for each part.
        home = self.home(CONFIG.replace("fsync = true", 'fsync = false, compression = "zstd"')
                         .replace("[commit]", '[commit]\nlevel = "received"'))
        path = home.root / "large.jsonl.gz"
        with gzip.open(path, "wt", compresslevel=1) as out:
            for number in range(70):
                value = f"{number:04}" * (1 << 20)
                out.write(json.dumps(set_op("main", f"k-{number % 69}", value)) + "\n")
        self.ok(home.run("replay", path, "--block-txs", "5"))
        report = self.ok(home.run("verify", "--sink", "audit", "--json")).json()
        self.assertTrue(report["equal"] and report["complete"] and report["digest_checked"])
        self.assertEqual(report["stores"]["main"]["keys"], 69)

    def test_no_stream_there(self):
        self.fails(run("stream", "dump", "/nowhere/stream"), 1, "/nowhere/stream")
        home = self.filled()
        for command in ("dump", "verify"):
            self.fails(run("stream", command, home.path / "config"), 1, "no stream is there",
                       "FENCE", ".seg")
        checked = run("stream", "verify", home.path / "config", "--json")
        self.assertEqual((checked.code, checked.json()["ok"]), (1, False))
        self.fails(home.run("verify", "--sink", "adit"), 2, "did you mean 'audit'?")


OF_ANY_SHAPE = ("settings", "metrics", "last_error", "last_halt")


def keys_of(value):
    """The shape of a document: objects as their keys, lists as the shape of their first element."""
    if isinstance(value, dict):
        if set(value) == {"path", "fsync"} or not value:
            return "object"
        return {key: keys_of(inner) for key, inner in value.items()
                if key not in OF_ANY_SHAPE} | {key: "any" for key in OF_ANY_SHAPE if key in value}
    if isinstance(value, list):
        return "list" if not value or not isinstance(value[0], dict) else [keys_of(value[0])]
    return "value"


class Running(CliTest):
    FOLLOW = CONFIG.replace('kind = "replay"',
                            'kind = "replay"\n[driver.replay]\npath = "in.jsonl"\n')

    def running(self, blocks=()):
        home = self.home(self.FOLLOW)
        (home.path / "in.jsonl").write_text("".join(line + "\n" for line in blocks))
        process = home.start()
        wait_until("the node answers", home.running_status)
        return home, process

    def height(self, home, height):
        def reached():
            status = home.running_status()
            return status if status and status["height"] >= height else None
        return wait_until(f"height {height}", reached)

    def test_start_follows_a_growing_file_until_it_is_stopped(self):
        home, process = self.running(BLOCKS[:1])
        self.height(home, 1)
        with open(home.path / "in.jsonl", "a") as out:
            out.write(BLOCKS[1] + "\n")
        status = self.height(home, 2)
        self.assertEqual(keys_of(status), json.loads((GOLDEN / "status_keys.json").read_text()))
        self.assertEqual(status["sinks"][0]["lifecycle"], "running")
        self.assertIn("running", self.ok(home.run("status")).out)
        self.assertEqual(self.ok(home.run("store", "get", "orders", "o-1")).out, "42\n")
        self.ok(home.run("verify", "--sink", "audit"))
        self.ok(home.run("journal", "verify"))
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(DEADLINE_SECONDS), 0, home.log())
        self.assertFalse((home.path / "data" / "admin.sock").exists())
        status = self.ok(home.run("status", "--json")).json()
        self.assertEqual((status["running"], status["height"]), (False, 2))

    def test_the_admin_socket_is_the_owners_only_and_speaks_http(self):
        home, _ = self.running()
        socket = home.path / "data" / "admin.sock"
        self.assertEqual(socket.stat().st_mode & 0o777, 0o600)
        import http.client
        import socket as sockets

        class Connection(http.client.HTTPConnection):
            def connect(self):
                self.sock = sockets.socket(sockets.AF_UNIX)
                self.sock.connect(str(socket))
        connection = Connection("localhost")
        for path, code in [("/healthz", 200), ("/v1/status", 200), ("/nothing", 404)]:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            self.assertEqual(answer.status, code)
        connection.request("POST", "/v1/status", body="x")
        self.assertEqual(connection.getresponse().status, 405)

    def test_two_nodes_on_one_home(self):
        home, process = self.running(BLOCKS)
        self.height(home, 3)
        self.fails(home.run("start"), 1, "in use", str(process.pid))
        self.assertIsNone(process.poll())
        self.assertIsNotNone(home.running_status())

    def test_a_killed_node_leaves_a_socket_that_the_next_one_replaces(self):
        home, process = self.running(BLOCKS)
        self.height(home, 3)
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.assertTrue((home.path / "data" / "admin.sock").exists())
        self.assertFalse(self.ok(home.run("status", "--json")).json()["running"])
        home.start()
        self.height(home, 3)

    def test_status_while_a_sink_is_awaited_and_the_second_signal_ends_at_once(self):
        config = self.FOLLOW.replace('plugin = "file"',
                                     f'plugin = "{TEST_PLUGINS}/never_acks.so"').replace(
            'settings = { path = "data/stream", fsync = true }', "").replace(
            'recover_timeout = "2s"', 'on_failure = "wait"')
        home = self.home(config)
        (home.path / "in.jsonl").write_text(BLOCKS[0] + "\n")
        process = home.start()

        def waiting():
            status = home.running_status()
            # Before any block is taken, the start waits for the sink in the same way.
            return (status and status["commit"]["waiting_on"] == ["audit"]
                    and status["journaled_height"] == 1 and status)
        self.assertEqual(wait_until("the gate waits", waiting)["height"], 0)
        process.send_signal(signal.SIGTERM)
        wait_until("the signal is seen", lambda: "a second one" in home.log())
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(DEADLINE_SECONDS), 128 + signal.SIGTERM, home.log())
        status = self.ok(home.run("status", "--json")).json()
        self.assertEqual((status["height"], status["journaled_height"]), (0, 1))


class WrongTurns(CliTest):
    def test_usage(self):
        for args in (["frobnicate"], [], ["store"], ["store", "get", "orders"], ["status", "--no"],
                     ["store", "scan", "orders", "--limit", "x"]):
            self.fails(run(*args), 2, "--help")

    def test_help_has_an_example_for_every_command(self):
        for args in (["init"], ["start"], ["replay"], ["status"], ["verify"], ["bench"],
                     ["config", "check"], ["config", "show"], ["config", "reference"],
                     ["store", "list"], ["store", "get"], ["store", "scan"], ["store", "count"],
                     ["stream", "dump"], ["stream", "verify"], ["journal", "list"],
                     ["journal", "verify"], ["plugin", "inspect"]):
            self.assertIn("Example:\n  sluice ", self.ok(run(*args, "--help")).out)
        self.assertRegex(self.ok(run("--version")).out, r"^sluice \d+\.\d+\.\d+\n$")

    def test_no_home_and_no_configuration(self):
        self.fails(run("--home", "/nowhere", "start"), 2, "sluice init")
        self.fails(run("--home", "/nowhere", "config", "check"), 2, "sluice init")

    def test_configuration_problems_are_all_named_at_once(self):
        wrong = CONFIG.replace("window", "window").replace(
            '[commit]', '[commit]\nwindwo = 3\nack_timeout = 2').replace(
            'fsync = true', 'fsink = true')
        home = self.home(wrong)
        checked = self.fails(home.run("config", "check"), 2, "commit.windwo", "window",
                             "commit.ack_timeout", "fsink", "fsync")
        self.assertRegex(checked.err, r"app\.toml:\d+:\d+: ")
        problems = home.run("config", "check", "--json")
        self.assertEqual(problems.code, 2)
        self.assertGreaterEqual(len(problems.json()["problems"]), 3)
        self.assertEqual(problems.json()["problems"][0]["file"], "app.toml")
        self.fails(home.run("start"), 2, "commit.windwo")
        self.assertFalse((home.path / "data").exists())

    def test_a_setting_with_which_the_sink_cannot_give_the_level(self):
        cannot = CONFIG.replace("fsync = true", "fsync = false")
        home = self.home(cannot)
        for command in (["config", "check"], ["replay", "-"]):
            said = self.fails(home.run(*command), 2, "sinks.audit.settings.fsync", "'received'",
                              "commit.level asks for 'durable'", "lower commit.level").err
            self.assertRegex(said, r"app\.toml:\d+:\d+: sinks\.audit\.settings\.fsync: with false ")
        self.assertFalse((home.path / "data").exists())
        self.ok(home.run("config", "check", env={"SLUICE_COMMIT__LEVEL": "received"}))
        # Whom the policy does not name it does not wait for.
        home.configure(cannot + 'ack = false\n[sinks.other]\nplugin = "file"\n'
                       'settings = { path = "data/other" }\n')
        self.ok(home.run("config", "check"))
        home.configure(cannot.replace('"all"', '"fire-and-forget"'))
        self.ok(home.run("config", "check"))

    def test_one_mistake_gives_one_message(self):
        for policy in ("all", "1 of (audit)"):
            home = self.home(CONFIG.replace("[sinks.audit]", "[sink.audit]").replace("all", policy))
            said = self.fails(home.run("config", "check"), 2, 'did you mean "sinks"?').err
            self.assertEqual(said.count("\n"), 1, said)
        home = self.home(CONFIG.replace("[sinks.audit]", "[sinks.Audit]"))
        said = self.fails(home.run("config", "check"), 2, "expected a name").err
        self.assertEqual(said.count("\n"), 1, said)

    def test_a_quote_that_is_not_closed(self):
        home = self.home(CONFIG.replace('path = "data/stream"', 'path = "s3cret'))
        said = self.fails(home.run("config", "check"), 2, "app.toml:13:", "is not closed",
                          "the line is: settings = …").err
        self.assertNotIn("s3cret", said)

    def test_a_policy_that_names_nobody(self):
        home = self.home(CONFIG.replace('"all"', '"1 of (adit)"'))
        self.fails(home.run("config", "check"), 2, "adit", "audit")
        self.fails(home.run("replay", "-"), 2, "adit")

    def test_a_warning_where_sync_is_off(self):
        home = self.home(CONFIG.replace("[commit]", "[commit]\nsync = false"))
        self.assertIn("commit.sync", self.ok(home.run("config", "check")).err)

    def test_a_library_that_is_not_there(self):
        home = self.home(CONFIG.replace('plugin = "file"', 'plugin = "nothing"'))
        said = self.fails(home.run("config", "check"), 3, "nothing").err
        self.assertRegex(said, r"^sluice: app\.toml:\d+:10: sinks\.audit\.plugin: plugin nothing: ")
        self.assertNotIn("did you mean", said)
        self.fails(home.run("replay", "-"), 3, "nothing", "app.toml:")
        mistyped = self.home(CONFIG.replace('plugin = "file"', 'plugin = "fiel"'))
        self.fails(mistyped.run("config", "check"), 3, "did you mean 'file'?")
        shown = self.ok(home.run("config", "show", "--json")).json()
        self.assertNotIn("data/stream", json.dumps(shown["values"]["sinks"]))

    def test_an_admin_address_that_cannot_be(self):
        home = self.home(CONFIG + '[admin]\nlisten = "0.0.0.0:7399"\n')
        self.fails(home.run("config", "check"), 2, "admin.listen", "admin.token")
        self.fails(home.run("replay", "-"), 2, "admin.listen")
        home = self.home(CONFIG + f'[admin]\nlisten = "unix:{"x" * 120}"\n')
        self.fails(home.run("replay", "-"), 2, "107 bytes")

    def test_config_show_and_reference(self):
        home = self.home()
        text = self.ok(home.run("config", "show")).out
        self.assertIn("a height commits when", text)
        self.assertIn('policy = "all"', text)
        shown = self.ok(home.run("config", "show", "--json")).json()
        self.assertEqual(shown["values"]["commit"]["policy"], "all")
        self.assertIn("app.toml", shown["origins"]["commit.policy"])
        self.assertIn("commit.ack_timeout", self.ok(run("config", "reference")).out)
        keys = [row["key"] for row in self.ok(run("config", "reference", "--json")).json()]
        self.assertIn("commit.window", keys)

    def test_wrong_blocks_commit_what_came_before_them(self):
        for bad in ('{"height":3,"txs":', block(5), block(3, set_op("nostore", "k", "v")),
                    block(3, set_op("main", "", "v"))):
            home = self.home()
            path = home.write("b.jsonl", BLOCKS[:2] + [bad])
            self.fails(home.run("replay", path), 1, f"{path}:3:")
            self.assertEqual(self.ok(home.run("status", "--json")).json()["height"], 2)

    def test_sinks_get_what_was_committed_before_wrong_blocks(self):
        slow = CONFIG.replace('"all"', '"fire-and-forget"').replace(
            'plugin = "file"\nsettings = { path = "data/stream", fsync = true }',
            f'plugin = "{TEST_PLUGINS}/slow.so"\nsettings = {{ delay_ms = 20 }}\n')
        home = self.home(slow)
        good = [block(height, set_op("main", "k", str(height))) for height in range(1, 21)]
        path = home.write("b.jsonl", good + ["no block"])
        self.fails(home.run("replay", path), 1, f"{path}:21:")
        status = self.ok(home.run("status", "--json")).json()
        self.assertEqual((status["height"], status["sinks"][0]["watermark"]), (20, 20))
        # Not for longer than it may take; the fault stays what the command ends with.
        home = self.home(slow.replace("delay_ms = 20", "delay_ms = 60000") +
                         '[lifecycle]\ndrain_timeout = "300ms"\n')
        path = home.write("b.jsonl", good + ["no block"])
        self.fails(home.run("replay", path), 1, f"{path}:21:", "sink audit is at 0", "time is up")

    def test_a_sink_that_the_policy_does_without_is_named_with_its_reason(self):
        home = self.home(CONFIG.replace('"all"', '"1 of (audit)"') +
                         f'[sinks.picky]\nplugin = "{TEST_PLUGINS}/rejects_height.so"\n'
                         "settings = { height = 2 }\n")
        blocks = home.write("b.jsonl", BLOCKS)
        text = self.ok(home.run("replay", blocks)).out
        self.assertIn("sink audit: watermark 3\n", text)
        self.assertRegex(text, r"sink picky: watermark 1, 2 behind \(suspended: rejected: .*longer "
                               r"than the column\)\n")
        done = self.ok(home.run("replay", blocks, "--json")).json()["sinks"]
        self.assertEqual(done["audit"], {"watermark": 3, "lifecycle": "running", "reason": ""})
        self.assertEqual(done["picky"]["lifecycle"], "suspended")
        self.assertRegex(done["picky"]["reason"], "^rejected: .*longer than the column$")

    def test_an_input_that_is_not_there(self):
        self.fails(self.home().run("replay", "/nowhere.jsonl"), 1, "/nowhere.jsonl")

    def test_start_without_a_source(self):
        self.fails(self.home().run("start"), 2, "driver.replay.path")

    def test_a_home_of_another_stream(self):
        home = self.filled()
        home.configure(CONFIG.replace('"demo"', '"other"'))
        self.fails(home.run("replay", "-"), 1, "'demo'", "'other'")
        self.fails(home.run("store", "list"), 1, "'demo'")

    def test_a_store_that_is_gone_from_the_configuration(self):
        home = self.filled()
        home.configure(CONFIG.replace('"main", ', ""))
        self.fails(home.run("replay", "-"), 2, "'main'")

    def new_home_on_old_sink(self, config):
        home = self.filled()
        (home.path / "data" / "db").rename(home.root / "old-db")
        home.configure(config)
        return home

    def test_a_sink_that_a_newer_epoch_has_written(self):
        home = self.new_home_on_old_sink(CONFIG)
        self.fails(home.run("replay", home.root / "blocks.jsonl"), 3, "audit", "epoch",
                   "`sluice sink repair --take-over`")

    def test_a_sink_that_is_ahead(self):
        idle = CONFIG.replace('policy = "all"', 'policy = "fire-and-forget"').replace(
            'plugin = "file"', 'plugin = "file"\nenabled = false')
        home = self.new_home_on_old_sink(idle)
        for _ in range(5):  # each start raises the epoch; the sink's is then an older one
            self.ok(home.run("replay", "-"))
        home.configure(CONFIG)
        self.fails(home.run("replay", home.root / "blocks.jsonl"), 3, "audit", "ahead", "is at 3",
                   "Backing up and restoring a home")
        # Both name the sink's place: what is equal below it is no equality.
        report = home.run("verify", "--sink", "audit", "--json")
        self.assertEqual(report.code, 1, report)
        self.assertEqual([report.json()[key] for key in ("equal", "ahead", "height", "sink_height")],
                         [False, True, 0, 3])
        text = home.run("verify", "--sink", "audit").out
        self.assertIn("NOT EQUAL at height 0", text)
        self.assertIn("the sink stands at 3, above the node", text)
        (sink,) = self.ok(home.run("status", "--json")).json()["sinks"]
        self.assertEqual((sink["lifecycle"], sink["mode"], sink["sink_height"]),
                         ("stopped", "ahead", 3))
        self.assertIn("stopped (the sink is at 3, the node at 0)", self.ok(home.run("status")).out)

    def test_a_sink_of_another_stream(self):
        home = self.new_home_on_old_sink(CONFIG.replace('"demo"', '"other"'))
        self.fails(home.run("replay", home.root / "blocks.jsonl"), 3, "audit", "demo",
                   "give the sink a place of its own")

    def test_halted_by_the_policy_and_on_record(self):
        config = CONFIG.replace('plugin = "file"',
                                f'plugin = "{TEST_PLUGINS}/never_acks.so"').replace(
            'settings = { path = "data/stream", fsync = true }', "").replace(
            'recover_timeout = "2s"', 'ack_timeout = "200ms"\non_failure = "halt"')
        home = self.home(config)
        self.fails(home.run("replay", home.write("b.jsonl", BLOCKS[:1])), 75, "audit")
        status = self.ok(home.run("status", "--json")).json()
        self.assertEqual((status["height"], status["journaled_height"]), (0, 1))
        self.assertIn("audit", status["last_halt"]["reason"])
        rows = self.ok(home.run("journal", "list", "--json")).json_lines()
        self.assertEqual([(row["height"], row["committed"], row["needed_by"]) for row in rows],
                         [(1, False, ["audit"])])


if __name__ == "__main__":
    unittest.main(verbosity=1)
