"""tg.linalg: values are NumPy's, gradients hold at singular matrices and equal eigenvalues, errors name the matrix.

That each op keeps its contracts is tested in test_contracts.py.
"""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import linalg
from tinygrad_cnn.testing import gradcheck

RNG = np.random.default_rng(0)
A = RNG.standard_normal((2, 3, 3))
TALL = RNG.standard_normal((2, 4, 2))
WIDE = TALL.swapaxes(-1, -2)
DEFINITE = A @ A.swapaxes(-1, -2) + np.eye(3)
ORDERS = (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)


def leaf(a):
    return tg.Tensor(np.asarray(a, float), requires_grad=True)


def slope(f, a):
    a = leaf(a)
    return tg.grad(f(a), a)


def test_results_rebuild_the_matrix():
    for a in (A, TALL, WIDE, A[0], np.ones((1, 1)), np.zeros((0, 0)), np.ones((3, 0)), np.ones((2, 0, 3))):
        for full in (True, False):
            u, s, vt = linalg.svd(a, full_matrices=full)
            k = s.shape[-1]
            assert np.allclose(u[..., :k] * s[..., None, :] @ vt[..., :k, :], a)
            assert [x.shape for x in (u, s, vt)] == [x.shape for x in np.linalg.svd(a, full_matrices=full)]
            assert np.allclose(u.swapaxes(-1, -2) @ u, np.eye(u.shape[-1]))
        for mode in ("reduced", "complete"):
            q, r = linalg.qr(a, mode)
            assert np.allclose(q @ r, a) and np.allclose(np.tril(r, -1), 0)
            assert [q.shape, r.shape] == [x.shape for x in np.linalg.qr(a, mode)]
            assert np.allclose(q.swapaxes(-1, -2) @ q, np.eye(q.shape[-1]))
        assert linalg.qr(a, "r").shape == np.linalg.qr(a, "r").shape
        assert np.allclose(linalg.svdvals(a), np.linalg.svd(a, compute_uv=False))
        assert np.allclose(linalg.pinv(a), np.linalg.pinv(a))
        assert np.array_equal(linalg.matrix_rank(a), np.linalg.matrix_rank(a))


def test_eigenvectors_have_a_fixed_sign():
    w, v = linalg.eigh(DEFINITE)
    assert np.allclose(v * w[..., None, :] @ v.swapaxes(-1, -2), DEFINITE)
    assert (np.take_along_axis(v, np.abs(v).argmax(-2, keepdims=True), -2) > 0).all()
    u = linalg.svd(A).U
    assert (np.take_along_axis(u, np.abs(u).argmax(-2, keepdims=True), -2) > 0).all()


@pytest.mark.parametrize("ord", ORDERS)
def test_norms_of_matrices(ord):
    for a, axis in ((A[0], None), (A, (1, 2)), (TALL, (2, 0)), (A, (-1, 0))):
        for keepdims in (False, True):
            got = linalg.norm(a, ord, axis, keepdims)
            np.testing.assert_allclose(got, np.linalg.norm(a, ord, axis, keepdims), rtol=1e-12)
    assert not slope(lambda a: linalg.norm(a, ord), np.zeros((3, 2))).any()
    gradcheck(lambda a: linalg.norm(a, ord, (1, 2)), [TALL], order=2)


@pytest.mark.parametrize("ord", [None, 0, 1, -1, 2, -2, 3, 0.5, -1.5, np.inf, -np.inf])
def test_norms_of_vectors(ord):
    np.testing.assert_allclose(linalg.norm(A, ord, 1), np.linalg.norm(A, ord, 1), rtol=1e-12)
    if ord != 0:
        gradcheck(lambda a: linalg.norm(a, ord, 0), [A], order=2)
        assert not slope(lambda a: linalg.norm(a, ord), np.zeros(3)).any()
        found = slope(lambda a: linalg.norm(a, ord), [0.0, 1.0, -2.0])
        assert found[0] == 0 and np.isfinite(found).all()


