"""Optimisers: each against its formula written out, groups, state, memory, mistakes.

PyTorch's own numbers are compared in tests/second_opinion, where torch is installed.
"""

import copy
import json
import math

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import Tensor, nn, optim

STEPS = 20


# -- the formulas, in plain float64 NumPy, one value at a time ---------------------------------------------------


def sgd(p, grads, lr, momentum=0.0, dampening=0.0, nesterov=False, weight_decay=0.0):
    b = None
    for g in grads:
        g = g + weight_decay * p
        b = g if b is None else momentum * b + (1 - dampening) * g
        p = p - lr * (g + momentum * b if nesterov else b if momentum else g)
    return p


def adam(p, grads, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False, decoupled=False):
    m = v = top = np.zeros_like(p)
    for t, g in enumerate(grads, 1):
        if decoupled:
            p = p * (1 - lr * weight_decay)
        else:
            g = g + weight_decay * p
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        top = np.maximum(top, v) if amsgrad else v
        p = p - lr * (m / (1 - betas[0] ** t)) / (np.sqrt(top / (1 - betas[1] ** t)) + eps)
    return p


def adamw(p, grads, lr, weight_decay=1e-2, **settings):
    return adam(p, grads, lr, weight_decay=weight_decay, decoupled=True, **settings)


def nadam(p, grads, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, momentum_decay=4e-3):
    m = v = np.zeros_like(p)
    u = [betas[0] * (1 - 0.5 * 0.96 ** (t * momentum_decay)) for t in range(len(grads) + 2)]
    for t, g in enumerate(grads, 1):
        g = g + weight_decay * p
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        ahead = u[t + 1] * m / (1 - math.prod(u[1 : t + 2])) + (1 - u[t]) * g / (1 - math.prod(u[1 : t + 1]))
        p = p - lr * ahead / (np.sqrt(v / (1 - betas[1] ** t)) + eps)
    return p


def lion(p, grads, lr, betas=(0.9, 0.99), weight_decay=0.0):
    m = np.zeros_like(p)
    for g in grads:
        p = p * (1 - lr * weight_decay) - lr * np.sign(betas[0] * m + (1 - betas[0]) * g)
        m = betas[1] * m + (1 - betas[1]) * g
    return p


def rmsprop(p, grads, lr, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False):
    v = a = b = np.zeros_like(p)
    for g in grads:
        g = g + weight_decay * p
        v = alpha * v + (1 - alpha) * g**2
        a = alpha * a + (1 - alpha) * g if centered else a
        b = momentum * b + g / (np.sqrt(v - a**2) + eps)
        p = p - lr * b
    return p


def adagrad(p, grads, lr, lr_decay=0.0, weight_decay=0.0, initial_accumulator_value=0.0, eps=1e-10):
    s = np.full_like(p, initial_accumulator_value)
    for t, g in enumerate(grads, 1):
        g = g + weight_decay * p
        s = s + g**2
        p = p - lr / (1 + (t - 1) * lr_decay) * g / (np.sqrt(s) + eps)
    return p


def adadelta(p, grads, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0.0):
    v = u = np.zeros_like(p)
    for g in grads:
        g = g + weight_decay * p
        v = rho * v + (1 - rho) * g**2
        d = np.sqrt(u + eps) / np.sqrt(v + eps) * g
        u = rho * u + (1 - rho) * d**2
        p = p - lr * d
    return p


def rms(x):
    return np.sqrt(np.mean(x**2))


def adafactor(p, grads, lr, beta2_decay=-0.8, eps=(None, 1e-3), d=1.0, weight_decay=0.0):
    least = eps[0] or 1e-7
    r = c = 0.0
    for t, g in enumerate(grads, 1):
        new, size = t**beta2_decay, max(eps[1], rms(p)) * min(lr, t**-0.5)
        r = (1 - new) * r + new * np.mean(g**2, axis=1)
        c = (1 - new) * c + new * np.mean(g**2, axis=0)
        u = g / np.maximum(np.sqrt(np.outer(r, c) / r.mean()), least)
        p = p * (1 - lr * weight_decay) - size * u / max(1, rms(u) / d)
    return p


