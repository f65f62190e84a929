"""The page to play with, in a real browser: drawn on with mouse, finger and keyboard, timed, and fed with bad files."""

import importlib.util
import io
import re
import statistics
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tinygrad_cnn as tg
from tinygrad_cnn.pages.play.player import Player
from tinygrad_cnn.pages.play.routes import routes
from tinygrad_cnn.pages.server import Server

pytestmark = pytest.mark.level("default")

# The run and the strokes are those of tests/pages, whose conftest pytest does not look for from here.
_spec = importlib.util.spec_from_file_location("play_fixtures", Path(__file__).parents[1] / "pages" / "conftest.py")
_fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fixtures)
trained, strokes, make_run = _fixtures.trained, _fixtures.strokes, _fixtures.make_run



@pytest.fixture(scope="module")
def server(trained):
    with Server(routes(Player(trained))) as running:
        yield running


@pytest.fixture
def play(visit, server, until):
    """Opens the page and waits for its first answer, that of empty paper."""

    def open_page(served=server, **settings):
        page = visit(served.url, **settings)
        until(page, lambda: page.locator(".stage").count() > 2)
        return page

    return open_page


def places(page, line):
    box = page.locator("#paper").bounding_box()
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in line]


def draw(page, lines):
    """Strokes of the mouse, point by point as a hand makes them."""
    for line in lines:
        first, *rest = places(page, line)
        page.mouse.move(*first)
        page.mouse.down()
        for place in rest:
            page.mouse.move(*place)
        page.mouse.up()


def settled(page):
    """Waits until no answer is on its way."""
    page.wait_for_timeout(20)
    page.locator("main[aria-busy=false]").wait_for()


def best(page):
    settled(page)
    return page.inner_text("#best")


def painted(page, name):
    """How many pixels of a canvas are painted, and in how many colours; read from a copy, or the browser warns."""
    return page.evaluate("""(name) => {
        const { width, height } = document.getElementById(name);
        if (!width || !height) return [0, 0];
        const copy = Object.assign(document.createElement("canvas"), { width, height });
        const context = copy.getContext("2d", { willReadFrequently: true });
        context.drawImage(document.getElementById(name), 0, 0);
        const { data } = context.getImageData(0, 0, width, height);
        return [data.filter((v, k) => k % 4 === 3 && v > 8).length, new Set(new Uint32Array(data.buffer)).size];
    }""", name)  # fmt: skip


def image(array, kind="PNG"):
    file = io.BytesIO()
    Image.fromarray(array).save(file, kind)
    return file.getvalue()


def choose(page, name, kind, data):
    page.set_input_files("#file", {"name": name, "mimeType": kind, "buffer": data})


def expected(said, status):
    """Takes the browser's own words about a refused request out of what must be empty."""
    assert said and all(f"status of {status}" in line for line in said), said
    said.clear()


# -- drawing --------------------------------------------------------------------------------------------------


def test_digits_are_read_as_they_are_drawn(play, strokes, shoot):
    page = play(height=1000)
    assert page.inner_text("#best") == "?" and page.is_disabled("#clear")
    shoot(page, "play-empty")
    said = {}
    for name, lines in strokes.items():
        draw(page, lines)
        said[name] = best(page)
        page.click("#clear")
    assert said.pop("crossed 7") == "7"
    assert sum(name == answer for name, answer in said.items()) >= 9, said
    settled(page)
    assert page.inner_text("#best") == "?"


def test_the_time_of_an_answer_is_measured_and_shown(play, strokes, capsys):
    """From the event of the pointer to the painted answer; printed, since how long it takes depends on the machine."""
    page = play()
    for name in "0358":
        draw(page, strokes[name])
        settled(page)
        page.click("#clear")
    times = page.evaluate("performance.getEntriesByName('answer').map((entry) => entry.duration)")
    with capsys.disabled():
        print(f" [stroke to answer: median {statistics.median(times):.1f} ms of {len(times)}]", end="")
    assert len(times) > 20 and min(times) > 0
    assert re.fullmatch(r"Answered in \d+ ms, [\d.]+ ms of it in the network\.", page.inner_text("#speed"))


def test_one_request_at_a_time_and_the_latest_wins(play, strokes):
    page = play()
    running, most, count = set(), [0], [0]

    def begin(request):
        if request.url.endswith("/answer"):
            running.add(request)
            count[0] += 1
            most[0] = max(most[0], len(running))

    page.on("request", begin)
    page.on("requestfinished", lambda request: running.discard(request))
    draw(page, strokes["8"])
    assert best(page) == "8"
    assert most[0] == 1 and count[0] > 3
    sent = []
    page.on("request", lambda request: sent.append(len(request.post_data or "")))
    draw(page, [[(0.1, 0.1), (0.12, 0.1)]])
    settled(page)
    assert sent and max(sent) < 25_000  # the small picture and little more


