"""Convolution and pooling of sequences, images and volumes beside PyTorch's: to the second order, in float64."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn

torch = pytest.importorskip("torch", reason="PyTorch is not installed here; .ci/run installs it")
from .beside import agree, filters, same  # noqa: E402  (needs torch)

F = torch.nn.functional
RNG = np.random.default_rng(0)
SEQUENCES, IMAGES = RNG.standard_normal((2, 9, 4)), RNG.standard_normal((2, 5, 6, 4))
VOLUMES = RNG.standard_normal((2, 5, 4, 6, 4))
X = {1: SEQUENCES, 2: IMAGES, 3: VOLUMES}


def both(name, options, x, *weights, order=2):
    """The functions of that name agree, with these options for both."""
    agree(lambda x, *w: getattr(tg, name)(x, *w, **options), lambda x, *w: getattr(F, name)(x, *w, **options), x,
          *weights, order=order)  # fmt: skip


@pytest.mark.parametrize(("window", "options"), [
    ((3, 2, 3), {}), ((2, 3, 2), {"stride": 2, "padding": 1}),
    ((3, 2, 2), {"stride": (1, 2, 3), "padding": (2, 0, 1), "dilation": (2, 1, 2)}),
    ((3, 3, 3), {"groups": 2, "padding": (1, 1, 1)}), ((2, 2, 2), {"groups": 4, "stride": (2, 1, 1)}),
    ((1, 3, 3), {"padding": (0, 1, 1)}), ((1, 1, 1), {"stride": 2}), ((3, 1, 1), {"dilation": (2, 1, 1)}),
    ((5, 4, 6), {}),
])  # fmt: skip
def test_conv3d(window, options):
    w, b = RNG.standard_normal((*window, 4 // options.get("groups", 1), 8)), RNG.standard_normal(8)
    both("conv3d", options, VOLUMES, (w, filters), (b, same))


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize(
    ("axes", "window", "dilation"), [(1, (3,), 2), (1, (4,), 1), (3, (3, 2, 3), 1), (3, (2, 3, 1), 2)]
)
def test_same_at_stride_1(axes, window, dilation):
    w = RNG.standard_normal((*window, 4, 3))
    both(f"conv{axes}d", {"padding": "same", "dilation": dilation}, X[axes], (w, filters))


@pytest.mark.parametrize(("window", "options"), [
    ((3,), {}), ((2,), {"stride": 2}), ((4,), {"stride": 3, "padding": 2, "output_padding": 1}),
    ((3,), {"groups": 2, "dilation": 2, "stride": 2, "padding": 1}),
    ((2, 3, 2), {}), ((2, 2, 2), {"stride": 2}), ((1, 2, 3), {"stride": (1, 2, 2), "padding": (0, 1, 1)}),
    ((3, 2, 3), {"stride": (2, 3, 1), "padding": (1, 0, 1), "output_padding": (1, 2, 0)}),
    ((2, 3, 2), {"groups": 2, "dilation": (2, 1, 2), "padding": 1}),
])  # fmt: skip
def test_transposed(window, options):
    w, b = RNG.standard_normal((*window, 6 // options.get("groups", 1), 4)), RNG.standard_normal(6)
    axes = len(window)
    both(f"conv_transpose{axes}d", options, X[axes][:, :3], (w, filters), (b, same))


POOLS = [
    (1, (2,), {}), (1, (3,), {"stride": (2,), "padding": (1,)}), (1, (3,), {"stride": (2,), "ceil_mode": True}),
    (1, (4,), {"stride": (3,), "padding": (2,), "ceil_mode": True}),
    (3, (2, 2, 2), {}), (3, (3, 2, 3), {"stride": (2, 1, 2), "padding": (1, 1, 0)}),
    (3, (2, 3, 4), {"stride": 2, "ceil_mode": True}), (3, (3, 3, 3), {"stride": 2, "padding": 1, "ceil_mode": True}),
    (3, (1, 2, 2), {"stride": (1, 2, 2)}), (3, (3, 1, 1), {"stride": 1, "padding": (1, 0, 0)}), (3, (5, 4, 6), {}),
    (3, (2, 2, 3), {"stride": 3, "padding": (1, 1, 1), "ceil_mode": True}),
]  # fmt: skip


@pytest.mark.parametrize(("axes", "window", "options"), POOLS)
def test_max_pooling(axes, window, options):
    name = f"max_pool{axes}d"
    for x in (X[axes], np.round(X[axes])):  # the second has many ties
        agree(lambda x: getattr(tg, name)(x, window, **options), lambda x: getattr(F, name)(x, window, **options), x)


@pytest.mark.parametrize(("axes", "window", "dilation"), [(1, (3,), 2), (3, (2, 2, 3), (2, 3, 2)), (3, (2, 2, 2), 2)])
def test_max_pooling_spread(axes, window, dilation):
    name, options = f"max_pool{axes}d", {"dilation": dilation, "stride": 1, "padding": 1}
    agree(lambda x: getattr(tg, name)(x, window, **options), lambda x: getattr(F, name)(x, window, **options), X[axes])


@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize(("axes", "window", "options"), POOLS)
def test_average_pooling(axes, window, options, include):
    name, options = f"avg_pool{axes}d", {**options, "count_include_pad": include}
    agree(lambda x: getattr(tg, name)(x, window, **options), lambda x: getattr(F, name)(x, window, **options), X[axes])


@pytest.mark.parametrize("kind", ["max", "avg"])
@pytest.mark.parametrize(("axes", "size"), [
    (1, (1,)), (1, (4,)), (1, (9,)), (1, (12,)), (2, (3, 4)), (2, (1, 1)), (2, (7, 2)), (3, (2, 3, 4)), (3, (1, 1, 1)),
    (3, (6, 2, 6)), (3, (5, 4, 3)),
])  # fmt: skip
def test_adaptive_pooling(kind, axes, size):
    name = f"adaptive_{kind}_pool{axes}d"
    for x in (X[axes], np.round(X[axes])):
        agree(lambda x: getattr(tg, name)(x, size), lambda x: getattr(F, name)(x, size), x)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_pooling_of_everything(axes):
    flat = lambda t: t.detach().numpy()  # noqa: E731
    agree(getattr(tg, f"global_avg_pool{axes}d"), lambda x: x.flatten(2).mean(2), X[axes], back=flat)
    agree(getattr(tg, f"global_max_pool{axes}d"), lambda x: x.flatten(2).max(2).values, X[axes], back=flat)


@pytest.mark.parametrize("shape", [(2, 5, 7), (2, 3, 2, 6), (1, 2, 2, 3, 4)])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_local_response_norm(shape, size):
    x, options = RNG.standard_normal(shape), {"alpha": 0.3, "beta": 0.6, "k": 1.5}
    both("local_response_norm", {**options, "size": size}, x)


@pytest.mark.parametrize(
    ("mode", "theirs"), [("reflect",) * 2, ("replicate",) * 2, ("circular",) * 2, ("zeros", "constant")]
)
@pytest.mark.parametrize(("window", "stride"), [(1, 2), (2, 2), (3, 1), (4, (2, 3)), (5, 2)])
def test_blur_pool2d(window, stride, mode, theirs):
    row = torch.tensor([[1.0], [1, 1], [1, 2, 1], [1, 3, 3, 1], [1, 4, 6, 4, 1]][window - 1], dtype=torch.float64)
    w = (row[:, None] * row / row.sum() ** 2).expand(4, 1, window, window)
    pads = ((window - 1) // 2, window // 2) * 2
    agree(lambda x: tg.blur_pool2d(x, window, stride, mode),
          lambda x: F.conv2d(F.pad(x, pads, mode=theirs), w, stride=stride, groups=4), IMAGES)  # fmt: skip


LAYERS = {
    **{f"Conv{axes}d": {"stride": 2, "padding": 1, "groups": 2} for axes in (1, 2, 3)},
    **{f"ConvTranspose{axes}d": {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2} for axes in (1, 2, 3)},
}


def loaded(name, args, options):
    """A layer of ours with the weights of one of PyTorch's, and PyTorch's, in float64."""
    torch.manual_seed(0)
    theirs = getattr(torch.nn, name)(*args, **options).double()
    ours = getattr(nn, name)(*args, **options, rng=0).to(np.float64)
    tg.io.from_torch(ours, {key: value.numpy() for key, value in theirs.state_dict().items()})
    return ours, theirs


@pytest.mark.parametrize("name", LAYERS)
def test_layers_take_the_weights_of_torch(name):
    ours, theirs = loaded(name, (4, 6, 3), LAYERS[name])
    agree(ours, theirs, X[int(name[-2])][:, :4])


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize(("name", "window", "padding"), [
    ("Conv1d", 3, 2), ("Conv1d", 3, "same"), ("Conv2d", (3, 2), (2, 1)), ("Conv2d", 3, "same"), ("Conv2d", 1, 0),
    ("Conv3d", (1, 3, 2), (0, 2, 1)), ("Conv3d", 3, "same"),
])  # fmt: skip
def test_borders_of_convolutions(name, window, padding, mode):
    stride = 1 if padding == "same" else 2
    ours, theirs = loaded(name, (4, 3, window), {"padding": padding, "padding_mode": mode, "stride": stride})
    agree(ours, theirs, X[int(name[-2])])


def test_borders_are_the_same_for_depthwise_convolutions():
    ours = nn.DepthwiseConv2d(4, 3, padding=1, padding_mode="reflect", rng=0).to(np.float64)
    theirs = torch.nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect", groups=4).double()
    tg.io.from_torch(ours, {key: value.detach().numpy() for key, value in theirs.state_dict().items()})
    agree(ours, theirs, IMAGES)


def test_max_blur_pool2d():
    row = torch.tensor([1.0, 2, 1], dtype=torch.float64) / 4
    w = (row[:, None] * row).expand(4, 1, 3, 3)
    blurred = lambda x: F.conv2d(F.pad(x, (1,) * 4, mode="reflect"), w, stride=2, groups=4)  # noqa: E731
    agree(nn.MaxBlurPool2d(2, blur=3), lambda x: blurred(F.max_pool2d(x, 2, stride=1)), IMAGES)
