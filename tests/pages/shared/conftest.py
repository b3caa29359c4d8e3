"""What a link shows: the numbers of the signed-in page under the locked filters, to whoever has it; nothing else."""

import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
from django.test import Client

from accounts.services import create_project
from endpoint_stats import sharing
from endpoint_stats.models import ProjectSettings
from endpoint_stats.pages.address import TITLES
from endpoint_stats.query.spec import FILTER
from tests.query.conftest import store_hits

NOW = datetime(2025, 11, 12, tzinfo=UTC)


START = datetime(2025, 11, 10, tzinfo=UTC)


SECRETS = ("globex", "billing", "/invoices", "billing-9.9", "Hidden project", "ada@example.org")


def hit(minute, who="acme", service="shop", route="/orders/{id}", **more):
    return {
        "service": service, "method": "GET", "path": route, "route": route, "status": 200, "duration": 0.1,
        "time": (START + timedelta(minutes=minute)).isoformat(), "consumer": who, "version": "1.0", **more,
    }  # fmt: skip


@pytest.fixture(autouse=True)
def noon(monkeypatch):
    """The product's clock stands still."""
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)


@pytest.fixture
def shop(owner, tmp_path):
    """Of acme forty hits, four of them failing; of globex others, partly of another service."""
    project = create_project("shop", owner=owner, name="Hidden project", time_zone="Europe/Berlin")
    ProjectSettings.objects.create(project=project)
    hits = [hit(minute, status=503 if minute % 10 == 0 else 200) for minute in range(40)]
    hits += [hit(minute, "globex", status=404) for minute in range(7)]
    hits += [hit(minute, "globex", "billing", "/invoices", version="billing-9.9", duration=3.0) for minute in range(90)]
    hits += [hit(-60 * 24 * 20, "acme", route="/old")]
    store_hits(project, tmp_path, hits)
    return project


@pytest.fixture
def make(shop, owner):
    """``make(filters, **wanted)``: a link and its address."""

    def made(filters=(("consumer", ("acme",)),), project=shop, by=owner, **wanted):
        given = {"name": "For Acme", "kind": "page", "filters": filters, "days": 7} | wanted
        link, token = sharing.create(project, sharing.Wanted(**given), NOW, by=by)
        return link, f"/shared/{token}/" + ("badge.svg" if link.kind == "badge" else "")

    return made


def badge(make, **wanted):
    return make(**({"kind": "badge", "metric": "availability", "name": "shop"} | wanted))


def anybody():
    return Client(raise_request_exception=True)


def rows(response):
    """The table of endpoints without its links."""
    found = re.findall(r"<tbody>(.*?)</tbody>", response.content.decode(), re.S)[-1]
    return re.sub(r"\s+", " ", re.sub(r"<(?!title)[^>]*>", " ", found)).strip()


def totals(response):
    return re.findall(r"<dt>([^<]+)</dt><dd[^>]*>([^<]+)", response.content.decode())


FILTERS = [
    (("consumer", ("acme",)),),
    (("service", ("shop",)),),
    (("route", ("/orders/{id}",)), ("status", ("5xx",))),
    (("release", ("1.0",)), ("traffic", ("normal",))),
]


PARAMETERS = [*(f"{FILTER}{name}" for name in TITLES), "consumer", "filters", "group_by", "project", "slug", "q",
              "token", "metrics", "zone", "compare", "limit", "interval", FILTER, "filter"]  # fmt: skip


VALUES = ["globex", "billing", "/invoices", "GET", "billing-9.9", "shop", "acme", "", "5xx", "*", "\0"]


STATE = {
    "from": ["2025-10-01", "2000-01-01", "-300d", "1970-01-01", "-9d", "now", "x", "2025-11-10"],
    "to": ["now", "2025-10-22", "2025-11-10T00:30Z", "2400-01-01", "-1w", "", "y"],
    "order": ["endpoint", "-p95", "consumer", "-requests", "drop table"],
    "all": ["1", "0"],
}


SVG = "{http://www.w3.org/2000/svg}"


def parsed(answer):
    """Label, value, the value's colour and the title."""
    root = ElementTree.fromstring(answer if isinstance(answer, str) else answer.content.decode())
    label, value = (one.text for one in root.iter(f"{SVG}text"))
    colour = [one.get("fill") for one in root.iter(f"{SVG}rect")][-1]
    return label, value, colour, root.find(f"{SVG}title").text
