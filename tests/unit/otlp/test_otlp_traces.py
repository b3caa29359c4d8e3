"""Server spans become hits, of both HTTP conventions and in both forms; all else is refused or left aside."""

from typing import Any

import pytest

from endpoint_stats.ingest.otlp.errors import OtlpError
from endpoint_stats.ingest.otlp.traces import Traces, decode_traces
from endpoint_stats.ingest.sources.base import REASONS
from endpoint_stats.ingest.sources.hits import Hit

from .messages import NOON, OLD, SECOND, STABLE, add_span, bodies, trace_request

JSON = pytest.mark.parametrize("json", [False, True], ids=["protobuf", "json"])


def decode(request: Any, json: bool, consumer: str = "") -> Traces:
    return decode_traces(bodies(request)[json], json=json, consumer_attribute=consumer)


def one(json: bool, attributes: dict[str, Any], resource: dict[str, Any] | None = None, consumer: str = "") -> Hit:
    traces = decode(trace_request(attributes, resource=resource), json, consumer)
    assert (traces.rejected, traces.other, traces.weights) == ([], 0, None)
    (hit,) = traces.hits
    return hit


def refusal(json: bool, attributes: dict[str, Any], **fields: Any) -> str:
    request = trace_request()
    add_span(request.resource_spans[0].scope_spans[0].spans, attributes, **fields)
    traces = decode(request, json)
    assert (traces.hits, traces.other, traces.received) == ([], 0, 1)
    ((index, reason),) = traces.rejected
    assert index == 0
    assert reason in REASONS
    return reason


@JSON
def test_stable_conventions(json: bool) -> None:
    attributes = STABLE | {
        "http.route": "/orders/{id}",
        "user_agent.original": "curl/8",
        "http.request.body.size": 12,
        "http.response.body.size": 3456,
        "enduser.id": "ada",
        "url.query": "page=2",
    }
    assert one(json, attributes, {"service.name": "shop", "service.version": "1.2.3"}) == Hit(
        time=1_763_035_200,
        method="GET",
        status=200,
        path="/orders/8123",
        route="/orders/{id}",
        service="shop",
        duration=0.25,
        request_size=12,
        response_size=3456,
        consumer="ada",
        version="1.2.3",
        user_agent="curl/8",
        trace_id="5b8efff798038103d269b633813fc60c",
    )


@JSON
def test_old_conventions(json: bool) -> None:
    attributes = OLD | {
        "http.route": "orders/<int:pk>",
        "http.user_agent": "curl/8",
        "http.request_content_length": 12,
        "http.response_content_length": "3456",
    }
    hit = one(json, attributes, {"service.name": "unknown_service:python"})
    assert (hit.method, hit.path, hit.route, hit.status) == ("GET", "/orders/8123", "/orders/<int:pk>", 200)
    assert (hit.user_agent, hit.request_size, hit.response_size) == ("curl/8", 12, 3456)
    assert (hit.service, hit.version, hit.consumer) == ("unknown_service:python", None, None)


@JSON
def test_the_new_name_counts_where_both_are_sent(json: bool) -> None:
    attributes = {"http.method": "PUT", "http.status_code": 500, "http.target": "/old", "http.user_agent": "old"}
    attributes |= {"http.response_content_length": 1}
    stable = STABLE | {"user_agent.original": "new", "http.response.body.size": 2}
    for told in (attributes | stable, stable | attributes):
        hit = one(json, told)
        assert (hit.method, hit.status, hit.path) == ("GET", 200, "/orders/8123")
        assert (hit.user_agent, hit.response_size) == ("new", 2)


@JSON
@pytest.mark.parametrize(("told", "path"), [
    ({"url.path": "/a"}, "/a"), ({"http.target": "/a?b=/c"}, "/a"), ({"http.target": "/a#b"}, "/a"),
    ({"http.url": "https://u:p@shop.example.org:8443/a/b?c=d"}, "/a/b"),
    ({"http.url": "https://shop.example.org"}, "/"), ({"http.url": "https://shop.example.org?x=/y"}, "/"),
    ({"http.url": "/a?b"}, "/a"), ({"url.full": "http://[2001:db8::1]/a"}, "/a"),
    ({"http.target": "/t", "http.url": "http://h/u"}, "/t"), ({"http.target": "*"}, "*"),
    ({"http.target": "", "http.url": "http://h/u"}, "/u"), ({"http.target": "?x", "http.url": "http://h/u"}, "/u"),
])  # fmt: skip
def test_paths(json: bool, told: dict[str, str], path: str) -> None:
    assert one(json, {"http.request.method": "GET", "http.response.status_code": 200} | told).path == path


