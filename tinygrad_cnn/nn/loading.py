"""Fitting a dict of arrays to the parameters and buffers of a module, all or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..core import Tensor
from ..core.tensor import plain


class LoadReport(NamedTuple):
    """What a load that is not strict has passed over."""

    missing: list[str]
    unexpected: list[str]


def _looks(value: Any) -> str:
    return f"{tuple(value.shape)} {value.dtype}"


def load(who: str, own: Mapping[str, Tensor], values: Mapping[str, Any], strict: bool) -> LoadReport:
    """Assign `values` to the tensors `own` of module `who` by name, after everything was found to fit."""
    if not isinstance(values, Mapping):
        raise TypeError(f"load_state_dict: needs a dict of arrays by name, got {type(values).__name__}.")
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
    if problems:
        width = max(len(name) for _, name, _ in problems)
        table = "\n".join(f"  {kind:<10}  {name:<{width}}  {text}" for kind, name, text in problems)
        raise ValueError(
            f"load_state_dict: the values do not fit {who}; nothing was loaded.\n{table}\n"
            "Rename or convert the values; strict=False passes over missing and unexpected names and converts dtypes."
        )
    for name, tensor in own.items():
        if name in arrays:
            tensor.assign(arrays[name])
    return LoadReport(missing, unexpected)
