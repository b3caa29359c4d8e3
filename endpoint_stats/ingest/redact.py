"""What must not be kept of a line that is shown in the ledger: query strings, addresses, secrets."""

import re

MAX_SAMPLE = 200

_SECRET = (
    r"pass(?:word|wd|phrase)?|pwd|secret|token|key|apikey|session|\w*sess(?:ion)?id|sid|auth|authorization|cookie"
    r"|otp|signature|sig|jwt|credential\w*"
)
_HEX = r"[0-9a-fA-F]{1,4}"
_RULES = (
    (re.compile(r"\?[^\s\"']*"), "?…"),
    (re.compile(r"(?i)\b(bearer|basic|digest)\s+[^\s\"',;]+"), r"\1 …"),
    # name=value and "name": "value", where the name ends in a word for a secret.
    (
        re.compile(
            rf"(?i)((?<![a-z0-9])[\w.-]*?(?<![a-z0-9])(?:{_SECRET})[\"']?\s*[:=]\s*)(?:\"[^\"]*\"?|'[^']*'?|[^\s&;,\"'}}]+)"
        ),
        r"\1…",
    ),
    (re.compile(r"(?i)\b(password|secret|token)\s+[^\s\"',;]+"), r"\1 …"),
    (re.compile(r"://[^/\s@]+@"), "://…@"),
    (re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])"), "[address]"),
    # IPv6 has eight groups or "::"; a time of day has neither.
    (
        re.compile(
            rf"(?<![\w:.])(?:(?:{_HEX}:){{7}}{_HEX}|(?:{_HEX}:){{1,7}}(?::{_HEX}){{1,7}}|(?:{_HEX}:){{1,7}}:|::(?:{_HEX}(?::{_HEX}){{0,6}})?)(?![\w:])"
        ),
        "[address]",
    ),
    (re.compile(r"[^@\s/\"']{1,64}@[\w-]+(?:\.[\w-]+)+"), "[e-mail]"),
    (re.compile(r"\b[0-9a-fA-F]{24,}\b"), "[token]"),
    (re.compile(r"(?=[\w+/=-]*\d)(?=[\w+/=-]*[a-z])(?=[\w+/=-]*[A-Z])[\w+=-]{20,}"), "[token]"),
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def sample(line: bytes) -> str:
    """A rejected line as the ledger may show it: redacted, printable, at most MAX_SAMPLE characters."""
    text = line[: 8 * MAX_SAMPLE].decode("utf-8", "replace")
    if len(line) > 8 * MAX_SAMPLE:
        # What the cut goes through might be a secret's first half, which no rule would know.
        text = re.sub(r"\S*\Z", "…", text)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
    return text if len(text) <= MAX_SAMPLE else text[: MAX_SAMPLE - 1] + "…"
