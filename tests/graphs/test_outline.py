"""Outlines: what `tg.draw` draws by itself, in few boxes that can be read on a screen."""

import re

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn
from tinygrad_cnn.graphs import render
from tinygrad_cnn.graphs.outline import MOST

SCREEN, NAME, READABLE = (1280, 800), 11 * 4 / 3, 11  # pixels: of a window, of a name at 100 %, of what can be read
BOXES = 24


def net(name, size=32, channels=3, **options):
    x = np.zeros((2, size, size, channels), np.float32)
    return tg.draw(models.build(name, (size, size, channels), 10, 0), x, **options)


def recurrent(steps=30):
    shapes = {"U": (8, 16), "W": (16, 16), "b": (16,), "V": (16, 4)}
    p = {name: tg.randn(*shape, rng=k, requires_grad=True, name=name) for k, (name, shape) in enumerate(shapes.items())}
    h = tg.zeros(2, 16)
    h.name = "h0"
    for t in range(steps):
        h = tg.tanh(tg.randn(2, 8, rng=t, name=f"x{t}") @ p["U"] + h @ p["W"] + p["b"])
    return tg.draw(tg.softmax_cross_entropy(h @ p["V"], [1, 2]))


def generator():
    g = nn.Sequential(nn.Linear(8, 16, rng=0), nn.ReLU(), nn.Linear(16, 16, rng=1))
    d = nn.Sequential(nn.Linear(16, 16, rng=2), nn.ReLU(), nn.Linear(16, 1, rng=3))
    return tg.draw(d(g(tg.randn(4, 8, rng=0, name="z"))).mean())


def words(drawing):
    """The texts of all boxes, without markup."""
    labels = re.findall(r"^\t*n\d+ \[label=<(.*?)>(?: \w+=|\])", drawing.source, re.M)
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", label)).strip() for label in labels]


def boxes(drawing):
    """How many boxes of ops there are, and how many boxes in all."""
    leaves = len(re.findall(r"^\t*n\d+ \[.*shape=(?:ellipse|octagon)", drawing.source, re.M))
    return len(words(drawing)) - leaves, len(words(drawing))


