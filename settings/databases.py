"""Which databases, caches and queue settings follow from ``DATABASE_URL`` and ``REDIS_URL``."""

from pathlib import Path
from typing import Any

import dj_database_url
from redis.backoff import NoBackoff
from redis.retry import Retry

# Read at each new connection.
SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL; PRAGMA synchronous={synchronous}; PRAGMA foreign_keys=ON; "
    "PRAGMA cache_size=-65536; PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=67108864"
)


def sqlite(path: Path, busy_timeout: float, synchronous: str = "FULL") -> dict[str, Any]:
    """An SQLite database; ``busy_timeout`` (seconds) is how long a writer waits for another. With ``FULL`` a commit
    that returned is on the disk; with ``NORMAL`` the last ones may be lost with the machine's power."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        # Opening one takes longer than a commit.
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": busy_timeout,
            "init_command": SQLITE_PRAGMAS.format(synchronous=synchronous),
        },
    }


def databases(url: str, data_dir: Path, busy_timeout: float) -> dict[str, dict[str, Any]]:
    """``default`` holds everything that must last; ``local`` (SQLite) what may be lost: cache and sessions."""
    local = sqlite(data_dir / "local.sqlite3", busy_timeout, "NORMAL")
    if not url:
        return {"default": sqlite(data_dir / "endpoint_stats.sqlite3", busy_timeout), "local": local}
    default = dj_database_url.parse(url, conn_max_age=60, conn_health_checks=True)
    if default["ENGINE"].endswith("sqlite3"):
        return {"default": sqlite(Path(default["NAME"]), busy_timeout), "local": local}
    options = default.setdefault("OPTIONS", {})
    options.setdefault("connect_timeout", 2)
    options.setdefault("application_name", "endpoint-stats")
    return {"default": dict(default), "local": local}


def caches(redis_url: str) -> dict[str, dict[str, Any]]:
    """Redis where there is one; a table in the ``local`` database otherwise. Neither holds anything that must last."""
    if redis_url:
        return {
            "default": {
                "BACKEND": "django_redis.cache.RedisCache",
                "LOCATION": redis_url,
                "KEY_PREFIX": "endpoint-stats",
                "OPTIONS": {
                    "SERIALIZER": "django_redis.serializers.json.JSONSerializer",
                    "SOCKET_CONNECT_TIMEOUT": 0.1,
                    "SOCKET_TIMEOUT": 0.1,
                    # Asked once: what is not there is computed, sooner than it is asked for again.
                    "CONNECTION_POOL_KWARGS": {"retry": Retry(NoBackoff(), 0)},
                    "IGNORE_EXCEPTIONS": True,
                },
            }
        }
    return {
        "default": {
            "BACKEND": "accounts.json_cache.JSONTableCache",
            "LOCATION": "json_cache",
            "OPTIONS": {"MAX_ENTRIES": 5000},
        }
    }


class LocalRouter:
    """Sends cache and, beside an SQLite main database, sessions to ``local``."""

    def __init__(self) -> None:
        from django.conf import settings

        self.apps = {"django_cache"} | ({"sessions"} if settings.SESSIONS_IN_LOCAL else set())

    def _route(self, app_label: str) -> str | None:
        return "local" if app_label in self.apps else None

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return self._route(model._meta.app_label)

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        if db == "local":
            return app_label in self.apps
        return False if app_label in self.apps else None
