"""Forgotten passwords, proofs of addresses, invitations; and that none of them tells who has an account."""

import re
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.account.utils import user_pk_to_url_str
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core import mail
from django.core.management import call_command
from django.utils import timezone

from accounts.models import Invitation, User
from accounts.services import create_project, members
from tests.accounts.people import LOGIN, PASSWORD, guest, inside, shown, sign_in, user

pytestmark = pytest.mark.django_db(databases=["default", "local"])

RESET, SIGN_UP = "/account/password/reset/", "/account/signup/"
NEW = {"password1": "eight red tramways", "password2": "eight red tramways"}


@pytest.fixture
def grace(db):
    return user()


@pytest.fixture
def open_house(settings):
    """As with a mail server: anybody may sign up, and proves the address."""
    settings.SIGN_UP, settings.ACCOUNT_EMAIL_VERIFICATION = "open", "mandatory"


def link_in(message):
    return re.search(r"http://testserver(/\S+)", message.body)[1]


def ask(email="grace@example.org"):
    """The link that somebody is sent who forgot their password."""
    mail.outbox.clear()
    guest().post(RESET, {"email": email})
    return link_in(mail.outbox[-1])


def follow(link):
    """(the browser, the address of its form) once the link was opened."""
    browser = guest()
    opened = browser.get(link, follow=True)
    return browser, opened.redirect_chain[-1][0] if opened.redirect_chain else link


def works(link):
    browser, form = follow(link)
    browser.post(form, NEW)
    return inside(sign_in(password=NEW["password1"]))


class TestForgottenPassword:
    def test_once(self, grace):
        link = ask()
        assert works(link)
        browser, form = follow(link)
        again = {"password1": "nine blue tramways", "password2": "nine blue tramways"}
        browser.post(form, again)
        assert not inside(sign_in(password="nine blue tramways"))

    def test_the_link_leaves_the_address(self, grace):
        """Where it would stand in a history, and in what other sites are told."""
        link = ask()
        key = link.rstrip("/").rpartition("-")[2]
        browser, form = follow(link)
        assert key not in form
        assert browser.get(form)["Referrer-Policy"] == "same-origin"

    @pytest.mark.parametrize(("age", "good"), [(timedelta(minutes=59), True), (timedelta(minutes=61), False)])
    def test_for_an_hour(self, grace, monkeypatch, age, good):
        real = PasswordResetTokenGenerator._now
        link = ask()
        monkeypatch.setattr(PasswordResetTokenGenerator, "_now", lambda self: real(self) + age)
        assert works(link) == good

    @pytest.mark.parametrize("change", ["password", "address", "sign-in"])
    def test_until_something_changes(self, grace, change):
        link = ask()
        if change == "password":
            grace.set_password("nine blue tramways")
            grace.save()
        elif change == "address":
            EmailAddress.objects.filter(user=grace).update(email="hopper@example.org")
            User.objects.update(email="hopper@example.org")
        else:
            User.objects.update(last_login=timezone.now() + timedelta(seconds=5))
        browser, form = follow(link)
        browser.post(form, NEW)
        grace.refresh_from_db()
        assert not grace.check_password(NEW["password1"])

    def test_nobody_elses(self, grace):
        ada = user("ada@example.org")
        link = ask()
        hers, theirs = user_pk_to_url_str(grace), user_pk_to_url_str(ada)
        assert f"/{hers}-" in link and not works(link.replace(f"/{hers}-", f"/{theirs}-"))
        ada.refresh_from_db()
        assert not ada.check_password(NEW["password1"])

    def test_all_sessions_end(self, grace):
        before = sign_in()
        assert works(ask())
        assert not inside(before)

    def test_it_is_told_and_signs_nobody_in(self, grace):
        browser, form = follow(ask())
        browser.post(form, NEW)
        assert not inside(browser)
        assert mail.outbox[-1].to == ["grace@example.org"] and "reset" in mail.outbox[-1].subject.lower()

    def test_the_rules_of_passwords_hold(self, grace):
        browser, form = follow(ask())
        assert browser.post(form, {"password1": "short", "password2": "short"}).context["form"].errors
        assert inside(sign_in())


def page(response):
    """What is answered, but for the address that was asked of."""
    text = re.sub(r"\w+@example\.org", "ADDRESS", shown(response))
    return response.status_code, response.headers.get("Location"), text


