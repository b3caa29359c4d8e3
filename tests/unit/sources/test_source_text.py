"""The two ways through text lines give the same, on any input, in linear time."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endpoint_stats.ingest.sources.base import REASONS, Reject
from endpoint_stats.ingest.sources.lines import Lines
from endpoint_stats.ingest.sources.text import TextSource

FORMATS = {
    "combined": '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"',
    "timed": '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
    '"$http_referer" "$http_user_agent" $request_time',
    "vhost": '%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i"',
    "upstream": '$remote_addr [$time_local] $host "$request" $status rt=$request_time, '
    'urt=$upstream_response_time $upstream_addr "$http_user_agent" ua',
    "unquoted": "$time_local|$request_method $uri$is_args$args $status $remote_user end",
    "wide": "[$time_local] $request $status $request_time",
    "json": 'log_format j escape=json \'{"t":"$time_iso8601","r":"$request","s":$status,'
    '"d":$request_time,"u":"$remote_user"}\';',
    "none": 'log_format n escape=none \'[$time_local] "$request" $status "$http_user_agent" ${request_time}s\';',
    "pieces": '%{%d/%b/%Y %T}t.%{msec_frac}t %{%z}t "%m %U%q %H" %>s %u',
    "in quotes": '"[$time_local] $remote_user" "$request_method $request_uri" $status',
    "tight": '$remote_addr"$request"$status"$msec',
    "words": "$msec $upstream_response_time $status $request_method $request_uri",
    "open": '$status $time_iso8601 "$request" "$http_user_agent"',
}
SOURCES = {name: TextSource(name, text, open_ended=name == "open") for name, text in FORMATS.items()}
# No line of these is regular: a request has spaces and stands without quotes.
IRREGULAR = ("wide",)
CLF = b"13/Nov/2025:02:13:20 +0000"
GOOD = {
    "combined": b'10.0.0.1 - - [%s] "GET /a HTTP/1.1" 200 7 "-" "curl"' % CLF,
    "timed": b'10.0.0.1 - - [%s] "GET /a HTTP/1.1" 200 7 "-" "curl" 0.014' % CLF,
    "vhost": b'a.example:80 10.0.0.1 - bob [%s] "GET /a HTTP/1.1" 200 7 "-" "curl"' % CLF,
    "upstream": b'::1 [%s] h "GET /a HTTP/1.1" 200 rt=0.1, urt=0.1 10.0.0.1:80 "curl" ua' % CLF,
    "unquoted": b"%s|GET /a?b=c 200 bob end" % CLF,
    "wide": b"[%s] GET /a HTTP/1.1 200 0.014" % CLF,
    "json": b'{"t":"2025-11-13T02:13:20+00:00","r":"GET /a HTTP/1.1","s":200,"d":0.1,"u":"bob"}',
    "none": b'[%s] "GET /a HTTP/1.1" 200 "curl" 0.014s' % CLF,
    "pieces": b'13/Nov/2025 02:13:20.123 +0000 "GET /a?b HTTP/1.1" 200 bob',
    "in quotes": b'"[%s] bob" "GET /a" 200' % CLF,
    "tight": b'10.0.0.1"GET /a HTTP/1.1"200"1763000000.5',
    "words": b"1763000000.5 0.1 200 GET /a",
    "open": b'200 2025-11-13T02:13:20Z "GET /a HTTP/1.1" "curl" more "quoted words" 1',
}
# Bytes that mean something to some format come often, so that mutations stay near the edge.
MEANINGFUL = [
    b'"',
    b"\\",
    b"\\\\",
    b'\\"',
    b" ",
    b"  ",
    b"[",
    b"]",
    b"-",
    b"- ",
    b" - ",
    b",",
    b", ",
    b" : ",
    b"?",
]
CHUNKS = [
    *MEANINGFUL,
    b"\r",
    b"\x00",
    b"\xff",
    b"|",
    b":",
    b"=",
    b"s",
    b"0",
    b"a",
    b"/",
    b" [",
    b'" "',
    b"+0000] ",
    CLF,
]


def by_line(result) -> dict[int, object]:
    rows, rejected = result
    found: dict[int, object] = {}
    for index, reason in rejected:
        assert reason in REASONS
        assert index not in found
        found[index] = reason
    index = rows.index.tolist()
    assert index == sorted(set(index))
    for row, line in enumerate(index):
        assert line not in found
        found[line] = {slot: column[row] for slot, column in rows.columns.items()}
    return found


def assert_same(source: TextSource, lines: list[bytes]) -> dict[int, object]:
    text = Lines.of(lines)
    assert text.split() == lines
    fast, reference = by_line(source.read(text)), by_line(source.read_by_pattern(text))
    assert fast == reference
    assert sorted(fast) == list(range(len(lines)))
    return fast


def assert_decoded_alike(decode_column, decode, column) -> int:
    """A column's decoder knows nothing that the decoder of single values does not say. How many it knows."""
    values, known = decode_column(column)
    for row in range(len(column)):
        if known[row]:
            assert values[row] == decode(column[row])
    return int(known.sum())


