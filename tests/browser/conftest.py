"""A real browser for the pages that the package writes: Chromium, driven by Playwright.  It never downloads one.

Where Playwright or Chromium is missing, these tests are skipped; with TINYGRAD_CNN_BROWSER=required they fail instead.
Every page is watched: what it writes to the console as a warning or an error, what it throws, and every request that
leaves the machine fail the test.  Screenshots go to the folder TINYGRAD_CNN_SCREENSHOTS, if it is set.
"""

import os
import re
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.graphs import page as pages

REQUIRED = os.environ.get("TINYGRAD_CNN_BROWSER") == "required"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE = 20_000  # ms
STATS = {
    "shape": [5, 5, 1, 6], "dtype": "float32", "mean": 0.0125, "std": 0.5, "min": -1.5, "max": 2.5, "zeros": 0.25,
    "nan": 0.0, "inf": 0.0, "norm": 6.5,
    "histogram": {"low": -1.5, "high": 2.5, "counts": [1, 5, 40, 60, 30, 10, 3, 1]},
}  # fmt: skip


def _missing(reason):
    if REQUIRED:
        pytest.fail(f"browser tests are required, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser():
    """Chromium, once for all tests."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("Playwright is not installed: pip install 'tinygrad-cnn[browser]'")
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        _missing(f"none of {', '.join(NAMES)} is installed")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield running
        running.close()


def stays_here(address):
    """True if a request for this address does not leave the machine."""
    parts = urlsplit(address)
    return parts.scheme in ("file", "data", "blob", "about") or parts.hostname in ("127.0.0.1", "localhost", "::1")


@pytest.fixture
def visit(browser):
    """``visit(path or address, **settings of a browser context)`` opens a page and watches it until the test ends."""
    contexts, said = [], []

    def listen(page):
        page.on("console", lambda m: said.append(f"{m.type}: {m.text}") if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(f"thrown: {error}"))
        page.on("websocket", lambda socket: stays_here(socket.url) or said.append(f"leaves the machine: {socket.url}"))
        page.on("crash", lambda _: said.append("the page crashed"))

    def route(route):
        if stays_here(route.request.url):
            route.continue_()
        else:
            said.append(f"a request that leaves the machine: {route.request.url}")
            route.abort()

    def open_page(where, *, width=1280, height=800, **settings):
        settings = {"reduced_motion": "reduce", "color_scheme": "light", **settings}
        context = browser.new_context(viewport={"width": width, "height": height}, **settings)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        context.route(re.compile("^(https?|wss?|ftp):"), route)
        context.on("page", listen)
        page = context.new_page()
        page.goto(where if isinstance(where, str) else Path(where).resolve().as_uri())
        return page

    open_page.said = said  # a test that expects words takes them out
    yield open_page
    for context in contexts:
        context.close()
    assert not said, "\n".join(said)


@pytest.fixture(scope="session")
def until():
    """``until(page, condition)`` waits until a condition holds.  (A page's own policy forbids Playwright's way.)"""

    def wait(page, condition):
        for _ in range(PATIENCE // 50):
            if condition():
                return
            page.wait_for_timeout(50)
        pytest.fail("waited in vain")

    return wait


@pytest.fixture
def shoot(tmp_path):
    """``shoot(page, name)`` takes a screenshot and returns its path."""
    folder = Path(os.environ.get("TINYGRAD_CNN_SCREENSHOTS") or tmp_path / "screenshots")

    def take(page, name, **settings):
        folder.mkdir(parents=True, exist_ok=True)
        page.wait_for_timeout(250)  # transitions
        page.screenshot(path=folder / f"{name}.png", **settings)
        assert (folder / f"{name}.png").stat().st_size > 2000, "an empty picture"
        return folder / f"{name}.png"

    return take


@pytest.fixture(scope="session")
def scene():
    """LeNet-5 on two images, with statistics of a gradient at its first convolution."""
    model = tg.models.build("lenet", (28, 28, 1), 10, rng=0)
    made = tg.draw(model, np.zeros((2, 28, 28, 1), np.float32), title="LeNet-5").scene.to_json()
    first = next(node for node in made["nodes"] if node["details"]["op"] == "conv2d")
    first["details"].update(gradient=STATS, warnings=["a warning to be read"])
    return made


@pytest.fixture
def write(tmp_path, scene):
    """Writes the page of a scene to a file and returns its path."""

    def to_file(made=None, name="graph.html"):
        made = made or scene
        path = tmp_path / name
        path.write_text(pages.html(made, made["title"]), encoding="utf-8")
        return path

    return to_file


@pytest.fixture
def opened(visit, write):
    """Opens the page of a scene and waits for its first drawing."""

    def open_page(made=None, **settings):
        page = visit(write(made), **settings)
        page.wait_for_selector("html[data-ready=yes]")
        return page

    return open_page
