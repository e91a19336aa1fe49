# SPDX-License-Identifier: Apache-2.0
"""TLS, password files and service files, as libpq takes them."""

import shutil
import subprocess
import unittest

import postgres_server
from postgres_home import PostgresHome, ServerTest, blocks


class Credentials(ServerTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name in ("server", "other"):
            subprocess.run(
                ["openssl", "req", "-new", "-x509", "-days", "2", "-nodes", "-newkey", "rsa:2048",
                 "-subj", "/CN=sluice test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                 cls.server.root / f"{name}.key", "-out", cls.server.root / f"{name}.pem"],
                check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        key = cls.server.root / "server.key"
        shutil.chown(key, cls.server.data.owner())
        key.chmod(0o600)
        cls.server.settings.update({"ssl": "on", "ssl_key_file": key,
                                    "ssl_cert_file": cls.server.root / "server.pem"})
        cls.server.restart()

    def home_with(self, conninfo):
        home = PostgresHome(self.server, conninfo=conninfo)
        self.homes.append(home)
        return home

    def test_tls_with_the_servers_certificate_checked(self):
        home = self.home_with(f"{self.server.conninfo()} sslmode=verify-full"
                              f" sslrootcert={self.server.root}/server.pem")
        self.replayed(home, blocks(1, 10))
        self.assert_equal(home)

    def test_another_certificate_is_refused(self):
        home = self.home_with(f"{self.server.conninfo()} sslmode=verify-full"
                              f" sslrootcert={self.server.root}/other.pem")
        home.set({}, ack_timeout="1s")
        config = home.path / "config" / "app.toml"
        config.write_text(config.read_text().replace('recover_timeout = "60s"',
                                                     'recover_timeout = "1s"'))
        outcome = home.replay(blocks(1, 10))
        self.assertNotEqual(outcome.code, 0)
        self.assertIn("certificate verify failed", outcome.err)
        self.assertNotIn(postgres_server.PASSWORD, outcome.err)

    def test_password_file(self):
        home = self.home_with(f"host=127.0.0.1 port={self.server.port} user=app dbname=postgres")
        passfile = home.root / "pgpass"
        passfile.write_text(f"127.0.0.1:*:*:app:{postgres_server.PASSWORD}\n")
        passfile.chmod(0o600)
        outcome = home.run("replay", home.write("b.jsonl", blocks(1, 10)),
                           env={"PGPASSFILE": str(passfile)})
        self.assertEqual(outcome.code, 0, outcome)

    def test_service_file_and_empty_conninfo(self):
        home = self.home_with("service=mirror")
        service = home.root / "pg_service.conf"
        service.write_text(f"[mirror]\nhost=127.0.0.1\nport={self.server.port}\nuser=app\n"
                           f"dbname=postgres\npassword={postgres_server.PASSWORD}\n")
        lines = home.write("b.jsonl", blocks(1, 10))
        outcome = home.run("replay", lines, env={"PGSERVICEFILE": str(service)})
        self.assertEqual(outcome.code, 0, outcome)
        home.conninfo = ""
        home.set({})
        outcome = home.run("verify", "--sink", "pg", env={
            "PGHOST": "127.0.0.1", "PGPORT": str(self.server.port), "PGUSER": "app",
            "PGDATABASE": "postgres", "PGPASSWORD": postgres_server.PASSWORD})
        self.assertEqual(outcome.code, 0, outcome)


if __name__ == "__main__":
    unittest.main(verbosity=2)
