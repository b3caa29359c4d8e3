"""Two projects that have nothing to do with each other, with a word of its own in everything of each, and all who ask.

Made once for all requests of a module; what a request does is taken back (rows.py).
"""

import json
import secrets
import string
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone
from django.utils.http import int_to_base36
from fido2.utils import websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData, CollectedClientData

from accounts.audit import Action, note
from accounts.keys import create_key
from accounts.models import ApiKey, Membership, Project, User
from accounts.services import create_project, members
from alerts.dispatch import deliver
from alerts.models import Channel, Incident, Inhibition, Maintenance, Policy, Rule, Silence
from alerts.services import channels, entering, policies
from endpoint_stats import sharing
from endpoint_stats.ingest.uploads import records
from endpoint_stats.models import CountingSource, Endpoint, ProjectSettings, RoutePattern
from endpoint_stats.query import ledger
from endpoint_stats.store.compact import compact
from tests.alerts.making import everything
from tests.integration.product import import_file

from .asking import Asker, ask
from .rows import Rows, differences, rows_of

# Of alerts: those that addresses name.
WATCHED = (Rule, Incident, Channel, Policy, Silence, Maintenance, Inhibition)
PASSWORD = "a long password of a test"
# Words in what only those see who may edit (names of keys), and who may manage (invitations, the audit log).
OF_EDITORS, OF_OWNERS = "heron", "osprey"
KEYS = {"ingest": "ingest", "late": "ingest", "read": "read", "write": "write", "revoked": "write", "expired": "write"}
# Ids of the n-th project begin at n times this: no other row has them, and all are of one length.
OWN = 3_000_017


@dataclass
class Tenant:
    """A project and its people. ``ids``: what an address may name of it; ``markers``: what no stranger may be told."""

    word: str
    project: Project
    people: dict[str, User]
    secrets: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    markers: set[str] = field(default_factory=set)

    @property
    def users(self) -> tuple[int, ...]:
        return tuple(user.pk for user in self.people.values())

    def filled(self, text: str, **more: str) -> str:
        """With what stands in braces: an id of the tenant's, its word, a range of whole days."""
        now, day = timezone.now(), timedelta(days=1)
        days = f"from={now - day:%Y-%m-%d}&to={now + day:%Y-%m-%d}"
        return text.format_map({**self.ids, "word": self.word, "days": days, **more})


@dataclass
class World:
    a: Tenant
    b: Tenant
    askers: dict[str, Asker]
    rows: list[Rows] = field(default_factory=list)  # of both projects, as every test finds them

    @property
    def tenants(self) -> tuple[Tenant, Tenant]:
        return (self.a, self.b)

    def changes(self, but: Tenant | None = None) -> list[tuple[str, str]]:
        """What stands otherwise than at the start, with its table; not of ``but``."""
        return [
            change
            for tenant, rows in zip(self.tenants, self.rows, strict=True)
            if tenant is not but
            for change in differences(rows, rows_of(tenant.project.pk, tenant.users))
        ]


def make_world(folder: Path) -> World:
    a, b = make_tenant("zebrafish", 1, folder), make_tenant("quokka", 2, folder)
    askers = {"nobody": Asker()}
    for role in ("viewer", "editor", "owner"):
        askers[role] = signed_in(a.people[role])
    askers["stranger"] = signed_in(b.people["owner"])
    askers["former"] = former(a)
    askers["staff"] = signed_in(make_user("staff@example.org", is_staff=True, is_superuser=True))
    askers["clerk"] = signed_in(make_user("clerk@example.org", is_staff=True))
    for name in ("ingest", "read", "write", "revoked", "expired"):
        askers[f"{name} key"] = Asker(authorization=f"Bearer {a.secrets[name]}")
    askers["foreign key"] = Asker(authorization=f"Bearer {b.secrets['write']}")
    for tenant in (a, b):
        end_keys(tenant)
    return World(a, b, askers)


def make_user(email: str, id: int | None = None, **more: Any) -> User:
    """With a second factor of each kind."""
    user = User.objects.create_user(email, PASSWORD, id=id, **more)
    data = {"name": f"passkey of {user.name}", "credential": credential()}
    Authenticator.objects.create(id=id, user=user, type=Authenticator.Type.WEBAUTHN, data=data)
    TOTP.activate(user, "JBSWY3DPEHPK3PXP")
    RecoveryCodes.activate(user)
    return user


