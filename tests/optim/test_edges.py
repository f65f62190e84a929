"""Optimisers, bounds on gradients, averages and schedules at zero, infinity and NaN, on every backend."""

import numpy as np
import pytest

from tinygrad_cnn import kernels, nn, optim

INF, NAN = np.inf, np.nan
PRESENT = [name for name, state in kernels.backends().items() if not state.startswith("absent")]


@pytest.fixture(autouse=True, params=PRESENT)
def backend(request):
    with kernels.use_kernels(request.param):
        yield


def after(optimizer, grad, steps=3, **settings):
    p = nn.Parameter(np.array([1.0, -2.0, 0.0], np.float32))
    made = optimizer([p], **settings)
    with np.errstate(all="ignore"):
        for _ in range(steps):
            p.grad = np.array(grad, np.float32)
            made.step()
    return p.data


@pytest.mark.parametrize(
    ("optimizer", "settings", "last"),
    [
        (optim.SGD, {"lr": 0.1}, [-INF, INF, 0]),
        (optim.SGD, {"lr": 0.1, "momentum": 0.9}, [-INF, INF, 0]),
        (optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}, [-INF, INF, 0]),
        (optim.SGD, {"lr": 0.1, "weight_decay": 0.1}, [NAN, NAN, 0]),  # inf - 0.1 * inf
        (optim.Adam, {"lr": 0.1}, [NAN, NAN, 0]),  # inf / inf
    ],
)
def test_an_infinite_gradient_stays_in_its_weight(optimizer, settings, last):
    """The same on every backend: no decay means that 0 is not multiplied by an infinite weight."""
    np.testing.assert_array_equal(after(optimizer, [INF, -INF, 0], **settings), last)


def test_adam_without_eps_where_squares_vanish():
    found = after(optim.Adam, [1.0, 1.0, 1e-30], lr=0.1, eps=0.0)
    np.testing.assert_allclose(found, [0.7, -2.3, -INF], rtol=1e-5)


@pytest.mark.parametrize("optimizer", [optim.SGD, optim.Adam, optim.RMSprop, optim.Adagrad, optim.Lion, optim.NAdam])
def test_nan_stays_in_its_weight_and_zero_moves_nothing(optimizer):
    with_nan, without = (after(optimizer, [bad, 1.0, 0.0], lr=0.1) for bad in (NAN, 1.0))
    np.testing.assert_array_equal(with_nan[1:], without[1:])
    assert np.isnan(with_nan[0])
    np.testing.assert_array_equal(after(optimizer, [0, 0, 0], lr=0.1), [1, -2, 0])


def test_an_infinite_bound_only_measures():
    p = nn.Parameter(np.zeros(2, np.float32))
    for grad, norm in ([3.0, 4.0], 5.0), ([3e30, 4e30], 5e30), ([0.0, 0.0], 0.0), ([INF, 1.0], INF), ([NAN, 1.0], NAN):
        p.grad = np.array(grad, np.float32)
        np.testing.assert_allclose(optim.clip_grad_norm([p], INF, error_if_nonfinite=False), norm, rtol=1e-6)
        np.testing.assert_array_equal(p.grad, np.float32(grad))
    with pytest.raises(ValueError, match="^clip_grad_norm: the gradient of parameter 0 has norm nan"):
        optim.clip_grad_norm([p], INF)
    for bad in (NAN, -INF, -1.0):
        with pytest.raises(ValueError, match="^clip_grad_norm: max_norm="):
            optim.clip_grad_norm([p], bad)
    p.grad = np.array([3.0, 4.0], np.float32)
    assert optim.clip_grad_norm([p], 0.0) == 5
    np.testing.assert_array_equal(p.grad, [0, 0])


def test_values_are_cut_and_nan_stays():
    p = nn.Parameter(np.zeros(3, np.float32))
    p.grad = np.array([INF, -INF, NAN], np.float32)
    optim.clip_grad_value([p], 1.0)
    np.testing.assert_array_equal(p.grad, [1, -1, NAN])


def test_an_average_without_decay_forgets_infinity():
    layer = nn.Linear(1, 1, bias=False, rng=0)
    layer.weight.assign([[INF]])
    ema = optim.EMA(layer, 0.0)
    layer.weight.assign([[2.0]])
    ema.update()
    assert ema.weights()["weight"] == 2


@pytest.mark.parametrize(
    ("make", "rates"),
    [
        (lambda o: optim.CosineLR(o, 1), [1, 0, 0, 0]), (lambda o: optim.CosineLR(o, 2), [1, 0.5, 0, 0]),
        (lambda o: optim.WarmupLR(o, 1), [0, 1, 1, 1]), (lambda o: optim.StepLR(o, 1, 0.0), [1, 0, 0, 0]),
    ],
)  # fmt: skip
def test_schedules_beyond_their_end(make, rates):
    """The last rate stays; PyTorch's cosine rises again."""
    sgd = optim.SGD([nn.Parameter(np.zeros(1))], lr=1.0)
    schedule, found = make(sgd), [sgd.param_groups[0]["lr"]]
    for _ in rates[1:]:
        schedule.step()
        found.append(sgd.param_groups[0]["lr"])
    np.testing.assert_allclose(found, rates, atol=1e-12)


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_plateaus_of_what_has_diverged(bad):
    schedule = optim.ReduceLROnPlateau(optim.SGD([nn.Parameter(np.zeros(1))], lr=1.0))
    with pytest.raises(ValueError, match="^ReduceLROnPlateau.step: metric=.* is not finite; the training has diverged"):
        schedule.step(bad)


def test_a_subclass_that_changes_the_formula_is_not_bypassed_by_the_plan_of_its_base():
    class Halved(optim.SGD):
        def change(self, parameter, gradient, state, settings):
            delta, state = super().change(parameter, gradient, state, settings)
            return delta * 0.5, state

    w = nn.Parameter(np.ones(2))
    w.node.grad = np.ones(2, w.dtype)
    Halved([w], lr=0.5).step()
    np.testing.assert_array_equal(w.data, 0.75)
