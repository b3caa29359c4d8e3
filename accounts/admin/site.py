"""The admin as a whole: how staff sign in to it, and what of other packages is not in it."""

from functools import wraps
from typing import Any

from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from rest_framework_api_key.models import APIKey

# Why each of these, which its package registers, is not here.
NOT_SHOWN = {
    APIKey: "keys belong to projects: accounts.ApiKey",
    Authenticator: "holds secrets of second factors; a user's page lists which there are",
    EmailAddress: "follows the user's own address; a user's page lists them",
    SocialAccount: "holds what the provider said; a user's page names the providers",
    SocialApp: "holds a provider's secret; the provider is set by the environment",
    SocialToken: "holds tokens; none are stored",
    UserSession: "holds session keys; a user's page counts them and ends them",
}
for _model in NOT_SHOWN:
    admin.site.unregister(_model)

admin.site.site_header = admin.site.site_title = "Endpoint Stats"
admin.site.index_title = "This installation"
# Staff sign in as everybody does: with limits, and with the second factor.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]  # as allauth says to


def _change_password(request: HttpRequest, extra_context: object = None) -> HttpResponse:
    """Where everybody changes theirs: with limits, a message and a line in the audit log."""
    return redirect("account_change_password")


admin.site.password_change = _change_password  # type: ignore[method-assign,assignment]  # as above

_admin_view = admin.site.admin_view


def _careful(view: Any, cacheable: bool = False) -> Any:
    """PostgreSQL refuses a question with NUL in it: a wrong address, not a fault here."""
    answer = _admin_view(view, cacheable)

    @wraps(answer)
    def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if "\0" in request.path or any("\0" in one for values in request.GET.lists() for one in values[1]):
            raise BadRequest("There is a NUL character in the address.")
        return answer(request, *args, **kwargs)

    return asked


admin.site.admin_view = _careful  # type: ignore[method-assign]  # as above

admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin):
    """For superusers: who could change a group could give themselves any right."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.is_superuser

    has_add_permission = has_module_permission
    has_change_permission = has_view_permission
    has_delete_permission = has_view_permission
