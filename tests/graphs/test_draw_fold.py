"""What is drawn as one box: modules that are named, equal blocks, runs of ops; and how much work large graphs are."""

import json
import re

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn
from tinygrad_cnn.graphs.fold import MOST, drawn

pytestmark = pytest.mark.level("default")


def draw(*args, **options):
    """Every op, which is not what `tg.draw` draws by itself (see test_outline.py)."""
    return tg.draw(*args, **{"detail": "ops", **options})


def leaf(name=None):
    return tg.Tensor(np.ones(2, np.float32), requires_grad=True, name=name)


def titles(drawing):
    return re.findall(r"^\t*[nm]\d+ \[label=<(?:<table.*?<b>|<b>)(.*?)</b>", drawing.source, re.M)


def chain(n):
    y = leaf("x")
    for _ in range(n):
        y = tg.sin(y)
    return y


def bush(n):
    """Many short branches that meet: no chain to fold."""
    x = leaf("x")
    y = branches = [tg.exp(tg.sin(x)) for _ in range(n // 3)]
    y = branches[0]
    for branch in branches[1:]:
        y = y + branch
    return y


def block(x, name, around=""):
    """Two ops and a parameter in a module."""
    with tg.scope(name):
        return tg.tanh(x * leaf(f"{around}{name}.scale"))


def resnet(name="resnet20", **options):
    return draw(models.build(name, (32, 32, 3), 10, 0), np.ones((1, 32, 32, 3), np.float32), **options)


# -- collapse -------------------------------------------------------------------------------------------------


def test_named_modules_are_one_box_each():
    drawing = resnet(collapse=["stage1", "stage2.0.conv1"])
    found = titles(drawing)
    assert "stage1" in found and "stage2.0.conv1" in found
    assert "stage2" not in found and "stage1.0" not in found
    assert drawn(drawing.scene) < drawn(resnet().scene)


def test_patterns_name_several():
    found = titles(resnet(collapse="stage?.0"))
    assert {"stage1.0", "stage2.0", "stage3.0"} <= set(found) and "stage1.1" not in found


def test_a_module_of_one_op_may_be_named_though_it_has_no_frame():
    with tg.scope("act"):
        y = tg.relu(leaf("x"))
    assert titles(draw(y, collapse="act")) == ["x", "relu", "output"]


def test_an_unknown_path_is_refused_with_what_is_near():
    with pytest.raises(ValueError, match=r"collapse names 'stge1', but no module.*Did you mean stage1"):
        resnet(collapse=["stge1"])
    with pytest.raises(ValueError, match="There are none"):
        draw(chain(3), collapse="features")


# -- equal blocks ---------------------------------------------------------------------------------------------


def test_equal_blocks_in_a_row_are_drawn_once():
    x = leaf("x")
    y = block(block(block(tg.exp(x), "a"), "b"), "c")
    drawing = draw(tg.log(y), repeats=True)
    assert titles(drawing) == ["x", "exp", "scale", "mul", "tanh", "log", "output"]
    assert "× 3: a to c" in drawing.source
    edges = {(e.tail, e.head) for e in drawing.scene.edges}
    names = {node.id: node.box.title for node in drawing.scene.nodes}
    assert ("tanh", "log") in {(names[a], names[b]) for a, b in edges}
    assert "× 3" not in draw(y).source and "× 3" not in draw(y, repeats=False).source


@pytest.mark.parametrize("odd", ["shape", "tap", "op"])
def test_blocks_that_differ_or_are_read_from_outside_are_not_folded(odd):
    x = leaf("x")
    h = block(x, "a")
    y = block(h, "b")
    if odd == "tap":
        y = y + h  # somebody else takes what the first block gives
    elif odd == "shape":
        y = block(tg.concatenate([x, x])[:2], "a") + block(x, "b")  # side by side, none after the other
    else:
        with tg.scope("b"):
            y = tg.tanh(h * h)
    assert "×" not in draw(y, repeats=True).source


def test_blocks_of_blocks_fold_from_outside():
    x = leaf("x")
    y = x
    for outer in "ab":
        with tg.scope(outer):
            y = block(block(y, "0", f"{outer}."), "1", f"{outer}.")
    source = draw(y, repeats=True).source
    assert "× 2: a to b" in source and "× 2: a.0 to a.1" in source


def test_a_deep_network_folds_its_blocks_before_its_modules():
    drawing = resnet("resnet56")
    assert "143 ops; equal blocks are drawn once, repeats=False draws them all" in drawing.scene.notes
    assert "× 9: stage1.0 to stage1.8" in drawing.source and drawn(drawing.scene) <= MOST
    whole = drawing._whole
    assert "×" not in json.dumps([m.collapsed for m in whole.modules.values()], ensure_ascii=False)
    assert sum(node.box.kind == "op" for node in whole.nodes) == 143  # the page holds them all


# -- runs -----------------------------------------------------------------------------------------------------


def test_what_has_no_chains_is_cut_into_stretches():
    drawing = draw(bush(900))
    assert drawn(drawing.scene) <= MOST
    assert any(re.fullmatch(r"… \d+ ops …", title) for title in titles(drawing))
    assert "long runs of ops are one box each" in drawing.source


def test_no_arrow_leads_back_into_a_run():
    scene = draw(bush(900)).scene
    order = {key: k for k, key in enumerate(dict.fromkeys(scene.shown()[n.id] for n in scene.nodes))}
    after = {key: set() for key in order}
    for edge in scene.visible_edges():
        after[edge.tail].add(edge.head)
    seen, done = set(), set()

    def visit(key):  # a depth-first search that meets a box on its own path has found a cycle
        assert key not in seen, "the boxes are in a circle"
        if key not in done:
            seen.add(key)
            for other in after[key]:
                visit(other)
            seen.discard(key)
            done.add(key)

    for key in order:
        visit(key)


def test_a_run_that_is_opened_shows_no_more_than_fits():
    scene = draw(chain(10_000)).scene
    inside: dict[str, int] = {}
    for home in [*(n.module for n in scene.nodes), *(m.parent for m in scene.modules.values())]:
        inside[home] = inside.get(home, 0) + 1
    assert max(inside.values()) <= MOST
    assert sum(node.box.kind == "op" for node in scene.nodes) == 10_000


@pytest.mark.parametrize("make", [
    lambda: nn.Sequential(*[nn.Linear(4, 4, rng=k) if k % 2 else nn.Tanh() for k in range(500)]),
    lambda: nn.Sequential(*[nn.Linear(3 + k, 4 + k, rng=k) for k in range(1, 300)]),
])  # fmt: skip
def test_hundreds_of_modules_side_by_side_fit_too(make):
    # of zeros: the values of ones grow beyond float32 on their way through the second network, and NumPy warns
    drawing = draw(make(), np.zeros((1, 4), np.float32), repeats=False)
    assert drawn(drawing.scene) <= MOST


def test_thousands_of_leaves_and_outputs_fit_too():
    leaves = [leaf(f"w{k}") for k in range(2000)]
    assert drawn(draw(leaves).scene) <= MOST
    assert drawn(draw([tg.sin(w) for w in leaves]).scene) <= MOST
    assert drawn(draw(tg.concatenate(leaves)).scene) <= MOST


@pytest.mark.parametrize("direction", ["backward", "both"])
def test_gradients_of_large_graphs_fit_too(direction):
    drawing = draw(chain(2000).sum(), direction=direction)
    assert drawn(drawing.scene) <= MOST


# -- work -----------------------------------------------------------------------------------------------------


@pytest.mark.level("thorough")
@pytest.mark.parametrize("options", [{}, {"depth": 1}, {"show": "all"}, {"direction": "both"}, {"repeats": True}],
                         ids=str)  # fmt: skip
@pytest.mark.parametrize("make", [lambda n: chain(n).sum(), lambda n: bush(n).sum()], ids=["chain", "bush"])
def test_work_grows_as_the_graph_does(count_calls, make, options):
    def work(n):
        y = make(n)
        return count_calls(lambda: draw(y, **options))

    work(300)  # imports
    assert work(3600) < 4.4 * work(900)


@pytest.mark.level("thorough")
def test_the_work_for_files_and_pages_grows_as_the_graph_does(count_calls, tmp_path):
    def work(n):
        drawing = draw(chain(n))
        return count_calls(lambda: (drawing.render(tmp_path / "chain.svg"), drawing.scene.to_json()))

    work(300)  # imports
    assert work(10_000) < 4.4 * work(2500)
