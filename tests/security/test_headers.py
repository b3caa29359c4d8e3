"""What Mozilla's HTTP Observatory looks at, of every address that answers, under the settings of production."""

import io
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpResponse
from django.test import Client, RequestFactory

from accounts.headers import HeadersMiddleware
from endpoint_stats.api.direct import VIEWS, Direct
from tests.security.browsing import HOST, addresses, client, headers_of, house, is_html, production, text_of
from tests.security.test_csp import inline

pytestmark = pytest.mark.django_db(databases=["default", "local"])
__all__ = ["house", "production"]

ROOT = Path(__file__).resolve().parents[2]
HALF_A_YEAR = 15_768_000
BROAD = {"*", "http:", "https:", "ftp:", "blob:", "filesystem:", "http://*", "https://*"}


def policy_of(headers):
    parts = (part.split() for part in headers.get("content-security-policy", "").split(";") if part.strip())
    return {name.lower(): values for name, *values in parts}


def csp_default_none(headers):
    return policy_of(headers).get("default-src") == ["'none'"]


def csp_nothing_unsafe(headers):
    values = {value for values in policy_of(headers).values() for value in values}
    active = {value for name in ("script-src", "style-src") for value in policy_of(headers).get(name, ())}
    return not [value for value in values if "unsafe" in value] and not values & BROAD and "data:" not in active


def csp_no_frames(headers):
    return policy_of(headers).get("frame-ancestors") == ["'none'"]


def csp_base(headers):
    return policy_of(headers).get("base-uri") == ["'none'"]


def csp_forms(headers):
    return policy_of(headers).get("form-action") == ["'self'"]


def hsts(headers):
    found = dict(part.strip().partition("=")[::2] for part in headers.get("strict-transport-security", "").split(";"))
    return int(found.get("max-age", 0)) >= HALF_A_YEAR and {"includeSubDomains", "preload"} <= set(found)


def no_cors(headers):
    return not [name for name in headers if name.startswith("access-control-")]


RULES = {
    "CSP: default-src 'none'": csp_default_none,
    "CSP: nothing unsafe, nothing broad": csp_nothing_unsafe,
    "CSP: frame-ancestors 'none'": csp_no_frames,
    "CSP: base-uri 'none'": csp_base,
    "CSP: form-action 'self'": csp_forms,
    "HSTS of half a year or more, for subdomains, to be preloaded": hsts,
    "Referrer-Policy": lambda headers: headers.get("referrer-policy") in ("same-origin", "no-referrer"),
    "X-Content-Type-Options": lambda headers: headers.get("x-content-type-options") == "nosniff",
    "X-Frame-Options": lambda headers: headers.get("x-frame-options") == "DENY",
    "Cross-Origin-Opener-Policy": lambda headers: headers.get("cross-origin-opener-policy") == "same-origin",
    "Cross-Origin-Resource-Policy": lambda headers: headers.get("cross-origin-resource-policy") == "same-origin",
    "no CORS": no_cors,
    "no word on what serves": lambda headers: "x-powered-by" not in headers and "server" not in headers,
}


def broken(response):
    """Names of rules that a response breaks, and what is wrong with its cookies."""
    found = [name for name, holds in RULES.items() if not holds(headers_of(response))]
    for cookie in response.cookies.values():
        if not (cookie["secure"] and cookie["httponly"] and cookie["samesite"] in ("Lax", "Strict")):
            found.append(f"cookie {cookie.key}: {cookie.OutputString()}")
        if not cookie.key.startswith("__Host-") or cookie["path"] != "/" or cookie["domain"]:
            found.append(f"cookie {cookie.key} is not bound to its host")
    return found


def third_parties(response):
    """Addresses of other sites that a page loads something from: then it would need their integrity."""
    if not is_html(response):
        return []
    loads = re.findall(
        r"<(?:script|link|img|iframe|source|embed|object)\b[^>]*?(?:src|href)=\"([^\"]*)\"", text_of(response)
    )
    return [address for address in loads if "//" in address and not address.startswith("data:")]


