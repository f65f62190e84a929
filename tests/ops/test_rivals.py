"""Defects found in other frameworks, each kept out by a few lines."""

import gc
import weakref

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.testing import GradcheckError, gradcheck


def leaf(values, dtype=np.float64):
    return tg.Tensor(np.asarray(values, dtype), requires_grad=True)


def test_x_times_x():
    x = leaf(3.0)
    (x * x).backward()
    assert x.grad == 6.0


def test_sixty_doublings():
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad == 2.0**60


def test_chain_of_100_000_ops():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1.0
    y.backward()
    assert x.grad == 1.0


def test_sum_of_4096_leaves():
    leaves = [leaf(1.0) for _ in range(4096)]
    sum(leaves).backward()
    assert all(x.grad == 1.0 for x in leaves)


def test_broadcast_of_2_3_4_and_1_4():
    a, b = leaf(np.ones((2, 3, 4))), leaf(np.ones((1, 4)))
    (a + b).sum().backward()
    assert a.grad.shape == (2, 3, 4)
    assert np.array_equal(b.grad, np.full((1, 4), 6.0))


def test_float32_with_python_numbers_keeps_float32_gradients():
    x = leaf([1.0, 2.0], np.float32)
    y = (2.0 * x + 1) ** 2 / 3.0 - 0.5
    y.sum().backward()
    assert y.dtype == x.grad.dtype == np.float32


def test_numpy_array_on_the_left_and_numpy_function():
    x = leaf([1.0, 2.0])
    y = np.array([3.0, 4.0]) * x + np.exp(x)
    assert isinstance(y, tg.Tensor)
    y.sum().backward()
    assert np.allclose(x.grad, [3.0, 4.0] + np.exp([1.0, 2.0]))


def test_two_backward_calls_through_a_shared_trunk_sum_exactly_once():
    x = leaf(2.0)
    trunk = x * x
    (trunk * 3.0).backward(retain_graph=True)
    (trunk * 5.0).backward()
    assert x.grad == 4.0 * (3.0 + 5.0)


def test_padded_max_pool_of_all_minus_one():
    x = leaf(np.full((1, 4, 4, 1), -1.0))
    y = tg.max_pool2d(x, 3, stride=1, padding=1)
    assert (y.data == -1.0).all()  # padding never wins
    y.sum().backward()
    assert x.grad.sum() == y.size


def test_max_pool_of_zeros_sends_one_to_each_window():
    x = leaf(np.zeros((1, 4, 4, 1)))
    tg.max_pool2d(x, 2).sum().backward()
    windows = x.grad.reshape(2, 2, 2, 2).sum(axis=(1, 3))
    assert np.array_equal(windows, np.ones((2, 2)))
    assert np.array_equal(x.grad[0, ::2, ::2, 0], np.ones((2, 2)))  # ties go to the first


def test_overlapping_pool_with_repeated_winner():
    values = np.zeros((1, 3, 3, 1))
    values[0, 1, 1, 0] = 5.0  # wins all four windows
    x = leaf(values)
    tg.max_pool2d(x, 2, stride=1).sum().backward()
    assert x.grad[0, 1, 1, 0] == 4.0
    assert x.grad.sum() == 4.0


def test_cross_entropy_of_extreme_logits():
    logits = leaf([[1000.0, 0.0], [1.0, 0.0]])
    loss = tg.softmax_cross_entropy(logits, np.array([0, 0]), reduction="none")
    assert np.allclose(loss.data, [0.0, np.log1p(np.exp(-1.0))], rtol=1e-14)
    loss.sum().backward()
    assert np.isfinite(logits.grad).all()


def test_cross_entropy_of_one_row_far_below_the_batch_maximum():
    logits = leaf([[1e4, 0.0], [-1e4, -1e4 - 1.0]])
    loss = tg.softmax_cross_entropy(logits, np.array([1, 0]), reduction="none")
    assert np.allclose(loss.data, [1e4, np.log1p(np.exp(-1.0))], rtol=1e-12)


