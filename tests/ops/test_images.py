"""Transposed convolution, resizing, uneven pooling, unpooling, borders and windows: values by hand, and bad input."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.ops.windows import fold
from tinygrad_cnn.testing import gradcheck

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 5, 6, 4))


def row(*pixels):
    """An image of one row and one channel."""
    return np.array(pixels, float).reshape(1, 1, -1, 1)


class TestTransposedConvolution:
    def test_stamps_add_up_where_they_overlap(self):
        w = row(1, 10, 100).reshape(1, 3, 1, 1)
        assert tg.conv_transpose2d(row(1, 2), w, stride=(1, 2)).ravel().tolist() == [1, 10, 102, 20, 200]
        assert tg.conv_transpose2d(row(1, 2), w).ravel().tolist() == [1, 12, 120, 200]

    @pytest.mark.parametrize("options", [
        {}, {"stride": 2, "padding": 1, "output_padding": (1, 0)}, {"padding": ((0, 1), (2, 0)), "dilation": 2},
        {"groups": 2, "stride": (1, 3)}, {"stride": 3, "padding": "same"},
    ])  # fmt: skip
    def test_it_is_the_adjoint_of_the_convolution(self, options):
        groups = options.get("groups", 1)
        w = RNG.standard_normal((3, 2, 6 // groups, 4))
        y = tg.conv_transpose2d(X, w, **options)
        assert y.shape[3] == 6
        back = {k: v for k, v in options.items() if k != "output_padding"}
        g = RNG.standard_normal(y.shape)
        np.testing.assert_allclose((g * y).sum(), (tg.conv2d(g, w, **back) * X).sum(), rtol=1e-12)

    @pytest.mark.parametrize("window", [1, 2, 3, 5])
    @pytest.mark.parametrize("stride", [1, 2, 3])
    def test_same_multiplies_the_size_by_the_stride(self, window, stride):
        y = tg.conv_transpose2d(X, np.ones((window, window, 1, 4)), stride=stride, padding="same")
        assert y.shape == (2, 5 * stride, 6 * stride, 1)

    def test_one_node_for_filters_and_bias(self):
        w, b = tg.Tensor(RNG.standard_normal((3, 3, 2, 4))), tg.Tensor(np.ones(2), requires_grad=True)
        y = tg.conv_transpose2d(X, w, b)
        assert y.node.op.name == "conv_transpose2d"
        assert tg.registry["conv_transpose2d"].cost([X.shape, w.shape, b.shape], y.shape, y.node.params).flop == (
            2 * X.size * 3 * 3 * 2
        )

    def test_third_order(self):
        w = RNG.standard_normal((2, 2, 1, 2))
        f = lambda x, w: tg.conv_transpose2d(x, w, stride=2) ** 3  # noqa: E731
        gradcheck(f, [RNG.standard_normal((1, 2, 2, 2)), w], order=3)


class TestResize:
    def test_nearest_repeats_at_whole_factors(self):
        np.testing.assert_array_equal(tg.resize(X, (10, 18)), X.repeat(2, 1).repeat(3, 2))

    def test_bilinear_by_hand(self):
        assert tg.resize(row(0, 4), (1, 4), mode="bilinear").ravel().tolist() == [0, 1, 3, 4]
        aligned = tg.resize(row(0, 3), (1, 4), mode="bilinear", align_corners=True)
        np.testing.assert_allclose(aligned.ravel(), [0, 1, 2, 3], rtol=1e-15)
        assert tg.resize(row(0, 2, 4, 8), (1, 2), mode="bilinear").ravel().tolist() == [1, 6]

    @pytest.mark.parametrize("options", [{}, {"mode": "bilinear"}, {"mode": "bilinear", "align_corners": True}])
    def test_the_same_size_changes_nothing_and_constants_stay(self, options):
        np.testing.assert_array_equal(tg.resize(X, X.shape[1:3], **options), X)
        np.testing.assert_allclose(tg.resize(np.ones((1, 5, 3, 1)), (7, 11), **options), 1, rtol=1e-15)

    def test_an_infinite_pixel_stays_where_it_is(self):
        x = tg.Tensor(row(1, np.inf, 3), requires_grad=True)
        y = tg.resize(x, (2, 3), mode="bilinear")
        np.testing.assert_array_equal(y.data, np.broadcast_to(x.data, (1, 2, 3, 1)))
        y.backward(np.full(y.shape, 1.0))
        np.testing.assert_array_equal(x.grad.ravel(), [2, 2, 2])

    def test_label_maps_keep_their_dtype(self):
        labels = np.array([[3, 7]], np.uint8).reshape(1, 1, 2, 1)
        y = tg.resize(labels, (2, 4))
        assert y.dtype == np.uint8
        assert y.ravel().tolist() == [3, 3, 7, 7] * 2


def test_adaptive_pooling_is_pooling_where_bins_are_even():
    np.testing.assert_allclose(tg.adaptive_avg_pool2d(X, (5, 3)), tg.avg_pool2d(X, (1, 2)), rtol=1e-12)
    np.testing.assert_allclose(tg.adaptive_avg_pool2d(X, 1)[:, 0, 0], tg.global_avg_pool2d(X), rtol=1e-12)
    assert tg.adaptive_avg_pool2d(row(1, 2, 3), (1, 2)).ravel().tolist() == [1.5, 2.5]  # the middle pixel is in both


class TestUnpooling:
    @pytest.mark.parametrize("options", [
        {"window": 2}, {"window": 3, "stride": 2, "padding": 1}, {"window": (2, 3), "stride": 1, "dilation": (2, 1)},
        {"window": 2, "ceil_mode": True}, {"window": 3, "stride": 2, "padding": "same"},
    ])  # fmt: skip
    def test_indices_name_the_winners(self, options):
        y, indices = tg.max_pool2d_with_indices(X, **options)
        np.testing.assert_array_equal(y, tg.max_pool2d(X, **options))
        n, c = np.ogrid[:2, :4]
        for i, j in np.ndindex(y.shape[1:3]):
            np.testing.assert_array_equal(X.reshape(2, 30, 4)[n, indices[:, i, j], c], y[:, i, j])

    def test_back_and_forth(self):
        y, indices = tg.max_pool2d_with_indices(X, 2)
        full = tg.max_unpool2d(y, indices, X.shape[1:3])
        np.testing.assert_array_equal(full[full != 0], X[full != 0])
        assert (full != 0).sum() == y.size
        assert tg.max_unpool2d(row(1, 2), np.array([3, 3]).reshape(1, 1, 2, 1), 2).ravel().tolist() == [0, 0, 0, 3]

    def test_gradients_go_through_both(self):
        def f(x):
            y, indices = tg.max_pool2d_with_indices(x, 2, stride=1)
            return tg.max_unpool2d(y * y, indices, (3, 3))

        gradcheck(f, np.linspace(-1, 1, 18)[RNG.permutation(18)].reshape(1, 3, 3, 2), order=2)


@pytest.mark.parametrize("mode", ["edge", "reflect", "symmetric", "wrap"])
def test_borders_are_those_of_numpy(mode):
    width = ((0, 0), (2, 1), (0, 4), (1, 0))
    expected = np.pad(X, width, mode=mode)
    np.testing.assert_array_equal(tg.pad(X, width, mode=mode), expected)
    t = tg.Tensor(X, requires_grad=True)
    y = np.pad(t, width, mode=mode)
    np.testing.assert_array_equal(y.data, expected)
    y.sum().backward()
    counts = np.zeros(X.size)
    np.add.at(counts, np.pad(np.arange(X.size).reshape(X.shape), width, mode=mode).ravel(), 1)
    np.testing.assert_array_equal(t.grad.ravel(), counts)


def test_windows_times_filters_are_the_convolution():
    w = RNG.standard_normal((3, 2, 4, 5))
    cols = tg.unfold(X, (3, 2), stride=2, padding=1)
    np.testing.assert_allclose(tg.tensordot(cols, w, 3), tg.conv2d(X, w, stride=2, padding=1), rtol=1e-12)
    counts = fold(np.ones_like(cols), size=(5, 6), window=(3, 2), stride=2, padding=1)
    assert counts[0, :, :, 0].tolist() == [[1, 1, 1, 1, 1, 1], [2, 2, 2, 2, 2, 2]] * 2 + [[1, 1, 1, 1, 1, 1]]


class TestOtherForms:
    def test_conv1d_is_a_sum_over_taps(self):
        x, w, b = X[:, :, 0], RNG.standard_normal((2, 4, 3)), RNG.standard_normal(3)
        expected = x[:, :-2] @ w[0] + x[:, 2:] @ w[1] + b
        np.testing.assert_allclose(tg.conv1d(x, w, b, dilation=2), expected, rtol=1e-12)
        assert tg.conv1d(x, w, padding="same", stride=2).shape == (2, 3, 3)
        assert tg.conv1d(x, w, padding=(1, 0)).shape == (2, 5, 3)
        assert tg.conv1d(x, RNG.standard_normal((2, 2, 6)), groups=2).shape == (2, 4, 6)

    def test_depthwise_filters_each_channel_by_itself(self):
        w = RNG.standard_normal((3, 3, 4, 2))
        y = tg.depthwise_conv2d(X, w, padding="same")
        for c in range(4):
            alone = tg.conv2d(X[..., c : c + 1], w[:, :, c : c + 1], padding="same")
            np.testing.assert_allclose(y[..., 2 * c : 2 * c + 2], alone, rtol=1e-12)

    def test_separable_is_one_convolution_with_filters_of_low_rank(self):
        depthwise, pointwise, b = RNG.standard_normal((3, 3, 4, 2)), RNG.standard_normal((8, 5)), np.arange(5.0)
        whole = np.einsum("ijcm,cmo->ijco", depthwise, pointwise.reshape(4, 2, 5))
        y = tg.separable_conv2d(X, depthwise, pointwise, b, stride=2, padding=1)
        np.testing.assert_allclose(y, tg.conv2d(X, whole, b, stride=2, padding=1), rtol=1e-10)


def test_rms_norm_has_mean_square_one():
    np.testing.assert_allclose((tg.rms_norm(X, eps=0.0) ** 2).mean(-1), 1, rtol=1e-12)
    np.testing.assert_allclose(tg.rms_norm(X, np.arange(4.0)), tg.rms_norm(X) * np.arange(4), rtol=1e-12)


ONES = np.ones
CASES = {
    "filters of a convolution": (
        lambda: tg.conv_transpose2d(X, ONES((3, 3, 4, 8))),
        r"conv_transpose2d: filters \(3, 3, 4, 8\) expect 8 input channels, .* input channels come last",
    ),
    "filters without an axis": (lambda: tg.conv_transpose2d(X, ONES((3, 4, 4))), r"must be \(I, J, O/groups, C\)"),
    "transposed bias": (
        lambda: tg.conv_transpose2d(X, ONES((3, 3, 2, 4)), ONES(4)),
        r"the bias has shape \(4,\), expected \(2,\)",
    ),
    "transposed groups": (
        lambda: tg.conv_transpose2d(X, ONES((3, 3, 2, 4)), groups=3), "groups=3 must divide the 4 input channels",
    ),
    "output padding": (
        lambda: tg.conv_transpose2d(X, ONES((3, 3, 2, 4)), stride=2, output_padding=2),
        "output_padding=2 must be smaller than stride=2",
    ),
    "output padding of same": (
        lambda: tg.conv_transpose2d(X, ONES((3, 3, 2, 4)), stride=2, padding="same", output_padding=1),
        'output_padding=1 must be 0 with padding="same"',
    ),
    "padding that leaves nothing": (
        lambda: tg.conv_transpose2d(X, ONES((3, 3, 2, 4)), padding=4), r"5x6 images with padding=4 give -1x0 pixels",
    ),
    "size of nothing": (lambda: tg.resize(X, 0), "resize: size=0 must be a whole number of at least 1"),
    "mode of resize": (
        lambda: tg.resize(X, 3, mode="cubic"),
        "resize: mode='cubic' must be 'nearest', 'bilinear', 'bicubic' or 'area'",
    ),
    "corners of nearest": (lambda: tg.resize(X, 3, align_corners=True), r"has no meaning with mode=\"nearest\""),
    "bilinear integers": (
        lambda: tg.resize(X.astype(int), 3, mode="bilinear"), "x is int64, whose weighted sums would be cut off",
    ),
    "images without pixels": (lambda: tg.resize(X[:, :0], 3), r"resize: x has shape \(2, 0, 6, 4\): images without"),
    "rows for images": (lambda: tg.adaptive_avg_pool2d(X[0], 2), "adaptive_avg_pool2d: x must be images .* Add"),
    "floating pixel numbers": (lambda: tg.max_unpool2d(X, X, 9), "indices have dtype float64"),
    "pixel numbers of another shape": (
        lambda: tg.max_unpool2d(X, np.zeros((2, 5, 6, 3), int), 9), r"indices have shape \(2, 5, 6, 3\), expected",
    ),
    "pixels outside": (
        lambda: tg.max_unpool2d(X, np.full(X.shape, 9), 3),
        "indices go from 9 to 9, but the images have 9 pixels, numbered 0 to 8",
    ),
    "mode of a border": (lambda: tg.pad(X, 1, mode="mirror"), "pad: mode='mirror' is not known; there are 'constant'"),
    "reflection of too much": (
        lambda: tg.pad(X[:, :3], ((0, 0), (3, 0), (0, 0), (0, 0)), mode="reflect"),
        r"pad: mode='reflect' adds at most 2 at each end of the 3 elements of axis 1, not \(3, 0\)",
    ),
    "edge of nothing": (lambda: tg.pad(np.ones(0), 1, mode="edge"), "mode='edge' adds at most 0 .* the 0 elements"),
    "windows of another size": (
        lambda: tg.fold(ONES((2, 3, 3, 2, 2, 1)), size=(5, 5), window=2),
        r"fold: cols has shape .*, expected \(2, 4, 4, 2, 2, 1\) for images of \(5, 5\)",
    ),
    "images for sequences": (lambda: tg.conv1d(X, ONES((3, 4, 4))), r"conv1d: x must be sequences \(N, L, C\)"),
    "stride of two axes": (lambda: tg.conv1d(X[0], ONES((3, 4, 4)), stride=(1, 2)), r"stride=\(1, 2\) must be a whole"),
    "depthwise channels": (
        lambda: tg.depthwise_conv2d(X, ONES((3, 3, 3, 1))), r"depthwise_conv2d: filters .* w has shape \(3, 3, 3, 1\)",
    ),
    "pointwise channels": (
        lambda: tg.separable_conv2d(X, ONES((3, 3, 4, 2)), ONES((4, 3))), r"separable_conv2d: .*\(4, 3\)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_refused_in_words(name):
    f, message = CASES[name]
    with pytest.raises((ValueError, TypeError), match=message):
        f()
