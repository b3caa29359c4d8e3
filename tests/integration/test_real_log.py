"""10,000 lines of a real Apache log (elastic/examples, Apache-2.0) against counts that know nothing of us."""

import gzip
import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from tests.integration.product import ask, import_file

LOG = Path(__file__).parents[1] / "testdata" / "logs" / "apache_access.log.gz"


def fields(line: str) -> list[str]:
    """What ``awk '{print $6, $7, $9}'`` gives: the method, the request target, the status."""
    words = line.split(" ")
    return [words[5].lstrip('"'), words[6], words[8]]


def test_totals_by_status_and_path_equal_a_count_of_words(exact: Any) -> None:
    outcome = import_file(exact, LOG)
    assert (outcome.format, outcome.read, outcome.stored) == ("combined", 10_000, 10_000)
    rows = [fields(line) for line in gzip.decompress(LOG.read_bytes()).decode().splitlines()]
    by_status = Counter(int(status) for _, _, status in rows)
    assert {row["status"]: row["requests"] for row in ask(exact, "status").rows} == dict(by_status)
    by_path = Counter((method, target.partition("?")[0]) for method, target, _ in rows)
    answered = {(row["method"], row["route"]): row["requests"] for row in ask(exact, "endpoint").rows}
    assert answered == {(method, normal(path)): count for (method, path), count in merged(by_path).items()}


def normal(path: str) -> str:
    """Percent-encoded unreserved characters are the characters (RFC 3986, 6.2.2.2); no host, no fragment."""
    path = path.partition("#")[0]
    for code, character in (("%7E", "~"), ("%7e", "~"), ("%2D", "-"), ("%2d", "-"), ("%5F", "_"), ("%5f", "_")):
        path = path.replace(code, character)
    return path


def merged(counts: Counter[tuple[str, str]]) -> Counter[tuple[str, str]]:
    total: Counter[tuple[str, str]] = Counter()
    for (method, path), count in counts.items():
        total[(method, normal(path))] += count
    return total


def test_totals_equal_those_of_goaccess(exact: Any, tmp_path: Path) -> None:
    if shutil.which("goaccess") is None:
        pytest.skip("goaccess is not installed (Debian: apt-get install goaccess)")
    log, report = tmp_path / "access.log", tmp_path / "report.json"
    log.write_bytes(gzip.decompress(LOG.read_bytes()))
    subprocess.run(
        [
            "goaccess",
            str(log),
            "--no-global-config",
            "--log-format=COMBINED",
            "--max-items=5000",
            "--no-query-string",
            "-o",
            str(report),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    theirs = json.loads(report.read_text(encoding="utf-8", errors="replace"))
    import_file(exact, log)
    statuses = {
        int(item["data"].split(" ")[0]): item["hits"]["count"]
        for group in theirs["status_codes"]["data"]
        for item in group["items"]
    }
    assert {row["status"]: row["requests"] for row in ask(exact, "status").rows} == statuses
    by_path: Counter[str] = Counter()
    for panel in ("requests", "static_requests", "not_found"):
        for item in theirs[panel]["data"]:
            by_path[item["data"].partition("?")[0]] += item["hits"]["count"]
    answered: Counter[str] = Counter()
    for row in ask(exact, "endpoint").rows:
        # goaccess shows paths percent-decoded, and without white space around them.
        answered[unquote(row["route"]).strip()] += row["requests"]
    assert sum(by_path.values()) == 10_000
    assert answered == by_path


def test_default_rules_keep_every_hit_and_every_status(project: Any) -> None:
    import_file(project, LOG)
    rows = [fields(line) for line in gzip.decompress(LOG.read_bytes()).decode().splitlines()]
    by_status = Counter(int(status) for _, _, status in rows)
    by_method = Counter(method for method, _, _ in rows)
    assert {row["status"]: row["requests"] for row in ask(project, "status").rows} == dict(by_status)
    assert {row["method"]: row["requests"] for row in ask(project, "method").rows} == dict(by_method)
