from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts.management.projects import project_of
from accounts.models import Project
from endpoint_stats.store.compact import compact


class Command(BaseCommand):
    help = "Move what was ingested into the rollups now, as the workers do every two seconds."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", default="", metavar="SLUG", help="default: every project")

    def handle(self, *args: Any, **options: Any) -> None:
        slug = options["project"]
        for project in [project_of(slug)] if slug else Project.objects.order_by("slug"):
            self.stdout.write(f"{project.slug}: {compact(project.pk):,} journal rows compacted")
