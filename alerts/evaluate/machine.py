"""States of one group under one rule: a pure function of the state, a judgement and the time of the step.

docs/alerts.md has the table. What people are told (Transition) is apart from the state: flapping silences the telling
and never the states.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from .judge import Judgement, Outcome
from .rule import Spec
from .spec import every, longest

GIVE_UP = timedelta(hours=6)  # of not knowing, at least
GIVE_UP_WINDOWS = 2
FLAPS, FLAPPING_WITHIN = 4, timedelta(hours=6)
SETTLED_AFTER = timedelta(hours=2)
STALE = "stale"
_MINUTE = timedelta(minutes=1)
# Reasons of UNKNOWN that say: nobody looked, or nothing came. The others were measured, but are too little to judge.
UNMEASURED = ("unmeasured", "coverage")


class State(StrEnum):
    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"  # clear, and still counted as firing for ``keep_firing_for``
    RESOLVED = "resolved"  # for one step


FIRING = (State.FIRING, State.RECOVERING)  # for those who are told


class Transition(StrEnum):
    """What people are told."""

    RAISED = "raised"
    RESOLVED = "resolved"
    FLAPPING = "flapping"  # instead of one more RAISED; then nothing until SETTLED
    SETTLED = "settled"  # the alert's state says at which end


@dataclass(frozen=True, slots=True)
class Alert:
    """What is remembered of a group from step to step.

    at: the last step. since: when the state was entered.
    started, breached: the first and the last breach of the episode; None while inactive.
    held: minutes that count towards ``for`` (pending) or ``keep_firing_for`` (recovering).
    unknown_since: the first of the steps in a row, up to the last one, that said nothing.
    turned: when it last began or ceased to fire (recovering is firing).
    value: the last one that was judged. peak: the worst of the breaches of the episode.
    raised: the last few times it began to fire, of those that count towards flapping.
    reason: why the last step said nothing; ``stale`` where the state was given up for that.
    """

    state: State
    at: datetime
    since: datetime
    started: datetime | None = None
    breached: datetime | None = None
    held: int = 0
    unknown_since: datetime | None = None
    turned: datetime | None = None
    value: float | None = None
    peak: float | None = None
    raised: tuple[datetime, ...] = ()
    flapping: bool = False
    reason: str = ""

    @property
    def active(self) -> bool:
        """Whether it is firing, recovering included."""
        return self.state in FIRING

    def to_json(self) -> dict[str, Any]:
        """Strings, numbers, booleans, lists and None; times as ISO 8601."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            **{name: value.isoformat() if isinstance(value, datetime) else value for name, value in found.items()},
            "state": self.state.value,
            "raised": [moment.isoformat() for moment in self.raised],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Alert":
        """The reverse of to_json. Raises KeyError, TypeError or ValueError for what it did not write."""
        given = dict(data)
        for name in ("at", "since", "started", "breached", "unknown_since", "turned"):
            given[name] = datetime.fromisoformat(given[name]) if given[name] is not None else None
        raised = tuple(datetime.fromisoformat(moment) for moment in given["raised"])
        return cls(**given | {"state": State(given["state"]), "raised": raised})


def advance(
    spec: Spec, alert: Alert | None, judgement: Judgement, at: datetime
) -> tuple[Alert | None, Transition | None]:
    """The next state, and what to tell. No alert: inactive, with nothing to remember.

    ``at`` only ascends: ValueError for a step that is not later than the last one, for a state that was reached is
    never rewritten.
    """
    outcome = counted(spec, judgement)
    if alert is None:
        if outcome is not Outcome.BREACH:
            return None, None
        alert = Alert(State.INACTIVE, at, at)
    elif at <= alert.at:
        raise ValueError(f"The step {at:%Y-%m-%d %H:%M} is not later than the last one. Evaluate steps in order.")
    unknown_since = (alert.unknown_since or at) if outcome is Outcome.UNKNOWN else None
    stale = unknown_since is not None and at - unknown_since >= give_up_after(spec)
    held = alert.held + _counts(spec, alert, outcome, at)
    state = _next(spec, alert.state, outcome, held, stale)
    moved = state is not alert.state
    raised, flapping, told = _telling(alert, state, at)
    if state is State.INACTIVE and not raised and not flapping and told is None:
        return None, None
    started, breached, peak = _episode(spec, alert, state, outcome, judgement.value, at)
    judged = judgement.outcome is not Outcome.UNKNOWN and judgement.value is not None
    following = Alert(
        state=state,
        at=at,
        since=at if moved else alert.since,
        started=started,
        breached=breached,
        held=0 if moved else held,
        unknown_since=unknown_since,
        turned=at if (state in FIRING) is not alert.active else alert.turned,
        value=judgement.value if judged else alert.value,
        peak=peak,
        raised=raised,
        flapping=flapping,
        reason="" if unknown_since is None else STALE if moved and stale else judgement.reason,
    )
    return following, told


