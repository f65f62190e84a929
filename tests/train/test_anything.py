"""`fit`, `evaluate` and `predict` take any inputs and targets, from data sets, arrays and iterables of batches."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.data import ArrayDataset, DataLoader
from tinygrad_cnn.train import Run, evaluate, fit, predict

pytestmark = pytest.mark.level("default")

RNG = np.random.default_rng(0)
X = RNG.standard_normal((24, 5)).astype(np.float32)
Y = (X @ RNG.standard_normal((5, 2)) + 1).astype(np.float32)


def net():
    return nn.Sequential(nn.Linear(5, 8, rng=0), nn.Tanh(), nn.Linear(8, 2, rng=1))


def batches(size=6):
    return [(X[k : k + size], Y[k : k + size]) for k in range(0, len(X), size)]


class Samples:
    """A data set of a user's own, with the two methods that it needs."""

    def __len__(self):
        return len(X)

    def __getitem__(self, index):
        return X[index], Y[index]


class Passes:
    """An iterable with nothing but `__iter__`."""

    def __iter__(self):
        return iter(batches())


def trained(data, model=None, run=None, **settings):
    model = model or net()
    settings = {"loss": "mse", "epochs": 3, "lr": 0.02, "progress": False, **settings}
    return model, fit(model, data, run=run, **settings)


def same(a, b):
    a, b = a.state_dict(), b.state_dict()
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


def test_arrays_a_data_set_and_a_loader_are_the_same_training():
    expected, history = trained(DataLoader(ArrayDataset(X, Y), 6, shuffle=True, seed=4))
    for data in ((X, Y), (tg.Tensor(X), tg.Tensor(Y)), Samples(), ArrayDataset(X, Y)):
        model, again = trained(data, batch_size=6, seed=4)
        assert same(model, expected) and again["loss"] == history["loss"]


def test_iterables_of_batches_are_taken_as_they_are():
    expected, _ = trained(DataLoader(ArrayDataset(X, Y), 6))
    for data in (batches(), lambda: iter(batches()), Passes(), lists_of_two()):
        model, history = trained(data, validation=data)
        assert same(model, expected) and history["step"] == [4, 8, 12]
        assert history["val_loss"][-1] == evaluate(model, data, loss="mse")["loss"]
    model, _ = trained(iter(batches()), epochs=1)  # a generator serves for one epoch
    assert same(model, trained(batches(), epochs=1)[0])


def lists_of_two():
    """Batches as some loaders make them: lists of two."""
    return [list(batch) for batch in batches()]


def test_a_list_of_samples_with_numbers_as_targets_is_a_data_set():
    labels = (Y[:, 0] > 0).astype(int)
    model = net()
    history = fit(model, list(zip(X, labels.tolist(), strict=True)), epochs=1, batch_size=6, progress=False)
    assert history["step"] == [4] and "accuracy" in history.names


@pytest.mark.parametrize("accumulate, steps", [(1, [4, 8]), (3, [2, 4])])
def test_the_end_of_an_epoch_of_unknown_length_makes_its_update(accumulate, steps):
    known, _ = trained(batches(), epochs=2, accumulate=accumulate)
    unknown, history = trained(lambda: iter(batches()), epochs=2, accumulate=accumulate)
    assert same(known, unknown) and history["step"] == steps


def test_images_as_targets_and_no_targets_at_all():
    images = RNG.random((10, 6, 6, 1), dtype=np.float32)
    conv = nn.Conv2d(1, 1, 3, padding="same", rng=0)
    history = fit(conv, (images + 1, images), loss="mae", epochs=20, lr=0.05, progress=False)
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    coder = nn.Sequential(nn.Linear(5, 2, rng=0), nn.Linear(2, 5, rng=1))
    sizes = []

    def small(outputs):
        sizes.append(outputs.shape)
        return (outputs * outputs).mean()

    history = fit(coder, X, loss=small, metrics={"largest": lambda out: np.abs(out).max()}, epochs=2, batch_size=12,
                  validation=X, progress=False)  # fmt: skip
    assert set(sizes) == {(12, 5), (24, 5)} and history["loss"][1] < history["loss"][0]
    assert history["val_largest"][-1] == np.abs(predict(coder, X)).max()


