# SPDX-License-Identifier: Apache-2.0
"""A real PostgreSQL server for tests: a folder of its own, a free port of 127.0.0.1, fsync on.

initdb costs seconds, so it is done once a build folder, into a template that each server copies.
Where the tests run as root the server runs as `postgres`, because initdb refuses root.
"""

import atexit
import fcntl
import glob
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

USER = "app"
# With characters that a URI, a conninfo or a message could get wrong.
PASSWORD = "s3cret pass'w0rd"
# Much longer than anything takes: a deadline that is met means a hang, not a busy machine.
DEADLINE_SECONDS = 240

_template = None


def binaries():
    """The folder of initdb and pg_ctl, or None."""
    folders = sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)
    for folder in folders:
        if os.path.exists(os.path.join(folder, "initdb")):
            return pathlib.Path(folder)
    found = shutil.which("initdb")
    return pathlib.Path(found).parent if found else None


def why_not():
    """Why no server can be had, or None."""
    if binaries() is None or shutil.which("psql") is None:
        return "PostgreSQL is not installed (packages postgresql, postgresql-client)"
    return None


def _as_owner(command):
    """The command as the user who owns the server's files."""
    command = [str(part) for part in command]
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command


def _run(command, **kwargs):
    done = subprocess.run(_as_owner(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, timeout=DEADLINE_SECONDS, cwd="/", **kwargs)
    if done.returncode != 0:
        raise AssertionError(f"{command}: exit code {done.returncode}\n{done.stdout.decode()}")
    return done.stdout.decode()


def _folder():
    # Short, because the path of a unix socket has at most 107 bytes.
    folder = pathlib.Path(tempfile.mkdtemp(prefix="slpg-", dir="/tmp"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    return folder


def _make_template(data):
    password = data.parent / "password"
    password.write_text(PASSWORD + "\n")
    password.chmod(0o644)
    _run([binaries() / "initdb", "-D", data, "-U", USER, "--auth-local=trust",
          "--auth-host=scram-sha-256", f"--pwfile={password}", "-E", "UTF8", "--no-locale", "-k",
          "-N"])


def _kept_template():
    """The template in the build folder, which outlives this process; None where the user of the
    server cannot get there."""
    build = os.environ.get("SLUICE_BUILD_DIR")
    if build is None:
        return None
    root = pathlib.Path(build) / "tests" / "postgres-template"
    root.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        shutil.chown(root, "postgres", "postgres")
    reached = subprocess.run(_as_owner(["test", "-w", root]), cwd="/", check=False)
    if reached.returncode != 0:
        return None
    # Tests that run side by side make it once; a half-made one of a killed test is no template.
    with open(root / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / "complete").exists():
            shutil.rmtree(root / "data", ignore_errors=True)
            _make_template(root / "data")
            (root / "complete").touch()
    return root / "data"


def template():
    """The data folder that every server begins with a copy of."""
    global _template
    if _template is None:
        _template = _kept_template()
    if _template is None:
        root = _folder()
        atexit.register(shutil.rmtree, root, ignore_errors=True)
        _make_template(root / "data")
        _template = root / "data"
    return _template


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class PostgresServer:
    """One server. `settings` are lines of postgresql.conf; `data` a folder to begin with."""

    def __init__(self, settings=(), data=None, start=True):
        self.root = _folder()
        self.data = self.root / "data"
        _run(["cp", "-a", data or template(), self.data])
        self.port = free_port()
        self.settings = {"max_connections": "40", "shared_buffers": "32MB",
                         "autovacuum": "off", **dict(settings)}
        self.log = self.root / "server.log"
        self.environment = {}
        if start:
            self.start()

    # --- its life

    def start(self):
        options = (f"-p {self.port} -k {self.root} -c listen_addresses=127.0.0.1 -c fsync=on " +
                   " ".join(f"-c {name}={value}" for name, value in self.settings.items()))
        # stdout is a file: the server would hold a pipe open.
        with open("/dev/null", "wb") as nothing:
            done = subprocess.run(
                _as_owner(["env", *(f"{name}={value}" for name, value in self.environment.items()),
                           binaries() / "pg_ctl", "-D", self.data, "-w", "-t", "120", "-l", self.log,
                           "-o", options, "start"]),
                stdout=nothing, stderr=nothing, stdin=subprocess.DEVNULL, cwd="/",
                timeout=DEADLINE_SECONDS)
        if done.returncode != 0:
            log = self.log.read_text() if self.log.exists() else ""
            raise AssertionError(f"the server did not start\n{log}")

    def pid(self):
        try:
            return int((self.data / "postmaster.pid").read_text().split()[0])
        except (FileNotFoundError, IndexError):
            return None

    def stop(self, mode="fast"):
        if self.pid() is not None:
            _run([binaries() / "pg_ctl", "-D", self.data, "-w", "-t", "120", "-m", mode, "stop"])

    def kill(self):
        """kill -9 of the postmaster and of all that it started, as a power cut of the machine would
        end them, without what the disk would lose."""
        pid = self.pid()
        if pid is None:
            return
        self._signal(pid, signal.SIGSTOP)  # so that it starts no others
        children = self.children()
        for process in (pid, *children):
            self._signal(process, signal.SIGKILL)
        self._wait_gone(pid, *children)
        # Where nobody collects the dead process, its number is taken, and a start would believe it
        # alive.
        for name in (self.data / "postmaster.pid", self.root / f".s.PGSQL.{self.port}.lock"):
            name.unlink(missing_ok=True)

    def children(self):
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.pid())],
                                stdout=subprocess.PIPE, check=False).stdout.split()
        return [int(pid) for pid in listed]

    def _wait_gone(self, *pids):
        deadline = time.monotonic() + DEADLINE_SECONDS
        while any(_alive(pid) for pid in pids):
            if time.monotonic() > deadline:
                raise AssertionError("a process of the server does not end")
            time.sleep(0.01)  # looks again; nothing is timed by it

    def pause(self):
        # First what would start others. A connection may still end by itself.
        self._signal(self.pid(), signal.SIGSTOP)
        for process in self.children():
            self._signal(process, signal.SIGSTOP)

    def go_on(self):
        for process in (*self.children(), self.pid()):
            self._signal(process, signal.SIGCONT)

    @staticmethod
    def _signal(process, number):
        try:
            os.kill(process, number)
        except ProcessLookupError:
            pass

    def restart(self):
        self.stop()
        self.start()

    def promote(self):
        _run([binaries() / "pg_ctl", "-D", self.data, "-w", "-t", "120", "promote"])

    def standby(self, name):
        """A standby that follows this server, under `name`; the caller closes it."""
        copy = self.root / f"copy-{name}"
        _run([binaries() / "pg_basebackup", "-D", copy, "-R", "-c", "fast", "-d",
              f"host={self.root} port={self.port} user={USER} application_name={name}"])
        made = PostgresServer(data=copy)
        shutil.rmtree(copy)
        return made

    def close(self):
        try:
            self.stop("immediate")
        finally:
            shutil.rmtree(self.root, ignore_errors=True)

    # --- what is in it

    def conninfo(self, database="postgres", user=USER, password=PASSWORD):
        quoted = password.replace("\\", "\\\\").replace("'", "\\'")
        return (f"host=127.0.0.1 port={self.port} dbname={database} user={user} "
                f"password='{quoted}'")

    def sql(self, text, database="postgres", user=USER, check=True):
        """Rows as lists of texts; NULL is '<null>'."""
        done = subprocess.run(
            ["psql", "-X", "-q", "-A", "-t", "-F", "\x1f", "-P", "null=<null>",
             "-v", "ON_ERROR_STOP=1", "-h", str(self.root), "-p", str(self.port), "-U", user,
             "-d", database, "-c", text],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
            timeout=DEADLINE_SECONDS, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"{text}\n{done.stderr.decode()}")
        return [line.split("\x1f") for line in done.stdout.decode().splitlines()]

    def value(self, text, database="postgres"):
        rows = self.sql(text, database)
        return rows[0][0] if rows else None


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