@pytest.mark.parametrize("who", ["nobody", "viewer", "owner"])
def test_every_address(house, production, who):
    browser = client(house.get(who))
    wrong, answered, cookies = {}, 0, set()
    for name, address in addresses(house).items():
        response = browser.get(address)
        assert response.status_code != 500, address
        answered += 1
        cookies |= set(response.cookies)
        problems = broken(response) + third_parties(response)
        if problems:
            wrong[f"{name}: {address}"] = problems
    assert not wrong
    assert answered > 150
    assert cookies <= {"__Host-session", "__Host-csrf"} and (who == "viewer" or cookies)


def no_method(house):
    return client(house["owner"]).put("/projects/shop/")


def no_such_page(house):
    return client().get("/nothing/")


def another_host(house):
    return Client(headers={"host": "evil.example", "x-forwarded-proto": "https"}).get("/account/login/")


def no_csrf_token(house):
    return client(house["owner"], enforce_csrf_checks=True).post("/account/profile/", {"name": "x"})


def defect(house):
    house["monkeypatch"].setattr("accounts.pages.account.AuditEvent", None)
    return client(house["owner"]).get("/account/")


def too_often(house):
    house["monkeypatch"].setattr("accounts.sign_in.limits.count", lambda *given: False)
    return client().post("/account/password/reset/", {"email": "a@example.org"})


def signing_in(house):
    return client().post("/account/login/", {"login": "ada@example.org", "password": "a long password"})


def of_a_foreign_project(house):
    return client(house["viewer"]).get("/projects/other/")


@pytest.mark.parametrize(
    ("make", "status"),
    [(no_method, 405), (no_such_page, 404), (another_host, 400), (no_csrf_token, 403), (defect, 500), (too_often, 429),
     (signing_in, 302), (of_a_foreign_project, 404)],
)  # fmt: skip
def test_what_goes_wrong_has_them_too(house, production, monkeypatch, make, status):
    response = make(house | {"monkeypatch": monkeypatch})
    assert response.status_code == status
    assert broken(response) == []
    assert inline(text_of(response)) == []


def test_a_static_file(production, settings, tmp_path):
    (tmp_path / "css").mkdir()
    (tmp_path / "css" / "base.css").write_text("p {}", encoding="utf-8")
    settings.STATIC_ROOT = str(tmp_path)
    response = client().get("/static/css/base.css")
    assert (response.status_code, text_of(response)) == (200, "p {}")
    assert broken(response) == []
    assert "private" not in response["Cache-Control"]


@pytest.mark.parametrize("path", VIEWS)
@pytest.mark.parametrize("length", ["0", "x"])
def test_what_is_answered_before_django(production, settings, monkeypatch, path, length):
    monkeypatch.setattr(BaseDatabaseWrapper, "close_if_unusable_or_obsolete", lambda self: None)
    settings.DIRECT_MIDDLEWARE = []
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": path, "QUERY_STRING": "", "SCRIPT_NAME": "", "SERVER_NAME": "x",
        "SERVER_PORT": "80", "HTTP_HOST": HOST, "HTTP_X_FORWARDED_PROTO": "https", "CONTENT_LENGTH": length,
        "wsgi.input": io.BytesIO(), "wsgi.url_scheme": "http", "wsgi.errors": io.StringIO(),
    }  # fmt: skip

    def answered(application):
        said = []
        b"".join(application(environ, lambda status, headers, error=None: said.append((status, dict(headers)))))
        ((status, headers),) = said
        told = {name.lower(): value for name, value in headers.items()}
        return status, {name: value for name, value in told.items() if name not in ("content-length", "vary")}

    def refuse(*given):
        raise AssertionError("left to Django")

    status, headers = answered(Direct(refuse))
    assert [name for name, holds in RULES.items() if not holds(headers)] == []
    assert (status, headers) == answered(WSGIHandler()), "no more and no less than Django says"


