# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy before a PostgreSQL server that cuts connections at the COMMIT of a transaction.

It follows the frontend's messages (type byte, int32 length): the sink sends a whole transaction as
one query text, so the rows' last CopyDone is what lets the server go on to the COMMIT. `before`
cuts without forwarding it: nothing is committed. `after` forwards it and cuts once the server has
answered COMMIT, without forwarding the answer: committed, and the client cannot know.
"""

import socket
import struct
import threading


class CuttingProxy:
    def __init__(self, server_port):
        self.server_port = server_port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.plan = []          # "pass", "before" or "after", one a transaction; then all pass
        self.cut_count = {"before": 0, "after": 0}
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def _next_cut(self):
        with self.lock:
            return self.plan.pop(0) if self.plan else "pass"

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.server_port))
            except OSError:
                client.close()
                continue
            _Session(self, client, server).start()


class _Session:
    def __init__(self, proxy, client, server):
        self.proxy, self.client, self.server = proxy, client, server
        self.swallow = threading.Event()

    def start(self):
        threading.Thread(target=self._to_server, daemon=True).start()
        threading.Thread(target=self._to_client, daemon=True).start()

    def _cut(self, how):
        with self.proxy.lock:
            self.proxy.cut_count[how] += 1
        self._close()

    def _close(self):
        for end in (self.client, self.server):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def _read(self, size):
        data = b""
        while len(data) < size:
            got = self.client.recv(size - len(data))
            if not got:
                raise ConnectionError
            data += got
        return data

    def _to_server(self):
        try:
            header = self._read(4)  # the startup message has no type
            self.server.sendall(header + self._read(struct.unpack("!I", header)[0] - 4))
            copies, cut = 0, "pass"
            while True:
                header = self._read(5)
                body = self._read(struct.unpack("!I", header[1:])[0] - 4)
                if header[:1] == b"Q" and b"FROM STDIN" in body and b"COMMIT" in body:
                    copies, cut = body.count(b"FROM STDIN"), self.proxy._next_cut()
                if header[:1] == b"c":
                    copies -= 1
                    if copies == 0 and cut == "before":
                        return self._cut("before")
                    if copies == 0 and cut == "after":
                        self.swallow.set()
                self.server.sendall(header + body)
        except (OSError, ConnectionError):
            self._close()

    def _to_client(self):
        try:
            while True:
                data = self.server.recv(1 << 16)
                if not data:
                    return self._close()
                if self.swallow.is_set():
                    if b"COMMIT\0" in data:
                        return self._cut("after")
                    continue
                self.client.sendall(data)
        except OSError:
            self._close()
