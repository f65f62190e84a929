"""The protocol of callbacks, those that are shipped, the former keywords, and runs that go on with them."""

import json

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim, plots
from tinygrad_cnn.train import AverageWeights, Callback, Checkpoint, EarlyStop, Progress, Run, Training, fit

pytestmark = pytest.mark.level("default")

RNG = np.random.default_rng(0)
X = RNG.standard_normal((20, 4)).astype(np.float32)
Y = RNG.standard_normal((20, 2)).astype(np.float32)


def net():
    return nn.Sequential(nn.Linear(4, 6, rng=0), nn.Dropout(0.3, rng=2), nn.Linear(6, 2, rng=1))


def trained(run=None, epochs=4, callbacks=(), model=None, **settings):
    model = model or net()
    settings = {"schedule": "cosine", "lr": 0.05, **settings}
    history = fit(model, (X, Y), validation=(X, Y), loss="mse", metrics=["mae", "mse"], batch_size=6, epochs=epochs,
                  progress=False, run=run, callbacks=callbacks, **settings)  # fmt: skip
    return model, history


def same(a, b):
    a, b = a.state_dict(), b.state_dict()
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


def without_times(history):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history.rows]


class Diary:
    """Notes what is called and how the training stands; needs no base class."""

    def __init__(self):
        self.notes = []

    def on_start(self, training):
        self.notes.append(("start", len(training.history)))

    def on_step(self, training):
        assert training.inputs.shape[1:] == (4,) and training.outputs.shape == training.targets.shape
        assert training.loss == pytest.approx(np.square(training.outputs - training.targets).mean(), rel=1e-5)
        self.notes.append(("step", training.epoch, training.batch, training.step, training.share))

    def on_epoch(self, training):
        assert training.outputs is None and training.row is training.history.rows[-1]
        self.notes.append(("epoch", training.epoch, training.batch, training.share, training.row["epoch"]))

    def on_end(self, training):
        self.notes.append(("end", training.stopped, training.error))


def test_each_method_is_called_at_its_time():
    diary = Diary()
    model, _ = trained(epochs=2, callbacks=[diary])
    steps = [("step", e, b, 4 * (e - 1) + b, b / 4) for e in (1, 2) for b in (1, 2, 3, 4)]
    assert diary.notes == [
        ("start", 0), *steps[:4], ("epoch", 1, 4, 1.0, 1), *steps[4:], ("epoch", 2, 4, 1.0, 2),
        ("end", "finished", None),
    ]  # fmt: skip
    assert same(model, trained(epochs=2)[0])  # looking on changes nothing


def test_the_end_comes_after_an_error_too_last_first():
    ends = []

    class End:
        def __init__(self, name):
            self.name = name

        def on_end(self, training):
            ends.append((self.name, type(training.error).__name__, training.stopped))

    def fails(training):
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        trained(callbacks=[End("first"), End("second"), fails])
    assert ends == [("second", "RuntimeError", ""), ("first", "RuntimeError", "")]


def test_what_is_given_says_where_training_stands():
    seen = []
    model = net()
    trained(epochs=1, model=model, callbacks=[seen.append], schedule=None)
    (training,) = seen
    assert isinstance(training, Training) and training.model is model and isinstance(training.optimizer, optim.Adam)
    assert (training.epochs, training.epoch, training.step, training.batches) == (1, 1, 4, 4)
    assert training.lr == 0.05 and training.schedule is None and training.run is None and not training.resumed
    assert repr(training) == "<Training: epoch 1 of 1, 4 updates>"
    with pytest.raises(TypeError, match="reason=None must say in words"):
        training.stop(None)


def test_a_stop_in_mid_epoch_goes_on_there(tmp_path):
    class Stop(Callback):
        def on_step(self, training):
            if training.step == 6:
                training.stop("enough")

    straight, history = trained()
    _, first = trained(Run.create(tmp_path / "run"), callbacks=[Stop()])
    assert first.stopped == "enough" and len(first) == 1
    resumed, again = trained(Run.open(tmp_path / "run"))
    assert same(straight, resumed) and without_times(again) == without_times(history)


