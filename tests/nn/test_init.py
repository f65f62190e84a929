"""Initialisers: the variance that each promises, reproducibility, mistakes."""

import numpy as np
import pytest

from tinygrad_cnn import nn
from tinygrad_cnn.nn import init

FILTERS, DENSE = (5, 5, 16, 50), (300, 200)  # fan_in, fan_out: 400, 1250; 300, 200


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("he", lambda i, o: 2 / i),
        ("kaiming", lambda i, o: 2 / i),
        ("lecun", lambda i, o: 1 / i),
        ("glorot", lambda i, o: 2 / (i + o)),
        ("xavier", lambda i, o: 2 / (i + o)),
    ],
)
@pytest.mark.parametrize("kind", ["normal", "uniform"])
@pytest.mark.parametrize(("shape", "fans"), [(FILTERS, (400, 1250)), (DENSE, (300, 200))])
def test_variance(name, variance, kind, shape, fans):
    if (name, kind) in (("kaiming", "normal"), ("xavier", "normal")):
        assert getattr(init, f"{name}_{kind}") is init.BY_NAME[f"{name}_{kind}"]
    values = getattr(init, f"{name}_{kind}")(shape, rng=0)
    expected = variance(*fans)
    assert values.shape == shape
    assert values.dtype == np.float32
    assert values.var() == pytest.approx(expected, rel=0.05)
    assert abs(values.mean()) < 4 * np.sqrt(expected / values.size)
    if kind == "uniform":
        assert np.abs(values).max() <= np.sqrt(3 * expected) * 1.0001


def test_signals_keep_their_size_through_twenty_relu_layers():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 256)).astype(np.float32)
    for _ in range(20):
        x = np.maximum(x @ init.he_uniform((256, 256), rng=rng), 0)
    assert 0.3 < np.sqrt((x**2).mean()) < 3


def test_plain_ones():
    assert init.constant((2, 3), 1.5).tolist() == [[1.5] * 3] * 2
    assert init.zeros(3).tolist() == [0, 0, 0]
    assert init.ones((2,)).dtype == np.float32
    values = init.normal((1000,), 3.0, 0.1, rng=0)
    assert values.mean() == pytest.approx(3, abs=0.02)
    values = init.uniform((1000,), -2.0, -1.0, rng=0)
    assert -2 <= values.min() < values.max() < -1


@pytest.mark.parametrize("shape", [(40, 10), (10, 40), (3, 3, 4, 8)])
def test_orthogonal(shape):
    w = init.orthogonal(shape, 2.0, rng=0).reshape(-1, shape[-1])
    gram = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
    np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-5)


def test_seeds_and_generators():
    a, b = init.he_normal((3, 3), rng=7), init.he_normal((3, 3), rng=np.random.default_rng(7))
    np.testing.assert_array_equal(a, b)
    rng = np.random.default_rng(7)
    assert not np.array_equal(init.he_normal((3, 3), rng=rng), init.he_normal((3, 3), rng=rng))
    assert not np.array_equal(init.he_normal((3, 3)), init.he_normal((3, 3)))


def test_a_tree_built_with_one_generator_is_reproducible():
    def build():
        rng = np.random.default_rng(5)
        return nn.Sequential(nn.Linear(4, 4, rng=rng), nn.Linear(4, 4, rng=rng)).state_dict()

    a, b = build(), build()
    assert all(np.array_equal(a[k], b[k]) for k in a)
    assert not np.array_equal(a["0.weight"], a["1.weight"])


def test_layers_start_he_uniform_with_biases_at_zero_unless_told_otherwise():
    conv = nn.Conv2d(8, 32, 5, groups=2, rng=0)
    assert conv.weight.data.var() == pytest.approx(2 / (25 * 4), rel=0.1)
    assert not conv.bias.data.any()
    assert nn.Linear(200, 200, init="glorot_normal", rng=0).weight.data.var() == pytest.approx(1 / 200, rel=0.1)
    assert not nn.Linear(2, 2, init=init.zeros).weight.data.any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: init.he_normal((3,)), r"he_normal: fans need weights \(in, out\)"),
        (lambda: init.zeros((2, -1)), r"zeros: shape=\(2, -1\) must be a tuple of whole numbers of at least 0"),
        (lambda: init.zeros("ab"), r"zeros: shape=\('ab',\) must be"),
        (lambda: init.constant(2, float("nan")), "constant: value=nan must be a finite number"),
        (lambda: init.normal(2, std=-1.0), "normal: std=-1.0 must be a finite number of at least 0"),
        (lambda: init.uniform(2, 1.0, 0.0), "uniform: low=1.0 must not exceed high=0.0"),
    ],
)
def test_mistakes(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