def make_tenant(word: str, number: int, folder: Path) -> Tenant:
    people = {
        role: make_user(f"{role}@{word}.example", number * OWN + 100_000 + 10 * place, name=f"{role} {word}")
        for place, role in enumerate(("owner", "editor", "viewer", "mate"))
    }
    owner = people["owner"]
    project = create_project(f"{word}-shop", owner=owner, name=f"The {word} shop")
    tenant = Tenant(word, project, people)
    for role in ("editor", "viewer"):
        Membership.objects.create(project=project, user=people[role], role=role)
    # Another owner, so that each may leave.
    mate = Membership.objects.create(id=number * OWN + 200_000, project=project, user=people["mate"], role="owner")
    for name, scope in KEYS.items():
        key, tenant.secrets[name] = create_key(project, scope, f"{word} {OF_EDITORS} {name}", by=owner)
        tenant.markers |= {key.prefix, tenant.secrets[name].partition(".")[2]}
    configure(tenant)
    fill(tenant, folder)
    invitation, token = members.invite(f"{OF_OWNERS}@{word}.example", project, "editor", by=owner)
    note(Action.PROJECT_CHANGED, by=owner, project=project, target=f"{word} {OF_OWNERS}", details={"x": word})
    share(tenant)
    watch(tenant)
    tell(tenant)
    session = UserSession.objects.get(session_key=signed_in(owner).session)
    UserSession.objects.filter(pk=session.pk).update(id=number * OWN + 300_000, user_agent=f"browser of {word}")
    tenant.ids |= {
        "slug": project.slug,
        "member": str(mate.pk),
        "invitation": str(invitation.pk),
        "token": token,
        "key": ApiKey.objects.get(project=project, name__endswith=" read").prefix,
        "session": str(number * OWN + 300_000),
        "passkey": str(owner.pk),  # numbered like its user
        "user": int_to_base36(owner.pk),
    }
    tenant.markers |= {word, session.session_key} | {
        value for name, value in tenant.ids.items() if name not in ("slug", "user")
    }
    return tenant


def share(tenant: Tenant) -> None:
    """A page, a badge, and a link that was revoked a moment ago."""
    now, owner = timezone.now(), tenant.people["owner"]
    for what, kind in (("shared", "page"), ("badge", "badge"), ("revoked", "page")):
        wanted = sharing.Wanted("a link", kind, (("status", ("404",)),), "requests")
        link, token = sharing.create(tenant.project, wanted, now, by=owner)
        tenant.ids[f"{what} token"] = token
        if what != "badge":
            tenant.ids["link" if what == "shared" else "revoked link"] = str(link.pk)
        if what == "revoked":
            sharing.revoke(link, now, by=owner)


def watch(tenant: Tenant) -> None:
    """A rule, its incident, a channel, and all that is about them."""
    made = everything(tenant.project, tenant.people["owner"], timezone.now(), tenant.word)
    tenant.ids |= {model._meta.model_name: str(one.pk) for model, one in made.items() if model in WATCHED}


def tell(tenant: Tenant) -> None:
    """A channel that fails, and a policy beside the default one that a rule names."""
    project, word, owner, now = tenant.project, tenant.word, tenant.people["owner"], timezone.now()
    entered = entering.Entered(f"{word} {OF_EDITORS} hook", {"url": f"https://{word}.example/{OF_EDITORS}"})
    hook, secret = channels.create(project, "webhook", entered, now, by=owner)
    deliver.note(hook, deliver.Outcome(False, 500, f"{word} {OF_EDITORS} is away", 0.1), now)
    wanted = policies.Wanted(f"{word} {OF_EDITORS} nights", [policies.Level(0, (hook.pk,))])
    policy = policies.save(project, wanted, by=owner)
    Rule.objects.filter(project=project).update(policy=policy)
    tenant.ids |= {"hook": str(hook.pk), "other policy": str(policy.pk)}
    tenant.markers.add(secret)


def configure(tenant: Tenant) -> None:
    project, word = tenant.project, tenant.word
    ProjectSettings.objects.create(
        project=project, bot_agents=f"{word}-crawler/", trace_url=f"https://{word}.example/{{trace_id}}",
        query_parameters=word, consumer_attribute=f"{word}.id",
    )  # fmt: skip
    RoutePattern.objects.create(project=project, pattern=f"/{word}/named/{{id}}")
    CountingSource.objects.create(project=project, service=f"{word}-other", source="hits")