def muon(p, grads, lr, weight_decay=0.1, momentum=0.95, nesterov=True, ns_steps=5, adjust_lr_fn=None):
    m, (rows, columns) = np.zeros_like(p), p.shape
    scale = 0.2 * max(rows, columns) ** 0.5 if adjust_lr_fn == "match_rms_adamw" else max(1, columns / rows) ** 0.5
    for g in grads:
        m = momentum * m + (1 - momentum) * g
        u, s, v = np.linalg.svd(momentum * m + (1 - momentum) * g if nesterov else m, full_matrices=False)
        s = s / np.sqrt(np.sum(s**2))
        for _ in range(ns_steps):
            s = 3.4445 * s - 4.775 * s**3 + 2.0315 * s**5
        p = p * (1 - lr * weight_decay) - lr * scale * (u * s) @ v
    return p


CASES = [
    (optim.SGD, sgd, {"lr": 0.1}),
    (optim.SGD, sgd, {"lr": 0.1, "weight_decay": 0.2}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.2}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.2}),
    (optim.Adam, adam, {"lr": 0.1}),
    (optim.Adam, adam, {"lr": 0.1, "betas": (0.5, 0.7), "eps": 0.1, "weight_decay": 0.2, "amsgrad": True}),
    (optim.AdamW, adamw, {"lr": 0.1}),
    (optim.AdamW, adamw, {"lr": 0.1, "weight_decay": 0.5, "amsgrad": True}),
    (optim.NAdam, nadam, {"lr": 0.1, "weight_decay": 0.2}),
    (optim.Lion, lion, {"lr": 0.1, "weight_decay": 0.2}),
    (optim.RMSprop, rmsprop, {"lr": 0.1}),
    (optim.RMSprop, rmsprop, {"lr": 0.1, "alpha": 0.8, "momentum": 0.7, "centered": True, "weight_decay": 0.2}),
    (optim.Adagrad, adagrad, {"lr": 0.1}),
    (optim.Adagrad, adagrad, {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.3, "weight_decay": 0.2}),
    (optim.Adadelta, adadelta, {"lr": 0.7, "weight_decay": 0.2}),
    (optim.Adafactor, adafactor, {"lr": 0.1}),
    (optim.Adafactor, adafactor, {"lr": 0.3, "beta2_decay": -0.5, "eps": (1e-3, 0.9), "d": 1.1, "weight_decay": 0.2}),
    (optim.Muon, muon, {"lr": 0.1}),
    (optim.Muon, muon, {"lr": 0.1, "momentum": 0.5, "nesterov": False, "ns_steps": 3, "weight_decay": 0.2}),
    (optim.Muon, muon, {"lr": 0.1, "adjust_lr_fn": "match_rms_adamw"}),
]
IDS = [f"{c[0].__name__}-{len(c[2])}-{k}" for k, c in enumerate(CASES)]


def drawn(shape=(3, 4), seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape), list(rng.normal(size=(STEPS, *shape)))


def run(optimiser, parameter, grads):
    for g in grads:
        parameter.grad = g.astype(parameter.dtype)
        optimiser.step()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("make", "formula", "settings"), CASES, ids=IDS)
def test_twenty_steps_follow_the_formula(make, formula, settings, dtype):
    start, grads = drawn()
    p = Tensor(start.astype(dtype), requires_grad=True)
    run(make([p], **settings), p, grads)
    assert p.dtype == dtype
    expected = formula(start, grads, **settings)
    largest = max(np.abs(start).max(), np.abs(expected).max())
    # a step rounds about eight times; where instructions multiply and add at once, it rounds less often
    close = STEPS * 8 * np.finfo(dtype).eps / 2 * largest
    np.testing.assert_allclose(p.data, expected, rtol=0, atol=close)


