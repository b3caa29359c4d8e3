"""Access logs for tests, and plain counting of their lines: what the product must agree with.

Nothing here imports the product. A line is good if it matches ``GOOD``, its time can be read by ``strptime`` and
its status lies between 100 and 599.
"""

import bz2
import gzip
import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import zstandard

START = datetime(2025, 11, 13, 22, 17, 5, tzinfo=UTC)
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15",
    "curl/8.5.0",
    "okhttp/4.12.0",
    "Googlebot/2.1 (+http://www.google.com/bot.html)",
    "kube-probe/1.29",
)
GOOD = re.compile(
    r'(?P<ip>\S+) - \S+ \[(?P<time>[^\]]+)\] "(?P<method>[A-Z]+) (?P<path>/[^ ?]*)(?:\?\S*)? HTTP/1\.1"'
    r' (?P<status>\d{3}) (?P<size>\d+) "[^"]*" "[^"]*"'
)
BAD = (
    "this is not an access log line",
    '203.0.113.9 - - [13/Nov/2025:22:20:00 +0000] "\\x16\\x03\\x01\\x02" 400 226 "-" "-"',
    '203.0.113.9 - - [31/Feb/2025:22:20:00 +0000] "GET /never HTTP/1.1" 200 2 "-" "-"',
    '203.0.113.9 - - [13/Nov/2025:22:20:00 +0000] "GET /never HTTP/1.1" 999 2 "-" "-"',
    '203.0.113.9 - - [13/Nov/2025:22:20:00 +0000] "GET /never HTT',
    "",
)


def line(
    at: datetime, path: str, *, method: str = "GET", status: int = 200, size: int = 512, agent: str = "curl/8.5.0"
) -> bytes:
    """A line of the combined format, its newline included."""
    time = at.strftime("%d/%b/%Y:%H:%M:%S %z")
    return f'203.0.113.9 - - [{time}] "{method} {path} HTTP/1.1" {status} {size} "-" "{agent}"\n'.encode()


def access_log(count: int, seed: int = 1, *, bad: float = 0.01, seconds: float = 0.7) -> list[bytes]:
    """``count`` lines in time order over ids, lists, statics and 404s; a share of them bad. The same for a seed."""
    pick = random.Random(seed)
    at, lines = START, []
    for _ in range(count):
        at += timedelta(seconds=pick.expovariate(1 / seconds))
        if pick.random() < bad:
            lines.append(pick.choice(BAD).encode() + b"\n")
            continue
        number = int(pick.paretovariate(0.9))
        path, method, status = pick.choice(
            (
                (f"/orders/{number}", "GET", pick.choice((200, 200, 200, 304, 404, 500))),
                (f"/orders/{number}/items/{pick.randint(1, 9)}", "GET", 200),
                ("/orders", "POST", pick.choice((201, 201, 400, 422, 503))),
                (f"/users/{pick.randint(1, 400):08x}?tab=orders", "PATCH", pick.choice((200, 204, 409))),
                (f"/static/app.{number % 7}.js", "GET", pick.choice((200, 304))),
                (f"/wp-login-{pick.randint(1, 60)}.php", "GET", 404),
                ("/health", "GET", 200),
            )
        )
        lines.append(
            line(at, path, method=method, status=status, size=pick.randint(0, 90_000), agent=pick.choice(AGENTS))
        )
    return lines


def numbered(count: int, *, seconds: float = 0.5) -> list[bytes]:
    """Lines that each have a path of their own, ``/line/<index>``: what was counted can be told line by line."""
    return [line(START + timedelta(seconds=at * seconds), f"/line/{at}") for at in range(count)]


@dataclass
class Counts:
    """What plain counting finds."""

    read: int = 0
    good: int = 0
    by_status: Counter[int] = field(default_factory=Counter)
    by_path: Counter[str] = field(default_factory=Counter)
    by_route: Counter[tuple[str, str]] = field(default_factory=Counter)
    by_minute: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    by_hour: Counter[int] = field(default_factory=Counter)
    by_day: Counter[int] = field(default_factory=Counter)
    bytes_sent: int = 0

    @property
    def bad(self) -> int:
        return self.read - self.good


def count(lines: Iterable[bytes]) -> Counts:
    found = Counts()
    for raw in lines:
        found.read += 1
        match = GOOD.fullmatch(raw.decode("utf-8", "replace").rstrip("\n"))
        if match is None or not 100 <= int(match["status"]) <= 599:
            continue
        try:
            seconds = int(datetime.strptime(match["time"], "%d/%b/%Y:%H:%M:%S %z").timestamp())
        except ValueError:
            continue
        found.good += 1
        found.by_status[int(match["status"])] += 1
        found.by_path[match["path"]] += 1
        found.by_route[match["method"], match["path"]] += 1
        found.by_minute[seconds // 60, match["method"], match["path"]] += 1
        found.by_hour[seconds // 3600] += 1
        found.by_day[seconds // 86400] += 1
        found.bytes_sent += int(match["size"])
    return found


def packed(kind: str, data: bytes) -> bytes:
    """``data`` as a file of that kind."""
    if kind == "gzip":
        return gzip.compress(data, 1)
    if kind == "bzip2":
        return bz2.compress(data, 1)
    if kind == "zstd":
        return zstandard.ZstdCompressor(level=1).compress(data)
    if kind == "frames":  # as pzstd and rotating writers leave it: one frame after another
        half = len(data) // 2
        return packed("zstd", data[:half]) + packed("zstd", data[half:])
    return data


def join(lines: Sequence[bytes]) -> bytes:
    return b"".join(lines)
