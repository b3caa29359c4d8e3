"""The API does what its own document says: requests generated from it, and damaged ones, are answered with a documented
status, content type and body, whoever sends them.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import hypothesis
import pytest
import schemathesis
from django.db import connections
from django.test import Client
from django.utils import timezone
from django.utils.module_loading import import_string
from hypothesis import strategies as st
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.keys import create_key
from accounts.models import Project
from bench.otlp_bodies import mixed_metrics_request, mixed_trace_request
from endpoint_stats.models import Batch, Endpoint
from endpoint_stats.store.compact import compact

pytestmark = pytest.mark.django_db(databases=["default", "local"])

CHECKS: list[CheckFunction] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SCOPES = ("ingest", "read", "write")
PROTOBUF, NDJSON = "application/x-protobuf", "application/x-ndjson"
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
# Who sends is each test's own matter.
CONFIG = SchemathesisConfig.from_dict({
    "seed": 1,
    "generation": {"deterministic": True, "with-security-parameters": False},
    "phases": {"examples": {"enabled": False}, "fuzzing": {"enabled": False}},
})  # fmt: skip
SETTINGS = hypothesis.settings(
    derandomize=True, database=None, deadline=None, suppress_health_check=list(hypothesis.HealthCheck)
)


def otlp_body(seed: int) -> bytes:
    rng = random.Random(seed)
    return (mixed_trace_request if seed % 2 else mixed_metrics_request)(rng).SerializeToString()


def hit(**more: Any) -> dict[str, Any]:
    return {"time": timezone.now().timestamp(), "method": "GET", "path": "/orders/7", "status": 200, **more}


def log_line(path: str) -> str:
    return f'203.0.113.9 - ada [{timezone.now():%d/%b/%Y:%H:%M:%S} +0000] "GET /{path} HTTP/1.1" 200 12 "-" "curl"\n'


LINE = st.one_of(st.text(), st.builds(lambda more: json.dumps(hit(**more)), st.dictionaries(st.text(), st.text())))
schemathesis.openapi.media_type(PROTOBUF, st.one_of(st.binary(), st.integers(0, 1000).map(otlp_body)))
schemathesis.openapi.media_type(NDJSON, st.lists(LINE).map(lambda lines: "\n".join(lines).encode()))
DESCRIPTION = schemathesis.openapi.from_wsgi(
    "/api/v1/schema", import_string("settings.wsgi.application"), config=CONFIG
)
OPERATIONS = {found.ok().label: found.ok() for found in DESCRIPTION.get_all_operations()}
READING = {label: operation for label, operation in OPERATIONS.items() if operation.method == "get"}


SENSIBLE = {
    "POST /api/v1/projects/{slug}/releases": {"version": "1.0"},
    "POST /api/v1/projects/{slug}/alerts": {"key": "disk", "title": "The disk is full"},
    "POST /api/v1/projects/{slug}/news": {"title": "We moved"},
    "POST /api/v1/projects/{slug}/alertmanager": {"alerts": []},
}


@dataclass
class World:
    """A project with hits, and who may ask for what. senders: the secret of a key by its scope, "" for nobody's."""

    project: Project
    senders: dict[str, str]
    places: dict[str, dict[str, str]]

    def call(self, case: Any, sender: str, headers: Mapping[str, str] = MappingProxyType({})) -> int:
        """The status of an answer that fits the document."""
        secret = self.senders[sender]
        given = dict(headers) | ({"Authorization": f"Bearer {secret}"} if secret else {})
        response = case.call(headers=given)
        case.validate_response(response, checks=CHECKS)
        return int(response.status_code)

    def find(self, case: Any) -> None:
        """Ask for what there is, rather than for names that were made up."""
        if case.path_parameters:
            case.path_parameters = dict(self.places[case.path])

    def say(self, case: Any) -> None:
        """The same, with a body that can be done: of times that are made up most lie in the future."""
        self.find(case)
        if case.operation.label in SENSIBLE:
            case.body, case.media_type = SENSIBLE[case.operation.label], "application/json"

    def find_hits(self, case: Any) -> None:
        """The same, and in a range that is one."""
        self.find(case)
        for name in {"from", "to"} & set(case.query or ()):
            del case.query[name]


def suiting(operation: Any) -> str:
    """The scope of the key that may do it; "nobody" where no key may."""
    if operation.path.endswith(("/keys", "/keys/{prefix}")):
        return "write"
    if operation.path.endswith(("/releases", "/news", "/alerts", "/alertmanager")) and operation.method == "post":
        return "write"
    return {"post": "ingest", "patch": "nobody"}.get(operation.method.lower(), "read")


# A key that writes reads, too.
REFUSED = {"read": {"ingest"}, "ingest": {"read", "write"}, "write": {"ingest", "read"}, "nobody": set(SCOPES)}


