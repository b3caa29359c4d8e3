"""What can be done with users and projects; views and commands call these and nothing below them."""

from .projects import create_project, edits, find_project, may, may_edit, owner_by_email, role_of, visible_projects
from .tidy import forget_old

__all__ = [
    "create_project",
    "edits",
    "find_project",
    "forget_old",
    "may",
    "may_edit",
    "owner_by_email",
    "role_of",
    "visible_projects",
]
