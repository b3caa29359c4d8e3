"""Content-Security-Policy: no page has a script or a style in itself, so that what is slipped into one never runs."""

from html.parser import HTMLParser

import pytest

from tests.security.browsing import addresses, client, headers_of, house, is_html, production, text_of

pytestmark = pytest.mark.django_db(databases=["default", "local"])
__all__ = ["house", "production"]

STRICT = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "form-action": ["'self'"],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
}
DATA = {"application/json", "application/ld+json"}  # a browser never runs what has such a type


class Inline(HTMLParser):
    """What the policy would refuse."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "style" or (tag == "script" and "src" not in given and given.get("type") not in DATA):
            self.found.append(f"<{tag}>")
        for name, value in attributes:
            if name == "style" or name.startswith("on"):
                self.found.append(f"<{tag} {name}={value!r}>")
            if name in ("href", "src", "action", "formaction") and (value or "").strip().lower().startswith(
                "javascript:"
            ):
                self.found.append(f"<{tag} {name}={value!r}>")

    handle_startendtag = handle_starttag


def inline(html):
    parser = Inline()
    parser.feed(html)
    parser.close()
    return parser.found


@pytest.mark.parametrize(
    ("html", "finds"),
    [
        ("<p>fine</p>", 0), ("<script src=/a.js></script>", 0), ("<script>a()</script>", 1), ("<p style='a'>", 1),
        ("<style>p {}</style>", 1), ("<img onerror=a()>", 1), ("<svg><path style='fill:red'/></svg>", 1),
        ('<script type="application/json">{}</script>', 0), ('<script type="module">a()</script>', 1),
        ('<a href="javascript:a()">', 1), ("<BODY ONLOAD=a()>", 1),
    ],
)  # fmt: skip
def test_the_parser_finds_them(html, finds):
    assert len(inline(html)) == finds


def policy_of(response):
    parts = (part.split() for part in headers_of(response)["content-security-policy"].split(";"))
    return {name: values for name, *values in parts}


def seen(response, wrong, name):
    """Whether it was a page; what is wrong with it goes into ``wrong``."""
    assert policy_of(response) == STRICT, name
    assert "content-security-policy-report-only" not in headers_of(response)
    if not is_html(response):
        return False
    found = inline(text_of(response))
    if found:
        wrong[f"{name} {response.status_code}"] = found
    return True


@pytest.mark.parametrize(("who", "least"), [("nobody", 8), ("viewer", 25), ("owner", 70)])
def test_every_page_that_can_be_reached(house, production, who, least):
    browser, wrong, pages = client(house.get(who)), {}, []
    for name, address in addresses(house).items():
        response = browser.get(address)
        if seen(response, wrong, name) and response.status_code == 200:
            pages.append(address)
    assert not wrong
    assert len(pages) >= least, pages
    if who == "nobody":
        assert {"/account/login/", "/account/password/reset/", "/account/signup/"} <= set(pages)
    if who == "owner":
        expected = {"/admin/", "/admin/accounts/user/", "/admin/accounts/auditevent/", "/admin/accounts/apikey/add/",
                    "/projects/shop/", "/projects/shop/settings/keys/", "/account/2fa/totp/activate/"}  # fmt: skip
        assert expected <= set(pages)


@pytest.mark.parametrize("who", ["nobody", "owner"])
def test_what_forms_answer(house, production, who):
    """Sent empty, by a browser of its own each: some of them sign out."""
    wrong, pages, first = {}, 0, client()
    for name, address in addresses(house).items():
        if house.get(who) is not None:
            house[who].refresh_from_db()
        response = client(house.get(who), like=first).post(address)
        assert response.status_code != 500, address
        pages += seen(response, wrong, f"POST {name}")
    assert not wrong
    assert pages > 20


def test_pages_with_numbers_in_them(house, production):
    """Charts, sparklines, and names that somebody else chose."""
    from datetime import UTC, datetime, timedelta

    from accounts.keys import create_key

    nasty = "/<script>alert(1)</script>\"onload='x'"
    now = datetime.now(UTC)
    hits = [
        {"time": (now - timedelta(minutes=minute)).isoformat(), "method": "GET", "path": path, "route": path,
         "status": status, "duration": 0.1, "consumer": nasty}
        for minute, path, status in ((1, "/a", 200), (2, "/a", 500), (3, nasty, 200), (4, nasty, 503))
    ]  # fmt: skip
    secret = create_key(house["project"], "ingest", nasty[:50])[1]
    sent = client().post(
        "/api/v1/ingest/hits", hits, content_type="application/json", headers={"Authorization": f"Bearer {secret}"}
    )
    assert sent.json()["stored"] == 4
    browser, wrong = client(house["owner"]), {}
    for address in (
        "/projects/shop/",
        "/projects/shop/?q=script",
        "/projects/shop/ledger/",
        "/projects/shop/settings/keys/",
        "/admin/endpoint_stats/endpoint/",
        "/admin/accounts/apikey/",
    ):
        response = browser.get(address)
        assert seen(response, wrong, address) and response.status_code == 200
        assert "<script>alert" not in text_of(response)
    assert not wrong
