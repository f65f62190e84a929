"""Line charts as SVG: every number where it belongs, gaps, ticks, and values that are no numbers."""

import math
import xml.etree.ElementTree as ET

import pytest

from tinygrad_cnn.pages.report.charts import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Series,
    line_chart,
    log_ticks,
    ticks,
    wide,
)

NAN, INF = math.nan, math.inf


def drawn(*series, **options):
    return ET.fromstring(line_chart(series, title="a chart", **options))


def points(chart, kind="dot"):
    return [(float(c.get("cx")), float(c.get("cy"))) for c in chart.iter("circle") if c.get("class").startswith(kind)]


def words(chart):
    return [t.text for t in chart.iter("text")]


def test_points_lie_where_the_axes_say():
    chart = drawn(Series("loss", [1, 2, 3], [0.0, 1.0, 2.0]))
    bottom, top = HEIGHT - BOTTOM, TOP
    expected = [(LEFT, bottom), ((LEFT + WIDTH - RIGHT) / 2, (bottom + top) / 2), (WIDTH - RIGHT, top)]
    assert points(chart) == [pytest.approx(p, abs=0.06) for p in expected]
    assert [t.text for t in chart.iter("title")] == [f"loss, epoch {k}: {k - 1}" for k in (1, 2, 3)]
    assert {"0", "1", "2", "3", "epoch"} <= set(words(chart))


def test_a_logarithmic_axis_where_the_range_is_wide():
    chart = drawn(Series("loss", [1, 2, 3], [1.0, 0.1, 0.01]), log=True)
    (_, a), (_, b), (_, c) = points(chart)
    assert b - a == pytest.approx(c - b, abs=0.11) and "log-scale" in chart.get("class")
    assert {"1", "0.1", "0.01"} <= set(words(chart))
    assert "log-scale" not in drawn(Series("loss", [1, 2], [1.0, 0.5]), log=True).get("class")
    assert "log-scale" not in drawn(Series("loss", [1, 2, 3], [1.0, 0.0, 0.01]), log=True).get("class")
    assert wide(0.1, 3) and not wide(0.1, 1) and not wide(0, 1) and not wide(-1, 1)


def test_what_is_not_finite_is_a_gap():
    chart = drawn(Series("loss", [1, 2, 3, 4, 5], [1, NAN, 3, INF, 2]))
    path = next(p.get("d") for p in chart.iter("path") if p.get("class").startswith("line"))
    assert path.count("M") == 3 and path.count("L") == 0 and len(points(chart)) == 3
    assert line_chart([Series("loss", [1, 2], [NAN, -INF])], title="t") == "" == line_chart([], title="t")


def test_lines_are_told_apart():
    many = [Series(f"run {k}", [1, 2], [k, k + 1], k) for k in range(12)]
    assert len({(s.color, s.dashes) for s in many}) == 12
    assert Series("validation", [], [], 1, 1).dashes and not Series("training", [], [], 0, 0).dashes


@pytest.mark.parametrize("low, high", [(0, 1), (-3, 7), (0.015, 2.3), (1e-9, 3e-9), (1e12, 5e12), (5, 5), (0, 0),
                                       (-1e-3, -1e-4), (0.98, 1.0)])  # fmt: skip
def test_ticks_are_round_and_reach_from_end_to_end(low, high):
    found = ticks(low, high, 5)
    slack = 1e-9 * max(abs(low), abs(high), 1e-300)
    assert found[0] <= low + slack and found[-1] >= high - slack and 2 <= len(found) <= 8
    assert found == sorted(set(found))
    step = found[1] - found[0]
    lead = step / 10 ** math.floor(math.log10(step) + 1e-9)
    assert any(lead == pytest.approx(m, rel=1e-6) for m in (1, 2, 2.5, 5))


def test_whole_ticks_stay_inside():
    assert ticks(1, 30, 8, whole=True) == [5, 10, 15, 20, 25, 30]
    assert ticks(1, 1, 8, whole=True) == [1] and ticks(1, 3, 8, whole=True) == [1, 2, 3]
    assert ticks(0.2, 0.6, 8, whole=True) == [0.2]


def test_logarithmic_ticks():
    assert log_ticks(0.016, 2.3) == pytest.approx([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5])
    assert log_ticks(1e-6, 1) == pytest.approx([1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10][:-1], rel=1e-6)


def test_percent_ends_at_a_hundred():
    chart = drawn(Series("accuracy", [1, 2], [0.15, 0.999]), percent=True)
    assert "100%" in words(chart) and not any(w.startswith("12") for w in words(chart))


def test_many_points_have_no_dots():
    assert not points(drawn(Series("loss", range(500), [math.sin(k) for k in range(500)])))
    assert points(drawn(Series("loss", [1], [2.0])))


def test_text_is_escaped():
    chart = drawn(Series("<b>&\"'", [1, 2], [1, 2]), x_label="<i>")
    assert chart.find(".//title").text == "<b>&\"', <i> 1: 1"
