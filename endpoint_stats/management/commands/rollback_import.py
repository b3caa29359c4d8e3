from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from endpoint_stats.store.compact import compact
from endpoint_stats.store.rollback import RollbackError, roll_back


class Command(BaseCommand):
    help = "Take back an import: exactly what it added leaves, once, and its lines may be imported again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("batch", type=UUID, metavar="BATCH", help="the import's id, as import_log prints it")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            batch = roll_back(options["batch"])
        except RollbackError as error:
            raise CommandError(str(error)) from error
        compact(batch.project_id)
        self.stdout.write(f"Rolled back {batch.id}: {batch.stored:,} hits of {batch.name} are no longer counted.")
