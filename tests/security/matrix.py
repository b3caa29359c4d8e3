"""One route, asked by everybody in every way, and what must be true of each answer."""

from itertools import product
from typing import Any

from .asking import ANSWERS, METHODS, SAFE, SIGN_IN, ask, outcome, said, shape
from .routes import ADMIN, ASKERS, BY_KEY, INGEST, KEYS, MEMBERS, PEOPLE, ROUTES, Route, place, route_of
from .rows import undone
from .staff import values_of
from .url_map import address
from .world import OF_EDITORS, OF_OWNERS, Tenant, World

OF_A, OF_B = (*MEMBERS, *BY_KEY, "ingest key"), ("stranger", "foreign key")
SOME = ("stranger", "write key", "nobody")


def place_of(name: str, tenant: Tenant) -> str:
    """An address of the route, with the tenant's own ids."""
    return address(name, values_of(name, tenant)) if route_of(name) is ADMIN else place(name, tenant.ids)


def foreign_to(who: str, route: Route, world: World) -> set[str]:
    """What must not be said to somebody: markers of the projects that are not theirs, and words of rights that are
    not."""
    a, b = world.a.markers, world.b.markers
    if who == "staff" and route is ADMIN:
        return set()
    if who in MEMBERS:
        return b | {"viewer": {OF_EDITORS, OF_OWNERS}, "editor": {OF_OWNERS}}.get(who, set())
    if who in BY_KEY:
        return b | {OF_OWNERS} | ({OF_EDITORS} if who == "read key" else set())
    if who == "ingest key" and route.rule is INGEST:
        return (a | b) - {world.a.ids["batch of the ingest key"]}  # where what it sent itself is counted
    return a if who in OF_B else a | b


class Matrix:
    """Asks, and collects all that is not as it should be."""

    def __init__(self, name: str, world: World) -> None:
        self.route, self.world = route_of(name), world
        self.path = place_of(name, world.a)
        self.wrong: list[str] = []

    def run(self) -> None:
        requests = self.requests()
        with undone():
            answers = {asked: self.ask(*asked) for asked in requests if not self.may_change(*asked)}
            for query, who in product(self.route.queries, ASKERS):
                self.ask("GET", who, query)
            self.compare("What was only looked at, or refused,")
        for method, who in requests:
            if self.may_change(method, who):
                with undone():
                    self.ask(method, who)
                    self.compare(f"{method} {self.path} as {who}", who)
        self.keys_open_nothing(answers)
        if self.route.shows and self.world.a.word not in said(answers["GET", "owner"], self.path):
            self.wrong.append(f"GET {self.path} shows nothing of its project: that it leaks nothing says nothing")

    def requests(self) -> list[tuple[str, str]]:
        """Every method by everybody. The admin asks who comes before it looks at what for, in one place for its 150
        routes: there the unusual methods are tried by some, and what staff do is not tried."""
        asked = list(product(METHODS, ASKERS))
        if self.route is not ADMIN:
            return asked
        return [
            (method, who)
            for method, who in asked
            if method == "GET" or who in SOME or (method == "POST" and who != "staff")
        ]

    def ask(self, method: str, who: str, query: str = "", headers: dict[str, str] | None = None) -> Any:
        """One request: its outcome is the one that stands in the table, and it tells nothing of what is foreign."""
        asker = self.world.askers[who]
        path = f"{self.path}?{self.world.a.filled(query)}" if query else self.path
        body = self.route.body
        if not isinstance(body, bytes):
            body = {name: self.world.a.filled(value, email=asker.email) for name, value in body.items()}
        answer = ask(asker, method, path, body, self.route.content_type, headers)
        asked = f"{method} {path}{f' with {headers}' if headers else ''} as {who}"
        wanted, became = self.route.outcome(method, who), outcome(answer)
        if became not in wanted.split("/"):
            self.wrong.append(f"{asked}: {became}, not {wanted}")
        told = said(answer, path)
        leaks = sorted(marker for marker in foreign_to(who, self.route, self.world) if marker.lower() in told)
        if leaks:
            self.wrong.append(f"{asked}: tells {', '.join(leaks)}")
        if asker.session and self.world.a.word in told and not _is_private(answer):
            self.wrong.append(f"{asked}: a cache on the way may hand this answer to somebody else")
        return answer

    def may_change(self, method: str, who: str) -> bool:
        if self.route.once:
            return who in PEOPLE
        return method not in SAFE and ANSWERS in self.route.outcome(method, who).split("/")

    def compare(self, what: str, who: str = "") -> None:
        """That all is as before, but for the own project of ``who``."""
        if who == "staff" and self.route is ADMIN:
            return
        own = self.world.a if who in OF_A else self.world.b if who in OF_B else None
        # An account that is deleted takes its name out of what others' audit logs say of it.
        left = {"accounts.AuditEvent"} if who and self.route is ROUTES["account/data/delete/"] else set()
        changes = [(table, change) for table, change in self.world.changes(but=own) if table not in left]
        self.wrong += [f"{what} changed {table}: {change}" for table, change in changes]

    def keys_open_nothing(self, answers: dict[tuple[str, str], Any]) -> None:
        """Where people sign in, who brings a key is nobody."""
        for (method, who), answer in answers.items():
            if who in KEYS and self.route.outcome(method, who) == SIGN_IN:
                nobodys = answers[method, "nobody"]
                if shape(answer, {}) != shape(nobodys, {}):
                    self.wrong.append(f"{method} {self.path} as {who} is not what nobody gets")


def _is_private(answer: Any) -> bool:
    control, vary = answer.get("Cache-Control", ""), answer.get("Vary", "")
    return "private" in control or "no-store" in control or "cookie" in vary.lower()
