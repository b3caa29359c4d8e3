"""Sign-in by an OpenID Connect provider."""

import pytest
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.openid_connect import views
from django.db import IntegrityError, transaction
from django.test import Client

from settings.sign_in import oidc_provider
from tests.accounts.people import guest, user

pytestmark = pytest.mark.django_db(databases=["default", "local"])

ISSUER = "https://login.example.org"


@pytest.fixture
def provider(settings):
    settings.SOCIALACCOUNT_PROVIDERS = oidc_provider(ISSUER)


def test_it_begins_by_a_press_of_a_button_alone(provider, monkeypatch):
    """A link or a picture on another site starts nothing: nobody is signed in as somebody else's account."""
    asked = []
    monkeypatch.setattr(views.OpenIDConnectOAuth2Adapter, "openid_config", property(lambda self: asked.append(1)))
    page = guest().get("/account/oidc/oidc/login/")
    assert page.status_code == 200 and b"<form" in page.content
    assert not asked
    assert Client(enforce_csrf_checks=True).post("/account/oidc/oidc/login/").status_code == 403


def test_there_is_one_and_it_is_asked_with_pkce():
    (app,) = oidc_provider(ISSUER)["openid_connect"]["APPS"]
    assert app["provider_id"] == "oidc" and app["settings"]["oauth_pkce_enabled"] is True
    assert oidc_provider("") == {}


def test_people_are_told_apart_by_provider_and_id():
    ada, grace = user("ada@example.org"), user("grace@example.org")
    SocialAccount.objects.create(user=ada, provider="oidc", uid="7")
    SocialAccount.objects.create(user=grace, provider="another", uid="7")
    with transaction.atomic(), pytest.raises(IntegrityError):
        SocialAccount.objects.create(user=grace, provider="oidc", uid="7")


def test_an_address_that_it_names_is_nobody_by_itself(settings):
    """Else whoever runs, or fools, the provider would have anybody's account."""
    assert settings.SOCIALACCOUNT_EMAIL_AUTHENTICATION is False
    assert settings.SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT is False
    assert settings.SOCIALACCOUNT_STORE_TOKENS is False
