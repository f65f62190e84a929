"""Fitting a dict of arrays to the parameters and buffers of a module, all or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from ..core import Tensor
from ..core.tensor import plain
from .layouts import places


class LoadReport(NamedTuple):
    """What a load that is not strict has passed over."""

    missing: list[str]
    unexpected: list[str]


class TorchArrays(dict[str, np.ndarray]):
    """Arrays by name that a file of PyTorch's held, in its layout.  ``dict(arrays)`` forgets where they come from."""


def _looks(value: Any) -> str:
    return f"{tuple(value.shape)} {value.dtype}"


def load(module: Any, own: Mapping[str, Tensor], values: Mapping[str, Any], strict: bool) -> LoadReport:
    """Assign `values` to the tensors `own` of a module by name, after everything was found to fit."""
    who = type(module).__name__
    if not isinstance(values, Mapping):
        remedy = " Read a file first: tg.load(path)." if isinstance(values, (str, PathLike)) else ""
        raise TypeError(f"load_state_dict: needs a dict of arrays by name, got {type(values).__name__}.{remedy}")
    arrays = {k: plain(v) for k, v in values.items()}
    missing = [name for name in own if name not in arrays]
    unexpected = [name for name in arrays if name not in own]
    problems: list[tuple[str, str, str]] = []
    if strict:
        problems += [("missing", name, f"expects {_looks(own[name])}") for name in missing]
        problems += [("unexpected", name, f"got {_looks(arrays[name])}") for name in unexpected]
    for name, tensor in own.items():
        array = arrays.get(name)
        if array is None:
            continue
        if array.shape != tensor.shape:
            problems.append(("shape", name, f"expects {_looks(tensor)}, got {_looks(array)}"))
        elif array.dtype != tensor.dtype and (strict or not np.can_cast(array.dtype, tensor.dtype, "same_kind")):
            problems.append(("dtype", name, f"expects {_looks(tensor)}, got {_looks(array)}"))
    foreign = _signs_of_torch(module, values, arrays)
    if problems:
        width = max(len(name) for _, name, _ in problems)
        table = "\n".join(f"  {kind:<10}  {name:<{width}}  {text}" for kind, name, text in problems)
        remedy = f"{foreign} Load them with tg.io.from_torch(model, values), which turns them." if foreign else (
            "Rename or convert the values; strict=False passes over missing and unexpected names and converts dtypes."
        )  # fmt: skip
        raise ValueError(f"load_state_dict: the values do not fit {who}; nothing was loaded.\n{table}\n{remedy}")
    if foreign:
        raise ValueError(
            f"load_state_dict: {foreign} Their shapes fit {who}, but PyTorch has weights in another order of axes, so "
            "nothing was loaded. Load them with tg.io.from_torch(model, values), which turns them; if they are in our "
            "order already, pass them as a dict of arrays under our names alone."
        )
    for name, tensor in own.items():
        if name in arrays:
            tensor.assign(arrays[name])
    return LoadReport(missing, unexpected)


def _signs_of_torch(module: Any, values: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """Why the values seem to be PyTorch's, in words; empty if nothing says so, or if its layout is ours for all.

    A square matrix fits either way, and only what stands beside it can say whose it is.
    """
    theirs = places(module, "torch")
    turned = [p for p in theirs if p.here in arrays and p.layout.axes is not None]
    if not turned:
        return ""
    if isinstance(values, TorchArrays):
        return "The values were read from a file of PyTorch's."
    if any(type(value).__module__.partition(".")[0] == "torch" for value in values.values()):
        return "The values are tensors of PyTorch's."
    for p in theirs:
        if p.tensor is None and p.there in arrays:
            return f"The values have PyTorch's {p.there!r}."
    for p in turned:
        shape = arrays[p.here].shape
        if shape != p.tensor.shape and shape == p.layout.shape_there(p.tensor.shape):
            return f"The values seem to be PyTorch's: {p.here!r} has the shape that it has there."
    return ""
