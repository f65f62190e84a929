"""The flight record and replays: every step again with the same bits, and alarms that say where to look."""

import json
import shutil
import warnings

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim
from tinygrad_cnn.cli import main
from tinygrad_cnn.data import ArrayDataset, Batches, DataLoader
from tinygrad_cnn.data.transforms import RandomFlip
from tinygrad_cnn.train.alarms import read
from tinygrad_cnn.train.flight import HELD, STEP, Flight
from tinygrad_cnn.train.run_folder import Run, RunError

pytestmark = pytest.mark.level("default")

DATA = ArrayDataset(np.random.default_rng(0).random((20, 6, 6, 1), dtype=np.float32), np.arange(20) % 3)


class Net(nn.Module):
    """Draws in every way, and keeps statistics."""

    def __init__(self):
        self.conv = nn.Conv2d(1, 2, 3, rng=0)
        self.norm = nn.BatchNorm2d(2)
        self.drop = nn.Dropout(0.3, rng=1)
        self.out = nn.Linear(32, 3, rng=2)

    def forward(self, x):
        x = tg.dropout(self.norm(self.conv(x)), 0.2, training=self.training)
        return self.out(self.drop(tg.reshape(x, (len(x), -1))))


def settings(**more):
    loader = DataLoader(DATA, 5, shuffle=True, seed=4, transform=RandomFlip(), prefetch=2)
    return {"data": loader, "epochs": 4, "lr": 0.01, "schedule": "cosine", **more}


def seen(record):
    """The weights, the batch's inputs and the loss before each update, by step, of a training that keeps a run."""
    found = {}

    class Look(tg.train.Callback):
        def on_start(self, training):
            self.weights = training.model.state_dict()

        def on_step(self, training):
            if training.moved:
                found[training.step] = (self.weights, training.inputs, training.loss)
                self.weights = training.model.state_dict()

    tg.manual_seed(3)
    tg.fit(Net(), **record, progress=False, callbacks=[Look()], validation=DATA)
    return found


@pytest.mark.parametrize("more", [{}, {"accumulate": 3}, {"schedule": "plateau"}], ids=str)
def test_every_step_can_be_replayed_bit_for_bit(tmp_path, more):
    if more.get("schedule"):
        more = {"schedule": lambda optimizer, steps: optim.ReduceLROnPlateau(optimizer, patience=0, factor=0.5)}
    run = Run.create(tmp_path / "run")
    want = seen(settings(run=run, **more))
    assert run.checkpoints.steps()[0] == 0 and len(run.flight.read()) == len(want) == max(want)
    for step, (weights, inputs, loss) in want.items():
        replay = Run.open(run.path).replay(step, Net(), **settings(**more))
        assert replay.same is True and (replay.step, replay.differs) == (step, None)
        found = replay.model.state_dict()
        statistics = ("norm.mean", "norm.var", "norm.running_mean", "norm.running_var")
        assert all(np.array_equal(found[name], weights[name]) for name in weights if name not in statistics)
        assert np.array_equal(replay.batch[0], inputs) and replay.loss.item() == loss
        for _ in range(2):
            assert replay.run().item() == loss
        if replay.record["batch"] <= more.get("accumulate", 1):
            assert replay.generators() == replay.record["generators"] != 0
        if "accumulate" not in more:
            assert np.float32(replay.norm()) == pytest.approx(replay.record["norm"], rel=1e-5)
        order = DataLoader(DATA, 5, shuffle=True, seed=4).order(replay.epoch - 1)
        assert set(replay.samples) <= set(order) and len(replay.samples) == 5


def test_a_replay_leaves_the_run_as_it_was(tmp_path):
    run = Run.create(tmp_path / "run")
    seen(settings(run=run))
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    Run.open(run.path).replay(7, Net(), **settings()).run()
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


def test_observers_see_the_step(tmp_path):
    run = Run.create(tmp_path / "run")
    seen(settings(run=run))
    replay = run.replay(6, Net(), **settings())
    with tg.profile() as profile, tg.anomaly():
        replay.run()
    assert {"conv2d", "softmax_cross_entropy"} <= {line.op for line in profile.lines}
    assert sum(replay.shares().values()) == pytest.approx(1) and set(replay.shares()) <= {"conv", "norm", "out"}
    losses = replay.losses()
    assert losses.shape == (5,) and losses.mean() == pytest.approx(replay.loss.item(), rel=1e-5)
    replay.forward()
    assert "conv2d" in tg.draw(replay.loss, show=["values", "grads"]).source


