"""/health/live, /health/ready, /stats and /metrics: what the first deployments' probes and scripts ask."""

import time
from datetime import timedelta

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from accounts.services import visible_projects
from endpoint_stats import __version__
from endpoint_stats.query.runner import run
from endpoint_stats.query.spec import Query
from endpoint_stats.workers import signs

_STARTED = time.monotonic()
_migrated = False


@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """The process answers. Asks nothing else, so that a restart is never caused by another part's outage."""
    return _fresh({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Requests can be served: the database answers and is migrated. The cache may be away; that costs speed only."""
    checks = {"database": _database(), "cache": _cache()}
    ok = checks["database"] == "ok"
    return _fresh({"status": "ok" if ok else "unavailable", "checks": checks}, 200 if ok else 503)


def _database() -> str:
    global _migrated
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        if not _migrated:
            executor = MigrationExecutor(connection)
            _migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return "away"
    return "ok" if _migrated else "not migrated: run manage.py migrate"


def _cache() -> str:
    try:
        cache.set("health", "1", 5)
        answer = cache.get("health")
    except (OSError, DatabaseError):
        answer = None
    return "ok" if answer == "1" else "away"


@require_safe
def stats(request: HttpRequest) -> JsonResponse:
    """The installation's own state and, for who is signed in, the last day of each project."""
    now = timezone.now().replace(second=0, microsecond=0)
    projects = []
    for project in visible_projects(request.user):
        totals = run(Query(project.pk, now - timedelta(days=1), now + timedelta(minutes=1)), now).totals
        projects.append({"project": project.slug, "last_24h": totals})
    body = {
        "name": "endpoint-stats",
        "version": __version__,
        "uptime_seconds": round(time.monotonic() - _STARTED),
        "database": connection.vendor,
        "redis": bool(settings.REDIS_URL),
        "projects": projects,
    }
    return _fresh(body)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The installation's own state for Prometheus; a project's numbers have an address of their own."""
    response = HttpResponse(signs.exposition(timezone.now()), content_type=CONTENT_TYPE_PLAIN_0_0_4)
    response["Cache-Control"] = "no-store"
    return response


def _fresh(body: dict[str, object], status: int = 200) -> JsonResponse:
    response = JsonResponse(body, status=status)
    response["Cache-Control"] = "no-store"
    return response