def test_singular_values_within_rounding_have_no_slope():
    a = np.outer([1.0, 2.0, 2.0], [3.0, 4.0])  # of rank 1
    assert np.allclose(slope(lambda a: linalg.norm(a, "nuc"), a), a / 15)


# -- gradients where something is special ---------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_determinants_of_singular_matrices_have_both_derivatives(rank):
    a = RNG.standard_normal((3, rank)) @ RNG.standard_normal((rank, 3))
    gradcheck(tg.linalg.det, [a], order=2)
    found = slope(tg.linalg.det, a)
    for i, j in np.ndindex(3, 3):
        minor = np.linalg.det(np.delete(np.delete(a, i, 0), j, 1)) * (-1) ** (i + j)
        assert found[i, j] == pytest.approx(minor, abs=1e-12)


def test_determinants_of_small_and_empty_matrices():
    assert linalg.det(np.ones((2, 0, 0))).tolist() == [1, 1] and slope(linalg.det, np.zeros((0, 0))).shape == (0, 0)
    assert slope(linalg.det, [[0.0]]).tolist() == [[1.0]]
    assert [float(v) for v in linalg.slogdet(np.zeros((2, 2)))] == [0.0, -np.inf]


def rotated(*values):
    q = linalg.qr(A[0][: len(values), : len(values)]).Q
    return q * np.array(values) @ q.T


@pytest.mark.parametrize("values", [(1.0, 1.0, 2.0), (2.0, 2.0, 2.0), (0.0, 0.0, 1.0)])
@pytest.mark.parametrize("matrix", [rotated, lambda *v: np.diag(v)], ids=["rotated", "diagonal"])
def test_what_is_symmetric_in_equal_eigenvalues_has_its_gradient(values, matrix):
    a = matrix(*values)
    np.testing.assert_allclose(slope(lambda a: linalg.eigvalsh(a).sum(), a), np.eye(3), atol=1e-12)
    np.testing.assert_allclose(slope(lambda a: (linalg.eigvalsh(a) ** 3).sum(), a), 3 * a @ a, atol=1e-12)
    np.testing.assert_allclose(slope(lambda a: linalg.norm(a, "nuc"), a), matrix(*np.sign(values)), atol=1e-12)


def test_projections_on_a_space_of_equal_eigenvalues_have_gradients_of_both_orders():
    weights = A[1]

    def projection(a):
        v = linalg.eigh(a).eigenvectors[:, :2]
        return (v @ v.T * weights).sum()

    def known(a):  # by a polynomial that is 1 at 1 and 0 at 4, whose slopes there are 0, so that it stays a projection
        x = (4.0 * np.eye(3) - a) / 3
        return ((3 * x @ x - 2 * x @ x @ x) * weights).sum()

    a = rotated(1.0, 1.0, 4.0)
    np.testing.assert_allclose(slope(projection, a), slope(lambda a: known((a + a.T) / 2), a), atol=1e-10)


def test_a_choice_among_equal_values_has_a_finite_gradient():
    for f in (lambda a: linalg.eigh(a).eigenvectors[0, 0], lambda a: linalg.svd(a).U[0, 0] + linalg.svd(a).Vh[0, 1]):
        for a in (np.eye(3), np.zeros((3, 3)), rotated(1.0, 1.0, 2.0)):
            assert np.isfinite(slope(f, a)).all()


