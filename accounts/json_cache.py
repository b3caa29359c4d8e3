"""A cache in a table whose values are JSON. Django's own in a table pickles: whoever writes into it runs code."""

import json
import random
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.db import BaseDatabaseCache
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

_CULL_ONE_IN = 100  # writes
_FOR_EVER = datetime(9999, 12, 31, tzinfo=UTC)


class JSONTableCache(BaseDatabaseCache):
    """Keeps to Django's cache API; ``manage.py createcachetable`` makes its table. Values are what JSON takes."""

    _table: str

    def _connection(self, *, write: bool) -> BaseDatabaseWrapper:
        route = router.db_for_write if write else router.db_for_read
        return connections[route(self.cache_model_class)]

    def _cursor(self, *, write: bool = True) -> AbstractContextManager[CursorWrapper]:
        return self._connection(write=write).cursor()

    @property
    def _quoted(self) -> str:
        return self._connection(write=True).ops.quote_name(self._table)

    def _now(self) -> Any:
        return self._adapted(timezone.now())

    def _adapted(self, moment: datetime) -> Any:
        return self._connection(write=True).ops.adapt_datetimefield_value(moment)

    def _expiry(self, timeout: float | None) -> Any:
        """When a value ends; at once for a timeout that is over already."""
        until = self.get_backend_timeout(timeout)
        return self._adapted(_FOR_EVER if until is None else datetime.fromtimestamp(max(until, 0), UTC))

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        return self.get_many([key], version).get(key, default)

    def get_many(self, keys: Iterable[str], version: int | None = None) -> dict[str, Any]:
        names = {self.make_and_validate_key(key, version=version): key for key in keys}
        if not names:
            return {}
        marks = ", ".join(["%s"] * len(names))
        with self._cursor(write=False) as cursor:
            cursor.execute(
                f"SELECT cache_key, value FROM {self._quoted} WHERE cache_key IN ({marks}) AND expires > %s",
                [*names, self._now()],
            )
            rows = cursor.fetchall()
        found = {}
        for name, value in rows:
            with suppress(ValueError):  # not of ours: as if it were not there
                found[names[name]] = json.loads(value)
        return found

    def set(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        self._write(key, value, timeout, version, "")

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Of any number who add the same key at the same moment, one is told True."""
        return self._write(key, value, timeout, version, f"WHERE {self._quoted}.expires <= %s") == 1

    def _write(self, key: str, value: Any, timeout: Any, version: int | None, where: str) -> int:
        name = self.make_and_validate_key(key, version=version)
        values = [name, json.dumps(value), self._expiry(timeout)]
        with self._cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {self._quoted} (cache_key, value, expires) VALUES (%s, %s, %s)"
                f" ON CONFLICT (cache_key) DO UPDATE SET value = excluded.value, expires = excluded.expires {where}",
                [*values, self._now()] if where else values,
            )
            written = cursor.rowcount
            if random.randrange(_CULL_ONE_IN) == 0:
                self._cull(cursor)
        return written

    def touch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        name = self.make_and_validate_key(key, version=version)
        with self._cursor() as cursor:
            cursor.execute(
                f"UPDATE {self._quoted} SET expires = %s WHERE cache_key = %s AND expires > %s",
                [self._expiry(timeout), name, self._now()],
            )
            return cursor.rowcount == 1

    def delete(self, key: str, version: int | None = None) -> bool:
        name = self.make_and_validate_key(key, version=version)
        with self._cursor() as cursor:
            cursor.execute(f"DELETE FROM {self._quoted} WHERE cache_key = %s AND expires > %s", [name, self._now()])
            return cursor.rowcount == 1

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Atomic. Raises ValueError where there is no such key."""
        name = self.make_and_validate_key(key, version=version)
        with self._cursor() as cursor:
            cursor.execute(
                f"UPDATE {self._quoted} SET value = CAST(CAST(value AS bigint) + %s AS text)"
                " WHERE cache_key = %s AND expires > %s RETURNING value",
                [delta, name, self._now()],
            )
            row = cursor.fetchone()
        if row is None:
            raise ValueError(f"Key {key!r} not found")
        return int(row[0])

    def has_key(self, key: str, version: int | None = None) -> bool:
        return self.get_many([key], version) != {}

    def clear(self) -> None:
        with self._cursor() as cursor:
            cursor.execute(f"DELETE FROM {self._quoted}")

    def _cull(self, cursor: CursorWrapper) -> None:
        """What is over goes; of more than the most that are kept, those that end first."""
        cursor.execute(f"DELETE FROM {self._quoted} WHERE expires <= %s", [self._now()])
        cursor.execute(f"SELECT count(*) FROM {self._quoted}")
        if cursor.fetchone()[0] > self._max_entries:
            cursor.execute(
                f"DELETE FROM {self._quoted} WHERE cache_key IN (SELECT cache_key FROM {self._quoted}"
                " ORDER BY expires LIMIT %s)",
                [max(1, self._max_entries // max(1, self._cull_frequency))],
            )
