"""The supervisor with children that misbehave."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.ops.conftest import ROOT, alive, family, wait_for

# The argument is a Python program for each child: NAME=PROGRAM.
MAIN = """
import signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # who runs the tests may have had it ignored
from endpoint_stats.workers import supervisor
supervisor.GRACE = 1.0
children = []
for argument in sys.argv[1:]:
    name, _, program = argument.partition("=")
    children.append(supervisor.Child(name, [sys.executable, "-u", "-c", program]))
watched = []
def watch(children):
    "Asks once for a restart of the child named frozen."
    found = [child for child in children if child.name == "frozen" and not watched]
    watched.extend(found)
    return found
sys.exit(supervisor.Supervisor(children, watch=watch, watch_every=1.0).run())
"""
SLEEP = "import time; print('here'); time.sleep(60)"
STUBBORN = (
    "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); print('here'); time.sleep(60)"
)


class Running:
    def __init__(self, log: Path, children: dict[str, str]) -> None:
        self.log = log
        command = [sys.executable, "-c", MAIN, *(f"{name}={program}" for name, program in children.items())]
        with log.open("wb") as out:
            self.process = subprocess.Popen(command, cwd=ROOT, stderr=out, start_new_session=True)

    def said(self, text: str, times: int = 1) -> bool:
        return self.log.read_text().count(text) >= times

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, list[psutil.Process]]:
        everyone = family(self.process)
        self.process.send_signal(number)
        code = self.process.wait(20)
        end = time.monotonic() + 3
        while alive(everyone) and time.monotonic() < end:
            time.sleep(0.05)
        return code, alive(everyone)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[object]:
    made: list[Running] = []

    def begin(**children: str) -> Running:
        made.append(Running(tmp_path / "log", children))
        return made[0]

    yield begin
    for running in made:
        if running.process.poll() is None:
            for child in psutil.Process(running.process.pid).children(recursive=True):
                child.kill()
            running.process.kill()
            running.process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_stops_in_order(start: object, number: int) -> None:
    running = start(one=SLEEP, second=SLEEP)  # type: ignore[operator]
    wait_for(lambda: running.said("one    | here") and running.said("second | here"), 20, "both")
    assert running.stop(number) == (0, [])


def test_one_that_ignores_the_signal_is_killed_with_its_children(start: object) -> None:
    running = start(stubborn=STUBBORN)  # type: ignore[operator]
    wait_for(lambda: running.said("here"), 20, "the child")
    wait_for(lambda: len(family(running.process)) == 3, 20, "its child")
    assert running.stop() == (0, [])


def test_a_killed_supervisor_leaves_nobody(start: object) -> None:
    running = start(one=SLEEP)  # type: ignore[operator]
    wait_for(lambda: running.said("here"), 20, "the child")
    assert running.stop(signal.SIGKILL) == (-signal.SIGKILL, [])


def test_one_that_is_there_but_does_nothing_is_restarted_with_all_it_started(start: object) -> None:
    running = start(frozen=STUBBORN, other=SLEEP)  # type: ignore[operator]
    wait_for(lambda: len(family(running.process)) == 4, 20, "the family")
    before = {one.pid for one in family(running.process)}
    wait_for(lambda: running.said("frozen | here", 2), 20, "a second start")
    wait_for(lambda: len(before & {one.pid for one in family(running.process)}) == 2, 20, "the other, undisturbed")
    assert running.said("restarting frozen")
    assert running.stop() == (0, [])


def test_one_that_dies_is_started_again_with_growing_pauses_and_given_up_if_it_never_lived(start: object) -> None:
    running = start(broken="import sys; print('no', end=''); sys.exit(3)", other=SLEEP)  # type: ignore[operator]
    assert running.process.wait(30) == 1
    text = running.log.read_text()
    assert text.count("broken | no\n") == 4
    assert [f"exit code 3; starting it again in {pause} s" in text for pause in (1, 2, 4)] == [True] * 3
    assert "ends as soon as it starts" in text