def both(address, make):
    """What is answered for an address with an account, and for one without."""
    answers = []
    for email in ("grace@example.org", "nobody@example.org"):
        browser = guest()
        answers.append((page(browser.post(address, make(email))), page(browser.get("/account/login/"))))
    return answers


@pytest.mark.parametrize("server", ["", "mail.example.org"])
def test_who_forgot_it_is_told_where_to_look(settings, grace, server):
    """Without a mail server nothing was sent, and no spam folder has it."""
    settings.EMAIL_HOST_NAME = server
    page = guest().post(RESET, {"email": grace.email}, follow=True).content.decode()
    assert ("message with a link is on its way" in page) == bool(server)
    assert ("sends no mail" in page) != bool(server)


class TestNobodyIsToldWhoHasAnAccount:
    def test_by_signing_in(self, grace):
        known, unknown = both(LOGIN, lambda email: {"login": email, "password": "a wrong password"})
        assert known == unknown and known[0][0] == 200

    def test_nor_by_how_often_one_may_try(self, grace):
        for _ in range(6):
            known, unknown = both(LOGIN, lambda email: {"login": email, "password": "a wrong password"})
        assert known == unknown and "Too many" in known[0][2]

    def test_by_forgetting_the_password(self, grace):
        known, unknown = both(RESET, lambda email: {"email": email})
        assert known == unknown and known[0][:2] == (302, "/account/password/reset/done/")

    def test_by_signing_up(self, grace, open_house):
        known, unknown = both(SIGN_UP, lambda email: {"email": email, "password1": "nine blue tramways"})
        assert known == unknown and known[0][:2] == (302, "/account/confirm-email/")
        assert not User.objects.get(email="grace@example.org").check_password("nine blue tramways")
        assert {message.to[0] for message in mail.outbox} == {"grace@example.org", "nobody@example.org"}

    def test_nor_is_one_whose_address_is_not_proved(self, open_house):
        """A password that is right tells that the mailbox has a message, and to nobody else."""
        guest().post(SIGN_UP, {"email": "new@example.org", "password1": PASSWORD})
        assert b"not correct" in sign_in("new@example.org", "a wrong password").answer.content
        assert not inside(sign_in("new@example.org"))


class TestSigningUp:
    def test_an_address_is_proved_once_and_within_a_day(self, open_house, settings):
        assert settings.ACCOUNT_EMAIL_CONFIRMATION_EXPIRE_DAYS == 1
        guest().post(SIGN_UP, {"email": "new@example.org", "password1": PASSWORD})
        link = link_in(mail.outbox[-1])
        guest().get(link)
        assert not inside(sign_in("new@example.org")), "a link that a program looked at proves nothing"
        guest().post(link)
        assert inside(sign_in("new@example.org"))
        assert guest().post(link).status_code in (302, 404)

    @pytest.mark.parametrize(("mode", "opened"), [("invitation", False), ("closed", False), ("open", True)])
    def test_who_may(self, settings, mode, opened):
        settings.SIGN_UP = mode
        guest().post(SIGN_UP, {"email": "new@example.org", "password1": PASSWORD})
        assert User.objects.filter(email="new@example.org").exists() == opened


class TestInvitations:
    @pytest.fixture
    def shop(self, grace):
        return create_project("shop", owner=grace)

    def test_the_link_is_long_random_and_hashed(self, shop, grace):
        made, token = members.invite("new@example.org", shop, "viewer", by=grace)
        _, other = members.invite("other@example.org", shop, "viewer", by=grace)
        assert len(token) >= 43 and token != other, "256 bits"
        assert token not in str(Invitation.objects.values().get(pk=made.pk))

    def test_it_works_once_and_for_a_while(self, shop, grace):
        _, token = members.invite("new@example.org", shop, "viewer", by=grace)
        ada, bob = user("ada@example.org"), user("bob@example.org")
        for who, joins in ((ada, True), (bob, False)):
            browser = sign_in(who.email)
            browser.get(f"/invitation/{token}/")
            browser.post("/invitation/")
            assert shop.memberships.filter(user=who).exists() == joins
        made, token = members.invite("late@example.org", shop, "viewer", by=grace)
        Invitation.objects.filter(pk=made.pk).update(expires=timezone.now())
        assert guest().get(f"/invitation/{token}/").status_code == 404
        assert members.by_token(token, timezone.now()) is None

    def test_another_one_takes_the_place_of_the_first(self, shop, grace):
        _, first = members.invite("new@example.org", shop, "viewer", by=grace)
        _, second = members.invite("new@example.org", shop, "viewer", by=grace)
        assert members.by_token(first, timezone.now()) is None
        assert members.by_token(second, timezone.now()) is not None


