"""Staff's view of the user area. What is done here is done by the services and noted in the audit log; no page shows a
secret, nor anything that a secret could be guessed by."""

from . import audit, invitations, keys, projects, site, users

__all__ = ["audit", "invitations", "keys", "projects", "site", "users"]
