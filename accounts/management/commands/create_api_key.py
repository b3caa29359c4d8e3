import json
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.keys import create_key
from accounts.management.projects import add_project_argument, project_of
from accounts.models import Scope


class Command(BaseCommand):
    help = "Create an API key of a project. It is shown once; only its hash is kept."

    def add_arguments(self, parser: CommandParser) -> None:
        add_project_argument(parser)
        parser.add_argument("--scope", required=True, choices=Scope.values, help="ingest: send hits; write: also read")
        parser.add_argument("--name", default="", help="what the key is for (default: its scope)")
        parser.add_argument("--days", type=int, default=0, metavar="N", help="expires after so many (default: never)")
        parser.add_argument("--json", action="store_true", help='print {"key": …}')

    def handle(self, *args: Any, **options: Any) -> None:
        project = project_of(options["project"])
        if not 0 <= options["days"] <= 36_500 or len(options["name"]) > 50:
            raise CommandError("--days takes 1 to 36500, --name at most 50 characters.", returncode=2)
        expires = timezone.now() + timedelta(days=options["days"]) if options["days"] else None
        _, secret = create_key(project, options["scope"], options["name"] or options["scope"], expires=expires)
        self.stdout.write(json.dumps({"key": secret}) if options["json"] else secret)
