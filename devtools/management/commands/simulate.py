import io
import re
import sys
import tempfile
from contextlib import chdir
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import Project, User
from accounts.services import create_project
from devtools.simulator import generate
from endpoint_stats.ingest.run import Options, Outcome, import_path
from endpoint_stats.management.commands.import_log import Bar
from endpoint_stats.models import Batch

DEMO = "demo traffic"
STAMP = "%Y%m%dT%H%M%SZ"


class Command(BaseCommand):
    help = "Make the traffic of an invented shop and import it into a project, or write it to a file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", default="", metavar="SLUG", help="made if it is missing; not with --out")
        parser.add_argument("--demo", action="store_true", help="do nothing if the project has its demo traffic")
        parser.add_argument("--days", type=int, default=7, help="that end now (default 7)")
        parser.add_argument("--requests", type=int, default=150_000, help="default 150000")
        parser.add_argument("--seed", type=int, default=1, help="the same seed and end give the same traffic")
        parser.add_argument("--out", default="", metavar="FILE", help="write NDJSON there (-: standard output)")

    def handle(self, *args: Any, **options: Any) -> None:
        if bool(options["project"]) == bool(options["out"]):
            raise CommandError("Say where the traffic goes: --project SLUG or --out FILE.", returncode=2)
        end = timezone.now().replace(microsecond=0)
        if options["out"]:
            self._write_out(options["out"], end, options)
            return
        project = _project(options["project"])
        if options["demo"]:
            if _demos(project).filter(state=Batch.State.COMPLETE).exists():
                return
            # Stopped before its end: the same lines again, so that what was stored is recognised as duplicate.
            end = _unfinished_end(project, options) or end
        self._import(project, end, options)

    def _write_out(self, path: str, end: datetime, options: dict[str, Any]) -> None:
        try:
            if path == "-":
                _write(sys.stdout.buffer, end, options)
            else:
                with Path(path).open("wb") as file:
                    _write(file, end, options)
        except BrokenPipeError:
            sys.stdout = io.TextIOWrapper(io.BytesIO())  # the reader has had enough; nothing is left to flush
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from error

    def _import(self, project: Project, end: datetime, options: dict[str, Any]) -> None:
        name = _name(end, options)
        # The ledger names an import by its path, so the path is the name alone.
        with tempfile.TemporaryDirectory(prefix="endpoint-stats-") as folder, chdir(folder):
            with Path(name).open("wb") as file:
                _write(file, end, options)
            wanted = Options(timezone.now(), format="hits")
            with Bar(name, self.stderr) as bar:
                outcome = import_path(
                    project, name, wanted, sys.stdin.buffer, progress=bar.advance, recognised=lambda _: None
                )
        self._report(project, outcome)

    def _report(self, project: Project, outcome: Outcome) -> None:
        if outcome.error:
            raise CommandError(outcome.error)
        self.stdout.write(
            f"Project {project.slug}: {outcome.stored:,} requests stored"
            + (f", {outcome.duplicate:,} were there" if outcome.duplicate else "")
            + f", {outcome.endpoints:,} endpoints, {outcome.seconds:.1f} s"
        )


def _write(file: BinaryIO, end: datetime, options: dict[str, Any]) -> None:
    try:
        lines = generate(options["seed"], end, options["days"], options["requests"])
    except ValueError as error:
        raise CommandError(str(error), returncode=2) from error
    for line in lines:
        file.write(line)


def _project(slug: str) -> Project:
    """The project, owned by the first superuser if it has to be made."""
    project = Project.objects.filter(slug=slug).first()
    if project is not None:
        return project
    owner = User.objects.filter(is_superuser=True, is_active=True).order_by("date_joined", "id").first()
    try:
        return create_project(slug, owner=owner)
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from error


def _name(end: datetime, options: dict[str, Any]) -> str:
    return f"{DEMO} {options['requests']} in {options['days']} days to {end:{STAMP}}, seed {options['seed']}"


def _demos(project: Project) -> Any:
    return Batch.objects.filter(project=project, name__startswith=DEMO)


def _unfinished_end(project: Project, options: dict[str, Any]) -> datetime | None:
    """The end of the last demo traffic that was made with the same options."""
    for batch in _demos(project).exclude(state=Batch.State.ROLLED_BACK).order_by("-started"):
        if found := re.search(r" to (\w+), seed", batch.name):
            end = datetime.strptime(found[1], STAMP).replace(tzinfo=UTC)
            if batch.name == _name(end, options):
                return end
    return None
