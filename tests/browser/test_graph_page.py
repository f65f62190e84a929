"""The interactive page of a graph, in a real browser: pan, zoom, search, open and close, read, play, by every means."""

import re

import numpy as np
import pytest

import tinygrad_cnn as tg

pytestmark = pytest.mark.level("default")


def box(page, op, nth=0):
    """The nth box whose title is this op or name."""
    exact = re.compile(rf"^\s*{re.escape(op)}\s*$", re.MULTILINE)
    return page.locator("g.node").filter(has=page.locator("text").filter(has_text=exact)).nth(nth)


def boxes(page):
    return page.locator("g.node").count()


def camera(page):
    """x, y and scale of the drawing."""
    text = page.locator("#sheet").get_attribute("transform")
    return [float(number) for number in re.findall(r"-?[\d.]+(?:e-?\d+)?", text)]


def under(page, x, y):
    """The point of the drawing that lies at a point of the window."""
    code = """([x, y]) => {
        const m = document.querySelector('#sheet').getScreenCTM().inverse();
        return [m.a * x + m.e, m.d * y + m.f];
    }"""
    return page.evaluate(code, [x, y])


def settle(until, page, action, count):
    """Do something that lays out again, and wait until this many boxes are drawn."""
    action()
    until(page, lambda: boxes(page) == count)


def test_a_drawing_renders_to_one_html_file(tmp_path, visit, shoot):
    x = tg.randn(2, 8, 8, 1, rng=0, name="images")
    w = tg.randn(3, 3, 1, 4, rng=1, requires_grad=True, name="filters")
    path = tg.draw(tg.relu(tg.conv2d(x, w, padding="same")).sum(), title="An expression").render(
        tmp_path / "graph.html"
    )
    page = visit(path)
    page.wait_for_selector("html[data-ready=yes]")
    assert page.title() == "An expression"
    assert {"conv2d", "relu", "sum", "filters", "images"} <= set(page.locator("g.node text").all_text_contents())
    shoot(page, "graph-expression")


def test_every_box_is_drawn_and_its_text_lies_inside(opened, scene, shoot):
    page = opened()
    assert boxes(page) == len(scene["nodes"])
    outside = page.evaluate(
        """() => [...document.querySelectorAll('g.node')].filter(group => {
            const shape = group.querySelector('.outline').getBBox();
            return [...group.querySelectorAll(':scope > text')].some(text => {
                const b = text.getBBox();
                return b.x < shape.x - 1 || b.x + b.width > shape.x + shape.width + 1
                    || b.y < shape.y - 1 || b.y + b.height > shape.y + shape.height + 1;
            });
        }).map(group => group.getAttribute('aria-label'))"""
    )
    assert outside == []
    shoot(page, "graph-light")


def test_pan_and_zoom_by_mouse(opened, until):
    page = opened()
    x, y, k = camera(page)
    page.mouse.move(60, 500)
    page.mouse.down()
    page.mouse.move(130, 460, steps=4)
    page.mouse.up()
    assert camera(page) == pytest.approx([x + 70, y - 40, k], abs=1.5)
    page.mouse.move(400, 400)
    before = under(page, 400, 400)
    page.mouse.wheel(0, -300)
    until(page, lambda: camera(page)[2] > k)
    after = under(page, 400, 400)
    assert after == pytest.approx(before, abs=1), "what lies under the pointer stays there"
    larger = camera(page)[2]
    page.click("#smaller")
    assert camera(page)[2] < larger
    page.click("#whole")
    last = page.locator("g.node").last.bounding_box()
    stage = page.locator("#stage").bounding_box()
    assert last["y"] + last["height"] <= stage["y"] + stage["height"]


def test_search_finds_highlights_and_opens_what_is_closed(opened, scene, shoot, until):
    page = opened()
    ops = [node["details"]["op"] for node in scene["nodes"]]
    page.fill("#query", "max_pool2d")
    assert page.inner_text("#hits") == "2 hits"
    assert page.locator("g.node.hit").count() == ops.count("max_pool2d") == 2
    shoot(page, "graph-search")
    page.fill("#query", "no such thing")
    assert page.inner_text("#hits") == "nothing found"
    page.click("text=Close all")
    until(page, lambda: boxes(page) < 8)
    page.fill("#query", "5, 5, 6, 16")  # the shape of the second convolution's filters
    page.press("#query", "Enter")
    page.wait_for_selector("g.node.found")
    assert page.inner_text("#hits") == "1 of 1"
    found = page.locator("g.node.found").bounding_box()
    stage = page.locator("#stage").bounding_box()
    assert stage["y"] < found["y"] and found["y"] + found["height"] < stage["y"] + stage["height"]
    assert "weight" in page.inner_text("#heading")


