"""Users, projects, who belongs to which, and what is remembered of what they did."""

from .audit import Action, AuditEvent
from .invitations import Invitation
from .keys import ApiKey, Scope
from .limits import Attempts
from .projects import Membership, Project, Role, slug_validator, time_zones, validate_time_zone
from .users import CacheUse, User, UserManager

__all__ = [
    "Action",
    "ApiKey",
    "Attempts",
    "AuditEvent",
    "CacheUse",
    "Invitation",
    "Membership",
    "Project",
    "Role",
    "Scope",
    "User",
    "UserManager",
    "slug_validator",
    "time_zones",
    "validate_time_zone",
]
