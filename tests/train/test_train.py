"""The training loop and the run folder: what they return, how they stop, and how exactly they go on."""

import math
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim
from tinygrad_cnn.data import ArrayDataset, DataLoader
from tinygrad_cnn.train import AverageWeights, Callback, EarlyStop, History, accuracy, evaluate, fit, predict
from tinygrad_cnn.train.run_folder import Run, RunError
from tinygrad_cnn.train.state import join, split

pytestmark = pytest.mark.level("default")


class Net(nn.Module):
    """Small, with all that a checkpoint must keep: weights, running statistics, a generator."""

    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        self.conv = nn.Conv2d(1, 4, 3, rng=rng)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.3, rng=rng)
        self.flat = nn.Flatten()
        self.out = nn.Linear(4 * 4 * 4, 3, rng=rng)

    def forward(self, x):
        return self.out(self.flat(self.drop(tg.relu(self.norm(self.conv(x))))))


def images(n=40, seed=0):
    """Three classes that differ in which third of the rows is bright."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    x = rng.random((n, 6, 6, 1)).astype(np.float32)
    for k, label in enumerate(labels):
        x[k, 2 * label : 2 * label + 2] += 1
    return ArrayDataset(x, labels, classes=("top", "middle", "bottom"))


def train(run=None, epochs=4, data=None, **more):
    model = Net()
    steps = 4 * 4  # the schedule's length is part of the settings, not of where we stop
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    history = fit(
        model, data or images(), validation=images(9, seed=1), epochs=epochs, batch_size=12, optimizer=optimizer,
        schedule=optim.CosineLR(optimizer, steps), progress=False, run=run, **more,
    )  # fmt: skip
    return model, history


def same_weights(a, b):
    a, b = a.state_dict(), b.state_dict()
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


def without_times(history):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history.rows]


# -- the loop -------------------------------------------------------------------------------------------------


def test_it_learns_and_says_what_it_did():
    model, history = train(epochs=8)
    assert history.stopped == "finished" and len(history) == 8
    assert history.names == ["epoch", "step", "lr", "seconds", "loss", "accuracy", "val_loss", "val_accuracy"]
    assert history["epoch"] == list(range(1, 9)) and history["step"][-1] == 8 * 4
    assert history["val_accuracy"][-1] == 1.0 and history["loss"][-1] < 0.3 * history["loss"][0]
    found = evaluate(model, images(9, seed=1))
    assert found == {"loss": history["val_loss"][-1], "accuracy": 1.0}


def test_the_same_seed_gives_the_same_bits_and_another_seed_another_order():
    assert same_weights(train()[0], train()[0])
    assert not same_weights(train()[0], train(seed=1)[0])


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(KeyError, match="no column 'val_los'; there are epoch, loss"):
        History([{"epoch": 1, "loss": 2.0}])["val_los"]


def test_metrics_csv_reads_back_exactly():
    import csv

    _, history = train(epochs=2)
    rows = list(csv.DictReader(history.as_csv().splitlines()))
    assert [{k: float(v) for k, v in row.items()} for row in rows] == history.rows


def test_own_loss_and_metrics():
    def mean_output(outputs, labels):
        return float(outputs.mean())

    history = fit(
        Net(), images(), epochs=1, loss=lambda out, y: (out * out).mean(), metrics={"mean": mean_output}, progress=False
    )
    assert history.names == ["epoch", "step", "lr", "seconds", "loss", "mean"]
    with pytest.raises(ValueError, match="'loss' is taken by a column"):
        fit(Net(), images(), epochs=1, metrics={"loss": mean_output}, progress=False)


def test_a_loader_of_the_users_own_and_a_last_smaller_batch():
    loader = DataLoader(images(10), batch_size=4)
    seen = []
    fit(Net(), loader, epochs=1, progress=False, metrics={"rows": lambda out, y: seen.append(len(y)) or 0.0})
    assert seen == [4, 4, 2]


def test_early_stop_keeps_the_best_weights():
    losses = iter([3.0, 1.0, 2.0, 2.0, 2.0, 0.0])
    weights = []
    model = Net()

    def loss(out, y):
        return (out * out).mean()

    class Judge(ArrayDataset):
        """A validation set whose loss is told beforehand."""

    import tinygrad_cnn.train.loop as loop

    real = loop.evaluate
    loop.evaluate = lambda *a, **k: weights.append(model.state_dict()) or {"loss": next(losses)}
    try:
        history = fit(
            model, images(), validation=images(), epochs=9, loss=loss, callbacks=[EarlyStop(2)], progress=False, lr=0.1
        )
    finally:
        loop.evaluate = real
    assert history.stopped == "early stop" and len(history) == 4 and history.best_epoch == 2
    assert all(np.array_equal(v, weights[1][k]) for k, v in model.state_dict().items())
    assert any(not np.array_equal(v, weights[3][k]) for k, v in model.state_dict().items())


class Steps(Callback):
    """Keeps what it hears after each batch."""

    def __init__(self):
        self.heard = []

    def on_step(self, training):
        self.heard.append({**training.row, "share": training.share})


def until(epochs):
    """A callback that stops after so many epochs."""
    return lambda training: training.epoch < epochs or training.stop("enough")


def test_on_step_hears_how_the_epoch_stands():
    steps = Steps()
    history = fit(Net(), images(), epochs=2, batch_size=16, callbacks=[steps], progress=False)
    heard = steps.heard
    assert [row["step"] for row in heard] == [1, 2, 3, 4, 5, 6] and [row["epoch"] for row in heard] == [1] * 3 + [2] * 3
    assert [row["share"] for row in heard] == [1 / 3, 2 / 3, 1.0] * 2
    for last, row in zip(heard[2::3], history, strict=True):
        assert {**last, "seconds": 0} == {**row, "share": 1.0, "seconds": 0}
    watched, alone = Net(), Net()
    fit(watched, images(), epochs=2, batch_size=16, callbacks=[Steps()], progress=False)
    fit(alone, images(), epochs=2, batch_size=16, progress=False)
    assert same_weights(watched, alone)


def test_a_function_sees_each_row_and_may_stop():
    rows = []
    looking = [lambda training: rows.append(training.row), until(3)]
    history = fit(Net(), images(), epochs=9, progress=False, callbacks=looking)
    assert rows == history.rows and len(rows) == 3 and history.stopped == "enough"


def test_plain_lines_where_there_is_no_terminal(capsys):
    fit(Net(), images(), epochs=2, validation=images(9))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[1].startswith("epoch 2/2: loss ") and "val accuracy" in lines[1]
    fit(Net(), images(), epochs=1, progress=False)
    assert capsys.readouterr() == ("", "")


def test_a_loss_that_is_not_finite_stops_with_the_step_and_leaves_the_weights():
    model = Net()
    before = model.state_dict()
    with pytest.raises(FloatingPointError, match=r"the loss is nan at step 1 \(epoch 1, lr 0.001\).*smaller lr"):
        fit(model, images(), epochs=1, loss=lambda out, y: (out * np.float32("nan")).mean(), progress=False)
    assert np.array_equal(before["out.weight"], model.state_dict()["out.weight"])


@pytest.mark.parametrize("name, value", [
    ("epochs", 0), ("epochs", 1.5), ("epochs", True), ("batch_size", 0), ("batch_size", -3),
    ("accumulate", 0), ("accumulate", 2.0), ("accumulate", None),
])  # fmt: skip
def test_settings_that_mean_nothing_are_refused(name, value):
    error = ValueError if type(value) is int else TypeError
    with pytest.raises(error, match=f"fit: {name}={value!r} must be a whole number of at least 1"):
        fit(Net(), images(), progress=False, **{name: value})


@pytest.mark.parametrize("lr", [math.nan, math.inf, -1.0])
def test_a_learning_rate_that_is_none_is_refused(lr):
    with pytest.raises(ValueError, match="lr"):
        fit(Net(), images(), epochs=1, lr=lr, progress=False)


@pytest.mark.parametrize(
    ("optimizer", "words"),
    [(Net, r"the class Net; .*Pass optim.Adam\(model"), (3, "3; it must")],
)  # fmt: skip
def test_what_is_not_an_optimiser_is_refused(optimizer, words):
    with pytest.raises(TypeError, match=f"fit: optimizer is {words}"):
        fit(Net(), images(), optimizer=optimizer, progress=False)


def test_empty_data_is_refused_in_words():
    nothing = ArrayDataset(np.zeros((0, 6, 6, 1), np.float32), np.zeros(0, int))
    with pytest.raises(ValueError, match="data set is empty"):
        fit(Net(), nothing, epochs=1, progress=False)
    with pytest.raises(ValueError, match="data set is empty"):
        evaluate(Net(), nothing)


def test_labels_out_of_range_are_named():
    bad = ArrayDataset(np.zeros((4, 6, 6, 1), np.float32), np.array([0, 1, 2, 3]))
    with pytest.raises((ValueError, IndexError), match="label"):
        fit(Net(), bad, epochs=1, progress=False)


def test_images_of_another_size_are_named_with_the_layer():
    bad = ArrayDataset(np.zeros((4, 9, 9, 1), np.float32), np.zeros(4, int))
    with pytest.raises(ValueError, match=r"Linear \(out\).*64.*196"):
        fit(Net(), bad, epochs=1, progress=False)


# -- evaluation -----------------------------------------------------------------------------------------------


def test_predict_equals_the_model_whatever_the_batches():
    model, x = Net(), images(10).images
    model.eval()
    with tg.no_grad():
        whole = model(x).data
    longest = model.out.weight.shape[0]  # of the sums; each term is rounded, and in another order in another batch
    close = longest * np.finfo(np.float32).eps * np.abs(whole).max()
    np.testing.assert_allclose(predict(model, x, batch_size=3), whole, rtol=0, atol=close)
    assert predict(model, x[:0]).shape == (0, 3)


def test_evaluation_leaves_every_layer_in_its_mode():
    model = Net()
    model.train()
    model.norm.training = False  # a layer that its user froze
    evaluate(model, images(9))
    assert model.training and model.drop.training and not model.norm.training


def test_accuracy_of_indices_and_of_probabilities():
    outputs = np.array([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0]])
    assert accuracy(outputs, np.array([1, 0, 0])) == pytest.approx(2 / 3)
    assert accuracy(outputs, np.array([[0, 1], [1, 0], [1, 0]])) == pytest.approx(2 / 3)


# -- checkpoints ----------------------------------------------------------------------------------------------


def test_a_state_survives_being_split_and_joined():
    tree = {"a": np.arange(3), "b": [1, {"c": np.float32(2.5)}], "big": 2**127 + 1, "none": None, "x": np.array(1.0)}
    plain, arrays = split(tree)
    assert set(arrays) == {"a", "x"} and plain["big"] == 2**127 + 1
    again = join(plain, arrays)
    assert np.array_equal(again["a"], tree["a"]) and again["b"] == [1, {"c": 2.5}] and again["x"].shape == ()


@pytest.mark.parametrize("more", [{}, {"callbacks": [2]}])
@pytest.mark.parametrize("k", [1, 3])
def test_stopped_after_epoch_k_it_goes_on_bit_for_bit(tmp_path, k, more):
    def stoppers():  # new ones each time, as a new process has
        return [EarlyStop(patience) for patience in more.get("callbacks", ())]

    straight, history = train(callbacks=stoppers())
    train(Run.create(tmp_path / "run"), callbacks=[until(k), *stoppers()])
    # what a callback asked for holds for that call; the next call of fit is a new wish
    resumed, again = train(Run.open(tmp_path / "run"), callbacks=stoppers())
    assert same_weights(straight, resumed)
    assert without_times(again) == without_times(history)
    assert same_weights_on_disk(tmp_path / "run", straight)


def same_weights_on_disk(folder, model):
    saved = tg.load(folder / "model.safetensors")
    return all(np.array_equal(v, saved[k]) for k, v in model.state_dict().items())


class Trap(ArrayDataset):
    """A data set that calls `spring` instead of giving its n-th batch."""

    def __init__(self, n, spring):
        data = images()
        super().__init__(data.pixels, data.labels, classes=data.classes)
        self.left, self.spring = n, spring

    def batch(self, indices):
        self.left -= 1
        if self.left == 0:
            self.spring()
        return super().batch(indices)


def test_ctrl_c_finishes_the_step_saves_and_goes_on_in_mid_epoch(tmp_path):
    straight, history = train()
    data = Trap(6, lambda: os.kill(os.getpid(), signal.SIGINT))  # before the second update of the second epoch
    handler = signal.getsignal(signal.SIGINT)
    _, first = train(Run.create(tmp_path / "run"), data=data)
    assert first.stopped == "interrupted" and len(first) == 1
    assert signal.getsignal(signal.SIGINT) is handler
    state = Run.open(tmp_path / "run").load_state()
    assert state["step"] == 6 and state["sums"]["batches"] == 2
    resumed, again = train(Run.open(tmp_path / "run"))
    assert again.stopped == "finished" and same_weights(straight, resumed)
    assert without_times(again) == without_times(history)


def test_the_second_ctrl_c_stops_at_once():
    def twice():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)  # a job in the background has it ignored
    with pytest.raises(KeyboardInterrupt):
        train(data=Trap(3, twice))
    assert signal.getsignal(signal.SIGINT) is handler


# -- averaged weights -------------------------------------------------------------------------------------------


def averaged(run=None, epochs=4, callbacks=(), **more):
    model = Net()
    ema = optim.EMA(model, 0.8)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    history = fit(
        model, images(), validation=images(9, seed=1), epochs=epochs, batch_size=12, optimizer=optimizer,
        callbacks=[AverageWeights(ema), *callbacks], progress=False, run=run, **more,
    )  # fmt: skip
    return model, ema, history


def test_averages_follow_each_update_and_are_what_validation_sees():
    model, ema, history = averaged()
    plain = Net()
    fit(plain, images(), epochs=4, batch_size=12, optimizer=optim.Adam(plain.parameters(), lr=0.01), progress=False)
    assert same_weights(model, plain)  # which it does not disturb
    assert ema.updates == 16 and not np.array_equal(ema.weights()["out.weight"], model.state_dict()["out.weight"])
    with ema.apply():
        assert evaluate(model, images(9, seed=1))["loss"] == history["val_loss"][-1]


@pytest.mark.parametrize("k", [1, 3])
def test_a_stopped_run_goes_on_with_its_averages_bit_for_bit(tmp_path, k):
    straight, ema, history = averaged()
    averaged(Run.create(tmp_path / "run"), callbacks=[until(k)])
    with pytest.raises(ValueError, match="disagree on whether there is an ema"):
        fit(Net(), images(), epochs=4, batch_size=12, progress=False, run=Run.open(tmp_path / "run"))
    resumed, again, rows = averaged(Run.open(tmp_path / "run"))
    assert same_weights(straight, resumed) and without_times(rows) == without_times(history)
    assert all(np.array_equal(v, again.weights()[name]) for name, v in ema.weights().items())


def test_an_early_stop_keeps_the_best_averages():
    model, _, history = averaged(epochs=30, callbacks=[EarlyStop(2)])
    best = min(history["val_loss"])
    assert evaluate(model, images(9, seed=1))["loss"] == best


def test_averages_of_another_model_are_refused():
    model = Net()
    with pytest.raises(ValueError, match="ema must be a tg.optim.EMA of the model that is trained"):
        fit(model, images(), callbacks=[AverageWeights(optim.EMA(Net()))], progress=False)


# -- several batches an update ----------------------------------------------------------------------------------


def linear(batch_size, accumulate, **more):
    """A network whose samples do not see each other, trained in the order of the data."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 8, rng=0), nn.Tanh(), nn.Linear(8, 3, rng=1)).to(np.float64)
    loader = DataLoader(images(22), batch_size)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    history = fit(model, loader, epochs=3, optimizer=optimizer, accumulate=accumulate, progress=False, **more)
    return model, history, optimizer


