"""Sessions: made by chance, kept on the server, ended by time, by their owner, by staff."""

import re
import string
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Action, AuditEvent
from accounts.services import create_project, users
from tests.accounts.people import (
    PASSWORD,
    age,
    code_of,
    days,
    give_app,
    give_code,
    guest,
    inside,
    password_again,
    sign_in,
    user,
)

pytestmark = pytest.mark.django_db(databases=["default", "local"])

SESSIONS = "/account/sessions/"


def key_of(browser):
    return browser.cookies["sessionid"].value


def with_key(key):
    """Whoever has a copy of a cookie."""
    browser = guest()
    browser.cookies["sessionid"] = key
    return browser


@pytest.fixture
def grace(db):
    return user()


def test_another_key_once_signed_in(grace):
    """Who planted a key in somebody's browser has nothing of it."""
    browser = guest()
    session = browser.session
    session["planted"] = True
    session.save()
    browser.cookies["sessionid"] = session.session_key
    sign_in(browser=browser)
    assert inside(browser)
    assert key_of(browser) != session.session_key
    assert not Session.objects.filter(session_key=session.session_key).exists()


def test_a_key_that_nobody_made_is_none():
    browser = with_key("a" * 32)
    browser.get("/account/login/")
    sign_in(browser=browser)
    assert key_of(browser) != "a" * 32


def test_another_key_once_the_password_was_given_again(grace):
    browser = sign_in()
    before = key_of(browser)
    password_again(browser)
    assert inside(browser) and key_of(browser) != before
    assert not inside(with_key(before)), "the old one is gone on the server"
    assert [one.session_key for one in UserSession.objects.all()] == [key_of(browser)], "still in the list"


def test_keys_are_long_and_random(grace):
    keys = {key_of(sign_in()) for _ in range(20)}
    assert len(keys) == 20
    assert all(len(key) == 32 and set(key) <= set(string.ascii_lowercase + string.digits) for key in keys)
    # 36 ** 32 is more than 2 ** 128; from `secrets`, as Django makes all its strings.
    assert 36**32 > 2**128


def test_nothing_is_believed_that_the_server_does_not_know(grace):
    browser = sign_in()
    Session.objects.all().delete()
    assert not inside(browser)
    from settings import base

    assert not hasattr(base, "SESSION_ENGINE"), "Django's own, in the database: no signed cookies"


def test_signing_out_ends_it_on_the_server(grace):
    browser = sign_in()
    key = key_of(browser)
    copy = with_key(key)
    assert inside(copy)
    assert browser.get("/account/logout/").status_code == 200 and inside(browser), "a link signs nobody out"
    browser.post("/account/logout/")
    assert not inside(browser) and not inside(copy)
    assert not Session.objects.filter(session_key=key).exists()
    assert copy.get("/api/v1/projects/shop/stats").status_code == 401


@pytest.mark.parametrize(("unused", "stays"), [(days(6), True), (days(7) + timedelta(minutes=1), False)])
def test_it_ends_when_it_is_not_used(grace, unused, stays):
    browser = sign_in()
    age(browser, signed_in=unused, seen=unused)
    assert inside(browser) == stays
    if not stays:
        assert not inside(browser), "for good"


@pytest.mark.parametrize(("old", "stays"), [(days(29), True), (days(30) + timedelta(minutes=1), False)])
def test_it_ends_however_much_it_is_used(grace, old, stays):
    browser = sign_in()
    key = key_of(browser)
    age(browser, signed_in=old, seen=timedelta(minutes=1))
    assert inside(browser) == stays
    assert inside(with_key(key)) == stays


def test_these_times_are_settings(grace, settings):
    settings.SESSION_IDLE, settings.SESSION_LIFETIME = timedelta(minutes=15), timedelta(hours=12)
    browser = sign_in()
    age(browser, seen=timedelta(minutes=14))
    assert inside(browser)
    age(browser, seen=timedelta(minutes=16))
    assert not inside(browser)
    other = sign_in()
    age(other, signed_in=timedelta(hours=13))
    assert not inside(other)


def test_being_used_is_what_counts(grace):
    browser = sign_in()
    for _ in range(3):
        age(browser, seen=days(6))
        assert inside(browser)
    assert AuditEvent.objects.filter(action=Action.SIGNED_OUT).count() == 0


