"""kill -9 at each named commit point, and at random moments: after the same command again, every line is counted
once, the ledger adds up and nothing that was pruned is seen. Expected numbers are plain counts of lines."""

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from endpoint_stats.store.points import POINTS
from tests.crash import test_live
from tests.integration.installation import LEVELS, Installation, wait_until
from tests.integration.lines import START, access_log, count, join, line

PIECE = 16 * 1024
LINES = access_log(1_500)
EXPECTED = count(LINES)
SHOP = ("--project", "shop")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "access.log"
    path.write_bytes(join(LINES))
    return path


def load(installation: Installation, log: Path, *more: str, **options: Any) -> Any:
    return installation.run("import_log", str(log), *SHOP, "--processes", "1", *more, piece=PIECE, **options)


def killed(done: Any) -> None:
    assert done.returncode == -signal.SIGKILL, (done.returncode, done.stdout, done.stderr)


def fine(done: Any) -> None:
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)


def check_exact(installation: Installation, expected: dict[tuple[int, str, str], int]) -> None:
    """Each minute, method and path has its count, all levels agree, nothing waits, and the product says the same."""
    assert installation.journal() == 0
    assert installation.by_minute() == expected
    total = sum(expected.values())
    assert installation.levels() == {"minute": total, "hour": total, "day": total}
    assert installation.requests() == total
    installation.check_ledger()


def newest_place(installation: Installation) -> int:
    """How much of the log is known as stored."""
    return int(installation.sql('SELECT coalesce(max("end"), 0) FROM endpoint_stats_place')[0][0])


def check_whole_commits(installation: Installation) -> None:
    """Right after the kill, before anything is repaired: identity, folded form and the ledger's count stand or
    fall together (a journal row leaves when it is compacted)."""
    lines = int(installation.sql("SELECT coalesce(sum(lines), 0) FROM endpoint_stats_place")[0][0])
    assert lines == sum(batch["read"] for batch in installation.batches())
    known = count(join(LINES)[: newest_place(installation)].splitlines(keepends=True))
    assert sum(batch["stored"] for batch in installation.batches()) == known.good
    held = installation.levels()["minute"]
    if not installation.journal():
        assert held == known.good
    assert held <= known.good
    installation.check_ledger()
    assert installation.requests() == known.good


@pytest.mark.parametrize("times", [1, 4])
@pytest.mark.parametrize("point", [point for point in POINTS if point.startswith("import.")])
def test_import(point: str, times: int, installation: Installation, log: Path) -> None:
    killed(load(installation, log, kill_at=f"{point}:{times}"))
    check_whole_commits(installation)
    committed = times if point == "import.after_commit" else times - 1
    assert len(installation.sql("SELECT 1 FROM endpoint_stats_folded")) == committed
    again = load(installation, log)
    fine(again)
    check_exact(installation, EXPECTED.by_minute)
    left_behind, second = installation.batches()
    assert (left_behind["state"], second["state"]) == ("running", "complete")
    assert second["read"] == len(LINES)
    assert left_behind["stored"] + second["stored"] == EXPECTED.good
    fine(load(installation, log))
    check_exact(installation, EXPECTED.by_minute)


@pytest.mark.parametrize("point", [point for point in POINTS if point.startswith("compact.")])
def test_compact(point: str, installation: Installation, log: Path) -> None:
    killed(load(installation, log, kill_at="import.after_commit:6"))
    waiting, answer = installation.journal(), installation.requests()
    assert (waiting, installation.levels()["day"]) == (6, 0)
    killed(installation.run("compact", *SHOP, kill_at=point))
    moved = point == "compact.after_commit"
    assert (installation.journal() == 0) == moved
    assert installation.levels() == dict.fromkeys(LEVELS, answer if moved else 0)
    assert installation.requests() == answer
    fine(installation.run("compact", *SHOP))
    assert installation.levels() == dict.fromkeys(LEVELS, answer)
    fine(load(installation, log))
    check_exact(installation, EXPECTED.by_minute)


@pytest.mark.parametrize("point", [point for point in POINTS if point.startswith("compact.")])
def test_compact_at_the_end_of_an_import(point: str, installation: Installation, log: Path) -> None:
    killed(load(installation, log, kill_at=point))
    assert installation.requests() == EXPECTED.good
    fine(load(installation, log))
    check_exact(installation, EXPECTED.by_minute)


