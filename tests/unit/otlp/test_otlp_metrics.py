"""Data points become Points: what is read of them, in which unit, what is refused and what is left aside."""

import math
from typing import Any

import pytest

from bench.otlp_bodies import set_attributes
from endpoint_stats.ingest.otlp.metrics import Metrics, decode_metrics
from endpoint_stats.ingest.otlp.points import Explicit, Exponential, Point

from .messages import (
    CUMULATIVE,
    NAME,
    NOON,
    POINT,
    SECOND,
    add_exponential,
    add_histogram,
    bodies,
    metrics_of,
    metrics_request,
)

JSON = pytest.mark.parametrize("json", [False, True], ids=["protobuf", "json"])
OLD_NAME = "http.server.duration"


def decode(request: Any, json: bool = False, consumer: str = "") -> Metrics:
    return decode_metrics(bodies(request)[json], json=json, consumer_attribute=consumer)


def one(request: Any, json: bool = False) -> Point:
    metrics = decode(request, json)
    assert (metrics.rejected, metrics.other) == ([], 0)
    (point,) = metrics.points
    return point


def point_of(counts: list[int], bounds: list[float], json: bool = False, **fields: Any) -> Point:
    request = metrics_request()
    add_histogram(metrics_of(request), counts, bounds, **fields)
    return one(request, json)


def refusal(counts: list[int], bounds: list[float], **fields: Any) -> str:
    request = metrics_request()
    add_histogram(metrics_of(request), counts, bounds, **fields)
    metrics = decode(request)
    assert (metrics.points, metrics.other, metrics.received) == ([], 0, 1)
    ((index, reason),) = metrics.rejected
    assert index == 0
    return reason


@JSON
def test_an_explicit_histogram(json: bool) -> None:
    point = point_of([1, 2, 3], [0.1, 0.5], json, sum=2.5, min=0.05, max=0.75, attributes=POINT | {"enduser.id": "ada"})
    assert (point.service, point.version, point.method) == ("shop", "1.2.3", "GET")
    assert (point.path, point.route, point.consumer, point.status) == ("", "/orders/{id}", "ada", 200)
    assert (point.start, point.time, point.cumulative) == (NOON, NOON + 60 * SECOND, False)
    assert (point.count, point.sum, point.minimum, point.maximum) == (6, 2.5, 0.05, 0.75)
    assert point.buckets == Explicit((0.1, 0.5), (1, 2, 3))
    assert (len(point.series), len(point.writer)) == (16, 16)


@JSON
def test_an_exponential_histogram(json: bool) -> None:
    request = metrics_request()
    metrics = metrics_of(request)
    add_exponential(metrics, [4, 0, 5], scale=2, offset=-7, zero=1, zero_threshold=1e-6, temporality=CUMULATIVE)
    point = one(request, json)
    assert point.buckets == Exponential(2, 1, 1e-6, -7, (4, 0, 5), 1.0)
    assert (point.count, point.sum, point.minimum, point.maximum, point.cumulative) == (10, None, None, None, True)


@JSON
@pytest.mark.parametrize(("name", "unit", "per_second"), [
    (NAME, "s", 1), (NAME, "", 1), (NAME, "ms", 1_000), (OLD_NAME, "ms", 1_000), (OLD_NAME, "", 1_000),
    (OLD_NAME, "s", 1), (OLD_NAME, "us", 10**6), (NAME, "ns", 10**9),
])  # fmt: skip
def test_units(json: bool, name: str, unit: str, per_second: int) -> None:
    point = point_of([0, 7], [5], json, name=name, unit=unit, sum=70, min=6, max=20)
    assert point.buckets == Explicit((5 / per_second,), (0, 7))
    assert (point.sum, point.minimum, point.maximum) == (70 / per_second, 6 / per_second, 20 / per_second)
    request = metrics_request()
    add_exponential(metrics_of(request), [1, 1], offset=3, scale=0, name=name, unit=unit)
    ranges = one(request, json).buckets.ranges()
    assert ranges == [(8 / per_second, 16 / per_second, 1), (16 / per_second, 32 / per_second, 1)]


