"""GET /api/v1/projects, GET and PATCH /api/v1/projects/{slug}"""

from typing import Any

from django.core.exceptions import ValidationError
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Project
from accounts.roles import Right
from accounts.services import projects, visible_projects

from . import schema
from .base import ProjectView, fields_of, invalid


class ProjectSerializer(serializers.ModelSerializer[Project]):
    class Meta:
        model = Project
        fields = ("slug", "name", "time_zone", "created", "archived", "delete_after", "demo")
        read_only_fields = fields


class ChangeSerializer(serializers.Serializer[Any]):
    """What may be changed; what is left out stays."""

    name = serializers.CharField(max_length=120, required=False)
    time_zone = serializers.CharField(max_length=64, required=False, help_text="IANA name, such as Europe/Vienna.")


class ProjectsView(APIView):
    """The projects that you are a member of; of a key, its own."""

    @extend_schema(
        operation_id="projects",
        responses=schema.answers(inline_serializer("Projects", {"results": ProjectSerializer(many=True)})),
    )
    def get(self, request: Request) -> Response:
        return Response({"results": ProjectSerializer(visible_projects(request.user), many=True).data})


class OneProjectView(ProjectView):
    @extend_schema(operation_id="project", responses=schema.answers(ProjectSerializer))
    def get(self, request: Request, slug: str) -> Response:
        return Response(ProjectSerializer(self.project(request, slug)).data)

    @extend_schema(
        operation_id="change_project",
        request={"application/json": ChangeSerializer},
        responses=schema.changes(ProjectSerializer),
    )
    def patch(self, request: Request, slug: str) -> Response:
        project = self.project(request, slug, Right.MANAGE)
        try:
            projects.change(project, fields_of(ChangeSerializer, request), by=request.user, request=request._request)
        except ValidationError as error:
            raise invalid(error) from error
        return Response(ProjectSerializer(project).data)
