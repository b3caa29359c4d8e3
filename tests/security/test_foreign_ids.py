"""An id of another project, or of another person, is answered exactly as one that nothing has: nobody learns by asking
whether something exists.
"""

from collections.abc import Iterator
from copy import copy
from itertools import product, zip_longest
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

import pytest

from .asking import MISSING, NOT_ALLOWED, REFUSED, SIGN_IN, Asker, ask, outcome, shape
from .routes import BY_KEY, MEMBERS, PROVIDER, ROUTES, Route, place, route_of
from .rows import undone
from .url_map import address, parameters, routes
from .world import Tenant, World, missing

pytestmark = [pytest.mark.django_db(databases=["default", "local"]), pytest.mark.usefixtures("standing_still")]

# The name of a provider is no tenant's.
WITH_IDS = [name for name in routes() if parameters(name) and not name.startswith("admin/") and name not in PROVIDER]
OUTSIDERS = ("stranger", "former", "staff", "foreign key", "ingest key", "revoked key", "nobody")
OF_A, OF_B = (*MEMBERS, *BY_KEY), ("stranger", "foreign key")
PUBLIC = ROUTES["health/live"].rule
KINDS = ("GET", "POST", "DELETE", "OPTIONS")  # the other methods are each as one of these
# The link of an invitation is all that opens it, for whoever has it (test_invitations.py).
CAPABILITIES = {"token"}


class Ids:
    """Ids to ask with, and what to call them where an answer echoes them."""

    def __init__(self, tenant: Tenant, *, exist: bool) -> None:
        values = {"word": tenant.word, **tenant.ids}
        self.values = {name: value if exist else missing(value) for name, value in values.items()}

    def below(self, slug: str) -> "Ids":
        """The same below another project."""
        made = copy(self)
        made.values = {**self.values, "slug": slug}
        return made

    def echoed(self, asked: str) -> dict[str, str]:
        """Of what was asked with: the rest may not differ."""
        return {value: name for name, value in self.values.items() if value in asked}


