"""A message as Slack's Block Kit.

Sources: https://docs.slack.dev/reference/block-kit/blocks (limits of blocks),
https://docs.slack.dev/messaging/formatting-message-text (escaping, mentions). Texts that anybody may have written are
plain_text, in which neither *bold* nor <!channel> means anything, and &, < and > are escaped besides.
"""

from typing import Any

from ..base import Message
from ..text import cut, facts, first, first_facts, item_line, plain, state

HEADER, TEXT, FIELDS = 150, 3_000, 10
# Below Slack's own limits (2,000 and 3,000): it refuses a message whose blocks have more than about 13,000 characters
# together (msg_blocks_too_long), and escapes count.
FIELD, SENTENCE = 600, 1_500
NAME, VALUE, LINES, LINE = 100, 300, 20, 200


def escaped(text: str) -> str:
    """https://docs.slack.dev/messaging/formatting-message-text#escaping"""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def payload(message: Message) -> dict[str, Any]:
    """The body for an incoming webhook. ``text`` is what notifications show and screen readers read."""
    title = f"{state(message)}: {plain(message.title)}"
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(title, HEADER)},
        _section(f"{cut(plain(message.project.name), NAME)}: {plain(message.sentence)}", SENTENCE),
    ]
    shown = facts(message)
    if shown:
        blocks += [_fields(first_facts(shown, FIELDS))]
    lines = [*(item_line(item) for item in message.alerts), *(plain(line) for line in message.lines)]
    if lines:
        blocks += [_section(_listed([cut(line, LINE) for line in lines]), TEXT)]
    if message.link:
        blocks.append(_links(message))
    return {
        "text": _text(f"{title} ({plain(message.project.name)})", TEXT),
        "mrkdwn": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": blocks,
    }


def _text(text: str, limit: int) -> str:
    """Escaped, and no longer than ``limit`` then: an escape is never cut in two."""
    kept = cut(text, limit)
    while len(escaped(kept)) > limit:
        kept = cut(kept, len(kept) - max(1, (len(escaped(kept)) - limit) // 5))
    return escaped(kept)


def _plain(text: str, limit: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": _text(text, limit) or "…", "emoji": False}


def _section(text: str, limit: int) -> dict[str, Any]:
    return {"type": "section", "text": _plain(text, limit)}


def _listed(lines: list[str]) -> str:
    """As many lines as fit, and how many more there are."""
    for most in range(LINES, 1, -1):
        text = "\n".join(first(lines, most))
        if len(escaped(text)) <= TEXT:
            break
    return text


def _fields(shown: list[tuple[str, str]]) -> dict[str, Any]:
    return {
        "type": "section",
        "fields": [_plain(f"{cut(name, NAME)}\n{cut(value, VALUE)}", FIELD) for name, value in shown],
    }


def _links(message: Message) -> dict[str, Any]:
    """Links and not buttons: a button makes Slack call an app back that is not there, and show a warning."""
    links = [(message.link, "Open"), (message.silence_link, "Silence")]
    text = "  ·  ".join(f"<{_link(url)}|{label}>" for url, label in links if url)
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text, "verbatim": True}]}


def _link(url: str) -> str:
    return escaped(url.replace("|", "%7C").replace("<", "%3C").replace(">", "%3E"))
