"""How a batch of hits reaches the server: the protocol of transports, and the one over HTTP."""

from __future__ import annotations

# Loaded here, as the first connection would load it: a child that is forked meanwhile would wait for ever for the lock
# of an import that nobody ends.
import encodings.idna  # noqa: F401
import gzip
import http.client
import json
import os
import ssl
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from .hits import Hit
from .retry import retry_after_seconds
from .version import __version__

PATH = "/api/v1/ingest/hits"
ANSWER_LENGTH = 65_536  # bytes of an answer that are read
DETAIL_LENGTH = 300


class Answer(NamedTuple):
    """What the server said to a batch, in the terms of HTTP.

    status: 2xx: stored, and counted once whatever happens next; others as sender.py says. rejected: hits of the batch
    that it refused. detail: a sentence for the log. retry_after: seconds that it asks to wait.
    """

    status: int
    rejected: int = 0
    detail: str = ""
    retry_after: float | None = None


class Transport(Protocol):
    """Brings batches to a server. One thread at a time calls it."""

    def send(self, hits: Sequence[Hit], idempotency_key: str) -> Answer:
        """Deliver a batch. The same key comes with the same hits only: again, when the answer was lost or said so.

        Raises anything where nobody answered: the batch is sent again.
        """

    def close(self) -> None:
        """Let go of connections; send() may be called again."""


class HttpTransport:
    """POST of gzipped NDJSON over one kept connection.

    Certificates are verified, redirects are not followed, and proxies that the environment names are not used.
    """

    def __init__(self, url: str, key: str, *, timeout: float = 5.0, context: ssl.SSLContext | None = None) -> None:
        """url: where Endpoint Stats lives, such as https://stats.example.org. key: an API key of scope ingest.

        timeout: seconds, for connecting and for each wait on the connection. context: TLS of your own, such as one
        that trusts a company's authority. Raises ValueError for a URL or key that cannot be one.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or not _is_word(url):
            raise ValueError("URL must be like https://stats.example.org")
        if parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError("URL must have no user, query or fragment")
        if not _is_word(key):
            raise ValueError("KEY must be an API key: ASCII without spaces and line breaks")
        self._tls, self._given, self._context = parts.scheme == "https", context, context
        self._host, self._path = parts.hostname, parts.path.rstrip("/") + PATH
        self._port = parts.port or (443 if self._tls else 80)
        self._timeout = timeout
        self._headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/x-ndjson",
            "Content-Encoding": "gzip",
            "Accept": "application/json",
            "User-Agent": f"endpoint-stats-sender/{__version__}",
        }
        self._connection: http.client.HTTPConnection | None = None
        self._process = 0
        self._body = ("", b"")

    def send(self, hits: Sequence[Hit], idempotency_key: str) -> Answer:
        """See Transport.send. Raises OSError, http.client.HTTPException, or ValueError for an answer of others."""
        if self._body[0] != idempotency_key:
            # Kept over retries: the same bytes, and packed once.
            self._body = (idempotency_key, encode(hits))
        try:
            answer = self._post(self._body[1], {**self._headers, "Idempotency-Key": idempotency_key})
        except BaseException:
            self.close()
            raise
        return answer

    def close(self) -> None:
        """See Transport.close."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        connection = self._connected()
        kept = connection.sock is not None
        try:
            return self._exchange(connection, body, headers)
        except (ConnectionError, http.client.BadStatusLine):
            if not kept:
                raise
        # The server closes connections that were quiet for a while. The key makes a second try safe.
        self.close()
        return self._exchange(self._connected(), body, headers)

    def _connected(self) -> http.client.HTTPConnection:
        """The connection, opened by the first request; after a fork not the parent's."""
        if self._process != os.getpid():
            self._forget()
            self._process = os.getpid()
        if self._connection is None:
            if self._tls:
                self._context = self._context or ssl.create_default_context()
                self._connection = http.client.HTTPSConnection(
                    self._host, self._port, timeout=self._timeout, context=self._context
                )
            else:
                self._connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        return self._connection

    def _forget(self) -> None:
        """Let go of the parent's connection without a word to the server.

        Neither it nor its TLS may be asked to close: a thread that the child does not have may hold their locks.
        """
        if self._connection is not None and self._connection.sock is not None:
            os.close(self._connection.sock.detach())
        self._connection, self._context = None, self._given

    def _exchange(self, connection: http.client.HTTPConnection, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            connection.request("POST", self._path, body, dict(headers))
        except (BrokenPipeError, ConnectionResetError) as cut_off:
            # Whoever refuses a body may answer before it has read it all.
            try:
                response = connection.getresponse()
            except (OSError, http.client.HTTPException):
                raise cut_off from None
        else:
            response = connection.getresponse()
        content = response.read(ANSWER_LENGTH)
        if response.read(1):
            self.close()
        retry_after = retry_after_seconds(response.headers.get("Retry-After"), time.time())
        if 200 <= response.status < 300:
            return accepted(response.status, content)
        place = response.headers.get("Location")
        said = f"it moved to {place}; redirects are not followed" if place else detail_of(content)
        return Answer(response.status, detail=said[:DETAIL_LENGTH], retry_after=retry_after)


def _is_word(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def encode(hits: Sequence[Hit]) -> bytes:
    """Hits as gzipped NDJSON. A lone surrogate, which UTF-8 cannot say, becomes a question mark."""
    lines = "\n".join([_encode(hit) for hit in hits])
    # Level 1 is half of level 6's time for an eighth more bytes. No time stands in it: the same hits, the same bytes.
    return gzip.compress(lines.encode("utf-8", "replace"), compresslevel=1, mtime=0)


def _object(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def accepted(status: int, content: bytes) -> Answer:
    """The answer to a batch that was taken. ValueError where it is not Endpoint Stats that answered."""
    found = _object(content)
    if not isinstance(found.get("received"), int):
        raise ValueError(f"the answer ({status}) is not one of Endpoint Stats: is URL right?")
    rejected = found.get("rejected")
    reasons = {
        str(reason)[:40]: number
        for reason, number in (rejected.items() if isinstance(rejected, dict) else ())
        if isinstance(number, int) and number > 0
    }
    detail = ", ".join(f"{reason}: {number}" for reason, number in reasons.items())
    return Answer(status, rejected=sum(reasons.values()), detail=detail[:DETAIL_LENGTH])


def detail_of(content: bytes) -> str:
    """The sentence of a problem document (RFC 9457), or the beginning of what was said instead, on one line."""
    problem = _object(content)
    said = problem.get("detail") or problem.get("title") or content.decode("utf-8", "replace")
    return " ".join(str(said).split())[:DETAIL_LENGTH]