@pytest.mark.parametrize(("make", "formula", "settings"), CASES, ids=IDS)
def test_a_resumed_run_goes_on_bit_for_bit(make, formula, settings):
    start, grads = drawn()
    p = Tensor(start, dtype=np.float32, requires_grad=True)
    whole = make([p], **settings)
    run(whole, p, grads[:9])
    saved, values = whole.state_dict(), p.numpy()
    numbers = json.loads(json.dumps({k: v for k, v in saved.items() if not isinstance(v, np.ndarray)}))
    arrays = {k: v for k, v in saved.items() if isinstance(v, np.ndarray)}
    q = Tensor(values, requires_grad=True)
    again = make([q], lr=9.0)
    again.load_state_dict({**arrays, **numbers})
    run(whole, p, grads[9:])
    run(again, q, grads[9:])
    np.testing.assert_array_equal(p.data, q.data)
    assert again.param_groups[0]["lr"] == settings["lr"]


@pytest.mark.parametrize(("make", "formula", "settings"), CASES, ids=IDS)
def test_steps_write_in_place_and_leave_gradients_alone(make, formula, settings):
    start, grads = drawn((50, 40))
    p = Tensor(start, requires_grad=True)
    optimiser = make([p], **settings)
    run(optimiser, p, grads[:1])
    home = p.data.__array_interface__["data"]
    run(optimiser, p, grads[1:3])
    assert p.data.__array_interface__["data"] == home
    np.testing.assert_array_equal(p.grad, grads[2])


def test_a_view_that_a_user_holds_does_not_change_under_them():
    p = Tensor(np.ones(3), requires_grad=True)
    optimiser = optim.SGD([p], lr=1.0)
    view = p.data
    run(optimiser, p, [np.ones(3)])
    assert view.tolist() == [1, 1, 1]
    assert p.data.tolist() == [0, 0, 0]


def test_parameters_without_gradient_stay_and_so_does_their_state():
    p, q = (Tensor(np.ones(2), requires_grad=True) for _ in range(2))
    optimiser = optim.Adam([p, q], weight_decay=0.1)
    p.grad = np.ones(2)
    optimiser.step()
    assert q.version == 0
    assert "state.1.step" not in optimiser.state_dict()
    optimiser.zero_grad()
    assert p.grad is None
    optimiser.step()
    assert optimiser.state_dict()["state.0.step"] == 1


def test_scalars_empty_and_differing_shapes_share_the_scratch_memory():
    shapes = [(), (0, 3), (2, 3), (7,), (1, 1)]
    params = [Tensor(np.ones(s), requires_grad=True) for s in shapes]
    optimiser = optim.AdamW(params, lr=0.5)
    for p in params:
        p.grad = np.full(p.shape, 2.0)
    optimiser.step()
    for p in params:
        np.testing.assert_allclose(p.data, np.full(p.shape, 1 * (1 - 0.005) - 0.5), rtol=1e-6)


def test_parameters_of_two_dtypes():
    p, q = Tensor(np.ones(3), requires_grad=True), Tensor(np.ones(3, np.float32), requires_grad=True)
    optimiser = optim.Adam([p, q], lr=0.1)
    p.grad, q.grad = np.ones(3), np.ones(3, np.float32)
    optimiser.step()
    assert (p.dtype, q.dtype) == (np.float64, np.float32)
    np.testing.assert_allclose(q.data, p.data, rtol=1e-6)


