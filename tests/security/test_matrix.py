"""The tenant matrix: every route × method × who asks. Nobody is told anything of a project that is not theirs, what is
refused changes nothing, and a route that nobody has thought of fails here.
"""

from itertools import product

import pytest
from django.test import Client
from django.urls import resolve

from endpoint_stats.api import direct

from .asking import ANSWERS, METHODS
from .matrix import Matrix, place_of
from .routes import ASKERS, INGEST, ROUTES, SHOWN, route_of
from .url_map import routes
from .world import World

pytestmark = pytest.mark.django_db(databases=["default", "local"])

ALL = routes()
IDS = [name or "(home)" for name in ALL]
FORMS = ({"Accept": "text/csv, */*;q=0.1"}, {"If-None-Match": "*"}, {"HX-Request": "true"})


def test_every_route_is_known() -> None:
    for name in ALL:
        route_of(name)
    gone = sorted(ROUTES.keys() - set(ALL))
    assert not gone, f"These routes are gone; take them out of tests/security/routes.py: {gone}"


def test_every_operation_of_the_schema_is_known() -> None:
    """And every route of the API stands in the schema, with the methods that it answers to."""
    described = {}
    for path, operations in Client().get("/api/v1/schema").json()["paths"].items():
        filled = path.replace("{slug}", "x").replace("{id}", "00000000-0000-0000-0000-000000000000")
        filled = filled.replace("{prefix}", "x")
        described[resolve(filled).route] = {name.upper() for name in operations if name.upper() in METHODS}
    answering = {
        name: {method for method in METHODS if any(route.outcome(method, who) == ANSWERS for who in ASKERS)}
        for name, route in ROUTES.items()
        if name.startswith(("api/", "otlp/")) and name != "api/v1/schema"
    }
    assert described == {name: methods - {"HEAD", "OPTIONS"} for name, methods in answering.items()}


def test_addresses_that_are_answered_before_django_are_those_of_ingest() -> None:
    assert set(direct.VIEWS) == {f"/{name}" for name, route in ROUTES.items() if route.rule is INGEST}


def test_the_table_is_of_those_who_ask(world: World) -> None:
    assert set(world.askers) == set(ASKERS)


@pytest.mark.parametrize("name", ALL, ids=IDS)
def test_an_address_leads_to_its_route(name: str, world: World) -> None:
    """Else another route would be tried in its place."""
    assert resolve(place_of(name, world.a)).route == name


@pytest.mark.parametrize("matrix", ALL, indirect=True, ids=IDS)
def test_who_may_what(matrix: Matrix) -> None:
    matrix.run()


@pytest.mark.parametrize("matrix", SHOWN, indirect=True)
def test_in_whichever_form_it_is_asked(matrix: Matrix) -> None:
    """As CSV, with what a cache has, as a part of a page."""
    for headers, who in product(FORMS, ASKERS):
        matrix.ask("GET", who, headers=headers)
