"""Projects and memberships in the admin: a project that has members keeps an owner, whatever staff press."""

import pytest
from django.utils import timezone

from accounts.models import Action, AuditEvent, Membership, Project
from accounts.services import members
from tests.admin.conftest import said

pytestmark = pytest.mark.django_db(databases=["default", "local"])

PROJECTS, MEMBERS = "/admin/accounts/project/", "/admin/accounts/membership/"
NEEDS_OWNER = "A project needs an owner. Make another member the owner first."


def act(client, where, action, *chosen):
    return client.post(where, {"action": action, "_selected_action": [one.pk for one in chosen]}, follow=True)


def roles(project):
    return dict(project.memberships.values_list("user__email", "role"))


def save(client, project, *rows, **values):
    """Save a project's page; rows: (membership or None, user, role, whether it goes)."""
    data = {"name": project.name, "time_zone": project.time_zone, "memberships-TOTAL_FORMS": len(rows),
            "memberships-INITIAL_FORMS": sum(row[0] is not None for row in rows), **values}  # fmt: skip
    for place, (member, user, role, goes) in enumerate(rows):
        row = {"id": member.pk if member else "", "project": project.pk, "user": user.pk, "role": role}
        data |= {f"memberships-{place}-{name}": value for name, value in row.items()}
        if goes:
            data[f"memberships-{place}-DELETE"] = "on"
    return client.post(f"{PROJECTS}{project.pk}/change/", data, follow=True)


@pytest.fixture
def ada(shop, owner):
    return shop.memberships.get(user=owner)


@pytest.fixture
def hopper(shop, grace):
    return shop.memberships.get(user=grace)


def test_the_page_of_a_project_cannot_leave_it_without_an_owner(admin_client, shop, ada, hopper):
    for rows in (
        [(ada, ada.user, "editor", False), (hopper, hopper.user, "viewer", False)],
        [(ada, ada.user, "owner", True), (hopper, hopper.user, "editor", False)],
    ):
        assert said(save(admin_client, shop, *rows, name="Renamed")) == [NEEDS_OWNER]
    assert roles(shop) == {"ada@example.org": "owner", "grace@example.org": "viewer"}, "nothing was changed"
    shop.refresh_from_db()
    assert shop.name == "Shop"


def test_one_save_hands_it_over(admin_client, boss, shop, ada, hopper):
    save(admin_client, shop, (ada, ada.user, "owner", True), (hopper, hopper.user, "owner", False))
    assert roles(shop) == {"grace@example.org": "owner"}
    events = AuditEvent.objects.filter(project=shop, actor=boss).order_by("pk").values_list("action", "target")
    assert list(events) == [("member_changed", "grace@example.org"), ("member_removed", "ada@example.org")]


def test_a_member_is_added_and_stays_who_they_are(admin_client, boss, shop, ada, hopper):
    save(
        admin_client,
        shop,
        (ada, ada.user, "owner", False),
        (hopper, boss, "editor", False),
        (None, boss, "viewer", False),
    )
    assert roles(shop) == {
        "ada@example.org": "owner",
        "grace@example.org": "editor",
        "boss@example.org": "viewer",
    }, "of an existing membership only the role changes"
    assert AuditEvent.objects.get(target="boss@example.org").details == {"role": ["none", "viewer"]}


def test_who_cannot_sign_in_is_no_owner(admin_client, shop, ada, hopper, owner):
    hopper.role = "owner"
    hopper.save()
    hopper.user.is_active = False
    hopper.user.save()
    rows = [(ada, owner, "viewer", False), (hopper, hopper.user, "owner", False)]
    assert said(save(admin_client, shop, *rows)) == [NEEDS_OWNER]


def test_the_page_of_a_membership(admin_client, shop, ada, hopper, boss):
    change = f"{MEMBERS}{ada.pk}/change/"
    assert said(admin_client.post(change, {"role": "viewer"}, follow=True)) == [NEEDS_OWNER]
    assert said(admin_client.post(f"{MEMBERS}{ada.pk}/delete/", {"post": "yes"}, follow=True)) == [NEEDS_OWNER]
    assert said(act(admin_client, MEMBERS, "take_out", ada)) == [f"Shop: {NEEDS_OWNER}"]
    other = Project.objects.create(slug="other", name="Other")
    admin_client.post(f"{MEMBERS}{hopper.pk}/change/", {"role": "owner", "user": boss.pk, "project": other.pk})
    assert roles(shop) == {"ada@example.org": "owner", "grace@example.org": "owner"}
    assert said(act(admin_client, MEMBERS, "take_out", ada))[-1:] == ["ada@example.org is no longer a member of Shop."]
    assert roles(shop) == {"grace@example.org": "owner"}