@pytest.mark.parametrize("accumulate", [2, 3])
def test_small_batches_accumulated_are_one_large_batch(accumulate):
    """22 images in fours: the last batch has two, and the last update of an epoch may have fewer batches."""
    many, history, _ = linear(4, accumulate)
    one, expected, _ = linear(4 * accumulate, 1)
    for name, value in one.state_dict().items():
        np.testing.assert_allclose(many.state_dict()[name], value, rtol=1e-9, atol=1e-12)
    assert history["step"] == expected["step"]
    np.testing.assert_allclose(history["loss"], expected["loss"], rtol=1e-12)


def test_a_schedule_counts_updates_not_batches():
    seen = []

    def schedule(optimizer, steps):
        seen.append(steps)
        return optim.CosineLR(optimizer, steps)

    _, history, _ = linear(4, 4, schedule=schedule)  # 6 batches: updates of 4 and 2
    assert seen == [6] and history["step"] == [2, 4, 6]


def test_ctrl_c_waits_for_the_update_and_the_run_goes_on_bit_for_bit(tmp_path):
    straight, history = train(accumulate=2)
    data = Trap(7, lambda: os.kill(os.getpid(), signal.SIGINT))  # between the two halves of an update
    train(Run.create(tmp_path / "run"), data=data, accumulate=2)
    state = Run.open(tmp_path / "run").load_state()
    assert state["step"] == 4 and len(state["history"]["rows"]) == 2
    with pytest.raises(ValueError, match="checkpoint is of accumulate=2, this call has accumulate=1"):
        train(Run.open(tmp_path / "run"))
    resumed, again = train(Run.open(tmp_path / "run"), accumulate=2)
    assert same_weights(straight, resumed) and without_times(again) == without_times(history)


