"""Threshold rules with ``for`` and ``keep_firing_for`` do what Prometheus does: ``promtool test rules`` agrees.

What both know: a series without gaps, no hysteresis. Prometheus lists firing alerts, recovering ones among them.
"""

import random
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from alerts.evaluate.judge import judge
from alerts.evaluate.machine import advance
from alerts.evaluate.spec import Sample, Spec

pytestmark = pytest.mark.needs("promtool")

START = datetime(2026, 1, 5, tzinfo=UTC)
RULES, MINUTES = 48, 60


def random_rules():
    """For each name a rule and its series: values that stay for a while, some of them equal to the threshold."""
    dice, found = random.Random("promtool"), {}
    for number in range(RULES):
        values = []
        while len(values) < MINUTES:
            values += [dice.choice((0.2, 0.4, 0.5, 0.6, 0.9))] * dice.choice((1, 1, 2, 3, 5))
        spec = Spec(
            kind="threshold", metric="p95", threshold=0.5, above=dice.random() < 0.5,
            for_minutes=dice.choice((0, 1, 2, 3, 5)), keep_firing_for=dice.choice((0, 0, 1, 2, 4)),
        )  # fmt: skip
        found[f"rule{number:02}"] = (spec, values[:MINUTES])
    return found


def firing(spec, values):
    """The minutes at which it fires or recovers."""
    alert, found = None, []
    for minute, value in enumerate(values):
        at = START + timedelta(minutes=minute)
        alert, _ = advance(spec, alert, judge(spec, {"now": Sample({"p95": value}, 100, 1.0)}, at), at)
        if alert and alert.active:
            found.append(minute)
    return found


def written(rules, fires, folder):
    """A rule file and the test file that says when each must fire."""
    listed = [
        {
            "alert": name,
            "expr": f"{name} {'>' if spec.above else '<'} {spec.threshold}",
            "for": f"{spec.for_minutes}m",
            "keep_firing_for": f"{spec.keep_firing_for}m",
        }
        for name, (spec, _) in rules.items()
    ]
    for rule in listed:
        if rule["keep_firing_for"] == "0m":
            del rule["keep_firing_for"]
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": listed}]}))
    series = [{"series": name, "values": " ".join(map(str, values))} for name, (_, values) in rules.items()]
    checks = [
        {"eval_time": f"{minute}m", "alertname": name, "exp_alerts": [{}] if minute in fires[name] else []}
        for name in rules
        for minute in range(MINUTES)
    ]
    test = {"interval": "1m", "input_series": series, "alert_rule_test": checks}
    path = folder / "test.yaml"
    path.write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [test]}))
    return path


def promtool(path):
    return subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def rules():
    return random_rules()


def test_prometheus_fires_at_the_same_minutes(rules, tmp_path):
    fires = {name: firing(*rule) for name, rule in rules.items()}
    assert sum(map(len, fires.values())) > RULES * MINUTES / 10
    assert sum(not minutes for minutes in fires.values()) < RULES / 3
    done = promtool(written(rules, fires, tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_would_say_so_if_it_fired_at_another_minute(rules, tmp_path):
    fires = {name: firing(*rule) for name, rule in rules.items()}
    name = next(name for name in fires if fires[name])
    fires[name] = fires[name][1:]
    done = promtool(written(rules, fires, tmp_path))
    assert done.returncode != 0
    assert name in done.stdout + done.stderr
