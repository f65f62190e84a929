"""`x.at[key]`: new Tensors with some elements changed; values as NumPy's, gradients as differences, in any order."""

import copy
import pickle

import numpy as np
import pytest

import tinygrad_cnn as tg

KEYS = {
    "number": 1, "slice": slice(0, 2), "row and column": (0, slice(1, None)), "all": ..., "list": [2, 0],
    "mask": np.array([True, False, True]), "new axis": (None, 1), "tensor": tg.Tensor([0, 2]),
    "backwards": slice(None, None, -2),
}  # fmt: skip
TWICE = {"twice": ([1, 1, 0], [0, 0, 2]), "rows": [2, 0, 2], "column": (slice(None), [1, 1])}
METHODS = {
    "set": lambda a, v: v, "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide,
    "power": np.power, "min": np.minimum, "max": np.maximum,
}  # fmt: skip


def matrix():
    return np.arange(9.0).reshape(3, 3) / 4 + 1


def as_numpy(key):
    return key.data if isinstance(key, tg.Tensor) else key


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_values_and_gradients(method, key):
    x, want = matrix(), matrix()
    part = want[as_numpy(key)]
    v = np.random.default_rng(0).uniform(0.4, 0.9, part.shape)
    want[as_numpy(key)] = METHODS[method](part, v)

    def f(x, v):
        return getattr(x.at[key], method)(v)

    leaf = tg.Tensor(x, requires_grad=True)
    y = f(leaf, v)
    np.testing.assert_array_equal(y.data, want)
    np.testing.assert_array_equal(leaf.data, x)
    assert y.requires_grad and y is not leaf
    tg.testing.gradcheck(f, [x, v], order=2)
    tg.testing.gradcheck(f, [x, np.array(0.7)], order=2)  # broadcast


@pytest.mark.parametrize("key", TWICE.values(), ids=TWICE)
def test_places_that_occur_twice_are_summed_by_add_and_the_last_is_set(key):
    x, added = matrix(), matrix()
    v = np.random.default_rng(0).uniform(0.4, 0.9, x[key].shape)
    np.add.at(added, key, v)
    np.testing.assert_allclose(tg.Tensor(x).at[key].add(v).data, added, rtol=1e-15)
    tg.testing.gradcheck(lambda x, v: x.at[key].add(v), [x, v], order=2)
    tg.testing.gradcheck(lambda x, v: x.at[key].subtract(v * v), [x, v], order=2)
    tg.testing.gradcheck(lambda x, v: x.at[key].set(v), [x, v], order=2)
    for method in METHODS.keys() - {"set", "add", "subtract"}:
        with pytest.raises(ValueError, match=rf"at\[...\].{method}: the key names one place several times"):
            getattr(tg.Tensor(x).at[key], method)(v)


def test_get_and_apply():
    x = tg.Tensor(matrix(), requires_grad=True)
    assert x.at[1].get().tolist() == matrix()[1].tolist()
    y = x.at[1].apply(lambda row: row.sum())
    assert tg.grad(y.sum(), x).tolist() == [[1.0] * 3, [3.0] * 3, [1.0] * 3]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int8, np.uint8, np.bool_])
def test_the_dtype_is_that_of_x(dtype):
    x = tg.Tensor(np.ones((2, 3), dtype))
    assert x.at[0].set(x.data[1]).dtype == dtype and x.at[0].set(1 if dtype != np.bool_ else True).dtype == dtype
    if dtype != np.bool_:
        assert x.at[[0, 0]].add(1).dtype == dtype and x.at[[0, 0]].add(np.int64(1)).tolist() == [[3] * 3, [1] * 3]
    wide = tg.Tensor(np.ones(2)).at[:1].multiply([0.1])
    assert wide.tolist() == [0.1, 1.0]
    if np.dtype(dtype).kind == "f":
        for v in (0.5, np.float64(0.5), np.full(3, 0.5), tg.Tensor([0.5])):
            assert x.at[0].set(v).dtype == x.at[0].add(v).dtype == x.at[0].multiply(v).dtype == dtype
    else:
        for method in ("set", "add"):
            with pytest.raises(TypeError, match=rf"at\[...\].{method}: a tensor of .* cannot hold values of float"):
                getattr(x.at[0], method)(0.5)


def test_it_is_recorded_or_not_as_everything_else_and_leaves_may_be_changed():
    w = tg.Tensor([1.0, 2.0], requires_grad=True)
    with tg.no_grad():
        assert not w.at[0].add(1.0).requires_grad
    y = w.at[0].add(w[1]).at[1].set(0.0)
    assert tg.grad(y.sum(), w).tolist() == [1.0, 1.0]


def test_messages():
    x = tg.zeros(2, 3)
    words = r"at\[...\].add: v \(2,\) float32 does not broadcast to x\[key\], of shape \(3,\)"
    with pytest.raises(ValueError, match=words):
        x.at[0].add([1.0, 2.0])
    with pytest.raises(TypeError, match=r"at\[...\].apply: f must be a function"):
        x.at[0].apply(1.0)
    with pytest.raises(IndexError):
        x.at[5].set(1.0)
    with pytest.raises(OverflowError, match="out of bounds for uint8"):
        tg.Tensor(np.zeros(2, np.uint8)).at[0].set(300)
    with pytest.raises(TypeError):
        x.at[0] = 1.0
    assert "x.at[key].set(v)" in repr(x.at)


def test_copies():
    at = tg.Tensor([1.0, 2.0]).at[0]
    for other in (copy.copy(at), copy.deepcopy(at), pickle.loads(pickle.dumps(at))):
        assert other.set(5.0).tolist() == [5.0, 2.0]
