"""Networks by name: sizes, shapes, training, mistakes."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import models, optim

# (name, input shape, parameters for 10 classes, counted by hand from the layers' sizes)
SIZES = [
    ("lenet", (28, 28, 1), 156 + 2416 + 48120 + 10164 + 850),
    ("lenet", (8, 8, 1), 320 + 18496 + 16448 + 650),
    ("mnistnet", (28, 28, 1), 320 + 18496 + (12 * 12 * 64 + 1) * 128 + 1290),
    ("vgg_small", (32, 32, 3), 896 + 9248 + 18496 + 36928 + 73856 + 147584 + (4 * 4 * 128 + 1) * 128 + 1290),
    # convolutions, projections, two numbers per normalised channel, dense
    (
        "resnet20",
        (32, 32, 3),
        9 * (3 * 16 + 6 * 16 * 16 + 16 * 32 + 5 * 32 * 32 + 32 * 64 + 5 * 64 * 64)
        + (16 * 32 + 32 * 64)
        + 2 * (7 * 16 + 6 * 32 + 6 * 64 + 32 + 64)
        + 650,
    ),
]


@pytest.mark.parametrize(("name", "shape", "size"), SIZES)
def test_number_of_parameters(name, shape, size):
    assert models.build(name, shape, 10, rng=0).num_parameters() == size


@pytest.mark.parametrize("name", models.names)
def test_colour_images_of_odd_size_give_logits_and_every_parameter_a_gradient(name):
    net = models.build(name, (29, 31, 3), 7, rng=0)
    logits = net(np.random.default_rng(0).normal(size=(2, 29, 31, 3)).astype(np.float32))
    assert logits.shape == (2, 7)
    assert logits.dtype == np.float32
    tg.softmax_cross_entropy(logits, [0, 1]).backward()
    assert [n for n, p in net.named_parameters() if p.grad is None] == []


def test_two_blocks_of_one_shape_start_differently_and_the_same_seed_gives_the_same_network():
    a, b = (models.resnet(14, (8, 8, 1), 3, rng=5).state_dict() for _ in range(2))
    assert all(np.array_equal(a[k], b[k]) for k in a)
    assert not np.array_equal(a["stage1.0.conv1.weight"], a["stage1.1.conv1.weight"])


@pytest.mark.parametrize(("name", "side"), [("lenet", 8), ("lenet", 20), ("resnet8", 8), ("mnistnet", 8)])
def test_a_few_steps_lower_the_loss(name, side):
    rng = np.random.default_rng(0)
    net = models.build(name, (side, side, 1), 2, rng=rng)
    labels = np.arange(16) % 2
    x = rng.normal(size=(16, side, side, 1)).astype(np.float32) + labels[:, None, None, None] * 0.5
    optimiser = optim.Adam(net.parameters(), 3e-3)
    losses = []
    for _ in range(10):
        loss = tg.softmax_cross_entropy(net(x.astype(np.float32)), labels)
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert losses[-1] < 0.7 * losses[0]


def test_an_untrained_network_knows_nothing():
    x = np.random.default_rng(0).random((64, 8, 8, 1), np.float32)
    for name in ("lenet", "resnet20"):
        net = models.build(name, (8, 8, 1), 10, rng=0)
        loss = tg.softmax_cross_entropy(net(x), np.arange(64) % 10).item()
        assert abs(loss - np.log(10)) < 0.05


def test_the_nodes_of_a_residual_block_carry_its_path():
    net = models.build("resnet8", (8, 8, 1), 3, rng=0)
    paths, stack = set(), [net(np.zeros((2, 8, 8, 1), np.float32)).node]
    while stack:
        node = stack.pop()
        paths.add(node.path)
        stack += [e for e in node.inputs if e is not None]
    assert {"stem.0", "stage2.0", "stage2.0.conv1", "stage2.0.shortcut.0", "pool", "head"} <= paths


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("resnet21", (8, 8, 1), 3), "no network is named 'resnet21'. Did you mean .*resnet20"),
        ((None, (8, 8, 1), 3), "There are lenet, mnistnet"),
        (("lenet", (8, 8), 3), r"input_shape=\(8, 8\) must be \(H, W, C\)"),
        (("lenet", (8, 0, 1), 3), r"input_shape\[1\]=0 must be at least 1"),
        (("lenet", (8, 8, 1), 0), "classes=0 must be at least 1"),
        (("vgg_small", (4, 4, 3), 3), "vgg_small cannot take images of 4x4x3: .*does not fit"),
    ],
)
def test_mistakes_are_worded(arguments, message):
    with pytest.raises(ValueError, match=message):
        models.build(*arguments)


@pytest.mark.parametrize("depth", [0, 2, 9, True, 20.0])
def test_depths_that_no_resnet_has(depth):
    with pytest.raises(ValueError, match="must be 6"):
        models.resnet(depth, (8, 8, 1), 3)
