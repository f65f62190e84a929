"""Metrics against formulas of their own, by batches and on whole sets; and what may be given by name."""

from functools import partial

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim, train
from tinygrad_cnn.train import metrics, names
from tinygrad_cnn.train.meter import Meter

pytestmark = pytest.mark.level("default")

RNG = np.random.default_rng(0)
SCORES, LABELS = RNG.standard_normal((60, 7)), RNG.integers(0, 7, 60)
LABELS[LABELS == 5] = 2  # a class that does not occur
MASK_SCORES, MASKS = RNG.standard_normal((6, 4, 5, 3)), RNG.integers(0, 3, (6, 4, 5))
NUMBERS = RNG.standard_normal((60, 2)), RNG.standard_normal((60, 2))


def by_class(scores, labels, of_class):
    guess = scores.argmax(-1)
    found = []
    for k in range(scores.shape[-1]):
        hit, false, missed = ((guess == k) & (labels == k)).sum(), ((guess == k) & (labels != k)).sum(), \
            ((guess != k) & (labels == k)).sum()  # fmt: skip
        if hit + false + missed:
            found.append(of_class(hit, false, missed))
    return np.mean(found)


FORMULAS = {
    "accuracy": lambda s, y: np.mean([row.argmax() == label for row, label in zip(s, y, strict=True)]),
    "top5": lambda s, y: np.mean([label in np.argsort(-row)[:5] for row, label in zip(s, y, strict=True)]),
    "miou": lambda s, y: by_class(s, y, lambda hit, false, missed: hit / (hit + false + missed)),
    "f1": lambda s, y: by_class(s, y, lambda hit, false, missed: 2 * hit / (2 * hit + false + missed)),
    "mae": lambda a, b: np.abs(a - b).mean(),
    "mse": lambda a, b: ((a - b) ** 2).mean(),
}


@pytest.mark.parametrize("name", sorted(names.metric_names()))
def test_a_metric_is_its_formula_and_batches_do_not_matter(name):
    metric = getattr(train, name)
    outputs, targets = NUMBERS if name in ("mae", "mse") else (SCORES, LABELS)
    expected = FORMULAS[name](outputs, targets)
    assert metric(outputs, targets) == pytest.approx(expected, abs=1e-12)
    meter = Meter({name: metric})
    for part in (slice(0, 1), slice(1, 40), slice(40, 60)):
        meter.add(0.0, 1.0, outputs[part], targets[part], 1)
    assert meter.values()[name] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", ["miou", "f1"])
def test_metrics_of_masks_leave_out_ignored_pixels(name):
    metric = getattr(train, name)
    assert metric(MASK_SCORES, MASKS) == pytest.approx(FORMULAS[name](MASK_SCORES, MASKS), abs=1e-12)
    ignored = np.where(RNG.random(MASKS.shape) < 0.3, 255, MASKS)
    used = ignored != 255
    expected = FORMULAS[name](MASK_SCORES[used], MASKS[used])
    assert metric(MASK_SCORES, ignored, ignore_index=255) == pytest.approx(expected, abs=1e-12)
    with pytest.raises(ValueError, match=f"{name}: label 255 is out of range: 0 to 2"):
        metric(MASK_SCORES, ignored)
    meter = Meter({name: partial(metric, ignore_index=255)}, whole=True)
    for k in range(6):
        meter.add(0.0, 1.0, MASK_SCORES[k : k + 1], ignored[k : k + 1], 1)
    assert meter.values()[name] == pytest.approx(expected, abs=1e-12) and not meter._given  # no logits are kept


def test_one_output_is_the_logit_of_yes():
    logits, yes = np.array([2.0, -1.0, 3.0, -0.5]), np.array([1, 0, 0, 1])
    for outputs, targets in ((logits, yes), (logits[:, None], yes), (logits[:, None], yes[:, None].astype(np.float32))):
        assert train.accuracy(outputs, targets) == 0.5
        assert train.f1(outputs, targets) == pytest.approx(0.5)


def test_ties_and_nan_in_top5():
    same = np.zeros((1, 8))
    assert [train.top5(same, np.array([k])) for k in (0, 4, 5)] == [1.0, 1.0, 0.0]
    assert train.top5(np.full((1, 8), np.nan), np.array([0])) == 0.0


@pytest.mark.parametrize("metric", [train.accuracy, train.miou, train.mae])
def test_shapes_that_do_not_fit_are_named(metric):
    with pytest.raises(ValueError, match=rf"{metric.__name__}: outputs \(60, 7\) .*\(3,\)"):
        metric(SCORES, np.zeros(3, int))


