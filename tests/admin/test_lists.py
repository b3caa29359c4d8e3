"""Keys, invitations, the audit log and the queue in the admin."""

import re

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_q.models import Failure
from django_q.tasks import async_task

from accounts.audit import note
from accounts.keys import find_key, known_keys
from accounts.models import Action, ApiKey, AuditEvent, Invitation
from accounts.services import keys, members
from endpoint_stats import sharing
from endpoint_stats.models import RoutePattern, SharedLink
from tests.admin.conftest import said

pytestmark = pytest.mark.django_db(databases=["default", "local"])

LINKS = "/admin/endpoint_stats/sharedlink/"
KEYS, INVITATIONS, AUDIT = (f"/admin/accounts/{name}/" for name in ("apikey", "invitation", "auditevent"))


def secret_on(response):
    return re.search(r'id="secret">([^<]+)<', response.content.decode())[1]


class TestKeys:
    def test_made_and_shown_once(self, admin_client, boss, shop):
        data = {"name": "grafana", "project": shop.pk, "scope": "read", "hits_per_minute": "5"}
        made = admin_client.post(f"{KEYS}add/", data)
        held = find_key(secret_on(made), timezone.now())
        assert (held.name, held.project, held.created_by, held.hits_per_minute) == ("grafana", shop, boss, 5)
        assert "no-store" in made["Cache-Control"]
        for page in (KEYS, f"{KEYS}{held.prefix}/change/", "/admin/"):
            assert secret_on(made) not in admin_client.get(page).content.decode()
        assert not list(admin_client.get(KEYS).context["messages"]), "no message keeps it"
        (event,) = AuditEvent.objects.filter(action=Action.KEY_CREATED)
        assert (event.actor, event.target) == (boss, f"grafana ({held.prefix})")

    def test_revoked_after_a_question(self, admin_client, boss, shop):
        key, secret = keys.create(shop, "read", "grafana", by=boss)
        other, _ = keys.create(shop, "read", "other", by=boss)
        data = {"action": "revoke", "_selected_action": key.prefix}
        assert b"at once and for good" in admin_client.post(KEYS, data).content
        assert find_key(secret, timezone.now()) == key
        assert said(admin_client.post(KEYS, data | {"confirmed": "yes"}, follow=True)) == [
            f"grafana ({key.prefix}) is revoked."
        ]
        assert find_key(secret, timezone.now()) is None
        assert list(ApiKey.objects.filter(revoked=False)) == [other]
        assert AuditEvent.objects.filter(action=Action.KEY_REVOKED, actor=boss).count() == 1

    def test_another_end_or_quota_is_followed_at_once(self, admin_client, boss, shop):
        key, secret = keys.create(shop, "ingest", "agent", by=boss)
        assert known_keys.find(secret, timezone.now()) == key
        admin_client.post(f"{KEYS}{key.prefix}/change/", {"name": "agent", "hits_per_minute": "1"})
        assert known_keys.find(secret, timezone.now()).hits_per_minute == 1
        over = {"expiry_date_0": "2020-01-01", "expiry_date_1": "00:00:00"}
        admin_client.post(f"{KEYS}{key.prefix}/change/", {"name": "agent", **over})
        assert known_keys.find(secret, timezone.now()) is None

    @pytest.mark.parametrize(
        "address",
        ["apikey/%00/change/", "apikey/a%00b/revoke/", "user/?email=%00", "apikey/?scope__exact=%00",
         "auditevent/?action__exact=%00", "user/?q=%00", "%00/"],
    )  # fmt: skip
    def test_a_nul_in_an_address_is_a_wrong_address(self, admin_client, address):
        assert admin_client.get(f"/admin/accounts/{address}").status_code in (302, 400, 404)

    def test_what_a_key_may_do_is_decided_when_it_is_made(self, admin_client, boss, shop, make_project):
        key, secret = keys.create(shop, "read", "grafana", by=boss)
        more = {
            "name": "renamed",
            "scope": "write",
            "project": make_project().pk,
            "revoked": "on",
            "hits_per_minute": "9",
        }
        admin_client.post(f"{KEYS}{key.prefix}/change/", more)
        key = find_key(secret, timezone.now())
        assert (key.name, key.scope, key.project, key.hits_per_minute) == ("renamed", "read", shop, 9)
        (event,) = AuditEvent.objects.filter(action=Action.PROJECT_CHANGED, project=shop)
        assert event.target == f"API key renamed ({key.prefix})"
        assert event.details == {"changed": ["name", "hits_per_minute"]}

    def test_never_deleted(self, admin_client, boss, shop):
        key, _ = keys.create(shop, "read", "grafana", by=boss)
        assert admin_client.post(f"{KEYS}{key.prefix}/delete/", {"post": "yes"}).status_code == 403
        assert "delete_selected" not in admin_client.get(KEYS).content.decode()

    def test_its_history_is_the_audit_logs(self, admin_client, boss, shop):
        key, _ = keys.create(shop, "read", "grafana", by=boss)
        assert f'href="{KEYS}{key.prefix}/history/"' in admin_client.get(f"{KEYS}{key.prefix}/change/").content.decode()
        found = admin_client.get(f"{KEYS}{key.prefix}/history/", follow=True).context["cl"].result_list
        assert [event.action for event in found] == [Action.KEY_CREATED]


