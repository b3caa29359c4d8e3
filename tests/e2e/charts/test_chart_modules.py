"""The charts' JavaScript modules, each by itself: numbers as the server writes them, times as the zone has them."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from endpoint_stats.query.render import cell
from tests.e2e.charts import examples

pytestmark = [pytest.mark.needs("chromium")]

METRIC = {"s": "p95", "1": "requests", "1/s": "rate", "ratio": "error_rate", "By": "response_bytes"}


@pytest.fixture
def call(any_page: Any) -> Callable[..., Any]:
    """``call("times.js", "timeTicks(from, to)", from=…)``: an expression with a module's names and the given ones."""

    def called(module: str, expression: str, **values: Any) -> Any:
        names = ", ".join(values)
        arguments = f"{{ {names} }}" if names else "_"
        return any_page.evaluate(
            f"""async ({arguments}) => {{
              const module = await import("/static/js/charts/{module}");
              return module.{expression};
            }}""",
            values,
        )

    return called


def values_of(unit: str) -> list[float | None]:
    chance = random.Random(unit)
    least, most = {"s": (-5, 5), "1": (0, 10), "1/s": (-3, 2.9), "ratio": (-5, 0), "By": (0, 13)}[unit]
    found: list[float | None] = [10 ** chance.uniform(least, most) for _ in range(400)]
    found += [0, 1, None]
    if unit == "s":
        # Halves, which one language rounds up and the other to the even digit.
        found += [0.0125, 0.0135, 0.0005, 0.00025, 150.0, 90.0, 119.99, 0.0095, 0.9995, 2.125, 10.25, 7200, 7199.9]
    if unit in ("1", "By"):
        found = [value if value is None else round(value) for value in found]
        found += [999, 1000, 9999, 10_000, 999_499, 999_500, 999_600, 12_345, 12_350, 12_250, 4_560_000_000]
    if unit == "ratio":
        found += [0.0005, 0.0004, 0.125, 0.0625, 0.00125, 0.1885, 0.9995]
    return found


@pytest.mark.parametrize("unit", METRIC)
def test_numbers_are_written_as_the_server_writes_them(call: Callable[..., Any], unit: str) -> None:
    values = values_of(unit)
    module = "values.map((value) => module.valueText(unit, value))"
    written = call("formats.js", f"valueText && {module}", unit=unit, values=values)
    expected = [cell(METRIC[unit], value) for value in values]
    wrong = [both for both in zip(values, written, expected, strict=True) if both[1] != both[2]]
    assert wrong == []


def test_ticks_have_no_idle_zeros(call: Callable[..., Any]) -> None:
    def written(unit: str, *values: float) -> Any:
        return call("formats.js", "tickText && values.map((value) => module.tickText(unit, value))",
                    unit=unit, values=values)  # fmt: skip

    assert written("s", 0, 0.5, 1.0, 1.5, 0.005, 10.0) == ["0", "500 ms", "1 s", "1.5 s", "5 ms", "10 s"]
    assert written("ratio", 0.05, 0.1, 0.025, 1.0) == ["5%", "10%", "2.5%", "100%"]
    assert written("1", 2500, 10_000, 12_500, 100_000) == ["2,500", "10 k", "12.5 k", "100 k"]
    assert written("By", 100, 200_000_000) == ["100 B", "200 MB"]


@pytest.fixture
def labels(call: Callable[..., Any]) -> Callable[..., list[str]]:
    def made(start: str, end: str, limit: int = 8, zone: str = "Europe/Berlin", locale: str = "en-GB") -> list[str]:
        begin, until = examples.epoch(start, zone), examples.epoch(end, zone)
        found: list[str] = call(
            "times.js",
            "tickLabels(module.timeTicks(begin, until, limit, zone), zone, { locale })",
            begin=begin, until=until, limit=limit, zone=zone, locale=locale,
        )  # fmt: skip
        return found

    return made


def test_hours_and_days_at_round_local_times(labels: Callable[..., list[str]]) -> None:
    assert labels("2026-11-20T10:05", "2026-11-20T16:05", 6) == [
        "11:00\nFri 20 Nov", "12:00", "13:00", "14:00", "15:00", "16:00",
    ]  # fmt: skip
    assert labels("2026-11-20T10:00", "2026-11-21T10:00", 4) == ["12:00\nFri 20 Nov", "18:00", "00:00\nSat 21 Nov",
                                                               "06:00"]  # fmt: skip
    assert labels("2026-11-13T00:00", "2026-11-20T00:00", 4) == ["Fri 13 Nov", "Sun 15 Nov", "Tue 17 Nov", "Thu 19 Nov"]
    assert labels("2026-10-01T00:00", "2026-11-20T00:00", 8)[:2] == ["Mon 5 Oct", "Mon 12 Oct"]
    assert labels("2025-11-03T00:00", "2026-11-03T00:00", 8) == ["Jan\n2026", "Mar", "May", "Jul", "Sept", "Nov"]


