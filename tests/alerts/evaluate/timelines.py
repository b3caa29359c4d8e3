"""Random rules and random timelines, as naive.py has them. ``dice`` is a random.Random."""

from tests.alerts.evaluate.naive import WINDOWS

KINDS = ("threshold", "change", "burn_rate", "no_data", "new_endpoint", "anomaly")
# Windows and the minutes between steps that belong to them.
STEPS = {5: 1, 30: 5, 90: 15, 300: 60}
PAIRS = {(60, 5): 1, (360, 30): 5, (300, 90): 15, (400, 300): 60}


def rule_of(dice, kind):
    """A rule, and the minutes between its steps."""
    window = dice.choice((5, 30, 90, 90, 300, 300, 300))
    every = STEPS[window]
    rule = {"kind": kind, "window": window}
    if kind == "burn_rate":
        long, short = dice.choice(list(PAIRS))
        every = PAIRS[long, short]
        rule |= {"long": long, "short": short, "objective": dice.choice((0.9, 0.99, 0.999))}
        rule |= {"factor": dice.choice((1, 6.0, 3.3)), "minimum_events": dice.choice((0, 0, 10))}
        rule |= dice.choice(({}, {"clear": 1}, {"clear": 0.5}))
    rule["for_minutes"] = dice.choice((0, 0, every, 2 * every, 3 * every, every + 1))
    rule["keep_firing_for"] = dice.choice((0, 0, every, 2 * every, 3 * every, 2 * every + 1))
    if kind != "no_data":
        rule["no_data"] = dice.choice(("keep", "keep", "ok", "alert"))
    if kind in ("threshold", "change", "anomaly"):
        rule |= of_a_metric(dice, kind)
    if kind == "new_endpoint":
        rule |= {"minimum_events": dice.choice((0, 20)), "for_minutes": dice.choice((0, min(every, window - every)))}
    return rule, every


def of_a_metric(dice, kind):
    rule = {"metric": dice.choice(("p95", "error_rate", "requests", "rate", "errors")), "above": dice.random() < 0.6}
    down = not rule["above"] and rule["metric"] in ("requests", "rate", "errors")
    if not (kind == "threshold" and down):
        rule["minimum_events"] = dice.choice((0, 0, 20))
    if kind == "change":
        return rule | {"threshold": 0.5} | dice.choice(({}, {"clear": 0.2}))
    if kind == "anomaly":
        return rule | {"sensitivity": dice.choice((2, 4, 4.5))} | dice.choice(({}, {"clear": 1}))
    clears = ({}, {"clear": 0.3 if rule["above"] else 0.7})
    return rule | {"threshold": 0.5} | dice.choice(clears)


def value_of(dice, rule, name):
    """A number of the kind's own size, so that each outcome is met often."""
    kind = rule["kind"]
    if kind == "burn_rate":
        return dice.choice((0, 1, 5, 9, 10, 60, 61, 100, 330, 331, 600, 601, 900))
    if kind == "new_endpoint":
        return dice.choice((0.0, 1.0))
    if kind == "no_data":
        return dice.choice((0, 0, 0, 3)) if name == "now" else dice.choice((0, 95, 96, 97, 960, 5760, 9000, 30_000))
    if kind == "threshold":
        return dice.choice((0.1, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8))
    if kind == "change":
        return dice.choice((0, 0.008, 0.1, 0.15, 0.2, 0.24, 0.3, 0.31, 0.9))
    if name == "now":
        return dice.choice((0, 0.1, 0.21, 0.24, 0.25, 0.3, 0.9, 5, 9))
    return dice.choice((0.19, 0.2, 0.2, 0.2, 0.21, 0.22, 4))


def window_of(dice, rule, name):
    fate = dice.random()
    if fate < 0.06:
        return None
    value = value_of(dice, rule, name)
    requests = dice.choice((1000, 1000, 1000, 20, 19, 0)) if fate < 0.3 else 1000
    if rule["kind"] == "no_data":
        requests = value
    if fate > 0.93:
        value = None
    return value, requests, dice.choice((0.49, 0.5, 1.0)) if 0.3 < fate < 0.4 else 1.0


def step_of(dice, rule):
    kind = rule["kind"]
    names = {"burn_rate": ("long", "short"), "change": ("now", "before"), "no_data": ("now", "before"),
             "anomaly": ("now", *WINDOWS)}.get(kind, ("now",))  # fmt: skip
    return {name: window_of(dice, rule, name) for name in names}


def timeline_of(dice, rule):
    """Steps that come and go for a while, and stay the same for a while: then it flaps, settles and is given up."""
    kinds = [step_of(dice, rule) for _ in range(dice.randint(2, 6))]
    kinds += [{}] * dice.choice((0, 1))
    length, stay, found = dice.choice((30, 60, 60)), 0.0, [dice.choice(kinds)]
    while len(found) < length:
        if dice.random() < 0.1:
            stay = dice.choice((0.0, 0.2, 0.6, 0.97, 0.97))
        found.append(found[-1] if dice.random() < stay else dice.choice(kinds))
    return found
