"""JSON logs: what counts as missing, wrong or invalid; and that nothing is ever raised."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endpoint_stats.ingest.sources.base import REASONS, Reject, Target
from endpoint_stats.ingest.sources.json_lines import JsonSource
from endpoint_stats.ingest.sources.known import resolve
from endpoint_stats.ingest.sources.lines import Lines

JSON_NAMES = ["hits", "caddy", "traefik-json", "nginx-json"]
HIT = {"time": 1763000000, "method": "GET", "path": "/a", "status": 200}


def line(**changes) -> bytes:
    return json.dumps({key: value for key, value in (HIT | changes).items() if value != "absent"}).encode()


def outcome(source, text: bytes) -> object:
    rows, rejected = source.read(Lines(text + b"\n"))
    if rejected:
        assert not len(rows.index)
        return rejected[0][1]
    try:
        return {slot: decode(rows.columns[slot][0]) for slot, decode in source.slots.items()}
    except Reject as reject:
        return reject.reason


@pytest.mark.parametrize("name", JSON_NAMES)
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "line_empty"), (b"  ", "line_empty"), (b"null", "json_invalid"), (b"[]", "json_invalid"),
        (b"7", "json_invalid"), (b'"{}"', "json_invalid"), (b"{", "json_invalid"), (b"{}}", "json_invalid"),
        (b"{} {}", "json_invalid"), (b"{}", "field_missing"), (b"not json", "json_invalid"),
        (b'{"status":"\\ud800"}', "json_invalid"), (b'{"status":"\\ud800\\u0041bcdefgh"}', "json_invalid"),
        (b'{"status":"\xff"}', "json_invalid"), (b"[" * 100_000, "json_invalid"),
        (b'{"x":' + b"[" * 100_000, "json_invalid"), (b'{"status":NaN}', "json_invalid"),
    ],
)  # fmt: skip
def test_invalid_json(name, text, reason):
    assert outcome(resolve(name), text) == reason


@pytest.mark.parametrize("key", ["time", "method", "path", "status"])
@pytest.mark.parametrize("value", [None, "absent"])
def test_hits_need_their_fields(key, value):
    assert outcome(resolve("hits"), line(**{key: value})) == "field_missing"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"time": True}, "field_invalid"), ({"time": []}, "field_invalid"), ({"method": 7}, "field_invalid"),
        ({"path": {}}, "field_invalid"), ({"status": "200"}, "field_invalid"), ({"status": True}, "field_invalid"),
        ({"duration": "0.1"}, "field_invalid"), ({"request_size": "1"}, "field_invalid"),
        ({"consumer": 1}, "field_invalid"), ({"trace_id": 1}, "field_invalid"),
        ({"time": "1763000000"}, "time_invalid"), ({"time": -1}, "time_invalid"), ({"time": 10**30}, "time_invalid"),
        ({"method": ""}, "request_malformed"), ({"method": "G T"}, "method_invalid"),
        ({"path": "a"}, "request_malformed"), ({"path": ""}, "field_missing"), ({"status": 99}, "status_invalid"),
        ({"status": 200.5}, "status_invalid"), ({"duration": -1}, "duration_invalid"),
        ({"duration": 2592000.5}, "duration_invalid"), ({"response_size": -1}, "size_invalid"),
        ({"response_size": 2**53 + 1}, "size_invalid"),
    ],
)  # fmt: skip
def test_hits_refused(changes, reason):
    assert outcome(resolve("hits"), line(**changes)) == reason


def test_hits_with_nulls_and_unknown_keys():
    found = outcome(resolve("hits"), line(duration=None, consumer=None, version=None, route=None, other={"a": [1]}))
    assert found["target"] == Target("GET", "/a")
    assert (found["duration"], found["consumer"], found["version"]) == (None, "", "")


def test_one_line_cannot_join_the_next():
    """Lines that are broken alone but would be JSON together stay apart."""
    lines = [line(), line()[:-1] + b',"x":[1', b"2]}", line() + b"," + line(), line(path="/b")]
    rows, rejected = resolve("hits").read(Lines.of(lines))
    assert rows.index.tolist() == [0, 4]
    assert [target[1] for target in rows.columns["target"]] == ["/a", "/b"]
    assert rejected == [(1, "json_invalid"), (2, "json_invalid"), (3, "json_invalid")]


def test_consumer_field_is_a_key_path():
    text = b'{"ts":1763000000,"request":{"method":"GET","uri":"/","headers":{"X-Client":["mobile","b"]}},"status":200}'
    assert outcome(resolve("caddy", "request.headers.X-Client"), text)["consumer"] == "mobile"
    assert outcome(resolve("caddy", "tenant.id"), text)["consumer"] == ""
    assert outcome(resolve("caddy", "tenant.id"), text[:-1] + b',"tenant":null}')["consumer"] == ""
    assert outcome(resolve("caddy", "tenant.id"), text[:-1] + b',"tenant":{"id":7}}')["consumer"] == "7"


@pytest.mark.parametrize("field", ["request", "ts.x", "a..b"])
def test_consumer_field_that_cannot_be(field):
    with pytest.raises(ValueError):
        resolve("caddy", field)


def test_first_key_with_a_value_counts():
    source = JsonSource("x", {"time": ["a", "b"], "method": ["m"], "path": ["p"], "status": ["s"]})
    lines = [b'{"a":null,"b":1,"m":"GET","p":"/","s":200}', b'{"a":2,"b":1,"m":"GET","p":"/","s":200}']
    rows, rejected = source.read(Lines.of(lines))
    assert not rejected
    assert rows.columns["time"] == [1, 2]


KEYS = [
    "time",
    "ts",
    "status",
    "method",
    "path",
    "request",
    "uri",
    "duration",
    "RequestMethod",
    "consumer",
    "logger",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["GET", "/a", "-"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=8,
)
BINARY = st.binary(max_size=40).map(lambda line: line.replace(b"\n", b""))
OBJECTS = st.dictionaries(st.sampled_from(KEYS), JSON, max_size=8).map(lambda value: json.dumps(value).encode())


@pytest.mark.parametrize("name", JSON_NAMES)
@given(lines=st.lists(st.one_of(OBJECTS, BINARY, st.just(line())), max_size=8))
@settings(max_examples=60, deadline=None)
def test_every_line_is_accounted_for_once(name, lines):
    source = resolve(name)
    rows, rejected = source.read(Lines.of(lines))
    indexes = [index for index, _ in rejected]
    assert indexes == sorted(indexes)
    assert {reason for _, reason in rejected} <= set(REASONS)
    indexes += rows.index.tolist()
    for slot, decode in source.slots.items():
        assert len(rows.columns[slot]) == len(rows.index)
        for raw in rows.columns[slot]:
            hash(raw)
            try:
                decode(raw)
            except Reject as reject:
                assert reject.reason in REASONS
    assert sorted(indexes) == list(range(len(lines)))
