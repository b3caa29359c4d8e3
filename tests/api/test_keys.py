"""API keys: who holds one asks for one project, within its scope, until it is revoked or expires."""

import io
import json
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from accounts import keys
from accounts.models import ApiKey
from accounts.services import create_project
from tests.api.conftest import assert_problem, get

pytestmark = pytest.mark.django_db(databases=["default", "local"])


@pytest.mark.parametrize("scope", ["read", "write"])
def test_a_key_reads_its_project(by_key, scope):
    assert get(by_key(scope)).json()["totals"]["requests"] == 3


def test_a_key_that_may_only_send(by_key):
    assert_problem(get(by_key("ingest")), 403, "wrong_scope")


def test_another_project_answers_exactly_as_a_missing_one(by_key, owner):
    create_project("other", owner=owner)
    asks = by_key()
    foreign, missing = get(asks, "other"), get(asks, "missing")
    assert_problem(foreign, 404, "not_found")
    assert foreign.content == missing.content


def test_revoked_expired_unknown(shop, by_key):
    assert get(by_key(expires=timezone.now() + timedelta(minutes=1))).status_code == 200
    expired = by_key(expires=timezone.now() - timedelta(seconds=1))
    assert_problem(get(expired), 401, "key_invalid")
    asks = by_key()
    assert get(asks).status_code == 200
    ApiKey.objects.filter(last_used__isnull=False).update(revoked=True)
    assert_problem(get(asks), 401, "key_invalid")


def test_it_ends_with_the_moment_that_it_names(shop):
    end = timezone.now() + timedelta(days=1)
    key, secret = keys.create_key(shop, "read", "short", expires=end)
    assert keys.find_key(secret, end - timedelta(microseconds=1)) == key
    assert keys.find_key(secret, end) is None


@pytest.mark.parametrize(
    "secret", ["", "x", "a.b", "a" * 8 + "." + "b" * 32, "\x00" * 41, "é" * 8 + "." + "b" * 32, "a" * 100_000]
)
def test_what_is_no_key(shop, secret):
    response = get(Client(headers={"Authorization": f"Bearer {secret}"}))
    assert_problem(response, 401, "key_invalid")
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_a_key_with_another_secret_behind_its_prefix(shop, by_key):
    secret = by_key().defaults["HTTP_AUTHORIZATION"]
    assert_problem(get(Client(headers={"Authorization": secret[:-1] + ("a" if secret[-1] != "a" else "b")})), 401,
                   "key_invalid")  # fmt: skip


def test_only_the_hash_is_kept(shop, by_key):
    secret = by_key().defaults["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
    held = ApiKey.objects.get()
    assert secret.partition(".")[2] not in str(vars(held))
    assert secret.startswith(f"{held.prefix}.")


def test_when_it_was_used_is_noted_to_the_minute(shop, by_key, django_assert_num_queries):
    asks = by_key()
    get(asks)
    first = ApiKey.objects.get().last_used
    assert timezone.now() - first < timedelta(minutes=1)
    get(asks)
    assert ApiKey.objects.get().last_used == first


def test_a_busy_database_refuses_no_question_for_that_note(shop, by_key, monkeypatch, caplog):
    class Busy:
        def filter(self, *args, **kwargs):
            raise OperationalError("database is locked")

    asks = by_key()
    real = ApiKey.objects
    monkeypatch.setattr(keys, "find_key", lambda secret, now: real.select_related("project").get())
    monkeypatch.setattr(ApiKey, "objects", Busy())
    assert get(asks).status_code == 200
    assert "could not be noted" in caplog.text


def run(*arguments):
    out = io.StringIO()
    call_command("create_api_key", *arguments, stdout=out)
    return out.getvalue()


def test_the_command(shop):
    secret = json.loads(run("--project", "shop", "--scope", "read", "--json"))["key"]
    assert get(Client(headers={"Authorization": f"Bearer {secret}"})).status_code == 200
    plain = run("--project", "shop", "--scope", "ingest", "--name", "gateway", "--days", "30").strip()
    held = ApiKey.objects.get(prefix=plain.partition(".")[0])
    assert (held.name, held.scope, held.project_id) == ("gateway", "ingest", shop.pk)
    assert timedelta(days=29) < held.expiry_date - timezone.now() < timedelta(days=31)


@pytest.mark.parametrize(
    "arguments",
    [["--project", "nowhere", "--scope", "read"], ["--project", "shop", "--scope", "all"],
     ["--project", "shop", "--scope", "read", "--days", "-1"], ["--project", "shop"]],
)  # fmt: skip
def test_the_command_refuses_with_a_sentence(shop, arguments):
    with pytest.raises((CommandError, SystemExit)):
        run(*arguments)
    assert not ApiKey.objects.exists()


def test_staff_make_one_in_the_admin_and_see_its_secret_once(shop):
    get_user_model().objects.create_superuser("staff@example.org", "a long password")
    staff = Client()
    staff.login(username="staff@example.org", password="a long password")
    made = staff.post("/admin/accounts/apikey/add/", {"name": "grafana", "project": shop.pk, "scope": "read"},
                      follow=True)  # fmt: skip
    held = ApiKey.objects.get()
    assert f"{held.prefix}." in made.content.decode()
    listed = staff.get("/admin/accounts/apikey/").content.decode()
    assert "grafana" in listed
    assert f"{held.prefix}." not in listed.replace(held.pk, "").replace(held.pk.replace("$", "_24"), "")
