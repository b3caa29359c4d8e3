import json
import re
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from accounts.management.projects import add_project_argument, project_of
from endpoint_stats.metrics import METRICS
from endpoint_stats.query.render import as_document, cell
from endpoint_stats.query.runner import Result, run
from endpoint_stats.query.spec import GROUPS, INTERVALS, QueryError, build


def pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise CommandError(f"--filter takes NAME=VALUE, not {text!r}.", returncode=2)
    return name, value


class Command(BaseCommand):
    help = "Answer a question about a project's endpoints: the same numbers as pages and API."

    def add_arguments(self, parser: CommandParser) -> None:
        # argparse takes "-24h" for an option unless it looks like a negative number to it.
        parser._negative_number_matcher = re.compile(r"-\d+(\.\d+)?[smhdw]?$")
        add_project_argument(parser)
        parser.add_argument(
            "--from", dest="start", required=True, metavar="T", help="2026-11-20T14:00:00Z, a date, -24h"
        )
        parser.add_argument("--to", dest="end", default="now", metavar="T", help="the end, not included (default: now)")
        parser.add_argument("--group-by", default="", metavar="F,…", help=", ".join(GROUPS))
        parser.add_argument("--metrics", default="", metavar="M,…", help=", ".join(METRICS))
        parser.add_argument("--interval", default="", metavar="I", help=", ".join(INTERVALS))
        parser.add_argument("--filter", action="append", default=[], metavar="F=V", help="may be repeated")
        parser.add_argument("--compare", default="", help="previous")
        parser.add_argument("--order", default="", metavar="[-]NAME")
        parser.add_argument("--limit", default="", metavar="N")
        parser.add_argument("--json", action="store_true", help="what the API gives")

    def handle(self, *args: Any, **options: Any) -> None:
        project = project_of(options["project"])
        now = timezone.now()
        try:
            query = build(
                project,
                now,
                start=options["start"],
                end=options["end"],
                metrics=options["metrics"],
                group_by=options["group_by"],
                interval=options["interval"],
                filters=[pair(text) for text in options["filter"]],
                compare=options["compare"],
                order=options["order"],
                limit=options["limit"],
            )
            result = run(query, now)
        except QueryError as error:
            raise CommandError(str(error), returncode=2) from error
        if options["json"]:
            self.stdout.write(json.dumps(as_document(result, project.slug), indent=2))
        else:
            self._print(result)

    def _print(self, result: Result) -> None:
        query = result.query
        names = [*(["time"] if query.interval else []), *query.group_by, *query.metrics]
        table = Table(*names)
        for column, name in zip(table.columns, names, strict=True):
            column.justify = "right" if name in METRICS else "left"
        groups = [name for name in names if name not in METRICS]
        total = dict.fromkeys(groups, "") | dict.fromkeys(groups[:1], "total") | result.totals
        for row in [*result.rows, *([total] if groups else [])]:
            table.add_row(*(cell(name, row.get(name)) for name in names))
        Console(file=self.stdout, width=None if self.stdout.isatty() else 160, markup=False).print(table)  # type: ignore[arg-type]
        self.stdout.write(
            f"Percentiles within {result.error_bound:.0%}. Levels: {', '.join(result.levels) or 'none'}."
            f" Measured: {result.coverage:.1%} of the range."
        )