def test_cross_entropy_of_indices_and_of_one_hot_rows():
    values, labels = np.random.default_rng(0).standard_normal((4, 3)), np.array([2, 0, 1, 1])
    by_index, by_row = leaf(values), leaf(values)
    one, other = tg.softmax_cross_entropy(by_index, labels), tg.softmax_cross_entropy(by_row, np.eye(3)[labels])
    assert np.allclose(one.data, other.data, rtol=1e-14)
    one.backward()
    other.backward()
    assert np.allclose(by_index.grad, by_row.grad, rtol=1e-14)


def test_conv_of_6x6_with_3x3_and_stride_2_floors():
    x, w = leaf(np.ones((1, 6, 6, 1))), leaf(np.ones((3, 3, 1, 1)))
    y = tg.conv2d(x, w, stride=2)
    assert y.shape == (1, 2, 2, 1)
    y.sum().backward()
    assert (x.grad[0, 5] == 0).all()  # the last row belongs to no window


@pytest.mark.parametrize(("size", "window", "stride"), [(5, 2, 2), (6, 2, 2), (7, 4, 2), (8, 4, 3), (5, 4, 1)])
def test_same_is_the_rule_of_tensorflow(size, window, stride):
    out = -(-size // stride)
    total = max((out - 1) * stride + window - size, 0)
    before, after = total // 2, total - total // 2  # the odd pixel goes to the bottom and right
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((1, size, size, 1)), rng.standard_normal((window, window, 1, 1))
    padded = np.pad(x[0, :, :, 0], ((before, after), (before, after)))
    expected = [
        [(padded[i * stride :, j * stride :][:window, :window] * w[:, :, 0, 0]).sum() for j in range(out)]
        for i in range(out)
    ]
    y = tg.conv2d(x, w, stride=stride, padding="same")
    assert y.shape == (1, out, out, 1)
    assert np.allclose(y[0, :, :, 0], expected)


def test_forward_only_loop_leaves_no_live_node():
    gc.disable()
    try:
        w, nodes = leaf(np.ones((3, 3))), []
        for _ in range(50):
            y = tg.relu(w @ w)
            nodes.append(weakref.ref(y.node))
        del y
        assert not any(ref() is not None for ref in nodes)
    finally:
        gc.enable()


def test_wrong_rule_times_12345_is_rejected():
    op = tg.registry["tanh"]
    right = op.rules["x"]
    op.vjp(x=lambda g, y: right(g, y) * 12345.0)
    try:
        with pytest.raises(GradcheckError):
            gradcheck(tg.tanh, np.array([0.1, 0.2]))
    finally:
        op.vjp(x=right)


def test_integer_input_to_gradcheck_is_refused_in_words():
    with pytest.raises(TypeError, match="input 0 has dtype int64, and integers cannot be moved by a small step"):
        gradcheck(tg.exp, np.array([1, 2]))


def test_pad_by_nothing():
    x = leaf(np.arange(4.0))
    y = tg.pad(x, ((0, 0),))
    y.backward(np.arange(4.0))
    assert np.array_equal(y.data, x.data)
    assert np.array_equal(x.grad, np.arange(4.0))


@pytest.mark.parametrize("f", [tg.abs, tg.sqrt, tg.norm, tg.relu])
def test_zero_has_a_finite_gradient_by_convention(f):
    x = leaf(np.zeros(3))
    f(x).sum().backward()
    assert np.array_equal(x.grad, np.zeros(3))


def test_batch_norm_holds_for_random_cotangents():
    rng = np.random.default_rng(0)
    x, gamma, beta = rng.standard_normal((4, 3, 3, 2)), rng.uniform(0.5, 2, 2), rng.standard_normal(2)
    assert gradcheck(lambda x, gamma, beta: tg.batch_norm(x, gamma, beta), [x, gamma, beta], order=2).checks


def test_drawing_of_a_3000_op_chain():
    y = leaf(1.0)
    for _ in range(3000):
        y = -y
    assert tg.draw(y, depth=1, detail="ops").source.count("neg") >= 3000


def test_drawing_of_a_label_with_quotes_and_newlines():
    x = tg.Tensor([1.0], requires_grad=True, name='say "hi"\nto <me> & \\you')
    source = tg.draw(x * 2.0).source
    assert "to &lt;me&gt; &amp;" in source  # as text of an HTML-like label
    assert "\nto" not in source