def test_another_password_ends_all_others(grace):
    here, there = sign_in(), sign_in()
    new = "eight red tramways"
    here.post("/account/password/change/", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    assert inside(here) and not inside(there)


def test_one_is_ended_by_the_password(grace):
    here, there = sign_in(), sign_in(HTTP_USER_AGENT="Another browser")
    other = UserSession.objects.get(session_key=key_of(there))
    asked = here.post(f"{SESSIONS}{other.pk}/end/")
    assert asked["Location"].startswith("/account/reauthenticate/") and inside(there)
    password_again(here)
    here.post(f"{SESSIONS}{other.pk}/end/")
    assert inside(here) and not inside(there)


def test_nobody_elses(grace):
    ada = user("ada@example.org")
    theirs = sign_in(ada.email)
    own = UserSession.objects.get(user=ada)
    browser = sign_in()
    password_again(browser)
    assert browser.post(f"{SESSIONS}{own.pk}/end/").status_code == 404
    assert inside(theirs)


def test_all_others_are_ended_by_the_password(grace):
    ada = user("ada@example.org")
    foreign, here, *others = sign_in(ada.email), sign_in(), sign_in(), sign_in()
    assert b"End all others" in here.get(SESSIONS).content
    asked = here.post(f"{SESSIONS}end-others/")
    assert asked["Location"].startswith("/account/reauthenticate/")
    password_again(here)
    here.post(f"{SESSIONS}end-others/")
    assert inside(here) and inside(foreign) and not any(map(inside, others))
    assert AuditEvent.objects.get(action=Action.SESSION_ENDED).details == {"sessions": 2}
    assert b"End all others" not in here.get(SESSIONS).content


def test_they_are_listed(grace):
    here = sign_in(HTTP_USER_AGENT="Firefox on a train")
    sign_in(HTTP_USER_AGENT="Chromium at home")
    page = here.get(SESSIONS).content.decode()
    assert "Firefox on a train" in page and "Chromium at home" in page
    assert key_of(here) not in page


def test_any_number_at_once(grace):
    """No limit: each is in the list, with its browser."""
    browsers = [sign_in() for _ in range(12)]
    assert all(map(inside, browsers))
    assert len(browsers[0].get(SESSIONS).context["sessions"]) == 12


def test_signing_in_asks_no_more_where_many_are_open(grace):
    def asked():
        with CaptureQueriesContext(connection) as captured:
            assert inside(sign_in())
        return len(captured)

    asked()
    few = asked()
    for _ in range(15):
        sign_in()
    assert asked() == few


def test_who_is_deleted_is_signed_out(grace):
    from django.utils import timezone

    browser, key = sign_in(), None
    key = key_of(browser)
    users.delete(grace, timezone.now())
    assert not inside(browser)
    assert not Session.objects.filter(session_key=key).exists()


def test_who_is_deactivated_is_signed_out(grace):
    boss = user("boss@example.org")
    browser = sign_in()
    users.deactivate(grace, by=boss)
    assert not inside(browser) and not Session.objects.filter(session_key=key_of(browser)).exists()
    assert not inside(sign_in())


PAGES = ("/", "/account/", "/account/sessions/", "/account/email/", "/account/password/change/", "/account/2fa/",
         "/account/data/", "/new-project/", "/projects/shop/", "/projects/shop/ledger/", "/projects/shop/settings/",
         "/projects/shop/settings/keys/", "/projects/shop/settings/members/", "/projects/shop/settings/audit/",
         "/projects/shop/settings/ingest/", "/admin/", "/admin/accounts/user/", "/nothing/")  # fmt: skip


@pytest.mark.parametrize("address", PAGES)
def test_signing_out_is_at_hand_on_every_page(grace, address):
    grace.is_staff = grace.is_superuser = True
    grace.save()
    create_project("shop", owner=grace)
    page = sign_in().get(address, follow=True)
    assert page.status_code in (200, 404)
    assert re.search(r'<form[^>]*action="/(?:account|admin)/logout/"', page.content.decode())


CHANGES = {
    "another address": ("/account/email/", {"email": "hopper@example.org", "action_add": ""}),
    "an app": ("/account/2fa/totp/activate/", {"code": "123456"}),
    "no app": ("/account/2fa/totp/deactivate/", {}),
    "a passkey": ("/account/2fa/webauthn/add/", {"name": "x"}),
    "recovery codes": ("/account/2fa/recovery-codes/generate/", {}),
    "one's data": ("/account/data/export/", {}),
    "the end of the account": ("/account/data/delete/", {"email": "grace@example.org"}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_the_password_is_asked_again_before(grace, what):
    browser = sign_in()  # signed in a moment ago, and still
    if what == "no app":
        browser.post("/account/logout/")
        secret, _ = give_app(grace)
        browser = give_code(sign_in(), code_of(secret))
    address, data = CHANGES[what]
    answers = [browser.post(address, data)]
    if "2fa" in address:
        answers.append(browser.get(address))  # whose pages show secrets
    for answer in answers:
        assert re.match(r"/account/(2fa/)?reauthenticate/", answer.headers.get("Location", ""))
    grace.refresh_from_db()
    assert grace.email == "grace@example.org"


@pytest.mark.parametrize("what", CHANGES)
def test_both_factors_are_asked_again_of_who_has_two(grace, clock, what):
    secret, _ = give_app(grace)
    browser = give_code(sign_in(), code_of(secret))
    address, data = CHANGES[what]

    def asked():
        return browser.post(address, data).headers.get("Location", "").startswith("/account/2fa/reauthenticate/")

    assert asked()
    clock.next()
    code = code_of(secret)
    assert password_again(browser)["Location"].startswith("/account/2fa/reauthenticate/"), "the password alone"
    assert asked()
    for password, digits in ((PASSWORD, "000000"), ("wrong", code), ("", code), (PASSWORD, "")):
        assert password_again(browser, password, digits).status_code == 200
        assert asked(), (password, digits)
    assert password_again(browser, code=code).status_code == 302, "wrong tries have not used the code up"
    assert not asked()


def test_what_was_enough_before_an_app_was_set_up_is_not_after_it(grace, clock):
    browser = sign_in()
    password_again(browser)
    secret, _ = give_app(grace)  # elsewhere
    assert browser.post("/account/2fa/totp/deactivate/")["Location"].startswith("/account/2fa/reauthenticate/")
    assert Authenticator.objects.filter(user=grace, type="totp").exists()
    clock.next()
    password_again(browser, code=code_of(secret))
    browser.post("/account/2fa/totp/deactivate/")
    assert not Authenticator.objects.filter(user=grace, type="totp").exists()


def test_a_first_password_is_set_by_who_shows_that_it_is_they(grace, clock):
    """An open browser of somebody who signs in by a provider, and has an app, gives a stranger nothing that lasts."""
    secret, _ = give_app(grace)
    browser = give_code(sign_in(), code_of(secret))
    grace.set_unusable_password()
    grace.save()
    browser.force_login(grace)
    new = {"password1": "eight red tramways", "password2": "eight red tramways"}
    assert browser.post("/account/password/set/", new)["Location"].startswith("/account/2fa/reauthenticate/")
    grace.refresh_from_db()
    assert not grace.has_usable_password()
    clock.next()
    browser.post("/account/2fa/reauthenticate/", {"code": code_of(secret)})
    browser.post("/account/password/set/", new)
    grace.refresh_from_db()
    assert grace.check_password("eight red tramways")


def test_who_has_neither_password_nor_factor_nor_provider_gets_a_link(grace):
    browser = sign_in()
    grace.set_unusable_password()
    grace.save()
    browser.force_login(grace)
    assert browser.post("/account/data/export/")["Location"].startswith("/account/reauthenticate/")
    assert b"set one by the link" in browser.get("/account/reauthenticate/").content


@pytest.mark.parametrize(("remember", "lasts"), [({}, ""), ({"remember": "on"}, 30 * 24 * 3600)])
def test_closing_the_browser_ends_it_unless_one_said_otherwise(grace, remember, lasts):
    browser = guest()
    browser.post("/account/login/", {"login": grace.email, "password": PASSWORD, **remember})
    assert browser.cookies["sessionid"]["max-age"] == lasts


def test_also_who_just_signed_up(settings):
    settings.SIGN_UP, settings.ACCOUNT_EMAIL_VERIFICATION = "open", "none"
    browser = guest()
    browser.post("/account/signup/", {"email": "new@example.org", "password1": PASSWORD})
    assert inside(browser) and browser.cookies["sessionid"]["max-age"] == ""


def test_a_passkey_is_both(grace, settings):
    """Its user is verified by it: with a finger, a face or a PIN."""
    secret, _ = give_app(grace)
    browser = give_code(sign_in(), code_of(secret))
    page = browser.get("/account/2fa/reauthenticate/").content.decode()
    assert 'name="password"' in page and 'name="code"' in page and "Use your password" not in page
    assert settings.MFA_WEBAUTHN_USER_VERIFICATION == "required"


def test_who_has_no_password_gives_the_code(grace, clock):
    secret, _ = give_app(grace)
    browser = give_code(sign_in(), code_of(secret))
    grace.set_unusable_password()
    grace.save()
    browser.force_login(grace)
    clock.next()
    assert b'name="password"' not in browser.get("/account/2fa/reauthenticate/").content
    assert browser.post("/account/2fa/reauthenticate/", {"code": code_of(secret)}).status_code == 302
    assert browser.get("/account/2fa/recovery-codes/").status_code == 200


def test_where_one_wanted_to_go_is_not_forgotten(grace, clock):
    secret, _ = give_app(grace)
    browser = give_code(sign_in(), code_of(secret))
    sent = browser.get("/account/reauthenticate/?next=/account/email/")
    assert sent["Location"] == "/account/2fa/reauthenticate/?next=/account/email/"
    clock.next()
    answer = browser.post(sent["Location"], {"password": PASSWORD, "code": code_of(secret), "next": "/account/email/"})
    assert answer["Location"] == "/account/email/"


def test_the_answer_is_good_for_ten_minutes(grace, monkeypatch):
    import time

    browser = sign_in()
    password_again(browser)
    assert browser.get("/account/2fa/totp/activate/").status_code == 200
    later = time.time() + 601
    monkeypatch.setattr(time, "time", lambda: later)
    assert browser.get("/account/2fa/totp/activate/").status_code == 302
