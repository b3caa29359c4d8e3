"""Conditions on labels, as rows of a form: name, operator, value."""

from collections.abc import Sequence

from django.http import QueryDict

from alerts.dispatch.matchers import MOST, NAMES, Matcher

WORDS = (("=", "is"), ("!=", "is not"), ("~", "contains"), ("!~", "does not contain"))
SAID = dict(WORDS)
FEWEST = 3  # rows that are offered
__all__ = ["NAMES", "WORDS", "given", "rows", "said"]


def given(data: QueryDict, prefix: str = "") -> list[Matcher]:
    """As they were filled in, empty ones too; one more than may be, so that too many are refused and not cut."""
    columns = [data.getlist(f"{prefix}{what}")[: MOST + FEWEST] for what in ("name", "operator", "value")]
    return [(name, operator, value) for name, operator, value in zip(*columns, strict=False)]


def rows(conditions: Sequence[Matcher]) -> list[Matcher]:
    """What stands in the form: these, and room for one more at least."""
    filled = [one for one in conditions if one[0].strip() or one[2]]
    empty = max(FEWEST - len(filled), 1 if len(filled) < MOST else 0)
    return [*filled, *[("", "=", "")] * empty]


def said(conditions: Sequence[Sequence[str]]) -> list[tuple[str, str, str]]:
    """For people: the operator in words."""
    return [(name, SAID.get(operator, operator), value) for name, operator, value in conditions]