def test_masks_have_the_usual_loss_and_exact_metrics():
    images = RNG.random((10, 6, 6, 1), dtype=np.float32)
    masks = (images[..., 0] > 0.5).astype(np.uint8)
    model = nn.Sequential(nn.Conv2d(1, 8, 1, rng=0), nn.ReLU(), nn.Conv2d(8, 2, 1, rng=1))
    history = fit(model, (images, masks), validation=(images, masks), epochs=30, batch_size=5, lr=0.05,
                  metrics=["accuracy", "miou"], progress=False)  # fmt: skip
    assert history["val_miou"][-1] > 0.8
    guess = predict(model, images).argmax(-1)
    ious = [((guess == k) & (masks == k)).sum() / ((guess == k) | (masks == k)).sum() for k in (0, 1)]
    assert history["val_miou"][-1] == pytest.approx(np.mean(ious), abs=1e-12)
    assert history["val_accuracy"][-1] == pytest.approx((guess == masks).mean(), abs=1e-12)


class Two(nn.Module):
    """Several inputs, by position or by name, and several outputs."""

    def __init__(self):
        self.a, self.b = nn.Linear(5, 3, rng=0), nn.Linear(2, 3, rng=1)

    def forward(self, image, depth):
        return {"sum": self.a(image) + self.b(depth), "parts": (self.a(image), self.b(depth))}


def two_losses(outputs, targets):
    return tg.mse_loss(outputs["sum"], targets["sum"]) + tg.l1_loss(outputs["parts"][1], targets["second"])


def test_several_inputs_and_targets_in_structures():
    targets = {"sum": np.ones((24, 3), np.float32), "second": np.zeros((24, 3), np.float32)}
    metrics = {"error": lambda out, y: np.abs(out["sum"] - y["sum"]).mean()}
    found = []
    for inputs in ((X, Y), {"depth": Y, "image": X}):
        model = Two()
        data = inputs, targets
        history = fit(model, data, validation=data, loss=two_losses, metrics=metrics, epochs=2, batch_size=7,
                      progress=False)  # fmt: skip
        outputs = predict(model, inputs, batch_size=5)
        assert [part.shape for part in outputs["parts"]] == [(24, 3)] * 2
        assert history["val_error"][-1] == pytest.approx(metrics["error"](outputs, targets), rel=1e-5)
        found.append(model)
    assert same(*found)


class Counts(nn.Module):
    """The mean of an image's pixels, times a weight."""

    def __init__(self):
        self.scale = nn.Parameter([0.5])

    def forward(self, x):
        return tg.reshape(x.mean(axis=(1, 2, 3)), (-1, 1)) * self.scale


def test_boxes_are_lists_of_arrays():
    images = RNG.random((6, 4, 4, 1), dtype=np.float32)
    boxes = [np.zeros((n, 4), np.float32) for n in (0, 1, 2, 3, 1, 0)]

    def loss(outputs, found):
        assert isinstance(found, list) and len(found) == len(outputs)
        return tg.mse_loss(outputs, np.array([[len(b)] for b in found], np.float32))

    def boxes_seen(outputs, found):
        return sum(map(len, found)) / len(outputs)

    history = fit(Counts(), ArrayDataset(images, boxes), validation=(images, boxes), loss=loss, metrics=boxes_seen,
                  epochs=2, batch_size=4, progress=False)  # fmt: skip
    assert history["boxes_seen"] == pytest.approx([7 / 6] * 2) and history["val_boxes_seen"] == [7 / 6] * 2