def test_every_metric_and_only_metrics_have_names():
    assert set(names.metric_names()) == set(FORMULAS) == set(metrics.__all__) - {"from_counts"}


# -- names ----------------------------------------------------------------------------------------------------


def test_names_follow_from_what_is_exported():
    kinds = [c for c in vars(optim).values() if isinstance(c, type)]
    wanted = {c.__name__.lower() for c in kinds if issubclass(c, optim.Optimizer)} - {"optimizer", "lbfgs"}
    assert set(names.optimizer_names()) == wanted
    for name, kind in names.optimizer_names().items():
        made = names.optimizer_of("fit", nn.Linear(2, 2, bias=False, rng=0), name, 0.125)
        assert type(made) is kind and made.param_groups[0]["lr"] == 0.125
    for name in names.schedule_names():
        sgd = optim.SGD(nn.Linear(2, 2, rng=0).parameters(), lr=1.0)
        assert isinstance(names.schedule_of("fit", name, sgd, 10), optim.Schedule)
    for short, long in (("mse", "mse_loss"), ("l1", "l1_loss"), ("mae", "l1_loss"), ("huber", "huber_loss"),
                        ("cross_entropy", "softmax_cross_entropy"), ("nll", "nll_loss"),
                        ("bce", "binary_cross_entropy_with_logits")):  # fmt: skip
        assert names.loss_of("fit", short) is getattr(tg, long) is names.loss_of("fit", long.upper())


X, Y = np.ones((4, 3), np.float32), np.ones((4, 2), np.float32)


@pytest.mark.parametrize("settings, words", [
    ({"loss": "mse_los"}, r"loss='mse_los' is not known. Did you mean mse_loss.*Known are bce, cross_entropy"),
    ({"loss": 3}, "loss is 3; it must be a name, such as 'mse', or a function"),
    ({"metrics": "accuraci"}, "metrics='accuraci' is not known. Did you mean accuracy"),
    ({"metrics": 3}, "metrics is 3; it must be names or functions"),
    ({"metrics": {"a": 3}}, "the metric 'a' is 3"),
    ({"metrics": lambda out, y: 0.0}, "a metric that is a lambda has no name. Give it one"),
    ({"metrics": ["mae", train.mae]}, "there are two metrics 'mae'"),
    ({"optimizer": "adamm"}, "optimizer='adamm' is not known. Did you mean adam"),
    ({"optimizer": "lbfgs"}, r"LBFGS asks for the loss several times an update"),
    ({"optimizer": "sgd"}, "SGD has no usual learning rate. Give one, such as lr=0.1"),
    ({"optimizer": lambda params, **lr: 3}, "optimizer is 3; it must be an optimiser"),
    ({"schedule": "cosin"}, "schedule='cosin' is not known. Did you mean cosine.*Others have settings"),
    ({"schedule": 3}, "schedule is 3; it must be a schedule"),
    ({"schedule": lambda o, steps: steps}, "schedule returned 10; it must return a schedule"),
])  # fmt: skip
def test_a_mistaken_name_is_told_with_the_nearest_and_all(settings, words):
    with pytest.raises((ValueError, TypeError), match=words):
        tg.fit(nn.Linear(3, 2, rng=0), (X, Y), **{"loss": "mse", **settings}, progress=False)


def test_a_learning_rate_beside_an_optimiser_is_said_to_be_ignored():
    model = nn.Linear(3, 2, rng=0)
    with pytest.warns(UserWarning, match="lr=0.1 is ignored, since the Adam that was given has its own"):
        tg.fit(model, (X, Y), loss="mse", optimizer=optim.Adam(model.parameters()), lr=0.1, epochs=1, progress=False)


@pytest.mark.parametrize("optimizer", [None, "SGD", optim.SGD, partial(optim.SGD, momentum=0.9)])
def test_an_optimiser_by_name_class_or_function(optimizer):
    history = tg.fit(nn.Linear(3, 2, rng=0), (X, Y), loss=nn.MSELoss, optimizer=optimizer, lr=0.1, epochs=5,
                     progress=False)  # fmt: skip
    assert history["lr"] == [0.1] * 5 and history["loss"][-1] < history["loss"][0]


def count_rows(outputs, targets):
    return len(outputs)


def test_a_metric_that_counts_one_number_is_summed():
    seen = train.from_counts(float)(count_rows)
    x, y = np.ones((5, 2), np.float32), np.zeros(5, np.int64)
    net = nn.Linear(2, 2, rng=0)
    assert tg.evaluate(net, (x, y), metrics={"seen": seen}, batch_size=2)["seen"] == 5
    history = tg.fit(net, (x, y), metrics={"seen": seen}, batch_size=2, epochs=2, progress=False)
    assert history["seen"] == [5, 5]
