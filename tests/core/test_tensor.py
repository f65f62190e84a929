"""Tensors are values: what goes in, what comes out, who may write, and how NumPy and they meet."""

import math

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.core.tensor import plain


def leaf(*values, dtype=np.float64, **options):
    return tg.Tensor(np.array(values, dtype), requires_grad=True, **options)


# -- dtypes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, np.float32), ([1.0, 2.0], np.float32), ([[1, 2.5]], np.float32), (3, np.int64), ([1, 2], np.int64),
        (True, np.bool_), (np.float64(1), np.float64), (np.arange(3.0), np.float64), (np.float16(1), np.float16),
        (np.zeros(2, np.uint8), np.uint8),
    ],
)  # fmt: skip
def test_dtype_of_data(data, dtype):
    assert tg.Tensor(data).dtype == dtype


def test_the_plain_array_of_anything():
    x, a = leaf(1.0, 2.0), np.ones(3)
    assert type(plain(x)) is np.ndarray and plain(x).tolist() == [1, 2] and not plain(x).flags.writeable
    assert plain(a) is a
    assert plain(0.1).dtype == np.float64 and plain(0.1) == 0.1  # a Python loss keeps all of its digits
    assert plain([[1, 2]]).shape == (1, 2)


@pytest.mark.parametrize("number", [2, 2.0, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_python_numbers_are_weak(number, dtype):
    x = leaf(1.0, 2.0, dtype=dtype)
    results = [x + number, number + x, x * number, number / x, x**number, tg.maximum(x, number)]
    for y in [*results, tg.where(x > 1, x, number)]:
        assert y.dtype == dtype
        (g,) = tg.grad(y, [x], grad_outputs=np.ones(2, dtype))
        assert g.dtype == dtype


def test_arrays_promote_as_numpy_does():
    x = leaf(1.0, dtype=np.float32)
    assert (x * np.ones(1)).dtype == np.float64
    assert (x * np.ones(1, np.float32)).dtype == np.float32
    assert (x * [1.0]).dtype == np.float32  # a list of Python floats is float32


@pytest.mark.parametrize("bad", ["text", [[1.0], [1.0, 2.0]], object(), None, np.array(["a"]), {}])
def test_what_is_no_number_is_refused(bad):
    with pytest.raises(TypeError, match="Tensor: (needs numbers|cannot make an array)"):
        tg.Tensor(bad)


# -- values -------------------------------------------------------------------------------------------------------


def test_data_is_copied_unless_told_otherwise():
    a = np.zeros(3)
    assert not np.shares_memory(tg.Tensor(a).data, a)
    assert np.shares_memory(tg.Tensor(a, copy=False).data, a)
    t = tg.Tensor(a)
    a[:] = 1.0
    assert (t.data == 0).all()


def test_data_is_read_only_and_numpy_is_a_copy():
    t = leaf(1.0, 2.0)
    with pytest.raises(ValueError, match="read-only"):
        t.data[0] = 5.0
    with pytest.raises(AttributeError):
        t.data = np.zeros(2)
    t.numpy()[0] = 5.0
    assert t.data[0] == 1.0


@pytest.mark.parametrize(
    "attempt",
    [
        lambda a, t: a.__setitem__([0], t), lambda a, t: a.__setitem__(slice(0, 1), t), lambda a, t: np.asarray(t),
        lambda a, t: np.array([t, t]),
    ],
)  # fmt: skip
def test_tensor_assigned_into_an_ndarray_is_refused(attempt):
    a, t = np.zeros(3), leaf(1.0)
    with pytest.raises((TypeError, ValueError)) as error:
        attempt(a, t)
    # for a single element NumPy puts an error of its own in front
    assert "would cut its gradient. Use tensor.data" in f"{error.value} {error.value.__cause__}"
    assert (a == 0).all()


def test_a_number_is_read_inside_a_graph_too():
    t = (leaf(2.6) * 1.0).sum()
    assert (float(t), int(t), round(t), round(t, 1), f"{t:.1f}") == (2.6, 2, 3, 2.6, "2.6")
    assert (math.floor(t), math.ceil(t), math.trunc(t), math.sqrt(t)) == (2, 3, 2, math.sqrt(2.6))
    a = np.zeros(2)
    a[0] = t  # which NumPy cannot tell from float(t)
    a.fill(t)
    assert a.tolist() == [2.6, 2.6]
    with pytest.raises(ValueError, match=r"item: only a tensor of one element"):
        float(leaf(1.0, 2.0))


def test_tensor_without_history_may_be_assigned_into_an_ndarray():
    a = np.zeros(3)
    a[:1] = tg.Tensor(np.ones(1))
    a[1] = leaf(2.0).item()
    assert np.array_equal(a, [1.0, 2.0, 0.0])


def test_numbers_out():
    assert float(tg.Tensor(2.5)) == 2.5
    assert int(tg.Tensor([3])) == 3
    assert leaf(2.5).item() == 2.5
    assert f"{leaf(2.5):.2f}" == "2.50"
    assert "abc"[tg.Tensor(1)] == "b"
    with pytest.raises(ValueError, match=r"item: .* shape \(2,\)"):
        leaf(1.0, 2.0).item()
    with pytest.raises(ValueError, match="ambiguous"):
        bool(leaf(1.0, 2.0))
    with pytest.raises(TypeError, match=r"shape \(\) has no length"):
        len(tg.Tensor(1.0))
    assert [v.item() for v in leaf(1.0, 2.0)] == [1.0, 2.0]


@pytest.mark.parametrize("mode", [tg.enable_grad, tg.no_grad])
def test_comparisons_give_boolean_tensors_in_every_mode(mode):
    x, y = leaf(1.0, 2.0), leaf(2.0, 2.0)
    for result, expected in [
        (x < y, [True, False]), (x <= y, [True, True]), (x == y, [False, True]), (x != 2.0, [True, False]),
        (x > np.ones(2), [False, True]), (x >= 1.5, [False, True]), (np.ones(2) == x, [True, False]),
        (np.less(x, y), [True, False]),
    ]:  # fmt: skip
        assert type(result) is tg.Tensor and result.dtype == bool and not result.requires_grad
        assert result.tolist() == expected
    assert len({x, y}) == 2  # by identity
    assert 2.0 in x
    assert (x == None) is False and (x != "a") is True  # noqa: E711 -- not an array: Python's answer
    with pytest.raises(TypeError, match="'<' not supported"):
        x < None  # noqa: B015


@pytest.mark.parametrize("other", [None, "a", int, object(), {}, {1}, np.add], ids=lambda v: type(v).__name__)
def test_a_tensor_equals_nothing_that_is_no_array(other):
    t = tg.Tensor([1.0, 2.0])
    assert (t == other) is False and (t != other) is True and (other == t) is False
    with pytest.raises(TypeError, match="not supported between"):
        assert t < other


def test_comparisons_of_arrays_give_arrays():
    assert type(tg.greater(np.ones(2), 0)) is np.ndarray


def test_masks_work_where_numpy_takes_them():
    x = leaf(-1.0, 0.0, 3.0)
    mask = x > 0
    assert np.array_equal(np.arange(3)[mask], [2])
    assert [bool(mask.any()), bool(mask.all()), bool(np.any(mask))] == [True, False, True]
    assert (~mask & (x == 0) | mask ^ mask).tolist() == [False, True, False]
    assert (np.array([True, False, True]) & mask).tolist() == [False, False, True]
    assert int(mask.sum()) == 1 and mask.mean().item() == pytest.approx(1 / 3)
    assert tg.where(mask, x, 0).tolist() == [0.0, 0.0, 3.0]
    assert tg.grad(x[mask].sum(), x).tolist() == [0.0, 0.0, 1.0]
    if x.sum() > 1:
        mask = None
    assert mask is None
    with pytest.raises(TypeError, match="take boolean Tensors, got dtype float64. Compare first"):
        x & x


def test_a_mask_remembers_what_it_was_made_from():
    x = leaf(-1.0, 3.0)
    mask = x > 0
    assert mask.node.source() is x.node
    assert "booleans" in tg.explain_grad(x, mask * 1.0)


def test_repr_says_what_it_is():
    x = leaf(1.0, name="w")
    assert repr(x) == "Tensor([1.], dtype=float64, requires_grad=True, name='w')"
    assert "from=mul" in repr(x * 2.0)


# -- assign -------------------------------------------------------------------------------------------------------


def test_assign_works_in_place_where_nobody_holds_the_values():
    t = leaf(1.0, 2.0)
    where = t.data.__array_interface__["data"]
    t.assign(np.array([3.0, 4.0]))
    assert t.data.__array_interface__["data"] == where
    assert np.array_equal(t.data, [3.0, 4.0])


def test_assign_leaves_views_that_somebody_holds():
    t = leaf(1.0, 2.0)
    view = t.data
    part = t.data[1:]
    t.assign(np.array([3.0, 4.0]))
    assert np.array_equal(view, [1.0, 2.0])
    assert np.array_equal(part, [2.0])
    assert np.array_equal(t.data, [3.0, 4.0])


def test_assign_leaves_the_array_that_the_tensor_was_made_around():
    a = np.array([1.0])
    t = tg.Tensor(a, copy=False)
    t.assign(np.array([2.0]))
    assert a == [1.0]


def test_assign_leaves_what_a_node_or_another_tensor_holds():
    t = leaf(2.0)
    same, saved = t.detach(), t * t
    t.assign(np.array([5.0]))
    assert same.data == [2.0]
    assert saved.data == [4.0]


def test_assign_from_itself():
    t = leaf(1.0, 2.0, 3.0)
    t.assign(t.data[::-1])
    assert np.array_equal(t.data, [3.0, 2.0, 1.0])
    t.assign(t)
    assert np.array_equal(t.data, [3.0, 2.0, 1.0])


def test_assign_counts_versions_and_keeps_dtype():
    t = leaf(1.0, dtype=np.float32)
    assert t.version == 0
    assert t.assign(np.array([0.1])) is t
    assert (t.version, t.dtype) == (1, np.float32)


def test_assign_refuses_what_does_not_fit():
    t = leaf(1.0, name="w")
    with pytest.raises(ValueError, match=r"assign: w has shape \(1,\), got \(2,\)"):
        t.assign(np.ones(2))
    with pytest.raises(TypeError, match="assign: needs numbers or booleans, but got dtype complex128"):
        t.assign(np.ones(1) * 1j)
    with pytest.raises(TypeError, match="n is int64, got float64"):
        tg.Tensor([1], name="n").assign(np.array([1.5]))
    with pytest.raises(TypeError, match="result of mul; only leaves"):
        (t * 2.0).assign(np.ones(1))
    assert (t.version, t.data) == (0, [1.0])


def test_stale_leaf_is_refused_naming_tensor_op_and_both_places():
    w, x = leaf(2.0, name="weights"), leaf(3.0)
    y = w * x
    w.assign(np.array([5.0]))
    with pytest.raises(tg.GraphError) as error:
        y.backward()
    text = str(error.value)
    assert text.count("test_tensor.py:") == 2
    for words in ("mul", "'weights'", "now version 1", "Call backward before assign"):
        assert words in text
    assert x.grad is None


def test_assigning_to_what_no_rule_needs_is_no_problem():
    w, x = leaf(2.0), leaf(3.0)
    y = w + x
    w.assign(np.array([5.0]))
    y.backward()
    assert w.grad == [1.0]
    z = w * x
    z.backward()  # recorded after the assignment
    assert x.grad == [1.0 + 5.0]


def test_gradient_set_from_outside_is_checked_and_copied():
    t, g = leaf(1.0), np.ones(1)
    t.grad = g
    (t * 2.0).backward()
    assert (t.grad, g) == ([3.0], [1.0])
    with pytest.raises(ValueError, match=r"grad: must be \(1,\) float64, got \(2,\)"):
        t.grad = np.ones(2)
    with pytest.raises(ValueError, match="got .* float32"):
        t.grad = np.ones(1, np.float32)


def test_requires_grad_of_a_result_cannot_be_set():
    y = leaf(1.0) * 2.0
    with pytest.raises(TypeError, match="a result of mul, not a leaf; detach"):
        y.requires_grad = False


# -- NumPy --------------------------------------------------------------------------------------------------------


def test_numpy_operand_on_either_side():
    x, a = leaf(2.0, 3.0), np.array([5.0, 7.0])
    for y in (a * x, x * a, np.multiply(a, x), np.float64(5.0) * x, a @ x, x @ a, a - x, a / x, a**x):
        assert isinstance(y, tg.Tensor), y
        assert y.requires_grad
    assert np.array_equal(tg.grad((a - x).sum(), x), [-1.0, -1.0])
    assert np.array_equal(tg.grad((a * x).sum(), x), a)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda x: np.exp(x), lambda a: np.exp(a)),
        (lambda x: np.sum(x, axis=0), lambda a: a.sum(0)),
        (lambda x: np.concatenate([x, np.ones((1, 2))]), lambda a: np.concatenate([a, np.ones((1, 2))])),
        (lambda x: np.stack([np.ones((2, 2)), x]), lambda a: np.stack([np.ones((2, 2)), a])),
        (lambda x: np.transpose(x), lambda a: a.T),
        (lambda x: np.reshape(x, (4,)), lambda a: a.reshape(4)),
        (lambda x: np.where(x > 2, x, 0.0), lambda a: np.where(a > 2, a, 0.0)),
        (lambda x: np.maximum(x, 2.0), lambda a: np.maximum(a, 2.0)),
        (lambda x: np.mean(x), lambda a: a.mean()),
        (lambda x: np.matmul(np.ones((2, 2)), x), lambda a: np.ones((2, 2)) @ a),
    ],
)
def test_numpy_functions_reach_the_op(call, expected):
    a = np.array([[1.0, 2.0], [3.0, 4.0]])
    x = tg.Tensor(a, requires_grad=True)
    y = call(x)
    assert isinstance(y, tg.Tensor)
    assert y.requires_grad
    assert np.allclose(y.data, expected(a))


def test_numpy_queries_give_plain_answers():
    x = leaf(1.0, 3.0)
    assert np.shape(x) == (2,)
    assert np.argmax(x) == 1
    assert np.allclose(x, [1.0, 3.0])
    assert np.isfinite(x).all()
    assert type(np.argsort(x)) is np.ndarray


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: np.i0(x), r"np.i0 of a Tensor is refused, .* tensor.data"),
        (lambda x: np.linalg.eigvals(x), "np.linalg.eigvals of a Tensor is refused.*teach it, register an op"),
        (lambda x: np.add.at(x, [0], 1), r"np.add.at writes into its first argument"),
        (lambda x: np.exp(x, out=np.zeros(2)), "np.exp: out is a plain array, and .* would cut its gradient"),
    ],
)
def test_numpy_functions_without_an_op_are_refused_in_words(call, words):
    with pytest.raises(TypeError, match=words):
        call(leaf(1.0, 2.0))


def test_in_place_operator_of_an_array_gives_a_tensor():
    a = same = np.zeros(2)
    a += leaf(1.0, 2.0)
    assert isinstance(a, tg.Tensor) and a.requires_grad and a.tolist() == [1.0, 2.0]
    assert (same == 0).all()
