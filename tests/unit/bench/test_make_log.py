"""The benchmark's log is a valid, repeatable access log. Runs the command as people do."""

import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "bench" / "make_log.py"
LINE = re.compile(
    rb"(?P<address>\d{1,3}(?:\.\d{1,3}){3}) - - "
    rb"\[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000)\] "
    rb'"(?P<method>GET|POST|PUT|PATCH|DELETE) (?P<path>/[\w./-]*)(?:\?[\w=&]+)? HTTP/1\.1" '
    rb'(?P<status>\d{3}) (?P<size>\d+) "(?:-|https://[^" ]+)" "(?P<agent>[ -!#-~]+)" (?P<seconds>\d+\.\d{3})'
)


def make(out, *options):
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--out", str(out), *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    out = tmp_path_factory.mktemp("log") / "access.log"
    code, summary = make(out, "--lines", "1000")
    assert code == 0, summary
    return out.read_bytes(), summary


def parse(content):
    assert content.endswith(b"\n")
    found = [LINE.fullmatch(line) for line in content.split(b"\n")[:-1]]
    assert all(found)
    return found


def test_every_line_parses_and_times_rise(log):
    lines = parse(log[0])
    assert len(lines) == 1000
    times = [datetime.strptime(line["time"].decode(), "%d/%b/%Y:%H:%M:%S %z") for line in lines]
    assert times == sorted(times)
    assert (times[-1] - times[0]).days == 0
    assert times[0].date() == times[-1].date()
    assert 180 < len(log[0]) / 1000 < 260
    assert {b"GET", b"POST", b"DELETE"} <= {line["method"] for line in lines}
    assert {b"200", b"201", b"304", b"404"} <= {line["status"] for line in lines}
    assert all(line["size"] == b"0" for line in lines if line["status"] in (b"204", b"304"))


def test_summary_counts_the_file(log):
    content, summary = log
    paths = {line["path"] for line in parse(content)}
    assert summary == f"1000 lines, {len(content)} bytes, {len(paths)} distinct paths, 205 routes\n"


def test_same_seed_same_file(log, tmp_path):
    again, other = tmp_path / "again.log", tmp_path / "other.log"
    assert make(again, "--lines", "1000", "--seed", "1")[0] == 0
    assert make(other, "--lines", "1000", "--seed", "2")[0] == 0
    assert again.read_bytes() == log[0]
    assert other.read_bytes() != log[0]


def test_days_stretch_the_log(tmp_path):
    out = tmp_path / "access.log"
    assert make(out, "--lines", "300", "--days", "3")[0] == 0
    assert len({line["time"][:11] for line in parse(out.read_bytes())}) == 3


def test_blocks_join_in_time_order(tmp_path):
    out = tmp_path / "access.log"
    assert make(out, "--lines", "100002")[0] == 0
    times = [line["time"] for line in parse(out.read_bytes())]
    assert len(times) == 100_002
    assert times == sorted(times)  # one day: text order is time order


def test_no_lines_is_refused(tmp_path):
    code, message = make(tmp_path / "access.log", "--lines", "0")
    assert code == 2
    assert "--lines" in message
