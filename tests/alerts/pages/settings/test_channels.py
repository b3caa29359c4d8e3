"""Channels are added, changed, switched off, deleted and brought back by the pages of a project's settings."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AuditEvent, Membership, User
from accounts.services import create_project
from alerts.dispatch import deliver, outbox
from alerts.models import Attempt, Channel, Delivery, Incident, IncidentEvent, Policy
from alerts.services import channels, entering
from alerts.transports.registry import TRANSPORTS

from .asked import CHANNELS, add, do, said, shown

pytestmark = pytest.mark.django_db(databases=["default", "local"])

SLACK = "https://hooks.slack.com/services/T123/B456/verysecretpath"


def form(channel, **changed):
    return {"name": channel.name, "next": str(channel.next_id or "")} | changed


def one(name="ops"):
    return Channel.objects.get(name=name)


class TestAdding:
    def test_nobody_is_told_until_there_is_one(self, client, shop):
        assert "No channel yet" in shown(client.get(CHANNELS))

    @pytest.mark.parametrize("kind", TRANSPORTS)
    def test_the_form_asks_for_what_the_transport_asks_for(self, client, shop, kind):
        page = client.get(f"{CHANNELS}new/?kind={kind}").content.decode()
        for field in TRANSPORTS[kind].fields:
            made_here = (kind, field.name) == ("webhook", "secrets")
            assert (f'name="{field.name}"' in page) is not made_here

    def test_the_first_one_is_told_of_everything_and_the_second_of_nothing_by_itself(self, client, shop):
        add(client, name="first")
        add(client, name="second")
        policy = Policy.objects.get()
        assert policy.default and policy.levels == [{"after": 0, "channels": [str(one("first").pk)]}]
        assert shown(client.get(CHANNELS)).count("in no policy") == 1
        now = timezone.now()
        incident = Incident.objects.create(
            project=shop, dedup="x", title="x", severity="page", started=now, raised=now, origin="api"
        )
        IncidentEvent.objects.create(project=shop, incident=incident, kind="raised", at=now)
        assert outbox.dispatch(shop.pk, now) == 1
        assert Delivery.objects.get().channel == one("first")

    def test_what_the_transport_refuses_is_said_at_its_field(self, client, shop):
        page = add(client, "slack", 422, url="https://example.org/x").content.decode()
        assert "https://hooks.slack.com/" in page and 'aria-invalid="true"' in page
        assert not Channel.objects.exists() and not Policy.objects.exists()

    def test_two_are_not_called_the_same(self, client, shop):
        add(client)
        assert "Choose another name" in shown(add(client, status=422))

    @pytest.mark.parametrize("asked, status", [("", 200), ("?kind=pigeon", 422)])
    def test_without_a_kind_there_is_the_choice_of_all(self, client, shop, asked, status):
        answer = client.get(f"{CHANNELS}new/{asked}")
        assert answer.status_code == status
        assert all(f"?kind={kind}" in answer.content.decode() for kind in TRANSPORTS)

    def test_no_more_than_the_most(self, client, shop, monkeypatch):
        monkeypatch.setattr(channels, "MOST_CHANNELS", 1)
        add(client)
        assert "Delete one that nobody needs" in shown(add(client, name="b", status=422))


class TestMembers:
    @pytest.fixture
    def people(self, shop):
        for name, role in (("eve", "editor"), ("vic", "viewer"), ("gone", "editor")):
            user = User.objects.create_user(f"{name}@example.org", "a long password", is_active=name != "gone")
            Membership.objects.create(project=shop, user=user, role=role)

    @pytest.mark.parametrize(
        "whom, reached",
        [("owners", ["ada"]), ("editors", ["ada", "eve"]), ("all", ["ada", "eve", "vic"])],
    )
    def test_they_need_no_address(self, client, shop, people, whom, reached):
        add(client, "email", to="", members=whom)
        assert deliver.config_of(one())["to"].split("\n") == [f"{name}@example.org" for name in reached]

    def test_and_others_besides(self, client, shop):
        add(client, "email", to="team@example.org", members="owners")
        assert deliver.config_of(one())["to"] == "team@example.org\nada@example.org"

    def test_nobody_at_all_is_refused(self, client, shop):
        assert "Addresses is missing" in shown(add(client, "email", 422, to="", members=""))

    def test_a_wrong_address_is_refused_with_members_too(self, client, shop):
        assert "is no address" in shown(add(client, "email", 422, to="nobody", members="owners"))

    def test_more_than_one_mail_may_have_are_refused(self, client, shop, people, monkeypatch):
        monkeypatch.setattr(entering, "MOST_MEMBERS", 2)
        assert "These are 3 people" in shown(add(client, "email", 422, to="", members="all"))


class TestNext:
    def test_a_circle_is_refused_with_the_way_round(self, client, shop):
        for name, following in (("a", ""), ("b", "a"), ("c", "b")):
            add(client, name=name, next=str(one(following).pk) if following else "")
        a = one("a")
        answer = client.post(f"{CHANNELS}{a.pk}/", form(a, url="https://example.org/", next=str(one("c").pk)))
        assert answer.status_code == 422
        assert "a → c → b → a" in shown(answer)
        a.refresh_from_db()
        assert a.next is None

    def test_one_of_another_project_is_none(self, client, shop, owner):
        foreign = Channel.objects.create(project=create_project("other", owner=owner), kind="webhook", name="theirs")
        assert "Select a valid choice" in shown(add(client, next=str(foreign.pk), status=422))


class TestOffAndOn:
    def test_nobody_is_told_by_it_nor_of_what_waited(self, client, shop, owner):
        add(client)
        now = timezone.now()
        incident = Incident.objects.create(
            project=shop, dedup="x", title="x", severity="page", started=now, raised=now, origin="api"
        )
        IncidentEvent.objects.create(project=shop, incident=incident, kind="raised", at=now)
        outbox.dispatch(shop.pk, now)
        answer = said(client, do(client, one(), "off"))
        assert "What still waited is not sent: 1" in answer and "Switch on" in answer
        assert Delivery.objects.get().state == "obsolete" and deliver.due(timezone.now()) == []
        assert outbox.People.of(shop.pk).channels == frozenset()
        do(client, one(), "on")
        assert outbox.People.of(shop.pk).channels == {one().pk}
        lines = AuditEvent.objects.filter(project=shop).values_list("target", flat=True)
        assert {"channel ops: switched off", "channel ops: switched on"} <= set(lines)

    def test_twice_is_once(self, client, shop):
        add(client)
        for _ in range(2):
            do(client, one(), "off")
        assert AuditEvent.objects.filter(target="channel ops: switched off").count() == 1


class TestDeleting:
    @pytest.mark.parametrize("on", [True, False])
    def test_it_is_hidden_and_comes_back_as_it_was(self, client, shop, on):
        add(client, "slack", url=SLACK)
        if not on:
            do(client, one(), "off")
        before = Channel.objects.values().get()
        gone = one()
        page = said(client, do(client, gone, "delete"))
        assert "Bring back" in page and "No channel yet" in page
        assert client.get(f"{CHANNELS}{gone.pk}/").status_code == 404
        assert do(client, gone, "on").status_code == 404
        assert outbox.People.of(shop.pk).channels == frozenset()
        assert "as it was" in said(client, do(client, gone, "restore"))
        assert Channel.objects.values().get() == before

    def test_its_name_is_free_and_then_stands_in_the_way(self, client, shop):
        add(client)
        old = one()
        do(client, old, "delete")
        add(client)
        assert "Choose another name" in said(client, do(client, old, "restore"))

    def test_after_a_day_what_was_entered_is_forgotten_and_the_log_stays(self, client, shop, owner):
        add(client, "slack", url=SLACK)
        old = one()
        deliver.note(old, deliver.Outcome(True, 200, "ok", 0.1), timezone.now())
        do(client, old, "delete")
        now = timezone.now()
        assert channels.forget_deleted(now + timedelta(hours=23)) == 0
        assert channels.deleted(shop, now + timedelta(hours=23)) == [old]
        later = now + timedelta(hours=24)
        assert channels.deleted(shop, later) == []
        assert [channels.forget_deleted(later) for _ in range(2)] == [1, 0]
        old.refresh_from_db()
        assert old.secrets == "" and Attempt.objects.get().channel == old
        with pytest.raises(channels.ValidationError, match="Add it anew"):
            channels.restore(old, later, by=owner)

    def test_one_that_is_there_is_not_brought_back(self, client, shop):
        add(client)
        assert do(client, one(), "restore").status_code == 404


def test_the_log_shows_the_last_fifty(client, shop, owner):
    add(client)
    start = timezone.now() - timedelta(hours=1)
    for number in range(60):
        outcome = deliver.Outcome(number % 2 == 0, 200 if number % 2 == 0 else 503, f"answer {number}.", 0.25)
        deliver.note(one(), outcome, start + timedelta(seconds=number), by=owner)
    page = shown(client.get(f"{CHANNELS}{one().pk}/"))
    assert "failed 503: answer 59." in page and "taken 200: answer 10." in page and "answer 9." not in page
    assert "Failing since" in page and "250 ms" in page and "test by ada@example.org" in page
    assert "answer 59." in shown(client.get(CHANNELS))


def test_the_list_asks_no_more_of_the_database_for_many(client, shop):
    def count():
        with CaptureQueriesContext(connection) as queries:
            client.get(CHANNELS)
        return len(queries)

    add(client, name="first")
    count()
    few = count()
    for number in range(10):
        add(client, name=str(number), next=str(one("first").pk))
    assert count() == few


def test_who_only_looks_is_told_whom_to_ask(viewer, shop):
    answer = viewer.get(CHANNELS)
    assert answer.status_code == 403 and "Ask an owner" in answer.content.decode()
