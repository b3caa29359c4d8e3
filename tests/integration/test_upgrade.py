"""An installation of an earlier release is migrated with what it holds."""

import json
from pathlib import Path

from tests.integration.installation import LEVELS, TOTALS, Installation
from tests.integration.lines import access_log, count, join

SHOP = ("--project", "shop")
METRICS = "requests,errors,p50,p99,request_bytes,response_bytes"
ANSWER = ("stats", *SHOP, "--from", "2025-10-01", "--metrics", METRICS, "--json")


def answer(installation: Installation, *more: str) -> dict[str, object]:
    done = installation.run(*ANSWER, *more)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    return {name: document[name] for name in ("rows", "totals", "levels")}


def test_totals_are_filled_from_what_is_there(installation: Installation, tmp_path: Path) -> None:
    """Back to the schema before them, where only rollups by endpoint are, and forth again."""
    log = tmp_path / "access.log"
    lines = access_log(3_000, seed=4)
    log.write_bytes(join(lines))
    assert installation.run("import_log", str(log), *SHOP, "--processes", "1").returncode == 0
    before = [answer(installation), answer(installation, "--interval", "hour")]
    assert installation.run("migrate", "endpoint_stats", "0001", "-v0").returncode == 0
    assert installation.run("migrate", "endpoint_stats", "-v0").returncode == 0
    assert installation.levels() == dict.fromkeys(LEVELS, count(lines).good)
    assert [answer(installation), answer(installation, "--interval", "hour")] == before
    # What was joined as it stood is packed anew by the next import, and still counts the same.
    log.write_bytes(join([*lines, *access_log(500, seed=5)]))
    assert installation.run("import_log", str(log), *SHOP, "--processes", "1").returncode == 0
    again = count(access_log(500, seed=5)).good
    assert installation.levels() == dict.fromkeys(TOTALS, count(lines).good + again)


SEEN = """
SELECT 'endpoint', e.key, e.first_seen, e.last_seen FROM endpoint_stats_endpoint e
UNION ALL SELECT 'consumer', c.key, c.first_seen, c.last_seen FROM endpoint_stats_consumer c
UNION ALL SELECT 'release', r.key, r.first_seen, r.last_seen FROM endpoint_stats_release r
"""


def test_when_names_were_seen_is_filled_from_what_is_there(installation: Installation, tmp_path: Path) -> None:
    hits = tmp_path / "hits.ndjson"
    moments = [1_763_000_000 + place * 1_237 for place in range(400)]
    same = {"method": "GET", "status": 200, "version": "1", "duration": 0.1}
    listed = [same | {"time": time, "route": f"/{time % 7}", "consumer": f"c{time % 5}"} for time in moments]
    hits.write_text("\n".join(map(json.dumps, listed)))
    assert installation.run("import_log", str(hits), *SHOP, "--format", "hits", "--processes", "1").returncode == 0
    before, callers = sorted(installation.sql(SEEN)), answer(installation, "--group-by", "consumer")
    assert callers["totals"]["requests"] == len(moments)  # type: ignore[index]
    assert len(before) == 7 + 5 + 1 and all(first < last for _, _, first, last in before)
    assert installation.run("migrate", "endpoint_stats", "0004", "-v0").returncode == 0
    assert installation.run("migrate", "endpoint_stats", "-v0").returncode == 0
    assert sorted(installation.sql(SEEN)) == before
    assert answer(installation, "--group-by", "consumer") == callers
