"""Secrets of channels: written and never shown, changed without a message lost; and tests of a channel, which reach a
real receiver."""

import re
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from accounts.models import AuditEvent
from alerts.dispatch import deliver
from alerts.models import Attempt, Channel
from alerts.services import trying
from alerts.transports.base import Refused, Sent

from .asked import CHANNELS, add, do, said, secret_in, shown
from .test_channels import SLACK, form, one

pytestmark = pytest.mark.django_db(databases=["default", "local"])


def verifies(secret, received):
    try:
        Webhook(secret).verify(received.body, received.headers)
    except WebhookVerificationError:
        return False
    return True


class TestWriteOnly:
    def test_a_secret_is_shown_nowhere(self, client, shop):
        add(client, "slack", url=SLACK)
        channel = one()
        pages = [client.get(CHANNELS), client.get(f"{CHANNELS}{channel.pk}/")]
        pages.append(client.post(f"{CHANNELS}{channel.pk}/", form(channel, name="", url=SLACK)))
        assert pages[-1].status_code == 422
        for page in pages:
            assert "verysecretpath" not in page.content.decode()
        assert "(set)" in shown(pages[1])
        assert "verysecretpath" not in str(list(Channel.objects.values())) + str(list(AuditEvent.objects.values()))
        assert deliver.config_of(channel)["url"] == SLACK

    def test_left_empty_it_is_kept(self, client, shop):
        add(client, "slack", url=SLACK)
        channel = one()
        assert client.post(f"{CHANNELS}{channel.pk}/", form(channel, name="chat", url="")).status_code == 302
        assert deliver.config_of(one("chat"))["url"] == SLACK
        assert AuditEvent.objects.filter(target="channel chat: name").count() == 1

    def test_it_is_replaced_by_another(self, client, shop):
        add(client, "slack", url=SLACK)
        client.post(f"{CHANNELS}{one().pk}/", form(one(), url=f"{SLACK}2"))
        assert deliver.config_of(one())["url"] == f"{SLACK}2"
        assert AuditEvent.objects.filter(target="channel ops: secrets").exists()

    def test_what_cannot_be_read_any_more_is_asked_for_again(self, client, shop, settings):
        add(client, "slack", url=SLACK)
        settings.SECRET_KEY = "another key"
        client.force_login(one().project.memberships.get().user)
        assert "(set)" not in shown(client.get(f"{CHANNELS}{one().pk}/"))
        assert client.post(f"{CHANNELS}{one().pk}/", form(one(), url="")).status_code == 422
        assert client.post(f"{CHANNELS}{one().pk}/", form(one(), url=SLACK)).status_code == 302
        assert deliver.config_of(one())["url"] == SLACK

    def test_a_password_goes_to_no_new_address_unasked(self, client, shop):
        given = {"urls": "https://alertmanager.example.org", "username": "u", "password": "pw"}
        add(client, "alertmanager", **given)
        changed = form(one(), urls="https://evil.example", username="u", password="")
        answer = client.post(f"{CHANNELS}{one().pk}/", changed)
        assert answer.status_code == 422 and "Enter the password again" in shown(answer)
        assert client.post(f"{CHANNELS}{one().pk}/", changed | {"password": "pw"}).status_code == 302
        assert deliver.config_of(one())["password"] == "pw"

    def test_one_that_is_not_needed_can_be_forgotten(self, client, shop):
        add(client, "alertmanager", urls="https://alertmanager.example.org", username="u", password="pw")
        kept = {"urls": "https://alertmanager.example.org", "username": "", "password": "", "clear-password": "on"}
        assert client.post(f"{CHANNELS}{one().pk}/", form(one(), **kept)).status_code == 302
        assert "password" not in deliver.config_of(one())


class TestSigning:
    def test_the_secret_is_shown_once(self, client, shop):
        answer = add(client)
        secret = secret_in(answer)
        assert "no-store" in answer["Cache-Control"]
        assert secret not in client.get(f"{CHANNELS}{one().pk}/").content.decode()

    def test_it_changes_without_a_message_that_is_refused(self, client, shop, receiver):
        old = secret_in(add(client, url=f"{receiver.url}/hook"))
        do(client, one(), "test")
        new = secret_in(do(client, one(), "add-secret"))
        do(client, one(), "test")
        assert "oldest secret is removed" in said(client, do(client, one(), "remove-secret"))
        do(client, one(), "test")
        verified = [(verifies(old, got), verifies(new, got)) for got in receiver.received]
        assert verified == [(True, False), (True, True), (False, True)]
        assert not re.search(r"whsec_", str(list(AuditEvent.objects.values())))

    def test_the_only_one_stays_and_three_are_the_most(self, client, shop):
        add(client)
        assert "the only secret" in said(client, do(client, one(), "remove-secret"))
        for _ in range(2):
            do(client, one(), "add-secret")
        assert "3 secrets at most" in said(client, do(client, one(), "add-secret"))

    def test_others_have_none(self, client, shop):
        add(client, "slack", url=SLACK)
        assert "Only webhooks sign" in said(client, do(client, one(), "add-secret"))
        assert deliver.config_of(one()) == {"url": SLACK}


class TestSendingATest:
    def test_what_was_answered_is_shown_and_noted(self, client, shop, receiver, owner):
        add(client, url=f"{receiver.url}/hook")
        receiver.script.extend([(202, {}, b"thank you"), (500, {}, b"not today")])
        assert "was taken in" in said(client, do(client, one(), "test"))
        assert receiver.received[0].json["type"] == "test"
        page = said(client, do(client, one(), "test"))
        assert "was not taken: 500" in page and "Failing since" in page
        noted = [(row.ok, row.status, row.by, row.delivery) for row in Attempt.objects.order_by("pk")]
        assert noted == [(True, 202, owner, None), (False, 500, owner, None)]

    def test_one_that_is_off_can_be_tried(self, client, shop, receiver):
        add(client, url=f"{receiver.url}/hook")
        do(client, one(), "off")
        do(client, one(), "test")
        assert len(receiver.received) == 1 and not one().enabled

    def test_ten_a_minute_are_the_most_of_a_project(self, client, shop, monkeypatch):
        class Taking:
            takes = frozenset({"test"})

            def send(self, config, message, **more):
                return Sent(200)

        add(client, name="a")
        add(client, name="b")
        monkeypatch.setattr(deliver, "TRANSPORTS", {"webhook": Taking()})
        answers = [said(client, do(client, one("ab"[number % 2]), "test")) for number in range(11)]
        assert ["Wait a minute" in answer for answer in answers] == [False] * 10 + [True]
        assert Attempt.objects.count() == 10

    def test_nobody_waits_longer_than_that_however_many_are_asked(self, client, shop, receiver, monkeypatch):
        monkeypatch.setattr(trying, "SECONDS", 0.6)
        receiver.script.extend(["hang"] * 3)
        urls = "\n".join(f"{receiver.url}/{number}" for number in range(3))
        add(client, "alertmanager", urls=urls, username="", password="")
        begun = time.monotonic()
        answer = do(client, one(), "test")
        took = time.monotonic() - begun
        receiver.release.set()
        assert "was not taken" in said(client, answer)
        assert took < 1.7  # three times 0.6 would be longer

    def test_what_never_will_be_taken_is_said_in_words(self, client, shop, monkeypatch):
        class Refusing:
            takes = frozenset({"test"})

            def send(self, config, message, **more):
                raise Refused("The channel was archived. Choose another one.", 404)

        add(client)
        monkeypatch.setattr(deliver, "TRANSPORTS", {"webhook": Refusing()})
        assert "404 The channel was archived. Choose another one." in said(client, do(client, one(), "test"))
