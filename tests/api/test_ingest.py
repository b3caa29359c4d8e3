"""POST /ingest/hits and /ingest/logs: what was acknowledged is counted, once, and each refusal says why.

Expected numbers are plain counts over what was sent.
"""

import gzip
import json
import threading
from collections import Counter
from datetime import timedelta

import pytest
import zstandard
from django.core.management import call_command
from django.db import OperationalError, connections
from django.test import Client
from django.utils import timezone

from accounts.keys import create_key
from accounts.models import ApiKey
from endpoint_stats.ingest.live import door as doors
from endpoint_stats.models import CountingSource, Endpoint, Receipt
from endpoint_stats.query.runner import run
from endpoint_stats.query.spec import Query
from endpoint_stats.store.compact import compact
from tests.api.conftest import assert_problem
from tests.api.sent import LINE, TIMED, counted, hit, ledger, ok

pytestmark = pytest.mark.django_db(databases=["default", "local"])


def test_hits_of_an_array(project, send):
    hits = [hit(path=path, status=status) for path in ("/a", "/b/1", "/b/2") for status in (200, 200, 500)]
    answer = ok(send(hits))
    assert (answer["received"], answer["stored"], answer["rejected"]) == (9, 9, {})
    assert counted(project, "route", "status") == {
        ("/a", 200): 2, ("/a", 500): 1, ("/b/{id}", 200): 4, ("/b/{id}", 500): 2,
    }  # fmt: skip


