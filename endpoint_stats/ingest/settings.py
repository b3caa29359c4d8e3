"""What a project's settings say to the ingest."""

from accounts.models import Project
from endpoint_stats.models import ProjectSettings, RoutePattern
from endpoint_stats.routes.rules import Pattern, RouteRules


def settings_of(project: Project) -> ProjectSettings:
    return ProjectSettings.objects.get_or_create(project=project)[0]


def route_rules(project: Project, settings: ProjectSettings) -> RouteRules:
    patterns = RoutePattern.objects.filter(project=project).order_by("id")
    return RouteRules(
        tuple(Pattern(row.pattern, row.service, row.method) for row in patterns),
        lexical=settings.lexical_rules,
        static=settings.group_static,
        bots=tuple(sorted({line.strip().lower() for line in settings.bot_agents.splitlines() if line.strip()})),
    )
