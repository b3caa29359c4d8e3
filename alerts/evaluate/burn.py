"""Error budgets: how fast one is burnt, what is left of it, and when it will be gone.

The budget of an objective over a period is the share of its requests that may be bad: 1 − objective. A burn rate of 1
uses up exactly the budget by the end of the period. Multi-window, multi-burn-rate alerts as in Google's SRE workbook,
chapter 5, "Alerting on SLOs".
"""

from dataclasses import dataclass

HOUR, DAY = 60, 1440
PERIOD = 30 * DAY  # minutes


@dataclass(frozen=True, slots=True)
class Pair:
    """Two windows (minutes) that must both burn ``factor`` times as fast as allowed.

    The long one says that it matters, the short one that it still goes on. severity: page or ticket.
    """

    severity: str
    factor: float
    long: int
    short: int


# Of a period of 30 days this is 2 % of the budget in an hour, 5 % in six hours, 10 % in three days.
PAIRS = (Pair("page", 14.4, 60, 5), Pair("page", 6.0, 360, 30), Pair("ticket", 1.0, 4320, 360))


def allowed(objective: float) -> float:
    """The share that may be bad. Rounded to where binary fractions stop being right: 1 - 0.9 is 0.1."""
    return round(1 - objective, 12)


def burn_rate(bad: float, requests: int, objective: float) -> float | None:
    """How many times faster than allowed the budget is burnt; None where there are no requests."""
    return bad / requests / allowed(objective) if requests else None


def budget_left(bad: float, requests: int, objective: float) -> float | None:
    """The share of a period's budget that is left, for what came in it: 1 is all, below 0 it is overdrawn.

    None where there are no requests, and so no budget yet.
    """
    rate = burn_rate(bad, requests, objective)
    return None if rate is None else 1 - rate


def gone_in(left: float, rate: float, period: int = PERIOD) -> float | None:
    """Minutes until the budget is used up at this burn rate: 0 where it is already, None where it never will be."""
    if left <= 0:
        return 0.0
    return left * period / rate if rate > 0 else None


def outlook(left: float, rate: float, period: int = PERIOD) -> str:
    """``gone_in`` as half a sentence for people."""
    minutes = gone_in(left, rate, period)
    if minutes is None or minutes > period:
        return "at this rate the budget lasts"
    if not minutes:
        return "the budget is used up"
    return f"at this rate the budget is gone in {span(minutes)}"


def span(minutes: float) -> str:
    """Rounded down, for who is told of a deadline should not be told of a later one: 40 min, 9 h, 3 days."""
    if minutes < 1:
        return "less than a minute"
    if minutes < 2 * HOUR:
        return f"{int(minutes)} min"
    return f"{int(minutes // HOUR)} h" if minutes < 2 * DAY else f"{int(minutes // DAY)} days"