def mutate(line: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.choice((0, 0, 1, 1, 2, 4))):
        at, length = rng.randrange(len(line) + 1), rng.choice((0, 0, 1, 1, 3))
        line = line[:at] + rng.choice([*CHUNKS, b""]) + line[at + length :]
    return line


@pytest.mark.parametrize("name", FORMATS)
def test_good_lines_take_the_fast_way(name):
    source = SOURCES[name]
    index, _ = source._reader.read(Lines.of([GOOD[name]] * 500))
    # Where a value that may have spaces is not in quotes, the words of a line say nothing.
    assert index.tolist() == ([] if name in IRREGULAR else list(range(500)))
    found = assert_same(SOURCES[name], [GOOD[name]] * 3)[0]
    assert isinstance(found, dict)
    for slot, decode in SOURCES[name].slots.items():
        decode(found[slot])


@pytest.mark.parametrize("name", FORMATS)
@given(data=st.lists(st.tuples(st.integers(0, 2**32), st.booleans()), max_size=8))
@settings(max_examples=150, deadline=None)
def test_mutated_lines_alike(name, data):
    lines = [mutate(GOOD[name], random.Random(seed)) if bad else GOOD[name] for seed, bad in data]
    assert_same(SOURCES[name], lines)
    for line in lines:  # alone, where the block is proven by this line only
        assert_same(SOURCES[name], [line])


@pytest.mark.parametrize("name", FORMATS)
@given(lines=st.lists(st.lists(st.sampled_from(CHUNKS), max_size=30).map(b"".join), max_size=6))
@settings(max_examples=100, deadline=None)
def test_lines_of_chunks_alike(name, lines):
    assert_same(SOURCES[name], lines)


@pytest.mark.parametrize("name", FORMATS)
@given(lines=st.lists(st.binary(max_size=80).map(lambda line: line.replace(b"\n", b"")), max_size=6))
@settings(max_examples=50, deadline=None)
def test_random_bytes_alike(name, lines):
    assert_same(SOURCES[name], lines)


@pytest.mark.parametrize("name", FORMATS)
def test_many_mutations_in_large_blocks(name):
    rng = random.Random(name)
    lines = [mutate(GOOD[name], rng) if rng.random() < 0.03 else GOOD[name] for _ in range(3_000)]
    found = assert_same(SOURCES[name], lines)
    assert sum(isinstance(value, dict) for value in found.values()) > 2_900


def clf_line(before: bytes = b"1 - - ", time: bytes = CLF, after: bytes = b' "GET / HTTP/1.1" 200 7 "-" "a"') -> bytes:
    return before + b"[" + time + b"]" + after


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        # One line has a quote, a space or a bracket more and the other one less, so that the sums agree.
        ("tight", [b'h"GET / HTTP/1.1"200"5"x', b'1"2"3']),
        ("words", [b"1 0.1 200 GET /a x", b"1 0.1 200 GET"]),
        ("combined", [clf_line(after=b' "GET /" 200 7 "-" "a" "'), clf_line(after=b' "GET /" 200 7 "-" a"')]),
        ("combined", [clf_line(b"1 2 - - "), clf_line(b"- - ")]),
        ("combined", [clf_line(after=b'  "GET /" 200 7 "-" "a"'), clf_line(after=b'"GET /" 200 7 "-" "a"')]),
        ("combined", [clf_line(b"1 - -  "), clf_line(b"1 - -")]),
        ("combined", [clf_line(time=b"[" + CLF), clf_line(time=CLF[1:])]),
        # An escaped quote that looks like the end of the request.
        ("combined", [clf_line(after=b' "GET /\\" 200 7 "-" "a"')]),
        # A value that has the byte which ends it.
        ("none", [GOOD["none"] + b"s"]),
        # A list that would swallow the word behind it.
        ("words", [b"1 0.1, 200 GET /a"]),
        ("words", [b"1 0.1 : 200 GET /a"]),
        # The shape of a time, but another byte in the place of the zone's sign.
        ("combined", [clf_line(time=CLF.replace(b"+", sign)) for sign in (b" ",)]),
        ("combined", [clf_line(time=CLF.replace(b"+", sign)) for sign in (b"0", b"+")]),
    ],
)
def test_lines_that_only_look_regular(name, lines):
    assert_same(SOURCES[name], lines)
    assert_same(SOURCES[name], lines + [GOOD[name]] * 3)
    assert_same(SOURCES[name], lines[::-1])


