"""E-mail, by the mail server that the operator has configured (EMAIL_HOST)."""

import smtplib
from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from ..base import KINDS, Config, ConfigError, Context, Failed, Field, Message, Refused, Sent
from ..forms import values_of
from ..text import plain
from .message import mail_of

TO = Field("to", "Addresses", "Who is written to, one address a line. They see each other.", "emails")
MOST = 50
ACCEPTED = 250  # SMTP's word for taken
# What is wrong between us and the mail server, and is the operator's to correct.
_OURS = (smtplib.SMTPAuthenticationError, smtplib.SMTPConnectError, smtplib.SMTPHeloError)


class Email:
    kind = "email"
    title = "E-mail"
    fields = (TO,)
    takes = frozenset(KINDS)

    def check(self, config: Config) -> None:
        for address in values_of(config, TO, MOST):
            try:
                validate_email(address)
            except ValidationError:
                raise ConfigError(
                    TO.name, f"{plain(address, 100)} is no address. Write it like ada@example.org."
                ) from None

    def send(self, config: Config, message: Message, *, now: datetime, context: Context) -> Sent:
        """One mail to all. Taken means that the mail server has it for one recipient at least; what it cannot deliver
        later comes back to the sender's address, not here."""
        self.check(config)
        to = values_of(config, TO, MOST)
        mail = mail_of(message, to, now=now, base_url=context.base_url, unsubscribe=context.unsubscribe)
        try:
            count = context.mail().send_messages([mail])
        except smtplib.SMTPRecipientsRefused as error:
            raise _recipients(error) from None
        except smtplib.SMTPResponseException as error:
            raise _response(error) from None
        except ValueError as error:
            raise Refused(f"No mail can be made of this: {plain(str(error), 200)}. Check the addresses.") from None
        except OSError as error:  # SMTPException is one
            raise Failed(f"The mail server could not be reached: {plain(str(error), 200)}") from None
        if not count:
            raise Failed("The mail server took nothing. Ask the operator to look at EMAIL_HOST.")
        return Sent(ACCEPTED, "taken by the mail server")


def _recipients(error: smtplib.SMTPRecipientsRefused) -> Refused | Failed:
    """All were refused; one that may be tried again is worth it for all."""
    codes = [code for code, _ in error.recipients.values()]
    said = "; ".join(f"{address}: {code} {_text(text)}" for address, (code, text) in error.recipients.items())
    text = f"The mail server refused the addresses: {plain(said, 300)}"
    passing = [code for code in codes if code < 500]
    return Failed(text, passing[0]) if passing else Refused(text, max(codes, default=0))


def _response(error: smtplib.SMTPResponseException) -> Refused | Failed:
    text = f"The mail server answered {error.smtp_code}: {plain(_text(error.smtp_error), 200)}"
    if error.smtp_code >= 500 and not isinstance(error, _OURS):
        return Refused(text, error.smtp_code)
    return Failed(text, error.smtp_code)


def _text(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said
