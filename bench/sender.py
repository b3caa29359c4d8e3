"""What the middleware of endpoint_stats_sender costs the application that it measures.

    python bench/sender.py [--requests 20000] [--rounds 9] [--json FILE]

Overhead: the same Django application (five of Django's own middlewares and a view) without and with ours, in turn,
each in a process of its own that also runs the sending thread; a process beside them takes the batches. Microseconds
a request, by wall and by the whole process's CPU; medians; only ratios travel. A view that does nothing is the worst
case.

Memory: growth of the resident size over 100,000 requests to such an application while nobody listens, without and
with the middleware.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import logging
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
OURS = "endpoint_stats_sender.middleware.EndpointStatsMiddleware"
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
]
AWAY_REQUESTS = 100_000


def take_batches() -> None:
    """A server that answers as the real one does, at the least cost. Says its port, then serves until it is killed."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    body = b'{"received":1,"stored":0,"duplicate":0,"rejected":{}}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            while lines.readline():
                size = 0
                while (line := lines.readline()) not in (b"\r\n", b""):
                    if line.lower().startswith(b"content-length:"):
                        size = int(line.split(b":")[1])
                lines.read(size)
                connection.sendall(answer)


def application(url: str) -> Any:
    """A WSGI application, with our middleware where a URL is given."""
    import django
    from django.conf import settings
    from django.http import HttpResponse
    from django.urls import path

    def view(request: Any, pk: int) -> Any:
        return HttpResponse(b"ok")

    settings.configure(
        ALLOWED_HOSTS=["localhost"],
        SECRET_KEY="bench",
        ROOT_URLCONF=(path("orders/<int:pk>/", view),),
        MIDDLEWARE=[OURS, *MIDDLEWARE] if url else MIDDLEWARE,
        ENDPOINT_STATS={"URL": url, "KEY": "bench", "SERVICE": "shop", "VERSION": "1.4.2", "IGNORE": ["^/health"]},
        LOGGING_CONFIG=None,
    )
    django.setup(set_prefix=False)
    from django.core.handlers.wsgi import WSGIHandler

    return WSGIHandler()


def request(number: int) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "GET", "PATH_INFO": f"/orders/{number}/", "QUERY_STRING": "", "SERVER_NAME": "localhost",
        "SERVER_PORT": "80", "HTTP_HOST": "localhost", "wsgi.input": io.BytesIO(), "wsgi.url_scheme": "http",
        "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
        "HTTP_TRACEPARENT": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    }  # fmt: skip


def serve(handler: Any, requests: int) -> None:
    def start_response(status: str, headers: Any, exc_info: Any = None) -> None:
        if status != "200 OK":
            raise RuntimeError(status)

    for number in range(requests):
        handler(request(number), start_response).close()


def overhead(url: str, requests: int) -> dict[str, float]:
    """Microseconds a request, and what became of the hits."""
    handler = application(url)
    serve(handler, requests // 10)
    gc.collect()
    begin, used = time.perf_counter(), time.process_time()
    serve(handler, requests)
    wall = time.perf_counter() - begin
    from endpoint_stats_sender import flush, senders

    flushed = flush(30)
    cpu = time.process_time() - used
    stats = [sender.stats for sender in senders()]
    if not flushed or sum(one.sent + one.dropped for one in stats) != (requests + requests // 10 if url else 0):
        raise RuntimeError(f"hits are missing: {stats}")
    return {
        "wall": wall / requests * 1e6, "cpu": cpu / requests * 1e6, "dropped": float(sum(one.dropped for one in stats))
    }  # fmt: skip


def memory(url: str) -> dict[str, float]:
    """Megabytes that the process grew by."""
    logging.disable()
    handler = application(url)
    serve(handler, 1_000)
    gc.collect()
    before = psutil.Process().memory_info().rss
    serve(handler, AWAY_REQUESTS)
    gc.collect()
    return {"megabytes": (psutil.Process().memory_info().rss - before) / 1e6}


def in_a_process(what: str, url: str, requests: int) -> dict[str, float]:
    """One measurement. It ends by os._exit: what waits for nobody need not be waited for."""
    done = subprocess.run(
        [sys.executable, __file__, "--measure", what, "--url", url, "--requests", str(requests)],
        stdout=subprocess.PIPE, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout)
    return found


def compare(requests: int, rounds: int) -> dict[str, Any]:
    server = subprocess.Popen([sys.executable, __file__, "--measure", "server"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    url = f"http://127.0.0.1:{int(server.stdout.readline())}"
    found: dict[str, list[dict[str, float]]] = {"without": [], "with": []}
    try:
        for _ in range(rounds):
            found["without"].append(in_a_process("overhead", "", requests))
            found["with"].append(in_a_process("overhead", url, requests))
    finally:
        server.kill()
        server.wait()
    result: dict[str, Any] = {}
    for unit in ("wall", "cpu"):
        medians = {name: statistics.median(one[unit] for one in each) for name, each in found.items()}
        result[unit] = medians | {"ratio": medians["with"] / medians["without"]}
    result["dropped"] = max(one["dropped"] for one in found["with"])
    # A port on which nobody listens: it was just given back.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{probe.getsockname()[1]}"
    result["memory"] = {
        name: in_a_process("memory", where, 0)["megabytes"] for name, where in (("without", ""), ("with", away))
    }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--measure", choices=["overhead", "memory", "server"], help=argparse.SUPPRESS)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure == "server":
        take_batches()
    elif options.measure:
        found = overhead(options.url, options.requests) if options.measure == "overhead" else memory(options.url)
        print(json.dumps(found), flush=True)
        os._exit(0)
    result = compare(options.requests, options.rounds)
    for unit in ("wall", "cpu"):
        one = result[unit]
        print(f"{unit}: {one['without']:.1f} µs a request without, {one['with']:.1f} with: {one['ratio']:.3f} ×")
    print(f"dropped: {result['dropped']:.0f}")
    print(
        f"server away, {AWAY_REQUESTS:,} requests: grew by {result['memory']['with']:.1f} MB "
        f"with the middleware, {result['memory']['without']:.1f} MB without"
    )
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
