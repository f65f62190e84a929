"""tg.linalg beside torch.linalg: values, and gradients of the first and second order, in float64."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import linalg

torch = pytest.importorskip("torch", reason="PyTorch is not installed here; .ci/run installs it")

RNG = np.random.default_rng(0)
A, B = RNG.standard_normal((2, 3, 3)), RNG.standard_normal((2, 3, 2))
SYMMETRIC = A + A.swapaxes(-1, -2)
DEFINITE = A @ A.swapaxes(-1, -2) + np.eye(3)
TALL, WIDE = RNG.standard_normal((2, 4, 3)), RNG.standard_normal((2, 3, 4))


def weights(shape, seed):
    return np.random.default_rng(seed).standard_normal(tuple(shape))


def derivatives(f, grad, leaves, constant):
    """The values of f, the gradients of a weighted sum of them, and those of a weighted sum of the gradients."""
    ys = f(*leaves)
    ys = ys if isinstance(ys, (tuple, list)) else [ys]
    total = sum((y * constant(weights(y.shape, k))).sum() for k, y in enumerate(ys))
    first = grad(total, leaves)
    total = sum((g * constant(weights(g.shape, 50 + k))).sum() for k, g in enumerate(first))
    return [*ys, *first, *grad(total, leaves)]


def agree(ours, theirs, *arrays):
    mine = derivatives(
        ours, lambda y, xs: tg.grad(y, list(xs), create_graph=True), [tg.Tensor(a, requires_grad=True) for a in arrays],
        np.asarray)  # fmt: skip
    other = derivatives(
        theirs, lambda y, xs: torch.autograd.grad(y, xs, create_graph=True),
        [torch.tensor(a, requires_grad=True) for a in arrays], torch.tensor)  # fmt: skip
    for a, b in zip(mine, other, strict=True):
        assert a.shape == tuple(b.shape)
        np.testing.assert_allclose(a.data, b.detach().numpy(), rtol=1e-8, atol=1e-8)


L, T = linalg, torch.linalg


def half(a):
    """The symmetric part, which is what counts here, while PyTorch reads one triangle."""
    return (a + a.swapaxes(-1, -2)) / 2


def half_of_torch(a):
    return (a + a.mT) / 2


def norm_1(a):
    return T.matrix_norm(a, ord=1)


def both(name, *args, **options):
    return pytest.param(lambda *x: getattr(L, name)(*x, *args, **options),
                        lambda *x: getattr(T, name)(*x, *args, **options), id=name)  # fmt: skip


@pytest.mark.parametrize(("ours", "theirs"), [
    both("inv"), both("det"), both("svdvals"), both("matrix_power", 3), both("matrix_power", -2), both("cond"),
    both("pinv"), both("matrix_norm"), both("matrix_norm", ord="nuc"), both("matrix_norm", ord=2),
    both("matrix_norm", ord=-2), both("vector_norm", ord=3),
    pytest.param(lambda a: L.slogdet(a).logabsdet, lambda a: T.slogdet(a).logabsdet, id="slogdet"),
    pytest.param(L.qr, T.qr, id="qr"),
    pytest.param(lambda a: L.matrix_norm(a * a, ord=1), lambda a: T.matrix_norm(a * a, ord=1), id="norm 1"),
    pytest.param(lambda a: L.cond(a, 1), lambda a: norm_1(a) * norm_1(T.inv(a)), id="cond 1"),
])  # fmt: skip
def test_square(ours, theirs):
    agree(ours, theirs, A)


@pytest.mark.parametrize("a", [A, B, A[0], B[0]], ids=["batch", "columns", "one", "of one"])
def test_solve(a):
    agree(L.solve, T.solve, A[: len(A)] if a.ndim == 3 else A[0], a)
    agree(L.solve, T.solve, A[0], np.ones(3))


def test_symmetric():
    agree(L.cholesky, lambda a: T.cholesky(half_of_torch(a)), DEFINITE)
    agree(lambda a: L.cholesky(a, upper=True), lambda a: T.cholesky(half_of_torch(a), upper=True), DEFINITE)
    agree(L.eigvalsh, lambda a: T.eigvalsh(half_of_torch(a)), SYMMETRIC)


def test_eigenvectors_up_to_their_signs():
    def squares(e):
        return [e[0], e[1] ** 2, e[1][..., :1, :] * e[1]]

    agree(lambda a: squares(L.eigh(a)), lambda a: squares(T.eigh(half_of_torch(a))), SYMMETRIC)


@pytest.mark.parametrize("a", [A, TALL, WIDE], ids=["square", "tall", "wide"])
def test_singular_vectors_up_to_their_signs(a):
    def products(e):
        return [e[0] ** 2, e[1], e[2] ** 2, e[0][..., :3, :] * e[2][..., :, :3].swapaxes(-1, -2)]

    agree(lambda a: products(L.svd(a, False)), lambda a: products(T.svd(a, full_matrices=False)), a)


@pytest.mark.parametrize("a", [TALL, WIDE], ids=["tall", "wide"])
def test_other_shapes(a):
    agree(L.pinv, T.pinv, a)
    agree(lambda a: L.matrix_norm(a, ord="nuc"), lambda a: T.matrix_norm(a, ord="nuc"), a)
    agree(lambda a, b: L.lstsq(a, b).x, lambda a, b: T.lstsq(a, b, driver="gelsd").solution, a, a[..., :2] * 0.7)


def test_reduced_qr_of_tall_matrices():
    agree(L.qr, T.qr, TALL)


def test_tensors():
    a, b = RNG.standard_normal((2, 3, 6)), RNG.standard_normal((2, 3))
    agree(L.tensorsolve, T.tensorsolve, a, b)
    agree(L.tensorinv, T.tensorinv, a)
    agree(lambda *x: L.multi_dot(x), lambda *x: T.multi_dot(x), A[0], A[1], B[0])


def test_determinants_of_singular_matrices():
    agree(L.det, T.det, np.outer([1.0, 2.0, -1.0], [0.5, 1.0, 3.0]))
    agree(L.det, T.det, np.outer([1.0, 2.0, -1.0], [0.5, 1.0, 3.0]) + np.outer([0.0, 1.0, 1.0], [1.0, 0.0, 2.0]))
