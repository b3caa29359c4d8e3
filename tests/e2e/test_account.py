"""The user area in a real browser: from signing up to deleting the account."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core import mail

from accounts.models import Membership, Project, User
from tests.accounts.people import Clock, code_of

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.django_db(transaction=True, databases="__all__")]

PASSWORD = "seven green bicycles"


@pytest.fixture
def open_house(settings: Any) -> None:
    """Anybody may sign up, and proves their address."""
    settings.SIGN_UP = "open"
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.EMAIL_HOST_NAME = "mail.example.org"


@pytest.fixture
def person(browser: Any, live_server: Any) -> Iterator[Callable[[], Any]]:
    """Makes people, each with a browser of their own."""
    contexts = []

    def make() -> Any:
        context = browser.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 900})
        context.set_default_timeout(8_000)
        contexts.append(context)
        page = context.new_page()
        page.complaints = []
        page.on("console", lambda said: said.type in ("error", "warning") and page.complaints.append(said.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        return page

    yield make
    for context in contexts:
        context.close()


def link_in(message: Any) -> str:
    found = re.search(r"http://\S+", message.body)
    assert found, message.body
    return found[0]


def sign_up(page: Any, email: str) -> None:
    page.goto("/account/signup/")
    page.fill("#id_email", email)
    page.fill("#id_password1", PASSWORD)
    page.click("text=Create the account")


def press(page: Any, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def again(page: Any, secret: str, clock: Clock) -> None:
    """Both factors, before something that matters."""
    clock.next()
    page.fill("#id_password", PASSWORD)
    page.fill("#id_code", code_of(secret))
    press(page, "Confirm")


def test_from_signing_up_to_deleting_the_account(open_house: None, person: Callable[[], Any], clock: Clock) -> None:
    ada, grace = person(), person()

    # Sign up, and prove the address.
    sign_up(ada, "ada@example.org")
    ada.wait_for_selector("text=Verify Your Email Address")
    ada.goto(link_in(mail.outbox[-1]))
    press(ada, "Confirm")
    ada.wait_for_selector("text=Sign in")
    ada.goto("/account/login/")
    ada.fill("#id_login", "ada@example.org")
    ada.fill("#id_password", PASSWORD)
    press(ada, "Sign in")
    ada.wait_for_selector("text=Waiting for the first request")

    # Another project, and somebody who sees it.
    ada.goto("/new-project/")
    ada.fill("#name", "Web shop")
    ada.select_option("#time_zone", "Europe/Vienna")
    press(ada, "Create the project")
    ada.wait_for_url("**/projects/web-shop/")
    ada.goto("/projects/web-shop/settings/members/")
    ada.fill("#email", "grace@example.org")
    ada.select_option("#role", "editor")
    press(ada, "Invite")
    ada.wait_for_selector("text=the message is on its way")
    invitation = mail.outbox[-1]
    assert invitation.to == ["grace@example.org"]
    assert link_in(invitation) not in ada.content()

    grace.goto(link_in(invitation))
    assert "/invitation/" in grace.url and not re.search(r"invitation/.+", grace.url)
    grace.click("text=Create an account")
    assert grace.input_value("#id_email") == "grace@example.org"
    grace.fill("#id_password1", PASSWORD)
    grace.click("text=Create the account")
    press(grace, "Accept")
    grace.wait_for_selector("text=You are now a member of Web shop")
    assert Membership.objects.get(user__email="grace@example.org").role == "editor"

    # A second factor by an app.
    ada.goto("/account/2fa/")
    ada.click("text=Set up the app")
    ada.fill("#id_password", PASSWORD)
    press(ada, "Confirm")
    secret = ada.input_value("#authenticator_secret")
    ada.fill("#id_code", code_of(secret))
    press(ada, "Activate")
    ada.wait_for_selector("text=Recovery codes")
    codes = ada.inner_text("#recovery_codes").split()
    assert len(codes) == 10
    press(ada, "Sign out")

    # Signing in with it.
    ada.goto("/account/login/")
    ada.fill("#id_login", "ada@example.org")
    ada.fill("#id_password", PASSWORD)
    press(ada, "Sign in")
    ada.fill("#id_code", "000000")
    press(ada, "Sign in")
    ada.wait_for_selector("text=Incorrect code")
    clock.next()
    ada.fill("#id_code", code_of(secret))
    press(ada, "Sign in")
    ada.wait_for_selector("nav[aria-label=Projects]")

    # A passkey, and signing in by it alone.
    devtools = ada.context.new_cdp_session(ada)
    devtools.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    devtools.send(
        "WebAuthn.addVirtualAuthenticator",
        {"options": {**options, "isUserVerified": True, "automaticPresenceSimulation": True}},
    )
    ada.goto("/account/2fa/")
    ada.click("text=Add a passkey")
    if "reauthenticate" in ada.url:
        again(ada, secret, clock)
    ada.fill("#id_name", "my laptop")
    ada.check("#id_passwordless")
    press(ada, "Add")
    ada.wait_for_selector("text=my laptop")
    press(ada, "Sign out")
    ada.goto("/account/login/")
    press(ada, "Sign in with a passkey")
    ada.wait_for_selector("nav[aria-label=Projects]")

    # A session on another device is ended from here.
    ada.goto("/account/sessions/")
    other = person()
    other.goto("/account/login/")
    other.fill("#id_login", "ada@example.org")
    other.fill("#id_password", PASSWORD)
    press(other, "Sign in")
    other.fill("#id_code", codes[0])
    press(other, "Sign in")
    other.wait_for_selector("nav[aria-label=Projects]")
    ada.goto("/account/sessions/")
    ada.get_by_role("button", name=re.compile("End the session")).first.click()
    if "reauthenticate" in ada.url:
        again(ada, secret, clock)
    ada.wait_for_selector("text=The session has ended")
    other.goto("/account/")
    assert "/account/login/" in other.url

    # The account goes, once another owner is there for the shop.
    ada.goto("/account/data/")
    ada.wait_for_selector("text=Make another member the owner first")
    ada.goto("/projects/web-shop/settings/members/")
    ada.get_by_label("Role of grace@example.org").select_option("owner")
    ada.get_by_role("button", name="Change grace@example.org").click()
    ada.wait_for_selector("text=grace@example.org is now owner")
    ada.goto("/account/data/")
    ada.fill("#email", "ada@example.org")
    press(ada, "Delete my account")
    if "reauthenticate" in ada.url:
        again(ada, secret, clock)
    ada.wait_for_selector("text=Your account is deleted")
    assert not User.objects.filter(email="ada@example.org").exists()
    assert Project.objects.get(slug="web-shop").memberships.get().user.email == "grace@example.org"
    assert not [said for page in (ada, grace, other) for said in page.complaints if "status of 4" not in said]