@JSON
@pytest.mark.parametrize(("written", "route"), [
    ("/orders/{id}", "/orders/{id}"), ("orders/<int:pk>/", "/orders/<int:pk>/"), ("", None),
    (r"^orders/(?P<pk>\d+)/$", r"/^orders/(?P<pk>\d+)/$"), ("/", "/"),
])  # fmt: skip
def test_routes(json: bool, written: str, route: str | None) -> None:
    assert one(json, STABLE | {"http.route": written}).route == route


@JSON
@pytest.mark.parametrize(("value", "consumer"), [
    ("ada", "ada"), (7, "7"), (-1, "-1"), (1.5, "1.5"), (True, "true"), (False, "false"), (["a", "b"], "a"),
    ([7], "7"), ("", None), ([], None), ([["a"]], None), (b"ada", None), ({"a": "b"}, None), (None, None),
])  # fmt: skip
def test_consumers_of_any_type(json: bool, value: Any, consumer: str | None) -> None:
    assert one(json, STABLE | {"tenant": value}, consumer="tenant").consumer == consumer


@JSON
def test_where_the_consumer_is_looked_for(json: bool) -> None:
    resource = {"service.name": "shop", "enduser.id": "of-resource", "tenant": "t"}
    assert one(json, STABLE, resource).consumer == "of-resource"
    assert one(json, STABLE | {"enduser.id": "of-span"}, resource).consumer == "of-span"
    assert one(json, STABLE | {"enduser.id": ""}, resource).consumer == "of-resource"
    assert one(json, STABLE | {"enduser.id": "of-span"}, resource, consumer="tenant").consumer == "t"
    # Attributes that are read anyhow.
    assert one(json, STABLE | {"user_agent.original": "app/1"}, consumer="user_agent.original").consumer == "app/1"
    assert one(json, STABLE, resource, consumer="service.name").consumer == "shop"
    hit = one(json, STABLE, consumer="http.response.status_code")
    assert (hit.consumer, hit.status) == ("200", 200)


@JSON
@pytest.mark.parametrize(("told", "status"), [
    ({"http.response.status_code": 503}, 503), ({"http.response.status_code": "404"}, 404),
    ({"http.response.status_code": 204.0}, 204), ({"error.type": "timeout"}, 500),
    ({"http.response.status_code": 404, "error.type": "404"}, 404), ({"http.status_code": 100}, 100),
    ({"http.status_code": 599}, 599),
])  # fmt: skip
def test_statuses(json: bool, told: dict[str, Any], status: int) -> None:
    attributes = {"http.request.method": "GET", "url.path": "/"} | told
    assert one(json, attributes).status == status


@JSON
def test_the_spans_own_status_counts_where_there_is_no_other(json: bool) -> None:
    request = trace_request()
    spans = request.resource_spans[0].scope_spans[0].spans
    for code, told in ((2, {}), (2, {"http.response.status_code": 404}), (1, {}), (0, {})):
        span = add_span(spans, {"http.request.method": "GET", "url.path": "/"} | told)
        span.status.code = code
    traces = decode(request, json)
    assert [hit.status for hit in traces.hits] == [500, 404]
    assert traces.rejected == [(2, "field_missing"), (3, "field_missing")]


@JSON
@pytest.mark.parametrize("status", [0, 99, 600, -200, 200.5, "x", "²", "1000", True, [200], b"200", {"a": 200}])
def test_what_is_no_status(json: bool, status: Any) -> None:
    assert refusal(json, STABLE | {"http.response.status_code": status}) == "status_invalid"


@JSON
@pytest.mark.parametrize("name", ["http.request.body.size", "http.response.size", "http.request_content_length"])
@pytest.mark.parametrize("size", [-2, 1.5, "many", 2**53 + 1, True, [1], float("nan"), float("inf")])
def test_what_is_no_size(json: bool, name: str, size: Any) -> None:
    assert refusal(json, STABLE | {name: size}) == "size_invalid"


