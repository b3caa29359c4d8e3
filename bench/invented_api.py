"""The invented API whose log bench/make_log.py writes: its routes and paths, what it answers, and who calls it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

CLIENTS = 40_000
BOT_CLIENTS = 400

# A resource a line: its path, how its objects are named, and its actions. "lgpud" are list, get, create
# (POST), replace (PUT) and remove (DELETE); "e" edits (PATCH). A word is a part of one object that is read,
# "+word" something done to it, "word/" a list of numbered children, "=word" a page beside the list.
API = """
/api/v2/products           id    lgcpe  reviews/ +publish price stock media/
/api/v2/categories         slug  lgcpd  products
/api/v2/orders             id    lgce   items/ +cancel +refund invoice events
/api/v2/customers          id    lgcped orders addresses/ preferences +merge
/api/v2/carts              uuid  gcd    items/ +checkout totals
/api/v2/payments           uuid  lgc    +capture +void receipt
/api/v2/shipments          uuid  lgc    tracking
/api/v2/returns            id    lgce   +approve +reject
/api/v2/coupons            slug  lgcd   +redeem
/api/v2/stores             slug  lgp    hours stock
/api/v2/search             -     l      =suggest =facets
/api/v2/recommendations    uuid  g
/api/v2/users              id    lgced  roles sessions/ +invite avatar
/api/v2/teams              slug  lgced  members/ +join
/api/v2/projects           uuid  lgced  builds/ settings +archive
/api/v2/files              uuid  lgcd   content versions/ +share
/api/v2/comments           id    gced   +like
/api/v2/notifications      id    lgd    +read
/api/v2/webhooks           uuid  lgced  deliveries/
/api/v2/reports            uuid  lgc    rows +run
/api/v2/invoices           id    lgc    pdf +send
/api/v2/subscriptions      uuid  lgce   usage +pause
/api/v2/plans              slug  lg     =compare
/api/v2/tickets            id    lgce   messages/ +close
/api/v2/articles           slug  lgcp   revisions/ +publish
/api/v2/events             uuid  lgc    =stream
/api/v2/devices            uuid  lgced  readings/ +reboot
/api/v2/keys               uuid  lcd    +rotate
/api/v2/audit              uuid  lg     =export
/api/v1/products           id    lg     price
/api/v1/orders             id    lgc    items
/api/v1/session            -     cd     =refresh
/products                  slug  lg     reviews
/blog                      slug  lg     comments
/account                   -     l      =orders =settings =security
/static                    hash  g      =app.css =app.js
/status                    -     l      =health =ready
"""

METHODS = {"l": "GET", "g": "GET", "c": "POST", "p": "PUT", "e": "PATCH", "d": "DELETE"}

# Method -> status -> probability.
STATUSES: dict[str, dict[int, float]] = {
    "GET": {200: 0.894, 304: 0.045, 301: 0.012, 404: 0.031, 401: 0.009, 400: 0.003, 500: 0.004, 503: 0.002},
    "POST": {201: 0.70, 200: 0.23, 400: 0.042, 401: 0.012, 404: 0.005, 500: 0.008, 503: 0.003},
    "PUT": {200: 0.90, 204: 0.05, 400: 0.025, 401: 0.006, 404: 0.012, 500: 0.005, 503: 0.002},
    "PATCH": {200: 0.92, 400: 0.045, 401: 0.008, 404: 0.02, 500: 0.005, 503: 0.002},
    "DELETE": {204: 0.94, 401: 0.008, 404: 0.045, 500: 0.005, 503: 0.002},
}
BODIES = {204: 0, 304: 0, 301: 162, 400: 150, 401: 172, 404: 146, 500: 170, 503: 190}  # fixed pages of nginx

# Activity by hour of the day (UTC).
DAY = (
    0.45, 0.36, 0.30, 0.28, 0.30, 0.38, 0.52, 0.72, 0.95, 1.1, 1.18, 1.2,
    1.15, 1.18, 1.2, 1.18, 1.15, 1.12, 1.1, 1.12, 1.1, 0.98, 0.8, 0.6,
)  # fmt: skip

# 64 of them: six bits a word.
WORDS = (
    "amber", "arch", "basin", "birch", "bold", "brass", "calm", "cedar",
    "clay", "cloud", "coral", "crisp", "dawn", "delta", "dune", "ember",
    "fable", "fern", "field", "flint", "frost", "glade", "grain", "grove",
    "harbor", "hazel", "honey", "indigo", "iris", "ivory", "jade", "juniper",
    "kelp", "lake", "larch", "linen", "lunar", "maple", "marsh", "meadow",
    "mint", "moss", "noble", "north", "oak", "ocean", "olive", "opal",
    "pearl", "pine", "quartz", "quiet", "raven", "reed", "river", "sage",
    "slate", "solar", "stone", "tidal", "umber", "velvet", "willow", "zephyr",
)  # fmt: skip

QUERIES = (
    [f"?page={page}&per_page={size}" for page in range(1, 21) for size in (20, 50)]
    + [f"?q={word}" for word in WORDS[:40]]
    + [f"?sort={field}&order={way}" for field in ("created", "name", "price") for way in ("asc", "desc")]
    + [f"?cursor={word}{i}&limit=100" for word in WORDS[40:52] for i in range(3)]
)
QUERY_SHARE = 0.3  # of requests for a list

REFERERS = (
    "-",
    "https://shop.example.com/",
    "https://shop.example.com/search",
    "https://www.google.com/",
    "https://app.example.com/dashboard",
    "https://shop.example.com/products/maple-desk",
)
REFERER_SHARES = (0.45, 0.20, 0.10, 0.10, 0.10, 0.05)

BOTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
    "kube-probe/1.33",
)


# --- routes -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Route:
    """One endpoint; routes of one `resource` name the same objects by the same ids.

    `kind` is the parameter in `template` ("-" for none); `children`: it ends with a child's number.
    """

    resource: int
    method: str
    template: str
    kind: str
    children: bool
    is_list: bool


def read_routes(api: str = API) -> list[Route]:
    """The routes of an API table, in its order."""
    lines = enumerate(api.strip().split("\n"))
    return [route for number, line in lines for route in _resource(number, *line.split())]


def _resource(number: int, path: str, kind: str, verbs: str, *parts: str) -> Iterator[Route]:
    one = path if kind == "-" else f"{path}/{{{kind}}}"
    for verb in verbs:
        whole = verb in "lc" or kind == "-"
        yield Route(number, METHODS[verb], path if whole else one, "-" if whole else kind, False, verb == "l")
    for part in parts:
        name = part.strip("=+/")
        if part[0] == "=":
            yield Route(number, "GET", f"{path}/{name}", "-", False, False)
        elif part[0] == "+":
            yield Route(number, "POST", f"{one}/{name}", kind, False, False)
        else:
            yield Route(number, "GET", f"{one}/{name}", kind, False, part[-1] == "/")
            if part[-1] == "/":
                yield Route(number, "GET", f"{one}/{name}/{{id}}", kind, True, False)


# --- paths: integers to text ------------------------------------------------------------------------

OBJECT_BITS = {"-": 0, "slug": 11, "hash": 9, "id": 16, "uuid": 16}  # how many objects a parameter may name
CHILD_BITS = 2
SKEW = 1.55  # 1 is Zipf; more of it, and fewer distinct paths: 250,000 in 2 million lines


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64: well spread 64 bits from any integer."""
    with np.errstate(over="ignore"):
        z = values * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def _name(kind: str, number: int, high: int, low: int) -> str:
    """The text of object `number` of a resource; `high` and `low` are 64 well spread bits each."""
    if kind == "id":
        return str(10_000 + number * 40_503 % 2**16 * 7)  # one to one, and neighbours in rank lie far apart
    if kind == "slug":
        return f"{WORDS[number & 63]}-{WORDS[(number >> 6) + 13 & 63]}-{WORDS[high & 63]}"
    if kind == "hash":
        return f"{high & 0xFFFFFFFFFF:010x}.js"
    text = f"{high:016x}{low:016x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"  # a version 4 UUID


