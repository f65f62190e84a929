"""Whatever a state_dict holds changes only through declared effects, so whoever observes them misses no change.

An observer of effects compares the states of a whole training at the beginning of each effect with what they were at
the end of the one before.  The trainings use every optimiser and every schedule that the package has.
"""

import inspect
from pathlib import Path

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import data, nn, optim
from tinygrad_cnn.autodiff import checkpointing
from tinygrad_cnn.autodiff.observing import observing_effects
from tinygrad_cnn.core.register import hooks
from tinygrad_cnn.ops import random

IMAGES = np.random.default_rng(0).standard_normal((12, 4, 4, 2)).astype(np.float32)
LABELS = np.arange(12) % 3
PACKAGE = Path(tg.__file__).parent
OPTIMISERS, SCHEDULES = (
    sorted((c for c in vars(optim).values() if isinstance(c, type) and issubclass(c, base) and c is not base), key=str)
    for base in (optim.Optimizer, optim.Schedule)
)
MORE = {"momentum": 0.9, "amsgrad": True, "centered": True, "weight_decay": 0.01, "lr_decay": 0.1, "patience": 0}


class Net(nn.Module):
    """Batch norm and dropout of either kind of generator, outside of a checkpoint and inside."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.conv, self.norm = nn.Conv2d(2, 4, 3, rng=rng), nn.BatchNorm2d(4)
        self.outside, self.inside, self.unseeded = nn.Dropout(0.2, rng=1), nn.Dropout(0.2, rng=2), nn.Dropout(0.2)
        self.hidden, self.again, self.out = nn.Linear(16, 5, rng=rng), nn.BatchNorm2d(5), nn.Linear(5, 3, rng=rng)

    def forward(self, x):
        x = self.outside(tg.relu(self.norm(self.conv(x))))
        return self.out(tg.checkpoint(self.block, tg.reshape(x, (len(x), 16))))

    def block(self, x):
        x = self.unseeded(self.inside(self.hidden(x)))
        x = tg.reshape(self.again(tg.reshape(x, (-1, 1, 1, 5))), (-1, 5))
        return tg.dropout(x, 0.1)  # with a new generator each time


def made(kind, *given, **settings):
    """An object of a class, with the first settings that its contract has, and others that it knows."""
    names = inspect.signature(kind).parameters
    return kind(*given, **{**kind.samples[0], **{n: v for n, v in settings.items() if n in names}})


def frozen(value):
    """A value that later changes leave alone."""
    return (str(value.dtype), value.shape, value.tobytes()) if isinstance(value, np.ndarray) else repr(value)


class Watch:
    """An observer that notes which entries of which states changed while no effect ran."""

    def __init__(self, model, optimizer, **others):
        self.model, self.holders = model, {"model": model, "optimizer": optimizer, **others}
        self.seen, self.stray = [], []
        self.last = self.states()

    def states(self):
        states = {name: holder.state_dict() for name, holder in self.holders.items()}
        states["gradients"] = {name: p.grad for name, p in self.model.named_parameters()}
        states["generators"] = {str(k): rng.bit_generator.state for k, rng in enumerate(self.model.generators())}
        return {f"{holder}: {k}": frozen(v) for holder, state in states.items() for k, v in state.items()}

    def compare(self, when):
        now = self.states()
        if changed := sorted(k for k in now.keys() | self.last.keys() if now.get(k) != self.last.get(k)):
            self.stray.append((when, changed))
        self.last = now

    def __call__(self, call):
        if call.around is not None:
            return
        if call.over:
            self.seen.append(call.effect.removeprefix("tinygrad_cnn."))
            self.last = self.states()
        else:
            self.compare(f"between {self.seen[-1:]} and {call.effect}")


def train(optimizer=optim.Adam, schedule=optim.StepLR, on=MORE, epochs=2, stray=None):
    """A training in a loop of one's own, with all that it may have; what the observer saw."""
    net = Net()
    params = [p for p in net.parameters() if optimizer is not optim.Muon or p.ndim > 1]
    sgd = made(optimizer, params, **on)
    loader = data.DataLoader(data.ArrayDataset(IMAGES, LABELS), 6, shuffle=True)
    ema, rates = optim.EMA(net, 0.9, warmup=True), made(schedule, sgd, **on) if "lr" in sgd.defaults else None
    watch = Watch(net, sgd, loader=loader, ema=ema, **({"schedule": rates} if rates else {}))
    with observing_effects(watch):
        for _ in range(epochs):
            for x, y in loader:

                def closure(x=x, y=y):
                    sgd.zero_grad()
                    loss = tg.softmax_cross_entropy(net(x), y)
                    loss.backward()
                    optim.clip_grad_norm(net.parameters(), 0.5)
                    optim.clip_grad_value(net.parameters(), 0.1)
                    return loss

                loss = sgd.step(closure)
                ema.update()
                if rates is not None:
                    rates.step(*([float(loss.data)] if schedule is optim.ReduceLROnPlateau else []))
                if stray is not None:
                    stray(net=net, **{k: v for k, v in watch.holders.items() if k != "model"})
            with ema.apply():
                net(IMAGES)
        for holder in watch.holders.values():
            holder.load_state_dict(holder.state_dict())
        net.zero_grad()
    watch.compare("after the last effect")
    return watch