def test_lbfgs_is_sent_to_a_loop_of_its_own():
    model = Net()
    with pytest.raises(TypeError, match=r"fit: LBFGS .* step\(closure\)"):
        fit(model, images(), optimizer=optim.LBFGS(model.parameters()), progress=False)


def test_in_another_thread_there_is_no_ctrl_c_but_training_works():
    found = []
    thread = threading.Thread(target=lambda: found.append(train(epochs=1)[1]))
    thread.start()
    thread.join()
    assert found[0].stopped == "finished"


def test_killed_in_mid_epoch_it_goes_on_from_the_last_checkpoint(tmp_path):
    straight, history = train()
    script = (
        "import os, sys; sys.path.insert(0, sys.argv[2]); import test_train as t\n"
        "from tinygrad_cnn.train.run_folder import Run\n"
        "t.train(Run.create(sys.argv[1]), data=t.Trap(11, lambda: os._exit(9)))"  # no cleaning up, as kill -9
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path / "run", os.path.dirname(__file__)], check=False)
    assert done.returncode == 9
    assert Run.open(tmp_path / "run").load_state()["epoch"] == 2
    resumed, again = train(Run.open(tmp_path / "run"))
    assert same_weights(straight, resumed) and without_times(again) == without_times(history)


def test_a_finished_run_is_left_as_it_is(tmp_path):
    model, _ = train(Run.create(tmp_path / "run"))
    again, history = train(Run.open(tmp_path / "run"))
    assert same_weights(model, again) and history.stopped == "finished" and len(history) == 4


