"""Every address that answers, and a house with people in it who ask for them, under the settings of production."""

import functools
import importlib
import re
import sys
import time
import uuid

import pytest
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.contrib import admin
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.models import Membership, User
from accounts.services import create_project, keys, members
from endpoint_stats.models import Batch

HOST = "stats.example.org"
# Of settings.prod: what decides on headers and cookies.
OF_PRODUCTION = re.compile(r"(SECURE|SESSION_COOKIE|CSRF_COOKIE|X_FRAME|MESSAGE)_?.*")


@pytest.fixture
def production(settings, monkeypatch):
    """The headers and cookies of settings.prod; the rest stays the suite's."""
    for name, value in (("SECRET_KEY", "x" * 60), ("ALLOWED_HOSTS", HOST), ("TRUST_PROXY", "true")):
        monkeypatch.setenv(name, value)
    monkeypatch.delitem(sys.modules, "settings.prod", raising=False)
    found = vars(importlib.import_module("settings.prod"))
    monkeypatch.delitem(sys.modules, "settings.prod")
    for name, value in found.items():
        if OF_PRODUCTION.fullmatch(name):
            setattr(settings, name, value)
    settings.ALLOWED_HOSTS = [HOST]
    return found


def client(user=None, like=None, **more):
    """A browser that comes by TLS, through the proxy; ``user`` has just given their password. ``like`` another one it
    shares what answers: making that takes far longer than a page does."""
    browser = Client(headers={"host": HOST, "x-forwarded-proto": "https"}, raise_request_exception=False, **more)
    if like is not None:
        browser.handler = like.handler
    if user is not None:
        browser.force_login(user)
        session = browser.session
        session["account_authentication_methods"] = [{"method": "mfa", "at": time.time(), "reauthenticated": True}]
        session["account_authentication_methods_user"] = str(user.pk)
        session.save()
    return browser


@pytest.fixture
def house(owner):
    """A project with everything in it that has a page, its owner (staff too), and who only views."""
    owner.is_staff = owner.is_superuser = True
    owner.save()
    shop = create_project("shop", owner=owner)
    viewer = User.objects.create_user("viewer@example.org", "a long password")
    Membership.objects.create(project=shop, user=viewer, role="viewer")
    key, _ = keys.create(shop, "read", "grafana", by=owner)
    invitation, token = members.invite("new@example.org", shop, "viewer", by=owner)
    batch = Batch.objects.create(project=shop, name="access.log", state="complete", read=2, stored=1)
    Authenticator.objects.create(user=viewer, type="totp", data={"secret": get_adapter().encrypt("A" * 32)})
    RecoveryCodes.activate(viewer)
    known = {
        "slug": "shop", "prefix": key.prefix, "token": token, "app_label": "accounts",
        "uidb36": "1", "key": "1-2", "content_type_id": 1, "path": "", "url": "x", "provider_id": "oidc",
    }  # fmt: skip
    ids = {"member": shop.memberships.first().pk, "withdraw-invitation": invitation.pk, "roll-back": batch.pk,
           "api-batch": batch.pk}  # fmt: skip
    found = {"owner": owner, "viewer": viewer, "project": shop, "known": known, "ids": ids}
    return found | {"admin": _of_the_admin()}


def addresses(house):
    """``{name: address}`` of every route, with parameters that lead somewhere where there is something."""

    def walk(resolver, prefix):
        for entry in resolver.url_patterns:
            path = prefix + str(entry.pattern)
            if isinstance(entry, URLResolver):
                yield from walk(entry, path)
            elif isinstance(entry, URLPattern):
                yield entry.name or path, path

    found = {}
    for name, path in walk(get_resolver(), "/"):
        fill = functools.partial(_value, house, name)
        address = re.sub(r"\(\?P<(\w+)>[^)]*\)", lambda part, fill=fill: fill("str", part[1]), path)
        address = re.sub(r"<(?:(\w+):)?(\w+)>", lambda part, fill=fill: fill(*part.groups()), address)
        found[f"{name} {path}"] = re.sub(r"[\^$\\]|\(\?:.*?\)\??", "", address)
    assert not [address for address in found.values() if re.search(r"[<>()?]", address)]
    return found


def _of_the_admin():
    """``{model as routes name it: how its first object is named}``"""
    found = {}
    for model in admin.site._registry:
        first = model._default_manager.first()
        if first is not None:
            found[f"{model._meta.app_label}_{model._meta.model_name}"] = getattr(first, "prefix", first.pk)
    return found


def _value(house, name, kind, parameter):
    if parameter == "object_id":
        return str(house["admin"].get((name or "").rpartition("_")[0], "1"))
    if parameter in house["known"]:
        return str(house["known"][parameter])
    if name in house["ids"]:
        return str(house["ids"][name])
    return {"int": "1", "uuid": str(uuid.UUID(int=7))}.get(kind or "", "1")


def headers_of(response):
    return {name.lower(): value for name, value in response.headers.items()}


def is_html(response):
    return response.headers.get("Content-Type", "").startswith("text/html")


def text_of(response):
    content = b"".join(response.streaming_content) if response.streaming else response.content
    return content.decode(response.charset or "utf-8")


__all__ = ["HOST", "addresses", "client", "headers_of", "house", "is_html", "production", "text_of"]
