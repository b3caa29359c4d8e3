from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from rest_framework_api_key.admin import APIKeyModelAdmin
from rest_framework_api_key.models import APIKey

from .models import ApiKey, Membership, Project, User

admin.site.unregister(APIKey)  # the package's own; keys here belong to projects


class UserCreationForm(AdminUserCreationForm):
    class Meta:
        model = User
        fields = ("email",)


class UserForm(UserChangeForm):
    class Meta:
        model = User
        fields = forms.ALL_FIELDS


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0
    autocomplete_fields = ("user", "project")


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    form = UserForm
    add_form = UserCreationForm
    inlines = (MembershipInline,)
    list_display = ("email", "name", "is_staff", "is_active", "date_joined", "last_login")
    list_filter = ("is_staff", "is_superuser", "is_active")
    search_fields = ("email", "name")
    ordering = ("email",)
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        ("Permissions", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Dates", {"fields": ("last_login",)}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "usable_password", "password1", "password2")}),)


@admin.register(Project)
class ProjectAdmin(admin.ModelAdmin):
    list_display = ("slug", "name", "time_zone", "created")
    search_fields = ("slug", "name")
    readonly_fields = ("created",)
    inlines = (MembershipInline,)


@admin.register(ApiKey)
class ApiKeyAdmin(APIKeyModelAdmin):
    """A key is shown once, when it is made; what is listed here cannot be used as one."""

    # The package fixes the length of these tuples in its types; Django takes any.
    list_display = ("prefix", "name", "project", "scope", "created", "last_used", "expiry_date", "revoked")  # type: ignore[assignment]
    list_filter = ("scope", "revoked")  # type: ignore[assignment]
    search_fields = ("prefix", "name", "project__slug")  # type: ignore[assignment]
    autocomplete_fields = ("project",)
    fields = ("name", "project", "scope", "expiry_date", "hits_per_minute", "revoked")
