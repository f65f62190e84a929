"""Scalars of NumPy's beside Tensors are weak, as Python numbers are: in every op, in gradients, from both sides."""

import operator

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.testing.case import Case, cotangent

SAMPLES = [
    pytest.param(op, sample, k, id=f"{name}-{n}-{op.input(k)}")
    for name, op in tg.registry.items() if op.fn.__module__.startswith("tinygrad_cnn.")
    for n, sample in enumerate(op.samples) for k in Case(op, sample, 1).moving if len(Case(op, sample, 1).moving) > 1
]  # fmt: skip


def run(case, k, scalar, dtype, create_graph=False):
    """The result and the gradients with a scalar for input k, and Tensors of a dtype for the other floating inputs."""
    inputs = case.arrays(lambda a: a.astype(dtype) if a.dtype.kind == "f" else a)
    tensors = [tg.Tensor(a, requires_grad=j in case.moving) if isinstance(a, np.ndarray) else a
               for j, a in enumerate(inputs)]  # fmt: skip
    tensors[k] = scalar
    y = case(tensors)
    xs = [tensors[j] for j in case.moving if j != k]
    if not y.requires_grad:
        return [y]
    return [y, *tg.grad(y, xs, grad_outputs=cotangent(y), create_graph=create_graph, allow_unused=True)]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("op", "sample", "k"), SAMPLES)
@pytest.mark.level("thorough")
def test_a_numpy_scalar_is_what_the_python_number_is(op, sample, k):
    case = Case(op, sample, 1)
    for dtype in (np.float32, np.float64):
        for graph in (False, True):
            try:
                wanted = run(case, k, 0.7, dtype, graph)
            except (TypeError, ValueError, IndexError, np.exceptions.AxisError):
                return  # the op takes no numbers here
            for scalar in (np.float64(0.7), np.longdouble(0.7)):
                found = run(case, k, scalar, dtype, graph)
                for f, w in zip(found, wanted, strict=True):
                    assert (f is None) == (w is None)
                    if f is not None:
                        assert f.dtype == w.dtype and (f.dtype == dtype or f.dtype.kind in "bi")  # truths and places
                        np.testing.assert_array_equal(np.asarray(getattr(f, "data", f)), np.asarray(w.data))


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_number_has_the_digits_of_the_arrays_beside_it(create_graph):
    """A Python number in an op that does not broadcast was once rounded to float32."""
    x = tg.Tensor(np.array([1.0, 0.05]), requires_grad=True)
    y = tg.clip(x, 0.1, None)
    assert y.tolist() == [1.0, 0.1]
    assert tg.grad(y.sum(), x, create_graph=create_graph).tolist() == [1.0, 0.0]


OPERATORS = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.floordiv, operator.mod,
    operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ipow, operator.ifloordiv, operator.imod,
    operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne, np.add, np.maximum, np.hypot,
    np.logaddexp, np.arctan2 if np.arctan2 in tg.registry else np.fmax, np.fmin, np.float_power, np.less, np.equal,
    tg.maximum, tg.minimum, lambda a, b: tg.where(np.array([True, False]), a, b),
    lambda a, b: np.where(np.array([True, False]), a, b),
]  # fmt: skip
IN_PLACE = 7, 14


@pytest.mark.parametrize("k", range(len(OPERATORS)))
@pytest.mark.parametrize("scalar", [np.float64(0.1), np.float32(3), np.sqrt(64), np.int64(3), np.uint8(2)], ids=repr)
def test_operators_and_functions_from_both_sides(k, scalar):
    step, number = OPERATORS[k], scalar.item()

    def tensor():
        return tg.Tensor(np.array([0.1, 3.0], np.float32))

    pairs = [(step(tensor(), scalar), step(tensor(), number))]
    if not IN_PLACE[0] <= k < IN_PLACE[1]:
        pairs.append((step(scalar, tensor()), step(number, tensor())))
    for found, wanted in pairs:
        assert isinstance(found, tg.Tensor) and found.dtype == wanted.dtype
        assert found.dtype == np.float32 or found.dtype == bool or step is np.float_power
        np.testing.assert_array_equal(found.data, wanted.data)


