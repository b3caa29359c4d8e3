"""Second factors: asked for, right once, lost, and required."""

import json
import re
from functools import partial

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.utils import decrypt
from django.contrib.auth.hashers import check_password, identify_hasher
from django.core import mail
from django.db import connections
from django.utils import timezone

from accounts.models import Action, AuditEvent
from accounts.services import tidy
from accounts.sign_in import recovery
from tests.accounts.people import (
    CACHE_AWAY,
    PASSWORD,
    at_once,
    code_of,
    give_app,
    give_code,
    guest,
    inside,
    password_again,
    sign_in,
    user,
)
from tests.security.world import credential

pytestmark = pytest.mark.django_db(databases=["default", "local"])


@pytest.fixture
def grace(db):
    return user()


def test_the_password_alone_does_not_open_it(grace):
    secret, _ = give_app(grace)
    browser = sign_in()
    assert not inside(browser)
    assert browser.answer["Location"].startswith("/account/2fa/authenticate/")
    assert inside(give_code(browser, code_of(secret)))


@pytest.mark.parametrize("caches", [None, CACHE_AWAY], ids=["with a cache", "cache away"])
def test_a_code_of_the_app_is_right_once(settings, grace, clock, caches):
    if caches:
        settings.CACHES = caches
    secret, _ = give_app(grace)
    code = code_of(secret)
    assert inside(give_code(sign_in(), code))
    assert not inside(give_code(sign_in(), code)), "seen over a shoulder"
    assert not inside(give_code(sign_in(), f" {code[:3]} {code[3:]}")), "however it is written"
    clock.next()
    assert inside(give_code(sign_in(), code_of(secret)))


def test_a_code_used_to_confirm_does_not_sign_in(grace, clock):
    secret, _ = give_app(grace)
    browser = give_code(sign_in(), code_of(secret))
    clock.next()
    assert password_again(browser, code=code_of(secret)).status_code == 302
    assert not inside(give_code(sign_in(), code_of(secret)))


def test_nor_one_used_to_set_up_the_app(grace):
    browser = sign_in()
    password_again(browser)
    secret = browser.get("/account/2fa/totp/activate/").context["form"].secret
    code = code_of(secret)
    assert browser.post("/account/2fa/totp/activate/", {"code": code}).status_code == 302
    assert not inside(give_code(sign_in(), code))


def test_how_long_a_code_of_the_app_is_good(grace, clock):
    """In its half minute: of 30 seconds not the one before, nor the one after."""
    secret, _ = give_app(grace)
    for ahead, good in ((-2, False), (-1, False), (1, False), (2, False), (0, True)):
        assert inside(give_code(sign_in(), code_of(secret, ahead))) == good, ahead
    begun = clock.now // 30 * 30 + 30
    for moment, good in ((begun - 0.01, False), (begun + 29.99, True)):
        clock.now = begun + 0.01
        code = code_of(secret)
        clock.now = moment
        assert inside(give_code(sign_in(), code)) == good, moment


def test_a_recovery_code_is_right_once(grace):
    _, codes = give_app(grace)
    assert inside(give_code(sign_in(), codes[3]))
    assert not inside(give_code(sign_in(), codes[3]))
    assert inside(give_code(sign_in(), codes[0]))


@pytest.mark.django_db(databases=["default", "local"], transaction=True)
def test_of_many_who_use_one_at_once_one_is_let_in(grace):
    _, codes = give_app(grace)
    found = Authenticator.objects.get(user=grace, type="recovery_codes")
    told = at_once(*[partial(recovery.use, found, codes[0])] * 8)
    assert sorted(told) == [False] * 7 + [True]


def test_a_recovery_code_as_people_write_it(grace):
    _, codes = give_app(grace)
    assert inside(give_code(sign_in(), f" {codes[0][:5]}-{codes[0][5:]} "))


@pytest.mark.django_db(databases=["default", "local"], transaction=True)
def test_recovery_codes_are_shown_once(grace, clock):
    browser = sign_in()
    password_again(browser)
    secret = browser.get("/account/2fa/totp/activate/").context["form"].secret
    after = browser.post("/account/2fa/totp/activate/", {"code": code_of(secret)}, follow=True)
    codes = re.search(r'id="recovery_codes"[^>]*>([\d\s]+)<', after.content.decode())[1].split()
    assert len(set(codes)) == 10
    for address in ("/account/2fa/recovery-codes/", "/account/2fa/recovery-codes/download/", "/account/2fa/"):
        again = browser.get(address, follow=True).content.decode()
        assert "10" in again and not [code for code in codes if code in again], address
    assert b"2fa/recovery-codes/generate" in browser.get("/account/2fa/recovery-codes/").content
    clock.next()
    assert inside(give_code(sign_in(), codes[9]))
    assert "9 unused codes" in browser.get("/account/2fa/").content.decode()


