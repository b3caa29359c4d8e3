import os
import socket
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, connections

KILL_AFTER = 8  # seconds that running requests have at a stop; less than the supervisor's own patience


def add_address_arguments(parser: CommandParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="default 8000")
    parser.add_argument("--processes", type=int, default=0, help="default: a process a core; SQLite: 1")
    parser.add_argument("--threads", type=int, default=8, help="a process (default 8)")


def refuse_taken_port(host: str, port: int) -> None:
    """One sentence now instead of a traceback of the server."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except (OSError, OverflowError) as error:
        raise CommandError(
            f"Cannot listen on {host}:{port} ({error}): choose another with --port or --host."
        ) from error


def processes_for(wanted: int) -> int:
    """SQLite ingests best with one web process: two compete for its single writer."""
    if wanted < 0:
        raise CommandError("--processes takes 0 (a process a core) or more.", returncode=2)
    return wanted or (1 if connection.vendor == "sqlite" else len(os.sched_getaffinity(0)))


class Command(BaseCommand):
    help = "Serve pages, API and ingest by granian. Static files come from the same process (whitenoise)."

    def add_arguments(self, parser: CommandParser) -> None:
        add_address_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["threads"] < 1:
            raise CommandError("--threads takes 1 or more.", returncode=2)
        self.check(databases=["default"])
        processes = processes_for(options["processes"])
        refuse_taken_port(options["host"], options["port"])
        connections.close_all()
        os.chdir(Path(settings.BASE_DIR))
        # Granian forks its workers: from a fresh process, so that they share no connection and no thread of ours.
        command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws"]
        command += ["--host", options["host"], "--port", str(options["port"])]
        command += ["--workers", str(processes), "--blocking-threads", str(options["threads"])]
        command += ["--respawn-failed-workers", "--workers-kill-timeout", str(KILL_AFTER)]
        command += ["--log-level", "error", "--process-name", "endpoint-stats", "settings.wsgi:application"]
        sys.stdout.flush()
        os.execv(sys.executable, command)
