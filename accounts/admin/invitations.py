from typing import Any
from weakref import WeakKeyDictionary

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from accounts.models import Invitation, Role, User
from accounts.services import members

from .base import EVERYWHERE, ByServices, ReadOnly, staff


class InvitationForm(forms.ModelForm):
    class Meta:
        model = Invitation
        fields = ("email",)

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"]).strip().lower()
        if User.objects.filter(email=email).exists():
            raise ValidationError("Who has this address has an account already.")
        return email


@admin.register(Invitation)
class InvitationAdmin(ReadOnly, ByServices):
    """Those of projects are the projects' own; here staff invite people to sign up. Of a link only the hash is kept."""

    form = InvitationForm
    list_display = ("email", "project", "role", "invited_by", "created", "expires")
    list_filter = ("role", "expires")
    search_fields = ("email", "project__slug")
    list_select_related = ("project", "invited_by")
    date_hierarchy = "created"
    actions = ("withdraw",)

    # From where an invitation is made to the answer that shows its link.
    _made: WeakKeyDictionary[HttpRequest, tuple[Invitation, str]] = WeakKeyDictionary()

    def get_fields(self, request: HttpRequest, obj: Invitation | None = None) -> tuple[str, ...]:
        return self.list_display if obj else ("email",)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return not lookup.startswith("token_digest") and super().lookup_allowed(lookup, value, request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request)

    def save_model(self, request: HttpRequest, obj: Invitation, form: Any, change: bool) -> None:
        made, token = members.invite(obj.email, None, Role.VIEWER, by=staff(request), request=request)
        obj.pk, obj.expires, obj.token_digest = made.pk, made.expires, made.token_digest
        self._made[request] = (made, request.build_absolute_uri(reverse("follow-invitation", args=[token])))

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The message is sent when the transaction is over: a mail server that is slow would hold up all writers."""
        answer = super().changeform_view(request, *args, **kwargs)
        made = self._made.pop(request, None)
        return answer if made is None else self._sent(request, *made)

    def response_add(self, request: HttpRequest, obj: Invitation, post_url_continue: str | None = None) -> HttpResponse:
        return HttpResponse()  # what is answered is decided above

    def _sent(self, request: HttpRequest, obj: Invitation, link: str) -> HttpResponse:
        until = f"works until {obj.expires:%-d %B %Y}, for one person"
        if members.send(obj, link):
            said = f"{obj.email} is invited: the message is on its way. Its link {until}."
            self.message_user(request, said, messages.SUCCESS)
            return redirect("admin:accounts_invitation_changelist")
        said = f"No message was sent: hand over the link. It {until}, and is shown this once."
        return self.show_once(request, f"{obj.email} is invited", said, link)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The audit log has it."""

    @admin.action(description="Withdraw", permissions=["withdraw"], location=EVERYWHERE)
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        for invitation in queryset.select_related("project"):
            members.withdraw(invitation, by=staff(request), request=request)
            self.message_user(request, f"The invitation of {invitation.email} was withdrawn.", messages.SUCCESS)
