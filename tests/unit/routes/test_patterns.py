"""A project's own patterns, static assets, and the order of trust."""

import itertools
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endpoint_stats.routes.rules import STATIC, Pattern, PatternTree, Router, RouteRules, check_pattern, is_static


def tree(*routes):
    return PatternTree([route if isinstance(route, Pattern) else Pattern(route) for route in routes])


@pytest.mark.parametrize(
    ("routes", "path", "expected"),
    [
        (["/orders/{id}"], "/orders/8123", "/orders/{id}"),
        (["/orders/{id}"], "/orders/abc", "/orders/{id}"),
        (["/orders/{id}"], "/orders", None),
        (["/orders/{id}"], "/orders/", None),
        (["/orders/{id}"], "/orders/1/2", None),
        (["/orders/{id}"], "/orders/1/", None),
        (["/orders/{id}/"], "/orders/1/", "/orders/{id}/"),
        (["/orders/{id}", "/orders/new"], "/orders/new", "/orders/new"),
        (["/orders/new", "/orders/{id}"], "/orders/newer", "/orders/{id}"),
        (["/files/{path*}"], "/files/a", "/files/{path*}"),
        (["/files/{path*}"], "/files/a/b/c.txt", "/files/{path*}"),
        (["/files/{path*}", "/files/{name}"], "/files/a", "/files/{name}"),
        (["/files/{path*}", "/files/{name}"], "/files/a/b", "/files/{path*}"),
        (["/files/{path*}", "/files/{name}", "/files/x"], "/files/x", "/files/x"),
        (["/{all*}"], "/anything/at/all", "/{all*}"),
        (["/{all*}", "/a/{b}/c"], "/a/1/d", "/{all*}"),  # back out of a branch that leads nowhere
        (["/a/{b}/c", "/{a}/b/d"], "/a/b/d", "/{a}/b/d"),
        (["/a/{b}/c", "/a/x/{d*}"], "/a/x/c", "/a/x/{d*}"),  # the earlier literal wins
        (["/{a}/x", "/{a*}"], "/1/y", "/{a*}"),
        (["/a/b"], "/A/b", None),
        (["/"], "/", "/"),
        (["/a"], "*", None),
        (["/a.b/c"], "/axb/c", None),  # a dot is a dot
        (["/straße/{id}"], "/straße/1", "/straße/{id}"),
    ],
)
def test_precedence(routes, path, expected):
    for order in itertools.permutations(routes):
        assert tree(*order).match("", "GET", path) == expected


def test_service_and_method():
    made = tree(
        Pattern("/a/{any}"),
        Pattern("/a/{of_shop}", "shop"),
        Pattern("/a/{posted}", method="post"),
        Pattern("/a/{both}", "shop", "POST"),
    )
    assert made.match("shop", "POST", "/a/1") == "/a/{both}"
    assert made.match("shop", "GET", "/a/1") == "/a/{of_shop}"
    assert made.match("other", "POST", "/a/1") == "/a/{posted}"
    assert made.match("other", "GET", "/a/1") == "/a/{any}"


def test_only_the_named_service_and_method():
    made = tree(Pattern("/a/{b}", "shop", "POST"))
    assert made.match("shop", "POST", "/a/1") == "/a/{b}"
    for service, method in (("shop", "GET"), ("", "POST"), ("", "")):
        assert made.match(service, method, "/a/1") is None


def test_a_specific_branch_of_another_method_does_not_hide_a_wider_one():
    made = tree(Pattern("/a/new", method="POST"), Pattern("/a/{id}"), Pattern("/a/{rest*}", method="DELETE"))
    assert made.match("", "POST", "/a/new") == "/a/new"
    assert made.match("", "GET", "/a/new") == "/a/{id}"
    assert made.match("", "DELETE", "/a/1/2") == "/a/{rest*}"


@pytest.mark.parametrize(
    "route",
    ["", "orders", "orders/{id}", "/orders/{id", "/orders/id}", "/orders/{}", "/orders/x{id}", "/orders/{id}.json",
     "/orders/{1d}", "/files/{path*}/more", "/{a}{b}", "/{{a}}", "/{a b}", "/files/{*}"],
)  # fmt: skip
def test_bad_patterns_are_refused_with_a_sentence(route):
    with pytest.raises(ValueError, match=r"^\S.*\w.*\.$"):
        check_pattern(route)
    with pytest.raises(ValueError, match=r"^\S.*\w.*\.$"):
        tree(route)


@pytest.mark.parametrize("route", ["/", "/a", "/{id}", "/a/{b_c.d-e}/f/", "/{path*}", "//", "/a//{b}"])
def test_good_patterns(route):
    check_pattern(route)


