"""Whole installations for tests that need processes: a database of their own, and commands run in it.

Nothing here imports the product: it is asked through its commands and through SQL.
"""

import contextlib
import json
import os
import shutil
import signal
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

# A Python that has loaded everything and forks for each command: a process of its own without the second that
# loading takes. Requests and answers are lines of JSON.
_FORKING = """
import json, os, signal, sys, traceback
import django
django.setup()
from django.core.management import execute_from_command_line, get_commands, load_command_class
from django.db import connections
from endpoint_stats.ingest import importer
for name in ("import_log", "rollback_import", "compact", "prune", "stats"):
    load_command_class(get_commands()[name], name)

def work(asked):
    os.setsid()
    signal.alarm(asked["timeout"])
    for place, (path, mode) in enumerate(zip(asked["files"], (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY))):
        os.dup2(os.open(path, mode), place)
    os.environ.update(asked["env"])
    for alias, name in asked["databases"].items():
        connections.settings[alias]["NAME"] = name
    if asked["piece"]:
        importer.PIECE = asked["piece"]
    sys.argv = ["manage.py", *asked["arguments"]]
    if asked["code"]:
        exec(compile(asked["code"], "code", "exec"), {"__name__": "code"})
    else:
        execute_from_command_line(sys.argv)

for request in sys.stdin:
    child = os.fork()
    if not child:
        code = 0
        try:
            work(json.loads(request))
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else int(left.code is not None)
        except BaseException:
            traceback.print_exc()
            code = 1
        finally:
            sys.stdout.flush(), sys.stderr.flush()
            os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.write(1, json.dumps(status).encode() + b"\\n")
"""

COMPACT = """
import sys
import django
django.setup()
from endpoint_stats.store.compact import compact
print(compact(int(sys.argv[1])))
"""

LEVELS = {
    "minute": "endpoint_stats_rollupminute",
    "hour": "endpoint_stats_rolluphour",
    "day": "endpoint_stats_rollupday",
}
TOTALS = {level: table.replace("rollup", "total") for level, table in LEVELS.items()}


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
    forking: "subprocess.Popen[bytes] | None" = None
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

    def run(
        self,
        *arguments: str,
        code: str = "",
        piece: int = 0,
        kill_at: str = "",
        timeout: int = 90,
        input: bytes = b"",
    ) -> subprocess.CompletedProcess[str]:
        """The same, run to its end, in a process that was forked."""
        assert self.forking is not None
        assert self.forking.stdin is not None
        assert self.forking.stdout is not None
        files = [self.folder / name for name in ("stdin", "stdout", "stderr")]
        for path, data in zip(files, (input, b"", b""), strict=True):
            path.write_bytes(data)
        databases = {"local": str(self.folder / "local.sqlite3")}
        databases["default"] = urlsplit(self.url).path[1:] or str(self.folder / "endpoint_stats.sqlite3")
        asked = {
            "arguments": arguments,
            "code": code,
            "piece": piece,
            "timeout": timeout,
            "files": [str(path) for path in files],
            "env": {"KILL_AT_COMMIT_POINT": kill_at},
            "databases": databases,
        }
        self.forking.stdin.write(json.dumps(asked).encode() + b"\n")
        self.forking.stdin.flush()
        code_of_exit = json.loads(self.forking.stdout.readline())
        out, err = (path.read_bytes().decode("utf-8", "replace") for path in files[1:])
        return subprocess.CompletedProcess(arguments, code_of_exit, out, err)

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
        """Requests in each rollup level, by plain SQL; the totals beside it must say the same at the same moment."""
        tables = (*LEVELS.values(), *TOTALS.values())
        project = f"WHERE project_id = {int(PROJECT_ID)}"
        counts = ", ".join(f"(SELECT coalesce(sum(requests), 0) FROM {table} {project})" for table in tables)
        found = [int(count) for count in self.sql(f"SELECT {counts}")[0]]
        assert found[: len(LEVELS)] == found[len(LEVELS) :]
        return dict(zip(LEVELS, found, strict=False))

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

    def stop_left_behind(self) -> None:
        """Kill what is left of the sessions that were started here: a test that failed leaves nothing running."""
        for process in self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def close(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.kill()
                process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()
        self.stop_left_behind()
        self.drop()


def finish(process: Any, given: bytes | None = None, timeout: float = 90) -> subprocess.CompletedProcess[str]:
    """Wait for a process's end; its output as text."""
    out, err = process.communicate(given, timeout=timeout)
    text = [(part or b"").decode("utf-8", "replace") for part in (out, err)]
    return subprocess.CompletedProcess(process.args, process.returncode, *text)


class SqliteTemplate:
    """A migrated installation; each test gets a copy of its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.forking = self._prepare(Installation(folder))

    def _prepare(self, installation: Installation) -> "subprocess.Popen[bytes]":
        process = installation.start(code=_PREPARE)
        done = finish(process)
        assert done.returncode == 0, done.stderr
        return installation.start(code=_FORKING, stdin=subprocess.PIPE, stderr=None)

    def copy(self, folder: Path) -> Installation:
        folder.mkdir(parents=True)
        for path in self.folder.glob("*.sqlite3"):
            shutil.copy(path, folder / path.name)
        return Installation(folder, pycache=self.folder / "pycache", forking=self.forking)

    def close(self) -> None:
        self.forking.communicate(timeout=30)


class PostgresTemplate(SqliteTemplate):
    """The same with a scratch database, copied for each test by the server and dropped afterwards."""

    def __init__(self, url: str, folder: Path) -> None:
        self.server, self.folder = url, folder
        self.name = self._create("")
        self.forking = self._prepare(Installation(folder, self._url(self.name)))

    def _url(self, name: str) -> str:
        return urlunsplit(urlsplit(self.server)._replace(path=f"/{name}"))

    def _create(self, template: str) -> str:
        name = f"test_{urlsplit(self.server).path[1:]}_scratch_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        return name

    def _drop(self, name: str) -> None:
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def copy(self, folder: Path) -> Installation:
        made = super().copy(folder)
        name = self._create(self.name)
        made.url, made.drop = self._url(name), lambda: self._drop(name)
        return made

    def close(self) -> None:
        super().close()
        self._drop(self.name)
