"""Which messages are due when."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from alerts.dispatch.steps import Level, due

START = datetime(2026, 1, 1, tzinfo=UTC)
A, B, C = (UUID(int=number) for number in range(1, 4))
LEVELS = [Level(0, (A,)), Level(15, (B,)), Level(45, (B, C))]


def at(minutes, acknowledged=None, levels=LEVELS, repeat=30):
    ended = None if acknowledged is None else START + timedelta(minutes=acknowledged)
    found = due(levels, repeat, START, ended, START + timedelta(minutes=minutes))
    return [(one.step, one.message, (one.at - START) // timedelta(minutes=1)) for one in found]


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        (0, [(0, "raised", 0)]),
        (14, [(0, "raised", 0)]),
        (15, [(0, "raised", 0), (1, "escalated", 15)]),
        (45, [(0, "raised", 0), (1, "escalated", 15), (2, "escalated", 45)]),
        (
            105,
            [(0, "raised", 0), (1, "escalated", 15), (2, "escalated", 45), (3, "reminder", 75), (4, "reminder", 105)],
        ),
    ],
)
def test_levels_then_reminders(minutes, expected):
    assert at(minutes) == expected


def test_who_acknowledges_ends_what_would_come():
    assert at(500, acknowledged=20) == [(0, "raised", 0), (1, "escalated", 15)]
    assert at(500, acknowledged=0) == [(0, "raised", 0)]


def test_one_level_alone_is_repeated_from_the_beginning():
    assert at(60, levels=[Level(0, (A,))]) == [(0, "raised", 0), (1, "reminder", 30), (2, "reminder", 60)]
    assert at(600, levels=[Level(0, (A,))], repeat=0) == [(0, "raised", 0)]
    assert at(600, levels=[]) == []


def test_a_number_is_always_of_the_same_moment():
    """Or a step that was told would be told again, and another one never."""
    whole = at(10_000)
    assert len({step for step, _, _ in whole}) == len(whole)
    for minutes in range(0, 400, 7):
        assert at(minutes) == [one for one in whole if one[2] <= minutes]


def test_reminders_end():
    assert len(at(1_000_000, levels=[Level(0, (A,))], repeat=1)) == 101
