"""E-mail, as a real SMTP server gets it: what arrived is read by the standard library."""

import email
import email.policy
import re
import smtplib
import socket
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from aiosmtpd.controller import Controller
from django.core.mail import mailers

from alerts.transports.base import KINDS, ConfigError, Failed, Item, Refused
from alerts.transports.registry import TRANSPORTS
from tests.alerts.transports.samples import HOSTILE, NEWS, NOW, RAISED, RESOLVED, context, hostile

EMAIL = TRANSPORTS["email"]
TO = {"to": "ada@example.org\ngrace@bücher.example"}


class Inbox:
    """What an SMTP server took. refuse: answers instead of 250, by command and address."""

    def __init__(self):
        self.taken = []
        self.refuse = {}

    async def handle_RCPT(self, server, session, envelope, address, options):
        answer = self.refuse.get(address) or self.refuse.get("RCPT")
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_MAIL(self, server, session, envelope, address, options):
        envelope.mail_from = address
        return self.refuse.get("MAIL", "250 OK")

    async def handle_DATA(self, server, session, envelope):
        if "DATA" in self.refuse:
            return self.refuse["DATA"]
        self.taken.append((envelope.rcpt_tos, envelope.content))
        return "250 OK"


@pytest.fixture(scope="module")
def server():
    inbox = Inbox()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    yield inbox, port
    controller.stop()


@pytest.fixture
def inbox(server, settings):
    found, port = server
    found.taken.clear()
    found.refuse.clear()
    options = {"host": "127.0.0.1", "port": port, "timeout": 10}
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}}
    return found


def send(message, config=TO, **more):
    return EMAIL.send(config, message, now=NOW, context=context(None, mail=lambda: mailers.default, **more))


def arrived(inbox):
    _, content = inbox.taken[-1]
    return email.message_from_bytes(content, policy=email.policy.default)


