"""Which segments are values: by the table, and by properties that hold for every path."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endpoint_stats.routes.lexical import lexical_route, segment_name

JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"

CASES = {
    # whole numbers
    "/orders/8123": "/orders/{id}",
    "/orders/0": "/orders/{id}",
    "/orders/-1": "/orders/{id}",
    "/orders/8123/lines/7": "/orders/{id}/lines/{id}",
    "/2024": "/{id}",
    "/orders/123456789012345678901234567890": "/orders/{id}",
    # UUID, both cases, any version
    "/u/3f2504e0-4f89-41d3-9a0c-0305e82c3301": "/u/{uuid}",
    "/u/3F2504E0-4F89-41D3-9A0C-0305E82C3301": "/u/{uuid}",
    "/u/00000000-0000-0000-0000-000000000000": "/u/{uuid}",
    "/u/018f4e9a-7c1b-7def-8123-0123456789ab/x": "/u/{uuid}/x",
    # ULID
    "/e/01ARZ3NDEKTSV4RRFFQ69G5FAV": "/e/{ulid}",
    "/e/7ZZZZZZZZZZZZZZZZZZZZZZZZZ": "/e/{ulid}",
    # hex: digests and object ids
    "/c/507f1f77bcf86cd799439011": "/c/{hex}",
    "/c/d41d8cd98f00b204e9800998ecf8427e": "/c/{hex}",
    "/c/DA39A3EE5E6B4B0D3255BFEF95601890AFD80709": "/c/{hex}",
    "/c/e4c231cd": "/c/{hex}",
    # base64 and tokens
    "/t/dGhpcyBpcyBhIHRlc3Q0": "/t/{token}",
    "/t/dGhpcyBpcyBhIHRlc3Q0Cg==": "/t/{token}",
    "/t/AbCdEf012345_-AbCdEf": "/t/{token}",
    "/t/cus_NffrFeUfNV2Hib": "/t/{token}",
    f"/t/{JWT}": "/t/{token}",
    # dates
    "/d/2024-02-29": "/d/{date}",
    "/d/2024-02": "/d/{date}",
    "/d/1999-12-31": "/d/{date}",
    "/d/2024-02-29T23:59:59Z": "/d/{date}",
    "/d/2024-02-29T23:59:59.123+01:00": "/d/{date}",
    # e-mail
    "/users/ada@example.org": "/users/{email}",
    "/users/ada.l+tag@sub.example.co.uk/posts": "/users/{email}/posts",
    # an extension stays
    "/orders/8123.json": "/orders/{id}.json",
    "/u/3f2504e0-4f89-41d3-9a0c-0305e82c3301.pdf": "/u/{uuid}.pdf",
    "/c/d41d8cd98f00b204e9800998ecf8427e.js": "/c/{hex}.js",
    "/d/2024-02-29.csv": "/d/{date}.csv",
    # versions stay
    "/v1/orders": "/v1/orders",
    "/V2/orders": "/V2/orders",
    "/api/v1.2.3/x": "/api/v1.2.3/x",
    "/api/2.0/x": "/api/2.0/x",
    "/api/1.10.3": "/api/1.10.3",
    # words stay
    "/": "/",
    "/orders": "/orders",
    "/facade": "/facade",
    "/deadbeef": "/deadbeef",  # eight hex letters without a digit are a word
    "/defaced": "/defaced",
    "/wp-login.php": "/wp-login.php",
    "/oauth2/token": "/oauth2/token",
    "/mp3": "/mp3",
    "/h264/stream": "/h264/stream",
    "/a1b2": "/a1b2",
    "/checkout-step-2": "/checkout-step-2",
    "/internationalization": "/internationalization",
    "/AbstractSingletonProxyFactoryBean": "/AbstractSingletonProxyFactoryBean",
    "/.well-known/security.txt": "/.well-known/security.txt",
    "/@handle": "/@handle",
    "/not@an-address": "/not@an-address",
    "/2024-13-40": "/2024-13-40",  # no such month
    # placeholders stay
    "/orders/{id}": "/orders/{id}",
    "/c/{hex}.js": "/c/{hex}.js",
    # other letters and percent-encoded
    "/straße/ÅÄÖ": "/straße/ÅÄÖ",
    "/商品/8123": "/商品/{id}",
    "/a%20b/8123": "/a%20b/{id}",
    "/%E5%95%86%E5%93%81": "/%E5%95%86%E5%93%81",
    "/users/ada%40example.org": "/users/ada%40example.org",
    # empty segments, no slash, asterisk
    "": "",
    "*": "*",
    "//": "//",
    "//8123//": "//{id}//",
    "/orders/": "/orders/",
    "/orders/8123/": "/orders/{id}/",
}


@pytest.mark.parametrize(("path", "route"), CASES.items())
def test_by_the_table(path, route):
    assert lexical_route(path) == route


@pytest.mark.parametrize("digits", ["٣٤٥", "８１２３"])
def test_digits_of_other_scripts_make_no_endless_endpoints(digits):
    """Whatever they are named, they must be named alike, and must not raise."""
    assert lexical_route(f"/x/{digits}") in (f"/x/{digits}", "/x/{id}")


segments = st.one_of(
    st.text(max_size=20).filter(lambda text: "/" not in text),
    st.from_regex(r"[A-Za-z0-9_.@+=~{}%-]{0,40}", fullmatch=True),
    st.uuids().map(str),
    st.integers().map(str),
    st.dates().map(str),
    st.datetimes().map(lambda moment: moment.isoformat()),
    st.emails(),
    st.binary(min_size=4, max_size=20).map(bytes.hex),
    st.sampled_from(["{id}", "{id}.json", "{date}", "v1", "1.0", "a", "", JWT, "8123.json.gz"]),
)
paths = st.lists(segments, max_size=8).map("/".join)


@given(paths)
@settings(max_examples=400)
def test_a_route_is_its_own_route(path):
    assert lexical_route(lexical_route(path)) == lexical_route(path)


@given(paths)
@settings(max_examples=200)
def test_segments_are_neither_joined_nor_split(path):
    assert lexical_route(path).count("/") == path.count("/")


@given(paths, paths)
def test_each_segment_speaks_for_itself(one, other):
    assert lexical_route(f"{one}/{other}") == f"{lexical_route(one)}/{lexical_route(other)}"


@given(st.integers(0, 10**18), st.uuids(), st.dates(min_value=__import__("datetime").date(1900, 1, 1)))
def test_values_leave_nothing_of_themselves(number, uuid, day):
    if day.year < 2100:
        assert lexical_route(f"/a/{number}/{uuid}/{day}") == "/a/{id}/{uuid}/{date}"


@pytest.mark.parametrize(
    "segment",
    [
        "1" * 100_000, "a" * 100_000 + "1", "a1" * 50_000, "a1B" * 40_000 + "!", "Aa1-" * 25_000 + ".",
        "1" * 50_000 + "@" + "a." * 25_000, "a" * 50_000 + "@" + "b" * 50_000 + "1", "." * 100_000 + "1",
        "A1." * 30_000, "2024-01-01T" + "0:" * 50_000, "a_" * 50_000 + "1", "sk_live_" + "a" * 100_000 + "1!",
        "0" * 8 + "-" + "f" * 100_000, "1.1" * 30_000, "@" * 100_000, "a1.b" * 25_000, "A" * 16 + "1" + "." * 100_000,
    ],
    ids=lambda segment: segment[:12],
)  # fmt: skip
def test_very_long_segments_take_linear_time(segment):
    """A path is 2,000 characters at most; fifty times that must still be quick, or a pattern backtracks."""
    start = time.perf_counter()
    segment_name(segment)
    assert time.perf_counter() - start < 0.5


def test_the_memory_of_segments_is_bounded():
    for number in range(200_000):
        lexical_route(f"/x{number}y")
    from endpoint_stats.routes import lexical

    assert len(lexical._segments) <= 65_536
    assert lexical_route("/orders/8123") == "/orders/{id}"
