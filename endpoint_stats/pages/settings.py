"""The settings of what a project takes in: names of routes, quotas, retention, bots, privacy."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from accounts.audit import Action, note
from accounts.pages.base import project_for, settings_page
from accounts.roles import Right
from endpoint_stats.models import ProjectSettings

GROUPS = (
    ("Names of routes", ("lexical_rules", "group_static", "group_unmatched", "endpoint_cap")),
    ("Limits", ("hits_per_minute", "consumer_cap", "release_cap")),
    ("How long it is kept", ("minute_days", "hour_days", "day_days", "sample_days")),
    ("Bots", ("bot_agents",)),
    ("Privacy of samples", ("query_parameters", "client_addresses")),
    ("OpenTelemetry", ("consumer_attribute", "trace_url")),
    ("Satisfaction", ("apdex_seconds",)),
)
LABELS = {
    "lexical_rules": "Replace ids in paths",
    "group_static": "Count static files together",
    "group_unmatched": "Count unmatched 404s together",
    "endpoint_cap": "Endpoints at most",
    "hits_per_minute": "Hits a minute at most",
    "consumer_cap": "Consumers at most",
    "release_cap": "Releases at most",
    "minute_days": "Minutes, in days",
    "hour_days": "Hours, in days",
    "day_days": "Days, in days",
    "sample_days": "Samples, in days",
    "bot_agents": "Further bots",
    "query_parameters": "Query parameters that samples may show",
    "client_addresses": "Show networks of clients",
    "consumer_attribute": "Attribute that names the consumer",
    "trace_url": "Address of a trace",
    "apdex_seconds": "Apdex threshold, in seconds",
}


class IngestForm(forms.ModelForm):
    class Meta:
        model = ProjectSettings
        fields = [name for _, names in GROUPS for name in names]
        labels = LABELS
        widgets = {name: forms.Textarea(attrs={"rows": 4}) for name in ("bot_agents", "query_parameters")}


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def ingest_settings(request: HttpRequest, slug: str) -> HttpResponse:
    project = project_for(request, slug, Right.EDIT)
    held = ProjectSettings.objects.filter(project=project).first() or ProjectSettings(project=project)
    form = IngestForm(request.POST or None, instance=held)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            form.save()
            changed = {name: str(form.cleaned_data[name]) for name in form.changed_data}
            if changed:
                note(
                    Action.PROJECT_CHANGED, by=request.user, project=project, target=", ".join(changed),
                    details=changed, request=request,
                )  # fmt: skip
        messages.success(request, "Saved. What comes in follows within seconds; what is stored stays as it is.")
        return redirect("ingest-settings", slug=slug)
    groups = [(title, [form[name] for name in names]) for title, names in GROUPS]
    context: dict[str, Any] = {"groups": groups, "form": form}
    return settings_page(request, project, "ingest", context, status=422 if form.errors else 200)
