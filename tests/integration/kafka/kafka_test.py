# SPDX-License-Identifier: Apache-2.0
"""The Kafka sink on a real broker: what it creates and writes, resuming, and reading back."""

import base64
import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from kafka_cluster import SOURCE, Cluster  # noqa: E402
from kafka_support import (FollowingCase, KafkaCase, changes_of,  # noqa: E402
                           expected_changes, make_blocks, require_kafka, toml, wait_until)


def setUpModule():
    require_kafka()
    KafkaCase.cluster = Cluster().start()


def tearDownModule():
    if KafkaCase.cluster:
        KafkaCase.cluster.close()


class Changes(KafkaCase):
    def test_each_change_is_one_record_in_order(self):
        home = self.home()
        blocks = make_blocks(1, 60)
        summary = self.assertDone(home.replay(blocks)).json()
        self.assertEqual(summary["sinks"]["orders"]["watermark"], 60)
        rows = self.assertHolds(home, blocks)
        self.assertEqual({row[4]["sluice-stream"] for row in rows}, {home.stream})
        position = home.position()
        self.assertEqual((position["height"], position["digest"], position["base"]),
                         (60, summary["digest"], 0))
        last = [row for row in rows if row[4]["sluice-height"] == "59"]
        self.assertNotEqual(last[0][4]["sluice-digest"], summary["digest"])
        self.assertTrue(self.assertEqualInKafka(home)["complete"])

    def test_continues_after_a_restart_without_repeating(self):
        home = self.home()
        blocks = make_blocks(1, 45)
        self.assertDone(home.replay(blocks[:20]))
        self.assertDone(home.replay(blocks[:21]))
        self.assertDone(home.replay(blocks))
        self.assertHolds(home, blocks)
        self.assertEqualInKafka(home)

    def test_partitions_keep_the_order_of_each_key(self):
        home = self.home({"partitions": 4, "encoding": "protobuf"})
        blocks = make_blocks(1, 80, changes=20)
        self.assertDone(home.replay(blocks))
        rows = self.cluster.read_settled(home.stream, len(expected_changes(blocks)),
                                         fmt=r"%p\t%o\t%k\t%S\t%h\t\n")
        self.assertEqual({row[0] for row in rows}, {0, 1, 2, 3})
        partition_of = {}
        newest = {}
        for partition, _, key, _, headers, _ in rows:
            self.assertEqual(partition_of.setdefault(key, partition), partition)
            place = (int(headers["sluice-height"]), int(headers["sluice-seq"]))
            self.assertGreater(place, newest.get(partition, (0, 0)))
            newest[partition] = place
        self.assertEqual(len(rows), len(expected_changes(blocks)))
        self.assertEqualInKafka(home)

    def test_a_topic_a_store_has_plain_keys(self):
        home = self.home({"topic": "place"})
        home.settings["topic"] = home.stream + ".{store}"
        text = (home.path / "config" / "app.toml").read_text()
        home.configure(text.replace('"place"', json.dumps(home.settings["topic"])))
        blocks = make_blocks(1, 30)
        self.assertDone(home.replay(blocks))
        for store in ("main", "orders"):
            expected = expected_changes(blocks, store)
            rows = self.cluster.read_settled(f"{home.stream}.{store}", len(expected))
            self.assertEqual(changes_of(rows, plain_keys=True), expected)
        self.assertEqualInKafka(home)

    def test_a_sink_of_one_store_has_plain_keys(self):
        home = self.home(sink='stores = ["orders"]')
        blocks = make_blocks(1, 30)
        self.assertDone(home.replay(blocks))
        expected = expected_changes(blocks, "orders")
        rows = self.cluster.read_settled(home.stream, len(expected))
        self.assertEqual(changes_of(rows, plain_keys=True), expected)
        report = self.assertEqualInKafka(home)
        self.assertFalse(report["complete"])

    def test_any_bytes_and_empty_values(self):
        home = self.home({"encoding": "protobuf"})
        key = base64.b64encode(b"\x00\x01\xff,=\n\t").decode()
        value = base64.b64encode(bytes(range(256))).decode()
        blocks = [{"height": 1, "txs": [{"ops": [
            {"op": "set", "store": "main", "key_base64": key, "value_base64": value},
            {"op": "set", "store": "main", "key": "empty", "value": ""}]}]}]
        self.assertDone(home.replay(blocks))
        report = self.assertEqualInKafka(home)
        self.assertEqual(report["stores"]["main"]["keys"], 2)
        sizes = self.cluster.read_settled(home.stream, 2, fmt=r"%p\t%o\t\t%S\t\t\n")
        self.assertTrue(all(row[3] > 0 for row in sizes), sizes)

    def test_two_thousand_changes_a_block_and_a_mebibyte(self):
        home = self.home({"encoding": "protobuf"})
        ops = [{"op": "set", "store": "main", "key": f"k{i}", "value": str(i)} for i in range(2000)]
        ops.append({"op": "set", "store": "main", "key": "large", "value": "x" * (1 << 20)})
        self.assertDone(home.replay([{"height": 1, "txs": [{"ops": ops}]}]))
        self.assertEqualInKafka(home)

    def test_a_value_that_is_too_large_is_refused_by_name(self):
        home = self.home()
        blocks = make_blocks(1, 3)
        blocks.append({"height": 4, "txs": [{"ops": [
            {"op": "set", "store": "main", "key": "large", "value": "x" * (8 << 20)}]}]})
        self.assertRefused(home, blocks, "message.max.bytes", "height 4")
        # What came before it is there, and nothing of it.
        self.assertHolds(home, blocks[:3])

    def test_verify_finds_what_the_topic_lacks(self):
        home = self.home()
        self.assertDone(home.replay(make_blocks(1, 9)))
        # A stranger's record in the topic is found, and said.
        self.cluster.kcat("-P", "-t", home.stream, stdin=b"strange\n")
        outcome = home.run("verify", "--sink", "orders")
        self.assertEqual(outcome.code, 1, outcome)
        self.assertIn("somebody else writes to this topic", outcome.err)