def test_modules_close_and_open_in_place(opened, scene, shoot, until):
    page = opened()
    whole = boxes(page)
    features = next(module for module in scene["modules"] if module["path"] == "features")
    frame = page.locator(f"#frame-{features['id']}")
    before = frame.bounding_box()
    settle(
        until,
        page,
        lambda: frame.locator(".sign").click(),
        len([n for n in scene["nodes"] if not inside(scene, n, "features")]) + 1,
    )
    closed = page.locator(f"#box-{features['id']}")
    assert closed.get_attribute("aria-expanded") == "false"
    after = closed.bounding_box()
    assert (after["x"], after["y"]) == pytest.approx((before["x"], before["y"]), abs=12), "what was clicked stays put"
    shoot(page, "graph-closed")
    settle(until, page, closed.dblclick, whole)
    settle(until, page, lambda: page.click("text=Close all"), len({outermost(scene, node) for node in scene["nodes"]}))
    assert page.locator("#levels button[aria-pressed=true]").inner_text() == "Close all"
    settle(until, page, lambda: page.click("text=Open all"), whole)


def outermost(scene, node):
    modules = {module["id"]: module for module in scene["modules"]}
    at, last = node["module"], node["id"]
    while at is not None:
        at, last = modules[at]["parent"], at
    return last


def inside(scene, node, path):
    modules = {module["id"]: module for module in scene["modules"]}
    return modules.get(outermost(scene, node), {}).get("path") == path


def test_a_click_tells_everything_about_a_node(opened, shoot):
    page = opened()
    box(page, "conv2d").click()
    text = page.inner_text("#contents")
    for words in (
        "conv2d",
        "(2, 28, 28, 6)",
        "float32",
        'padding\n"same"',
        "a warning to be read",
        "features.0.weight",
    ):
        assert words in text, words
    gradient = page.locator("section.gradient")
    assert "mean\n0.0125" in gradient.inner_text() and "norm\n6.5" in gradient.inner_text()
    assert "zeros\n25.0 %" in gradient.inner_text()
    assert gradient.locator("rect.bar").count() == 8
    heights = [float(bar.get_attribute("height")) for bar in gradient.locator("rect.bar").all()]
    assert heights.index(max(heights)) == 3 and min(heights) >= 1
    assert page.locator(".rules math").count() >= 1, "formulas are set as mathematics"
    shoot(page, "graph-details")
    page.click("#contents >> text=features.0.bias")
    assert "(6,)" in page.inner_text("#contents")
    page.locator("#stage").click(position={"x": 20, "y": 400})
    assert page.inner_text("#heading") == "Overview"


def test_the_gradient_that_is_read_is_the_gradient(tmp_path, visit):
    x = tg.randn(4, 8, 8, 1, rng=0, name="images")
    w = tg.randn(3, 3, 1, 4, rng=1, requires_grad=True, name="filters")
    loss = (tg.relu(tg.conv2d(x, w)) ** 2).mean()
    norm = np.linalg.norm(tg.grad(loss, [w], retain_graph=True)[0])
    page = visit(tg.draw(loss, show={"values", "grads"}).render(tmp_path / "graph.html"))
    box(page, "filters").click()
    facts = page.locator("section.gradient dl").inner_text().split("\n")
    assert float(facts[facts.index("norm") + 1]) == pytest.approx(norm, rel=1e-3)


def test_what_a_node_depends_on_and_where_its_gradient_comes_from(opened, scene, shoot):
    page = opened()
    box(page, "flatten").click()
    lit = page.locator("g.node.lit")
    page.click("text=Ancestors")
    before = lit.count()
    page.click("text=Descendants")
    after = lit.count()
    assert (before, after) == (len(leads(scene, "flatten", "before")), len(leads(scene, "flatten", "after")))
    page.click("text=Gradient path")
    assert lit.count() == after, "all that follows hands the gradient back"
    assert page.locator("g.edge.lit").count() == after - 1, "one path"
    shoot(page, "graph-gradient-path")
    page.keyboard.press("g")
    assert lit.count() == 0


def leads(scene, op, direction):
    """The nodes that an op is made from, or that are made from it; dir=back turns an edge round."""
    ends = [(e["tail"], e["head"])[:: -1 if e["attributes"].get("dir") == "back" else 1] for e in scene["edges"]]
    if direction == "before":
        ends = [pair[::-1] for pair in ends]
    start = next(node["id"] for node in scene["nodes"] if node["details"]["op"] == op)
    found, stack = {start}, [start]
    while stack:
        at = stack.pop()
        new = {head for tail, head in ends if tail == at} - found
        found |= new
        stack += new
    return found


