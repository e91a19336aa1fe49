# SPDX-License-Identifier: Apache-2.0
"""The Kafka sink while things break, one by one: each row of "What each error means" in
docs/sinks/kafka.md that one broker without credentials can show."""

import os
import signal
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from kafka_cluster import Cluster  # noqa: E402
from kafka_support import (FollowingCase, KafkaCase, make_blocks, require_kafka,  # noqa: E402
                           wait_until)


# A node that waits for a sink that is suspended; nothing is left to drain when it is stopped.
WAITING = '''on_failure = "wait"
[lifecycle]
drain_timeout = "500ms"'''


def setUpModule():
    require_kafka()
    KafkaCase.cluster = Cluster().start()


def tearDownModule():
    if KafkaCase.cluster:
        KafkaCase.cluster.close()


class Broker(FollowingCase):
    def test_killed_in_a_transaction(self):
        home, process, blocks, add = self.in_transaction(30)
        before = home.log()
        node = self.cluster.nodes[0]
        node.kill()
        add(blocks[11:])
        self.wait_refused(home, before)
        node.start()
        self.cluster.wait_ready()
        self.finish(home, process, blocks)

    def test_stopped_and_restarted(self):
        home, process, blocks, add = self.opened(30)
        before = home.log()
        node = self.cluster.nodes[0]
        node.stop()
        add(blocks[10:])
        self.wait_refused(home, before)
        node.start()
        self.cluster.wait_ready()
        self.finish(home, process, blocks)

    def test_not_there_at_the_start(self):
        node = self.cluster.nodes[0]
        node.stop()
        home, add = self.following(commit='on_failure = "wait"\nrecover_timeout = "10m"')
        process = home.start()
        blocks = make_blocks(1, 12)
        add(blocks)
        self.wait_refused(home, "")
        node.start()
        self.cluster.wait_ready()
        self.finish(home, process, blocks)

    def test_paused_for_longer_than_the_ack_timeout(self):
        home, process, blocks, add = self.opened(30, sink='ack_timeout = "1500ms"')
        node = self.cluster.nodes[0]
        node.pause()
        add(blocks[10:])
        self.wait_sink("a new instance", home, lambda sink: sink["lifecycle"] == "repairing")
        node.resume()
        self.cluster.wait_ready()
        self.finish(home, process, blocks)

    def test_paused_until_a_record_has_timed_out(self):
        home, process, blocks, add = self.opened(30, {"producer": {"message.timeout.ms": "1000"}})
        node = self.cluster.nodes[0]
        node.pause()
        add(blocks[10:])
        self.wait_sink("time passes", home, lambda sink: sink["lag_seconds"] > 3)
        node.resume()
        self.wait_error(home, "_MSG_TIMED_OUT")
        self.finish(home, process, blocks)


class Fencing(FollowingCase):
    def test_an_older_node_is_fenced_for_good(self):
        # A node that cannot go on would end, with what is asked of it here.
        home, process, blocks, add = self.opened(20, commit='on_failure = "wait"')
        self.fence(home, process, blocks, lambda: add(blocks[10:]))

    def test_an_older_node_paused_in_a_transaction_is_fenced_for_good(self):
        home, process, blocks, add = self.in_transaction(20, commit='on_failure = "wait"')
        # The fifteenth ends the transaction.
        self.fence(home, process, blocks, lambda: add(blocks[11:]))

    def fence(self, home, process, blocks, go_on):
        process.send_signal(signal.SIGSTOP)
        newer = home.copy()
        self.addCleanup(newer.close)
        newer.configure((newer.path / "config" / "app.toml").read_text().replace('"30s"', '"0ms"'))
        outcome = newer.run("replay", newer.write_blocks(blocks[:12]), "--source", "blocks.jsonl",
                            "--json")
        self.assertDone(outcome)
        process.send_signal(signal.SIGCONT)
        go_on()
        sink = self.wait_sink("the older node is fenced", home,
                              lambda sink: sink["lifecycle"] == "suspended")
        self.assertEqual(sink["reason"], "fenced", sink)
        self.assertIn("another node", sink["last_error"]["text"])
        # And the newer one goes on undisturbed.
        self.assertDone(newer.run("replay", newer.write_blocks(blocks), "--source", "blocks.jsonl"))
        self.assertHolds(newer, blocks)
        self.assertEqualInKafka(newer)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def test_an_older_copy_fences_nobody(self):
        home = self.home()
        blocks = make_blocks(1, 12)
        self.assertDone(home.replay(blocks[:4]))
        older = home.copy()
        self.addCleanup(older.close)
        self.assertDone(home.replay(blocks[:6]))
        self.assertDone(home.replay(blocks[:8]))
        before = self.cluster.read(f"sluice.{home.stream}.position", fmt=r"%p\t%o\t%k\t%S\t\t\n")
        outcome = older.replay(blocks[:5])
        self.assertEqual(outcome.code, 3, outcome)
        self.assertIn("nothing was changed", outcome.err)
        after = self.cluster.read(f"sluice.{home.stream}.position", fmt=r"%p\t%o\t%k\t%S\t\t\n")
        self.assertEqual(before, after)
        self.assertDone(home.replay(blocks))
        self.assertHolds(home, blocks)


