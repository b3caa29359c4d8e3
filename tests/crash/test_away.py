"""The database stops under load and comes back: nothing acknowledged is lost, and who sends is told at once."""

import http.client
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.live import Load, Server, check, free_port, new_key
from tests.integration.installation import PostgresTemplate, wait_until
from tests.plugins.notrun import server_programs

SECONDS = int(os.environ.get("PROOF_AWAY", "10"))

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("live"), pytest.mark.needs("pg_ctl")]


class Cluster:
    """A PostgreSQL server of the test's own."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self.programs, self.port = folder, programs, free_port()
        self.prefix = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.getuid() == 0 else []
        folder.mkdir()
        if os.getuid() == 0:
            shutil.chown(folder, "nobody", "nogroup")
        self.run("initdb", "-D", str(folder / "data"), "-U", "postgres", "--auth=trust", "--no-sync")
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def run(self, program: str, *arguments: str) -> None:
        command = [*self.prefix, str(self.programs / program), *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.folder}"
        log = str(self.folder / "log")
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-l", log, "-o", options, "-w", "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "-w", "stop")


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    programs = server_programs()
    assert programs is not None
    folder = tmp_path_factory.mktemp("cluster")
    for path in (folder, *folder.parents[:3]):
        if path.stat().st_uid == os.getuid() and path != Path("/tmp"):
            path.chmod(path.stat().st_mode | 0o011)
    made = Cluster(folder / "cluster", programs)
    made.start()
    yield made
    made.stop()


def memory(server: Server) -> int:
    return sum(one.memory_info().rss for one in server.workers())


def test_a_database_that_is_away_for_a_while(cluster: Cluster, tmp_path: Path) -> None:
    template = PostgresTemplate(cluster.url, tmp_path)
    installation: Any = template.copy(tmp_path / "installation")
    server = Server(installation)
    try:
        load = Load(server, new_key(installation), batches=0, deadline=SECONDS + 120)
        server.start()
        load.start()
        time.sleep(3)
        before, acknowledged = memory(server), load.stored
        assert acknowledged
        cluster.stop()
        stopped = time.monotonic()
        slowest = 0.0
        while time.monotonic() < stopped + SECONDS:
            slowest = max(slowest, _refused(server, load.secret))
            time.sleep(0.2)
        assert slowest < 2
        assert memory(server) < before + (64 << 20)
        held = load.stored
        cluster.start()
        back = time.monotonic()
        wait_until(lambda: load.stored > held + 100, 10, "nothing is acknowledged after the database came back")
        print(f"answered 503 within {slowest:.2f} s, recovered within {time.monotonic() - back:.1f} s", end=" ")
        load.enough.set()
        load.end()
        check(installation, load)
    finally:
        server.kill_all()
        installation.close()
        template.close()


def _refused(server: Server, secret: str) -> float:
    """Seconds until it said that the database is away."""
    begun = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request(
        "POST", "/api/v1/ingest/hits", json.dumps([]), {"Authorization": f"Bearer {secret}", "Idempotency-Key": "x"}
    )
    response = connection.getresponse()
    response.read()
    connection.close()
    assert response.status == 503
    assert int(response.headers["Retry-After"]) >= 1
    return time.monotonic() - begun