@pytest.mark.parametrize("unit", ["By", "{request}", "min", "S"])
def test_units_that_are_none(unit: str) -> None:
    assert refusal([1], [], unit=unit) == "field_invalid"


@pytest.mark.parametrize("told", [{"http.target": "/a?b=c"}, {"url.path": "/a"}, {"http.url": "http://h/a"}])
def test_a_path_where_there_is_no_route(told: dict[str, str]) -> None:
    attributes = {"http.method": "GET", "http.status_code": 200} | told
    point = point_of([1], [], attributes=attributes)
    assert (point.path, point.route) == ("/a", "")
    point = point_of([1], [], attributes=attributes | {"http.route": "a/<b>"})
    assert (point.path, point.route) == ("", "/a/<b>")


@pytest.mark.parametrize("status", [404, 405, 500, 301])
def test_what_met_no_route_is_unmatched(status: int) -> None:
    attributes = {"http.request.method": "GET", "http.response.status_code": status}
    point = point_of([1], [], attributes=attributes)
    assert (point.path, point.route) == ("", "{unmatched}")
    assert point_of([1], [], attributes=attributes | {"http.target": "/x"}).path == "/x"


def test_what_django_calls_the_target_of_a_metric_is_its_route() -> None:
    attributes = {"http.method": "GET", "http.status_code": 200, "http.target": "orders/<int:pk>"}
    point = point_of([1], [], attributes=attributes)
    assert (point.path, point.route) == ("", "/orders/<int:pk>")


@pytest.mark.parametrize(("attributes", "reason"), [
    (POINT | {"http.response.status_code": 99}, "status_invalid"),
    (POINT | {"http.request.method": "G T"}, "method_invalid"),
    ({"http.request.method": "GET", "http.route": "/a"}, "field_missing"), ({}, "field_missing"),
    ({"http.route": "/a", "http.response.status_code": 200}, "field_missing"),
    ({"http.request.method": "GET", "url.path": "a", "http.response.status_code": 200}, "request_malformed"),
])  # fmt: skip
def test_attributes_that_will_not_do(attributes: dict[str, Any], reason: str) -> None:
    assert refusal([1], [], attributes=attributes) == reason


def test_an_error_without_a_status_is_500() -> None:
    attributes = {"http.request.method": "get", "http.route": "/a", "error.type": "KeyError"}
    point = point_of([1], [], attributes=attributes)
    assert (point.status, point.method) == (500, "GET")


def test_texts_are_made_fit_to_keep() -> None:
    request = metrics_request({"service.name": "s" * 300, "service.version": "1\0", "enduser.id": "of-resource"})
    add_histogram(metrics_of(request), [1], [], attributes=POINT | {"http.request.method": "BREW"})
    point = one(request)
    assert (point.service, point.version, point.consumer) == ("s" * 200, "1\ufffd", "of-resource")
    assert point.method == "_OTHER"


@pytest.mark.parametrize(("counts", "bounds", "fields"), [
    ([1, 2], [0.1], {"count": 4}), ([1, 2], [0.1], {"count": 2}), ([1, 2], [], {}), ([], [0.1], {}),
    ([1, 2, 3], [0.1], {}), ([1, 2], [0.1, 0.2], {}), ([1, 1, 1], [0.2, 0.1], {}), ([1, 1, 1], [0.1, 0.1], {}),
    ([1, 1], [math.nan], {}), ([1, 1], [math.inf], {}), ([2**53], [], {}), ([2**52, 2**52], [1], {}),
    ([5], [], {"count": 4}), ([1], [], {"temporality": 0}), ([1], [], {"temporality": 7}),
    ([0, 0, 0], [5e-324, 1e-323], {"unit": "ms"}),
])  # fmt: skip
def test_histograms_that_cannot_be(counts: list[int], bounds: list[float], fields: dict[str, Any]) -> None:
    assert refusal(counts, bounds, **fields) == "field_invalid"


