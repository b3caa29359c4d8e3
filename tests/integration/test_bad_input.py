"""Input and surroundings that are not as one would wish: each ends with the exit code that the command's help
names, one sentence that says what to do, no traceback, and exactly the lines that could be stored.

Exit codes: 0 imported, or nothing new; 1 not to its end, or no line stored; 2 not understood; 130 Ctrl-C.
"""

import bz2
import json
import os
import resource
import subprocess
import threading
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tests.integration.installation import Installation, finish
from tests.integration.lines import START, access_log, count, join, line, numbered, packed

SHOP = ("--project", "shop")
ONE = ("--processes", "1")
PIECE = 16 * 1024


@pytest.fixture
def load(installation: Installation, tmp_path: Path) -> Callable[..., Any]:
    """Imports bytes, in a process of its own; the output must be fit for people whatever happens."""

    def load(data: bytes | None, *more: str, name: str = "input.log", **options: Any) -> Any:
        path = tmp_path / name
        if data is not None:
            path.write_bytes(data)
        done = installation.run("import_log", str(path), *SHOP, *ONE, *more, **options)
        assert "Traceback" not in done.stderr, done.stderr
        installation.check_ledger(all_ended=True)
        return done

    return load


def stored(installation: Installation) -> int:
    levels = installation.levels()
    assert len(set(levels.values())) == 1, levels
    return levels["minute"]


def rejected(done: Any) -> dict[str, int]:
    return json.loads(done.stdout.splitlines()[0])["rejected"]


GOOD = numbered(40)


class TestFiles:
    def test_empty(self, load: Callable[..., Any], installation: Installation) -> None:
        done = load(b"")
        assert (done.returncode, stored(installation)) == (0, 0)
        assert "empty" in done.stderr

    def test_only_newlines(self, load: Callable[..., Any], installation: Installation) -> None:
        assert load(b"\n\n\n").returncode == 1
        assert load(b"\n\n\n", "--format", "combined").returncode == 1
        assert stored(installation) == 0

    def test_missing(self, load: Callable[..., Any]) -> None:
        done = load(None, name="nowhere.log")
        assert done.returncode == 1
        assert "does not exist" in done.stderr

    def test_a_directory(self, load: Callable[..., Any], tmp_path: Path) -> None:
        (tmp_path / "logs").mkdir()
        done = load(None, name="logs")
        assert done.returncode == 1
        assert "is a directory" in done.stderr

    def test_binary(self, load: Callable[..., Any], installation: Installation) -> None:
        done = load(bytes(range(256)) * 100)
        assert (done.returncode, stored(installation)) == (1, 0)
        assert "binary" in done.stderr

    def test_noise_packed_as_gzip(self, load: Callable[..., Any], installation: Installation) -> None:
        assert load(b"\x1f\x8b" + b"not gzip at all" * 100).returncode == 1
        assert stored(installation) == 0

    @pytest.mark.parametrize("kind", ["gzip", "zstd", "bzip2"])
    def test_nothing_packed(self, kind: str, load: Callable[..., Any]) -> None:
        assert load(packed(kind, b"")).returncode == 0

    def test_no_log_at_all(self, load: Callable[..., Any], installation: Installation) -> None:
        done = load(b"Dear diary,\ntoday I wrote no log.\n" * 20)
        assert (done.returncode, stored(installation)) == (1, 0)
        assert "--format" in done.stderr

    def test_the_wrong_format(self, load: Callable[..., Any], installation: Installation) -> None:
        done = load(join(GOOD), "--format", "traefik")
        assert (done.returncode, stored(installation)) == (1, 0)
        assert "--format" in done.stderr
        assert load(join(GOOD)).returncode == 0
        assert stored(installation) == len(GOOD)

    def test_an_unknown_format(self, load: Callable[..., Any]) -> None:
        done = load(join(GOOD), "--format", "nonsense")
        assert done.returncode in (1, 2)
        assert "combined" in done.stderr  # it names those that there are

    def test_one_bad_file_does_not_stop_the_others(self, installation: Installation, tmp_path: Path) -> None:
        (tmp_path / "a.log").write_bytes(join(GOOD))
        paths = [str(tmp_path / name) for name in ("missing.log", "a.log")]
        done = installation.run("import_log", *paths, *SHOP, "--json")
        assert (done.returncode, stored(installation)) == (1, len(GOOD))
        assert [json.loads(text)["stored"] for text in done.stdout.splitlines()] == [0, len(GOOD)]

    @pytest.mark.parametrize(
        "arguments",
        [
            ("a.log", "--project", "nowhere"),
            ("a.log",),
            SHOP,
            ("a.log", *SHOP, "--processes", "-1"),
            ("a.log", "b.log", *SHOP, "--follow"),
            ("-", *SHOP, "--follow"),
        ],
        ids=" ".join,
    )
    def test_a_command_that_is_not_understood(self, arguments: tuple[str, ...], installation: Installation) -> None:
        done = installation.run("import_log", *arguments)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr

    def test_permission(self, installation: Installation, tmp_path: Path) -> None:
        """As root, who may read everything, the command first becomes nobody (its database is open by then)."""
        path = tmp_path / "secret.log"
        path.write_bytes(join(GOOD))
        path.chmod(0)
        code = """
import os, sys
import django
django.setup()
from django.core.management import call_command
from accounts.models import Project
import endpoint_stats.management.commands.import_log
assert Project.objects.exists()
if os.geteuid() == 0:
    os.seteuid(65534)
call_command("import_log", sys.argv[1], project="shop")
"""
        done = installation.run(str(path), code=code)
        assert done.returncode == 1
        assert "may not be read" in done.stderr
        assert "Traceback" not in done.stderr
        assert stored(installation) == 0

    def test_a_name_that_is_no_utf_8(self, installation: Installation, tmp_path: Path) -> None:
        path = os.fsencode(tmp_path) + b"/caf\xe9.log"
        Path(os.fsdecode(path)).write_bytes(join(GOOD))
        process = installation.start("import_log", path, *SHOP, *ONE)  # type: ignore[arg-type]
        done = finish(process)
        assert done.returncode == 0, done.stderr
        assert stored(installation) == len(GOOD)