def counted(spec: Spec, judgement: Judgement) -> Outcome:
    """The outcome as the rule's ``no_data`` takes it.

    ``alert`` is about what was not measured. Too few events to judge, or nothing to compare with, is no breach even
    then, or each quiet night would be one.
    """
    if judgement.outcome is Outcome.UNKNOWN:
        if spec.no_data == "ok":
            return Outcome.CLEAR
        if spec.no_data == "alert" and judgement.reason in UNMEASURED:
            return Outcome.BREACH
    return judgement.outcome


def give_up_after(spec: Spec) -> timedelta:
    """How long in a row nothing may be known before an alert is given up: six hours, or twice a longer window."""
    return max(GIVE_UP, GIVE_UP_WINDOWS * timedelta(minutes=longest(spec)))


def _counts(spec: Spec, alert: Alert, outcome: Outcome, at: datetime) -> int:
    """Minutes since the last step that count towards what the state waits for.

    A step speaks for the time since the one before, and not for longer than a step: of what was not evaluated nobody
    knows whether it held. So an unknown step neither counts nor starts again: it is no proof either way.
    """
    waits_for = {State.PENDING: Outcome.BREACH, State.RECOVERING: Outcome.CLEAR}
    if waits_for.get(alert.state) is not outcome:
        return 0
    return min((at - alert.at) // _MINUTE, every(spec))


def _next(spec: Spec, state: State, outcome: Outcome, held: int, stale: bool) -> State:
    if state is State.FIRING:
        if outcome is Outcome.CLEAR:
            return State.RECOVERING if spec.keep_firing_for else State.RESOLVED
        # Silence is what a no_data rule fires about: it ends with a request, and with nothing else.
        return State.RESOLVED if stale and spec.kind != "no_data" else State.FIRING
    if state is State.RECOVERING:
        if outcome in (Outcome.BREACH, Outcome.BETWEEN):
            return State.FIRING
        return State.RESOLVED if stale or (outcome is Outcome.CLEAR and held >= spec.keep_firing_for) else state
    if outcome is Outcome.BREACH:
        # Pending or not: without ``for`` the first breach is enough.
        return State.FIRING if held >= spec.for_minutes else State.PENDING
    if state is State.PENDING and outcome is Outcome.UNKNOWN and not stale:
        return State.PENDING
    return State.INACTIVE


def _episode(
    spec: Spec, alert: Alert, state: State, outcome: Outcome, value: float | None, at: datetime
) -> tuple[datetime | None, datetime | None, float | None]:
    """Its first breach, its last, and the worst value: it begins with a breach and is over when inactive."""
    if state is State.INACTIVE:
        return None, None, None
    if outcome is not Outcome.BREACH:
        return alert.started, alert.breached, alert.peak
    if alert.state in (State.INACTIVE, State.RESOLVED):
        return at, at, value
    if value is None or alert.peak is None:
        return alert.started, at, alert.peak if value is None else value
    # What a no_data rule shows is the number of requests: the fewer the worse.
    worse = max if spec.above and spec.kind != "no_data" else min
    return alert.started, at, worse(value, alert.peak)


def _telling(alert: Alert, state: State, at: datetime) -> tuple[tuple[datetime, ...], bool, Transition | None]:
    """The raises that count towards flapping, whether it flaps, and what to tell of the step."""
    raised = alert.raised and tuple(moment for moment in alert.raised if at - moment <= FLAPPING_WITHIN)
    firing = state in FIRING
    if firing and not alert.active:
        raised = (*raised, at)[-FLAPS:]
        if alert.flapping:
            return raised, True, None
        many = len(raised) == FLAPS
        return raised, many, Transition.FLAPPING if many else Transition.RAISED
    if alert.active and not firing:
        return raised, alert.flapping, None if alert.flapping else Transition.RESOLVED
    if alert.flapping and alert.turned is not None and at - alert.turned >= SETTLED_AFTER:
        # The raises are forgotten with it: the next one is news again.
        return (), False, Transition.SETTLED
    return raised, alert.flapping, None
