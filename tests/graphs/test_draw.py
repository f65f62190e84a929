"""What a picture shows, read from its DOT text."""

import re

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.graphs import Drawing
from tinygrad_cnn.graphs.fold import MOST


def draw(*args, **options):
    """Every op, which is not what `tg.draw` draws by itself (see test_outline.py)."""
    return tg.draw(*args, **{"detail": "ops", **options})


def leaf(name=None, *shape, **options):
    return tg.Tensor(np.ones(shape or (2,), np.float32), requires_grad=True, name=name, **options)


def titles(drawing: Drawing) -> list[str]:
    """The first line of every node's label, in the order in which they are written."""
    return re.findall(r"^\t*[nm]\d+ \[label=<<b>(.*?)</b>", drawing.source, re.M)


def arrows(drawing: Drawing) -> list[tuple[str, str]]:
    """Every arrow as the titles of its ends, in its true direction."""
    names = dict(re.findall(r"^\t*([nm]\d+) \[label=<<b>(.*?)</b>", drawing.source, re.M))
    lines = re.findall(r"^\t([nm]\d+) -> ([nm]\d+)(.*)$", drawing.source, re.M)
    return [(names[b], names[a]) if "dir=back" in rest else (names[a], names[b]) for a, b, rest in lines]


def test_inputs_come_before_the_ops_that_use_them():
    x, y = leaf("x"), leaf("y")
    assert titles(draw(tg.sin(x * y))) == ["x", "y", "mul", "sin", "output"]


def test_a_shared_node_is_drawn_once_with_all_its_arrows():
    h = tg.exp(leaf("x"))
    drawing = draw(h * h + h)
    assert titles(drawing).count("exp") == 1
    assert sorted(arrows(drawing)) == [
        ("add", "output"), ("exp", "add"), ("exp", "mul"), ("exp", "mul"), ("mul", "add"), ("x", "exp"),
    ]  # fmt: skip


def test_equal_graphs_give_equal_text_and_unequal_ones_do_not():
    def make(rate):
        x = leaf("x", 4, 4)
        return draw(tg.dropout(tg.relu(x) @ leaf("w", 4, 3), rate, training=True, rng=np.random.default_rng(0)))

    assert make(0.5).source == make(0.5).source
    assert make(0.5).source != make(0.25).source
    assert "0x" not in make(0.5).source  # no address


def test_doublings_are_drawn_in_linear_time():
    y = leaf("x")
    for _ in range(60):
        y = y + y
    assert titles(draw(y)).count("add") == 60


def test_a_chain_of_ten_thousand_ops_gives_its_text():
    y = leaf("x")
    for _ in range(10_000):
        y = tg.sin(y)
    drawing = draw(y, depth=1)
    assert titles(drawing).count("sin") == 10_000
    assert "10000 ops" in repr(drawing)


def test_a_long_chain_is_one_box_between_its_ends():
    y = leaf("x")
    for _ in range(1000):
        y = tg.sin(tg.cos(y))
    drawing = draw(y)
    assert titles(drawing) == ["x", "cos", "sin", "cos", "… 1994 ops …", "sin", "cos", "sin", "output"]
    assert "sin × 997" in drawing.source and "2000 ops; long runs of ops are one box each" in drawing.source
    assert ("cos", "… 1994 ops …") in arrows(drawing) and ("… 1994 ops …", "sin") in arrows(drawing)


def test_a_hundred_nested_modules_are_drawn():
    y = leaf("x")
    with tg.scope(".".join("m" * 100)):
        y = tg.sin(tg.cos(y))
    assert draw(y).source.count("subgraph cluster_") == 100


def test_only_parameters_that_differ_from_the_defaults_are_shown():
    x, w = leaf("x", 1, 8, 8, 2), leaf("w", 3, 3, 2, 4)
    source = draw(tg.conv2d(x, w, stride=2, padding="same")).source
    assert 'stride=2, padding="same"' in source
    assert "dilation" not in source and "groups" not in source
    assert "(1, 4, 4, 4)" in source and "(3, 3, 2, 4)" in source