@pytest.mark.parametrize(("counts", "bounds", "fields"), [
    ([1, 0], [-1], {}), ([0, 1, 0], [-2, -1], {}), ([0, 1], [2_592_000], {}), ([1, 0], [1], {"sum": -1}),
    ([1, 0], [1], {"sum": 1e10}), ([2**52, 0], [1e6], {}),
])  # fmt: skip
def test_durations_that_cannot_be(counts: list[int], bounds: list[float], fields: dict[str, Any]) -> None:
    assert refusal(counts, bounds, **fields) == "duration_invalid"


def test_bounds_below_zero_that_nothing_fell_below() -> None:
    point = point_of([0, 0, 3, 1], [-2, -1, 1])
    assert point.buckets.ranges() == [(0.0, 1.0, 3), (1.0, math.inf, 1)]


@pytest.mark.parametrize("counts", [[], [5]])
def test_a_histogram_without_buckets(counts: list[int]) -> None:
    point = point_of(counts, [], count=5, sum=1)
    assert (point.buckets, point.count) == (Explicit((), ()), 5)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_sums_and_extremes_that_are_no_numbers_are_unknown(value: float) -> None:
    point = point_of([1, 0], [1], sum=value, min=value, max=value)
    assert (point.sum, point.minimum, point.maximum) == (None, None, None)


@pytest.mark.parametrize(("fields", "reason"), [
    ({"time_unix_nano": 0, "start_time_unix_nano": 0}, "field_missing"),
    ({"time_unix_nano": NOON, "start_time_unix_nano": NOON + 1}, "time_invalid"),
])  # fmt: skip
def test_times_that_will_not_do(fields: dict[str, int], reason: str) -> None:
    assert refusal([1], [], **fields) == reason


@pytest.mark.parametrize(("change", "reason"), [
    ({"scale": 21}, "field_invalid"), ({"scale": -11}, "field_invalid"), ({"count": 9}, "field_invalid"),
    ({"zero_threshold": -1.0}, "field_invalid"), ({"zero_threshold": math.nan}, "field_invalid"),
    ({"zero_threshold": math.inf}, "field_invalid"), ({"scale": 0, "offset": 22}, "duration_invalid"),
    ({"scale": 3, "offset": 70_000}, "duration_invalid"), ({"scale": -10, "offset": 1}, "duration_invalid"),
])  # fmt: skip
def test_exponential_histograms_that_cannot_be(change: dict[str, Any], reason: str) -> None:
    request = metrics_request()
    add_exponential(metrics_of(request), [1, 2], **change)
    assert decode(request).rejected == [(0, reason)]


def test_durations_below_zero() -> None:
    request = metrics_request()
    add_exponential(metrics_of(request), [1, 2]).negative.bucket_counts.extend([0, 0])
    add_exponential(metrics_of(request), [1, 2], count=4).negative.bucket_counts.extend([0, 1])
    metrics = decode(request)
    assert len(metrics.points) == 1
    assert metrics.rejected == [(1, "duration_invalid")]


@pytest.mark.parametrize("scale", [-10, 20])
def test_the_coarsest_and_the_finest_scale(scale: int) -> None:
    request = metrics_request()
    add_exponential(metrics_of(request), [1], scale=scale, offset=-1)
    ((low, high, count),) = one(request).buckets.ranges()
    assert low == 2.0 ** -(2.0**-scale)
    assert (high, count) == (1.0, 1)


@JSON
def test_what_is_left_aside(json: bool) -> None:
    request = metrics_request()
    metrics = metrics_of(request)
    add_histogram(metrics, [1], [])
    add_histogram(metrics, [1], [], name="http.client.request.duration")
    add_histogram(metrics, [1], [], flags=1)
    add_histogram(metrics, [3], [], attributes={})
    for kind in ("gauge", "sum", "summary"):
        points = getattr(metrics.add(name=NAME), kind).data_points
        points.add(time_unix_nano=1)
        points.add(time_unix_nano=2)
    metrics.add(name=NAME)
    found = decode(request, json)
    assert (len(found.points), found.rejected, found.other, found.received) == (1, [(1, "field_missing")], 8, 2)


