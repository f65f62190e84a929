"""Pictures of a training: recordings of weights, mistakes, the loss around the weights, the step size."""

import json

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, plots
from tinygrad_cnn.data import ArrayDataset, DataLoader

from .checks import check_bounds, state_of

pytestmark = pytest.mark.level("default")

RNG = np.random.default_rng(3)
IMAGES = RNG.random((40, 6, 6, 1)).astype(np.float32)
LABELS = (IMAGES.mean(axis=(1, 2, 3)) > 0.5).astype(np.int64)


@pytest.fixture
def net():
    return nn.Sequential(nn.Conv2d(1, 4, 3, rng=0), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3, rng=2), nn.Flatten(),
                         nn.Linear(64, 2, rng=1))  # fmt: skip


# -- curves and the confusion matrix in axes of one's own -----------------------------------------------------


def test_curves_and_the_confusion_matrix_are_drawn_where_asked(tmp_path):
    from matplotlib.figure import Figure

    own = Figure(figsize=(6, 6))
    top, bottom = own.subplots(2)
    history = [{"loss": 1.0, "accuracy": 0.5}, {"loss": 0.5, "accuracy": 0.75}]
    assert plots.curves(history, only="accuracy", ax=top) is own
    assert top.get_title(loc="left") == "Accuracy" and list(top.lines[0].get_ydata()) == [0.5, 0.75]
    assert plots.confusion_matrix([0, 1, 1], [0, 1, 0], ax=bottom) is own and "2 of 3" in bottom.get_title()
    assert len(plots.curves(history, only="loss").axes) == 1
    with pytest.raises(ValueError, match='loss and accuracy need axes each.*only="loss"'):
        plots.curves(history, ax=top)
    with pytest.raises(ValueError, match="only='speed' is not among the history's loss and accuracy"):
        plots.curves(history, only="speed")


def test_figures_show_themselves_in_a_notebook():
    assert plots.curves([{"loss": 1.0}])._repr_png_().startswith(b"\x89PNG")


# -- the recorder ---------------------------------------------------------------------------------------------


def test_fit_is_watched_and_the_recording_round_trips(net):
    watch = plots.Watch(net, bins=10)
    assert watch.record(0) is None
    history = tg.fit(net, ArrayDataset(IMAGES, LABELS), epochs=3, batch_size=8, callbacks=[watch], progress=False)
    assert len(history) == 3 and history.stopped == "finished"  # what a Watch returns stops nothing
    assert [r["epoch"] for r in watch.records] == [0, 1, 2, 3]
    assert not watch.records[0]["gradients"] and set(watch.records[1]["gradients"]) == set(dict(net.named_parameters()))
    text = json.dumps(watch.to_json(), allow_nan=False)
    again = plots.Watch.from_json(json.loads(text), net)
    assert again.to_json() == watch.to_json()
    again.record(3)  # a second time: the last one counts
    assert [r["epoch"] for r in again.records] == [0, 1, 2, 3]
    assert again.records[:3] == watch.records[:3]


def test_a_record_says_what_the_arrays_are(net):
    net[5].weight.assign(np.linspace(-1, 3, 128, dtype=np.float32).reshape(64, 2))
    net[5].weight.grad = np.full((64, 2), 0.25, np.float32)
    watch = plots.Watch(net, bins=4)
    watch.record(7)
    (entry,) = watch.records
    w, g = entry["weights"]["5.weight"], entry["gradients"]["5.weight"]
    assert w["shape"] == [64, 2] and w["histogram"] == {"low": -1.0, "high": 3.0, "counts": [32, 32, 32, 32]}
    np.testing.assert_allclose([w["mean"], w["std"]], [1, np.linspace(-1, 3, 128).std()], rtol=1e-6)
    assert g["mean"] == 0.25 and sum(g["histogram"]["counts"]) == 128
    assert g["histogram"]["low"] < 0.25 < g["histogram"]["high"]
    assert list(entry["gradients"]) == ["5.weight"]


