"""Frozen parts of a model: nothing that trains moves them, and everything shows them."""

import copy
import pickle

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim

X = np.random.default_rng(0).standard_normal((4, 6, 6, 1)).astype(np.float32)
Y = np.array([0, 1, 2, 0])


class Running(nn.Module):
    """A user's layer with a statistic of its own, which asks for nothing but the mode."""

    def __init__(self):
        self.register_buffer("mean", np.zeros(1, np.float32))

    def forward(self, x):
        if self.training:
            self.mean.assign(self.mean.data + np.mean(tg.Tensor(x).data))
        return x - self.mean


def net(dropout=0.0):
    return nn.Sequential({
        "features": nn.Sequential(
            nn.Conv2d(1, 4, 3, rng=0), nn.BatchNorm2d(4), nn.ReLU(), Running(), nn.Dropout(dropout, rng=0)
        ),
        "flat": nn.Flatten(),
        "head": nn.Linear(64, 3, rng=1),
    })  # fmt: skip


def step(model, optimizer, x=X):
    optimizer.zero_grad()
    tg.softmax_cross_entropy(model(x), Y).backward()
    optimizer.step()


def moved(model, before):
    return {name for name, value in model.state_dict().items() if not np.array_equal(value, before[name])}


HEAD = {"head.weight", "head.bias"}
STATISTICS = {"features.1.running_mean", "features.1.running_var", "features.3.mean"}
OPTIMIZERS = [
    lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1), lambda p: optim.Adam(p, lr=0.1, weight_decay=0.1),
    lambda p: optim.AdamW(p, lr=0.1, weight_decay=0.1), lambda p: optim.Adafactor(p, lr=0.1),
    lambda p: optim.RMSprop(p, lr=0.1, weight_decay=0.1),
]  # fmt: skip


@pytest.mark.parametrize("make", OPTIMIZERS)
@pytest.mark.parametrize("by_hand", [False, True])
def test_frozen_parts_stay_also_in_train_mode(make, by_hand):
    model = net()
    assert model.features.freeze() is model.features
    optimizer, before = make(model.parameters()), model.state_dict()
    for _ in range(2):
        if by_hand:
            for module in model.modules():
                module.training = True
        else:
            model.eval(), model.train()
        step(model, optimizer)
    assert moved(model, before) == HEAD
    assert {p.name for p in optimizer.state if optimizer.state[p]} <= HEAD
    assert not any(key.startswith("state.0.") for key in optimizer.state_dict())


def test_a_frozen_norm_uses_its_statistics():
    model = net()
    step(model, optim.SGD(model.parameters(), lr=0.1))
    want = model.eval()(X).data
    model.train().features.freeze()
    np.testing.assert_array_equal(model(X).data, want)


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_unfreezing_trains_on_with_the_same_optimizer(make):
    model = net()
    model.features.freeze()
    optimizer = make(model.parameters())
    step(model, optimizer)
    before = model.state_dict()
    assert model.features.unfreeze() is model.features and not any(m.frozen for m in model.modules())
    step(model, optimizer)
    assert moved(model, before) == set(before)
    resumed = net()
    other = make(resumed.parameters())
    resumed.load_state_dict(model.state_dict())
    other.load_state_dict(optimizer.state_dict())
    step(model, optimizer), step(resumed, other)
    assert not moved(resumed, model.state_dict())


def test_momentum_does_not_move_what_was_frozen_after_it_was_trained():
    model = net()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    step(model, optimizer)
    model.features.freeze()
    for parameter in model.features.parameters():
        assert parameter.grad is None
        parameter.grad = np.ones(parameter.shape, parameter.dtype)  # left over, or set by hand
    before = model.state_dict()
    tg.softmax_cross_entropy(model(X), Y).backward()
    optimizer.step()
    assert moved(model, before) == HEAD


