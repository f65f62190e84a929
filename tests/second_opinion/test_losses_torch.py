"""Losses beside PyTorch's: values, and gradients of the first and second order in every floating input, in float64."""

import numpy as np
import pytest

import tinygrad_cnn as tg

torch = pytest.importorskip("torch", reason="PyTorch is not installed here; .ci/run installs it")
F = torch.nn.functional

RNG = np.random.default_rng(0)
X, T = RNG.standard_normal((2, 5, 3))
P, Q = np.random.default_rng(1).uniform(0.05, 0.95, (2, 5, 3))
ROWS = P / P.sum(axis=1, keepdims=True)
SIGNS, LABELS = np.array([1, -1, 1, 1, -1]), np.array([0, 2, 1, 1, 0])
WEIGHT = np.array([0.5, 2.0, 1.0])


def weights(shape, seed):
    return np.random.default_rng(seed).standard_normal(tuple(shape))


def derivatives(f, grad, leaves, constant, orders):
    y = f(*leaves)
    first = grad((y * constant(weights(y.shape, 0))).sum(), leaves)
    if orders == 1:
        return [y, *first]
    total = sum((g * constant(weights(g.shape, 50 + k))).sum() for k, g in enumerate(first))
    return [y, *first, *grad(total, leaves)]


def agree(ours, theirs, *arrays, orders=2):
    """Both are functions of floating arrays; what selects is inside of them."""
    mine = derivatives(
        ours, lambda y, xs: tg.grad(y, list(xs), create_graph=True, allow_unused=True),
        [tg.Tensor(a, requires_grad=True) for a in arrays], np.asarray, orders)  # fmt: skip
    other = derivatives(
        theirs, lambda y, xs: torch.autograd.grad(y, xs, create_graph=True, allow_unused=True),
        [torch.tensor(a, requires_grad=True) for a in arrays], torch.tensor, orders)  # fmt: skip
    for a, b in zip(mine, other, strict=True):
        zero = np.zeros(1)
        a, b = (zero if a is None else a.data), (zero if b is None else b.detach().numpy())
        np.testing.assert_allclose(np.broadcast_to(a, np.broadcast_shapes(a.shape, b.shape)), b, rtol=1e-8, atol=1e-8)


def const(a):
    return torch.tensor(a)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
