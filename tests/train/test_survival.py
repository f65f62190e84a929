"""Runs survive: damaged checkpoints, killed writers, a full disk, signals, a second writer, bad settings."""

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.cli import main
from tinygrad_cnn.io import atomic_write
from tinygrad_cnn.io.locks import holding
from tinygrad_cnn.train import Checkpoint
from tinygrad_cnn.train.run_folder import Run, RunError

pytestmark = pytest.mark.level("default")

X = np.random.default_rng(0).random((40, 4), dtype=np.float32)
Y = (X @ np.float32([1, -1, 2, 0.5])[:, None]).astype(np.float32)
posix = pytest.mark.skipif(os.name == "nt", reason="POSIX signals, limits and locks")


def trained(run=None, epochs=3, callbacks=(), data=(X, Y), **more):
    model = nn.Sequential(nn.Linear(4, 3, rng=0), nn.Tanh(), nn.Linear(3, 1, rng=1))
    history = tg.fit(model, data, epochs=epochs, batch_size=5, seed=0, loss="mse", optimizer="adam", lr=0.01, run=run,
                     progress=False, callbacks=callbacks, **more)  # fmt: skip
    return model, history


def bits(model):
    return b"".join(value.tobytes() for value in model.state_dict().values())


def flip(path, where, bit):
    data = bytearray(path.read_bytes())
    data[where] ^= 1 << bit
    path.write_bytes(data)


# -- checkpoints ----------------------------------------------------------------------------------------------


def test_every_flipped_bit_is_noticed_and_the_checkpoint_before_counts(tmp_path):
    want = bits(trained(epochs=3)[0])
    trained(Run.create(tmp_path / "run"), epochs=2)
    steps = Run.open(tmp_path / "run").checkpoints.steps()
    assert steps == [0, 8, 16]
    draw = random.Random(0)
    for k in range(15):
        run = Run.open(shutil.copytree(tmp_path / "run", tmp_path / f"copy {k}"))
        file = run.checkpoints.place(16)
        flip(file, draw.randrange(file.stat().st_size), draw.randrange(8))
        with pytest.warns(UserWarning, match=r"step-00000016\.\S+ is not .*or is damaged: .* one before .* of step 8"):
            state = run.load_state()
        assert state["step"] == 8
    with pytest.warns(UserWarning, match="is damaged"):
        model, _ = trained(run, epochs=3)
    assert bits(model) == want and run.load_state()["step"] == 24


def test_a_checksum_that_was_cut_out_is_missed(tmp_path):
    run = Run.create(tmp_path / "run")
    trained(run, epochs=1)
    file = run.checkpoints.place(8)
    file.write_bytes(file.read_bytes().replace(b"tinygrad_cnn.sha256", b"tinygrad_cnn.sha257"))
    with pytest.warns(UserWarning, match="it has no checksum"):
        assert run.load_state()["step"] == 0


def test_the_last_ones_the_first_and_the_best_are_kept(tmp_path):
    run, losses = Run.create(tmp_path / "run"), iter([3.0, 1.0, 2.0, 2.5, 4.0, 5.0])

    def worse(training):
        training.row["val_loss"] = next(losses)

    trained(run, epochs=6, validation=(X, Y), callbacks=[worse, Checkpoint(run, keep=2)])
    assert run.checkpoints.steps() == [0, 16, 40, 48]
    assert run.load_state(at_most=39)["step"] == 16


@pytest.mark.parametrize("settings, steps", [
    ({"steps": 3}, [0, 3, 6, 8, 11, 14, 16]), ({"minutes": 0.0001}, [*range(17)]), ({"every": 2}, [0, 16]),
])  # fmt: skip
def test_checkpoints_by_steps_minutes_and_epochs(tmp_path, monkeypatch, settings, steps):
    clock = iter(range(10_000))
    monkeypatch.setattr("tinygrad_cnn.train.shipped.monotonic", lambda: next(clock))
    run = Run.create(tmp_path / "run")
    trained(run, epochs=2, callbacks=[Checkpoint(run, keep=99, **settings)])
    assert run.checkpoints.steps() == steps


