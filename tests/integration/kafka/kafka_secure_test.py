# SPDX-License-Identifier: Apache-2.0
"""The Kafka sink against a broker with TLS, SASL and an authorizer."""

import ctypes
import os
import subprocess
import sys
import tempfile
import shutil
import pathlib
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from kafka_cluster import OLDER_VERSION, VERSION, Cluster  # noqa: E402
from kafka_support import FollowingCase, make_blocks, require_kafka  # noqa: E402

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
    """With the user of the SCRAM logins, whom an unformatted node could not have."""
    out, done = node.cluster.java(
        "kafka.tools.StorageTool", "format", "-t", node.cluster.id, "-c",
        node.folder / "server.properties", "--add-scram",
        f"SCRAM-SHA-512=[name=scram,password={PASSWORDS['scram']}]")
    if not done:
        raise AssertionError(out)


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


def secure_cluster(version):
    plain = "org.apache.kafka.common.security.plain.PlainLoginModule required " \
        f'username="admin" password="{PASSWORDS["admin"]}" ' + " ".join(
            f'user_{user}="{PASSWORDS[user]}"' for user in ("admin", "sluice", "limited")) + ";"
    listener = "listener.name.sasl_ssl"
    return Cluster(
        protocol="SASL_SSL", client=client("admin"), formatter=format_storage, version=version,
        extra={
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


def scram_compares_nonces(version):
    """Whether a broker refuses the doubled nonce of librdkafka before 2.6.1."""
    return int(version.split(".")[0]) >= 4


# The library that the plugin is linked with, as 0xMMmmrrxx.
LIBRARY_IS_MENDED = ctypes.CDLL("librdkafka.so.1").rd_kafka_version() >= 0x020601ff
SCRAM_WORKS = LIBRARY_IS_MENDED or not scram_compares_nonces(VERSION)
# The broker that the SCRAM login is tried on.
SCRAM_VERSION = VERSION if SCRAM_WORKS else OLDER_VERSION


def setUpModule():
    global FILES
    require_kafka()
    require_kafka(SCRAM_VERSION)
    FILES = pathlib.Path(tempfile.mkdtemp(prefix="sluice-kafka-tls-"))
    make_certificates()


def tearDownModule():
    if FILES:
        shutil.rmtree(FILES, ignore_errors=True)


class SecureCase(FollowingCase):
    """A broker a class."""

    VERSION = VERSION

    @classmethod
    def setUpClass(cls):
        cls.cluster = secure_cluster(cls.VERSION)

    @classmethod
    def tearDownClass(cls):
        cls.cluster.close()

    def streams_as(self, properties):
        home = self.home({"producer": properties})
        blocks = make_blocks(1, 12)
        self.assertDone(home.replay(blocks))
        self.assertHolds(home, blocks)
        self.assertEqualInKafka(home)

    def refused_as(self, properties, text):
        home, add = self.following({"producer": properties}, commit='recover_timeout = "10m"')
        process = home.start()
        add(make_blocks(1, 2))
        sink = self.wait_error(home, text)
        self.assertNotIn(properties["sasl.password"], home.log() + str(sink))
        process.kill()
        process.wait()


class Scram(SecureCase):
    VERSION = SCRAM_VERSION

    def test_scram_over_tls(self):
        self.streams_as(client("scram", "SCRAM-SHA-512"))

    def test_a_wrong_scram_password_is_said_and_not_shown(self):
        self.refused_as(client("scram", "SCRAM-SHA-512", password="Wrong-And-Secret"),
                        "uthentication failed")


class Secure(SecureCase):
    def test_plain_over_tls(self):
        self.streams_as(client("sluice"))

    def test_a_scram_login_that_cannot_work_is_explained(self):
        if SCRAM_WORKS:
            self.streams_as(client("scram", "SCRAM-SHA-512"))
        else:
            self.refused_as(client("scram", "SCRAM-SHA-512"), "install a newer librdkafka")

    def test_a_wrong_password_is_said_and_not_shown(self):
        self.refused_as(client("sluice", password="Wrong-And-Secret"), "uthentication failed")

    def test_a_broker_signed_by_another_authority_is_refused(self):
        self.refused_as(client("sluice", authority="other.pem"), "certificate verify failed")

    def acl(self, *what, action="--add", verdict="--allow-principal"):
        force = ["--force"] if action == "--remove" else []
        self.cluster.tool("AclCommand", action, *force, verdict, "User:limited", *what,
                          config=admin_config())

    def test_a_refused_authorisation_is_named_and_healed_by_a_grant(self):
        # Kafka's own tool takes its time for each grant.
        home, add = self.following({"producer": client("limited")},
                                   commit='on_failure = "wait"\nrecover_timeout = "10m"')
        process = home.start()
        blocks = make_blocks(1, 24)
        add(blocks[:12])
        self.wait_error(home, "TOPIC_AUTHORIZATION_FAILED", f"sluice.{home.stream}.position")
        for topic in (f"sluice.{home.stream}.position", home.stream):
            self.acl("--topic", topic, "--operation", "Create", "--operation", "Describe",
                     "--operation", "Read", "--operation", "Write")
        self.wait_error(home, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED")
        self.acl("--transactional-id", f"{home.stream}.orders", "--operation", "Describe",
                 "--operation", "Write")
        self.wait_height(home, 12)
        # Taken back from a sink that runs.
        denied = ["--topic", home.stream, "--operation", "Write"]
        self.acl(*denied, verdict="--deny-principal")
        add(blocks[12:])
        sink = self.wait_error(home, "TOPIC_AUTHORIZATION_FAILED", f"topic {home.stream}")
        self.assertEqual(sink["watermark"], 12)
        self.acl(*denied, action="--remove", verdict="--deny-principal")
        self.finish(home, process, blocks)


if __name__ == "__main__":
    unittest.main(verbosity=2)
