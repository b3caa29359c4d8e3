"""A thousand random questions, asked while the journal is being compacted: each answer is what counting the hits
themselves gives."""

import random
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connections, transaction
from hypothesis import HealthCheck, given, settings

from endpoint_stats.ids import uuid7
from endpoint_stats.models import Journal
from endpoint_stats.store import compact as compaction
from tests.query.conftest import ask, store_hits
from tests.query.naive import Store, answer, refusal, same
from tests.query.test_random import DAYS, DURATIONS, FIRST, ROUTES, check, questions

HITS = 600
PARTS = 12


def some_hits(seed):
    pick = random.Random(seed)
    return [
        {
            "route": (route := pick.choice(ROUTES)),
            "path": route if route == "/healthz" else "/x",
            "time": FIRST + pick.randrange(DAYS * 86_400),
            "service": pick.choice(("shop", "pay")),
            "method": pick.choice(("GET", "POST")),
            "status": pick.choice((200, 200, 204, 301, 404, 429, 500, 503)),
            "duration": pick.choice(DURATIONS),
            "request_size": pick.choice((None, 0, 17)),
            "response_size": pick.randrange(5000),
            "consumer": pick.choice((None, None, "ada", "bob", "cleo")),
            "version": pick.choice((None, "1.0", "1.1")),
            "user_agent": pick.choice((None, "curl/8", "Googlebot/2.1")),
        }
        for _ in range(HITS)
    ]


class Worker(threading.Thread):
    """Adds what is there already and takes it away again, in one transaction, and compacts a row at a time: the
    answers never change, and where they are read from does, all the time."""

    def __init__(self, project_id):
        super().__init__()
        self.project_id, self.rounds, self.stop = project_id, 0, threading.Event()
        self.error = None

    def run(self):
        try:
            while not self.stop.wait(0.003):
                self.churn()
        except Exception as error:
            self.error = error
        finally:
            connections.close_all()

    def churn(self):
        if compaction.compact_round(self.project_id):
            self.rounds += 1
            return
        row = self.row
        with transaction.atomic():
            for sign in (1, -1):
                Journal.objects.create(
                    project_id=self.project_id, id=uuid7(), sign=sign, keys=row.keys, payload=row.payload
                )


@pytest.mark.django_db(transaction=True, databases=["default", "local"])
@pytest.mark.timeout(300)
def test_a_thousand_questions_while_it_is_compacted(make_project, tmp_path, monkeypatch):
    monkeypatch.setattr(compaction, "KEYS_A_ROUND", 1)
    project, store = make_project(), Store(some_hits(7))
    for part in range(PARTS):
        store_hits(project, tmp_path, store.hits[part::PARTS], compacted=False)
    worker = Worker(project.pk)
    worker.row = Journal.objects.filter(project_id=project.pk).first()
    asked = 0

    @given(questions())
    @settings(max_examples=1000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def asks(question):
        nonlocal asked
        asked += 1
        check(project, question, store, "while it is compacted")

    worker.start()
    try:
        asks()
    finally:
        worker.stop.set()
        worker.join(30)
    assert worker.error is None
    assert asked >= 1000
    assert worker.rounds > 50


@pytest.mark.django_db
def test_order_and_limit(make_project, tmp_path):
    """The first rows of the whole answer, sorted by the value, nothing missing and nothing twice."""
    project, store = make_project(), Store(some_hits(8))
    store_hits(project, tmp_path, store.hits)
    drawn = random.Random(9)

    @given(questions())
    @settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def asks(question):
        metric = drawn.choice([name for name in question.metrics if name != "histogram"] or ["time"])
        if metric == "time" or refusal(question, store):
            return
        whole = ask(project, question, order=f"-{metric}").rows
        values = [row[metric] for row in whole]
        known = [value for value in values if value is not None]
        assert known == sorted(known, reverse=True)
        assert values[len(known) :] == [None] * (len(values) - len(known))
        limit = drawn.randint(1, 5)
        assert ask(project, question, order=f"-{metric}", limit=limit).rows == whole[:limit]
        rising = [row[metric] for row in ask(project, question, order=metric).rows if row[metric] is not None]
        assert rising == known[::-1]
        expected, _ = answer(question, store)
        assert len(whole) == len(expected)

    asks()


def test_the_naive_answer_is_not_ours():
    """The oracle shares no code with the product."""
    import tests.query.naive as naive

    text = Path(naive.__file__).read_text(encoding="utf-8")
    assert "endpoint_stats" not in text
    assert same("p95", 1.0, 1.02) is False
    assert datetime.fromtimestamp(FIRST, UTC).weekday() == 4