VARIABLES = [
    "$remote_addr", "$remote_user", "$time_local", "$time_iso8601", "$msec", "$request", "$request_method", "$uri",
    "$request_uri", "$is_args$args", "$status", "$body_bytes_sent", "$request_length", "$request_time",
    "$upstream_response_time", "$http_user_agent", "$http_x_forwarded_for", "$other",
]  # fmt: skip
JOINTS = [
    " ",
    " ",
    " ",
    '" "',
    ' "',
    '" ',
    '"',
    "|",
    "] [",
    " [",
    "] ",
    ", ",
    ": ",
    " : ",
    "s ",
    " - ",
    "=",
    " x=",
    ",",
    "-",
]
VALUES = [
    b"-", b"", b"1.2.3.4", b"bob", b"Bob Smith", CLF, CLF, b"29/Feb/2023:24:00:61 +0000", b"2025-11-13T02:13:20+01:00",
    b"1763000000.186", b"GET /a HTTP/1.1", b"GET", b"/a?b=c", b"?x", b"200", b"007", b"599", b"600",
    b"12345678901234567",
    b"0.020", b"1.000001", b"-0", b"0.1, 0.2 : 0.3", b"curl \\x22 \\\" x", b"\\", b"a\x00\xff", b"[", b"]", b"|", b",",
]  # fmt: skip


@st.composite
def formats_and_lines(draw):
    """A format string of random variables and literals, and lines of random values between its literals."""
    variables = draw(st.permutations(VARIABLES))[: draw(st.integers(3, 7))]
    for needed in ("$status", "$request", "$time_local"):
        if needed not in variables:
            variables.insert(draw(st.integers(0, len(variables))), needed)
    joints = ["", *(draw(st.sampled_from(JOINTS)) for _ in variables[1:]), ""]
    if draw(st.booleans()):
        joints[0] = joints[-1] = '"'
    text = "".join(map("".join, zip(joints, [*variables, ""], strict=True)))
    try:
        source = TextSource("x", text, open_ended=draw(st.booleans()) and text.endswith('"'))
    except ValueError:
        return None
    lines = []
    for _ in range(draw(st.integers(1, 5))):
        parts = [joint.encode() + draw(st.sampled_from(VALUES)) for joint in joints[:-1]]
        lines.append(b"".join([*parts, joints[-1].encode(), draw(st.sampled_from([b"", b"", b"\r", b" more"]))]))
    return source, [
        mutate(line, draw(st.randoms(use_true_random=False))) if draw(st.booleans()) else line for line in lines
    ]


@given(formats_and_lines())
@settings(max_examples=1_500, deadline=None)
def test_random_formats_alike(drawn):
    if drawn is None:
        return
    source, lines = drawn
    assert_same(source, lines)
    rows, _ = source.read(Lines.of(lines))
    for slot, decode in source.columns.items():
        assert_decoded_alike(decode, source.slots[slot], rows.columns[slot])


def test_user_names():
    lines = [GOOD["combined"].replace(b" - - [", b" - %s [" % user) for user in (b"Bob Smith", b"-", b"a [b]", b"")]
    found = assert_same(SOURCES["combined"], lines)
    assert [found[i]["consumer"] for i in range(4)] == [b"Bob Smith", b"-", b"a [b]", b""]


def test_zones_may_differ_within_a_block():
    other = GOOD["timed"].replace(b"+0000", b"-0330")
    found = assert_same(SOURCES["timed"], [GOOD["timed"], other])
    assert [found[i]["time"] for i in range(2)] == [CLF, b"13/Nov/2025:02:13:20 -0330"]


def test_empty_and_binary_lines():
    found = assert_same(SOURCES["combined"], [b"", b"\r", b"\x00" * 100, b"\xff\xfe", GOOD["combined"] + b"\r"])
    assert [found[i] for i in range(4)] == ["line_empty", "line_empty", "format_mismatch", "format_mismatch"]
    assert isinstance(found[4], dict)
    rows, rejected = SOURCES["combined"].read(Lines(b""))
    assert (len(rows.index), rejected) == (0, [])


HOSTILE = [
    b"a" * 100_000, b" " * 100_000, b'"' * 100_000, b"\\" * 100_001, b'\\"' * 50_000, b"- " * 50_000,
    b"1, " * 33_000, b"1 : " * 25_000, b"[" * 100_000, b":" * 100_000, b"?/" * 50_000, b"\\x" * 50_000,
]  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_hostile_lines_take_linear_time(name):
    source = SOURCES[name]
    good = GOOD[name]
    places = [0, len(good) // 3, len(good) // 2, len(good) - 2, len(good)]
    lines = [good[:place] + hostile + good[place:] for hostile in HOSTILE for place in places]
    started = time.process_time()
    found = assert_same(source, lines)
    for value in found.values():
        if isinstance(value, dict):
            for slot, decode in source.slots.items():
                try:
                    decode(value[slot])
                except Reject as reject:
                    assert reject.reason in REASONS
    # 60 lines of 100 kB, each read by both ways; quadratic time would take minutes.
    assert time.process_time() - started < 10
