"""Nobody can see a secret in the admin, whoever they are; and who has no rights sees nothing."""

import re

import pytest
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Group
from django.contrib.sessions.backends.db import SessionStore
from django.urls import reverse
from django.utils import timezone
from django_q.models import Failure, OrmQ
from django_q.tasks import async_task

from accounts.admin.site import NOT_SHOWN
from accounts.models import ApiKey, AuditEvent, Invitation, Membership, Project, User
from accounts.services import keys, members
from alerts.models import Channel
from endpoint_stats import sharing
from endpoint_stats.models import (
    Batch,
    Beat,
    Consumer,
    CountingSource,
    Endpoint,
    JobRun,
    ProjectSettings,
    Release,
    RoutePattern,
    SharedLink,
    StoreState,
    Upload,
)
from tests.alerts.making import everything

pytestmark = pytest.mark.django_db(databases=["default", "local"])

_VOLUME = "a volume table: its composite key cannot be in the admin, and its numbers are read by query/"
# Models that the admin does not show, and why.
NOT_REGISTERED = {
    "accounts.Attempts": "digests of what was tried by whom: nothing that a reader could tell",
    "accounts.CacheUse": "a statistic, on the first page as one number",
    "alerts.Reader": "what a reader has read: nothing that staff could do with it",
    "endpoint_stats.Dismissal": "what a reader put aside for themselves: nothing that staff could do with it",
    "endpoint_stats.Heard": _VOLUME,
    "endpoint_stats.Sample": _VOLUME,
    "endpoint_stats.Stream": _VOLUME,
    "endpoint_stats.Place": _VOLUME,
    "endpoint_stats.Folded": _VOLUME,
    "endpoint_stats.Journal": _VOLUME,
    "endpoint_stats.Receipt": _VOLUME,
    "endpoint_stats.RollupMinute": _VOLUME,
    "endpoint_stats.RollupHour": _VOLUME,
    "endpoint_stats.RollupDay": _VOLUME,
    "endpoint_stats.TotalMinute": _VOLUME,
    "endpoint_stats.TotalHour": _VOLUME,
    "endpoint_stats.TotalDay": _VOLUME,
    "endpoint_stats.ConsumerHour": _VOLUME,
    "endpoint_stats.ConsumerDay": _VOLUME,
    "endpoint_stats.CallerHour": _VOLUME,
    "endpoint_stats.CallerDay": _VOLUME,
}
# What already is too much of a secret, in characters; made-up ones are told apart by fewer than random ones.
SEEN, SEEN_OF_RANDOM = 6, 12


OURS = ("accounts", "endpoint_stats", "alerts")


def test_every_model_is_registered_or_says_why_not():
    models = {model for app in OURS for model in apps.get_app_config(app).get_models()}
    registered = {model._meta.label for model in models if model in admin.site._registry}
    assert registered | set(NOT_REGISTERED) == {model._meta.label for model in models}
    assert not registered & set(NOT_REGISTERED)
    assert not set(NOT_SHOWN) & set(admin.site._registry)


