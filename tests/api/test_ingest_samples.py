"""Single requests as examples, and that nothing is kept of them that must not be."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.keys import create_key
from endpoint_stats.models import Batch, Endpoint, Journal, Sample
from endpoint_stats.store.compact import compact
from tests.api.sent import LINE, hit, ok

pytestmark = pytest.mark.django_db(databases=["default", "local"])


SECRETS = ["hunter2", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
           "sk_live_4eC39HqLyjWDarjtT1zdp7dc", "ada@example.org", "d41d8cd98f00b204e9800998ecf8427e",
           "203.0.113.9"]  # fmt: skip
WITH_SECRETS = [
    "/login?password=hunter2", "/a;jsessionid=hunter2", "/a/token=hunter2", f"/reset/{SECRETS[1]}", f"/k/{SECRETS[2]}",
    f"/users/{SECRETS[3]}/orders", f"/reset/{SECRETS[4]}", "/a?x=hunter2#hunter2", "https://ada:hunter2@host/a",
    "/two?page=2&token=hunter2", "/three?page=hunter3&page2=hunter2",
]  # fmt: skip


def everything():
    """All text that the database holds of hits."""
    rows = [*Endpoint.objects.values(), *Sample.objects.values(), *Batch.objects.values()]
    return json.dumps(rows, default=str) + "".join(
        bytes(row).decode("latin-1")
        for row in Journal.objects.filter(receipts__isnull=False).values_list("receipts", flat=True)
    )


@pytest.mark.parametrize("lexical", [True, False])
def test_nothing_that_is_secret_is_kept(make_project, send, lexical):
    private = make_project(lexical_rules=lexical, query_parameters="page\n")
    secret = create_key(private, "ingest", "x")[1]
    now = timezone.now()
    hits = [hit(path=path, status=status) for path in WITH_SECRETS for status in (200, 500, 9)]
    assert ok(send(hits, secret=secret))["stored"] == 2 * len(WITH_SECRETS)
    lines = "".join(LINE.format(user="-", time=now, path=path, status=500) for path in WITH_SECRETS)
    ok(send(lines.encode() + b"bad line password=hunter2 203.0.113.9\n", "logs?service=web", secret=secret))
    kept = everything()
    compact(private.pk)
    kept += everything()
    assert not [kept[max(kept.find(one) - 80, 0) : kept.find(one) + 20] for one in SECRETS if one in kept]
    assert "page=hunter3" in kept  # which the project allows
    assert "page=2" in kept


def test_samples(make_project, send, client, owner):
    from accounts.models import Membership

    shop = make_project(trace_url="https://jaeger.example.org/trace/{trace_id}")
    Membership.objects.create(project=shop, user=owner, role="owner")
    secret = create_key(shop, "ingest", "x")[1]
    at = timezone.now().replace(second=5, microsecond=0) - timedelta(minutes=3)
    hits = [
        hit(time=at.isoformat(), path="/a", status=status, duration=duration, trace_id=f"{number:032x}", consumer="ada")
        for number, (status, duration) in enumerate(
            [(200, 0.1), (200, 0.9), (200, 0.5), (500, 0.2), (502, None), (503, 0.1), (404, 0.1), (400, 0.3)], start=1
        )
    ]
    for one in hits:  # in several commits
        ok(send([one], secret=secret))
        compact(shop.pk)
    found = client.get(f"/api/v1/projects/{shop.slug}/samples").json()["results"]
    slow = [(one["duration"], one["trace_id"]) for one in found if not one["failing"]]
    assert sorted(slow, reverse=True) == [(0.9, f"{2:032x}"), (0.5, f"{3:032x}")]
    assert sorted(one["status"] for one in found if one["failing"]) == [404, 500, 502]
    one = next(one for one in found if one["status"] == 500)
    assert one["trace_url"] == f"https://jaeger.example.org/trace/{4:032x}"
    assert (one["endpoint"], one["consumer"], one["path"]) == ("GET /a", "ada", "/a")
    assert one["time"] == at.isoformat().replace("+00:00", "Z")
    failing = client.get(f"/api/v1/projects/{shop.slug}/samples?failing=true&order=-duration&limit=1").json()["results"]
    assert [one["status"] for one in failing] == [500]


ADDRESSES = ("203.0.113.9", "2001:db8:1234:5678::9")


@pytest.mark.parametrize("wanted", [True, False])
def test_addresses_of_clients_only_where_they_are_wanted_and_never_whole(make_project, send, wanted):
    shop = make_project(client_addresses=wanted)
    secret = create_key(shop, "ingest", "x")[1]
    now = timezone.now()
    for number, address in enumerate(ADDRESSES):
        ok(send([hit(path=f"/hits/{'ab'[number]}", client_address=address, duration=0.1)], secret=secret))
        line = LINE.replace("203.0.113.9", address)
        for path, name in (("/text", "web"), ("/json", "edge")):
            body = line.format(user="-", time=now, path=path + "ab"[number], status=500)
            if path == "/json":
                body = json.dumps({
                    "logger": "http.log.access", "ts": now.timestamp(), "status": 500, "duration": 0.1, "size": 1,
                    "request": {"client_ip": address, "method": "GET", "uri": path + "ab"[number]},
                })  # fmt: skip
            ok(send(body.encode(), f"logs?service={name}", secret=secret))
    compact(shop.pk)
    kept = everything()
    assert not [address for address in ADDRESSES if address in kept]
    found = {row.path: row.client_address for row in Sample.objects.all()}
    ways = ("/hits/{}", "/text{}", "/json{}")
    expected = {
        way.format(letter): network
        for way in ways
        for letter, network in zip("ab", ("203.0.113.0", "2001:db8:1234::"), strict=True)
    }
    assert found == (expected if wanted else dict.fromkeys(expected, ""))


def test_no_samples_where_none_are_wanted(make_project, send):
    plain = make_project(sample_days=0)
    ok(send([hit(status=500)], secret=create_key(plain, "ingest", "x")[1]))
    compact(plain.pk)
    assert not Sample.objects.exists()
