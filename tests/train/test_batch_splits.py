"""Nothing that fit and evaluate report or do depends on how the data are cut into batches."""

import functools

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.train import accuracy

R = np.random.default_rng(0)
X = R.normal(size=(11, 4, 4, 1)).astype(np.float32)
Y = np.where(R.random(11) < 0.3, 9, R.integers(0, 3, 11))
PLAIN = np.where(Y == 9, 0, Y)
W = np.array([1, 5, 0.2], np.float32)
ROWS = np.eye(3, dtype=np.float32)

LOSSES = {
    "plain": (PLAIN, tg.softmax_cross_entropy),
    "class weights": (PLAIN, lambda o, y: tg.softmax_cross_entropy(o, y, weight=W)),
    "ignored labels": (Y, lambda o, y: tg.softmax_cross_entropy(o, y, ignore_index=9)),
    "both, as a layer": (Y, tg.nn.CrossEntropyLoss(weight=W, ignore_index=9, label_smoothing=0.1)),
    "in terms of ops": (Y, lambda o, y: tg.nll_loss(tg.log_softmax(o), y, weight=W, ignore_index=9)),
    "rows of probabilities": (PLAIN, lambda o, y: tg.softmax_cross_entropy(o, ROWS[y], weight=W)),
    "squares": (PLAIN, lambda o, y: tg.mse_loss(o, ROWS[y])),
    "several means": (PLAIN, lambda o, y: tg.softmax_cross_entropy(o, ROWS[y]) + tg.mse_loss(o, ROWS[y])),
    "a function of one's own": (PLAIN, lambda o, y: tg.softmax_cross_entropy(o, y, reduction="none").mean()),
}  # fmt: skip


def model():
    return tg.nn.Sequential(tg.nn.Flatten(), tg.nn.Linear(16, 3, rng=0))


def trained(labels, loss, size, accumulate, metrics=None):
    net, data = model(), tg.data.DataLoader(tg.data.ArrayDataset(X, labels), size)
    sgd = tg.optim.SGD(net.parameters(), lr=0.5)
    options = {"metrics": metrics or {}, "progress": False, "epochs": 1}
    history = tg.fit(net, data, optimizer=sgd, accumulate=accumulate, loss=loss, **options)
    return net, history


@pytest.mark.parametrize("name", LOSSES)
def test_accumulated_batches_are_one_batch(name):
    labels, loss = LOSSES[name]
    (one, whole), (many, parts) = trained(labels, loss, 11, 1), trained(labels, loss, 4, 3)  # of 4, 4 and 3
    for a, b in zip(one.parameters(), many.parameters(), strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(whole["loss"], parts["loss"], rtol=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_of_a_data_set_has_one_value(name):
    labels, loss = LOSSES[name]
    data = tg.data.ArrayDataset(X, labels)
    values = [tg.evaluate(model(), data, loss=loss, metrics={}, batch_size=n)["loss"] for n in (1, 4, 11)]
    np.testing.assert_allclose(values, values[-1], rtol=1e-5)


def test_accuracy_without_ignored_labels():
    outputs, labels = ROWS[[0, 1, 2, 0]], np.array([0, 9, 2, 1])
    assert accuracy(outputs, labels, ignore_index=9) == pytest.approx(2 / 3)
    assert accuracy(outputs, np.full(4, 9), ignore_index=9) == 0
    assert accuracy(outputs[None], labels[None], ignore_index=9) == pytest.approx(2 / 3)  # a label for each pixel
    metric = {"accuracy": functools.partial(accuracy, ignore_index=9)}
    frozen = lambda o, y: tg.softmax_cross_entropy(o, y, ignore_index=9) * 0.0  # noqa: E731
    values = [trained(Y, frozen, n, 1, metric)[1]["accuracy"][0] for n in (1, 4, 11)]
    np.testing.assert_allclose(values, values[-1])


def test_of_ignored_labels_alone_nothing_is_learnt():
    loss = lambda o, y: tg.softmax_cross_entropy(o, y, ignore_index=9)  # noqa: E731
    net, history = trained(np.full(11, 9), loss, 4, 3)
    np.testing.assert_array_equal(net[1].weight.data, model()[1].weight.data)
    assert history["loss"] == [0.0]
    assert tg.evaluate(net, tg.data.ArrayDataset(X, np.full(11, 9)), loss=loss, metrics={})["loss"] == 0.0
