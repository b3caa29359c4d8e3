"""Who is told, and how a policy that rules use goes and comes back."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import AuditEvent
from accounts.services import create_project
from alerts.dispatch import outbox
from alerts.models import Channel, Delivery, Incident, IncidentEvent, Policy, Rule
from alerts.services import policies

from .asked import SETTINGS, add, said, shown

pytestmark = pytest.mark.django_db(databases=["default", "local"])

PAGE = f"{SETTINGS}/policies/"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def two(client, shop):
    """Ids of two channels; the first one is told of everything."""
    for name in ("ops", "boss"):
        add(client, name=name)
    return {one.name: str(one.pk) for one in Channel.objects.all()}


def form(two, **changed):
    usual = {"name": "Nights", "channels-0": two["ops"], "after-1": "15", "channels-1": two["boss"], "repeat": "30"}
    return usual | changed


def rule_of(shop, policy=None):
    return Rule.objects.create(
        project=shop, name="Errors", kind="threshold", metric="error_rate", condition={"threshold": 0.1}, policy=policy
    )


def told(shop, rule, minutes):
    """Which messages went to whom within so many minutes, as the outbox has it."""
    now = timezone.now()
    incident = Incident.objects.create(
        project=shop, rule=rule, dedup=str(now), title="x", severity="page", started=now, raised=now
    )
    IncidentEvent.objects.create(project=shop, incident=incident, kind="raised", at=now)
    for minute in range(minutes + 1):
        outbox.dispatch(shop.pk, now + minute * MINUTE)
    rows = Delivery.objects.filter(event__incident=incident).order_by("step").select_related("channel")
    return [(row.message, row.channel.name) for row in rows]


def test_levels_and_reminders_are_what_the_outbox_does(client, shop, two):
    assert client.post(PAGE, form(two)).status_code == 302
    policy = Policy.objects.get(name="Nights")
    assert not policy.default
    assert told(shop, rule_of(shop, policy), 14) == [("raised", "ops")]
    assert told(shop, rule_of(shop, policy), 46) == [("raised", "ops"), ("escalated", "boss"), ("reminder", "boss")]
    page = shown(client.get(PAGE))
    assert "At once: ops; after 15 minutes: boss" in page and "reminds every 30 minutes" in page


def test_what_was_saved_stands_in_its_form(client, shop, two):
    client.post(PAGE, form(two))
    policy = Policy.objects.get(name="Nights")
    page = client.get(f"{PAGE}{policy.pk}/").content.decode()
    assert 'name="after-1"' in page and 'value="15"' in page and 'value="30"' in page
    assert page.count(" checked") == 2
    assert client.post(f"{PAGE}{policy.pk}/", form(two, repeat="", **{"channels-1": ""})).status_code == 422
    again = form(two, repeat="")
    del again["channels-1"]
    assert client.post(f"{PAGE}{policy.pk}/", again).status_code == 302
    policy.refresh_from_db()
    assert policy.levels == [{"after": 0, "channels": [two["ops"]]}] and policy.repeat_minutes == 0


@pytest.mark.parametrize(
    "changed, text",
    [
        ({"name": " "}, "what the policy is called"),
        ({"name": "Everyone"}, "Choose another name"),
        ({"channels-0": [], "channels-1": []}, "Choose a channel that is told first"),
        ({"after-1": "0"}, "later than the one before"),
        ({"after-1": ""}, "later than the one before"),
        ({"after-1": "10081"}, "within 10,080 minutes"),
        ({"repeat": "4"}, "Reminders come every 5"),
        ({"repeat": "often"}, "Reminders come every 5"),
        ({"channels-0": "x"}, "Choose among those that are listed"),
        ({"channels-0": "01900000-0000-7000-8000-000000000000"}, "One of the channels is gone"),
    ],
)
def test_what_cannot_be_is_refused_and_what_was_entered_stays(client, shop, two, changed, text):
    answer = client.post(PAGE, form(two, **changed))
    assert answer.status_code == 422 and text in shown(answer)
    assert Policy.objects.count() == 1
    if "after-1" not in changed:
        assert 'value="15"' in answer.content.decode()


def test_a_channel_of_another_project_is_none(client, shop, two, owner):
    foreign = Channel.objects.create(project=create_project("other", owner=owner), kind="webhook", name="theirs")
    answer = client.post(PAGE, form(two, **{"channels-0": str(foreign.pk)}))
    assert answer.status_code == 422 and "is gone" in shown(answer)


class TestTheDefault:
    def test_another_takes_its_place(self, client, shop, two):
        client.post(PAGE, form(two, default="1", **{"channels-0": two["boss"], "channels-1": []}))
        assert [one.name for one in Policy.objects.filter(default=True)] == ["Nights"]
        assert told(shop, rule_of(shop), 0) == [("raised", "boss")]

    def test_it_does_not_go_without_another(self, client, shop, two):
        default = Policy.objects.get()
        answer = client.post(f"{PAGE}{default.pk}/", form(two, name="Everyone"))
        assert answer.status_code == 422 and "Make another one the default" in shown(answer)
        assert "Make another one the default first" in said(client, client.post(f"{PAGE}{default.pk}/delete/"))
        assert Policy.objects.get().default


class TestDeleting:
    def test_its_rules_fall_back_to_the_default_and_come_back_with_it(self, client, shop, two):
        client.post(PAGE, form(two))
        policy = Policy.objects.get(name="Nights")
        kept, other = rule_of(shop, policy), rule_of(shop, policy)
        before = Policy.objects.filter(pk=policy.pk).values().get()
        assert "2 rules: the default one tells of them if this is deleted" in shown(client.get(PAGE))
        page = said(client, client.post(f"{PAGE}{policy.pk}/delete/"))
        assert "The default one tells of its rules now: 2" in page
        assert told(shop, Rule.objects.get(pk=kept.pk), 0) == [("raised", "ops")]
        elsewhere = Policy.objects.get()
        Rule.objects.filter(pk=other.pk).update(policy=elsewhere)
        assert "is back" in said(client, client.post(f"{PAGE}undo/"))
        assert Policy.objects.filter(pk=policy.pk).values().get() == before
        assert Rule.objects.get(pk=kept.pk).policy_id == policy.pk
        assert Rule.objects.get(pk=other.pk).policy_id == elsewhere.pk
        assert "nothing to undo" in said(client, client.post(f"{PAGE}undo/"))
        lines = AuditEvent.objects.filter(target__startswith="policy Nights").order_by("pk")
        assert [line.target.partition(": ")[2] for line in lines] == ["added", "deleted", "brought back"]

    def test_it_is_undone_in_its_own_project_only(self, client, shop, two, owner):
        client.post(PAGE, form(two))
        create_project("other", owner=owner)
        client.post(f"{PAGE}{Policy.objects.get(name='Nights').pk}/delete/")
        assert "Undo" not in shown(client.get("/projects/other/settings/policies/"))
        assert "nothing to undo" in said(client, client.post("/projects/other/settings/policies/undo/"))
        assert "Undo" in shown(client.get(PAGE))


def test_no_more_than_the_most(client, shop, two, monkeypatch):
    monkeypatch.setattr(policies, "MOST_POLICIES", 1)
    assert "Delete one that nobody needs" in shown(client.post(PAGE, form(two)))
