"""A message as an Adaptive Card for Microsoft Teams.

Sources: https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
(the envelope), https://adaptivecards.io/explorer/RichTextBlock.html and
https://learn.microsoft.com/en-us/adaptive-cards/authoring-cards/text-features ("RichTextBlock does not support
Markdown"). TextBlock and FactSet do: a path such as [invoice](https://evil.example) would become a link there. So
whatever anybody may have written is a TextRun.
"""

from typing import Any

from ..base import Message
from ..http import json_bytes
from ..text import cut, facts, first, first_facts, item_line, plain, state

# Teams refuses messages of more than about 28 KB and counts in its own way; 21 KB were seen to be safe.
LARGEST = 20_000
TITLE, SENTENCE, NAME, VALUE, LINE = 200, 1_000, 100, 300, 200
# Lines and facts that are shown: the first pair with which it is small enough.
SIZES = ((40, 15), (20, 15), (10, 10), (5, 5), (1, 3))
COLOURS = {"resolved": "Good", "test": "Accent", "news": "Accent"}


def payload(message: Message) -> dict[str, Any]:
    """The body for a workflow that waits for a webhook. Long lists end with how many more there are."""
    lines = [*(item_line(item) for item in message.alerts), *(plain(line) for line in message.lines)]
    for most_lines, most_facts in SIZES:
        made = _payload(message, first(lines, most_lines), most_facts)
        if len(json_bytes(made)) <= LARGEST:
            break
    return made


def _payload(message: Message, lines: list[str], most_facts: int) -> dict[str, Any]:
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": [*_head(message), *_facts(message, most_facts), *(_rich(_run(cut(line, LINE))) for line in lines)],
        "actions": _actions(message),
    }
    return {
        "type": "message",
        "attachments": [
            {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
        ],
    }


def _head(message: Message) -> list[dict[str, Any]]:
    colour = COLOURS.get(message.kind, "Attention" if message.severity == "page" else "Warning")
    title = cut(f"{state(message)}: {plain(message.title)}", TITLE)
    sentence = cut(plain(message.sentence), SENTENCE)
    return [
        _rich(_run(title, weight="Bolder", size="Medium", color=colour)),
        _rich(_run(f"{cut(plain(message.project.name), NAME)}: {sentence}")),
    ]


def _facts(message: Message, most: int) -> list[dict[str, Any]]:
    return [
        _rich(_run(f"{cut(name, NAME)}: ", weight="Bolder"), _run(cut(value, VALUE)))
        for name, value in first_facts(facts(message), most)
    ]


def _actions(message: Message) -> list[dict[str, Any]]:
    links = [(message.link, "Open"), (message.silence_link, "Silence")]
    return [{"type": "Action.OpenUrl", "title": label, "url": url} for url, label in links if url]


def _rich(*runs: dict[str, Any]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": list(runs)}


def _run(text: str, **style: str) -> dict[str, Any]:
    return {"type": "TextRun", "text": text or " ", **style}
