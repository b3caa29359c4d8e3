"""Reads tests/testdata/alerts/*.yaml: rules, what they see step by step, and the states and messages that must follow.

A file:
    spec:   fields of the rule, for all of its cases (optional)
    cases:  list of
        case:    what holds, in words
        spec:    more fields of the rule (optional)
        <need>:  series of the metric's values in that window: now, before, long, short, w1 … w12
        usual:   for all twelve of an anomaly rule: one number each, the same at every step
        requests, coverage, <need>.requests, <need>.coverage:  series too (1000 and 1 unless said)
        judged:  outcomes in order, one a step, with their reason where they have one: unknown:few (optional)
        states:  list of "minute: state" or "minute: state, what is told" (optional)

A series has one value a step, written as promtool's test files have it: ``1+2x3`` is 1 3 5 7, ``1x3`` is 1 1 1 1 (one
and three more), ``_`` a window without an answer, ``_x3`` three of them. ``~`` is a window of which nothing is known
at all. A series that ends is continued by its last value. A state holds until the next line, and what no line tells
must not be told. It begins inactive.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parents[2] / "testdata" / "alerts"
FILES = sorted(FOLDER.glob("*.yaml"))
NEEDS = ("now", "before", "long", "short", *(f"w{number}" for number in range(1, 13)))
NUMBER = r"-?\d+(?:\.\d+)?"
TOKEN = re.compile(rf"(?P<first>_|~|{NUMBER})(?P<step>[+-]\d+(?:\.\d+)?)?(?:x(?P<times>\d+))?")
NOTHING = "~"
INTEGER = "tag:yaml.org,2002:int"


class Loader(yaml.SafeLoader):
    """Whole numbers are decimal ones: ``0x3`` is a series here."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != INTEGER]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


Loader.add_implicit_resolver(INTEGER, re.compile(r"(?:0|[+-]?[1-9][0-9]*)$"), list("+-0123456789"))


@dataclass(frozen=True)
class Case:
    """steps: for each the windows by name: None, or (value, requests, coverage)."""

    name: str
    spec: dict[str, Any]
    steps: list[dict[str, tuple[float | None, int, float] | None]]
    judged: list[str]
    states: list[tuple[int, str, str]] | None


def series(text: str) -> list[Any]:
    """Numbers, None for ``_`` and NOTHING for ``~``."""
    found: list[Any] = []
    for token in str(text).split():
        parts = TOKEN.fullmatch(token)
        if parts is None:
            raise ValueError(f"{token!r} is no part of a series: write 1, _, ~, 1x3 or 1+2x3.")
        first, step, times = parts["first"], float(parts["step"] or 0), int(parts["times"] or 0)
        if first in "_~":
            found += [None if first == "_" else NOTHING] * max(times, 1)
        else:
            found += [round(float(first) + step * at, 9) for at in range(times + 1)]
    return found


def told(line: str) -> tuple[int, str, str]:
    minute, said = line.split(": ")
    state, _, message = said.partition(", ")
    return int(minute), state, message


def case_of(document: dict[str, Any], given: dict[str, Any]) -> Case:
    rule = document.get("spec", {}) | given.get("spec", {})
    columns = {name: series(given[name]) for name in given if name.split(".")[0] in (*NEEDS, "requests", "coverage")}
    if "usual" in given:
        columns |= {f"w{at + 1}": [value] for at, value in enumerate(series(given["usual"]))}
    unknown = set(given) - set(columns) - {"case", "spec", "usual", "judged", "states"}
    if unknown:
        raise ValueError(f"{given['case']}: {unknown} are no fields of a case.")
    length = max(len(column) for column in columns.values())

    def at(step: int, name: str, default: Any) -> Any:
        column = columns.get(name)
        return default if column is None else column[min(step, len(column) - 1)]

    def window(step: int, name: str) -> tuple[float | None, int, float] | None:
        value = at(step, name, NOTHING)
        if value == NOTHING:
            return None
        counted = rule.get("metric") == "requests" or rule["kind"] == "no_data"
        requests = at(step, f"{name}.requests", at(step, "requests", (value or 0) if counted else 1000))
        return value, int(requests), at(step, f"{name}.coverage", at(step, "coverage", 1.0))

    names = [name for name in NEEDS if name in columns]
    steps = [{name: window(step, name) for name in names} for step in range(length)]
    states = [told(line) for line in given["states"]] if "states" in given else None
    return Case(given["case"], rule, steps, given.get("judged", "").split(), states)


def cases(path: Path) -> list[Case]:
    document = yaml.load(path.read_text(encoding="utf-8"), Loader)
    return [case_of(document, given) for given in document["cases"]]