def test_lbfgs_searches_among_the_others():
    pytest.importorskip("scipy")
    model = net()
    model.features.freeze()
    optimizer, before = optim.LBFGS(model.parameters(), max_iter=3), model.state_dict()

    def closure():
        optimizer.zero_grad()
        loss = tg.softmax_cross_entropy(model(X), Y)
        loss.backward()
        return loss

    optimizer.step(closure)
    assert moved(model, before) == HEAD
    assert all(p.version == 0 for p in model.features.parameters())
    model.freeze()
    with pytest.raises(ValueError, match="LBFGS: every parameter is frozen"):
        optimizer.step(closure)


def test_prepared_optimizers_keep_no_state_of_frozen_parameters():
    model = net()
    model.features.freeze()
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    optimizer.prepare()
    assert {p.name for p in optimizer.state} == HEAD


def test_an_average_of_frozen_parameters_is_equal_to_them():
    model = net()
    ema = optim.EMA(model, 0.7)
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    step(model, optimizer)
    ema.update()
    model.features.freeze()
    for _ in range(20):
        step(model, optimizer)
        ema.update()
    mine = model.state_dict()
    assert {name for name, value in ema.weights().items() if not np.array_equal(value, mine[name])} == HEAD


def test_modes_come_back_as_they_were_asked_for():
    model = net()
    model.features.freeze()
    tg.evaluate(model, tg.data.ArrayDataset(X, Y), batch_size=2)
    tg.doctor(model, (6, 6, 1), 3, steps=1)
    modes = {name: m.training for name, m in model.named_modules()}
    assert not modes["features.1"] and not modes["features.3"] and modes["features.4"] and modes["head"]
    model.features.unfreeze()
    assert all(m.training for m in model.modules())
    model.eval().features.freeze().unfreeze()
    assert not any(m.training for m in model.modules())


def test_dropout_draws_in_a_frozen_part():
    model = net(0.5)
    model.freeze()
    first = model.train()(X).data
    assert not np.array_equal(model(X).data, first)
    assert np.array_equal(model.eval()(X).data, model(X).data)


def test_requires_grad_alone_leaves_statistics_moving():
    model = net()
    before = model.state_dict()
    model.features.requires_grad_(False)
    step(model, optim.SGD(model.parameters(), lr=0.1))
    assert moved(model, before) == HEAD | STATISTICS and "[frozen]" not in repr(model)


def test_copies_keep_it_and_states_are_as_before():
    model = net()
    names = list(model.state_dict())
    model.features.freeze()
    assert list(model.state_dict()) == names
    for made in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert repr(made) == repr(model) and made.features.frozen and not made.head.frozen
        before = made.state_dict()
        step(made, optim.SGD(made.parameters(), lr=0.1))
        assert moved(made, before) == HEAD
    thawed = net()
    thawed.load_state_dict(model.state_dict())
    assert not thawed.features.frozen


def test_what_is_put_into_a_frozen_model_is_trained():
    model = net().freeze()
    model.head = nn.Linear(64, 3, rng=2)
    before = model.state_dict()
    step(model, optim.SGD(model.parameters(), lr=0.1))
    assert moved(model, before) == HEAD


def test_it_is_shown():
    model = net()
    model.features.freeze()
    assert repr(model).count("[frozen]") == 1 and repr(model.features[0]) == "Conv2d(1, 4, window=(3, 3)) [frozen]"
    assert "40 (frozen)" in str(tg.summary(model, (6, 6, 1)))
    assert "48 of them frozen and 195 trainable" in str(tg.summary(model, (6, 6, 1)))
    model.features[0].bias.requires_grad = True
    assert "40 (36 frozen)" in str(tg.summary(model, (6, 6, 1)))
    source = tg.draw(model, X, detail="ops").source
    assert "Conv2d, frozen" in source and "Linear, frozen" not in source
    assert "44 frozen" in model._repr_html_()


def test_a_mode_from_before_there_was_freezing_is_read():
    made = nn.BatchNorm2d.__new__(nn.BatchNorm2d)
    vars(made).update({**nn.BatchNorm2d(3).__getstate__(), "training": False})  # as a pickle was
    assert not made.training and made.train().training
