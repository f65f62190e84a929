"""Writing to Tensors: every name of a Tensor sees it, graphs from before do not, and gradients are right."""

import copy
import operator

import numpy as np
import pytest

import tinygrad_cnn as tg

OPERATORS = [operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ipow]
KEYS = {
    "number": 1, "slice": slice(0, 2), "row and column": (0, slice(1, None)), "all": ..., "list": [2, 0],
    "twice": ([1, 1], [0, 2]), "mask": np.array([True, False, True]), "new axis": (None, 1),
}  # fmt: skip


def leaf(*values, **options):
    return tg.Tensor(np.array(values, np.float64), requires_grad=True, **options)


def matrix():
    return tg.Tensor(np.arange(9.0).reshape(3, 3) + 1, requires_grad=True)


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_written_values_and_gradients_are_those_of_numpy_and_differences(key):
    x, v = matrix(), leaf(0.5)
    want = x.numpy()
    want[key] = 0.5

    def f(x, v):
        y = x * 1.0
        y[key] = v
        return y

    assert np.array_equal(f(x, v).data, want)
    tg.testing.gradcheck(f, [x.numpy(), v.numpy()], order=2)


@pytest.mark.parametrize("step", OPERATORS)
def test_an_operator_in_place_gives_what_it_gives_elsewhere(step):
    x, v = leaf(1.0, 2.0), leaf(3.0, 0.5)

    def f(x, v):
        y = x * 1.0
        name = y
        y = step(y, v)
        assert y is name
        return y

    assert np.array_equal(f(x, v).data, step(x.numpy(), v.numpy()))
    tg.testing.gradcheck(f, [x.numpy(), v.numpy()], order=2)


def test_matrix_product_in_place():
    y = leaf(1.0, 2.0).reshape(1, 2)
    y @= np.eye(2) * 2
    assert y.tolist() == [[2.0, 4.0]]
    with pytest.raises(ValueError, match=r"@=: the result has shape \(1, 3\), but a write keeps the shape \(1, 2\)"):
        y @= np.ones((2, 3))


def test_every_name_sees_the_write_and_graphs_from_before_do_not():
    x = leaf(1.0, 2.0)
    y = x * 3.0
    name, before, values = y, y * y, y.data
    y[0] = 10.0
    assert name is y and name.tolist() == [10.0, 6.0]
    assert values.tolist() == [3.0, 6.0]
    assert tg.grad(before.sum(), x, retain_graph=True).tolist() == [18.0, 36.0]
    assert tg.grad((y * y).sum(), x).tolist() == [0.0, 36.0]


def test_an_element_with_an_operator():
    x = leaf(1.0, 2.0)
    y = x * 1.0
    y[1] *= y[0] + x[1]
    assert y.tolist() == [1.0, 6.0]
    assert tg.grad(y.sum(), x).tolist() == [1.0 + 2.0, 3.0 + 2.0]


def test_a_leaf_that_requires_a_gradient_is_written_to_under_no_grad_only():
    w = leaf(1.0, 2.0, name="w")
    for write in (lambda: w.__setitem__(0, 5.0), lambda: w.__iadd__(1.0)):
        with pytest.raises(tg.GraphError, match=r"on tensor 'w': it requires.*under tg.no_grad\(\).*w = w \+ v"):
            write()
    node = w.node
    with tg.no_grad():
        w -= 0.5 * w
        w[1] = 7.0
    assert w.tolist() == [0.5, 7.0] and w.node is node and w.requires_grad and w.version == 2


def test_a_result_is_not_written_to_under_no_grad():
    y = leaf(1.0) * 2
    with tg.no_grad(), pytest.raises(tg.GraphError, match=r"it is a result of mul, and under no_grad.*t.detach\(\)"):
        y[0] = 1.0
    with tg.no_grad(), pytest.raises(tg.GraphError, match="a result of mul"):
        y += 1


def test_a_leaf_without_gradient_takes_values_or_becomes_a_result():
    t, x = tg.zeros(3), tg.Tensor([2.0], requires_grad=True)
    before = x * t  # keeps the zeros for its gradient
    for k in range(3):
        t[k] = k
    assert t.tolist() == [0.0, 1.0, 2.0] and not t.requires_grad
    assert tg.grad(before.sum(), x).tolist() == [0.0]
    t[1] = x[0] * x[0]
    assert t.requires_grad and tg.grad(t.sum(), x).tolist() == [4.0]


def test_a_write_does_not_reach_other_tensors_that_look_at_the_memory():
    t = tg.zeros(4)
    square, plain, copied = t.reshape(2, 2), t.detach(), copy.copy(t)
    square[0] = 1.0
    plain += 5.0
    copied[3] = 9.0
    assert t.tolist() == [0.0] * 4
    t.assign(np.ones(4))
    assert square.tolist() == [[1.0, 1.0], [0.0, 0.0]]


def test_writing_in_place_does_not_copy_what_nobody_else_holds():
    t = tg.zeros(1000)
    t[0] = 1.0
    address = t.data.ctypes.data
    for k in range(1000):
        t[k] = 2.0
    assert t.data.ctypes.data == address


