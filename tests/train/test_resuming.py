"""Runs keep the default generator and what is frozen: a resumed training gives the same bits."""

import json

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim
from tinygrad_cnn.data import ArrayDataset, DataLoader
from tinygrad_cnn.data.transforms import RandomFlip
from tinygrad_cnn.io import read_metadata
from tinygrad_cnn.train import fit
from tinygrad_cnn.train.run_folder import Run

pytestmark = pytest.mark.level("default")

DATA = ArrayDataset(np.random.default_rng(0).random((20, 6, 6, 1), dtype=np.float32), np.arange(20) % 3)


class Net(nn.Module):
    """Draws in every way: weights, a layer with a generator, an op without one."""

    def __init__(self):
        self.conv = nn.Conv2d(1, 2, 3)
        self.norm = nn.BatchNorm2d(2)
        self.drop = nn.Dropout(0.3)
        self.out = nn.Linear(32, 3)

    def forward(self, x):
        x = tg.checkpoint(lambda x: tg.dropout(x, 0.2, training=self.training), self.norm(self.conv(x)))
        return self.out(self.drop(tg.reshape(x, (len(x), -1))))


def train(run=None, epochs=4, seed=3, loader=False, freeze=(), **more):
    if seed is not None:
        tg.manual_seed(seed)
    model = Net()
    for name in freeze:
        getattr(model, name).freeze()
    data = DataLoader(DATA, 5, shuffle=True, transform=RandomFlip(), prefetch=2) if loader else DATA
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    fit(model, data, epochs=epochs, batch_size=5, optimizer=optimizer, progress=False, run=run, **more)
    return model


def same(a, b):
    a, b = a.state_dict(), b.state_dict()
    return all(np.array_equal(a[name], b[name]) for name in a)


def new_run(path):
    return Run.create(path)


@pytest.mark.parametrize("loader", [False, True])
def test_one_seed_repeats_a_training(loader):
    assert same(train(loader=loader), train(loader=loader))
    assert not same(train(loader=loader), train(loader=loader, seed=4))


@pytest.mark.parametrize("loader", [False, True])
@pytest.mark.parametrize("other", ["the same seed", "another seed", "other draws"])
def test_a_resumed_run_gives_the_same_bits(tmp_path, loader, other):
    want = train(loader=loader)
    after = tg.get_rng_state()
    run = new_run(tmp_path / "run")
    train(run, epochs=2, loader=loader)
    tg.set_rng_state(None)
    if other == "other draws":
        tg.manual_seed(3)
        tg.randn(9)
    model = train(Run.open(tmp_path / "run"), loader=loader, seed={"the same seed": 3, "another seed": 8}.get(other))
    assert same(model, want) and tg.get_rng_state() == after


def test_validation_takes_no_draws_from_training():
    want = train()
    assert same(train(validation=DATA), want)


def test_a_run_without_a_seed_leaves_the_generator_alone(tmp_path):
    run = new_run(tmp_path / "run")
    train(run, epochs=1, seed=None)
    tg.manual_seed(5)
    train(Run.open(tmp_path / "run"), epochs=2, seed=None)
    assert tg.get_rng_state()["seed"] == 5


# -- freezing -------------------------------------------------------------------------------------------------


def test_fit_leaves_frozen_parts_as_they_are():
    tg.manual_seed(3)
    before = Net().state_dict()
    after = train(freeze=("conv", "norm")).state_dict()
    moved = {name for name in before if not np.array_equal(before[name], after[name])}
    assert moved == {"out.weight", "out.bias"}


@pytest.mark.parametrize("model_is", ["frozen as the run began", "as the run left it"])
def test_a_run_that_thaws_on_the_way_goes_on_thawed(tmp_path, model_is):
    def thaw(model):
        def at(training):
            if training.epoch == 2:
                model.conv.unfreeze(), model.norm.unfreeze()

        return at

    def trained(run, epochs, freeze=("conv", "norm")):
        tg.manual_seed(3)
        model = Net()
        for name in freeze:
            getattr(model, name).freeze()
        optimizer = optim.Adam(model.parameters(), lr=0.01)
        fit(model, DATA, epochs=epochs, batch_size=5, optimizer=optimizer, progress=False, run=run,
            callbacks=[thaw(model)])  # fmt: skip
        return model

    want = trained(None, 5)
    trained(new_run(tmp_path / "run"), 3)
    if model_is == "as the run left it":
        model = trained(Run.open(tmp_path / "run"), 5, freeze=())
    else:
        words = r"differ in what is frozen \(conv.bias, conv.weight, norm.bias, ...\)"
        with pytest.warns(UserWarning, match=words) as caught:
            model = trained(Run.open(tmp_path / "run"), 5)
        assert caught[0].filename == __file__
    assert same(model, want) and not any(m.frozen for m in model.modules())
    assert all(p.requires_grad for p in model.parameters())


def test_a_checkpoint_says_what_is_frozen_and_old_ones_leave_the_model_alone(tmp_path):
    run = new_run(tmp_path / "run")
    train(run, epochs=1, freeze=("norm",))
    state = json.loads(read_metadata(run.checkpoints.place(4))["state"])
    assert state["frozen"] == {"modules": ["norm"], "parameters": ["norm.weight", "norm.bias"]}
    with pytest.warns(UserWarning, match="Training goes on as in the checkpoint"):
        assert train(Run.open(run.path), epochs=2).norm.frozen
    found = run.load_state()
    del found["frozen"], found["rng"]
    tg.set_rng_state(None)
    run.load_state = lambda: found
    model = train(run, epochs=3, freeze=("conv",), seed=None)
    assert model.conv.frozen and not model.norm.frozen
