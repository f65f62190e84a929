"""Optimisers, schedules and layers beside PyTorch's: an optional group, which needs torch."""

import numpy as np
import pytest

from tinygrad_cnn import Tensor, nn, optim

torch = pytest.importorskip("torch", reason="PyTorch is not installed here; .ci/run installs it")

STEPS = 20
OPTIMISERS = [
    ("SGD", {"lr": 0.05}),
    ("SGD", {"lr": 0.05, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.05}),
    ("Adam", {"lr": 0.05, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.05, "amsgrad": True}),
    ("AdamW", {"lr": 0.05}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.3, "amsgrad": True}),
    ("NAdam", {"lr": 0.05, "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.05, "momentum_decay": 0.1}),
    ("Adamax", {"lr": 0.05}),
    ("Adamax", {"lr": 0.05, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1, "maximize": True}),
    ("RAdam", {"lr": 0.05}),
    ("RAdam", {"lr": 0.05, "betas": (0.8, 0.7), "eps": 1e-3, "weight_decay": 0.1}),
    *(
        (name, {"lr": 0.05, "weight_decay": 0.1, "maximize": True})
        for name in ("SGD", "Adam", "AdamW", "NAdam", "RAdam", "RMSprop", "Adagrad", "Adadelta")
    ),
    ("Adafactor", {"maximize": True}),
    ("RMSprop", {"lr": 0.05}),
    ("RMSprop", {"lr": 0.05, "alpha": 0.9, "momentum": 0.9, "centered": True, "weight_decay": 0.1, "eps": 1e-3}),
    ("Adagrad", {"lr": 0.05}),
    ("Adagrad", {"lr": 0.05, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.2, "eps": 1e-3}),
    ("Adadelta", {"lr": 0.5}),
    ("Adadelta", {"rho": 0.8, "eps": 1e-3, "weight_decay": 0.1}),
    ("Adafactor", {}),
    ("Adafactor", {"lr": 0.3, "beta2_decay": -0.5, "eps": (1e-4, 0.5), "d": 1.2, "weight_decay": 0.1}),
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("name", "settings"), OPTIMISERS)
def test_twenty_steps_agree(name, settings, dtype):
    rng = np.random.default_rng(0)
    start = rng.normal(size=(3, 4)).astype(dtype)
    ours, theirs = Tensor(start, requires_grad=True), torch.tensor(start, requires_grad=True)
    # torch keeps NAdam's product of momenta, of about 0.45**t, in float32; t roundings of it reach step t, and
    # lr * eps * sum(t * 0.45**t / (1 - 0.45**t)) is below 3 * lr * eps
    single = 3 * 0.05 * float(np.finfo(np.float32).eps)
    close = 1e-6 if dtype == np.float32 else single if name == "NAdam" else 1e-12
    a, b = getattr(optim, name)([ours], **settings), getattr(torch.optim, name)([theirs], **settings)
    for k in range(STEPS):
        gradient = rng.normal(size=(3, 4)).astype(dtype) if k != 7 else None
        ours.grad, theirs.grad = gradient, None if gradient is None else torch.tensor(gradient)
        a.step()
        b.step()
        np.testing.assert_allclose(ours.data, theirs.detach().numpy(), rtol=0, atol=close)


@pytest.mark.parametrize("shape", [(3,), (2, 3, 4)])
def test_adafactor_agrees_on_a_vector_and_on_more_axes(shape):
    rng = np.random.default_rng(0)
    start = rng.normal(size=shape)
    ours, theirs = Tensor(start, requires_grad=True), torch.tensor(start, requires_grad=True)
    a, b = optim.Adafactor([ours], 0.2), torch.optim.Adafactor([theirs], 0.2)
    for _ in range(STEPS):
        ours.grad = rng.normal(size=shape)
        theirs.grad = torch.tensor(ours.grad)
        a.step()
        b.step()
        np.testing.assert_allclose(ours.data, theirs.detach().numpy(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", [(4, 6), (6, 4)])
@pytest.mark.parametrize("settings", [{}, {"nesterov": False, "adjust_lr_fn": "match_rms_adamw", "momentum": 0.5}])
def test_muon_agrees_as_far_as_torch_computes(shape, settings):
    rng = np.random.default_rng(0)
    start = rng.normal(size=shape).astype(np.float32)
    ours, theirs = Tensor(start, requires_grad=True), torch.tensor(start.T.copy(), requires_grad=True)  # (out, in)
    a, b = optim.Muon([ours], 0.05, **settings), torch.optim.Muon([theirs], 0.05, **settings)
    for _ in range(3):
        gradient = rng.normal(size=shape).astype(np.float32)
        before = ours.data
        ours.grad, theirs.grad = gradient, torch.tensor(gradient.T.copy())
        a.step()
        b.step()
        close = 0.05 * np.abs(ours.data - before).max()  # torch computes the step in bfloat16
        np.testing.assert_allclose(ours.data, theirs.detach().numpy().T, rtol=0, atol=close)
        theirs.data = torch.tensor(ours.data.T.copy())


SCHEDULES = [
    (lambda o: optim.StepLR(o, 3, 0.5), lambda s, o: s.StepLR(o, 3, 0.5)),
    (lambda o: optim.ExponentialLR(o, 0.9), lambda s, o: s.ExponentialLR(o, 0.9)),
    (
        lambda o: optim.CosineRestarts(o, 5, 2, eta_min=0.01),
        lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, 2, eta_min=0.01),
    ),
    (lambda o: optim.CosineLR(o, STEPS, eta_min=0.01), lambda s, o: s.CosineAnnealingLR(o, STEPS, eta_min=0.01)),
    (lambda o: optim.MultiStepLR(o, [3, 7], 0.5), lambda s, o: s.MultiStepLR(o, [3, 7], 0.5)),
    (lambda o: optim.LambdaLR(o, lambda t: 0.9**t), lambda s, o: s.LambdaLR(o, lambda t: 0.9**t)),
    (lambda o: optim.PolynomialLR(o, 8, 2.0), lambda s, o: s.PolynomialLR(o, 8, 2.0)),
    (
        lambda o: optim.SequentialLR(o, [optim.ConstantLR(o), optim.ExponentialLR(o, 0.9)], [4]),
        lambda s, o: s.SequentialLR(o, [s.ConstantLR(o, 1.0), s.ExponentialLR(o, 0.9)], [4]),
    ),
    (lambda o: optim.WarmupLR(o, 5, start=0.2), lambda s, o: s.LinearLR(o, 0.2, total_iters=5)),
    (
        lambda o: optim.OneCycleLR(o, 0.5, STEPS + 1),
        lambda s, o: s.OneCycleLR(o, 0.5, STEPS + 1, cycle_momentum=False),
    ),
]


@pytest.mark.filterwarnings("ignore:Detected call of")
@pytest.mark.parametrize(("ours", "theirs"), SCHEDULES)
def test_schedules_agree(ours, theirs):
    a = optim.SGD([Tensor(np.ones(2), requires_grad=True)], lr=0.3)
    b = torch.optim.SGD([torch.ones(2, requires_grad=True)], lr=0.3)
    ours, theirs = ours(a), theirs(torch.optim.lr_scheduler, b)
    for _ in range(STEPS):
        assert ours.lrs[0] == pytest.approx(theirs.get_last_lr()[0], rel=1e-9)
        ours.step()
        theirs.step()


def test_plateau_agrees():
    a = optim.SGD([Tensor(np.ones(2), requires_grad=True)], lr=0.3)
    b = torch.optim.SGD([torch.ones(2, requires_grad=True)], lr=0.3)
    ours = optim.ReduceLROnPlateau(a, factor=0.5, patience=2, cooldown=1)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(b, factor=0.5, patience=2, cooldown=1)
    for metric in [1, 0.9, 0.9, 0.95, 0.91, 0.91, 0.91, 0.91, 0.91, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6]:
        ours.step(metric)
        theirs.step(metric)
        assert ours.lrs[0] == b.param_groups[0]["lr"]


@pytest.mark.parametrize("limit", [0.1, 100.0])
def test_clip_grad_norm_agrees(limit):
    rng = np.random.default_rng(0)
    grads = [rng.normal(size=(3, 4)), rng.normal(size=5)]
    ours = [Tensor(g, requires_grad=True) for g in grads]
    theirs = [torch.tensor(g, requires_grad=True) for g in grads]
    for p, q, g in zip(ours, theirs, grads, strict=True):
        p.grad, q.grad = g, torch.tensor(g)
    norm = optim.clip_grad_norm(ours, limit)
    assert norm == pytest.approx(float(torch.nn.utils.clip_grad_norm_(theirs, limit)))
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=1e-12)


def test_batch_norm_agrees_in_training_and_after():
    rng = np.random.default_rng(0)
    ours, theirs = nn.BatchNorm2d(3, momentum=0.2).to(np.float64), torch.nn.BatchNorm2d(3, momentum=0.2).double()
    for _ in range(3):
        x = rng.normal(2, 3, size=(4, 5, 6, 3))
        y, z = ours(x), theirs(torch.tensor(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        np.testing.assert_allclose(y.data, z.detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(ours.running_mean.data, theirs.running_mean.numpy(), rtol=1e-12)
    np.testing.assert_allclose(ours.running_var.data, theirs.running_var.numpy(), rtol=1e-12)
    y, z = ours.eval()(x), theirs.eval()(torch.tensor(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    np.testing.assert_allclose(y.data, z.detach().numpy(), atol=1e-12)
