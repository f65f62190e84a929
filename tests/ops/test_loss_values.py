"""Losses of probabilities, overlap, distributions, vectors and margins: by hand, at their ends, and their messages."""

import numpy as np
import pytest
from scipy import special, stats

import tinygrad_cnn as tg
from tinygrad_cnn.testing import gradcheck

RNG = np.random.default_rng(0)
X, T = RNG.standard_normal((2, 4, 3))
P, Q = RNG.uniform(0.1, 0.9, (2, 4, 3))


def slopes(f, x):
    """The first gradient of the sum of f, and that of a weighted sum of it."""
    x = tg.Tensor(np.array(x, float), requires_grad=True)
    y = f(x)
    first = tg.grad(y.sum(), x, create_graph=True)
    weighed = (first * np.arange(1.0, x.size + 1).reshape(x.shape)).sum()
    return y.data.tolist(), first.data.tolist(), tg.grad(weighed, x) if first.requires_grad else np.zeros(x.shape)


# -- probabilities --------------------------------------------------------------------------------------------------


def test_probabilities_are_their_logits():
    s = special.expit(X)
    np.testing.assert_allclose(tg.binary_cross_entropy(s, Q), tg.binary_cross_entropy_with_logits(X, Q), rtol=1e-12)
    np.testing.assert_allclose(tg.kl_div(np.log(P), Q, reduction="none"), special.rel_entr(Q, P), rtol=1e-12)
    np.testing.assert_allclose(tg.kl_div(np.log(P), np.log(Q), log_target=True), tg.kl_div(np.log(P), Q), rtol=1e-12)
    np.testing.assert_allclose(tg.kl_div(X, Q, reduction="batchmean"), tg.kl_div(X, Q, reduction="sum") / 4)
    np.testing.assert_allclose(tg.sigmoid_focal_loss(X, Q, alpha=None, gamma=0), tg.binary_cross_entropy(s, Q))


def test_binary_cross_entropy_at_0_and_1():
    targets = np.array([1.0, 0, 0, 1])
    y, first, second = slopes(lambda p: tg.binary_cross_entropy(p, targets, reduction="none"), [0, 1, 0, 1])
    assert y == [100.0, 100.0, 0.0, 0.0]
    assert first == [0.0, 0.0, 1.0, -1.0] and np.isfinite(second).all()


def test_divergence_from_what_is_impossible():
    f = lambda x: tg.kl_div(x, np.array([0.0, 1.0]), reduction="none")  # noqa: E731
    assert slopes(f, [-np.inf, 0.0])[:2] == ([0.0, 0.0], [0.0, -1.0])
    f = lambda x: tg.kl_div(x, np.array([-np.inf, 0.0]), log_target=True, reduction="none")  # noqa: E731
    assert slopes(f, [-np.inf, 0.0])[:2] == ([0.0, 0.0], [0.0, -1.0])


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_focal_loss_of_extreme_logits_is_finite(gamma):
    f = lambda x: tg.sigmoid_focal_loss(x, np.array([0.0, 1.0, 1.0, 0.0]), alpha=None, gamma=gamma, reduction="none")  # noqa: E731
    y, first, second = slopes(f, [1e4, -1e4, 1e4, -1e4])
    assert y == [1e4, 1e4, 0.0, 0.0] and first == [1.0, -1.0, 0.0, 0.0] and not second.any()


# -- overlap --------------------------------------------------------------------------------------------------------


def test_dice_by_hand():
    p, t = np.array([[[0.5, 0.5], [1.0, 0.0]]]), np.array([[[1.0, 0.0], [1.0, 0.0]]])
    first = 1 - (2 * 1.5 + 1) / (1.5 + 2 + 1)
    second = 1 - (0 + 1) / (0.5 + 0 + 1)
    np.testing.assert_allclose(tg.dice_loss(p, t, reduction="none"), [[first, second]])
    np.testing.assert_allclose(tg.dice_loss(p, t), (first + second) / 2)
    squared = 1 - (2 * 1.5 + 1) / (1.25 + 2 + 1)
    np.testing.assert_allclose(tg.dice_loss(p, t, squared=True, reduction="none")[0, 0], squared)


