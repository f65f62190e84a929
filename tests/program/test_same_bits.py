"""A compiled step gives the bits of the function: results, weights, statistics, gradients, optimiser state, draws."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim

from . import steps

OPTIMISERS = sorted(
    (c for c in vars(optim).values() if isinstance(c, type) and issubclass(c, optim.Optimizer)
     and c not in (optim.Optimizer, optim.LBFGS)),
    key=lambda c: c.__name__,
)  # fmt: skip


@pytest.mark.parametrize("verify", [True, False], ids=["verified", "not verified"])
@pytest.mark.parametrize(
    "step_of", [steps.plain, steps.full, steps.accumulated, steps.penalised, steps.by_hand, steps.noisy]
)
def test_a_step_is_replayed_with_the_same_bits(step_of, verify):
    step = steps.compare(steps.Net, steps.adamw, step_of, verify=verify)
    assert len(step.programs) == 1


@pytest.mark.parametrize("step_of", [steps.full, steps.penalised])
def test_a_checkpoint_repeats_its_draws(step_of):
    step = steps.compare(lambda: steps.Net(checkpoint=True), steps.sgd, step_of)
    assert any(call.name.endswith("set_generators") for call in step.programs[0].calls)


@pytest.mark.parametrize("optimizer", OPTIMISERS, ids=lambda c: c.__name__)
def test_every_optimiser(optimizer):
    def make(net):
        params = [p for p in net.parameters() if optimizer is not optim.Muon or p.ndim > 1]
        return optimizer(params, **optimizer.samples[-1])

    steps.compare(steps.Net, make, steps.plain, count=6)


def test_a_smaller_last_batch_has_a_program_of_its_own():
    step = steps.compare(steps.Net, steps.sgd, steps.plain, sizes=(6, 6, 4), count=15)
    assert len(step.programs) == 2


def _rates(k, net, optimizer):
    if k in (5, 8):
        for group in optimizer.param_groups:
            group["lr"] *= 0.5


def _loads(k, net, optimizer):
    if k == 5:
        net.load_state_dict({name: value * 0.5 for name, value in net.state_dict().items()})
    if k == 7:
        optimizer.load_state_dict({**optimizer.state_dict(), "groups.0.lr": 0.001})


def _modes(k, net, optimizer):
    if k in (5, 9):
        net.train(k == 9)


def _freezes(k, net, optimizer):
    if k == 5:
        net.conv.freeze()
    if k == 9:
        net.conv.unfreeze()


def _settings(k, net, optimizer):
    if k == 5:
        net.drop.rate = 0.5
    if k == 7:
        net.norm.momentum, net.drop.rng = 0.3, np.random.default_rng(9)


def _kept(k, net, optimizer, gradients=[]):  # noqa: B006 -- what users may hold from step to step
    gradients += [p.grad for p in net.parameters()] + [p.data for p in net.parameters()]


def _pauses(k, net, optimizer):
    if k in (5, 6):
        net.out.bias.grad = None
        net.hidden.weight.assign(net.hidden.weight.data * 2)


@pytest.mark.parametrize("between", [_rates, _loads, _modes, _freezes, _settings, _kept, _pauses])
def test_changes_between_steps(between):
    steps.compare(steps.Net, steps.adamw, steps.full, between=between, count=14)


def test_gradients_that_nobody_forgets_add_up():
    def of(net, optimizer, others):
        def step(x, y):
            tg.softmax_cross_entropy(net(x), y).backward()

        return step

    def forget(k, net, optimizer):
        if k == 6:
            net.zero_grad()

    steps.compare(steps.Net, steps.sgd, of, between=forget)


def test_a_parameter_without_gradient_that_gets_one():
    def of(net, optimizer, others):
        def step(x, y):
            loss = tg.softmax_cross_entropy(net.out(net.hidden(tg.reshape(x, (6, -1))[:, :16])), y)
            loss.backward()
            optimizer.step()
            net.out.zero_grad()
            net.hidden.zero_grad()
            return loss

        return step

    def give(k, net, optimizer):
        if k == 6:
            net.conv.bias.grad = np.ones(4, np.float32)

    steps.compare(steps.Net, steps.sgd, of, between=give)


def test_a_function_that_is_called_with_one_array_twice():
    rng = np.random.default_rng(0)
    product = tg.compile(lambda a, b: (tg.Tensor(a) * b).sum())
    for _ in range(4):
        a = rng.standard_normal(3)
        assert product(a, a).item() == np.sum(a * a)
    for _ in range(4):
        a, b = rng.standard_normal((2, 3))
        assert product(a, b).item() == np.sum(a * b)
    assert len(product.programs) == 2


def test_tensors_as_arguments_get_their_gradients():
    def scaled(x, w):
        y = (x * w).sum()
        y.backward()
        return y

    compiled, rng = tg.compile(scaled), np.random.default_rng(0)
    for _ in range(5):
        x, w = (tg.Tensor(rng.standard_normal(4), requires_grad=True) for _ in range(2))
        assert compiled(x, w).item() == np.sum(x.data * w.data)
        assert np.array_equal(x.grad, w.data) and np.array_equal(w.grad, x.data)


def test_a_model_for_inference():
    net = nn.Sequential(nn.Conv2d(1, 3, 3, rng=0), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2, rng=1))
    net.eval()
    fast, rng = tg.compile(net), np.random.default_rng(0)
    for k in range(6):
        if k == 4:
            net[0].bias.assign(np.ones(3))
        x = rng.standard_normal((2, 4, 4, 1)).astype(np.float32)
        assert np.array_equal(fast(x).data, net(x).data)
    assert len(fast.programs) == 1


SHAPES = {"efficientnet_lite0": (64, 64, 3), "lenet": (28, 28, 1), "mnistnet": (28, 28, 1)}


def _model(name, checkpointed=False):
    return tg.models.build(name, SHAPES.get(name, (32, 32, 3)), 10, rng=0)


def _of_model(net, optimizer, others):
    def step(x, y):
        out = net(x)
        loss = tg.softmax_cross_entropy(out, y) if out.ndim == 2 else (out * out).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


@pytest.mark.parametrize("name", ["lenet", "resnet8"])
def test_models(name):
    shape = (2, *SHAPES.get(name, (32, 32, 3)))
    steps.compare(lambda: _model(name), steps.sgd, _of_model, shape=shape, sizes=(2,), classes=10, count=6)


def _full_of_model(net, optimizer, others):
    ema, schedule = optim.EMA(net, 0.9), optim.CosineLR(optimizer, 20)
    others.update(ema=ema, schedule=schedule)
    step_of_model = _of_model(net, optimizer, others)

    def step(x, y):
        loss = step_of_model(x, y)
        optim.clip_grad_norm(net.parameters(), 0.5)
        ema.update()
        schedule.step()
        return loss

    return step


def _slowly(net):
    """So that no network diverges on batches of two."""
    return optim.SGD(net.parameters(), lr=0.001, momentum=0.9)


@pytest.mark.level("thorough")
@pytest.mark.parametrize("step_of", [_of_model, _full_of_model], ids=["plain", "full"])
@pytest.mark.parametrize("optimizer", [_slowly, steps.adamw], ids=["SGD", "AdamW"])
@pytest.mark.parametrize("name", [n for n in tg.models.names if n not in ("unet", "vgg11", "vgg13", "vgg16", "vgg19")])
def test_twenty_steps_of_every_model(name, optimizer, step_of):
    shape = (2, *SHAPES.get(name, (32, 32, 3)))
    steps.compare(lambda: _model(name), optimizer, step_of, shape=shape, sizes=(2, 2, 1) if "net" not in name else (2,),
                  classes=10, count=20)  # fmt: skip
