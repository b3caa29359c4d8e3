"""The cache in a table: Django's API, JSON instead of pickles, and right where many ask at once."""

import base64
import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.cache import caches
from django.core.management import call_command
from django.db import connections

from accounts.json_cache import JSONTableCache

pytestmark = pytest.mark.django_db(databases=["default", "local"], transaction=True)
TABLE = "json_cache_of_tests"


@pytest.fixture
def cache(settings: Any) -> Any:
    backend = {"BACKEND": "accounts.json_cache.JSONTableCache", "LOCATION": TABLE, "OPTIONS": {"MAX_ENTRIES": 20}}
    settings.CACHES = {"default": backend}
    call_command("createcachetable", TABLE, database="local", verbosity=0)
    yield caches["default"]
    caches["default"].clear()


def execute(statement: str, *values: object) -> Any:
    with connections["local"].cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if statement.startswith("SELECT") else cursor.rowcount


def test_what_is_set_is_there_and_is_json(cache: Any) -> None:
    assert isinstance(cache, JSONTableCache)
    value = {"a": [1, 2.5, None, "ü\u2028"], "b": {"c": True}}
    cache.set("k", value)
    assert cache.get("k") == value
    assert execute(f"SELECT value FROM {TABLE}") == [(json.dumps(value),)]
    cache.set("k", "other")
    assert cache.get_many(["k", "missing"]) == {"k": "other"}
    assert cache.delete("k") and not cache.delete("k")
    assert cache.get("k", "default") == "default" and not cache.has_key("k")


def test_what_is_no_json_is_refused(cache: Any) -> None:
    with pytest.raises(TypeError):
        cache.set("k", object())


def test_a_pickle_in_the_table_is_never_run(cache: Any, tmp_path: Any) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (open, (str(tmp_path / "written"), "w"))

    cache.set("k", 1)
    execute(f"UPDATE {TABLE} SET value = %s", base64.b64encode(pickle.dumps(Evil())).decode())
    assert cache.get("k") is None
    assert not (tmp_path / "written").exists()


def test_time_is_over(cache: Any) -> None:
    cache.set("k", 1, timeout=-1)
    assert cache.get("k") is None and not cache.touch("k")
    assert cache.add("k", 2) and cache.get("k") == 2
    assert cache.touch("k", -1) and cache.get("k") is None
    cache.set("for-ever", 1, timeout=None)
    assert cache.get("for-ever") == 1


def test_of_many_who_add_one_is_told_so_and_counting_loses_nothing(cache: Any) -> None:
    def act(_: int) -> bool:
        try:
            added = caches["default"].add("lock", 1)
            caches["default"].incr("count")
            return added
        finally:
            connections.close_all()

    cache.set("count", 0)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(act, range(40)))
    assert found.count(True) == 1
    assert cache.get("count") == 40
    with pytest.raises(ValueError, match="not found"):
        cache.incr("missing")


def test_it_does_not_grow_for_ever(cache: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("accounts.json_cache._CULL_ONE_IN", 1)
    for number in range(60):
        cache.set(f"k{number}", number, timeout=60 + number)
    assert execute(f"SELECT count(*) FROM {TABLE}")[0][0] <= 21
    assert cache.get("k59") == 59
