"""Networks by name: sizes, shapes, training, mistakes."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import models, optim

pytestmark = pytest.mark.level("default")

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


# As published, for 1000 classes; the VGGs' first dense layer sees 512 numbers of 32x32 pixels, 25088 of 224x224.
PUBLISHED = [
    ("vgg11", 132_863_336 - (25088 - 512) * 4096),
    ("vgg13", 133_047_848 - (25088 - 512) * 4096),
    ("vgg16", 138_357_544 - (25088 - 512) * 4096),
    ("vgg19", 143_667_240 - (25088 - 512) * 4096),
    ("mobilenet_v2", 3_504_872),
    ("efficientnet_lite0", 4_652_008),
]


@pytest.mark.parametrize(("name", "size"), PUBLISHED)
def test_number_of_parameters_is_the_published_one(name, size):
    assert models.build(name, (32, 32, 3), 1000, rng=0).num_parameters() == size


def test_the_parts_of_vgg_at_its_papers_size():
    """Five halvings of 224 pixels leave 7x7x512: shapes alone, without a pass over the weights of 500 MB."""
    net = models.vgg(11, (224, 224, 3), 10, rng=0, hidden=2)
    assert net.head[0].weight.shape == (25088, 2)
    assert net.features.num_parameters() == 9_220_480
    assert models.vgg(16, (32, 32, 3), 10, rng=0, hidden=2).features.num_parameters() == 14_714_688


def test_unet_has_the_usual_number_of_parameters():
    assert models.build("unet", (16, 16, 1), 2, rng=0).num_parameters() == 31_036_546


def test_efficientnet_lite0_is_laid_out_as_its_published_weights():
    net = models.build("efficientnet_lite0", (224, 224, 3), 1000, rng=0)
    assert sum(v.size for v in net.state_dict().values()) == 4_694_024  # with the running statistics
    blocks = list(net.body)
    assert [b.project[0].out_channels for b in blocks] == (
        [16] + [24] * 2 + [40] * 2 + [80] * 3 + [112] * 3 + [192] * 4 + [320]
    )
    strides = [b.depthwise[0].stride for b in blocks]
    assert strides == [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]
    assert [b.depthwise[0].window[0] for b in blocks] == [3] * 3 + [5] * 2 + [3] * 3 + [5] * 7 + [3]
    assert {b.depthwise[0].padding for b in blocks} == {"same"} and blocks[3].depthwise[1].eps == 1e-3
    net.eval()
    assert net[:2](np.zeros((1, 224, 224, 3), np.float32)).shape == (1, 7, 7, 320)


def test_mobilenet_halves_small_images_less_often():
    for side, left in ((32, 4), (224, 7)):
        net = models.build("mobilenet_v2", (side, side, 3), 2, rng=0).eval()
        assert net[:2](np.zeros((1, side, side, 3), np.float32)).shape == (1, left, left, 320)


@pytest.mark.parametrize("name", models.names)
def test_colour_images_of_odd_size_give_logits_and_every_parameter_a_gradient(name):
    net = models.build(name, (29, 31, 3), 7, rng=0)
    logits = net(np.random.default_rng(0).normal(size=(2, 29, 31, 3)).astype(np.float32))
    pixels = np.arange(2 * 29 * 31).reshape(2, 29, 31) % 7
    labels = pixels if name.startswith("unet") else np.arange(2)
    assert logits.shape == (*labels.shape, 7)
    assert logits.dtype == np.float32
    tg.softmax_cross_entropy(logits, labels).backward()
    assert [n for n, p in net.named_parameters() if p.grad is None] == []


def colours(side, rng):
    """Eight images: those of class 1 are redder on the left, those of class 0 bluer."""
    labels = np.arange(8) % 2
    x = rng.normal(size=(8, side, side, 3)).astype(np.float32)
    x[labels == 1, :, : side // 2, 0] += 1.5
    x[labels == 0, :, :, 2] += 1.5
    return x, labels


def losses(net, x, labels, steps, lr):
    optimiser = optim.Adam(net.parameters(), lr)
    found = []
    for _ in range(steps):
        loss = tg.softmax_cross_entropy(net(x), labels)
        found.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return found


@pytest.mark.parametrize(
    ("make", "side", "lr"),
    [
        (lambda shape, rng: models.mobilenet_v2(shape, 2, rng), 16, 3e-3),
        (lambda shape, rng: models.efficientnet_lite0(shape, 2, rng), 32, 3e-3),
        (lambda shape, rng: models.resnet(20, shape, 2, rng), 12, 3e-3),
        (lambda shape, rng: models.vgg_small(shape, 2, rng), 12, 1e-3),
    ],
    ids=["mobilenet_v2", "efficientnet_lite0", "resnet20", "vgg_small"],
)
def test_a_few_steps_on_colour_images_lower_the_loss(make, side, lr):
    rng = np.random.default_rng(0)
    x, labels = colours(side, rng)
    found = losses(make((side, side, 3), rng), x, labels, 8, lr)
    assert found[-1] < 0.7 * found[0]


@pytest.mark.level("thorough")
@pytest.mark.parametrize("depth", [11, 13, 16])
def test_a_few_steps_lower_the_loss_of_a_vgg(depth):
    """Measured without dropout, which moves the loss of eight images more than a few steps do."""
    rng = np.random.default_rng(0)
    x, labels = colours(20, rng)
    net = models.vgg(depth, (20, 20, 3), 2, rng, hidden=256)
    before = tg.softmax_cross_entropy(net.eval()(x), labels).item()
    losses(net.train(), x, labels, 15, 1e-4)
    assert tg.softmax_cross_entropy(net.eval()(x), labels).item() < 0.7 * before


def test_a_few_steps_teach_a_small_unet_which_pixels_are_red():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 11, 14, 3)).astype(np.float32)
    labels = (x[..., 0] > x[..., 2]).astype(np.int64)
    net = models.unet((11, 14, 3), 2, rng, width=4, depth=2)
    found = losses(net, x, labels, 15, 1e-2)
    assert found[-1] < 0.6 * found[0]
    assert np.mean(net(x).data.argmax(axis=-1) == labels) > 0.8


def test_the_smallest_images_of_unet_and_vgg():
    assert models.unet((9, 9, 1), 3, 0, width=2)(np.zeros((2, 9, 9, 1), np.float32)).shape == (2, 9, 9, 3)
    with pytest.raises(ValueError, match=r"max_pool2d \(pool\): a 2x2 window does not fit a 1x1 image"):
        models.unet((8, 8, 1), 3, 0, width=2)(np.zeros((2, 8, 8, 1), np.float32))
    models.vgg(11, (17, 17, 1), 3, 0, hidden=2)
    with pytest.raises(ValueError, match="build: vgg11 cannot take images of 16x16x1: .*does not fit"):
        models.build("vgg11", (16, 16, 1), 3)


def test_unet_sees_far_and_near():
    """A pixel's logits depend on pixels far away, through the lowest level, and on its own."""
    net = models.unet((32, 32, 1), 1, 0, width=2, depth=3).eval()
    x = tg.Tensor(np.random.default_rng(0).normal(size=(1, 32, 32, 1)).astype(np.float32), requires_grad=True)
    net(x)[0, 16, 16, 0].backward()
    reached = np.argwhere(x.grad[0, :, :, 0] != 0)
    assert x.grad[0, 16, 16, 0] != 0 and np.ptp(reached[:, 0]) > 20 and np.ptp(reached[:, 1]) > 20


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
        (("lenet", (8, 0, 1), 3), r"input_shape=\(.*\) must be \(H, W, C\)"),
        (("lenet", (8, 8, 1), 0), "classes=0 must be a whole number of at least 1"),
        (("vgg_small", (4, 4, 3), 3), "vgg_small cannot take images of 4x4x3: .*does not fit"),
    ],
)
def test_mistakes_are_worded(arguments, message):
    with pytest.raises(ValueError, match=message):
        models.build(*arguments)


@pytest.mark.parametrize("depth", [0, 2, 9, True, 20.0])
def test_depths_that_no_resnet_has(depth):
    with pytest.raises((TypeError, ValueError), match=rf"resnet: depth={depth} must be .*6\*n"):
        models.resnet(depth, (8, 8, 1), 3)


@pytest.mark.parametrize("depth", [0, 12, "16", 16.5, 16.0])
def test_depths_that_no_vgg_has(depth):
    with pytest.raises(ValueError, match="vgg: depth=.* must be 11, 13, 16, 19"):
        models.vgg(depth, (8, 8, 1), 3)


@pytest.mark.parametrize(("setting", "words"), [({"width": 0}, "width=0"), ({"depth": 0}, "depth=0")])
def test_settings_that_no_unet_has(setting, words):
    with pytest.raises(ValueError, match=f"UNet: {words} must be a whole number"):
        models.unet((8, 8, 1), 3, **setting)


def test_each_model_is_short():
    from pathlib import Path

    for path in Path(models.__file__).parent.glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) < 80, path.name