@pytest.fixture
def world(shop, grace, boss, settings):
    """``(objects, secrets)``: one object of every kind that the admin shows, and secrets wherever there is one."""
    settings.SECRET_KEY = "zebrasecretkey"
    grace.password = "md5$saltofgrace$hashofgrace"
    grace.save()
    key, key_secret = keys.create(shop, "read", "grafana", by=boss)
    invitation, token = members.invite("new@example.org", None, "viewer", by=boss)
    sealed = get_adapter().encrypt("totpsecretofgrace")
    Authenticator.objects.create(user=grace, type="totp", data={"secret": sealed})
    Authenticator.objects.create(user=grace, type="recovery_codes", data={"seed": "seedofgrace", "used_mask": 0})
    session = SessionStore()
    session["what"] = "signed in"
    session.save()
    UserSession.objects.create(user=grace, session_key=session.session_key, ip="192.0.2.1", user_agent="Firefox")
    account = SocialAccount.objects.create(user=grace, provider="oidc", uid="g", extra_data={"claim": "claimofgrace"})
    app = SocialApp.objects.create(provider="openid_connect", name="sso", client_id="c", secret="ssoclientsecret")
    SocialToken.objects.create(app=app, account=account, token="tokenofgrace", token_secret="tokensecretofgrace")
    async_task("endpoint_stats.workers.tasks.tidy", "argofqueue")
    failed = {"func": "endpoint_stats.workers.tasks.tidy", "args": ("argoffailure",), "kwargs": {"a": "kwoffailure"}}
    now = timezone.now()
    failure = Failure.objects.create(
        id="f" * 32, name="n", started=now, stopped=now, success=False, result="why", **failed
    )
    named = {"project": shop, "key": 7}
    wanted = sharing.Wanted("everything", "page", (), everything=True)
    link, link_token = sharing.create(shop, wanted, now, by=User.objects.get(email="ada@example.org"))
    objects = {
        User: grace,
        Group: Group.objects.create(name="helpers"),
        Project: shop,
        Membership: shop.memberships.get(user=grace),
        ApiKey: key,
        Invitation: invitation,
        AuditEvent: AuditEvent.objects.first(),
        OrmQ: OrmQ.objects.get(),
        Failure: failure,
        Batch: Batch.objects.create(project=shop, name="access.log"),
        Endpoint: Endpoint.objects.create(id="018f0000-0000-7000-8000-000000000001", route="/a", **named),
        Release: Release.objects.create(id="018f0000-0000-7000-8000-000000000002", version="1", **named),
        Consumer: Consumer.objects.create(id="018f0000-0000-7000-8000-000000000003", name="web", **named),
        ProjectSettings: ProjectSettings.objects.get_or_create(project=shop)[0],
        RoutePattern: RoutePattern.objects.create(project=shop, pattern="/a/{id}"),
        CountingSource: CountingSource.objects.create(project=shop, source="hits"),
        StoreState: StoreState.objects.get_or_create(project=shop)[0],
        Upload: Upload.objects.create(project=shop, by=grace, name="access.log", preview={"text": "lineofupload"}),
        Beat: Beat.objects.create(name="scheduler", answered=now),
        JobRun: JobRun.objects.create(name="tidy", due=now),
        SharedLink: link,
        **everything(shop, grace, now),
    }
    secrets = {
        "SECRET_KEY": settings.SECRET_KEY,
        "salt of a password": "saltofgrace",
        "hash of a password": "hashofgrace",
        "secret of a key": key_secret.partition(".")[2],
        "hash of a key": key.hashed_key.rpartition("$")[2],
        "token of an invitation": token,
        "digest of an invitation": invitation.token_digest,
        "token of a link": link_token,
        "digest of a link": link.token_digest,
        "TOTP secret": "totpsecretofgrace",
        "TOTP secret, encrypted": sealed,
        "seed of recovery codes": "seedofgrace",
        "key of a session": session.session_key,
        "secret of a provider": "ssoclientsecret",
        "token of a provider": "tokenofgrace",
        "what a provider said": "claimofgrace",
        "argument of a queued task": "argofqueue",
        "argument of a failed task": "argoffailure",
        "keyword of a failed task": "kwoffailure",
        "line of an upload": "lineofupload",
        "address of a channel": "urlofchannel",
        "secret of a channel": "secretofchannel",
        "secret of a channel, encrypted": objects[Channel].secrets[20:],
    }
    made_up = re.compile("[a-z]+(of[a-z]+|secretkey|secret)")
    return objects, {
        what: text[: SEEN if made_up.fullmatch(text) else SEEN_OF_RANDOM] for what, text in secrets.items()
    }


