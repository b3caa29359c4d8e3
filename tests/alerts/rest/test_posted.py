"""What other systems say: releases, news, alerts, Alertmanager's webhook."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from accounts.keys import create_key
from accounts.services import create_project
from alerts import api
from alerts.models import Deployment, Incident, News

pytestmark = pytest.mark.django_db(databases=["default", "local"])


@pytest.fixture
def shop(owner):
    return create_project("shop", owner=owner)


@pytest.fixture
def post(shop, client):
    _, secret = create_key(shop, "write", "ci")

    def send(name, body, method="post"):
        address = f"/api/v1/projects/shop/{name}"
        headers = {"Authorization": f"Bearer {secret}"}
        if method == "get":
            return client.get(address, body, headers=headers)
        return client.post(address, body, content_type="application/json", headers=headers)

    return send


class TestReleases:
    def test_it_is_kept_and_told_once(self, post):
        given = {
            "version": "5.2",
            "service": "checkout",
            "time": "2026-01-02T03:04:05Z",
            "link": "https://example.org/5.2",
        }
        first, again = post("releases", given), post("releases", given)
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json() == again.json() == given | {"source": "api", "note": ""}
        assert News.objects.get().title == "checkout 5.2 was released" and Deployment.objects.count() == 1
        assert post("releases", {}, "get").json() == {"results": [first.json()]}

    def test_who_posts_it_knows_better_than_who_saw_it(self, shop, post):
        seen, said = datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
        api.post_release(shop, "1", seen, seen, service="a", source="seen")
        post("releases", {"version": "1", "service": "a", "time": said.isoformat()})
        one = Deployment.objects.get()
        assert (one.at, one.source) == (said, "api")
        api.post_release(shop, "1", seen, seen, service="a", source="seen")
        one.refresh_from_db()
        assert (one.at, one.source) == (said, "api")

    @pytest.mark.parametrize(
        ("body", "says"),
        [
            ({}, "version"), ({"version": ""}, "version"), ({"version": "1", "link": "javascript:alert(1)"}, "link"),
            ({"version": "1", "time": (timezone.now() + timedelta(hours=1)).isoformat()}, "future"),
            ({"version": "a\nb"}, "one line"), ({"version": "1", "wrong": 1}, "There is no field"), ([], "object"),
            ({"version": "\0"}, "ull"),
        ],
    )  # fmt: skip
    def test_what_is_refused(self, post, body, says):
        answer = post("releases", body)
        assert answer.status_code == 422 and says in answer.json()["detail"], answer.json()
        assert not Deployment.objects.exists()


class TestAlerts:
    def test_raised_once_and_ended(self, post):
        given = {"key": "disk", "title": "The disk is full", "severity": "page", "labels": {"service": "db"}}
        first, again = post("alerts", given), post("alerts", given)
        assert (first.status_code, again.status_code) == (201, 200) and first.json()["id"] == again.json()["id"]
        over = post("alerts", {"key": "disk", "status": "resolved"})
        assert over.status_code == 200 and over.json()["open"] is False
        incident = Incident.objects.get()
        assert [event.kind for event in incident.events.order_by("id")] == ["raised", "resolved"]
        assert incident.labels == {"service": "db"} and incident.origin == "api" and incident.severity == "page"
        again = post("alerts", {"key": "disk", "status": "resolved"})
        assert again.status_code == 422 and again.json()["code"] == "not_open"
        assert post("alerts", given).status_code == 201, "the next one is another incident"

    def test_what_is_listed(self, post):
        post("alerts", {"key": "a", "title": "a"})
        post("alerts", {"key": "b", "title": "b"})
        post("alerts", {"key": "a", "status": "resolved"})
        for asked, expected in (("", ["b", "a"]), ("true", ["b"]), ("false", ["a"])):
            listed = post("incidents", {"open": asked} if asked else {}, "get").json()["results"]
            assert [one["title"] for one in listed] == expected
        assert post("incidents", {"open": "perhaps"}, "get").status_code == 422

    @pytest.mark.parametrize("body", [{"key": "a"}, {"title": "a"}, {"key": "a", "title": "a", "severity": "loud"}])
    def test_what_is_refused(self, post, body):
        assert post("alerts", body).status_code == 422 and not Incident.objects.exists()


class TestAlertmanager:
    def alert(self, status="firing", **more):
        return {
            "status": status, "labels": {"alertname": "HighLoad", "severity": "critical", "service": "db"},
            "annotations": {"summary": "Load is high"}, "startsAt": "2026-01-02T03:04:05.123Z",
            "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "https://prometheus.example.org/graph",
            "fingerprint": "c0ffee", **more,
        }  # fmt: skip

    def test_fires_and_ends(self, post):
        assert post("alertmanager", {"version": "4", "alerts": [self.alert()]}).json() == {"raised": 1, "resolved": 0}
        assert post("alertmanager", {"version": "4", "alerts": [self.alert()]}).json() == {"raised": 0, "resolved": 0}
        incident = Incident.objects.get()
        assert (incident.title, incident.sentence, incident.severity) == ("HighLoad", "Load is high", "page")
        assert incident.started == datetime(2026, 1, 2, 3, 4, 5, 123000, tzinfo=UTC)
        assert incident.link == "https://prometheus.example.org/graph" and incident.origin == "alertmanager"
        over = self.alert("resolved", endsAt="2026-01-02T04:00:00Z")
        assert post("alertmanager", {"version": "4", "alerts": [over]}).json() == {"raised": 0, "resolved": 1}
        incident.refresh_from_db()
        assert incident.ended == datetime(2026, 1, 2, 4, tzinfo=UTC)

    def test_labels_tell_them_apart_where_there_is_no_fingerprint(self, post):
        alerts = [self.alert(fingerprint=None, labels={"alertname": "A", "host": host}) for host in "aab"]
        assert post("alertmanager", {"alerts": alerts}).json() == {"raised": 2, "resolved": 0}

    def test_what_no_database_takes(self, post):
        odd = self.alert(labels={"alertname": "a\0b", "\0": "\ud800"}, annotations={"summary": "\0\udfff"},
                         fingerprint="\0", generatorURL="https://example.org/\0")  # fmt: skip
        assert post("alertmanager", {"alerts": [odd]}).json() == {"raised": 1, "resolved": 0}
        incident = Incident.objects.get()
        assert (incident.title, incident.labels) == ("ab", {"alertname": "ab", "": "?"})

    @pytest.mark.parametrize(
        "body",
        [
            {}, {"alerts": 1}, {"alerts": [1]}, {"alerts": [{"status": "perhaps"}]}, [],
            {"alerts": [{"status": "firing", "labels": []}]}, {"alerts": [{"status": "firing", "labels": "x"}]},
            {"alerts": [{"status": "firing", "startsAt": "soon"}]}, {"alerts": [{"status": "firing", "startsAt": 5}]},
            {"alerts": [{"status": "firing", "startsAt": "2026-99-99T00:00:00Z"}]},
        ],
    )  # fmt: skip
    def test_what_is_refused(self, post, body):
        answer = post("alertmanager", body)
        if body == {"alerts": [{"status": "firing", "labels": []}]}:
            assert answer.status_code == 200, "an empty list is no labels"
        else:
            assert answer.status_code == 422 and answer.json()["code"] == "invalid"
            assert not Incident.objects.exists()


def test_news_are_told_once(post):
    given = {"title": "We moved", "key": "move", "link": "https://example.org"}
    assert [post("news", given).status_code for _ in range(2)] == [201, 200]
    assert [post("news", {"title": "Again"}).status_code for _ in range(2)] == [201, 201]
    assert News.objects.filter(title="We moved").count() == 1 and News.objects.filter(title="Again").count() == 2
