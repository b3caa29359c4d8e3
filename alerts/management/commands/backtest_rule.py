import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.console import Console
from rich.progress import Progress

from accounts.management.projects import add_project_argument, project_of
from alerts.backtest import DAYS, Backtest, backtest
from alerts.evaluate.rule import Spec, SpecError
from alerts.models import Rule
from alerts.watch import words
from alerts.watch.rounds import watermark
from alerts.watch.watched import watched
from endpoint_stats.query.spec import QueryError


class Command(BaseCommand):
    help = "Try a rule on the past: what it would have told, by the evaluator that the workers run."

    def add_arguments(self, parser: CommandParser) -> None:
        add_project_argument(parser)
        parser.add_argument("--rule", required=True, metavar="NAME", help="its name, or its id")
        parser.add_argument("--days", type=int, default=DAYS, help=f"how far back (default: {DAYS})")
        parser.add_argument("--json", action="store_true", help="incidents with start, end and peak")

    def handle(self, *args: Any, **options: Any) -> None:
        project, now = project_of(options["project"]), timezone.now()
        rule = _rule(project.pk, options["rule"])
        if not 1 <= options["days"] <= 400:
            raise CommandError("--days takes 1 to 400.", returncode=2)
        end = watermark(now)
        start = end - timedelta(days=options["days"])
        try:
            one = watched(rule)
            with Progress(console=Console(stderr=True), transient=True, disable=options["json"]) as progress:
                task = progress.add_task(rule.name, total=1.0)
                found = backtest(project.pk, one, start, end, now, lambda share: progress.update(task, completed=share))
        except (SpecError, QueryError) as error:
            raise CommandError(str(error), returncode=2) from error
        if options["json"]:
            self.stdout.write(json.dumps(as_document(found), indent=2))
        else:
            self._print(found, one.spec, options["days"])

    def _print(self, found: Backtest, spec: Spec, days: int) -> None:
        times = "once" if found.raised == 1 else f"{found.raised:,} times"
        self.stdout.write(f"Would have fired {times} in {days} days ({found.steps:,} steps, by final data).")
        for one in found.episodes:
            end = f"{one.end:%Y-%m-%d %H:%M}" if one.end else "now"
            worst = words.value(spec, one.peak)
            self.stdout.write(f"  {one.raised:%Y-%m-%d %H:%M} to {end}, worst {worst}: {one.sentence}")


def _rule(project_id: int, said: str) -> Rule:
    rules = Rule.objects.filter(project_id=project_id)
    try:
        found = rules.filter(pk=UUID(said)).first()
    except ValueError:
        found = rules.filter(name=said).order_by("id").first()
    if found is None:
        names = ", ".join(rules.order_by("name").values_list("name", flat=True)[:20]) or "none"
        raise CommandError(f"There is no rule {said!r} in this project. There are: {names}.", returncode=2)
    return found


def as_document(found: Backtest) -> dict[str, Any]:
    return {
        "from": found.start.isoformat(),
        "to": found.end.isoformat(),
        "steps": found.steps,
        "raised": found.raised,
        "told": found.told,
        "incidents": [
            {
                "started": one.started.isoformat(),
                "raised": one.raised.isoformat(),
                "ended": one.end.isoformat() if one.end else None,
                "peak": one.peak,
                "sentence": one.sentence,
                "groups": one.groups,
            }
            for one in found.episodes
        ],
    }
