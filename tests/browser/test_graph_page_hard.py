"""The interactive page of a graph, where it is hard: hostile names, broken labels, large graphs, other surroundings."""

import numpy as np
import pytest

import tinygrad_cnn as tg

pytestmark = pytest.mark.level("default")

HOSTILE = [
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "quotes \" ' ` and ${x} and \\ and\nlines\u2028here <!-- <b>&amp;",
    "größe 大きさ 🙂 \u202egnissim",
    "n" * 200,
]


def boxes(page):
    return page.locator("g.node").count()


def test_hostile_names_are_shown_as_they_are(opened, shoot):
    x = tg.Tensor(np.ones((2, 3)), requires_grad=True, name=HOSTILE[0])
    y = x
    for name in HOSTILE[1:]:
        y = y * tg.Tensor(np.ones((2, 3)), requires_grad=True, name=name)
    made = tg.draw(y, title=HOSTILE[0]).scene.to_json()
    made["notes"].append(HOSTILE[1])
    made["legend"].append(["</style>red", HOSTILE[1]])
    for node in made["nodes"]:
        node["details"].update(explain=HOSTILE[1], parameters={HOSTILE[1]: HOSTILE[0]}, site=HOSTILE[2])
        node["details"]["formulas"] = [{"input": HOSTILE[1], "plain": HOSTILE[0], "latex": HOSTILE[1]}]
    page = opened(made)
    assert page.title() == HOSTILE[0] == page.inner_text("h1")
    assert HOSTILE[1] in page.inner_text("#contents")
    assert boxes(page) == len(made["nodes"])
    for nth in range(boxes(page)):
        page.locator("g.node").nth(nth).click()
        assert HOSTILE[1] in page.inner_text("#contents") and HOSTILE[0] in page.inner_text("#contents")
    for words in HOSTILE:
        page.fill("#query", words.split()[0])
        assert page.locator("g.node.hit").count() >= 1, words
    assert page.locator("img, #contents script").count() == 0
    assert page.title() == HOSTILE[0]
    shoot(page, "graph-hostile")


def test_labels_that_graphviz_refuses_are_drawn_plainly(opened, scene):
    broken = {**scene, "nodes": [dict(node) for node in scene["nodes"]]}
    broken["nodes"][1]["attributes"] = {"label": {"html": "<b>not closed"}}
    page = opened(broken)
    assert boxes(page) == len(scene["nodes"])


def chain(count, modules=()):
    """The scene of ops one after another; `modules` hold equal runs of them."""
    homes = [modules[k * len(modules) // count]["id"] if modules else None for k in range(count)]
    names = [f"op{k}" for k in range(count)]
    nodes = [
        {"id": f"n{k}", "module": homes[k], "attributes": {"label": name},
         "details": {"kind": "output" if k == count - 1 else "op", "op": name, "path": "", "shape": [2]}}
        for k, name in enumerate(names)
    ]  # fmt: skip
    edges = [{"tail": f"n{k}", "head": f"n{k + 1}", "attributes": {}} for k in range(count - 1)]
    scene = {
        "title": "A chain",
        "notes": [],
        "graph": {},
        "node": {},
        "edge": {},
        "legend": [],
        "ranks": [],
        "backward": [],
    }
    return {**scene, "nodes": nodes, "edges": edges, "modules": list(modules)}


def test_a_large_graph_starts_with_its_end(opened, shoot):
    page = opened(chain(1200))
    assert boxes(page) == 300 and not page.locator("#player").is_visible()
    assert "300 boxes nearest to op1199, of 1,200" in page.inner_text("#message")
    page.fill("#query", "op17")
    page.press("#query", "Enter")
    page.wait_for_selector("#box-n17")
    assert page.inner_text("#heading").startswith("op17")
    assert "op17" in page.locator("#box-n17 text").all_text_contents()
    shoot(page, "graph-large")


def test_a_large_module_opens_around_what_was_looked_for(opened):
    module = {"id": "m0", "parent": None, "path": "… 900 ops …", "class": "", "level": 1, "closed": True, "details": {}}
    page = opened(chain(900, [{**module, "attributes": {}, "collapsed": {"label": "900 ops"}}]))
    assert boxes(page) == 1
    page.fill("#query", "op450")
    page.press("#query", "Enter")
    page.wait_for_selector("#box-n450")
    assert boxes(page) == 300 and page.locator("#box-n449, #box-n451").count() == 2
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    page.wait_for_selector("#box-m0")
    assert boxes(page) == 1


def test_open_all_asks_when_that_is_much(opened, until):
    modules = [
        {"id": f"m{k}", "parent": None, "path": f"block{k}", "class": "Block", "level": 1, "closed": True,
         "attributes": {"label": f"block{k}"}, "collapsed": {"label": f"block{k}"}, "details": {}}
        for k in range(30)
    ]  # fmt: skip
    page = opened(chain(600, modules))
    assert boxes(page) == 30
    page.click("text=Open all")
    assert "600 boxes" in page.inner_text("#ask")
    page.click("text=Leave it as it is")
    assert boxes(page) == 30
    page.click("text=Open all")
    page.click("text=Lay it out")
    until(page, lambda: boxes(page) == 600)


def test_nothing_to_draw(opened):
    page = opened({**chain(0), "notes": ["no ops were recorded"]})
    assert "nothing to draw" in page.inner_text("#message")
    assert "no ops were recorded" in page.inner_text("#contents")


def test_the_page_may_send_nothing(opened, visit):
    page = opened()
    refused = page.evaluate(
        "async () => { try { await fetch('data:text/plain,x'); return false; } catch { return true; } }"
    )
    assert refused, "the page's own policy refuses requests"
    assert visit.said and all("Content Security Policy" in words for words in visit.said)
    visit.said.clear()


def test_within_an_iframe_of_another_page(visit, write, tmp_path):
    host = tmp_path / "report.html"
    write()
    host.write_text("<!doctype html><title>report</title><link rel=icon href=data:,>"
                    "<iframe src=graph.html width=900 height=600></iframe>")  # fmt: skip
    frame = visit(host).frame_locator("iframe")
    frame.locator("html[data-ready=yes]").wait_for()
    assert frame.locator("g.node").count() > 5


def test_printed_whole(opened, tmp_path, shoot):
    page = opened()
    page.emulate_media(media="print")
    assert not page.locator("#player").is_visible() and not page.locator("#levels").is_visible()
    assert page.locator("#sheet").is_visible() and page.locator("#panel h2").is_visible()
    pdf = page.pdf()
    assert pdf.startswith(b"%PDF") and len(pdf) > 5000
