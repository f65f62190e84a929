"""Real processes under mpiexec: equal bits on all ranks, and a clear end when one of them fails."""

import os
import subprocess
import sys
import time

import pytest

HEAD = """
    import os, signal, sys, time
    import numpy as np
    import tinygrad_cnn as tg
    from tinygrad_cnn import nn, optim
    from tinygrad_cnn.distributed import parallel, rank, size
"""
PROGRAM = (
    HEAD
    + """
    train = tg.data.digits()[0]

    def trained(**settings):
        model = nn.Sequential(nn.Conv2d(1, 4, 3, rng=rank()), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10, rng=rank()))
        model, optimizer = parallel(model, optim.SGD(model.parameters(), lr=0.05, momentum=0.9), **settings)
        world = optimizer.world
        loader = tg.data.DataLoader(train, 24 // size(), shuffle=True, seed=rank())
        for _, (x, y) in zip(range(50), loader):
            optimizer.zero_grad()
            tg.softmax_cross_entropy(model(x), y).backward()
            optimizer.step()
        optimizer.settle()
        weights = np.concatenate([p.data.reshape(-1) for p in model.parameters()])
        assert len({w.tobytes() for w in world.all_gather(weights)}) == 1, "ranks differ"
        return weights

    weights = trained()
    assert (trained() == weights).all() and (trained(overlap=True) == weights).all(), "repeated runs differ"
    assert not (trained(local_steps=8) == weights).all()
    if rank() == 0:
        print("mpi4py" in sys.modules)
        np.save(sys.argv[1], weights)
"""
)


def test_two_processes_train_the_model_of_one(mpiexec, tmp_path):
    import numpy as np

    done = mpiexec(2, PROGRAM, "two.npy")
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
    alone = subprocess.run(
        [sys.executable, "program.py", "one.npy"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert alone.stdout == "False\n"  # without mpiexec nothing imports mpi4py
    assert np.abs(np.load(tmp_path / "two.npy") - np.load(tmp_path / "one.npy")).max() < 1e-5


def test_a_launcher_of_another_mpi_is_refused(tmp_path):
    code = "import tinygrad_cnn as tg; tg.distributed.rank()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PMI_SIZE": "2"}, cwd=tmp_path
    )
    assert done.returncode == 1
    assert "started 2 processes, but each of them is alone" in done.stderr and "mpiexec" in done.stderr


FAILING = (
    HEAD
    + """
    model = nn.Sequential(nn.Linear(8, 8, rng=0), nn.ReLU(), nn.Linear(8, 2, rng=0))
    model, optimizer = parallel(model, optim.SGD(model.parameters(), lr=0.05), **eval(sys.argv[2]))
    me = rank()
    for step in range(100):
        optimizer.zero_grad()
        (model(np.full((4, 8), me + 1, np.float32)) ** 2).mean().backward()
        optimizer.step()
        if step == 20 and me == 1:
            print("failing", time.time(), flush=True)
            exec(sys.argv[1])
    weights = [p.data.tobytes() for p in model.parameters()]
    assert len({*map(tuple, optimizer.world.all_gather(weights))}) == 1
    print("rank", rank(), "of", size(), "at the end")
"""
)
ENDS = {
    "os.kill(os.getpid(), signal.SIGKILL)": ("rank 1", "signal 9"),
    "raise ValueError('not today')": ("rank 1 of 2 ended with ValueError: not today",),
    "sys.exit(3)": ("for rank 1, which has left the program",),
    "break": ("in all_gather for others that wait too: ranks differ in order",),
    "time.sleep(100)": ("for rank 1, which is silent",),
    "os.kill(os.getpid(), signal.SIGSTOP)": ("for rank 1, which is silent",),
}


@pytest.mark.level("thorough")
@pytest.mark.parametrize("overlap", [False, True])
@pytest.mark.parametrize("failure", ENDS)
def test_a_rank_that_fails_ends_the_job_and_is_named(mpiexec, failure, overlap):
    done = mpiexec(2, FAILING.replace("exec(sys.argv[1])", failure), "", {"stall_timeout": 1, "overlap": overlap})
    seconds = time.time() - float(done.stdout.split("failing ")[1].split()[0])
    assert done.returncode != 0
    said = " ".join(done.stderr.split())
    assert all(words in said for words in ENDS[failure]), done.stderr
    assert seconds < 10


@pytest.mark.level("thorough")
@pytest.mark.parametrize("local_steps", [1, 4])
@pytest.mark.parametrize("failure", ["os.kill(os.getpid(), signal.SIGKILL)", "raise ValueError('not today')"])
def test_survivors_go_on(mpiexec, failure, local_steps):
    settings = {"elastic": True, "local_steps": local_steps}
    done = mpiexec(3, FAILING, failure, settings, options=["--with-ft", "ulfm"])
    assert "rank 1 of 3 was lost; 2 go on" in done.stderr, done.stderr
    assert done.returncode == 0 and "rank 0 of 2 at the end" in done.stdout and "rank 1 of 2 at the end" in done.stdout


@pytest.mark.level("thorough")
def test_a_launcher_that_tolerates_losses_leaves_it_to_the_ranks_to_name_them(mpiexec):
    done = mpiexec(2, FAILING, "os.kill(os.getpid(), signal.SIGKILL)", {}, options=["--with-ft", "ulfm"])
    assert done.stdout.count("at the end") == 0  # Open MPI 5.0.11 may return 0 here
    assert "rank 0 of 2 ended with ConnectionError: lost rank 1 while this rank waited in all_reduce" in done.stderr


@pytest.mark.level("thorough")
def test_elastic_needs_its_launcher(mpiexec):
    done = mpiexec(2, FAILING, "", {"elastic": True})
    assert done.returncode != 0 and "mpiexec --with-ft ulfm" in done.stderr