def bodies(mail):
    plain, html = mail.iter_parts()
    assert mail.get_content_type() == "multipart/alternative"
    assert (plain.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    return plain.get_content(), html.get_content()


class Page(HTMLParser):
    """Elements, their attributes, and the text that people see."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self.links = [], "", []
        self.attributes = set()
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data):
        self.text += data


ELEMENTS = {
    "html",
    "head",
    "meta",
    "title",
    "body",
    "div",
    "p",
    "span",
    "h1",
    "table",
    "tr",
    "th",
    "td",
    "ul",
    "li",
    "a",
}


def test_what_arrives(inbox):
    sent = send(RAISED)
    assert sent.status == 250
    recipients, _ = inbox.taken[0]
    assert recipients == ["ada@example.org", "grace@xn--bcher-kva.example"]
    mail = arrived(inbox)
    assert mail["Subject"] == "[Shop] Slow orders"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime == NOW
    assert mail["List-Unsubscribe"] is None
    assert [address.addr_spec for address in mail["To"].addresses] == ["ada@example.org", "grace@xn--bcher-kva.example"]
    plain, html = bodies(mail)
    page = Page(html)
    for text in (plain, page.text):
        assert "Firing" in text and RAISED.title in text and RAISED.sentence in text
        assert "812 ms ±1 %" in text and "2026-03-29 12:12 Europe/Berlin" in text
    assert RAISED.link in plain and RAISED.silence_link in plain
    assert page.links == [RAISED.link, RAISED.silence_link]


def test_html_needs_nothing_from_elsewhere_and_lives_in_the_dark(inbox):
    send(RAISED)
    _, html = bodies(arrived(inbox))
    page = Page(html)
    assert set(page.elements) <= ELEMENTS
    assert page.attributes <= {"lang", "charset", "name", "content", "style", "scope", "href"}
    assert 'name="color-scheme" content="light dark"' in html
    for style in re.findall(r'style="([^"]*)"', html):
        # A colour of its own only with a ground of its own, and the other way round.
        own = "color: inherit" not in style and re.search(r"(?<!-)\bcolor:", style)
        assert bool(own) == ("background" in style), style
        assert "url(" not in style


@pytest.mark.parametrize("kind", KINDS)
def test_the_badge_can_be_read(inbox, kind):
    """White on the ground: at least 4.5 to 1, by https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    send(replace(RAISED, kind=kind))
    _, html = bodies(arrived(inbox))
    (ground,) = re.findall(r"background-color: #([0-9a-f]{6}); color: #ffffff", html)
    parts = [int(ground[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    assert 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05) >= 4.5


def test_an_incident_is_one_thread(inbox):
    mails = []
    kinds = ("raised", "reminder", "escalated", "resolved")
    for number, kind in enumerate(kinds):
        message = replace(
            RESOLVED if kind == "resolved" else RAISED, id=f"msg_{number}", kind=kind, title=f"It is {number}"
        )
        send(message)
        mails.append(arrived(inbox))
    root = mails[0]["Message-ID"]
    assert re.fullmatch(r"<[^<>@\s]+@stats\.example\.org>", root)
    assert len({mail["Message-ID"] for mail in mails}) == len(kinds)
    for mail in mails[1:]:
        assert (mail["References"], mail["In-Reply-To"]) == (root, root)
        assert mail["Subject"] == f"Re: {mails[0]['Subject']}"
    assert (mails[0]["References"], mails[0]["In-Reply-To"]) == (None, None)
    send(replace(RAISED, incident_id="another"))
    assert arrived(inbox)["Message-ID"] != root


@pytest.mark.parametrize("message", [RAISED, RESOLVED, NEWS])
def test_sent_again_it_is_the_same_mail(inbox, message):
    for _ in range(2):
        send(message)
    (_, first), (_, again) = inbox.taken
    boundary = re.compile(rb"=+\d+==")
    assert boundary.sub(b"", first) == boundary.sub(b"", again)


def test_a_way_out(inbox):
    link = "https://stats.example.org/unsubscribe/abc?x=1&y=2"
    send(RAISED, unsubscribe=link)
    mail = arrived(inbox)
    assert mail["List-Unsubscribe"] == f"<{link}>"
    plain, html = bodies(mail)
    assert link in plain
    assert link in Page(html).links


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("kind", ["raised", "news"])
def test_texts_of_strangers(inbox, text, kind):
    message = hostile(text, kind)
    send(message if kind == "raised" else replace(message, incident_id=""))
    recipients, content = inbox.taken[0]
    assert recipients == ["ada@example.org", "grace@xn--bcher-kva.example"]
    mail = arrived(inbox)
    assert {name.lower() for name in mail} <= {
        "subject", "from", "to", "message-id", "date", "auto-submitted", "mime-version", "content-type",
    }  # fmt: skip
    assert len(mail["Subject"]) <= 160
    assert str(mail["Subject"]).isprintable() or "\u200d" in mail["Subject"]
    plain, html = bodies(mail)
    page = Page(html)
    assert set(page.elements) <= ELEMENTS
    assert set(page.links) == {RAISED.link, RAISED.silence_link}
    for shown in (plain, page.text):
        assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b\ufeff\x00\x07\x1b]", shown)
        assert "SECRET_KEY }}" in shown or "SECRET_KEY" not in text
    assert len(content) < 1_000_000


def test_lists_end_with_how_many_more(inbox):
    items = tuple(Item({"http.route": f"/path/{number}"}, "812 ms", "firing") for number in range(500))
    send(replace(RAISED, alerts=items))
    for shown in bodies(arrived(inbox)):
        assert "http.route=/path/0: 812 ms (firing)" in shown
        assert "and 451 more" in shown


def test_news(inbox):
    send(NEWS)
    mail = arrived(inbox)
    assert mail["Subject"] == "[Shop] This week in Shop"
    for shown in bodies(mail):
        assert "GET /carts is new" in shown


@pytest.mark.parametrize(
    ("refuse", "error", "status"),
    [
        ({"RCPT": "550 no such user"}, Refused, 550),
        ({"RCPT": "450 greylisted"}, Failed, 450),
        ({"ada@example.org": "550 no", "grace@xn--bcher-kva.example": "451 later"}, Failed, 451),
        ({"DATA": "554 spam"}, Refused, 554),
        ({"DATA": "451 later"}, Failed, 451),
        ({"MAIL": "553 sender not allowed"}, Refused, 553),
        ({"MAIL": "421 too many"}, Failed, 421),
    ],
)
def test_what_a_mail_server_says(inbox, refuse, error, status):
    inbox.refuse.update(refuse)
    with pytest.raises(error) as caught:
        send(RAISED)
    assert caught.value.status == status
    assert str(status) in caught.value.text
    assert not inbox.taken


def test_one_address_that_is_refused_keeps_no_other_from_it(inbox):
    inbox.refuse["ada@example.org"] = "550 no such user"
    assert send(RAISED).status == 250
    assert inbox.taken[0][0] == ["grace@xn--bcher-kva.example"]


def test_no_mail_server(settings):
    options = {"host": "127.0.0.1", "port": 1, "timeout": 2}
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}}
    with pytest.raises(Failed, match="could not be reached"):
        send(RAISED)


def test_a_password_that_the_server_does_not_take_may_be_corrected():
    class Locked:
        def send_messages(self, mails):
            raise smtplib.SMTPAuthenticationError(535, b"bad credentials")

    with pytest.raises(Failed, match="535") as caught:
        EMAIL.send(TO, RAISED, now=NOW, context=context(None, mail=Locked))
    assert caught.value.status == 535


@pytest.mark.parametrize(
    "to",
    [
        "",
        "ada",
        "ada@example.org, grace",
        "Ada <ada@example.org>",
        "ada@example.org\r\nBcc:x@y.org",
        "a@b\x00.org",
        "@",
        "a@",
    ],
)
def test_addresses_that_are_none(to):
    with pytest.raises(ConfigError) as caught:
        EMAIL.check({"to": to})
    assert caught.value.field == "to"


def test_at_most_fifty():
    EMAIL.check({"to": "\n".join(f"user{number}@example.org" for number in range(50))})
    with pytest.raises(ConfigError, match="at most 50"):
        EMAIL.check({"to": "\n".join(f"user{number}@example.org" for number in range(51))})
