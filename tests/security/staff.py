"""The admin: a row of each table that it shows, as far as it can be project A's, and addresses of these."""

from typing import Any

from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.apps import apps
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone
from django_q.models import OrmQ, Schedule, Task

from accounts.models import Project, User
from endpoint_stats.models import Beat, JobRun

from .world import Tenant


def make_rows(tenant: Tenant) -> None:
    """Of tables that belong to no project: what they say of this one."""
    word, owner, now = tenant.word, tenant.people["owner"], timezone.now()
    Group.objects.create(name=word)
    app = SocialApp.objects.create(provider="openid_connect", provider_id="other", name="everybody's", client_id="x")
    account = SocialAccount.objects.create(id=owner.pk, user=owner, provider="oidc", uid=word)
    tenant.ids |= {"social account": str(account.pk), "provider": "oidc"}
    SocialToken.objects.create(app=app, account=account, token=word)
    Schedule.objects.create(name=word, func="builtins.print", args=f"'{word}'")
    for success in (True, False):
        id = f"{word}-{success}"
        Task.objects.create(
            id=id, name=id, func="builtins.print", args=(word,), started=now, stopped=now, success=success
        )
    OrmQ.objects.create(key=word, payload="")
    Beat.objects.create(name=word, host=word)
    JobRun.objects.create(name=word, due=now)


def values_of(route: str, tenant: Tenant) -> dict[str, str]:
    """What fills the parameters of a route of the admin. Raises LookupError for a table that has no row yet."""
    content_type = ContentType.objects.get_for_model(Project)
    found = {"content_type_id": str(content_type.pk), "app_label": "accounts", "url": "nothing-here"}
    parts = route.split("/")
    if parts[1] == "r":
        return found | {"object_id": str(tenant.project.pk)}
    if "object_id" in route or "<id>" in route:
        model = apps.get_model(parts[1], parts[2])
        id = quote(str(_row(model, tenant).pk))
        found |= {"object_id": id, "id": id}
    return found


def _row(model: Any, tenant: Tenant) -> Any:
    rows = model._default_manager.order_by("pk")
    fields = {field.name for field in model._meta.fields}
    if model is Project:
        return tenant.project
    if model is User:
        return tenant.people["owner"]
    if "project" in fields:
        rows = rows.filter(project=tenant.project)
    elif "user" in fields:
        rows = rows.filter(user__in=tenant.users)
    if (row := rows.first()) is None:
        raise LookupError(f"Make a row of {model._meta.label} in tests/security/staff.py, so that its pages are tried.")
    return row
