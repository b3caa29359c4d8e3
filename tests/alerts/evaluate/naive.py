"""What a rule must come to over a whole timeline, worked out in another way: judged in decimal fractions without
division, and states as patterns in the text of all outcomes. Nothing here goes from step to step.

A rule is a dictionary of a Spec's fields. A step is a dictionary of windows: None, or (value, requests, coverage),
numbers as they would be written down. Outcomes are letters: B breach, C clear, T between, U unmeasured, F too few
events or nothing to compare with.
"""

import re
from dataclasses import dataclass, field
from decimal import Decimal, localcontext

COUNTS = ("requests", "errors")
FALL_AWAY = (*COUNTS, "rate")
LEAST = {"p95": "0.01", "error_rate": "0.01"}
WINDOWS = [f"w{number}" for number in range(1, 13)]
HALF = Decimal("0.5")
FLAPPING_WITHIN, SETTLED_AFTER, MANY = 360, 120, 4


def exact(number):
    return None if number is None else Decimal(str(number))


def reading(window, least):
    """A number, or the letter that it comes to."""
    if window is None or exact(window[2]) < HALF or window[0] is None:
        return "U"
    return "F" if window[1] < least else exact(window[0])


def side(rule, number, threshold, clear):
    """The letter for a number where more is worse (or less, turned round before)."""
    if number > threshold:
        return "B"
    return "C" if number <= (threshold if clear is None else clear) else "T"


def turned(rule, number):
    return number if rule.get("above", True) else -number


def by_threshold(rule, step):
    number = reading(step.get("now"), rule.get("minimum_events", 0))
    if isinstance(number, str):
        return number
    threshold, clear = exact(rule["threshold"]), exact(rule.get("clear"))
    return side(rule, turned(rule, number), turned(rule, threshold), None if clear is None else turned(rule, clear))


def by_novelty(rule, step):
    number = reading(step.get("now"), rule.get("minimum_events", 0))
    return number if isinstance(number, str) else "B" if number else "C"


def least_now(rule):
    down = rule["metric"] in FALL_AWAY and not rule.get("above", True)
    return 0 if down else rule.get("minimum_events", 0)


def by_change(rule, step):
    now = reading(step.get("now"), least_now(rule))
    if isinstance(now, str):
        return now
    before = reading(step.get("before"), rule.get("minimum_events", 0))
    if isinstance(before, str) or not before:
        return "F"
    move = now - before
    if abs(move) < Decimal(LEAST.get(rule["metric"], "0")):
        return "C"
    clear = exact(rule.get("clear"))
    return side(rule, turned(rule, move), exact(rule["threshold"]) * before, None if clear is None else clear * before)


def by_burn(rule, step):
    long, short = step.get("long"), step.get("short")
    allowed = 1 - exact(rule["objective"])
    if reading(long, 0) == "U" or not long[1]:
        return "U"
    if exact(long[0]) < rule.get("minimum_events", 0):
        return "C"
    if reading(short, 0) == "U" or not short[1]:
        return "U"

    def both(rate):
        return all(exact(bad) > exact(rate) * allowed * requests for bad, requests, _ in (long, short))

    if both(rule.get("factor", 14.4)):
        return "B"
    return "T" if rule.get("clear") is not None and both(rule["clear"]) else "C"


def by_silence(rule, step):
    now, before = step.get("now"), step.get("before")
    if now is not None and now[1] > 0:
        return "C"
    return "B" if before is not None and before[1] * rule["window"] >= 20 * 24 * 60 else "F"


def middle(numbers):
    numbers = sorted(numbers)
    half = len(numbers) // 2
    return numbers[half] if len(numbers) % 2 else (numbers[half - 1] + numbers[half]) / 2


def by_anomaly(rule, step):
    now = reading(step.get("now"), least_now(rule))
    if isinstance(now, str):
        return now
    past = [reading(step.get(name), rule.get("minimum_events", 0)) for name in WINDOWS]
    past = [number for number in past if not isinstance(number, str)]
    if len(past) < 6:
        return "F"
    with localcontext() as context:
        context.prec = 50
        usual = middle(past)
        if abs(now - usual) < Decimal(LEAST.get(rule["metric"], "0")):
            return "C"
        spreads = [Decimal("1.4826") * middle([abs(number - usual) for number in past]), Decimal("0.05") * usual]
        if rule["metric"] in COUNTS:
            spreads.append(max(usual, Decimal(1)).sqrt())
        if rule["metric"] == "rate":
            seconds = 60 * rule["window"]
            spreads.append(max(usual * seconds, Decimal(1)).sqrt() / seconds)
        spread, clear = max(spreads), exact(rule.get("clear"))
        away = turned(rule, now - usual)
        return side(rule, away, exact(rule.get("sensitivity", 4)) * spread, None if clear is None else clear * spread)


