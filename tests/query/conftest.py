"""Storing hits and asking about them."""

import io
import itertools
import json
from collections import defaultdict
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest

from endpoint_stats.ingest.run import Options, import_path
from endpoint_stats.query.runner import run
from endpoint_stats.query.spec import Query

NOW = datetime(2025, 12, 1, tzinfo=UTC)
_numbers = itertools.count(1)


def moment(minute):
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)


def store_hits(project, folder, hits, *, compacted=True):
    """Import hits (dictionaries with their service) as NDJSON, a file a service; all of them must be stored."""
    by_service = defaultdict(list)
    for hit in hits:
        by_service[hit["service"]].append({name: value for name, value in hit.items() if name != "service"})
    with ExitStack() as stack:
        if not compacted:
            stack.enter_context(mock.patch("endpoint_stats.ingest.importer.compact"))
            stack.enter_context(mock.patch("endpoint_stats.ingest.importer.compact_when_due"))
        for service, listed in by_service.items():
            path = folder / f"{next(_numbers)}.ndjson"
            # A first line of its own makes each file another stream, as another day's log is.
            lines = [f'{{"not": "a hit", "of": "{path.name}"}}', *map(json.dumps, listed)]
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
            outcome = import_path(project, str(path), Options(NOW, service, "hits", processes=1), io.BytesIO())
            assert not outcome.error
            assert (outcome.stored, outcome.duplicate, sum(outcome.rejected.values())) == (len(listed), 0, 1)


def ask(project, asked, **more):
    """The product's answer to a naive.Asked."""
    query = Query(
        project.pk, moment(asked.start), moment(asked.end), asked.metrics, asked.group_by, asked.interval,
        asked.filters, asked.compare, zone=asked.zone, **more,
    )  # fmt: skip
    return run(query, NOW)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hits")