class TestReduced:
    def test_binary_cross_entropy(self, reduction):
        agree(lambda p: tg.binary_cross_entropy(p, Q, reduction=reduction),
              lambda p: F.binary_cross_entropy(p, const(Q), reduction=reduction), P)  # fmt: skip
        agree(lambda p: tg.binary_cross_entropy(p, Q, weight=WEIGHT, reduction=reduction),
              lambda p: F.binary_cross_entropy(p, const(Q), weight=const(WEIGHT), reduction=reduction), P)  # fmt: skip
        agree(lambda x, t: tg.binary_cross_entropy_with_logits(x, t, reduction=reduction),
              lambda x, t: F.binary_cross_entropy_with_logits(x, t, reduction=reduction), X, Q)  # fmt: skip

    @pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
    def test_kl_div(self, reduction):
        agree(lambda x, t: tg.kl_div(x, t, reduction=reduction), lambda x, t: F.kl_div(x, t, reduction=reduction), X, P)
        agree(lambda x, t: tg.kl_div(x, t, log_target=True, reduction=reduction),
              lambda x, t: F.kl_div(x, t, log_target=True, reduction=reduction), X, T)  # fmt: skip

    @pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
    def test_smooth_l1(self, reduction, beta):
        square = [lambda x, t: (x * x, t), lambda x, t: (x * x, t)]  # or there is no second derivative at beta 0
        agree(lambda x, t: tg.smooth_l1_loss(*square[0](x, t), beta=beta, reduction=reduction),
              lambda x, t: F.smooth_l1_loss(*square[1](x, t), beta=beta, reduction=reduction), X, T)  # fmt: skip

    @pytest.mark.parametrize("full", [False, True])
    def test_of_distributions(self, reduction, full):
        agree(lambda x, t, v: tg.gaussian_nll_loss(x, t, v, full=full, reduction=reduction),
              lambda x, t, v: F.gaussian_nll_loss(x, t, v, full=full, reduction=reduction), X, T, P)  # fmt: skip
        agree(lambda x, t, v: tg.gaussian_nll_loss(x, t, v, full=full, reduction=reduction),
              lambda x, t, v: F.gaussian_nll_loss(x, t, v, full=full, reduction=reduction), X, T, P[:, :1])  # fmt: skip
        counts = np.array([[0.0, 1, 2]] * 5)
        for log_input, x in ((True, X), (False, P)):
            agree(lambda x, k=log_input: tg.poisson_nll_loss(x, counts, log_input=k, full=full, reduction=reduction),
                  lambda x, k=log_input: F.poisson_nll_loss(x, const(counts), log_input=k, full=full,
                                                            reduction=reduction), x)  # fmt: skip

    @pytest.mark.parametrize("margin", [0.0, 0.3])
    def test_of_signs(self, reduction, margin):
        options, signs = {"margin": margin, "reduction": reduction}, const(SIGNS)
        agree(lambda a, b: tg.cosine_embedding_loss(a, b, SIGNS, **options),
              lambda a, b: F.cosine_embedding_loss(a, b, signs, **options), X, T)  # fmt: skip
        agree(lambda a, b: tg.margin_ranking_loss(a**3, b, SIGNS, **options),
              lambda a, b: F.margin_ranking_loss(a**3, b, signs, **options),
              X[:, 0], T[:, 0])  # fmt: skip
        agree(lambda a: tg.hinge_embedding_loss(a**3, SIGNS, **options),
              lambda a: F.hinge_embedding_loss(a**3, signs, **options), X[:, 0])  # fmt: skip

    @pytest.mark.parametrize("options", [{}, {"p": 3.0}, {"swap": True, "margin": 2.0}, {"p": 1.0}])
    def test_triplets(self, reduction, options):
        agree(lambda a, b, c: tg.triplet_margin_loss(a**3, b, c, reduction=reduction, **options),
              lambda a, b, c: F.triplet_margin_loss(a**3, b, c, reduction=reduction, **options), X, T, P)  # fmt: skip

    @pytest.mark.parametrize("p", [1, 2])
    def test_multi_margin(self, reduction, p):
        for w in (None, WEIGHT):
            agree(lambda x, w=w: tg.multi_margin_loss(x**3, LABELS, p=p, margin=0.7, weight=w, reduction=reduction),
                  lambda x, w=w: F.multi_margin_loss(x**3, const(LABELS), p=p, margin=0.7, reduction=reduction,
                                                     weight=None if w is None else const(w)), X, orders=1)  # fmt: skip

    @pytest.mark.parametrize("rows", [True, False])
    @pytest.mark.parametrize("zero_infinity", [True, False])
    def test_ctc(self, reduction, rows, zero_infinity):
        """PyTorch's gradient is that in logits, through log_softmax; a second one it has not."""
        logits = RNG.standard_normal((7, 4, 5))
        targets = np.array([[1, 1, 3], [2, 4, 0], [3, 0, 0], [4, 4, 4]])
        lengths, sizes = np.array([7, 5, 3, 4 if zero_infinity else 6]), np.array([3, 2, 1, 3])
        if not rows:
            targets = np.concatenate([row[:n] for row, n in zip(targets, sizes, strict=True)])
        options = {"reduction": reduction, "zero_infinity": zero_infinity}
        agree(lambda x: tg.ctc_loss(tg.log_softmax(x), targets, lengths, sizes, **options),
              lambda x: F.ctc_loss(x.log_softmax(-1), const(targets), const(lengths), const(sizes), **options),
              logits, orders=1)  # fmt: skip

    def test_focal(self, reduction):
        """By the formula of torchvision, in terms of PyTorch's ops."""
        def theirs(x, t, alpha, gamma):
            p = torch.sigmoid(x)
            entropy = F.binary_cross_entropy_with_logits(x, t, reduction="none")
            loss = entropy * (1 - (p * t + (1 - p) * (1 - t))) ** gamma * (alpha * t + (1 - alpha) * (1 - t))
            return {"mean": loss.mean, "sum": loss.sum, "none": lambda: loss}[reduction]()

        for alpha, gamma in ((0.25, 2.0), (0.4, 1.5), (0.5, 0.0)):
            agree(lambda x, t, a=alpha, c=gamma: tg.sigmoid_focal_loss(x, t, alpha=a, gamma=c, reduction=reduction),
                  lambda x, t, a=alpha, c=gamma: theirs(x, t, a, c), X, Q)  # fmt: skip


def test_batchmean():
    agree(lambda x, t: tg.kl_div(x, t, reduction="batchmean"), lambda x, t: F.kl_div(x, t, reduction="batchmean"), X, P)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_cosine_similarity(axis):
    ours, theirs = lambda a, b: tg.cosine_similarity(a, b, axis), lambda a, b: F.cosine_similarity(a, b, axis)
    agree(ours, theirs, X, T)
    zero = X.copy()
    zero[0], zero[:, 0] = 0, 0
    agree(ours, theirs, zero, T, orders=1)


def test_binary_cross_entropy_at_the_ends():
    p, t = np.array([0.0, 1.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0, 1.0])
    ours = tg.binary_cross_entropy(p, t, reduction="none")
    np.testing.assert_array_equal(ours, F.binary_cross_entropy(const(p), const(t), reduction="none").numpy())


def test_ctc_without_any_target_or_fit():
    log_p = np.log(RNG.dirichlet(np.ones(3), (3, 2)))
    for targets, sizes in ((np.zeros((2, 0), int), [0, 0]), (np.array([[1, 1, 1], [1, 2, 1]]), [3, 0])):
        ours = tg.ctc_loss(log_p, targets, np.array([3, 2]), np.array(sizes), reduction="none")
        theirs = F.ctc_loss(const(log_p), const(targets), const(np.array([3, 2])), const(np.array(sizes)),
                            reduction="none")  # fmt: skip
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-12)