def test_what_is_not_finite_is_counted_and_drawn(net, tmp_path):
    weights = net[5].weight.numpy()
    weights[:4, 0], weights[4:12, 1] = np.nan, np.inf
    net[5].weight.assign(weights)
    net[0].weight.assign(np.full(net[0].weight.shape, np.nan, np.float32))
    watch = plots.Watch(net)
    watch.record(1)
    found = watch.records[0]["weights"]["5.weight"]
    assert found["nan"] == 4 / 128 and found["inf"] == 8 / 128 and sum(found["histogram"]["counts"]) == 116
    assert watch.records[0]["weights"]["0.weight"]["histogram"] is None
    json.dumps(watch.to_json(), allow_nan=False)
    figure = plots.histograms(watch)
    check_bounds(figure, tmp_path)
    words = [t.get_text() for ax in figure.axes for t in ax.texts]
    assert "no finite value" in words and words.count("none recorded") == 2
    assert any(ax.get_legend() and "NaN or inf" in ax.get_legend().get_texts()[0].get_text() for ax in figure.axes)


def test_histograms_choose_layers(net, tmp_path):
    watch = plots.Watch(net)
    tg.fit(net, ArrayDataset(IMAGES, LABELS), epochs=2, callbacks=[watch], progress=False)

    def shown(figure):
        return [ax.get_title(loc="left") for ax in figure.axes[::2]]

    assert shown(plots.histograms(watch)) == ["0.weight", "5.weight"]
    assert shown(plots.histograms(watch.to_json(), layers="5")) == ["5.weight", "5.bias"]
    assert shown(watch.figure(layers=["1.weight", "0.weight"])) == ["1.weight", "0.weight"]
    assert len(shown(plots.histograms(watch, biases=True))) == 6
    check_bounds(plots.histograms(watch, biases=True), tmp_path)
    with pytest.raises(ValueError, match="no parameter '6'.*There are 0.weight"):
        plots.histograms(watch, layers="6")


def test_rebinning_keeps_every_value():
    from tinygrad_cnn.plots.watch import _rebinned

    histogram = {"low": -1.0, "high": 1.0, "counts": [4, 0, 8, 4]}
    np.testing.assert_allclose(_rebinned(histogram, np.linspace(-2, 2, 9)), [0, 0, 4, 0, 8, 4, 0, 0])
    np.testing.assert_allclose(_rebinned(histogram, np.array([-1.0, 0.25, 1.0])), [8, 8])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda m: plots.Watch(np.exp), TypeError, "must be a Module"),
        (lambda m: plots.Watch(m, bins=1), ValueError, "bins=1 must be a whole number of at least 2"),
        (lambda m: plots.Watch(m)(3), TypeError, "row that has an 'epoch', got 3.*watch.record"),
        (lambda m: plots.Watch().record(1), ValueError, "no model to record"),
        (lambda m: plots.Watch.from_json({"format": "tinygrad-cnn watch 9"}), ValueError, "'tinygrad-cnn watch 9', th"),
        (lambda m: plots.Watch.from_json([1]), ValueError, "format is None"),
        (lambda m: plots.Watch.from_json({"format": "tinygrad-cnn watch 1", "bins": 3, "records": [{"epoch": 1}]}),
         ValueError, "damaged: KeyError 'weights'"),
        (lambda m: plots.Watch.from_json({"format": "tinygrad-cnn watch 1", "bins": 3, "records": [{"epoch": 1,
         "weights": {"a": {"histogram": {"low": 1, "high": 0, "counts": [1]}}}, "gradients": {}}]}),
         ValueError, "damaged.*from 1 to 0"),
        (lambda m: plots.histograms(plots.Watch(m)), ValueError, "nothing was recorded.*callbacks=.watch"),
    ],
)  # fmt: skip
def test_the_recorder_says_what_is_wrong(net, call, error, words):
    with pytest.raises(error, match=words):
        call(net)


# -- mistakes -------------------------------------------------------------------------------------------------