def test_the_first_member_is_an_owner(admin_client, boss):
    empty = Project.objects.create(slug="empty", name="Empty")
    data = {"user": boss.pk, "project": empty.pk, "role": "editor"}
    assert NEEDS_OWNER in said(admin_client.post(f"{MEMBERS}add/", data, follow=True))
    assert not empty.memberships.exists()
    admin_client.post(f"{MEMBERS}add/", data | {"role": "owner"})
    assert roles(empty) == {"boss@example.org": "owner"}
    with pytest.raises(members.ValidationError):
        members.add(empty, boss, "owner", by=boss)


def test_no_membership_goes_in_bulk(admin_client, ada):
    assert "delete_selected" not in admin_client.get(MEMBERS).content.decode()
    act(admin_client, MEMBERS, "delete_selected", ada)
    assert Membership.objects.filter(pk=ada.pk).exists()


def test_a_project_is_made_and_changed_by_the_services(admin_client, boss):
    data = {"slug": "new", "name": "New", "time_zone": "Europe/Vienna"}
    data |= {"memberships-TOTAL_FORMS": 1, "memberships-INITIAL_FORMS": 0, "memberships-0-user": boss.pk,
             "memberships-0-role": "owner"}  # fmt: skip
    assert admin_client.post(f"{PROJECTS}add/", data).status_code == 302
    project = Project.objects.get(slug="new")
    assert (project.name, project.time_zone, roles(project)) == ("New", "Europe/Vienna", {"boss@example.org": "owner"})
    save(admin_client, project, (project.memberships.get(), boss, "owner", False), name="Newer", slug="other")
    project.refresh_from_db()
    assert (project.slug, project.name) == ("new", "Newer"), "a slug stands in other people's programs"
    actions = AuditEvent.objects.filter(project=project).order_by("pk").values_list("action", flat=True)
    assert list(actions) == [Action.PROJECT_CREATED, Action.MEMBER_CHANGED, Action.PROJECT_CHANGED]


def test_archived_deleted_and_had_back(admin_client, boss, shop):
    act(admin_client, PROJECTS, "archive", shop)
    shop.refresh_from_db()
    assert shop.archived and not shop.delete_after
    assert "will be deleted on" in said(act(admin_client, PROJECTS, "delete_after_grace", shop))[0]
    shop.refresh_from_db()
    assert shop.delete_after > timezone.now()
    for query, found in (("delete_after__isempty=0", 1), ("delete_after__isempty=1", 0), ("archived__isempty=0", 1)):
        assert admin_client.get(f"{PROJECTS}?{query}").context["cl"].result_count == found
    assert "stays, in the archive" in said(act(admin_client, PROJECTS, "restore", shop))[0]
    act(admin_client, PROJECTS, "restore", shop)
    shop.refresh_from_db()
    assert (shop.archived, shop.delete_after) == (None, None)
    actions = AuditEvent.objects.filter(actor=boss, project=shop).order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["project_archived", "project_deleted", "project_restored", "project_restored"]


def test_never_deleted_directly(admin_client, shop):
    assert admin_client.post(f"{PROJECTS}{shop.pk}/delete/", {"post": "yes"}).status_code == 403
    act(admin_client, PROJECTS, "delete_selected", shop)
    assert Project.objects.filter(pk=shop.pk).exists()


def test_who_may_change_projects_may_not_give_them_up(make_staff, signed_in, shop):
    client = signed_in(make_staff("accounts.view_project", "accounts.change_project"))
    assert "delete_after_grace" not in client.get(PROJECTS).content.decode()
    act(client, PROJECTS, "delete_after_grace", shop)
    shop.refresh_from_db()
    assert shop.delete_after is None
    act(client, PROJECTS, "archive", shop)
    shop.refresh_from_db()
    assert shop.archived is not None
