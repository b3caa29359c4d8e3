import io
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import Project, User
from accounts.services import create_project
from devtools.simulator.demo import DAYS, PREFIX, REQUESTS, SEED, Traffic
from endpoint_stats.ingest.run import Options, Outcome, import_path
from endpoint_stats.management.commands.import_log import Bar
from endpoint_stats.models import Batch
from endpoint_stats.pages import registry


class Command(BaseCommand):
    help = "Make the traffic of an invented shop and import it into a project, or write it to a file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", default="", metavar="SLUG", help="made if it is missing; not with --out")
        parser.add_argument(
            "--demo", action="store_true", help="do nothing if it has its demo traffic, or was removed on its page"
        )
        parser.add_argument("--days", type=int, default=DAYS, help="that end now (default 7)")
        parser.add_argument("--requests", type=int, default=REQUESTS, help="default 150000")
        parser.add_argument("--seed", type=int, default=SEED, help="the same seed and end give the same traffic")
        parser.add_argument("--out", default="", metavar="FILE", help="write NDJSON there (-: standard output)")

    def handle(self, *args: Any, **options: Any) -> None:
        if bool(options["project"]) == bool(options["out"]):
            raise CommandError("Say where the traffic goes: --project SLUG or --out FILE.", returncode=2)
        now = timezone.now().replace(microsecond=0)
        traffic = Traffic(now, options["days"], options["requests"], options["seed"])
        if options["out"]:
            self._write_out(options["out"], traffic)
            return
        project = self._project(options["project"], demo=options["demo"])
        if project is None:
            return
        if options["demo"]:
            if _demos(project).filter(state=Batch.State.COMPLETE).exists():
                return
            # Stopped before its end: the same lines again, so that what was stored is recognised as duplicate.
            traffic = _unfinished(project, traffic) or traffic
        self._import(project, traffic)

    def _project(self, slug: str, *, demo: bool) -> Project | None:
        """The project, owned by the first superuser if it has to be made; None for a demo that they removed."""
        project = Project.objects.filter(slug=slug).first()
        if project is not None:
            gone = project.demo and project.delete_after is not None
            return None if demo and gone else project
        owner = User.objects.filter(is_superuser=True, is_active=True).order_by("date_joined", "id").first()
        offered = registry.demo()
        if demo and owner is not None and owner.demo_removed:
            self.stdout.write(
                f"The demo was removed on {owner.demo_removed:%-d %B %Y} and stays away. Load it again from the pages, "
                f"or import its traffic without --demo."
            )
            return None
        try:
            return create_project(slug, owner=owner, demo=demo, name=offered.title if demo and offered else "")
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error

    def _write_out(self, path: str, traffic: Traffic) -> None:
        try:
            if path == "-":
                _write(sys.stdout.buffer, traffic)
            else:
                with Path(path).open("wb") as file:
                    _write(file, traffic)
        except BrokenPipeError:
            sys.stdout = io.TextIOWrapper(io.BytesIO())  # the reader has had enough; nothing is left to flush
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from error

    def _import(self, project: Project, traffic: Traffic) -> None:
        with tempfile.NamedTemporaryFile(prefix="endpoint-stats-") as file:
            _write(file, traffic)  # type: ignore[arg-type]  # it is one, but for its type's name
            file.flush()
            wanted = Options(timezone.now(), format="hits", name=traffic.name)
            with Bar(traffic.name, self.stderr) as bar:
                outcome = import_path(
                    project, file.name, wanted, sys.stdin.buffer, progress=bar.advance, recognised=lambda _: None
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


def _write(file: BinaryIO, traffic: Traffic) -> None:
    try:
        lines = traffic.lines()
    except ValueError as error:
        raise CommandError(str(error), returncode=2) from error
    for line in lines:
        file.write(line)


def _demos(project: Project) -> Any:
    return Batch.objects.filter(project=project, name__startswith=PREFIX)


def _unfinished(project: Project, wanted: Traffic) -> Traffic | None:
    """The last demo traffic that was made with the same options."""
    for batch in _demos(project).exclude(state=Batch.State.ROLLED_BACK).order_by("-started"):
        found = Traffic.of(batch.name)
        if found is not None and replace(found, end=wanted.end) == wanted:
            return found
    return None