DAYS = 12
OLD_AND_NEW = [line(START + timedelta(days=day, minutes=at), f"/r/{at % 3}") for day in range(DAYS) for at in range(90)]


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("point", [point for point in POINTS if point.startswith("prune.")])
def test_prune(point: str, times: int, installation: Installation, tmp_path: Path) -> None:
    log = tmp_path / "old.log"
    log.write_bytes(join(OLD_AND_NEW))
    fine(load(installation, log))
    installation.sql("UPDATE endpoint_stats_projectsettings SET minute_days = 2, hour_days = 5, day_days = NULL")
    killed(installation.run("prune", *SHOP, kill_at=f"{point}:{times}"))

    newest = max(minute for minute, _, _ in count(OLD_AND_NEW).by_minute)
    cut = {"minute": newest - 2 * 1440, "hour": (newest - 5 * 1440) // 60 * 60, "day": 0}
    check_floors(installation, cut, times if point != "prune.floor_raised" else times - 1)
    fine(installation.run("prune", *SHOP))
    assert installation.levels() == {
        level: sum(
            n for (minute, _, _), n in count(OLD_AND_NEW).by_minute.items() if minute // size * size >= cut[level]
        )
        for level, size in (("minute", 1), ("hour", 60), ("day", 1440))
    }
    assert installation.requests() == len(OLD_AND_NEW)
    fine(load(installation, log))
    assert installation.requests() == len(OLD_AND_NEW)
    # What is kept is answered, what is not is refused: a wrong number is never an answer.
    first_kept = datetime.fromtimestamp(cut["minute"] * 60, START.tzinfo)
    assert installation.requests(f"{first_kept:%Y-%m-%dT%H:%M}Z", "2027-01-01") == installation.levels()["minute"]
    below = installation.run("stats", *SHOP, "--from", f"{first_kept - timedelta(minutes=7):%Y-%m-%dT%H:%M}Z")
    assert below.returncode == 2, below.stdout


def check_floors(installation: Installation, cut: dict[str, int], levels_begun: int) -> None:
    """After the kill: a level has lost rows only if its floor was raised with them, and days still hold all."""
    floors = installation.sql("SELECT minute_floor, hour_floor, day_floor FROM endpoint_stats_storestate")[0]
    for (name, table), floor in zip(LEVELS.items(), floors, strict=True):
        assert floor in (0, cut[name])
        rows = installation.sql(f"SELECT coalesce(sum(requests), 0) FROM {table} WHERE time >= ?", floor)
        expected = sum(
            n
            for (minute, _, _), n in count(OLD_AND_NEW).by_minute.items()
            if minute // {"minute": 1, "hour": 60, "day": 1440}[name] * {"minute": 1, "hour": 60, "day": 1440}[name]
            >= floor
        )
        assert int(rows[0][0]) == expected
    assert sum(floor > 0 for floor in floors) >= min(levels_begun, 1)
    assert installation.requests() == len(OLD_AND_NEW)


@pytest.mark.parametrize("compacted", [True, False], ids=["compacted", "in the journal"])
@pytest.mark.parametrize("point", [point for point in POINTS if point.startswith("rollback.")])
def test_rollback(point: str, compacted: bool, installation: Installation, log: Path) -> None:
    if compacted:
        fine(load(installation, log))
    else:
        killed(load(installation, log, kill_at="compact.before_commit"))
        # Nobody is left to say that it ended: after two minutes it counts as dead.
        installation.sql("UPDATE endpoint_stats_batch SET heartbeat = ?", START)
    batch = installation.batches()[0]["id"]
    killed(installation.run("rollback_import", str(batch), kill_at=point))
    taken = point == "rollback.after_commit"
    assert installation.requests() == (0 if taken else EXPECTED.good)
    assert (installation.batches()[0]["state"] == "rolled_back") == taken
    again = installation.run("rollback_import", str(batch))
    assert again.returncode == (1 if taken else 0), again.stderr
    assert ("already" in again.stderr) == taken
    fine(installation.run("compact", *SHOP))
    check_exact(installation, {})
    fine(load(installation, log))
    check_exact(installation, EXPECTED.by_minute)


EXERCISED: dict[str, Callable[..., None]] = {
    "import": test_import,
    "compact": test_compact,
    "prune": test_prune,
    "rollback": test_rollback,
    "live": test_live.test_at_each_commit_point,
}


def test_every_point_is_exercised() -> None:
    """A new commit point needs a test that dies there: each area's test takes its points from the registry."""
    reached = {
        point
        for area, test in EXERCISED.items()
        for mark in test.pytestmark  # type: ignore[attr-defined]
        if mark.args[0] == "point"
        for point in mark.args[1]
        if point.startswith(f"{area}.")
    }
    assert reached == set(POINTS)


def has_more_batches(installation: Installation, before: int) -> bool:
    return len(installation.batches()) > before


def gone(process: Any) -> bool:
    """Whether no process of the session is left; one that ended and waits for its parent to notice is gone."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            state, _, group = stat.read_text().rpartition(")")[2].split()[:3]
            if int(group) == process.pid and state != "Z":
                return False
    return True


def test_at_random_moments(installation: Installation, tmp_path: Path) -> None:
    """Killed five times anywhere in an import with two processes; what each one left is built upon by the next."""
    seed = int(os.environ.get("CRASH_SEED", "0")) or random.SystemRandom().randint(1, 10**6)
    print(f"CRASH_SEED={seed}")
    pick = random.Random(seed)
    lines = access_log(12_000, seed=2)
    log = tmp_path / "access.log"
    log.write_bytes(join(lines))
    command = ("import_log", str(log), *SHOP, "--processes", "2")
    for _ in range(5):
        before = len(installation.batches())
        process = installation.start(*command, piece=PIECE)
        began = partial(has_more_batches, installation, before)
        wait_until(began, what="the import began")
        time.sleep(pick.uniform(0, 0.4))
        process.kill()
        process.wait(timeout=30)
        installation.check_ledger()
    installation.stop_left_behind()
    fine(installation.run(*command, piece=PIECE))
    check_exact(installation, count(lines).by_minute)
    assert sum(batch["stored"] for batch in installation.batches()) == count(lines).good


def test_workers_end_with_a_killed_import(installation: Installation, tmp_path: Path) -> None:
    """None may stay behind and hold memory and the file."""
    log = tmp_path / "access.log"
    log.write_bytes(join(access_log(12_000, seed=2)))
    process = installation.start("import_log", str(log), *SHOP, "--processes", "2", piece=PIECE)
    wait_until(lambda: sum(batch["read"] for batch in installation.batches()) > 500, what="some pieces are stored")
    process.kill()
    process.wait(timeout=30)
    wait_until(lambda: gone(process), 10, what="no process of the killed import is left")
