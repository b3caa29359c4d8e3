"""People who sign in by the pages, as a browser does."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.core.cache.backends.base import BaseCache
from django.db import connections
from django.test import Client
from django.test.client import ClientHandler
from django.utils import timezone

from accounts.models import User
from accounts.sign_in import recovery

PASSWORD = "seven green bicycles"
LOGIN = "/account/login/"


class Clock:
    """What this installation and everybody's app take for the time: it stands, amid a half minute."""

    def __init__(self):
        self.now = time.time() // 30 * 30 + 15

    def time(self):
        return self.now

    def next(self):
        """Until the app shows another code."""
        self.now += 30


HANDLER = ClientHandler(enforce_csrf_checks=False)  # made once: WhiteNoise looks at every static file then


class Away(BaseCache):
    """A cache that is gone."""

    def __init__(self, *args):
        super().__init__({})

    def _gone(self, *args, **kwargs):
        raise ConnectionError("the cache is away")

    get = set = add = touch = delete = incr = get_many = set_many = clear = has_key = _gone


CACHE_AWAY = {"default": {"BACKEND": "tests.accounts.people.Away"}}


def user(email="grace@example.org", password=PASSWORD, **more):
    return User.objects.create_user(email, password, **more)


def guest(**headers):
    """A browser that nobody has signed in with."""
    browser = Client(**headers)
    browser.handler = HANDLER
    return browser


def sign_in(email="grace@example.org", password=PASSWORD, browser=None, **headers):
    """A browser after its try; ``inside`` tells whether it worked."""
    browser = browser or guest(**headers)
    browser.answer = browser.post(LOGIN, {"login": email, "password": password})
    return browser


def inside(browser):
    return browser.get("/account/").status_code == 200


def password_again(browser, password=PASSWORD, code=None):
    """And a code, of who has a second factor."""
    if code is None:
        return browser.post("/account/reauthenticate/", {"password": password})
    return browser.post("/account/2fa/reauthenticate/", {"password": password, "code": code})


def give_app(user):
    """An authenticator app's secret, and recovery codes."""
    secret = totp.generate_totp_secret()
    Authenticator.objects.create(user=user, type="totp", data={"secret": get_adapter().encrypt(secret)})
    return secret, recovery.show_once(RecoveryCodes.activate(user).instance)


def code_of(secret, ahead=0):
    """What the app shows now, or some half minutes later."""
    return totp.format_hotp_value(totp.hotp_value(secret, int(totp.time.time()) // 30 + ahead))


def give_code(browser, code):
    browser.answer = browser.post("/account/2fa/authenticate/", {"code": code})
    return browser


def age(browser, **ages):
    """Make a session as if it had begun (``signed_in``) or been used (``seen``) so long ago."""
    session = browser.session
    for name, ago in ages.items():
        session[name] = (timezone.now() - ago).isoformat()
    session.save()


def shown(response):
    """What a browser shows, without the token that differs between any two answers."""
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", response.content.decode())


def at_once(*acts):
    """What each returns, or the error that it raises, where all begin at the same moment, each over a connection of its
    own."""
    together = Barrier(len(acts))

    def one(act):
        together.wait()
        try:
            return act()
        except Exception as error:  # of whatever kind: the test says which may come
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(one, acts))


def days(count):
    return timedelta(days=count)
