"""What is said of endpoints whose truth is made by hand."""

import random
import re
from dataclasses import replace

import pytest
from scipy import stats

from alerts.releases import errors
from alerts.releases.estimate import Estimates
from alerts.releases.verdict import Block, Endpoint, Finding, Verdict, _kind, judge, sentence, what

from .making import BEGIN, block, endpoint


def of(made: Endpoint) -> Finding:
    return judge([made]).findings[0]


def test_nothing_changed() -> None:
    found = of(endpoint())
    assert (found.verdict, found.reason) == ("same", "")
    assert found.low is not None and found.high is not None
    assert found.low < (1 if found.measure == "p95" else 0) < found.high


def test_p95_is_worse_by_what_it_was_made_worse_by() -> None:
    found = of(endpoint(before=0.212, after=0.48))
    assert (found.verdict, found.measure, found.reason) == ("worse", "p95", "")
    assert found.before == pytest.approx(0.212, rel=0.02)
    assert found.after == pytest.approx(0.48, rel=0.02)
    assert found.effect == pytest.approx(0.48 / 0.212, rel=0.02)
    assert found.low is not None and found.high is not None and found.effect is not None
    assert 1.2 < found.low < found.effect < found.high
    assert found.after == pytest.approx(found.before * found.effect)
    # Matched by time of day: six hours of each of seven days.
    assert (found.n_before, found.n_after) == (7 * 24 * 3_000, 24 * 3_000)
    assert re.fullmatch(r"p95 21\d ms → 4[78]\d ms", what(found))


def test_errors_are_worse_by_what_they_were_made_worse_by() -> None:
    found = of(endpoint(share_before=0.001, share_after=0.042))
    assert (found.verdict, found.measure) == ("worse", "errors")
    assert found.effect == pytest.approx(0.041, rel=0.03)
    assert what(found) == "errors 0.1% → 4.2%"
    assert found.p is not None and found.q is not None and found.p <= found.q < 1e-6


def test_better_in_both() -> None:
    found = of(endpoint(before=0.5, after=0.2, share_before=0.03, share_after=0.01))
    assert (found.verdict, found.measure) == ("better", "p95")
    assert re.fullmatch(r"better too: errors 3\.0% → 1\.0%", found.reason)


def test_worse_counts_before_better() -> None:
    found = of(endpoint(before=0.5, after=0.2, share_before=0.001, share_after=0.03))
    assert (found.verdict, found.measure) == ("worse", "errors")
    assert found.reason.startswith("but better: p95 ")


@pytest.mark.parametrize(
    ("made", "measure"),
    [
        (endpoint(before=0.2, after=0.22), "p95"),  # a tenth
        (endpoint(before=0.004, after=0.008), "p95"),  # twice as long, four milliseconds
        (endpoint(share_before=0.001, share_after=0.004), "errors"),  # fourfold, 0.3 points
        (endpoint(share_before=0.1, share_after=0.11), "errors"),  # a point, a tenth
    ],
)
def test_what_is_sure_and_does_not_matter_is_the_same(made: Endpoint, measure: str) -> None:
    found = of(made)
    assert (found.verdict, found.measure) == ("same", measure)
    assert found.q is not None and found.q < 0.05


def test_a_change_that_matters_but_is_not_sure_is_too_little_data() -> None:
    found = of(endpoint(before=0.2, after=0.28, noise=0.6, hours_after=2))
    assert found.verdict == "unknown"
    assert found.reason == "the interval still holds a change that would matter: wait for more"


def test_no_errors_among_few_requests_are_not_the_same() -> None:
    """After 24 × 10 requests without an error, 1.5 % of errors may well be (the rule of three says 3 / 240)."""
    found = of(endpoint(requests=10, share_before=0, share_after=0, before=None, after=None))
    assert (found.verdict, found.measure) == ("unknown", "errors")
    assert found.high is not None and 3 / 240 < found.high < 6 / 240
    many = of(endpoint(requests=100, share_before=0, share_after=0, before=None, after=None))
    assert (many.verdict, many.reason) == ("same", "errors only: no request has a duration")


