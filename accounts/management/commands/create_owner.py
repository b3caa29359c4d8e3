import secrets
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from accounts.models import User


class Command(BaseCommand):
    help = "Create the installation's first user, who may do everything, with a password that is shown once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="the address to sign in with")

    def handle(self, *args: Any, **options: Any) -> None:
        email = options["email"].strip().lower()
        try:
            validate_email(email)
        except ValidationError as error:
            raise CommandError(f"{email!r} is not an e-mail address.") from error
        if User.objects.filter(is_superuser=True).exists() or User.objects.filter(email=email).exists():
            return  # a second start says nothing and changes nothing
        password = secrets.token_urlsafe(12)
        try:
            with transaction.atomic():
                User.objects.create_superuser(email, password)
        except IntegrityError:
            return  # another start was quicker, and has shown its password
        self.stdout.write(f"Sign in as {email} with the password {password} (shown this once).")