def test_undo_and_clear(play, strokes):
    page = play()
    draw(page, strokes["crossed 7"])
    assert best(page) == "7"
    draw(page, [[(0.1, 0.85), (0.9, 0.85)], [(0.1, 0.95), (0.9, 0.95)]])
    for _ in range(2):
        page.keyboard.press("Control+z")
    assert best(page) == "7"
    page.click("#undo")
    page.click("#undo")
    settled(page)
    assert page.inner_text("#best") == "?" and page.is_disabled("#undo")


def test_the_keyboard_draws_and_reaches_everything(play):
    page = play()
    page.focus("#paper")
    for key in ["ArrowUp"] * 9 + [" "] + ["ArrowDown"] * 18 + [" "]:
        page.keyboard.press(key)
    assert best(page) == "1"
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert {"clear", "undo", "thickness", "choose", "sample", "bar best", "bar", "stage"} <= reached


def test_answers_are_announced(play, strokes, until):
    page = play()
    assert page.get_attribute("#live", "aria-live") == "polite"
    draw(page, strokes["0"])
    until(page, lambda: re.match(r"0, [\d.]+ %", page.text_content("#live")))
    page.click("#clear")
    until(page, lambda: page.text_content("#live") == "Draw something")


# -- what it shows --------------------------------------------------------------------------------------------


def test_probabilities_are_bars(play, strokes):
    page = play()
    draw(page, strokes["2"])
    assert best(page) == "2"
    rows = page.locator(".bar")
    shares = [float(rows.nth(k).locator(".share").inner_text().split()[0]) for k in range(10)]
    assert int(np.argmax(shares)) == 2 and abs(sum(shares) - 100) < 0.5
    assert rows.nth(2).get_attribute("class") == "bar best"
    boxes = [rows.nth(k).locator(".fill").bounding_box() for k in (2, 3)]
    assert boxes[0]["x"] > boxes[1]["x"]  # a longer bar


def test_a_class_shows_what_speaks_for_it(play, strokes, shoot):
    page = play(height=1100)
    draw(page, strokes["3"])
    assert best(page) == "3"
    hairline, _ = painted(page, "overlay")
    for label in (8, 3):
        page.locator(".bar").nth(label).click()
        settled(page)
        assert page.locator(".bar[aria-pressed=true]").inner_text().startswith(str(label))
        assert f"would speak for {label}, " in page.inner_text("#legend")
        assert painted(page, "overlay")[0] > 10 * hairline
        shoot(page, f"play-saliency-{label}", full_page=True)
    page.locator(".bar").nth(3).click()
    settled(page)
    assert painted(page, "overlay")[0] == hairline and "Choose a class" in page.inner_text("#legend")


def test_volumes_get_smaller_and_deeper(play, strokes):
    page = play()
    draw(page, strokes["6"])
    settled(page)
    stages = page.locator(".stage")
    shapes = [stages.nth(k).locator(".shape").inner_text() for k in range(stages.count())]
    assert shapes == ["8x8x1", "8x8x32", "4x4x32", "4x4x64", "2x2x64", "64", "10"]
    heights = [stages.nth(k).locator("canvas").bounding_box()["height"] for k in (1, 2, 4)]
    assert all(a > b for a, b in pairwise(heights))
    for k, words in enumerate(
        ("what the network sees", "32 maps", "32 maps", "64 maps", "64 maps", "64 numbers", "10")
    ):
        stages.nth(k).click()
        assert stages.nth(k).get_attribute("aria-pressed") == "true"
        title = page.inner_text("#inside-title")
        assert shapes[k] in title and words in title
        assert painted(page, "inside")[1] > 5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("model, shape, classes, data", [
    ("lenet", (28, 28, 1), ["T-shirt/top", "trouser", "pullover", "</script><b>dress", "bag"], "fashion_mnist"),
    ("resnet8", (32, 32, 3), [f"kind {k}" for k in range(100)], "cifar100"),
])  # fmt: skip
def test_other_networks_have_the_page_too(play, tmp_path, strokes, shoot, until, model, shape, classes, data, scheme):
    run = make_run(tmp_path / "run", model, shape, classes, data)
    with Server(routes(Player(run))) as served:
        page = play(served, color_scheme=scheme, height=1100)
        draw(page, strokes["3"])
        until(page, lambda: page.inner_text("#best") in classes)
        settled(page)
        assert page.locator(".bar").count() == min(10, len(classes))
        assert page.locator("#colour-label").is_visible() == (shape[2] == 3)
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
        shoot(page, f"play-{model}-{scheme}", full_page=True)