def test_an_incident_of_ten_minutes_is_no_effect_of_the_release() -> None:
    made = endpoint()
    slow = made.after[7]._replace(p95=9.0, errors=600)
    found = of(replace(made, after=(*made.after[:7], slow, *made.after[8:])))
    assert found.verdict in ("same", "unknown")
    lasting = tuple(one._replace(p95=9.0, errors=600) for one in made.after)
    assert of(replace(made, after=lasting)).verdict == "worse"


def test_days_and_nights_are_no_effect_of_the_release() -> None:
    """Latency three times as long by day; the release is in the morning."""
    made = endpoint(noise=0.05)

    def by_day(blocks: tuple) -> tuple:
        return tuple(
            one._replace(p95=one.p95 * (3 if one.start_minute + 1440 * 7 * (one.start_minute < BEGIN) >= BEGIN and
                                        (one.start_minute - BEGIN) % 1440 < 720 else 1))
            for one in blocks
        )  # fmt: skip

    found = of(replace(made, before=by_day(made.before), after=by_day(made.after)))
    assert found.verdict == "same"
    assert found.before == pytest.approx(found.after, rel=0.05)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (Endpoint("none", (), ()), "no requests after the release"),
        (endpoint(hours_after=0), "no requests after the release"),
        (endpoint(hours_before=0), "no requests before the release"),
        (endpoint(hours_after=0.5), "stretches of time after the release: wait for more"),
        (endpoint(hours_before=1), "stretches of time before the release: wait for more"),
        (endpoint(requests=1, before=None, after=None), "24 of 50 requests after the release: wait for more"),
        (endpoint(requests=40, share_before=0, share_after=0), "wait for more, or ask with longer blocks"),
    ],
    ids=["none", "none after", "none before", "half an hour", "an hour before", "few", "few by block"],
)
def test_too_little_data_says_of_what(made: Endpoint, reason: str) -> None:
    other = endpoint("other")  # whose blocks say when the release was
    found = judge([made, other]).findings[0]
    assert found.verdict == "unknown"
    assert reason in found.reason


def test_one_block_on_each_side() -> None:
    found = of(Endpoint("one", (block(BEGIN - 15, 900),), (block(BEGIN, 900, 0.5),)))
    assert (found.verdict, found.measure, found.p) == ("unknown", "", None)


def test_huge_counts_and_nothing_but_zeros() -> None:
    huge = of(endpoint(requests=10**12, share_after=0.05))
    assert (huge.verdict, huge.measure) == ("worse", "errors")
    zeros = Endpoint(
        "zeros",
        tuple(block(BEGIN - place * 15, 0) for place in range(1, 97)),
        tuple(block(BEGIN + place * 15, 0) for place in range(24)),
    )
    assert of(zeros).reason == "no requests after the release"
    instant = of(endpoint(before=0.0, after=0.0))
    assert instant.verdict == "same"
    failing = of(endpoint(share_before=1.0, share_after=1.0, noise=0))
    assert (failing.verdict, failing.before) == ("same", failing.before)


def test_endpoints_with_blocks_of_different_length() -> None:
    made = [endpoint("a", after=0.4), endpoint("b", minutes=60, requests=12_000), endpoint("c", minutes=5, after=0.1)]
    assert [one.verdict for one in judge(made).findings] == ["worse", "same", "better"]


def test_a_short_history() -> None:
    kinds = [of(endpoint(hours_before=hours, after=0.8, noise=0.02)).verdict for hours in (12, 24, 48, 72)]
    assert kinds == ["worse"] * 4


def test_more_endpoints_ask_for_more_evidence() -> None:
    alone = of(endpoint("changed", share_after=0.02))
    among = judge([endpoint("changed", share_after=0.02), *(endpoint(f"{n}") for n in range(50))]).findings[0]
    assert among.p == alone.p
    assert among.q is not None and alone.q is not None and among.q > 10 * alone.q


def test_the_order_does_not_matter_and_nothing_is_random() -> None:
    made = [endpoint(f"{n}", after=0.2 + n / 50) for n in range(12)]
    first, second = judge(made), judge(list(reversed(made)))
    assert first.findings == tuple(reversed(second.findings))
    shuffled = [replace(one, before=tuple(reversed(one.before)), after=tuple(reversed(one.after))) for one in made]
    assert judge(shuffled) == first


