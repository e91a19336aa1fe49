# SPDX-License-Identifier: Apache-2.0
"""value_as: text and jsonb beside the bytes, and values that are neither."""

import base64
import unittest

from postgres_home import ServerTest, block, set_op, delete_op, wait_until

NOT_UTF8 = {"op": "set", "store": "main", "key": "bad",
            "value_base64": base64.b64encode(b"\xff\xfe").decode()}
WITH_NUL = {"op": "set", "store": "main", "key": "nul",
            "value_base64": base64.b64encode(b"a\0b").decode()}
AS = {"orders": "jsonb", "main": "text"}


def order(key, value):
    return set_op("orders", key, value)


class Values(ServerTest):
    def test_text_and_jsonb_can_be_asked(self):
        home = self.home({"value_as": AS})
        self.replayed(home, [
            block(1, order("o-1", {"qty": 3, "sku": "lamp"}), set_op("main", "greeting", "grüß")),
            block(2, order("o-2", {"qty": 4, "sku": "lamp"}), order("o-1", {"qty": 5, "sku": "lamp"})),
            block(3, order("gone", {"qty": 100}), delete_op("orders", "gone"))])
        self.assertEqual(self.server.value(
            "SELECT sum((value_jsonb->>'qty')::int) FROM sluice.state WHERE store = 'orders'"), "9")
        self.assertEqual(self.server.value(
            "SELECT value_text FROM sluice.state WHERE key = 'greeting'"), "grüß")
        self.assert_equal(home)
        home.set({"value_as": AS, "readback": "state"})
        self.assert_equal(home)

    def test_a_table_a_store_has_just_its_column(self):
        home = self.home({"value_as": AS, "table_per_store": True})
        self.replayed(home, [block(1, order("o-1", {"qty": 3}), set_op("main", "a", "b"))])
        self.assertEqual(self.server.sql("SELECT value_jsonb FROM sluice.state_orders"),
                         [['{"qty": 3}']])
        self.assertEqual(self.server.sql("SELECT value_text FROM sluice.state_main"), [["b"]])
        self.assert_equal(home)

    def test_a_form_that_is_not_asked_for_any_more_leaves_no_stale_value(self):
        for per_store in (False, True):
            with self.subTest(table_per_store=per_store):
                self.server.sql("DROP SCHEMA IF EXISTS sluice CASCADE")
                home = self.home({"value_as": AS, "table_per_store": per_store})
                lines = [block(1, order("o-1", {"qty": 3}), order("o-2", {"qty": 4}))]
                self.replayed(home, lines)
                home.set({"value_as": {"orders": "text"}, "table_per_store": per_store})
                lines.append(block(2, order("o-1", {"qty": 5})))
                self.replayed(home, lines)
                table = "sluice.state_orders" if per_store else "sluice.state"
                asked = f"SELECT value_jsonb, value_text FROM {table} ORDER BY key"
                self.assertEqual(self.server.sql(asked),
                                 [["<null>", '{"qty": 5}'], ['{"qty": 4}', "<null>"]])
                home.set({"table_per_store": per_store})
                lines.append(block(3, order("o-1", {"qty": 6}), order("o-2", {"qty": 7})))
                self.replayed(home, lines)
                self.assertEqual(self.server.sql(asked), [["<null>", "<null>"]] * 2)
                self.assert_equal(home)

    def test_halt_names_height_store_and_key(self):
        home = self.home({"value_as": AS})
        home.write("b.jsonl", [block(h, order(f"k{h}", "{}" if h != 7 else "no json"))
                               for h in range(1, 30)])
        process = home.start("replay", str(home.root / "b.jsonl"))
        wait_until("it says so", lambda: "rejected" in home.log())
        self.assertIn("height 7, store orders, key 'k7': the value is no jsonb", home.log())
        # Those before it are there, it is not, and none after it.
        self.assertEqual(self.position()["height"], 6)
        process.kill()
        process.wait()
        # The operator decides otherwise, and the sink goes on.
        home.set({"value_as": AS, "on_bad_value": "null"})
        process = home.start("replay", str(home.root / "b.jsonl"))
        self.assertEqual(process.wait(timeout=120), 0, home.log())
        self.assert_equal(home)

    def test_null_keeps_the_bytes_and_records(self):
        home = self.home({"value_as": AS, "on_bad_value": "null", "readback": "state"})
        self.replayed(home, [block(1, order("good", {"a": 1}), order("bad", "{")),
                             block(2, NOT_UTF8, WITH_NUL, order("nul", '"\\u0000"'))])
        self.assertEqual(self.server.sql(
            "SELECT convert_from(key, 'UTF8'), value_jsonb FROM sluice.state"
            " WHERE store = 'orders' ORDER BY 1"),
            [["bad", "<null>"], ["good", '{"a": 1}'], ["nul", "<null>"]])
        self.assertEqual(self.server.sql(
            "SELECT height, seq, store, convert_from(key, 'UTF8') FROM sluice.sluice_bad_values"
            " ORDER BY height, seq"),
            [["1", "1", "orders", "bad"], ["2", "0", "main", "bad"], ["2", "1", "main", "nul"],
             ["2", "2", "orders", "nul"]])
        self.assert_equal(home)

    def test_skip_leaves_the_key_out_and_records(self):
        home = self.home({"value_as": AS, "on_bad_value": "skip"})
        self.replayed(home, [block(1, order("a", {"n": 1}), order("b", {"n": 1})),
                             block(2, order("a", "no json"))])
        self.assertEqual(self.server.sql("SELECT convert_from(key, 'UTF8') FROM sluice.state"),
                         [["b"]])
        self.assertEqual(self.server.sql("SELECT height, store FROM sluice.sluice_bad_values"),
                         [["2", "orders"]])
        self.assert_equal(home)  # the changes are whole


if __name__ == "__main__":
    unittest.main(verbosity=2)