def test_gradients_do_not_depend_on_signs_and_span_all_of_u():
    """The null space of a tall matrix: what is orthogonal to all of its columns."""
    weights = RNG.standard_normal((4, 4))

    def beside(a):
        n = linalg.svd(a).U[:, 2:]
        return (n @ n.T * weights).sum()

    def known(a):
        return ((np.eye(4) - a @ linalg.inv(a.T @ a) @ a.T) * weights).sum()

    x, y = leaf(TALL[0]), leaf(TALL[0])
    first, second = tg.grad(beside(x), x, create_graph=True), tg.grad(known(y), y, create_graph=True)
    np.testing.assert_allclose(first.data, second.data, atol=1e-12)
    turn = RNG.standard_normal((4, 2))
    np.testing.assert_allclose(tg.grad((first * turn).sum(), x), tg.grad((second * turn).sum(), y), atol=1e-10)

    def by_qr(a):
        n = linalg.qr(a, "complete").Q[:, 2:]
        return (n @ n.T * weights).sum()

    np.testing.assert_allclose(slope(by_qr, TALL[0]), second.data, atol=1e-12)


def test_what_is_symmetric_has_symmetric_gradients():
    w = RNG.standard_normal((3, 3))
    for f in (linalg.cholesky, lambda a: linalg.eigh(a).eigenvectors, lambda a: linalg.eigh(a).eigenvalues):
        found = slope(lambda a, f=f: (f(a) * w).sum(), DEFINITE[0])
        np.testing.assert_allclose(found, found.T)
    lower = slope(lambda a: (linalg.eigh(a, "L").eigenvalues * w[0]).sum(), DEFINITE[0])
    upper = slope(lambda a: (linalg.eigh(a, "U").eigenvalues * w[0]).sum(), DEFINITE[0])
    assert not np.triu(lower, 1).any() and np.allclose(lower, upper.T)
    assert np.allclose(linalg.eigvalsh(np.tril(DEFINITE[0]), "L"), np.linalg.eigvalsh(DEFINITE[0]))
    assert np.allclose(linalg.cholesky(DEFINITE, upper=True), linalg.cholesky(DEFINITE).swapaxes(-1, -2))


# -- systems --------------------------------------------------------------------------------------------------------


def test_right_hand_sides_of_every_shape():
    for a, b in ((A[0], A[1, 0]), (A, A[0]), (A, A[:, None]), (A[0], A), (A, A[0, 0])):
        x = linalg.solve(a, b)
        assert np.allclose(np.matmul(a, x if b.ndim > 1 else x[..., None]), b if b.ndim > 1 else b[:, None])
        gradcheck(linalg.solve, [a, b], order=2)


def test_least_squares():
    for a in (TALL[0], WIDE[0], A[0]):
        for b in (RNG.standard_normal(len(a)), RNG.standard_normal((len(a), 2))):
            for ours, numpys in zip(linalg.lstsq(a, b), np.linalg.lstsq(a, b, rcond=None), strict=True):
                np.testing.assert_allclose(ours, numpys.reshape(np.shape(ours)) if b.ndim == 1 else numpys, atol=1e-12)
            gradcheck(lambda a, b: linalg.lstsq(a, b).x, [a, b], order=2)
    assert linalg.lstsq(TALL, RNG.standard_normal((2, 4, 3))).x.shape == (2, 2, 3)


def test_least_squares_without_full_rank_has_gradients_in_b_alone():
    a = np.stack([TALL[0], np.ones((4, 2))])
    with pytest.raises(ValueError, match=r"lstsq: a has shape \(2, 4, 2\), and a\[1\] has rank 1, less than 2"):
        linalg.lstsq(leaf(a), TALL)
    found = slope(lambda b: linalg.lstsq(a, b).x.sum(), TALL)
    np.testing.assert_allclose(found[1], np.full((4, 2), 0.25), atol=1e-12)
    with tg.no_grad():
        assert linalg.lstsq(leaf(a), TALL).rank.tolist() == [2, 1]