def test_dtypes_are_shown_where_they_are_unusual():
    x = tg.Tensor(np.ones(2), requires_grad=True, name="x")
    assert draw(tg.sin(x)).source.count("float64") == 1  # at the output, for all
    assert "float" not in draw(tg.sin(leaf("x"))).source


def test_constants_are_hidden_unless_asked_for():
    y = leaf("x", 3) * 2.0 + np.ones(3, np.float32)
    assert titles(draw(y)) == ["x", "mul", "add", "output"]
    assert sorted(titles(draw(y, constants=True))) == sorted(["x", "mul", "array", "add", "number", "output"])


def test_an_input_left_out_is_no_constant():
    y = tg.conv2d(leaf("x", 1, 4, 4, 1), leaf("w", 3, 3, 1, 1))
    assert "number" not in titles(draw(y, constants=True))


def test_data_is_shown_without_a_name():
    images = np.ones((1, 4, 4, 1), np.float32)
    assert titles(draw(tg.conv2d(images, leaf("w", 3, 3, 1, 1)))) == ["array", "w", "conv2d", "output"]
    x = tg.Tensor([1.0, 2.0])
    assert titles(draw(x * leaf("w"))) == ["tensor", "w", "mul", "output"]


def test_cuts_are_marked_and_joined_to_what_they_cut():
    h = tg.exp(leaf("x"))
    drawing = draw(h * tg.stop_gradient(h))
    assert ("exp", "stop_gradient") in arrows(drawing)
    assert re.search(r"n\d+ -> n\d+ \[.*style=dashed", drawing.source)
    with tg.no_grad():
        q = tg.exp(h)
    drawing = draw(h * q)
    assert ("no_grad", "mul") in arrows(drawing)


def test_the_order_of_inputs_is_written_where_it_matters():
    a, b = leaf("x"), leaf("y")
    assert 'label=" a "' in draw(a - b).source
    assert 'label=" a "' not in draw(a + b).source
    assert 'label=" x "' not in draw(tg.conv2d(leaf("x", 1, 4, 4, 1), leaf("w", 3, 3, 1, 1))).source


def test_names_of_results_are_shown():
    h = tg.exp(leaf("x"))
    h.name = "hidden"
    assert '"hidden"' in draw(h).source


def test_modules_are_nested_clusters():
    with tg.scope("features"):
        with tg.scope("3"):
            h = tg.relu(tg.conv2d(leaf("x", 1, 4, 4, 1), leaf("features.3.weight", 3, 3, 1, 1)))
        y = tg.exp(h)
    source = draw(y).source
    outer, inner = source.index("<b>features</b>"), source.index("<b>features.3</b>")
    assert source.index("cluster_m0") < outer < source.index("cluster_m1") < inner
    assert "<b>weight</b>" in source  # the path is on the frame
    assert source.count("{") == source.count("}")


def test_a_module_called_twice_is_drawn_in_two_places():
    def relu(x):
        with tg.scope("act"):
            return tg.relu(tg.exp(x))

    y = relu(tg.sin(relu(leaf("x"))))
    source = draw(y).source
    assert source.count("<b>act</b>") == 2
    assert titles(draw(y, depth=1)) == ["x", "act", "sin", "act", "output"]


def test_depth_draws_modules_as_one_box():
    drawing = draw(net(), np.ones((1, 8, 8, 1), np.float32), depth=1)
    assert titles(drawing) == ["x", "0", "1", "output"]
    assert "Sequential" in drawing.source and "2 ops" in drawing.source
    assert arrows(drawing) == [("x", "0"), ("0", "1"), ("1", "output")]


def test_large_graphs_fold_by_themselves_and_say_so():
    y = leaf("x")
    for k in range(MOST):
        with tg.scope(f"block{k // 50}"), tg.scope(str(k)):
            y = tg.sin(tg.cos(y))
    drawing = draw(y, repeats=False)
    assert len(titles(drawing)) == 5
    assert "300 ops; modules are drawn to 1 level, depth=3 draws them all" in drawing.source
    assert len(titles(draw(y, depth=3))) == 302