class TestInvitations:
    def test_to_the_installation_shown_once(self, admin_client, boss):
        made = admin_client.post(f"{INVITATIONS}add/", {"email": " New@Example.org "})
        invitation = Invitation.objects.get()
        assert (invitation.email, invitation.project, invitation.invited_by) == ("new@example.org", None, boss)
        assert mail.outbox[-1].to == ["new@example.org"]
        assert "no-store" in made["Cache-Control"]
        link = secret_on(made)
        assert link in mail.outbox[-1].body
        token = link.rstrip("/").rpartition("/")[2]
        assert token not in admin_client.get(INVITATIONS).content.decode()
        guest = Client()
        assert guest.get(link, follow=True).status_code == 200
        assert b"Create an account" in guest.get("/invitation/").content

    @pytest.mark.django_db(databases=["default", "local"], transaction=True)
    def test_the_message_holds_up_no_writer(self, admin_client, monkeypatch):
        """A mail server may take ten seconds; what else is written then does not wait for it."""
        open_then = []

        def send(*args):
            open_then.append(connection.in_atomic_block)
            return True

        monkeypatch.setattr(members, "send", send)
        admin_client.post(f"{INVITATIONS}add/", {"email": "new@example.org"})
        assert open_then == [False] and Invitation.objects.filter(email="new@example.org").exists()

    def test_a_mail_server_that_is_away_loses_no_invitation(self, admin_client, monkeypatch, settings):
        def away(*args):
            raise ConnectionRefusedError

        settings.EMAIL_HOST_NAME = "mail.example.org"
        monkeypatch.setattr(EmailMultiAlternatives, "send", away)
        made = admin_client.post(f"{INVITATIONS}add/", {"email": "new@example.org"})
        assert b"No message was sent" in made.content
        assert "/invitation/" in secret_on(made)

    def test_where_the_message_was_sent_nobody_is_shown_its_link(self, admin_client, settings):
        """It proves the address: staff could sign up in another's name."""
        settings.EMAIL_HOST_NAME = "mail.example.org"
        made = admin_client.post(f"{INVITATIONS}add/", {"email": "new@example.org"}, follow=True)
        assert "the message is on its way" in made.content.decode()
        token = mail.outbox[-1].body.partition("/invitation/")[2].partition("/")[0]
        assert len(token) > 30 and token not in made.content.decode()
        assert Invitation.objects.get().mailed

    def test_not_for_who_is_here(self, admin_client, grace):
        response = admin_client.post(f"{INVITATIONS}add/", {"email": "GRACE@example.org"})
        assert response.context["adminform"].form.errors["email"]
        assert not Invitation.objects.exists()

    def test_looked_at_and_withdrawn(self, admin_client, boss, shop):
        invitation, _ = members.invite("new@example.org", shop, "editor", by=boss)
        change = f"{INVITATIONS}{invitation.pk}/change/"
        assert admin_client.get(change).status_code == 200
        assert admin_client.post(change, {"email": "other@example.org"}).status_code == 403
        assert admin_client.post(f"{INVITATIONS}{invitation.pk}/delete/", {"post": "yes"}).status_code == 403
        data = {"action": "withdraw", "_selected_action": invitation.pk}
        assert "was withdrawn" in said(admin_client.post(INVITATIONS, data, follow=True))[0]
        assert not Invitation.objects.exists()
        assert AuditEvent.objects.filter(action=Action.INVITATION_WITHDRAWN, actor=boss, project=shop).exists()


