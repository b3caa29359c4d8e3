"""Signing in by an OpenID Connect provider: django-allauth does it. Here the signature of what the provider says of
somebody is checked besides, and said what is when the provider is away."""

import logging
from typing import Any

import jwt
from allauth.account.internal.decorators import login_not_required
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialApp, SocialToken
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect import views
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from requests import RequestException

logger = logging.getLogger(__name__)

# Those by which a provider signs with a key that it alone has. Never "none", nor one whose key we would share.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


class SignedAdapter(views.OpenIDConnectOAuth2Adapter):
    def complete_login(self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: Any) -> Any:
        """Raises OAuth2Error where the answer holds no ID token, or one about somebody else than the access token."""
        id_token = kwargs["response"].get("id_token")
        if not id_token:
            raise OAuth2Error("the provider's answer holds no ID token; it is no OpenID Connect provider")
        said = {"id_token": self._decode_id_token(app, id_token), "userinfo": self._fetch_user_info(token.token)}
        if not isinstance(said["userinfo"], dict) or said["userinfo"].get("sub") != said["id_token"]["sub"]:
            raise OAuth2Error("the ID token and the provider's userinfo are not about one person")
        return self.get_provider().sociallogin_from_response(request, said)

    def _decode_id_token(self, app: SocialApp, id_token: str) -> dict[str, Any]:
        """Raises OAuth2Error unless a key of the provider's signed it. The package leaves that out where the token
        came by TLS, as OpenID Connect allows; whoever sits between provider and installation could then say anything.
        """
        try:
            key = self._key_of(jwt.get_unverified_header(id_token))
            claims: dict[str, Any] = jwt.decode(
                id_token,
                key=key,
                algorithms=[key.algorithm_name],
                audience=app.client_id,
                issuer=self.openid_config["issuer"],
                options={"require": ["iss", "aud", "exp", "iat", "sub"]},
                leeway=30,  # seconds by which clocks may differ
            )
        except (jwt.PyJWTError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise OAuth2Error(f"the ID token is not valid: {error}") from error
        return claims

    def _key_of(self, header: dict[str, Any]) -> jwt.PyJWK:
        """The key that the header names; the only one where it names none."""
        with get_adapter().get_requests_session() as session:
            answer = session.get(self.openid_config["jwks_uri"])
            answer.raise_for_status()
        keys = [key for key in answer.json()["keys"] if key.get("use", "sig") == "sig"]
        named = [key for key in keys if key.get("kid") == header["kid"]] if "kid" in header else keys
        if len(named) != 1:
            raise OAuth2Error(f"the ID token names no one key of the provider: {header.get('kid')!r}")
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS or named[0].get("alg", algorithm) != algorithm:
            raise OAuth2Error(f"the ID token is signed by {algorithm!r}, which is not the key's or not taken")
        return jwt.PyJWK(named[0], algorithm)


def login(request: HttpRequest, provider_id: str) -> HttpResponse:
    try:
        return views.login(request, provider_id)
    except (RequestException, KeyError) as error:  # it does not answer, or not as the specification says
        logger.warning("the OpenID Connect provider cannot be used: %r", error)
        messages.error(request, "Single sign-on does not answer. Try again in a moment, or sign in with your password.")
        return redirect("account_login")


@login_not_required
def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Where the browser comes back to."""
    try:
        answer: HttpResponse = OAuth2CallbackView.adapter_view(SignedAdapter(request, provider_id))(request)
        return answer
    except SocialApp.DoesNotExist:
        raise Http404 from None
