"""Whole installations for tests that need processes: a database of their own, and commands run in it.

Nothing here imports the product: it is asked through its commands and through SQL.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

ROOT = Path(__file__).resolve().parents[2]
PROJECT_ID = 1  # of "shop", the one project of the template

_PREPARE = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("migrate", database="local", verbosity=0)
from accounts.services import create_project
from endpoint_stats.models import ProjectSettings
project = create_project("shop")
ProjectSettings.objects.create(
    project=project, lexical_rules=False, group_static=False, group_unmatched=False, endpoint_cap=1_000_000
)
assert project.pk == 1
"""

# A command with pieces of another size: small files then take many commits.
_COMMAND = """
import os, sys
import django
django.setup()
from endpoint_stats.ingest import importer
importer.PIECE = int(os.environ["PIECE_BYTES"])
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", *sys.argv[1:]])
"""

COMPACT = """
import sys
import django
django.setup()
from endpoint_stats.store.compact import compact
print(compact(int(sys.argv[1])))
"""

PRUNE = """
import sys
import django
django.setup()
from django.utils import timezone
from endpoint_stats.store.retention import prune
print(prune(int(sys.argv[1]), timezone.now()))
"""

LEVELS = {
    "minute": "endpoint_stats_rollupminute",
    "hour": "endpoint_stats_rolluphour",
    "day": "endpoint_stats_rollupday",
}


