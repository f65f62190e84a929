"""Jobs that are killed and started again, and the command line on several processes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinygrad_cnn.io import load

pytestmark = pytest.mark.level("thorough")

PROGRAM = """
    import os, signal, sys
    import tinygrad_cnn as tg
    from tinygrad_cnn import nn, optim
    from tinygrad_cnn.distributed import parallel, rank, size

    folder, dies_at, settings = sys.argv[1], int(sys.argv[2]), eval(sys.argv[3])
    digits = tg.data.digits()[0]
    train = tg.data.ArrayDataset(digits.images[:480], digits.labels[:480])
    model = nn.Sequential(nn.Conv2d(1, 4, 3, rng=0), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.1, rng=0), nn.Flatten(),
                          nn.Linear(144, 10, rng=0))
    model, optimizer = parallel(model, optim.Adam(model.parameters(), 1e-2), **settings)
    run = tg.Run.open(folder) if os.path.isdir(folder) else tg.Run.create(folder)

    class Die(tg.train.Callback):
        def on_step(self, training):
            if training.step == dies_at and training.world.rank == training.world.size - 1:
                os.kill(os.getpid(), signal.SIGKILL)

    history = tg.fit(model, train, validation=train, batch_size=48 // size(), epochs=4, optimizer=optimizer, run=run,
                     seed=0, callbacks=[Die()])
    if rank() == 0:
        assert [*history["epoch"]] == [1, 2, 3, 4] and history["val_accuracy"][-1] > 0.8, history
"""


def weights(folder):
    return np.concatenate([value.reshape(-1) for _, value in sorted(load(folder / "model.safetensors").items())])


@pytest.mark.parametrize("settings", [{}, {"overlap": True}, {"local_steps": 4}])
def test_a_killed_job_goes_on_from_its_checkpoint_with_the_same_bits(mpiexec, tmp_path, settings):
    done = mpiexec(2, PROGRAM, "whole", 0, settings)
    assert done.returncode == 0 and done.stdout.count("epoch 4/4") == 1, done.stderr
    killed = mpiexec(2, PROGRAM, "killed", 25, settings)  # in the third epoch
    assert killed.returncode != 0 and "rank 1" in killed.stderr and "epoch 3/4" not in killed.stdout
    again = mpiexec(2, PROGRAM, "killed", 0, settings)
    assert again.returncode == 0, again.stderr
    assert np.array_equal(weights(tmp_path / "whole"), weights(tmp_path / "killed"))


@pytest.mark.parametrize("then", [1, 3])
def test_a_killed_job_goes_on_with_another_number_of_ranks(mpiexec, tmp_path, then):
    assert mpiexec(2, PROGRAM, "run", 25, {}).returncode != 0
    again = mpiexec(then, PROGRAM, "run", 0, {})
    assert again.returncode == 0 and "epoch 3/4" in again.stdout and "epoch 2/4" not in again.stdout, again.stderr


@pytest.mark.parametrize("local_steps", [1, 4])
def test_survivors_of_a_lost_rank_finish_the_training_and_its_run(mpiexec, tmp_path, local_steps):
    settings = {"elastic": True, "local_steps": local_steps}
    done = mpiexec(3, PROGRAM, "run", 15, settings, options=["--with-ft", "ulfm"])
    assert "was lost" in done.stderr and "epoch 4/4" in done.stdout, done.stderr
    assert load(tmp_path / "run" / "model.safetensors")


def test_the_command_line_trains_on_all_processes(mpiexec, tmp_path):
    command = Path(sys.executable).with_name("tinygrad-cnn")
    program = "from tinygrad_cnn.cli import main; main()"
    done = mpiexec(2, program, "train", "--distributed", "--epochs", 4, "--out", "two")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("epoch 4/4") == 1 and float(done.stdout.split()[-1]) > 0.85
    assert (tmp_path / "two" / "report.html").is_file()
    more = mpiexec(2, program, "train", "--distributed", "--resume", "two", "--epochs", 5)
    assert more.returncode == 0 and "epoch 5/5" in more.stdout, more.stderr
    alone = subprocess.run(
        [command, "train", "--distributed", "--resume", "two", "--epochs", "6"], cwd=tmp_path, capture_output=True,
        text=True,
    )  # fmt: skip
    assert alone.returncode == 0 and "epoch 6/6" in alone.stdout, alone.stderr
    odd = mpiexec(3, program, "train", "--distributed", "--out", "three")
    assert odd.returncode == 1 and "--batch-size 66" in odd.stderr and not (tmp_path / "three").exists()
