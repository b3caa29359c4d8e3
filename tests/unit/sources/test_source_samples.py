"""Every named format, on real looking lines in tests/testdata/logs; expected values written by hand."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from endpoint_stats.ingest.sources.base import Reject, Target
from endpoint_stats.ingest.sources.known import names, recognise, resolve
from endpoint_stats.ingest.sources.lines import Lines

LOGS = Path(__file__).parents[2] / "testdata" / "logs"
T0 = int(datetime(2025, 11, 13, 2, 13, 20, tzinfo=UTC).timestamp())
MS = 1_000_000

# format -> line index -> reason, or the expected value of the slots
EXPECTED = {
    "combined": {
        0: {
            "time": T0 - 3600,
            "target": Target("GET", "/orders/8123"),
            "status": 200,
            "response_size": 5120,
            "consumer": "",
            "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        },
        1: {
            "time": T0 + 1,
            "target": Target("POST", "/orders"),
            "status": 201,
            "response_size": 0,
            "consumer": "alice",
            "user_agent": "curl/8.5.0",
        },
        2: {
            "time": T0 + 2,
            "target": Target("GET", "/café/~bob/%2F"),
            "status": 404,
            "response_size": 153,
            "consumer": "Bob Smith",
            "user_agent": 'say "hi" \\ bot',
        },
        3: "request_malformed",
        4: "time_invalid",
        5: "line_empty",
        6: "status_invalid",
        7: "format_mismatch",
        8: {
            "time": T0 + 6,
            "target": Target("OPTIONS", "*"),
            "status": 204,
            "response_size": 0,
            "consumer": "",
            "user_agent": "cut off agen",
        },
    },
    "common": {
        0: {
            "time": 971211336,
            "target": Target("GET", "/apache_pb.gif"),
            "status": 200,
            "response_size": 2326,
            "consumer": "frank",
        },
        1: {
            "time": 971211337,
            "target": Target("GET", "/absolute"),
            "status": 304,
            "response_size": 0,
            "consumer": "",
        },
        2: "request_malformed",
    },
    "combined_time": {
        0: {"duration": 14 * MS, "target": Target("GET", "/orders/1")},
        1: {"duration": None, "status": 499},
        2: "duration_invalid",
    },
    "vhost_combined": {
        0: {"time": T0, "target": Target("GET", "/orders/1"), "response_size": 5463, "consumer": ""},
        1: {"time": T0 + 1, "target": Target("PATCH", "/orders/1"), "status": 409, "consumer": "alice"},
        2: {"time": T0 + 2, "target": Target("GET", "/"), "status": 301, "user_agent": ""},
    },
    "traefik": {
        0: {"target": Target("GET", "/api/users"), "duration": 12 * MS, "response_size": 311},
        1: {"target": Target("DELETE", "/api/users/7"), "duration": 0, "consumer": "ops"},
        2: {"status": 404, "duration": 1 * MS, "user_agent": ""},
    },
    "alb": {
        0: {
            "time": T0,
            "target": Target("GET", "/orders/8123"),
            "status": 200,
            "duration": 171 * MS,
            "request_size": 57,
            "response_size": 366,
            "user_agent": "curl/7.46.0",
        },
        1: {"time": T0 + 1, "target": Target("GET", "/"), "status": 503, "duration": None},
        2: "request_malformed",
    },
    "nginx-json": {
        0: {
            "time": T0 - 3600,
            "target": Target("GET", "/orders/8123"),
            "status": 200,
            "duration": 14 * MS,
            "request_size": 211,
            "response_size": 5120,
            "consumer": "",
            "user_agent": "curl/8.5.0",
        },
        1: {
            "time": T0 + 1,
            "target": Target("POST", "/orders"),
            "status": 201,
            "duration": 600 * MS,
            "request_size": 0,
            "response_size": 99,
            "consumer": "alice",
            "user_agent": "",
        },
        2: {"time": T0 + 2, "target": Target("GET", "/café"), "status": 404, "duration": 500 * MS},
        3: "field_missing",
        4: "field_invalid",
        5: "json_invalid",
    },
    "caddy": {
        0: {
            "time": T0,
            "target": Target("GET", "/orders/8123"),
            "status": 200,
            "duration": 929_675,
            "request_size": 17,
            "response_size": 10900,
            "consumer": "alice",
            "user_agent": "curl/7.82.0",
        },
        1: "not_a_request",
        2: {"time": T0 + 2, "target": Target("POST", "/orders"), "duration": 62_500 * MS, "user_agent": ""},
        3: "field_missing",
    },
    "traefik-json": {
        0: {
            "time": T0,
            "target": Target("GET", "/api/users"),
            "status": 200,
            "duration": 12_345_678,
            "request_size": 5,
            "response_size": 311,
            "consumer": "",
            "user_agent": "Go-http-client/1.1",
        },
        1: {"time": T0 + 1, "target": Target("DELETE", "/api/users/7"), "duration": 0, "consumer": "ops"},
        2: "field_missing",
    },
    "hits": {
        0: {
            "time": T0,
            "target": Target("GET", "/orders/8123", "/orders/{id}", "shop"),
            "status": 200,
            "duration": 3 * MS,
            "request_size": 17,
            "response_size": 5120,
            "consumer": "mobile",
            "version": "1.4.2",
            "user_agent": "okhttp/4.12",
        },
        1: {
            "time": T0 + 1,
            "target": Target("_OTHER", "", "/orders/{id}"),
            "status": 500,
            "duration": None,
            "request_size": 0,
            "response_size": 0,
            "consumer": "",
            "version": "",
            "user_agent": "",
        },
        2: "field_missing",
        3: "field_invalid",
        4: "field_invalid",
        5: "json_invalid",
        6: "json_invalid",
        7: "time_invalid",
    },
}


def read(name: str) -> list[bytes]:
    return (LOGS / f"{name}.log").read_bytes().removesuffix(b"\n").split(b"\n")


def decode(source, lines: list[bytes]) -> dict[int, object]:
    """Line index -> reason or {slot: value}; fails when a line is counted twice."""
    found: dict[int, object] = {}
    rows, rejected = source.read(Lines.of(lines))
    for index, reason in rejected:
        assert index not in found
        found[index] = reason
    assert rows.index.tolist() == sorted(rows.index)
    assert set(rows.columns) == set(source.slots)
    assert {len(column) for column in rows.columns.values()} == {len(rows.index)}
    for row, index in enumerate(rows.index.tolist()):
        assert index not in found
        try:
            found[index] = {slot: d(rows.columns[slot][row]) for slot, d in source.slots.items()}
        except Reject as reject:
            found[index] = reject.reason
    return found


def test_every_named_format_has_a_sample():
    assert set(names()) == set(EXPECTED) == {path.stem for path in LOGS.glob("*.log")}


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("ending", [b"", b"\r"])
def test_sample(name, ending):
    lines = read(name)
    found = decode(resolve(name), [line + ending for line in lines])
    assert sorted(found) == list(range(len(lines)))
    for index, expected in EXPECTED[name].items():
        got = found[index]
        if isinstance(expected, dict) and isinstance(got, dict):
            got = {slot: got.get(slot, "absent") for slot in expected}
        assert got == expected, lines[index]
    assert sorted(EXPECTED[name]) == sorted(found)


@pytest.mark.parametrize("name", EXPECTED)
def test_sample_is_recognised(name):
    good = [line for i, line in enumerate(read(name)) if isinstance(EXPECTED[name][i], dict)]
    source, matched, tried = recognise(good)
    assert (source.name, matched, tried) == (name, len(good), len(good))


@pytest.mark.parametrize("name", EXPECTED)
def test_each_line_alone_gives_the_same_as_in_a_block(name):
    source, lines = resolve(name), read(name)
    together = decode(source, lines)
    assert [decode(source, [line])[0] for line in lines] == [together[i] for i in range(len(lines))]


@pytest.mark.parametrize("name", EXPECTED)
def test_regular_lines_in_quantity(name):
    """Large blocks with an irregular line here and there keep every line at its own place."""
    source, lines = resolve(name), read(name)
    few = decode(source, lines)
    order = [0] * 700 + list(range(len(lines))) + [1, 0] * 300 + [len(lines) - 1]
    many = decode(source, [lines[i] for i in order])
    assert [many[place] for place in range(len(order))] == [few[i] for i in order]
