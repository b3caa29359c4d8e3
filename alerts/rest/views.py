"""POST and GET below /api/v1/projects/{slug}: releases, news, alerts, alertmanager, incidents."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.core.exceptions import ValidationError
from django.utils import timezone
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Right
from alerts import api
from alerts.data import NewsKind, Origin, Severity
from alerts.models import Deployment, Incident
from endpoint_stats.api import schema
from endpoint_stats.api.base import ProjectView, fields_of, invalid, whole_number
from endpoint_stats.query.spec import QueryError

from . import alertmanager

MOST = 1000
AHEAD = timedelta(minutes=10)  # as far as a sender's clock may be wrong


class NewReleaseSerializer(serializers.Serializer[Any]):
    version = serializers.CharField(max_length=200)
    service = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    time = serializers.DateTimeField(required=False, allow_null=True, default=None, help_text="Default: now.")
    link = serializers.URLField(max_length=500, required=False, allow_blank=True, default="")
    note = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class ReleaseSerializer(serializers.ModelSerializer[Deployment]):
    time = serializers.DateTimeField(source="at")
    link = serializers.CharField(help_text="Empty where none was given.")

    class Meta:
        model = Deployment
        fields = ("service", "version", "time", "source", "link", "note")
        read_only_fields = fields


class NewNewsSerializer(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=200)
    text = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")
    link = serializers.URLField(max_length=500, required=False, allow_blank=True, default="")
    time = serializers.DateTimeField(required=False, allow_null=True, default=None, help_text="Default: now.")
    key = serializers.CharField(
        max_length=200, required=False, allow_blank=True, default="", help_text="The same key again is not told again."
    )


class NewAlertSerializer(serializers.Serializer[Any]):
    key = serializers.CharField(max_length=200, help_text="What it is known by: the same key is the same alert.")
    status = serializers.ChoiceField(["firing", "resolved"], required=False, default="firing")
    title = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    sentence = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")
    severity = serializers.ChoiceField(Severity.values, required=False, default=Severity.TICKET.value)
    labels = serializers.DictField(child=serializers.CharField(max_length=api.MAX_VALUE), required=False, default=dict)
    time = serializers.DateTimeField(required=False, allow_null=True, default=None, help_text="Of its start or end.")
    link = serializers.URLField(max_length=500, required=False, allow_blank=True, default="")


class IncidentSerializer(serializers.ModelSerializer[Incident]):
    rule = serializers.CharField(source="rule.name", allow_null=True, default=None)
    open = serializers.BooleanField()

    class Meta:
        model = Incident
        fields = (
            "id", "title", "sentence", "severity", "origin", "rule", "labels", "open", "started", "raised", "ended",
            "peak", "peak_at", "acknowledged", "notified", "held",
        )  # fmt: skip
        read_only_fields = fields


def _made_or_known(shape: Any) -> dict[Any, Any]:
    """201 for what is new; 200 for what was said before."""
    return {**schema.changes(shape, status=201), (200, "application/json"): shape}


class ReleasesView(ProjectView):
    """Versions that began to answer: posted here, entered in the page, or seen in what came in."""

    parameters = ("limit",)

    @extend_schema(
        operation_id="releases",
        responses=schema.answers(inline_serializer("Releases", {"results": ReleaseSerializer(many=True)})),
    )
    def get(self, request: Request, slug: str) -> Response:
        project = self.project(request, slug)
        limit = whole_number("limit", request.query_params.get("limit", "100"), MOST)
        found = Deployment.objects.filter(project=project).order_by("-at", "-id")[:limit]
        return Response({"results": ReleaseSerializer(found, many=True).data})

    @extend_schema(
        operation_id="post_release",
        request={"application/json": NewReleaseSerializer},
        responses=_made_or_known(ReleaseSerializer),
    )
    def post(self, request: Request, slug: str) -> Response:
        """Say that a version is being released. The same one again changes nothing."""
        project = self.project(request, slug, Right.EDIT)
        given, now = fields_of(NewReleaseSerializer, request), timezone.now()
        at = _time(given.pop("time"), now)
        try:
            found, new = api.post_release(project, given.pop("version"), at, now, **given, by=request.user)
        except ValidationError as error:
            raise invalid(error) from error
        return Response(ReleaseSerializer(found).data, status=status.HTTP_201_CREATED if new else status.HTTP_200_OK)


class NewsView(ProjectView):
    @extend_schema(
        operation_id="post_news",
        request={"application/json": NewNewsSerializer},
        responses=_made_or_known(
            inline_serializer("PostedNews", {"id": serializers.UUIDField(), "new": serializers.BooleanField()})
        ),
    )
    def post(self, request: Request, slug: str) -> Response:
        """A line in the project's feed."""
        project = self.project(request, slug, Right.EDIT)
        given, now = fields_of(NewNewsSerializer, request), timezone.now()
        at, key = _time(given.pop("time"), now), given.pop("key") or str(uuid4())
        try:
            found, new = api.post_news(project, NewsKind.OTHER, given.pop("title"), now, key=key, at=at, **given)
        except ValidationError as error:
            raise invalid(error) from error
        made = status.HTTP_201_CREATED if new else status.HTTP_200_OK
        return Response({"id": str(found.pk), "new": new}, status=made)


