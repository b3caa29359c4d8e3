"""Who may do what: by role, by project, by field. Asked of the server directly, since a page that hides a button holds
nobody back."""

import pytest

from accounts.keys import create_key
from accounts.models import ApiKey, Membership, Project
from accounts.services import create_project
from tests.accounts.people import guest, shown, user

pytestmark = pytest.mark.django_db(databases=["default", "local"])

ROLES = ("viewer", "editor", "owner")
SEE, EDIT, MANAGE = set(ROLES), {"editor", "owner"}, {"owner"}
# What is asked of a project (without its prefix), with what, and who may.
WAYS = (
    ("GET", "", {}, SEE), ("GET", "ledger/", {}, SEE), ("GET", "settings/", {}, SEE),
    ("GET", "settings/members/", {}, SEE),
    ("GET", "settings/ingest/", {}, EDIT), ("POST", "settings/ingest/", {"endpoint_cap": "9"}, EDIT),
    ("GET", "settings/keys/", {}, EDIT), ("POST", "settings/keys/", {"name": "x", "scope": "read", "days": "0"}, EDIT),
    ("POST", "settings/first-key/", {}, EDIT), ("POST", "settings/keys/PREFIX/revoke/", {}, EDIT),
    ("POST", "settings/", {"name": "Renamed", "time_zone": "UTC"}, MANAGE), ("GET", "settings/audit/", {}, MANAGE),
    ("POST", "settings/archive/", {}, MANAGE), ("POST", "settings/restore/", {}, MANAGE),
    ("POST", "settings/delete/", {"slug": "shop"}, MANAGE),
    ("POST", "settings/members/invite/", {"email": "x@example.org", "role": "viewer"}, MANAGE),
    ("POST", "settings/members/MEMBER/", {"role": "editor"}, MANAGE),
)  # fmt: skip


@pytest.fixture
def people(db):
    """A shop with one member of each role and a spare one; and a stranger with a project of their own."""
    found = {role: user(f"{role}@example.org") for role in (*ROLES, "spare", "stranger")}
    shop = create_project("shop", owner=found["owner"])
    for role in ("viewer", "editor"):
        Membership.objects.create(project=shop, user=found[role], role=role)
    spare = Membership.objects.create(project=shop, user=found["spare"], role="viewer")
    create_project("foreign", owner=found["stranger"])
    key, _ = create_key(shop, "read", "key")
    return found | {"shop": shop, "MEMBER": str(spare.pk), "PREFIX": key.prefix}


def ask(people, who, method, path, data, slug="shop"):
    browser = guest()
    if who in people:
        browser.force_login(people[who])
    for name in ("MEMBER", "PREFIX"):
        path = path.replace(name, people[name])
    address = f"/projects/{slug}/{path}"
    return browser.post(address, data) if method == "POST" else browser.get(address)


@pytest.mark.parametrize(("method", "path", "data", "may"), WAYS)
def test_each_role_may_what_it_may(people, method, path, data, may):
    for role in ROLES:
        if role not in may:
            assert ask(people, role, method, path, data).status_code == 403, role
    for role in sorted(may, reverse=True):
        assert ask(people, role, method, path, data).status_code in (200, 302, 422), role


@pytest.mark.parametrize(("method", "path", "data", "may"), WAYS)
def test_a_foreign_project_is_as_none(people, method, path, data, may):
    shop = vars(Project.objects.get(slug="shop"))
    foreign = ask(people, "stranger", method, path, data)
    missing = ask(people, "stranger", method, path, data, slug="missing")
    assert foreign.status_code == missing.status_code == 404
    assert shown(foreign).replace("shop", "") == shown(missing).replace("missing", "")
    after = vars(Project.objects.get(slug="shop"))
    assert {name: value for name, value in after.items() if name != "_state"} == {
        name: value for name, value in shop.items() if name != "_state"
    }


@pytest.mark.parametrize(("method", "path", "data", "may"), WAYS)
def test_nobody_is_sent_to_sign_in(people, method, path, data, may):
    assert ask(people, "nobody", method, path, data)["Location"].startswith("/account/login/?next=")


def test_an_id_of_another_project_is_as_none(people):
    """Of a key, a member, an invitation: under a project that one may manage."""
    own = create_project("own", owner=people["stranger"])
    for path, data in (("settings/keys/PREFIX/revoke/", {}), ("settings/members/MEMBER/", {"role": "remove"})):
        assert ask(people, "stranger", "POST", path, data, slug=own.slug).status_code == 404
    assert Membership.objects.filter(pk=people["MEMBER"]).exists()
    assert not ApiKey.objects.get(prefix=people["PREFIX"]).revoked


def test_only_the_fields_of_a_form_are_taken(people):
    """Whatever else is sent with it."""
    more = {"slug": "mine", "archived": "2020-01-01", "delete_after": "2020-01-01", "id": "7", "members": "1"}
    ask(people, "owner", "POST", "settings/", {"name": "Renamed", "time_zone": "UTC", **more})
    shop = Project.objects.get(pk=people["shop"].pk)
    assert (shop.name, shop.slug, shop.archived, shop.delete_after) == ("Renamed", "shop", None, None)

    browser = guest()
    browser.force_login(people["viewer"])
    browser.post(
        "/account/profile/", {"name": "V", "email": "boss@example.org", "is_staff": "on", "is_superuser": "on"}
    )
    people["viewer"].refresh_from_db()
    one = people["viewer"]
    assert (one.name, one.email, one.is_staff, one.is_superuser) == ("V", "viewer@example.org", False, False)

    data = {"endpoint_cap": "9", "project": str(Project.objects.get(slug="foreign").pk)}
    ask(people, "editor", "POST", "settings/ingest/", data)
    assert not hasattr(Project.objects.get(slug="foreign"), "settings")


def test_an_editor_makes_no_owner(people):
    assert ask(people, "editor", "POST", "settings/members/MEMBER/", {"role": "owner"}).status_code == 403
    assert Membership.objects.get(pk=people["MEMBER"]).role == "viewer"


def test_a_role_that_was_taken_away_is_gone_at_once(people):
    browser = guest()
    browser.force_login(people["editor"])
    assert browser.get("/projects/shop/settings/keys/").status_code == 200
    Membership.objects.filter(user=people["editor"]).update(role="viewer")
    assert browser.get("/projects/shop/settings/keys/").status_code == 403
    Membership.objects.filter(user=people["editor"]).delete()
    assert browser.get("/projects/shop/settings/keys/").status_code == 404


@pytest.mark.parametrize(("scope", "reads", "sends"), [("ingest", 403, 200), ("read", 200, 403), ("write", 200, 403)])
def test_a_key_may_what_its_scope_says(people, scope, reads, sends):
    from django.utils import timezone

    _, secret = create_key(people["shop"], scope, scope)
    program = guest(headers={"Authorization": f"Bearer {secret}"})
    hits = [{"time": timezone.now().isoformat(), "method": "GET", "path": "/", "status": 200}]
    assert program.get("/api/v1/projects/shop/batches").status_code == reads
    assert program.post("/api/v1/ingest/hits", hits, content_type="application/json").status_code == sends
    assert program.get("/api/v1/projects/foreign/batches").status_code in (403, 404)
    for address in ("/projects/shop/", "/account/", "/admin/"):
        assert program.get(address).status_code == 302, "no key is a session"


def test_staff_are_no_members(people):
    """What staff may, they may in the admin, where it is noted; pages of projects are their members'."""
    boss = user("boss@example.org", is_staff=True, is_superuser=True)
    browser = guest()
    browser.force_login(boss)
    assert browser.get("/projects/shop/").status_code == 404
