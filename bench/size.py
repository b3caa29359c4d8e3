"""What ten times as much costs: hits, endpoints, days. Time of questions and size of the database against a base.

    python bench/size.py [--json FILE]

Four SQLite installations in a temporary folder, each filled by bench/make_store.py. Ten times the hits in the same
minutes must change neither; ten times the endpoints or days may cost up to ten times as much where they are asked for.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BASE = {"endpoints": 50, "days": 3, "requests": 1_000_000}
CASES = {
    "base": BASE,
    "10 × hits": BASE | {"requests": 10 * BASE["requests"]},
    "10 × endpoints": BASE | {"endpoints": 10 * BASE["endpoints"]},
    "10 × days": BASE | {"days": 10 * BASE["days"]},
}
QUESTIONS = ("24 h, totals", "24 h, by endpoint", "24 h of minutes, whole project", "24 h of minutes, one endpoint")


def fill_and_ask(folder: Path, case: dict[str, int]) -> dict[str, Any]:
    env = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    env |= {"DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "settings.dev"}
    manage = [sys.executable, str(ROOT / "manage.py")]
    for database in ("default", "local"):
        subprocess.run([*manage, "migrate", "-v0", "--database", database], env=env, check=True)
    sizes = [f"--{name}={value}" for name, value in case.items()]
    subprocess.run([sys.executable, str(ROOT / "bench/make_store.py"), *sizes], env=env, check=True)
    out = folder / "found.json"
    subprocess.run(
        [sys.executable, str(ROOT / "bench/query.py"), "--json", str(out)],
        env=env,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    found = json.loads(out.read_text(encoding="utf-8"))
    megabytes = (folder / "endpoint_stats.sqlite3").stat().st_size / 1e6
    times = {name: found["queries"][name]["cpu_ms"] for name in QUESTIONS}
    return {"database, MB": round(megabytes, 1), **times, "page, 24 h": found["pages"]["24 h"]["cpu_ms"]}


def main() -> None:
    parser = argparse.ArgumentParser(description="What ten times as much costs.")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = {}
    for name, case in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            found[name] = fill_and_ask(Path(folder), case)
        for what, value in found[name].items():
            print(f"{name:18}{what:36}{value:9.1f}{value / found['base'][what]:8.2f} × base", flush=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
