"""Delays, and what a Retry-After header asks for."""

from __future__ import annotations

import pytest

from endpoint_stats_sender.complaints import Complaints
from endpoint_stats_sender.retry import Retry, retry_after_seconds

NOW = 1_763_726_400.0  # 2025-11-21T12:00:00Z


def test_the_backoff_doubles_up_to_its_bound():
    retry = Retry(first=0.5, longest=30.0)
    assert [retry.delay(attempt, None, 1.0) for attempt in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert retry.delay(10**6, None, 1.0) == 30


def test_jitter_takes_up_to_half():
    retry = Retry(first=1.0, longest=30.0)
    assert [retry.delay(2, None, chance) for chance in (0.0, 0.5, 1.0)] == [2, 3, 4]


def test_retry_after_counts_instead_and_has_a_bound():
    retry = Retry(first=0.5, asked=300.0)
    assert retry.delay(0, 7.0, 0.0) == 7
    assert retry.delay(9, 7.0, 0.0) == 7
    assert retry.delay(0, 10**6, 0.0) == 300
    assert retry.delay(0, 7.0, 1.0) == 7.5


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 5 ", 5),
        ("Fri, 21 Nov 2025 12:00:30 GMT", 30),
        ("Friday, 21-Nov-25 12:00:30 GMT", 30),
        ("Fri Nov 21 12:00:30 2025", 30),
        ("Fri, 21 Nov 2025 11:00:00 GMT", 0),
        ("9" * 5_000, 999_999_999),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("Fri, 99 Nov 2025 12:00:30 GMT", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after(header, seconds):
    assert retry_after_seconds(header, NOW) == seconds


def test_one_log_line_of_a_kind_a_minute(caplog):
    now = [0.0]
    complaints = Complaints(every=60.0, clock=lambda: now[0])
    said = []
    for second in (0, 1, 59, 60, 61, 200):
        now[0] = second
        said.append(complaints.say("away", "away at %d", second))
        complaints.say("lost", "lost") if second == 1 else None
    assert said == [True, False, False, True, False, True]
    assert [record.getMessage() for record in caplog.records] == [
        "away at 0", "lost", "away at 60 (2 more like this since the last such line)",
        "away at 200 (1 more like this since the last such line)",
    ]  # fmt: skip
