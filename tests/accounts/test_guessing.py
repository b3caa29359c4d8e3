"""Who guesses is held back: counted in the database, before the password is looked at."""

import hashlib
from datetime import timedelta
from functools import partial

import pytest
from django.core import signing
from django.core.cache import cache
from django.utils import timezone

from accounts.models import Action, Attempts, AuditEvent
from accounts.sign_in import known, limits, middleware
from tests.accounts.people import (
    CACHE_AWAY,
    LOGIN,
    PASSWORD,
    at_once,
    code_of,
    give_app,
    give_code,
    guest,
    inside,
    sign_in,
    user,
)

pytestmark = pytest.mark.django_db(databases=["default", "local"])

MOST = limits.SIGN_IN_BY_BOTH.most


def from_address(number):
    return {"REMOTE_ADDR": f"198.51.{number // 250}.{number % 250 + 1}"}


def guess(times, email="grace@example.org", **headers):
    for _ in range(times):
        browser = sign_in(email, "a wrong password", **headers)
    return browser


def test_the_cache_of_these_tests_is_away(settings):
    settings.CACHES = CACHE_AWAY
    with pytest.raises(ConnectionError):
        cache.get("anything")


def count(action):
    return AuditEvent.objects.filter(action=action).count()


@pytest.mark.parametrize("caches", [None, CACHE_AWAY], ids=["with a cache", "cache away"])
def test_one_who_guesses_one_password(settings, caches):
    if caches:
        settings.CACHES = caches
    user()
    guess(MOST)
    held = sign_in()
    assert not inside(held), "not even by the right one"
    assert b"Too many failed login attempts" in held.answer.content
    assert (count(Action.SIGN_IN_FAILED), count(Action.SIGN_IN_LIMITED)) == (MOST, 1)
    assert inside(sign_in(REMOTE_ADDR="192.0.2.9")), "from where nobody guessed it works"


def test_many_who_guess_one_password_together():
    user()
    for number in range(limits.SIGN_IN_BY_ACCOUNT.most):
        guess(1, **from_address(number))
    assert not inside(sign_in(**from_address(200)))


def test_one_who_tries_one_password_on_many_accounts():
    user()
    for number in range(limits.SIGN_IN_BY_ADDRESS.most):
        guess(1, f"somebody{number}@example.org")
    assert not inside(sign_in())
    assert inside(sign_in(REMOTE_ADDR="192.0.2.9"))


def test_addresses_of_one_household_are_one(settings):
    user()
    for number in range(MOST):
        guess(1, REMOTE_ADDR=f"2001:db8:1:2::{number + 1:x}")
    assert not inside(sign_in(REMOTE_ADDR="2001:db8:1:2:ffff::1"))
    assert inside(sign_in(REMOTE_ADDR="2001:db8:1:3::1"))


def test_who_asks_may_not_name_their_own_address(settings):
    """Behind a proxy the last address of the list is the one that it saw."""
    settings.TRUST_PROXY = True
    user()
    for number in range(MOST):
        guess(1, HTTP_X_FORWARDED_FOR=f"203.0.113.{number}, 198.51.100.7")
    assert not inside(sign_in(HTTP_X_FORWARDED_FOR="203.0.113.99, 198.51.100.7"))


def test_the_window_ends(monkeypatch):
    user()
    guess(MOST)
    Attempts.objects.update(ends=timezone.now() - timedelta(seconds=1))
    assert inside(sign_in())


def test_signing_in_rightly_uses_nothing_up():
    user()
    for _ in range(3 * MOST):
        assert inside(sign_in())
    guess(MOST - 1)
    assert inside(sign_in())


@pytest.mark.django_db(databases=["default", "local"], transaction=True)
@pytest.mark.parametrize("caches", [None, CACHE_AWAY], ids=["with a cache", "cache away"])
def test_guesses_at_the_same_moment_are_all_counted(settings, caches):
    if caches:
        settings.CACHES = caches
    user()
    at_once(*[partial(sign_in, password="a wrong password")] * 16)
    assert (count(Action.SIGN_IN_FAILED), count(Action.SIGN_IN_LIMITED)) == (MOST, 1), "a line a window"


@pytest.mark.django_db(databases=["default", "local"], transaction=True)
def test_one_who_succeeds_while_others_are_counted_breaks_nothing():
    now = timezone.now()

    def one(place):
        for _ in range(20):
            limits.forget("this") if place % 2 else limits.count(limits.CODE_BY_ACCOUNT, now, "this")

    said = at_once(*(partial(one, place) for place in range(8)))
    assert said == [None] * 8


def test_who_guesses_fills_no_log():
    user()
    guess(MOST + 50)
    assert count(Action.SIGN_IN_LIMITED) == 2, "by client and account, then by account: a line each"


@pytest.mark.django_db(databases=["default", "local"], transaction=True)
def test_of_many_who_use_a_thing_up_at_once_one_does():
    told = at_once(*[partial(limits.once, timedelta(minutes=1), timezone.now(), "this")] * 12)
    assert sorted(told) == [False] * 11 + [True]


def test_the_owners_own_browser_is_not_held_back():
    """Neither by who guesses from everywhere, nor by who guesses from the next desk."""
    user()
    own = sign_in()
    own.post("/account/logout/")
    for number in range(limits.SIGN_IN_BY_ACCOUNT.most + 1):
        guess(1, **from_address(number))
    guess(MOST + 1)
    assert not inside(sign_in()) and not inside(sign_in(**from_address(200)))
    assert inside(sign_in(browser=own))


