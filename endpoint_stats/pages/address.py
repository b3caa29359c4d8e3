"""What the address of a page says: range, filters, order, search. Links are the address with a part changed, so that
back, reload and a pasted link show the same."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.http import QueryDict

from endpoint_stats.query.spec import FILTER, Filters

PLAIN = ("from", "to", "order", "q", "all", "by", "a", "b", "a_from", "a_to")
# What a page of something else begins with: order and search are of the table that they stand on.
RANGE = ("from", "to")
TITLES = {
    "service": "Service",
    "method": "Method",
    "route": "Route",
    "endpoint": "Endpoint",
    "status": "Status",
    "consumer": "Consumer",
    "release": "Version",
    "traffic": "Traffic",
}
PEOPLE_ONLY = ("traffic", ("normal",))  # bots and health checks are hidden


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is set, with the address without it."""

    title: str
    value: str
    query: str


@dataclass(frozen=True, slots=True)
class Address:
    plain: Mapping[str, str]
    filters: Filters = ()

    @classmethod
    def of(cls, given: QueryDict) -> "Address":
        """Of a request; what is empty is not there, as forms send what was not filled in."""
        chosen = {}
        for name in given:
            values = tuple(dict.fromkeys(value.strip() for value in given.getlist(name) if value.strip()))
            if name.startswith(FILTER) and values:
                chosen[name.removeprefix(FILTER)] = values
        plain = {name: str(given[name]) for name in PLAIN if given.get(name)}
        return cls(plain, tuple(sorted(chosen.items())))

    @staticmethod
    def is_untidy(given: QueryDict) -> bool:
        """Whether a form has sent what nobody filled in: such an address is long, and no one to pass on."""
        return any(not value.strip() for name in given if name.startswith(FILTER) for value in given.getlist(name))

    def get(self, name: str, default: str = "") -> str:
        return self.plain.get(name, default)

    def pairs(self, *, without: tuple[str, ...] = ()) -> list[tuple[str, str]]:
        """As hidden fields of a form have them."""
        plain = [(name, value) for name, value in self.plain.items() if name not in without]
        return plain + [(f"{FILTER}{name}", value) for name, values in self.filters for value in values]

    def query(self, **changes: str) -> str:
        """The query string with parts replaced, or taken out where they become "". ``from`` is written ``from_``."""
        plain = {name: value for name, value in self.plain.items() if name in PLAIN}
        plain |= {name.rstrip("_"): value for name, value in changes.items()}
        kept = replace(self, plain={name: value for name, value in plain.items() if value})
        return urlencode(kept.pairs())

    def elsewhere(self) -> "Address":
        """The same range and filters, for a page of its own."""
        return replace(self, plain={name: value for name, value in self.plain.items() if name in RANGE})

    def filtered(self, name: str, *values: str) -> "Address":
        """With these values of a filter instead of those it has; none take it out."""
        chosen = dict(self.filters) | {name: values}
        return replace(self, filters=tuple(sorted((one, some) for one, some in chosen.items() if some)))

    def without(self, *names: str) -> "Address":
        """Without these filters."""
        return replace(self, filters=tuple((name, values) for name, values in self.filters if name not in names))

    def unfiltered(self) -> "Address":
        return replace(self, filters=())

    def chips(self) -> list[Chip]:
        """The filters, each value with a link that takes it out."""
        return [
            Chip(
                TITLES.get(name, name),
                value,
                self.filtered(name, *(other for other in values if other != value)).query(),
            )
            for name, values in self.filters
            if (name, values) != PEOPLE_ONLY
            for value in values
        ]

    def switch(self) -> dict[str, object] | None:
        """Bots and health checks, shown or hidden by one click; None where that cannot be asked."""
        names = dict(self.filters)
        if "consumer" in names:
            return None
        hidden = ("traffic", names.get("traffic")) == PEOPLE_ONLY
        return {"hidden": hidden, "query": self.filtered("traffic", *(() if hidden else PEOPLE_ONLY[1])).query()}
