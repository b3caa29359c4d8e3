import secrets
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from accounts.services import members, users


class Command(BaseCommand):
    help = "Create the installation's first user, who may do everything, with a password that is shown once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="the address to sign in with")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            email = members.checked_email(options["email"])
        except ValidationError as error:
            raise CommandError(f"{options['email']!r} is not an e-mail address.") from error
        if User.objects.filter(is_superuser=True).exists() or User.objects.filter(email=email).exists():
            return  # a second start says nothing and changes nothing
        password = secrets.token_urlsafe(12)
        try:
            with transaction.atomic():
                users.give_password(User.objects.create_superuser(email, password), timezone.now())
        except IntegrityError:
            return  # another start was quicker, and has shown its password
        self.stdout.write(f"Sign in as {email} with the password {password} (shown this once).")
