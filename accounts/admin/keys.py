from typing import Any
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import SafeString

from accounts.audit import Action, note
from accounts.keys import known_keys
from accounts.models import ApiKey
from accounts.services import keys

from .base import ByServices, staff

HIDDEN = ("id", "pk", "hashed_key")


class _ByPrefix(ChangeList):
    def url_for_result(self, result: Any) -> str:
        return reverse("admin:accounts_apikey_change", args=[result.prefix])


@admin.register(ApiKey)
class ApiKeyAdmin(ByServices):
    """A key is shown once, when it is made. The package's id of a key contains its hash, so that no page, address or
    log entry may have the id: here the prefix stands for it."""

    list_display = (
        "prefix",
        "name",
        "project",
        "scope",
        "revoked",
        "last_used",
        "expiry_date",
        "created",
        "created_by",
    )
    list_filter = ("scope", "revoked", "created", "project")
    search_fields = ("prefix", "name", "project__slug")
    list_select_related = ("project", "created_by")
    autocomplete_fields = ("project",)
    actions = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        settable = ("name", "project", "scope", "expiry_date", "hits_per_minute")
        return ("prefix", *settable, "created", "created_by", "last_used", "revoked") if obj else settable

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        """What a key may do was decided when it was made."""
        fixed = ("prefix", "project", "scope", "created", "created_by", "last_used", "revoked")
        return () if obj is None else (*fixed, "name", "expiry_date", "hits_per_minute") if obj.revoked else fixed

    # From where a key is made to the answer that shows it.
    _secrets: WeakKeyDictionary[HttpRequest, str] = WeakKeyDictionary()

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        return super().get_queryset(request).defer("hashed_key")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return _ByPrefix

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> ApiKey | None:
        return None if "\0" in object_id else self.get_queryset(request).filter(prefix=object_id).first()

    def public_id(self, obj: ApiKey) -> str:
        return obj.prefix

    def named(self, obj: ApiKey) -> str:
        return f"{obj.name} ({obj.prefix}) of {obj.project}"

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup.partition("__")[0] not in HIDDEN and super().lookup_allowed(lookup, value, request)

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        return False

    def action_checkbox(self, obj: ApiKey) -> SafeString:
        attributes = {"class": "action-select", "aria-label": f"Select {obj.name} for an action"}
        return forms.CheckboxInput(attributes, lambda value: False).render(ACTION_CHECKBOX_NAME, obj.prefix)

    def response_action(
        self,
        request: HttpRequest,
        queryset: QuerySet[ApiKey],
        action_location: admin.ActionLocation = admin.ActionLocation.CHANGE_LIST,
    ) -> HttpResponse | None:
        posted = request.POST.copy()
        chosen = queryset.filter(prefix__in=posted.getlist(ACTION_CHECKBOX_NAME))
        posted.setlist(ACTION_CHECKBOX_NAME, [key.pk for key in chosen])
        request.POST = posted  # type: ignore[assignment]  # types know the immutable form only
        return super().response_action(request, queryset, action_location)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # revoked, so that what it sent can be told

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        target = f"{obj.name} ({obj.prefix})"
        if change:
            obj.save(update_fields=form.changed_data)
            known_keys.forget(obj)
            details = {"changed": form.changed_data}
            note(
                Action.PROJECT_CHANGED, by=staff(request), project=obj.project, target=f"API key {target}",
                details=details, request=request,
            )  # fmt: skip
            return
        by = obj.created_by = staff(request)
        self._secrets[request] = ApiKey.objects.assign_key(obj)
        obj.save()
        details = {"scope": obj.scope, "expires": obj.expiry_date.isoformat() if obj.expiry_date else None}
        target = f"{obj.name} ({obj.prefix})"
        note(Action.KEY_CREATED, by=by, project=obj.project, target=target, details=details, request=request)

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        said = "It is shown this once; keep it where secrets are kept."
        return self.show_once(request, f"The key {obj.name} is made", said, self._secrets.pop(request))

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The admin's own log names objects by their id; the audit log has it."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """As above."""

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """In the audit log."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return redirect(f"{reverse('admin:accounts_auditevent_changelist')}?{urlencode({'q': object_id})}")

    @admin.action(description="Revoke", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        chosen = queryset.filter(revoked=False).select_related("project")
        asked = self.ask(request, chosen, "revoke", "Revoke these keys, at once and for good?", "Revoke")
        if asked is not None:
            return asked
        for key in chosen:
            keys.revoke(key, by=staff(request), request=request)
            self.message_user(request, f"{key.name} ({key.prefix}) is revoked.", messages.SUCCESS)
        return None
