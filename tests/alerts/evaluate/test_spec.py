"""What a rule may say, what it needs to be read, and how often."""

from dataclasses import FrozenInstanceError

import pytest

from alerts.evaluate.burn import PAIRS
from alerts.evaluate.spec import NEW, Need, Sample, Spec, SpecError, empty, every, needs
from endpoint_stats.metrics import METRICS

THRESHOLD = {"kind": "threshold", "metric": "p95", "threshold": 0.5}
CHANGE = {"kind": "change", "metric": "p95", "threshold": 0.5}
BURN = {"kind": "burn_rate", "objective": 0.99}
ANOMALY = {"kind": "anomaly", "metric": "p95"}

REFUSED = [
    ("kind", {"kind": "thresholds"}, "threshold, change"),
    ("window", THRESHOLD | {"window": 0}, "from 1 to 43,200"),
    ("window", THRESHOLD | {"window": 43_201}, "from 1 to 43,200"),
    ("window", THRESHOLD | {"window": 5.0}, "whole number"),
    ("window", THRESHOLD | {"window": True}, "whole number"),
    ("for_minutes", THRESHOLD | {"for_minutes": -1}, "from 0"),
    ("keep_firing_for", THRESHOLD | {"keep_firing_for": 10_081}, "to 10,080"),
    ("minimum_events", THRESHOLD | {"minimum_events": -1}, "from 0"),
    ("no_data", THRESHOLD | {"no_data": "warn"}, "keep, ok, alert"),
    ("metric", THRESHOLD | {"metric": "p42"}, "requests, rate"),
    ("metric", THRESHOLD | {"metric": "histogram"}, "requests, rate"),
    ("metric", THRESHOLD | {"metric": ""}, "requests, rate"),
    ("threshold", THRESHOLD | {"threshold": None}, "give a number"),
    ("threshold", THRESHOLD | {"threshold": float("nan")}, "takes a number"),
    ("threshold", THRESHOLD | {"threshold": float("inf")}, "takes a number"),
    ("threshold", THRESHOLD | {"threshold": "0.5"}, "takes a number"),
    ("threshold", THRESHOLD | {"threshold": -0.1}, "0 or more"),
    ("threshold", THRESHOLD | {"metric": "error_rate", "threshold": 5}, "5 % is 0.05"),
    ("threshold", THRESHOLD | {"metric": "error_rate", "threshold": 1}, "never fire"),
    ("threshold", THRESHOLD | {"above": False, "threshold": 0}, "never fire"),
    ("clear", THRESHOLD | {"clear": 0.6}, "not above 0.5"),
    ("clear", THRESHOLD | {"above": False, "clear": 0.4}, "not below 0.5"),
    ("clear", THRESHOLD | {"clear": float("nan")}, "takes a number"),
    ("clear", THRESHOLD | {"metric": "apdex", "above": False, "clear": 1.5}, "from 0 to 1"),
    ("minimum_events", THRESHOLD | {"metric": "requests", "above": False, "minimum_events": 5}, "at 0"),
    ("window", THRESHOLD | {"metric": "consumers", "window": 90}, "whole hours"),
    ("compare", CHANGE | {"metric": "consumers", "window": 60, "compare": 90}, "whole hours"),
    ("threshold", CHANGE | {"threshold": None}, "give a number"),
    ("threshold", CHANGE | {"threshold": 0}, "more than 0"),
    ("threshold", CHANGE | {"above": False, "threshold": 1}, "below 1"),
    ("clear", CHANGE | {"clear": 0.6}, "from 0 to the threshold, 0.5"),
    ("clear", CHANGE | {"clear": -0.1}, "from 0"),
    ("compare", CHANGE | {"window": 60, "compare": 59}, "at least the window"),
    ("compare", CHANGE | {"compare": 40_321}, "to 40,320"),
    ("objective", BURN | {"objective": None}, "give a number"),
    ("objective", BURN | {"objective": 99.5}, "99.5 % is 0.995"),
    ("objective", BURN | {"objective": 1.0}, "between 0 and 1"),
    ("objective", BURN | {"objective": 0}, "between 0 and 1"),
    ("factor", BURN | {"objective": 0.9}, "10 times the allowed"),
    ("factor", BURN | {"factor": 0}, "above 0"),
    ("short", BURN | {"short": 60}, "shorter than the long one"),
    ("clear", BURN | {"clear": 15}, "from 0 to the factor, 14.4"),
    ("bad", BURN | {"bad": "requests"}, "errors"),
    ("no_data", {"kind": "no_data", "no_data": "alert"}, "at keep"),
    ("no_data", {"kind": "no_data", "no_data": "ok"}, "at keep"),
    ("for_minutes", {"kind": "new_endpoint", "window": 60, "for_minutes": 56}, "never fire"),
    ("sensitivity", ANOMALY | {"sensitivity": 0}, "more than 0"),
    ("sensitivity", ANOMALY | {"sensitivity": 20, "above": False}, "below 20"),
    ("clear", ANOMALY | {"clear": 5}, "from 0 to 4"),
    ("window", ANOMALY | {"window": 1441}, "up to a day"),
]


