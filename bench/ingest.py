"""Hits a second that are durable before their 2xx, beside InfluxDB's /write and the same server's bare 204, in turn.

    python bench/ingest.py [--database URL] [--seconds 8] [--rounds 3] [--batches 1,100,1000] [--json FILE]

The last is what granian does with a body and an application that does nothing. One machine runs everything: wrk with 16
connections, our server (PostgreSQL: 2 processes, SQLite: 1; 8 threads each)
with a loop that compacts when a worker would, and InfluxDB. Each round takes them in turn; medians.
InfluxDB gets one point a hit, with as many tags; it keeps no identity, no routes and no rollups.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONNECTIONS = 16
OURS, INFLUX, BARE = "endpoint stats", "influxdb", "204"
SETUP = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("migrate", database="local", verbosity=0)
from accounts.keys import create_key
from accounts.services import create_project
print(create_key(create_project("bench"), "ingest", "bench")[1])
"""
COMPACT = """
import time
import django
django.setup()
from django.utils import timezone
from endpoint_stats.workers.tasks import compact_project, projects_to_compact
while True:
    time.sleep(2)
    for task in projects_to_compact(timezone.now()):
        compact_project(**task)
"""
ROUTES = [f"/api/v1/things{number}/%d" for number in range(200)]
LUA = """
wrk.method = "POST"
local bodies = {}
for part in io.lines(os.getenv("BODIES")) do bodies[#bodies + 1] = part end
for name, value in string.gmatch(os.getenv("HEADERS"), "([%w-]+)=([^\\n]+)") do wrk.headers[name] = value end
local at = math.random(#bodies)
local separator = os.getenv("SEPARATOR")
function request()
    at = at % #bodies + 1
    local body = bodies[at]
    if separator == "lines" then body = string.gsub(body, "\\t", "\\n") end
    return wrk.format(nil, nil, nil, body)
end
function done(summary, latency)
    io.write(string.format("RESULT %d %d %d %d\\n", summary.requests, summary.duration,
        summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout,
        latency:percentile(99)))
end
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, path: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", path)
            if connection.getresponse().status < 500:
                return
        time.sleep(0.1)
    raise SystemExit(f"Nothing answers on port {port}.")


@contextlib.contextmanager
def running(command: list[str], env: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("ab") as out:
        process = subprocess.Popen(command, env=env, cwd=ROOT, stdout=out, stderr=out, start_new_session=True)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def bodies(size: int, influx: bool) -> list[str]:
    """Some bodies of ``size`` hits each, one a line; Influx's own lines are joined by tabs."""
    chance, made = random.Random(size), []
    for _ in range(200 if size == 1 else 20):
        hits = []
        for _ in range(size):
            route = chance.randrange(len(ROUTES))
            status = chance.choices((200, 201, 404, 500), (90, 5, 4, 1))[0]
            duration = round(chance.lognormvariate(-3.5, 1), 6)
            version, consumer = f"1.{chance.randrange(3)}", f"team{chance.randrange(20)}"
            if influx:
                tags = f"hits,route=r{route},method=GET,status={status},version={version},consumer={consumer}"
                hits.append(f"{tags} duration={duration},size={chance.randrange(10_000)}i")
            else:
                path = ROUTES[route] % chance.randrange(100_000)
                hits.append(json.dumps({
                    "time": "@now", "service": "shop", "method": "GET", "path": path, "status": status,
                    "duration": duration, "response_size": chance.randrange(10_000), "version": version,
                    "consumer": consumer, "user_agent": "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0",
                }))  # fmt: skip
        made.append("\t".join(hits) if influx else "[" + ", ".join(hits) + "]")
    return made


def drive(
    folder: Path, port: int, path: str, lines: list[str], headers: dict[str, str], seconds: int
) -> dict[str, float]:
    (folder / "bodies").write_text("\n".join(lines).replace('"@now"', str(round(time.time(), 3))) + "\n")
    (folder / "drive.lua").write_text(LUA)
    env = os.environ | {
        "BODIES": str(folder / "bodies"),
        "HEADERS": "\n".join(f"{name}={value}" for name, value in headers.items()),
        "SEPARATOR": "lines" if path.startswith("/write") else "",
    }
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "20s", "-s", str(folder / "drive.lua")]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}{path}"], env=env, capture_output=True, text=True, check=True
    )
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+)", done.stdout)
    if found is None:
        raise SystemExit(done.stdout + done.stderr)
    requests, microseconds, errors, p99 = map(int, found.groups())
    return {"rate": requests / microseconds * 1e6, "errors": errors, "p99": p99 / 1000, "requests": requests}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time our ingest beside InfluxDB's.")
    parser.add_argument("--database", default="", help="a PostgreSQL server; default: SQLite")
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", default="1,100,1000")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    for program in ("wrk", "influxd"):
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is not installed (Debian: apt-get install wrk influxdb).")
    with tempfile.TemporaryDirectory() as name, scratch(options.database) as url:
        run(Path(name), url, options)


