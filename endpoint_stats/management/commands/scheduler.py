import signal
from threading import Event
from typing import Any

from django.core.management.base import BaseCommand

from endpoint_stats.workers.scheduler import loop


class Command(BaseCommand):
    help = "Enqueue what is due, once a second. Any number of schedulers may run; each run is enqueued once."

    def handle(self, *args: Any, **options: Any) -> None:
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        self.stderr.write("scheduler started")
        loop(stop)