@pytest.mark.parametrize(("field", "given", "said"), REFUSED)
def test_what_cannot_be_is_refused_with_what_to_do(field, given, said):
    with pytest.raises(SpecError) as refused:
        Spec(**given)
    assert refused.value.field == field
    assert said in str(refused.value)


ACCEPTED = [
    THRESHOLD | {"threshold": 0},
    THRESHOLD | {"metric": "error_rate", "threshold": 0.999, "clear": 0},
    THRESHOLD | {"above": False, "clear": 0.5, "minimum_events": 5},
    THRESHOLD | {"metric": "requests", "minimum_events": 5},
    THRESHOLD | {"metric": "consumers", "window": 120},
    CHANGE | {"threshold": 3, "window": 60, "compare": 60},
    CHANGE | {"metric": "requests", "above": False, "minimum_events": 5},
    BURN | {"objective": 0.9, "factor": 9.9},
    {"kind": "new_endpoint", "window": 60, "for_minutes": 55},
    ANOMALY | {"window": 1440, "clear": 4.0},
    ANOMALY | {"sensitivity": 20},
]


@pytest.mark.parametrize("given", ACCEPTED)
def test_the_edge_of_what_can_be(given):
    assert Spec(**given).kind == given["kind"]


def test_a_rule_is_frozen():
    with pytest.raises(FrozenInstanceError):
        Spec(**THRESHOLD).threshold = 0.1


def test_what_has_to_be_read():
    assert needs(Spec(**THRESHOLD)) == (Need("now", ("p95",), 5, 0),)
    assert needs(Spec(**CHANGE, window=30)) == (Need("now", ("p95",), 30), Need("before", ("p95",), 30, 10_080))
    assert needs(Spec(**BURN)) == (Need("long", ("errors",), 60), Need("short", ("errors",), 5))
    assert needs(Spec(kind="new_endpoint", window=60)) == (Need("now", (NEW,), 60),)


def test_the_day_before_ends_where_the_window_begins():
    assert needs(Spec(kind="no_data", window=15)) == (
        Need("now", ("requests",), 15), Need("before", ("requests",), 24 * 60, 15),
    )  # fmt: skip


def test_the_usual_is_the_same_time_of_four_weeks_with_its_neighbours():
    now, *usual = needs(Spec(**ANOMALY, window=60))
    assert (now.name, now.offset) == ("now", 0)
    assert [need.name for need in usual] == [f"w{number}" for number in range(1, 13)]
    week = 7 * 24 * 60
    offsets = {weeks * week + aside for weeks in (1, 2, 3, 4) for aside in (-60, 0, 60)}
    assert {need.offset for need in usual} == offsets
    assert {need.window for need in usual} == {60}


@pytest.mark.parametrize(
    ("given", "minutes"),
    [
        (THRESHOLD | {"window": 1}, 1),
        (THRESHOLD | {"window": 24}, 1),
        (THRESHOLD | {"window": 25}, 5),
        (THRESHOLD | {"window": 74}, 5),
        (THRESHOLD | {"window": 75}, 15),
        (THRESHOLD | {"window": 299}, 15),
        (THRESHOLD | {"window": 300}, 60),
        (THRESHOLD | {"window": 43_200}, 60),
        (THRESHOLD | {"metric": "consumers", "window": 60}, 60),
    ],
)
def test_a_step_is_a_fifth_of_the_window_at_most(given, minutes):
    spec = Spec(**given)
    assert every(spec) == minutes
    assert minutes == 1 or minutes * 5 <= spec.window or spec.metric == "consumers"


def test_burn_rates_step_by_their_short_window():
    steps = [every(Spec(**BURN, factor=pair.factor, long=pair.long, short=pair.short)) for pair in PAIRS]
    assert steps == [1, 5, 60]


@pytest.mark.parametrize("name", [name for name in METRICS if not METRICS[name].listed])
def test_nothing_is_what_the_registry_says(name):
    found = empty(Need("now", (name,), 5), 0.75)
    assert found == Sample({name: METRICS[name].empty}, 0, 0.75)


def test_an_endpoint_without_requests_is_not_new():
    assert empty(Need("now", (NEW,), 5), 1.0).values == {NEW: 0.0}
