"""Asking the pages as a browser does."""

import re
from html import unescape

SETTINGS = "/projects/shop/settings"
CHANNELS = f"{SETTINGS}/channels/"


def shown(answer):
    """The words of a page, as people read them."""
    text = re.sub(r"<(script|style|option|datalist)\b.*?</\1>", " ", answer.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", text)))


def said(client, answer):
    """What the page after says."""
    assert answer.status_code == 302, shown(answer)
    return shown(client.get(answer["Location"]))


def add(client, kind="webhook", status=None, **fields):
    """The answer to the form of a new channel."""
    given = {"kind": kind, "name": "ops", "next": ""} | fields
    if kind == "webhook":
        given.setdefault("url", "https://example.org/hook")
    answer = client.post(f"{CHANNELS}new/", given)
    assert answer.status_code == status if status else answer.status_code in (200, 302), shown(answer)
    return answer


def secret_in(answer):
    return re.search(r'id="secret">(whsec_[^<]+)<', answer.content.decode())[1]


def do(client, channel, what):
    return client.post(f"{CHANNELS}{channel.pk}/do/", {"do": what})
