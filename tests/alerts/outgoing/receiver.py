"""Receivers on loopback ports: one that answers as it is told and keeps what it got, and one that says any bytes."""

import contextlib
import json
import socket
import ssl
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import Any, NamedTuple

# What an operator would allow for a receiver inside; tests have theirs on loopback.
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


class Received(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Receiver:
    """``script`` says how the next requests are answered, one entry each: (status, headers, body) or a status, or
    "hang": not before ``release`` is set. Afterwards: 200 and "ok"."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.script: deque[Any] = deque()
        self.received: list[Received] = []
        self.release = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._server.receiver = self  # type: ignore[attr-defined]
        self.port = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that breaks off is what some tests are about; anything else is a fault of this stand-in."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5

    def log_message(self, *_: Any) -> None:
        """Nothing on standard error."""

    def do_POST(self) -> None:
        receiver: Receiver = self.server.receiver  # type: ignore[attr-defined]
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", "0")))
        receiver.received.append(Received(self.command, self.path, headers, body))
        step = receiver.script.popleft() if receiver.script else (200, {}, b"ok")
        if step == "hang":
            receiver.release.wait(20)
            self.close_connection = True
            return
        status, more, content = step if isinstance(step, tuple) else (step, {}, b"")
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **more}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST


class Raw:
    """Counts the connections that it accepts, on 127.0.0.1 and, where it exists, ::1, and lets ``talk`` have them."""

    def __init__(self, talk: Callable[[socket.socket], None] | None = None) -> None:
        self.accepted = 0
        self._talk = talk
        self._listening = [socket.create_server(("127.0.0.1", 0))]
        self.port = self._listening[0].getsockname()[1]
        # Containers often have no IPv6.
        with contextlib.suppress(OSError):
            self._listening.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        self.ipv6 = len(self._listening) == 2
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._accept, args=(one,), daemon=True) for one in self._listening]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """May be called again."""
        if self._over.is_set():
            return
        self._over.set()
        for one in self._listening:
            # Wakes up who waits in accept().
            one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self, listening: socket.socket) -> None:
        while not self._over.is_set():
            try:
                made, _ = listening.accept()
            except OSError:
                return
            self.accepted += 1
            with made:
                if self._talk is not None:
                    try:
                        made.settimeout(5)
                        self._talk(made)
                    except OSError:
                        continue  # the client went away


def drip(piece: bytes, between: float, before: bytes = b"") -> Callable[[socket.socket], None]:
    """Says ``before``, and then ``piece`` again and again, ``between`` seconds apart, until the client goes."""

    def talk(made: socket.socket) -> None:
        made.recv(65_536)
        made.sendall(before)
        while True:
            made.sendall(piece)
            if between:
                time.sleep(between)

    return talk


def quiet(made: socket.socket) -> None:
    """Listens, and says nothing, until the client goes."""
    while made.recv(65_536):
        pass


def say(*pieces: bytes) -> Callable[[socket.socket], None]:
    """Reads a request, says the pieces, and closes."""

    def talk(made: socket.socket) -> None:
        made.recv(65_536)
        for piece in pieces:
            made.sendall(piece)

    return talk