def test_the_sentence() -> None:
    made = [endpoint(f"{n}", after=0.6) for n in range(3)] + [endpoint(f"same {n}") for n in range(4)]
    verdict = judge([*made, endpoint("few", requests=1)])
    assert sentence(verdict) == "3 worse, 4 same, 1 too little data"
    assert (verdict.worse, verdict.better, verdict.same, verdict.unknown) == (3, 0, 4, 1)
    assert sentence(Verdict((), 1_234, 2, 0, 0)) == "1,234 worse, 2 better"
    assert sentence(judge([])) == "no endpoints"


def test_numbers_in_the_readers_notation() -> None:
    found = Finding("a", "worse", "errors", 0.0002, 0.5)
    assert what(found) == "errors <0.1% → 50.0%"
    assert what(found, lambda metric, value: f"{metric}={value:g}") == "errors error_rate=0.0002 → error_rate=0.5"
    assert what(Finding("a", "worse", "p95", 0.0008, 61.4)) == "p95 0.8 ms → 61.4 s"
    assert what(Finding("a", "unknown")) == ""


def test_the_interval_of_a_share_is_wilsons() -> None:
    for failed, n in ((0, 50), (3, 400), (37, 40), (50, 50)):
        expected = stats.binomtest(failed, n).proportion_ci(0.95, method="wilson")
        low, high = (float(one) for one in errors.wilson(failed / n, n, stats.norm.ppf(0.975)))
        assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("seed", range(30))
def test_few_errors_are_never_surer_than_their_split(seed: int) -> None:
    """Errors one by one: p is no smaller than the exact test of how they split (SciPy's tails)."""
    source = random.Random(seed)
    share = source.choice([0.001, 0.003, 0.01])

    def failing(blocks: tuple[Block, ...], share: float) -> tuple[Block, ...]:
        return tuple(one._replace(errors=sum(source.random() < share for _ in range(20))) for one in blocks)

    made = endpoint(requests=20, before=None, after=None)
    made = replace(
        made, before=failing(made.before, share), after=failing(made.after, share * source.choice([1, 4, 9]))
    )
    found = of(made)
    # The same six hours of each day.
    compared = sum(one.errors for one in made.before if (one.start_minute - BEGIN) % 1440 < 360)
    after = sum(one.errors for one in made.after)
    more, fewer = (stats.binom.sf(after - 1, compared + after, 1 / 8), stats.binom.cdf(after, compared + after, 1 / 8))
    assert found.p is not None and found.p >= min(1.0, 2 * min(more, fewer)) * (1 - 1e-9)


def test_fewer_errors_but_for_one_incident_are_not_worse() -> None:
    """All but one block have a third of the errors that were usual; the one has so many that the sum has risen."""
    made = endpoint(share_before=0.006, share_after=0.002)
    incident = made.after[5]._replace(errors=1_500)
    found = of(replace(made, after=(*made.after[:5], incident, *made.after[6:])))
    assert found.effect is not None and found.effect > 0.005
    assert (found.verdict, found.p) == ("unknown", 1.0)


def test_a_small_rise_and_an_incident_are_not_yet_worse() -> None:
    """A rise that is sure but small, and one block whose errors make the sum a change that matters."""
    made = endpoint(share_before=0.001, share_after=0.003)
    incident = made.after[5]._replace(errors=1_500)
    found = of(replace(made, after=(*made.after[:5], incident, *made.after[6:])))
    assert found.effect is not None and found.effect > 0.005
    assert found.low is not None and found.low < 0.005
    assert found.verdict == "unknown"


def test_an_interval_that_holds_no_change_is_no_verdict() -> None:
    numbers = Estimates.blank(2)
    for name, value in {"effect": 1.5, "low": 0.9, "high": 2.5, "worst": 1.2, "best": 1 / 1.2}.items():
        getattr(numbers, name)[:] = value
    numbers.low[1] = 1.1
    assert [_kind(numbers, row, 0.001, 0.05, 1.0) for row in (0, 1)] == ["unknown", "worse"]
