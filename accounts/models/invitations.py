"""Invitations by e-mail: to a project, or to the installation alone."""

import uuid

from django.db import models
from django.utils import timezone

from .projects import Project, Role
from .users import User


class Invitation(models.Model):
    """Of its link only the hash is kept. Where the link was sent by mail and shown to nobody, whoever has it has the
    mailbox; one that was shown to who invited proves nothing."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField("e-mail")
    project = models.ForeignKey(
        Project,
        on_delete=models.CASCADE,
        related_name="invitations",
        null=True,
        blank=True,
        db_constraint=False,
        help_text="Empty: to sign up, and to no project.",
    )
    role = models.CharField(max_length=10, choices=Role, default=Role.VIEWER)
    token_digest = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created = models.DateTimeField(default=timezone.now, editable=False)
    expires = models.DateTimeField()
    mailed = models.BooleanField(default=False, db_default=False, editable=False, help_text="And shown to nobody.")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("project", "email"), name="accounts_invitation_once"),
            models.UniqueConstraint(
                fields=("email",), condition=models.Q(project=None), name="accounts_invitation_to_sign_up_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.email} to {self.project or 'sign up'}"
