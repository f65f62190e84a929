"""The report, the comparison and the live page in a real browser: read, used, looked at; nothing is fetched."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tinygrad_cnn.cli import main

pytestmark = pytest.mark.level("default")

ROOT = Path(__file__).parents[2]


def command(*args):
    with pytest.raises(SystemExit) as left:
        main([str(a) for a in args])
    assert left.value.code == 0


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two short trainings and the page that compares them."""
    folder = tmp_path_factory.mktemp("runs")
    for name, options in (("three-epochs", ["--epochs", "3"]), ("two-epochs", ["--epochs", "2", "--seed", "5"])):
        command("train", "--out", folder / name, "--quiet", *options)
    command("report", folder / "three-epochs", folder / "two-epochs", "--out", folder / "comparison.html")
    return folder


def fits(page):
    """Nothing sticks out at the side."""
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def cut(page):
    """Tables that are wider than their place: the heading of their first column."""
    return page.evaluate(
        "[...document.querySelectorAll('.wide')].filter(e => e.checkVisibility() && e.scrollWidth > e.clientWidth)"
        ".map(e => e.querySelector('th').textContent)"
    )


def until(page, condition):
    """Wait for a condition; the live page's policy forbids what Playwright's own waiting evaluates."""
    deadline = time.monotonic() + 30
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(50)


def graph(page):
    """The graph inside, once it is drawn."""
    page.locator("iframe.graph").scroll_into_view_if_needed()
    frame = page.frame_locator("iframe.graph")
    frame.locator("html[data-ready=yes]").wait_for(state="attached")
    return frame


@pytest.mark.parametrize("width, scheme", [(1200, "light"), (1200, "dark"), (390, "light")])
def test_the_report_is_read(visit, shoot, runs, width, scheme):
    page = visit(runs / "three-epochs/report.html", width=width, color_scheme=scheme)
    assert page.locator("h1").inner_text() == "three-epochs" and fits(page)
    rows = (runs / "three-epochs/metrics.csv").read_text().splitlines()
    accuracy = float(rows[-1].split(",")[-1])
    assert page.locator(".numbers dd").first.inner_text() == f"{accuracy:.2%}"
    assert page.locator("#training svg.chart").count() == 4 and page.locator(".matrix td.right").count() == 10
    shown = page.evaluate("[...document.images].filter(i => i.complete && i.naturalWidth > 0).length")
    assert shown == page.locator("img").count() > 32
    assert cut(page) == ([] if width == 1200 else ["layer", "op"])  # on a telephone these two are pushed aside
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (max(map(float, re.findall(r"[\d.]+", ground)[:3])) < 60) == (scheme == "dark")
    graph(page)
    shoot(page, f"report-{width}-{scheme}", full_page=True)


def test_sections_are_reached_and_epochs_opened(visit, runs):
    page = visit(runs / "three-epochs/report.html")
    for anchor in ("training", "classes", "mistakes", "network", "weights", "time", "settings"):
        page.locator(f"nav a[href='#{anchor}']").click()
        page.wait_for_function(f"document.getElementById('{anchor}').getBoundingClientRect().top < window.innerHeight")
    table = page.locator("#training details table")
    assert not table.is_visible() and page.locator("#network details table").is_visible()
    page.locator("#training summary").click()
    assert table.is_visible() and table.locator("tbody tr").count() == 3


def test_the_graph_inside_is_used(visit, shoot, runs):
    page = visit(runs / "three-epochs/report.html")
    frame = graph(page)
    before = frame.locator("g.node").count()
    frame.locator("g.node", has_text="conv2d").first.click()
    panel = frame.locator("body").inner_text()
    assert "conv2d" in panel and re.search("gradient", panel, re.I)
    shoot(page, "report-graph")
    frame.get_by_role("button", name="Close all").click()
    page.wait_for_timeout(500)
    assert frame.locator("g.node").count() < before


def test_the_report_on_paper(visit, shoot, runs):
    page = visit(runs / "three-epochs/report.html", width=794, color_scheme="dark")
    page.emulate_media(media="print")
    assert page.locator("iframe.graph").is_hidden() and page.locator(".drawing svg").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    shoot(page, "report-print", full_page=True)
    assert page.pdf(format="A4").startswith(b"%PDF")


@pytest.mark.parametrize("width", [1200, 390])
def test_runs_are_compared(visit, shoot, runs, width):
    page = visit(runs / "comparison.html", width=width)
    assert fits(page) and page.locator(".matrix").count() == 2
    marked = page.locator("#settings tr", has=page.locator("td.differs")).locator("th").all_inner_texts()
    assert marked == ["epochs", "seed"]
    assert page.locator("#numbers td.best").count() >= 2
    shoot(page, f"comparison-{width}", full_page=True)


@pytest.mark.skipif(os.name == "nt", reason="the child is ended by a signal")
def test_the_live_page_follows_and_ends_with_the_report(visit, shoot, tmp_path):
    run = tmp_path / "alive"
    child = subprocess.Popen(
        [sys.executable, "-m", "tinygrad_cnn", "train", "--live", "--epochs", "150", "--out", str(run)],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        address = next(line.split()[1] for line in child.stdout if line.startswith("live: "))
        page = visit(address)
        page.locator("#live svg.chart").first.wait_for()
        first = page.evaluate("document.getElementById('share').value")
        until(page, f"document.getElementById('share').value > {first} + 0.05")
        shoot(page, "live")
        page.wait_for_url("**/report.html", timeout=60_000)
        out, _ = child.communicate(timeout=60)
        assert out.splitlines()[-1].startswith("accuracy 0.") and child.returncode == 0
        assert page.locator("h1").inner_text() == "alive"
        graph(page)  # the server is gone, the page is whole
        shoot(page, "live-ended")
    finally:
        child.kill()
        child.communicate()


def test_a_live_page_says_that_its_training_is_gone(visit, tmp_path):
    from tinygrad_cnn.pages.live import Live
    from tinygrad_cnn.train.run_folder import Run

    with Live(Run.create(tmp_path / "run", {"epochs": 3}), 3) as live:
        page = visit(live.url)
        until(page, "document.getElementById('words').textContent === 'training begins'")
    page.locator("#words", has_text="answers no more").wait_for()
    assert page.locator("#mark").count() == 0
    refused = [words for words in visit.said if "ERR_CONNECTION" in words]
    assert refused and refused == visit.said
    visit.said.clear()