def test_a_phone_by_touch(play, strokes, shoot, until):
    page = play(width=390, height=844, has_touch=True, is_mobile=True, device_scale_factor=2)
    fingers = page.context.new_cdp_session(page)
    for line in strokes["5"]:
        for k, (x, y) in enumerate(places(page, line)):
            kind = "touchMove" if k else "touchStart"
            fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert best(page) == "5"
    assert page.evaluate("scrollY") == 0  # the finger drew and did not scroll
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.wait_for_timeout(400)  # sooner, a browser takes it for the end of the gesture before
    page.locator(".bar").nth(5).tap()
    until(page, lambda: "would speak for 5" in page.inner_text("#legend"))
    settled(page)
    shoot(page, "play-phone", full_page=True)


# -- files ----------------------------------------------------------------------------------------------------


def test_pictures_are_read_and_can_be_drawn_on(play, strokes, until):
    page = play()
    _, test = tg.data.digits()
    for k in range(3):
        choose(page, "digit.png", "image/png", image(np.uint8(255 * test.images[k, :, :, 0])))
        until(page, lambda k=k: best(page) == str(test.labels[k]))  # a file is read before it is asked about
    draw(page, [[(0.05, 0.05), (0.95, 0.95)], [(0.95, 0.05), (0.05, 0.95)]])
    settled(page)
    page.click("#undo")
    page.click("#undo")
    until(page, lambda: best(page) == str(test.labels[2]))


def test_a_picture_can_be_dropped(play, until):
    page = play()
    _, test = tg.data.digits()
    data = list(image(np.kron(np.uint8(255 * test.images[0, :, :, 0]), np.ones((9, 9), np.uint8)), "JPEG"))
    page.evaluate("""(data) => {
        const items = new DataTransfer();
        items.items.add(new File([new Uint8Array(data)], "digit.jpg", { type: "image/jpeg" }));
        dispatchEvent(new DragEvent("dragover", { dataTransfer: items, cancelable: true }));
        dispatchEvent(new DragEvent("drop", { dataTransfer: items, cancelable: true }));
    }""", data)  # fmt: skip
    until(page, lambda: page.inner_text("#best") == str(test.labels[0]))
    assert page.is_hidden("#drop")


def test_a_test_image_says_what_it_is(play, until):
    page = play()
    page.click("#sample")
    until(page, lambda: re.search(r"Right!|It is \d", page.inner_text("#sure")))
    assert page.inner_text("#best") in "0123456789"


BAD = [
    ("note.txt", "text/plain", b"no picture", 415, "content type is text/plain"),
    ("half.png", "image/png", image(np.zeros((99, 99), np.uint8))[:60], 422, "not a readable PNG"),
    ("vast.png", "image/png", image(np.zeros((8000, 8000), bool)), 422, "too many pixels"),
]


@pytest.mark.parametrize("name, kind, data, status, words", BAD, ids=[row[0] for row in BAD])
def test_bad_files_are_refused_in_words_and_drawing_goes_on(
    play, visit, strokes, until, shoot, name, kind, data, status, words
):
    page = play()
    choose(page, name, kind, data)
    until(page, lambda: words in page.inner_text("#error"))
    assert page.get_attribute("#error", "role") == "alert"
    expected(visit.said, status)
    shoot(page, f"play-refuses-{name}")
    draw(page, strokes["4"])
    assert best(page) == "4" and page.is_hidden("#error")


def test_a_file_too_large_is_not_even_sent(play, until, tmp_path):
    page = play()
    large = tmp_path / "large.png"
    large.write_bytes(bytes(33 << 20))
    page.set_input_files("#file", large)
    until(page, lambda: "large.png has 34,603,008 bytes; at most 33,554,432 are taken" in page.inner_text("#error"))


def test_the_end_of_the_program_is_told(play, visit, trained, until):
    with Server(routes(Player(trained))) as served:
        page = play(served)
    draw(page, [[(0.3, 0.3), (0.6, 0.6)]])
    until(page, lambda: "has ended. Start it again with: tinygrad-cnn play" in page.inner_text("#error"))
    assert all("ERR_CONNECTION_REFUSED" in line or "ERR_EMPTY_RESPONSE" in line for line in visit.said), visit.said
    visit.said.clear()
