"""OTLP traces stored a second, beside the same bodies only decompressed and decoded, in turn.

    python bench/otlp_ingest.py [--database URL] [--seconds 8] [--rounds 3] [--spans 500]

Each request is a gzip body of so many spans, and no two are alike, since equal bodies are counted once. The server runs
as bench/ingest.py runs it, compaction included; decoding runs in as many processes as the server has.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import multiprocessing
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script, Python looks in this folder only

from bench import ingest
from bench.otlp_bodies import trace_request

BODIES, TAILS = 10, 20_000
LUA = """
wrk.method = "POST"
local function read(name) local file = io.open(name, "rb") local data = file:read("*a") file:close() return data end
local function split(name)
    local data, parts, at = read(name), {}, 1
    for size in string.gmatch(read(name .. ".sizes"), "%d+") do
        parts[#parts + 1] = string.sub(data, at, at + size - 1)
        at = at + size
    end
    return parts
end
local bodies, tails, sent = split(os.getenv("BODIES")), split(os.getenv("TAILS")), tonumber(os.getenv("FIRST"))
wrk.headers["Authorization"] = os.getenv("AUTHORIZATION")
wrk.headers["Content-Type"] = "application/x-protobuf"
wrk.headers["Content-Encoding"] = "gzip"
function request()
    sent = sent + 1
    -- Two gzip members, two messages: each reads as the one that both make.
    return wrk.format(nil, nil, nil, bodies[sent % #bodies + 1] .. tails[sent % #tails + 1])
end
function done(summary, latency)
    io.write(string.format("RESULT %d %d %d %d\\n", summary.requests, summary.duration,
        summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout,
        latency:percentile(99)))
end
"""


def messages(spans: int, count: int, seed: int) -> list[bytes]:
    """Requests of so many spans that ended just now."""
    rng, now = random.Random(seed), time.time_ns()
    found = []
    for _ in range(count):
        request = trace_request(rng, spans)
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    length = span.end_time_unix_nano - span.start_time_unix_nano
                    span.end_time_unix_nano = now - rng.randrange(20 * 10**9)
                    span.start_time_unix_nano = span.end_time_unix_nano - length
                    span.trace_id = rng.randbytes(16)
        found.append(gzip.compress(request.SerializeToString(), 6))
    return found


def write_parts(path: Path, parts: list[bytes]) -> None:
    path.write_bytes(b"".join(parts))
    path.with_name(path.name + ".sizes").write_text(" ".join(str(len(part)) for part in parts))


def decode_for(seconds: float, bodies: list[bytes], done: multiprocessing.Queue[int]) -> None:
    """What of a request is parsing: decompressed within its bound, and decoded to hits."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "settings.dev"
    import django

    django.setup()
    from endpoint_stats.ingest.live.bodies import read
    from endpoint_stats.ingest.otlp.traces import decode_traces

    count, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        decode_traces(read(iter([bodies[count % len(bodies)]]), "gzip", 1 << 26), json=False, consumer_attribute="")
        count += 1
    done.put(count)


def decoded(bodies: list[bytes], seconds: int, processes: int) -> float:
    """Requests a second."""
    done: multiprocessing.Queue[int] = multiprocessing.Queue()
    workers = [multiprocessing.Process(target=decode_for, args=(seconds, bodies, done)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    return sum(done.get() for _ in workers) / seconds


def stored(folder: Path, port: int, key: str, seconds: int, first: int) -> dict[str, float]:
    (folder / "otlp.lua").write_text(LUA)
    env = os.environ | {
        "BODIES": str(folder / "bodies"), "TAILS": str(folder / "tails"), "FIRST": str(first),
        "AUTHORIZATION": f"Bearer {key}",
    }  # fmt: skip
    command = ["wrk", "-t1", f"-c{ingest.CONNECTIONS}", f"-d{seconds}s", "--timeout", "20s", "-s"]
    done = subprocess.run(
        [*command, str(folder / "otlp.lua"), f"http://127.0.0.1:{port}/otlp/v1/traces"],
        env=env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+)", done.stdout)
    if found is None:
        raise SystemExit(done.stdout + done.stderr)
    requests, microseconds, errors, p99 = map(int, found.groups())
    return {"requests": requests, "rate": requests / microseconds * 1e6, "errors": errors, "p99": p99 / 1000}


def main() -> None:
    parser = argparse.ArgumentParser(description="OTLP traces stored beside traces decoded.")
    parser.add_argument("--database", default="", help="a PostgreSQL server; default: SQLite")
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--spans", type=int, default=500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ingest.scratch(options.database) as url:
        folder = Path(name)
        env = ingest.environment(folder, url)
        bodies = messages(options.spans - 1, BODIES, 1)
        write_parts(folder / "bodies", bodies)
        write_parts(folder / "tails", messages(1, TAILS, 2))
        with contextlib.ExitStack() as stack:
            port, key = ingest.serve(stack, folder, env)
            processes = 2 if options.database else 1
            ours, parsed, sent = [], [], 0
            stored(folder, port, key, 3, sent)  # warm
            sent += TAILS // 2
            for _ in range(options.rounds):
                done = stored(folder, port, key, options.seconds, sent)
                sent += int(done["requests"]) + ingest.CONNECTIONS
                ours.append(done)
                parsed.append(decoded(bodies, 4, processes))
                print(
                    f"stored {done['rate']:7,.0f} requests/s{done['p99']:9.1f} ms p99{done['errors']:5.0f} errors;"
                    f" parsed {parsed[-1]:7,.0f}"
                )
    rate, other = statistics.median(one["rate"] for one in ours), statistics.median(parsed)
    print(
        f"\n{rate:,.0f} requests of {options.spans} spans a second stored, {rate * options.spans:,.0f} spans;", end=" "
    )
    print(f"{other:,.0f} only decompressed and decoded; ratio {rate / other:.2f}")


if __name__ == "__main__":
    main()
