"""Projects, and who belongs to which. A project that has members has an owner among them, whatever is edited here."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import Membership, Project, Role
from accounts.services import create_project, members, projects

from .base import EVERYWHERE, ByServices, staff


class MembershipForm(forms.ModelForm):
    class Meta:
        model = Membership
        fields = ("user", "project", "role")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:  # of an existing one only the role may change
            for name in ("user", "project"):
                if name in self.fields:
                    self.fields[name].disabled = True


class MembershipInline(admin.TabularInline):
    model = Membership
    form = MembershipForm
    extra = 0
    autocomplete_fields = ("user", "project")


class WithMembers(ByServices):
    """Saves the memberships that stand on a user's or a project's page."""

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Who becomes an owner first, who goes last: so that one save can hand a project over."""
        if formset.model is not Membership:
            super().save_formset(request, form, formset, change)
            return
        formset.save(commit=False)
        by = staff(request)
        changed = [member for member, _ in formset.changed_objects]
        for member in sorted([*formset.new_objects, *changed], key=lambda one: one.role != Role.OWNER):
            if member.pk:
                members.set_role(member, member.role, by=by, request=request)
            else:
                members.add(member.project, member.user, member.role, by=by, request=request)
        for member in formset.deleted_objects:
            members.remove(member, by=by, request=request)


@admin.register(Project)
class ProjectAdmin(WithMembers):
    """Archived and deleted by actions, which can be undone until the grace period is over."""

    list_display = ("slug", "name", "demo", "time_zone", "member_count", "created", "archived", "delete_after")
    list_filter = (
        "demo",
        ("archived", admin.EmptyFieldListFilter),
        ("delete_after", admin.EmptyFieldListFilter),
        "created",
    )
    search_fields = ("slug", "name")
    inlines = (MembershipInline,)
    actions = ("archive", "restore", "delete_after_grace")

    def get_fields(self, request: HttpRequest, obj: Project | None = None) -> tuple[str, ...]:
        settable = ("slug", "name", "time_zone")
        return (*settable, "demo", "created", "archived", "delete_after") if obj else settable

    def get_readonly_fields(self, request: HttpRequest, obj: Project | None = None) -> tuple[str, ...]:
        """The slug stands in addresses and in other people's programs."""
        return ("slug", "demo", "created", "archived", "delete_after") if obj else ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Project]:
        return super().get_queryset(request).annotate(member_count=Count("memberships"))

    @admin.display(description="members", ordering="member_count")
    def member_count(self, project: Any) -> int:
        return int(project.member_count)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_give_up_permission(self, request: HttpRequest) -> bool:
        return super().has_delete_permission(request)

    def save_model(self, request: HttpRequest, obj: Project, form: Any, change: bool) -> None:
        by = staff(request)
        if change:
            values = {name: getattr(obj, name) for name in form.changed_data}
            projects.change(Project.objects.get(pk=obj.pk), values, by=by, request=request)
            return
        made = create_project(obj.slug, name=obj.name, time_zone=obj.time_zone, by=by, request=request)
        obj.pk, obj._state.adding = made.pk, False

    @admin.action(description="Archive: numbers stay, nothing is taken in", permissions=["change"], location=EVERYWHERE)
    def archive(self, request: HttpRequest, queryset: QuerySet[Project]) -> None:
        for project in queryset.filter(archived=None):
            projects.archive(project, timezone.now(), by=staff(request), request=request)
            self.message_user(request, f"{project.name} is archived.", messages.SUCCESS)

    @admin.action(description="Restore, from the archive or from deletion", permissions=["change"], location=EVERYWHERE)
    def restore(self, request: HttpRequest, queryset: QuerySet[Project]) -> None:
        for project in queryset.exclude(archived=None, delete_after=None):
            projects.restore(project, by=staff(request), request=request)
            said = "stays, in the archive" if project.closed else "is in use again"
            self.message_user(request, f"{project.name} {said}.", messages.SUCCESS)

    @admin.action(description="Delete after the grace period", permissions=["give_up"], location=EVERYWHERE)
    def delete_after_grace(self, request: HttpRequest, queryset: QuerySet[Project]) -> None:
        for project in queryset.filter(delete_after=None):
            after = projects.delete(project, timezone.now(), by=staff(request), request=request)
            said = f"{project.name} will be deleted on {after:%-d %B %Y}. Until then Restore takes it back."
            self.message_user(request, said, messages.SUCCESS)


@admin.register(Membership)
class MembershipAdmin(ByServices):
    form = MembershipForm
    list_display = ("project", "user", "role", "created")
    list_display_links = ("project", "user")
    list_filter = ("role", "created", "project")
    search_fields = ("user__email", "user__name", "project__slug", "project__name")
    list_select_related = ("project", "user")
    autocomplete_fields = ("user", "project")
    actions = ("take_out",)

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        if change:
            members.set_role(obj, obj.role, by=staff(request), request=request)
        else:
            obj.pk = members.add(obj.project, obj.user, obj.role, by=staff(request), request=request).pk

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        members.remove(obj, by=staff(request), request=request)

    @admin.action(description="Take out of the project", permissions=["delete"])
    def take_out(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        for member in queryset.select_related("user", "project"):
            said = f"{member.user.email} is no longer a member of {member.project.name}."
            try:
                members.remove(member, by=staff(request), request=request)
                self.message_user(request, said, messages.SUCCESS)
            except members.LastOwner as error:
                self.message_user(request, f"{member.project.name}: {error.messages[0]}", messages.ERROR)