def net():
    return nn.Sequential(nn.Sequential(nn.Conv2d(1, 2, 3, rng=0), nn.Tanh()), nn.Sequential(nn.BatchNorm2d(2)))


def test_a_module_is_run_on_an_example_and_left_as_it_was():
    model = nn.Sequential(net(), nn.Dropout(0.5, rng=3))
    before = {name: value.copy() for name, value in model.state_dict().items()}
    states = [rng.bit_generator.state for rng in model.generators()]
    first = draw(model, np.ones((2, 8, 8, 1), np.float32))
    assert draw(model, np.ones((2, 8, 8, 1), np.float32)).source == first.source
    assert {"x", "weight", "bias", "conv2d", "dropout"} <= set(titles(first))
    assert "Conv2d" in first.source and "0.0.0" in first.source
    assert all(np.array_equal(before[name], value) for name, value in model.state_dict().items())
    assert [rng.bit_generator.state for rng in model.generators()] == states
    assert all(p.grad is None for p in model.parameters())


def test_a_frozen_module_under_no_grad_is_drawn_whole():
    model = nn.Sequential(nn.Linear(3, 2, rng=0)).requires_grad_(False)
    with tg.no_grad():
        assert titles(draw(model, np.ones((1, 3), np.float32))) == [
            "x", "weight", "bias", "linear", "output",
        ]  # fmt: skip


def test_a_function_of_tensors_is_drawn_with_its_argument_names():
    assert titles(draw(lambda left, right: left * right, 2.0, [1.0, 2.0])) == ["left", "right", "mul", "output"]


def test_several_outputs_are_marked():
    x = leaf("x")
    assert titles(draw([tg.sin(x), tg.cos(x)]))[-2:] == ["output 0", "output 1"]
    assert titles(draw({"logits": tg.sin(x)}))[-1] == "output logits"


def test_a_graph_is_drawn_after_its_arrays_were_released():
    y = (leaf("x") * leaf("y")).sum()
    before = draw(y).source
    y.backward()
    assert draw(y).source == before


@pytest.mark.parametrize("reason", ["leaf", "no_grad", "stop_gradient"])
def test_a_tensor_without_history_says_what_is_missing(reason):
    x = leaf("x")
    if reason == "no_grad":
        with tg.no_grad():
            x = tg.sin(x)
    elif reason == "stop_gradient":
        x = tg.stop_gradient(x)
    assert f"no ops were recorded: {'nothing that this was' if reason == 'leaf' else 'it was'}" in draw(x).source


def test_a_checkpoint_is_drawn_as_one_op():
    assert titles(draw(tg.checkpoint(lambda x: tg.sin(tg.cos(x)), leaf("x")))) == ["x", "checkpoint", "output"]


def test_zero_size_tensors_are_drawn():
    assert "(0, 3)" in draw(tg.sin(leaf("x", 0, 3))).source


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: draw(np.ones(3)), TypeError, r"draw: expected a Tensor.*\(3,\) float64.*no history"),
        (lambda: draw([]), ValueError, "nothing to draw"),
        (lambda: draw(net()), TypeError, r"Sequential needs an example input.*draw\(Sequential, x\)"),
        (lambda: draw(leaf(), leaf()), TypeError, "only a module or function takes example inputs"),
        (lambda: draw(leaf(), rankdir="UP"), ValueError, "rankdir must be 'TB'.*got 'UP'"),
        (lambda: draw(leaf(), depth=0), ValueError, "depth=0 must be a whole number of at least 1. It"),
        (lambda: draw(lambda x: x.shape, leaf()), TypeError, "got tuple|got int|expected a Tensor"),
    ],
)  # fmt: skip
def test_bad_input_is_worded(call, error, words):
    with pytest.raises(error, match=words):
        call()
