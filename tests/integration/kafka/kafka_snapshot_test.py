# SPDX-License-Identifier: Apache-2.0
"""A copy of the state that replaces what the Kafka sink holds, on a real broker: what readers of the
topics see, and what is read back; ended, abandoned, begun anew, by an older incarnation."""

import json
import os
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from kafka_cluster import SOURCE, Cluster  # noqa: E402
from kafka_support import KafkaCase, require_kafka  # noqa: E402

DRIVER = os.path.join(os.environ["SLUICE_BUILD_DIR"], "tests", "kafka_sink_driver")
GENESIS, RESUMED, AFTER_SNAPSHOT, LATEST = 2, 1, 5, 3
OK, FATAL, INVALID, FENCED = 0, 5, 7, 9
STORES = ["main", "orders"]


def setUpModule():
    require_kafka()
    KafkaCase.cluster = Cluster().start()


def tearDownModule():
    if KafkaCase.cluster:
        KafkaCase.cluster.close()


class Instance:
    """One instance of the sink, in a process of its own."""

    def __init__(self, case, epoch):
        self.case = case
        self.process = subprocess.Popen([DRIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        case.addCleanup(self.close)
        self.tell("start", stream=case.stream, epoch=epoch, stores=STORES, settings=case.settings)

    def ask(self, what, **arguments):
        self.process.stdin.write(json.dumps({"do": what, **arguments}).encode() + b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def tell(self, what, **arguments):
        answer = self.ask(what, **arguments)
        self.case.assertEqual(answer["code"], OK, (what, arguments, answer))
        return answer

    def resume(self):
        return self.tell("resume")["height"]

    def go_on(self, reason=None, height=None):
        at = self.resume()
        if reason is None:
            reason = RESUMED if at else GENESIS
        self.tell("attach", reason=reason, height=at if height is None else height)

    def deliver(self, blocks):
        """`blocks`: changes by height."""
        for height, changes in blocks.items():
            self.tell("deliver", height=height, changes=changes)

    def part(self, number, rows):
        self.tell("part", part=number, rows=rows)

    def snapshot(self, height, parts):
        self.tell("begin", height=height)
        for number, rows in enumerate(parts):
            self.part(number, rows)
        self.tell("end")
        self.case.assertEqual(self.resume(), height)
        self.tell("attach", reason=AFTER_SNAPSHOT, height=height)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.kill()
        self.process.stdin.close()
        self.process.stdout.close()


BEFORE = {1: [["main", "gone", "1"], ["main", "kept", "1"], ["orders", "gone", "1"]],
          2: [["main", "changed", "1"], ["orders", "dead", "1"]],
          3: [["orders", "dead", None]]}
ROWS = [["main", "changed", "9"], ["main", "kept", "1"], ["main", "new", "9"],
        ["orders", "only", "9"]]
AFTER = {10: [["main", "new", "10"]], 11: [["orders", "only", None], ["main", "more", "11"]]}


def items(height, rows, blocks):
    return [["row", height, *row] for row in rows] + \
        [["height", at, changes] for at, changes in blocks.items()]


class CopyCase(KafkaCase):
    def prepare(self, **settings):
        KafkaCase.count += 1
        self.stream = f"c{os.getpid()}-{KafkaCase.count}"
        self.settings = {"brokers": self.cluster.brokers, "topic": self.stream, "encoding": "json",
                         **settings}
        self.epoch = 0

    def instance(self):
        self.epoch += 1
        return Instance(self, self.epoch)

    def readback(self):
        command = {"do": "readback", "stream": self.stream, "settings": self.settings}
        done = subprocess.run([DRIVER], input=json.dumps(command).encode() + b"\n",
                              capture_output=True, timeout=300)
        answer = json.loads(done.stdout)
        self.assertEqual(answer["code"], OK, answer)
        return answer

    def latest(self, topic=None):
        """The latest value of each record key, of those that have one."""
        topic = topic or self.stream
        held = {}
        for _, _, key, size, _, value in self.cluster.read(topic):
            held[key] = None if size < 0 else json.loads(value)["value"]
        return {key: value for key, value in held.items() if value is not None}

    def position(self):
        rows = self.cluster.read(f"sluice.{self.stream}.position", fmt=r"%p\t%o\t%k\t%S\t\t%s\n")
        return json.loads(rows[-1][5])

    def assertReplaced(self, read, height=9, rows=None, after=None):
        self.assertEqual(read["items"], items(height, ROWS if rows is None else rows,
                                              AFTER if after is None else after))
        self.assertEqual(read["first"], height)
        self.assertFalse(read["truncated"])

    def held(self):
        sink = self.instance()
        sink.go_on()
        sink.deliver(BEFORE)
        return sink

    def replaced(self, **settings):
        self.prepare(**settings)
        self.held()
        sink = self.instance()
        self.assertEqual(sink.resume(), 3)
        sink.snapshot(9, [ROWS[:3], ROWS[3:]])
        self.assertReplaced(self.readback(), after={})
        sink.deliver(AFTER)
        self.assertReplaced(self.readback())
        return sink

    def assertLatest(self):
        self.assertEqual(self.latest(), {"main\0changed": "9", "main\0kept": "1",
                                         "main\0new": "10", "main\0more": "11"})


class Replaces(CopyCase):
    def test_the_latest_values_are_the_state(self):
        self.replaced()
        self.assertLatest()
        rows = [row for row in self.cluster.read(self.stream) if "sluice-snapshot" in row[4]]
        headers = [row[4] for row in rows]
        self.assertEqual({h["sluice-height"] for h in headers}, {"9"})
        self.assertEqual({(h["sluice-snapshot"], h["sluice-epoch"]) for h in headers}, {("9", "2")})
        self.assertEqual([int(h["sluice-seq"]) for h in headers], list(range(6)))
        # What the state did not have any more; the one that was deleted before is not buried twice.
        self.assertEqual({row[2] for row in rows if row[3] < 0}, {"main\0gone", "orders\0gone"})
        position = self.position()
        self.assertEqual(position["snapshot"], {"height": 9, "epoch": 2, "parts": 2, "rows": 4})
        first = next(row[1] for row in self.cluster.read(self.stream)
                     if "sluice-snapshot" in row[4])
        # The position's own mark of the transaction before takes an offset.
        self.assertLessEqual(position["begins"][self.stream][0], first)

    def test_in_several_partitions_and_a_compacted_topic(self):
        self.replaced(partitions=3, cleanup_policy="compact", encoding="json")
        self.assertLatest()
        self.assertEqual(len(self.position()["begins"][self.stream]), 3)

    def test_in_canonical_bytes(self):
        self.replaced(encoding="protobuf")

    def test_without_transactions(self):
        self.replaced(transactions=False)
        self.assertLatest()

    def test_a_topic_a_store(self):
        self.prepare()
        self.settings["topic"] = self.stream + ".{store}"
        self.held()
        sink = self.instance()
        sink.resume()
        # A store that has no row any more, and one that the sink has not written before.
        rows = [["main", "kept", "1"], ["third", "k", "1"]]
        sink.snapshot(9, [rows])
        after = {10: [["orders", "k", "10"], ["fourth", "k", "10"]]}
        sink.deliver(after)
        self.assertReplaced(self.readback(), rows=rows, after=after)
        self.assertEqual(self.latest(self.stream + ".main"), {"kept": "1"})
        self.assertEqual(self.latest(self.stream + ".orders"), {"k": "10"})
        self.assertEqual(self.latest(self.stream + ".third"), {"k": "1"})

    def test_an_empty_sink_and_an_empty_state(self):
        self.prepare()
        sink = self.instance()
        self.assertEqual(sink.resume(), 0)
        sink.snapshot(9, [ROWS])
        sink.deliver(AFTER)
        self.assertReplaced(self.readback())
        sink = self.instance()
        sink.resume()
        sink.snapshot(20, [])
        self.assertReplaced(self.readback(), height=20, rows=[], after={})
        self.assertEqual(self.latest(), {})
        after = {21: [["main", "k", "21"]]}
        sink.deliver(after)
        self.assertReplaced(self.readback(), height=20, rows=[], after=after)

    def test_a_restart_goes_on_behind_it(self):
        self.replaced()
        sink = self.instance()
        sink.go_on()
        more = {12: [["main", "k", "12"]]}
        sink.deliver(more)
        self.assertReplaced(self.readback(), after={**AFTER, **more})

    def test_a_copy_at_the_height_that_is_held(self):
        self.prepare()
        self.held()
        sink = self.instance()
        sink.resume()
        rows = [["main", "changed", "1"], ["main", "kept", "1"]]
        sink.snapshot(3, [rows])
        after = {4: [["main", "kept", None]]}
        sink.deliver(after)
        self.assertReplaced(self.readback(), height=3, rows=rows, after=after)
        self.assertEqual(self.latest(), {"main\0changed": "1"})

    def test_many_keys_in_little_memory(self):
        # Far more bytes of keys than the search for those that are gone keeps at a time.
        self.prepare(encoding="protobuf", partitions=2)
        sink = self.instance()
        sink.go_on()
        pad = "x" * 2000
        keys = [f"{i:05}-{pad}" for i in range(24000)]
        for height, first in enumerate(range(0, len(keys), 2000), 1):
            sink.deliver({height: [["main", key, "1"] for key in keys[first:first + 2000]]})
        sink = self.instance()
        at = sink.resume()
        rows = [["main", key, "2"] for key in keys[::2]]
        sink.snapshot(at, [rows[i:i + 2000] for i in range(0, len(rows), 2000)])
        buried = [row for row in self.cluster.read(self.stream, fmt=r"%p\t%o\t%k\t%S\t%h\t\n")
                  if "sluice-snapshot" in row[4] and row[3] < 0]
        self.assertEqual(sorted(row[2].split("\0")[1] for row in buried), keys[1::2])


class Blocks(CopyCase):
    def read(self):
        reader = SOURCE / "plugins" / "kafka" / "reader.py"
        done = subprocess.run([sys.executable, reader, self.cluster.brokers, self.stream],
                              capture_output=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return [json.loads(line) for line in done.stdout.decode().splitlines()]

    def test_parts_are_put_together_by_the_reader_in_the_documents(self):
        for encoding in ("protobuf", "json"):
            self.prepare(layout="blocks", encoding=encoding, chunk_bytes=1024)
            sink = self.instance()
            sink.go_on()
            sink.deliver(BEFORE)
            # Abandoned, and begun anew by another start.
            sink = self.instance()
            sink.resume()
            sink.tell("begin", height=8)
            sink.part(0, [["main", "never", "1"]])
            sink.part(1, [["main", "seen", "1"]])
            sink.kill()
            sink = self.instance()
            self.assertEqual(sink.resume(), 0)
            rows = ROWS[:3] + [["orders", "large", "x" * 5000]]
            sink.snapshot(9, [rows[:3], rows[3:]])
            sink.deliver(AFTER)
            read = self.readback()
            self.assertEqual(read["items"], items(9, rows, AFTER))
            self.assertEqual((read["first"], read["truncated"]), (9, False))
            lines = self.read()
            self.assertEqual([(line["height"], line.get("parts")) for line in lines],
                             [(1, None), (2, None), (3, None), (9, 2), (10, None), (11, None)])
            self.assertTrue(lines[3]["whole"])


class Interrupted(CopyCase):
    def abandoned(self, **settings):
        self.prepare(**settings)
        self.held()
        sink = self.instance()
        sink.resume()
        sink.tell("begin", height=8)
        sink.part(0, [["main", "abandoned", "1"], ["orders", "kept", "2"]])
        return sink

    def test_the_next_one_begins_anew(self):
        for transactions in (True, False):
            self.abandoned(transactions=transactions).kill()
            self.assertEqual((self.readback()["items"], self.readback()["height"]), ([], 0))
            sink = self.instance()
            self.assertEqual(sink.resume(), 0)
            # At the height of the one before, too.
            sink.snapshot(8, [ROWS])
            after = {9: [["main", "new", "10"], ["orders", "only", None], ["main", "more", "11"]]}
            sink.deliver(after)
            self.assertReplaced(self.readback(), height=8, after=after)
            self.assertEqual(self.latest(), {"main\0changed": "9", "main\0kept": "1",
                                             "main\0new": "10", "main\0more": "11"})

    def test_it_may_be_followed_by_the_whole_stream(self):
        self.abandoned().kill()
        sink = self.instance()
        sink.go_on(GENESIS)
        blocks = {1: [["main", "kept", "1"]], 2: [["main", "b", "2"]]}
        sink.deliver(blocks)
        read = self.readback()
        self.assertEqual(read["items"], items(0, [], blocks))
        self.assertEqual((read["first"], read["truncated"]), (1, False))
        self.assertEqual(self.latest(), {"main\0kept": "1", "main\0b": "2"})

    def test_or_by_what_comes_next(self):
        self.abandoned().kill()
        sink = self.instance()
        sink.go_on(LATEST, 100)
        blocks = {101: [["main", "b", "2"]]}
        sink.deliver(blocks)
        read = self.readback()
        self.assertEqual(read["items"], items(0, [], blocks))
        self.assertEqual((read["first"], read["truncated"]), (101, True))

    def test_an_older_incarnation_that_was_paused_is_refused(self):
        older = self.abandoned()
        older.process.send_signal(signal.SIGSTOP)
        newer = self.instance()
        newer.resume()
        newer.tell("begin", height=9)
        newer.part(0, ROWS[:2])
        older.process.send_signal(signal.SIGCONT)
        answer = older.ask("part", part=1, rows=[["main", "never", "1"]])
        self.assertEqual(answer["code"], FENCED, answer)
        self.assertIn("epoch 3", answer["text"])
        newer.part(1, ROWS[2:])
        newer.tell("end")
        self.assertReplaced(self.readback(), after={})

    def test_calls_out_of_order_are_named(self):
        self.prepare()
        sink = self.instance()
        sink.resume()
        self.assertEqual(sink.ask("part", part=0, rows=[])["code"], FATAL)
        self.assertEqual(sink.ask("end")["code"], FATAL)
        self.assertEqual(sink.ask("attach", reason=AFTER_SNAPSHOT, height=9)["code"], INVALID)
        sink.tell("begin", height=9)
        self.assertEqual(sink.ask("part", part=1, rows=[])["code"], FATAL)
        self.assertEqual(
            sink.ask("deliver", height=1, changes=[])["text"], "deliver before attach")


class Retention(CopyCase):
    def test_what_came_before_may_be_deleted(self):
        self.replaced()
        self.cluster.delete_records(self.stream, 0, self.position()["begins"][self.stream][0])
        self.assertReplaced(self.readback())

    def test_a_copy_that_lost_rows_is_truncated(self):
        self.replaced()
        # Before the last of the copy, and so within it.
        second = [row[1] for row in self.cluster.read(self.stream)
                  if "sluice-snapshot" in row[4]][1]
        self.cluster.delete_records(self.stream, 0, second)
        read = self.readback()
        self.assertTrue(read["truncated"])
        self.assertEqual(read["items"], items(0, [], AFTER))


if __name__ == "__main__":
    unittest.main(verbosity=2)