def test_batches_without_numbers_are_replayed_too(tmp_path):
    batches = [DATA.batch(range(k, k + 5)) for k in range(0, 20, 5)]
    run = Run.create(tmp_path / "run")
    want = seen(settings(data=Batches(batches), run=run))
    replay = run.replay(9, Net(), **settings(data=Batches(batches)))
    assert replay.same and replay.samples is None and replay.loss.item() == want[9][2]


def test_other_data_and_other_kernels_are_noticed(tmp_path):
    run = Run.create(tmp_path / "run")
    seen(settings(run=run))
    other = ArrayDataset(DATA.batch(range(20))[0][::-1].copy(), np.arange(20) % 3)
    loader = DataLoader(other, 5, shuffle=True, seed=4, transform=RandomFlip())
    replay = run.replay(3, Net(), **settings(data=loader))
    assert replay.same is False and replay.differs == 1 and "other bits from step 1 on" in repr(replay)


@pytest.mark.parametrize("step, words", [
    (0, "must be a whole number of at least 1"), ("3", "must be a whole number"), (True, "must be a whole number"),
    (99, "has 16 steps behind it; step 99 has not been taken"),
])  # fmt: skip
def test_steps_that_were_not_taken_are_refused(tmp_path, step, words):
    run = Run.create(tmp_path / "run")
    seen(settings(run=run))
    with pytest.raises((TypeError, ValueError, RunError), match=words):
        run.replay(step, Net(), **settings())
    with pytest.raises(TypeError, match="give the model too"):
        run.replay(3, lr=0.1)
    with pytest.raises(RunError, match="is missing"):
        run.replay(3)


# -- the record -----------------------------------------------------------------------------------------------


def steps_of(flight):
    return [(int(one["epoch"]), int(one["batch"])) for one in flight.read()]


def test_the_record_goes_on_where_a_run_does(tmp_path):
    straight, stopped = Run.create(tmp_path / "straight"), Run.create(tmp_path / "stopped")
    seen(settings(run=straight))
    tg.manual_seed(3)
    tg.fit(Net(), **settings(epochs=4, run=stopped), progress=False, validation=DATA,
           callbacks=[lambda training: training.stop("enough") if training.epoch == 2 else None])  # fmt: skip
    assert len(stopped.flight.read()) == 8
    later = Run.open(stopped.path)  # as if the process had been killed after more steps
    for step in range(9, 12):
        later.flight.add(step, 9, 9, 0.0, 0.0, 0.0, 0, 0)
    later.flight.flush()
    seen(settings(run=Run.open(stopped.path)))
    assert np.array_equal(stopped.flight.read(), straight.flight.read())


def test_many_steps_and_a_gap(tmp_path):
    flight = Flight(tmp_path)
    for step in range(1, 2 * HELD + 10):
        flight.add(step, 1, step, 0.5, 0.25, 0.1, 1, 2)
    assert len(flight.read()) == 2 * HELD  # the rest waits
    flight.flush()
    assert steps_of(flight) == [(1, step) for step in range(1, 2 * HELD + 10)]
    flight.add(5, 1, 5, 0.5, 0.25, 0.1, 1, 2)
    flight.add(7, 3, 3, 0.5, 0.25, 0.1, 1, 2)
    flight.flush()
    assert steps_of(flight)[4:] == [(1, 5), (0, 0), (3, 3)] and flight.at(6) is None
    assert STEP.itemsize == 32 and flight.at(8) is None
    flight.path.write_bytes(b"something else" * 9)
    with pytest.raises(ValueError, match="is not a flight record"):
        flight.read()


# -- alarms ---------------------------------------------------------------------------------------------------


X = np.random.default_rng(1).normal(size=(200, 4)).astype(np.float32)
Y = (X @ np.float32([[1], [2], [-1], [0.5]])).astype(np.float32)


def line():
    return nn.Sequential(nn.Linear(4, 3, rng=0), nn.Linear(3, 1, rng=1))


def fit_line(run, data=(X, Y), **more):
    options = {"loss": "mse", "optimizer": "sgd", "lr": 0.05, "batch_size": 5, "epochs": 3, "seed": 1, **more}
    return tg.fit(line(), data, run=run, progress=False, **options)