@pytest.mark.parametrize("recorded", [False, True])
def test_a_write_to_what_an_index_gave_is_refused(recorded):
    t = tg.Tensor(np.zeros((4, 2)), requires_grad=recorded) * 1.0
    for part in (lambda: t[1:3], lambda: t[0], lambda: next(iter(t))):
        with pytest.raises(TypeError, match=r"would not reach t. Write both in one, as in t\[1:3, 0\] = v"):
            part()[0] = 5.0
    chosen = t[np.array([1, 2])]
    chosen[0] = 5.0
    assert chosen.tolist() == [[5.0, 5.0], [0.0, 0.0]]


def test_shapes_and_kinds_are_kept():
    t = tg.Tensor([1.0, 2.0])
    with pytest.raises(ValueError, match=r"\+=: the result has shape \(3, 2\), but a write keeps the shape \(2,\)"):
        t += np.ones((3, 2), np.float32)
    t += np.ones(2, np.float64)
    assert t.dtype == np.float32 and t.tolist() == [2.0, 3.0]
    y = tg.Tensor([1.0], requires_grad=True) * 1.0
    y += np.ones(1, np.float64)
    assert y.dtype == np.float32
    whole = tg.Tensor([1, 2])
    with pytest.raises(TypeError, match="a tensor of int64 cannot hold values of float64"):
        whole[0] = 1.5
    with pytest.raises(IndexError, match=r"t\[...\] = v on a tensor of shape \(2,\): index 7 is out of bounds"):
        whole[7] = 1


def test_two_values_for_one_place():
    x, v = tg.Tensor(np.zeros(2), requires_grad=True), leaf(1.0, 2.0, 3.0)
    y = tg.setitem(x, v, key=[0, 0, 1])
    assert y.tolist() == [2.0, 3.0]  # the last one stays
    assert tg.grad(y.sum(), v).tolist() == [0.0, 1.0, 1.0]


@pytest.mark.parametrize("key", [slice(None), [1, 0]], ids=["slice", "list"])
def test_values_may_have_more_axes_of_length_one(key):
    x, v = tg.Tensor(np.zeros(2), requires_grad=True), tg.Tensor(np.array([[[3.0, 4.0]]]), requires_grad=True)
    y = x * 1.0
    y[key] = v
    want = np.zeros(2)
    want[key] = v.data
    assert np.array_equal(y.data, want)
    assert tg.grad(y.sum(), v).tolist() == [[[1.0, 1.0]]]


def test_whole_numbers_fit_where_their_kind_holds_them():
    t = tg.Tensor(np.zeros(3, np.uint8))
    t[0] = 200
    t[1:] = [1, 2]
    assert t.tolist() == [200, 1, 2] and t.dtype == np.uint8
    assert t.assign([3, 4, 5]).tolist() == [3, 4, 5]
    for write in (lambda: t.assign([0, 0, 300]), lambda: t.__setitem__(0, -1)):
        with pytest.raises(OverflowError, match=r"(assign|t\[...\] = v): .* out of bounds for uint8"):
            write()
    with pytest.raises(TypeError, match="cannot hold values of int64"):
        t[0] = np.array(5)
    assert t.tolist() == [3, 4, 5]


def test_a_name_and_the_wish_to_retain_a_gradient_outlast_a_write():
    x = leaf(1.0, 2.0)
    y = (x * 1.0).retain_grad()
    y.name = "h"
    y *= 3.0
    y[0] = 5.0
    (y * 7.0).sum().backward()
    assert y.name == "h" and y.grad.tolist() == [7.0, 7.0]  # of the newest value
    assert x.grad.tolist() == [0.0, 21.0]


@pytest.mark.parametrize("step", [operator.iand, operator.ior, operator.ixor])
def test_logic_in_place(step):
    a, b = np.array([True, True, False]), np.array([True, False, False])
    mask = tg.Tensor(a)
    same = mask
    mask = step(mask, b)
    assert mask is same and mask.tolist() == step(a.copy(), b).tolist()
    with pytest.raises(TypeError, match="take boolean Tensors"):
        step(tg.Tensor([1.0, 2.0]), 1.0)


def test_a_write_to_a_leaf_keeps_what_is_known_of_it():
    x = leaf(1.0, 2.0)
    t = x.detach()
    t[0] = 5.0
    assert "cut by stop_gradient" in tg.explain_grad(t)


def test_keys_with_tensors_and_of_nothing():
    x = tg.Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    one, two = tg.Tensor(1), tg.Tensor(2)
    part = x[:, one:two]
    assert part.tolist() == [[1.0], [4.0]] and part.node.params["key"] == (slice(None), slice(1, 2, None))
    assert x[one:two].shape == (1, 3) and x[[[]]].shape == (1, 0, 3)
    with pytest.raises(TypeError, match=r"getitem: the key \('index', 'index'\) has 2 places.*got 1 arrays"):
        x[np.array([0]), "index"]


def test_a_copy_is_written_to_alone_and_passes_the_gradient():
    x = leaf(1.0, 2.0, 3.0)
    y = x.copy()
    y[0] = 5.0
    assert x.data.tolist() == [1, 2, 3] and y.data.tolist() == [5, 2, 3]
    tg.testing.gradcheck(lambda x: _first_zero(x.copy()), [x.numpy()], order=2)
    for made in (tg.Tensor([1, 2]), tg.Tensor([True, False]), tg.Tensor(np.float16([1, 2]))):
        twin = made.copy()
        assert twin is not made and twin.dtype == made.dtype and np.array_equal(twin.data, made.data)
        with tg.no_grad():
            twin[0] = False
        assert made.data[0] == 1


def _first_zero(y):
    y[0] = 0.0
    return y * y
