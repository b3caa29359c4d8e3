"""Users, as staff see and help them."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from accounts.audit import Action, note
from accounts.models import User
from accounts.services import users

from .base import EVERYWHERE, staff
from .projects import MembershipInline, WithMembers

# What makes somebody more than others: for superusers to give, and nobody's to change of themselves.
RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


class _OneAddress(forms.ModelForm):
    """Two spellings of one address are one person, and an address is one person's."""

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"]).strip().lower()
        if EmailAddress.objects.filter(email=email, verified=True).exclude(user=self.instance.pk).exists():
            raise ValidationError("Another user has this address.")
        return email


class UserCreationForm(_OneAddress, AdminUserCreationForm):
    class Meta:
        model = User
        fields = ("email",)


class UserForm(_OneAddress, UserChangeForm):
    password = None  # type: ignore[assignment]  # not even a part of its hash is shown

    class Meta:
        model = User
        fields = forms.ALL_FIELDS


class SecondFactorFilter(admin.SimpleListFilter):
    title = "second factor"
    parameter_name = "factor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Has one"), ("no", "Has none")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.value() is None else queryset.filter(has_factor=self.value() == "yes")


@admin.register(User)
class UserAdmin(WithMembers, DjangoUserAdmin):
    form = UserForm
    add_form = UserCreationForm
    inlines = (MembershipInline,)
    list_display = (
        "email",
        "name",
        "is_active",
        "is_staff",
        "is_superuser",
        "second_factor",
        "last_login",
        "date_joined",
    )
    list_filter = ("is_active", "is_staff", "is_superuser", SecondFactorFilter, "last_login", "date_joined")
    search_fields = ("email", "name")
    ordering = ("email",)
    fieldsets = (
        (None, {"fields": ("email", "name", "is_active")}),
        ("Rights", {"fields": RIGHTS}),
        ("Signing in", {"fields": ("password_state", "addresses", "factors", "providers", "sessions", "last_login",
                                   "date_joined")}),
    )  # fmt: skip
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "usable_password", "password1", "password2")}),)
    actions = ("deactivate", "activate", "end_sessions", "remove_second_factors")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        found = Authenticator.objects.filter(user=OuterRef("pk"), type__in=FACTORS)
        return super().get_queryset(request).annotate(has_factor=Exists(found))

    def get_inlines(self, request: HttpRequest, obj: User | None) -> Any:
        return self.inlines if obj else ()

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        shown: tuple[str, ...] = ("password_state", "addresses", "factors", "providers", "sessions", "last_login",
                                  "date_joined")  # fmt: skip
        if obj is not None and obj.pk == request.user.pk:
            shown += ("email", "is_active")  # one's own address changes on one's own page, by the password
        if not staff(request).is_superuser or (obj is not None and obj.pk == request.user.pk):
            shown += RIGHTS
        return shown

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and self._may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        if obj is not None and obj.pk == request.user.pk:
            return False  # one's own account goes on its own page, by its password
        return super().has_delete_permission(request, obj) and self._may_touch(request, obj)

    @staticmethod
    def _may_touch(request: HttpRequest, obj: User | None) -> bool:
        """Staff who are no superusers could get the rights of others through their accounts."""
        own = obj is not None and obj.pk == request.user.pk
        return obj is None or own or not (obj.is_superuser or obj.is_staff) or staff(request).is_superuser

    @admin.display(boolean=True, ordering="has_factor")
    def second_factor(self, user: Any) -> bool:
        return bool(user.has_factor)

    @admin.display(description="password")
    def password_state(self, user: User) -> str:
        said = "Set." if user.has_usable_password() else "None: signs in by a passkey or a provider."
        address = reverse("admin:auth_user_password_change", args=[user.pk])
        return format_html('{} <a href="{}">Set another</a>', said, address)

    @admin.display(description="e-mail addresses")
    def addresses(self, user: User) -> str:
        found = EmailAddress.objects.filter(user=user).order_by("-primary", "email")
        return ", ".join(f"{one.email} ({'' if one.verified else 'not '}verified)" for one in found) or "None"

    @admin.display(description="second factors")
    def factors(self, user: User) -> str:
        found = Authenticator.objects.filter(user=user).order_by("pk").defer("data")
        used = [f"last used {one.last_used_at:%-d %b %Y}" if one.last_used_at else "never used" for one in found]
        return "; ".join(f"{one.get_type_display()}, {said}" for one, said in zip(found, used, strict=True)) or "None"

    @admin.display(description="by providers")
    def providers(self, user: User) -> str:
        return ", ".join(SocialAccount.objects.filter(user=user).values_list("provider", flat=True)) or "None"

    @admin.display(description="sessions")
    def sessions(self, user: User) -> str:
        return f"{UserSession.objects.filter(user=user).count()}, ended by the action above"

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if not change:
            super().save_model(request, obj, form, change)
            users.follow_email(obj)
            users.give_password(obj, timezone.now())
            return
        before = User.objects.get(pk=obj.pk)
        active, obj.is_active = obj.is_active, before.is_active
        super().save_model(request, obj, form, change)
        if before.email != obj.email:
            users.follow_email(obj, before.email)
        if active != before.is_active:
            (self._activate if active else self._deactivate)(request, obj)
        obj.is_active = active

    def log_addition(self, request: HttpRequest, obj: User, message: Any) -> Any:
        note(Action.USER_CHANGED, by=staff(request), target=obj.email, details={"added": True}, request=request)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: User, message: Any) -> Any:
        """``message``: Django's list of what was changed; memberships are noted by their service."""
        own = (one["changed"] for one in message if "changed" in one and "name" not in one["changed"])
        fields = [name for changed in own for name in changed["fields"]]
        fields = [name for name in fields if name != "password"]  # its own page has noted it
        if fields:
            note(Action.USER_CHANGED, by=staff(request), target=obj.email, details={"changed": fields}, request=request)
        return super().log_change(request, obj, message)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """One's own is changed on one's own page, which asks for the old one."""
        if id == str(request.user.pk):
            return redirect("account_change_password")
        user = self.get_object(request, id)
        before = user.password if user else ""
        with transaction.atomic():
            answer = super().user_change_password(request, id, form_url)
            user = self.get_object(request, id)
            if user is not None and user.password != before:
                users.password_given(user, by=staff(request), request=request)
        return answer

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """In words: what else goes is the service's to say."""
        found = [
            f"{user.email}, with their sessions, second factors and memberships, and after the grace period the"
            " projects that nobody else is a member of. Lines of the audit log stay, without the name."
            for user in objs
        ]
        return found, {"users": len(found)}, set(), []

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """The audit log has it; this one would keep the address."""

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        users.delete(obj, timezone.now(), by=staff(request), request=request)

    def _touchable(self, request: HttpRequest, queryset: QuerySet[User], *, oneself: bool) -> list[User]:
        """Those of the chosen who the one who asks may act on; of others a message says so."""
        found = []
        for user in queryset:
            if not self._may_touch(request, user):
                self.message_user(request, f"{user.email} is staff: only a superuser may do this.", messages.ERROR)
            elif user.pk == request.user.pk and not oneself:
                self.message_user(request, f"{user.email} is you: this is not done to oneself.", messages.ERROR)
            else:
                found.append(user)
        return found

    def _deactivate(self, request: HttpRequest, user: User) -> None:
        stuck = users.deactivate(user, by=staff(request), request=request)
        self.message_user(request, f"{user.email} is signed out everywhere and cannot sign in.", messages.SUCCESS)
        if stuck:
            names = ", ".join(project.name for project in stuck)
            said = f"{names}: no owner is left who can sign in. Make another member the owner."
            self.message_user(request, said, messages.WARNING)

    def _activate(self, request: HttpRequest, user: User) -> None:
        users.activate(user, by=staff(request), request=request)
        self.message_user(request, f"{user.email} can sign in again.", messages.SUCCESS)

    @admin.action(description="Deactivate, and sign out everywhere", permissions=["change"], location=EVERYWHERE)
    def deactivate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in self._touchable(request, queryset.filter(is_active=True), oneself=False):
            self._deactivate(request, user)

    @admin.action(description="Activate", permissions=["change"], location=EVERYWHERE)
    def activate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in self._touchable(request, queryset.filter(is_active=False), oneself=False):
            self._activate(request, user)

    @admin.action(description="End all sessions", permissions=["change"], location=EVERYWHERE)
    def end_sessions(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in self._touchable(request, queryset, oneself=True):
            ended = users.end_sessions(user, by=staff(request), request=request)
            self.message_user(request, f"{user.email} is signed out of {ended} browsers.", messages.SUCCESS)

    @admin.action(description="Remove second factors, for who lost them", permissions=["change"], location=EVERYWHERE)
    def remove_second_factors(self, request: HttpRequest, queryset: QuerySet[User]) -> Any:
        chosen = self._touchable(request, queryset, oneself=False)
        question = (
            "Remove their second factors? Be sure that it is they who ask: the password alone then opens the account."
        )
        asked = self.ask(request, chosen, "remove_second_factors", question, "Remove")
        if asked is not None:
            return asked
        for user in chosen:
            removed = users.remove_factors(user, by=staff(request), request=request)
            said = f"{user.email} had {removed} removed, and is signed out." if removed else f"{user.email} had none."
            self.message_user(request, said, messages.SUCCESS)
        return None
