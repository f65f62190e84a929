"""Programs of PyTorch's users beside their ports: finding them, running both from one start.

A program is a file in programs/ with three functions.  ``given(dtype)`` returns the arrays that both sides use, by
name: data, and all that is random.  ``theirs(**given)`` and ``ours(start, **given)`` are generators that yield the loss
of each step, or a tuple of losses.  What `theirs` yields first, before any step, is its start: a state dict, or a dict
of several by name; `ours` is given it as arrays.

`RTOL`, where a file has it, is how far losses may differ relative to their size, with the reason beside it.
"""

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

NAMES = sorted(path.stem for path in (Path(__file__).parent / "programs").glob("[a-z]*.py"))
RTOL = 1e-8


def program(name: str) -> Any:
    """The module of a program."""
    return importlib.import_module(f".programs.{name}", __package__)


def title(name: str) -> str:
    """What a program is: the first sentence of its docstring."""
    return " ".join(program(name).__doc__.split()).split(". ")[0].rstrip(".")


def begun(name: str, dtype: Any) -> tuple[Any, Iterator[Any]]:
    """The start of the original, as arrays, and its steps.

    PyTorch's default dtype is `dtype` while the original builds its networks, until its first ``yield``.
    """
    import torch

    known = program(name)
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, np.dtype(dtype).name))
    try:
        torch.manual_seed(0)
        theirs = known.theirs(**known.given(dtype))
        return _arrays(next(theirs)), theirs
    finally:
        torch.set_default_dtype(before)


def pair(name: str, dtype: Any) -> tuple[Iterator[Any], Iterator[Any]]:
    """The steps of ours and of theirs, of one start and of equal data."""
    start, theirs = begun(name, dtype)
    known = program(name)
    return known.ours(start, **known.given(dtype)), theirs


def channels_first(images: np.ndarray) -> Any:
    """Images (..., H, W, C) as PyTorch has them, (..., C, H, W); a copy, or one channel would keep our strides."""
    import torch

    return torch.from_numpy(np.moveaxis(images, -1, -3).copy())


def losses(steps: Iterator[Any]) -> np.ndarray:
    """One row for each step that is left."""
    return np.array([np.ravel([float(loss) for loss in np.atleast_1d(step)]) for step in steps])


def rtol(name: str) -> float:
    """How far the losses of a program may differ, relative to their size."""
    return float(getattr(program(name), "RTOL", RTOL))


def difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference of losses, each relative to the largest of its kind in the run."""
    return float(np.max(np.abs(ours - theirs) / np.abs(theirs).max(axis=0)))


def _arrays(start: Any) -> Any:
    """Copies of all tensors, which the original goes on to change."""
    if isinstance(start, Mapping):
        return {name: _arrays(value) for name, value in start.items()}
    return start.detach().numpy().copy()