@JSON
@pytest.mark.parametrize(("told", "sizes"), [
    ({"http.request.size": 5, "http.response.size": 6}, (5, 6)),
    ({"http.request.body.size": 4, "http.request.size": 5}, (4, None)),
    ({"http.request.body.size": -1, "http.response.body.size": -1}, (None, None)),
    ({"http.request.body.size": 2**53, "http.response.body.size": 7.0}, (2**53, 7)),
])  # fmt: skip
def test_sizes(json: bool, told: dict[str, Any], sizes: tuple[int | None, int | None]) -> None:
    hit = one(json, STABLE | told)
    assert (hit.request_size, hit.response_size) == sizes


@JSON
@pytest.mark.parametrize("missing", STABLE)
def test_what_a_request_needs(json: bool, missing: str) -> None:
    attributes = {name: value for name, value in STABLE.items() if name != missing}
    assert refusal(json, attributes) == "field_missing"
    assert refusal(json, attributes | {missing: ""}) == "field_missing"


@JSON
def test_a_route_will_do_for_a_path(json: bool) -> None:
    hit = one(json, {"http.request.method": "GET", "http.route": "/a/{b}", "http.response.status_code": 200})
    assert (hit.path, hit.route) == (None, "/a/{b}")


@JSON
@pytest.mark.parametrize(("start", "end", "time", "duration"), [
    (NOON, NOON + SECOND // 4, 1_763_035_200, 0.25), (NOON, NOON + 90 * SECOND, 1_763_035_290, 90.0),
    (NOON, NOON, 1_763_035_200, 0.0), (NOON, 0, 1_763_035_200, None), (0, NOON, 1_763_035_200, None),
    (NOON, NOON + 1, 1_763_035_200, 1e-9), (NOON + SECOND - 1, NOON + SECOND, 1_763_035_201, 1e-9),
])  # fmt: skip
def test_a_hit_has_the_time_of_its_end(json: bool, start: int, end: int, time: int, duration: float | None) -> None:
    request = trace_request()
    spans = request.resource_spans[0].scope_spans[0].spans
    add_span(spans, STABLE, start_time_unix_nano=start, end_time_unix_nano=end)
    (hit,) = decode(request, json).hits
    assert (hit.time, hit.duration) == (time, duration)


@JSON
def test_times_that_cannot_be(json: bool) -> None:
    assert refusal(json, STABLE, start_time_unix_nano=NOON, end_time_unix_nano=NOON - 1) == "duration_invalid"
    assert refusal(json, STABLE, start_time_unix_nano=0, end_time_unix_nano=0) == "field_missing"


@pytest.mark.parametrize("time", ["-1", "18446744073709551616"])
def test_times_that_only_json_can_have(time: str) -> None:
    body = bodies(trace_request(STABLE))[True].replace(f'"{NOON}"'.encode(), f'"{time}"'.encode())
    assert decode_traces(body, json=True).rejected == [(0, "time_invalid")]


@JSON
def test_spans_that_are_no_requests_are_counted_apart(json: bool) -> None:
    request = trace_request(STABLE)
    spans = request.resource_spans[0].scope_spans[0].spans
    for kind in (0, 1, 3, 4, 5, 99):
        # FastAPI's "http send" is of kind INTERNAL and says the status.
        add_span(spans, STABLE, kind=kind)
    add_span(spans, {"rpc.system": "grpc", "rpc.method": "Get", "url.scheme": "http", "http.user_agent": "grpc-go"})
    add_span(spans, {"http.scheme": "ws", "http.target": "/live", "http.status_code": 200})
    add_span(spans, {"url.scheme": "wss", "http.route": "/live"})
    add_span(spans, {})
    traces = decode(request, json)
    assert (len(traces.hits), traces.rejected, traces.other, traces.received) == (1, [], 10, 1)


@JSON
def test_indexes_are_those_among_the_requests_of_the_body(json: bool) -> None:
    request = trace_request({}, STABLE, {"http.request.method": "GET"}, {}, STABLE)
    again = trace_request(STABLE, STABLE | {"http.response.status_code": 0}, resource={"service.name": "two"})
    request.resource_spans.extend(again.resource_spans)
    request.resource_spans[0].scope_spans.extend(trace_request(OLD).resource_spans[0].scope_spans)
    traces = decode(request, json)
    assert traces.rejected == [(1, "field_missing"), (5, "status_invalid")]
    assert [hit.service for hit in traces.hits] == [None, None, None, "two"]
    assert (traces.received, traces.other) == (6, 2)


@JSON
@pytest.mark.parametrize("trace_id", [bytes(16), b"", b"\1" * 8, b"\1" * 17])
def test_trace_ids_that_are_none(json: bool, trace_id: bytes) -> None:
    request = trace_request()
    spans = request.resource_spans[0].scope_spans[0].spans
    for one in (trace_id, bytes(16)):
        add_span(spans, STABLE, trace_id=one, trace_state="ot=th:5")
    traces = decode(request, json)
    assert [hit.trace_id for hit in traces.hits] == ["", ""]
    # They weigh the same in both forms.
    assert traces.weights is None or traces.weights[0] == traces.weights[1]


@JSON
def test_of_one_attribute_the_last_counts(json: bool) -> None:
    request = trace_request(STABLE)
    attributes = request.resource_spans[0].scope_spans[0].spans[0].attributes
    attributes.add(key="url.path").value.string_value = "/last"
    attributes.add(key="http.route")
    (hit,) = decode(request, json).hits
    assert (hit.path, hit.route) == ("/last", None)


@JSON
def test_weights(json: bool) -> None:
    request = trace_request(STABLE, STABLE, {}, {"http.request.method": "GET"}, STABLE)
    spans = request.resource_spans[0].scope_spans[0].spans
    for number, state in enumerate(("", "ot=th:c", "ot=th:c", "ot=th:c", "ot=th:8")):
        spans[number].trace_state = state
    assert decode(request, json).weights == [1, 4, 2]
    for span in spans:
        span.trace_state = "ot=th:0"
    assert decode(request, json).weights is None


@pytest.mark.parametrize(("body", "json"), [
    (b"\xff", False), (b"\x0a\x05\x01", False), (b"\x0a", False), (b"", True), (b"null", True), (b"[]", True),
    (b"{", True),    (b'{"resourceSpans":{}}', True), (b'{"resourceSpans":[null]}', True), (b'{"x":"\xff"}', True),
    (b'{"x":' + b"[" * 100_000, True), (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":true}]}]}]}', True),
])  # fmt: skip
def test_bodies_that_cannot_be_read(body: bytes, json: bool) -> None:
    with pytest.raises(OtlpError) as caught:
        decode_traces(body, json=json)
    sentence = str(caught.value)
    assert sentence.startswith("The body ")
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert len(sentence) < 300


@pytest.mark.parametrize("attributes", [{"needle": 1}, {"url.scheme": "needle"}, {"url.path": "needle"}])
@pytest.mark.parametrize("broken", ["text", "length"])
def test_an_attribute_that_cannot_be_read(attributes: dict[str, Any], broken: str) -> None:
    """Attributes are decoded on their own: a broken one fails the body as it would with OpenTelemetry's messages."""
    body = trace_request(STABLE | attributes).SerializeToString()
    assert body.count(b"needle") == 1
    if broken == "text":
        body = body.replace(b"needle", b"needl\xff")
    else:
        body = body.replace(b"\x06needle", b"\x7fneedle")
    with pytest.raises(OtlpError):
        decode_traces(body, json=False)


@pytest.mark.parametrize(("body", "json"), [(b"", False), (b"{}", True), (b'{"resourceSpans":null}', True)])
def test_nothing_is_nothing(body: bytes, json: bool) -> None:
    assert decode_traces(body, json=json) == Traces()


@pytest.mark.parametrize("depth", [5_000, 50_000])
def test_a_value_nested_deeper_than_python_goes(depth: int) -> None:
    deep = '{"arrayValue":{"values":[' * depth + "{}" + "]}}" * depth
    told = f'{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"enduser.id","value":{deep}}}]}}}}]}}'
    with pytest.raises(OtlpError, match="nested too deeply"):
        decode_traces(told.encode(), json=True)


def test_protobuf_nested_too_deeply() -> None:
    request = trace_request(STABLE)
    value = request.resource_spans[0].resource.attributes.add(key="enduser.id").value
    for _ in range(200):
        value = value.array_value.values.add()
    with pytest.raises(OtlpError):
        decode_traces(request.SerializeToString(), json=False)
