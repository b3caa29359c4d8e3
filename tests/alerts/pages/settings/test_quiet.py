"""Silences, maintenance windows and inhibitions: made and ended by the page, and what the outbox then does."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from accounts.models import AuditEvent
from accounts.services import create_project
from alerts.dispatch import outbox
from alerts.models import Delivery, Incident, IncidentEvent, Inhibition, Maintenance, Rule, Silence
from alerts.services import quiet

from .asked import SETTINGS, add, said, shown

pytestmark = pytest.mark.django_db(databases=["default", "local"])

PAGE = f"{SETTINGS}/quiet/"
HOUR = timedelta(hours=1)


@pytest.fixture
def incident(client, shop):
    """Open, of a rule that a channel is told of."""
    add(client)
    return make_incident(shop)


def make_incident(shop, name="Errors", **labels):
    now = timezone.now()
    rule = Rule.objects.create(
        project=shop, name=name, kind="threshold", metric="error_rate", condition={"threshold": 0.1}
    )
    made = Incident.objects.create(
        project=shop, rule=rule, dedup=str(rule.pk), title=f"{name} of shop", severity="page", started=now, raised=now,
        labels={"service": "shop", "endpoint": "GET /a", "method": "GET", "route": "/a", "endpoint_id": "abc"} | labels,
    )  # fmt: skip
    IncidentEvent.objects.create(project=shop, incident=made, kind="raised", at=now)
    return made


def silencing(*rows, **changed):
    names, operators, values = zip(*(rows or [("service", "=", "shop")]), strict=True)
    usual = {
        "make": "silence",
        "name": names,
        "operator": operators,
        "value": values,
        "length": "60",
        "comment": "Known",
    }
    return usual | changed


def told(shop, at=None):
    outbox.dispatch(shop.pk, at or timezone.now())
    return Delivery.objects.count()


class TestSilences:
    def test_what_it_matches_is_held_until_it_ends(self, client, shop, incident, owner):
        begun = timezone.now()
        assert "nobody is told" in said(client, client.post(PAGE, silencing()))
        silence = Silence.objects.get()
        assert begun + HOUR <= silence.expires <= timezone.now() + HOUR and silence.created_by == owner
        assert told(shop) == 0
        page = shown(client.get(PAGE))
        assert "Holds 1 open incident now" in page and "service is “shop”" in page and "by ada@example.org" in page
        assert told(shop, silence.expires) == 1

    def test_what_it_does_not_match_is_told(self, client, shop, incident):
        client.post(PAGE, silencing(("service", "!=", "shop")))
        assert "Holds" not in shown(client.get(PAGE)) and told(shop) == 1

    def test_it_is_ended_at_once_and_that_is_undone(self, client, shop, incident):
        client.post(PAGE, silencing())
        silence = Silence.objects.get()
        before = Silence.objects.values().get()
        page = said(client, client.post(f"{PAGE}silences/{silence.pk}/end/"))
        assert "is ended" in page and "Undo" in page and "Ended in the last week: 1" in page
        assert "is back" in said(client, client.post(f"{PAGE}undo/"))
        assert Silence.objects.values().get() == before and told(shop) == 0
        client.post(f"{PAGE}silences/{silence.pk}/end/")
        assert told(shop) == 1
        assert "was over before" in said(client, client.post(f"{PAGE}silences/{silence.pk}/end/"))
        lines = AuditEvent.objects.filter(target__startswith="silence Known").order_by("pk")
        assert [line.target.partition(": ")[2] for line in lines] == ["added", "ended", "brought back", "ended"]

    def test_an_end_is_in_the_zone_of_the_project(self, client, shop):
        shop.time_zone = "Asia/Kathmandu"
        shop.save()
        wanted = (timezone.now() + 3 * HOUR).replace(second=0, microsecond=0)
        local = wanted.astimezone(ZoneInfo("Asia/Kathmandu")).strftime("%Y-%m-%dT%H:%M")
        client.post(PAGE, silencing(length="until", expires=local))
        assert Silence.objects.get().expires == wanted

    @pytest.mark.parametrize(
        "changed, text",
        [
            ({"comment": " "}, "Say why"),
            ({"length": "5"}, "Choose how long"),
            ({"length": "until", "expires": ""}, "Say until when"),
            ({"length": "until", "expires": "2020-01-01T10:00"}, "later than now"),
            ({"length": "until", "expires": "9999-12-31T23:59"}, "that will come"),
            ({"length": "until", "expires": "2099-01-01T10:00+01:00"}, "without a zone"),
            ({"length": "until", "expires": "2099-01-01T10:00"}, "within 90 days"),
            ({"name": [""], "operator": ["="], "value": [""]}, "Nobody would be told of anything"),
            ({"name": [""], "operator": ["="], "value": ["shop"]}, "has a name"),
            ({"name": ["a"], "operator": ["=~"], "value": [".*"]}, "no operator"),
            ({"name": ["a"] * 21, "operator": ["="] * 21, "value": ["b"] * 21}, "20 conditions at most"),
            ({"make": "peace"}, "Reload the page"),
        ],
    )
    def test_what_cannot_be_is_refused(self, client, shop, changed, text):
        answer = client.post(PAGE, silencing(**changed))
        assert answer.status_code == 422 and text in shown(answer)
        assert not Silence.objects.exists()

    def test_what_was_entered_stays(self, client, shop):
        page = client.post(PAGE, silencing(("route", "~", "<b>/a"), comment="")).content.decode()
        assert 'value="&lt;b&gt;/a"' in page and '<option value="~" selected>' in page

    def test_everything_is_silenced_by_who_means_it(self, client, shop, incident):
        client.post(PAGE, silencing(("", "=", ""), everything="1"))
        assert Silence.objects.get().matchers == [] and told(shop) == 0
        assert "Everything of the project" in shown(client.get(PAGE))

    def test_those_that_are_long_over_are_not_listed(self, client, shop):
        now = timezone.now()
        for days in (6, 8):
            gone = now - timedelta(days=days)
            Silence.objects.create(project=shop, comment=f"{days} days", starts=gone - HOUR, expires=gone)
        page = shown(client.get(PAGE))
        assert "6 days" in page and "8 days" not in page

    def test_no_more_than_the_most(self, client, shop, monkeypatch):
        monkeypatch.setattr(quiet, "MOST", 1)
        client.post(PAGE, silencing())
        assert "Delete one that nobody needs" in shown(client.post(PAGE, silencing()))


class TestOfAnIncident:
    def test_its_labels_stand_in_the_form_and_silence_it(self, client, shop, incident):
        page = client.get(f"{PAGE}?incident={incident.pk}").content.decode()
        filled = {"rule": "Errors", "service": "shop", "endpoint": "GET /a"}
        for name, value in filled.items():
            assert f'value="{name}"' in page and f'value="{value}"' in page
        assert 'value="abc"' not in page and 'value="/a"' not in page
        client.post(PAGE, silencing(*((name, "=", value) for name, value in filled.items())))
        assert told(shop) == 0

    def test_what_strangers_wrote_is_text(self, client, shop):
        hostile = make_incident(shop, consumer='"><script>alert(1)</script>\u202e' + "x" * 1000)
        page = client.get(f"{PAGE}?incident={hostile.pk}").content.decode()
        assert "<script>alert" not in page and "&lt;script&gt;alert" in page

    def test_a_foreign_one_is_as_if_it_were_not_there(self, client, shop, owner):
        foreign = make_incident(create_project("other", owner=owner), name="Theirs")

        def said(id):
            return shown(client.get(f"{PAGE}?incident={id}"))

        assert said(foreign.pk) == said("01900000-0000-7000-8000-000000000000") == said("x") == shown(client.get(PAGE))


def window(**changed):
    usual = {"make": "window", "called": "Backup", "days": ["0"], "at": "04:00", "minutes": "60", "zone": "UTC",
             "schedule": "", "name": "", "operator": "=", "value": ""}  # fmt: skip
    return usual | changed


class TestWindows:
    def test_it_is_listed_with_its_next_three_times(self, client, shop):
        assert "Sunday at 04:00" in said(client, client.post(PAGE, window()))
        page = client.get(PAGE).content.decode()
        day = timezone.now().replace(hour=4, minute=0, second=0, microsecond=0)
        days = [day + timedelta(days=number) for number in range(30)]
        sundays = [one for one in days if one.weekday() == 6 and one > timezone.now()][:3]
        for sunday in sundays:
            assert f'datetime="{sunday.isoformat().replace("+00:00", "Z")}"' in page

    def test_while_it_is_open_nobody_is_told(self, client, shop, incident):
        client.post(PAGE, window(schedule="* * * * *", minutes="5"))
        page = shown(client.get(PAGE))
        assert "Open now, until" in page and "holds 1 open incident" in page and told(shop) == 0
        row = Maintenance.objects.get()
        assert "is off" in said(client, client.post(f"{PAGE}windows/{row.pk}/do/", {"do": "off"}))
        assert "Open now" not in shown(client.get(PAGE)) and told(shop) == 1

    def test_it_is_deleted_and_comes_back(self, client, shop):
        client.post(PAGE, window(name="service", value="shop"))
        before = Maintenance.objects.values().get()
        assert "is deleted" in said(client, client.post(f"{PAGE}windows/{before['id']}/do/", {"do": "delete"}))
        assert not Maintenance.objects.exists()
        assert "is back" in said(client, client.post(f"{PAGE}undo/"))
        assert Maintenance.objects.values().get() == before

    @pytest.mark.parametrize(
        "changed, text",
        [
            ({"called": ""}, "Name:"),
            ({"days": []}, "Choose a day"),
            ({"at": ""}, "Say when it begins"),
            ({"minutes": "0"}, "1 to 10,080 minutes"),
            ({"minutes": "-5"}, "1 to 10,080 minutes"),
            ({"zone": "Nowhere/Land"}, "no time zone"),
            ({"schedule": "0 0 30 2 *"}, "never comes"),
            ({"schedule": "* * * * * *"}, "five fields"),
        ],
    )
    def test_what_cannot_be_is_refused(self, client, shop, changed, text):
        answer = client.post(PAGE, window(**changed))
        assert answer.status_code == 422 and text in shown(answer)
        assert not Maintenance.objects.exists()

    def test_what_nobody_can_do_is_not_there(self, client, shop):
        client.post(PAGE, window())
        assert client.post(f"{PAGE}windows/{Maintenance.objects.get().pk}/do/", {"do": "x"}).status_code == 404


class TestInhibitions:
    FORM = {"make": "inhibition", "called": "Database first", "source-name": "rule", "source-operator": "=",
            "source-value": "Database", "target-name": "rule", "target-operator": "!=", "target-value": "Database",
            "equal": "service, "}  # fmt: skip

    def test_what_follows_is_not_told_while_the_first_is_open(self, client, shop, incident):
        first = make_incident(shop, "Database")
        make_incident(shop, "Elsewhere", service="other")
        client.post(PAGE, self.FORM)
        page = shown(client.get(PAGE))
        assert "While rule is “Database” is open, not rule is not “Database” where service is the same" in page
        assert told(shop) == 2
        titles = set(Delivery.objects.values_list("event__incident__title", flat=True))
        assert titles == {"Database of shop", "Elsewhere of shop"}
        Incident.objects.filter(pk=first.pk).update(ended=timezone.now(), end_notified=timezone.now())
        assert told(shop) == 3

    def test_switched_off_it_holds_nothing(self, client, shop, incident):
        make_incident(shop, "Database")
        client.post(PAGE, self.FORM)
        client.post(f"{PAGE}inhibitions/{Inhibition.objects.get().pk}/do/", {"do": "off"})
        assert told(shop) == 2

    @pytest.mark.parametrize("side", ["source", "target"])
    def test_one_of_nothing_is_refused(self, client, shop, side):
        answer = client.post(PAGE, self.FORM | {f"{side}-name": "", f"{side}-value": ""})
        assert answer.status_code == 422 and "one condition of each" in shown(answer)
        assert 'value="Database"' in answer.content.decode()
        assert 'value="Database first"' in answer.content.decode()


def test_the_page_is_empty_at_first(client, shop):
    page = shown(client.get(PAGE))
    assert "Nothing is silenced" in page and "No window yet" in page
