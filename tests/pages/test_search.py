"""The search box: what it finds, for whom, whatever is written into it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Membership, User
from accounts.services import create_project
from endpoint_stats.query.search import LONGEST, WORDS, words_of
from tests.pages.test_overview import hit, text
from tests.query.conftest import store_hits

pytestmark = pytest.mark.django_db(databases=["default", "local"])

ROUTES = ("/orders/{id}", "/orders/{id}/items", "/search", "/Überweisung", "/100%/x_y")


@pytest.fixture
def shop(owner, tmp_path):
    project = create_project("shop", owner=owner, name="Shop")
    hits = [hit(at, route, method=method) for at, route in enumerate(ROUTES) for method in ("GET", "POST")]
    hits += [hit(30, "/search", consumer=name, version="2.7") for name in ("acme", "acme labs", "globex")]
    store_hits(project, tmp_path, hits)
    return project


def find(client, q, slug="shop", **headers):
    return client.get(f"/projects/{slug}/search/", {"q": q}, headers=headers)


def links(response):
    found = response.content.decode().split('class="found"')[-1]
    return [re.sub(r"<[^>]+>", "", link).split() for link in re.findall(r"<a [^>]+>(.*?)</a>", found, re.S)]


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("orders items", ["GET /orders/{id}/items shop", "POST /orders/{id}/items shop"]),
        ("post ORDERS items", ["POST /orders/{id}/items shop"]),
        ("acme", ["acme", "acme labs"]),
        ("2.7", ["2.7"]),
        ("audit", ["Settings: Audit log"]),
        ("100%", ["GET /100%/x_y shop", "POST /100%/x_y shop"]),
        ("x_y get", ["GET /100%/x_y shop"]),
        ("xay", []),
        ("überweisung post", ["POST /Überweisung shop"]),
    ],
)
def test_what_has_all_the_words(client, shop, q, expected):
    """A sign that databases take for "anything" is a sign like others."""
    if q.startswith("ü"):
        q = q.replace("ü", "Ü")  # SQLite knows the case of ASCII letters alone
    assert [" ".join(link) for link in links(find(client, q))] == expected


def test_short_names_first_and_not_too_many(client, shop, tmp_path):
    store_hits(shop, tmp_path, [hit(40, f"/orders/{{id}}/{'part/' * at}x") for at in range(1, 30)])
    found = links(find(client, "orders"))
    assert len(found) == 8 and found[0][1] == "/orders/{id}"


def test_what_is_found_is_a_link_that_works(client, shop):
    for q in ("search", "globex", "2.7", "ledger", "members"):
        page = find(client, q).content.decode().split('class="found"')[-1]
        for link in re.findall(r'href="([^"]+)"', page):
            assert client.get(link.replace("&amp;", "&")).status_code == 200, (q, link)


def test_nothing_found_and_nothing_asked(client, shop):
    assert "Nothing here is called “nonsense”." in text(find(client, "nonsense"))
    assert "Write a part of a path" in text(find(client, ""))
    assert find(client, " ", **{"HX-Request": "true"}).content.strip() == b""


def test_a_part_of_a_page_where_htmx_asks(client, shop):
    part = find(client, "search", **{"HX-Request": "true"}).content.decode()
    assert "<html" not in part and "/search" in part
    assert "<html" in find(client, "search").content.decode()


def test_other_projects_are_found_by_their_members_alone(client, shop, owner, tmp_path):
    eve = User.objects.create_user("eve@example.org", "another password")
    foreign = create_project("foreign", owner=eve, name="Foreign")
    store_hits(foreign, tmp_path, [hit(1, "/secret", consumer="secret partner")])
    assert links(find(client, "foreign")) == [] and links(find(client, "secret")) == []
    assert find(client, "secret", slug="foreign").status_code == 404
    Membership.objects.create(project=foreign, user=owner, role="viewer")
    assert links(find(client, "foreign")) == [["Project", "Foreign"]]
    assert links(find(client, "secret")) == [], "names are found in their own project"


def test_a_viewer_is_offered_what_a_viewer_may_open(client, shop, owner):
    Membership.objects.filter(project=shop).update(role="viewer")
    assert links(find(client, "settings")) == [["Settings:", "General"], ["Settings:", "Members"]]


@pytest.mark.parametrize(
    "q", ["\0", "a\0b", "'; DROP TABLE--", "%", "_", "\\", "x" * 5000, "مرحبا", "🚲", "<script>", "{{ 7 }}"]
)
def test_whatever_is_written_into_it(client, shop, q):
    page = find(client, q)
    assert page.status_code == 200 and "<script>alert" not in page.content.decode()


@given(st.text(max_size=400))
def test_words_are_few_and_short(q):
    words = words_of(q)
    assert len(words) <= WORDS and sum(map(len, words)) <= LONGEST and not any("\0" in word for word in words)
