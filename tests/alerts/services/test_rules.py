"""Rules are made, changed and switched off; what they raised ends with what they asked."""

import io
import json
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from accounts.models import AuditEvent
from alerts.models import Alert, Incident, Objective, Policy, Rule
from alerts.services import defaults, rules
from alerts.services.rules import Wanted
from alerts.watch.rounds import evaluate, listed
from tests.alerts.watch.conftest import BEHIND, MINUTE, START, burst, rule_of, run
from tests.query.conftest import store_hits

pytestmark = pytest.mark.django_db(databases=["default", "local"])

ERRORS = Wanted("Errors", "threshold", "error_rate", condition={"threshold": 0.5, "window": 5})


@pytest.mark.parametrize(
    ("wanted", "field", "says"),
    [
        (Wanted("x", "threshold", "error_rate"), "threshold", "needs threshold"),
        (Wanted("x", "threshold", "nonsense", condition={"threshold": 1}), "metric", "There are: requests"),
        (Wanted("x", "threshold", "p95", condition={"threshold": 1, "wrong": 2}), "condition", "wrong"),
        (Wanted("x", "threshold", "p95", condition={"threshold": 1}, group_by=["planet"]), "group_by", "endpoint"),
        (Wanted("x", "threshold", "p95", filters=[["moon", ["x"]]], condition={"threshold": 1}), "filters", "endpoint"),
        (Wanted("x", "new_endpoint", condition={"window": 60}), "group_by", "Group by endpoint"),
        (Wanted("x", "threshold", "p95", group_by=["consumer"], condition={"threshold": 1, "window": 15}), "window",
         "by the hour"),
        (Wanted("x", "threshold", "mean", group_by=["status"], condition={"threshold": 1}), "metric", "by status"),
        (Wanted("", "threshold", "p95", condition={"threshold": 1}), "name", ""),
        (Wanted("x", "magic"), "kind", "There are"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_when_it_is_written(shop, wanted, field, says):
    with pytest.raises(ValidationError) as refused:
        rules.create(shop, wanted, by=None)
    assert says in refused.value.message_dict[field][0]
    assert not Rule.objects.exists()


def test_what_is_written_is_evaluated_and_noted(shop, owner, tmp_path):
    store_hits(shop, tmp_path, burst(range(60), of=range(20, 30)))
    rule = rules.create(shop, ERRORS, by=owner)
    run(shop, range(20, 26))
    assert Incident.objects.get().rule == rule
    event = AuditEvent.objects.latest("id")
    assert (event.action, event.target, event.actor, event.details) == (
        "rule_changed", "Errors", owner, {"what": "created"},
    )  # fmt: skip


class TestWhatItRaisedEnds:
    @pytest.fixture
    def rule(self, shop, tmp_path):
        store_hits(shop, tmp_path, burst(range(60), of=range(20, 40)))
        rule = rule_of(shop)
        run(shop, range(20, 26))
        assert Incident.objects.get().open
        return rule

    def check(self, why):
        incident = Incident.objects.get()
        assert not incident.open and incident.events.latest("id").text == why
        assert not Alert.objects.exists()

    def test_when_it_asks_something_else(self, shop, rule):
        wanted = Wanted("Errors", "threshold", "error_rate", condition={"threshold": 0.9, "window": 5})
        rules.change(rule, wanted, START + 26 * MINUTE, by=None)
        self.check("the rule was changed")
        run(shop, [26, 27])
        assert Incident.objects.count() == 2, "what is true of the new one is raised anew"

    def test_but_not_for_another_name(self, shop, rule):
        wanted = Wanted(
            "Other", "threshold", "error_rate", condition={"threshold": 0.5, "window": 5}, severity="ticket"
        )
        rules.change(rule, wanted, START + 26 * MINUTE, by=None)
        assert Incident.objects.get().open and Rule.objects.get().revision == 1

    def test_when_it_is_switched_off_and_on(self, shop, rule):
        rules.enable(rule, False, START + 26 * MINUTE, by=None)
        self.check("the rule was switched off")
        run(shop, [26, 27])
        assert Incident.objects.count() == 1
        rules.enable(rule, True, START + 28 * MINUTE, by=None)
        run(shop, [28])
        assert Incident.objects.count() == 2

    def test_when_it_is_deleted(self, shop, rule):
        rules.delete(rule, START + 26 * MINUTE, by=None)
        self.check("the rule was deleted")
        assert Incident.objects.get().rule is None

    def test_a_round_that_read_it_before_writes_nothing_of_it(self, shop, rule, monkeypatch):
        from alerts.watch import rounds

        real = rounds.look

        def meanwhile(*arguments):
            found = real(*arguments)
            wanted = Wanted("Errors", "threshold", "error_rate", condition={"threshold": 0.9, "window": 5})
            rules.change(Rule.objects.get(), wanted, START, by=None)
            return found

        monkeypatch.setattr(rounds, "look", meanwhile)
        run(shop, [26])
        assert not Alert.objects.exists() and Incident.objects.filter(ended=None).count() == 0


def test_an_objective_is_three_rules(shop, owner):
    objective = rules.watch_objective(shop, name="Checkout", target=0.995, filters=[("service", ("shop",))], by=owner)
    made = [(rule.name, rule.severity, rule.condition["long"]) for rule in objective.rules.order_by("condition__long")]
    assert made == [
        ("Checkout, 14.4×", "page", 60), ("Checkout, 6×", "page", 360), ("Checkout, 1×", "ticket", 4320),
    ]  # fmt: skip
    assert len(listed(shop.pk)) == 3 and listed(shop.pk)[0].filters == (("service", ("shop",)),)
    with pytest.raises(ValidationError):
        rules.watch_objective(shop, name="x", target=0.01, by=owner)
    assert Objective.objects.count() == 1, "all or nothing"


def test_what_a_new_project_begins_with(shop):
    defaults.add(shop)
    defaults.add(shop)
    assert {rule.name for rule in Rule.objects.all()} == {wanted.name for wanted in defaults.listed()}
    assert len(listed(shop.pk)) == len(defaults.listed()) == 4, "all of them can be watched"
    assert Policy.objects.get().default and len(Policy.objects.get().levels) == 1


class TestBacktestCommand:
    def call(self, *arguments):
        out = io.StringIO()
        call_command("backtest_rule", "--project", "shop", *arguments, stdout=out)
        return out.getvalue()

    def test_it_says_what_would_have_been(self, shop, tmp_path, monkeypatch):
        store_hits(shop, tmp_path, burst(range(60), of=range(20, 30)))
        rule_of(shop)
        now = START + 60 * MINUTE
        monkeypatch.setattr("django.utils.timezone.now", lambda: now)
        said = self.call("--rule", "Errors", "--days", "1")
        assert "Would have fired once in 1 days (1,440 steps, by final data)." in said
        assert "2025-11-12 00:23 to 2025-11-12 00:33, worst 100.0%" in said
        given = json.loads(self.call("--rule", str(Rule.objects.get().pk), "--days", "2", "--json"))
        assert given["raised"] == 1 and given["incidents"][0]["peak"] == 1.0
        assert given["incidents"][0]["ended"] == (START + 33 * MINUTE).isoformat()

    def test_what_there_is_not(self, shop):
        with pytest.raises(CommandError, match="There is no rule 'x' in this project"):
            self.call("--rule", "x")
        rule_of(shop)
        with pytest.raises(CommandError, match="1 to 400"):
            self.call("--rule", "Errors", "--days", "0")


def test_evaluation_goes_on_where_it_was(shop, tmp_path):
    """However long the rules stood still: no step twice, none left out of the last hour."""
    store_hits(shop, tmp_path, burst(range(90)))
    rule_of(shop)
    assert evaluate(shop.pk, START + 20 * MINUTE + BEHIND) == 1
    assert evaluate(shop.pk, START + 50 * MINUTE + BEHIND) == 30
    assert evaluate(shop.pk, START + 50 * MINUTE + BEHIND + timedelta(seconds=59)) == 0