class Comparison:
    """Asks twice and collects what differs."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.wrong: list[str] = []
        self.asked = 0

    def same(self, who: str, method: str, first: tuple[str, Ids], second: tuple[str, Ids], route: Route) -> None:
        told = [self.told(who, method, path, ids, route) for path, ids in (first, second)]
        if told[0] != told[1]:
            lines = next(pair for pair in zip_longest(*(one.split("\n") for one in told)) if pair[0] != pair[1])
            self.wrong.append(
                f"{method} {first[0]} as {who}: {str(lines[0])[:200]!r}, of one that is missing {str(lines[1])[:200]!r}"
            )

    def told(self, who: str, method: str, path: str, ids: Ids, route: Route) -> str:
        asker = self.world.askers[who]
        body: Any = route.body
        if not isinstance(body, bytes):
            body = {name: value.format_map({**ids.values, "email": asker.email}) for name, value in body.items()}
        self.asked += 1
        return shape(ask(asker, method, path, body, route.content_type), ids.echoed(f"{path} {body}"))


@pytest.fixture
def comparison(world: World) -> Iterator[Comparison]:
    """Fails with all that differed together, and where anything of either project changed."""
    made = Comparison(world)
    yield made
    made.wrong += [f"changed {table}: {change}" for table, change in world.changes()]
    assert made.asked
    assert not made.wrong, "\n".join(["", *made.wrong])


@pytest.mark.parametrize("name", [name for name in WITH_IDS if not CAPABILITIES & set(parameters(name))])
def test_a_foreign_id_answers_as_a_missing_one(name: str, world: World, comparison: Comparison) -> None:
    route, a = route_of(name), world.a
    real, gone = Ids(a, exist=True), Ids(a, exist=False)
    for which in range(max(map(len, route.fill.values()), default=1)):
        foreign = place(name, real.values, which=which), real
        nothing = place(name, gone.values, which=which), gone
        of_persons = "slug" not in parameters(name)
        for who, method in product((*OUTSIDERS, *(("editor", "viewer") if of_persons else ())), KINDS):
            comparison.same(who, method, foreign, nothing, route)
            if route.fill and not of_persons:
                below = gone.below(a.ids["slug"])
                comparison.same(who, method, foreign, (place(name, below.values, which=which), below), route)


@pytest.mark.parametrize("name", [name for name in WITH_IDS if "slug" in parameters(name) and route_of(name).fill])
def test_a_foreign_id_below_ones_own_project(name: str, world: World, comparison: Comparison) -> None:
    """/projects/mine/settings/members/<a member of yours>/"""
    route = route_of(name)
    for own, other, askers in ((world.b, world.a, OF_B), (world.a, world.b, OF_A)):
        real, gone = Ids(other, exist=True), Ids(other, exist=False)
        for which in range(max(map(len, route.fill.values()))):
            first, second = ((place(name, ids.values, own.ids["slug"], which), ids) for ids in (real, gone))
            for who in askers:
                for method in KINDS:
                    comparison.same(who, method, first, second, route)


@pytest.mark.parametrize("name", [name for name in WITH_IDS if route_of(name).queries])
def test_a_foreign_id_as_a_parameter(name: str, world: World, comparison: Comparison) -> None:
    route = route_of(name)
    for own, other, askers in ((world.b, world.a, OF_B), (world.a, world.b, OF_A)):
        here = place(name, own.ids)
        for query in route.queries:
            first, second = (
                (f"{here}?{other.filled(query, **ids.values)}", ids)
                for ids in (Ids(other, exist=True), Ids(other, exist=False))
            )
            for who in askers:
                comparison.same(who, "GET", first, second, route)


# The last one is how a cursor says "p=%00".
ODD = ("a%00b", "%F0%9F%90%9F", "'", "x" * 300, "9" * 30, "%ED%A0%80", "cD0lMDA%3D")


@pytest.mark.parametrize("name", WITH_IDS)
def test_what_is_no_id_at_all(name: str, world: World) -> None:
    """Nothing but a missing page, whatever stands in the address: that a database cannot take it is no excuse."""
    route, own = route_of(name), world.a.ids
    fill = {"slug": "slug"} | {what: found[0] for what, found in route.fill.items()}
    wrong = []
    for what, odd, who, method in product(parameters(name), ODD, asking(name), ("GET", "POST")):
        path = address(name, {name: own[kind] for name, kind in fill.items()} | {what: odd})
        became = outcome(ask(world.askers[who], method, path))
        if became not in (MISSING, SIGN_IN, REFUSED, NOT_ALLOWED) and route.rule is not PUBLIC:
            wrong.append(f"{method} {path} as {who}: {became}")
    assert not wrong, "\n".join(["", *wrong])


@pytest.mark.parametrize(
    "name", [name for name, route in ROUTES.items() if route.queries or isinstance(route.body, dict)]
)
def test_what_is_no_value_at_all(name: str, world: World) -> None:
    """The same in parameters and fields of forms: there is an answer, of whichever kind."""
    route, a = route_of(name), world.a
    path = place(name, a.ids)
    queries = [dict(parse_qsl(a.filled(query))) for query in route.queries]
    body = {} if isinstance(route.body, bytes) else route.body
    tries = [
        ("GET", f"{path}?{urlencode(query | {what: unquote(odd)})}", {})
        for query in queries
        for what in query
        for odd in ODD
    ]
    tries += [("POST", path, {**body, what: unquote(odd)}) for what in body for odd in ODD]
    for method, path, form in tries:
        with undone():
            ask(world.askers[asking(name)[0]], method, path, form)


def asking(name: str) -> tuple[str, ...]:
    return ("read key", "foreign key") if name.startswith("api/") else ("owner", "stranger")


def test_whose_address_it_is_is_not_told(world: World) -> None:
    """By the forms that anybody may send."""
    for path, form in (
        ("/account/login/", {"login": "{email}", "password": "a guess of somebody"}),
        ("/account/password/reset/", {"email": "{email}"}),
    ):
        told = []
        for email in (world.a.people["owner"].email, f"owner@{missing(world.a.word)}.example"):
            body = {name: value.format(email=email) for name, value in form.items()}
            told.append(shape(ask(Asker(), "POST", path, body), {email: "email"}))
        assert told[0] == told[1], path