@pytest.mark.parametrize("encode", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_lines_compressed(project, send, encode):
    body = encode(b"".join(json.dumps(hit()).encode() + b"\n" for _ in range(50)))
    name = "gzip" if body[:2] == b"\x1f\x8b" else "zstd"
    assert ok(send(body, Content_Encoding=name))["stored"] == 50
    assert counted(project) == 50


def test_one_bad_hit_is_named_and_the_good_ones_are_stored(project, send):
    hits = [hit(), hit(status=99), hit(), {"method": "GET"}, hit(time="soon"), hit(duration=-1), hit()]
    answer = ok(send(hits))
    expected = [(1, "status_invalid"), (3, "field_missing"), (4, "time_invalid"), (5, "duration_invalid")]
    assert [(error["index"], error["reason"]) for error in answer["errors"]] == expected
    assert all(error["detail"].endswith(".") for error in answer["errors"])
    assert answer["rejected"] == Counter(reason for _, reason in expected)
    assert counted(project) == answer["stored"] == 3
    (row,) = ledger(project)
    assert [(one["index"], one["reason"]) for one in row.samples] == expected


def test_clocks(project, send):
    now = timezone.now()
    ages = {
        timedelta(days=8): "time_too_old",
        timedelta(days=6, hours=23): "",
        timedelta(days=1): "",
        timedelta(minutes=-9): "",
        timedelta(minutes=-11): "time_future",
        timedelta(days=-1): "time_future",
    }
    answer = ok(send([hit(time=(now - age).isoformat()) for age in ages]))
    assert answer["rejected"] == Counter(reason for reason in ages.values() if reason)
    assert counted(project) == sum(not reason for reason in ages.values())


def test_the_same_again_changes_nothing(project, send):
    body = json.dumps([hit(), hit(status=7)]).encode()
    first = ok(send(body, Idempotency_Key="one"))
    again = ok(send(body, Idempotency_Key="one"))
    assert (first["stored"], first["duplicate"], first["rejected"]) == (1, 0, {"status_invalid": 1})
    assert (again["stored"], again["duplicate"], again["batch"]) == (0, 2, first["batch"])
    assert counted(project) == 1
    (row,) = ledger(project)
    assert (row.read, row.stored, row.duplicate, row.rejected) == (4, 1, 2, {"status_invalid": 1})
    assert ok(send(body, Idempotency_Key="two"))["stored"] == 1
    assert ok(send(body))["stored"] == 1
    assert counted(project) == 3


def test_the_same_key_with_another_body(project, send):
    ok(send([hit()], Idempotency_Key="one"))
    assert_problem(send([hit(), hit()], Idempotency_Key="one"), 409, "idempotency_key_reused")
    assert counted(project) == 1
    assert_problem(send([hit()], Idempotency_Key="x" * 201), 400, "idempotency_key_too_long")


def test_an_idempotency_key_belongs_to_the_api_key(project, send):
    body = json.dumps([hit()]).encode()
    other = create_key(project, "ingest", "other")[1]
    assert ok(send(body, Idempotency_Key="one"))["stored"] == 1
    assert ok(send(body, secret=other, Idempotency_Key="one"))["stored"] == 1


def test_an_idempotency_key_whose_time_is_over(project, send):
    body = json.dumps([hit()]).encode()
    ok(send(body, Idempotency_Key="one"))
    Receipt.objects.update(expires=timezone.now())
    assert ok(send(body, Idempotency_Key="one"))["stored"] == 1
    assert ok(send(body, Idempotency_Key="one"))["stored"] == 0


@pytest.mark.django_db(databases=["default", "local"], transaction=True)
def test_two_at_once_with_the_same_key(project, send):
    body = json.dumps([hit() for _ in range(20)]).encode()
    answers, start = [], threading.Barrier(6)

    def work():
        try:
            start.wait(10)
            answers.append(ok(send(body, Idempotency_Key="one")))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted((answer["stored"], answer["duplicate"]) for answer in answers) == [(0, 20)] * 5 + [(20, 0)]
    assert counted(project) == 20


def test_who_may_send(project, key, send):
    assert_problem(send([hit()], secret=""), 401, "key_missing")
    assert_problem(send([hit()], secret="a" * 8 + "." + "b" * 32), 401, "key_invalid")
    assert_problem(send([hit()], secret="é"), 401, "key_invalid")
    for scope in ("read", "write"):
        assert_problem(send([hit()], secret=create_key(project, scope, "x")[1]), 403, "wrong_scope")
    late = create_key(project, "ingest", "late", expires=timezone.now() - timedelta(seconds=1))[1]
    assert_problem(send([hit()], secret=late), 401, "key_invalid")
    assert send([hit()], secret="")["WWW-Authenticate"].startswith("Bearer")
    assert counted(project) == 0


def test_a_key_is_revoked_at_once_though_it_is_remembered(project, key, send):
    ok(send([hit()]))
    ApiKey.objects.filter(pk=key[0].pk).update(revoked=True)
    assert_problem(send([hit()]), 401, "key_invalid")
    ApiKey.objects.filter(pk=key[0].pk).update(revoked=False, expiry_date=timezone.now())
    assert_problem(send([hit()]), 401, "key_invalid")
    assert counted(project) == 1
    assert not Receipt.objects.exists()


def test_when_a_key_was_last_used(key, send):
    ok(send([hit()]))
    seen = ApiKey.objects.get(pk=key[0].pk).last_used
    assert timezone.now() - seen < timedelta(seconds=30)


def test_a_key_sends_to_its_own_project(project, make_project, send):
    other = make_project()
    ok(send([hit()], secret=create_key(other, "ingest", "x")[1]))
    assert (counted(project), counted(other)) == (0, 1)


@pytest.mark.parametrize("what", ["hits", "logs"])
def test_only_post(what):
    response = Client().get(f"/api/v1/ingest/{what}")
    assert_problem(response, 405, "method_not_allowed")
    assert response["Allow"] == "POST"


def test_too_large(settings, send):
    settings.INGEST_MAX_BYTES = 1000
    assert_problem(send(b"[" + b" " * 1000 + b"]"), 413, "too_large")
    assert_problem(send(gzip.compress(b" " * 1001), Content_Encoding="gzip"), 413, "too_large")
    assert ok(send(b"[" + b" " * 998 + b"]"))["received"] == 0


@pytest.mark.parametrize(("body", "headers", "status", "code"), [
    (b"[{", {}, 400, "json_invalid"),
    (b"xx", {"Content_Encoding": "gzip"}, 400, "encoding_invalid"),
    (b"[]", {"Content_Encoding": "br"}, 415, "encoding_unknown"),
])  # fmt: skip
def test_bodies_that_cannot_be_read(send, body, headers, status, code):
    assert_problem(send(body, **headers), status, code)


def test_the_database_is_away(project, send, monkeypatch):
    ok(send([hit()]))

    def away(*args, **kwargs):
        raise OperationalError("away")

    monkeypatch.setattr(doors, "append", away)
    response = send([hit()])
    assert_problem(response, 503, "database_away")
    assert response["Retry-After"] == "1"
    monkeypatch.undo()
    ok(send([hit()]))
    assert counted(project) == 2


def test_a_quota(project, key, send):
    ApiKey.objects.filter(pk=key[0].pk).update(hits_per_minute=10)
    ok(send([hit()] * 10))
    response = send([hit()] * 5)
    assert_problem(response, 429, "over_quota")
    assert 1 <= int(response["Retry-After"]) <= 31
    assert counted(project) == 10


def test_a_project_s_quota_is_for_all_its_keys(make_project, send):
    small = make_project(hits_per_minute=10)
    first, second = (create_key(small, "ingest", name)[1] for name in "ab")
    ok(send([hit()] * 8, secret=first))
    assert_problem(send([hit()] * 8, secret=second), 429, "over_quota")


def test_past_the_cap_of_endpoints(make_project, send):
    small = make_project(endpoint_cap=10)
    secret = create_key(small, "ingest", "x")[1]
    for start in range(0, 300, 100):
        ok(
            send(
                [hit(path=f"/p{chr(97 + at // 26)}{chr(97 + at % 26)}") for at in range(start, start + 100)],
                secret=secret,
            )
        )
    found = counted(small, "route")
    assert found[("{other}",)] == 290
    assert sum(found.values()) == 300
    assert Endpoint.objects.filter(project=small).count() == 11


def test_services_have_one_counting_source(project, send):
    line = LINE.format(user="-", time=timezone.now(), path="/a", status=200).encode()
    ok(send([hit(service="shop")]))
    answer = ok(send(line * 3, "logs?service=shop"))
    assert (answer["stored"], answer["rejected"]) == (0, {"samples_only": 3})
    assert ok(send(line * 3, "logs?service=web"))["stored"] == 3
    both = ok(send([hit(service="shop"), hit(service="web"), hit(service="new")]))
    assert (both["stored"], both["rejected"]) == (2, {"samples_only": 1})
    assert counted(project, "service") == {("shop",): 2, ("web",): 3, ("new",): 1}
    assert dict(CountingSource.objects.values_list("service", "source")) == {
        "shop": "hits",
        "web": "logs",
        "new": "hits",
    }


def test_the_counting_source_can_be_changed(project, send):
    line = LINE.format(user="-", time=timezone.now(), path="/a", status=200).encode()
    ok(send([hit(service="shop")]))
    CountingSource.objects.update(source="logs")
    doors.close_doors()  # another process, or five seconds later
    assert ok(send([hit(service="shop")]))["rejected"] == {"samples_only": 1}
    assert ok(send(line, "logs?service=shop"))["stored"] == 1


def test_lines_of_a_log(project, send):
    now = timezone.now()
    lines = [LINE.format(user=user, time=now, path=path, status=status)
             for user, path, status in (("ada", "/a/1", 200), ("-", "/a/2", 500), ("ada", "/b", 200))]  # fmt: skip
    body = "".join(lines).encode() + b"no line\n\n"
    answer = ok(send(body, "logs?service=web"))
    assert (answer["received"], answer["stored"]) == (5, 3)
    assert answer["rejected"] == {"format_mismatch": 1, "line_empty": 1}
    assert answer["errors"][0]["line"] == 3
    assert counted(project, "service", "route") == {("web", "/a/{id}"): 2, ("web", "/b"): 1}
    named = ok(send(body, f"logs?service=web&format={TIMED.replace(' ', '%20').replace('[', '%5B')}"))
    assert named["stored"] == 3
    assert_problem(send(b"what is this\n", "logs"), 422, "format_unknown")
    assert_problem(send(body, "logs?format=nonsense"), 422, "format_unknown")
    assert ok(send(b"", "logs"))["received"] == 0


@pytest.mark.parametrize(("name", "known_as"), [("a%00b", "a\ufffdb"), ("s" * 300, "s" * 200)])
def test_a_log_s_service_is_cleaned_as_that_of_hits_is(project, send, name, known_as):
    line = LINE.format(user="-", time=timezone.now(), path="/a", status=200).encode()
    assert ok(send(line, f"logs?service={name}"))["stored"] == 1
    assert counted(project, "service") == {(known_as,): 1}


def test_an_empty_batch_is_a_heartbeat(project, send):
    now = timezone.now().replace(second=0, microsecond=0)
    query = Query(project.pk, now - timedelta(minutes=9), now + timedelta(minutes=1), ("requests",), ())
    assert run(query, now + timedelta(minutes=1)).coverage == 0
    ok(send([]))
    waiting = run(query, now + timedelta(minutes=1)).coverage
    assert waiting == pytest.approx(0.1, abs=0.101)
    compact(project.pk)
    assert run(query, now + timedelta(minutes=1)).coverage == waiting > 0


def test_the_minutes_of_late_hits_are_covered(project, send):
    now = timezone.now().replace(second=0, microsecond=0)
    ok(send([hit(time=(now - timedelta(minutes=minutes)).isoformat()) for minutes in (180, 179, 178)]))
    query = Query(project.pk, now - timedelta(minutes=182), now - timedelta(minutes=172), ("requests",), ())
    assert run(query, now).coverage == pytest.approx(0.3)
    compact(project.pk)
    assert run(query, now).coverage == pytest.approx(0.3)


def test_the_ledger_in_the_api(project, send, client, owner):
    from accounts.models import Membership

    Membership.objects.create(project=project, user=owner, role="viewer")
    batch = ok(send([hit(), hit(status=3)]))["batch"]

    def asked():
        (line,) = client.get(f"/api/v1/projects/{project.slug}/batches").json()["results"]
        assert client.get(f"/api/v1/projects/{project.slug}/batches/{line['id']}").json() == line
        return line

    waiting = asked()
    assert (waiting["id"], waiting["received"], waiting["stored"]) == (batch, 2, 1)
    assert (waiting["source"], waiting["rejected"]) == ("hits", {"status_invalid": 1})
    compact(project.pk)
    assert asked() == waiting
    ok(send([hit()]))
    assert (asked()["received"], asked()["stored"]) == (3, 2)
    assert client.get(f"/api/v1/projects/{project.slug}/batches?source=import").json()["results"] == []
    assert client.get(f"/api/v1/projects/{project.slug}/batches/{project.pk:032x}").status_code == 404


def test_numbers_are_those_of_a_plain_count(project, send):
    """Threads and sizes mixed: sums by route and status equal what the clients counted."""
    sent = Counter()
    for size in (1, 2, 7, 100, 1000):
        hits = [
            hit(path=f"/r{at % 5}/{at}", status=(200, 200, 404, 500)[at % 4], duration=at / 1000) for at in range(size)
        ]
        assert ok(send(hits))["stored"] == size
        sent.update((f"/r{at % 5}/{{id}}", (200, 200, 404, 500)[at % 4]) for at in range(size))
    found = counted(project, "route", "status")
    # A 404 of a route that had not answered anything else before is {unmatched}.
    assert sum(found.values()) == sent.total()
    assert {key: count for key, count in found.items() if key[1] != 404} == {
        key: count for key, count in sent.items() if key[1] != 404
    }


def test_an_import_of_what_was_sent_by_itself_is_named(project, key, send, tmp_path, capsys):
    now = timezone.now()
    for seconds in (60, 0):
        ok(send([hit(service="web", time=(now - timedelta(seconds=seconds)).timestamp())]))
    compact(project.pk)

    def imported(service, minutes):
        times = [now - timedelta(minutes=minutes, seconds=second) for second in (50, 10)]
        text = "".join(LINE.format(user="-", time=time, path="/", status=200) for time in times)
        file = tmp_path / f"{service}{minutes}.log"
        file.write_text(text)
        call_command("import_log", str(file), project=project.slug, service=service, format=TIMED)
        return capsys.readouterr().err

    warning = imported("web", 0)
    assert "overlap in time with what the service sends by itself (hits)" in warning
    assert "manage.py rollback_import" in warning
    assert "overlap" not in imported("web", 60), "another time"
    assert "overlap" not in imported("till", 0), "another service"
