"""Recurrent cells and layers beside PyTorch's.

    TINYGRAD_CNN_THREADS=1 OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python benchmarks/recurrent.py

Prints, for batches of 32 and 128 numbers in and in the state, our time forward, and with backward, and what that is of
PyTorch's; layers go along 32 steps.  Each side runs in processes of its own, two in turn; each time is the least of
several.  It needs PyTorch in the same environment.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a file, too

from benchmarks.elementwise import in_turn, least, table

BATCH, STEPS, SIZE = 32, 32, 128
NAMES = ("LSTMCell", "GRUCell", "RNNCell", "LSTM", "GRU", "RNN")


def first(y: Any) -> Any:
    """The array of results, of what a cell or a layer returns."""
    return y[0] if isinstance(y, tuple) else y


def ours(name: str) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Our forward pass, and forward with backward."""
    import tinygrad_cnn as tg

    module = getattr(tg.nn, name)(SIZE, SIZE, rng=0)
    shape = (BATCH, SIZE) if name.endswith("Cell") else (BATCH, STEPS, SIZE)
    x = tg.Tensor(np.random.default_rng(0).normal(size=shape).astype(np.float32), requires_grad=True)

    def both() -> None:
        y = first(module(x))
        y.backward(np.ones(y.shape, np.float32))
        module.zero_grad()
        x.grad = None

    return lambda: module(x), both


def theirs(name: str) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """The same of PyTorch, whose layers take the batch first, too."""
    import torch

    layer = not name.endswith("Cell")
    module = getattr(torch.nn, name)(SIZE, SIZE, **({"batch_first": True} if layer else {}))
    x = torch.randn(BATCH, STEPS, SIZE, requires_grad=True) if layer else torch.randn(BATCH, SIZE, requires_grad=True)

    def both() -> None:
        y = first(module(x))
        y.backward(torch.ones_like(y))
        module.zero_grad()
        x.grad = None

    return lambda: module(x), both


def measure(side: str, wanted: list[str]) -> dict[str, list[float]]:
    """Milliseconds forward, and forward with backward, of each case of one side."""
    make = ours if side == "ours" else theirs
    return {name: [least(way) for way in make(name)] for name in NAMES if not wanted or name in wanted}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--side"]:
        print(json.dumps(measure(sys.argv[2], sys.argv[3:])))
    else:
        print(table(in_turn(__file__, sys.argv[1:])))