@pytest.mark.django_db(databases=["default", "local"], transaction=True)
def test_or_not_at_all_after_an_hour(grace):
    browser = sign_in()
    password_again(browser)
    secret = browser.get("/account/2fa/totp/activate/").context["form"].secret
    browser.post("/account/2fa/totp/activate/", {"code": code_of(secret)})
    now = timezone.now()
    assert recovery.forget_unseen(now) == 0
    found = Authenticator.objects.filter(type="recovery_codes")
    code = decrypt(found.get().data["migrated_codes"][0])
    found.update(created_at=now - recovery.UNSEEN_FOR)
    assert recovery.unused(found.get()) == 0 and not recovery.use(found.get(), code), "whether or not a worker runs"
    assert not browser.get("/account/2fa/recovery-codes/").context["can_view_codes"]
    tidy.forget_old(now)
    assert "gAAAA" not in str(found.get().data)


@pytest.mark.django_db(databases=["default", "local"], transaction=True)
def test_before_they_are_shown_they_work_too(grace):
    browser = sign_in()
    password_again(browser)
    secret = browser.get("/account/2fa/totp/activate/").context["form"].secret
    browser.post("/account/2fa/totp/activate/", {"code": code_of(secret)})
    codes = [decrypt(one) for one in Authenticator.objects.get(type="recovery_codes").data["migrated_codes"]]
    assert inside(give_code(sign_in(), codes[0])) and not inside(give_code(sign_in(), codes[0]))
    assert recovery.unused(Authenticator.objects.get(type="recovery_codes")) == 9
    assert browser.head("/account/2fa/recovery-codes/").status_code == 405, "a look ahead shows nothing to anybody"
    assert browser.get("/account/2fa/recovery-codes/").context["unused_codes"] == codes[1:]


@pytest.mark.django_db(databases=["default", "local"], transaction=True)
def test_they_are_hashed_where_nobody_waits_for_it(grace, monkeypatch):
    """A second of Argon2 inside of a transaction would hold up every writer of SQLite."""
    open_then = []
    hashing = recovery.make_password
    monkeypatch.setattr(recovery, "make_password", lambda code: open_then.append(depth()) or hashing(code))
    depth = lambda: len(connections["default"].savepoint_ids)  # noqa: E731
    outside = depth()
    browser = sign_in()
    password_again(browser)
    secret = browser.get("/account/2fa/totp/activate/").context["form"].secret
    browser.post("/account/2fa/totp/activate/", {"code": code_of(secret)}, follow=True)
    assert open_then == [outside] * 10


def test_new_recovery_codes_end_the_old_ones(grace, clock):
    secret, old = give_app(grace)
    browser = give_code(sign_in(), code_of(secret))
    clock.next()
    password_again(browser, code=code_of(secret))
    assert b"invalidate your existing codes" in browser.get("/account/2fa/recovery-codes/generate/").content
    browser.post("/account/2fa/recovery-codes/generate/")
    new = recovery.show_once(Authenticator.objects.get(user=grace, type="recovery_codes"))
    assert len(new) == 10 and not set(old) & set(new)
    assert not inside(give_code(sign_in(), old[0]))
    assert inside(give_code(sign_in(), new[0]))


def test_recovery_codes_cannot_be_guessed(grace):
    found = []
    for number in range(5):
        found += give_app(user(f"u{number}@example.org"))[1]
    assert len(set(found)) == len(found) == 50
    assert all(len(code) == 10 and code.isdecimal() for code in found)
    assert 10**10 > 2**20


def test_secrets_come_from_the_systems_randomness(monkeypatch):
    asked = []
    monkeypatch.setattr(totp.secrets, "token_bytes", lambda count: asked.append(count) or b"x" * count)
    totp.generate_totp_secret()
    assert asked == [20], "160 bits"
    asked.clear()
    monkeypatch.setattr(recovery.secrets, "randbelow", lambda below: asked.append(below) or len(asked))
    recovery.draw(found := Authenticator(type="recovery_codes"))
    assert asked == [10**10] * 10 and decrypt(found.data["migrated_codes"][6]) == "0000000007"


def test_what_is_stored_of_them_opens_nothing(grace):
    """A copy of the database without SECRET_KEY; of recovery codes also with it, once they were shown."""
    secret, codes = give_app(grace)
    stored = dict(Authenticator.objects.values_list("type", "data"))
    assert secret not in str(stored)
    assert not [code for code in codes if code in str(stored)]
    assert "gAAAA" in str(stored["totp"]), "Fernet"
    assert "gAAAA" not in str(stored["recovery_codes"])
    hashes = stored["recovery_codes"]["hashes"]
    assert [identify_hasher(one).algorithm for one in hashes] == ["md5"] * 10, "that of passwords; fast in tests"
    assert len({one.split("$")[1] for one in hashes}) == 10, "each has a salt of its own"
    assert all(check_password(code, hashed) for code, hashed in zip(codes, hashes, strict=True))