class Mean:
    """Keeps a state: the mean of all losses of batches."""

    def __init__(self):
        self.total, self.count = 0.0, 0

    def on_step(self, training):
        self.total, self.count = self.total + training.loss, self.count + 1

    def state_dict(self):
        return {"total": self.total, "count": np.array(self.count)}

    def load_state_dict(self, state):
        self.total, self.count = state["total"], int(state["count"])


@pytest.mark.parametrize("k", [1, 3])
def test_a_run_goes_on_with_every_callback_bit_for_bit(tmp_path, k):
    def everyone(model):
        ema = optim.EMA(model, 0.8)
        return [AverageWeights(ema), EarlyStop(2, monitor="mae"), plots.Watch(), Mean(), Mean()]

    def run(folder, *more, epochs=4):
        model = net()
        looking = everyone(model)
        trained_model, history = trained(folder, epochs, [*looking, *more], model)
        average, best, watch, one, two = looking
        state = [json.dumps(watch.to_json()), one.state_dict(), two.state_dict(), best.state_dict()["value"]]
        return trained_model, without_times(history), average.ema.weights(), state

    straight = run(None)
    run(Run.create(tmp_path / "run"), lambda training: training.epoch < k or training.stop("enough"))
    resumed = run(Run.open(tmp_path / "run"))
    assert same(straight[0], resumed[0]) and straight[1] == resumed[1] and straight[3] == resumed[3]
    assert all(np.array_equal(v, resumed[2][name]) for name, v in straight[2].items())


def test_early_stopping_by_any_column_and_in_either_direction():
    values = iter([0.5, 0.7, 0.7, 0.69, 0.9])
    made = {"score": lambda out, y: 0.0}
    stop = EarlyStop(2, monitor="score")
    model = net()

    def put(training):
        training.row["score"] = next(values)

    history = fit(model, (X, Y), loss="mse", metrics=made, epochs=9, callbacks=[put, stop], progress=False)
    assert history.stopped == "early stop" and history.best_epoch == 2 and len(history) == 4
    with pytest.raises(ValueError, match="no column 'val_scores'; there are epoch, .*Did you mean"):
        fit(net(), (X, Y), loss="mse", metrics=made, callbacks=[EarlyStop(1, monitor="val_scores")], progress=False)
    with pytest.raises(ValueError, match='mode=\'up\' must be "min" or "max"'):
        EarlyStop(1, mode="up")
    picky = EarlyStop(3, min_delta=1e9)
    assert fit(net(), (X, Y), loss="mse", epochs=9, callbacks=[picky], progress=False).best_epoch == 1


