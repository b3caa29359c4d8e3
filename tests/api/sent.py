"""What tests send, and how they count what came of it."""

from datetime import timedelta

from django.utils import timezone

from endpoint_stats.models import Batch
from endpoint_stats.query.runner import run
from endpoint_stats.query.spec import Query
from endpoint_stats.store.compact import compact

LINE = '203.0.113.9 - {user} [{time:%d/%b/%Y:%H:%M:%S} +0000] "GET {path} HTTP/1.1" {status} 12 "-" "curl" 0.020\n'
TIMED = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'
    " $request_time"
)


def hit(**more):
    return {"time": timezone.now().timestamp(), "method": "GET", "path": "/orders/7", "status": 200, **more}


def counted(project, *groups):
    """Groups -> requests, by the product's own question, before and after compaction the same."""
    now = timezone.now().replace(second=0, microsecond=0)
    query = Query(project.pk, now - timedelta(days=8), now + timedelta(minutes=20), ("requests",), groups)

    def ask():
        rows = run(query, now).rows
        return {tuple(row[name] for name in groups): row["requests"] for row in rows if row["requests"]}

    before = ask()
    compact(project.pk)
    assert ask() == before
    return before if groups else before.get((), 0)


def ok(response):
    assert response.status_code == 200, response.content
    answer = response.json()
    assert set(answer) >= {"batch", "received", "stored", "duplicate", "rejected"}
    assert answer["received"] == answer["stored"] + answer["duplicate"] + sum(answer["rejected"].values())
    return answer


def ledger(project):
    compact(project.pk)
    rows = list(Batch.objects.filter(project=project))
    for row in rows:
        assert row.read == row.stored + row.duplicate + sum(row.rejected.values())
    return rows
