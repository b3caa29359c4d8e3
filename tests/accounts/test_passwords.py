"""What is a password here, and how it is changed."""

import hashlib
import random
import re

import pytest
from django.conf import settings as configured
from django.contrib.auth.password_validation import CommonPasswordValidator, validate_password
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from accounts.sign_in.passwords import is_breached, is_common
from tests.accounts.people import LOGIN, PASSWORD, guest, inside, sign_in, user

pytestmark = pytest.mark.django_db(databases=["default", "local"])

CHANGE = "/account/password/change/"


def codes(password, of=None):
    """Why a password is refused; nothing for a good one."""
    try:
        validate_password(password, of)
    except ValidationError as error:
        return {one.code for one in error.error_list}
    return set()


def test_ten_characters_at_least():
    assert codes("xq4!vbn2z") == {"password_too_short"}
    assert codes("xq4!vbn2zk") == set()


@pytest.mark.parametrize(
    "password",
    ["aaaa bbbb cccc", "только кириллица", "no digits or capitals", "⛄🚲🚋 on the way", "x" * 64, "y9 " * 60,
     "  spaces around  ", "'; DROP TABLE users; --"],
)  # fmt: skip
def test_any_characters_will_do(password):
    """No rule asks for kinds of characters, and long ones are welcome; each is taken exactly as it was given."""
    assert codes(password) == set()
    user(password=PASSWORD)
    browser = sign_in()
    changed = {"oldpassword": PASSWORD, "password1": password, "password2": password}
    assert browser.post(CHANGE, changed).status_code == 302
    assert inside(sign_in(password=password))
    for other in {password.strip(), password.upper(), password[:-1], password[:72], password + " "} - {password}:
        assert not inside(sign_in(password=other)), other


def test_common_ones_are_refused():
    assert "password_too_common" in codes("1234567890")
    assert "password_too_common" in codes("PASSWORD1234".lower())


def test_and_the_commonest_of_breached_sites(settings):
    """The list is in order: these are the 3,000 commonest that are long enough."""
    lines = settings.COMMON_PASSWORDS_FILE.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    long = [line for line in lines if len(line) >= 10]
    assert len(long) > 100_000 and long[0] == "qwertyuiop"
    chosen = long[:3000]
    assert all(is_common(one, settings.COMMON_PASSWORDS_FILE) for one in random.Random(7).sample(chosen, 150))
    assert is_common(chosen[0], settings.COMMON_PASSWORDS_FILE) and is_common(
        chosen[-1], settings.COMMON_PASSWORDS_FILE
    )
    unknown = next(one for one in chosen if "password_too_common" not in codes_of_django(one))
    assert "password_too_common" in codes(unknown) and "password_too_common" in codes(unknown.upper())
    for part in (unknown[:-1] + "\x7f", unknown + " x", PASSWORD, "\ud800 alone in it"):
        assert not is_common(part, settings.COMMON_PASSWORDS_FILE)


def codes_of_django(password):
    try:
        CommonPasswordValidator().validate(password)
    except ValidationError as error:
        return {error.code}
    return set()


def test_ones_like_oneself_are_refused():
    ada = user("ada.lovelace@example.org", name="Countess of Lovelace")
    assert "password_too_similar" in codes("ada.lovelace1", ada)
    assert "password_too_similar" in codes("countess of lovelace", ada)


@pytest.mark.parametrize(
    "password", ["endpointstats", "Endpoint-Stats-2026", "statsstats123", "ACME acme acme", "Acme!Stats!99"]
)
def test_words_of_this_place_are_refused(settings, password):
    settings.PASSWORD_WORDS = ["Acme", ""]
    assert "password_words" in codes(password)


@pytest.mark.parametrize("password", ["statistics of seven bicycles", "my endpoint is a green tram", "vbnqxzkfdpwl"])
def test_a_word_among_others_is_fine(settings, password):
    settings.PASSWORD_WORDS = ["Acme"]
    assert codes(password) == set()


def digest(password):
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


def breached(folder, passwords, ending="\n", count=":3"):
    path = folder / "breached.txt"
    path.write_text("".join(f"{line}{count}{ending}" for line in sorted(map(digest, passwords))), encoding="ascii")
    return path


