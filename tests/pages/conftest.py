"""A trained run, made once, and digits that somebody might draw: polylines in the unit square, (across, down)."""

import json
from pathlib import Path

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.data import DataLoader
from tinygrad_cnn.train import fit
from tinygrad_cnn.train.run_folder import Run

STROKES = json.loads(Path(__file__).with_name("strokes.json").read_text())


@pytest.fixture(scope="session")
def strokes():
    return STROKES


def make_run(path, model="lenet", shape=(8, 8, 1), classes="0123456789", data="digits", **more):
    """A run folder with fresh weights."""
    config = {"data": data, "data_dir": None, "model": model, "input_shape": list(shape), "classes": list(classes)}
    run = Run.create(path, {**config, "seed": 0, **more})
    run.save_weights(run.model(trained=False).state_dict())
    return run


@pytest.fixture
def fresh(tmp_path):
    return lambda model="lenet", *args, **more: make_run(tmp_path / model, model, *args, **more)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A run of the digits' LeNet, trained as far as the command line would."""
    run = make_run(tmp_path_factory.mktemp("play") / "run")
    model = run.model(trained=False)
    train, _ = tg.data.digits()
    loader = DataLoader(train, 64, shuffle=True, seed=0)
    optimizer, steps = tg.optim.Adam(model.parameters(), 4e-3), 30 * len(loader)
    schedule = tg.optim.WarmupLR(tg.optim.CosineLR(optimizer, steps - steps // 20), steps // 20)
    fit(model, loader, epochs=30, optimizer=optimizer, schedule=schedule, progress=False)
    run.save_weights(model.state_dict())
    return run
