"""What is kept of answers, and what is handed out of an account, is never another's."""

import json
from itertools import permutations, product

import pytest

from accounts import registry, user_cache
from accounts.models import Membership, User
from accounts.services import members, users
from accounts.user_cache import UserCache

from .asking import MISSING, REFUSED, Asker, ask, outcome, said, shape
from .routes import ASKERS, MEMBERS, SHOWN, place
from .world import OF_EDITORS, OF_OWNERS, Tenant, World, make_user, missing, signed_in

pytestmark = [pytest.mark.django_db(databases=["default", "local"]), pytest.mark.usefixtures("standing_still")]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no reason here to leave the cache alone."""
    monkeypatch.setattr(user_cache, "_patience", user_cache._Patience())
    monkeypatch.setattr(user_cache, "SLOW", 60.0)


def everybody() -> list[User]:
    return list(User.objects.order_by("pk"))


def test_nobody_is_given_what_another_was_answered(world: World) -> None:
    """Of another project, of another role, of an earlier self."""
    people = everybody()
    for user in people:
        UserCache(user).set("the same page", user.email)
    assert [UserCache(user).get("the same page") for user in people] == [user.email for user in people]
    assert UserCache(None).get("the same page") is None
    for user, other in permutations(people[:3], 2):
        assert UserCache(user).get(f"the same page of {other.pk}") is None
    user = people[0]
    user_cache.clear(user)
    assert UserCache(user).get("the same page") is None
    assert UserCache(people[1]).get("the same page") == people[1].email


def test_no_two_have_one_key(world: World) -> None:
    """However ids, epochs and names of keys run into one another."""
    parts, keys = (1, 11, 111, 1111), ("", "1", ":1", "1:", "1:1", "user:1:1", "a\0b", "\ud800")
    for pk, epoch, key in product(parts, parts, keys):
        UserCache(User(pk=pk, cache_epoch=epoch)).set(key, [pk, epoch, key.encode("utf-8", "surrogatepass").hex()])
    for pk, epoch, key in product(parts, parts, keys):
        kept = UserCache(User(pk=pk, cache_epoch=epoch)).get(key)
        assert kept == [pk, epoch, key.encode("utf-8", "surrogatepass").hex()]


def test_signing_out_clears_it(world: World) -> None:
    owner = User.objects.get(pk=world.a.people["owner"].pk)
    UserCache(owner).set("page", 1)
    ask(signed_in(owner), "POST", "/account/logout/")
    assert UserCache(User.objects.get(pk=owner.pk)).get("page") is None


@pytest.mark.parametrize("name", [name for name in SHOWN if "<str:slug>" in name])
def test_nothing_outlives_a_membership(name: str, world: World) -> None:
    """Who looked at a page a moment ago, and is out now, sees what a stranger sees; also with what a browser kept."""
    a = world.a
    asker, member = joined(a, "owner")
    path, slug = place(name, a.ids), missing(a.ids["slug"])
    first = ask(asker, "GET", path)
    assert first.status_code == 200, first.text
    members.remove(member, by=a.people["owner"])
    nothing = shape(ask(asker, "GET", place(name, a.ids, slug)), {slug: "slug"})
    for headers in ({}, {"If-None-Match": first.get("ETag", "*")}):
        again = ask(asker, "GET", path, headers=headers)
        assert outcome(again) == MISSING
        assert a.word not in said(again, path)
        assert shape(again, {a.ids["slug"]: "slug"}) == nothing


@pytest.mark.parametrize("name", SHOWN)
def test_nothing_outlives_a_role(name: str, world: World) -> None:
    asker, member = joined(world.a, "owner")
    path = place(name, world.a.ids)
    assert ask(asker, "GET", path).status_code == 200
    members.set_role(member, "viewer", by=world.a.people["owner"])
    now = ask(asker, "GET", path)
    assert outcome(now) == outcome(ask(world.askers["viewer"], "GET", path))
    told = said(now, path)
    assert OF_OWNERS not in told and OF_EDITORS not in told


def joined(tenant: Tenant, role: str) -> tuple[Asker, Membership]:
    user = make_user("newcomer@example.org")
    return signed_in(user), Membership.objects.create(project=tenant.project, user=user, role=role)


@pytest.mark.parametrize("what", ["stats", "endpoints/{endpoint}"])
def test_an_etag_of_another_opens_nothing(what: str, world: World) -> None:
    address = world.a.filled(f"/api/v1/projects/{{slug}}/{what}")
    etag = ask(world.askers["owner"], "GET", address)["ETag"]
    assert ask(world.askers["owner"], "GET", address, headers={"If-None-Match": etag}).status_code == 304
    for who in set(ASKERS) - {*MEMBERS, "read key", "write key"}:
        plain, asked = (
            ask(world.askers[who], "GET", address, headers=given) for given in ({}, {"If-None-Match": etag})
        )
        assert shape(asked, {}) == shape(plain, {}), who
        assert outcome(asked) in (MISSING, REFUSED)


def test_the_same_question_of_two_projects_has_two_etags(world: World) -> None:
    asked = {"owner": world.a, "stranger": world.b}
    query = "stats?from=2020-01-01&to=2020-01-02"
    tags = {
        ask(world.askers[who], "GET", f"/api/v1/projects/{own.ids['slug']}/{query}")["ETag"]
        for who, own in asked.items()
    }
    assert len(tags) == 2


@pytest.mark.parametrize("of_a", [True, False])
def test_an_export_names_nothing_of_others(of_a: bool, world: World) -> None:
    """Not of another project, and of one's own no more than one may see. (Files are to be added when there are any.)"""
    own, other = (world.a, world.b) if of_a else (world.b, world.a)
    for role, user in own.people.items():
        made = users.export(user)
        assert made.keys() >= registry.exports.keys()
        told = json.dumps(made, default=str).lower()
        assert own.word in told
        assert not [marker for marker in other.markers if marker.lower() in told]
        strangers = [person.email for person in everybody() if person != user]
        if role != "owner":  # who invited, and made the keys, has done so
            assert not [word for word in (OF_EDITORS, OF_OWNERS, *strangers) if word in told]


def test_an_export_of_who_is_in_no_project(world: World) -> None:
    for user in User.objects.filter(email__endswith="example.org"):
        told = json.dumps(users.export(user), default=str).lower()
        for tenant in (world.a, world.b):
            assert not [marker for marker in tenant.markers if marker.lower() in told], user


def test_the_installations_own_state_names_no_project(world: World) -> None:
    """/stats says of each project what its members may know; a key is no member."""
    for who in ASKERS:
        listed = [one["project"] for one in json.loads(ask(world.askers[who], "GET", "/stats").text)["projects"]]
        own = world.a if who in MEMBERS else world.b if who == "stranger" else None
        assert listed == ([own.ids["slug"]] if own else []), who