class AlertsView(ProjectView):
    @extend_schema(
        operation_id="post_alert",
        request={"application/json": NewAlertSerializer},
        responses=_made_or_known(IncidentSerializer),
    )
    def post(self, request: Request, slug: str) -> Response:
        """Raise an alert, or end it. Those who are told of this project's alerts are told of it."""
        project = self.project(request, slug, Right.EDIT)
        given, now = fields_of(NewAlertSerializer, request), timezone.now()
        at, key = _time(given.pop("time"), now), given.pop("key")
        if given.pop("status") == "resolved":
            ended = api.end_alert(project, key, at, now)
            if ended is None:
                raise QueryError("not_open", "No alert of this key is open. There is nothing to resolve.")
            return Response(IncidentSerializer(ended).data)
        if not given["title"]:
            raise QueryError("invalid", "title: Say in a few words what is wrong.")
        try:
            found, new = api.raise_alert(project, api.Raised(key, started=at, **given), now)
        except ValidationError as error:
            raise invalid(error) from error
        return Response(IncidentSerializer(found).data, status=status.HTTP_201_CREATED if new else status.HTTP_200_OK)


class AlertmanagerView(ProjectView):
    @extend_schema(
        operation_id="alertmanager",
        request={"application/json": inline_serializer("AlertmanagerWebhook", {"alerts": serializers.ListField()})},
        responses=schema.changes(
            inline_serializer(
                "AlertmanagerTaken", {"raised": serializers.IntegerField(), "resolved": serializers.IntegerField()}
            )
        ),
    )
    def post(self, request: Request, slug: str) -> Response:
        """Alertmanager's webhook (version 4): its alerts are raised and resolved here."""
        project = self.project(request, slug, Right.EDIT)
        if not isinstance(request.data, dict):
            raise QueryError("invalid", "Send a JSON object, as Alertmanager does.")
        now = timezone.now()
        counted = {"raised": 0, "resolved": 0}
        try:
            listed = alertmanager.alerts_of(request.data)
            for raised, ended in listed:
                if ended is None:
                    counted["raised"] += api.raise_alert(project, raised, now, Origin.ALERTMANAGER)[1]
                else:
                    over = api.end_alert(project, raised.key, ended, now, Origin.ALERTMANAGER)
                    counted["resolved"] += over is not None
        except ValidationError as error:
            raise invalid(error) from error
        except ValueError as error:
            raise QueryError("invalid", str(error)) from error
        return Response(counted)


class IncidentsView(ProjectView):
    parameters = ("open", "limit")

    @extend_schema(
        operation_id="incidents",
        responses=schema.answers(inline_serializer("Incidents", {"results": IncidentSerializer(many=True)})),
    )
    def get(self, request: Request, slug: str) -> Response:
        """The newest first; ``open=true``: only those that are not over."""
        project = self.project(request, slug)
        limit = whole_number("limit", request.query_params.get("limit", "100"), MOST)
        wanted = request.query_params.get("open", "")
        if wanted not in ("", "true", "false"):
            raise QueryError("bad_open", "open takes true or false.")
        found = Incident.objects.filter(project=project).select_related("rule").order_by("-started", "-id")
        if wanted:
            found = found.filter(ended__isnull=wanted == "true")
        return Response({"results": IncidentSerializer(found[:limit], many=True).data})


def _time(given: datetime | None, now: datetime) -> datetime:
    if given is not None and given > now + AHEAD:
        raise QueryError("bad_time", "time lies in the future. Is the clock of the sender right?")
    return given or now