def test_powers_and_tensors():
    for n in (0, 1, 5, -1, -3):
        np.testing.assert_allclose(linalg.matrix_power(A, n), np.linalg.matrix_power(A, n), rtol=1e-9)
        gradcheck(lambda a, n=n: linalg.matrix_power(a, n), [A], order=1)
    a, b = RNG.standard_normal((2, 3, 6)), RNG.standard_normal((2, 3))
    np.testing.assert_allclose(linalg.tensorsolve(a, b), np.linalg.tensorsolve(a, b))
    np.testing.assert_allclose(linalg.tensorinv(a), np.linalg.tensorinv(a))
    np.testing.assert_allclose(linalg.multi_dot([A[0], A[1], b[0]]), A[0] @ A[1] @ b[0])


def test_condition_numbers():
    for p in (None, 1, -1, 2, -2, np.inf, -np.inf, "fro"):
        np.testing.assert_allclose(linalg.cond(A, p), np.linalg.cond(A, p))
        gradcheck(lambda a, p=p: linalg.cond(a, p), [A[0]], order=2)
    assert linalg.cond(np.diag([1.0, 0.0])) == np.inf


# -- dtypes and mistakes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtypes_stay(dtype):
    a = DEFINITE.astype(dtype)
    found = [linalg.inv(a), linalg.solve(a, a), linalg.det(a), linalg.cholesky(a), linalg.pinv(a), linalg.lstsq(a, a).x]
    found += [linalg.norm(a, 2, (1, 2)), *linalg.slogdet(a), *linalg.svd(a), *linalg.eigh(a), *linalg.qr(a)]
    assert {x.dtype for x in found} == {np.dtype(dtype)}


@pytest.mark.parametrize(("call", "message"), [
    (lambda: linalg.inv(np.stack([np.eye(2), np.ones((2, 2))])),
     r"inv: a has shape \(2, 2, 2\), and a\[1\] is singular"),
    (lambda: linalg.solve(np.zeros((2, 2)), np.ones(2)), r"solve: a has shape \(2, 2\), and a is singular"),
    (lambda: linalg.solve(np.eye(2), np.ones(3)),
     r"solve: a \(2, 2\) has 2 columns, but the right-hand sides b \(3, 1\)"),
    (lambda: linalg.solve(A, np.ones((3, 3, 1))),
     r"solve: the batches of a \(2, 3, 3\) and b \(3, 3, 1\) do not broadcast"),
    (lambda: linalg.cholesky(np.stack([np.eye(2), -np.eye(2)])), r"cholesky: .* and a\[1\] is not positive definite"),
    (lambda: linalg.det(np.ones((2, 3))), r"det: a has shape \(2, 3\); its matrices must be square"),
    (lambda: linalg.slogdet(np.ones(3)), r"slogdet: a has shape \(3,\); it must be a matrix"),
    (lambda: linalg.svd(np.full((2, 2), np.nan)), r"svd: .* and a has no singular values that were found.*NaN"),
    (lambda: linalg.eigh(np.eye(2), "X"), r"eigh: UPLO='X' must be"),
    (lambda: linalg.qr(np.eye(2), "raw"), r"qr: mode='raw' must be"),
    (lambda: linalg.norm(np.eye(2), 3), r"norm: ord=3 is not an order of matrices"),
    (lambda: linalg.norm(np.ones(2), "fro"), r"norm: ord='fro' is not an order of vectors"),
    (lambda: linalg.norm(A, 2), r"norm: ord=2 needs one axis"),
    (lambda: linalg.pinv(np.eye(2), rtol=-1.0), r"pinv: rtol=-1.0 must be a finite number of at least 0"),
    (lambda: linalg.matrix_power(np.eye(2), 0.5), r"matrix_power: n=0.5 must be a whole number"),
    (lambda: linalg.inv(np.eye(2) * 1j), "inv: .*complex"),
])  # fmt: skip
def test_mistakes_are_named(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_the_gradient_of_slogdet_of_a_singular_matrix_is_refused():
    with pytest.raises(ValueError, match="a is singular, so it has no inverse"):
        slope(lambda a: linalg.slogdet(a).logabsdet, np.ones((2, 2)))