def test_mistakes_are_the_surest_first():
    logits = np.log([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.05, 0.95], [0.6, 0.4]])
    labels = np.array([0, 0, 0, 0, 1])
    found = plots.mistakes_of(logits, (IMAGES[:5], labels))
    assert [(m.index, m.label, m.predicted) for m in found] == [(3, 0, 1), (1, 0, 1), (2, 0, 1), (4, 1, 0)]
    np.testing.assert_allclose([m.probability for m in found], [0.95, 0.8, 0.7, 0.6])
    assert plots.mistakes_of(logits, (IMAGES[:5], labels), 2) == found[:2]


def test_mistakes_of_a_model_are_those_of_its_logits(net):
    before = state_of(net)
    data = ArrayDataset(IMAGES, LABELS, classes=("dark", "bright"))
    found = plots.mistakes_of(net, data)
    assert state_of(net) == before
    logits = tg.predict(net, IMAGES)
    assert found == plots.mistakes_of(logits, data) and {m.index for m in found} == set(
        np.flatnonzero(logits.argmax(axis=1) != LABELS)
    )


def test_mistakes_are_drawn_with_their_names(tmp_path):
    data = ArrayDataset(IMAGES, LABELS, classes=("dark", "a $name$ that is much too long"))
    sure = np.linspace(3, 2, len(LABELS))[:, None]  # each mistake surer than the next: no tie for rounding to decide
    logits = np.eye(2)[1 - LABELS] * sure
    figure = plots.most_confused(logits, data, 6)
    check_bounds(figure, tmp_path)
    assert figure.get_suptitle() == "Mistakes: the 6 surest of 40 in 40 samples"
    assert figure.axes[0].get_title().startswith("true: ") and "a $name$ t…" in "".join(
        ax.get_title() for ax in figure.axes
    )
    assert figure.axes[0].get_xlabel() == "95.3%, number 0"
    none = plots.most_confused(np.eye(2)[LABELS], data)
    check_bounds(none, tmp_path)
    assert none.axes[0].texts[0].get_text() == "All 40 samples were classified correctly."


def test_logits_that_are_not_finite_are_mistakes_without_a_probability(tmp_path):
    logits = np.array([[np.nan, 1.0], [0.0, 5.0], [np.inf, 0.0]])
    figure = plots.most_confused(logits, (IMAGES[:3], np.array([1, 0, 0])))
    check_bounds(figure, tmp_path)
    assert [ax.get_xlabel() for ax in figure.axes[:3]] == ["99.3%, number 1", "not finite, number 0",
                                                           "not finite, number 2"]  # fmt: skip


@pytest.mark.parametrize(
    ("logits", "data", "error", "words"),
    [
        (np.zeros((3, 2)), (IMAGES[:4], LABELS[:4]), ValueError, r"logits must be \(4, classes\), got \(3, 2\)"),
        (np.zeros((4, 1)), (IMAGES[:4], [0, 1, 0, 0]), ValueError, r"labels go from 0 to 1, .* 1 classes: 0\.\.0"),
        (np.zeros((4, 2)), (IMAGES[:4], LABELS[:3]), ValueError, "needs images"),
        (np.zeros((0, 2)), (IMAGES[:0], LABELS[:0]), ValueError, "needs images"),
        (np.zeros((4, 2)), (IMAGES[:4], [0.0, 1, 0, 0]), TypeError, "class indices"),
        (np.zeros((4, 2)), IMAGES, TypeError, "a data set with images and labels.*ndarray"),
    ],
)
def test_mistakes_refuse_what_does_not_belong_together(logits, data, error, words):
    with pytest.raises(error, match=words):
        plots.mistakes_of(logits, data)


# -- the loss around the weights ------------------------------------------------------------------------------


def quadratic(x, y):
    """The sum of squares of the weights, whatever the inputs: a bowl."""
    return (x * x).sum()


class Bowl(nn.Module):
    """Its output are its weights."""

    def __init__(self, start=(2.0, -1.0)):
        self.weight = nn.Parameter(np.array(start))

    def forward(self, x):
        return self.weight * 1


