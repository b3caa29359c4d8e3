"""What the variables of nginx's log_format and the directives of Apache's LogFormat mean to us.

Sources: nginx's ngx_http_log_module, ngx_http_core_module and ngx_http_upstream_module; Apache 2.4's
mod_log_config and mod_logio. Variables named alb_ and traefik_ are our own, for the formats of those products.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from . import digits, strftime, times, values
from .base import ColumnDecoder, Decoder


class Shape(Enum):
    """What a variable's text can look like where no quotes enclose it."""

    WORD = auto()  # no space
    WIDE = auto()  # may have spaces
    LIST = auto()  # words joined by ", " or " : "
    PATH = auto()  # a word that begins with a slash
    QUERY = auto()  # empty, or a word that begins with a question mark
    MARK = auto()  # empty, or a question mark
    CLF_TIME = auto()  # 26 bytes with a space as the 21st
    PATTERN = auto()  # what the variable's own pattern says
    QUOTED = auto()  # anything up to the closing quote


@dataclass(frozen=True, slots=True)
class Use:
    """What a variable is good for: the slot, or the part of one; the lowest rank of a slot wins.

    column: what decodes the plain values of a whole column, exactly as `decode` does.
    Parts: "request", or "method" and "path", make a target; "time_piece" and "duration_stage" are combined.
    """

    slot: str
    rank: int = 0
    decode: Decoder | None = None
    column: ColumnDecoder | None = None


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable of a format string. `text` is as written; `name` is what consumer_field is compared with."""

    text: str
    name: str
    shape: Shape = Shape.WORD
    use: Use | None = None
    pattern: str = ""
    time_format: str = ""


# What decodes a single text, and a whole column of them.
_NANO, _MICRO, _MILLI, _SECOND = ((values.duration(10**power), digits.duration(10**power)) for power in (0, 3, 6, 9))
_STATUS = (values.status, digits.status)
_SIZE = (values.size, digits.size)
_CLF_TIME = (times.clf_time, digits.clf_time)
_ISO_TIME = (times.iso_time, digits.iso_time)


def _epoch(units_per_second: int) -> tuple[Decoder, ColumnDecoder]:
    return times.epoch_time(units_per_second), digits.epoch_time(units_per_second)


_NGINX: dict[str, tuple[Shape, Use | None]] = {
    "time_local": (Shape.CLF_TIME, Use("time", 0, *_CLF_TIME)),
    "time_iso8601": (Shape.WORD, Use("time", 1, *_ISO_TIME)),
    "msec": (Shape.WORD, Use("time", 2, *_epoch(1))),
    "request": (Shape.WIDE, Use("request")),
    "request_method": (Shape.WORD, Use("method")),
    "request_uri": (Shape.PATH, Use("path", 0)),
    "uri": (Shape.PATH, Use("path", 1)),
    "document_uri": (Shape.PATH, Use("path", 2)),
    "args": (Shape.WORD, None),
    "is_args": (Shape.MARK, None),
    "status": (Shape.WORD, Use("status", 0, *_STATUS)),
    "body_bytes_sent": (Shape.WORD, Use("response_size", 0, *_SIZE)),
    "bytes_sent": (Shape.WORD, Use("response_size", 1, *_SIZE)),
    "request_length": (Shape.WORD, Use("request_size", 0, *_SIZE)),
    "content_length": (Shape.WORD, Use("request_size", 1, *_SIZE)),
    "http_content_length": (Shape.WORD, Use("request_size", 2, *_SIZE)),
    "request_time": (Shape.WORD, Use("duration", 0, *_SECOND)),
    "upstream_response_time": (Shape.LIST, Use("duration", 1, values.seconds_list, digits.duration(10**9))),
    "remote_user": (Shape.WIDE, Use("consumer")),
    "http_user_agent": (Shape.WIDE, Use("user_agent")),
    "http_x_forwarded_for": (Shape.LIST, None),
    "proxy_add_x_forwarded_for": (Shape.LIST, None),
    "alb_request_processing_time": (Shape.WORD, Use("duration_stage")),
    "alb_target_processing_time": (Shape.WORD, Use("duration_stage")),
    "alb_response_processing_time": (Shape.WORD, Use("duration_stage")),
    "traefik_duration_ms": (Shape.WORD, Use("duration", 0, *_MILLI)),
}

_APACHE: dict[str, tuple[str, Shape, Use | None]] = {
    "b": ("response_size", Shape.WORD, Use("response_size", 0, *_SIZE)),
    "B": ("response_size", Shape.WORD, Use("response_size", 0, *_SIZE)),
    "O": ("bytes_sent", Shape.WORD, Use("response_size", 1, *_SIZE)),
    "I": ("request_size", Shape.WORD, Use("request_size", 0, *_SIZE)),
    "D": ("duration", Shape.WORD, Use("duration", 0, *_MICRO)),
    "m": ("method", Shape.WORD, Use("method")),
    "U": ("path", Shape.PATH, Use("path", 1)),
    "q": ("query", Shape.QUERY, None),
    "r": ("request", Shape.WIDE, Use("request")),
    "u": ("remote_user", Shape.WIDE, Use("consumer")),
}
_APACHE_DURATIONS = {"us": Use("duration", 1, *_MICRO), "ms": Use("duration", 2, *_MILLI)}
_APACHE_EPOCHS = {"sec": 1, "msec": 10**3, "usec": 10**6}


def header_name(text: str) -> str:
    """A header's name in nginx's spelling, without the prefix http_."""
    return text.lower().replace("-", "_")


def nginx_variable(name: str, text: str) -> Variable:
    """The variable $name. Unknown ones are matched and ignored."""
    shape, use = _NGINX.get(name, (Shape.WORD, None))
    if name.startswith("upstream_"):
        shape = Shape.LIST  # one value for each server that was tried
    return Variable(text, name.removeprefix("http_"), shape, use)


def apache_variable(letter: str, argument: str | None, original: bool, text: str) -> Variable:
    """The directive %letter, %{argument}letter or %<letter (`original`). Unknown ones are ignored.

    Raises ValueError for a time format that cannot be read.
    """
    if letter == "t":
        return _apache_time(argument or "", text)
    if letter == "T":
        return Variable(text, "duration", use=_APACHE_DURATIONS.get(argument or "", Use("duration", 3, *_SECOND)))
    if letter == "s":
        # Of a request that was redirected inside, the last status (%>s) is what the client saw.
        rank = 2 if original else 0 if ">" in text else 1
        return Variable(text, "status", use=Use("status", rank, *_STATUS))
    if letter == "i" and argument:
        name = header_name(argument)
        if name == "user_agent":
            return Variable(text, name, Shape.WIDE, Use("user_agent"))
        if name == "content_length":
            return Variable(text, name, use=Use("request_size", 1, *_SIZE))
        return Variable(text, name, Shape.LIST if name == "x_forwarded_for" else Shape.WORD)
    if argument is not None or letter not in _APACHE:
        return Variable(text, header_name(argument or letter))
    name, shape, use = _APACHE[letter]
    return Variable(text, name, shape, use)


def _apache_time(argument: str, text: str) -> Variable:
    argument = argument.removeprefix("begin:").removeprefix("end:")
    if not argument:
        return Variable(text, "time", Shape.CLF_TIME, Use("time", 0, *_CLF_TIME))
    if argument in _APACHE_EPOCHS:
        return Variable(text, "time", use=Use("time", 2, *_epoch(_APACHE_EPOCHS[argument])))
    if argument in ("msec_frac", "usec_frac"):
        return Variable(text, "time", Shape.PATTERN, pattern=r"\d{3}" if argument[0] == "m" else r"\d{6}")
    pattern = strftime.pattern(argument)
    return Variable(text, "time", Shape.PATTERN, Use("time_piece"), pattern, argument)