@pytest.mark.parametrize("on", [MORE, {}], ids=["all settings", "plain"])
@pytest.mark.parametrize("optimizer", OPTIMISERS)
def test_an_optimiser_changes_nothing_outside_of_effects(optimizer, on):
    watch = train(optimizer, on=on)
    assert watch.stray == []
    assert {"ops.random.draw_from", "autodiff.checkpointing.set_generators", "core.engine.add_gradients",
            "nn.running_norms._Running._move_statistics", "optim.ema.EMA.update"} <= {*watch.seen}  # fmt: skip


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_changes_nothing_outside_of_effects(schedule):
    watch = train(optim.SGD, schedule)
    assert watch.stray == []
    assert any(name.startswith("optim.") and name.endswith(".step") for name in watch.seen)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_fit_changes_nothing_outside_of_effects(schedule):
    net = Net()
    adam = optim.Adam(net.parameters())
    rates, ema = made(schedule, adam, **MORE), optim.EMA(net, 0.9)
    loader = data.DataLoader(data.ArrayDataset(IMAGES, LABELS), 3, shuffle=True)
    watch = Watch(net, adam, schedule=rates, ema=ema, loader=loader)
    with observing_effects(watch):
        tg.fit(net, loader, optimizer=adam, schedule=rates, epochs=3, accumulate=2,
               callbacks=[tg.train.AverageWeights(ema), tg.train.EarlyStop(1)],
               validation=data.ArrayDataset(IMAGES[:6], LABELS[:6]), progress=False)  # fmt: skip
    watch.compare("after the last effect")
    assert watch.stray == []
    assert "optim.clip.scale_grad" in watch.seen


def test_changes_of_a_models_parts_are_effects():
    net = nn.Sequential(nn.Linear(2, 3, rng=0), nn.BatchNorm2d(3))
    sgd = optim.SGD(net.parameters(), lr=0.1)
    watch = Watch(net, sgd)
    with observing_effects(watch):
        net.to(np.float64)
        net[1].running_mean = np.ones(3)
        net[0].weight = nn.Parameter(np.ones((2, 3)))
        net[0].bias.grad = np.ones(3)
        net.append(nn.Linear(3, 1, rng=0))
        net[0].bias = None
        sgd.add_param_group({"params": net[2].parameters()})
        sgd.param_groups[1]["lr"] = 0.5
        del net[1].running_mean
    watch.compare("after the last effect")
    assert watch.stray == []


# -- the observer misses nothing ------------------------------------------------------------------------------


