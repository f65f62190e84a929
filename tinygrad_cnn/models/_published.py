"""Putting published weights into a network of ours."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

import numpy as np

from ..core.errors import nearest
from ..nn import Module

Path = str | os.PathLike[str]


def take(path: Path, arrays: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...]) -> np.ndarray:
    """One published array by its name, if it has the shape that the network expects and holds numbers only."""
    if name not in arrays:
        hint = nearest(name, arrays)
        raise ValueError(f"{os.fspath(path)}: these weights have no {name!r}.{hint} They belong to another network.")
    array = arrays[name]
    if array.shape != shape or array.dtype.kind != "f":
        raise ValueError(
            f"{os.fspath(path)}: {name!r} is {array.shape} {array.dtype}, expected {shape} of floating point. "
            "The weights belong to another network."
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{os.fspath(path)}: {name!r} holds numbers that are not finite; the file is damaged.")
    return array


def fill(path: Path, model: Module, arrays: Mapping[str, np.ndarray], names: Mapping[str, str]) -> None:
    """Load `arrays` whose names in the file are `names[name here]`; axes are ours already.

    Raises
    ------
    ValueError : something is missing, has another shape, or the network has values that `names` does not give.
    """
    own = model.state_dict()
    values = {here: take(path, arrays, there, own[here].shape) for here, there in names.items()}
    model.load_state_dict({here: value.astype(own[here].dtype, copy=False) for here, value in values.items()})


def from_pytorch(array: np.ndarray) -> np.ndarray:
    """PyTorch's axes in our order: filters (O,C,I,J) -> (I,J,C,O), dense weights (out,in) -> (in,out)."""
    return array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T


def vgg16_names(places: Iterable[tuple[int, int]]) -> dict[str, str]:
    """VGG16's values here and in HED's Keras file, for convolution k of block b of all `places` (b, k)."""
    names: dict[str, str] = {}
    for b, k in places:
        layer = f"block{b + 1}/layers/conv2d" + (f"_{k}" if k else "")
        names |= {f"blocks.{b}.{k}.weight": f"{layer}/vars/0", f"blocks.{b}.{k}.bias": f"{layer}/vars/1"}
    return names
