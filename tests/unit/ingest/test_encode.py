"""Every line becomes a hit or is counted once under its first reason, in the order of the lines."""

import json
from collections import Counter
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endpoint_stats.ingest import encode, memo
from endpoint_stats.ingest.encode import MAX_SAMPLES, Encoder
from endpoint_stats.ingest.places import MAX_LINE
from endpoint_stats.ingest.sources.known import resolve
from endpoint_stats.routes.rules import RouteRules

LATEST = 1_800_000_000
GOOD = {"time": 1_700_000_000, "method": "GET", "path": "/a", "status": 200}


def encoder(service="shop", **rules):
    return Encoder(resolve("hits"), RouteRules(**rules), service, LATEST)


def dump(*hits):
    return b"".join((json.dumps(hit).encode() if isinstance(hit, dict) else hit) + b"\n" for hit in hits)


kinds = st.sampled_from(
    [
        ("stored", GOOD),
        ("stored", GOOD | {"duration": 0.25, "consumer": "ada", "version": "7", "user_agent": "Googlebot/2.1"}),
        ("stored", GOOD | {"time": LATEST}),
        ("line_empty", b""),
        ("json_invalid", b"{"),
        ("json_invalid", b"[1]"),
        ("field_missing", {"time": 1, "method": "GET", "status": 200}),
        ("time_future", GOOD | {"time": LATEST + 1}),
        ("time_invalid", GOOD | {"time": -5}),
        ("status_invalid", GOOD | {"status": 600}),
        ("duration_invalid", GOOD | {"duration": -1}),
        ("method_invalid", GOOD | {"method": "G T"}),
        ("request_malformed", GOOD | {"path": "no-slash"}),
        ("size_invalid", GOOD | {"request_size": -1}),
        ("time_invalid", GOOD | {"time": "yesterday", "status": 600, "duration": -1}),
        ("line_too_long", b'{"time": 1, "x": "' + b"x" * MAX_LINE + b'"}'),
    ]
)


@given(st.lists(kinds, max_size=60), st.sampled_from([1, 200, 4096]))
@settings(max_examples=60, deadline=None)
def test_every_line_is_counted_once(chosen, block):
    with mock.patch.object(encode, "BLOCK", block):
        done = encoder().encode(dump(*(hit for _, hit in chosen)))
    expected = Counter(reason for reason, _ in chosen)
    stored = expected.pop("stored", 0)
    assert len(done.hits) == stored
    assert done.lines == len(chosen)
    assert done.rejected == expected
    shown = Counter(sample["reason"] for sample in done.samples)
    assert shown == {reason: min(n, MAX_SAMPLES) for reason, n in expected.items() if reason != "line_empty"}
    for sample in done.samples:
        assert chosen[sample["line"]][0] == sample["reason"]
    for column in (getattr(done.hits, name) for name in done.hits.__slots__):
        assert len(column) == stored


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 59), st.sampled_from([200, 404, 500])), max_size=50))
@settings(max_examples=60, deadline=None)
def test_hits_stand_in_the_order_of_their_lines(chosen):
    made = encoder()
    done = made.encode(dump(*(GOOD | {"path": f"/{p}", "time": 1_700_000_000 + t, "status": s} for p, t, s in chosen)))
    names = [made.names.endpoints.listed[at] for at in done.hits.endpoint.tolist()]
    assert [(name.route[1:], time - 1_700_000_000, status) for name, time, status in zip(
        names, done.hits.seconds.tolist(), done.hits.status.tolist(), strict=True)] == chosen  # fmt: skip


def test_one_hit_in_full():
    made = encoder()
    hit = GOOD | {
        "route": "/a/{x}", "service": "other", "duration": 0.0025, "request_size": 7, "response_size": 9,
        "consumer": "ada", "version": "1.2", "user_agent": "kube-probe/1.31", "time": "2025-11-13T02:13:20.9+01:00",
    }  # fmt: skip
    hits = made.encode(dump(hit)).hits
    assert made.names.endpoints.listed[hits.endpoint[0]][:3] == ("other", "GET", "/a/{x}")
    assert made.names.consumers.listed[hits.consumer[0]] == "ada"
    assert made.names.releases.listed[hits.release[0]][1] == "1.2"
    assert hits.seconds.tolist() == [1_762_996_400]
    assert hits.duration.tolist() == [2_500_000]
    assert (hits.request_size.tolist(), hits.response_size.tolist()) == ([7], [9])
    assert hits.traffic.tolist() == [2]
    assert hits.explicit.tolist() == [1]


def test_a_release_belongs_to_the_service_of_its_hit():
    """Service and version make a release; a hit that names its service is of that service's release."""
    made = encoder()
    hits = made.encode(dump(GOOD | {"service": "other", "version": "1"}, GOOD | {"version": "1"})).hits
    assert [made.names.releases.listed[at] for at in hits.release.tolist()] == [("other", "1"), ("shop", "1")]


