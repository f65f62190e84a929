"""Ported programs: from one start and with the same data they have the losses of the original, step after step."""

from pathlib import Path

import numpy as np
import pytest

from tinygrad_cnn.cli.bench import load

from . import porting

torch = pytest.importorskip("torch", reason="PyTorch is not installed here; .ci/run installs it")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """PyTorch's threads wait for each other longer than such small programs compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", porting.NAMES)
def test_losses_are_those_of_the_original(name):
    ours, theirs = map(porting.losses, porting.pair(name, np.float64))
    assert ours.shape == theirs.shape
    assert len(theirs) >= 10, "ten steps are the least that shows that weights move alike"
    assert np.isfinite(theirs).all()
    assert (np.ptp(theirs, axis=0) > 1e-3 * np.abs(theirs).max(axis=0)).all(), "the losses must move"
    assert porting.difference(ours, theirs) <= porting.rtol(name)


def test_a_start_that_differs_a_little_is_noticed():
    start, theirs = porting.begun("vae", np.float64)
    vae = porting.program("vae")
    ours = vae.ours({k: w * (1 + 1e-6) for k, w in start.items()}, **vae.given(np.float64))
    assert porting.difference(porting.losses(ours), porting.losses(theirs)) > porting.rtol("vae")


def test_the_page_has_every_program():
    assert len(porting.NAMES) >= 16
    page = (Path(__file__).parents[2] / "docs" / "ports.md").read_text(encoding="utf-8")
    missing = [name for name in porting.NAMES if f"| {name} |" not in page]
    assert not missing, "run: python -m benchmarks.ports --into docs/ports.md"


def test_the_table_is_made_of_measurements(monkeypatch):
    load(Path(__file__).parents[2] / "benchmarks")
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
    from benchmarks import ports

    monkeypatch.setattr(ports, "FEWEST", 1)
    line, apart, ratio = ports.row("vae")
    assert line.startswith("| vae | A variational autoencoder of digits, ") and "| 12 |" in line
    assert apart <= porting.rtol("vae") and ratio > 0