def test_plain_http_is_sent_to_tls_on_the_same_host_first(house, production):
    browser = Client(headers={"host": HOST, "x-forwarded-proto": "http"})
    for address in ("/", "/account/login/?next=/", "/admin/", "/api/v1/projects/shop/stats", "/nothing"):
        response = browser.get(address)
        assert (response.status_code, response["Location"]) == (301, f"https://{HOST}{address}")
        without = [name for name in broken(response) if not name.startswith("HSTS")]
        assert without == [], "a promise to use TLS counts by TLS only"
    assert browser.get("/health/live").status_code == 200, "probes ask inside of the network"


def test_no_address_sends_to_another_host(house, production):
    for browser in (client(), client(house["owner"])):
        for address in addresses(house).values():
            target = browser.get(f"{address}?next=https://evil.example/").headers.get("Location", "/")
            assert re.match(r"/(?!/)", target), f"{address} sends to {target}"


# Pages with secrets, or of one person; and pages that are only not for everybody.
UNSTORED = (
    "/account/", "/account/sessions/", "/account/email/", "/account/data/", "/account/password/change/",
    "/account/2fa/", "/account/2fa/totp/activate/", "/account/2fa/recovery-codes/generate/",
    "/account/2fa/webauthn/add/", "/account/login/", "/account/reauthenticate/", "/invitation/",
    "/projects/shop/settings/", "/projects/shop/settings/keys/", "/projects/shop/settings/members/",
    "/projects/shop/settings/audit/", "/admin/", "/admin/accounts/user/",
)  # fmt: skip
PRIVATE = ("/", "/projects/shop/", "/projects/shop/ledger/", "/new-project/", "/api/v1/projects/shop/stats", "/none/")


@pytest.mark.parametrize("address", UNSTORED)
def test_no_copy_is_kept_of(house, production, address):
    said = client(house["owner"]).get(address)["Cache-Control"]
    assert "no-store" in said and "public" not in said


@pytest.mark.parametrize("address", PRIVATE)
def test_no_proxy_keeps(house, production, address):
    said = client(house["owner"]).get(address)["Cache-Control"]
    assert "private" in said and "public" not in said


def test_whatever_is_signed_in_is_private(house, production):
    browser = client(house["owner"])
    kept = {}
    for name, address in addresses(house).items():
        said = browser.get(address).headers.get("Cache-Control", "")
        if not {"private", "no-store"} & set(said.replace(" ", "").split(",")):
            kept[name] = said
    assert set(kept) == {"api-schema /api/v1/schema"}, "that one is the same for everybody"


def test_shown_secrets_are_in_no_cache(house, production):
    made = client(house["owner"]).post("/projects/shop/settings/keys/", {"name": "x", "scope": "read", "days": "0"})
    assert b'id="secret"' in made.content
    assert "no-store" in made["Cache-Control"]
    first = client(house["owner"]).post("/projects/shop/settings/first-key/")
    assert "no-store" in first["Cache-Control"]
    codes = client(house["viewer"]).get("/account/2fa/recovery-codes/generate/")
    assert codes.status_code == 200 and "no-store" in codes["Cache-Control"]


@pytest.mark.timeout(300)
def test_djangos_own_check_of_a_deployment(tmp_path):
    usual = {
        "DJANGO_SETTINGS_MODULE": "settings.prod",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "ALLOWED_HOSTS": HOST,
        "CSRF_TRUSTED_ORIGINS": f"https://{HOST}",
        "TRUST_PROXY": "true",
        "EMAIL_HOST": "mail.example.org",
        "DATA_DIR": str(tmp_path),
    }
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]

    def check(**changes):
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return subprocess.run(command, cwd=ROOT, env=environment | usual | changes, capture_output=True, text=True)

    clean = check()
    assert clean.returncode == 0, clean.stderr
    assert "no issues (0 silenced)" in clean.stdout
    assert check(HTTPS="false").returncode != 0, "it can fail"


@pytest.mark.parametrize(("cookie", "said"), [("", "public, max-age=300"), ("session", "max-age=300, private")])
def test_what_has_a_cookie_is_nobody_elses(cookie, said):
    def answer(request):
        made = HttpResponse(headers={"Cache-Control": "public, max-age=300"})
        if cookie:
            made.set_cookie(cookie, "secret")
        return made

    assert HeadersMiddleware(answer)(RequestFactory().get("/"))["Cache-Control"] == said
