"""The table and the words of a chart."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from endpoint_stats.pages import chart_table

BERLIN = ZoneInfo("Europe/Berlin")


def epoch(*parts):
    return int(datetime(*parts, tzinfo=BERLIN).timestamp())


def chart(**more):
    start = epoch(2026, 11, 20, 10)
    times = [start, start + 3600, start + 7200]
    values = {"p50": [0.1, None, 0.0125], "p95": [1.42, None, None]}
    series = [{"name": name, "label": name, "colour": name, "values": listed} for name, listed in values.items()]
    given = {"id": "latency", "kind": "lines", "unit": "s", "scale": "linear", "zone": "Europe/Berlin", "step": 3600}
    return given | {"time": times, "series": series, "gaps": [[times[1], times[2]]], "marks": []} | more


def texts(made):
    return [[cell.text for cell in row.cells] for row in made.rows]


def test_values_times_and_reasons():
    made = chart_table.table(chart())
    assert made.columns == ["p50", "p95"]
    assert texts(made) == [["100 ms", "1.42 s"], ["–", "–"], ["12 ms", "–"]]
    assert [row.label for row in made.rows] == [f"Fri 20 Nov {hour}:00" for hour in (10, 11, 12)]
    assert made.rows[1].cells[0].reason == "not measured"
    assert made.rows[2].cells[1].reason == "no value"
    assert made.rows[0].start.isoformat() == "2026-11-20T10:00:00+01:00"


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [("1", 12_345, "12.3 k"), ("1/s", 0.25, "0.25"), ("ratio", 0.0123, "1.2%"), ("By", 203_000, "203 kB")],
)
def test_units(unit, value, text):
    series = [{"name": "a", "label": "a", "colour": "p50", "values": [value] * 3}]
    assert texts(chart_table.table(chart(unit=unit, series=series)))[0] == [text]


def test_notes_say_marks_and_what_was_not_measured():
    given = chart()
    first, second, third = given["time"]
    given["marks"] = [{"time": first + 60, "label": "release 5", "kind": "release"},
                      {"time": second, "label": "import", "kind": "import"}]  # fmt: skip
    given["gaps"] = [[second, third], [third + 600, third + 1500]]
    made = chart_table.table(given)
    assert [row.note for row in made.rows] == ["release 5", "import, unmeasured", "15 min unmeasured"]
    assert made.noted
    assert not chart_table.table(chart(gaps=[])).noted


def test_the_hour_that_a_clock_repeats_has_its_offset():
    start = epoch(2026, 10, 25, 1)
    series = [{"name": "p50", "label": "p50", "colour": "p50", "values": [0.1] * 4}]
    made = chart_table.table(chart(time=[start + at * 3600 for at in range(4)], series=series, gaps=[]))
    labels = [row.label.removeprefix("Sun 25 Oct ") for row in made.rows]
    assert labels == ["01:00", "02:00 CEST", "02:00 CET", "03:00"]


def test_days_have_no_time_of_day_and_may_be_23_hours_long():
    days = [epoch(2026, 3, day) for day in (28, 29, 30)]
    given = chart(time=days, step=86_400, gaps=[[days[1], days[2]]])
    made = chart_table.table(given)
    assert [row.label for row in made.rows] == ["Sat 28 Mar 2026", "Sun 29 Mar 2026", "Mon 30 Mar 2026"]
    assert [row.note for row in made.rows] == ["", "unmeasured", ""]


def test_a_heatmap_says_how_many_and_where():
    given = chart(kind="heatmap", rows=[0.01, 0.1, None], counts=[[2, 9, 1], None, [0, 0, 0]])
    made = chart_table.table(given)
    assert made.columns == ["Requests", "Fullest band", "Slowest band"]
    assert texts(made) == [["12", "10 ms – 100 ms", "over 100 ms"], ["–", "–", "–"], ["0", "–", "–"]]
    assert [made.rows[at].cells[1].reason for at in (1, 2)] == ["not measured", "no requests"]
    assert chart_table.most(given) == "9"
    assert chart_table.band([0.01, None], 0) == "up to 10 ms"


def test_what_the_axis_measures():
    assert chart_table.axis(chart(unit="1/s")) == "per second"
    assert chart_table.axis(chart(scale="log")) == "log scale"
    assert chart_table.axis(chart()) == ""
    assert chart_table.axis(chart(kind="heatmap")) == "log scale"


@pytest.mark.parametrize(
    "change",
    [
        {"time": [10, 20]},
        {"time": [30, 20, 10]},
        {"kind": "heatmap", "rows": [1.0, None], "counts": [[1, 2], [1], [0, 0]]},
        {"kind": "heatmap", "rows": [1.0, None], "counts": [[1, 2]]},
    ],
)
def test_what_breaks_the_contract_is_refused(change):
    with pytest.raises(ValueError, match="chart latency"):
        chart_table.check(chart(**change))
