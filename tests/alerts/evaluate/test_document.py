"""docs/alerts.md names all that a rule or a message may say, and its tables are those of the code."""

import re
from pathlib import Path

import pytest

from alerts.evaluate.burn import PAIRS, PERIOD
from alerts.evaluate.judge import Judgement, Outcome
from alerts.evaluate.machine import STALE, UNMEASURED, State, Transition, advance
from alerts.evaluate.rule import KINDS, NO_DATA
from alerts.evaluate.spec import Spec, every
from tests.alerts.evaluate.test_machine import RULE, breach, minute

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "alerts.md").read_text(encoding="utf-8")
WORDS = (*KINDS, *State, *Transition, *NO_DATA, *UNMEASURED, "few", "baseline", STALE)


def table(first):
    """The rows of the table whose head begins with this, as lists of cells."""
    lines = TEXT[TEXT.index(f"| {first} |") :].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_explained(word):
    assert f"`{word}`" in TEXT


def test_the_table_of_steps():
    rows = dict(table("window"))
    for words, step in rows.items():
        for number in map(int, re.findall(r"\d+", words)):
            window = number * 60 if "hours" in words else number
            assert every(Spec("threshold", "p95", threshold=1, window=window)) == int(step.split()[0])
    assert len(rows) == 4


def test_the_table_of_burn_rates():
    share = {f"{pair.factor:g}": f"{pair.factor * pair.long / PERIOD:.0%}".replace("%", " %") for pair in PAIRS}
    assert {row[1]: row[4] for row in table("| factor")} == share


BREACH, CLEAR = breach(1.0), Judgement(Outcome.CLEAR)
FROM = {
    "inactive": [],
    "pending": [BREACH],
    "firing": [BREACH] * 3,
    "recovering": [*[BREACH] * 3, CLEAR],
    "resolved": [*[BREACH] * 3, *[CLEAR] * 3],
}


@pytest.mark.parametrize("row", table("from"), ids=lambda row: row[0])
def test_the_table_of_states(row):
    """A rule with ``for`` and ``keep_firing_for`` of two minutes goes, one step on, where the cell says that it may."""
    spec = Spec(**RULE, for_minutes=2, keep_firing_for=2)
    outcomes = (Outcome.BREACH, Outcome.BETWEEN, Outcome.CLEAR, Outcome.UNKNOWN)
    for name in re.findall(r"`(\w+)`", row[0]):
        for outcome, cell in zip(outcomes, row[1:], strict=True):
            alert = None
            for number, judgement in enumerate(FROM[name]):
                alert, _ = advance(spec, alert, judgement, minute(number))
            assert (alert.state if alert else State.INACTIVE) == name
            after, _ = advance(spec, alert, Judgement(outcome), minute(100))
            reached = after.state if after else State.INACTIVE
            assert reached in re.findall(r"`(\w+)`", cell), (name, outcome)
