"""docs/security.md says what holds each requirement: what it names exists, and no requirement is left out."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from accounts.sign_in import limits, middleware, passwords

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
# Of ASVS 5.0.0: how many requirements each section has, and those of level 3.
SECTIONS = {
    "V6.1": 3, "V6.2": 12, "V6.3": 8, "V6.4": 6, "V6.5": 8, "V6.6": 4, "V6.7": 2, "V6.8": 4,
    "V7.1": 3, "V7.2": 4, "V7.3": 2, "V7.4": 5, "V7.5": 3, "V7.6": 2,
    "V8.1": 4, "V8.2": 4, "V8.3": 3, "V8.4": 2,
}  # fmt: skip
LEVEL_3 = {
    "V6.3.5", "V6.3.6", "V6.3.7", "V6.3.8", "V6.4.5", "V6.4.6", "V6.5.6", "V6.5.7", "V6.5.8", "V6.6.4",
    "V6.7.1", "V6.7.2", "V7.5.3", "V8.1.3", "V8.1.4", "V8.2.4", "V8.3.2", "V8.3.3", "V8.4.2",
}  # fmt: skip
LEVEL_1 = {
    "V6.1.1", *(f"V6.2.{number}" for number in range(1, 9)), "V6.3.1", "V6.3.2", "V6.4.1", "V6.4.2",
    "V7.2.1", "V7.2.2", "V7.2.3", "V7.2.4", "V7.4.1", "V7.4.2", "V8.1.1", "V8.2.1", "V8.2.2", "V8.3.1",
}  # fmt: skip
WANTED = {f"{section}.{number}" for section, count in SECTIONS.items() for number in range(1, count + 1)} - LEVEL_3

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")] for line in DOCUMENT.splitlines() if re.match(r"\| V\d", line)
]
NAMED = sorted(set(re.findall(r"\btests/[\w/]+\.py(?:::\w+)+", DOCUMENT)))
FILES = sorted(set(re.findall(r"`((?:accounts|settings|endpoint_stats|tests)/[\w/]+\.py)", DOCUMENT)))


@cache
def names_in(path):
    """Functions of a module, and methods as Class::method."""
    found = set()
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{one.name}" for one in node.body if isinstance(one, ast.FunctionDef)}
    return found


def test_every_requirement_stands_there_once():
    ids = [row[0] for row in ROWS]
    assert sorted(ids) == sorted(WANTED), "of levels 1 and 2, each once"
    assert len(WANTED) == 60
    assert {row[0] for row in ROWS if row[1] == "1"} == LEVEL_1
    assert {row[1] for row in ROWS} == {"1", "2"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_each_says_what_holds_it(row):
    """A test, a part of this document, a file, or why not."""
    _, _, asked, held = row
    assert asked
    says = ("tests/", "](#", ".py`", "does not apply: ", "**not held")
    assert any(text in held for text in says)
    if held.startswith("**not held"):
        assert len(held) > 60, "why, and what there is instead"


@pytest.mark.parametrize("name", NAMED)
def test_named_tests_exist(name):
    path, _, inner = name.partition("::")
    assert inner.rpartition("::")[2].startswith("test_")
    assert inner in names_in(path)


@pytest.mark.parametrize("path", FILES)
def test_named_files_exist(path):
    assert (ROOT / path).is_file()


def test_parts_that_are_linked_exist():
    parts = {
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.+)$", DOCUMENT, re.M)
    }
    assert set(re.findall(r"\]\(#([\w-]+)\)", DOCUMENT)) <= parts


SAID = {"client": "client", "user": "who is signed in", "email": "address in the form"}
SIGNING_IN = {
    "| signing in | client and account |": limits.SIGN_IN_BY_BOTH,
    "| signing in | account |": limits.SIGN_IN_BY_ACCOUNT,
    "| signing in | client |": limits.SIGN_IN_BY_ADDRESS,
    "| codes of second factors | account |": limits.CODE_BY_ACCOUNT,
}


def test_limits():
    """The numbers are those of the code."""
    wanted = SIGNING_IN | {
        f"| `{name}` | {SAID[by]} |": limit for name, held in middleware.LIMITS.items() for by, limit in held.items()
    }
    for row, limit in wanted.items():
        minutes = int(limit.within.total_seconds()) // 60
        within = "1 hour" if minutes == 60 else f"{minutes} minutes"
        assert f"{row} {limit.most} | {within} |\n" in DOCUMENT
    assert DOCUMENT.count("| 1 hour |") + DOCUMENT.count("| 5 minutes |") == len(wanted)


def test_words():
    (sentence,) = re.findall(r"anybody\s+would\s+try\s+here:([^.]*)\.", DOCUMENT)
    named = {re.sub(r"\s", "", word) for word in re.findall(r"\*([^*]+)\*", sentence)}
    assert named == set(passwords.WORDS)