@JSON
def test_one_request_under_both_names_is_one(json: bool) -> None:
    """http/dup: both metrics in one scope. Another scope of the same service may still have the old one alone."""
    request = metrics_request()
    metrics = metrics_of(request)
    add_histogram(metrics, [2, 0], [5], name=OLD_NAME, unit="ms")
    add_histogram(metrics, [2, 0], [0.005])
    scope = request.resource_metrics[0].scope_metrics.add()
    add_histogram(scope.metrics, [7, 0], [5], name=OLD_NAME, unit="ms")
    found = decode(request, json)
    assert [point.count for point in found.points] == [2, 7]
    assert (found.rejected, found.other) == ([], 1)


def test_the_consumers_attribute() -> None:
    request = metrics_request({"tenant": "of-resource"})
    add_histogram(metrics_of(request), [1], [], attributes=POINT | {"tenant": 7})
    add_histogram(metrics_of(request), [1], [])
    assert [point.consumer for point in decode(request, consumer="tenant").points] == ["7", "of-resource"]


def digest(
    resource: dict[str, Any] | None = None,
    attributes: dict[str, Any] | None = None,
    scope: tuple[str, str] = ("test", "1"),
    name: str = NAME,
) -> bytes:
    request = metrics_request({"service.name": "shop", "a": 1, "b": 2} if resource is None else resource)
    told = request.resource_metrics[0].scope_metrics[0].scope
    told.name, told.version = scope
    add_histogram(metrics_of(request), [1], [], attributes=POINT | (attributes or {}), name=name)
    return one(request).series


def test_a_series_does_not_depend_on_the_order() -> None:
    assert digest({"b": 2, "service.name": "shop", "a": 1}) == digest()
    assert digest(attributes={"x": 1, "y": {"p": 1, "q": [2]}}) == digest(attributes={"y": {"q": [2], "p": 1}, "x": 1})
    request = metrics_request({"service.name": "shop", "a": 1, "b": 2})
    add_histogram(metrics_of(request), [9], [], attributes=dict(reversed(POINT.items())), start_time_unix_nano=1, sum=4)
    assert one(request).series == digest()


def test_what_tells_series_apart() -> None:
    found = [
        digest(),
        digest({"service.name": "shop", "a": 1}),
        digest({"service.name": "shop", "a": 2, "b": 1}),
        digest({"service.name": "shop", "a": 1, "b": 2, "service.instance.id": "x"}),
        digest({"service.name": "shop", "a": 1.0, "b": 2}),
        digest({"service.name": "shop", "a": "1", "b": 2}),
        digest({"service.name": "shop", "a": True, "b": 2}),
        digest({"service.name": "shop", "a": b"1", "b": 2}),
        digest({"service.name": "shop", "a": [1], "b": 2}),
        digest({"service.name": "shop", "a": [[1]], "b": 2}),
        digest({"service.name": "shop", "a": {"": 1}, "b": 2}),
        digest({"service.name": "shop", "a": [["", 1]], "b": 2}),
        digest({"service.name": "shop", "a": None, "b": 2}),
        digest({"service.name": "shop", "a": "", "b": 2}),
        digest(attributes={"a": 1}),
        digest(attributes={"http.response.status_code": 201}),
        digest(attributes={"x": [1, 2]}),
        digest(attributes={"x": [2, 1]}),
        digest(scope=("test", "2")),
        digest(scope=("test1", "")),
        digest(scope=("", "test1")),
        digest(name=OLD_NAME),
    ]
    assert len(set(found)) == len(found)


def test_a_writer_has_many_series_and_one_start() -> None:
    request = metrics_request()
    metric = metrics_of(request).add(name=NAME, unit="s")
    metric.histogram.aggregation_temporality = CUMULATIVE
    for status, start in ((200, NOON), (500, NOON), (200, NOON + 1)):
        point = metric.histogram.data_points.add(time_unix_nano=NOON + SECOND, start_time_unix_nano=start)
        set_attributes(point.attributes, POINT | {"http.response.status_code": status})
    first, other, later = decode(request).points
    assert first.writer == other.writer != later.writer
    assert first.series == later.series != other.series
