"""The matrix of the routes that there are only where a provider signs people in (OIDC_ISSUER)."""

from typing import Any

import pytest
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter

from settings.sign_in import oidc_provider

from .matrix import Matrix
from .routes import PROVIDER, route_of
from .url_map import routes

pytestmark = pytest.mark.django_db(databases=["default", "local"])

ISSUER = "https://id.example.net"


@pytest.fixture(autouse=True)
def provider(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is named and never asked."""
    places = {name: f"{ISSUER}/{name}" for name in ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")}
    monkeypatch.setattr(OpenIDConnectOAuth2Adapter, "openid_config", places)
    settings.SOCIALACCOUNT_PROVIDERS = oidc_provider(ISSUER)


def test_every_route_is_known() -> None:
    found = set(routes())
    for name in found:
        route_of(name)
    assert set(PROVIDER) <= found


@pytest.mark.parametrize("matrix", PROVIDER, indirect=True)
def test_who_may_what(matrix: Matrix) -> None:
    matrix.run()
