"""What the pages of the admin share."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from accounts.audit import Action, note
from accounts.models import User

EVERYWHERE = (admin.ActionLocation.CHANGE_LIST, admin.ActionLocation.CHANGE_FORM)


def staff(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


class ReadOnly(admin.ModelAdmin):
    """Looked at, never edited."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class OfProject(admin.ModelAdmin):
    """What belongs to a project, and has no service: its changes are lines of the project's audit log too."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._note(request, obj, "added")
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._note(request, obj, "changed")
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for obj in queryset:
            self._note(request, obj, "deleted")
        return super().log_deletions(request, queryset)

    def _note(self, request: HttpRequest, obj: Any, what: str) -> None:
        target = f"{self.opts.verbose_name}: {obj}"
        note(
            Action.PROJECT_CHANGED, by=staff(request), project=obj.project, target=target, details={"what": what},
            request=request,
        )  # fmt: skip


class ByServices(admin.ModelAdmin):
    """Changes go through services. What one of them refuses is said in a message, and nothing is changed."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._saying(request, super().changeform_view, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._saying(request, super().delete_view, *args, **kwargs)

    def _saying(
        self, request: HttpRequest, view: Callable[..., HttpResponse], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except ValidationError as error:
            self.message_user(request, " ".join(error.messages), messages.ERROR)
            return redirect(request.get_full_path())

    def get_actions(
        self, request: HttpRequest, action_location: admin.ActionLocation = admin.ActionLocation.CHANGE_LIST
    ) -> dict[str, Any]:
        """Not Django's own that deletes many at once: it asks no service."""
        found = super().get_actions(request, action_location=action_location)
        found.pop("delete_selected", None)
        return found

    def public_id(self, obj: Any) -> str:
        """By what forms and addresses name an object."""
        return str(obj.pk)

    def named(self, obj: Any) -> str:
        """By what people tell it from others."""
        return str(obj)

    def ask(self, request: HttpRequest, queryset: Any, action: str, question: str, button: str) -> HttpResponse | None:
        """A page that asks before what cannot be undone; None once it was answered."""
        if request.POST.get("confirmed"):
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": question,
            "opts": self.opts,
            "chosen": [(self.public_id(one), self.named(one)) for one in queryset],
            "checkbox": ACTION_CHECKBOX_NAME,
            "action": action,
            "button": button,
        }
        return TemplateResponse(request, "admin/ask.html", context)

    def show_once(self, request: HttpRequest, title: str, said: str, secret: str) -> HttpResponse:
        """The answer to what made a secret: no message carries it, which would be kept until it is read."""
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "said": said,
            "secret": secret,
        }
        return TemplateResponse(request, "admin/shown_once.html", context)
