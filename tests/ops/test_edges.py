"""Values and gradients at the edges: None, nothing, 0, infinity, NaN, and numbers that are no arrays."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.testing.case import Case

INF, NAN = np.inf, np.nan

# parameters for which None is a value: a flag that is off, all axes, a new axis, the same shape
NONE = {
    "concatenate": {"axis"}, "softmax": {"axis"}, "log_softmax": {"axis"}, "normalize": {"axis"}, "getitem": {"key"},
    "put": {"key"}, "setitem": {"key"}, "reshape": {"shape"}, "one_hot_rows": {"dtype"}, "einsum": {"subscripts"},
    "argsort": {"axis"}, "sort": {"axis"}, "dropout": {"shared"}, "softmax_dx": {"axis"}, "log_softmax_dx": {"axis"},
}  # fmt: skip
OPS = [name for name, op in tg.registry.items() if op.fn.__module__.startswith("tinygrad_cnn.")]


@pytest.mark.parametrize("name", OPS)
def test_none_is_refused_where_it_is_no_value(name):
    op = tg.registry[name]
    case = Case(op, op.samples[0], 1)
    for parameter, default in op.defaults.items():
        if default is None or isinstance(default, bool) or parameter in NONE.get(name, ()):
            continue
        case.params[parameter] = None
        with pytest.raises((TypeError, ValueError), match=rf"^{name}\b|^conv2d\b|^\w+pool2d\b"):
            case(case.inputs)
        case = Case(op, op.samples[0], 1)


def test_none_is_refused_as_an_input():
    for name in OPS:
        op = tg.registry[name]
        case = Case(op, op.samples[0], 1)
        for k, a in enumerate(case.inputs):
            if a is not None and op.input(k) not in op.optional:
                with pytest.raises(TypeError, match=rf"^{name}: input {op.input(k)}.* is None; it must be"):
                    case([None if j == k else b for j, b in enumerate(case.inputs)])


def slopes(f, *xs):
    """Gradients of the sum of f at xs."""
    points = [tg.Tensor(np.array(x), requires_grad=True) for x in xs]
    with np.errstate(all="ignore"):
        found = tg.grad(f(*points).sum(), points)
    return [g.tolist() for g in found]


@pytest.mark.parametrize(
    ("a", "b", "in_a", "in_b"),
    [
        (0.0, 2.0, 0.0, 0.0), (0.0, 1.0, 1.0, 0.0), (0.0, 0.5, INF, 0.0), (0.0, 0.0, 0.0, 0.0), (0.0, -1.0, -INF, -INF),
        (2.0, 0.0, 0.0, np.log(2)), (-2.0, 3.0, 12.0, NAN), (-2.0, 0.0, 0.0, NAN), (-2.0, -1.0, -0.25, NAN),
    ],
)  # fmt: skip
def test_slopes_of_powers(a, b, in_a, in_b):
    """As PyTorch's, with either operand a plain number too, and in forward mode."""
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(slopes(lambda x, y: x**y, a, b), [in_a, in_b])
        np.testing.assert_allclose(slopes(lambda x: x**b, a), [in_a])
        np.testing.assert_allclose(slopes(lambda y: a**y, b), [in_b])
        np.testing.assert_allclose(tg.jvp(lambda y: a**y, np.array(b), np.array(1.0))[1], in_b)
        np.testing.assert_allclose(tg.jvp(lambda x: x**b, np.array(a), np.array(1.0))[1], in_a)


def test_powers_hand_on_nan():
    """As PyTorch's: NaN ** 0 is 1, and flat; 0 ** NaN is NaN, and so is its slope."""
    for f in (lambda x, y: x**y, lambda x, y: x ** y.item()):
        assert slopes(lambda x, f=f: f(x, tg.Tensor(0.0)), NAN) == [0.0]
    for zero in (0.0, tg.Tensor(np.array(0.0), requires_grad=True)):
        assert np.isnan(slopes(lambda y, zero=zero: zero**y, NAN))
    assert slopes(lambda x, y: x**y, -0.0, -1.0)[1] == INF


