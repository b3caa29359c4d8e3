"""Who did what that matters, and when."""

from django.db import models
from django.utils import timezone

from .projects import Project
from .users import User


class Action(models.TextChoices):
    """Everything that is noted. The label is what the pages say of it, after who did it."""

    SIGNED_IN = "sign_in", "signed in"
    SIGN_IN_FAILED = "sign_in_failed", "failed to sign in"
    SIGN_IN_LIMITED = "sign_in_limited", "was held back after too many attempts"
    SIGNED_OUT = "sign_out", "signed out"
    SIGNED_UP = "sign_up", "signed up"
    PASSWORD_CHANGED = "password_changed", "changed the password"
    PASSWORD_RESET = "password_reset", "reset the password by e-mail"
    EMAIL_CHANGED = "email_changed", "changed the e-mail address"
    FACTOR_ADDED = "factor_added", "added a second factor"
    FACTOR_REMOVED = "factor_removed", "removed a second factor"
    CODES_MADE = "codes_made", "made new recovery codes"
    SESSION_ENDED = "session_ended", "ended a session"
    DATA_EXPORTED = "data_exported", "downloaded their data"
    USER_DELETED = "user_deleted", "deleted the account"
    USER_CHANGED = "user_changed", "changed a user"
    PROJECT_CREATED = "project_created", "created the project"
    PROJECT_CHANGED = "project_changed", "changed the project"
    PROJECT_ARCHIVED = "project_archived", "archived the project"
    PROJECT_RESTORED = "project_restored", "took the project back into use"
    PROJECT_DELETED = "project_deleted", "asked for the project to be deleted"
    PROJECT_PURGED = "project_purged", "deleted the project for good"
    INVITED = "invited", "invited"
    INVITATION_WITHDRAWN = "invitation_withdrawn", "withdrew the invitation of"
    MEMBER_JOINED = "member_joined", "joined as"
    MEMBER_CHANGED = "member_changed", "changed the role of"
    MEMBER_REMOVED = "member_removed", "removed"
    MEMBER_LEFT = "member_left", "left"
    KEY_CREATED = "key_created", "created the API key"
    KEY_REVOKED = "key_revoked", "revoked the API key"
    BATCH_TAKEN_BACK = "batch_taken_back", "took back"
    LINK_CREATED = "link_created", "shared by the link"
    LINK_REVOKED = "link_revoked", "revoked the link"
    LINK_RESTORED = "link_restored", "shared again by the link"
    RULE_CHANGED = "rule_changed", "changed the alert rule"


class AuditEvent(models.Model):
    """One line. It outlives the user and the project that it speaks of; their names stay, as they were then."""

    time = models.DateTimeField(default=timezone.now, db_index=True)
    action = models.CharField(max_length=30, choices=Action)
    actor = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="audit_events")
    actor_name = models.CharField(max_length=254, blank=True, help_text="An e-mail address, a key, a command.")
    project = models.ForeignKey(
        Project, on_delete=models.SET_NULL, null=True, related_name="audit_events", db_constraint=False
    )
    project_slug = models.CharField(max_length=60, blank=True)
    target = models.CharField(max_length=300, blank=True, help_text="What it was done to.")
    details = models.JSONField(default=dict, blank=True)
    network = models.CharField(max_length=50, blank=True, help_text="Where from: the address without its last part.")

    class Meta:
        ordering = ("-time", "-id")
        indexes = (
            models.Index(fields=("project", "-time"), name="accounts_audit_project"),
            models.Index(fields=("actor", "-time"), name="accounts_audit_actor"),
        )

    def __str__(self) -> str:
        return f"{self.actor_name or 'nobody'} {self.get_action_display()} {self.target}".strip()
