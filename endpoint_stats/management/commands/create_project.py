from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.services import create_project, owner_by_email


class Command(BaseCommand):
    help = "Create a project."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", metavar="SLUG", help="its name in addresses: lower-case letters, digits, hyphens")
        parser.add_argument("--owner", default="", metavar="EMAIL", help="a user who owns it")
        parser.add_argument("--name", default="", help="its name on pages")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            owner = owner_by_email(options["owner"]) if options["owner"] else None
            project = create_project(options["slug"], owner=owner, name=options["name"])
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(f"Created project {project.slug}.")
