"""Signing in by an OpenID Connect provider: a small real one, on this machine."""

import base64
import hashlib
import importlib
import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialToken
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client
from jwt.algorithms import RSAAlgorithm

from accounts import urls
from accounts.models import User
from accounts.sign_in import again
from settings.sign_in import oidc_provider
from tests.accounts.people import code_of, give_app

pytestmark = pytest.mark.django_db(databases=["default", "local"])

KEY, FOREIGN_KEY = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
CALLBACK = "/account/oidc/oidc/login/callback/"


class Provider(ThreadingHTTPServer):
    """Answers as the specification says; ``person`` is who signs in there."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.person: dict[str, Any] = {
            "sub": "1",
            "email": "grace@example.org",
            "email_verified": True,
            "name": "Grace",
        }
        self.challenges: dict[str, str] = {}
        self.claims: dict[str, Any] = {}  # what is said otherwise than usually in the ID token
        self.signed: dict[str, Any] = {"key": KEY, "algorithm": "RS256"}
        self.id_token = True
        self.key: Any = RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True) | {
            "kid": "k1",
            "use": "sig",
            "alg": "RS256",
        }
        self.userinfo: Any = None  # instead of the person
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def documents(self) -> dict[str, Any]:
        at = self.address
        return {
            "/.well-known/openid-configuration": {
                "issuer": at, "authorization_endpoint": f"{at}/authorize", "token_endpoint": f"{at}/token",
                "userinfo_endpoint": f"{at}/userinfo", "jwks_uri": f"{at}/keys",
                "response_types_supported": ["code"], "subject_types_supported": ["public"],
                "token_endpoint_auth_methods_supported": ["client_secret_post"],
            },
            "/userinfo": self.person if self.userinfo is None else self.userinfo,
            "/keys": {"keys": [self.key]},
        }  # fmt: skip

    def token(self) -> str:
        now = int(time.time())
        claims = {"iss": self.address, "aud": "client", "sub": self.person["sub"], "iat": now, "exp": now + 300}
        return jwt.encode(claims | self.claims, headers={"kid": "k1"}, **self.signed)


class _Answers(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self._say(200, self.server.documents()[self.path])

    def do_POST(self) -> None:
        self.server.asked.append(self.path)
        given = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        proof = base64.urlsafe_b64encode(hashlib.sha256(given["code_verifier"][0].encode()).digest()).rstrip(b"=")
        if self.server.challenges.pop(given["code"][0], "") != proof.decode():
            self._say(400, {"error": "invalid_grant"})
            return
        more = {"id_token": self.server.token()} if self.server.id_token else {}
        self._say(200, {"access_token": "secret of the provider", "token_type": "Bearer"} | more)

    def _say(self, status: int, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    made = Provider()
    threading.Thread(target=made.serve_forever, daemon=True).start()
    settings.SOCIALACCOUNT_PROVIDERS = oidc_provider(made.address)
    settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]["client_id"] = "client"
    yield made
    made.shutdown()
    made.server_close()


def sign_in(client: Client, provider: Provider, **changed: str) -> Any:
    """By the button, as a browser does that comes back from the provider."""
    sent = client.post("/account/oidc/oidc/login/")
    assert sent.status_code == 302, sent.content
    asked = {name: values[0] for name, values in parse_qs(urlsplit(sent["Location"]).query).items()}
    assert sent["Location"].startswith(f"{provider.address}/authorize?")
    assert asked["code_challenge_method"] == "S256" and asked["redirect_uri"].endswith(CALLBACK)
    provider.challenges["a code"] = asked["code_challenge"]
    return client.get(CALLBACK, {"code": "a code", "state": asked["state"], **changed})


def test_who_is_new_gets_an_account(provider: Provider) -> None:
    client = Client()
    assert "Sign in with single sign-on" in client.get("/account/login/").content.decode()
    assert sign_in(client, provider).status_code == 302
    assert client.get("/account/").context["user"].email == "grace@example.org"
    user = User.objects.get()
    assert not user.has_usable_password() and not user.is_staff
    assert user.memberships.get().role == "owner"
    assert not SocialToken.objects.exists()


def test_and_is_the_same_person_the_next_time(provider: Provider) -> None:
    sign_in(Client(), provider)
    provider.person["email"] = "renamed@example.org"
    client = Client()
    sign_in(client, provider)
    assert User.objects.count() == 1
    assert client.get("/account/").status_code == 200


def test_an_account_with_the_address_is_not_taken_over(provider: Provider, settings: Any) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    mine = User.objects.create_user("grace@example.org", "a long password")
    client = Client()
    sign_in(client, provider)
    assert "/account/login/" in client.get("/account/")["Location"]
    assert User.objects.get() == mine


def test_unless_the_provider_is_trusted_to_have_checked_it(provider: Provider, settings: Any) -> None:
    settings.SOCIALACCOUNT_EMAIL_AUTHENTICATION = settings.SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
    mine = User.objects.create_user("grace@example.org", "a long password")
    client = Client()
    sign_in(client, provider)
    assert client.get("/account/").context["user"] == mine
    # An address that the provider has not checked proves nothing, trusted or not.
    provider.person |= {"sub": "2", "email_verified": False}
    other = Client()
    sign_in(other, provider)
    assert other.get("/account/").status_code == 302


def test_nobody_new_where_sign_up_is_closed(provider: Provider, settings: Any) -> None:
    settings.SIGN_UP = "closed"
    sign_in(Client(), provider)
    assert not User.objects.exists()


@pytest.mark.parametrize("changed", [{"state": "another"}, {"code": "another"}])
def test_an_answer_that_was_not_asked_for(provider: Provider, changed: dict[str, str]) -> None:
    client = Client()
    assert sign_in(client, provider, **changed).status_code == 401
    assert client.get("/account/").status_code == 302
    assert not User.objects.exists()


PUBLIC = KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
FORGED: dict[str, dict[str, Any]] = {
    "by nobody": {"signed": {"key": None, "algorithm": "none"}},
    "by somebody else": {"signed": {"key": FOREIGN_KEY, "algorithm": "RS256"}},
    "by what everybody knows": {"signed": {"key": PUBLIC, "algorithm": "HS256"}},
    "by the key in another way": {"signed": {"key": KEY, "algorithm": "RS512"}},
    "for another client": {"claims": {"aud": "another"}},
    "of another provider": {"claims": {"iss": "https://id.example.net"}},
    "of yesterday": {"claims": {"exp": 1_700_000_000}},
    "of somebody else": {"claims": {"sub": "2"}},
    "without an end": {"claims": {"exp": None}},
    "none": {"id_token": False},
    "with userinfo that is no object": {"userinfo": ["sub", "1"]},
    "with keys that are none": {"key": "k1"},
    "with a key that is not for this": {"key": {"kid": "k1", "kty": "oct", "k": "c2VjcmV0"}},
}


@pytest.mark.parametrize("how", FORGED)
def test_what_the_provider_did_not_sign_signs_nobody_in(provider: Provider, how: str) -> None:
    for name, value in FORGED[how].items():
        setattr(provider, name, value)
    client = Client()
    assert sign_in(client, provider).status_code == 401
    assert "/userinfo" in provider.asked or provider.asked[-1] in ("/keys", "/token")
    assert client.get("/account/").status_code == 302
    assert not User.objects.exists()


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "RS512"])
def test_a_key_that_names_no_algorithm_is_good_for_those_of_its_kind(provider: Provider, algorithm: str) -> None:
    del provider.key["alg"]
    provider.signed["algorithm"] = algorithm
    client = Client()
    sign_in(client, provider)
    assert client.get("/account/").status_code == 200


def test_a_second_factor_here_is_asked_for_after_it(provider: Provider) -> None:
    """A provider is no second factor, whatever it says of how somebody signed in there."""
    sign_in(Client(), provider)
    user = User.objects.get()
    secret, _ = give_app(user)
    provider.claims = {"amr": ["mfa", "otp"], "acr": "high"}
    client = Client()
    assert sign_in(client, provider)["Location"].startswith("/account/2fa/authenticate/")
    assert client.get("/account/").status_code == 302
    client.post("/account/2fa/authenticate/", {"code": code_of(secret)})
    assert client.get("/account/").status_code == 200


@pytest.mark.parametrize("trusted", [False, True])
def test_what_it_says_of_an_address_proves_it_where_it_is_trusted_alone(
    provider: Provider, settings: Any, trusted: bool
) -> None:
    settings.SOCIALACCOUNT_EMAIL_AUTHENTICATION = settings.SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = trusted
    sign_in(Client(), provider)
    assert EmailAddress.objects.get(email="grace@example.org").verified is trusted


def test_who_has_nothing_else_signs_in_there_again_before_what_matters(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client()
    sign_in(client, provider)
    assert client.post("/account/data/export/").status_code == 200, "has just done so"
    later = time.time() + 601
    monkeypatch.setattr(again.time, "time", lambda: later)
    for address in ("/account/data/export/", "/account/password/set/", "/account/data/delete/"):
        assert client.post(address)["Location"].startswith("/account/reauthenticate/"), address
    page = client.get("/account/reauthenticate/").content.decode()
    form = re.search(r'action="(/account/oidc/[^"]+)"', page)
    assert form and "prompt%3Dlogin" in form[1]
    sent = client.post(form[1].replace("&amp;", "&"))
    asked = {name: values[0] for name, values in parse_qs(urlsplit(sent["Location"]).query).items()}
    assert asked["prompt"] == "login"
    monkeypatch.undo()
    provider.challenges["a code"] = asked["code_challenge"]
    assert client.get(CALLBACK, {"code": "a code", "state": asked["state"]})["Location"] == "/account/"
    assert client.post("/account/data/export/").status_code == 200
    assert "extra_data" in client.post("/account/data/export/").content.decode(), "what the provider said is theirs"


def test_who_must_get_a_second_factor_can_sign_in_there_again_to_get_it(
    provider: Provider, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else they would be sent from the page of factors to itself, ten minutes after they came."""
    settings.REQUIRE_SECOND_FACTOR = "everybody"
    client = Client()
    sign_in(client, provider)
    later = time.time() + 601
    monkeypatch.setattr(again.time, "time", lambda: later)
    assert client.get("/account/2fa/totp/activate/")["Location"].startswith("/account/reauthenticate/")
    monkeypatch.undo()
    assert sign_in(client, provider).status_code == 302
    assert client.get("/account/2fa/totp/activate/").status_code == 200


def test_it_is_off_where_no_issuer_is_set(settings: Any) -> None:
    assert oidc_provider("") == {}

    def names() -> set[str]:
        return {str(entry.pattern) for entry in importlib.reload(urls).urlpatterns}

    with_one = names()
    settings.OIDC_ISSUER = ""
    without = names()
    settings.OIDC_ISSUER = "http://127.0.0.1:1"
    assert with_one == names()
    assert {path.split("/")[1] for path in with_one - without} == {"provider", "oidc"}


def test_signing_in_takes_a_post(provider: Provider) -> None:
    """A link on another site signs nobody in."""
    Client().get("/account/oidc/oidc/login/")
    assert not provider.challenges and not [path for path in provider.asked if path == "/token"]


def test_a_provider_that_is_away(provider: Provider) -> None:
    provider.shutdown()
    provider.server_close()
    answer = Client().post("/account/oidc/oidc/login/", follow=True)
    assert answer.status_code == 200 and "Single sign-on does not answer" in answer.content.decode()
