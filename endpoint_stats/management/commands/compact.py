from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts.management.projects import project_of
from accounts.models import Project
from endpoint_stats.store.compact import compact
from endpoint_stats.store.rebuild import rebuild


class Command(BaseCommand):
    help = "Move what was ingested into the rollups now, as the workers do every two seconds."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", default="", metavar="SLUG", help="default: every project")
        parser.add_argument(
            "--rebuild", action="store_true", help="make the rollups that are sums of others anew (docs/operations.md)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        slug = options["project"]
        for project in [project_of(slug)] if slug else Project.objects.order_by("slug"):
            self.stdout.write(f"{project.slug}: {compact(project.pk):,} journal rows compacted")
            if options["rebuild"]:
                self.stdout.write(f"{project.slug}: {rebuild(project.pk):,} rows of sums made anew")
