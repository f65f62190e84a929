"""`tg.set_float32_precision`: what it sets, where it holds, and that checks of gradients never round."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import ClassVar

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import kernels
from tinygrad_cnn.kernels import native
from tinygrad_cnn.kernels.precision import bf16_instructions, exactly, precision_in_words, why_absent
from tinygrad_cnn.testing import LayerSample

RNG = np.random.default_rng(0)
A, B = (RNG.standard_normal(shape).astype(np.float32) for shape in ((128, 512), (512, 256)))


def product() -> bytes:
    return kernels.matmul(A, B).tobytes()  # not tg.matmul, whose last bits gradcheck moves


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield
    tg.set_float32_precision("highest")


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let "medium" round on every machine, by the emulation where there are no instructions."""
    if not native.available:
        pytest.skip(f"compiled kernels: {native.reason}")
    if not bf16_instructions():
        monkeypatch.setattr(native, "_bf16_sets", lambda: ["emulated"])


def test_it_holds_until_set_again_or_to_the_end_of_a_block() -> None:
    assert tg.get_float32_precision() == "highest"
    tg.set_float32_precision("medium")
    assert tg.get_float32_precision() == "medium"
    with tg.set_float32_precision("highest"):
        assert tg.get_float32_precision() == "highest"
        with tg.set_float32_precision("medium"):
            assert tg.get_float32_precision() == "medium"
        assert tg.get_float32_precision() == "highest"
    assert tg.get_float32_precision() == "medium"
    with pytest.raises(KeyError), tg.set_float32_precision("highest"):
        raise KeyError
    assert tg.get_float32_precision() == "medium"


@pytest.mark.parametrize("wrong", ["high", "bf16", None, np.float32])
def test_other_words_are_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="set_float32_precision: precision=.* must be 'highest' or 'medium'"):
        tg.set_float32_precision(wrong)  # type: ignore[arg-type]
    assert tg.get_float32_precision() == "highest"


def test_it_decides_and_checks_do_not_round(rounds: None) -> None:
    exact = product()
    tg.set_float32_precision("medium")
    medium = product()
    assert medium != exact
    seen: list[bytes] = []

    def f(x: tg.Tensor) -> tg.Tensor:
        seen.append(product())
        return (x * x).sum()

    tg.testing.gradcheck(f, np.ones(2))
    assert set(seen) == {exact}
    with pytest.raises(RuntimeError), exactly():
        with exactly():
            assert product() == exact
        assert product() == exact
        raise RuntimeError
    assert product() == medium


class Spy(tg.nn.Linear):
    """A layer that notes what a product gives while it is checked."""

    seen: ClassVar[list[bytes]] = []

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        self.seen.append(product())
        return super().forward(x)


def test_contracts_do_not_round(rounds: None) -> None:
    Spy.seen.clear()
    exact = product()
    with tg.set_float32_precision("medium"):
        report = tg.testing.check_layer(Spy, [LayerSample((3, 2), x=(4, 3))])
        assert report.counts and Spy.seen and set(Spy.seen) == {exact}
        assert product() != exact


def test_the_setting_is_that_of_the_process_and_the_guard_that_of_a_thread(rounds: None) -> None:
    def elsewhere(f: Callable[[], bytes]) -> bytes:
        found: list[bytes] = []
        thread = threading.Thread(target=lambda: found.append(f()))
        thread.start()
        thread.join()
        return found[0]

    exact = product()
    with tg.set_float32_precision("medium"):
        medium = product()
        assert medium != exact and elsewhere(product) == medium
        with exactly():
            assert product() == exact and elsewhere(product) == medium


def test_gradients_and_layers_are_rounded_and_stay_float32(rounds: None) -> None:
    x = RNG.standard_normal((8, 12, 12, 64)).astype(np.float32)
    layer = tg.nn.Conv2d(64, 96, 1, rng=0)

    def gradients() -> list[np.ndarray]:
        start = tg.Tensor(x, requires_grad=True)
        (layer(start) ** 2).sum().backward()
        grads = [start.grad, layer.weight.grad]
        layer.weight.grad = layer.bias.grad = None
        return [np.asarray(g.data) for g in grads]

    exact = gradients()
    with tg.set_float32_precision("medium"):
        medium = gradients()
    for a, b in zip(medium, exact, strict=True):
        assert a.dtype == np.float32
        assert 1e-4 < np.linalg.norm(a - b) / np.linalg.norm(b) < 1e-2  # two products, one after the other


def test_without_instructions_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = product()
    monkeypatch.setattr(native, "_bf16_sets", list)
    with tg.set_float32_precision("medium"):
        assert product() == exact
        assert bf16_instructions() == "" and precision_in_words() == f"medium, but float32: {why_absent()}"
    with tg.use_kernels("numpy"):
        exact = product()
        with tg.set_float32_precision("medium"):
            assert product() == exact


@pytest.mark.skipif(len(native.isas()) < 2, reason="this machine has one instruction set for the kernels")
def test_an_older_instruction_set_does_not_round() -> None:
    before = native.use_isa(native.isas()[1])
    try:
        exact = product()
        with tg.set_float32_precision("medium"):
            assert product() == exact and not bf16_instructions()
            assert "is older than AVX-512" in why_absent() or native.isas()[0] != "v4"
    finally:
        native.use_isa(before)


def test_info_says_what_there_is() -> None:
    pytest.importorskip("click", reason="the command line needs the extra \"app\"")
    command = [sys.executable, "-m", "tinygrad_cnn", "info"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    told = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    line = told.partition('tg.set_float32_precision("medium") computes products with\n')[2].splitlines()[0]
    found = bf16_instructions()
    assert (f"in use         {found}" if found else f"absent         {why_absent()}; float32 is used instead") in line


def test_a_run_records_it() -> None:
    from tinygrad_cnn.train.run_folder import surroundings

    with tg.set_float32_precision("medium"):
        switches = surroundings()["switches"]
    assert switches["precision"].startswith("medium") and switches["isa"] == native.use_isa()
    assert switches["winograd"] == native.use_winograd() and switches["core"] in ("c", "python")
