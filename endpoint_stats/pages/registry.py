"""What higher apps add to the core's pages; filled by their ``AppConfig.ready()``.

Marks on every time axis (releases, alerts), panels on an endpoint's page, pages of a project, what stands above each of
them, and a demo. Names are unique; the same one twice is an error.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from accounts.models import Project
from endpoint_stats.models import Endpoint
from endpoint_stats.query.spec import Filters

KINDS = ("release", "alert", "import")


@dataclass(frozen=True, slots=True)
class Mark:
    time: datetime
    label: str
    kind: str  # one of KINDS


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of an endpoint's page: its heading, and a template with what it needs."""

    title: str
    template: str
    context: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Demo:
    """Invented traffic, to look around in. ``title`` of its project; ``name(end)``: what the ledger calls the traffic
    that ends then; ``lines(name)``: its hits as lines of NDJSON, the same ones for the same name, however often."""

    title: str
    name: Callable[[datetime], str]
    lines: Callable[[str], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Banner:
    """What must be seen on every page of a project: what is wrong, since when (as people say it), and where to look."""

    text: str
    since: str
    link: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a project among its others. ``route`` takes the slug; ``count``: a number beside the title, where it is
    not 0; ``counted``: of what, for who does not see it."""

    title: str
    route: str
    count: Callable[[HttpRequest, Project], int] | None = None
    counted: str = ""


# Marks of a project in [start, end), as far as the filters let them through.
Marks = Callable[[Project, datetime, datetime, Filters], Sequence[Mark]]
# None where there is nothing to say of the endpoint.
Panels = Callable[[HttpRequest, Project, Endpoint], Panel | None]
# None where there is nothing that must be seen.
Banners = Callable[[HttpRequest, Project], Banner | None]

_marks: dict[str, Marks] = {}
_panels: dict[str, Panels] = {}
_banners: dict[str, Banners] = {}
_pages: dict[str, Page] = {}
_demos: dict[str, Demo] = {}


def register_marks(name: str, marks: Marks) -> None:
    _add(_marks, name, marks)


def register_panel(name: str, panel: Panels) -> None:
    _add(_panels, name, panel)


def register_banner(name: str, banner: Banners) -> None:
    _add(_banners, name, banner)


def register_page(page: Page) -> None:
    _add(_pages, page.route, page)


def register_demo(demo: Demo) -> None:
    _add(_demos, "demo", demo)


def demo() -> Demo | None:
    """None where no app has one to offer."""
    return _demos.get("demo")


def marks(project: Project, start: datetime, end: datetime, filters: Filters) -> list[dict[str, Any]]:
    """All of them by time, as charts take them."""
    found = [mark for provide in _marks.values() for mark in provide(project, start, end, filters)]
    wrong = next((mark for mark in found if mark.kind not in KINDS), None)
    if wrong is not None:
        raise ValueError(f"{wrong.kind!r} is no kind of mark: {', '.join(KINDS)}.")
    ordered = sorted(found, key=lambda mark: (mark.time, mark.label))
    return [{"time": int(mark.time.timestamp()), "label": mark.label, "kind": mark.kind} for mark in ordered]


def panels(request: HttpRequest, project: Project, endpoint: Endpoint) -> list[Panel]:
    made = (provide(request, project, endpoint) for provide in _panels.values())
    return [panel for panel in made if panel is not None]


def banners(request: HttpRequest, project: Project) -> list[Banner]:
    made = (provide(request, project) for provide in _banners.values())
    return [banner for banner in made if banner is not None]


def pages(project: Project) -> list[tuple[Page, str]]:
    """Each with its address, as they were registered; without those that this installation has no address for."""
    found = []
    for page in _pages.values():
        try:
            found.append((page, reverse(page.route, args=[project.slug])))
        except NoReverseMatch:
            continue
    return found


def _add(table: dict[str, Any], name: str, value: Any) -> None:
    if table.setdefault(name, value) != value:
        raise ValueError(f"{name!r} is registered twice.")
