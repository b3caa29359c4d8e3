"""What cannot be judged is refused with its reason; a verdict is kept and read again."""

import json
import math
from typing import Any

import pytest

from alerts.releases.verdict import Block, Endpoint, from_json, judge, to_json

from .making import BEGIN, block, endpoint

GOOD = tuple(block(BEGIN - 15 * place, 10) for place in range(1, 10))


def after(*blocks: Block, minutes: int = 15) -> Endpoint:
    return Endpoint("GET /x", GOOD, (block(BEGIN, 10), *blocks), minutes)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (after(Block(BEGIN + 15, 10, 11, 0)), "errors cannot be more than requests"),
        (after(Block(BEGIN + 15, 10, 0, 11)), "timed cannot be more than requests"),
        (after(Block(BEGIN + 15, -1, 0, 0)), "requests must be a whole number"),
        (after(Block(BEGIN + 15, 10, -1, 0)), "errors must be a whole number"),
        (after(Block(BEGIN + 15, 2**53 + 1, 0, 0)), "requests must be a whole number"),
        (after(Block(BEGIN + 15, 10**30, 0, 0)), "requests must be a whole number"),
        (after(Block(BEGIN + 15, math.nan, 0, 0)), "requests must be a whole number"),  # type: ignore[arg-type]
        (after(Block(BEGIN + 15, 1.5, 0, 0)), "requests must be a whole number"),  # type: ignore[arg-type]
        (after(Block(BEGIN + 0.5, 1, 0, 0)), "start_minute must be a whole number"),  # type: ignore[arg-type]
        (after(Block(BEGIN + 15, 10, 0, 10, p95=math.nan)), "p95 must be None or seconds"),
        (after(Block(BEGIN + 15, 10, 0, 10, p95=math.inf)), "p95 must be None or seconds"),
        (after(Block(BEGIN + 15, 10, 0, 10, p95=-0.1)), "p95 must be None or seconds"),
        (after(Block(BEGIN + 15, 10, 0, 10, p50=math.nan)), "p50 must be None or seconds"),
        (after(Block(BEGIN + 15, 10, 0, 10, mean=math.nan)), "mean must be None or seconds"),
        (after(Block(BEGIN + 15, 10, 0, 10, p95="x")), "p95 must be None or seconds"),  # type: ignore[arg-type]
        (after(block(BEGIN + 7, 10)), "is no whole number of 15 minutes"),
        (after(block(BEGIN, 10)), "begin at the same minute. Merge them"),
        (after(block(BEGIN + 1440, 10)), "24 hours after"),
        (Endpoint("GET /x", (block(BEGIN, 10),), (block(BEGIN, 10),)), "7 days before"),
        (Endpoint("GET /x", (block(BEGIN - 7 * 1440 - 15, 10),), (block(BEGIN, 10),)), "7 days before"),
        (after(minutes=30), "5, 15 or 60 minutes, not 30"),
    ],
)
def test_what_cannot_be_is_refused_by_name(made: Endpoint, reason: str) -> None:
    with pytest.raises(ValueError) as refused:
        judge([endpoint("fine"), made])
    assert reason in str(refused.value)
    assert "GET /x" in str(refused.value)


def test_an_endpoint_twice() -> None:
    with pytest.raises(ValueError, match="'GET /' is given twice"):
        judge([endpoint(), endpoint()])


@pytest.mark.parametrize("alpha", [0, -1, 0.5, math.nan])
def test_alpha(alpha: float) -> None:
    with pytest.raises(ValueError, match="alpha must lie between 0 and"):
        judge([], alpha=alpha)


SOME = [endpoint("a", after=0.6), endpoint("b", share_after=0.1), endpoint("c"), Endpoint("d", (), ())]


def made() -> dict[str, Any]:
    return to_json(judge(SOME))


def test_kept_and_read_again() -> None:
    data = json.loads(json.dumps(made(), allow_nan=False))
    found = from_json(data)
    assert [one.verdict for one in found.findings] == ["worse", "worse", "same", "unknown"]
    assert (found.worse, found.better, found.same, found.unknown) == (2, 0, 1, 1)
    assert found == judge(SOME)


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "fine"},
        {"measure": "p99"},
        {"p": math.nan},
        {"before": "1"},
        {"low": True},
        {"n_before": -1},
        {"n_after": 1.5},
        {"key": None},
        {"more": 1},
    ],
)
def test_a_finding_that_cannot_be(change: dict[str, Any]) -> None:
    data = made()
    data["findings"][0] |= change
    with pytest.raises(ValueError, match="Judge the release again"):
        from_json(data)


@pytest.mark.parametrize(
    "data", [{}, {"version": 2, "findings": []}, {"version": 1}, [], {"version": 1, "findings": [1]}]
)
def test_no_verdict(data: Any) -> None:
    with pytest.raises(ValueError, match="Judge the release again"):
        from_json(data)
