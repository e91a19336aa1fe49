# SPDX-License-Identifier: Apache-2.0
"""What the tests of errors share: a node that is fed as the test goes on, and what it says."""

import subprocess

import postgres_server
from postgres_home import SLUICE, PostgresHome, ServerTest, blocks, environment, wait_until

# Of the input in two parts.
LAST = 60


class ErrorCase(ServerTest):
    def setUp(self):
        super().setUp()
        self.server.sql("DROP OWNED BY writer; DROP ROLE writer", check=False)

    def node(self, home, lines):
        home.write("blocks.jsonl", lines)
        return home.start("replay", str(home.root / "blocks.jsonl"), "--source", "blocks")

    def says(self, home, text):
        wait_until(f"the log says {text!r}", lambda: text in home.log())
        self.assertNotIn(postgres_server.PASSWORD, home.log())

    def finishes(self, home, process, last):
        self.assertEqual(process.wait(timeout=120), 0, home.log()[-4000:])
        self.assertEqual(self.position()["height"], last)
        self.assert_equal(home)

    def started(self, home=None):
        """A node that has written the first heights and waits for the others: feed() gives them."""
        home = home or self.home()
        process = self.launched(home)
        wait_until("the first heights", lambda: self.stands() == 20)
        return home, process

    def launched(self, home):
        with open(home.root / "start.log", "ab") as log:
            process = subprocess.Popen(
                [SLUICE, "--home", home.path, "replay", "-", "--source", "blocks"],
                stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment())
        home.started.append(process)
        process.stdin.write("".join(line + "\n" for line in blocks(1, 20)).encode())
        process.stdin.flush()
        return process

    def feed(self, process):
        process.stdin.write("".join(line + "\n" for line in blocks(21, LAST)).encode())
        process.stdin.close()

    def stands(self):
        rows = self.server.sql("SELECT height FROM sluice.sluice_position", check=False)
        return int(rows[0][0]) if rows else 0

    def writer(self):
        """A role with just what the docs say, and a home that uses it."""
        self.server.sql("CREATE ROLE writer LOGIN PASSWORD 'pw'")
        self.replayed(self.home(), blocks(1, 5))  # makes the tables
        self.server.sql("GRANT USAGE ON SCHEMA sluice TO writer; GRANT SELECT, INSERT, UPDATE,"
                        " DELETE ON ALL TABLES IN SCHEMA sluice TO writer;"
                        " TRUNCATE sluice.changes, sluice.state, sluice.sluice_heights,"
                        " sluice.sluice_position")
        home = PostgresHome(self.server, {"create": False},
                            conninfo=self.server.conninfo(user="writer", password="pw"))
        self.homes.append(home)
        return home

    def refused_for_a_while(self, state):
        """The server refuses with `state`, as only something out of reach could make it; the log."""
        home, process = self.started()
        self.server.sql(
            "CREATE FUNCTION sluice.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" RAISE EXCEPTION 'refused by a test' USING ERRCODE = '{state}'; END $$;"
            " CREATE TRIGGER refuse BEFORE INSERT ON sluice.sluice_heights"
            " FOR EACH STATEMENT EXECUTE FUNCTION sluice.refuse()")
        self.feed(process)
        self.says(home, f"refused by a test [SQLSTATE {state}]")
        self.server.sql("DROP TRIGGER refuse ON sluice.sluice_heights")
        self.finishes(home, process, LAST)
        return home.log()