@pytest.fixture
def world(project: Project, monkeypatch: pytest.MonkeyPatch) -> World:
    for connection in connections.all():
        # At its start and end a request closes what it takes for a broken connection: here the test's transaction.
        monkeypatch.setattr(connection, "close_if_unusable_or_obsolete", lambda: None)
    senders = {scope: create_key(project, scope, scope)[1] for scope in SCOPES}
    hits = [hit(duration=0.1, consumer="ada"), hit(status=500, trace_id="ab" * 16), hit(path="/a", service="shop"), {}]
    sent = Client(headers={"Authorization": f"Bearer {senders['ingest']}"}).post(
        "/api/v1/ingest/hits", json.dumps(hits), content_type="application/json"
    )
    assert sent.json()["stored"] == 3
    compact(project.pk)
    ids = {"endpoints": Endpoint.objects.filter(project=project), "batches": Batch.objects.filter(project=project)}
    places = {operation.path: {"slug": project.slug} for operation in OPERATIONS.values()}
    places["/api/v1/projects/{slug}/keys/{prefix}"]["prefix"] = create_key(project, "read", "spare")[0].prefix
    for what, rows in ids.items():
        places[f"/api/v1/projects/{{slug}}/{what}/{{id}}"]["id"] = str(rows.values_list("id", flat=True)[0])
    return World(project, senders | {"nobody": "", "unknown": "a" * 8 + "." + "b" * 32}, places)


def test_every_operation_of_the_document_is_exercised() -> None:
    """The tests below are made from OPERATIONS; this is what the document says to whoever reads it otherwise."""
    paths = Client().get("/api/v1/schema").json()["paths"]
    described = {f"{method.upper()} {path}" for path, item in paths.items() for method in item.keys() & METHODS}
    assert set(OPERATIONS) == described
    assert len(READING) >= 7 and len(OPERATIONS) - len(READING) >= 4


@DESCRIPTION.parametrize()
@SETTINGS
def test_each_parameter_at_its_bounds_and_past_them(case: Any, world: World) -> None:
    world.call(case, suiting(case.operation))
    world.find(case)
    world.call(case, suiting(case.operation))


@pytest.mark.parametrize("label", OPERATIONS)
def test_whatever_is_sent_and_whoever_sends(label: str, world: World) -> None:
    operation, right = OPERATIONS[label], suiting(OPERATIONS[label])
    statuses: Counter[tuple[str, int]] = Counter()
    cases = st.one_of(operation.as_strategy(generation_mode=mode) for mode in GenerationMode)
    finds = st.sampled_from([lambda case: None, world.find, world.find_hits, world.find_hits, world.say])
    accepted = st.sampled_from(["*/*", "*/*", "text/csv, */*;q=0.1", "text/csv", "image/png", "x", ""])

    @hypothesis.settings(SETTINGS, max_examples=40)
    @hypothesis.given(cases, finds, accepted)
    def exercise(case: Any, find: Callable[[Any], None], accept: str) -> None:
        find(case)
        for sender in world.senders:
            statuses[sender, world.call(case, sender, {"Accept": accept})] += 1

    exercise()
    done = {sender for sender, status in statuses if status in (200, 201, 204)}
    assert (right in done) == (right != "nobody")
    assert not done & REFUSED[right]
    # An address that no view has, and a type that is never made, are so whoever asks.
    for others, refusal in (({"nobody", "unknown"}, 401), (REFUSED[right], 403)):
        found = {status for sender, status in statuses if sender in others}
        assert refusal in found <= {refusal, 400, 404, 406, 415}


@pytest.mark.parametrize("label", READING)
def test_what_is_still_true(label: str, world: World) -> None:
    case = READING[label].Case(path_parameters=world.places[READING[label].path])
    assert world.call(case, suiting(READING[label]), {"If-None-Match": "*"}) in (200, 304)


def test_whatever_was_taken_can_be_read(world: World) -> None:
    """Names that hits brought are in every answer."""
    hits_of, lines_of = (OPERATIONS[f"POST /api/v1/ingest/{what}"] for what in ("hits", "logs"))
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    hours = {"from": (hour - timedelta(hours=1)).isoformat(), "to": (hour + timedelta(hours=2)).isoformat()}
    texts = st.dictionaries(st.sampled_from(["path", "route", "service", "consumer", "version", "trace_id"]), st.text())

    @hypothesis.settings(SETTINGS, max_examples=20, phases=[hypothesis.Phase.generate])
    @hypothesis.given(st.lists(texts, min_size=1))
    def exercise(sent: list[dict[str, str]]) -> None:
        hits = [hit(**one | {name: f"/{one[name]}" for name in ("path", "route") if name in one}) for one in sent]
        world.call(hits_of.Case(body=hits, media_type="application/json"), "ingest")
        for one in sent:
            query = {"service": one.get("service", "")}
            world.call(
                lines_of.Case(body=log_line(one.get("path", "")), query=query, media_type="text/plain"), "ingest"
            )
        compact(world.project.pk)
        for reading in READING.values():
            groups = ("endpoint", "consumer", "release") if reading.path.endswith("/stats") else ()
            for query in [{"group_by": group, "metrics": "requests", **hours} for group in groups] or [{}]:
                case = reading.Case(path_parameters=world.places[reading.path], query=query)
                assert world.call(case, suiting(reading)) == 200

    exercise()
    assert Endpoint.objects.filter(project=world.project).count() > 10
