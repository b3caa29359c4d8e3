"""Charts in a page of their own: no server and no database, but the product's templates, files and CSP header."""

import mimetypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.template import engines
from django.utils.csp import build_policy

from tests.e2e.charts.examples import small

ORIGIN = "http://charts.test"
HARNESS = Path(__file__).with_name("harness.html")


def render(charts: list[dict[str, Any]], *, scripts: bool = True, trend: list[float | None] | None = None) -> str:
    template = engines["django"].from_string(HARNESS.read_text(encoding="utf-8"))
    return str(template.render({"charts": charts, "scripts": scripts, "trend": trend}))


def answer(route: Any, html: str) -> None:
    path = urlsplit(route.request.url).path
    if not path.startswith("/static/"):
        policy = build_policy(settings.SECURE_CSP)
        headers = {"content-type": "text/html; charset=utf-8", "content-security-policy": policy}
        route.fulfill(body=html, headers=headers)
        return
    found = finders.find(path.removeprefix("/static/"))
    if found is None:
        route.fulfill(status=404)
        return
    route.fulfill(path=str(found), content_type=mimetypes.guess_type(path)[0] or "application/octet-stream")


class Opener:
    """Opens pages with charts, each in a context of its own, which collect what the console complains about."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser
        self.contexts: list[Any] = []

    def __call__(
        self, *charts: dict[str, Any], width: int = 1440, path: str = "/", trend: Any = None, **more: Any
    ) -> Any:
        scripts = more.get("java_script_enabled", True)
        options = {"viewport": {"width": width, "height": 900}, "locale": "en-GB", "timezone_id": "UTC"} | more
        context = self.browser.new_context(**options)
        self.contexts.append(context)
        context.set_default_timeout(8_000)
        page = context.new_page()
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        html = render(list(charts), scripts=scripts, trend=trend)
        page.route(f"{ORIGIN}/**", lambda route: answer(route, html))
        page.goto(f"{ORIGIN}{path}")
        if scripts:
            page.locator("figure.chart:not([data-ready])").first.wait_for(state="detached")
        return page

    def close(self) -> None:
        for context in self.contexts:
            context.close()


@pytest.fixture
def open_charts(browser: Any) -> Iterator[Opener]:
    """``open_charts(chart, …, width=…, path=…, trend=…, **context options)``: a page with them."""
    opener = Opener(browser)
    yield opener
    opener.close()


@pytest.fixture(scope="module")
def any_page(browser: Any) -> Iterator[Any]:
    """A page to call JavaScript modules in."""
    opener = Opener(browser)
    yield opener({**small(), "id": "any"})
    opener.close()
