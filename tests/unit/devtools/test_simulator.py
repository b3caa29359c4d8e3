"""The simulator's lines, counted naively: nothing here reads its tables."""

import json
import re
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest

from devtools.simulator import generate

END = datetime(2026, 3, 18, 15, 7, 33, 123456, tzinfo=UTC)
HOUR = timedelta(hours=1)
REQUESTS = 60_000
KEYS = {
    "time",
    "service",
    "method",
    "path",
    "route",
    "status",
    "duration",
    "request_size",
    "response_size",
    "consumer",
    "version",
    "user_agent",
}
ALWAYS = KEYS - {"route", "duration", "consumer"}


def no_duplicates(pairs):
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), keys
    return dict(pairs)


def parse(line):
    hit = json.loads(line, object_pairs_hook=no_duplicates)
    hit["at"] = datetime.fromisoformat(hit["time"])
    return hit


@pytest.fixture(scope="module")
def hits():
    return [parse(line) for line in generate(1, END, 7, REQUESTS)]


def of(hits, method, path, **fields):
    """The hits of a method and a path pattern whose other fields are equal to these."""
    pattern = re.compile(path)
    return [
        h
        for h in hits
        if h["method"] == method
        and pattern.fullmatch(h["path"])
        and all(h.get(key) == value for key, value in fields.items())
    ]


def between(hits, oldest, newest):
    """The hits from `oldest` hours before the end until `newest` hours before it."""
    return [h for h in hits if END - oldest * HOUR <= h["at"] < END - newest * HOUR]


def quantile(hits, q):
    durations = sorted(h["duration"] for h in hits if "duration" in h)
    return durations[int(q * len(durations))]


def share(hits, status):
    return sum(h["status"] == status for h in hits) / len(hits)


def test_same_arguments_give_the_same_bytes():
    first = b"".join(generate(7, END, 3, 4_000))
    assert first == b"".join(generate(7, END, 3, 4_000))
    assert first != b"".join(generate(8, END, 3, 4_000))


@pytest.mark.parametrize(("days", "requests"), [(1, 100), (1, 1), (2, 5_000), (30, 20_000)])
def test_count_order_and_bounds(days, requests):
    found = [parse(line) for line in generate(3, END, days, requests)]
    assert len(found) == requests  # exact, so well within 2 %
    times = [h["at"] for h in found]
    assert times == sorted(times)
    assert times[0] >= END - timedelta(days=days)
    assert times[-1] < END


def test_no_requests_is_no_lines():
    assert list(generate(1, END, 1, 0)) == []


def test_bounds_hold_to_the_microsecond():
    for microsecond in (0, 1, 999, 1000, 999_999):
        end = datetime(2026, 1, 1, microsecond=microsecond, tzinfo=UTC)
        times = [parse(line)["at"] for line in generate(5, end, 1, 3_000)]
        assert end - timedelta(days=1) <= times[0]
        assert times[-1] < end


@pytest.mark.parametrize(
    "arguments",
    [
        (1, END.replace(tzinfo=None), 1, 10),
        (-1, END, 1, 10),
        (1, END, 0, 10),
        (1, END, 1, -1),
    ],
)
def test_bad_arguments_are_refused_at_the_call(arguments):
    with pytest.raises(ValueError):
        generate(*arguments)


def test_lines_are_hits(hits):
    for line in islice(generate(1, END, 7, REQUESTS), 500):
        assert line.endswith(b"}\n")
        assert line.count(b"\n") == 1
    for h in hits:
        keys = set(h) - {"at"}
        assert ALWAYS <= keys <= KEYS
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", h["time"])
        assert h["path"].startswith("/")
        assert "{" not in h["path"]
        assert "?" not in h["path"]
        assert 100 <= h["status"] < 600
        assert h["request_size"] >= 0
        assert h["response_size"] >= 0
        if "duration" in h:
            assert h["duration"] > 0
            assert h["duration"] == round(h["duration"], 6)


def test_the_shop(hits):
    assert {h["service"] for h in hits} == {"shop-api", "checkout", "web"}
    assert {"GET", "POST", "PUT", "PATCH", "DELETE"} == {h["method"] for h in hits}
    assert 20 <= len({h["consumer"] for h in hits if "consumer" in h}) <= 30
    assert {h["service"] for h in hits if "route" in h} == {"shop-api"}
    shop = [h for h in hits if h["service"] == "shop-api"]
    assert 0.9 < sum("route" in h for h in shop) / len(shop) < 1
    assert 0 < sum("duration" not in h for h in hits) / len(hits) < 0.02
    assert any(re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", h["path"]) for h in hits)
    for bot in ("Googlebot", "GPTBot"):
        assert any(bot in h["user_agent"] for h in hits)
    assert share(of(hits, "GET", "/wp-login.php"), 404) > 0.8
    assert of(hits, "GET", "/.env")


def test_routes_explain_their_paths(hits):
    for h in hits:
        if "route" in h:
            pattern = "".join(
                "[^/]+" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^}]*\})", h["route"])
            )
            assert re.fullmatch(pattern, h["path"]), (h["route"], h["path"])


