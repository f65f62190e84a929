"""Plain arrays that are written to between an op and backward: copied if small, else noticed."""

import weakref

import numpy as np
import pytest

import tinygrad_cnn as tg


def weight(*shape):
    return tg.Tensor(np.ones(shape), requires_grad=True)


def test_a_small_array_may_be_written_to():
    a, w = np.array([1.0, 2.0]), weight(2)
    y = (w * a).sum()
    a[:] = 7
    assert tg.grad(y, w).tolist() == [1.0, 2.0]
    labels, logits = np.array([0, 1]), tg.Tensor(np.eye(3)[:2], requires_grad=True)
    loss = tg.softmax_cross_entropy(logits, labels)
    expected = tg.grad(loss, logits, retain_graph=True)
    labels[:] = 2
    np.testing.assert_array_equal(tg.grad(loss, logits), expected)


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("layout", ["C", "F", "strided"])
def test_a_buffer_that_is_filled_anew_is_noticed(create_graph, layout):
    batch = {"C": np.ones((64, 100)), "F": np.ones((100, 64)).T, "strided": np.ones((64, 200))[:, ::2]}[layout]
    w = weight(100, 3)
    loss = tg.matmul(batch, w).sum()
    batch[:] = np.random.default_rng(0).random(batch.shape)
    words = r"backward: matmul at .*test_guarding.py:\d+ saved the array \(64, 100\) float64 given as a, which was"
    with pytest.raises(tg.GraphError, match=words):
        tg.grad(loss, w, create_graph=create_graph)


def test_an_array_that_stays_is_fine_not_a_number_or_not():
    batch, w = np.full((64, 100), np.nan), weight(100, 3)
    assert np.isnan(tg.grad(tg.matmul(batch, w).sum(), w)).all()


def test_what_no_rule_needs_may_be_written_to():
    a, w = np.ones(10_000), weight(10_000)
    y = (w + a).sum()
    a[:] = 5
    assert (tg.grad(y, w) == 1).all()


def test_every_element_is_compared_if_asked_for():
    def attempt():
        batch, w = np.ones((64, 100)), weight(100, 3)
        loss = tg.matmul(batch, w).sum()
        batch[3, 4] = 5
        return tg.grad(loss, w)

    assert attempt()[4, 0] == 68  # the price of comparing few: the gradient is that of the new values
    tg.debug(check_arrays=True)
    try:
        with pytest.raises(tg.GraphError, match="was written to afterwards"):
            attempt()
    finally:
        tg.debug(check_arrays=False)


def test_a_graph_that_was_released_keeps_no_plain_array_alive():
    batch, w = np.ones((64, 100)), weight(100, 3)
    seen = weakref.ref(batch)
    loss = tg.matmul(batch, w).sum()
    del batch
    assert seen() is not None
    loss.backward()
    assert seen() is None and loss.node is not None


@pytest.mark.parametrize("size", [3, 3000])
def test_a_read_only_view_follows_what_it_shows(size):
    w, buffer = weight(1), np.ones(size, np.float32)
    y = (w * np.broadcast_to(buffer, (2, size))).sum()
    buffer[:] = 100
    if size == 3:
        y.backward()
        assert w.grad.tolist() == [6.0]
    else:
        with pytest.raises(tg.GraphError, match="was written to afterwards"):
            y.backward()