def test_the_backward_pass_plays_step_by_step(opened, scene, shoot, until):
    page = opened()
    steps = scene["backward"]
    for number, step in enumerate(steps, 1):
        page.click("#step-on")
        current = page.locator("g.node.current").evaluate_all("boxes => boxes.map(box => box.dataset.id)")
        assert sorted(current) == sorted(step)
        assert page.locator("g.node.reached").count() == len(
            {at for past in steps[: number - 1] for at in past} - set(step)
        )
        assert f"Step {number} of {len(steps)}" in page.inner_text("#step-words")
        if number == len(steps) // 2:
            shoot(page, "graph-backward")
    page.keyboard.press("Escape")
    assert page.locator("g.node.current, g.node.reached, g.node.dim").count() == 0
    page.locator("#slider").fill("2")
    assert "linear" in page.inner_text("#step-words") and "for " in page.inner_text("#step-words")
    page.click("#play")
    until(page, lambda: int(page.locator("#slider").input_value()) >= 4)
    page.click("#play")
    stopped = page.locator("#slider").input_value()
    page.wait_for_timeout(1100)
    assert page.locator("#slider").input_value() == stopped


LEAST_CONTRAST = """selector => {
    const linear = v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const light = colour => {
        const [r, g, b] = colour.match(/[\\d.]+/g).map(v => linear(v / 255));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
    };
    return Math.min(...[...document.querySelectorAll(selector)].flatMap(group => {
        const ground = light(getComputedStyle(group.querySelector('.outline')).fill);
        return [...group.querySelectorAll('text')].map(text => light(getComputedStyle(text).fill))
            .map(ink => Math.max(ink, ground) / Math.min(ink, ground));
    }));
}"""


def contrast(page, selector):
    """The least contrast between a text and the ground of its box."""
    return page.evaluate(LEAST_CONTRAST, selector)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark(opened, shoot, scheme):
    page = opened(color_scheme=scheme)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, re.findall(r"\d+", ground))) > 200) == (scheme == "light")
    assert contrast(page, "g.node, g.cluster") >= 4.5
    page.keyboard.press(".")
    page.keyboard.press(".")
    assert contrast(page, "g.node.current, g.node.reached") >= 4.5
    shoot(page, f"graph-backward-{scheme}")
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != ground
    assert contrast(page, "g.node:not(.current, .reached)") >= 4.5


def test_by_keyboard_alone(opened, shoot, until):
    page = opened()
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('#stage') !== null"):
            break
    focused = "document.activeElement.getAttribute('aria-label')"
    assert page.evaluate(focused).startswith("input, x")
    page.keyboard.press("ArrowDown")
    assert page.evaluate(focused).startswith("conv2d, in features.0")
    page.keyboard.press("ArrowLeft")
    assert "weight" in page.evaluate(focused)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert "mean\n0.0125" in page.inner_text("section.gradient")
    shoot(page, "graph-keyboard")
    whole = boxes(page)
    page.keyboard.press("c")  # closes features.0, and stays on it
    until(page, lambda: boxes(page) < whole)
    until(page, lambda: page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "false")
    settle(until, page, lambda: page.keyboard.press("Enter"), whole)
    scale = camera(page)[2]
    page.keyboard.press("+")
    assert camera(page)[2] > scale
    page.keyboard.press("?")
    assert page.locator("#help").is_visible() and "Eclipse Public License" in page.locator("#help pre").text_content()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("relu")
    page.keyboard.press("Enter")
    assert page.inner_text("#hits").startswith("1 of ")
    page.keyboard.press("Escape")
    page.keyboard.press("p")
    until(page, lambda: int(page.locator("#slider").input_value()) >= 1)


def test_two_fingers_zoom_and_one_pans(opened):
    page = opened(width=390, height=780, has_touch=True, is_mobile=True)
    session = page.context.new_cdp_session(page)

    def touch(kind, *points):
        places = [{"x": x, "y": y, "id": k} for k, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    _, _, k = camera(page)
    touch("touchStart", (150, 400), (250, 400))
    for step in range(1, 6):
        touch("touchMove", (150 - 10 * step, 400), (250 + 10 * step, 400))
    touch("touchEnd")
    assert camera(page)[2] == pytest.approx(2 * k, rel=0.01), "fingers twice as far apart, a graph twice as large"
    x, y, k = camera(page)
    touch("touchStart", (60, 300))
    touch("touchMove", (80, 330))
    touch("touchMove", (110, 340))
    touch("touchEnd")
    assert camera(page) == pytest.approx([x + 50, y + 40, k], abs=1.5)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone(opened, shoot, scheme, until):
    page = opened(width=390, height=780, color_scheme=scheme, has_touch=True, is_mobile=True, device_scale_factor=2)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"
    assert not page.locator("#panel").is_visible()
    shoot(page, f"graph-phone-{scheme}")
    box(page, "conv2d").tap()
    assert page.locator("#panel").is_visible() and "mean\n0.0125" in page.inner_text("#panel")
    shoot(page, f"graph-phone-details-{scheme}")
    page.tap("#close-panel")
    whole = boxes(page)
    page.locator("g.cluster .sign .reach").first.tap()
    until(page, lambda: boxes(page) < whole)
    for selector in ("#query", "#theme", "#show-panel", "#levels button", "#play", "#whole"):
        size = page.locator(selector).first.bounding_box()
        assert size["height"] >= 40 and size["x"] >= 0 and size["x"] + size["width"] <= 390, selector