def test_a_key_that_was_rotated_still_reads_them(grace, settings):
    secret, _ = give_app(grace)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another one"
    assert inside(give_code(sign_in(), code_of(secret)))


@pytest.mark.parametrize(
    ("setting", "staff", "asked"),
    [("nobody", True, False), ("staff", False, False), ("staff", True, True), ("everybody", False, True)],
)
def test_required_by_a_setting(settings, grace, setting, staff, asked):
    settings.REQUIRE_SECOND_FACTOR = setting
    grace.is_staff = grace.is_superuser = staff
    grace.save()
    browser = sign_in()
    for address in ("/account/", "/", "/new-project/", *(["/admin/"] if staff else [])):
        sent = browser.get(address).headers.get("Location", "")
        assert (sent == "/account/2fa/") == asked, address
    assert browser.get("/account/2fa/").status_code == 200
    assert browser.get("/api/v1/projects/shop/stats").status_code == (401 if asked else 404), "nobody, for the API"
    if asked:
        give_app(grace)
        assert browser.get("/account/").status_code == 200


def test_production_requires_it_of_staff(monkeypatch):
    import importlib
    import sys

    for name, value in (("SECRET_KEY", "x" * 60), ("ALLOWED_HOSTS", "stats.example.org")):
        monkeypatch.setenv(name, value)
    monkeypatch.delitem(sys.modules, "settings.prod", raising=False)
    assert importlib.import_module("settings.prod").REQUIRE_SECOND_FACTOR == "staff"
    monkeypatch.delitem(sys.modules, "settings.prod")


@pytest.mark.parametrize("passkey", [False, True])
def test_the_page_says_what_there_is_to_do(grace, passkey):
    give_app(grace)
    if passkey:
        Authenticator.objects.create(user=grace, type="webauthn", data={"name": "key", "credential": credential()})
    browser = sign_in()
    page = browser.get("/account/2fa/authenticate/").content.decode()
    assert "recovery codes" in page and "autofocus" in page and 'inputmode="numeric"' in page
    assert ("Use a passkey" in page) == passkey


def test_a_sign_in_by_a_recovery_code_is_noted_as_one(grace):
    _, codes = give_app(grace)
    give_code(sign_in(), codes[0])
    assert AuditEvent.objects.filter(action=Action.SIGNED_IN).latest("pk").target == "by a recovery code"


def test_removed_here_it_is_missing_there(settings, grace, clock):
    """In every browser at once: whether somebody has one is asked at each request."""
    settings.REQUIRE_SECOND_FACTOR = "everybody"
    secret, _ = give_app(grace)
    other = give_code(sign_in(), code_of(secret))
    clock.next()
    assert inside(other)
    Authenticator.objects.filter(user=grace).delete()
    assert other.get("/account/").headers.get("Location") == "/account/2fa/"


@pytest.mark.parametrize("sent", [{"id": 1}, {"id": "AA", "response": {}}, {"response": []}, [], "x", 1, None])
def test_what_is_no_passkey_is_a_wrong_one(grace, sent):
    give_app(grace)
    browser = sign_in()
    browser.get("/account/2fa/authenticate/")
    for page in ("/account/2fa/authenticate/", "/account/2fa/webauthn/login/"):
        assert browser.post(page, {"credential": json.dumps(sent)}).status_code in (200, 302), page
        assert not inside(browser)


def test_a_forgotten_password_is_no_way_around_it(grace):
    secret, _ = give_app(grace)
    browser = guest()
    browser.post("/account/password/reset/", {"email": grace.email})
    link = next(word for word in mail.outbox[-1].body.split() if "/password/reset/key/" in word)
    form = browser.get(link, follow=True)
    new = "eight red tramways"
    browser.post(form.redirect_chain[-1][0], {"password1": new, "password2": new})
    assert not inside(browser), "it signs nobody in"
    after = sign_in(password=new)
    assert not inside(after) and inside(give_code(after, code_of(secret)))


def test_taken_away_it_is_told_and_noted(grace, clock):
    secret, _ = give_app(grace)
    browser = give_code(sign_in(), code_of(secret))
    clock.next()
    password_again(browser, code=code_of(secret))
    browser.post("/account/2fa/totp/deactivate/")
    assert not Authenticator.objects.filter(user=grace, type="totp").exists()
    assert mail.outbox[-1].to == [grace.email]
    assert AuditEvent.objects.filter(action=Action.FACTOR_REMOVED, actor=grace).exists()
    assert inside(sign_in(password=PASSWORD))


def test_a_passkey_alone_is_two_factors():
    """The device, and what it asks for: without a fingerprint, a face or a PIN it does not answer."""
    asked = guest().get("/account/2fa/webauthn/login/", headers={"X-Requested-With": "XMLHttpRequest"}).json()
    assert asked["request_options"]["publicKey"]["userVerification"] == "required"
    assert len(asked["request_options"]["publicKey"]["challenge"]) >= 43, "256 bits"