def fill(tenant: Tenant, folder: Path) -> None:
    """Hits of a file and of two keys, with samples; those of the second key still wait in the journal."""
    project, word, now = tenant.project, tenant.word, timezone.now()
    hits = [
        {"method": "GET", "path": f"/{word}/files/{at}", "status": 200, "duration": 0.2, "consumer": f"{word}-partner",
         "version": f"{word}-1.0", "time": (now - timedelta(minutes=at + 5)).isoformat()}
        for at in range(3)
    ]  # fmt: skip
    path = folder / f"{word}-access.ndjson"
    path.write_text("\n".join(map(json.dumps, [{"no hit of": word}, *hits])) + "\n", encoding="utf-8")
    outcome = import_file(project, path, service=f"{word}-files", format="hits")
    assert outcome.stored == 3, outcome
    tenant.ids["batch"] = str(outcome.batch)
    for name in ("ingest", "late"):
        sent = [
            {"service": f"{word}-live", "method": "GET", "route": f"/{word}/orders/{{id}}", "status": status,
             "path": f"/{word}/orders/7", "duration": 1.5, "consumer": f"{word}-partner", "version": f"{word}-2.0",
             "time": (now - timedelta(minutes=2)).isoformat(), "trace_id": secrets.token_hex(16)}
            for status in (200, 500)
        ]  # fmt: skip
        key = Asker(authorization=f"Bearer {tenant.secrets[name]}")
        answer = ask(key, "POST", "/api/v1/ingest/hits", json.dumps([*sent, {"path": word}]), "application/json")
        told = json.loads(answer.text)
        assert told["stored"] == 2, told
        tenant.ids[f"batch of the {name} key"] = told["batch"]
        tenant.markers |= {str(hit["trace_id"]) for hit in sent}
        if name == "ingest":
            compact(project.pk)
    assert len(ledger.lines(project.pk)) == 3
    with path.open("rb") as file:
        sent = records.receive(project, tenant.people["owner"], file, path.stat().st_size, f"{word}.log", word, now)
    assert sent.format == "hits", sent.preview
    tenant.ids["upload"] = str(sent.pk)
    tenant.markers.add(str(sent.pk))
    tenant.ids["endpoint"] = str(Endpoint.objects.get(project=project, service=f"{word}-live").pk)
    tenant.markers |= set(map(str, Endpoint.objects.filter(project=project).values_list("pk", flat=True)))


def credential() -> dict[str, Any]:
    """A passkey as a browser registers it, of nobody's device."""
    id = secrets.token_bytes(16)
    public = {1: 2, 3: -7, -1: 1, -2: bytes(32), -3: bytes(32)}
    data = AuthenticatorData.create(bytes(32), 0x45, 0, AttestedCredentialData.create(bytes(16), id, public))
    client = CollectedClientData.create("webauthn.create", bytes(16), "http://testserver")
    return {
        "id": websafe_encode(id),
        "rawId": websafe_encode(id),
        "type": "public-key",
        "clientExtensionResults": {"credProps": {"rk": True}},
        "response": {
            "clientDataJSON": websafe_encode(client),
            "attestationObject": websafe_encode(AttestationObject.create("none", data, {})),
        },
    }


def signed_in(user: User) -> Asker:
    """Who came by the page, and has just given both factors again, as what matters asks for. (Second factors are looked
    away from meanwhile: tests/e2e signs in with them.)"""
    factors = list(Authenticator.objects.filter(user=user))
    Authenticator.objects.filter(user=user).delete()
    answer = ask(Asker(), "POST", "/account/login/", {"login": user.email, "password": PASSWORD})
    asker = Asker(session=answer.cookies["sessionid"].value, email=user.email)
    assert answer.status_code == 302, answer.text
    Authenticator.objects.bulk_create(factors)
    session = SessionStore(asker.session)
    session["account_authentication_methods"] = [{"method": "mfa", "at": time.time(), "reauthenticated": True}]
    session.save()
    ask(asker, "GET", "/account/")  # which says what the next page was to say
    return asker


def former(tenant: Tenant) -> Asker:
    """Who was an editor until a moment ago, saw the project, and is still signed in."""
    user = make_user("former@example.org")
    member = Membership.objects.create(project=tenant.project, user=user, role="editor")
    asker = signed_in(user)
    assert tenant.word in ask(asker, "GET", f"/projects/{tenant.project.slug}/").text
    members.remove(member, by=tenant.people["owner"])
    return asker


def end_keys(tenant: Tenant) -> None:
    keys = ApiKey.objects.filter(project=tenant.project)
    keys.filter(name__endswith=" revoked").update(revoked=True)
    keys.filter(name__endswith=" expired").update(expiry_date=timezone.now() - timedelta(seconds=1))


def missing(value: str) -> str:
    """An id of the same shape and length that nothing has."""
    if value.isdecimal():
        return str(int(value) + 555_555)
    if value.count("-") == 4:
        return "".join(secrets.choice(string.hexdigits[:16]) if one != "-" else one for one in value)
    return "".join("q" if one.isalnum() else one for one in value)