def test_the_slice_is_the_loss_at_moved_weights(net):
    before = state_of(net)
    batch = (IMAGES, LABELS)
    one = plots.random_direction(net, 5)
    surface = plots.loss_surface(net, batch, directions=one, span=0.5, steps=5)
    assert state_of(net) == before and surface.b is None
    np.testing.assert_array_equal(surface.a, [-0.5, -0.25, 0, 0.25, 0.5])
    net.eval()
    for step, value in zip(surface.a, surface.losses, strict=True):
        moved = {k: v.astype(np.float64) + step * one[k] if k in one else v for k, v in net.state_dict().items()}
        saved = net.state_dict()
        net.load_state_dict({k: v.astype(np.float32) for k, v in moved.items()})
        assert float(tg.softmax_cross_entropy(net(IMAGES), LABELS).data) == value
        net.load_state_dict(saved)


def test_two_directions_have_a_row_for_each_step_of_the_second():
    east, north = {"weight": np.array([1.0, 0.0])}, {"weight": np.array([0.0, 2.0])}
    surface = plots.loss_surface(Bowl(), (IMAGES, LABELS), loss=quadratic, directions=[east, north], span=2, steps=9)
    expected = (2 + surface.a[None, :]) ** 2 + (-1 + 2 * surface.b[:, None]) ** 2
    np.testing.assert_allclose(surface.losses, expected)
    assert surface.lowest == (-2.0, 0.5)


def test_random_directions_have_the_norm_of_each_filter(net):
    direction = plots.random_direction(net, 1)
    for name in ("0.weight", "5.weight"):
        w = dict(net.named_parameters())[name].data
        axes = tuple(range(w.ndim - 1))
        np.testing.assert_allclose((direction[name] ** 2).sum(axis=axes), (w**2).sum(axis=axes), rtol=1e-5)
    assert not direction["0.bias"].any() and not direction["1.weight"].any()
    again, other = plots.random_direction(net, 1), plots.random_direction(net, 2)
    assert np.array_equal(direction["0.weight"], again["0.weight"])
    assert not np.array_equal(direction["0.weight"], other["0.weight"])


@pytest.mark.parametrize("training", [False, True])
def test_everything_is_restored_to_the_bit_also_after_an_exception(net, training):
    net[5].weight.grad = np.ones((64, 2), np.float32)
    net.train()
    net[2].eval()
    before, calls = state_of(net), []

    def breaks(outputs, labels):
        calls.append(1)
        if len(calls) == 4:
            raise RuntimeError("enough")
        return tg.softmax_cross_entropy(outputs, labels)

    with pytest.raises(RuntimeError, match="enough"):
        plots.loss_surface(net, (IMAGES, LABELS), loss=breaks, steps=3, training=training)
    assert len(calls) == 4 and state_of(net) == before
    plots.loss_surface(net, (IMAGES, LABELS), steps=3, training=training)
    assert state_of(net) == before


def test_the_landscape_is_drawn_with_its_marks(tmp_path):
    direction = {"weight": np.array([1.0, 0.0])}
    figure = plots.loss_landscape(Bowl(), (IMAGES, LABELS), loss=quadratic, directions=direction, span=2)
    check_bounds(figure, tmp_path)
    (ax,) = figure.axes
    network, lowest = ax.lines[1], ax.lines[2]
    assert (network.get_xdata()[0], network.get_ydata()[0]) == (0, 5.0)
    np.testing.assert_allclose([lowest.get_xdata()[0], lowest.get_ydata()[0]], [-2, 1])
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["the network: 5", "lowest: 1"]
    both = plots.loss_landscape(Bowl(), (IMAGES, LABELS), loss=quadratic, steps=5,
                              directions=[direction, {"weight": np.array([0.0, 1.0])}])  # fmt: skip
    check_bounds(both, tmp_path)
    assert "lowest: 1" in [t.get_text() for t in both.axes[0].get_legend().get_texts()]


