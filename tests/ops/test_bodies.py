"""Bodies as the network brings them to the real server: in chunks, cut off, or far larger than they look."""

import contextlib
import gzip
import http.client
import json
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
import zstandard

from tests.crash.live import Server, new_key

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("live")]

PATH = "/api/v1/ingest/hits"


@pytest.fixture
def server(installation: Any) -> Iterator[Server]:
    made = Server(installation, processes=1)
    made.secret = new_key(installation)  # type: ignore[attr-defined]
    made.start()
    yield made
    made.kill_all()


def hits(count: int) -> bytes:
    one = {"time": time.time(), "method": "GET", "path": "/a", "status": 200}
    return b"".join(json.dumps(one).encode() + b"\n" for _ in range(count))


def headers(server: Any, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {server.secret}"} | {name.replace("_", "-"): text for name, text in more.items()}


def send(server: Any, body: Any, **more: str) -> tuple[int, dict[str, Any]]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        connection.request("POST", PATH, body, headers(server, **more))
        response = connection.getresponse()
        return response.status, json.loads(response.read())


def in_chunks(body: bytes) -> Iterator[bytes]:
    return (body[start : start + 1000] for start in range(0, len(body), 1000))


def test_chunks(server: Server) -> None:
    body = hits(5_000)
    status, answer = send(server, in_chunks(gzip.compress(body, 1)), Content_Encoding="gzip")
    assert (status, answer.get("stored")) == (200, 5_000), answer
    status, answer = send(server, in_chunks(body))
    assert (status, answer["code"]) == (411, "length_required"), answer


def test_who_is_refused_is_told_so_while_it_still_sends(server: Server) -> None:
    """A connection that is closed on it would tell it nothing."""
    for body in (hits(10_000), in_chunks(hits(10_000))):
        status, answer = send(server, body, Content_Encoding="br")
        assert (status, answer["code"]) == (415, "encoding_unknown"), answer


@pytest.mark.parametrize("chunked", [False, True])
def test_a_client_that_stops_in_the_middle(server: Server, installation: Any, chunked: bool) -> None:
    body = gzip.compress(hits(4)) if chunked else hits(4)
    more = {"Content_Encoding": "gzip"} if chunked else {}
    lines = [f"POST {PATH} HTTP/1.1", "Host: 127.0.0.1", *(f"{k}: {v}" for k, v in headers(server, **more).items())]
    lines += ["Idempotency-Key: one", "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"]
    part = body[: len(body) // 2 + 3]
    sent = b"%x\r\n%s\r\n" % (len(part), part) if chunked else part
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + sent)
        time.sleep(0.3)
    time.sleep(0.5)
    status, answer = send(server, body, Idempotency_Key="one", **more)
    assert (status, answer.get("stored"), answer.get("duplicate")) == (200, 4, 0), answer


def bomb(kind: str) -> bytes:
    """1 GiB of zeros in a megabyte or less."""
    compressor: Any = zlib.compressobj(9, zlib.DEFLATED, 31)
    if kind == "zstd":
        compressor = zstandard.ZstdCompressor(level=3).compressobj()
    part = b"\0" * (1 << 20)
    return b"".join(compressor.compress(part) for _ in range(1024)) + compressor.flush()


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_a_gigabyte_in_a_megabyte(server: Server, kind: str) -> None:
    body = bomb(kind)
    assert len(body) < 1_100_000
    assert send(server, hits(2_000))[0] == 200  # warm
    (worker,) = [one for one in server.workers() if "worker" in one.name() or "worker" in " ".join(one.cmdline())]
    before, peak, done = worker.memory_info().rss, [0], threading.Event()

    def watch() -> None:
        while not done.is_set():
            peak[0] = max(peak[0], worker.memory_info().rss)
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for _ in range(3):
            status, answer = send(server, body, Content_Encoding=kind)
            assert (status, answer["code"]) == (413, "too_large")
    finally:
        done.set()
        watcher.join()
    assert peak[0] - before < 32 << 20
    assert send(server, hits(1))[1]["stored"] == 1