def double(array):
    np.multiply(array, 2, out=array)


STRAYS = {  # what the observer says, and what changes it
    "model: norm.weight": lambda net, **_: double(net.norm.weight._data),
    "model: again.running_var": lambda net, **_: double(net.again.running_var._data),
    "gradients: norm.weight": lambda net, **_: double(net.norm.weight.grad),
    "generators: 0": lambda net, **_: net.outside.rng.random(),
    "optimizer: state.2.exp_avg": lambda net, optimizer, **_: double(optimizer.state[net.norm.weight]["exp_avg"]),
    "optimizer: state.2.step": lambda net, optimizer, **_: optimizer.state[net.norm.weight].update(step=7),
    "optimizer: groups.0.lr": lambda optimizer, **_: dict.__setitem__(optimizer.param_groups[0], "lr", 0.5),
    "schedule: t": lambda schedule, **_: setattr(schedule, "t", 9),
    "ema: average.norm.weight": lambda ema, **_: double(ema._average["norm.weight"]),
    "loader: epoch": lambda loader, **_: setattr(loader, "epoch", 5),
}


@pytest.mark.parametrize("what", STRAYS)
def test_a_change_outside_of_an_effect_is_seen(what):
    ((_, changed),) = train(epochs=1, stray=STRAYS[what]).stray[:1]
    assert changed == [what]


DECLARED = [
    (optim.Optimizer, "_update"), (optim.Schedule, "step"), (optim.EMA, "update"), (optim, "clip_grad_value"),
    (random, "draw_from"), (checkpointing, "set_generators"),
    (hooks, "add_gradients"), (data.DataLoader, "_move_to"),
]  # fmt: skip


@pytest.mark.parametrize(("owner", "name"), DECLARED, ids=[name for _, name in DECLARED])
def test_an_effect_that_is_not_declared_is_missed(owner, name, monkeypatch):
    if owner is hooks:
        monkeypatch.setitem(hooks, name, hooks[name].__wrapped__)
    else:
        monkeypatch.setattr(owner, name, getattr(owner, name).__wrapped__)
    assert train(epochs=1).stray


# -- once, and again ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("way", ["backward", "create_graph", "checkpoint", "checkpoint, create_graph"])
def test_running_statistics_move_once(way, fused):
    norm, x = nn.BatchNorm2d(2), tg.randn(3, 2, 2, 2, rng=0, requires_grad=True)
    seen = []
    with observing_effects(lambda call: seen.append(call.effect.rpartition(".")[2]) if call.over else None):
        y = tg.checkpoint(lambda x: norm(x, relu=fused), x) if "checkpoint" in way else norm(x, relu=fused)
        after = norm.state_dict()
        if "create_graph" in way:
            g = tg.grad((y * y).sum(), x, create_graph=True)
            (g * g).sum().backward()
        else:
            (y * y).sum().backward()
    assert seen.count("_move_statistics") == 1
    assert all(np.array_equal(value, after[name]) for name, value in norm.state_dict().items())
    np.testing.assert_allclose(norm.running_mean.data, 0.1 * x.data.mean((0, 1, 2)), rtol=1e-5)


def test_a_checkpoint_rewinds_its_generators_draws_again_and_puts_them_back():
    net, seen = Net(), []
    loss = tg.softmax_cross_entropy(net(IMAGES), LABELS)
    states = [rng.bit_generator.state for rng in net.generators()]
    with observing_effects(lambda call: seen.append(call) if call.over else None):
        loss.backward()
    names = [call.effect.rpartition(".")[2] for call in seen]
    assert names == ["set_generators", "draw_from", "draw_from", "draw_from", "set_generators", "add_gradients"]
    rewound = [rng for rng, _ in seen[0].args[0]]
    assert {id(call.args[0]) for call in seen[1:4]} == {id(rng) for rng in rewound}
    assert [rng.bit_generator.state for rng in net.generators()] == states