def fitted(drawing):
    """How high a name is in pixels when the whole picture is fitted into a window."""
    svg = render.render(drawing.source, "svg").decode()
    size = [float(n) * 4 / 3 for n in re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', svg).groups()]
    return NAME * min(1.0, *(room / length for room, length in zip(SCREEN, size, strict=True)))


NETS = {
    "lenet": lambda: net("lenet", 28, 1), "mnistnet": lambda: net("mnistnet", 28, 1),
    "vgg_small": lambda: net("vgg_small"),
    "resnet20": lambda: net("resnet20"), "resnet56": lambda: net("resnet56"), "vgg16": lambda: net("vgg16"),
    "mobilenet_v2": lambda: net("mobilenet_v2"), "efficientnet_lite0": lambda: net("efficientnet_lite0", 64),
    "unet_small": lambda: net("unet_small"), "recurrent": recurrent, "generator": generator,
}  # fmt: skip


@pytest.mark.parametrize("make", NETS.values(), ids=NETS.keys())
def test_usual_networks_can_be_read_at_a_glance(make):
    drawing = make()
    ops, total = boxes(drawing)
    assert ops <= MOST and total <= BOXES
    assert fitted(drawing) >= READABLE


def test_a_residual_network_shows_each_kind_of_block_once():
    found = words(net("resnet20"))
    assert any(text.startswith("2 × BasicBlock 32→32 1 and 2, as in stage1") for text in found)
    assert any(text.startswith("BasicBlock 32→64 0, as in stage2.0") for text in found)
    source = net("resnet20").source
    assert "3 × BasicBlock" in source and "1 + 2 BasicBlocks" in source and "53 ops in" in source


def test_deeper_networks_make_no_larger_pictures():
    assert boxes(net("resnet56")) == boxes(net("resnet20"))


def test_parameters_stand_in_the_box_of_their_op():
    x = tg.randn(1, 8, 8, 2, rng=0, name="x")
    w = tg.randn(3, 3, 2, 4, rng=0, requires_grad=True, name="filters")
    assert words(tg.draw(tg.conv2d(x, w, stride=2, padding="same"))) == [
        "x 1×8×8×2", "conv2d 3×3 /2 filters 3×3×2×4", "output 1×4×4×4",
    ]  # fmt: skip
    shared = tg.draw(tg.conv2d(tg.conv2d(tg.randn(1, 8, 8, 4, rng=0, name="x"), s := tg.randn(
        3, 3, 4, 4, rng=0, requires_grad=True, name="shared")), s))  # fmt: skip
    assert "shared 3×3×4×4" in words(shared)  # two ops use it


def test_what_keeps_the_shape_joins_the_box_before_it():
    model = nn.Sequential(nn.Conv2d(1, 4, 3, rng=0), nn.BatchNorm2d(4), nn.Tanh())
    found = words(tg.draw(model, np.zeros((1, 8, 8, 1), np.float32)))
    assert found == ["x 1×8×8×1", "conv2d 3×3 · batch_norm · tanh 1→4 0, 1", "output 1×6×6×4"]


def test_ops_stand_where_the_code_has_them():
    found = words(net("lenet", 28, 1))
    features = [text for text in found if "2d" in text]
    assert features[0].startswith("conv2d 5×5 · relu") and features[1].startswith("max_pool2d 2")
    assert "relu and max_pool2d are computed in the other order, with the same result" in net("lenet", 28, 1).source


def test_the_rounds_of_a_loop_are_drawn_once():
    drawing = recurrent()
    found = words(drawing)
    assert any(text.startswith("x0 … x29") for text in found) and any(
        text.startswith("matmul U 8×16") for text in found
    )
    assert "of the step before" in drawing.source and "of step 30" in drawing.source and "× 30" in drawing.source
    assert boxes(recurrent(12)) == boxes(drawing)


def test_a_loop_inside_a_module_is_found_too():
    class Steps(nn.Module):
        def __init__(self):
            self.inner = nn.Linear(4, 4, rng=0)
            self.outer = nn.Linear(4, 2, rng=1)

        def forward(self, x):
            for _ in range(10):
                x = tg.sin(self.inner(x)) * 0.5
            return self.outer(x)

    drawing = tg.draw(Steps(), np.zeros((2, 4), np.float32))
    assert "× 10" in drawing.source or "× 9" in drawing.source
    assert boxes(drawing)[0] <= 8


def test_a_network_with_bridges_is_drawn_as_a_u():
    source = net("unet_small").source
    assert source.count("rank=same") >= 4 and "dir=back" in source and "newrank=true" in source
    assert source.count("concatenate") == 3


def test_a_limit_never_makes_more_boxes():
    for make in (lambda **o: net("resnet20", **o), lambda **o: net("unet_small", **o)):
        assert all(boxes(make(depth=depth))[1] <= boxes(make())[1] for depth in (1, 2, 3))
    assert words(net("resnet20", depth=1))[2].startswith("stage1")


def test_long_chains_and_wide_graphs_fit_too():
    x = tg.randn(3, rng=0, requires_grad=True, name="x")
    rng = np.random.default_rng(0)
    y = x
    for k in rng.integers(0, 4, 400):
        y = (tg.sin, tg.cos, tg.tanh, tg.exp)[k](y)
    ops, _ = boxes(tg.draw(y))
    assert ops <= MOST
    leaves = [tg.randn(3, rng=k, requires_grad=True, name=f"w{k}") for k in range(200)]
    for drawn in ([tg.sin(w) for w in leaves], tg.concatenate(leaves), leaves):
        assert boxes(tg.draw(drawn))[1] <= BOXES


def test_every_op_is_drawn_where_that_is_asked_for():
    assert boxes(net("resnet20", detail="ops"))[0] > 50
    assert boxes(net("resnet20", show="values"))[0] > 50  # each has values of its own
    with pytest.raises(ValueError, match="detail must be 'outline' or 'ops', got 'all'"):
        net("resnet20", detail="all")
    with pytest.raises(ValueError, match="an outline is of the forward pass"):
        net("lenet", 28, 1, direction="both", detail="outline")


def test_equal_graphs_give_equal_outlines():
    assert net("resnet20").source == net("resnet20").source
    assert recurrent().source == recurrent().source
