"""Values of the losses: by hand, and by SciPy."""

import numpy as np
import pytest
from scipy import special

import tinygrad_cnn as tg
from tinygrad_cnn.testing import gradcheck

RNG = np.random.default_rng(0)
X, T = RNG.standard_normal((5, 3)) * 3, RNG.standard_normal((5, 3))
LABELS = np.array([0, 2, 1, 1, 0])
REDUCE = {"mean": np.mean, "sum": np.sum, "none": lambda losses: losses}


@pytest.mark.parametrize("reduction", REDUCE)
class TestAgainstSciPy:
    def test_cross_entropy_and_nll(self, reduction):
        logp = special.log_softmax(X, axis=1)
        expected = REDUCE[reduction](-logp[np.arange(5), LABELS])
        np.testing.assert_allclose(tg.softmax_cross_entropy(X, LABELS, reduction=reduction), expected, rtol=1e-12)
        np.testing.assert_allclose(tg.nll_loss(logp, LABELS, reduction=reduction), expected, rtol=1e-12)

    def test_cross_entropy_of_probabilities_is_entropy_plus_divergence(self, reduction):
        p = special.softmax(T, axis=1)
        expected = (special.entr(p) + special.rel_entr(p, special.softmax(X, axis=1))).sum(1)
        got = tg.softmax_cross_entropy(X, p, reduction=reduction)
        np.testing.assert_allclose(got, REDUCE[reduction](expected), rtol=1e-12)

    def test_huber(self, reduction):
        expected = REDUCE[reduction](special.huber(0.7, X - T))
        np.testing.assert_allclose(tg.huber_loss(X, T, delta=0.7, reduction=reduction), expected, rtol=1e-12)

    def test_binary_cross_entropy(self, reduction):
        t = special.expit(T)
        terms = -special.xlogy(t, special.expit(X)), -special.xlogy(1 - t, special.expit(-X))
        got = tg.binary_cross_entropy_with_logits(X, t, reduction=reduction)
        np.testing.assert_allclose(got, REDUCE[reduction](terms[0] + terms[1]), rtol=1e-10)
        got = tg.binary_cross_entropy_with_logits(X, t, pos_weight=2.5, reduction=reduction)
        np.testing.assert_allclose(got, REDUCE[reduction](2.5 * terms[0] + terms[1]), rtol=1e-10)


def test_by_hand():
    a, b = np.array([[1.0, 2.0]]), np.array([[3.0, -1.0]])
    assert tg.mse_loss(a, b) == (4 + 9) / 2
    assert tg.l1_loss(a, b, reduction="sum") == 2 + 3
    assert tg.huber_loss(a, b, delta=2.5, reduction="none").tolist() == [[2.0, 2.5 * (3 - 1.25)]]
    assert tg.nll_loss(-a, np.array([1]), weight=np.array([9.0, 0.5])) == 2.0  # the mean is weighted, too
    assert tg.nll_loss(-a, np.array([1]), weight=np.array([9.0, 0.5]), reduction="sum") == 1.0
    assert tg.nll_loss(-a, np.array([7]), ignore_index=7) == 0.0


def test_extreme_logits_give_finite_losses_and_gradients():
    x = tg.Tensor(np.array([1e4, -1e4, 0.0]), requires_grad=True)
    loss = tg.binary_cross_entropy_with_logits(x, np.array([0.0, 1.0, 0.5]), reduction="none")
    np.testing.assert_allclose(loss.data, [1e4, 1e4, np.log(2)])
    loss.sum().backward()
    np.testing.assert_allclose(x.grad, [1.0, -1.0, 0.0])


def test_a_logit_or_a_residual_of_exactly_zero_is_no_kink():
    x = tg.Tensor(np.zeros(2), requires_grad=True)
    first = tg.grad(tg.binary_cross_entropy_with_logits(x, np.array([0.0, 1.0]), reduction="sum"), x, create_graph=True)
    np.testing.assert_array_equal(first.data, [0.5, -0.5])
    np.testing.assert_array_equal(tg.grad(first.sum(), x), [0.25, 0.25])
    first = tg.grad(tg.huber_loss(x, np.zeros(2), reduction="sum"), x, create_graph=True)
    np.testing.assert_array_equal(first.data, [0.0, 0.0])
    np.testing.assert_array_equal(tg.grad(first.sum(), x), [1.0, 1.0])


@pytest.mark.parametrize("reduction", REDUCE)
@pytest.mark.parametrize("f", [
    tg.mse_loss, tg.l1_loss, tg.huber_loss,
    lambda x, t, **o: tg.binary_cross_entropy_with_logits(x, tg.sigmoid(t), pos_weight=2.0, **o),
    lambda x, t, **o: tg.softmax_cross_entropy(x, tg.softmax(t), label_smoothing=0.1, **o),
], ids=["mse", "l1", "huber", "bce", "cross entropy"])  # fmt: skip
def test_gradients_in_predictions_and_targets(f, reduction):
    assert gradcheck(lambda x, t: f(x, t, reduction=reduction), [X, T], order=2).checks


@pytest.mark.parametrize("labels", [np.eye(3)[[0, 2]], np.eye(3, dtype=int)[[0, 2]]], ids=["float64", "whole"])
def test_rows_of_labels_of_another_dtype_have_second_derivatives(labels):
    logits = tg.Tensor(np.array([[0.5, -1.0, 2.0], [0.1, 0.2, 0.3]], np.float32), requires_grad=True)

    def second(labels):
        (g,) = tg.grad(tg.softmax_cross_entropy(logits, labels), [logits], create_graph=True)
        return tg.grad((g * g).sum(), logits)

    assert np.allclose(second(labels), second(labels.astype(np.float32)), atol=1e-6)
    assert second(labels).dtype == np.float32
