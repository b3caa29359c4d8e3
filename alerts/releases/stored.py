"""A verdict as it is kept: JSON's own types, with the version of their meaning."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, get_args

from .values import Finding, Measure, Verdict, VerdictKind

VERSION = 1
NUMBERS = ("before", "after", "effect", "low", "high", "p", "q")


def to_json(verdict: Verdict) -> dict[str, Any]:
    """Without NaN and infinity; counts are not kept, since the findings say them."""
    return {"version": VERSION, "findings": [asdict(one) for one in verdict.findings]}


def from_json(data: Mapping[str, Any]) -> Verdict:
    """What to_json made. Raises ValueError for anything else."""
    if not isinstance(data, Mapping) or data.get("version") != VERSION or not isinstance(data.get("findings"), list):
        raise ValueError(f"This is no verdict of version {VERSION}. Judge the release again.")
    findings = tuple(_finding(one) for one in data["findings"])
    counts = Counter(one.verdict for one in findings)
    return Verdict(findings, counts["worse"], counts["better"], counts["same"], counts["unknown"])


def _finding(data: object) -> Finding:
    names = {field.name for field in fields(Finding)}
    if not isinstance(data, dict) or set(data) != names:
        raise ValueError("A finding of this verdict has other fields than it should. Judge the release again.")
    numbers = [data[name] for name in NUMBERS if data[name] is not None]
    right = (
        isinstance(data["key"], str)
        and isinstance(data["reason"], str)
        and data["verdict"] in get_args(VerdictKind)
        and data["measure"] in get_args(Measure)
        and all(_is_number(one) for one in numbers)
        and all(type(data[name]) is int and data[name] >= 0 for name in ("n_before", "n_after"))
    )
    if not right:
        raise ValueError(f"The finding of {data['key']!r} has a value that cannot be. Judge the release again.")
    return Finding(**data)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