class TestGroups:
    def test_each_has_its_settings_and_the_defaults_for_the_rest(self):
        p, q = (Tensor(np.ones(2), requires_grad=True) for _ in range(2))
        optimiser = optim.SGD([{"params": [p]}, {"params": [q], "lr": 0.5}], lr=0.1)
        p.grad = q.grad = np.ones(2)
        optimiser.step()
        np.testing.assert_allclose(p.data, 0.9)
        np.testing.assert_allclose(q.data, 0.5)

    def test_named_pairs_name_parameters_and_generators_are_taken(self):
        net = nn.Linear(2, 2, rng=0)
        assert len(optim.SGD(net.named_parameters(), lr=1).param_groups[0]["params"]) == 2
        assert len(optim.SGD(net.parameters(), lr=1).param_groups[0]["params"]) == 2
        p = Tensor(np.ones(2), requires_grad=True)
        optim.SGD([("mine", p)], lr=1)
        assert p.name == "mine"

    def test_settings_changed_between_steps_are_checked(self):
        p = Tensor(np.ones(2), requires_grad=True)
        group = optim.SGD([p], lr=0.1).param_groups[0]
        group["lr"] = 0.2
        assert group["lr"] == 0.2
        with pytest.raises(ValueError, match="SGD: lr=nan must be a finite number"):
            group["lr"] = float("nan")
        with pytest.raises(KeyError, match="'rate' cannot be set; the settings are lr, momentum"):
            group["rate"] = 0.2
        assert group["lr"] == 0.2

    def test_adding_one_later(self):
        p, q = (Tensor(np.ones(2), requires_grad=True) for _ in range(2))
        optimiser = optim.Adam([p])
        optimiser.add_param_group({"params": q, "lr": 1.0})
        assert repr(optimiser).count("1 parameters") == 2
        with pytest.raises(ValueError, match="was given twice"):
            optimiser.add_param_group({"params": [p]})
        assert len(optimiser.param_groups) == 2


P = Tensor(np.ones(2), requires_grad=True, name="p")
WRONG = [
    (lambda: optim.SGD([P], lr=float("nan")), "SGD: lr=nan must be a finite number of at least 0"),
    (lambda: optim.SGD([P], lr=-1), "SGD: lr=-1 must be"),
    (lambda: optim.SGD([P], lr="fast"), "SGD: lr='fast' must be"),
    (lambda: optim.SGD([P], lr=True), "SGD: lr=True must be"),
    (lambda: optim.SGD([P], lr=0.1, momentum=-0.9), "SGD: momentum=-0.9 must be"),
    (lambda: optim.SGD([P], lr=0.1, weight_decay=float("inf")), "SGD: weight_decay=inf must be"),
    (lambda: optim.SGD([P], lr=0.1, nesterov=True), "SGD: nesterov=True needs momentum above 0"),
    (lambda: optim.SGD([P], lr=0.1, momentum=0.9, dampening=0.1, nesterov=True), "dampening=0.1"),
    (lambda: optim.SGD([P], lr=0.1, nesterov=1), "SGD: nesterov=1 must be True or False"),
    (lambda: optim.Adam([P], betas=(0.9, 1.0)), r"Adam: betas\[1\]=1.0 must be a number of at least 0 and"),
    (lambda: optim.Adam([P], betas=0.9), "Adam: betas=0.9 must be two numbers"),
    (lambda: optim.Adam([P], eps=-1e-8), "Adam: eps=-1e-08"),
    (lambda: optim.RMSprop([P], alpha=1.5), "RMSprop: alpha=1.5 must be"),
    (lambda: optim.Adadelta([P], rho=1.5), "Adadelta: rho=1.5 must be"),
    (lambda: optim.Adafactor([P], eps=1e-3), "Adafactor: eps=0.001 must be two numbers of at least 0"),
    (lambda: optim.Adafactor([P], eps=(None, None)), r"Adafactor: eps\[1\]=None must be"),
    (lambda: optim.Adafactor([P], beta2_decay=0.8), "Adafactor: beta2_decay=0.8 must be"),
    (lambda: optim.Adafactor([P], d=0), "Adafactor: d=0 must be"),
    (lambda: optim.Muon([P]), r"Muon: parameter p has shape \(2,\); only matrices.*such as AdamW"),
    (lambda: optim.Muon([P], ns_coefficients=(1, 2)), r"Muon: ns_coefficients=\(1, 2\) must be three numbers"),
    (lambda: optim.Muon([P], ns_steps=0), "Muon: ns_steps=0 must be"),
    (lambda: optim.Muon([P], adjust_lr_fn="best"), "Muon: adjust_lr_fn='best' must be None"),
    (lambda: optim.SGD([], lr=0.1), r"SGD: the parameter list is empty. Pass model.parameters\(\)"),
    (lambda: optim.SGD([{"params": []}], lr=0.1), "SGD: the parameter list is empty"),
    (lambda: optim.SGD([P, P], lr=0.1), "SGD: parameter p was given twice"),
    (lambda: optim.SGD(P, lr=0.1), r"SGD: needs a list of parameters, got \(2,\) float64"),
    (lambda: optim.SGD(nn.Linear(1, 1), lr=0.1), "SGD: needs a list of parameters, got Linear"),
    (lambda: optim.SGD([np.ones(2)], lr=0.1), r"SGD: parameters must be Tensors, got \(2,\) float64"),
    (lambda: optim.SGD([P * 2], lr=0.1), "is a result of mul, not a leaf"),
    (lambda: optim.SGD([Tensor(np.ones(2, int))], lr=0.1), "dtype int64; only floats"),
    (lambda: optim.SGD([{"lr": 1}], lr=0.1), "SGD: a group needs 'params', got only lr"),
    (lambda: optim.SGD([{"params": [P], "lrr": 1}], lr=0.1), "unknown setting 'lrr' in a group. Did you mean lr"),
]


