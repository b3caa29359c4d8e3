"""A server under load that is killed: clients that send until they are told that it is stored, and what must then hold.

Each client's batches have an Idempotency-Key each, and are sent again with it whenever no 200 came back. Every hit has
a path of its own client and of one batch in fifty, so that one that is lost or doubled is seen.
"""

import contextlib
import http.client
import itertools
import json
import os
import random
import signal
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psutil

from tests.integration.installation import Installation, wait_until

CREATE_KEY = """
import sys
import django
django.setup()
from accounts.keys import create_key
from accounts.models import Project
print(create_key(Project.objects.get(slug="shop"), "ingest", "load")[1])
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """``manage.py serve`` of an installation: 2 processes of 8 threads."""

    def __init__(self, installation: Installation, processes: int = 2, **more_env: str) -> None:
        self.installation, self.processes, self.more_env = installation, processes, more_env
        self.port = free_port()
        self.process: Any = None

    def start(self, kill_at: str = "") -> None:
        options = ("--port", str(self.port), "--processes", str(self.processes), "--threads", "8")
        self.kill_all()
        log = open(self.installation.folder / "serve.log", "ab")  # noqa: SIM115 (closed with the process)
        self.process = self.installation.start(
            "serve", *options, kill_at=kill_at, stdout=log, stderr=log, more_env=self.more_env
        )
        log.close()
        wait_until(self.answers, 60, "the server does not answer")

    def revive(self) -> None:
        """Start it again where it gave up, as it does when processes die within seconds of their start; supervisors
        (manage.py up, Kubernetes) do so."""
        if self.process.poll() is not None:
            self.start()

    def answers(self) -> bool:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            connection.request("GET", "/health/live")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def workers(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.Error):
            return [one for one in psutil.Process(self.process.pid).children(recursive=True) if one.is_running()]
        return []

    def kill_one(self, chance: random.Random) -> bool:
        """SIGKILL one of the processes that serve."""
        found = self.workers()
        if not found:
            return False
        with contextlib.suppress(psutil.Error):
            chance.choice(found).kill()
        return True

    def kill_all(self) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@dataclass
class Load:
    """``clients`` threads that send ``batches`` each (0: until ``enough`` is set), each until it was acknowledged."""

    server: Server
    secret: str
    clients: int = 16
    batches: int = 25
    size: int = 4
    deadline: float = 90.0
    retries: int = 0
    stored: int = 0
    duplicates: int = 0
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    threads: list[threading.Thread] = field(default_factory=list)
    begun: float = field(default_factory=time.time)
    enough: threading.Event = field(default_factory=threading.Event)
    sent: Counter[int] = field(default_factory=Counter)  # batches by client

    @property
    def total(self) -> int:
        return self.sent.total() * self.size

    def expected(self) -> dict[tuple[int, str, str], int]:
        """(minute, method, path) -> hits."""
        minute = int(self.begun) // 60
        return {
            (minute, "GET", f"/c{client}/b{batch % 50}"): self.size * len(range(batch, batches, 50))
            for client, batches in self.sent.items()
            for batch in range(min(batches, 50))
        }

    def start(self) -> None:
        self.threads = [threading.Thread(target=self._client, args=(client,)) for client in range(self.clients)]
        for thread in self.threads:
            thread.start()

    def running(self) -> bool:
        return any(thread.is_alive() for thread in self.threads)

    def end(self) -> None:
        for thread in self.threads:
            thread.join(self.deadline + 30)
        assert not self.running()
        assert not self.wrong, self.wrong[:5]

    def _client(self, client: int) -> None:
        connection: http.client.HTTPConnection | None = None
        end = time.monotonic() + self.deadline
        for batch in itertools.count():
            if self.enough.is_set() or (self.batches and batch >= self.batches):
                break
            self.sent[client] += 1
            hit = {
                "time": self.begun,
                "method": "GET",
                "path": f"/c{client}/b{batch % 50}",
                "status": 200,
                "duration": 0.01,
            }
            body = json.dumps([hit] * self.size)
            while True:
                if time.monotonic() > end:
                    self.wrong.append(f"client {client} gave up at batch {batch}")
                    return
                try:
                    connection = connection or http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
                    answer = self._send(connection, body, f"{client}-{batch}")
                except (OSError, http.client.HTTPException):
                    answer = None
                if answer is not None:
                    self._note(answer)
                    break
                if connection is not None:
                    connection.close()
                connection = None
                with self.lock:
                    self.retries += 1
                time.sleep(0.02)
        if connection is not None:
            connection.close()

    def _send(self, connection: http.client.HTTPConnection, body: str, key: str) -> dict[str, Any] | None:
        headers = {"Authorization": f"Bearer {self.secret}", "Idempotency-Key": key, "Content-Type": "application/json"}
        connection.request("POST", "/api/v1/ingest/hits", body, headers)
        response = connection.getresponse()
        data = response.read()
        if response.status == 200:
            answer: dict[str, Any] = json.loads(data)
            return answer
        if response.status != 503 or not response.headers.get("Retry-After"):
            self.wrong.append(f"{response.status} {data[:200]!r}")
        return None

    def _note(self, answer: dict[str, Any]) -> None:
        with self.lock:
            self.stored += answer["stored"]
            self.duplicates += answer["duplicate"]
            if answer["received"] != self.size or answer["rejected"]:
                self.wrong.append(str(answer))


def check(installation: Installation, load: Load) -> None:
    """Sum = acknowledged, lost 0, double 0, and the ledger adds up. Everything is compacted first."""
    done = installation.run("compact", "--project", "shop")
    assert done.returncode == 0, done.stderr
    assert installation.journal() == 0
    assert installation.by_minute() == load.expected()
    assert installation.levels() == dict.fromkeys(("minute", "hour", "day"), load.total)
    batches = installation.batches()
    assert sum(batch["stored"] for batch in batches) == load.total
    installation.check_ledger()
    receipts = installation.sql("SELECT count(*), count(DISTINCT id) FROM endpoint_stats_receipt")[0]
    assert tuple(receipts) == (load.sent.total(),) * 2
    now = datetime.now(UTC)
    assert installation.requests(f"{now.year - 1}-01-01", f"{now.year + 1}-01-01") == load.total


def new_key(installation: Installation) -> str:
    done = installation.run(code=CREATE_KEY)
    assert done.returncode == 0, done.stderr
    return str(done.stdout.strip())