def _gunzip(data: bytes) -> bytes:
    return zlib.decompressobj(wbits=31).decompress(data)


UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": _gunzip,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
    "bzip2": lambda data: bz2.BZ2Decompressor().decompress(data),
}


@pytest.mark.parametrize("share", [0.35, 0.8])
@pytest.mark.parametrize("kind", UNPACK)
def test_cut_off(kind: str, share: float, load: Callable[..., Any], installation: Installation) -> None:
    """A download that broke off: what can be unpacked is stored to its last whole line, the rest when it comes."""
    lines = access_log(12_000, seed=6)
    data = packed(kind, join(lines))
    part = data[: int(len(data) * share)]
    there = UNPACK[kind](part)
    whole = there[: there.rfind(b"\n") + 1]
    assert 0 < whole.count(b"\n") < len(lines)
    done = load(part)
    assert done.returncode == 1
    assert "cut off" in done.stderr
    assert installation.requests() == count(whole.splitlines(keepends=True)).good
    assert load(data).returncode == 0
    assert stored(installation) == count(lines).good
    assert installation.by_minute() == count(lines).by_minute


class TestLines:
    def test_that_are_no_utf_8(self, load: Callable[..., Any], installation: Installation) -> None:
        odd = [
            line(START, "/plain").replace(b"/plain", b"/caf\xe9"),
            line(START, "/plain").replace(b"/plain", b"/\xff\xfe\xfd"),
            line(START, "/agent").replace(b"curl", b"\xc3\x28 curl"),
        ]
        assert load(join([*GOOD, *odd])).returncode == 0
        assert stored(installation) == len(GOOD) + 3

    def test_with_nul_bytes(self, load: Callable[..., Any], installation: Installation) -> None:
        """No text column of PostgreSQL takes them."""
        many = numbered(200)  # past the first bytes, where they would mean that the file is binary
        odd = [
            line(START, "/nul").replace(b"/nul", b"/n\0l"),
            line(START, "/n%00l"),
            line(START, "/agent").replace(b"curl", b"cu\0rl"),
            b"gar\0bage\n",
        ]
        done = load(join([*many, *odd]), "--json")
        assert done.returncode == 0, done.stderr
        assert stored(installation) + sum(rejected(done).values()) == len(many) + len(odd)
        assert stored(installation) >= len(many)

    def test_of_json_with_lone_surrogates_and_long_names(
        self, load: Callable[..., Any], installation: Installation
    ) -> None:
        """Valid JSON that no database's text takes, or not at that length."""
        hit = {"time": START.isoformat(), "method": "GET", "path": "/a", "status": 200}
        fields = ("path", "route", "service", "consumer", "version", "user_agent", "method")
        lines = [hit] * 20
        for name in fields:
            for value in ("/\ud800x", "/a\0b", "/" + "x" * 5_000, "/" + "\N{PILE OF POO}" * 1_990):
                lines.append(hit | {name: value})
        done = load(b"".join(json.dumps(value).encode() + b"\n" for value in lines), "--json")
        assert done.returncode == 0, done.stderr
        assert stored(installation) + sum(rejected(done).values()) == len(lines)
        assert stored(installation) >= 20

    def test_of_other_times(self, load: Callable[..., Any], installation: Installation) -> None:
        lines = [
            line(datetime(1970, 1, 1, tzinfo=UTC), "/first"),
            line(datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC), "/old"),
            line(datetime(2100, 1, 1, tzinfo=UTC), "/ahead"),
            line(START, "/now"),
            line(START, "/no-such-day").replace(b"13/Nov", b"31/Nov"),
            line(START, "/no-such-hour").replace(b":22:", b":29:"),
            line(START, "/before").replace(b"13/Nov/2025", b"31/Dec/1969"),
        ]
        done = load(join(lines), "--json", "--format", "combined")
        assert done.returncode == 0, done.stderr
        assert stored(installation) == 3
        assert {route for _, _, route in installation.by_minute()} == {"/first", "/old", "/now"}
        assert rejected(done) == {"time_future": 1, "time_invalid": 3}
        assert installation.requests("1970-01-01", "2101-01-01") == 3

    def test_of_odd_durations(self, load: Callable[..., Any], installation: Installation) -> None:
        odd = ["-5", "-0.001", "1e400", "nan", "inf", "99999999999", "0x10", "1,5", "9" * 400]
        fine = ["0.000", "0.25", "-", "", "12.5"]
        lines = [line(START, "/a")[:-1] + f" {value}\n".encode() for value in [*odd, *fine]]
        done = load(join(lines), "--json", "--format", "combined_time")
        assert done.returncode == 0, done.stderr
        assert stored(installation) == len(fine)
        assert sum(rejected(done).values()) == len(odd)
        timed, microseconds = installation.sql("SELECT sum(timed), sum(duration_us) FROM endpoint_stats_rollupminute")[
            0
        ]
        assert (timed, microseconds) == (3, 12_750_000)

    def test_of_odd_statuses_methods_and_paths(self, load: Callable[..., Any], installation: Installation) -> None:
        odd = [line(START, "/a", status=status) for status in (999, 600, 99, 0)]
        odd += [line(START, "/a", method=method) for method in ("M" * 4_000, "G3T", "-")]
        odd += [line(START, "/a").replace(b'"GET /a HTTP/1.1"', request) for request in (b'"-"', b'""', b'"GET"')]
        fine = [line(START, "/" + "p" * 10_000), line(START, "/a", method="BREW"), line(START, "/?" + "q" * 9_000)]
        done = load(join([*GOOD, *odd, *fine]), "--json")
        assert done.returncode == 0, done.stderr
        assert stored(installation) == len(GOOD) + len(fine)
        assert sum(rejected(done).values()) == len(odd)

    def test_of_a_service_whose_name_is_too_long(self, load: Callable[..., Any], installation: Installation) -> None:
        done = load(join(GOOD), "--service", "s" * 300)
        assert (done.returncode == 0) == (stored(installation) == len(GOOD))
        assert done.returncode in (0, 1, 2)