def test_a_landscape_that_is_flat_or_not_finite_is_drawn(net, tmp_path):
    for value in (1.0, np.nan, np.inf):
        for directions in (1, 2):
            figure = plots.loss_landscape(net, (IMAGES, LABELS), loss=lambda y, t, v=value: np.float64(v), steps=3,
                                        directions=directions)  # fmt: skip
            check_bounds(figure, tmp_path)
    losses = np.array([np.nan, 2.0, np.inf, 1.5, -np.inf])
    a = np.linspace(-1, 1, 5)
    assert plots.LossSurface(a, None, losses).lowest == (0.5,)
    assert plots.LossSurface(a, None, losses * np.nan).lowest == ()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"steps": 4}, ValueError, "steps=4 must be odd"),
        ({"span": 0}, ValueError, "span=0 must be a finite number above 0"),
        ({"directions": 3}, ValueError, "directions=3 must be a whole number from 1 to 2"),
        ({"directions": [{}, {}, {}]}, TypeError, "one or two mappings"),
        ({"directions": {"head": np.ones(2)}}, ValueError, "names no parameter"),
        ({"directions": {"weight": np.ones(3)}}, ValueError, r"has shape \(3,\), the parameter \(2,\)"),
        ({"directions": "random"}, TypeError, "directions must be 1, 2"),
    ],
)
def test_the_landscape_refuses_bad_settings(options, error, words):
    with pytest.raises(error, match=words):
        plots.loss_surface(Bowl(), (IMAGES, LABELS), loss=quadratic, **options)
    with pytest.raises(TypeError, match=r"a batch \(inputs, labels\)"):
        plots.loss_surface(Bowl(), IMAGES)


# -- the step size --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("curvature", [0.01, 1.0, 100.0])
def test_the_step_size_for_a_bowl_lies_where_it_converges(curvature):
    """Gradient descent on c/2 * |w|^2 converges for lr < 2/c, best at 1/c; far below it hardly moves."""
    data = ArrayDataset(IMAGES, LABELS)
    bowl = Bowl(start=(3.0, 4.0))
    optimizer = tg.optim.SGD(bowl.parameters(), lr=0.5)
    found = plots.lr_finder(bowl, data, optimizer=optimizer, loss=lambda w, y: curvature / 2 * (w * w).sum(),
                          low=1e-5 / curvature, high=1e3 / curvature)  # fmt: skip
    assert 0.01 / curvature < found.suggestion < 1.5 / curvature
    assert found.lrs[-1] < 200 / curvature and len(found.lrs) == len(found.losses) == len(found.smoothed)
    assert optimizer.param_groups[0]["lr"] == 0.5 and np.array_equal(bowl.weight.data, [3.0, 4.0])


@pytest.mark.parametrize("value", [0.7, 1.0, 2.302585, 1e-4])
def test_a_flat_loss_has_no_suggestion_however_it_is_rounded(value):
    rng = np.random.default_rng(0)

    def loss(w, y):
        return value * (1 + rng.uniform(-1, 1) * np.finfo(np.float32).eps) + 0 * w.sum()

    for steps in (5, 20, 100):
        found = plots.lr_finder(Bowl(), ArrayDataset(IMAGES, LABELS), steps=steps, loss=loss)
        assert np.ptp(found.losses) > 0 and found.suggestion is None


def test_the_losses_are_those_of_training(net):
    found = plots.lr_finder(Bowl((1.0, 0.0)), ArrayDataset(IMAGES, LABELS), steps=5, low=0.01, high=0.1, loss=quadratic,
                          optimizer=tg.optim.SGD((m := Bowl((1.0, 0.0))).parameters(), lr=1.0))  # fmt: skip
    assert np.all(found.losses == 1.0) and found.suggestion is None  # another model's parameters: nothing moves
    found = plots.lr_finder(m, ArrayDataset(IMAGES, LABELS), steps=5, low=0.01, high=0.1, loss=quadratic,
                          optimizer=tg.optim.SGD(m.parameters(), lr=1.0))  # fmt: skip
    w, expected = 1.0, []
    for lr in np.geomspace(0.01, 0.1, 5):
        expected.append(w * w)
        w -= lr * 2 * w
    np.testing.assert_allclose(found.losses, expected)
    np.testing.assert_allclose(found.lrs, np.geomspace(0.01, 0.1, 5))