def test_nor_by_who_guesses_codes_with_the_password(clock):
    secret, _ = give_app(user())
    own = give_code(sign_in(), code_of(secret))
    own.post("/account/logout/")
    other = sign_in()
    for number in range(limits.CODE_BY_ACCOUNT.most + 1):
        give_code(other, f"{number:06}")
    clock.next()
    assert not inside(give_code(sign_in(), code_of(secret)))
    assert inside(give_code(sign_in(browser=own), code_of(secret)))


def test_nor_by_who_asks_for_messages_to_their_address():
    user()
    own = sign_in()
    own.post("/account/logout/")
    for number in range(middleware.LIMITS["account_reset_password"]["email"].most + 1):
        held = guest(**from_address(number)).post("/account/password/reset/", {"email": "grace@example.org"})
    assert held.status_code == 429
    assert own.post("/account/password/reset/", {"email": "grace@example.org"}).status_code == 302


def test_a_known_browser_guesses_no_oftener():
    user()
    own = sign_in()
    own.post("/account/logout/")
    for _ in range(MOST):
        sign_in(password="a wrong password", browser=own)
    assert not inside(sign_in(browser=own))
    assert inside(sign_in()), "nor does it hold others back"


def test_it_is_known_for_one_account_alone():
    user()
    user("ada@example.org")
    own = sign_in("ada@example.org")
    own.post("/account/logout/")
    guess(MOST)
    assert not inside(sign_in(browser=own))


@pytest.mark.parametrize("cookie", ["", "x", "a:b:c", "signed for something else"])
def test_a_cookie_that_was_not_given_is_none(cookie):
    cookie = signing.dumps([user().pk, "x"]) if " " in cookie else cookie
    browser = guest()
    browser.cookies[known.name()] = cookie
    guess(MOST)
    assert not inside(sign_in(browser=browser))


def test_what_the_cookie_is(settings):
    user()
    settings.SESSION_COOKIE_NAME, settings.SESSION_COOKIE_SECURE = "__Host-session", True
    browser = sign_in()
    cookie = browser.cookies["__Host-known_browser"]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"], cookie["path"]) == (True, True, "Lax", "/")
    assert cookie["max-age"] == known.REMEMBERED.total_seconds() and not cookie["domain"]
    assert "grace" not in cookie.value
    browser.cookies.pop("__Host-session")
    assert not inside(browser), "it signs nobody in"


def test_codes_are_guessed_no_oftener():
    secret, _ = give_app(user())
    browser = sign_in()
    for number in range(limits.CODE_BY_ACCOUNT.most):
        give_code(browser, f"{number:06}")
    assert not inside(give_code(browser, code_of(secret)))
    assert b"Too many failed login attempts" in browser.answer.content
    another = sign_in(REMOTE_ADDR="192.0.2.9")
    assert not inside(give_code(another, code_of(secret))), "wherever they come from: who asks knows the password"
    Attempts.objects.update(ends=timezone.now() - timedelta(seconds=1))
    assert inside(give_code(sign_in(), code_of(secret)))


@pytest.mark.parametrize("name", middleware.LIMITS)
def test_other_forms_have_limits_that_bind(name):
    for by, limit in middleware.LIMITS[name].items():
        assert 1 <= limit.most <= 60 and limit.within <= timedelta(hours=1), (name, by)


@pytest.mark.parametrize("caches", [None, CACHE_AWAY], ids=["with a cache", "cache away"])
def test_messages_to_one_address_are_few(settings, caches):
    if caches:
        settings.CACHES = caches
    user()
    most = middleware.LIMITS["account_reset_password"]["email"].most
    for number in range(most):
        asked = guest(**from_address(number)).post("/account/password/reset/", {"email": "Grace@example.org"})
        assert asked.status_code == 302
    held = guest(**from_address(99)).post("/account/password/reset/", {"email": "grace@example.org"})
    assert (held.status_code, held["Retry-After"]) == (429, "3600")


def test_the_password_is_asked_again_no_oftener():
    user()
    browser = sign_in()
    most = middleware.LIMITS["account_reauthenticate"]["user"].most
    answers = [browser.post("/account/reauthenticate/", {"password": "wrong"}).status_code for _ in range(most + 1)]
    assert answers[-1] == 429 and set(answers[:-1]) == {200}


def test_the_table_names_nobody():
    user()
    guess(1)
    assert Attempts.objects.exists()
    kept = set(Attempts.objects.values_list("key", flat=True))
    assert not [row for row in kept if "grace" in row or "127" in row]
    plain = "\0".join(("sign in", "127.0.0.1", "grace@example.org")).encode()
    assert hashlib.sha256(plain).hexdigest() not in kept, "nor does it confirm a guess"


def test_windows_that_are_over_are_forgotten():
    guess(1)
    assert limits.forget_old(timezone.now()) == 0
    assert limits.forget_old(timezone.now() + timedelta(hours=2)) > 0
    assert not Attempts.objects.exists()


def test_a_page_that_is_only_looked_at_counts_nothing():
    browser = guest()
    for _ in range(100):
        browser.get(LOGIN)
    assert not Attempts.objects.exists()
    user(password=PASSWORD)
    assert inside(sign_in())
