"""nginx log_format and Apache LogFormat strings: text -> literals and variables, and the slots they fill."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from . import strftime, values
from .base import ColumnDecoder, Decoder
from .targets import text_target
from .variables import Shape, Use, Variable, apache_variable, header_name, nginx_variable

Token = str | Variable

_NGINX_DIRECTIVE = re.compile(r"\s*log_format\s+(\S+)\s+(?:escape=(\w+)\s+)?(.*?)\s*;?\s*", re.DOTALL)
_NGINX_PIECE = re.compile(r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^\s'";]+))""", re.DOTALL)
_NGINX_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)", re.ASCII)
_APACHE_LINE = re.compile(
    r"""\s*LogFormat\s+(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')\s*[\w.-]*\s*""", re.DOTALL | re.IGNORECASE
)
_APACHE_VARIABLE = re.compile(r"%((?:[<>]|!?\d{3}(?:,\d{3})*)*)(?:\{([^}]*)\})?([<>]?)(\^t[io]|[A-Za-z%])", re.ASCII)
_BACKSLASH = re.compile(r"\\(.)", re.DOTALL)
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t"}
_ESCAPES = ("default", "json", "none")


@dataclass(frozen=True, slots=True)
class Format:
    """A parsed format string: literals and variables in turn.

    escape: how the server writes quotes and control characters in values; "none" is ambiguous but allowed.
    open_ended: more fields may follow after the last token.
    """

    tokens: tuple[Token, ...]
    escape: str = "default"
    open_ended: bool = False


@dataclass(frozen=True, slots=True)
class Binding:
    """How a slot is filled: places of its variables among Format.tokens, and the decoder of their text.

    The raw value is the variable's bytes, or a tuple of bytes when there are several variables. `column` decodes the
    plain values of a whole column, where there is one variable and a faster way than one value after another.
    """

    places: tuple[int, ...]
    decode: Decoder
    column: ColumnDecoder | None = None


def parse(text: str, open_ended: bool = False) -> Format:
    """Parse a format string, or a whole log_format or LogFormat directive. Raises ValueError, in a sentence."""
    directive = _NGINX_DIRECTIVE.fullmatch(text)
    escape = "default"
    if directive:
        escape = directive[2] or "default"
        if escape not in _ESCAPES:
            raise ValueError(f"escape={escape} is unknown; nginx has default, json and none.")
        tokens = _nginx_tokens(_nginx_text(directive[3]))
    elif line := _APACHE_LINE.fullmatch(text):
        tokens = _apache_tokens(line[1] if line[1] is not None else line[2])
    elif _NGINX_VARIABLE.search(text):
        tokens = _nginx_tokens(text)
    else:
        tokens = _apache_tokens(text)
    joined = _join_literals(tokens)
    _check_neighbours(joined)
    if open_ended and not (isinstance(joined[-1], str) and joined[-1].endswith('"')):
        raise ValueError("A log format that further fields may follow must end with a quoted variable.")
    return Format(tuple(joined), escape, open_ended)


def _nginx_text(pieces: str) -> str:
    """The quoted pieces of a log_format directive, unquoted and put together."""
    parts, position = [], 0
    while position < len(pieces):
        found = _NGINX_PIECE.match(pieces, position)
        if not found:
            raise ValueError("A quote of the log_format directive is not closed.")
        single, double, bare = found.groups()
        quoted = single if single is not None else double
        parts.append(bare if quoted is None else _unbackslash(quoted))
        position = found.end()
    return "".join(parts)


def _unbackslash(text: str) -> str:
    return _BACKSLASH.sub(lambda found: _CONTROLS.get(found[1], found[1]), text)


def _nginx_tokens(text: str) -> list[Token]:
    return _tokens(text, _NGINX_VARIABLE, lambda found: [nginx_variable(found[1] or found[2], found[0])])


def _apache_tokens(text: str) -> list[Token]:
    return _tokens(_unbackslash(text), _APACHE_VARIABLE, _apache_directive)


def _apache_directive(found: re.Match[str]) -> list[Token]:
    modifiers, argument, late, letter = found.groups()
    if letter == "%":
        return ["%"]
    variable = apache_variable(letter, argument, "<" in modifiers + late, found[0])
    # %t writes the brackets itself.
    return ["[", variable, "]"] if variable.shape is Shape.CLF_TIME else [variable]


def _tokens(text: str, expression: re.Pattern[str], variable: Callable[[re.Match[str]], list[Any]]) -> list[Token]:
    tokens: list[Token] = []
    position = 0
    for found in expression.finditer(text):
        tokens.append(text[position : found.start()])
        tokens += variable(found)
        position = found.end()
    return [*tokens, text[position:]]


