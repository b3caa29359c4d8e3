"""What must not be kept of a line that is shown in the ledger: query strings, addresses, secrets."""

import re

MAX_SAMPLE = 200

_RULES = (
    (re.compile(r"\?[^\s\"']*"), "?…"),
    (
        re.compile(r"(?i)\b(bearer|basic|token|key|password|secret|authorization)\b([\"']?\s*[:=]\s*|\s+)[^\s\"',;]+"),
        r"\1\2…",
    ),
    (re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])"), "[address]"),
    (re.compile(r"(?i)(?<![\w:])(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{0,4}(?![\w:])"), "[address]"),
    (re.compile(r"[^@\s/\"']{1,64}@[\w-]+(?:\.[\w-]+)+"), "[e-mail]"),
    (re.compile(r"(?=[\w+/=-]*\d)(?=[\w+/=-]*[a-z])(?=[\w+/=-]*[A-Z])[\w+=-]{20,}"), "[token]"),
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def sample(line: bytes) -> str:
    """A rejected line as the ledger may show it: redacted, printable, at most MAX_SAMPLE characters."""
    text = line[: 8 * MAX_SAMPLE].decode("utf-8", "replace")
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
    return text if len(text) <= MAX_SAMPLE else text[: MAX_SAMPLE - 1] + "…"