class Blocks(KafkaCase):
    def read_blocks(self, home):
        reader = SOURCE / "plugins" / "kafka" / "reader.py"
        self.assertLess(len(reader.read_text().splitlines()), 50)
        done = subprocess.run([sys.executable, reader, self.cluster.brokers, home.stream],
                              capture_output=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return [json.loads(line) for line in done.stdout.decode().splitlines()]

    def test_chunks_are_put_together_by_the_reader_in_the_documents(self):
        home = self.home({"layout": "blocks", "encoding": "protobuf", "chunk_bytes": "16KiB"})
        blocks = make_blocks(1, 11)
        blocks.append({"height": 12, "txs": [{"ops": [
            {"op": "set", "store": "main", "key": "large", "value": "x" * (3 << 20)}]}]})
        blocks += make_blocks(13, 15)
        summary = self.assertDone(home.replay(blocks)).json()
        read = self.read_blocks(home)
        self.assertEqual([b["height"] for b in read], list(range(1, 16)))
        self.assertEqual(read[-1]["digest"], summary["digest"])
        self.assertGreater(read[11]["chunks"], 100)
        self.assertTrue(all(b["digest_checked"] for b in read), read)
        self.assertTrue(self.assertEqualInKafka(home)["digest_checked"])

    def test_json_blocks_are_their_change_lines(self):
        home = self.home({"layout": "blocks"})
        blocks = make_blocks(1, 20)
        self.assertDone(home.replay(blocks))
        out = self.cluster.kcat("-C", "-e", "-q", "-t", home.stream).stdout.decode()
        lines = [json.loads(line) for line in out.splitlines()]
        changes = [line for line in lines if "op" in line]
        self.assertEqual(
            [(c["height"], c["seq"], c["tx"], c["op"], c["store"], c["key"], c.get("value"))
             for c in changes], expected_changes(blocks))
        closing = [line for line in lines if "op" not in line]
        self.assertEqual([line["height"] for line in closing], list(range(1, 21)))
        self.assertEqualInKafka(home)


class Topics(KafkaCase):
    def test_a_missing_topic_is_named_where_none_may_be_created(self):
        home = self.home({"create": False})
        self.assertRefused(
            home, make_blocks(1, 2), "--config cleanup.policy=compact",
            f"kafka-topics.sh --create --topic sluice.{home.stream}.position")

    def test_a_topic_that_is_gone_is_not_begun_anew_silently(self):
        home = self.home()
        self.assertDone(home.replay(make_blocks(1, 5)))
        other = self.home()
        other.settings["topic"] = "gone"
        # The same position, and none of its topics: as after a delete.
        position = home.position()
        position["topics"] = ["gone"]
        self.cluster.kcat("-P", "-t", f"sluice.{home.stream}.position", "-k",
                          f"{home.stream}.orders", stdin=json.dumps(position).encode())
        self.assertRefused(home, make_blocks(1, 6),
                           "topic gone is gone, although the sink stands at height 5")

    def test_records_without_a_position_are_not_written_a_second_time(self):
        home = self.home()
        blocks = make_blocks(1, 8)
        self.assertDone(home.replay(blocks[:5]))
        self.cluster.kcat("-P", "-t", f"sluice.{home.stream}.position", "-p", "0", "-K", ":", "-Z",
                          stdin=f"{home.stream}.orders:\n".encode())
        self.assertRefused(
            home, blocks, f"topic {home.stream} holds records, but there is no position of this sink, "
            f"key {home.stream}.orders")
        self.assertHolds(home, blocks[:5])
        # As docs/sinks/kafka.md says how to start over.
        self.cluster.delete_topic(home.stream)
        self.assertDone(home.replay(blocks))
        self.assertHolds(home, blocks)
        self.assertEqualInKafka(home)

    def test_a_stores_topic_that_holds_records_of_others_is_named(self):
        home = self.home({"topic": "place"})
        text = (home.path / "config" / "app.toml").read_text()
        home.configure(text.replace('"place"', json.dumps(home.stream + ".{store}")))
        blocks = [{"height": b["height"], "txs": [
            {"ops": [op for op in tx["ops"] if op["store"] == "main"]} for tx in b["txs"]]}
            for b in make_blocks(1, 4)]
        self.assertDone(home.replay(blocks))
        taken = f"{home.stream}.orders"
        self.cluster.create_topic(taken)
        self.cluster.kcat("-P", "-t", taken, stdin=b"strange\n")
        self.assertRefused(home, blocks + make_blocks(5, 6), f"topic {taken} holds records, but "
                           "there is no position of this sink")

    def test_strangers_records_in_a_stores_topic_of_ones_own_are_named_by_verify(self):
        home = self.home({"topic": "place"})
        text = (home.path / "config" / "app.toml").read_text()
        home.configure(text.replace('"place"', json.dumps(home.stream + ".{store}")))
        blocks = make_blocks(1, 12)
        self.assertDone(home.replay(blocks[:6]))
        topic = f"{home.stream}.orders"
        mine = len(self.cluster.read_settled(topic, len(expected_changes(blocks[:6], "orders"))))
        # With the sink's headers, but of somebody else.
        headers = [part for pair in (("stream", "other"), ("height", 6), ("seq", 0), ("tx", 0),
                                     ("store", "orders"), ("digest", "0" * 64))
                   for part in ("-H", f"sluice-{pair[0]}={pair[1]}")]
        self.cluster.kcat("-P", "-t", topic, "-k", "k-1", *headers, stdin=b"strange")
        # The sink goes on by its position: what others write is theirs.
        self.assertDone(home.replay(blocks))
        rows = self.cluster.read_settled(topic, len(expected_changes(blocks, "orders")) + 1)
        own = [row for row in rows if row[4]["sluice-stream"] == home.stream]
        self.assertEqual(changes_of(own, plain_keys=True), expected_changes(blocks, "orders"))
        outcome = home.run("verify", "--sink", "orders")
        self.assertEqual(outcome.code, 1, outcome)
        offset = rows[mine][1]
        self.assertIn(f"topic {topic}, partition 0, offset {offset} belongs to stream other",
                      outcome.err)

    def test_nothing_is_deleted_from_a_topic_that_is_created(self):
        home = self.home()
        self.assertDone(home.replay(make_blocks(1, 2)))
        described = self.cluster.tool("ConfigCommand", "--describe", "--entity-type", "topics",
                                      "--entity-name", home.stream)
        for setting in ("cleanup.policy=delete", "retention.ms=-1", "retention.bytes=-1"):
            self.assertIn(setting + " ", described)

    def test_verify_says_where_it_begins_once_the_beginning_is_deleted(self):
        home = self.home({"partitions": 2})
        blocks = make_blocks(1, 30, changes=20)
        self.assertDone(home.replay(blocks))
        rows = self.cluster.read_settled(home.stream, len(expected_changes(blocks)))
        # A height's records are deleted in one partition from its middle on, none in the other.
        ninth = [row for row in rows if row[0] == 1 and row[4]["sluice-height"] == "9"]
        self.assertGreater(len(ninth), 1)
        self.cluster.delete_records(home.stream, 1, ninth[1][1])
        report = self.assertEqualInKafka(home)
        self.assertEqual((report["complete"], report["from"]), (False, 10), report)

    def test_aborted_records_in_a_topic_are_no_records(self):
        home = self.home()
        self.cluster.create_topic(home.stream)
        strange = f"{home.stream}.strange"
        kcat = subprocess.Popen(
            ["kcat", "-P", "-b", self.cluster.brokers, "-t", home.stream,
             "-X", f"transactional.id={strange}", "-X", "transaction.timeout.ms=1500"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(kcat.stdin.close)
        self.addCleanup(kcat.wait)
        self.addCleanup(kcat.kill)
        kcat.stdin.write(b"never seen\n" * 1000)
        kcat.stdin.flush()
        wait_until("uncommitted records",
                   lambda: self.cluster.read(home.stream, committed=False))
        kcat.kill()
        wait_until("the broker aborts", lambda: self.cluster.transaction_state(
            strange) == "CompleteAbort")
        blocks = make_blocks(1, 5)
        self.assertDone(home.replay(blocks))
        self.assertHolds(home, blocks)
        self.assertEqualInKafka(home)

    def test_a_position_topic_that_would_be_emptied_is_refused(self):
        home = self.home()
        self.assertDone(home.replay(make_blocks(1, 3)))
        topic = f"sluice.{home.stream}.position"
        self.cluster.alter_topic(topic, "cleanup.policy", "delete")
        self.assertRefused(home, make_blocks(1, 5),
                           f"position topic {topic} has cleanup.policy=delete")
        self.cluster.alter_topic(topic, "cleanup.policy", "compact")
        self.assertDone(home.replay(make_blocks(1, 5)))

    def test_settings_that_would_change_the_records_are_refused(self):
        home = self.home()
        blocks = make_blocks(1, 8)
        self.assertDone(home.replay(blocks[:4]))
        text = (home.path / "config" / "app.toml").read_text()
        topic = f'"topic" = {json.dumps(home.stream)}'
        for was, now, said in (
                ('"encoding" = "json"', '"encoding" = "protobuf"',
                 "setting encoding is protobuf, but was json"),
                (topic, topic + ', "layout" = "blocks"', "setting layout is blocks, but was changes"),
                (topic, topic[:-1] + '-{store}"', "setting topic is"),
                ('plugin = "kafka"', 'plugin = "kafka"\nstores = ["main"]', "setting stores")):
            self.assertIn(was, text)
            home.configure(text.replace(was, now))
            self.assertRefused(home, blocks, said, "set it back, or start over")
        home.configure(text)
        self.assertDone(home.replay(blocks))
        self.assertHolds(home, blocks)

    def test_two_sinks_share_a_position_topic(self):
        first = self.home()
        self.assertDone(first.replay(make_blocks(1, 10)))
        text = (first.path / "config" / "app.toml").read_text()
        second = dict(first.settings, topic=first.stream + "-second")
        first.configure(text + f"""
[sinks.second]
plugin = "kafka"
settings = {toml(second)}
""")
        self.assertDone(first.replay(make_blocks(1, 20)))
        self.assertDone(first.run("verify", "--sink", "second", "--json"))
        self.assertEqualInKafka(first)


class WithoutTransactions(FollowingCase):
    def test_at_least_once_and_said_so(self):
        home, process, blocks, add = self.opened(30, {"transactions": False}, first=12)
        self.assertIs(self.status_of(home)["at_least_once"], True)
        said = "orders is at least once: after a crash its readers may see heights again"
        self.assertIn(said, home.run("status").out)
        self.assertIn("at least once", home.log())
        process.kill()
        process.wait()
        process = home.start()
        add(blocks[12:])
        self.wait_height(home, 30)
        self.stop(process)
        rows = changes_of(self.cluster.read(home.stream))
        self.assertEqual(sorted(set(rows)), expected_changes(blocks))
        self.assertEqualInKafka(home)

    def test_verify_passes_over_what_comes_again(self):
        home = self.home({"transactions": False})
        self.assertDone(home.replay(make_blocks(1, 6)))
        rows = self.cluster.read_settled(home.stream, len(expected_changes(make_blocks(1, 6))))
        heights = [int(row[4]["sluice-height"]) for row in rows]
        # Ended in the middle of height 5, begun again at 4; and then once more the first of height 6.
        again = rows[:heights.index(5) + 2] + rows[heights.index(4):] + [rows[heights.index(6)]]
        topic = home.stream + "-again"
        self.cluster.create_topic(topic)
        for _, _, key, _, headers, value in again:
            named = [part for pair in headers.items() for part in ("-H", "=".join(pair))]
            self.cluster.kcat("-P", "-t", topic, "-K", "\t", "-Z", *named,
                              stdin=f"{key}\t{value}\n".encode())
        position = home.position()
        position.update(topic=topic, topics=[topic])
        self.cluster.kcat("-P", "-t", f"sluice.{home.stream}.position", "-k",
                          f"{home.stream}.orders", stdin=json.dumps(position).encode())
        text = (home.path / "config" / "app.toml").read_text()
        home.configure(text.replace(f'"topic" = "{home.stream}"', f'"topic" = "{topic}"'))
        self.assertEqual(changes_of(self.cluster.read(topic)), changes_of(again))
        self.assertEqualInKafka(home)

    def test_with_transactions_nothing_of_the_kind_is_said(self):
        home, process, _, _ = self.opened(12)
        self.assertIs(self.status_of(home)["at_least_once"], False)
        self.assertNotIn("at least once", home.run("status").out)
        self.stop(process)


class Metrics(FollowingCase):
    def metrics(self, home):
        return (self.status_of(home) or {}).get("metrics", {})

    def test_librdkafkas_statistics_are_in_the_status_and_go_on_over_instances(self):
        home, process, blocks, add = self.opened(40, {"producer": {
            "statistics.interval.ms": "100"}}, sink='ack_timeout = "2s"')
        # A record a change, and positions.
        least = len(expected_changes(blocks[:10]))
        wait_until("messages", lambda: self.metrics(home).get("messages_sent", 0) > least)
        wait_until("round trips", lambda: self.metrics(home)["broker_rtt_p99_micros"] > 0)
        wait_until("empty queues", lambda: self.metrics(home)["queued_messages"] == 0)
        metrics = self.metrics(home)
        self.assertEqual(metrics["brokers_up"], 1, metrics)
        self.assertGreaterEqual(metrics["connects"], 1, metrics)
        self.assertGreater(metrics["message_bytes_sent"], 0, metrics)

        node = self.cluster.nodes[0]
        node.pause()
        add(blocks[10:20])
        self.wait_sink("a new instance", home, lambda sink: sink["lifecycle"] == "repairing")
        node.resume()
        self.wait_height(home, 20)
        # The first of them may have been stored by the instance before.
        more = len(expected_changes(blocks[15:20]))
        wait_until("the new instance's messages",
                   lambda: self.metrics(home)["messages_sent"] > metrics["messages_sent"] + more)
        add(blocks[20:])
        self.finish(home, process, blocks)


class ReadyConfiguration(KafkaCase):
    def test_it_streams_as_it_is(self):
        home = self.home()
        text = (SOURCE / "configs" / "kafka.toml").read_text()
        for mine, here in (("127.0.0.1:9092", self.cluster.brokers), ('"shop', f'"{home.stream}')):
            self.assertIn(mine, text)
            text = text.replace(mine, here)
        home.configure(text)
        blocks = make_blocks(1, 30)
        self.assertDone(home.replay(blocks))
        for store in ("main", "orders"):
            expected = expected_changes(blocks, store)
            rows = self.cluster.read_settled(f"{home.stream}.{store}", len(expected))
            self.assertEqual(sorted(changes_of(rows, plain_keys=True)), expected)
        report = self.assertDone(home.run("verify", "--sink", "events", "--json")).json()
        self.assertTrue(report["equal"], report)


class Settings(KafkaCase):
    def refused(self, settings, *texts):
        home = self.home(settings)
        return self.assertRefused(home, make_blocks(1, 1), *texts)

    def test_librdkafka_checks_its_own_properties(self):
        self.refused({"producer": {"no.such.property": "1"}}, "producer.no.such.property",
                     'No such configuration property: "no.such.property"')
        self.refused({"producer": {"linger.ms": "soon"}}, "producer.linger.ms")
        self.refused({"producer": {"acks": "1"}}, "acks")

    def test_what_the_sink_decides_cannot_be_overridden(self):
        self.refused({"producer": {"transactional.id": "mine"}}, "is <stream>.<sink>")
        self.refused({"producer": {"enable.idempotence": "false"}}, "must stay true")
        self.refused({"layout": "blocks", "cleanup_policy": "compact"}, "layout blocks needs delete")
        self.refused({"topic": "no topic"}, "is no topic name")

    def test_secrets_are_never_shown(self):
        secret = "hunter2-very-secret"
        log = self.refused({"producer": {
            "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN",
            "sasl.username": "sluice", "sasl.password": secret}})
        self.assertNotIn(secret, log)

    def test_properties_are_handed_through(self):
        home = self.home({"producer": {"compression.type": "zstd", "client.id": "sluice-test"}})
        blocks = make_blocks(1, 10)
        self.assertDone(home.replay(blocks))
        self.assertHolds(home, blocks)

    def test_a_linger_that_a_transaction_would_not_outlive_is_refused(self):
        self.refused({"linger": "31s"}, "setting linger: more than 30000 ms",
                     "producer.transaction.timeout.ms")
        self.refused({"linger": "2s", "producer": {"transaction.timeout.ms": "3000"}},
                     "setting linger: more than 1500 ms")
        # Without transactions there is none to outlive.
        home = self.home({"linger": "31s", "batch_blocks": 5, "transactions": False})
        blocks = make_blocks(1, 10)
        self.assertDone(home.replay(blocks))
        self.assertHolds(home, blocks)

    def test_linger_groups_heights(self):
        home = self.home({"linger": "50ms"})
        blocks = make_blocks(1, 20)
        self.assertDone(home.replay(blocks))
        self.assertHolds(home, blocks)
        self.assertEqual(home.position()["height"], 20)


if __name__ == "__main__":
    unittest.main(verbosity=2)