@contextlib.contextmanager
def scratch(server: str) -> Iterator[str]:
    if not server:
        yield ""
        return
    import psycopg

    name = f"bench_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        yield server.rpartition("/")[0] + f"/{name}"
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def environment(folder: Path, url: str) -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k not in ("REDIS_URL",)} | {
        "DATA_DIR": str(folder / "data"), "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "settings.dev",
        "PYTHONPATH": str(ROOT), "LOG_LEVEL": "ERROR",
    }  # fmt: skip


def serve(stack: contextlib.ExitStack, folder: Path, env: dict[str, str]) -> tuple[int, str]:
    """Start an installation: its port, and a key."""
    key = subprocess.run(
        [sys.executable, "-c", SETUP], env=env, check=True, capture_output=True, text=True
    ).stdout.strip()
    port = free_port()
    command = [sys.executable, str(ROOT / "manage.py"), "serve", "--port", str(port)]
    stack.enter_context(running(command, env, folder / "serve.log"))
    stack.enter_context(running([sys.executable, "-c", COMPACT], env, folder / "compact.log"))
    wait_for(port, "/health/live")
    return port, key


def bare_server(port: int, postgresql: bool) -> list[str]:
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws", "--log-level", "error"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "2" if postgresql else "1"]
    return [*command, "--blocking-threads", "8", "bench.bare_wsgi:application"]


def run(folder: Path, url: str, options: argparse.Namespace) -> None:
    env = environment(folder, url)
    influx, bare = free_port(), free_port()
    config = folder / "influx.conf"
    config.write_text(
        f'reporting-disabled = true\nbind-address = "127.0.0.1:{free_port()}"\n[meta]\ndir = "{folder}/meta"\n'
        f'[data]\ndir = "{folder}/tsm"\nwal-dir = "{folder}/wal"\nquery-log-enabled = false\n'
        f'[http]\nbind-address = "127.0.0.1:{influx}"\nlog-enabled = false\n'
    )
    found: dict[str, list[dict[str, float]]] = {}
    with contextlib.ExitStack() as stack:
        stack.enter_context(running(["influxd", "-config", str(config)], dict(os.environ), folder / "influx.log"))
        ours, key = serve(stack, folder, env)
        stack.enter_context(running(bare_server(bare, bool(url)), env, folder / "bare.log"))
        wait_for(influx, "/ping")
        wait_for(bare, "/")
        create = http.client.HTTPConnection("127.0.0.1", influx)
        create.request("POST", "/query?q=CREATE+DATABASE+bench")
        create.getresponse().read()
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        drive(folder, ours, "/api/v1/ingest/hits", bodies(100, False), headers, 3)  # warm
        peers = (
            (OURS, ours, "/api/v1/ingest/hits", headers),
            (INFLUX, influx, "/write?db=bench", {}),
            (BARE, bare, "/", headers),
        )
        for _ in range(options.rounds):
            for size in map(int, options.batches.split(",")):
                for who, port, path, given in peers:
                    done = drive(folder, port, path, bodies(size, who == INFLUX), given, options.seconds)
                    done["hits"] = done["rate"] * size
                    found.setdefault(f"{who} × {size}", []).append(done)
                    print(
                        f"{who:16}{size:6}{done['hits']:12,.0f} hits/s{done['p99']:9.1f} ms p99"
                        f"{done['errors']:6.0f} errors"
                    )
    print()
    medians = {
        name: {key: statistics.median(one[key] for one in listed) for key in listed[0]}
        for name, listed in found.items()
    }
    for size in options.batches.split(","):
        mine, other, bare = (medians[f"{who} × {size}"] for who in (OURS, INFLUX, BARE))
        print(
            f"batches of {size:>5}: {mine['hits']:10,.0f} hits/s, p99 {mine['p99']:.0f} ms; "
            f"InfluxDB {other['hits']:10,.0f}, p99 {other['p99']:.0f} ms: ratio {mine['hits'] / other['hits']:.2f}; "
            f"204 {bare['hits']:10,.0f}: ratio {mine['hits'] / bare['hits']:.3f}"
        )
    if options.json:
        options.json.write_text(json.dumps(medians, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
