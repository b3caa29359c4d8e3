"""Shapes of request lines: lines of one shape are one endpoint, whatever numbers and UUIDs stand in them."""

import re
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endpoint_stats.ingest.sources.lines import Lines, Spans
from endpoint_stats.ingest.sources.shapes import request_shapes
from endpoint_stats.ingest.sources.targets import text_target
from endpoint_stats.routes.lexical import shape


def shapes_of(*requests: bytes) -> list[bytes | None]:
    lines = Lines.of(requests)
    return request_shapes(Spans(lines, lines.newlines[:-1] + 1, lines.newlines[1:]))


def meaning(request: bytes) -> tuple[str, str]:
    """Method and path without integers and UUIDs, by the decoder that reads one line."""
    method, path, *_ = text_target(escaped=True)(request)
    return method, shape(path)


A_UUID = "d41818d1-90d7-4521-a489-12906f9997f7"


@pytest.mark.parametrize(("one", "other"), [
    ("GET /orders/1 HTTP/1.1", "GET /orders/8123 HTTP/1.1"),
    ("GET /orders/1 HTTP/1.1", "GET /orders/1 HTTP/2.0"),
    ("GET /orders/1/items/2 HTTP/1.1", "GET /orders/123456789012345/items/0 HTTP/1.1"),
    ("GET /1 HTTP/1.1", "GET /22?a=b&c=d HTTP/1.1"),
    ("GET /v2/7/ HTTP/1.1", "GET /v2/77/ HTTP/1.1"),
    (f"PUT /d/{A_UUID} HTTP/1.1", f"PUT /d/{UUID(int=7)} HTTP/1.1"),
    (f"PUT /d/{A_UUID.upper()}/r/1 HTTP/1.1", f"PUT /d/{A_UUID}/r/31?x HTTP/1.1"),
])  # fmt: skip
def test_alike(one: str, other: str) -> None:
    first, second = shapes_of(one.encode(), other.encode())
    assert first is not None
    assert first == second


@pytest.mark.parametrize(("one", "other"), [
    ("GET /orders/1 HTTP/1.1", "HEAD /orders/1 HTTP/1.1"),
    ("GET /orders/1 HTTP/1.1", "GET /orders/1/ HTTP/1.1"),
    ("GET /v1/a HTTP/1.1", "GET /v2/a HTTP/1.1"),
    ("GET /a1 HTTP/1.1", "GET /a2 HTTP/1.1"),
    ("GET /1.0 HTTP/1.1", "GET /2.0 HTTP/1.1"),
    ("GET /-1 HTTP/1.1", "GET /-2 HTTP/1.1"),
    ("GET /1/a HTTP/1.1", "GET /a/1 HTTP/1.1"),
    (f"GET /{A_UUID} HTTP/1.1", "GET /1 HTTP/1.1"),
    (f"GET /{A_UUID}0 HTTP/1.1", f"GET /{A_UUID} HTTP/1.1"),
    (f"GET /x{A_UUID} HTTP/1.1", f"GET /{A_UUID} HTTP/1.1"),
])  # fmt: skip
def test_unlike(one: str, other: str) -> None:
    first, second = shapes_of(one.encode(), other.encode())
    assert first is None or first != second


@pytest.mark.parametrize("request_line", [
    "get /a HTTP/1.1", "PURGE /a HTTP/1.1", "GET a HTTP/1.1", "GET  /a HTTP/1.1", "GET /a", "GET /a b HTTP/1.1",
    "GET /a HTTP/1.1 ", "GET /%41 HTTP/1.1", "GET /a#b HTTP/1.1", "GET /a\\x41 HTTP/1.1", "GET /1a HTTP/1.1",
    "GET /12-3 HTTP/1.1", "-", "", "GET ", "GET /", "GET /é HTTP/1.1", "GET http://a/1 HTTP/1.1", "GET /a\0 HTTP/1.1",
    f"GET /{'a' * 64} HTTP/1.1",
])  # fmt: skip
def test_looked_at_one_by_one(request_line: str) -> None:
    """No shape where there is something to decode, cut or refuse, or a path is too long for it."""
    assert shapes_of(request_line.encode()) == [None]


segments = st.one_of(
    st.sampled_from(["orders", "v1", "a1", "1a", "2.0", "-5", "", "2024-11-13", "x" * 30, "health"]),
    st.integers(0, 10**18).map(str),
    st.uuids().map(str),
    st.uuids().map(lambda value: str(value).upper()),
    st.uuids().map(lambda value: str(value)[:-1]),
    st.text("0123456789abcdef-", max_size=40),
)
paths = st.lists(segments, min_size=1, max_size=4).map(lambda listed: "/" + "/".join(listed))
requests = st.builds(
    "{} {}{}{}".format,
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW", "GET "]),
    paths,
    st.sampled_from(["", "", "?a=1", "?", "?b=/7/ x", "#1", "%2F", "\\"]),
    st.sampled_from([" HTTP/1.1", " HTTP/1.0", " HTTP/2.0", " HTTP/3", "", " HTTP/1.1 "]),
)


@settings(max_examples=300)
@given(st.lists(requests, min_size=2, max_size=30))
def test_one_shape_is_one_meaning(listed: list[str]) -> None:
    raws = [request.encode() for request in listed]
    # The same lines with other numbers, so that many have a shape in common.
    raws += [re.sub(rb"(?<=/)\d+(?=[/ ?])", b"42", raw) for raw in raws]
    known: dict[bytes, tuple[str, str]] = {}
    for raw, found in zip(raws, shapes_of(*raws), strict=True):
        if found is not None:
            assert known.setdefault(found, meaning(raw)) == meaning(raw)