class TestAuditLog:
    def test_searched_filtered_and_never_edited(self, admin_client, boss, shop, grace):
        note(Action.SIGNED_IN, by=grace)
        note(Action.PROJECT_CHANGED, by=boss, project=shop, target="name")
        for query, expected in (("q=grace", ["sign_in"]), ("action__exact=project_changed", ["project_changed"]),
                                ("q=shop", ["project_changed", "project_created"])):  # fmt: skip
            found = admin_client.get(f"{AUDIT}?{query}").context["cl"].result_list
            assert sorted({event.action for event in found}) == expected
        event = AuditEvent.objects.first()
        assert admin_client.get(f"{AUDIT}{event.pk}/change/").status_code == 200
        for what in ("change", "delete"):
            assert admin_client.post(f"{AUDIT}{event.pk}/{what}/", {"target": "x", "post": "yes"}).status_code == 403
        assert admin_client.get(f"{AUDIT}add/").status_code == 403
        assert "delete_selected" not in admin_client.get(AUDIT).content.decode()


class TestQueue:
    def test_looked_at(self, admin_client):
        async_task("endpoint_stats.workers.tasks.tidy", q_options={"group": "tidy:"})
        listed = admin_client.get("/admin/django_q/ormq/").content.decode()
        assert "endpoint_stats.workers.tasks.tidy" in listed and "tidy:" in listed
        assert admin_client.get("/admin/django_q/schedule/").status_code == 404
        assert "resubmit" not in admin_client.get("/admin/django_q/failure/").content.decode()

    def test_one_that_was_signed_with_another_key(self, admin_client, settings):
        async_task("endpoint_stats.workers.tasks.tidy")
        from django_q.models import OrmQ

        OrmQ.objects.update(payload="not signed")
        assert admin_client.get("/admin/django_q/ormq/").status_code == 200

    def test_failures_are_deleted_once_mended(self, admin_client):
        now = timezone.now()
        failed = Failure.objects.create(
            id="f" * 32, name="n", func="tidy", started=now, stopped=now, success=False, result="ZeroDivisionError"
        )
        page = admin_client.get(f"/admin/django_q/failure/{failed.pk}/change/").content.decode()
        assert "ZeroDivisionError" in page
        data = {"action": "delete_selected", "_selected_action": failed.pk, "post": "yes"}
        admin_client.post("/admin/django_q/failure/", data)
        assert not Failure.objects.exists()


class TestWhatBelongsToAProject:
    def test_its_changes_are_in_the_projects_log(self, admin_client, boss, shop):
        address = "/admin/endpoint_stats/routepattern/"
        given = {"project": shop.pk, "service": "", "method": "GET", "pattern": "/orders/{id}"}
        admin_client.post(f"{address}add/", given)
        pattern = RoutePattern.objects.get()
        admin_client.post(f"{address}{pattern.pk}/change/", given | {"pattern": "/orders/{order}"})
        admin_client.post(f"{address}{pattern.pk}/delete/", {"post": "yes"})
        assert not RoutePattern.objects.exists()
        events = AuditEvent.objects.filter(project=shop, actor=boss).order_by("pk").values_list("target", "details")
        assert list(events) == [
            ("route pattern: GET /orders/{id}", {"what": "added"}),
            ("route pattern: GET /orders/{order}", {"what": "changed"}),
            ("route pattern: GET /orders/{order}", {"what": "deleted"}),
        ]


class TestSharedLinks:
    def test_revoked_by_staff_and_noted(self, admin_client, boss, shop, owner):
        wanted = sharing.Wanted("everything", "page", (), everything=True)
        link, token = sharing.create(shop, wanted, timezone.now(), by=owner)
        answer = admin_client.post(LINKS, {"action": "revoke", "_selected_action": str(link.pk)}, follow=True)
        assert said(answer) == ["everything is revoked. Its project can undo that for an hour."]
        assert Client().get(f"/shared/{token}/").status_code == 404
        SharedLink.objects.update(revoked=timezone.now() - sharing.UNDO)
        again = admin_client.post(LINKS, {"action": "revoke", "_selected_action": str(link.pk)}, follow=True)
        assert said(again) == ["everything was revoked before."]
        (event,) = AuditEvent.objects.filter(action=Action.LINK_REVOKED)
        assert (event.actor, event.project) == (boss, shop)

    def test_read_only(self, admin_client, shop, owner):
        wanted = sharing.Wanted("everything", "page", (), everything=True)
        link, _ = sharing.create(shop, wanted, timezone.now(), by=owner)
        assert admin_client.get(f"{LINKS}add/").status_code == 403
        assert admin_client.post(f"{LINKS}{link.pk}/change/", {"name": "another"}).status_code == 403
        assert SharedLink.objects.get().name == "everything"
