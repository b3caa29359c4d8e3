"""What the commands share: finding a project by its slug."""

from django.core.management.base import CommandError, CommandParser

from accounts.models import Project


def add_project_argument(parser: CommandParser) -> None:
    parser.add_argument("--project", required=True, metavar="SLUG", help="the project's slug")


def project_of(slug: str) -> Project:
    """The project; a CommandError (exit code 2) that says how to make one where there is none."""
    project = Project.objects.filter(slug=slug).first()
    if project is None:
        raise CommandError(f"There is no project {slug}. Create it with: manage.py create_project {slug}", returncode=2)
    return project