class Timeouts(FollowingCase):
    def test_a_transaction_that_outlives_its_time_is_begun_again(self):
        home, process, blocks, add = self.opened(
            30, {"linger": "3s", "batch_blocks": 5, "producer": {"transaction.timeout.ms": "6000"}},
            sink='ack_timeout = "5m"', patience="10m")
        height = self.pause_in_transaction(home, process, blocks, add, 10)
        wait_until("the broker ends the transaction", lambda: self.cluster.transaction_state(
            f"{home.stream}.orders") == "CompleteAbort")
        process.send_signal(signal.SIGCONT)
        add(blocks[height:])
        self.finish(home, process, blocks)
        self.assertIn("took longer than transaction.timeout.ms", home.log())

    def pause_in_transaction(self, home, process, blocks, add, last):
        """Adds a block after `last` and stops the process before it is committed; where the machine
        was too slow for that, with another block. Its height."""
        for height in range(last + 1, len(blocks)):
            add(blocks[height - 1:height])
            self.wait_records(home, height)
            process.send_signal(signal.SIGSTOP)
            if home.position()["height"] < height:
                return height
            process.send_signal(signal.SIGCONT)
        return self.fail("every transaction was over before the process could be stopped")


class Topics(FollowingCase):
    def test_a_topic_deleted_under_it_is_named(self):
        home, process, blocks, add = self.opened(9, {"producer": {
            "message.timeout.ms": "3000", "topic.metadata.refresh.interval.ms": "500",
            "transaction.timeout.ms": "5000"}}, first=8)
        self.cluster.delete_topic(home.stream)
        add(blocks[8:])
        self.wait_error(home, "is gone, although the sink stands at height 8")
        process.kill()
        process.wait()

    def test_a_record_that_the_topic_refuses_is_named_and_taken_once_it_may_be_larger(self):
        home, process, blocks, add = self.opened(12, commit=WAITING)
        self.cluster.alter_topic(home.stream, "max.message.bytes", 20000)
        blocks[11]["txs"] = [{"ops": [{"op": "set", "store": "main", "key": "large",
                                       "value": "x" * 50000}]}]
        add(blocks[10:])
        sink = self.wait_sink("it is refused", home, lambda sink: sink["lifecycle"] == "suspended")
        self.assertEqual(sink["reason"], "rejected")
        for text in ("MSG_SIZE_TOO_LARGE", "height 12", f"topic {home.stream}",
                     "max.message.bytes"):
            self.assertIn(text, sink["last_error"]["text"])
        # What came before it is there, and nothing of it.
        self.assertHolds(home, blocks[:11])
        self.stop(process)
        self.cluster.alter_topic(home.stream, "max.message.bytes", 200000)
        self.finish(home, home.start(), blocks)

    def test_a_record_in_a_long_backlog_that_the_topic_refuses_is_named(self):
        self.refuse_in_backlog({})

    def test_without_transactions_nothing_after_a_refused_record_is_stored(self):
        home = self.refuse_in_backlog({"transactions": False})
        # In the one partition each pair is at its place where it is seen first.
        pairs = [(int(row[4]["sluice-height"]), int(row[4]["sluice-seq"]))
                 for row in self.cluster.read(home.stream)]
        first_seen = list(dict.fromkeys(pairs))
        self.assertEqual(first_seen, sorted(first_seen))

    def refuse_in_backlog(self, settings):
        """Height 12 of some hundreds that wait is too large; later it is taken."""
        home, add = self.following(settings, commit=WAITING)
        blocks = make_blocks(1, 400)
        blocks[11]["txs"] = [{"ops": [{"op": "set", "store": "main", "key": "large",
                                       "value": "x" * 1200000}]}]
        self.cluster.create_topic(home.stream, **{"max.message.bytes": 1000000})
        add(blocks)
        process = home.start()
        sink = self.wait_sink("it is refused", home, lambda sink: sink["lifecycle"] == "suspended")
        self.assertEqual(sink["reason"], "rejected", sink)
        for text in ("MSG_SIZE_TOO_LARGE", "height 12 ", f"topic {home.stream}"):
            self.assertIn(text, sink["last_error"]["text"])
        self.assertEqual(sink["watermark"], 11, sink)
        self.stop(process)
        self.cluster.alter_topic(home.stream, "max.message.bytes", 2000000)
        process = home.start()
        self.wait_height(home, 400)
        self.stop(process)
        self.assertEqualInKafka(home)
        return home


class CreatingBroker(FollowingCase):
    """A broker as it is shipped, which creates topics that are asked for."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(extra={"auto.create.topics.enable": "true"}).start()

    @classmethod
    def tearDownClass(cls):
        cls.cluster.close()

    def test_a_topic_deleted_under_it_is_not_created_anew(self):
        home, process, blocks, add = self.opened(9, {"producer": {
            "message.timeout.ms": "3000", "topic.metadata.refresh.interval.ms": "500",
            "transaction.timeout.ms": "5000"}}, first=8)
        self.cluster.delete_topic(home.stream)
        add(blocks[8:])
        self.wait_error(home, "is gone, although the sink stands at height 8")
        self.assertNotIn(home.stream, self.cluster.topics())
        process.kill()
        process.wait()


class ForgottenIds(FollowingCase):
    """A broker that forgets a transactional id that rests for some seconds; by default a week."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(extra={
            "transactional.id.expiration.ms": 2000,
            "transaction.remove.expired.transaction.cleanup.interval.ms": 500,
            "producer.id.expiration.ms": 2000}).start()

    @classmethod
    def tearDownClass(cls):
        cls.cluster.close()

    def test_a_sink_that_has_rested_for_long_goes_on(self):
        home, process, blocks, add = self.opened(20)
        wait_until("the broker forgets", lambda: f"{home.stream}.orders" not in self.cluster.tool(
            "TransactionsCommand", "list"))
        add(blocks[10:])
        self.finish(home, process, blocks)
        self.assertIn("INVALID_PRODUCER_ID_MAPPING", home.log())


if __name__ == "__main__":
    unittest.main(verbosity=2)
