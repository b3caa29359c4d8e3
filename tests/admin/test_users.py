"""What staff do for users, and what they cannot."""

import re

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.admin.models import LogEntry
from django.core import mail
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from accounts.models import Action, AuditEvent, Membership, Project, User
from accounts.services import create_project
from accounts.services import users as services
from tests.admin.conftest import said

pytestmark = pytest.mark.django_db(databases=["default", "local"], transaction=True)

LIST = "/admin/accounts/user/"
PASSWORD = "seven green bicycles"


def page_of(user, what="change"):
    return f"{LIST}{user.pk}/{what}/"


def act(client, action, *chosen, **more):
    data = {"action": action, "_selected_action": [user.pk for user in chosen], **more}
    return client.post(LIST, data, follow=True)


def form_of(client, user, **changes):
    """The form of a user's page as it stands, with changes: what a browser would send."""
    form = client.get(page_of(user)).context["adminform"].form
    data = {name: form[name].value() for name in form.fields}
    data = {name: value for name, value in data.items() if value not in (None, False, [])}
    rows = list(user.memberships.order_by("pk"))
    data |= {"memberships-TOTAL_FORMS": len(rows), "memberships-INITIAL_FORMS": len(rows)}
    for place, row in enumerate(rows):
        data |= {f"memberships-{place}-id": row.pk, f"memberships-{place}-user": user.pk,
                 f"memberships-{place}-project": row.project_id, f"memberships-{place}-role": row.role}  # fmt: skip
    data |= changes
    return {name: value for name, value in data.items() if value is not None}


def noted(action, **more):
    return list(AuditEvent.objects.filter(action=action, **more).order_by("pk"))


def sign_in(user, password=PASSWORD):
    user.set_password(password)
    user.save()
    browser = Client()
    browser.post("/account/login/", {"login": user.email, "password": password})
    assert browser.get("/account/").status_code == 200
    return browser


def test_found_and_filtered(admin_client, shop, grace):
    Authenticator.objects.create(user=grace, type="totp", data={})
    for query, expected in (
        ("q=grac", {"grace@example.org"}),
        ("factor=yes", {"grace@example.org"}),
        ("factor=no&is_superuser__exact=0", {"ada@example.org"}),
        ("is_active__exact=0", set()),
    ):
        listed = admin_client.get(f"{LIST}?{query}").context["cl"].result_list
        assert {user.email for user in listed} == expected, query


