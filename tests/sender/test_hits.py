"""What is kept of a hit, and what headers say."""

from __future__ import annotations

import gzip
import json

import pytest

from endpoint_stats_sender.hits import LENGTHS, bounded, path_of, size_of, trace_id
from endpoint_stats_sender.transport import encode


def test_long_strings_are_cut():
    found = bounded(dict.fromkeys(LENGTHS, "x" * 1_000_000))
    assert {name: len(value) for name, value in found.items()} == dict.fromkeys(LENGTHS, 200) | {
        "path": 2_000, "route": 2_000, "user_agent": 500,
    }  # fmt: skip


def test_what_is_not_known_stays_out():
    hit = {
        "method": "GET", "route": None, "status": 200, "duration": float("nan"), "request_size": 10**30,
        "response_size": float("inf"), "consumer": ["a"], "version": b"1", "service": object(), "password": "x", 7: 8,
    }  # fmt: skip
    assert bounded(hit) == {"method": "GET", "status": 200}


class Marked(str):
    """A string of a framework's own kind."""


def test_strings_of_other_kinds_are_strings():
    assert bounded({"consumer": Marked("ada")}) == {"consumer": "ada"}


@pytest.mark.parametrize(
    "text", ["\x00\r\n\u2028", "\ud800 alone", "\U0001f600", '"}\n{"status":500', "\x7f\x80\xff", "%0a", "' OR 1=1 --"]
)
def test_hostile_strings_make_one_json_object_a_line(text):
    hit = dict.fromkeys(("method", "path", "route", "consumer", "user_agent"), text)
    lines = gzip.decompress(encode([bounded(hit), bounded(hit)])).split(b"\n")
    assert len(lines) == 2
    for line in lines:
        # A lone surrogate is no text that UTF-8 could carry.
        assert json.loads(line) == dict.fromkeys(hit, text.replace("\ud800", "?"))


def test_the_same_hits_are_the_same_bytes():
    assert encode([{"time": 1.5, "path": "/a"}]) == encode([{"time": 1.5, "path": "/a"}])


@pytest.mark.parametrize(
    ("decoded", "path"),
    [
        ("/orders/8123", "/orders/8123"),
        ("/", "/"),
        ("/a b", "/a%20b"),
        ("/a?token=secret", "/a%3Ftoken=secret"),
        ("/100%", "/100%25"),
        ("/grüße", "/gr%C3%BC%C3%9Fe"),
        ("/\ud800", "/%3F"),
        ("/a\nb#c", "/a%0Ab%23c"),
    ],
)
def test_paths_are_written_as_in_a_request_line(decoded, path):
    assert path_of(decoded) == path


def test_a_long_path_is_cut_before_it_is_worked_on():
    assert len(path_of("/" + "ü" * 1_000_000)) < 15_000


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("123", 123), ("", None), (None, None), ("-1", None), ("1.5", None), ("²", None), ("٣", None),
     ("9" * 5_000, None), (" 7", None), (7, None)],
)  # fmt: skip
def test_sizes(text, size):
    assert size_of(text) == size


TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f"00-{TRACE}-{PARENT}-01", TRACE),
        (f" 00-{TRACE}-{PARENT}-00 ", TRACE),
        (f"cc-{TRACE}-{PARENT}-01-what-the-future-will-be-like", TRACE),
        (f"00-{TRACE}-{PARENT}-01-more", None),
        (f"cc-{TRACE}-{PARENT}-01.more", None),
        (f"ff-{TRACE}-{PARENT}-01", None),
        (f"00-{'0' * 32}-{PARENT}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-{PARENT}-01", None),
        (f"00-{TRACE[1:]}-{PARENT}-01", None),
        ("", None),
        (None, None),
    ],
)
def test_trace_ids(header, expected):
    assert trace_id(header) == expected