@pytest.mark.parametrize("whole", [np.int64, np.uint8, np.bool_])
@pytest.mark.parametrize("number", [2.5, np.float64(2.5)], ids=repr)
def test_a_float_beside_whole_numbers_gives_the_default_dtype(whole, number):
    t = tg.Tensor(np.array([1, 1], whole))
    for default in (np.float32, np.float64):
        with tg.set_default_dtype(default):
            for y in (t * number, number - t, t / number, t // number, t % number, number**t, tg.maximum(t, number),
                      tg.where(t > 0, t, number), np.add(t, number), t / t, t / 2):  # fmt: skip
                assert y.dtype == default
            assert (t > number).dtype == bool and (t + 1).dtype.kind in "iu"
    assert (tg.Tensor(np.array([2**24 + 1])) > 2.0**24).tolist() == [True]  # compared with all digits


def test_arrays_without_axes_keep_their_dtype():
    t = tg.Tensor([1.0, 2.0], requires_grad=True)
    assert (t * np.array(2.0)).dtype == np.float64 and (t * tg.Tensor(np.array(2.0))).dtype == np.float64
    assert tg.mul(np.ones(2, np.float32), np.float64(2)).dtype == np.float64  # plain arrays are NumPy's


@pytest.mark.parametrize("create_graph", [False, True])
def test_rules_keep_the_digits_of_tensors_without_axes(create_graph):
    """Inside rules, arrays without axes become scalars; as weak ones they would be rounded to float32."""
    x, s = tg.Tensor(np.float32(0.1), requires_grad=True), tg.Tensor(np.float64(1 / 3), requires_grad=True)
    y = tg.exp(x * s) * s
    dx, ds = (np.asarray(g.data) for g in tg.grad(y, [x, s], create_graph=create_graph))
    wide = np.float64(np.float32(0.1))
    e = np.exp(wide / 3)
    assert y.dtype == ds.dtype == np.float64 and dx.dtype == np.float32
    np.testing.assert_allclose(ds, e * wide / 3 + e, rtol=1e-15)
    np.testing.assert_allclose(dx, e / 9, rtol=1e-7)


def test_values_that_are_written_may_be_scalars_of_numpy():
    t = tg.Tensor(np.zeros(2, np.uint8))
    t[0] = np.int64(5)
    with pytest.raises(OverflowError, match="out of bounds for uint8"):
        t[1] = np.int64(300)
    x = tg.zeros(2)
    x[1] = np.float64(0.1)
    assert t.tolist() == [5, 0] and x.dtype == np.float32


@pytest.mark.parametrize("number", [0.1, np.float64(0.1), 3, np.int64(3)], ids=repr)
def test_numbers_in_numpy_functions_that_are_no_ufuncs(number):
    for dtype in (np.float32, np.float64):
        t = tg.Tensor(np.array([1.0, 2.0], dtype))
        calls = [
            np.append(t, number), np.dot(t, number), np.dot(number, t), np.inner(t, number), np.outer(t, number),
            np.kron(t, number), np.convolve(t, number), np.stack([t[0], number]), np.hstack([t, number]),
            np.insert(t, 1, number), np.multiply.outer(t, number), np.clip(t, number, None), np.full_like(t, number),
            np.where(t > 1, t, number), np.pad(t, 1, constant_values=number), np.nan_to_num(t, nan=number),
            np.sum(t, initial=number), np.linspace(t, number, 3), np.heaviside(t, number),
        ]  # fmt: skip
        for found in calls:
            assert found.dtype == dtype
        assert float(np.append(t, number)[-1]) == float(dtype(number))
    whole = np.append(tg.arange(2), number)  # NumPy's own rule, with all digits
    assert whole.dtype == np.append(np.arange(2), number).dtype and whole.tolist()[-1] == number