def wait_until(condition: Callable[[], Any], seconds: float = 30.0, what: str = "") -> Any:
    """What ``condition`` says as soon as it is true; AssertionError when it does not become so in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"waited {seconds:.0f} s in vain: {what or condition}")


@dataclass
class Installation:
    """``url`` is empty for SQLite in ``folder``."""

    folder: Path
    url: str = ""
    drop: Callable[[], None] = lambda: None
    pycache: Path | None = None
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def env(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "PYTHONDONTWRITEBYTECODE")}
        return kept | {
            "DJANGO_SETTINGS_MODULE": "settings.test",
            "TEST_DATA_DIR": str(self.folder),
            "DATA_DIR": str(self.folder),
            "DATABASE_URL": self.url,
            "PYTHONPATH": str(ROOT),
            # Starting costs a third where the compiled modules are kept.
            "PYTHONPYCACHEPREFIX": str(self.pycache or self.folder / "pycache"),
            "PYTHONWARNINGS": "error",
        }

    def start(self, *arguments: str, code: str = "", piece: int = 0, kill_at: str = "", **options: Any) -> Any:
        """A process: ``manage.py ARGUMENTS``, or Python with ``code``. It leads a session of its own."""
        env = self.env | {"KILL_AT_COMMIT_POINT": kill_at}
        if piece:
            code, env = _COMMAND, env | {"PIECE_BYTES": str(piece)}
        env |= options.pop("more_env", {})
        command = [sys.executable, "-c", code] if code else [sys.executable, str(ROOT / "manage.py")]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL} | options
        process = subprocess.Popen([*command, *arguments], env=env, cwd=ROOT, start_new_session=True, **options)
        self.running.append(process)
        return process

    def run(self, *arguments: str, timeout: float = 90, **options: Any) -> subprocess.CompletedProcess[str]:
        """The same, run to its end."""
        given = options.pop("input", None)
        if given is not None:
            options["stdin"] = subprocess.PIPE
        return finish(self.start(*arguments, **options), given, timeout)

    def sql(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows of a statement (marks are ``?``), seen from outside."""
        if self.url:
            with psycopg.connect(self.url, autocommit=True) as connection:
                cursor = connection.execute(statement.replace("?", "%s"), parameters)
                return cursor.fetchall() if cursor.description else []
        connection = sqlite3.connect(self.folder / "endpoint_stats.sqlite3", timeout=20)
        try:
            with connection:
                return connection.execute(statement, parameters).fetchall()
        finally:
            connection.close()

    def levels(self) -> dict[str, int]:
        """Requests in each rollup level, by plain SQL."""
        return {
            name: int(
                self.sql(f"SELECT coalesce(sum(requests), 0) FROM {table} WHERE project_id = ?", PROJECT_ID)[0][0]
            )
            for name, table in LEVELS.items()
        }

    def journal(self) -> int:
        return int(self.sql("SELECT count(*) FROM endpoint_stats_journal")[0][0])

    def by_minute(self) -> dict[tuple[int, str, str], int]:
        """(minute, method, route) -> requests, by plain SQL."""
        rows = self.sql(
            f"SELECT r.time, e.method, e.route, sum(r.requests) FROM {LEVELS['minute']} r "
            "JOIN endpoint_stats_endpoint e ON e.project_id = r.project_id AND e.key = r.endpoint GROUP BY 1, 2, 3"
        )
        return {(time, method, route): int(count) for time, method, route, count in rows}

    def batches(self) -> list[dict[str, Any]]:
        names = ("id", "state", "read", "stored", "duplicate", "rejected", "name", "message")
        columns = ", ".join(f'"{name}"' for name in names)
        rows = [
            dict(zip(names, row, strict=True))
            for row in self.sql(f"SELECT {columns} FROM endpoint_stats_batch ORDER BY started, id")
        ]
        for row in rows:
            row["id"] = uuid.UUID(str(row["id"]))
            row["rejected"] = row["rejected"] if isinstance(row["rejected"], dict) else json.loads(row["rejected"])
        return rows

    def check_ledger(self, *, all_ended: bool = False) -> None:
        """read = stored + duplicate + rejected, for every batch."""
        for batch in self.batches():
            assert batch["read"] == batch["stored"] + batch["duplicate"] + sum(batch["rejected"].values()), batch
            assert not all_ended or batch["state"] != "running", batch

    def requests(self, start: str = "2025-01-01", end: str = "2027-01-01", **options: Any) -> int:
        """What the product answers."""
        done = self.run("stats", "--project", "shop", "--from", start, "--to", end, "--metrics", "requests", "--json")
        assert done.returncode == 0, done.stderr
        return int(json.loads(done.stdout)["totals"]["requests"])

    def close(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.kill()
                process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()
        self.drop()


def finish(process: Any, given: bytes | None = None, timeout: float = 90) -> subprocess.CompletedProcess[str]:
    """Wait for a process's end; its output as text."""
    out, err = process.communicate(given, timeout=timeout)
    text = [(part or b"").decode("utf-8", "replace") for part in (out, err)]
    return subprocess.CompletedProcess(process.args, process.returncode, *text)


class SqliteTemplate:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        _prepare(Installation(folder))

    def copy(self, folder: Path) -> Installation:
        folder.mkdir(parents=True)
        for path in self.folder.glob("*.sqlite3"):
            shutil.copy(path, folder / path.name)
        return Installation(folder, pycache=self.folder / "pycache")


class PostgresTemplate:
    """A scratch database, copied for each test by the server and dropped afterwards."""

    def __init__(self, url: str, folder: Path) -> None:
        self.server, self.folder = url, folder
        self.name = self._create("")
        _prepare(Installation(folder, self._url(self.name)))

    def _url(self, name: str) -> str:
        return urlunsplit(urlsplit(self.server)._replace(path=f"/{name}"))

    def _create(self, template: str) -> str:
        name = f"endpoint_stats_scratch_{uuid.uuid4().hex[:16]}"
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        return name

    def _drop(self, name: str) -> None:
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def copy(self, folder: Path) -> Installation:
        folder.mkdir(parents=True)
        for path in self.folder.glob("*.sqlite3"):
            shutil.copy(path, folder / path.name)
        name = self._create(self.name)
        return Installation(folder, self._url(name), lambda: self._drop(name), self.folder / "pycache")

    def drop(self) -> None:
        self._drop(self.name)


def _prepare(installation: Installation) -> None:
    done = installation.run(code=_PREPARE)
    assert done.returncode == 0, done.stderr
