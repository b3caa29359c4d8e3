"""How the reader writes numbers: 1,234.5 or 1.234,5. Set for a request; what is no page keeps to the former."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import NamedTuple

from django.utils.formats import get_format
from django.utils.translation import check_for_language
from django.utils.translation.trans_real import parse_accept_lang_header


class Notation(NamedTuple):
    decimal: str = "."
    group: str = ","

    @property
    def differs(self) -> bool:
        """From how programs write numbers."""
        return self != (".", ",")


PLAIN = Notation()
_current: ContextVar[Notation] = ContextVar("notation", default=PLAIN)


def current() -> Notation:
    return _current.get()


@contextmanager
def written(notation: Notation) -> Iterator[None]:
    token = _current.set(notation)
    try:
        yield
    finally:
        _current.reset(token)


def localized(text: str) -> str:
    """A number as Python writes it ("1,234.5 s"), with the reader's marks."""
    notation = _current.get()
    if notation is PLAIN:
        return text
    return text.translate({ord("."): notation.decimal, ord(","): notation.group})


@lru_cache(maxsize=256)
def preferred(header: str) -> Notation:
    """Of the first language in an Accept-Language header of which Django knows how it writes numbers."""
    for language, _ in parse_accept_lang_header(header):
        if language != "*" and check_for_language(language):
            decimal, group = (str(get_format(name, language, use_l10n=True)) for name in _NAMES)
            found = Notation(decimal, group)
            return PLAIN if found == PLAIN else found
    return PLAIN


_NAMES = ("DECIMAL_SEPARATOR", "THOUSAND_SEPARATOR")
