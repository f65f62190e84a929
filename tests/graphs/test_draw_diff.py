"""Differences of two graphs: what is paired, what is said, and what is left alone."""

from itertools import pairwise

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn
from tinygrad_cnn.graphs.align import LARGEST, Key, _by_order, _by_table, align

X = np.ones((2, 8, 8, 1), np.float32)


def net(*middle, channels=4, bias=True):
    last = nn.Linear(36 * channels, 2, rng=0)
    return nn.Sequential(nn.Conv2d(1, channels, 3, bias=bias, rng=0), *middle, nn.Flatten(), last)


def changes(drawing, *kinds):
    return {
        (box.title, ".".join(step.name for step in box.path)): box.change
        for box in (node.box for node in drawing.scene.nodes)
        if not kinds or box.kind in kinds
    }


def test_equal_graphs_have_no_difference():
    drawing = tg.draw_diff((net(nn.Tanh()), X), (net(nn.Tanh()), X))
    assert set(changes(drawing).values()) == {"same"}
    assert "no difference in 4 ops" in drawing.source and "no difference" in repr(drawing)


def test_an_inserted_layer_is_all_that_was_added():
    drawing = tg.draw_diff((net(nn.Tanh()), X), (net(nn.Sigmoid(), nn.Tanh()), X))
    found = changes(drawing, "op")
    assert found == {("conv2d", "0"): "same", ("sigmoid", "1"): "added", ("tanh", "2"): "same",
                     ("flatten", "3"): "same", ("linear", "4"): "same"}  # fmt: skip
    assert "ops: 1 added, 4 as before" in drawing.source and "was 1" in drawing.source
    assert set(changes(drawing, "parameter").values()) == {"same"}


def test_a_removed_layer_stays_in_the_picture_where_it_was():
    drawing = tg.draw_diff((net(nn.Sigmoid(), nn.Tanh()), X), (net(nn.Tanh()), X))
    removed = [node.box for node in drawing.scene.nodes if node.box.change == "removed"]
    assert [box.title for box in removed] == ["sigmoid"]
    order = [node.box.title for node in drawing.scene.nodes if node.box.kind == "op"]
    assert order.index("conv2d") < order.index("sigmoid") < order.index("tanh")
    assert "− " in drawing.source or "−" in drawing.source


def test_changed_shapes_and_parameters_show_old_and_new():
    drawing = tg.draw_diff((net(), X), (net(channels=6), X))
    assert "(2, 6, 6, 4) → (2, 6, 6, 6)" in drawing.source and "(3, 3, 1, 4) → (3, 3, 1, 6)" in drawing.source
    x, w = tg.Tensor(X, name="x"), tg.Tensor(np.ones((3, 3, 1, 1), np.float32), requires_grad=True, name="w")
    drawing = tg.draw_diff(tg.conv2d(x, w), tg.conv2d(x, w, stride=2, padding="same"))
    assert "stride=1 → 2" in drawing.source and 'padding=0 → "same"' in drawing.source.replace("&quot;", '"')


def test_a_bias_that_was_left_out_is_removed_and_the_rest_is_as_before():
    found = changes(tg.draw_diff((net(), X), (net(bias=False), X)), "parameter")
    assert found[("bias", "0")] == "removed" and found[("weight", "0")] == "same"


def test_a_replaced_layer_has_a_frame_of_its_own():
    old = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1, rng=0), nn.BatchNorm2d(4), nn.Tanh())
    new = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1, rng=0), nn.Conv2d(4, 4, 3, padding=1, rng=0), nn.Tanh())
    drawing = tg.draw_diff((old, X), (new, X))
    frames = [module.attributes["label"]["html"] for module in drawing.scene.modules.values()]
    assert any("− 1" in text and "BatchNorm2d" in text for text in frames)
    assert any(text.startswith("<b>1</b>") and "Conv2d" in text for text in frames)


def test_drawings_can_be_compared_and_stay_as_they_were():
    a, b = (tg.draw(net(nn.Tanh()), X), tg.draw(net(), X))
    before = a.source, b.source, b.scene.to_json()
    first = tg.draw_diff(a, b).source
    assert tg.draw_diff(a, b).source == first
    assert tg.draw_diff(a, a).source.count("no difference") == 1
    assert (a.source, b.source, b.scene.to_json()) == before
    assert all(not box.change for box in b.picture.boxes)


def test_large_networks_show_what_differs_and_close_the_rest():
    x = np.ones((1, 32, 32, 3), np.float32)
    a, b = (models.build(name, (32, 32, 3), 10, 0) for name in ("resnet20", "resnet32"))
    drawing = tg.draw_diff((a, x), (b, x))
    assert "ops: 30 added, 53 as before" in drawing.source
    closed = {module.path for module in drawing.scene.modules.values() if module.closed}
    assert "stage1.0" in closed and "stage1.3" not in closed


def test_gradients_are_refused():
    y = tg.sin(tg.Tensor([1.0], requires_grad=True)).sum()
    with pytest.raises(ValueError, match="draw_diff: compares forward passes"):
        tg.draw_diff(tg.draw(y, direction="both"), y)
    with pytest.raises(TypeError, match="expected a Tensor"):
        tg.draw_diff(y, np.ones(3))


# -- pairing --------------------------------------------------------------------------------------------------


def keys(text, path=""):
    return [Key(name, path, None) for name in text]


def longest(a, b):
    """The length of the longest common subsequence, by the textbook's recursion."""
    if not a or not b:
        return 0
    if a[-1] == b[-1]:
        return longest(a[:-1], b[:-1]) + 1
    return max(longest(a[:-1], b), longest(a, b[:-1]))


@pytest.mark.parametrize("seed", range(20))
def test_pairs_are_a_longest_common_subsequence(seed):
    rng = np.random.default_rng(seed)
    a, b = ("".join(rng.choice(list("abc"), rng.integers(0, 9))) for _ in range(2))
    for how in (align, _by_table):
        pairs = how(keys(a), keys(b))
        assert len(pairs) == longest(a, b)
        assert all(a[i] == b[j] for i, j in pairs)
        assert pairs == sorted(pairs) and all(p[1] < q[1] for p, q in pairwise(pairs))
    by_order = _by_order(keys(a), keys(b))
    assert by_order == sorted(by_order) and all(a[i] == b[j] for i, j in by_order)


def test_among_equal_numbers_of_pairs_paths_and_looks_decide():
    old = [Key("relu", "a", 1), Key("relu", "b", 2)]
    assert align(old, [Key("relu", "b", 2)]) == [(1, 0)]
    assert align([Key("relu", "a", 1), Key("relu", "a", 2)], [Key("relu", "a", 2)]) == [(1, 0)]


def test_two_chains_of_ten_thousand_ops_are_compared_in_seconds():
    n = 10_000
    assert n * n > LARGEST
    old, new = keys("ab" * (n // 2)), keys("cab" + "ab" * (n // 2 - 2) + "d")
    assert len(align(old, new)) >= n - 4
