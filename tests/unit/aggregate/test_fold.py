"""The fold against a loop over hits."""

import pickle
from collections import Counter, defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from endpoint_stats.aggregate.fold import Delta, EndpointName, Hits, fold, variants
from tests.unit.aggregate.exact import UNTIMED, slot_of

FIELDS = (
    "seconds", "endpoint", "status", "duration", "request_size", "response_size", "release", "consumer", "traffic",
    "explicit",
)  # fmt: skip
ENDPOINTS = [
    ("shop", "GET", "/a"),
    ("shop", "GET", "/b"),
    ("shop", "POST", "/a"),
    ("", "GET", "/c"),
    ("x", "GET", "/z"),
]
RELEASES = [("", ""), ("shop", "1"), ("shop", "2")]
CONSUMERS = ["", "ada", "bob", "cleo"]

hit = st.fixed_dictionaries(
    {
        "seconds": st.integers(1_700_000_000, 1_700_009_000),
        "endpoint": st.integers(0, len(ENDPOINTS) - 1),
        "status": st.sampled_from([100, 200, 204, 302, 399, 400, 404, 404, 404, 499, 500, 599]),
        "duration": st.one_of(st.just(-1), st.sampled_from([0, 1, 499, 500, 1499, 1500]), st.integers(0, 10**12)),
        "request_size": st.integers(0, 2**53),
        "response_size": st.integers(0, 10**6),
        "release": st.integers(0, 2),
        "consumer": st.integers(0, 3),
        "traffic": st.integers(0, 2),
        "explicit": st.integers(0, 1),
    }
)


def columns(hits):
    return Hits(*(np.array([hit[name] for hit in hits], np.int64) for name in FIELDS))


def naive_variants(hits):
    """Line by line: 1 for a 404 before its route answered anything else, 2 for one after, unless its route was
    named explicitly."""
    answered, found = set(), []
    for hit in hits:
        if hit["status"] != 404:
            answered.add(hit["endpoint"])
        missing = hit["status"] == 404 and not hit["explicit"]
        found.append((2 if hit["endpoint"] in answered else 1) if missing else 0)
    return found


def add(row, hit):
    row["requests"] += 1
    row["client_errors"] += 400 <= hit["status"] < 500
    row["errors"] += hit["status"] >= 500
    if hit["duration"] >= 0:
        row["timed"] += 1
        row["duration_us"] += (hit["duration"] + 500) // 1000
    row["request_bytes"] += hit["request_size"]
    row["response_bytes"] += hit["response_size"]
    row["words", hit["status"], UNTIMED if hit["duration"] < 0 else slot_of(hit["duration"])] += 1


