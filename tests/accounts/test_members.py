"""Members, invitations, and the owner who cannot vanish."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEvent, Invitation, Membership, Role, User
from accounts.services import create_project, members, projects, users
from accounts.services.members import LastOwner
from tests.accounts.people import at_once

pytestmark = pytest.mark.django_db(databases=["default", "local"])


LONG = f"{'a' * 60}@{'.'.join(['b' * 60] * 4)}.example"  # the grammar allows it, no mailbox has it


def person(name: str) -> Any:
    return User.objects.create_user(f"{name}@example.org", "a long password")


@pytest.fixture
def shop(owner: Any) -> Any:
    return create_project("shop", owner=owner, name="Shop")


def add(project: Any, name: str, role: str) -> Any:
    return Membership.objects.create(project=project, user=person(name), role=role)


def own(project: Any, user: Any) -> Any:
    return Membership.objects.get(project=project, user=user)


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def follow(client: Client, token: str) -> Any:
    return client.get(f"/invitation/{token}/", follow=True)


class TestTheLastOwner:
    @pytest.mark.parametrize("act", ["leave", "editor", "viewer"])
    def test_stays(self, shop: Any, owner: Any, act: str) -> None:
        add(shop, "grace", Role.EDITOR)
        with pytest.raises(LastOwner):
            if act == "leave":
                members.remove(own(shop, owner), by=owner)
            else:
                members.set_role(own(shop, owner), act, by=owner)
        assert own(shop, owner).role == Role.OWNER

    def test_an_owner_who_cannot_sign_in_is_none(self, shop: Any, owner: Any) -> None:
        other = add(shop, "grace", Role.OWNER)
        other.user.is_active = False
        other.user.save()
        with pytest.raises(LastOwner):
            members.remove(own(shop, owner), by=owner)

    def test_hands_over(self, shop: Any, owner: Any) -> None:
        to = add(shop, "grace", Role.VIEWER)
        members.transfer(shop, to, by=owner)
        assert (own(shop, to.user).role, own(shop, owner).role) == (Role.OWNER, Role.EDITOR)
        members.remove(own(shop, owner), by=owner)
        assert list(AuditEvent.objects.filter(project=shop).values_list("action", flat=True)) == [
            "member_left", "member_changed", "member_changed", "project_created",
        ]  # fmt: skip

    def test_hands_over_on_the_page(self, shop: Any, owner: Any, client: Client) -> None:
        to = add(shop, "grace", Role.VIEWER)
        page = client.post(f"/projects/shop/settings/members/{to.pk}/", {"role": "transfer"}, follow=True)
        assert "is now the owner in your place" in page.content.decode()
        assert (own(shop, to.user).role, own(shop, owner).role) == (Role.OWNER, Role.EDITOR)

    def test_the_page_says_why(self, shop: Any, client: Client) -> None:
        page = client.post("/projects/shop/settings/members/leave/", follow=True)
        assert "Make another member the owner first" in page.content.decode()

    @pytest.mark.django_db(transaction=True, databases=["default", "local"])
    def test_of_two_who_leave_at_the_same_moment_one_stays(self, shop: Any, owner: Any) -> None:
        other = add(shop, "grace", Role.OWNER)
        for _ in range(5):
            Membership.objects.filter(project=shop).update(role=Role.OWNER)
            both = [own(shop, owner), own(shop, other.user)]
            said = at_once(*(partial(members.set_role, one, Role.VIEWER, by=one.user) for one in both))
            assert sorted(isinstance(one, LastOwner) for one in said) == [False, True]
            assert Membership.objects.filter(project=shop, role=Role.OWNER).count() == 1


class TestInvitations:
    def test_of_an_account_that_is_there(self, shop: Any, owner: Any) -> None:
        grace = person("grace")
        invitation, token = members.invite("Grace@Example.org ", shop, "editor", by=owner)
        assert token not in repr(vars(invitation))
        client = signed_in(grace)
        page = follow(client, token)
        assert "Join Shop" in page.content.decode() and token not in page.content.decode()
        assert not Membership.objects.filter(user=grace).exists()
        assert client.post("/invitation/").status_code == 302
        assert own(shop, grace).role == Role.EDITOR
        # It is for one person, once.
        assert follow(signed_in(person("mallory")), token).status_code == 404
        assert client.post("/invitation/").status_code == 404

    @pytest.mark.parametrize("mailed", [True, False])
    def test_a_link_proves_the_address_where_only_the_mailbox_got_it(
        self, mailed: bool, shop: Any, client: Client, settings: Any
    ) -> None:
        """One that was shown to who invited could be used by them, in another's name."""
        settings.SIGN_UP, settings.ACCOUNT_EMAIL_VERIFICATION = "invitation", "mandatory"
        settings.EMAIL_HOST_NAME = "mail.example.org" if mailed else ""
        given = {"email": "grace@example.org", "role": "viewer"}
        page = client.post("/projects/shop/settings/members/invite/", given).content.decode()
        link = next(word for word in str(mail.outbox[0].body).split() if word.startswith("http"))
        assert (link in page) is not mailed
        token = link.split("/")[-2]
        guest = Client()
        assert "By invitation" in guest.get("/account/signup/").content.decode()
        follow(guest, token)
        assert 'value="grace@example.org"' in guest.get("/account/signup/").content.decode()
        # Whatever address they give: the invitation is of one.
        sent = {"email": "other@example.org", "password1": "seven green bicycles"}
        answer = guest.post("/account/signup/?next=/invitation/", sent)
        grace = User.objects.exclude(email="ada@example.org").get()
        assert grace.email == "grace@example.org"
        if not mailed:
            assert answer["Location"] == "/account/confirm-email/" and mail.outbox[1].to == ["grace@example.org"]
            assert guest.get("/account/").status_code == 302
            return
        assert answer["Location"] == "/invitation/" and len(mail.outbox) == 1
        guest.post("/invitation/")
        assert own(shop, grace).role == Role.VIEWER
        # Who was invited to a project gets no empty one of their own besides.
        assert grace.memberships.count() == 1

    def test_only_the_newest_link_works(self, shop: Any, owner: Any) -> None:
        _, old = members.invite("grace@example.org", shop, "owner", by=owner)
        _, new = members.invite("grace@example.org", shop, "viewer", by=owner)
        assert follow(Client(), old).status_code == 404
        assert follow(Client(), new).status_code == 200
        assert Invitation.objects.get().role == Role.VIEWER

    def test_a_link_that_was_followed_ends_with_its_invitation(self, shop: Any, owner: Any) -> None:
        invitation, token = members.invite("grace@example.org", shop, "owner", by=owner)
        client = signed_in(person("grace"))
        follow(client, token)
        members.withdraw(invitation, by=owner)
        assert client.post("/invitation/").status_code == 404
        assert not Membership.objects.filter(user__email="grace@example.org").exists()

    def test_or_with_another_one_to_the_same_address(self, shop: Any, owner: Any, settings: Any) -> None:
        """The first one's link was shown to who invited; the second may do more, and only the mailbox gets it."""
        _, shown = members.invite("grace@example.org", shop, "viewer", by=owner)
        client = Client()
        follow(client, shown)
        settings.EMAIL_HOST_NAME = "mail.example.org"
        invitation, _ = members.invite("grace@example.org", shop, "owner", by=owner)
        assert members.send(invitation, "https://stats.example.org/invitation/x/")
        assert client.get("/invitation/").status_code == 404
        assert "By invitation" in client.get("/account/signup/").content.decode()

    @pytest.mark.parametrize("change", ["removed", "demoted", "deleted"])
    def test_or_with_the_right_of_who_invited(self, shop: Any, owner: Any, change: str) -> None:
        other = add(shop, "other", Role.OWNER)
        _, token = members.invite("grace@example.org", shop, "owner", by=other.user)
        members.invite("hopper@example.org", shop, "viewer", by=owner)
        if change == "removed":
            members.remove(other, by=owner)
        elif change == "demoted":
            members.set_role(other, "editor", by=owner)
        else:
            users.delete(other.user, timezone.now())
        assert follow(signed_in(person("grace")), token).status_code == 404
        assert Invitation.objects.get().email == "hopper@example.org"

    @pytest.mark.parametrize("gone", ["its owner", "it"])
    def test_nobody_joins_a_project_that_is_being_deleted(self, shop: Any, owner: Any, gone: str) -> None:
        """Nobody could have it back."""
        invitation, token = members.invite("grace@example.org", shop, "viewer", by=owner)
        client = signed_in(person("grace"))
        follow(client, token)
        if gone == "its owner":
            users.delete(owner, timezone.now())
            assert not Invitation.objects.exists()
        else:
            projects.delete(shop, timezone.now(), by=owner)
            assert "is being deleted" in client.post("/invitation/", follow=True).content.decode()
        assert client.post("/invitation/").status_code in (302, 404)
        assert not Membership.objects.filter(user__email="grace@example.org").exists()
        with pytest.raises(ValidationError):
            members.accept(invitation, User.objects.get(email="grace@example.org"))

    @pytest.mark.django_db(transaction=True, databases=["default", "local"])
    def test_nor_at_the_moment_when_its_last_owner_goes(self) -> None:
        for round in range(6):
            boss, guest = person(f"boss{round}"), person(f"guest{round}")
            project = create_project(f"p{round}", owner=boss)
            invitation, _ = members.invite(guest.email, project, "viewer", by=boss)
            said = at_once(partial(members.accept, invitation, guest), partial(users.delete, boss, timezone.now()))
            assert all(one is None or isinstance(one, ValidationError) for one in said), said
            roles = set(Membership.objects.filter(project=project).values_list("role", flat=True))
            assert not roles or "owner" in roles, roles

    def test_it_expires(self, shop: Any, owner: Any) -> None:
        invitation, token = members.invite("grace@example.org", shop, "owner", by=owner)
        Invitation.objects.filter(pk=invitation.pk).update(expires=timezone.now() - timedelta(seconds=1))
        assert follow(Client(), token).status_code == 404

    def test_who_is_a_member_keeps_the_role(self, shop: Any, owner: Any) -> None:
        grace = add(shop, "grace", Role.OWNER).user
        invitation = Invitation.objects.create(
            email="x@example.org", project=shop, role="viewer", token_digest="d", expires=timezone.now()
        )
        members.accept(invitation, grace)
        assert own(shop, grace).role == Role.OWNER

    @pytest.mark.parametrize(
        ("email", "role"), [("no address", "viewer"), ("a@example.org", "king"), ("", "viewer"), (LONG, "viewer")]
    )
    def test_what_is_wrong(self, shop: Any, owner: Any, email: str, role: str) -> None:
        with pytest.raises(ValidationError):
            members.invite(email, shop, role, by=owner)
        assert not Invitation.objects.exists()

    def test_a_member_is_not_invited(self, shop: Any, owner: Any) -> None:
        with pytest.raises(ValidationError, match="member already"):
            members.invite(owner.email, shop, "viewer", by=owner)

    def test_the_message(self, shop: Any, client: Client) -> None:
        page = client.post("/projects/shop/settings/members/invite/", {"email": "g@example.org", "role": "viewer"})
        message = mail.outbox[0]
        assert (message.subject, message.to) == ("Join Shop on Endpoint Stats", ["g@example.org"])
        link = next(word for word in message.body.split() if word.startswith("http"))
        html = str(message.alternatives[0][0])  # type: ignore[attr-defined]  # types lack it
        assert link in html and link in page.content.decode()

    def test_a_mail_server_that_is_away_loses_no_invitation(self, shop: Any, client: Client, monkeypatch: Any) -> None:
        def away(*_: object) -> None:
            raise ConnectionRefusedError("no mail server")

        monkeypatch.setattr(EmailMultiAlternatives, "send", away)
        page = client.post("/projects/shop/settings/members/invite/", {"email": "g@example.org", "role": "viewer"})
        assert "Hand over the link yourself" in page.content.decode()
        assert Invitation.objects.count() == 1

    @pytest.mark.django_db(transaction=True, databases=["default", "local"])
    def test_one_link_makes_one_member_however_many_accept(self, shop: Any, owner: Any) -> None:
        invitation, _ = members.invite("grace@example.org", shop, "viewer", by=owner)
        people = [person(f"p{number}") for number in range(4)]
        assert at_once(*(partial(members.accept, invitation, one) for one in people)) == [None] * 4
        assert Membership.objects.filter(project=shop).count() == 2
