"""A stand-in for the server: the contract of POST /api/v1/ingest/hits on a loopback port, and any trouble asked for."""

from __future__ import annotations

import gzip
import hashlib
import json
import ssl
import sys
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

KEY = "es_stub.secret"


class Received(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes
    connection: tuple[str, int]


class Stub:
    """``script`` says what happens to the next requests, one entry each; afterwards all is well.

    A number: that status. (status, headers) or (status, headers, body). "lose": stored, and the connection ends
    without an answer. "drop": it ends before anything is stored. "hang": no answer until ``release`` is set.
    "half": half of an answer, and the rest never.
    "unread": 413 before the body is read. "once": answered, and the connection is closed afterwards, unannounced.
    """

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.script: deque[Any] = deque()
        self.received: list[Received] = []
        self.hits: list[dict[str, Any]] = []
        self.release = threading.Event()
        self._digests: dict[str, str] = {}
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", port), _Handler)
        if tls is not None:
            # The handshake belongs to the connection's own thread: one that fails must not end the server.
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._server.stub = self  # type: ignore[attr-defined]
        self.port = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def keys(self) -> list[str]:
        return [request.headers["idempotency-key"] for request in self.received]

    def next_step(self, request: Received) -> Any:
        with self._lock:
            self.received.append(request)
            return self.script.popleft() if self.script else 200

    def store(self, request: Received) -> tuple[int, dict[str, Any]]:
        """What the real one does: identity by key, a digest against another body under it, numbers that add up."""
        headers = request.headers
        if headers.get("authorization") != f"Bearer {KEY}":
            return 401, {"code": "key_unknown", "detail": "No such key."}
        text = gzip.decompress(request.body) if headers.get("content-encoding") == "gzip" else request.body
        hits = hits_of(text, raw="/ingest/logs" in request.path)
        # Without a key every batch is new.
        key = headers.get("idempotency-key") or f"none-{len(self.received)}"
        digest = hashlib.sha256(text).hexdigest()
        bad = [hit for hit in hits if "status" not in hit]
        with self._lock:
            again = key in self._digests
            if self._digests.setdefault(key, digest) != digest:
                return 409, {"code": "key_reused", "detail": "This Idempotency-Key came with another body."}
            if not again:
                self.hits += [hit for hit in hits if "status" in hit]
        good = len(hits) - len(bad)
        rejected = {"field_missing": len(bad)} if bad else {}
        stored, duplicate = (0, good) if again else (good, 0)
        return 200, {"received": len(hits), "stored": stored, "duplicate": duplicate, "rejected": rejected}


def hits_of(text: bytes, raw: bool) -> list[dict[str, Any]]:
    """A JSON array, or a Hit a line; raw lines of a log are not read."""
    if raw:
        return [{"line": line.decode(), "status": None} for line in text.splitlines()]
    if text.lstrip().startswith(b"["):
        found: list[dict[str, Any]] = json.loads(text)
        return found
    return [json.loads(line) for line in text.split(b"\n") if line]


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that breaks off is what some tests are about; anything else is a fault of this stand-in."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # A kept connection that says nothing more ends with the test and not later.
    timeout = 5

    def log_message(self, *_: Any) -> None:
        """Nothing on standard error."""

    def do_POST(self) -> None:
        stub: Stub = self.server.stub  # type: ignore[attr-defined]
        headers = {name.lower(): value for name, value in self.headers.items()}
        unread = bool(stub.script) and stub.script[0] == "unread"
        body = b"" if unread else self.rfile.read(int(headers["content-length"]))
        request = Received(self.path, headers, body, self.client_address)
        step = stub.next_step(request)
        if step == "half":
            self.answer(200, {"Content-Length": "1000"}, b'{"received"')
        if step in ("half", "hang"):
            stub.release.wait(20)
        if step in ("drop", "half", "hang", "lose"):
            if step == "lose":
                stub.store(request)
            self.close_connection = True
        elif step == "unread":
            self.answer(413, {"Connection": "close"}, {"detail": "Too large."})
            self.close_connection = True
        elif step in (200, "once"):
            status, content = stub.store(request)
            self.answer(status, {}, content)
            self.close_connection = step == "once"
        else:
            status, more, content = (*step, {})[:3] if isinstance(step, tuple) else (step, {}, {})
            self.answer(status, more, content)

    def answer(self, status: int, headers: dict[str, str], content: Any) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
