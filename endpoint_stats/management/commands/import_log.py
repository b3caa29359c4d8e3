import argparse
import json
import sys
from contextlib import ExitStack
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from accounts.management.projects import add_project_argument, project_of
from endpoint_stats.ingest import interrupt
from endpoint_stats.ingest.run import Options, Outcome, import_path
from endpoint_stats.ingest.sources.base import REASONS
from endpoint_stats.ingest.sources.known import names
from endpoint_stats.store.append import Counted

EPILOG = """
Exit codes: 0 every file was imported (or held nothing new); 1 a file could not be imported to its end, or no
line of it could be stored; 2 the command was not understood; 130 Ctrl-C. Whatever the code: what was stored
stays stored and is counted once, and the same command goes on where the last one stopped.
"""


class Command(BaseCommand):
    help = "Import access logs: plain, gzip, zstd or bzip2. Importing a file again changes nothing."
    # Not those of pages and addresses: loading all of them takes longer than importing a small log.
    requires_system_checks = ["endpoint_stats"]

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        kwargs.update(epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", metavar="PATH", help="a file, or - for standard input")
        add_project_argument(parser)
        parser.add_argument("--service", default="", metavar="NAME", help="the service whose log this is")
        parser.add_argument(
            "--format",
            default="auto",
            help=f"auto, {', '.join(names())}, or an nginx log_format or Apache LogFormat string",
        )
        parser.add_argument(
            "--consumer-field", default="", metavar="NAME", help="variable or key that holds the consumer"
        )
        parser.add_argument("--follow", action="store_true", help="keep reading as the file grows, through rotation")
        parser.add_argument("--dry-run", action="store_true", help="read and count, store nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object a file")
        parser.add_argument("--processes", type=int, default=0, metavar="N", help="default: a process a core")

    def handle(self, *args: Any, **options: Any) -> None:
        project = project_of(options["project"])
        if len(options["service"]) > 200 or not options["service"].isprintable():
            raise CommandError("--service takes a name of at most 200 printable characters.", returncode=2)
        if options["processes"] < 0:
            raise CommandError("--processes takes 0 (a process a core) or more.", returncode=2)
        if options["follow"] and (len(options["paths"]) > 1 or options["paths"] == ["-"]):
            raise CommandError("--follow takes one file: start one command for each log.", returncode=2)
        wanted = Options(
            timezone.now(),
            options["service"],
            options["format"],
            options["consumer_field"],
            options["dry_run"],
            options["follow"],
            options["processes"],
        )
        failed = False
        interrupt.install()
        for path in options["paths"]:
            with Bar(path, self.stderr) as bar:
                try:
                    interrupt.check()
                    outcome = import_path(
                        project, path, wanted, sys.stdin.buffer, progress=bar.advance, recognised=bar.recognised
                    )
                except KeyboardInterrupt:
                    bar.close()
                    self.stderr.write(
                        "Stopped. What was stored is kept and counted once; the same command goes on from there."
                    )
                    sys.exit(130)
            failed |= bool(outcome.error)
            self._report(outcome, options["json"], options["dry_run"])
        if failed:
            sys.exit(1)

    def _report(self, outcome: Outcome, as_json: bool, dry_run: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(outcome.contract()))
        elif outcome.format:
            self._say(outcome, dry_run)
        others = [f"import {other.id} of {other.name}" for other in outcome.overlaps]
        if outcome.also_live:
            others.append(f"what the service sends by itself ({outcome.also_live})")
        for other in others:
            self.stderr.write(
                self.style.WARNING(
                    f"{outcome.file}: its hits overlap in time with {other}. "
                    "If they are the same hits, take this import back: "
                    f"manage.py rollback_import {outcome.batch}"
                )
            )
        if outcome.note:
            self.stderr.write(f"{outcome.file} is {outcome.note}.")
        if outcome.error:
            self.stderr.write(self.style.ERROR(outcome.error))

    def _say(self, outcome: Outcome, dry_run: bool) -> None:
        rejected = sum(outcome.rejected.values())
        verb = "would be stored" if dry_run else "stored"
        self.stdout.write(
            f"{outcome.file}: {outcome.format or 'no format'}: {outcome.read:,} lines = {outcome.stored:,} {verb}"
            f" + {outcome.duplicate:,} duplicate + {rejected:,} rejected; {outcome.endpoints:,} endpoints,"
            f" {outcome.seconds:.1f} s" + (f", batch {outcome.batch}" if outcome.batch else "")
        )
        for reason, count in outcome.rejected.items():
            self.stdout.write(f"  {count:,} {reason}: {REASONS[reason]}")
            shown = [sample for sample in outcome.samples if sample["reason"] == reason][:2]
            for sample in shown:
                self.stdout.write(f"    line {sample['line']:,}: {sample['text']}")


class Bar:
    """A progress bar on a terminal; silence elsewhere."""

    def __init__(self, path: str, stream: Any) -> None:
        self.path, self.format, self.stack = path, "", ExitStack()
        self.console = Console(stderr=True)
        self.stream = stream

    def __enter__(self) -> "Bar":
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[lines]:,} lines"),
            TextColumn("{task.fields[rate]:,.0f}/s"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
            transient=True,
        )
        self.stack.enter_context(self.progress)
        self.task = self.progress.add_task(self.path, total=None, lines=0, rate=0.0)
        return self

    def recognised(self, name: str) -> None:
        self.progress.update(self.task, description=f"{self.path} ({name})")
        self.stream.write(f"{self.path}: format {name}")

    def advance(self, position: int, size: int | None, counted: Counted) -> None:
        interrupt.check()
        elapsed = self.progress.tasks[0].elapsed or 0
        rate = counted.read / elapsed if elapsed else 0.0
        self.progress.update(self.task, completed=position, total=size, lines=counted.read, rate=rate)

    def close(self) -> None:
        self.stack.close()

    def __exit__(self, *_: object) -> None:
        self.close()
