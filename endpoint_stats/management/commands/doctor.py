import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from endpoint_stats.workers.doctor import CHECKS, examine


class Command(BaseCommand):
    help = "Look at database, cache, scheduler, worker, queue, journals and disk. Exit code 1 if anything fails."
    requires_system_checks: list[str] = []  # it must speak where they would end the command

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--only", default="", choices=list(CHECKS), metavar="CHECK", help=", ".join(CHECKS))
        parser.add_argument(
            "--json", action="store_true", help='print {"ok", "checks": [{"name", "state", "message"}]}'
        )

    def handle(self, *args: Any, **options: Any) -> None:
        findings = examine(timezone.now(), options["only"])
        failed = any(finding.state == "fail" for finding in findings)
        if options["json"]:
            self.stdout.write(json.dumps({"ok": not failed, "checks": [finding.contract() for finding in findings]}))
        else:
            styles = {"ok": self.style.SUCCESS, "warn": self.style.WARNING, "fail": self.style.ERROR}
            for finding in findings:
                self.stdout.write(f"{styles[finding.state](f'{finding.state:4}')} {finding.name:9} {finding.message}")
        if failed:
            sys.exit(1)
