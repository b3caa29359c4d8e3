import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from socket import gethostname
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseAway
from django.db import connections
from django.utils import timezone

from endpoint_stats.management.commands.serve import add_address_arguments, processes_for, refuse_taken_port
from endpoint_stats.management.preparation import pending
from endpoint_stats.models import Beat
from endpoint_stats.workers import canary
from endpoint_stats.workers.scheduler import NAME as SCHEDULER
from endpoint_stats.workers.supervisor import Child, Supervisor

PARTS = ("web", "worker", "scheduler")
logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Run web, worker and scheduler in one process tree. Ctrl-C or SIGTERM stops all of it."

    def add_arguments(self, parser: CommandParser) -> None:
        add_address_arguments(parser)
        parser.add_argument("--only", default="", metavar="PART,…", help=f"some of {', '.join(PARTS)}")

    def handle(self, *args: Any, **options: Any) -> None:
        parts = [part for part in options["only"].split(",") if part] or list(PARTS)
        if unknown := set(parts) - set(PARTS):
            raise CommandError(f"There is no part {sorted(unknown)[0]}: choose of {', '.join(PARTS)}.", returncode=2)
        self._check_start(parts, options)
        children = [Child(part, self._command(part, options)) for part in parts]
        watch = _watch_worker if "worker" in parts else None
        connections.close_all()
        code = Supervisor(children, watch=watch).run()
        _forget_beats(parts)
        sys.exit(code)

    def _check_start(self, parts: Sequence[str], options: dict[str, Any]) -> None:
        """What would only be seen as children that die again and again."""
        if "web" in parts:
            processes_for(options["processes"])
            refuse_taken_port(options["host"], options["port"])
        try:
            self.check(databases=["default"])
            todo = pending()
        except DatabaseAway as error:
            raise CommandError(
                f"The database does not answer: {error}. Check DATABASE_URL and that it is running."
            ) from error
        if todo:
            raise CommandError(f"{len(todo)} migrations are not applied: run manage.py prepare first.")

    def _command(self, part: str, options: dict[str, Any]) -> list[str]:
        manage = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py")]
        if part == "web":
            names = ("host", "port", "processes", "threads")
            return [*manage, "serve", *(f"--{name}={options[name]}" for name in names)]
        return [*manage, "qcluster" if part == "worker" else "scheduler"]


def _watch_worker(children: Sequence[Child]) -> list[Child]:
    """The worker, if no task came back for too long, and it had as long since its own start."""
    try:
        beat = Beat.objects.filter(name=canary.NAME).first()
    except DatabaseAway as error:
        logger.warning("The canary cannot be read: %s", " ".join(str(error).split()))
        return []
    finally:
        connections.close_all()
    if not canary.overdue(beat, timezone.now()):
        return []
    patience = canary.PATIENCE.total_seconds()
    return [child for child in children if child.name == "worker" and time.monotonic() - child.started > patience]


def _forget_beats(parts: Sequence[str]) -> None:
    """This host no longer uses the database, which the check for a second SQLite host looks at."""
    names = {"worker": canary.NAME, "scheduler": SCHEDULER}
    try:
        Beat.objects.filter(name__in=[names[part] for part in parts if part in names], host=gethostname()).update(
            host=""
        )
    except DatabaseAway:
        pass  # the row ages out by itself
    finally:
        connections.close_all()