@pytest.mark.parametrize(("make", "message"), WRONG)
def test_invalid_settings_and_parameters_are_refused_with_the_value(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


class TestLoading:
    def saved(self):
        p = Tensor(np.ones(2), requires_grad=True)
        optimiser = optim.Adam([p])
        run(optimiser, p, [np.ones(2)])
        return optimiser, optimiser.state_dict()

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda d: d.update(optimizer="SGD"), "needs the state_dict of a Adam, got that of SGD"),
            (lambda d: d.pop("groups.0.lr"), "the groups differ: groups.0.lr on one side only"),
            (lambda d: d.update({"groups.1.lr": 1.0}), "the groups differ: groups.1.lr"),
            (lambda d: d.update({"groups.0.size": 2}), "group 0 has 1 parameters, the saved one 2"),
            (lambda d: d.update({"groups.0.lr": float("nan")}), "lr=nan"),
            (lambda d: d.update({"state.0.exp_avg": np.ones(3)}), r"exp_avg has shape \(3,\), parameter 0 of shape"),
            (lambda d: d.update({"state.1.step": 1}), "unexpected entry 'state.1.step'"),
            (lambda d: d.update({"state.0.sum": np.ones(2)}), "unexpected entry 'state.0.sum'"),
            (lambda d: d.update({"more": 1}), "unexpected entry 'more'"),
            (lambda d: d.pop("state.0.exp_avg_sq"), "state.0 lacks exp_avg_sq"),
        ],
    )
    def test_what_does_not_fit_is_refused_and_nothing_is_loaded(self, change, message):
        optimiser, values = self.saved()
        broken = dict(values)
        change(broken)
        with pytest.raises(ValueError, match=message):
            optimiser.load_state_dict(broken)
        now = optimiser.state_dict()
        assert now.keys() == values.keys()
        assert all(np.array_equal(now[k], values[k]) for k in values)

    def test_what_is_no_dict(self):
        optimiser, _ = self.saved()
        with pytest.raises(ValueError, match="got that of list"):
            optimiser.load_state_dict([])

    def test_a_state_dict_is_a_copy(self):
        optimiser, values = self.saved()
        values["state.0.exp_avg"][:] = 7
        assert not np.array_equal(optimiser.state_dict()["state.0.exp_avg"], values["state.0.exp_avg"])


