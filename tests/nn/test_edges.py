"""Normalisations of constants, single values, large and small numbers, NaN and nothing, on every backend."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import kernels, nn

INF, NAN = np.inf, np.nan
PRESENT = [name for name, state in kernels.backends().items() if not state.startswith("absent")]
NORMS = {
    "batch_norm": lambda x, g, b, eps: tg.batch_norm(x, g, b, eps=eps),
    "layer_norm": lambda x, g, b, eps: tg.layer_norm(x, g, b, eps=eps),
    "group_norm": lambda x, g, b, eps: tg.group_norm(x, 2, g, b, eps=eps),
    "instance_norm": lambda x, g, b, eps: tg.instance_norm(x, g, b, eps=eps),
}
GAMMA, BETA = np.array([0.5, 1.0, 2.0, -1.0]), np.array([0.0, -3.0, 0.5, 7.0])


@pytest.fixture(autouse=True, params=PRESENT)
def backend(request):
    with kernels.use_kernels(request.param):
        yield


@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize("value", [0.0, 3.0, -1e-30, 1024.0])
@pytest.mark.parametrize("shape", [(2, 3, 3, 4), (1, 1, 1, 4)])
def test_constants_become_the_shift(name, value, shape):
    for dtype in (np.float32, np.float64):
        x, gamma, beta = (tg.Tensor(a.astype(dtype), requires_grad=True) for a in (np.full(shape, value), GAMMA, BETA))
        y = NORMS[name](x, gamma, beta, 1e-5)
        np.testing.assert_allclose(y.data, np.broadcast_to(BETA, shape), rtol=1e-5, atol=1e-4)
        found = tg.grad((y * np.arange(y.size, dtype=dtype).reshape(shape)).sum(), [x, gamma, beta])
        assert all(np.isfinite(g).all() for g in found)
        np.testing.assert_allclose(found[1], np.zeros(4), atol=1e-3)


@pytest.mark.parametrize("name", ["batch_norm", "instance_norm"])
@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_nan_stays_in_its_channel(name, bad):
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(2, 3, 3, 4)), rng.normal(size=(2, 3, 3, 4))
    other = x.copy()
    other[1, 1, 1, 2] = bad
    results = []
    for a in (x, other):
        inputs = [tg.Tensor(v, requires_grad=True) for v in (a, GAMMA, BETA)]
        with np.errstate(all="ignore"):
            y = NORMS[name](*inputs, 1e-5)
            results.append([y.data, *tg.grad((y * dy).sum(), inputs)])
    for clean, dirty in zip(*results, strict=True):
        np.testing.assert_array_equal(clean[..., [0, 1, 3]], dirty[..., [0, 1, 3]])
    assert np.isnan(results[1][0][1, :, :, 2]).all()


@pytest.mark.parametrize("name", [*NORMS, "rms_norm"])
def test_large_and_small_numbers(name):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 3, 4))
    norm = NORMS.get(name, lambda x, g, b, eps: tg.rms_norm(x, g, eps=eps))
    want, narrow = norm(x, GAMMA, BETA, 0.0), [np.float32(GAMMA), np.float32(BETA)]
    for scale in (1e15, 1e-15):
        np.testing.assert_allclose(norm((x * scale).astype(np.float32), *narrow, 0.0), want, atol=1e-4)
    np.testing.assert_allclose(norm(x * 1e150, GAMMA, BETA, 0.0), want, atol=1e-9)
    with np.errstate(all="ignore"):  # squares beyond the dtype: as if the variance were infinite, as in PyTorch
        huge = norm((x * 1e25).astype(np.float32), *narrow, 0.0)
    np.testing.assert_array_equal(huge, np.zeros(x.shape) + (0 if name == "rms_norm" else BETA.astype(np.float32)))


def test_batch_norm_needs_two_values():
    for shape in ((1, 1, 1, 2), (0, 3, 3, 2)):
        norm, x = nn.BatchNorm2d(2), np.zeros(shape, np.float32)
        with pytest.raises(ValueError, match=r"^BatchNorm2d: expects at least 2 values per channel in training"):
            norm(x)
        assert norm.eval()(x).shape == shape
        np.testing.assert_array_equal(norm.running_var.data, [1, 1])
    for op in (tg.batch_norm, tg.batch_norm_relu):
        with pytest.raises(ValueError, match=f"^{op.name}: x has shape .0, 2.; an empty batch has no mean"):
            op(np.zeros((0, 2)), np.ones(2), np.zeros(2))


@pytest.mark.parametrize("layer", [nn.InstanceNorm2d(2), nn.GroupNorm(2, 2), nn.LayerNorm(2), nn.RMSNorm(2)])
def test_layers_that_look_at_one_sample_need_no_others(layer):
    assert layer(np.ones((0, 3, 3, 2), np.float32)).shape == (0, 3, 3, 2)
    y = layer(np.full((1, 1, 1, 2), 3, np.float32))  # PyTorch refuses the first two
    np.testing.assert_allclose(y.data.ravel(), [1, 1] if isinstance(layer, nn.RMSNorm) else [0, 0], atol=1e-5)


@pytest.mark.parametrize(("momentum", "mean", "var"), [(0.0, 0.0, 1.0), (1.0, 2.0, 2.0), (0.1, 0.2, 1.1)])
def test_momentum_at_its_bounds(momentum, mean, var):
    norm = nn.BatchNorm2d(1, momentum=momentum)
    norm(np.array([1, 3], np.float32).reshape(1, 1, 2, 1))  # mean 2, variance 2 of the whole
    np.testing.assert_allclose([norm.running_mean.data[0], norm.running_var.data[0]], [mean, var], rtol=1e-6)


@pytest.mark.parametrize("rate", [1.0, -0.1, NAN])
def test_dropout_of_everything_is_refused(rate):
    with pytest.raises(ValueError, match="must be a number of at least 0 and below 1"):
        nn.Dropout(rate)
    x = np.array([INF, NAN, 1.0])
    np.testing.assert_array_equal(tg.dropout(x, 0.0, rng=0), x)
