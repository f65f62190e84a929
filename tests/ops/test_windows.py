"""Windows over sequences and volumes: what they share with those over images, their edges, and the words of errors."""

import copy

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn

RNG = np.random.default_rng(0)
SEQUENCES, VOLUMES = RNG.standard_normal((2, 9, 4)), RNG.standard_normal((2, 4, 5, 6, 4))
ONES = np.ones


@pytest.mark.parametrize("options", [{}, {"stride": (1, 2, 1), "padding": (0, 1, 2)}, {"groups": 2, "padding": "same"}])
def test_a_window_one_slice_deep_convolves_each_slice_as_an_image(options):
    w, b = RNG.standard_normal((1, 3, 2, 4 // options.get("groups", 1), 6)), RNG.standard_normal(6)
    plane = {k: v[1:] if isinstance(v, tuple) else v for k, v in options.items()}
    y = tg.conv3d(VOLUMES, w, b, **options)
    for d in range(4):
        np.testing.assert_array_equal(y[:, d], tg.conv2d(VOLUMES[:, d], w[0], b, **plane))


def test_transposed_is_the_adjoint_of_convolution():
    for axes, x, options in ((1, SEQUENCES, {"stride": 2, "padding": (1, 0), "dilation": 2}),
                             (3, VOLUMES, {"stride": (2, 1, 2), "padding": ((1, 0), (0, 2), (1, 1))})):  # fmt: skip
        w = RNG.standard_normal((*(2,) * axes, 4, 3))
        y = getattr(tg, f"conv{axes}d")(x, w, **options)
        dy = RNG.standard_normal(y.shape)
        size = getattr(tg, f"conv_transpose{axes}d")(dy, w, **options).shape[1:-1]
        more = tuple(n - m for n, m in zip(x.shape[1:-1], size, strict=True))
        dx = getattr(tg, f"conv_transpose{axes}d")(dy, w, output_padding=more if axes > 1 else more[0], **options)
        np.testing.assert_allclose((y * dy).sum(), (x * dx).sum())


def test_same_gives_the_length_over_the_stride():
    for n, k, s in np.ndindex(6, 4, 3):
        x, w = ONES((1, n + 1, 1)), ONES((k + 1, 1, 1))
        assert tg.conv1d(x, w, stride=s + 1, padding="same").shape == (1, -(-(n + 1) // (s + 1)), 1)
        assert tg.conv_transpose1d(x, w, stride=s + 1, padding="same").shape == (1, (n + 1) * (s + 1), 1)
        assert tg.max_pool1d(x, k + 1, s + 1, padding="same").shape == (1, -(-(n + 1) // (s + 1)), 1)


def test_one_axis_takes_a_number_alone_or_in_brackets():
    w = RNG.standard_normal((3, 4, 2))
    a = tg.conv1d(SEQUENCES, w, None, 2, 1, 1)
    np.testing.assert_array_equal(a, tg.conv1d(SEQUENCES, w, None, (2,), (1,), [1]))
    np.testing.assert_array_equal(a, tg.conv1d(SEQUENCES, w, None, 2, (1, 1)))
    np.testing.assert_array_equal(
        tg.max_pool1d(SEQUENCES, (3,), padding=((1, 0),)), tg.max_pool1d(SEQUENCES, 3, padding=(1, 0))
    )


def test_equal_voxels_and_nan_the_first_takes_the_gradient():
    for value in (0.0, np.nan):
        x = tg.Tensor(np.full((1, 2, 2, 2, 1), value), requires_grad=True)
        for f in (lambda x: tg.max_pool3d(x, 2), lambda x: tg.adaptive_max_pool3d(x, 1), tg.global_max_pool3d):
            (g,) = tg.grad(f(x).sum(), [x])
            assert np.asarray(g).ravel().tolist() == [1] + [0] * 7


def test_bins_of_different_lengths_give_their_own_first_winner():
    x = tg.Tensor(np.zeros((1, 5, 1)), requires_grad=True)
    (g,) = tg.grad(tg.adaptive_max_pool1d(x, 2).sum(), [x])
    assert np.asarray(g).ravel().tolist() == [1, 0, 1, 0, 0]


def test_an_empty_batch_stays_empty():
    none = {axes: ONES((0, *(4,) * axes, 3)) for axes in (1, 2, 3)}
    for axes in (1, 3):
        w = ONES((*(2,) * axes, 3, 5))
        assert getattr(tg, f"conv{axes}d")(none[axes], w).shape == (0, *(3,) * axes, 5)
        assert getattr(tg, f"conv_transpose{axes}d")(none[axes], w.swapaxes(-1, -2)).shape == (0, *(5,) * axes, 5)
        assert getattr(tg, f"avg_pool{axes}d")(none[axes], 2).shape == (0, *(2,) * axes, 3)
    for axes in (1, 2, 3):
        assert getattr(tg, f"adaptive_max_pool{axes}d")(none[axes], 3).shape == (0, *(3,) * axes, 3)
        assert getattr(tg, f"global_max_pool{axes}d")(none[axes]).shape == (0, 3)
    assert tg.blur_pool2d(none[2]).shape == (0, 2, 2, 3)
    assert tg.local_response_norm(none[2], 3).shape == none[2].shape


def test_a_shifted_image_gives_a_shifted_blur():
    x = np.zeros((1, 16, 16, 1))
    x[0, 5:8, 4:9] = RNG.standard_normal((3, 5, 1))
    moved = np.roll(x, 2, axis=1)
    np.testing.assert_array_equal(tg.blur_pool2d(moved, 5)[:, 1:], tg.blur_pool2d(x, 5)[:, :-1])


def test_a_convolution_of_volumes_keeps_no_copy_of_its_slices():
    x, w = tg.Tensor(VOLUMES, requires_grad=True), tg.Tensor(ONES((3, 1, 1, 4, 2)), requires_grad=True)
    y = tg.conv3d(x, w)
    assert y.node.op.name == "conv3d"
    assert {edge for edge in y.node.inputs if edge is not None} == {x.node, w.node}
    assert tg.registry["conv3d"].cost([x.shape, w.shape, None], y.shape, y.node.params).flop == 2 * 12 * y.data.size


# -- borders of convolutions -----------------------------------------------------------------------------------------

LAYERS = [
    (lambda **o: nn.Conv1d(4, 2, 3, rng=0, **o), SEQUENCES),
    (lambda **o: nn.Conv2d(4, 2, 3, rng=0, **o), VOLUMES[:, 0]),
    (lambda **o: nn.Conv3d(4, 2, 3, rng=0, **o), VOLUMES),
    (lambda **o: nn.DepthwiseConv2d(4, 3, rng=0, **o), VOLUMES[0]),
    (lambda **o: nn.SeparableConv2d(4, 2, 3, rng=0, **o), VOLUMES[0]),
]


@pytest.mark.parametrize(("mode", "border"), [
    ("zeros", "constant"), ("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap"),
])  # fmt: skip
@pytest.mark.parametrize(("make", "x"), LAYERS)
def test_a_border_is_that_of_pad(make, x, mode, border):
    x = x.astype(np.float32)
    for padding, stride in ((1, 1), (2, 2), ("same", 1)):
        y = make(padding=padding, stride=stride, padding_mode=mode)(x)
        n = 1 if padding == "same" else padding
        padded = tg.pad(x, ((0, 0), *((n, n),) * (x.ndim - 2), (0, 0)), border)
        np.testing.assert_allclose(y.data, make(stride=stride)(padded).data, rtol=1e-5, atol=1e-5)


def test_a_border_goes_with_a_relu_that_is_computed_along():
    layer = nn.Conv2d(4, 2, 3, padding=1, padding_mode="reflect", rng=0)
    x = VOLUMES[0].astype(np.float32)
    np.testing.assert_array_equal(nn.Sequential(layer, nn.ReLU())(x).data, np.maximum(layer(x).data, 0))


def test_layers_from_before_there_were_borders_still_work():
    layer = nn.Conv2d(4, 2, 3, padding=1, rng=0)
    old = copy.deepcopy(layer)
    del old.__dict__["padding_mode"]
    x = VOLUMES[0].astype(np.float32)
    np.testing.assert_array_equal(old(x).data, layer(x).data)
    assert repr(old) == repr(layer)


# -- errors ----------------------------------------------------------------------------------------------------------

FILTERS = ONES((3, 3, 3, 4, 2))
WRONG = {
    "images for volumes": (
        lambda: tg.conv3d(VOLUMES[0], FILTERS),
        r"conv3d: x must be volumes \(N, D, H, W, C\).*x\[None\]",
    ),
    "filters of images": (lambda: tg.conv3d(VOLUMES, FILTERS[0]), r"conv3d: filters must be \(K, I, J, C, O\)"),
    "a large window": (
        lambda: tg.conv3d(VOLUMES, ONES((5, 3, 3, 4, 2))),
        r"a 5x3x3 window does not fit a 4x5x6 volume .* = 0",
    ),
    "a long window": (
        lambda: tg.conv1d(SEQUENCES, ONES((10, 4, 2))),
        "conv1d: a window of 10 does not fit a sequence of 9",
    ),
    "channels first": (
        lambda: tg.conv3d(np.moveaxis(VOLUMES, -1, 1), FILTERS),
        r"6 channels. Is x channels first\? Volumes are \(N, D, H",
    ),
    "two strides": (lambda: tg.conv3d(VOLUMES, FILTERS, None, (1, 2)), r"stride=\(1, 2\) must be .* or three of them"),
    "two paddings": (
        lambda: tg.conv3d(VOLUMES, FILTERS, padding=(1, 2)),
        r"\(\(front, back\), \(top, bottom\), \(left, r",
    ),
    "three paddings": (
        lambda: tg.conv1d(SEQUENCES, ONES((3, 4, 2)), padding=(1, 2, 3)),
        r"must be an int, \(before, after\)",
    ),
    "a bias": (lambda: tg.conv3d(VOLUMES, FILTERS, ONES(3)), r"conv3d: the bias has shape \(3,\), expected \(2,\)"),
    "a stride for a bias": (lambda: tg.conv1d(SEQUENCES, ONES((3, 4, 2)), 2), r"conv1d\(x, w, None, 2\)"),
    "the other filters": (
        lambda: tg.conv_transpose1d(SEQUENCES, ONES((3, 4, 2))),
        r"conv_transpose1d: filters .*\(K, O/groups, C\): the input",
    ),
    "nothing left": (
        lambda: tg.conv_transpose1d(SEQUENCES, ONES((2, 2, 4)), padding=7),
        "sequences of 9 .* give -4 places",
    ),
    "too much output padding": (
        lambda: tg.conv_transpose3d(VOLUMES, ONES((2, 2, 2, 2, 4)), None, (1, 2, 2), 0, 1),
        "must be smaller than stride",
    ),
    "padding alone": (lambda: tg.max_pool3d(VOLUMES, 2, padding=2), "max_pool3d: padding=2 must be smaller"),
    "between the voxels": (
        lambda: tg.max_pool3d(VOLUMES, 2, 1, 1, (5, 1, 1)),
        "some 2x2x2 window touches no pixel of the 4x5x6 volume",
    ),
    "whole numbers": (lambda: tg.max_pool1d(SEQUENCES.astype(int), 2), r"max_pool1d: x has dtype int64, .*astype"),
    "no size": (lambda: tg.adaptive_max_pool2d(VOLUMES[0], 0), "adaptive_max_pool2d: size=0 must be"),
    "no pixels": (lambda: tg.global_max_pool1d(SEQUENCES[:, :0]), "sequences without elements have no maximum"),
    "no channels to square": (lambda: tg.local_response_norm(ONES((2, 0)), 3), r"must be \(N, ..., C\) with channels"),
    "another border": (lambda: tg.blur_pool2d(VOLUMES[0], 3, 2, "wrap"), "'zeros', 'reflect', 'replicate', 'circular'"),
    "another border of a layer": (
        lambda: nn.Conv3d(1, 2, 3, padding_mode="edge"),
        "Conv3d: padding_mode='edge' must be one",
    ),
    "a border of images": (
        lambda: nn.Conv3d(4, 2, 3, padding=1, padding_mode="reflect")(VOLUMES[0]),
        r"Conv3d: expects volumes \(N, D, H, W, C",
    ),
    "a window of two axes": (lambda: nn.MaxPool3d((2, 2)), r"MaxPool3d: window=\(2, 2\) must be .* or three of them"),
    "under its path": (lambda: nn.Sequential(nn.MaxPool3d(9))(VOLUMES), r"max_pool3d \(0\): a 9x9x9 window"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refused_in_words(name):
    call, message = WRONG[name]
    with pytest.raises((ValueError, TypeError), match=message):
        call()
