# SPDX-License-Identifier: Apache-2.0
"""`create = false`: what an administrator runs, and the configuration that ships."""

import os
import pathlib
import subprocess
import unittest

import postgres_server
from postgres_home import Home, PostgresHome, ServerTest, block, blocks, set_op

SOURCE = pathlib.Path(os.environ["SLUICE_SOURCE_DIR"])
FILE_SINK = """
[node]
stream_id = "demo"
[stores]
names = ["main"]
[sinks.audit]
plugin = "file"
settings = { path = "stream" }
"""


class Provision(ServerTest):
    def setUp(self):
        super().setUp()
        self.server.sql("DROP OWNED BY writer; DROP ROLE writer", check=False)
        self.server.sql("CREATE ROLE writer LOGIN PASSWORD 'pw'")

    def writers(self, settings=None):
        home = PostgresHome(self.server, {"create": False, **(settings or {})},
                            conninfo=self.server.conninfo(user="writer", password="pw"))
        self.homes.append(home)
        return home

    def script(self, home):
        outcome = home.run("sink", "provision", "pg", "--print")
        self.assertEqual((outcome.code, outcome.err), (0, ""), outcome)
        return outcome.out

    def administrate(self, script):
        """As `sluice sink provision pg --print | psql`; psql says nothing at all."""
        done = subprocess.run(
            ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", str(self.server.root), "-p",
             str(self.server.port), "-U", "app", "-d", "postgres"], input=script.encode(),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.assertEqual((done.returncode, done.stdout.decode()), (0, ""))

    def test_the_script_lets_the_sink_start(self):
        home = self.writers()
        script = self.script(home)
        self.administrate(script)
        self.replayed(home, blocks(1, 40))
        self.assert_equal(home)
        # What is there is left as it is.
        self.administrate(script)
        self.assert_equal(home)

    def test_a_table_a_store(self):
        home = self.writers({"table_per_store": True, "changes": False})
        self.administrate(self.script(home))
        self.assertEqual(self.server.sql(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'sluice'"
            " AND table_name LIKE 'state%' ORDER BY 1"), [["state_main"], ["state_orders"]])
        self.replayed(home, blocks(1, 40))
        self.assert_equal(home)

    def test_a_column_that_a_setting_asks_for_later(self):
        home = self.writers()
        self.administrate(self.script(home))
        self.replayed(home, [block(1, set_op("orders", "o-1", {"qty": 3}))])
        home.set({"create": False, "value_as": {"orders": "jsonb"}, "on_bad_value": "null"})
        self.administrate(self.script(home))
        self.replayed(home, [block(1, set_op("orders", "o-1", {"qty": 3})),
                             block(2, set_op("orders", "o-2", {"qty": 4}))])
        self.assertEqual(self.server.sql("SELECT value_jsonb FROM sluice.state ORDER BY key"),
                         [["<null>"], ['{"qty": 4}']])

    def test_a_position_that_is_older_than_some_columns(self):
        drop = ("ALTER TABLE sluice.sluice_position DROP COLUMN filtered, DROP COLUMN keeps,"
                " DROP COLUMN base_height")
        home = self.home()
        self.replayed(home, blocks(1, 20))
        self.server.sql(drop)
        self.replayed(home, blocks(1, 40))
        self.assert_equal(home)
        self.assertEqual(
            self.server.sql("SELECT base_height, filtered, keeps FROM sluice.sluice_position"),
            [["0", "f", "changes=changes;state=state;"]])
        # Where an administrator creates, the same script adds them.
        self.server.sql(drop)
        home.set({"create": False})
        self.administrate(self.script(home))
        self.replayed(home, blocks(1, 60))
        self.assert_equal(home)

    def test_no_server_is_needed(self):
        home = self.writers()
        with_server = self.script(home)
        home.conninfo = "host=127.0.0.1 port=1 user=writer password=guessed-it dbname=nowhere"
        home.set({"create": False})
        self.assertEqual(self.script(home), with_server)
        self.assertNotIn("guessed-it", with_server)
        self.assertIn('TO "writer";', with_server)
        self.assertEqual(home.run("sink", "provision", "pg", "--print", "--json").json(),
                         {"sink": "pg", "plan": with_server})

    def test_what_cannot_be_printed(self):
        home = self.home({"state_table": "s" * 60, "table_per_store": True})
        other = Home(FILE_SINK)
        self.homes.append(other)
        for one, arguments, text in (
                (home, ("pg", "--print"), "shorten state_table"),
                (home, ("pgg", "--print"), "sink 'pgg': there is none of this name"),
                (home, ("pg",), "--print is required"),
                (other, ("audit", "--print"), "cannot say what its sink needs (no "
                                              "sluice.provision/1)")):
            outcome = one.run("sink", "provision", *arguments)
            self.assertEqual((outcome.code, outcome.out), (2, ""), outcome)
            self.assertIn(text, outcome.err)


class ShippedConfiguration(ServerTest):
    def test_it_loads_and_runs(self):
        home = Home((SOURCE / "configs" / "postgres.toml").read_text())
        self.homes.append(home)
        service = home.root / "pg_service.conf"
        service.write_text(f"[mirror]\nhost=127.0.0.1\nport={self.server.port}\nuser=app\n"
                           f"dbname=postgres\npassword={postgres_server.PASSWORD}\n")
        environment = {"PGSERVICEFILE": str(service)}
        lines = home.write("blocks.jsonl", [block(h, set_op("orders", f"o-{h}", {"qty": h}))
                                            for h in range(1, 31)])
        outcome = home.run("config", "check")
        self.assertEqual(outcome.code, 0, outcome)
        outcome = home.run("replay", lines, env=environment)
        self.assertEqual(outcome.code, 0, outcome)
        self.assertEqual(self.server.value(
            "SELECT sum((convert_from(value, 'UTF8')::jsonb->>'qty')::int) FROM sluice.state"),
            str(sum(range(1, 31))))
        outcome = home.run("verify", "--sink", "pg", env=environment)
        self.assertEqual(outcome.code, 0, outcome)
        # The role is the service file's to say.
        outcome = home.run("sink", "provision", "pg", "--print", env=environment)
        self.assertEqual(outcome.code, 0, outcome)
        self.assertIn(" TO ROLE;", outcome.out)


if __name__ == "__main__":
    unittest.main(verbosity=2)
