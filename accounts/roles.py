"""What a role may do in a project: each one what the one before it may, and more."""

from enum import Enum

from .models import Role


class Right(Enum):
    SEE = "see"  # numbers, endpoints, the ledger
    EDIT = "edit"  # settings of ingest, taking imports back, API keys
    MANAGE = "manage"  # members, the project itself, its audit log


RIGHTS: dict[str, frozenset[Right]] = {
    Role.VIEWER: frozenset({Right.SEE}),
    Role.EDITOR: frozenset({Right.SEE, Right.EDIT}),
    Role.OWNER: frozenset(Right),
}
