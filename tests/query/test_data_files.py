"""Questions as data: tests/testdata/queries/*.yaml, each with hits, what is asked, and the answer written by hand.

A file:
    settings:  fields of the project's settings (optional)
    defaults:  fields that each hit has unless it says otherwise
    hits:      list of hits; ``times: n`` repeats one, ``every: seconds`` moves each repetition on
    asks:      list of {ask: parameters of a question, and rows, totals, levels, coverage or error}

Expected numbers are of the hits themselves: percentiles may differ from them by 1 %, all else not at all. A row
names the groups and metrics that it wants to see; the number and order of rows must be as written.
"""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml

from endpoint_stats.query.render import as_document
from endpoint_stats.query.runner import run
from endpoint_stats.query.spec import QueryError, build
from endpoint_stats.store.compact import compact
from tests.query.conftest import NOW, store_hits
from tests.query.naive import same

FOLDER = Path(__file__).resolve().parents[1] / "testdata" / "queries"
FILES = sorted(FOLDER.glob("*.yaml"))
PARAMETERS = ("metrics", "group_by", "interval", "compare", "order", "limit")


def loaded(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def hits_of(document):
    """The hits of a file, repetitions written out, times as epoch seconds."""
    found = []
    for given in document["hits"]:
        hit = {"service": "shop", "method": "GET", "status": 200} | document.get("defaults", {}) | given
        times, every = hit.pop("times", 1), hit.pop("every", 0)
        first = datetime.fromisoformat(hit["time"])
        found += [hit | {"time": (first + timedelta(seconds=every * at)).isoformat()} for at in range(times)]
    return found


def query_of(project, wanted):
    filters = [(name, str(value)) for name, values in wanted.get("filters", {}).items()
               for value in (values if isinstance(values, list) else [values])]  # fmt: skip
    given = {name: str(wanted.get(name, "")) for name in PARAMETERS}
    return build(project, NOW, start=str(wanted["from"]), end=str(wanted["to"]), filters=filters, **given)


def compare(got, expected, where):
    for name, value in expected.items():
        if isinstance(value, int | float) or value is None:
            assert same(name, got[name], value), f"{where}: {name} is {got[name]}, not {value}"
        else:
            assert got[name] == value, f"{where}: {name}"


def check(project, wanted):
    where = str(wanted["ask"])
    if "error" in wanted:
        with pytest.raises(QueryError) as refused:
            run(query_of(project, wanted["ask"]), NOW)
        assert refused.value.code == wanted["error"], where
        return
    answer = as_document(run(query_of(project, wanted["ask"]), NOW), project.slug)
    if "rows" in wanted:
        assert len(answer["rows"]) == len(wanted["rows"]), f"{where}: {answer['rows']}"
        for at, (got, expected) in enumerate(zip(answer["rows"], wanted["rows"], strict=True)):
            compare(got, expected, f"{where}, row {at + 1}")
    compare(answer["totals"], wanted.get("totals", {}), f"{where}, totals")
    for name in ("levels", "coverage", "error_bound"):
        if name in wanted:
            assert answer[name] == wanted[name], f"{where}: {name}"


def test_there_are_files():
    assert len(FILES) >= 5


@pytest.mark.django_db
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_data_file(path, make_project, tmp_path):
    document = loaded(path)
    project = make_project(**document.get("settings", {}))
    store_hits(project, tmp_path, hits_of(document), compacted=False)
    for wanted in document["asks"]:
        if "levels" not in wanted or wanted.get("error"):
            check(project, wanted)
    compact(project.pk)
    for wanted in document["asks"]:
        check(project, wanted)
