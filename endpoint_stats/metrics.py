"""The registry of metrics: name, unit, what an empty bucket says, and how it is computed. The only place."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from endpoint_stats.aggregate.sketch import BANDS

Numbers = npt.NDArray[np.int64] | npt.NDArray[np.float64]
# Columns of sums by name, a number a bucket, and the lengths of the buckets in seconds under SECONDS.
Sums = Mapping[str, Numbers]
SECONDS = "seconds"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    empty: what a bucket without hits says (0, zeros, or None: "no answer").
    compute: from sums to the values, for metrics that need no sketch; masked where there is no answer.
    sums: the columns of sums that ``compute`` takes, so that no others are read.
    quantile: for metrics that are read off the merged sketch.
    sketch: whether the sketch is needed.
    listed: the value is a list of numbers, which cannot be sorted by.
    """

    name: str
    unit: str
    title: str
    empty: float | list[int] | None = None
    compute: Callable[[Sums], Any] | None = None
    quantile: float | None = None
    sketch: bool = False
    consumers: bool = False
    listed: bool = False
    sums: tuple[str, ...] = ()


def _ratio(part: Numbers, whole: Numbers) -> Any:
    return np.ma.masked_array(part / np.where(whole == 0, 1, whole), whole == 0)


def _itself(values: Numbers) -> Any:
    return values


def _metric(
    name: str, unit: str, title: str, sums: tuple[str, ...], compute: Callable[..., Any], empty: float | None = None
) -> Metric:
    """``compute`` takes the sums in their order."""
    return Metric(name, unit, title, empty, lambda found: compute(*(found[part] for part in sums)), sums=sums)


def _quantile(name: str, quantile: float, title: str) -> Metric:
    return Metric(name, "s", title, quantile=quantile, sketch=True)


_ALL = (
    _metric("requests", "1", "Requests", ("requests",), _itself, 0),
    _metric("rate", "1/s", "Requests per second", ("requests", SECONDS), lambda n, seconds: n / seconds, 0),
    _metric("errors", "1", "Server errors (5xx)", ("errors",), _itself, 0),
    _metric("client_errors", "1", "Client errors (4xx)", ("client_errors",), _itself, 0),
    _metric("error_rate", "ratio", "Share of server errors", ("errors", "requests"), _ratio),
    _metric(
        "availability", "ratio", "Share without a server error", ("errors", "requests"),
        lambda errors, n: _ratio(n - errors, n),
    ),
    Metric("apdex", "ratio", "Apdex", sketch=True),
    _metric("timed", "1", "Requests with a duration", ("timed",), _itself, 0),
    _metric("duration", "s", "Sum of durations", ("duration_us",), lambda us: us / 1e6, 0),
    _metric("mean", "s", "Mean duration", ("duration_us", "timed"), lambda us, n: _ratio(us / 1e6, n)),
    _quantile("p50", 0.5, "Median duration"),
    _quantile("p75", 0.75, "75th percentile of duration"),
    _quantile("p90", 0.9, "90th percentile of duration"),
    _quantile("p95", 0.95, "95th percentile of duration"),
    _quantile("p99", 0.99, "99th percentile of duration"),
    _quantile("p999", 0.999, "99.9th percentile of duration"),
    _quantile("max", 1.0, "Longest duration"),
    _metric("request_bytes", "By", "Bytes received", ("request_bytes",), _itself, 0),
    _metric("response_bytes", "By", "Bytes sent", ("response_bytes",), _itself, 0),
    Metric("consumers", "1", "Distinct consumers", empty=0, consumers=True),
    Metric("histogram", "1", "Requests by band of duration", [0] * (len(BANDS) + 1), sketch=True, listed=True),
)  # fmt: skip

METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _ALL})
DEFAULT_METRICS = ("requests", "errors", "error_rate", "p50", "p95", "p99")