def test_an_interrupted_epoch_of_an_iterable_goes_on_where_it_stood(tmp_path):
    class Stop(tg.train.Callback):
        def on_step(self, training):
            if training.step == 6:
                training.stop("enough")

    straight, history = trained(Passes())
    _, first = trained(Passes(), run=Run.create(tmp_path / "run"), callbacks=[Stop()])
    assert first.stopped == "enough" and len(first) == 1
    resumed, again = trained(Passes(), run=Run.open(tmp_path / "run"))
    assert same(straight, resumed) and again["loss"] == history["loss"] and again.stopped == "finished"


@pytest.mark.parametrize("data, settings, words", [
    (lambda: iter(batches()), {"schedule": "cosine"}, "data have no length, so the number of updates"),
    ((X, Y), {"loss": None}, 'are not classes, so the loss must be given: loss="mse"'),
    (X, {"loss": None}, "no targets, so the loss must be given"),
    ((X, Y), {"loss": lambda out, y: out - y}, r"the loss returned \(24, 2\) float32; it must be one number"),
    ("digits", {}, "data is 'digits'; it must be a data set"),
    (iter(batches()), {}, "list_iterator gives its batches once, but they are needed 3 times"),
    ([], {}, "the list gave no batches"),
    ([(X, Y, Y)], {}, "does not say what are inputs"),
])  # fmt: skip
def test_what_cannot_be_trained_on_is_said_in_words(data, settings, words):
    with pytest.raises((TypeError, ValueError), match=words):
        trained(data, **settings)


def test_targets_of_yes_and_no_are_sent_to_bce():
    model = nn.Linear(5, 1, rng=0)
    with pytest.raises(TypeError, match='loss="bce" for yes and no'):
        fit(model, [(X, (Y[:, :1] > 0).astype(int))], progress=False)
    history = fit(model, (X, (Y[:, :1] > 0).astype(np.float32)), loss="bce", metrics="accuracy", lr=0.1, epochs=20,
                  progress=False)  # fmt: skip
    assert history["accuracy"][-1] > 0.9


def test_probabilities_keep_their_usual_loss():
    rows = np.eye(2, dtype=np.float32)[(Y[:, 0] > 0).astype(int)] * 0.8 + 0.1
    history = fit(net(), (X, rows), epochs=1, progress=False)
    assert history.names[-2:] == ["loss", "accuracy"]


def test_evaluate_needs_no_loss_for_metrics():
    model = net()
    assert evaluate(model, (X, Y), metrics="mae") == {"mae": pytest.approx(np.abs(predict(model, X) - Y).mean())}
    assert evaluate(model, (X, Y), metrics={"own": lambda outputs, targets: 7.0}, batch_size=5) == {"own": 7.0}
    assert evaluate(model, [(X,)], metrics={"width": lambda outputs: outputs.shape[1]}) == {"width": 2.0}
    assert [*evaluate(model, (X, Y), loss=lambda o, t: o.mean(), metrics=[])] == ["loss"]
    assert [*evaluate(model, (X, np.zeros(24, int)), metrics="f1")] == ["loss", "f1"]
    for none in (None, []):
        with pytest.raises(TypeError, match="evaluate: .* are not classes, so the loss must be given"):
            evaluate(model, (X, Y), metrics=none)
    with pytest.raises(TypeError, match="fit: .* so the loss must be given"):
        fit(model, (X, Y), metrics="mae", epochs=1, progress=False)


def test_predict_takes_whatever_evaluate_takes():
    model = net()
    expected = predict(model, X)
    for data in (ArrayDataset(X, Y), batches(), lambda: iter(batches()), DataLoader(ArrayDataset(X, Y), 5)):
        np.testing.assert_allclose(predict(model, data), expected, rtol=1e-5, atol=1e-6)
    with pytest.warns(DeprecationWarning, match="images= is deprecated.*inputs="):
        assert np.array_equal(predict(model, images=X), expected)