def test_model_optimiser_loader_and_generators_are_as_before(net):
    loader = DataLoader(ArrayDataset(IMAGES, LABELS), batch_size=8, shuffle=True, seed=1)
    optimizer = tg.optim.Adam([{"params": list(net[0].parameters()), "lr": 1e-3},
                               {"params": list(net[5].parameters()), "lr": 1e-2}], lr=1e-3)  # fmt: skip
    next(iter(loader))
    tg.softmax_cross_entropy(net(IMAGES), LABELS).backward()
    optimizer.step()
    before = state_of(net), loader.state_dict(), {k: np.array(v).tobytes() for k, v in optimizer.state_dict().items()}
    seen = []

    def watched(y, labels):
        seen.append([g["lr"] for g in optimizer.param_groups])
        return tg.softmax_cross_entropy(y, labels)

    found = plots.lr_finder(net, loader, optimizer=optimizer, loss=watched, steps=30, high=1.0)
    after = state_of(net), loader.state_dict(), {k: np.array(v).tobytes() for k, v in optimizer.state_dict().items()}
    assert after == before and found.suggestion is not None
    np.testing.assert_allclose(np.array(seen)[:, 1] / np.array(seen)[:, 0], 10)  # groups keep their ratio

    def breaks(y, labels):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        plots.lr_finder(net, loader, optimizer=optimizer, loss=breaks)
    assert (state_of(net), loader.state_dict()) == before[:2]


def test_the_step_size_is_drawn(net, tmp_path):
    from matplotlib.figure import Figure

    found = plots.lr_finder(net, ArrayDataset(IMAGES, LABELS), batch_size=10, steps=40)
    figure = found.figure()
    check_bounds(figure, tmp_path)
    (ax,) = figure.axes
    assert ax.get_xscale() == "log" and f"falls fastest: {found.suggestion:.2g}" in ax.get_legend_handles_labels()[1]
    own = Figure()
    assert found.figure(ax=own.add_subplot()) is own
    assert "suggestion" in repr(found) and found._repr_png_().startswith(b"\x89PNG")
    flat = plots.LRFinder(np.array([1e-3, 1e-2]), np.array([1.0, np.inf]), np.array([1.0, np.nan]), None)
    check_bounds(flat.figure(), tmp_path)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"low": 1, "high": 1}, ValueError, "needs low < high"),
        ({"low": float("nan")}, ValueError, "low=nan must be a finite number above 0"),
        ({"steps": 4}, ValueError, "steps=4 must be a whole number of at least 5"),
        ({"optimizer": "adam"}, TypeError, "needs an optimiser of tg.optim"),
        ({"loss": lambda y, t: (y * np.float32(np.nan)).sum()}, FloatingPointError, "nan before any step"),
    ],
)
def test_the_step_size_test_refuses_bad_settings(net, options, error, words):
    before = state_of(net)
    with pytest.raises(error, match=words):
        plots.lr_finder(net, ArrayDataset(IMAGES, LABELS), **options)
    assert state_of(net) == before
    with pytest.raises(TypeError, match="needs a data set"):
        plots.lr_finder(net, IMAGES)


def test_a_data_set_is_one_batch_of_the_landscape(net):
    whole = plots.loss_surface(net, ArrayDataset(IMAGES, LABELS), directions=1, steps=3)
    np.testing.assert_allclose(whole.losses, plots.loss_surface(net, (IMAGES, LABELS), directions=1, steps=3).losses)
    figure = plots.loss_landscape(net, ArrayDataset(IMAGES, LABELS), directions=1, steps=3)
    assert "40 samples" in figure.get_suptitle()