def addresses(model, obj):
    """``{name: address}`` of what there is to see of a model and of one of its objects."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    own = obj.prefix if model is ApiKey else quote(obj.pk)
    listed = reverse(f"{name}_changelist")
    found = {
        "list": listed,
        "search": f"{listed}?q=a",
        "add": reverse(f"{name}_add"),
        **{what: reverse(f"{name}_{what}", args=[own]) for what in ("change", "history", "delete")},
    }
    if model is User:
        found["password"] = reverse("admin:auth_user_password_change", args=[own])
    return found


def leaks(response, secrets):
    text = response.content.decode() + str(response.headers) + str(response.cookies)
    return [what for what, secret in secrets.items() if secret in text]


def test_there_is_something_to_find(world):
    _, secrets = world
    assert len(set(secrets.values())) == len(secrets)
    assert {len(secret) for secret in secrets.values()} == {SEEN, SEEN_OF_RANDOM}


def test_no_page_shows_a_secret(world, admin_client):
    objects, secrets = world
    assert set(objects) == set(admin.site._registry), "a model has no object here"
    wrong = []
    for model, obj in objects.items():
        for what, address in addresses(model, obj).items():
            response = admin_client.get(address)
            allowed = {200} if what in ("list", "search", "change") else {200, 302, 403}
            assert response.status_code in allowed, f"{address}: {response.status_code}"
            wrong += [f"{address} shows: {leak}" for leak in leaks(response, secrets)]
    for address in (
        "/admin/",
        "/admin/accounts/",
        "/admin/endpoint_stats/",
        "/admin/alerts/",
        "/admin/django_q/",
        "/admin/jsi18n/",
    ):
        response = admin_client.get(address)
        assert response.status_code == 200
        wrong += [f"{address} shows: {leak}" for leak in leaks(response, secrets)]
    assert not wrong


def test_nor_does_what_they_do_leave_one(world, admin_client):
    """The admin's own log names objects by their id, which of a key contains its hash."""
    objects, secrets = world
    key = objects[ApiKey]
    change = addresses(ApiKey, key)["change"]
    admin_client.post(change, {"name": "renamed", "hits_per_minute": "", "expiry_date_0": "", "expiry_date_1": ""})
    key.refresh_from_db()
    assert key.name == "renamed"
    chosen = {"action": "revoke", "_selected_action": key.prefix}
    pages = [
        admin_client.post("/admin/accounts/apikey/", chosen),
        admin_client.post("/admin/accounts/apikey/", chosen | {"confirmed": "yes"}, follow=True),
        admin_client.post(
            "/admin/accounts/user/", {"action": "remove_second_factors", "_selected_action": objects[User].pk}
        ),
        admin_client.get("/admin/"),
    ]  # fmt: skip
    assert not [leak for page in pages for leak in leaks(page, secrets)]
    assert not LogEntry.objects.filter(object_id__contains=secrets["hash of a key"])


@pytest.mark.parametrize(
    ("model", "lookup"),
    [
        (User, "password__startswith"), (ApiKey, "hashed_key__startswith"), (ApiKey, "id__contains"),
        (ApiKey, "pk__contains"), (ApiKey, "created_by__password__startswith"),
        (Invitation, "token_digest__startswith"), (SharedLink, "token_digest__startswith"),
        (SharedLink, "created_by__password__startswith"),
        (Invitation, "invited_by__password__startswith"), (Membership, "user__password__startswith"),
        (Membership, "user__authenticator__data__contains"), (Project, "memberships__user__password__startswith"),
        (Project, "api_keys__hashed_key__startswith"), (AuditEvent, "actor__password__startswith"),
    ],
)  # fmt: skip
def test_nor_can_one_be_guessed_by_filters(world, admin_client, model, lookup):
    """An address that asks whether something begins with a letter finds it letter by letter."""
    listed = addresses(model, world[0][model])["list"]
    found = {admin_client.get(f"{listed}?{lookup}={text}").status_code for text in ("a", "m", "$", "s")}
    assert found <= {302, 400}, "refused, whatever is asked"


def test_staff_without_rights_see_nothing(world, make_staff, signed_in):
    objects, secrets = world
    client = signed_in(make_staff())
    index = client.get("/admin/")
    assert index.status_code == 200
    assert "health" not in index.content.decode() and "changelist" not in index.content.decode()
    assert index.context["app_list"] == []
    assert not leaks(index, secrets)
    for model, obj in objects.items():
        for address in addresses(model, obj).values():
            assert client.get(address).status_code == 403, address
            assert client.post(address, {"action": "revoke"}).status_code == 403, address


def test_who_is_no_staff_sees_nothing(world, signed_in, client):
    objects, _ = world
    everything = [address for model, obj in objects.items() for address in addresses(model, obj).values()]
    somebody = signed_in(objects[User])
    for address in ["/admin/", *everything]:
        assert somebody.get(address).status_code in (302, 403)
    assert client.get("/admin/", follow=True).status_code == 403


def test_a_right_opens_its_model_alone(world, make_staff, signed_in):
    objects, _ = world
    client = signed_in(make_staff("accounts.view_project"))
    opened = {model for model, obj in objects.items() if client.get(addresses(model, obj)["list"]).status_code == 200}
    assert opened == {Project}
    assert "What is so, or what to do" not in client.get("/admin/").content.decode()
