"""Addresses and passwords by e-mail: verified, changed, reset."""

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client

from accounts.models import AuditEvent, User

pytestmark = pytest.mark.django_db(databases=["default", "local"])


@pytest.fixture(autouse=True)
def with_a_mail_server(settings: Any) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION, settings.SIGN_UP = "mandatory", "open"


def link() -> str:
    found = re.search(r"http://testserver(/\S+)", str(mail.outbox[-1].body))
    assert found, mail.outbox[-1].body
    return found[1]


def sign_in(client: Client, email: str, password: str) -> Any:
    return client.post("/account/login/", {"login": email, "password": password})


def confirm_password(client: Client, answer: Any) -> Any:
    assert "reauthenticate" in answer["Location"]
    return client.post(answer["Location"], {"password": "a long password"})


def test_nobody_signs_in_before_the_address_is_proved() -> None:
    client = Client()
    client.post("/account/signup/", {"email": "grace@example.org", "password1": "seven green bicycles"})
    assert client.get("/account/").status_code == 302
    assert sign_in(client, "grace@example.org", "seven green bicycles")["Location"] == "/account/confirm-email/"
    path = link()
    assert client.get(path).status_code == 200
    assert not EmailAddress.objects.get().verified, "looking at it, as mail scanners do, is not confirming"
    client.post(path)
    assert EmailAddress.objects.get().verified
    assert sign_in(client, "grace@example.org", "seven green bicycles")["Location"] == "/"
    assert client.get("/account/").status_code == 200


def test_an_address_changes_when_the_new_one_is_proved(owner: Any, client: Client) -> None:
    change = {"email": "new@example.org", "action_add": ""}
    resumed = confirm_password(client, client.post("/account/email/", change))
    client.get(resumed["Location"])
    if not mail.outbox:
        client.post("/account/email/", change)
    assert [message.to for message in mail.outbox] == [["new@example.org"]]
    owner.refresh_from_db()
    assert owner.email == "ada@example.org"
    client.post(link())
    owner.refresh_from_db()
    assert owner.email == "new@example.org"
    assert list(EmailAddress.objects.values_list("email", "verified", "primary")) == [("new@example.org", True, True)]
    # The old address is told.
    assert ["ada@example.org"] in [message.to for message in mail.outbox]
    assert AuditEvent.objects.filter(action="email_changed", target="new@example.org").exists()


def test_a_reset_by_the_link_once(owner: Any) -> None:
    client = Client()
    client.post("/account/password/reset/", {"email": "ada@example.org"})
    path = link()
    form = client.get(path)["Location"]
    done = client.post(form, {"password1": "nine blue teapots", "password2": "nine blue teapots"})
    assert done.status_code == 302
    assert sign_in(Client(), "ada@example.org", "a long password").status_code == 200
    assert sign_in(Client(), "ada@example.org", "nine blue teapots")["Location"] == "/"
    assert "bad" in Client().get(path, follow=True).content.decode().lower()
    assert AuditEvent.objects.filter(action="password_reset", actor=owner).exists()


def test_nobody_learns_who_has_an_account(owner: Any) -> None:
    pages = []
    for email in ("ada@example.org", "nobody@example.org"):
        answers = [
            Client().post("/account/password/reset/", {"email": email}),
            Client().post("/account/signup/", {"email": email, "password1": "seven green bicycles"}),
            Client().post("/account/login/", {"login": email, "password": "wrong password"}),
        ]
        said = [
            (answer.status_code, answer.get("Location"),
             re.sub(r'csrfmiddlewaretoken" value="\w+"|' + re.escape(email), "", answer.content.decode()))
            for answer in answers
        ]  # fmt: skip
        pages.append(said)
    assert pages[0] == pages[1]
    assert User.objects.filter(email="ada@example.org").count() == 1


def test_another_password_ends_the_other_sessions(owner: Any, client: Client) -> None:
    other = Client()
    other.force_login(owner)
    given = {"oldpassword": "a long password", "password1": "nine blue teapots", "password2": "nine blue teapots"}
    answer = client.post("/account/password/change/", given)
    assert answer.status_code == 302
    assert other.get("/account/").status_code == 302
    assert client.get("/account/").status_code == 200
    assert ["ada@example.org"] in [message.to for message in mail.outbox]