def naive(hits):
    by_hit, by_consumer, order = defaultdict(Counter), defaultdict(Counter), []
    for hit, variant in zip(hits, naive_variants(hits), strict=True):
        name = (*ENDPOINTS[hit["endpoint"]], variant)
        if name not in order:
            order.append(name)
        minute = hit["seconds"] // 60
        add(by_hit[minute, name, RELEASES[hit["release"]], hit["traffic"]], hit)
        if hit["consumer"]:
            add(by_consumer[minute // 60 * 60, CONSUMERS[hit["consumer"]], name], hit)
    return clean(by_hit), clean(by_consumer), order


def clean(rows):
    return {key: {name: count for name, count in row.items() if count} for key, row in rows.items()}


def as_dict(table, *names):
    """{key in words: counts} of a table of a delta; ``names``: what each key column's numbers stand for."""
    sums = ("requests", "client_errors", "errors", "timed", "duration_us", "request_bytes", "response_bytes")
    found, keys = {}, []
    for at, numbers in enumerate(zip(*(column.tolist() for column in table.keys), strict=True)):
        key = tuple(
            number if meaning is None else meaning[number] for number, meaning in zip(numbers, names, strict=True)
        )
        assert key not in found
        keys.append(key)
        found[key] = dict(zip(sums, table.sums[at].tolist(), strict=True))
    for at, status, slot, count in zip(*(part.tolist() for part in table.entries), strict=True):
        assert ("words", status, slot) not in found[keys[at]]
        found[keys[at]]["words", status, slot] = count
    assert not table.error_extra.any()
    return clean(found)


@given(st.lists(hit, max_size=60))
@settings(max_examples=150)
def test_fold_is_the_loop_over_hits(hits):
    delta = fold(columns(hits), [EndpointName(*name) for name in ENDPOINTS], RELEASES, CONSUMERS)
    by_hit, by_consumer, order = naive(hits)
    endpoints = [tuple(name) for name in delta.endpoints]
    assert endpoints == order  # of their first hits, so that the first ones get in under a project's cap
    assert as_dict(delta.hits, None, endpoints, delta.releases, None) == by_hit
    if by_consumer:
        assert as_dict(delta.by_consumer, None, delta.consumers, endpoints) == by_consumer
    else:
        assert len(delta.by_consumer) == 0
    if hits:
        assert delta.releases[0] == ("", "")
        assert delta.consumers[0] == ""


@given(st.lists(hit, min_size=1, max_size=60))
@settings(max_examples=100)
def test_names_stand_in_the_order_of_their_first_hits(hits):
    delta = fold(columns(hits), [EndpointName(*name) for name in ENDPOINTS], RELEASES, CONSUMERS)
    assert delta.releases[1:] == [RELEASES[at] for at in dict.fromkeys(hit["release"] for hit in hits) if at]
    assert delta.consumers[1:] == [CONSUMERS[at] for at in dict.fromkeys(hit["consumer"] for hit in hits) if at]


@given(st.lists(hit, min_size=1, max_size=80))
@settings(max_examples=150)
def test_404s_line_by_line(hits):
    held = columns(hits)
    assert variants(held.endpoint, held.status, held.explicit).tolist() == naive_variants(hits)


def test_404s_by_hand():
    lines = [(0, 404, 0), (0, 404, 1), (1, 404, 0), (0, 200, 0), (0, 404, 0), (1, 404, 0), (1, 500, 0), (1, 404, 0)]
    endpoint, status, explicit = (np.array(column) for column in zip(*lines, strict=True))
    assert variants(endpoint, status, explicit).tolist() == [1, 0, 1, 0, 2, 1, 0, 2]


def test_no_hits_add_nothing():
    delta = fold(columns([]), [], [("", "")], [""])
    assert (len(delta.hits), len(delta.by_consumer), delta.endpoints) == (0, 0, [])


def test_a_hit_without_a_duration_counts_but_is_not_timed():
    one = {name: 0 for name in FIELDS} | {"seconds": 60, "status": 200, "duration": -1}
    delta = fold(columns([one, one | {"duration": 0}]), [EndpointName("", "GET", "/")], RELEASES, CONSUMERS)
    assert delta.hits.sums.tolist() == [[2, 0, 0, 1, 0, 0, 0]]


def test_the_last_second_of_a_minute_and_the_first_of_the_next():
    one = {name: 0 for name in FIELDS} | {"status": 200, "consumer": 1}
    hits = [one | {"seconds": seconds} for seconds in (3599, 3600, 3540, 3659, 3660)]
    delta = fold(columns(hits), [EndpointName("", "GET", "/")], RELEASES, CONSUMERS)
    assert dict(zip(delta.hits.keys[0].tolist(), delta.hits.sums[:, 0].tolist(), strict=True)) == {59: 2, 60: 2, 61: 1}
    assert delta.by_consumer.keys[0].tolist() == [0, 60]


def test_a_delta_is_itself_in_another_process():
    """Names are taken apart on the way and put together again."""
    assert pickle.loads(pickle.dumps(Delta())).endpoints == []
    names = [EndpointName("shop", "GET", "/a"), EndpointName("", "POST", "/b", 2)]
    sent = Delta(names, [("", ""), ("shop", "1")], ["", "ada"])
    got = pickle.loads(pickle.dumps(sent))
    assert (got.endpoints, got.releases, got.consumers) == (sent.endpoints, sent.releases, sent.consumers)
    assert [type(name) for name in got.endpoints] == [EndpointName] * 2
