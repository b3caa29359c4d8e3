"""GET and POST /api/v1/projects/{slug}/keys, DELETE /keys/{prefix}: the API keys of a project."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404
from drf_spectacular.utils import OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import ApiKey, Scope
from accounts.roles import Right
from accounts.services import keys

from . import schema
from .base import ProjectView, fields_of, invalid


class KeySerializer(serializers.ModelSerializer[ApiKey]):
    expires = serializers.DateTimeField(source="expiry_date", read_only=True, allow_null=True)

    class Meta:
        model = ApiKey
        fields = ("prefix", "name", "scope", "created", "expires", "last_used", "revoked", "hits_per_minute")
        read_only_fields = fields


class MadeSerializer(KeySerializer):
    key = serializers.CharField(help_text="Shown this once.")

    class Meta(KeySerializer.Meta):
        fields = (*KeySerializer.Meta.fields, "key")  # type: ignore[assignment]  # a longer tuple than the other's


class NewKeySerializer(serializers.Serializer[Any]):
    scope = serializers.ChoiceField(Scope.choices)
    name = serializers.CharField(max_length=keys.MAX_NAME, required=False, allow_blank=True, default="")
    days = serializers.IntegerField(
        min_value=0, max_value=keys.MAX_DAYS, required=False, default=0, help_text="Expires after so many; 0: never."
    )
    hits_per_minute = serializers.IntegerField(
        min_value=1,
        max_value=keys.MAX_QUOTA,
        required=False,
        allow_null=True,
        default=None,
        help_text="Empty: no limit.",
    )


class KeysView(ProjectView):
    """API keys: only their prefixes, but for the answer that makes one."""

    @extend_schema(
        operation_id="keys",
        responses=schema.answers(inline_serializer("Keys", {"results": KeySerializer(many=True)})),
    )
    def get(self, request: Request, slug: str) -> Response:
        project = self.project(request, slug, Right.EDIT)
        return Response({"results": KeySerializer(project.api_keys.order_by("-created"), many=True).data})

    @extend_schema(
        operation_id="create_key",
        request={"application/json": NewKeySerializer},
        responses=schema.changes(MadeSerializer, status=201),
    )
    def post(self, request: Request, slug: str) -> Response:
        project = self.project(request, slug, Right.EDIT)
        given = fields_of(NewKeySerializer, request)
        try:
            made, secret = keys.create(project, **given, by=request.user, request=request._request)
        except ValidationError as error:
            raise invalid(error) from error
        made.key = secret  # type: ignore[attr-defined]  # for this answer alone
        response = Response(MadeSerializer(made).data, status=status.HTTP_201_CREATED)
        response["Cache-Control"] = "no-store"
        return response


class KeyView(ProjectView):
    @extend_schema(
        operation_id="revoke_key",
        responses=schema.changes(OpenApiResponse(description="It is revoked, now or before."), status=204),
    )
    def delete(self, request: Request, slug: str, prefix: str) -> Response:
        """Revoke a key, at once and for good. The one that asks may revoke itself."""
        project = self.project(request, slug, Right.EDIT)
        key = project.api_keys.select_related("project").filter(prefix=prefix).first()
        if key is None:
            raise Http404
        keys.revoke(key, by=request.user, request=request._request)
        return Response(status=status.HTTP_204_NO_CONTENT)