# -- the run folder -------------------------------------------------------------------------------------------


def test_a_folder_with_something_in_it_is_refused_and_kept(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(RunError, match="is not an empty folder"):
        Run.create(tmp_path)
    with pytest.raises(RunError, match="is not an empty folder"):
        Run.create(tmp_path / "thesis.txt")
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_a_run_is_not_started_twice(tmp_path):
    Run.create(tmp_path / "run", {"seed": 1})
    with pytest.raises(RunError, match="holds a run already.*--resume"):
        Run.create(tmp_path / "run")
    assert Run.open(tmp_path / "run").config == {"seed": 1}


def test_numbered_runs_take_the_first_free_number(tmp_path):
    paths = [Run.numbered(tmp_path / "runs", "digits-lenet").path.name for _ in range(3)]
    assert paths == ["digits-lenet-1", "digits-lenet-2", "digits-lenet-3"]


@pytest.mark.parametrize("content, words", [
    (None, "not a run folder: it has no config.json"),
    ("{", "not the settings file of a run"),
    ("[1]", "not the settings file of a run"),
    ('{"format": "something else"}', "has the format 'something else'"),
])  # fmt: skip
def test_a_foreign_folder_is_named(tmp_path, content, words):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(RunError, match=words):
        Run.open(tmp_path)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(RunError, match="there is no run folder .*nowhere"):
        Run.open(tmp_path / "nowhere")


def test_a_damaged_checkpoint_is_named_and_kept(tmp_path):
    run = Run.create(tmp_path / "run")
    train(run, epochs=1)
    files = [run.checkpoints.place(step) for step in run.checkpoints.steps()]
    halves = [file.read_bytes()[:-10] for file in files]
    for file, half in zip(files, halves, strict=True):
        file.write_bytes(half)
    with pytest.raises(RunError, match=rf"{files[-1].name} is not a checkpoint, or is damaged"):
        train(Run.open(tmp_path / "run"))
    assert [file.read_bytes() for file in files] == halves


def test_a_failing_picture_leaves_nothing_half_written(tmp_path):
    run = Run.create(tmp_path / "run")
    run.draw("graph.dot", lambda path: path.write_text("old"))

    def fails(path):
        path.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        run.draw("graph.dot", fails)
    assert sorted(p.name for p in run.path.iterdir()) == ["config.json", "graph.dot"]
    assert (run.path / "graph.dot").read_text() == "old"


@pytest.mark.parametrize("installed", [True, False])
def test_a_bar_on_a_terminal_if_its_library_is_there(capsys, monkeypatch, installed):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    if not installed:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    fit(Net(), images(), epochs=2)
    out, err = capsys.readouterr()
    assert ("epoch 2/2" in err and "batch" in err) == installed
    assert [line.split(":")[0] for line in out.splitlines()] == ["epoch 1/2", "epoch 2/2"]


def test_a_schedule_that_follows_the_loss_is_stepped_by_epochs():
    model = Net()
    optimizer = optim.SGD(model.parameters(), 0.1)
    plateau = optim.ReduceLROnPlateau(optimizer, factor=0.5, patience=0, threshold=0.9)  # nothing is better by so much
    history = fit(model, images(), epochs=3, optimizer=optimizer, schedule=plateau, progress=False)
    assert history["lr"] == [0.1, 0.1, 0.05]


def test_a_schedule_may_be_made_when_the_steps_are_known():
    history = fit(Net(), images(), epochs=2, lr=0.1, batch_size=10, schedule=optim.CosineLR, progress=False)
    assert history["lr"] == pytest.approx([0.05 * (1 + math.cos(math.pi * t / 8)) for t in (3, 7)])


def test_a_layer_in_eval_mode_stays_there_unless_the_whole_model_was():
    images, labels = tg.data.digits()[0].batch(range(32))
    few = tg.data.ArrayDataset(images, labels)
    net = nn.Sequential(nn.Conv2d(1, 2, 3, rng=0), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(72, 10, rng=1))
    net[1].eval()
    before = net[1].running_mean.data.copy()
    tg.fit(net, few, validation=few, epochs=1, progress=False)
    assert np.array_equal(net[1].running_mean.data, before) and not net[1].training and net[0].training
    net.eval()
    tg.fit(net, few, epochs=1, progress=False)
    assert net[1].training and not np.array_equal(net[1].running_mean.data, before)
