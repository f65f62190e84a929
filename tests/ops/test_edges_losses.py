"""Softmax and losses at infinite and NaN logits, at weights and targets of 0, and on nothing."""

import numpy as np
import pytest

import tinygrad_cnn as tg

INF, NAN = np.inf, np.nan
REDUCTIONS = ["mean", "sum", "none"]


def value_and_slope(f, x):
    x = tg.Tensor(np.array(x, float), requires_grad=True)
    with np.errstate(all="ignore"):
        y = f(x)
        return y.data.tolist(), tg.grad(y.sum(), x).tolist()


def test_softmax_of_masked_rows():
    x = np.array([[-INF, 0.0, 0.0], [-INF, -INF, 5.0], [-INF, -INF, -INF], [INF, 0.0, 0.0]])
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(tg.softmax(x), [[0, 0.5, 0.5], [0, 0, 1], [NAN] * 3, [NAN] * 3])  # as PyTorch
        logs = tg.log_softmax(x)
    np.testing.assert_allclose(logs[:2], [[-INF, -np.log(2), -np.log(2)], [-INF, -INF, 0]])
    assert np.isnan(logs[2:]).all()


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weight", [None, np.array([1.0, 2.0])])
def test_ignored_rows_count_nothing_even_if_they_are_nan(reduction, smoothing, weight):
    rows, labels = [[1.0, 2.0], [NAN, 0.0], [INF, INF]], np.array([0, -1, -1])
    options = {"weight": weight, "ignore_index": -1, "label_smoothing": smoothing, "reduction": reduction}
    _, slope = value_and_slope(lambda x: tg.softmax_cross_entropy(x, labels, **options), rows)
    _, alone = value_and_slope(lambda x: tg.softmax_cross_entropy(x, labels[:1], **options), rows[:1])
    np.testing.assert_allclose(slope, [*alone, [0, 0], [0, 0]])
    x = tg.Tensor(np.array(rows), requires_grad=True)
    with np.errstate(all="ignore"):
        loss = tg.softmax_cross_entropy(x, labels, **options)
        second = tg.grad((tg.grad(loss.sum(), x, create_graph=True) * np.array([1.0, 2.0])).sum(), x)
    assert np.isfinite(second).all()
    assert second[0].any()
    assert not second[1:].any()


@pytest.mark.parametrize("loss", [tg.softmax_cross_entropy, tg.nll_loss])
def test_weights_that_add_up_to_nothing(loss):
    x, labels = np.array([[0.0, 1.0], [2.0, 0.0]]), np.array([0, 0])
    assert value_and_slope(lambda x: loss(x, labels, weight=np.array([0.0, 1.0])), x) == (0.0, [[0, 0], [0, 0]])
    for bad in (INF, NAN):  # such as 1 / count of a class without examples
        with pytest.raises(ValueError, match=rf"^{loss.__name__}: weight\[1\] is {bad}; it must be finite"):
            loss(x, labels, weight=np.array([1.0, bad]))


@pytest.mark.parametrize("smoothing", [0.0, 0.3, 1.0])
def test_one_class_is_always_right(smoothing):
    labels = np.array([0, 0])
    f = lambda x: tg.softmax_cross_entropy(x, labels, label_smoothing=smoothing)  # noqa: E731
    assert value_and_slope(f, [[5.0], [-7.0]]) == (0.0, [[0.0], [0.0]])


def test_target_probabilities_of_zero_are_not_multiplied_by_infinity():
    y, slope = value_and_slope(
        lambda x: tg.softmax_cross_entropy(x, np.array([[0.0, 1.0, 0.0]]), reduction="none"), [[-INF, 0.0, 0.0]]
    )
    np.testing.assert_allclose(y, [np.log(2)])
    np.testing.assert_allclose(slope, [[0, -0.5, 0.5]])
    assert tg.softmax_cross_entropy(np.array([[-INF, 0.0]]), np.array([0])) == INF
    assert np.isnan(tg.softmax_cross_entropy(np.array([[NAN, 0.0]]), np.array([1])))


def test_binary_cross_entropy_far_out():
    z, t = [1e4, -1e4, 1e4, -1e4, 0.0], np.array([1.0, 1.0, 0.0, 0.0, 0.5])
    for weight in (None, 1.0):
        f = lambda z: tg.binary_cross_entropy_with_logits(z, t, pos_weight=weight, reduction="none")  # noqa: B023, E731
        y, slope = value_and_slope(f, z)
        np.testing.assert_allclose(y, [0, 1e4, 1e4, 0, np.log(2)])
        np.testing.assert_allclose(slope, [0, -1, 1, 0, 0], atol=1e-300)


def test_huber_at_its_delta_and_beyond():
    x = [2, -2, 0, 1e200, INF, NAN]
    y, slope = value_and_slope(lambda x: tg.huber_loss(x, np.zeros(6), delta=2, reduction="none"), x)
    np.testing.assert_allclose(y, [2, 2, 0, 2e200, INF, NAN])
    np.testing.assert_allclose(slope, [2, -2, 0, 2, 2, NAN])


@pytest.mark.parametrize("loss", [tg.mse_loss, tg.l1_loss, tg.huber_loss, tg.binary_cross_entropy_with_logits])
def test_losses_of_nothing(loss):
    x = np.zeros((0, 3))
    assert loss(x, x, reduction="sum") == 0
    assert loss(x, x, reduction="none").shape == (0, 3)
    with pytest.raises(ValueError, match=f"^{loss.__name__}: .* holds no elements to average"):
        loss(x, x)


@pytest.mark.parametrize("labels", [np.zeros(0, int), np.zeros((0, 3))])
def test_cross_entropy_of_nothing_is_zero(labels):
    for reduction in ("mean", "sum"):
        f = lambda x: tg.softmax_cross_entropy(x, labels, reduction=reduction)  # noqa: B023, E731
        assert value_and_slope(f, np.zeros((0, 3))) == (0.0, [])