@pytest.mark.parametrize("accumulate", [1, 3])
def test_from_each_checkpoint_within_an_epoch_it_goes_on_bit_for_bit(tmp_path, accumulate):
    run = Run.create(tmp_path / "run")
    keeper = Checkpoint(run, steps=1, keep=99)
    want = bits(trained(run, epochs=2, accumulate=accumulate, callbacks=[keeper])[0])
    steps = run.checkpoints.steps()
    for step in steps[:-1]:
        copy = Run.open(shutil.copytree(run.path, tmp_path / f"from {step}"))
        for later in steps:
            if later > step:
                copy.checkpoints.place(later).unlink()
        assert bits(trained(copy, epochs=2, accumulate=accumulate)[0]) == want, step


def test_a_run_of_an_earlier_version_goes_on(tmp_path):
    want = bits(trained(epochs=3)[0])
    run = Run.create(tmp_path / "run")
    trained(run, epochs=2)
    shutil.move(run.checkpoints.place(16), run.path / "state.safetensors")
    shutil.rmtree(run.path / "checkpoints")
    assert bits(trained(Run.open(run.path), epochs=3)[0]) == want
    assert not (run.path / "state.safetensors").exists()


# -- who writes -----------------------------------------------------------------------------------------------


@posix
def test_a_second_writer_is_refused_and_a_dead_one_forgotten(tmp_path):
    run = Run.create(tmp_path / "run")
    program = (
        "import sys, time\nfrom tinygrad_cnn.train.run_folder import Run\n"
        "with Run.open(sys.argv[1]).writing():\n    print('mine', flush=True); time.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program, str(run.path)], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "mine\n"
        with pytest.raises(RunError, match="is in use: another process trains in it"):
            trained(run)
        child.kill()
    finally:
        child.kill()
        child.communicate()
    trained(run, epochs=1)
    assert run.load_state()["step"] == 8


@posix
def test_two_runs_of_one_folder_in_one_process(tmp_path):
    run = Run.create(tmp_path / "run")
    with run.writing(), run.writing(), pytest.raises(RunError, match="is in use"):
        trained(Run.open(run.path))
    trained(Run.open(run.path), epochs=1)


@posix
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_child_does_not_keep_the_lock(tmp_path):
    ready, begun = os.pipe()
    with holding(tmp_path) as mine:
        assert mine
        child = os.fork()
        if not child:
            os.write(begun, b"1")
            signal.pause()
        assert os.read(ready, 1) == b"1"
    try:
        with holding(tmp_path) as again:
            assert again
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@posix
def test_drafts_of_killed_processes_are_removed_and_live_ones_stay(tmp_path):
    run = Run.create(tmp_path / "run")
    trained(run, epochs=1)
    program = (
        "import os, sys\nfrom tinygrad_cnn.io import atomic_write\nfrom tinygrad_cnn.io.atomic import atomic_path\n"
        "with atomic_path(sys.argv[1] + '/a.svg') as draft, atomic_write(sys.argv[1] + '/checkpoints/b') as f:\n"
        "    draft.write_text('x'); os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(run.path)], check=False)
    left = [path for path in run.path.rglob(".*") if path.name != "checkpoints"]
    assert len(left) == 2
    with atomic_write(run.path / "mine") as file:
        with run.writing():
            assert not any(path.exists() for path in left)
        file.write(b"whole")
    assert (run.path / "mine").read_bytes() == b"whole"


# -- signals and the disk -------------------------------------------------------------------------------------


class Trap:
    """Data of eight batches that send this process a signal before one of them."""

    def __init__(self, name, at):
        self.name, self.at, self.given = name, at, 0

    def __call__(self):
        for k in range(0, 40, 5):
            self.given += 1
            if self.given == self.at:
                os.kill(os.getpid(), getattr(signal, self.name))
            yield X[k : k + 5], Y[k : k + 5]


@posix
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signals_end_the_step_and_save(tmp_path, name):
    before = signal.getsignal(getattr(signal, name))
    want = bits(trained(data=Trap(name, 0), epochs=2)[0])
    run = Run.create(tmp_path / "run")
    _, history = trained(run, data=Trap(name, 11), epochs=2)
    assert (history.stopped, history.signal) == ("interrupted", name)
    assert run.load_state()["step"] == 11 and signal.getsignal(getattr(signal, name)) == before
    assert bits(trained(Run.open(run.path), data=Trap(name, 0), epochs=2)[0]) == want


@posix
def test_a_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert trained(data=Trap("SIGHUP", 3), epochs=1)[1].stopped == "finished"
    finally:
        signal.signal(signal.SIGHUP, before)


@posix
def test_a_full_disk_names_the_file_and_keeps_the_last_checkpoint(tmp_path):
    run = Run.create(tmp_path / "run")
    trained(run, epochs=1)
    program = (
        "import resource, sys\nsys.path.insert(0, sys.argv[2])\n"
        "from test_survival import *\nresource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "try:\n    trained(Run.open(sys.argv[1]), epochs=2)\nexcept RunError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(run.path), str(Path(__file__).parent)],
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert f"step-00000016.safetensors cannot be written: {os.strerror(errno.EFBIG)}" in done.stdout, done
    assert f"The checkpoint of step 8 is kept; make room, then go on with it: --resume {run.path}" in done.stdout
    assert run.load_state()["step"] == 8 and not list(run.path.rglob("*.tmp"))


# -- where it was computed, and what the settings say -----------------------------------------------------------


def test_other_kernels_are_told(tmp_path):
    run = Run.create(tmp_path / "run")
    with tg.use_kernels("slow"):
        trained(run, epochs=1)
    with pytest.warns(UserWarning, match=r"was computed with kernels (numpy and )?slow, now .*its bits may differ"):
        trained(Run.open(run.path), epochs=2)


SETTINGS = {"data": "digits", "data_dir": None, "model": "lenet", "input_shape": [8, 8, 1], "classes": ["a", "b"],
            "epochs": 1, "batch_size": 4, "lr": 0.1, "seed": 0, "threads": None}  # fmt: skip
BAD = [
    *({name: ...} for name in SETTINGS if name not in ("data_dir", "threads")),
    {"seed": "x"}, {"seed": -1}, {"lr": None}, {"lr": float("nan")}, {"epochs": True}, {"input_shape": [8, 8]},
    {"input_shape": [1 << 40, 8, 1]}, {"classes": "ab"}, {"classes": [1, 2]}, {"model": ["lenet"]}, {"data": {}},
    {"threads": 1.5}, {"batch_size": 1 << 70}, {"data_dir": 3},
]  # fmt: skip


@pytest.mark.parametrize("change", BAD, ids=str)
def test_settings_that_are_wrong_get_one_line(tmp_path, capsys, change):
    settings = {name: value for name, value in {**SETTINGS, **change}.items() if value is not ...}
    run = Run.create(tmp_path / "run", settings)
    for words in (["train", "--resume"], ["predict", "--data", "digits"], ["play", "--no-browser"], ["summary"]):
        with pytest.raises(SystemExit) as left:
            main([*words[:1], *words[1:], str(run.path)])
        err = capsys.readouterr().err
        if words[0] == "train":
            assert left.value.code == 1 and f"config.json: {next(iter(change))} is " in err
        assert left.value.code == 0 or (err.count("\n") == 1 and err.startswith("tinygrad-cnn: ")), (words, err)
        assert "Traceback" not in err


@pytest.mark.parametrize("text", ["[" * 100_000, "{}", "[]", "3", '{"format": ' * 5000, "\xff", ""])
def test_settings_that_are_no_settings_get_one_line(tmp_path, capsys, text):
    (tmp_path / "config.json").write_bytes(text.encode("latin-1"))
    for words in ("train --resume", "predict --data digits", "play", "report", "draw", "summary"):
        with pytest.raises(SystemExit) as left:
            main([*words.split(), str(tmp_path)])
        err = capsys.readouterr().err
        assert left.value.code == 1 and err.count("\n") == 1 and "config.json" in err, (words, err)


def test_names_of_classes_reach_no_terminal_as_escapes(tmp_path, capsys):
    names = [f"\x1b[31m\u202e{k}\r" for k in range(10)]
    run = Run.create(tmp_path / "run", {**SETTINGS, "classes": names})
    run.save_weights(run.model(trained=False).state_dict())
    with pytest.raises(SystemExit):
        main(["predict", str(run.path), "--data", "digits"])
    out, err = capsys.readouterr()
    assert "\\x1b[31m\\u202e" in out
    assert all(c.isprintable() or c == "\n" for c in out + err)
    (tmp_path / "run" / "config.json").write_text(json.dumps({"format": "\x1b[2J"}))
    with pytest.raises(SystemExit):
        main(["summary", str(run.path)])
    assert "\x1b" not in capsys.readouterr().err