class Spoiled:
    """Samples of which one is spoiled; `ArrayDataset` would refuse them."""

    def __init__(self, value):
        self.value = value

    def __len__(self):
        return len(X)

    def __getitem__(self, k):
        return np.full(4, self.value, np.float32) if k == 77 else X[k], Y[k]


def test_a_jump_names_step_module_and_samples_and_the_report_marks_it(tmp_path):
    run = Run.create(tmp_path / "a run")
    order = DataLoader(ArrayDataset(X, Y), 5, shuffle=True, seed=1).order(0)
    bad, step = int(order[152]), 31
    targets = Y.copy()
    targets[bad] = 30.0
    options = {"loss": "mse", "optimizer": "sgd", "lr": 0.002, "batch_size": 5, "epochs": 1, "seed": 1}
    with pytest.warns(UserWarning, match=rf"the loss jumped from about \S+ to \S+ at step {step} \(epoch 1, .*\); "
                      rf"[01]: \d+% of the squared gradient; the samples with the largest losses are {bad} \(.*"
                      rf"Replay it: tinygrad-cnn replay '.*a run' --step {step}"):  # fmt: skip
        tg.fit(line(), (X, targets), run=run, progress=False, **options)
    (alarm, *_) = read(run)
    assert alarm.step == step and alarm.samples[0][0] == bad and alarm.numbered
    page = tg.report(run).path.read_text()
    assert 'id="alarms"' in page and 'class="mark"' in page and f"--step {step}" in page
    replay = run.replay(step, line(), (X, targets), **options)
    assert replay.same and replay.samples[replay.losses().argmax()] == bad


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_names_the_sample_and_can_be_replayed(tmp_path, value):
    run = Run.create(tmp_path / "run")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        with pytest.raises(FloatingPointError, match=r"the loss is (nan|inf) at step \d+ .*input x of linear .*"
                           r"samples with the largest losses are 77 \((nan|inf)\).*smaller lr.*Replay"):  # fmt: skip
            fit_line(run, Spoiled(value))
    (alarm,) = read(Run.open(run.path))
    replay = run.replay(alarm.step, line(), Spoiled(value), loss="mse", optimizer="sgd", lr=0.05, batch_size=5,
                        epochs=3, seed=1)  # fmt: skip
    assert replay.same and not np.isfinite(replay.loss.item()) and 77 in replay.samples
    with pytest.raises(tg.AnomalyError, match="held 4 .* already"), tg.anomaly():
        replay.run()


def test_a_step_that_is_too_large_names_the_weights(tmp_path):
    run = Run.create(tmp_path / "run")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(FloatingPointError, match=r"--step \d+"):
            fit_line(run, lr=1e6)
    assert read(run)[-1].module in ("0", "1")


def test_alarms_of_a_stranger_are_read_with_care(tmp_path):
    run = Run.create(tmp_path / "run")
    for text in ("[", "[]", '{"alarms": 3}', '{"alarms": [{}]}', "[" * 100_000, '{"alarms": [{"samples": [[]]}]}'):
        (run.path / "alarms.json").write_text(text)
        assert read(run) == []


def test_a_usual_training_raises_none(tmp_path):
    run = Run.create(tmp_path / "run")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit_line(run)
    assert read(run) == [] and not (run.path / "alarms.json").exists()


# -- the command ----------------------------------------------------------------------------------------------


def test_the_command_replays_with_observers(tmp_path, capsys):
    def command(*words):
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        return left.value.code, *capsys.readouterr()

    run = tmp_path / "run"
    assert command("train", "--epochs", 2, "--out", run, "--quiet")[0] == 0
    code, out, err = command("replay", run, "--step", 30, "--profile", "--anomaly", "--draw", tmp_path / "a.dot",
                             "--picture", tmp_path / "a.png")  # fmt: skip
    assert code == 0 and err == "" and "the same bits as recorded" in out and "is finite" in out and "conv2d" in out
    assert (tmp_path / "a.dot").stat().st_size > 1000 and (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert command("replay", run, "--step", 99)[0] == 1
    shutil.copy(run / "config.json", tmp_path / "kept.json")
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "batch_size": 32}))
    assert command("replay", run, "--step", 30)[0] == 1
