"""The product, asked within the process of the test: import, answers, and the rows that the store holds."""

import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db import connection
from django.utils import timezone

from endpoint_stats.ingest.run import Options, Outcome, import_path
from endpoint_stats.models import Batch, Journal
from endpoint_stats.query.runner import Result, run
from endpoint_stats.query.spec import Query
from tests.integration.lines import join, packed

TABLES = {
    "endpoint_stats_rollupminute": ("time", "endpoint", "release", "traffic"),
    "endpoint_stats_rolluphour": ("time", "endpoint", "release", "traffic"),
    "endpoint_stats_rollupday": ("time", "endpoint", "release", "traffic"),
    "endpoint_stats_consumerhour": ("time", "consumer", "endpoint"),
    "endpoint_stats_consumerday": ("time", "consumer", "endpoint"),
    "endpoint_stats_callerhour": ("time", "consumer"),
    "endpoint_stats_callerday": ("time", "consumer"),
}
SUMS = ("requests", "client_errors", "errors", "timed", "duration_us", "request_bytes", "response_bytes")
WIDE = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2101, 1, 1, tzinfo=UTC))


def import_file(
    project: Any,
    path: Path | str,
    *,
    stdin: bytes = b"",
    progress: Callable[..., None] = lambda *_: None,
    now: datetime | None = None,
    **options: Any,
) -> Outcome:
    """One import; the ledger's line of it is checked on the way."""
    wanted = Options(now or timezone.now(), **({"processes": 1} | options))
    outcome = import_path(project, str(path), wanted, io.BytesIO(stdin), progress=progress)
    assert outcome.read == outcome.stored + outcome.duplicate + sum(outcome.rejected.values()), outcome
    if outcome.batch:
        batch = Batch.objects.get(id=outcome.batch)
        if batch.state != Batch.State.ROLLED_BACK:
            assert (batch.read, batch.stored, batch.duplicate, batch.rejected) == (
                outcome.read,
                outcome.stored,
                outcome.duplicate,
                outcome.rejected,
            )
        assert batch.read == batch.stored + batch.duplicate + sum(batch.rejected.values())
        assert batch.state != Batch.State.RUNNING
    return outcome


class Files:
    """Writes what is to be imported, in a kind of file that ``packed`` knows or as stdin, and imports it."""

    def __init__(self, folder: Path, project: Any, kind: str = "plain") -> None:
        self.folder, self.project, self.kind, self.written = folder, project, kind, 0

    def __call__(self, lines: list[bytes] | bytes, **options: Any) -> Any:
        data = lines if isinstance(lines, bytes) else join(lines)
        if self.kind == "stdin":
            outcome = import_file(self.project, "-", stdin=data, **options)
        else:
            self.written += 1
            path = self.folder / f"{self.written}.log"
            path.write_bytes(packed(self.kind, data))
            outcome = import_file(self.project, path, **options)
        assert not outcome.error
        assert outcome.read == data.count(b"\n") + (not data.endswith(b"\n"))
        return outcome


def ask(project: Any, *group_by: str, metrics: tuple[str, ...] = ("requests",), **more: Any) -> Result:
    """The answer over all time, or from ``start`` to ``end``."""
    start, end = more.pop("start", WIDE[0]), more.pop("end", WIDE[1])
    return run(Query(project.pk, start, end, metrics, group_by, **more), timezone.now())


def requests(project: Any) -> int:
    return int(ask(project).totals["requests"])


def grouped(project: Any, *group_by: str) -> dict[Any, int]:
    """Requests by group: keys are values, or tuples of them where several groups are asked for."""
    rows = ask(project, *group_by).rows
    keys = [tuple(row[name] for name in group_by) for row in rows]
    return {(key if len(group_by) > 1 else key[0]): row["requests"] for key, row in zip(keys, rows, strict=True)}


def rows_of(project: Any, table: str) -> list[tuple[Any, ...]]:
    """All rows of a rollup table, ordered by key, the packed words as bytes."""
    keys = ", ".join(TABLES[table])
    columns = f"{keys}, {', '.join(SUMS)}, error_extra, words"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {table} WHERE project_id = %s ORDER BY {keys}", [project.pk])
        return [(*row[:-1], bytes(row[-1])) for row in cursor.fetchall()]


def sums_of(project: Any) -> dict[str, int]:
    """Requests in each rollup table, by plain SQL."""
    found = {}
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT coalesce(sum(requests), 0) FROM {table} WHERE project_id = %s", [project.pk])
            found[table.removeprefix("endpoint_stats_")] = int(cursor.fetchone()[0])
    return found


def journal_rows(project: Any) -> int:
    return Journal.objects.filter(project=project).count()


def check_levels(project: Any, expected: int) -> None:
    """All levels of hits hold the same number of requests, and the product answers it."""
    assert journal_rows(project) == 0
    found = sums_of(project)
    assert {found[name] for name in ("rollupminute", "rolluphour", "rollupday")} == {expected}, found
    named = {found[name] for name in ("consumerhour", "consumerday", "callerhour", "callerday")}
    assert len(named) == 1 and named.pop() <= expected, found
    assert requests(project) == expected
