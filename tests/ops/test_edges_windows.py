"""Windows on images with NaN, infinities and ties, and windows that see little or nothing, on every backend."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import kernels

INF, NAN = np.inf, np.nan
RNG = np.random.default_rng(0)


PRESENT = [name for name, state in kernels.backends().items() if not state.startswith("absent")]


@pytest.fixture(autouse=True, params=PRESENT)
def backend(request):
    with kernels.use_kernels(request.param):
        yield request.param


def image(*rows):
    return np.array(rows, float)[None, :, :, None]


def value_and_slope(f, x):
    x = tg.Tensor(x, requires_grad=True)
    with np.errstate(all="ignore"):
        y = f(x)
        return y.data.ravel().tolist(), tg.grad(y.sum(), x).ravel().tolist()


@pytest.mark.parametrize(
    ("pixels", "largest", "slope"),
    [
        ([[1.0, NAN], [NAN, 5.0]], NAN, [0, 1, 0, 0]),  # the first NaN, where PyTorch takes the last
        ([[-INF, -INF], [-INF, -INF]], -INF, [1, 0, 0, 0]),
        ([[INF, 1.0], [INF, INF]], INF, [1, 0, 0, 0]),
        ([[1.0, 2.0], [2.0, 0.0]], 2.0, [0, 1, 0, 0]),
        ([[-0.0, 0.0], [0.0, -0.0]], 0.0, [1, 0, 0, 0]),
    ],
)
@pytest.mark.parametrize("channels", [1, 9])
def test_max_pool2d_takes_one_pixel(pixels, largest, slope, channels):
    x = np.repeat(image(*pixels), channels, axis=3)
    y, found = value_and_slope(lambda x: tg.max_pool2d(x, 2), x)
    np.testing.assert_array_equal(y, [largest] * channels)
    assert found == np.repeat(slope, channels).tolist()
    with np.errstate(all="ignore"):
        best, indices = tg.max_pool2d_with_indices(x, 2)
    back = tg.max_unpool2d(best, indices, (2, 2))
    np.testing.assert_array_equal(back.ravel(), np.where(found, largest, 0))


def test_windows_on_padding():
    x = -np.ones((1, 2, 2, 1))
    assert tg.max_pool2d(x, 2, padding=1).ravel().tolist() == [-1] * 4
    assert tg.avg_pool2d(x, 2, padding=1, count_include_pad=False).ravel().tolist() == [-1] * 4
    assert tg.avg_pool2d(x, 2, padding=1, ceil_mode=True).ravel().tolist() == [-0.25] * 4
    for pool in (tg.max_pool2d, tg.avg_pool2d):
        name = pool.__name__
        with pytest.raises(ValueError, match=f"^{name}: padding=2 must be smaller than the window's reach"):
            pool(x, 2, padding=2)
        assert pool(np.ones((1, 1, 1, 1)), 2, stride=4, padding=1, ceil_mode=True).size == 1
    # where PyTorch writes outside of its arrays
    with pytest.raises(ValueError, match="^max_pool2d: .* some 2x2 window touches no pixel of the 2x2 image"):
        tg.max_pool2d(x, 2, stride=1, padding=1, dilation=3)


CONVOLUTIONS = [  # size, channels, filters, window, options; the first is large enough for Winograd's way
    (16, 32, 32, 3, {"padding": 1}), (9, 3, 8, 3, {"padding": 1}), (8, 8, 8, 3, {"stride": 2, "padding": 1}),
    (8, 6, 6, 3, {"padding": 1, "groups": 6}), (8, 6, 6, 3, {"padding": 1, "groups": 3}),
    (9, 4, 4, 3, {"padding": 2, "dilation": 2}), (5, 8, 8, 1, {}),
]  # fmt: skip
LINEAR = {
    "avg_pool2d": lambda x: tg.avg_pool2d(x, 3, stride=2, padding=1),
    "adaptive_avg_pool2d": lambda x: tg.adaptive_avg_pool2d(x, 4), "unfold": lambda x: tg.unfold(x, 3, padding=1),
    "larger": lambda x: tg.resize(x, 9, mode="bilinear"), "smaller": lambda x: tg.resize(x, 3, mode="bilinear"),
    "corners": lambda x: tg.resize(x, 9, mode="bilinear", align_corners=True), "nearest": lambda x: tg.resize(x, 9),
    "reflect": lambda x: tg.pad(x, ((0, 0), (2, 2), (1, 1), (0, 0)), mode="reflect"),
    "transposed": lambda x: tg.conv_transpose2d(x, np.ones((3, 3, 4, x.shape[3]), x.dtype), stride=2, padding=1),
}  # fmt: skip


def check_reach(f, x):
    """What is not finite in one pixel shows in the outputs that see it, and in no other."""
    at = tuple(n // 2 for n in x.shape)
    other = x.copy()
    other[at] += 100
    seen = np.abs(f(other) - f(x)) > 0.01
    for bad in (NAN, INF):
        other[at] = bad
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(~np.isfinite(f(other)), seen)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("size", "c", "o", "window", "options"), CONVOLUTIONS)
def test_nan_reaches_only_what_sees_it_in_convolutions(dtype, size, c, o, window, options, backend):
    if backend == "slow":
        size, c, o = 4, options.get("groups", 1), options.get("groups", 1)  # it loops in Python
    w = 1 + RNG.random((window, window, c // options.get("groups", 1), o)).astype(dtype)
    x = RNG.normal(size=(2, size, size, c)).astype(dtype)
    check_reach(lambda x: tg.conv2d(x, w, **options), x)
    at = tg.Tensor(x, requires_grad=True)
    dy = RNG.normal(size=tg.conv2d(x, w, **options).shape).astype(dtype)
    check_reach(lambda dy: tg.grad((tg.conv2d(at, w, **options) * dy).sum(), at), dy)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", LINEAR)
def test_nan_reaches_only_what_sees_it(dtype, name):
    check_reach(LINEAR[name], RNG.normal(size=(3, 5, 5, 5)).astype(dtype))


def test_a_neighbour_of_weight_zero_is_not_read():
    """PyTorch multiplies it by 0, and gets NaN."""
    x = image([-INF, 4.0, INF])
    assert tg.resize(x, (1, 3), mode="bilinear").ravel().tolist() == [-INF, 4.0, INF]
    assert tg.resize(x, (1, 5), mode="bilinear", align_corners=True).ravel().tolist() == [-INF, -INF, 4.0, INF, INF]


def test_one_pixel_and_more_bins_than_pixels():
    x = image([7.0])
    for size in (1, 3):
        for y in (tg.adaptive_avg_pool2d(x, size), tg.resize(x, size), tg.resize(x, size, mode="bilinear"),
                  tg.resize(x, size, mode="bilinear", align_corners=True)):  # fmt: skip
            assert y.ravel().tolist() == [7.0] * size**2
    assert tg.resize(image([1.0, 2.0, 3.0]), 1, mode="bilinear", align_corners=True).item() == 1.0
    assert tg.adaptive_avg_pool2d(image([1.0, 3.0]), (1, 4)).ravel().tolist() == [1.0, 1.0, 3.0, 3.0]
    with pytest.raises(ValueError, match="^pad: mode='reflect' adds at most 0 at each end of the 1 element"):
        tg.pad(x, ((0, 0), (1, 1), (0, 0), (0, 0)), mode="reflect")
    for f in (tg.global_avg_pool2d, lambda x: tg.resize(x, 2), lambda x: tg.adaptive_avg_pool2d(x, 2)):
        with pytest.raises(ValueError, match="images without pixels have no"):
            f(np.zeros((1, 0, 3, 1)))


def test_no_images_and_no_channels():
    for f in (lambda x: tg.max_pool2d(x, 2), lambda x: tg.avg_pool2d(x, 2)):
        assert f(np.zeros((0, 4, 4, 2))).shape == (0, 2, 2, 2)
        assert f(np.zeros((1, 4, 4, 0))).shape == (1, 2, 2, 0)
    np.testing.assert_array_equal(tg.conv2d(np.zeros((1, 4, 4, 0)), np.zeros((3, 3, 0, 2))), np.zeros((1, 2, 2, 2)))
