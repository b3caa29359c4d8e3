"""Passwords that others know or easily guess: given by somebody, made of words that anybody would try here, or known
from breaches and looked up in a file of one's own. Nothing leaves the machine."""

import hashlib
import os
import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError

# The product's own words; PASSWORD_WORDS adds those of an installation.
WORDS = ("endpointstats", "endpoint", "statistics", "stats")
LEAST_BESIDE_WORDS = 8  # characters
_LONGEST_LINE = 64  # 40 digits, a colon, a count


def is_breached(password: str, path: Path) -> bool:
    """Whether the SHA-1 digest of ``password`` begins a line of the file, whose lines are in order (``DIGEST:count``,
    as haveibeenpwned.com's downloader writes them). About 35 short reads of a file of 40 GB. Raises OSError."""
    wanted = hashlib.sha1(password.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest().upper().encode()
    with path.open("rb") as file:
        low, high = 0, os.fstat(file.fileno()).st_size
        while low < high:  # the first line that begins at low or later, and holds a digest not below the wanted one
            middle = (low + high) // 2
            start, line = _line_from(file, middle)
            if not line or line[:40].upper() >= wanted:
                high = middle
            else:
                low = start + len(line)
        return _line_from(file, low)[1][:40].upper() == wanted


def _line_from(file, at: int) -> tuple[int, bytes]:  # type: ignore[no-untyped-def]  # a binary file
    """The first line that begins at ``at`` or later, and where it begins."""
    if at:
        file.seek(at - 1)
        at += len(file.readline(_LONGEST_LINE)) - 1
    else:
        file.seek(0)
    return at, file.readline(_LONGEST_LINE)


class WordsValidator:
    """Refuses what leaves little once the words are taken out of it."""

    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:
        """Raises ValidationError."""
        whole = rest = _letters(password)
        for word in sorted({*WORDS, *map(_letters, settings.PASSWORD_WORDS)} - {""}, key=len, reverse=True):
            rest = rest.replace(word, "")
        if rest != whole and len(rest) < LEAST_BESIDE_WORDS:
            raise ValidationError(
                "This password is little more than words that anybody would try here. Choose another.",
                code="password_words",
            )

    def get_help_text(self) -> str:
        return "Your password must not be made of this product's name, or of your organisation's words."


def _letters(text: str) -> str:
    """Without what people put between words, in one case."""
    return re.sub(r"[\W_]+", "", text).casefold()


def is_common(password: str, path: Path) -> bool:
    """Whether ``password`` is a line of the file, in any case of its letters. All of it is read: 8 MB, which take some
    milliseconds and no memory afterwards. Raises OSError."""
    return b"\n%b\n" % password.lower().encode("utf-8", "surrogatepass") in path.read_bytes().lower()


class CommonValidator(CommonPasswordValidator):
    """Refuses the commonest of breached sites: Django's 20,000, and of a million those that are long enough."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raises ValidationError, and OSError where the list is not installed."""
        super().validate(password, user)
        if is_common(password.strip(), settings.COMMON_PASSWORDS_FILE):
            raise ValidationError(self.get_error_message(), code="password_too_common")


class KnownToOthersValidator:
    """Refuses the one that somebody gave, and what stands in ``BREACHED_PASSWORDS_FILE``, where one is set."""

    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:
        """Raises ValidationError, and OSError for a file that cannot be read: no password is then taken unchecked."""
        if getattr(user, "first_password_ends", None) and user is not None and user.check_password(password):
            raise ValidationError(
                "Choose another than the one that you have: whoever gave it to you knows it.", code="password_first"
            )
        path = settings.BREACHED_PASSWORDS_FILE
        if path and is_breached(password, Path(path)):
            raise ValidationError(
                "This password is known from a breach of another site. Choose one that you use nowhere else.",
                code="password_breached",
            )

    def get_help_text(self) -> str:
        return "Nobody else may know it: choose one that you use nowhere else."