def test_dice_of_labels_masks_and_logits():
    labels, logits = RNG.integers(0, 3, (2, 4, 5)), RNG.standard_normal((2, 4, 5, 3))
    want = tg.dice_loss(special.softmax(logits, -1), np.eye(3)[labels])
    np.testing.assert_allclose(tg.dice_loss(logits, labels, activation="softmax"), want)
    one, mask = logits[..., :1], labels > 0
    want = tg.dice_loss(special.expit(one), mask[..., None])
    for targets in (mask, mask.astype(int), mask[..., None]):
        np.testing.assert_allclose(tg.dice_loss(one, targets, activation="sigmoid"), want)
    with_hole = np.where(labels == 2, 255, labels)
    got = tg.dice_loss(logits[..., :2], with_hole, activation="softmax", ignore_index=255)
    used = labels[..., None] < 2
    want = tg.dice_loss(special.softmax(logits[..., :2], -1) * used, np.eye(3)[labels][..., :2])
    np.testing.assert_allclose(got, want)


def test_dice_of_a_class_that_is_nowhere():
    nowhere = np.zeros((1, 2, 1))
    assert tg.dice_loss(nowhere, nowhere) == 0.0
    for smooth in (0.0, 1.0):
        y, first, second = slopes(lambda p, s=smooth: tg.dice_loss(p, nowhere, smooth=s), nowhere)
        assert np.isfinite(y) and np.isfinite(first).all() and np.isfinite(second).all()


# -- distributions --------------------------------------------------------------------------------------------------


def test_densities_are_those_of_scipy():
    got = tg.gaussian_nll_loss(X, T, P, full=True, reduction="none")
    np.testing.assert_allclose(got, -stats.norm.logpdf(T, X, np.sqrt(P)), rtol=1e-12)
    counts = RNG.integers(30, 60, (4, 3))
    got = tg.poisson_nll_loss(np.log(40 * P), counts, full=True, reduction="none")
    missing = -stats.poisson.logpmf(counts, 40 * P) - got
    np.testing.assert_allclose(missing, 1 / (12 * counts), rtol=1e-3)  # the next term of Stirling's series
    rates = tg.poisson_nll_loss(40 * P, counts, log_input=False, reduction="none", eps=1e-12)
    np.testing.assert_allclose(rates, tg.poisson_nll_loss(np.log(40 * P), counts, reduction="none"), rtol=1e-9)
    assert tg.gaussian_nll_loss(1.0, 3.0, 0.0, eps=0.5) == pytest.approx((np.log(0.5) + 8) / 2)


def test_smooth_l1_is_huber_in_units_of_beta():
    for beta in (0.5, 2.0):
        np.testing.assert_allclose(tg.smooth_l1_loss(X, T, beta=beta), tg.huber_loss(X, T, delta=beta) / beta)
    np.testing.assert_allclose(tg.smooth_l1_loss(X, T, beta=0), tg.l1_loss(X, T))


# -- vectors and margins --------------------------------------------------------------------------------------------


def test_cosines():
    want = (X * T).sum(1) / np.sqrt((X**2).sum(1) * (T**2).sum(1))
    np.testing.assert_allclose(tg.cosine_similarity(X, T), want)
    np.testing.assert_allclose(tg.cosine_similarity(X.T, T.T, axis=0), want)
    np.testing.assert_allclose(tg.cosine_similarity(X[:, None], T).diagonal(), want)
    np.testing.assert_allclose(tg.cosine_similarity(X, -3 * X), -1)
    gradcheck(tg.cosine_similarity, [X, T[0]], order=2)


def test_a_vector_of_zeros_has_a_finite_slope():
    for f in (lambda a: tg.cosine_similarity(a, X[:1]), lambda a: tg.triplet_margin_loss(a, 0 * X[:1], X[:1], eps=0.0),
              lambda a: tg.cosine_embedding_loss(a, X[:1], np.array([1]))):  # fmt: skip
        _, first, second = slopes(f, np.zeros((1, 3)))
        assert np.isfinite(first).all() and np.isfinite(second).all()


@pytest.mark.parametrize("made", [np.array, lambda y: np.array(y, np.float32), tg.Tensor, list])
def test_signs_of_every_kind(made):
    x1, x2 = X[:, 0], T[:, 0]
    sign = np.array([1, -1, 1, -1])
    y = made([1, -1, 1, -1])
    want = np.maximum(0, -sign * (x1 - x2) + 0.5)
    np.testing.assert_allclose(tg.margin_ranking_loss(x1, x2, y, margin=0.5, reduction="none"), want)
    want = np.where(sign > 0, x1, np.maximum(0, 1 - x1))
    np.testing.assert_allclose(tg.hinge_embedding_loss(x1, y, reduction="none"), want)


