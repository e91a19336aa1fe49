# SPDX-License-Identifier: Apache-2.0
"""The Kafka sink against a broker with TLS, SASL and an authorizer."""

import os
import subprocess
import sys
import tempfile
import shutil
import pathlib
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from kafka_cluster import SERVERS, VERSION, Cluster  # noqa: E402
from kafka_support import (FollowingCase, KafkaCase, make_blocks, require_kafka,  # noqa: E402
                           wait_until)

PASSWORDS = {name: f"{name}-Very-Secret" for name in ("admin", "sluice", "scram", "limited")}
FILES = None


def openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, cwd=FILES)


def make_certificates():
    """ca.pem, server.pem (key and certificate), other.pem (an authority that signed nothing)."""
    for name in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                "-keyout", f"{name}.key", "-out", f"{name}.pem")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=broker", "-keyout", "server.key",
            "-out", "server.csr")
    (FILES / "server.ext").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", "2", "-extfile", "server.ext", "-out", "server.crt")
    (FILES / "server.pem").write_text(
        (FILES / "server.key").read_text() + (FILES / "server.crt").read_text())


def format_storage(node):
    """SCRAM needs a newer metadata version than what an unformatted node begins with."""
    done = subprocess.run(
        ["java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", f"{SERVERS / 'kafka' / VERSION}/*",
         "kafka.tools.StorageTool", "format", "-t", node.cluster.id,
         "-c", node.folder / "server.properties"], capture_output=True, timeout=300)
    if done.returncode != 0:
        raise AssertionError(done.stdout.decode() + done.stderr.decode())


def admin_config():
    config = FILES / "admin.properties"
    config.write_text(
        "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\n"
        "sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required "
        f'username="admin" password="{PASSWORDS["admin"]}";\n'
        f"ssl.truststore.type=PEM\nssl.truststore.location={FILES}/ca.pem\n")
    return config


def client(user, mechanism="PLAIN", authority="ca.pem", password=None):
    return {"security.protocol": "SASL_SSL", "sasl.mechanism": mechanism, "sasl.username": user,
            "sasl.password": password or PASSWORDS[user], "ssl.ca.location": str(FILES / authority)}


def setUpModule():
    global FILES
    require_kafka()
    FILES = pathlib.Path(tempfile.mkdtemp(prefix="sluice-kafka-tls-"))
    make_certificates()
    plain = "org.apache.kafka.common.security.plain.PlainLoginModule required " \
        f'username="admin" password="{PASSWORDS["admin"]}" ' + " ".join(
            f'user_{user}="{PASSWORDS[user]}"' for user in ("admin", "sluice", "limited")) + ";"
    listener = "listener.name.sasl_ssl"
    KafkaCase.cluster = Cluster(
        protocol="SASL_SSL", client=client("admin"), formatter=format_storage, extra={
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
            "sasl.mechanism.inter.broker.protocol": "PLAIN",
            f"{listener}.plain.sasl.jaas.config": plain,
            f"{listener}.scram-sha-512.sasl.jaas.config":
                "org.apache.kafka.common.security.scram.ScramLoginModule required;",
            "ssl.keystore.type": "PEM", "ssl.keystore.location": FILES / "server.pem",
            "ssl.truststore.type": "PEM", "ssl.truststore.location": FILES / "ca.pem",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:admin;User:sluice;User:scram;User:ANONYMOUS",
        }).start()


def tearDownModule():
    if KafkaCase.cluster:
        KafkaCase.cluster.close()
    shutil.rmtree(FILES, ignore_errors=True)


class Secure(FollowingCase):
    def streams_as(self, properties):
        home = self.home({"producer": properties})
        blocks = make_blocks(1, 12)
        self.assertDone(home.replay(blocks))
        self.assertHolds(home, blocks)
        self.assertEqualInKafka(home)

    def refused_as(self, properties, text):
        home = self.home({"producer": properties}, commit='recover_timeout = "8s"',
                         sink='ack_timeout = "5s"')
        outcome = home.replay(make_blocks(1, 2))
        self.assertNotEqual(outcome.code, 0, outcome)
        self.assertIn(text, outcome.err)
        self.assertNotIn(properties["sasl.password"], outcome.err)

    def test_plain_over_tls(self):
        self.streams_as(client("sluice"))

    def test_scram_over_tls(self):
        self.cluster.tool("kafka.admin.ConfigCommand", "--alter", "--entity-type", "users",
                          "--entity-name", "scram", "--add-config",
                          f"SCRAM-SHA-512=[password={PASSWORDS['scram']}]", config=admin_config())
        self.streams_as(client("scram", "SCRAM-SHA-512"))

    def test_a_wrong_password_is_said_and_not_shown(self):
        self.refused_as(client("sluice", password="Wrong-And-Secret"), "uthentication failed")

    def test_a_broker_signed_by_another_authority_is_refused(self):
        self.refused_as(client("sluice", authority="other.pem"), "certificate verify failed")

    def test_a_refused_authorisation_is_named_and_healed_by_a_grant(self):
        home, add = self.following({"producer": client("limited")})
        process = home.start()
        blocks = make_blocks(1, 12)
        add(blocks)
        sink = wait_until("the refusal is named", lambda: (
            lambda s: s if s and "uthorization" in str(s["last_error"]) else None)(
                self.status_of(home)))
        self.assertIn("AUTHORIZATION_FAILED", sink["last_error"]["text"])
        for more in (["--topic", home.stream, "--operation", "Create", "--operation", "Describe",
                      "--operation", "Read", "--operation", "Write"],
                     ["--topic", f"sluice.{home.stream}.position", "--operation", "Create",
                      "--operation", "Describe", "--operation", "Read", "--operation", "Write"],
                     ["--transactional-id", f"{home.stream}.orders", "--operation", "Describe",
                      "--operation", "Write"]):
            self.cluster.tool("org.apache.kafka.tools.AclCommand", "--add", "--allow-principal",
                              "User:limited", *more, config=admin_config())
        self.wait_height(home, 12)
        self.stop(process)
        self.assertHolds(home, blocks)


if __name__ == "__main__":
    unittest.main(verbosity=2)
