"""Charts in a real browser, under the product's Content Security Policy."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.charts import examples
from tests.integration.installation import wait_until

pytestmark = [pytest.mark.needs("chromium")]

INK = """([id, from, to]) => {
  // How many pixels of a chart's canvas are painted between two fractions of its plot's width.
  const over = document.querySelector(`#${id} .u-over`).getBoundingClientRect();
  const canvas = document.querySelector(`#${id} canvas`);
  const box = canvas.getBoundingClientRect();
  const ratio = canvas.width / box.width;
  const left = Math.round((over.left - box.left + over.width * from) * ratio);
  const width = Math.max(1, Math.round(over.width * (to - from) * ratio));
  const top = Math.round((over.top - box.top) * ratio);
  const pixels = canvas.getContext("2d").getImageData(left, top, width, Math.round(over.height * ratio)).data;
  const colours = new Set();
  let painted = 0;
  for (let at = 0; at < pixels.length; at += 4) {
    if (!pixels[at + 3]) continue;
    painted += 1;
    colours.add([pixels[at], pixels[at + 1], pixels[at + 2]].join());
  }
  return { painted, colours: [...colours] };
}"""


def ink(page: Any, name: str, start: float = 0.0, end: float = 1.0) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(INK, [f"chart-{name}", start, end])
    return found


def point(page: Any, name: str, x: float, y: float = 0.5) -> tuple[float, float]:
    """Coordinates at fractions of a chart's plot."""
    over = page.locator(f"#chart-{name} .u-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    return box["x"] + box["width"] * x, box["y"] + box["height"] * y


def hover(page: Any, name: str, x: float, y: float = 0.5) -> str:
    page.mouse.move(*point(page, name, x, y))
    lines = page.locator(f"#chart-{name} .chart-panel").inner_text().split("\n")
    return "\n".join(filter(None, lines))


def listen(page: Any, *, prevent: bool = True) -> None:
    page.evaluate(
        """(prevent) => document.addEventListener("range", (event) => {
          window.ranges = [...(window.ranges ?? []), event.detail];
          if (prevent) event.preventDefault();
        })""",
        prevent,
    )


def ranges(page: Any) -> list[dict[str, int]]:
    found: list[dict[str, int]] = page.evaluate("window.ranges ?? []")
    return found


def everything() -> list[dict[str, Any]]:
    return [examples.latency(), examples.requests(), examples.heatmap(), examples.error_rate()]


@pytest.mark.parametrize("width", [390, 1440, 2560])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_kind_draws_and_the_console_stays_silent(
    open_charts: Callable[..., Any], width: int, scheme: str
) -> None:
    page = open_charts(*everything(), width=width, color_scheme=scheme, trend=[1, 2, None, 3])
    for chart in everything():
        assert len(ink(page, chart["id"])["colours"]) > 3
    hover(page, "latency", 0.5)
    hover(page, "distribution", 0.9, 0.3)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("[style]").count() > 0, "set by script, which the policy allows"
    assert page.complaints == []


def test_the_page_as_sent_has_no_style_and_no_script_of_its_own(open_charts: Callable[..., Any]) -> None:
    page = open_charts(*everything(), trend=[1, 2], java_script_enabled=False)
    assert page.locator("[style]").count() == 0
    assert page.locator("script:not([type='application/json'])").count() == 0


def test_a_gap_is_not_bridged(open_charts: Callable[..., Any]) -> None:
    chart = examples.small(gaps=[], marks=[])
    page = open_charts(chart)
    # Hours 2 and 4 have values, hour 3 has none: from the middle of the one to the middle of the other no line.
    lines = ink(page, "small", 2.6 / 6, 4.4 / 6)
    beside = ink(page, "small", 1.6 / 6, 2.4 / 6)
    assert len(lines["colours"]) < len(beside["colours"])
    assert len(lines["colours"]) <= 2, "grid lines only"


def test_an_hour_that_is_missing_altogether_is_a_gap_too(open_charts: Callable[..., Any]) -> None:
    times = examples.small()["time"]
    del times[3]
    series = [{"name": "p50", "label": "p50", "colour": "p50", "values": [0.1, 0.2, 0.1, 0.2, 0.1]}]
    page = open_charts(examples.small(time=times, series=series, gaps=[], marks=[]))
    assert len(ink(page, "small", 2.6 / 6, 4.4 / 6)["colours"]) <= 2
    assert "no value" not in hover(page, "small", 3.5 / 6)
    assert "–" in hover(page, "small", 3.5 / 6)


def test_unmeasured_time_is_shaded_and_said(open_charts: Callable[..., Any]) -> None:
    page = open_charts(examples.small())
    assert ink(page, "small", 3.1 / 6, 3.9 / 6)["painted"] > 10_000
    assert "unmeasured" in hover(page, "small", 3.5 / 6)
    assert "unmeasured" not in hover(page, "small", 2.5 / 6)


def test_the_panel_lists_all_series_sorted_with_time_and_marks(open_charts: Callable[..., Any]) -> None:
    page = open_charts(examples.small())
    lines = hover(page, "small", 1.5 / 6).split("\n")
    assert lines == ["Fri 20 Nov, 11:00–12:00", "p95", "300 ms", "p50", "100 ms", "release 5.2.0"]
    assert hover(page, "small", 2.5 / 6).split("\n")[1:] == ["p50", "100 ms", "p95", "50 ms"]


def test_bars_have_their_sum(open_charts: Callable[..., Any]) -> None:
    series = [
        {"name": name, "label": name, "colour": name, "values": values}
        for name, values in (("2xx", [1000, 12_000]), ("5xx", [20, 0]))
    ]
    times = examples.small()["time"][:2]
    page = open_charts(examples.small(kind="bars", unit="1", time=times, series=series, gaps=[]))
    assert hover(page, "small", 0.25).split("\n")[1:] == ["2xx", "1,000", "5xx", "20", "All", "1,020"]
    assert "12.0 k" in hover(page, "small", 0.75)


def test_a_heatmap_says_band_and_count(open_charts: Callable[..., Any]) -> None:
    times = examples.small()["time"][:2]
    chart = examples.small(
        kind="heatmap", time=times, rows=[0.01, 0.1, 1.0, None], counts=[[0, 7, 2, 0], None], gaps=[]
    )
    del chart["series"]
    page = open_charts(chart)
    assert hover(page, "small", 0.25, 0.6).split("\n")[1:3] == ["10 ms – 100 ms", "7"]
    assert hover(page, "small", 0.25, 0.05).split("\n")[1:3] == ["over 1.00 s", "0"]
    assert "–" in hover(page, "small", 0.75)
    few, many = (ink(page, "small", 0.1, 0.2)["colours"], page.locator(".chart-ramp").inner_text())
    assert len(few) >= 2
    assert "7 requests, colour by square root" in many


def test_one_crosshair_for_all_charts(open_charts: Callable[..., Any]) -> None:
    page = open_charts(*everything())
    hover(page, "latency", 0.3)
    shown = page.locator(".chart-line:visible")
    assert shown.count() == 4
    assert len({round(shown.nth(at).bounding_box()["x"]) for at in range(4)}) == 1
    assert page.locator(".chart-panel:visible").count() == 1
    page.mouse.move(2, 2)
    assert page.locator(".chart-line:visible").count() == 0


def test_dragging_announces_whole_buckets(open_charts: Callable[..., Any]) -> None:
    page = open_charts(examples.small())
    listen(page)
    page.mouse.move(*point(page, "small", 4.4 / 6))
    page.mouse.down()
    page.mouse.move(*point(page, "small", 1.7 / 6), steps=3)
    assert page.locator(".selection").is_visible()
    page.mouse.up()
    times = examples.small()["time"]
    assert ranges(page) == [{"from": times[1], "to": times[5]}]
    page.mouse.down()
    page.mouse.up()
    assert len(ranges(page)) == 1, "a click is no drag"


def test_escape_ends_a_drag(open_charts: Callable[..., Any]) -> None:
    page = open_charts(examples.small())
    listen(page)
    page.mouse.move(*point(page, "small", 0.2))
    page.mouse.down()
    page.mouse.move(*point(page, "small", 0.6), steps=3)
    page.keyboard.press("Escape")
    page.mouse.up()
    assert ranges(page) == []
    assert not page.locator(".selection").is_visible()


def drag(page: Any) -> None:
    page.mouse.move(*point(page, "small", 1.5 / 6))
    page.mouse.down()
    page.mouse.move(*point(page, "small", 2.5 / 6), steps=3)
    page.mouse.up()


def test_zooming_changes_the_address_and_a_double_click_goes_back(open_charts: Callable[..., Any]) -> None:
    page = open_charts(examples.small(), path="/?order=-errors&from=2026-11-13T00:00Z&to=now#endpoints")
    drag(page)
    page.wait_for_url("**/?order=-errors&from=2026-11-20T10%3A00Z&to=2026-11-20T12%3A00Z")
    page.locator("figure[data-ready]").wait_for()
    page.mouse.dblclick(*point(page, "small", 0.5))
    page.wait_for_url("**/?order=-errors&from=2026-11-13T00:00Z&to=now#endpoints")


def test_a_double_click_before_any_zoom_leaves_the_reader_here(open_charts: Callable[..., Any]) -> None:
    page = open_charts(examples.small(), path="/first")
    page.goto("http://charts.test/second")
    page.locator("figure[data-ready]").wait_for()
    page.mouse.dblclick(*point(page, "small", 0.5))
    page.wait_for_timeout(200)
    assert page.url.endswith("/second")


def test_zooming_goes_through_htmx_where_it_is(open_charts: Callable[..., Any]) -> None:
    page = open_charts(examples.small(), path="/shop?from=-7d")
    page.evaluate(
        "window.htmx = {ajax: (verb, path, how) => { window.asked = [verb, path, how.target, how.select, how.push]; }}"
    )
    drag(page)
    expected = "/shop?from=2026-11-20T10%3A00Z&to=2026-11-20T12%3A00Z"
    assert page.evaluate("window.asked") == ["GET", expected, "#page", "#page", "true"]
    assert page.url.endswith("/shop?from=-7d")


def test_the_keyboard_does_the_same(open_charts: Callable[..., Any]) -> None:
    page = open_charts(examples.small())
    listen(page)
    times = examples.small()["time"]
    live = page.locator("[data-chart-live]")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "chart-small"
    page.keyboard.press("ArrowRight")
    assert live.inner_text() == "Fri 20 Nov, 10:00–11:00: p95 200 ms, p50 100 ms"
    page.keyboard.press("ArrowRight")
    assert live.inner_text().endswith("p95 300 ms, p50 100 ms; release 5.2.0")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    assert live.inner_text().startswith("Selected Fri 20 Nov, 11:00–14:00, Enter zooms. ")
    assert live.inner_text().endswith("p50 no value, p95 no value; unmeasured")
    page.keyboard.press("Enter")
    assert ranges(page) == [{"from": times[1], "to": times[4]}]
    page.keyboard.press("End")
    assert "p95 1.42 s, p50 12 ms" in live.inner_text()
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Escape")
    assert live.inner_text() == ""
    assert not page.locator(".chart-line").is_visible()
    page.keyboard.press("Enter")
    assert len(ranges(page)) == 1, "nothing is selected"


def test_backspace_goes_back_from_a_zoom(open_charts: Callable[..., Any]) -> None:
    page = open_charts(examples.small(), path="/shop")
    drag(page)
    page.wait_for_url("**/shop?from=*")
    page.locator("figure[data-ready]").wait_for()
    page.locator("#chart-small").focus()
    page.keyboard.press("Backspace")
    page.wait_for_url("**/shop")


def test_the_keyboard_reaches_the_bands_of_a_heatmap(open_charts: Callable[..., Any]) -> None:
    page = open_charts(examples.heatmap())
    page.locator("#chart-distribution").focus()
    page.keyboard.press("ArrowRight")
    first = page.locator("[data-chart-live]").inner_text()
    page.keyboard.press("ArrowUp")
    second = page.locator("[data-chart-live]").inner_text()
    assert "46 ms – 68 ms" in first
    assert "68 ms – 100 ms" in second


def test_colours_follow_the_scheme(open_charts: Callable[..., Any]) -> None:
    page = open_charts(examples.latency(), examples.heatmap(), color_scheme="light")
    before = {name: set(ink(page, name)["colours"]) for name in ("latency", "distribution")}
    page.emulate_media(color_scheme="dark")
    wait_until(lambda: "157,171,255" in ink(page, "latency")["colours"], what="--series-p95, dark")
    after = {name: set(ink(page, name)["colours"]) for name in ("latency", "distribution")}
    for name in before:
        assert len(before[name] & after[name]) < len(before[name]) / 10


def test_paper_gets_dark_ink(open_charts: Callable[..., Any]) -> None:
    page = open_charts(examples.latency(), color_scheme="dark")
    page.emulate_media(media="print")
    wait_until(lambda: "51,70,176" in ink(page, "latency")["colours"], what="--series-p95, light")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440


def test_a_chart_takes_its_elements_width(open_charts: Callable[..., Any]) -> None:
    page = open_charts(examples.latency())
    area = page.locator(".chart-area")
    height = area.bounding_box()["height"]
    page.set_viewport_size({"width": 500, "height": 800})
    page.wait_for_timeout(200)
    assert page.locator(".uplot").bounding_box()["width"] < 500
    assert page.evaluate("document.documentElement.scrollWidth") <= 500
    assert area.bounding_box()["height"] == height
    assert len(ink(page, "latency")["colours"]) > 3


def test_nothing_moves_when_the_drawing_comes(open_charts: Callable[..., Any]) -> None:
    page = open_charts(*everything())
    shift = """() => new Promise((resolve) => {
      let sum = 0;
      new PerformanceObserver((list) => { for (const entry of list.getEntries()) sum += entry.value; })
        .observe({ type: "layout-shift", buffered: true });
      setTimeout(() => resolve(sum), 200);
    })"""
    assert page.evaluate(shift) == 0


def test_swapped_in_is_drawn_and_swapped_out_is_let_go(open_charts: Callable[..., Any]) -> None:
    page = open_charts(examples.small(), examples.latency())
    page.evaluate(
        """() => {
          const html = document.getElementById("page").innerHTML;
          window.ended = 0;
          const end = ResizeObserver.prototype.disconnect;
          ResizeObserver.prototype.disconnect = function () { window.ended += 1; return end.call(this); };
          document.dispatchEvent(new CustomEvent("htmx:beforeHistorySave"));
          window.left = document.querySelectorAll("#page [style]").length;
          document.getElementById("page").innerHTML = window.clean = document.getElementById("page").innerHTML;
          document.body.dispatchEvent(new CustomEvent("htmx:afterSwap", { bubbles: true }));
        }"""
    )
    assert page.evaluate("[window.ended, window.left]") == [2, 0]
    assert page.locator("figure[data-ready] canvas").count() == 2
    assert "p95" in hover(page, "small", 0.3)
    page.evaluate(
        """() => {
          document.getElementById("chart-small").remove();
          document.body.dispatchEvent(new CustomEvent("htmx:load", { bubbles: true }));
        }"""
    )
    assert page.evaluate("window.ended") == 3
    hover(page, "latency", 0.3)
    assert page.locator(".chart-line:visible").count() == 1
    assert page.complaints == []


def test_without_javascript_the_table_is_what_there_is(open_charts: Callable[..., Any]) -> None:
    page = open_charts(examples.small(), java_script_enabled=False)
    assert not page.locator(".chart-area").is_visible()
    rows = page.locator("table tr")
    assert rows.nth(0).locator("th").all_inner_texts() == ["From", "p50", "p95", "Note"]
    cells = [rows.nth(at).locator("th, td").all_inner_texts() for at in range(1, 7)]
    assert cells[1] == ["Fri 20 Nov 11:00", "100 ms", "300 ms", "release 5.2.0"]
    assert cells[3] == ["Fri 20 Nov 13:00", "–", "–", "unmeasured"]
    assert cells[5] == ["Fri 20 Nov 15:00", "12 ms", "1.42 s", ""]
    assert page.locator("table").is_visible()
    assert page.locator("td[title='not measured']").count() == 2


def test_a_chart_without_times_says_so(open_charts: Callable[..., Any]) -> None:
    series = [{"name": "p50", "label": "p50", "colour": "p50", "values": []}]
    page = open_charts(examples.small(time=[], series=series, gaps=[], marks=[]))
    assert page.locator(".chart-area").inner_text() == "No data in this range."
    assert page.complaints == []


def test_a_broken_chart_leaves_the_others_whole(open_charts: Callable[..., Any]) -> None:
    page = open_charts(examples.small(), examples.latency())
    page.evaluate(
        """() => {
          const [broken, whole] = document.querySelectorAll("figure");
          broken.querySelector("script").textContent = "{";
          for (const figure of [broken, whole]) figure.replaceWith(figure.cloneNode(true));
          document.dispatchEvent(new CustomEvent("htmx:load"));
        }"""
    )
    assert "could not be drawn" in page.locator("#chart-small .chart-area").inner_text()
    assert len(ink(page, "latency")["colours"]) > 3


def test_a_finger_points_and_the_panel_stays(open_charts: Callable[..., Any]) -> None:
    page = open_charts(examples.small(), width=390, has_touch=True)
    page.touchscreen.tap(*point(page, "small", 1.5 / 6))
    assert "p95" in page.locator(".chart-panel").inner_text()
    page.touchscreen.tap(200, 10)
    assert not page.locator(".chart-panel").is_visible()
