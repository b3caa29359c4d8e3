"""A few hits are handled one after another and many as columns, and whatever comes of it is what counting one by one
gives."""

from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endpoint_stats.aggregate.keyed import fold_hits, unpack_hits
from endpoint_stats.aggregate.sketch import EDGES_NS
from endpoint_stats.aggregate.words import UNTIMED
from endpoint_stats.ids import name_key
from endpoint_stats.ingest.encode import Encoder
from endpoint_stats.ingest.live import parts
from endpoint_stats.ingest.live.parts import Part, added_by
from endpoint_stats.ingest.sources.hits import Hit, HitsSource, rows_of
from endpoint_stats.models import ProjectSettings
from endpoint_stats.routes.rules import RouteRules
from endpoint_stats.store.names import ProjectNames

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LATEST = int(NOW.timestamp())


@st.composite
def hit(draw):
    return Hit(
        time=draw(st.sampled_from([LATEST - 1.25, LATEST - 70, "2026-11-21T11:58:59.5Z", LATEST + 5, 0, "x", None])),
        method=draw(st.sampled_from(["GET", "GET", "POST", "get", "G?"])),
        status=draw(st.sampled_from([200, 200, 404, 404, 500, 99])),
        path=draw(
            st.sampled_from(["/a", "/b/7", "/b/8?x=1", "/c%20d", "/healthz", "/ü", None, "", "*", "/a\n/b", "/x" * 990])
        ),
        route=draw(st.sampled_from([None, None, "/b/{id}", "/healthz"])),
        service=draw(st.sampled_from([None, "shop", "till"])),
        duration=draw(st.sampled_from([None, 0, 0.002, 1.5, -1, 4e6])),
        request_size=draw(st.sampled_from([None, 7, -7])),
        response_size=draw(st.sampled_from([None, 2**40, 1.5])),
        consumer=draw(st.sampled_from([None, "ada", "bob", "eve"])),
        version=draw(st.sampled_from([None, "1", "2"])),
        user_agent=draw(st.sampled_from([None, "curl", "Googlebot/2.1", "kube-probe/1"])),
    )


def encoder():
    return Encoder(HitsSource(), RouteRules(), "", LATEST, LATEST - 86_400)


def encoded(by, hits, few):
    rows, missing = rows_of(hits, parts.np.arange(len(hits)))
    done, places, refused = (by.encode_few if few else by.encode_rows)(rows)
    return Part(done, by.names, lambda row: None), list(places), sorted(missing + refused)


@given(st.lists(hit(), max_size=12))
@settings(max_examples=300)
def test_a_few_are_encoded_as_many_are(hits):
    one, other = encoder(), encoder()
    few, places, refused = encoded(one, hits, True)
    many, other_places, other_refused = encoded(other, hits, False)
    assert (places, refused) == (other_places, other_refused)
    columns = few.columns()[0]
    for name in columns.__slots__:
        if name != "release":
            assert getattr(columns, name).tolist() == getattr(many.hits, name).tolist()
    assert one.names.endpoints.listed == other.names.endpoints.listed
    # Codes of releases are given in another order.
    assert [one.names.releases.listed[at] for at in columns.release.tolist()] == [
        other.names.releases.listed[at] for at in many.hits.release.tolist()
    ]


def names_of(**changes):
    kept = ProjectSettings(project_id=1, **changes)
    return ProjectNames(kept)


@given(st.lists(st.lists(hit(), max_size=6), max_size=5), st.booleans(), st.sampled_from([1, 2, 100]))
@settings(max_examples=300)
def test_both_ways_count_the_same(requests, group, cap):
    """Also where names are settled, which is when the way for a few is gone at all."""
    found = []
    for limit in (0, parts.FEW):
        by, names = encoder(), names_of(group_unmatched=group, endpoint_cap=cap, consumer_cap=2, release_cap=2)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(parts, "FEW", limit)
            for _ in range(3):
                sent = [encoded(by, hits, True)[0] for hits in requests]
                added = added_by(sent, names)
                names.remember(added.new)
        assert added.new.rows == []
        assert len(unpack_hits([added.payload]).time) == sum(map(len, sent))
        found.append(sorted(zip(*(column.tolist() for column in unpack_hits([added.payload])), strict=True)))
    assert found[0] == found[1]


def test_settled_names_go_the_short_way(monkeypatch):
    by, names = encoder(), names_of()
    hits = [Hit(time=LATEST, method="GET", path="/a", status=200, consumer="ada", version="1", service="shop")]
    names.remember(added_by([encoded(by, hits, True)[0]], names).new)
    added_by([encoded(by, hits, True)[0]], names)
    monkeypatch.setattr(parts, "_many", None)
    assert added_by([encoded(by, hits, True)[0]], names).keys == 1


@given(st.lists(st.tuples(hit(), st.integers(1, 5)), max_size=30), st.booleans())
@settings(max_examples=200)
def test_folding_is_counting_one_by_one(weighted, few):
    by, names = encoder(), names_of(group_unmatched=False, endpoint_cap=1000)
    part, places, _ = encoded(by, [one for one, _ in weighted], few)
    part.weights = [weighted[place][1] for place in places]
    by_endpoint, by_consumer = fold_hits(unpack_hits([added_by([part], names).payload]))
    requests, slots, consumers, sums = Counter(), Counter(), Counter(), Counter()
    for place in places:
        one, weight = weighted[place]
        shown = {"/b/7": "/b/{id}", "/b/8?x=1": "/b/{id}", "/a\n/b": "/a\ufffd/b"}
        route = one.route or shown.get(one.path, one.path)
        if len(route) > 1_900 and not one.route:
            continue
        method = {"get": "GET"}.get(one.method, one.method)
        minute = LATEST // 60 - (2 if one.time == LATEST - 70 or isinstance(one.time, str) else 1)
        key = (minute, name_key(one.service or "", method, route))
        requests[key] += weight
        sums[key, "bytes"] += weight * (one.response_size or 0)
        slot = UNTIMED if one.duration is None else 0 if one.duration == 0 else _slot(one.duration)
        slots[key, int(one.status), slot] += weight
        if one.consumer:
            consumers[name_key(one.consumer), key[1]] += weight
    # Names of 1,980 characters have their own test; here they would only hide the others.
    found, found_slots, found_sums = Counter(), Counter(), Counter()
    for row, (time, endpoint) in enumerate(
        zip(by_endpoint.keys[0].tolist(), by_endpoint.keys[1].tolist(), strict=True)
    ):
        if (time, endpoint) not in requests:
            continue
        found[time, endpoint] += int(by_endpoint.sums[row, 0])
        found_sums[(time, endpoint), "bytes"] += int(by_endpoint.sums[row, 6])
    for row, status, slot, count in zip(*(part.tolist() for part in by_endpoint.entries), strict=True):
        key = (int(by_endpoint.keys[0][row]), int(by_endpoint.keys[1][row]))
        if key in requests:
            found_slots[key, status, slot] += count
    assert found == requests
    assert found_sums == sums
    assert found_slots == slots
    known = {endpoint for _, endpoint in requests}
    found_consumers = Counter()
    for row, (who, endpoint) in enumerate(zip(by_consumer.keys[1].tolist(), by_consumer.keys[2].tolist(), strict=True)):
        if endpoint in known:
            found_consumers[who, endpoint] += int(by_consumer.sums[row, 0])
    assert found_consumers == consumers


def _slot(seconds):
    """By searching the list of edges one after another."""
    nanoseconds = round(seconds * 1e9)
    return next(place for place, edge in enumerate(EDGES_NS.tolist()) if nanoseconds <= edge) + 1