def test_adafactor_keeps_a_row_and_a_column_and_all_of_a_vector():
    filters, bias = (Tensor(np.ones(s), requires_grad=True) for s in [(5, 5, 3, 8), (8,)])
    adafactor = optim.Adafactor([filters, bias])
    adafactor.prepare()
    shapes = [{k: np.shape(v) for k, v in slot.items()} for slot in adafactor.state.values()]
    assert shapes == [{"step": (), "row_var": (5, 5, 3, 1), "col_var": (5, 5, 1, 8)}, {"step": (), "variance": (8,)}]


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (2, 2, 3, 5)])
def test_a_step_of_muon_is_nearly_orthogonal(shape):
    p = Tensor(np.zeros(shape), requires_grad=True)
    run(optim.Muon([p], lr=1.0, adjust_lr_fn="match_rms_adamw"), p, [np.random.default_rng(0).normal(size=shape)])
    matrix = p.data.reshape(-1, shape[-1]) / (0.2 * math.sqrt(max(math.prod(shape[:-1]), shape[-1])))
    values = np.linalg.svd(matrix, compute_uv=False)
    assert (values > 0.6).all()
    assert (values < 1.3).all()


def test_an_optimiser_without_a_formula_says_so():
    class Lazy(optim.Optimizer):
        pass

    p = Tensor(np.ones(2), requires_grad=True)
    lazy = Lazy([p], lr=0.1)
    p.grad = np.ones(2)
    with pytest.raises(NotImplementedError, match="Lazy: does not say how parameters change"):
        lazy.step()


def test_an_optimiser_may_have_no_decay_of_weights():
    class Plain(optim.Optimizer):
        """Gradient descent with a decay that would be decoupled."""

        decoupled = True

        def __init__(self, params, lr=0.5):
            super().__init__(params, lr=lr)

        def change(self, parameter, gradient, state, settings):
            return gradient * -settings["lr"], state

    p = nn.Parameter(np.ones(2, np.float32))
    p.grad = np.ones(2, np.float32)
    Plain([p]).step()
    assert p.tolist() == [0.5, 0.5]


class Ported(optim.Optimizer):
    """As PyTorch's users write it: settings in one dict, state filled in the first step, a step of its own."""

    def __init__(self, params, lr=0.1, momentum=0.5):
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @tg.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if len(state) == 0:
                    state["speed"] = np.zeros_like(p.grad)
                state["speed"] = group["momentum"] * state["speed"] + p.grad
                p -= group["lr"] * state["speed"]


def test_an_optimizer_written_as_for_pytorch_steps_saves_and_is_copied():
    w, twin = nn.Parameter([1.0, -2.0]), nn.Parameter([1.0, -2.0])
    ported, known = Ported([w]), optim.SGD([{"params": [twin], "lr": 0.1}], lr=1.0, momentum=0.5)
    for k in range(4):
        for p, optimizer in ((w, ported), (twin, known)):
            optimizer.zero_grad()
            (p * p).sum().backward()
            optimizer.step()
        np.testing.assert_allclose(w.data, twin.data, rtol=1e-6)
        if k == 1:
            saved, ported = ported.state_dict(), copy.copy(ported)
            ported.state.clear()
            assert ported.state[w] == {}
            ported.load_state_dict(saved)
            assert ported.state[nn.Parameter([0.0])] == {}


def test_settings_in_one_dict_may_be_named_beside_it_and_are_checked():
    w = nn.Parameter([1.0])
    assert optim.Optimizer([w], {"lr": 0.1, "rho": 2.0}, lr=0.2).defaults == {"lr": 0.2, "rho": 2.0}
    with pytest.raises(TypeError, match=r"Optimizer: settings go by name, as in lr=0.1, or in one dict; got .*0.1"):
        optim.Optimizer([w], 0.1)