class Paths:
    """Every path the API can have, as one range of integers.

    A code is the template's first code + object · children + child. `seen` marks the codes used, one byte
    each, so the count of distinct paths is exact and its memory fixed.
    """

    def __init__(self, routes: list[Route]) -> None:
        by_template = {route.template: route for route in routes}  # methods of one template share its paths
        self.templates = list(by_template.values())
        position = {template: i for i, template in enumerate(by_template)}
        self.template_of = np.array([position[route.template] for route in routes])
        self.resource = np.array([route.resource for route in self.templates], dtype=np.uint64)
        self.object_bits = np.array([OBJECT_BITS[route.kind] for route in self.templates])
        self.child_bits = np.array([CHILD_BITS * route.children for route in self.templates])
        sizes = 2 ** (self.object_bits + self.child_bits)
        self.first = np.concatenate(([0], np.cumsum(sizes)[:-1]))
        self.seen = np.zeros(int(sizes.sum()), dtype=bool)

    def draw(self, rng: np.random.Generator, route: Ints) -> Ints:
        """A code for each route index; popular objects are used far more often (about 1 / rank)."""
        template = self.template_of[route]
        number = (2 ** (rng.random(len(route)) ** SKEW * self.object_bits[template])).astype(np.int64) - 1
        child = rng.integers(0, 2 ** self.child_bits[template])
        codes: Ints = self.first[template] + (number << self.child_bits[template]) + child
        self.seen[codes] = True
        return codes

    def texts(self, codes: Ints) -> list[str]:
        """The path of each code."""
        template = np.searchsorted(self.first, codes, side="right") - 1
        rest = codes - self.first[template]
        child = rest & (1 << self.child_bits[template]) - 1
        number = rest >> self.child_bits[template]
        key = number.astype(np.uint64) << np.uint64(10) | self.resource[template]
        high, low = _mix(key), _mix(key + np.uint64(1 << 40))
        columns = (template, number, child, high, low)
        return [self._text(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]

    def _text(self, index: int, number: int, child: int, high: int, low: int) -> str:
        route = self.templates[index]
        if route.kind == "-":
            return route.template
        path = route.template.replace(f"{{{route.kind}}}", _name(route.kind, number, high, low), 1)
        return path.replace("{id}", str(child + 1)) if route.children else path


# --- clients ----------------------------------------------------------------------------------------


def user_agents() -> list[str]:
    """About 2,000 user agents of browsers, phones and programs."""
    systems = (
        "Windows NT 10.0; Win64; x64",
        "Macintosh; Intel Mac OS X 10_15_7",
        "X11; Linux x86_64",
        "Linux; Android 10; K",
        "X11; CrOS x86_64 14541.0.0",
    )
    webkit = "AppleWebKit/537.36 (KHTML, like Gecko)"
    chrome = [
        f"Mozilla/5.0 ({system}) {webkit} Chrome/{version}.0.{patch}.0 Safari/537.36"
        for version in range(141, 111, -1)
        for patch in (0, 6613, 7049, 7103, 7204)
        for system in systems
    ]
    edge = [f"{agent} Edg/{version}.0.0.0" for version in (141, 140, 139, 138) for agent in chrome[:180]]
    firefox = [
        f"Mozilla/5.0 ({system}; rv:{version}.0) Gecko/20100101 Firefox/{version}.0"
        for version in range(144, 104, -1)
        for system in systems[:3]
    ]
    safari = [
        f"Mozilla/5.0 ({device} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        f"Version/{major}.{minor} Mobile/15E148 Safari/604.1"
        for major in (18, 17, 16)
        for minor in range(7)
        for device in (f"iPhone; CPU iPhone OS {major}_{minor}", f"iPad; CPU OS {major}_{minor}")
    ]
    programs = [
        f"{program}/{major}.{minor}.{patch}"
        for program in ("python-requests", "okhttp", "axios", "Go-http-client", "ShopApp-iOS", "ShopApp-And")
        for major in (4, 3, 2)
        for minor in range(5)
        for patch in range(4)
    ]
    return chrome + edge + firefox + safari + programs


class Clients:
    """Addresses (of the range reserved for benchmarks) with their user agents; the last ones are bots."""

    def __init__(self, rng: np.random.Generator) -> None:
        agents = rng.permutation(user_agents()).tolist()
        host = rng.permutation(2**17)[: CLIENTS + BOT_CLIENTS].tolist()
        self.address = [f"198.{18 + (h >> 16)}.{h >> 8 & 255}.{h & 255}" for h in host]
        # Each user agent has at least one client, and a few have most of them.
        favourites = (len(agents) * rng.random(CLIENTS) ** 2).astype(np.int64)
        chosen = np.concatenate((np.arange(len(agents)), favourites))
        self.agent = [agents[i] for i in rng.permutation(chosen[:CLIENTS]).tolist()]
        self.agent += [BOTS[i % len(BOTS)] for i in range(BOT_CLIENTS)]

    def draw(self, rng: np.random.Generator, may_be_bot: NDArray[np.bool_]) -> Ints:
        n = len(may_be_bot)
        people = (CLIENTS * rng.random(n) ** 2).astype(np.int64)  # some are much busier than others
        bots = CLIENTS + rng.integers(0, BOT_CLIENTS, n)
        return np.where(may_be_bot & (rng.random(n) < 0.05), bots, people)