def _join_literals(tokens: list[Token]) -> list[Token]:
    joined: list[Token] = []
    for token in tokens:
        if isinstance(token, str) and joined and isinstance(joined[-1], str):
            joined[-1] += token
        elif token != "":
            joined.append(token)
    return joined


def _check_neighbours(tokens: list[Token]) -> None:
    """ValueError where one variable's end could not be told from the next one's beginning."""
    for left, right in pairwise(tokens):
        if isinstance(left, Variable) and isinstance(right, Variable):
            fixed = left.shape in (Shape.CLF_TIME, Shape.MARK, Shape.PATTERN)
            marked = left.shape is not Shape.WIDE and right.shape in (Shape.PATH, Shape.QUERY, Shape.MARK)
            if not fixed and not marked:
                raise ValueError(
                    f"{left.text} and {right.text} stand side by side, so one cannot be told from the other; "
                    "put a space or another character between them."
                )
    segment: list[Variable] = []
    for index, token in enumerate(tokens):
        if isinstance(token, str):
            segment = [] if '"' in token else segment
        elif token.shape is Shape.WIDE and token.use != Use("consumer") and not _enclosed(tokens, index):
            if segment:
                raise ValueError(f"{segment[0].text} and {token.text} may both have spaces; put one of them in quotes.")
            segment.append(token)


def _enclosed(tokens: list[Token], index: int) -> bool:
    before, after = tokens[index - 1 : index], tokens[index + 1 : index + 2]
    return bool(
        before
        and after
        and isinstance(before[0], str)
        and isinstance(after[0], str)
        and before[0].endswith('"')
        and after[0].startswith('"')
    )


def bind(parsed: Format, consumer_field: str = "") -> Mapping[str, Binding]:
    """Slot -> Binding. ValueError when the format lacks a time, a request, a status or the consumer's field."""
    best: dict[str, tuple[int, Use]] = {}
    pieces, stages = [], []
    for place, token in enumerate(parsed.tokens):
        if isinstance(token, str) or token.use is None:
            continue
        use = token.use
        if use.slot == "time_piece":
            pieces.append(place)
        elif use.slot == "duration_stage":
            stages.append(place)
        elif use.slot not in best or use.rank < best[use.slot][1].rank:
            best[use.slot] = place, use
    escaped = parsed.escape != "none"
    found = _plain_bindings(best, escaped)
    if pieces and "time" not in found:
        formats = [token.time_format for token in (parsed.tokens[p] for p in pieces) if not isinstance(token, str)]
        found["time"] = Binding(tuple(pieces), strftime.decoder(formats))
    if stages:
        found["duration"] = Binding(tuple(stages), values.seconds_sum)
    if consumer_field:
        place = _consumer_place(parsed.tokens, consumer_field)
        found["consumer"] = Binding((place,), values.name(values.CONSUMER_LENGTH, escaped))
    _check_complete(found)
    return found


def _plain_bindings(best: dict[str, tuple[int, Use]], escaped: bool) -> dict[str, Binding]:
    found = {slot: Binding((place,), use.decode, use.column) for slot, (place, use) in best.items() if use.decode}
    if "request" in best:
        found["target"] = Binding((best["request"][0],), text_target(escaped))
    elif "method" in best and "path" in best:
        found["target"] = Binding((best["method"][0], best["path"][0]), text_target(escaped))
    for slot, length in (("consumer", values.CONSUMER_LENGTH), ("user_agent", values.USER_AGENT_LENGTH)):
        if slot in best:
            found[slot] = Binding((best[slot][0],), values.name(length, escaped))
    return found


def _consumer_place(tokens: tuple[Token, ...], consumer_field: str) -> int:
    wanted = consumer_field.strip()
    if header := re.fullmatch(r"%[<>]?\{([^}]*)\}\w", wanted):
        wanted = header[1]
    wanted = header_name(wanted.removeprefix("$").strip("{}")).removeprefix("http_")
    names = {}
    for place, token in enumerate(tokens):
        if isinstance(token, Variable):
            if wanted == token.name or consumer_field.strip() == token.text:
                return place
            names[token.text] = place
    raise ValueError(f"The log format has no {consumer_field}; its variables are {', '.join(names)}.")


def _check_complete(found: Mapping[str, Binding]) -> None:
    needs = {
        "time": "a time: add $time_local (nginx) or %t (Apache)",
        "target": "a request: add $request, or $request_method and $request_uri (nginx), or %r (Apache)",
        "status": "a status: add $status (nginx) or %>s (Apache)",
    }
    for slot, sentence in needs.items():
        if slot not in found:
            raise ValueError(f"The log format lacks {sentence}.")