def test_the_first_password_is_random(capsys):
    """Of the owner who a command makes: shown once, stored as a hash."""
    call_command("create_owner", "--email", "owner@example.org")
    password = re.search(r"password (\S+) ", capsys.readouterr().out)[1]
    assert len(password) >= 16
    assert sign_in("owner@example.org", password).answer.status_code == 302
    call_command("create_owner", "--email", "owner@example.org")
    assert capsys.readouterr().out == ""


class TestFirstPassword:
    """One that somebody else gave."""

    @pytest.fixture
    def owner(self, db, capsys):
        call_command("create_owner", email="owner@example.org")
        self.password = capsys.readouterr().out.split("password ")[1].split()[0]
        return User.objects.get()

    def own(self, browser):
        return browser.post("/account/password/change/", {"oldpassword": self.password, **NEW})

    def test_it_sets_ones_own_and_opens_nothing_else(self, owner):
        project = create_project("shop", owner=owner)
        browser = sign_in(owner.email, self.password)
        for page in ("/", "/account/", "/admin/", f"/projects/{project.slug}/", "/account/2fa/", "/account/email/"):
            assert browser.get(page).headers.get("Location") == "/account/password/change/", page
        assert browser.get("/api/v1/projects/shop/stats").status_code == 401
        assert b"Set one of your own" in browser.get("/account/password/change/").content
        assert self.own(browser).status_code == 302
        assert inside(browser) and browser.get("/api/v1/projects/shop/stats").status_code == 200
        assert not inside(sign_in(owner.email, self.password))
        assert inside(sign_in(owner.email, NEW["password1"]))

    def test_it_is_not_kept_by_setting_it_again(self, owner):
        browser = sign_in(owner.email, self.password)
        same = {"oldpassword": self.password, "password1": self.password, "password2": self.password}
        assert b"the one that you have" in browser.post("/account/password/change/", same).content
        assert not inside(browser)

    def test_it_is_over_after_some_days(self, owner, settings):
        assert abs(owner.first_password_ends - timezone.now() - timedelta(days=7)) < timedelta(minutes=1)
        User.objects.update(first_password_ends=timezone.now() - timedelta(seconds=1))
        late = sign_in(owner.email, self.password)
        assert b"which are over" in late.answer.content and not inside(late)
        assert b"which are over" not in sign_in(owner.email, "wrong").answer.content
        browser, form = follow(ask(owner.email))
        browser.post(form, NEW)
        assert inside(sign_in(owner.email, NEW["password1"]))

    def test_nor_does_an_open_session_outlast_it(self, owner):
        browser = sign_in(owner.email, self.password)
        User.objects.update(first_password_ends=timezone.now() - timedelta(seconds=1))
        assert self.own(browser)["Location"] == "/account/login/"
        assert b"is over" in browser.get("/account/login/").content
        assert User.objects.get().check_password(self.password)

    def test_the_way_of_who_forgot_it(self, owner):
        browser, form = follow(ask(owner.email))
        assert b"the one that you have" in browser.post(form, dict.fromkeys(NEW, self.password)).content
        browser.post(form, NEW)
        assert inside(sign_in(owner.email, NEW["password1"]))

    def test_one_that_staff_set(self, owner, grace):
        self.own(sign_in(owner.email, self.password))
        staff = sign_in(owner.email, NEW["password1"])
        given = {"password1": "nine blue umbrellas", "password2": "nine blue umbrellas", "usable_password": "true"}
        staff.post(f"/admin/accounts/user/{grace.pk}/password/", given)
        browser = sign_in(password="nine blue umbrellas")
        assert browser.get("/account/").headers.get("Location") == "/account/password/change/"
        staff.post("/admin/accounts/user/add/", {"email": "new@example.org", **given})
        browser = sign_in("new@example.org", "nine blue umbrellas")
        assert browser.get("/account/").headers.get("Location") == "/account/password/change/"

    def test_it_may_stay_where_a_setting_says_so(self, settings, capsys):
        settings.FIRST_PASSWORD = timedelta(0)
        call_command("create_owner", email="owner@example.org")
        assert inside(sign_in("owner@example.org", capsys.readouterr().out.split("password ")[1].split()[0]))
