"""The usual case of a live commit is one statement on PostgreSQL; it and the long way come to the same."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection

from accounts.keys import create_key
from endpoint_stats.aggregate.receipts import Entry
from endpoint_stats.ids import uuid7
from endpoint_stats.models import Journal, ProjectSettings, Receipt
from endpoint_stats.store import live
from endpoint_stats.store.live import Added, Identity, Sent, Verdict
from endpoint_stats.store.names import NewNames, ProjectNames

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LASTS = timedelta(days=14)


class Sender:
    """Sends groups of requests to a project, and keeps what it was told."""

    def __init__(self, project):
        self.project = project
        self.names = ProjectNames(ProjectSettings.objects.get(project=project))
        self.keys = [create_key(project, "ingest", name)[0] for name in ("good", "other", "revoked", "expired")]
        self.keys[2].revoked = True
        self.keys[2].save()
        self.keys[3].expiry_date = NOW - timedelta(seconds=1)
        self.keys[3].save()

    def send(self, requests):
        """requests: (key, identity, body, received), numbers all; identity 0 is none."""
        sent = []
        for key, identity, body, received in requests:
            entry = Entry(UUID(int=key + 1).bytes, "hits", f"k{key}", 0, 0, received, received)
            known = Identity(UUID(int=identity), UUID(int=body), LASTS) if identity else None
            sent.append(Sent(self.keys[key].pk, entry, known, received))

        def fold(some):
            return Added(b"\x01", sum(one.hits for one in some), NewNames())

        found = live.append(self.project.pk, sent, fold, self.names, NOW)
        return [(one.verdict, one.received if one.verdict is not Verdict.KEY_GONE else 0) for one in found]

    def held(self):
        journal = Counter(Journal.objects.filter(project=self.project).values_list("keys", flat=True))
        receipts = Receipt.objects.filter(project=self.project).values_list("id", "body", "received", "expires")
        return journal, sorted(receipts)


def groups(seed):
    chance = random.Random(seed)
    for _ in range(60):
        yield [
            (
                chance.choices((0, 1, 2, 3), (80, 15, 3, 3))[0],
                chance.choice((0, chance.randrange(1, 80), 100_000 + chance.randrange(10**9))),
                chance.choice((1, 1, 1, 2)),
                chance.randrange(1, 50),
            )
            for _ in range(chance.choice((1, 1, 2, 5)))
        ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_both_ways_say_and_write_the_same(make_project, monkeypatch, seed):
    one, other = Sender(make_project()), Sender(make_project())
    at_once = live._at_once
    usual = []

    def noted(*given):
        usual.append(at_once(*given))
        return usual[-1]

    for requests in groups(seed):
        monkeypatch.setattr(live, "_at_once", noted)
        said = one.send(requests)
        monkeypatch.setattr(live, "_at_once", lambda *given: False)
        assert other.send(requests) == said
        assert one.held() == other.held()
    # Of a group with anything unusual the statement must undo all it did, and most groups have nothing unusual.
    assert 10 < sum(usual) < 60 if connection.vendor == "postgresql" else not any(usual)


@pytest.mark.django_db(transaction=True)
def test_a_receipt_whose_time_is_over(make_project, monkeypatch):
    project = make_project()
    Receipt.objects.create(
        project=project, id=UUID(int=7), body=UUID(int=1), batch=uuid7(), received=3, expires=NOW - timedelta(seconds=1)
    )
    sender = Sender(project)
    assert sender.send([(0, 7, 2, 5)]) == [(Verdict.STORED, 5)]
    assert sender.send([(0, 7, 2, 5)]) == [(Verdict.DUPLICATE, 5)]