def test_mixed_derivative_of_a_power_at_exponent_0():
    a, b = (tg.Tensor(np.array(v), requires_grad=True) for v in (2.0, 0.0))
    in_a = tg.grad(a**b, a, create_graph=True)
    assert tg.grad(in_a, b) == 0.5  # of b * a ** (b - 1): a ** -1, where PyTorch gives 0


def test_slopes_at_infinity():
    """As PyTorch's."""
    huber = slopes(lambda x: tg.huber_loss(x, np.zeros(3)), [INF, -INF, 0.5])
    np.testing.assert_allclose(huber, [[1 / 3, -1 / 3, 1 / 6]])
    np.testing.assert_array_equal(slopes(tg.softmax, [-INF, 0.0, 0.0]), [[0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(slopes(tg.norm, [0.0, 0.0]), [[0.0, 0.0]])
    assert slopes(tg.var, [3.0]) == [[0.0]]
    row = [[-INF, 0.0, 0.0]]
    np.testing.assert_allclose(slopes(lambda x: tg.softmax_cross_entropy(x, np.array([1])), row), [[[0.0, -0.5, 0.5]]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gelu_by_tanh_keeps_its_tail(dtype):
    x = np.array([-8.0, -6.0, -4.0], dtype)
    wide = x.astype(float)
    want = wide / (1 + np.exp(-2 * np.sqrt(2 / np.pi) * (wide + 0.044715 * wide**3)))
    np.testing.assert_allclose(tg.gelu(x, approximate="tanh"), want, rtol=1e-4 if dtype == np.float32 else 1e-12)


def test_sums_of_nothing_are_what_numpy_says():
    for shape in [(0,), (0, 3), (3, 0), (2, 0, 3)]:
        x = tg.Tensor(np.zeros(shape), requires_grad=True)
        for axis in (None, *range(len(shape))):
            for name in ("sum", "prod", "any", "all"):
                got, want = getattr(tg, name)(x, axis=axis), getattr(np, name)(x.data, axis=axis)
                np.testing.assert_array_equal(got.data, want)
                assert not got.requires_grad or tg.grad(got.sum(), x).shape == shape
            y = tg.logsumexp(x, axis=axis)
            np.testing.assert_array_equal(y.data, np.full(y.shape, -INF))
            for name in ("max", "min", "mean", "var", "argmax"):
                if shape[axis] if axis is not None else x.size:
                    assert getattr(tg, name)(x, axis=axis).size == 0
                else:
                    with pytest.raises(ValueError, match=f"^{name}: "):
                        getattr(tg, name)(x, axis=axis)


@pytest.mark.parametrize(("shape", "sections", "axis"), [((0, 3), 2, 0), ((2, 0), 3, 1), ((0,), 1, 0), ((6, 1), 3, 0)])
def test_split_gives_as_many_parts_as_asked_for(shape, sections, axis):
    parts = tg.split(np.zeros(shape), sections, axis=axis)
    assert [p.shape for p in parts] == [p.shape for p in np.split(np.zeros(shape), sections, axis=axis)]


def test_numbers_that_are_no_arrays_follow_one_rule():
    mask = np.array([True, False])
    for y in (tg.exp(2.0), tg.exp([2.0]), tg.add(1.0, 2), tg.where(mask, 1.0, 2), tg.where(mask, 1, 2.0)):
        assert y.dtype == np.float32
    assert tg.where(mask, 1, 2).dtype == np.int64 == tg.add(1, 2).dtype
    assert tg.exp(2).dtype == tg.exp([2]).dtype == tg.exp(np.array([2], np.uint8)).dtype == np.float32
    assert tg.prelu(np.float32([1, -1]), 0.5).dtype == np.float32
    assert tg.conv2d(np.ones((1, 4, 4, 1), np.uint8), np.ones((3, 3, 1, 1), np.float32)).dtype == np.float32


def test_losses_of_bytes():
    a, b = np.array([0, 250], np.uint8), np.array([10, 0], np.uint8)
    wide = a.astype(float), b.astype(float)
    for loss in (tg.mse_loss, tg.l1_loss, tg.huber_loss, tg.binary_cross_entropy_with_logits):
        np.testing.assert_allclose(loss(a, b), loss(*wide))
        np.testing.assert_allclose(loss(tg.Tensor(a), b).data, loss(*wide))
    assert tg.mse_loss([0, 250], [10, 0]) == tg.mse_loss(*wide)
    np.testing.assert_allclose(tg.rms_norm(np.array([[3, 200]], np.uint8)), tg.rms_norm(np.array([[3.0, 200.0]])))


@pytest.mark.parametrize(
    "odd", [np.array([None, 1.0]), np.array(["a", "b"]), np.array(["2020", "2021"], "M8[Y]"), np.ones(2) * 1j]
)
def test_what_holds_no_real_numbers_becomes_no_tensor(odd):
    x = tg.Tensor(np.ones(2), requires_grad=True)
    with pytest.raises(TypeError, match="^Tensor: needs numbers or booleans, but got dtype"):
        tg.Tensor(odd)
    for call in (lambda: tg.where(np.array([True, False]), x, odd), lambda: tg.concatenate([x, odd]), lambda: x * odd):
        with pytest.raises(TypeError, match="^(where|concatenate|mul): "):
            call()


def test_masked_arrays_are_refused_and_matrices_converted():
    masked = np.ma.array([1.0, 2.0], mask=[True, False])
    for call in (lambda: tg.Tensor(masked), lambda: tg.exp(masked), lambda: tg.add(np.ones(2), masked)):
        with pytest.raises(TypeError, match="MaskedArray.*mask would be lost: fill what is"):
            call()
    matrix = np.ones((2, 2)).view(np.matrix)
    y = tg.mul(matrix, matrix)
    assert type(y) is np.ndarray
    np.testing.assert_array_equal(y, np.ones((2, 2)))  # element by element


def test_values_that_whole_numbers_cannot_hold_are_refused():
    whole = tg.Tensor([1, 2, 3])
    np.testing.assert_array_equal(tg.setitem(whole, 5.0, key=0).data, [5, 2, 3])
    for v in (0.5, NAN, np.array(300)):
        with pytest.raises(ValueError, match=r"setitem: v holds .* which an array of uint8 cannot hold"):
            tg.setitem(np.zeros(3, np.uint8), v, key=0)
    with pytest.raises(ValueError, match="pad: value holds 0.5, which an array of int64 cannot hold"):
        tg.pad(np.arange(3), 1, value=0.5)


def test_nan_takes_the_gradient_of_max():
    for f in (tg.max, tg.min):
        assert slopes(lambda x, f=f: f(x, axis=1), [[NAN, 1.0, NAN], [1.0, 1.0, 0.0]])[0][0] == [0.5, 0.0, 0.5]
    x = tg.Tensor(np.array([NAN, 1.0]), requires_grad=True)
    assert tg.grad(tg.max(x), x, create_graph=True).data.tolist() == [1.0, 0.0]


def test_maximum_and_minimum_give_the_gradient_to_both_where_one_is_nan():
    """As PyTorch's: were it given to neither, a NaN would stop the training without a sign."""
    for f in (tg.maximum, tg.minimum):
        assert slopes(f, [NAN, 1.0, NAN], [1.0, NAN, NAN]) == [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
        assert slopes(f, [INF, -INF], [INF, -INF]) == [[0.5, 0.5], [0.5, 0.5]]
    assert slopes(tg.maximum, [INF, -INF], [1.0, 1.0]) == [[1.0, 0.0], [0.0, 1.0]]


def test_a_branch_that_is_not_taken_gives_no_nan():
    taken = np.array([True, True, False])
    assert slopes(lambda x, y: tg.where(taken, x, y), [1.0, INF, NAN], [NAN, INF, 2.0]) == [[1, 1, 0], [0, 0, 1]]
    assert slopes(lambda x: INF * tg.where(taken, x, 0.0), [1.0, 2.0, 3.0]) == [[INF, INF, 0.0]]
    assert tg.dropout(np.array([INF] * 50), 0.5, rng=0).tolist().count(0.0) > 0  # where a product would give NaN


def test_products_and_running_sums_of_infinities():
    assert slopes(tg.prod, [1.0, INF, 2.0]) == [[INF, 2.0, INF]]
    assert slopes(tg.prod, [0.0, INF, 2.0])[0][0] == INF
    assert slopes(tg.prod, [0.0, 0.0, 3.0]) == [[0.0, 0.0, 0.0]]
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(tg.cumsum(np.array([1.0, INF, 2.0, -INF])), [1.0, INF, INF, NAN])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constants_vary_by_nothing(dtype):
    x = np.full(7, 3, dtype)
    for f in (tg.var, tg.std):
        assert f(x) == 0
        assert slopes(f, x) == [[0.0] * 7]
    np.testing.assert_array_equal(tg.normalize(x, axis=0), np.zeros(7))


def test_first_of_equals_and_first_nan():
    assert tg.argmax(np.array([1.0, 3.0, 3.0])) == 1 == tg.argmin(np.array([3.0, 1.0, 1.0]))
    assert tg.argmax(np.array([INF, NAN, NAN])) == 1 == tg.argmin(np.array([-INF, NAN, NAN]))


def test_bounds_of_clip():
    x = np.array([-INF, 0.0, INF, NAN])
    np.testing.assert_array_equal(tg.clip(x, 1.0, 1.0), [1, 1, 1, NAN])
    np.testing.assert_array_equal(tg.clip(x, NAN, 1.0), [NAN] * 4)
    np.testing.assert_array_equal(tg.clip(x, -INF, INF), x)
    with pytest.raises(ValueError, match="^clip: low=1 is above high=0; swap them"):
        tg.clip(x, 1, 0)


@pytest.mark.parametrize(
    ("a", "b", "shape"), [((3, 0), (0, 4), (3, 4)), ((0,), (0,), ()), ((2, 3, 0), (2, 0, 4), (2, 3, 4))]
)
def test_products_over_nothing_are_zero(a, b, shape):
    a, b = (tg.Tensor(np.zeros(s), requires_grad=True) for s in (a, b))
    for y in (a @ b, *([tg.einsum("ij,jk->ik", a, b), tg.linear(a, b)] if a.ndim == 2 else [])):
        np.testing.assert_array_equal(y.data, np.zeros(shape))
        assert [g.shape for g in tg.grad(y.sum(), [a, b])] == [a.shape, b.shape]


def test_numpy_names_at_infinity():
    """NumPy's values."""
    a, b = tg.Tensor([INF, NAN, NAN]), tg.Tensor([NAN, -INF, 1.0])
    np.testing.assert_array_equal(np.hypot(a, b).data, [INF, INF, NAN])
    for bad in (NAN, INF):
        for spacing in ((), (2.0,), (np.array([0.0, 1.0, 2.0]),)):
            x = np.array([1.0, bad, 2.0])
            with np.errstate(invalid="ignore"):
                np.testing.assert_array_equal(np.gradient(tg.Tensor(x), *spacing).data, np.gradient(x, *spacing))
    with np.errstate(invalid="ignore"):
        assert np.percentile(tg.Tensor([-INF, INF, 0.0]), 30).item() == -INF
        assert np.median(tg.Tensor([1.0, INF])).item() == INF
    for f in (np.median, np.nanmedian):
        with pytest.raises(ValueError, match=rf"^np.{f.__name__}: axis=None of shape \(0,\) holds no elements"):
            f(tg.Tensor(np.zeros(0)))
