"""From an incident to messages: once each, to whom it concerns, and not while it is held."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.services import create_project
from alerts.dispatch import deliver, outbox
from alerts.models import (
    Attempt,
    Channel,
    Delivery,
    Incident,
    IncidentEvent,
    Inhibition,
    Maintenance,
    Policy,
    Rule,
    Silence,
)
from alerts.transports.base import Failed, Refused, Sent

pytestmark = pytest.mark.django_db(databases=["default", "local"])

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)  # a Monday
MINUTE = timedelta(minutes=1)


@pytest.fixture
def shop(owner):
    return create_project("shop", owner=owner)


@pytest.fixture
def channel(shop):
    def make(name="ops", **more):
        return Channel.objects.create(project=shop, kind="webhook", name=name, **more)

    return make


def policy(shop, *levels, repeat=0):
    listed = [{"after": after, "channels": [str(one.pk) for one in channels]} for after, *channels in levels]
    return Policy.objects.create(project=shop, name="All", default=True, levels=listed, repeat_minutes=repeat)


def incident(shop, kind="threshold", severity="page", labels=None, rule=None, **more):
    rule = rule or Rule.objects.create(
        project=shop, name=more.pop("name", "Errors"), kind=kind, metric="error_rate",
        condition={"threshold": 0.1} if kind == "threshold" else {},
    )  # fmt: skip
    made = Incident.objects.create(
        project=shop, rule=rule, dedup=str(rule.pk), title=rule.name, severity=severity, labels=labels or {},
        started=NOW, raised=NOW, sentence="It is bad.", **more,
    )  # fmt: skip
    line(made, "raised", NOW)
    return made


def line(incident, kind, at):
    return IncidentEvent.objects.create(
        project=incident.project, incident=incident, kind=kind, at=at, recorded=at, text="GET /a"
    )


def resolve(incident, at):
    line(incident, "resolved", at)
    Incident.objects.filter(pk=incident.pk).update(ended=at)


def queued():
    rows = Delivery.objects.order_by("created", "channel__name", "id")
    return [(row.message, row.channel.name, row.step) for row in rows]


class Receiver:
    """A transport that notes what it is given, and answers as it is told."""

    kind, title, fields = "webhook", "Webhook", ()
    takes = frozenset({"raised", "reminder", "escalated", "resolved", "flapping", "test"})

    def __init__(self):
        self.got, self.answers = [], []

    def send(self, config, message, *, now, context):
        self.got.append(message)
        answer = self.answers.pop(0) if self.answers else Sent(204)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def receiver(monkeypatch):
    made = Receiver()
    monkeypatch.setattr(deliver, "TRANSPORTS", {"webhook": made})
    monkeypatch.setattr(deliver, "message_of", lambda delivery: _Told(delivery))
    return made


class _Told:
    def __init__(self, delivery):
        self.id, self.kind, self.step = str(delivery.pk), delivery.message, delivery.step


def send_all(now):
    for id in deliver.due(now):
        deliver.deliver(id, now)


class TestWhoIsTold:
    def test_the_beginning_and_the_end_once(self, shop, channel):
        policy(shop, (0, channel("ops"), channel("chat")))
        one = incident(shop)
        for minute in range(3):
            outbox.dispatch(shop.pk, NOW + minute * MINUTE)
        assert queued() == [("raised", "chat", 0), ("raised", "ops", 0)]
        Delivery.objects.update(state="sent")
        resolve(one, NOW + 5 * MINUTE)
        for minute in range(5, 8):
            outbox.dispatch(shop.pk, NOW + minute * MINUTE)
        assert queued()[2:] == [("resolved", "chat", 0), ("resolved", "ops", 0)]
        assert outbox.projects_due(NOW) == []

    def test_escalation_reminders_and_acknowledgement(self, shop, channel):
        policy(shop, (0, channel("ops")), (15, channel("boss")), repeat=30)
        one = incident(shop)
        for minute in range(0, 50):
            outbox.dispatch(shop.pk, NOW + minute * MINUTE)
        assert queued() == [("raised", "ops", 0), ("escalated", "boss", 1), ("reminder", "boss", 2)]
        Incident.objects.filter(pk=one.pk).update(acknowledged=NOW + 50 * MINUTE)
        outbox.dispatch(shop.pk, NOW + 500 * MINUTE)
        assert len(queued()) == 3
        resolve(one, NOW + 501 * MINUTE)
        outbox.dispatch(shop.pk, NOW + 502 * MINUTE)
        assert queued()[3:] == [("resolved", "boss", 0), ("resolved", "ops", 0)]

    def test_what_was_over_before_anybody_was_told_is_not_told(self, shop, channel):
        policy(shop, (0, channel("ops")))
        one = incident(shop)
        resolve(one, NOW + MINUTE)
        outbox.dispatch(shop.pk, NOW + 2 * MINUTE)
        one.refresh_from_db()
        assert queued() == [] and one.end_notified is not None and one.notified is None

    def test_what_was_not_sent_before_it_was_over_is_told_as_one(self, shop, channel):
        policy(shop, (0, channel("ops")))
        one = incident(shop)
        outbox.dispatch(shop.pk, NOW)
        resolve(one, NOW + MINUTE)
        outbox.dispatch(shop.pk, NOW + 2 * MINUTE)
        assert [(row.message, row.state) for row in Delivery.objects.order_by("id")] == [
            ("raised", "obsolete"), ("resolved", "queued"),
        ]  # fmt: skip

    def test_others_of_the_rule_are_told_together(self, shop, channel):
        policy(shop, (0, channel("ops")))
        one = incident(shop)
        outbox.dispatch(shop.pk, NOW)
        for minute in (1, 2, 3):
            line(one, "joined", NOW + minute * MINUTE)
            outbox.dispatch(shop.pk, NOW + minute * MINUTE)
        assert len(queued()) == 1
        outbox.dispatch(shop.pk, NOW + 5 * MINUTE)
        outbox.dispatch(shop.pk, NOW + 20 * MINUTE)
        assert queued() == [("raised", "ops", 0), ("raised", "ops", 0)]
        assert Delivery.objects.latest("id").event == IncidentEvent.objects.filter(kind="joined").latest("id")

    def test_a_rules_own_policy_and_nobody(self, shop, channel):
        outbox.dispatch(shop.pk, NOW)
        one = incident(shop)
        outbox.dispatch(shop.pk, NOW)
        one.refresh_from_db()
        assert one.held == outbox.NOBODY and queued() == []
        policy(shop, (0, channel("off", enabled=False)), (10, channel("ops")))
        outbox.dispatch(shop.pk, NOW)
        assert queued() == [("raised", "ops", 0)], "the first level that reaches somebody is told at once"


class TestHeld:
    @pytest.fixture(autouse=True)
    def somebody(self, shop, channel):
        policy(shop, (0, channel("ops")))

    def check(self, shop, one, why, ends):
        """Held for that reason, said once, and sent as soon as the reason has ended."""
        for minute in range(3):
            outbox.dispatch(shop.pk, NOW + minute * MINUTE)
        one.refresh_from_db()
        assert why in one.held and queued() == []
        assert list(one.events.filter(kind="held").values_list("text", flat=True)) == [one.held]
        outbox.dispatch(shop.pk, ends)
        one.refresh_from_db()
        assert queued() == [("raised", "ops", 0)] and one.held == ""

    def test_silenced(self, shop, owner):
        Silence.objects.create(
            project=shop, matchers=[["service", "=", "shop"]], expires=NOW + 10 * MINUTE, comment="known", starts=NOW,
        )  # fmt: skip
        other = incident(shop, labels={"service": "pay"}, name="Other")
        outbox.dispatch(shop.pk, NOW)
        assert queued() == [("raised", "ops", 0)]
        resolve(other, NOW)
        Delivery.objects.all().delete()
        Incident.objects.filter(pk=other.pk).delete()
        self.check(shop, incident(shop, labels={"service": "shop"}), "silenced until", NOW + 10 * MINUTE)

    @pytest.mark.parametrize(("zone", "schedule"), [("UTC", "30 9 * * 1"), ("Europe/Berlin", "30 10 * * mon")])
    def test_in_maintenance(self, shop, zone, schedule):
        """Mondays from half past nine, for an hour: it is ten."""
        Maintenance.objects.create(project=shop, name="Deploys", schedule=schedule, minutes=60, zone=zone)
        self.check(shop, incident(shop), "in maintenance until 2026-03-02 10:30 UTC: Deploys", NOW + 30 * MINUTE)

    def test_inhibited_by_what_is_worse(self, shop):
        source = incident(shop, kind="no_data", name="Silent", labels={"service": "shop"})
        outbox.dispatch(shop.pk, NOW)
        Delivery.objects.all().delete()
        one = incident(shop, labels={"service": "shop"})
        other = incident(shop, labels={"service": "pay"}, name="Other")
        outbox.dispatch(shop.pk, NOW)
        assert queued() == [("raised", "ops", 0)] and Delivery.objects.get().event.incident == other
        Delivery.objects.all().delete()
        Incident.objects.filter(pk=other.pk).delete()
        one.refresh_from_db()
        assert one.held == "inhibited by “Silent”: nothing is called at all"
        Incident.objects.filter(pk=source.pk).update(ended=NOW, end_notified=NOW)
        outbox.dispatch(shop.pk, NOW + MINUTE)
        assert queued() == [("raised", "ops", 0)]

    def test_inhibited_by_a_projects_own(self, shop):
        Inhibition.objects.create(
            project=shop, name="Database", source=[["rule", "=", "Database down"]],
            target=[["rule", "!=", "Database down"]],
        )  # fmt: skip
        source = incident(shop, name="Database down")
        one = incident(shop)
        outbox.dispatch(shop.pk, NOW)
        assert Delivery.objects.get().event.incident == source
        one.refresh_from_db()
        assert "inhibited by “Database down”" in one.held


class TestDelivery:
    def test_it_is_sent_and_noted(self, shop, channel, receiver):
        policy(shop, (0, channel("ops")))
        one = incident(shop)
        outbox.dispatch(shop.pk, NOW)
        send_all(NOW)
        row = Delivery.objects.get()
        assert (row.state, row.attempts, row.finished) == ("sent", 1, NOW)
        assert [message.id for message in receiver.got] == [str(row.pk)]
        assert one.events.get(kind="notified").text == "ops: raised"
        send_all(NOW + 60 * MINUTE)
        assert len(receiver.got) == 1

    def test_it_is_tried_again_under_the_same_id_and_handed_over(self, shop, channel, receiver):
        second = channel("second")
        ops = channel("ops", next=second)
        policy(shop, (0, ops))
        incident(shop)
        outbox.dispatch(shop.pk, NOW)
        receiver.answers = [Failed("later", 503)] * 3
        now = NOW
        for _ in range(3):
            send_all(now)
            now += 10 * MINUTE
        assert len({message.id for message in receiver.got}) == 1 and len(receiver.got) == 3
        assert queued() == [("raised", "ops", 0), ("raised", "second", 0)]
        ops.refresh_from_db()
        assert ops.failing_since == NOW and ops.last_error == "later"
        send_all(now)
        assert {row.state for row in Delivery.objects.all()} == {"sent"}
        ops.refresh_from_db()
        assert ops.failing_since is None and ops.last_error == ""
        assert (
            list(Attempt.objects.order_by("id").values_list("ok", "status")) == [(False, 503)] * 3 + [(True, 204)] * 2
        )

    def test_what_is_refused_is_handed_over_at_once(self, shop, channel, receiver):
        policy(shop, (0, channel("ops", next=channel("second", enabled=False, next=channel("third")))))
        incident(shop)
        outbox.dispatch(shop.pk, NOW)
        receiver.answers = [Refused("gone", 410)]
        send_all(NOW)
        send_all(NOW)
        assert [(row.channel.name, row.state) for row in Delivery.objects.order_by("id")] == [
            ("ops", "failed"), ("third", "sent"),
        ]  # fmt: skip

    def test_channels_in_a_circle_end(self, shop, channel, receiver):
        one, two = channel("one"), channel("two")
        Channel.objects.filter(pk=one.pk).update(next=two)
        Channel.objects.filter(pk=two.pk).update(next=one)
        policy(shop, (0, one))
        incident(shop)
        outbox.dispatch(shop.pk, NOW)
        receiver.answers = [Refused("gone", 410)] * 10
        for minute in range(5):
            send_all(NOW + minute * MINUTE)
        assert len(receiver.got) == 2

    def test_it_gives_up_after_hours(self, shop, channel, receiver):
        policy(shop, (0, channel("ops")))
        incident(shop)
        outbox.dispatch(shop.pk, NOW)
        receiver.answers = [Failed("later", 503)] * 100
        for minute in range(0, 600, 5):
            send_all(NOW + minute * MINUTE)
        row = Delivery.objects.get()
        assert row.state == "failed" and row.attempts == len(receiver.got) == len(deliver.PAUSES) + 1

    def test_of_two_workers_one_sends(self, shop, channel, receiver):
        policy(shop, (0, channel("ops")))
        incident(shop)
        outbox.dispatch(shop.pk, NOW)
        (id,) = deliver.due(NOW)
        inner = []
        send = receiver.send

        def meanwhile(*arguments, **named):
            inner.append(deliver.deliver(id, NOW))
            return send(*arguments, **named)

        receiver.send = meanwhile
        assert deliver.deliver(id, NOW) is True and inner == [False] and len(receiver.got) == 1

    def test_who_was_killed_while_sending_is_followed_by_another(self, shop, channel, receiver):
        """Twice, with the same id: so that the receiver can tell."""
        policy(shop, (0, channel("ops")))
        incident(shop)
        outbox.dispatch(shop.pk, NOW)

        def killed(*arguments, **named):
            raise KeyboardInterrupt

        send, receiver.send = receiver.send, killed
        with pytest.raises(KeyboardInterrupt):
            send_all(NOW)
        receiver.send = send
        send_all(NOW + MINUTE)
        assert receiver.got == []
        send_all(NOW + deliver.CLAIM)
        assert [message.id for message in receiver.got] == [str(Delivery.objects.get().pk)]

    def test_the_end_does_not_overtake_the_beginning(self, shop, channel, receiver):
        policy(shop, (0, channel("ops")))
        one = incident(shop)
        outbox.dispatch(shop.pk, NOW)
        Delivery.objects.update(state="sending", due=NOW + deliver.CLAIM)
        resolve(one, NOW)
        outbox.dispatch(shop.pk, NOW + MINUTE)
        send_all(NOW + MINUTE)
        assert receiver.got == [] and Delivery.objects.get(message="resolved").state == "queued"
        Delivery.objects.filter(message="raised").update(state="sent")
        send_all(NOW + 2 * MINUTE)
        assert [message.kind for message in receiver.got] == ["resolved"]

    def test_a_defect_of_a_transport_is_an_attempt_that_failed(self, shop, channel, receiver, caplog):
        policy(shop, (0, channel("ops")))
        incident(shop)
        outbox.dispatch(shop.pk, NOW)
        receiver.answers = [ZeroDivisionError("oops")]
        send_all(NOW)
        assert Delivery.objects.get().state == "queued" and "oops" in Attempt.objects.get().answer
        assert "could not send" in caplog.text

    def test_a_channel_that_was_switched_off_is_told_nothing(self, shop, channel, receiver):
        ops = channel("ops", next=channel("second"))
        policy(shop, (0, ops))
        one = incident(shop)
        outbox.dispatch(shop.pk, NOW)
        Channel.objects.filter(pk=ops.pk).update(enabled=False)
        send_all(NOW)
        assert receiver.got == [] and queued() == [("raised", "ops", 0), ("raised", "second", 0)]
        send_all(NOW)
        resolve(one, NOW + MINUTE)
        outbox.dispatch(shop.pk, NOW + MINUTE)
        send_all(NOW + MINUTE)
        states = {(row.message, row.channel.name): row.state for row in Delivery.objects.all()}
        assert states == {
            ("raised", "ops"): "obsolete", ("raised", "second"): "sent",
            ("resolved", "ops"): "obsolete", ("resolved", "second"): "sent",
        }  # fmt: skip
