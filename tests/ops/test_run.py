"""scripts/run.sh, from a clone to pages, and to nothing left of it."""

import re
import signal
import socket
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.ops.conftest import Clone, alive, family, free_port, get, stop, wait_for

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("run.sh")]
# Generous: the suite's other half runs beside it.
START = 90

ENQUEUE = """
from django_q.tasks import async_task
for number in range(150):
    async_task("endpoint_stats.workers.tasks.compact_project", project_id=number % 3 + 1)
"""


def rows(clone: Clone, statement: str) -> list[Any]:
    connection = sqlite3.connect(clone.data / "endpoint_stats.sqlite3", timeout=20)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def begin(clone: Clone, log: Path, *arguments: str, **more: str) -> tuple["subprocess.Popen[bytes]", str]:
    port = free_port()
    process = clone.start("./scripts/run.sh", *arguments, log=log, PORT=str(port), **more)

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        return get(f"http://127.0.0.1:{port}/health/live") == 200

    wait_for(answers, START, f"an answer\n{log.read_text()}")
    return process, f"http://127.0.0.1:{port}"


def test_from_a_clone_to_pages_and_again(clone: Clone, tmp_path: Path) -> None:
    log, again = tmp_path / "first.log", tmp_path / "second.log"
    started = time.monotonic()
    process, url = begin(clone, log, DEMO_REQUESTS="3000")
    first = time.monotonic() - started
    said = log.read_text()
    assert url in said
    assert len(re.findall(r"owner@example.com with the password \S+ \(shown this once\)", said)) == 1
    assert get(f"{url}/account/login/") == 200
    assert rows(clone, "SELECT state, stored FROM endpoint_stats_batch") == [("complete", 3000)]

    # Django-Q2's own scheduler is off, and several processes share one SQLite file: tasks run all the same.
    clone.run(str(clone.venv / "bin/python"), "manage.py", "shell", "--command", ENQUEUE)
    wait_for(lambda: rows(clone, "SELECT count(*) FROM django_q_ormq") == [(0,)], 60, "the queue to empty")
    assert rows(clone, "SELECT count(*) FROM django_q_task WHERE NOT success") == [(0,)]
    assert "locked" not in log.read_text()
    wait_for(lambda: clone.manage("doctor").returncode == 0, 60, "the doctor to be content")

    code, seconds, left = stop(process, "ctrl-c")
    assert (code, left) == (0, [])
    assert seconds < 8

    started = time.monotonic()
    process, _ = begin(clone, again, DEMO_REQUESTS="3000")
    assert time.monotonic() - started < first, "nothing is prepared twice"
    assert "password" not in again.read_text()
    assert rows(clone, "SELECT count(*) FROM endpoint_stats_batch WHERE source = 'import'") == [(1,)]
    assert rows(clone, "SELECT count(*) FROM accounts_user") == [(1,)]
    assert rows(clone, "SELECT slug FROM accounts_project ORDER BY slug") == [("demo",), ("endpoint-stats",)]
    code, seconds, left = stop(process, "term")
    assert (code, left) == (0, [])
    assert seconds < 8


def test_without_standard_input_and_without_demo(clone: Clone, tmp_path: Path) -> None:
    port = free_port()
    command = "exec ./scripts/run.sh --no-demo <&-"
    process = clone.start("bash", "-c", command, log=tmp_path / "log", PORT=str(port))
    wait_for(lambda: get(f"http://127.0.0.1:{port}/health/live") == 200, START, "an answer")
    assert rows(clone, "SELECT count(*) FROM accounts_project") == [(0,)]

    everyone = family(process)
    process.kill()  # nobody can clean up after this but the kernel
    process.wait()
    wait_for(lambda: not alive(everyone), 15, f"the end of {everyone}")


def test_children_that_die_are_started_again(clone: Clone, tmp_path: Path) -> None:
    process, url = begin(clone, tmp_path / "log", "--no-demo")
    time.sleep(1)
    before = psutil.Process(process.pid).children()
    assert len(before) == 3
    for child in before:
        child.send_signal(signal.SIGKILL)

    def three_others() -> bool:
        return len({child.pid for child in psutil.Process(process.pid).children()} - {one.pid for one in before}) == 3

    wait_for(three_others, 30, "three new children")
    wait_for(lambda: get(f"{url}/health/live") == 200, 30, "an answer")
    assert "ended with signal SIGKILL" in (tmp_path / "log").read_text()
    code, _, left = stop(process, "ctrl-c")
    assert (code, left) == (0, [])


