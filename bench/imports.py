"""Our import beside goaccess on the same log, in turn: wall time, CPU of the whole process tree, peak memory.

    python bench/imports.py [--lines 2000000] [--rounds 5] [--log FILE] [--json FILE]

The log is made first where it is missing (bench/make_log.py). Each round imports into a new installation (SQLite,
its databases made beforehand), then runs goaccess with all its panels, goaccess with its requests panel only, and the
floor: Python reading the lines. Once more at the end ours with the API's own 205 routes as patterns of the project.
Medians; only ratios within one run travel.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
GOACCESS = ("goaccess", "--no-global-config", "--log-format=%h %^[%d:%t %^] \"%r\" %s %b \"%R\" \"%u\" %T",
            "--date-format=%d/%b/%Y", "--time-format=%H:%M:%S", "--no-progress")  # fmt: skip
PANELS = ("VISITORS", "REQUESTS_STATIC", "NOT_FOUND", "HOSTS", "OS", "BROWSERS", "VISIT_TIMES", "VIRTUAL_HOSTS",
          "REFERRERS", "REFERRING_SITES", "KEYPHRASES", "STATUS_CODES", "REMOTE_USER", "CACHE_STATUS", "GEO_LOCATION",
          "MIME_TYPE", "TLS_TYPE")  # fmt: skip
FLOOR = "import sys\nn = 0\nwith open(sys.argv[1], 'rb') as log:\n    for line in log:\n        n += 1\nprint(n)"
SAMPLE = 0.03  # seconds between two looks at the processes


def measure(command: list[str], env: dict[str, str] | None = None) -> dict[str, float]:
    """Wall seconds, CPU seconds of all processes that it started, and peak megabytes of them together.

    Workers are not the command's own children, so that no wait() tells what they used: they are looked at while they
    live, the last look being at most SAMPLE before their end.
    """
    begin = time.perf_counter()
    process = psutil.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    used: dict[int, float] = {}
    peak = 0
    while process.poll() is None:
        peak = max(peak, _look(process, used))
        time.sleep(SAMPLE)
    wall = time.perf_counter() - begin
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with {process.returncode}: {process.stderr.read().decode()[-500:]}")
    return {"wall": wall, "cpu": sum(used.values()), "megabytes": peak / 1e6}


def _look(process: psutil.Popen, used: dict[int, float]) -> int:
    """Note each process's CPU so far; their memory now."""
    memory = 0
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0
    for one in family:
        try:
            times = one.cpu_times()
            used[one.pid] = times.user + times.system
            memory += one.memory_info().rss
        except psutil.Error:
            continue
    return memory


def ours(log: Path, folder: Path, patterns: bool = False) -> list[str]:
    """The command that imports into a new installation, which is made here."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    env = environment(folder)
    manage = [sys.executable, str(ROOT / "manage.py")]
    for arguments in (["migrate", "-v0"], ["create_project", "bench"]):
        subprocess.run([*manage, *arguments], env=env, check=True, stdout=subprocess.DEVNULL)
    if patterns:
        code = (
            "from bench.invented_api import read_routes\nfrom accounts.models import Project\n"
            "from endpoint_stats.models import RoutePattern\nproject = Project.objects.get()\n"
            "def pattern(route):\n"
            "    parts = enumerate(route.template.split('/'))\n"
            "    return '/'.join(f'{{p{at}}}' if part[:1] == '{' else part for at, part in parts)\n"
            "for one in sorted(set(map(pattern, read_routes()))):\n"
            "    RoutePattern.objects.create(project=project, pattern=one)\n"
        )
        subprocess.run([*manage, "shell", "-c", code], env=env, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
    return [*manage, "import_log", str(log), "--project", "bench"]


def environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    return kept | {"DATA_DIR": str(folder)}


def run(log: Path, rounds: int, folder: Path) -> dict[str, Any]:
    goaccess = [*GOACCESS, str(log), "-o", str(folder / "out.json")]
    only = [*goaccess, *(f"--ignore-panel={panel}" for panel in PANELS)]
    found: dict[str, list[dict[str, float]]] = {}

    def note(name: str, measured: dict[str, float]) -> None:
        found.setdefault(name, []).append(measured)
        print(f"{name:34}{measured['wall']:8.2f} s wall{measured['cpu']:8.2f} s CPU{measured['megabytes']:8.0f} MB")

    for _ in range(rounds):
        data = folder / "data"
        note("endpoint stats", measure(ours(log, data), environment(data)))
        note("goaccess", measure(goaccess))
        note("goaccess, requests only", measure(only))
        note("floor: reading the lines", measure([sys.executable, "-c", FLOOR, str(log)]))
    note(
        "endpoint stats, routes as patterns",
        measure(ours(log, folder / "data", patterns=True), environment(folder / "data")),
    )
    return {
        name: {key: round(statistics.median(one[key] for one in listed), 2) for key in listed[0]}
        for name, listed in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Time our import beside goaccess.")
    parser.add_argument("--lines", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if shutil.which("goaccess") is None:
        raise SystemExit("goaccess is not installed (Debian: apt-get install goaccess).")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = options.log or folder / "bench.log"
        if not log.exists():
            maker = [sys.executable, str(ROOT / "bench/make_log.py"), "--lines", str(options.lines), "--out", str(log)]
            subprocess.run(maker, check=True)
        medians = run(log, options.rounds, folder)
    mine = medians["endpoint stats"]
    print("\nmedians, and how many times ours")
    for name, one in medians.items():
        ratios = f"{one['wall'] / mine['wall']:8.2f}× wall{one['cpu'] / mine['cpu']:8.2f}× CPU"
        print(f"{name:34}{one['wall']:8.2f} s{one['cpu']:8.2f} s{one['megabytes']:8.0f} MB{ratios}")
    if options.json:
        options.json.write_text(json.dumps(medians, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
