import json
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.management.projects import add_project_argument, project_of
from accounts.models import Scope
from accounts.services import keys


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
        try:
            made = keys.create(project, options["scope"], options["name"], days=options["days"], by="create_api_key")
        except ValidationError as error:
            raise CommandError(" ".join(error.messages), returncode=2) from error
        secret = made[1]
        self.stdout.write(json.dumps({"key": secret}) if options["json"] else secret)
