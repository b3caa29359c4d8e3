"""``import_log --follow``: a log that is being written, through rotation, restart and Ctrl-C; each line once."""

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.integration.installation import Installation, finish, wait_until
from tests.integration.lines import count, join, numbered

# The command, looking more often than every two seconds.
FOLLOW = """
import sys
import django
django.setup()
from endpoint_stats.ingest import follow
follow.EVERY = 0.05
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", *sys.argv[1:]])
"""
LINES = numbered(400)


class Followed:
    """A log, and the command that follows it."""

    def __init__(self, installation: Installation, path: Path) -> None:
        self.installation, self.path = installation, path

    def start(self, *more: str) -> None:
        arguments = ("import_log", str(self.path), "--project", "shop", "--follow", *more)
        self.process = self.installation.start(*arguments, code=FOLLOW)

    def write(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)

    def wait_for(self, lines: list[bytes]) -> None:
        """Until exactly these lines are counted, and two more looks have changed nothing."""
        expected = count(lines).by_minute

        def reached() -> bool:
            assert self.process.poll() is None, finish(self.process).stderr
            return self.installation.levels()["minute"] >= len(lines)

        wait_until(reached, what=f"{len(lines)} lines are counted")
        assert self.installation.by_minute() == expected

    def stop(self) -> Any:
        self.process.send_signal(signal.SIGINT)
        done = finish(self.process)
        assert done.returncode == 130, (done.returncode, done.stderr)
        assert "Traceback" not in done.stderr, done.stderr
        self.installation.check_ledger(all_ended=True)
        return done


@pytest.fixture
def log(installation: Installation, tmp_path: Path) -> Followed:
    folder = tmp_path / "nginx"
    folder.mkdir()
    return Followed(installation, folder / "access.log")


def test_lines_appear_as_they_are_written(log: Followed) -> None:
    log.write(join(LINES[:50]))
    log.start()
    log.wait_for(LINES[:50])
    for end in (51, 60, 200):
        log.write(join(LINES[50:end][-(end - 50) :] if end == 51 else LINES[{60: 51, 200: 60}[end] : end]))
        log.wait_for(LINES[:end])
    log.stop()


def test_half_a_line_waits_for_its_end(log: Followed) -> None:
    log.write(join(LINES[:10]) + LINES[10][:70])
    log.start()
    log.wait_for(LINES[:10])
    log.write(LINES[10][70:] + LINES[11])
    log.wait_for(LINES[:12])
    log.stop()


def test_a_log_that_is_still_empty(log: Followed) -> None:
    """The first line comes later."""
    log.write(b"")
    log.start("--format", "combined")
    wait_until(lambda: log.process.poll() is not None or log.installation.batches() or True)
    log.write(LINES[0][:30])
    log.write(LINES[0][30:] + join(LINES[1:20]))
    log.wait_for(LINES[:20])
    log.stop()


def test_rotation_by_rename_and_create(log: Followed) -> None:
    log.write(join(LINES[:100]))
    log.start()
    log.wait_for(LINES[:100])
    old = log.path.with_suffix(".log.1")
    log.path.rename(old)
    with old.open("ab") as file:  # the server has not opened the new file yet, and its last line lacks its end
        file.write(join(LINES[100:130])[:-1])
    log.path.touch()
    log.write(join(LINES[130:200]))
    log.wait_for(LINES[:200])
    log.write(join(LINES[200:250]))
    log.wait_for(LINES[:250])
    log.stop()
    assert [batch["stored"] for batch in log.installation.batches()] == [130, 120]
    # Both files are known now, the old one under its new name.
    for path in (old, log.path):
        assert log.installation.run("import_log", str(path), "--project", "shop").returncode == 0
    assert log.installation.levels()["day"] == 250


def test_rotation_by_copy_and_truncate(log: Followed) -> None:
    log.write(join(LINES[:100]))
    log.start()
    log.wait_for(LINES[:100])
    copy = log.path.with_suffix(".log.1")
    shutil.copy(log.path, copy)
    os.truncate(log.path, 0)
    log.write(join(LINES[100:120]))
    log.wait_for(LINES[:120])
    log.write(join(LINES[120:140]))
    log.wait_for(LINES[:140])
    log.stop()
    assert log.installation.run("import_log", str(copy), "--project", "shop").returncode == 0
    assert log.installation.levels()["day"] == 140


def test_started_again_it_counts_nothing_twice(log: Followed) -> None:
    log.write(join(LINES[:80]))
    log.start()
    log.wait_for(LINES[:80])
    log.stop()
    log.write(join(LINES[80:120]))
    log.start()
    log.wait_for(LINES[:120])
    log.write(join(LINES[120:150]))
    log.wait_for(LINES[:150])
    log.stop()
    assert log.installation.requests() == 150
    assert [batch["stored"] for batch in log.installation.batches()] == [80, 70]


def test_killed_and_started_again_it_counts_nothing_twice(log: Followed) -> None:
    log.write(join(LINES[:80]))
    log.start()
    log.wait_for(LINES[:80])
    log.process.kill()
    finish(log.process)
    log.write(join(LINES[80:120]))
    log.start()
    log.wait_for(LINES[:120])
    log.process.send_signal(signal.SIGINT)
    assert finish(log.process).returncode == 130
    assert log.installation.requests() == 120


def test_ctrl_c_closes_the_ledger(log: Followed) -> None:
    log.write(join(LINES[:10]))
    log.start()
    log.wait_for(LINES[:10])
    log.stop()
    (batch,) = log.installation.batches()
    assert batch["state"] in ("complete", "failed")
    assert (batch["read"], batch["stored"]) == (10, 10)


def test_imported_while_it_is_followed(log: Followed) -> None:
    """A second import of a followed log finds nothing new, and disturbs nothing."""
    log.write(join(LINES[:60]))
    log.start()
    log.wait_for(LINES[:60])
    assert log.installation.run("import_log", str(log.path), "--project", "shop").returncode == 0
    log.write(join(LINES[60:90]))
    log.wait_for(LINES[:90])
    log.stop()
    assert log.installation.levels() == {"minute": 90, "hour": 90, "day": 90}


@pytest.mark.parametrize("name", ["missing.log", ""])
def test_what_cannot_be_followed(name: str, log: Followed) -> None:
    done = log.installation.run("import_log", str(log.path.parent / name), "--project", "shop", "--follow", timeout=20)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
