import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from endpoint_stats.management.preparation import NotReady, collect_static, migrate, pending, wait_for_database


class Command(BaseCommand):
    help = "Make ready what a start needs: wait for the database, migrate it (one process at a time), cache table."
    requires_system_checks: list[str] = []  # some of them need the tables that this makes

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--wait", type=float, default=10, metavar="SECONDS", help="for the database (default 10)")
        parser.add_argument("--static", action="store_true", help="collect static files too")
        parser.add_argument("--only-wait", action="store_true", help="change nothing: wait until another has migrated")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            wait_for_database(options["wait"], self.stderr.write)
            if options["only_wait"]:
                self._wait_for_migrations(options["wait"])
                return
            migrate(self.stderr.write)
        except NotReady as error:
            raise CommandError(str(error)) from error
        if options["static"]:
            collect_static()

    def _wait_for_migrations(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while todo := pending():
            if time.monotonic() > until:
                raise NotReady(f"{len(todo)} migrations are not applied: run manage.py prepare.")
            time.sleep(1)