def test_checkpoints_of_every_second_epoch(tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr(Run, "save", lambda self, state, history, keep: saved.append(len(history)))
    trained(epochs=5, callbacks=[Checkpoint(Run.create(tmp_path / "run"), every=2)])
    assert saved == [0, 2, 4, 5]


def test_the_bar_may_be_given_as_a_callback(capsys):
    trained(epochs=1, callbacks=[Progress()])
    assert capsys.readouterr().out.startswith("epoch 1/1: loss ")


# -- runs that go on further ----------------------------------------------------------------------------------


def test_a_finished_run_is_extended_with_the_schedule_of_the_whole_length(tmp_path, capsys):
    trained(Run.create(tmp_path / "run"), epochs=2)
    model, history = trained(Run.open(tmp_path / "run"), epochs=4)
    assert len(history) == 4 and history.stopped == "finished"
    cosine = [0.05 * (1 + np.cos(np.pi * t / steps)) / 2 for t, steps in ((3, 8), (7, 8), (11, 16), (15, 16))]
    assert history["lr"] == pytest.approx(cosine)
    again = net()
    fit(again, (X, Y), validation=(X, Y), loss="mse", metrics=["mae", "mse"], batch_size=6, epochs=4, schedule="cosine",
        lr=0.05, run=Run.open(tmp_path / "run"))  # fmt: skip
    assert same(model, again)
    assert capsys.readouterr().out == "this run is finished after 4 epochs; to go on with it, ask for more: epochs=8\n"


def test_a_run_that_stopped_early_stays_so_unless_it_is_given_more_epochs(tmp_path):
    def go_on(epochs):
        run = Run.open(tmp_path / "run") if (tmp_path / "run").exists() else Run.create(tmp_path / "run")
        return trained(run, epochs, [EarlyStop(1, min_delta=1e9)], schedule=None)[1]

    assert len(go_on(6)) == 2
    assert len(go_on(6)) == 2 and go_on(6).stopped == "early stop"
    history = go_on(9)
    assert len(history) == 3 and history.stopped == "early stop" and history.best_epoch == 1


def test_averages_on_one_side_only_are_refused(tmp_path):
    trained(Run.create(tmp_path / "run"))
    model = net()
    with pytest.raises(ValueError, match="disagree on whether there is an ema"):
        trained(Run.open(tmp_path / "run"), callbacks=[AverageWeights(optim.EMA(model))], model=model)


def test_a_checkpoint_of_before_there_were_callbacks_goes_on(tmp_path):
    """Its averages and its best epoch stood beside the rest, and it counted no metrics."""

    def looking(model):
        return [AverageWeights(optim.EMA(model, 0.8)), EarlyStop(2, min_delta=0.05)]

    model = net()
    straight, history = trained(callbacks=looking(model), model=model)
    model, run = net(), Run.create(tmp_path / "run")
    first = looking(model)
    trained(run, callbacks=[*first, lambda training: training.epoch < 2 or training.stop("enough")], model=model)
    state = run.load_state()
    states = state.pop("callbacks")
    del state["epochs"]
    best = {name: value for name, value in states["EarlyStop"].items() if name != "since"}
    state["sums"] = {name: 0.0 if np.ndim(value) else value for name, value in state["sums"].items()}
    run.save({**state, "ema": states["AverageWeights"], "best": best}, first and tg.History(**state["history"]))
    model = net()
    resumed, again = trained(Run.open(tmp_path / "run"), callbacks=looking(model), model=model)
    assert same(straight, resumed) and without_times(again) == without_times(history)
    assert again.best_epoch == history.best_epoch


# -- what is refused, and what is former ----------------------------------------------------------------------


class Keras:
    def on_epoch_end(self, epoch, logs=None):
        pass


@pytest.mark.parametrize("given, words", [
    ([3], "callbacks holds 3, which is not a function and has none of on_start, on_step, on_epoch, on_end"),
    ([Keras()], "It has on_epoch_end. Did you mean on_epoch"),
    ([Callback], "holds the class Callback; pass an object of it"),
    ([optim.EMA(net())], r"holds an EMA; pass train.AverageWeights\(ema\)"),
    ("bar", "callbacks is 'bar'; it must be a list"),
    (Diary(), "callbacks is Diary; it must be a list"),
])  # fmt: skip
def test_what_is_no_callback_is_refused(given, words):
    with pytest.raises(TypeError, match=words):
        trained(callbacks=given)


def test_former_keywords_do_what_they_did_and_name_the_new_form():
    model, rows, steps = net(), [], []
    ema = optim.EMA(model, 0.8)
    with pytest.warns(DeprecationWarning) as told:
        _, history = trained(model=model, epochs=9, ema=ema, early_stop=8, on_step=steps.append,
                             on_epoch=lambda row: rows.append(row) or len(rows) < 2)  # fmt: skip
    assert history.stopped == "on_epoch" and rows == history.rows and len(steps) == 8 and steps[0]["share"] == 0.25
    assert ema.updates == 8 and all(one.filename == __file__ for one in told)
    for name, new in (("ema=", "AverageWeights"), ("early_stop=", "EarlyStop"), ("on_step=", "on_step(training)"),
                      ("on_epoch=", "callbacks=[f]")):  # fmt: skip
        assert any(f"fit: {name} is deprecated" in str(one.message) and new in str(one.message) for one in told)
    watch = plots.Watch(model)
    with pytest.warns(DeprecationWarning, match="on_epoch= is deprecated"):
        trained(epochs=1, model=model, on_epoch=watch)
    with pytest.warns(DeprecationWarning, match=r"Use fit\(callbacks=\[watch\]\), or watch.record"):
        watch({"epoch": 2})
    assert [one["epoch"] for one in watch.records] == [1, 2]