JUDGES = {
    "threshold": by_threshold,
    "change": by_change,
    "burn_rate": by_burn,
    "no_data": by_silence,
    "new_endpoint": by_novelty,
    "anomaly": by_anomaly,
}
READ_AS = {
    "keep": str.maketrans({"F": "U"}),
    "ok": str.maketrans({"U": "C", "F": "C"}),
    "alert": str.maketrans({"U": "B", "F": "U"}),
}


def letters(rule, timeline):
    return "".join(JUDGES[rule["kind"]](rule, step) for step in timeline)


@dataclass
class Story:
    """For each step: state, what is told (or ""), and the first and last breach of the episode, as steps.

    given_up: the steps at which it ended because nothing was known for long."""

    states: list = field(default_factory=list)
    told: list = field(default_factory=list)
    started: list = field(default_factory=list)
    breached: list = field(default_factory=list)
    given_up: list = field(default_factory=list)


def story(rule, outcomes, every):
    """outcomes: letters, a step each, ``every`` minutes apart."""
    text = outcomes.translate(READ_AS[rule.get("no_data", "keep")])
    span = rule.get("long", 60) if rule["kind"] == "burn_rate" else rule.get("window", 5)
    borne = whole(max(360, 2 * span), every)
    told = Story(["inactive"] * len(text), [""] * len(text), [None] * len(text), [None] * len(text))
    quiet = f"U{{0,{borne}}}"
    fires = re.compile(f"B(?:{quiet}B){{{whole(rule.get('for_minutes', 0), every)}}}")
    waits = re.compile(f"B(?:{quiet}B)*{quiet}")
    over = ending(rule["kind"], whole(rule.get("keep_firing_for", 0), every), borne)
    place = text.find("B")
    while place >= 0:
        fired, end = fires.match(text, place), waits.match(text, place).end()
        if fired:
            first = fired.end() - 1
            ends = over.search(text, fired.end())
            last = ends.end() - 1 if ends else len(text)
            told.states[place:first] = ["pending"] * (first - place)
            told.states[first:last] = ["firing"] * (last - first)
            for clear in re.finditer("C[CU]*", text[first:last]):
                told.states[first + clear.start() : first + clear.end()] = ["recovering"] * len(clear[0])
            if ends:
                told.states[last] = "resolved"
                told.given_up += [last] if text[last] == "U" else []
            end = last + 1
        else:
            told.states[place:end] = ["pending"] * (end - place)
        for at in range(place, min(end, len(text))):
            told.started[at], told.breached[at] = place, text.rindex("B", place, at + 1)
        place = text.find("B", end)
    tell(told, every)
    return told


def whole(minutes, every):
    return -(-minutes // every)


def ending(kind, clear_steps, borne):
    """What ends firing: so many clear steps with no worse between them, or more silence than is borne."""
    cleared = f"C(?:U{{0,{borne}}}C){{{clear_steps}}}"
    silent = f"U{{{borne + 1}}}"
    if kind != "no_data":
        return re.compile(f"{cleared}|{silent}")
    # Only while it recovers.
    recovers = f"|C(?:U{{0,{borne}}}C){{0,{clear_steps - 1}}}{silent}" if clear_steps else ""
    return re.compile(cleared + recovers)


def tell(told, every):
    """Raised and resolved where firing begins and ends, and what is told of these instead while they come often."""
    firing = [state in ("firing", "recovering") for state in told.states]
    turns = [at for at in range(len(firing)) if firing[at] != (at > 0 and firing[at - 1])]
    raises, flapping = [], False
    for number, at in enumerate(turns):
        following = turns[number + 1] if number + 1 < len(turns) else len(firing)
        if firing[at]:
            raises.append(at)
            often = len([moment for moment in raises if (at - moment) * every <= FLAPPING_WITHIN]) >= MANY
            told.told[at] = "" if flapping else "flapping" if often else "raised"
            flapping = flapping or often
        elif not flapping:
            told.told[at] = "resolved"
        settled = at + whole(SETTLED_AFTER, every)
        if flapping and settled < following:
            told.told[settled] = "settled"
            raises, flapping = [], False