@pytest.mark.parametrize("delay", [0.2, 1.0, 2.5])
def test_stopped_while_it_starts(clone: Clone, tmp_path: Path, delay: float) -> None:
    process = clone.start("./scripts/run.sh", log=tmp_path / "log", PORT=str(free_port()))
    time.sleep(delay)
    code, seconds, left = stop(process, "term")
    assert code in (0, 130)
    assert left == []
    assert seconds < 8


def test_a_taken_port_is_said_before_anything_starts(clone: Clone) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = clone.run("./scripts/run.sh", "--no-demo", PORT=str(port))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"Port {port} on 127.0.0.1 is in use" in done.stderr
    assert not clone.data.exists()


@pytest.mark.parametrize("port", ["http", "0", "65536", "99999999", "-1"])
def test_a_port_that_is_none(clone: Clone, port: str) -> None:
    done = clone.run("./scripts/run.sh", PORT=port)
    assert done.returncode == 1
    assert "number from 1 to 65535" in done.stderr


def test_help_and_misunderstanding(clone: Clone) -> None:
    for script in ("run.sh", "setup.sh", "test.sh"):
        assert clone.run(f"./scripts/{script}", "--help").returncode == 0
    assert clone.run("./scripts/run.sh", "--nodemo").returncode == 2
    assert not clone.data.exists()


def test_up_says_what_keeps_it_from_starting(clone: Clone) -> None:
    clone.data.mkdir()
    unmigrated = clone.manage("up", "--port", str(free_port()))
    assert unmigrated.returncode == 1
    assert "manage.py prepare" in unmigrated.stderr
    assert clone.manage("prepare").returncode == 0
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = clone.manage("up", "--port", str(server.getsockname()[1]))
    assert taken.returncode == 1
    assert "Cannot listen on" in taken.stderr
    assert clone.manage("up", "--only", "wab").returncode == 2


def test_a_demo_that_was_killed_is_finished_and_counted_once(clone: Clone) -> None:
    clone.data.mkdir()
    assert clone.manage("prepare").returncode == 0
    arguments = ("simulate", "--project", "demo", "--demo", "--requests", "2000")
    assert clone.manage(*arguments).returncode == 0
    connection = sqlite3.connect(clone.data / "endpoint_stats.sqlite3", timeout=20)
    with connection:
        connection.execute("UPDATE endpoint_stats_batch SET state = 'running'")
    connection.close()
    done = clone.manage(*arguments)
    assert done.returncode == 0, done.stderr
    assert "2,000 were there" in done.stdout
    assert rows(clone, "SELECT sum(requests) FROM endpoint_stats_rollupday") == [(2000,)]
    assert clone.manage(*arguments).stdout == ""


def test_simulated_traffic_as_a_file(clone: Clone) -> None:
    clone.data.mkdir()
    done = clone.manage("simulate", "--requests", "50", "--out", "-")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 50
    assert clone.manage("simulate").returncode == 2


def test_preparing_twice_at_once(clone: Clone, tmp_path: Path) -> None:
    """Two containers that start together: one migrates, the other waits for it."""
    clone.data.mkdir()
    python = str(clone.venv / "bin/python")
    both = [clone.start(python, "manage.py", "prepare", log=tmp_path / f"{n}.log") for n in range(2)]
    assert [process.wait(120) for process in both] == [0, 0], [(tmp_path / f"{n}.log").read_text() for n in range(2)]
    applied = sum("Applying" in (tmp_path / f"{n}.log").read_text() for n in range(2))
    assert applied == 1


def test_a_database_that_is_away_is_waited_for_and_said(clone: Clone) -> None:
    clone.data.mkdir()
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    python = str(clone.venv / "bin/python")
    begin_at = time.monotonic()
    done = clone.run(python, "manage.py", "prepare", "--wait", "1", DATABASE_URL=url)
    assert done.returncode == 1
    assert "The database does not answer" in done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - begin_at < 20
    doctor = clone.run(python, "manage.py", "doctor", DATABASE_URL=url)
    assert doctor.returncode == 1
    assert "DATABASE_URL" in doctor.stdout
    assert "Traceback" not in doctor.stderr