# The command, and the most memory that its process ever held. (ru_maxrss would begin with that of its parent.)
MEASURED = """
import sys
import django
django.setup()
from django.core.management import execute_from_command_line
try:
    execute_from_command_line(["manage.py", *sys.argv[1:]])
finally:
    with open("/proc/self/status") as status:
        print("\\n".join(text for text in status if text.startswith("VmHWM")), file=sys.stderr)
"""
GIB = 1 << 30


def megabytes(done: Any) -> float:
    return next(int(text.split()[1]) for text in done.stderr.splitlines() if text.startswith("VmHWM")) / 1024


class TestALineOfAGibibyte:
    BEFORE, AFTER = numbered(300), [raw.replace(b"/line", b"/after") for raw in numbered(300)]

    def check(self, done: Any, installation: Installation) -> None:
        assert done.returncode == 0, done.stderr
        assert rejected(done) == {"line_too_long": 1}
        assert stored(installation) == 600
        assert installation.by_minute() == count(self.BEFORE + self.AFTER).by_minute
        assert megabytes(done) < 400

    def test_in_a_file(self, installation: Installation, tmp_path: Path) -> None:
        path = tmp_path / "huge.log"
        with path.open("wb") as file:
            file.write(join(self.BEFORE))
            file.seek(GIB, os.SEEK_CUR)  # a hole: it takes no space
            file.write(b"\n" + join(self.AFTER))
        command = ("import_log", str(path), *SHOP, *ONE, "--json")
        self.check(finish(installation.start(*command, code=MEASURED)), installation)
        again = json.loads(finish(installation.start(*command), timeout=45).stdout)
        assert (again["stored"], again["duplicate"] + sum(again["rejected"].values())) == (0, 601)

    def test_through_a_pipe(self, installation: Installation) -> None:
        process = installation.start("import_log", "-", *SHOP, *ONE, "--json", code=MEASURED, stdin=subprocess.PIPE)

        def feed() -> None:
            process.stdin.write(join(self.BEFORE))
            for _ in range(GIB // len(block)):
                process.stdin.write(block)
            process.stdin.write(b"\n" + join(self.AFTER))
            process.stdin.close()
            process.stdin = None

        block = b"x" * (1 << 20)
        feeder = threading.Thread(target=feed)
        feeder.start()
        feeder.join()
        self.check(finish(process), installation)


def test_a_disk_that_fills(sqlite_installation: Installation, tmp_path: Path) -> None:
    """SQLite only: a limit on the size of the process's files stands for the disk. (PostgreSQL's disk is the
    server's; what the client sees is an error of the database like any other.)"""
    installation = sqlite_installation
    lines = access_log(12_000, seed=8)
    path = tmp_path / "access.log"
    path.write_bytes(join(lines))
    size = 1_200_000

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    command = ("import_log", str(path), *SHOP, *ONE)
    done = finish(installation.start(*command, piece=PIECE, preexec_fn=limit))
    assert done.returncode == 1, done.stderr
    assert "database refused" in done.stderr
    assert "Traceback" not in done.stderr
    held = sum(batch["stored"] for batch in installation.batches())
    assert 0 < held < count(lines).good
    assert installation.requests() == held
    assert installation.run(*command).returncode == 0
    assert installation.by_minute() == count(lines).by_minute
    installation.check_ledger()


class TestAtOnce:
    @pytest.mark.parametrize("processes", [1, 2])
    def test_the_same_file_twice(self, processes: int, installation: Installation, tmp_path: Path) -> None:
        """Each line once. One of the two may have to give way (1, which says so): never both silently."""
        lines = access_log(9_000, seed=10)
        path = tmp_path / "access.log"
        path.write_bytes(join(lines))
        command = ("import_log", str(path), *SHOP, "--processes", str(processes))
        both = [finish(process) for process in [installation.start(*command, piece=PIECE) for _ in range(2)]]
        for done in both:
            assert done.returncode in (0, 1), done.stderr
            assert "Traceback" not in done.stderr, done.stderr
            assert done.returncode == 0 or "Another import of the same file" in done.stderr
        installation.check_ledger(all_ended=True)
        held = sum(batch["stored"] for batch in installation.batches())
        assert installation.requests() == held <= count(lines).good
        if any(done.returncode == 0 for done in both):
            assert held == count(lines).good
        assert installation.run(*command).returncode == 0
        assert installation.by_minute() == count(lines).by_minute
        assert installation.requests() == count(lines).good

    def test_two_files(self, installation: Installation, tmp_path: Path) -> None:
        logs = [access_log(6_000, seed=seed) for seed in (11, 12)]
        processes = []
        for number, lines in enumerate(logs):
            path = tmp_path / f"{number}.log"
            path.write_bytes(join(lines))
            processes.append(installation.start("import_log", str(path), *SHOP, *ONE, piece=PIECE))
        ended = [finish(process) for process in processes]
        assert [done.returncode for done in ended] == [0, 0], [done.stderr for done in ended]
        assert installation.by_minute() == count(logs[0] + logs[1]).by_minute
        assert stored(installation) == count(logs[0] + logs[1]).good
        installation.check_ledger(all_ended=True)