def test_health_checks_are_regular(hits):
    checks = of(hits, "GET", "/healthz", service="web")
    assert {h["user_agent"] for h in checks} == {"kube-probe/1.33"}
    gaps = sorted((b["at"] - a["at"]).total_seconds() for a, b in pairwise(checks))
    middle = gaps[len(gaps) // 2]
    assert gaps[len(gaps) // 10] > middle / 3
    assert gaps[9 * len(gaps) // 10] < middle * 3


def test_nights_are_quieter():
    by_hour = [0] * 24
    for line in generate(2, END, 7, 30_000):
        by_hour[parse(line)["at"].hour] += 1
    assert max(by_hour) > 1.6 * min(by_hour)


def test_some_routes_have_a_fast_and_a_slow_mode(hits):
    durations = [h["duration"] for h in of(hits, "GET", r"/v1/products/\d+") if "duration" in h]
    fast, middle, slow = (
        sum(low <= d < high for d in durations) for low, high in ((0, 0.016), (0.016, 0.026), (0.026, 9))
    )
    assert fast > 3 * middle
    assert slow > 2 * middle


def test_incident_bad_release():
    hits = [parse(line) for line in generate(4, END, 3, 100_000)]
    pay = of(hits, "POST", r"/checkout/\d+/pay", service="checkout")
    before, bad, repaired = between(pay, 60, 30), between(pay, 29.8, 20), between(pay, 19.8, 0)
    assert {h["version"] for h in before} == {"5.1.3"}
    assert {h["version"] for h in bad} == {"5.2.0"}
    assert {h["version"] for h in repaired} == {"5.2.1"}
    assert {h["version"] for h in between(pay, 30, 29.8)} <= {"5.1.3", "5.2.0"}
    assert 3 < quantile(bad, 0.95) / quantile(before, 0.95) < 5.2
    assert 1.1 < quantile(repaired, 0.95) / quantile(before, 0.95) < 2.2
    assert share(before, 500) < 0.01
    assert 0.03 < share(bad, 500) < 0.11
    assert share(repaired, 500) < 0.035


def test_the_bad_release_spares_the_other_endpoints(hits):
    carts = of(hits, "GET", "/carts/.*", service="checkout")
    before, after = between(carts, 60, 30), between(carts, 29.8, 20)
    assert 0.7 < quantile(after, 0.5) / quantile(before, 0.5) < 1.4


def test_incident_quiet_endpoint(hits):
    rates = of(hits, "GET", "/v1/exchange-rates")
    assert not between(rates, 48, 0)
    for day in (2, 3, 4, 5, 6):
        assert len(between(rates, 24 * (day + 1), 24 * day)) > 20


def test_incident_error_burst(hits):
    search = of(hits, "GET", "/search")
    burst = [h for h in search if h["status"] == 503]
    assert len(burst) >= 10
    assert burst[-1]["at"] - burst[0]["at"] <= timedelta(minutes=12)
    assert timedelta(hours=8.5) <= END - burst[-1]["at"] <= timedelta(hours=10)
    window = [h for h in search if burst[0]["at"] <= h["at"] <= burst[-1]["at"]]
    assert share(window, 503) > 0.7
    usual = len(search) / (7 * 24 * 5)  # of twelve minutes
    assert len(window) > 2 * usual


def test_incident_slow_consumer(hits):
    orders = of(hits, "GET", "/v1/orders")
    mine = [h for h in orders if h.get("consumer") == "northwind-erp"]
    others = [h for h in orders if h.get("consumer") != "northwind-erp"]
    ratio = quantile(between(mine, 72, 0), 0.5) / quantile(between(mine, 168, 72), 0.5)
    assert 4.5 < ratio < 8
    assert 0.8 < quantile(between(others, 72, 0), 0.5) / quantile(between(others, 168, 72), 0.5) < 1.25


def test_incident_growing_endpoint(hits):
    hooks = of(hits, "POST", "/v1/webhooks")
    everything = [len(between(hits, 24 * (day + 1), 24 * day)) for day in range(7)]
    daily = [len(between(hooks, 24 * (day + 1), 24 * day)) / everything[day] for day in range(7)]
    assert daily[0] > 2 * daily[6]
    assert sum(daily[:3]) > 1.5 * sum(daily[4:])
