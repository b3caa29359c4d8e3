"""Every page of numbers under names that break pages: axe, no sideways scrolling, a silent console, both themes, four
widths; with nothing and with one hit."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone

from accounts.models import User
from accounts.services import create_project
from alerts.dispatch import deliver
from alerts.models import Channel, Incident, Inhibition, Maintenance, Policy, Silence
from endpoint_stats.models import Endpoint
from tests.alerts.making import everything
from tests.e2e.test_overview import AXE, HOSTILE, RANGE, sign_in
from tests.e2e.test_overview import shop as shop  # a fixture
from tests.e2e.windows import TWO
from tests.integration.product import import_file

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.django_db(transaction=True, databases="__all__")]

PAGES = (
    "{project}?{range}", "{project}?{range}&filter.status=5xx&filter.consumer=%3Cb%3Enobody",
    "{project}consumers/?{range}", "{project}releases/?{range}", "{project}compare/?{range}",
    "{project}compare/?{range}&by=release", "{project}compare/?{range}&by=consumer",
    "{project}compare/?{range}&a=month", "{project}suggestions/?{range}", "{project}search/?q=%3Cscript",
    "{project}live/", "{project}incidents/", "{project}incidents/{incident}/", "{project}ledger/",
    "{project}upload/", "{project}settings/sharing/", "{endpoint}?{range}",
    "{project}settings/channels/", "{project}settings/channels/new/?kind=alertmanager", "{channel}",
    "{project}settings/policies/", "{policy}", "{project}settings/quiet/?incident={incident}",
)  # fmt: skip
# Of a project with one hit, and of one with none: those that then say something else.
FEW = ("{project}", "{project}consumers/", "{project}compare/?by=release", "{project}live/", "{endpoint}",
       "{project}settings/channels/", "{project}settings/policies/", "{project}settings/quiet/")  # fmt: skip


@pytest.fixture
def hostile(shop: Any, tmp_path: Path) -> Any:
    """Names of every kind in every place; two versions, of which the second fails; and a project with one hit."""
    hits = [
        {
            "time": f"2026-11-20T{10 + number // 30}:{number % 60:02}:00Z", "method": "GET", "route": name,
            "path": "/x", "status": 503 if number % 3 == 0 else 200, "duration": 0.05 * (1 + number % 7),
            "consumer": name[:150], "version": ("1.0 " if number < 30 else "1.1 ") + name[:50],
            "user_agent": name[:100],
        }
        for name in HOSTILE
        for number in range(60)
    ]  # fmt: skip
    path = tmp_path / "hostile.ndjson"
    path.write_text("\n".join(map(json.dumps, hits)) + "\n", encoding="utf-8")
    assert import_file(shop, path, format="hits", service="<b>svc</b>" * 8).stored == len(hits)
    one = create_project("shop-one", owner=User.objects.get(), name="\u202eOne \U0001f600")
    path = tmp_path / "one.ndjson"
    path.write_text(json.dumps(hits[0]) + "\n")
    assert import_file(one, path, format="hits").stored == 1
    create_project("shop-zero", owner=User.objects.get())
    watch(shop)
    return shop


def watch(shop: Any) -> None:
    """Channels, policies, quiet times and an incident under the same names."""
    user, now = User.objects.get(), timezone.now()
    everything(shop, user, now)
    Incident.objects.update(labels={f"label {name[:20]}": name for name in HOSTILE}, title=HOSTILE[0][:200])
    failing = deliver.Outcome(False, 503, HOSTILE[0][:500], 12.3)
    for number, name in enumerate(HOSTILE):
        made = Channel.objects.create(project=shop, kind="webhook", name=f"{number} {name}"[:100])
        deliver.note(made, failing, now)
        levels = [{"after": 0, "channels": [str(made.pk)]}]
        Policy.objects.create(project=shop, name=f"{number} {name}"[:100], levels=levels)
        conditions = [[name[:100], "!~", name[:2000]]]
        Silence.objects.create(
            project=shop, comment=name[:500], matchers=conditions, starts=now, expires=now + timedelta(hours=1)
        )
        Maintenance.objects.create(
            project=shop, name=name[:100], matchers=conditions, schedule="* * * * *", minutes=9, zone="UTC"
        )
        Inhibition.objects.create(
            project=shop, name=name[:100], source=conditions, target=conditions, equal=[name[:99]]
        )


OUTSIDE = """() => document.documentElement.scrollWidth <= document.documentElement.clientWidth ? [] :
[...document.querySelectorAll('body *')].filter((one) => !one.closest('.scroll') || one.matches('.scroll'))
.filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
.map((one) => one.outerHTML.slice(0, 120)).slice(-3)"""


def sideways(reader: Any) -> list[str]:
    """The widths at which the page scrolls sideways: its own, and the widest that there is; with what sticks out."""
    own = dict(reader.viewport_size)
    found = []
    for width in (own["width"], *([2560] if own["width"] == 1440 else [])):
        reader.set_viewport_size({"width": width, "height": 900})
        found += [f"{width}: {one}" for one in reader.evaluate(OUTSIDE)]
    reader.set_viewport_size(own)
    return found


@TWO
def test_they_hold(reader: Any, live_server: Any, hostile: Any) -> None:
    sign_in(reader, live_server.url)
    problems = []
    for slug in ("shop", "shop-one", "shop-zero"):
        endpoint = Endpoint.objects.filter(project__slug=slug).order_by("-route").first()
        of_endpoint = f"/projects/{slug}/endpoints/{endpoint.pk}/" if endpoint else f"/projects/{slug}/"
        settings = f"/projects/{slug}/settings"
        channel, policy, incident = (model.objects.order_by("-pk").first() for model in (Channel, Policy, Incident))
        for page in PAGES if slug == "shop" else FEW:
            address = page.format(
                project=f"/projects/{slug}/", range=RANGE, endpoint=of_endpoint, incident=incident.pk,
                channel=f"{settings}/channels/{channel.pk}/", policy=f"{settings}/policies/{policy.pk}/",
            )  # fmt: skip
            answer = reader.goto(live_server.url + address)
            assert answer.status in (200, 422), (address, answer.status)
            reader.wait_for_timeout(150)
            found = Axe().run(reader, options=AXE)
            problems += [
                f"{address}: {one['id']} {one['nodes'][0]['html'][:200]}" for one in found.response["violations"]
            ]
            problems += [f"{address}: scrolls sideways at {width}" for width in sideways(reader)]
    # A refused address is said by the browser itself.
    said = [one for one in reader.complaints if "status of 422" not in one]
    assert (problems, said) == ([], [])
