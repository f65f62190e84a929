"""Functions made of ops: their gradients, their dtypes, and that they leave what they are given alone."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.testing import gradcheck

RNG = np.random.default_rng(0)
ROWS, LABELS = RNG.standard_normal((4, 3)), np.array([0, 2, 1, 1])
IMAGES = RNG.standard_normal((2, 3, 3, 4))
VOLUMES = RNG.standard_normal((1, 2, 3, 3, 2))
SCALE, SHIFT = RNG.uniform(0.5, 2, 4), RNG.standard_normal(4)
BITS = (ROWS > 0).astype(np.float64)

CASES = {
    "nll_loss": (lambda x: tg.nll_loss(tg.log_softmax(x), LABELS), [ROWS]),
    "nll_loss ignoring": (lambda x: tg.nll_loss(x, LABELS, ignore_index=1, weight=np.array([1.0, 2.0, 3.0])), [ROWS]),
    "mse_loss": (tg.mse_loss, [ROWS, ROWS[::-1] * 0.5]),
    "l1_loss": (lambda x, y: tg.l1_loss(x, y, reduction="sum"), [ROWS, ROWS[::-1] * 0.5]),
    "huber_loss": (lambda x, y: tg.huber_loss(x, y, delta=0.7, reduction="none"), [ROWS, ROWS[::-1] * 0.5]),
    "binary_cross_entropy": (lambda x: tg.binary_cross_entropy_with_logits(x, BITS.astype(x.dtype)), [ROWS * 3]),
    "binary_cross_entropy weighted": (
        lambda x: tg.binary_cross_entropy_with_logits(x, BITS.astype(x.dtype), pos_weight=2.5, reduction="sum"), [ROWS],
    ),
    "batch_norm": (tg.batch_norm, [IMAGES, SCALE, SHIFT]),
    "layer_norm": (tg.layer_norm, [IMAGES, SCALE, SHIFT]),
    "group_norm": (lambda x, w, b: tg.group_norm(x, 2, w, b), [IMAGES, SCALE, SHIFT]),
    "instance_norm": (tg.instance_norm, [IMAGES, SCALE, SHIFT]),
    "rms_norm": (tg.rms_norm, [IMAGES, SCALE]),
    "conv1d": (lambda x, w: tg.conv1d(x, w, stride=2, padding=(1, 0)), [IMAGES[:, 0], RNG.standard_normal((2, 4, 3))]),
    "conv1d around": (
        lambda x, w: tg.conv1d(x, w, padding="same", dilation=2), [IMAGES[:, 0], RNG.standard_normal((2, 4, 3))],
    ),
    "conv_transpose1d": (
        lambda x, w, b: tg.conv_transpose1d(x, w, b, stride=2, padding=1, output_padding=1),
        [IMAGES[:, 0], RNG.standard_normal((3, 2, 4)), SHIFT[:2]],
    ),
    "max_pool1d": (lambda x: tg.max_pool1d(x, 2, 1, padding=1), [IMAGES[0]]),
    "max_pool3d": (lambda x: tg.max_pool3d(x, 2, 1, padding=(0, 1, 1)), [VOLUMES]),
    "avg_pool1d": (lambda x: tg.avg_pool1d(x, 2, padding=1, count_include_pad=False), [IMAGES[0]]),
    "avg_pool3d": (lambda x: tg.avg_pool3d(x, 2, padding=1, ceil_mode=True), [VOLUMES]),
    "adaptive_avg_pool1d": (lambda x: tg.adaptive_avg_pool1d(x, 2), [IMAGES[0]]),
    "adaptive_avg_pool3d": (lambda x: tg.adaptive_avg_pool3d(x, (1, 2, 2)), [VOLUMES]),
    "adaptive_max_pool1d": (lambda x: tg.adaptive_max_pool1d(x, 2), [IMAGES[0]]),
    "adaptive_max_pool2d": (lambda x: tg.adaptive_max_pool2d(x, 2), [IMAGES]),
    "adaptive_max_pool3d": (lambda x: tg.adaptive_max_pool3d(x, (1, 2, 2)), [VOLUMES]),
    "global_avg_pool1d": (tg.global_avg_pool1d, [IMAGES[0]]),
    "global_avg_pool3d": (tg.global_avg_pool3d, [VOLUMES]),
    "global_max_pool1d": (tg.global_max_pool1d, [IMAGES[0]]),
    "global_max_pool2d": (tg.global_max_pool2d, [IMAGES]),
    "global_max_pool3d": (tg.global_max_pool3d, [VOLUMES]),
    "blur_pool2d": (lambda x: tg.blur_pool2d(x, 3, padding_mode="circular"), [IMAGES]),
    "local_response_norm": (lambda x: tg.local_response_norm(x, 3, alpha=0.5, beta=0.6), [IMAGES]),
    "depthwise_conv2d": (tg.depthwise_conv2d, [IMAGES, RNG.standard_normal((2, 2, 4, 2)), RNG.standard_normal(8)]),
    "separable_conv2d": (
        tg.separable_conv2d, [IMAGES, RNG.standard_normal((2, 2, 4, 1)), RNG.standard_normal((4, 3)), SHIFT[:3]],
    ),
    "max_pool2d_with_indices": (lambda x: tg.max_pool2d_with_indices(x, 2)[0], [IMAGES]),
    "split": (lambda x: tg.split(x, 2)[1] * tg.split(x, 2)[0], [ROWS]),
    "global_avg_pool2d": (tg.global_avg_pool2d, [IMAGES]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_gradients_of_orders_1_and_2(name):
    f, inputs = CASES[name]
    assert gradcheck(f, inputs, order=2).checks


@pytest.mark.parametrize("name", CASES)
def test_float32_stays(name):
    f, inputs = CASES[name]
    xs = [tg.Tensor(a.astype(np.float32), requires_grad=True) for a in inputs]
    y = f(*xs)
    assert y.dtype == np.float32
    y.sum().backward()
    assert all(x.grad.dtype == np.float32 for x in xs)


@pytest.mark.parametrize("name", CASES)
def test_arrays_in_arrays_out_with_the_same_bits(name):
    f, inputs = CASES[name]
    copies = [a.copy() for a in inputs]
    plain = f(*inputs)
    assert not isinstance(plain, tg.Tensor)
    recorded = f(*[tg.Tensor(a, requires_grad=True) for a in inputs])
    assert np.array_equal(plain, recorded.data)
    assert all(map(np.array_equal, inputs, copies))


@pytest.mark.parametrize("shape", [(6,), (4, 6), (2, 3, 6), (2, 3, 5, 6), (2, 2, 3, 4, 6), (0, 3, 6)])
@pytest.mark.parametrize("groups", [1, 2, 6])
def test_group_norm_takes_images_of_any_rank(shape, groups):
    x = np.random.default_rng(0).standard_normal(shape)
    split = x.reshape(*shape[:-1], groups, -1) if x.size else np.zeros((*shape[:-1], groups, 6 // groups))
    axes = (*range(1, len(shape) - 1), -1)
    right = (split - split.mean(axes, keepdims=True)) / np.sqrt(split.var(axes, keepdims=True) + 1e-5)
    np.testing.assert_allclose(tg.group_norm(x, groups), right.reshape(shape), atol=1e-12)
