"""L-BFGS: SciPy's search behind `step(closure)`."""

import itertools
import subprocess
import sys

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import Tensor, nn, optim

TARGET = np.array([1.0, -2.0, 3.0])
SCALE = np.array([1.0, 10.0, 100.0])


def quadratic(**settings):
    p = Tensor(np.zeros(3), requires_grad=True, name="p")
    optimiser = optim.LBFGS([p], **settings)

    def closure():
        optimiser.zero_grad()
        loss = (SCALE * (p - TARGET) ** 2).sum()
        loss.backward()
        return loss

    return p, optimiser, closure


def test_one_step_solves_a_quadratic_and_returns_the_loss_at_its_start():
    p, optimiser, closure = quadratic(max_iter=50)
    assert optimiser.step(closure) == pytest.approx((SCALE * TARGET**2).sum())
    np.testing.assert_allclose(p.data, TARGET, atol=1e-6)
    assert 0 < optimiser.iterations <= optimiser.evaluations
    assert "CONVERGENCE" in optimiser.message


def test_it_is_scipys_search_to_the_last_bit():
    from scipy.optimize import minimize, rosen, rosen_der

    p = Tensor(np.array([-1.2, 1.0]), requires_grad=True)
    optimiser = optim.LBFGS([p], max_iter=12, history_size=5)

    def closure():
        p.grad = rosen_der(p.data)
        return rosen(p.data)

    optimiser.step(closure)
    options = {"maxiter": 12, "maxfun": 15, "maxcor": 5, "gtol": 1e-7, "ftol": 1e-9}
    theirs = minimize(rosen, [-1.2, 1.0], jac=rosen_der, method="L-BFGS-B", options=options)
    np.testing.assert_array_equal(p.data, theirs.x)
    assert (optimiser.iterations, optimiser.evaluations) == (theirs.nit, theirs.nfev)


def test_it_trains_a_network_in_float32_further_than_as_many_steps_of_adam():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 5)).astype(np.float32), rng.integers(0, 3, 40)

    def trained(make):
        net = nn.Sequential(nn.Linear(5, 8, rng=1), nn.Tanh(), nn.Linear(8, 3, rng=2))
        optimiser = make(net)

        def closure():
            optimiser.zero_grad()
            loss = tg.softmax_cross_entropy(net(x), y)
            loss.backward()
            return loss

        return net, optimiser, closure

    net, optimiser, closure = trained(lambda net: optim.LBFGS(net.parameters(), max_iter=10))
    losses = [optimiser.step(closure) for _ in range(4)]
    assert all(b < a for a, b in itertools.pairwise(losses))
    assert all(p.dtype == np.float32 for p in net.parameters())
    _, adam, other = trained(lambda net: optim.Adam(net.parameters(), lr=0.01))
    for _ in range(optimiser.evaluations):
        loss = adam.step(other)
    assert closure().item() < loss.item()


def test_the_limits_of_one_step_hold():
    _, optimiser, closure = quadratic(max_iter=2)
    optimiser.step(closure)
    assert optimiser.iterations == 2
    _, optimiser, closure = quadratic(max_iter=50, max_eval=3)
    optimiser.step(closure)
    assert optimiser.evaluations <= 4  # SciPy looks at its limit after an iteration


def test_settings_and_counts_are_in_the_state():
    p, optimiser, closure = quadratic(max_iter=3)
    optimiser.step(closure)
    saved = optimiser.state_dict()
    q, again, closure_q = quadratic()
    q.assign(p.data)
    again.load_state_dict(saved)
    assert again.param_groups[0]["max_iter"] == 3 and again.param_groups[0]["max_eval"] is None
    assert again.state_dict() == saved
    optimiser.step(closure)
    again.step(closure_q)
    np.testing.assert_array_equal(p.data, q.data)


@pytest.mark.parametrize("broken", [ZeroDivisionError, KeyboardInterrupt])
def test_a_closure_that_raises_leaves_the_parameters_as_they_were(broken):
    p, optimiser, closure = quadratic()
    calls = []

    def failing():
        calls.append(1)
        if len(calls) == 3:
            raise broken
        return closure()

    with pytest.raises(broken):
        optimiser.step(failing)
    np.testing.assert_array_equal(p.data, np.zeros(3))


def test_a_loss_that_is_not_finite_ends_the_step_and_the_parameters_stay():
    p, optimiser, _ = quadratic()

    def wall():  # infinitely high from 1 on
        inside = (p.data < 1).all()
        p.grad = 1 / (1 - p.data) - 5 if inside else np.zeros(3)
        return float(np.sum(-np.log1p(-p.data) - 5 * p.data)) if inside else float("nan")

    with pytest.raises(FloatingPointError, match=r"LBFGS: the loss is nan, .* in call 3 of the closure in this step"):
        optimiser.step(wall)
    np.testing.assert_array_equal(p.data, np.zeros(3))


P = Tensor(np.ones(2), requires_grad=True)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: optim.LBFGS([P], max_iter=0), ValueError, "LBFGS: max_iter=0 must be a whole number of at least 1."),
        (lambda: optim.LBFGS([P], max_iter=2.5), TypeError, "max_iter=2.5"),
        (lambda: optim.LBFGS([P], max_eval=-1), ValueError, "max_eval=-1 must be a whole number of at least 1. None"),
        (lambda: optim.LBFGS([P], history_size=None), TypeError, "history_size=None"),
        (lambda: optim.LBFGS([P], tolerance_grad=-1), ValueError, "tolerance_grad=-1 must be a finite number"),
        (lambda: optim.LBFGS([P], tolerance_change=float("nan")), ValueError, "tolerance_change=nan"),
        (lambda: optim.LBFGS([{"params": [P]}, {"params": [P]}]), ValueError, "one group of parameters, got a second"),
        (lambda: optim.LBFGS([P]).step(), TypeError, r"step needs a closure .*: optimizer.step\(closure\)"),
        (lambda: optim.StepLR(optim.LBFGS([P]), 3), TypeError, "StepLR: LBFGS has no learning rate"),
    ],
)
def test_mistakes_are_worded(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_without_scipy_it_says_what_to_install():
    code = (
        "import sys; sys.modules['scipy'] = None; sys.modules['scipy.optimize'] = None\n"
        "from tinygrad_cnn import optim, Tensor\n"
        "p = Tensor([1.0], requires_grad=True)\n"
        "try: optim.LBFGS([p]).step(lambda: 0.0)\n"
        "except ImportError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "LBFGS needs SciPy: pip install 'tinygrad-cnn[optim]'."


def test_any_optimiser_takes_a_closure_and_gives_back_its_loss():
    p = Tensor(np.array([2.0]), requires_grad=True)
    optimiser = optim.SGD([p], lr=0.25)

    def closure():
        optimiser.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    assert optimiser.step(closure).item() == 4.0
    assert p.data.tolist() == [1.0]
    assert optimiser.step() is None
