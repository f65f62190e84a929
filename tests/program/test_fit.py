"""`fit(compile=True)` trains as `fit` does, to the bit."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import data, optim, train

from . import steps

X = np.random.default_rng(0).standard_normal((44, 4, 4, 2)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 3, 44)


def ignoring(outputs, targets):
    return tg.softmax_cross_entropy(outputs, targets, ignore_index=0)


def trained(compile, **settings):
    tg.manual_seed(3)
    net = steps.Net()
    optimizer = optim.AdamW(net.parameters(), 0.01)
    average = optim.EMA(net, 0.9)
    history = tg.fit(
        net, data.DataLoader(data.ArrayDataset(X, Y), 8, shuffle=True, seed=0), validation=(X[:8], Y[:8]), epochs=3,
        optimizer=optimizer, schedule="cosine", callbacks=[train.AverageWeights(average)], progress=False,
        compile=compile, **settings,
    )  # fmt: skip
    rows = {name: history[name] for name in history.names if name != "seconds"}
    return rows, steps.state_of(net, optimizer, {"average": average})


@pytest.mark.parametrize(
    "settings", [{}, {"loss": ignoring, "metrics": ["accuracy", "f1"]}], ids=["usual", "ignoring"]
)
def test_fit_gives_the_same_bits(settings):
    eager, replayed = (trained(compile, **settings) for compile in (False, True))
    assert eager == replayed


def test_the_model_runs_as_long_as_it_is_recorded_and_verified():
    runs = []

    class Counted(steps.Net):
        def forward(self, x):
            runs.append(len(x))
            return super().forward(x)

    class Silent(Counted):
        """Has the list where no reader of the function's own state looks."""

    tg.fit(Silent(), (X[:40], Y[:40]), batch_size=8, epochs=4, optimizer="adam", compile=True, progress=False)
    assert runs == [8] * 6


def test_a_loss_that_is_not_finite_is_noticed_before_the_update():
    x = X.copy()
    x[40] = np.nan
    net = steps.Net()
    loader = [(x[k : k + 4], Y[k : k + 4]) for k in range(0, 44, 4)]
    before = []

    class Keep(train.Callback):
        def on_step(self, training):
            before[:] = [steps.frozen([p.data for p in net.parameters()])]

    with pytest.raises(FloatingPointError, match="the loss is nan at step 11"):
        tg.fit(net, loader, optimizer="sgd", lr=0.1, compile=True, callbacks=[Keep()], progress=False)
    assert before == [steps.frozen([p.data for p in net.parameters()])]


@pytest.mark.parametrize(("settings", "error", "words"), [
    ({"compile": True, "accumulate": 2}, ValueError, "compile=True needs accumulate=1"),
    ({"compile": 1}, TypeError, "compile=1 must be True or False"),
])  # fmt: skip
def test_settings_that_do_not_fit_are_refused(settings, error, words):
    with pytest.raises(error, match=words):
        tg.fit(steps.Net(), (X, Y), progress=False, **settings)