def test_memory_starts_again_and_nothing_is_mixed_up(monkeypatch):
    monkeypatch.setattr(memo, "MEMO_LIMIT", 10)
    monkeypatch.setattr(encode, "MAX_NAMES", 60)
    made = encoder(lexical=False)
    for start in range(0, 100, 25):
        lines = dump(*(GOOD | {"path": f"/p{at}", "consumer": f"c{at}"} for at in range(start, start + 25)))
        hits = made.encode(lines).hits
        assert [made.names.endpoints.listed[at].route for at in hits.endpoint.tolist()] == [
            f"/p{at}" for at in range(start, start + 25)
        ]
        assert [made.names.consumers.listed[at] for at in hits.consumer.tolist()] == [
            f"c{at}" for at in range(start, start + 25)
        ]
        assert all(len(each) <= 10 for kinds in made.memos.values() for each in kinds)


@pytest.mark.parametrize(("agent", "path", "expected"), [
    ("curl", "/a", 0), ("Googlebot/2.1", "/a", 1), ("curl", "/healthz", 2), ("Googlebot/2.1", "/healthz", 2),
    ("kube-probe/1", "/a", 2), (None, "/a", 0),
])  # fmt: skip
def test_classes_of_traffic(agent, path, expected):
    assert encoder().encode(dump(GOOD | {"user_agent": agent, "path": path})).hits.traffic.tolist() == [expected]


def test_no_lines():
    done = encoder().encode(b"")
    assert (len(done.hits), dict(done.rejected), done.samples) == (0, {}, [])


COMBINED = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
    '"$http_referer" "$http_user_agent" $request_time'
)
PARTS = {
    "remote_addr": ["1.2.3.4", "::1", "a b"],
    "remote_user": ["-", "-", "ada", "Bob Smith", ""],
    "time_local": ["13/Nov/2025:02:13:20 +0000", "13/Nov/2025:02:13:21 +0100", "31/Feb/2025:00:00:00 +0000", "-",
                   "01/Jan/9999:00:00:00 +0000"],
    "request": ["GET /a HTTP/1.1", "GET /b/7?c=d HTTP/2.0", "-", "get /a", "G? /a HTTP/1.1", 'GET /\\"x\\" HTTP/1.1',
                "GET /healthz HTTP/1.1", "\x16\x03"],
    "status": ["200", "404", "500", "099", "-"],
    "body_bytes_sent": ["0", "-", "123456789", "1.5"],
    "http_referer": ["-", "https://x/ y"],
    "http_user_agent": ["curl", "Googlebot/2.1", "-", "kube-probe/1", 'a "quoted" one'],
    "request_time": ["0.020", "-", "1.5", "-1", "0.000"],
}  # fmt: skip


class ByPattern:
    """A source that reads each line by the regular expression and decodes each value on its own."""

    def __init__(self, source):
        self.slots, self.columns, self.arrays, self.read = source.slots, {}, {}, source.read_by_pattern


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_all_at_once_is_line_by_line(data):
    """Same hits, names, reasons and samples, in whatever blocks the lines are read."""
    lines = []
    for _ in range(data.draw(st.integers(0, 12))):
        line = COMBINED
        for name, choices in PARTS.items():
            line = line.replace("$" + name, data.draw(st.sampled_from(choices)), 1)
        ending = data.draw(st.sampled_from(["\n", "\n", "\n", "\r\n", "\n\n", "\x00\n", " \n"]))
        lines.append((line + ending).encode("latin-1"))
    text = b"".join(lines)
    text = text[: len(text) - data.draw(st.sampled_from([0, 0, 1, 9]))] if text else text
    source = resolve(COMBINED)
    expected_by = Encoder(ByPattern(source), RouteRules(), "shop", LATEST)
    expected = expected_by.encode(text)
    with mock.patch.object(encode, "BLOCK", data.draw(st.sampled_from([1, 300, 1 << 20]))):
        made = Encoder(source, RouteRules(), "shop", LATEST)
        done = made.encode(text)
    assert (done.lines, done.rejected, done.samples) == (expected.lines, expected.rejected, expected.samples)
    assert done.lines == len(done.hits) + done.rejected.total() == len(text.splitlines())
    for name in done.hits.__slots__:
        if name not in ("endpoint", "release", "consumer"):
            assert getattr(done.hits, name).tolist() == getattr(expected.hits, name).tolist()
    for name in ("endpoint", "consumer"):
        listed, others = getattr(made.names, name + "s").listed, getattr(expected_by.names, name + "s").listed
        codes, other_codes = getattr(done.hits, name).tolist(), getattr(expected.hits, name).tolist()
        assert [listed[at] for at in codes] == [others[at] for at in other_codes]


def test_lines_past_the_limit_are_counted_and_nothing_of_them_is_read():
    source = resolve(COMBINED)
    good = b'1.2.3.4 - - [13/Nov/2025:02:13:20 +0000] "GET /a HTTP/1.1" 200 7 "-" "curl" 0.020\n'
    long = good.replace(b"curl", b"c" * MAX_LINE)
    garbage = b"x" * (MAX_LINE + 1) + b"\n"
    done = Encoder(source, RouteRules(), "shop", LATEST).encode(good + long + garbage + good + b"x" * MAX_LINE)
    assert len(done.hits) == 2
    assert done.rejected == {"line_too_long": 2, "format_mismatch": 1}
    assert [sample["line"] for sample in done.samples] == [1, 2, 4]