def test_margins_of_classes():
    x, labels = np.array([[0.1, 0.2, 0.4], [0.9, 0.1, 0.0]]), np.array([2, 0])
    want = [(0.7 + 0.8) / 3, (0.2 + 0.1) / 3]
    np.testing.assert_allclose(tg.multi_margin_loss(x, labels, reduction="none"), want)
    weight = np.array([2.0, 1.0, 0.5])
    got = tg.multi_margin_loss(x, labels, weight=weight, reduction="none")
    np.testing.assert_allclose(got, np.array(want) * [0.5, 2.0])
    square = tg.multi_margin_loss(x[None], labels[None], p=2, reduction="none")
    np.testing.assert_allclose(square, [[(0.49 + 0.64) / 3, (0.04 + 0.01) / 3]])


# -- mistakes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("call", "message"), [
    (lambda: tg.binary_cross_entropy(np.array([[0.5, 1.5]]), np.ones((1, 2))),
     r"binary_cross_entropy: probabilities\[0, 1\] is 1.5; it must be a number from 0 to 1.*with_logits"),
    (lambda: tg.binary_cross_entropy(np.array([np.nan]), np.ones(1)), r"probabilities\[0\] is nan"),
    (lambda: tg.kl_div(X, -Q), r"kl_div: targets\[0, 0\] is -.*of at least 0. Set log_target=True"),
    (lambda: tg.kl_div(X, Q[0]), r"kl_div: log_probabilities \(4, 3\) and targets \(3,\) must have one shape"),
    (lambda: tg.gaussian_nll_loss(X, T, -P), r"gaussian_nll_loss: variance\[0, 0\] is -"),
    (lambda: tg.poisson_nll_loss(-P, Q, log_input=False),
     r"poisson_nll_loss: predictions\[0, 0\] is -.*log_input=True"),
    (lambda: tg.smooth_l1_loss(X, T, beta=-1), r"smooth_l1_loss: beta=-1 must be a finite number of at least 0"),
    (lambda: tg.sigmoid_focal_loss(X, T, alpha=2), r"sigmoid_focal_loss: alpha=2 must be a number from 0 to 1"),
    (lambda: tg.margin_ranking_loss(X[0], T[0], np.array([1, 0, -1])),
     r"margin_ranking_loss: y is .*1 or -1 for each loss"),
    (lambda: tg.cosine_embedding_loss(X, T[0], np.ones(4)),
     r"x1 \(4, 3\), x2 \(3,\) must be vectors \(..., D\) of one shape"),
    (lambda: tg.cosine_similarity(X, T[:3]), r"cosine_similarity: x1 \(4, 3\) and x2 \(3, 3\) do not broadcast"),
    (lambda: tg.cosine_similarity(X, T, 2), r"cosine_similarity: axis=2 is out of range for 2 axes"),
    (lambda: tg.triplet_margin_loss(X, T, X, p=0), r"triplet_margin_loss: p=0 must be a finite number above 0"),
    (lambda: tg.multi_margin_loss(X, np.array([0, 1, 2, 3])),
     r"multi_margin_loss: labels\[3\] = 3 is not a valid class"),
    (lambda: tg.multi_margin_loss(X, np.zeros(4, int), p=3),
     r"multi_margin_loss: p=3 must be a whole number from 1 to 2"),
    (lambda: tg.dice_loss(X, np.ones(3)),
     r"dice_loss: predictions \(4, 3\) must be \(N, ..., C\).*they have shape \(3,\)"),
    (lambda: tg.dice_loss(X[None], np.full((1, 4), 3)), r"dice_loss: labels\[0, 0\] = 3 is not a valid class"),
    (lambda: tg.dice_loss(X[None], Q[None], ignore_index=1), r"dice_loss: ignore_index=1 needs labels"),
    (lambda: tg.dice_loss(X[None], Q[None], activation="tanh"), r"dice_loss: activation='tanh' must be"),
    (lambda: tg.nn.KLDivLoss(reduction="average"),
     r'KLDivLoss: reduction=\'average\' must be "mean", "batchmean", "sum" or'),
])  # fmt: skip
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