def test_a_user_that_staff_add_can_sign_in_at_once(admin_client):
    data = {"email": "New@Example.org", "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    assert admin_client.post(f"{LIST}add/", data).status_code == 302
    user = User.objects.get(email="new@example.org")
    (address,) = EmailAddress.objects.filter(user=user)
    assert (address.email, address.verified, address.primary) == (user.email, True, True)
    browser = Client()
    browser.post("/account/login/", {"login": "new@example.org", "password": PASSWORD})
    own = {"oldpassword": PASSWORD, **dict.fromkeys(("password1", "password2"), "eight red tramways")}
    assert browser.post("/account/password/change/", own).status_code == 302
    assert browser.get("/account/").status_code == 200
    assert noted(Action.USER_CHANGED, target="new@example.org")[0].details == {"added": True}


@pytest.mark.parametrize("email", ["GRACE@example.org", "second@example.org"])
def test_an_address_is_one_persons(admin_client, grace, email):
    EmailAddress.objects.create(user=grace, email="second@example.org", verified=True)
    data = {"email": email, "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    response = admin_client.post(f"{LIST}add/", data)
    assert response.context["adminform"].form.errors["email"]
    assert User.objects.filter(email__iexact=email).count() == (1 if "grace" in email.lower() else 0)


def test_a_changed_address_is_the_one_to_sign_in_by(admin_client, boss, grace):
    sign_in(grace)
    EmailAddress.objects.create(user=grace, email="asked-for@example.org")
    response = admin_client.post(page_of(grace), form_of(admin_client, grace, email="Hopper@example.org"))
    assert response.status_code == 302
    (address,) = EmailAddress.objects.filter(user=grace)
    assert (address.email, address.verified, address.primary) == ("hopper@example.org", True, True)
    old, new = Client(), Client()
    old.post("/account/login/", {"login": "grace@example.org", "password": PASSWORD})
    assert old.get("/account/").status_code == 302
    new.post("/account/login/", {"login": "hopper@example.org", "password": PASSWORD})
    assert new.get("/account/").status_code == 200
    assert mail.outbox[-1].to == ["grace@example.org"], "who had the old address is told"
    assert noted(Action.USER_CHANGED, actor=boss)[-1].details == {"changed": ["E-mail"]}


def test_deactivated_is_signed_out_at_once_and_for_good(admin_client, boss, grace):
    browser = sign_in(grace)
    response = act(admin_client, "deactivate", grace)
    assert "cannot sign in" in said(response)[0]
    assert browser.get("/account/").status_code == 302
    assert not UserSession.objects.filter(user=grace).exists()
    again = Client()
    again.post("/account/login/", {"login": grace.email, "password": PASSWORD})
    assert again.get("/account/").status_code == 302
    act(admin_client, "activate", grace)
    assert browser.get("/account/").status_code == 302, "what was ended stays ended"
    again.post("/account/login/", {"login": grace.email, "password": PASSWORD})
    assert again.get("/account/").status_code == 200
    assert [event.details for event in noted(Action.USER_CHANGED, actor=boss)] == [
        {"is_active": [True, False]}, {"is_active": [False, True]},
    ]  # fmt: skip


def test_the_tick_on_the_page_does_the_same(admin_client, grace):
    browser = sign_in(grace)
    admin_client.post(page_of(grace), form_of(admin_client, grace, is_active=None))
    grace.refresh_from_db()
    assert not grace.is_active
    assert browser.get("/account/").status_code == 302
    admin_client.post(page_of(grace), form_of(admin_client, grace, is_active="on"))
    grace.refresh_from_db()
    assert grace.is_active


def test_who_deactivates_an_only_owner_is_warned(admin_client, shop, owner):
    response = act(admin_client, "deactivate", owner)
    assert any("Shop: no owner is left" in message for message in said(response))
    owner.refresh_from_db()
    assert not owner.is_active, "it may be urgent"


def test_all_sessions_end(admin_client, grace):
    browsers = [sign_in(grace)]
    other = Client()
    other.post("/account/login/", {"login": grace.email, "password": PASSWORD})
    response = act(admin_client, "end_sessions", grace)
    assert "out of 2 browsers" in said(response)[0]
    assert [browser.get("/account/").status_code for browser in (*browsers, other)] == [302, 302]
    assert noted(Action.SESSION_ENDED, target=grace.email)[0].details == {"sessions": 2}


def test_lost_second_factors_are_removed_after_a_question(admin_client, boss, grace):
    browser = sign_in(grace)
    for kind in ("totp", "recovery_codes"):
        Authenticator.objects.create(user=grace, type=kind, data={})
    asked = act(admin_client, "remove_second_factors", grace)
    assert b"the password alone then opens the account" in asked.content
    assert Authenticator.objects.filter(user=grace).count() == 2
    act(admin_client, "remove_second_factors", grace, confirmed="yes")
    assert not Authenticator.objects.filter(user=grace).exists()
    assert browser.get("/account/").status_code == 302
    (event,) = noted(Action.FACTOR_REMOVED)
    assert (event.actor, event.target, event.details) == (boss, grace.email, {"removed": ["totp", "recovery_codes"]})
    assert mail.outbox[-1].to == [grace.email]
    assert "second factors" in mail.outbox[-1].body


def test_a_password_that_staff_set_is_noted_and_told(admin_client, grace):
    browser = sign_in(grace)
    data = {"password1": "nine yellow tramways", "password2": "nine yellow tramways", "usable_password": "true",
            "set-password": "Change password"}  # fmt: skip
    assert admin_client.post(page_of(grace, "password"), data).status_code == 302
    assert browser.get("/account/").status_code == 302
    assert noted(Action.USER_CHANGED, target=grace.email)[-1].details == {"changed": ["password"]}
    assert mail.outbox[-1].to == [grace.email]


def test_deleting_asks_the_service(admin_client, shop, owner, grace):
    response = admin_client.post(page_of(owner, "delete"), {"post": "yes"}, follow=True)
    assert said(response) == ["ada@example.org is the only owner of Shop. Make another member the owner first."]
    assert User.objects.filter(pk=owner.pk).exists()

    Membership.objects.filter(user=grace).update(role="owner")
    alone = create_project("alone", owner=owner)
    shown = admin_client.get(page_of(owner, "delete")).content.decode()
    assert "after the grace period" in shown
    admin_client.post(page_of(owner, "delete"), {"post": "yes"})
    assert not User.objects.filter(pk=owner.pk).exists()
    alone.refresh_from_db()
    assert alone.delete_after is not None
    assert noted(Action.USER_DELETED)[0].actor_name == "boss@example.org"


def test_nothing_of_a_deleted_user_is_left_in_either_log(admin_client, shop, grace):
    from accounts.audit import note

    note(Action.MEMBER_JOINED, by=grace, project=shop, details={"role": "viewer", "as": grace.email})
    note(Action.EMAIL_CHANGED, by=grace, target="hopper@example.org")
    admin_client.post(page_of(grace), form_of(admin_client, grace, name="Hopper"))
    assert LogEntry.objects.filter(object_repr=grace.email).exists()
    admin_client.post(page_of(grace, "delete"), {"post": "yes"})
    kept = [str(vars(line)) for line in (*AuditEvent.objects.all(), *LogEntry.objects.all())]
    assert kept and not [line for line in kept if "grace@" in line or "hopper@" in line]


def test_not_in_bulk(admin_client, owner, grace):
    """Django's own action would ask no service."""
    assert "delete_selected" not in admin_client.get(LIST).content.decode()
    act(admin_client, "delete_selected", grace, post="yes")
    assert User.objects.filter(pk=grace.pk).exists()


def test_not_to_oneself(admin_client, boss):
    Authenticator.objects.create(user=boss, type="totp", data={})
    for action in ("deactivate", "remove_second_factors"):
        assert any("is you" in message for message in said(act(admin_client, action, boss, confirmed="yes"))), action
    boss.refresh_from_db()
    assert boss.is_active and Authenticator.objects.filter(user=boss).exists()
    assert admin_client.post(page_of(boss, "delete"), {"post": "yes"}).status_code == 403
    changed = form_of(admin_client, boss, email="other@example.org", is_active=None, is_superuser=None, name="Boss")
    admin_client.post(page_of(boss), changed)
    boss.refresh_from_db()
    assert (boss.email, boss.is_active, boss.is_superuser, boss.name) == ("boss@example.org", True, True, "Boss")
    for address in (page_of(boss, "password"), "/admin/password_change/"):
        assert admin_client.get(address)["Location"] == "/account/password/change/", "by the old one"


def test_nor_by_another_of_the_staff(make_staff, signed_in, grace):
    """Who may change users could take over one who may more."""
    client = signed_in(make_staff("accounts.view_user", "accounts.change_user"))
    other = make_staff("accounts.view_apikey", "accounts.change_project", email="other@example.org")
    Authenticator.objects.create(user=other, type="totp", data={})
    given = {"password1": "nine blue umbrellas", "password2": "nine blue umbrellas", "usable_password": "true"}
    for what, data in (("password", given), ("change", {"email": "mine@example.org"})):
        assert client.post(page_of(other, what), data).status_code == 403
    assert "only a superuser may do this" in said(act(client, "remove_second_factors", other, confirmed="yes"))[0]
    other.refresh_from_db()
    assert other.email == "other@example.org" and other.check_password("a long password")
    assert Authenticator.objects.filter(user=other).exists()
    assert client.post(page_of(grace, "password"), given).status_code == 302, "who is not staff"


def test_a_password_that_staff_take_away(admin_client, grace):
    User.objects.filter(pk=grace.pk).update(first_password_ends=timezone.now())
    browser = Client()
    browser.force_login(grace)
    admin_client.post(page_of(grace, "password"), {"usable_password": "false", "unset-password": "1"})
    grace.refresh_from_db()
    assert not grace.has_usable_password() and grace.first_password_ends is None
    (line,) = noted(Action.USER_CHANGED, target=grace.email)
    assert line.details == {"changed": ["no password"]}
    assert mail.outbox[-1].to == [grace.email] and "took away the password" in mail.outbox[-1].body


def test_one_that_staff_set_is_theirs_for_some_days_or_not_at_all(admin_client, grace, monkeypatch):
    """In one commit: a password without an end would stay."""
    before = grace.password

    def busy(*args, **more):
        raise OperationalError("database is locked")

    monkeypatch.setattr(services, "give_password", busy)
    given = {"password1": "nine blue umbrellas", "password2": "nine blue umbrellas", "usable_password": "true"}
    admin_client.raise_request_exception = False
    assert admin_client.post(page_of(grace, "password"), given).status_code >= 500
    grace.refresh_from_db()
    assert grace.password == before and not mail.outbox


def test_staff_cannot_become_more_than_they_are(make_staff, signed_in, boss, grace):
    rights = ("accounts.view_user", "accounts.change_user", "accounts.delete_user", "accounts.add_user",
              "auth.change_group", "auth.view_group", "auth.add_group")  # fmt: skip
    client = signed_in(make_staff(*rights))
    more = form_of(client, grace, is_staff="on", is_superuser="on", groups=[], user_permissions=[], name="Hopper")
    assert client.post(page_of(grace), more).status_code == 302
    grace.refresh_from_db()
    assert (grace.name, grace.is_staff, grace.is_superuser) == ("Hopper", False, False)
    assert client.get(page_of(boss)).status_code == 200, "looked at"
    for what in ("change", "password", "delete"):
        assert client.post(page_of(boss, what), {"post": "yes", "name": "x"}).status_code == 403
    for action in ("deactivate", "end_sessions", "remove_second_factors"):
        assert "only a superuser may do this" in said(act(client, action, boss, confirmed="yes"))[0]
    assert client.get("/admin/auth/group/").status_code == 403
    boss.refresh_from_db()
    assert boss.is_active


def test_who_may_only_look_has_no_actions(make_staff, signed_in, grace):
    client = signed_in(make_staff("accounts.view_user"))
    assert not re.search(r'<option value="(deactivate|end_sessions)', client.get(LIST).content.decode())
    assert act(client, "deactivate", grace).status_code in (200, 403)
    grace.refresh_from_db()
    assert grace.is_active


def test_what_a_users_page_tells(admin_client, shop, grace):
    Authenticator.objects.create(user=grace, type="totp", data={})
    shown = admin_client.get(page_of(grace)).content.decode()
    addresses, factors = "grace@example.org (verified)", "TOTP Authenticator, never used"
    for fact in (addresses, factors, "0, ended by the action above", "Set another", "Shop"):
        assert fact in shown, fact


def test_a_mail_server_that_is_away_stops_nothing(grace, boss, monkeypatch, caplog):
    from django.core.mail import EmailMessage

    def away(*args, **kwargs):
        raise ConnectionRefusedError

    monkeypatch.setattr(EmailMessage, "send", away)
    Authenticator.objects.create(user=grace, type="totp", data={})
    assert services.remove_factors(grace, by=boss) == 1
    assert "could not be told" in caplog.text


def test_projects_of_a_user_are_edited_by_the_rule(admin_client, shop, owner):
    data = form_of(admin_client, owner) | {"memberships-0-role": "viewer"}
    response = admin_client.post(page_of(owner), data, follow=True)
    assert said(response) == ["A project needs an owner. Make another member the owner first."]
    response = admin_client.post(
        page_of(owner), form_of(admin_client, owner) | {"memberships-0-DELETE": "on"}, follow=True
    )
    assert "needs an owner" in said(response)[0]
    assert Project.objects.get(slug="shop").memberships.get(user=owner).role == "owner"
