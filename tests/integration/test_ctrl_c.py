"""Ctrl-C, whenever it comes: exit code 130, no traceback, a closed ledger; the same command goes on from there."""

import os
import signal
import subprocess
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.integration.installation import Installation, finish, wait_until
from tests.integration.lines import START, access_log, count, join, line

SHOP = ("--project", "shop")
ONE = ("--processes", "1")
PIECE = 16 * 1024
MANAGE = """
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", *sys.argv[1:]])
"""
WITHIN_A_DESTRUCTOR = f"""
import os, signal, sys
import django
django.setup()
from endpoint_stats.ingest import importer
importer.PIECE = {PIECE}

class Fleeting:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        len("any bytecode, before which Python handles the signal")

count = 0
append = importer.append

def counting(*arguments, **named):
    global count
    count += 1
    if count == 5:
        Fleeting()
    return append(*arguments, **named)

importer.append = counting
{MANAGE}"""
WHILE_IT_WAITS = f"""
import os, signal, sys, threading
import django
django.setup()
from endpoint_stats.ingest import interrupt
waiting = interrupt.waiting

def pressed_meanwhile():
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    return waiting()

interrupt.waiting = pressed_meanwhile
{MANAGE}"""


def check_stopped(done: Any) -> None:
    assert done.returncode == 130, (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr, done.stderr


def check(done: Any, installation: Installation) -> None:
    check_stopped(done)
    installation.check_ledger(all_ended=True)
    (batch,) = installation.batches()
    assert batch["state"] == "failed"
    assert "Ctrl-C" in batch["message"]
    assert installation.requests() == batch["stored"] > 0


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "access.log"
    path.write_bytes(join(access_log(30_000, seed=9)))
    return path


@pytest.mark.parametrize("processes", [1, 2])
def test_midway(processes: int, installation: Installation, log: Path) -> None:
    command = ("import_log", str(log), *SHOP, "--processes", str(processes))
    process = installation.start(*command, piece=PIECE)
    wait_until(lambda: sum(batch["read"] for batch in installation.batches()), what="a piece is stored")
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all processes of the command
    check(finish(process), installation)
    expected = count(access_log(30_000, seed=9))
    assert sum(batch["stored"] for batch in installation.batches()) < expected.good
    assert installation.run(*command).returncode == 0
    assert installation.by_minute() == expected.by_minute


def test_within_a_destructor(installation: Installation, log: Path) -> None:
    """Python drops an exception that is raised in a destructor, and Django's models have one: Ctrl-C at such a
    moment must not be lost."""
    check(installation.run("import_log", str(log), *SHOP, *ONE, code=WITHIN_A_DESTRUCTOR), installation)


def test_while_it_waits_for_a_pipe(installation: Installation) -> None:
    lines = [line(START + timedelta(seconds=at), f"/some/page/{at % 50}") for at in range(120_000)]
    process = installation.start("import_log", "-", *SHOP, *ONE, stdin=subprocess.PIPE)
    process.stdin.write(join(lines[:100_000]))
    process.stdin.flush()
    wait_until(lambda: sum(batch["read"] for batch in installation.batches()), what="a piece is stored")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    process.stdin.close()
    process.stdin = None
    check(finish(process), installation)
    done = installation.run("import_log", "-", *SHOP, *ONE, input=join(lines))
    assert done.returncode == 0, done.stderr
    assert installation.levels()["minute"] == 120_000


def test_while_it_waits_for_a_writer(installation: Installation, tmp_path: Path) -> None:
    pipe = tmp_path / "access.fifo"
    os.mkfifo(pipe)
    check_stopped(finish(installation.start("import_log", str(pipe), *SHOP, *ONE, code=WHILE_IT_WAITS)))
    assert installation.batches() == []


@pytest.mark.parametrize("after", [0.0, 0.1, 0.3, 0.6])
def test_while_processes_start(after: float, installation: Installation, log: Path) -> None:
    """The fork server imports for a while; it must not die of what is meant for the command."""
    process = installation.start("import_log", str(log), *SHOP, "--processes", "2", piece=PIECE)
    wait_until(lambda: bool(installation.batches()), what="the import began")
    time.sleep(after)
    os.killpg(process.pid, signal.SIGINT)
    check_stopped(finish(process))
    installation.check_ledger(all_ended=True)
