"""Lexical rules: which path segments are values rather than names, seen from the segment alone."""

import re

_EXTENSION = r"(?P<extension>\.[A-Za-z][A-Za-z0-9]{0,5})?"
# In order: the first that matches the whole segment names it.
_PATTERNS = (
    (
        "date",
        r"(?:19|20)\d\d-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?(?:[T_ ][0-9:.]{2,15}(?:Z|[+-]\d\d:?\d\d)?)?",
    ),
    ("uuid", r"(?i:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"),
    ("id", r"-?\d+"),
    ("ulid", r"[0-7][0-9A-HJKMNP-TV-Z]{25}"),
    # Hex of ids and digests: eight or more with a digit and a letter, so that words like "facade" stay.
    ("hex", r"(?=[^.]*\d)(?=[^.]*[A-Fa-f])(?i:[0-9a-f]{8,})"),
    ("email", r"[^@/\s]{1,64}@[A-Za-z0-9.-]+\.[A-Za-z]{2,24}"),
    # cus_NffrFeUfNV2Hib, sk-live-…: a short word, then at least twelve characters with digits in them.
    ("token", r"[A-Za-z]{2,12}[_-](?:[A-Za-z]{2,8}[_-])?(?=[A-Za-z]*\d)[A-Za-z0-9]{12,}"),
    # Base64 and the like: sixteen or more with a digit and both cases.
    ("token", r"(?=[^.]*\d)(?=[^.]*[a-z])(?=[^.]*[A-Z])[A-Za-z0-9_+=~-]{16,}"),
    # JSON Web Tokens and other dotted base64.
    ("token", r"(?=.*\d)(?=.*[A-Z])[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}(?:\.[A-Za-z0-9_-]{8,})?"),
)
_RULES = tuple((name, re.compile(f"(?:{pattern}){_EXTENSION}")) for name, pattern in _PATTERNS)
# jsessionid=…, token=…: in a path, behind a semicolon mostly.
_ASSIGNED = re.compile(
    r"(?i)((?:^|[;,&])[\w.-]*(?:pass(?:word|wd|phrase)?|pwd|secret|token|key|session|\w*sess(?:ion)?id|sid|auth|otp|sig|signature"
    r"|jwt|code)=)[^;,&]+"
)
_VALUE = re.compile(r"[0-9@=]|[A-Fa-f]{8}")
_VERSION = re.compile(r"[vV]\d{1,4}(?:\.\d{1,4}){0,3}|\d{1,4}(?:\.\d{1,6}){1,3}")


def segment_name(segment: str) -> str:
    """``{id}``, ``{uuid}``, … where a rule knows the segment for a value, else the segment itself.

    A file extension after the value stays: ``8123.json`` is ``{id}.json``. Versions (``v1``, ``2.0``) stay.
    """
    if not _VALUE.search(segment) or _VERSION.fullmatch(segment):
        return segment
    if "=" in segment:
        segment = _ASSIGNED.sub(r"\1{secret}", segment)
    for placeholder, pattern in _RULES:
        match = pattern.fullmatch(segment)
        if match:
            return f"{{{placeholder}}}{match['extension'] or ''}"
    return segment


# Without an extension: what has one is the name of a file.
_SECRETS = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        *(rule for rule in _PATTERNS if rule[0] in ("email", "token")),
        ("hex", r"(?i:[0-9a-f]{24,})"),
    )
)


def secret_segment(segment: str) -> str:
    """The segment without what may be a secret or a person: e-mail addresses, tokens, long digests, ``token=…``. Ids
    and UUIDs stay."""
    if not _VALUE.search(segment):
        return segment
    if "=" in segment:
        segment = _ASSIGNED.sub(r"\1{secret}", segment)
    for placeholder, pattern in _SECRETS:
        if pattern.fullmatch(segment):
            return f"{{{placeholder}}}"
    return segment


def without_secrets(path: str) -> str:
    """The path with its secrets replaced: what a project keeps that names its routes as they stand."""
    return "/".join(map(secret_segment, path.split("/"))) if _VALUE.search(path) else path


class _Segments(dict[str, str]):
    """Segment -> its name, remembered for as many as are met often; then it starts again."""

    LIMIT = 65_536

    def __missing__(self, segment: str) -> str:
        if len(self) >= self.LIMIT:
            self.clear()
        name = self[segment] = segment_name(segment)
        return name


_segments = _Segments()
# A newline ends a path: many are shaped at once. No path has one in it.
_INTEGERS = re.compile(r"/[0-9]+(?![^/\n])")
_UUIDS = re.compile(r"/[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}(?![^/\n])")


def shape(path: str) -> str:
    """The path with its integers and UUIDs replaced: few for many paths, and ``lexical_route`` says the same of it.
    Also of several paths, a line each.

    No rule before theirs takes digits alone or a UUID, and none takes a placeholder for a value.
    """
    path = _INTEGERS.sub("/{id}", path)
    return _UUIDS.sub("/{uuid}", path) if path.count("-") >= 4 else path


def lexical_route(path: str) -> str:
    """The path with every value replaced: ``/orders/8123`` -> ``/orders/{id}``."""
    return "/".join([_segments[segment] for segment in shape(path).split("/")])