class TestBreached:
    WORDS = tuple(f"a known password {number}" for number in range(9))

    @pytest.mark.parametrize("ending", ["\n", "\r\n"])
    @pytest.mark.parametrize("count", [":3", "", ":123456789"])
    def test_every_line_is_found_and_no_other(self, tmp_path, ending, count):
        path = breached(tmp_path, self.WORDS, ending, count)
        in_order = sorted(self.WORDS, key=digest)
        assert is_breached(in_order[0], path), "the first line"
        assert is_breached(in_order[4], path), "one in the middle"
        assert is_breached(in_order[-1], path), "the last line"
        assert all(is_breached(word, path) for word in self.WORDS)
        assert not any(is_breached(f"unknown {number}", path) for number in range(200))

    @pytest.mark.parametrize("lines", [0, 1, 2])
    def test_hardly_any_lines(self, tmp_path, lines):
        path = breached(tmp_path, self.WORDS[:lines])
        assert [is_breached(word, path) for word in self.WORDS[:3]] == [place < lines for place in range(3)]

    def test_without_a_line_end_at_the_end(self, tmp_path):
        path = breached(tmp_path, self.WORDS)
        path.write_bytes(path.read_bytes().rstrip(b"\n"))
        assert all(is_breached(word, path) for word in self.WORDS)

    @given(st.sets(st.text(max_size=6), max_size=40), st.sets(st.text(max_size=6), max_size=10), st.booleans())
    def test_as_a_set(self, tmp_path_factory, known, asked, windows):
        path = breached(tmp_path_factory.mktemp("breached"), known, "\r\n" if windows else "\n")
        for password in asked | known:
            assert is_breached(password, path) == (password in known)

    def test_refused_when_signing_up_and_when_changing(self, tmp_path, settings):
        settings.BREACHED_PASSWORDS_FILE = str(breached(tmp_path, [*self.WORDS, "nine blue tramways"]))
        settings.SIGN_UP = "open"
        given_up = guest().post("/account/signup/", {"email": "new@example.org", "password1": self.WORDS[0]})
        assert b"known from a breach" in given_up.content
        user()
        changed = {"oldpassword": PASSWORD, "password1": "nine blue tramways", "password2": "nine blue tramways"}
        assert b"known from a breach" in sign_in().post(CHANGE, changed).content

    def test_off_where_no_file_is_named(self, settings):
        assert not settings.BREACHED_PASSWORDS_FILE
        assert codes(self.WORDS[0]) == set()

    def test_a_file_that_is_gone_lets_nothing_through(self, settings):
        settings.BREACHED_PASSWORDS_FILE = "/nowhere/breached.txt"
        with pytest.raises(OSError):
            validate_password("a good enough one")


def test_changed_by_the_old_one():
    user()
    browser = sign_in()
    new = "eight red tramways"
    wrong = browser.post(CHANGE, {"oldpassword": "wrong one, this", "password1": new, "password2": new})
    assert wrong.status_code == 200 and wrong.context["form"].errors["oldpassword"]
    without = browser.post(CHANGE, {"password1": new, "password2": new})
    assert without.context["form"].errors["oldpassword"]
    assert not inside(sign_in(password=new))
    assert browser.post(CHANGE, {"oldpassword": PASSWORD, "password1": new, "password2": new}).status_code == 302
    assert inside(sign_in(password=new)) and not inside(sign_in())


def test_never_for_its_age(settings):
    """Nobody is asked to change one that nobody else knows."""
    from datetime import timedelta

    from django.utils import timezone

    from accounts.models import User

    user()
    User.objects.update(
        date_joined=timezone.now() - timedelta(days=4000), last_login=timezone.now() - timedelta(days=4000)
    )
    browser = sign_in()
    assert browser.answer["Location"] == "/" and inside(browser)


def test_kept_by_argon2():
    from settings import base

    assert base.PASSWORD_HASHERS[0] == "django.contrib.auth.hashers.Argon2PasswordHasher"
    assert configured.PASSWORD_HASHERS[0].endswith("MD5PasswordHasher"), "the suite's own, for speed"


@pytest.mark.parametrize(
    ("address", "fields"),
    [(LOGIN, {"password": "current-password"}), ("/account/signup/", {"password1": "new-password"}),
     (CHANGE, {"oldpassword": "current-password", "password1": "new-password", "password2": "new-password"}),
     ("/account/reauthenticate/", {"password": "current-password"})],
)  # fmt: skip
def test_fields_hide_them_and_let_managers_fill_them(settings, address, fields):
    settings.SIGN_UP = "open"
    user()
    browser = guest() if address in (LOGIN, "/account/signup/") else sign_in()
    page = browser.get(address).content.decode()
    for name, autocomplete in fields.items():
        (tag,) = re.findall(rf'<input[^>]*\bname="{name}"[^>]*>', page)
        assert 'type="password"' in tag and f'autocomplete="{autocomplete}"' in tag
        assert "value=" not in tag and "maxlength" not in tag
    assert "onpaste" not in page


def test_no_questions_and_no_hints(settings):
    settings.SIGN_UP = "open"
    fields = set(
        re.findall(r'<(?:input|select)[^>]*\bname="([^"]+)"', guest().get("/account/signup/").content.decode())
    )
    assert fields == {"csrfmiddlewaretoken", "email", "password1", "website"}, "the last is a trap for programs"


def test_nobody_is_there_to_begin_with():
    from accounts.models import User

    assert not User.objects.exists(), "migrations make no user"
