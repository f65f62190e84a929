"""Transforms against values by hand, against each other, and nested."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.autodiff import batching, transforms

X = np.array([1.0, 2.0, 3.0])
A = np.array([[2.0, 1.0, 0.5], [0.0, 3.0, -1.0], [1.0, 1.0, 1.0]])


def cubic(x):
    """sum(x**3): gradient 3x², Hessian diag(6x), third derivative 6 on the diagonal."""
    return (x * x * x).sum()


def curve(x):
    """(A x)²: Jacobian 2 diag(A x) A."""
    return tg.matmul(A, x) ** 2


def test_value_and_grad():
    value, gradient = tg.value_and_grad(cubic)(X)
    assert float(value) == 36.0
    assert np.array_equal(gradient, 3 * X**2)
    assert type(gradient) is np.ndarray
    value, (ga, gc) = tg.value_and_grad(lambda a, b, c: (a * b * c).sum(), argnums=(0, 2))(X, X, X)
    assert np.array_equal(ga, X * X)
    assert np.array_equal(gc, X * X)
    _, slope = tg.value_and_grad(lambda x, *, k: x * k)(np.array(2.0), k=5.0)
    assert slope == 5.0


def test_vjp_and_jvp_against_the_jacobian_by_hand():
    jacobian = 2 * (A @ X)[:, None] * A
    u, v = np.array([1.0, -2.0, 0.5]), np.array([0.3, 1.0, -1.0])
    y, pull = tg.vjp(curve, X)
    assert np.allclose(y, (A @ X) ** 2)
    assert np.allclose(pull(u)[0], u @ jacobian)
    assert np.allclose(pull(2 * u)[0], 2 * u @ jacobian)  # again and again
    y, tangent = tg.jvp(curve, X, v)
    assert np.allclose(y, (A @ X) ** 2)
    assert np.allclose(tangent, jacobian @ v)
    assert np.allclose(tg.jacobian(curve, X), jacobian)


def test_several_arguments():
    u, v = np.array([1.0, 2.0, 3.0]), np.array([-1.0, 0.5, 2.0])
    _, pull = tg.vjp(lambda a, b: a * b, X, u)
    ga, gb = pull(v)
    assert np.array_equal(ga, u * v)
    assert np.array_equal(gb, X * v)
    _, tangent = tg.jvp(lambda a, b: a * b, (X, u), (u, v))
    assert np.array_equal(tangent, u * u + X * v)


def test_hvp_and_hessian():
    v = np.array([1.0, -1.0, 2.0])
    assert np.allclose(tg.hessian(cubic, X), np.diag(6 * X))
    assert np.allclose(tg.hvp(cubic, X, v), 6 * X * v)

    def mixed(x):
        return tg.exp(x[0] * x[1]) + x[2] ** 3

    e, (a, b) = np.exp(2.0), X[:2]
    by_hand = np.array([[b * b * e, (1 + a * b) * e, 0], [(1 + a * b) * e, a * a * e, 0], [0, 0, 18.0]])
    assert np.allclose(tg.hessian(mixed, X), by_hand)
    assert np.allclose(tg.hvp(mixed, X, v), by_hand @ v)


def test_jacobian_of_any_shapes():
    x = np.arange(6.0).reshape(2, 3)
    j = tg.jacobian(lambda x: (x * x).sum(axis=0), x)
    assert j.shape == (3, 2, 3)
    for k in range(3):
        expected = np.zeros((2, 3))
        expected[:, k] = 2 * x[:, k]
        assert np.array_equal(j[k], expected)
    assert tg.jacobian(lambda x: x.sum(), np.array(2.0)).shape == ()
    assert tg.jacobian(lambda x: x * 2.0, np.zeros((0, 2))).shape == (0, 2, 0, 2)


def test_transforms_nest_to_third_order():
    third = tg.jacobian(lambda x: tg.hessian(cubic, x), X)
    expected = np.zeros((3, 3, 3))
    expected[range(3), range(3), range(3)] = 6.0
    assert np.allclose(third, expected)
    x = np.array(0.5)
    f = [tg.sin]
    for _ in range(3):  # each the derivative of the one before
        f.append(lambda t, g=f[-1]: tg.jvp(g, t, np.array(1.0))[1])
    values = [float(np.asarray(g(x))) for g in f]
    assert np.allclose(values, [np.sin(0.5), np.cos(0.5), -np.sin(0.5), -np.cos(0.5)])
    slope = tg.value_and_grad(lambda x: tg.value_and_grad(lambda x: tg.value_and_grad(tg.sin)(x)[1])(x)[1])
    assert slope(x)[1] == pytest.approx(-np.cos(0.5))


def test_inner_and_outer_variables_are_not_confused():
    """d/dx [ x * d/dy (x + y) ] is 1, not 2: the inner derivative does not see the outer x move."""

    def outer(x):
        inner = tg.jvp(lambda y: x + y, np.array(1.0), np.array(1.0))[1]
        return x * inner

    assert tg.jvp(outer, np.array(1.0), np.array(1.0))[1] == 1.0
    assert tg.value_and_grad(outer)(np.array(1.0))[1] == 1.0


def test_recorded_arguments_give_recorded_results():
    x = tg.Tensor(X, requires_grad=True)
    gradient = tg.value_and_grad(cubic)(x)[1]
    assert isinstance(gradient, tg.Tensor)
    gradient.sum().backward()
    assert np.allclose(x.grad, 6 * X)
    x.grad = None
    tg.jvp(cubic, x, np.ones(3))[1].backward()
    assert np.allclose(x.grad, 6 * X)


def test_results_are_arrays_of_the_arguments_dtype():
    x = X.astype(np.float32)
    for result in (tg.jvp(curve_32, x, x)[1], tg.vjp(curve_32, x)[1](x)[0], tg.hvp(cubic, x, x), tg.hessian(cubic, x)):
        assert type(result) is np.ndarray
        assert result.dtype == np.float32


def curve_32(x):
    return x * x


def test_constant_functions():
    fixed = tg.Tensor(X)
    assert np.array_equal(tg.jvp(lambda x: fixed * 1.0, X, X)[1], np.zeros(3))
    assert np.array_equal(tg.vjp(lambda x: fixed * 1.0, X)[1](X)[0], np.zeros(3))
    assert np.array_equal(tg.jacobian(lambda x: fixed * 1.0, X), np.zeros((3, 3)))
    assert np.array_equal(tg.hessian(lambda x: (x * X).sum(), X), np.zeros((3, 3)))


def test_arguments_stay_as_they_are():
    x = X.copy()
    t = tg.Tensor(X, requires_grad=True)
    tg.hessian(cubic, x)
    tg.value_and_grad(cubic)(t)
    assert np.array_equal(x, X)
    assert t.grad is None


def test_mistakes_are_worded():
    with pytest.raises(ValueError, match=r"jvp: a tangent has shape \(2,\), its argument \(3,\)"):
        tg.jvp(cubic, X, np.ones(2))
    with pytest.raises(TypeError, match="jacobian: the function must return one Tensor, it returned tuple"):
        tg.jacobian(lambda x: (x, x), X)
    with pytest.raises(TypeError, match="vjp: cannot differentiate with respect to None"):
        tg.vjp(cubic, None)
    with pytest.raises(TypeError, match="int64, which carries no gradient"):
        tg.value_and_grad(cubic)(np.arange(3))
    with pytest.raises(ValueError, match=r"the output has shape \(3,\)"):
        tg.value_and_grad(curve)(X)


def tall(x):
    return tg.sin(tg.matmul(TALL, x)) * x[0] + tg.relu(x).sum()


TALL = np.random.default_rng(3).normal(size=(40, 3))


@pytest.mark.parametrize("stacked", [True, False])
def test_a_tall_jacobian_takes_one_backward_per_input(stacked, monkeypatch):
    """One for the product with a cotangent, one that is linear in it for each input, or for all of them at once."""
    calls = []
    counted = transforms.grad
    monkeypatch.setattr(transforms, "grad", lambda *a, **k: calls.append(1) or counted(*a, **k))
    monkeypatch.setattr(batching, "FEWEST", 2 if stacked else np.inf)
    found = tg.jacobian(tall, X)
    assert len(calls) == (1 if stacked else 1 + 3)
    monkeypatch.setattr(transforms, "TALL", np.inf)
    calls.clear()
    np.testing.assert_allclose(found, tg.jacobian(tall, X), rtol=1e-12)
    assert len(calls) == (0 if stacked else 40)
    assert found.shape == (40, 3) and isinstance(found, np.ndarray)


def test_a_tall_jacobian_can_be_differentiated(monkeypatch):
    second = tg.jacobian(lambda x: tg.jacobian(tall, x), X)
    monkeypatch.setattr(transforms, "TALL", np.inf)
    np.testing.assert_allclose(second, tg.jacobian(lambda x: tg.jacobian(tall, x), X), rtol=1e-10, atol=1e-12)
    assert second.shape == (40, 3, 3)


@pytest.mark.parametrize("f", [lambda x: tg.matmul(TALL, tg.stop_gradient(x)) + 0 * x[0], lambda x: x[0] * np.ones(40)])
def test_a_tall_jacobian_with_columns_of_zeros(f):
    found = tg.jacobian(f, X)
    assert found.shape == (40, 3) and not found[:, 1:].any()


def test_a_tall_jacobian_of_an_op_with_first_order_rules_only(register):
    op = register(lambda x: np.outer(np.ones(9), x), name="spread")
    op.vjp(x=lambda g: np.fft.fft(g[..., None]).real[..., 0].sum(axis=0))  # a function that no op stands for
    with pytest.raises(TypeError, match="np.fft.fft"):
        tg.jvp(op, X, X)
    np.testing.assert_array_equal(tg.jacobian(op, X), np.broadcast_to(np.eye(3), (9, 3, 3)))