def test_a_clock_set_forward_leaves_an_hour_out(labels: Callable[..., list[str]]) -> None:
    assert labels("2026-03-29T00:00", "2026-03-29T06:00", 8) == [
        "00:00\nSun 29 Mar", "01:00", "03:00", "04:00", "05:00", "06:00",
    ]  # fmt: skip
    # Every tick lies at midnight, though one of the days has 23 hours.
    assert labels("2026-03-27T00:00", "2026-04-01T00:00", 8) == [
        "Fri 27 Mar", "Sat 28 Mar", "Sun 29 Mar", "Mon 30 Mar", "Tue 31 Mar", "Wed 1 Apr",
    ]  # fmt: skip


def test_a_clock_set_back_repeats_an_hour(labels: Callable[..., list[str]]) -> None:
    assert labels("2026-10-24T12:00", "2026-10-26T12:00", 8) == [
        "12:00\nSat 24 Oct", "00:00\nSun 25 Oct", "12:00", "00:00\nMon 26 Oct", "12:00",
    ]  # fmt: skip


def test_the_hour_that_comes_twice_is_told_apart(open_charts: Callable[..., Any]) -> None:
    page = open_charts(examples.over_clock_change("2026-10-25T00:00", 25))
    panel, texts = page.locator(".chart-panel"), []
    page.locator("#chart-clocks").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
        texts.append(panel.locator(".when").inner_text())
    assert len(set(texts)) == 4
    assert "CEST" in texts[1] or "GMT+2" in texts[1]
    times = page.locator("tbody th").all_text_contents()
    assert times[2:4] == ["Sun 25 Oct 02:00 CEST", "Sun 25 Oct 02:00 CET"]
    assert times[24] == "Sun 25 Oct 23:00"


def test_zones_that_are_not_whole_hours_away(labels: Callable[..., list[str]]) -> None:
    assert labels("2026-11-20T10:00", "2026-11-20T13:00", 4, zone="Asia/Kathmandu") == [
        "10:00\nFri 20 Nov", "11:00", "12:00", "13:00",
    ]  # fmt: skip


def test_words_are_the_readers(labels: Callable[..., list[str]]) -> None:
    assert labels("2026-11-13T00:00", "2026-11-20T00:00", 4, locale="de-DE")[0] == "Fr., 13. Nov."


@pytest.mark.parametrize("seconds", [600, 3600, 86_400, 7 * 86_400, 30 * 86_400, 400 * 86_400, 2000 * 86_400])
@pytest.mark.parametrize("limit", [4, 8])
def test_there_are_neither_many_nor_few(call: Callable[..., Any], seconds: int, limit: int) -> None:
    start = examples.epoch("2026-11-20T10:07")
    found = call("times.js", "timeTicks(start, end, limit, 'Europe/Berlin').times",
                 start=start, end=start + seconds, limit=limit)  # fmt: skip
    assert 2 <= len(found) <= limit
    assert found == sorted(found)


@pytest.mark.parametrize(
    ("largest", "unit", "expected"),
    [
        (0.66, "s", [0, 0.2, 0.4, 0.6, 0.8]), (4.0, "s", [0, 1, 2, 3, 4]), (9900, "1", [0, 2500, 5000, 7500, 10_000]),
        (0.3, "s", [0, 0.1, 0.2, 0.3]), (3, "1", [0, 1, 2, 3]), (1, "1", [0, 1]), (0, "1", [0]),
        (0.98, "ratio", [0, 0.25, 0.5, 0.75, 1]), (500, "s", [0, 300, 600]),
    ],
)  # fmt: skip
def test_value_axes_begin_at_zero(call: Callable[..., Any], largest: float, unit: str, expected: list[float]) -> None:
    assert call("scales.js", "linearScale(largest, unit).ticks", largest=largest, unit=unit) == expected


def test_log_axes(call: Callable[..., Any]) -> None:
    found = call("scales.js", "logScale(0.0033, 2.4)")
    assert (found["min"], found["max"]) == (0.002, 5)
    assert found["ticks"] == [0.01, 0.1, 1]
    assert call("scales.js", "logScale(0.13, 0.14)")["ticks"]
    assert json.dumps(call("scales.js", "logScale(Infinity, -Infinity)"))


def test_narrow_labels_leave_the_day_of_the_week_out(call: Callable[..., Any]) -> None:
    start = examples.epoch("2026-11-20T22:00")
    found = call("times.js", "tickLabels(module.timeTicks(start, start + 10800, 4, zone), zone, options)",
                 start=start, zone=examples.ZONE, options={"locale": "en-GB", "brief": True})  # fmt: skip
    assert found == ["22:00\n20 Nov", "23:00", "00:00\n21 Nov", "01:00"]