literal = st.sampled_from(["a", "b", "c", ""])
inner = st.lists(st.one_of(literal, st.just("{p}")), min_size=1, max_size=4)
patterns = st.lists(st.tuples(inner, st.booleans()), min_size=1, max_size=8)


def naive(routes, path):
    """Of all that match, by regular expression, the one whose first difference is the more trusted."""
    found = []
    for route in routes:
        expression = "".join(
            "/.*" if part.endswith("*}") else "/[^/]+" if part.startswith("{") else "/" + re.escape(part)
            for part in route.split("/")[1:]
        )
        if re.fullmatch(expression, path, re.DOTALL):
            kinds = [2 if part.endswith("*}") else 1 if part.startswith("{") else 0 for part in route.split("/")[1:]]
            found.append((kinds, route))
    return min(found)[1] if found else None


@given(patterns, st.lists(literal, min_size=1, max_size=5))
@settings(max_examples=300)
def test_against_regular_expressions(listed, segments):
    routes = ["/" + "/".join([*parts, "{rest*}"] if rest else parts) for parts, rest in listed]
    path = "/" + "/".join(segments)
    assert tree(*routes).match("", "GET", path) == naive(routes, path)


def test_a_hostile_tree_does_not_blow_up():
    """Every mixture of a literal and a parameter over twelve segments: 4,096 patterns, all alive until the end."""
    routes = ["/" + "/".join(parts) + "/end" for parts in itertools.product(("a", "{x}"), repeat=12)]
    made = tree(*routes)
    start = time.perf_counter()
    for _ in range(5):
        assert made.match("", "GET", "/" + "a/" * 12 + "nowhere") is None
    assert made.match("", "GET", "/" + "a/" * 12 + "end") == "/" + "a/" * 12 + "end"
    assert (time.perf_counter() - start) / 6 < 0.1


def test_many_rests_and_a_very_long_path():
    made = tree(*["/" + "{x}/" * depth + "{rest*}" for depth in range(60)], *[f"/w{at}/{{id}}" for at in range(5000)])
    start = time.perf_counter()
    assert made.match("", "GET", "/" + "s/" * 1000) == "/" + "{x}/" * 59 + "{rest*}"
    assert made.match("", "GET", "/w4999/7") == "/w4999/{id}"
    assert time.perf_counter() - start < 0.1


@pytest.mark.parametrize(
    "path", ["/app.js", "/a/b.min.css", "/logo.PNG", "/f.woff2", "/x/8123.jpg", "/bundle.js.map", "/favicon.ico"]
)
def test_static(path):
    assert is_static(path)
    assert Router(RouteRules()).route("", "GET", path) == (STATIC, True)


@pytest.mark.parametrize(
    "path", ["/", "/js", "/app.json", "/a.js/b", "/report.pdf", "/feed.xml", "/index.html", "/.js/"]
)
def test_not_static(path):
    assert not is_static(path)


def test_the_order_of_trust():
    router = Router(RouteRules((Pattern("/img/{name}"), Pattern("/orders/{number}"))))
    assert router.route("", "GET", "/orders/8123", "/own/{route}") == ("/own/{route}", True)
    assert router.route("", "GET", "/orders/8123") == ("/orders/{number}", True)
    assert router.route("", "GET", "/img/a.png") == ("/img/{name}", True)
    assert router.route("", "GET", "/other/a.png") == (STATIC, True)
    assert router.route("", "GET", "/items/8123") == ("/items/{id}", False)


def test_steps_that_a_project_turned_off():
    assert Router(RouteRules(lexical=False)).route("", "GET", "/items/8123") == ("/items/8123", False)
    assert Router(RouteRules(static=False)).route("", "GET", "/items/8123.png") == ("/items/{id}.png", False)


@given(
    patterns=st.lists(
        st.lists(st.sampled_from(["a", "v1", "7", "{x}"]), min_size=1, max_size=3).map(
            lambda parts: "/" + "/".join(parts)
        ),
        max_size=4,
    ),
    segments=st.lists(st.sampled_from(["a", "v1", "7", "8"]), min_size=1, max_size=3),
    lexical=st.booleans(),
)
def test_paths_of_one_shape_have_one_route(patterns, segments, lexical):
    """Unless a pattern names a number, or the lexical rules are off: then the path itself is its shape."""
    router = Router(RouteRules(tuple(map(Pattern, patterns)), lexical=lexical))
    path, other = "/" + "/".join(segments), "/" + "/".join({"7": "8", "8": "7"}.get(part, part) for part in segments)
    assert (router.shape(path) == router.shape(other)) == (path == other or router.by_shape)
    if router.by_shape:
        assert router.route("", "GET", path) == router.route("", "GET", other)
    assert router.by_shape == (lexical and not any("7" in pattern for pattern in patterns))
