"""Before anything starts: a database that answers and has the tables that this release needs."""

import fcntl
import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import Error as DatabaseAway
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor

ALIASES = ("default", "local")
# Of this project's own choosing; the same for every process, so that one migrates and the others wait.
ADVISORY_LOCK = 0x656E64706F696E74


class NotReady(Exception):
    """One sentence says what is missing and what to do."""


def wait_for_database(
    seconds: float, say: Callable[[str], object], sleep: Callable[[float], object] = time.sleep
) -> None:
    """Return when the main database answers; raise NotReady after ``seconds`` of asking."""
    until, pause, told = time.monotonic() + seconds, 0.25, False
    while True:
        try:
            connection.ensure_connection()
            return
        except DatabaseAway as error:
            reason = " ".join(str(error).split())
        if time.monotonic() + pause > until:
            raise NotReady(f"The database does not answer: {reason}. Check DATABASE_URL and that it is running.")
        if not told:
            say(f"Waiting up to {seconds:.0f} s for the database.")
            told = True
        sleep(pause)
        pause = min(pause * 2, 5.0)


def pending() -> list[str]:
    """Migrations that are not applied, as ``app.name``."""
    found: set[str] = set()
    for alias in ALIASES:
        executor = MigrationExecutor(connections[alias])
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        found |= {f"{migration.app_label}.{migration.name}" for migration, _ in plan}
    return sorted(found)


@contextmanager
def migration_lock() -> Iterator[None]:
    """One process migrates at a time: held in PostgreSQL for all hosts, else in a file beside the SQLite one."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])
        return
    with (Path(settings.DATA_DIR) / "prepare.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def migrate(say: Callable[[str], object]) -> None:
    """Apply what is pending, once, whoever else does the same now."""
    with migration_lock():
        todo = pending()
        if todo:
            say(f"Applying {len(todo)} migrations.")
            for alias in ALIASES:
                call_command("migrate", database=alias, interactive=False, verbosity=0)
        call_command("createcachetable", database="local", verbosity=0)


def collect_static() -> bool:
    """Collect static files where any has changed since: compressing them all takes seconds. Whether it did."""
    stamp = Path(settings.STATIC_ROOT) / ".collected"
    wanted = _fingerprint()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return False
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(wanted, encoding="utf-8")
    return True


def _fingerprint() -> str:
    """Of every file that is collected, and of the way it is stored."""
    digest = hashlib.sha256(repr(settings.STORAGES["staticfiles"]).encode())
    for finder in get_finders():
        for path, storage in finder.list([]):
            about = Path(storage.path(path)).stat()
            digest.update(f"{path} {about.st_size} {about.st_mtime_ns}\n".encode())
    return digest.hexdigest()
