"""`from_torch` and `to_torch`: weights of PyTorch's networks in ours, and the way back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..core.errors import describe
from ..nn import Module
from .flattened import orders
from .formats import load, recognised
from .matching import Transfer, called, fill, flat, match, places_of, wanted
from .pth import load_pth


@named
def from_torch(
    model: Module,
    weights: Any,
    *,
    input_shape: tuple[int, ...] | None = None,
    flatten: Mapping[str, Any] | None = None,
    names: Mapping[str, str] | None = None,
    strict: bool = True,
) -> Transfer:
    """Write the weights of a PyTorch network into one of ours; returns the report of what went where.

    Arrays are matched by name; where the names differ, layer by layer in order, as long as every layer has arrays of
    the same names and shapes.  What both put before all names ("module.") is passed over.  Dense weights, filters and
    the rows of a dense layer behind a flatten get our order.  Nothing is written unless all fits.

    Parameters
    ----------
    weights : a `state_dict` of tensors or arrays, a module of PyTorch's, or the path of a ``.pth`` or ``.safetensors``
        file, which is read without PyTorch.
    input_shape : (H, W, C) of an image, ours; the model is run on zeros to see which layers read flattened features.
    flatten : or say it yourself: {"fc1": (C, H, W)}, the shape before the flatten, or {"fc1": C}; {} for none.
    names : {"ours": "theirs"}, of layers or arrays.
    strict : whether names on one side only are an error; with False they are listed in the report.

    Raises
    ------
    ValueError : names or shapes do not fit, or a dense layer comes after convolutions and neither `input_shape` nor
        `flatten` is given; the message lists every difference.

    Examples
    --------
    >>> model = nn.Sequential(nn.Conv2d(1, 2, 3, rng=0), nn.Flatten(), nn.Linear(8, 3, rng=0))
    >>> weights = {"conv.weight": np.ones((2, 1, 3, 3)), "conv.bias": np.zeros(2),
    ...            "fc.weight": np.ones((3, 8)), "fc.bias": np.zeros(3)}
    >>> tg.io.from_torch(model, weights, input_shape=(4, 4, 1))
    4 arrays, matched in order
      0.weight <- conv.weight  axes (2, 3, 1, 0)
      0.bias   <- conv.bias    as it is
      2.weight <- fc.weight    axes (1, 0), rows from channels first to last
      2.bias   <- fc.bias      as it is
    """
    who = "from_torch"
    found = called(who, places_of(who, model, "torch"), names)
    have = _read(who, weights)
    only = frozenset(p.there.rpartition(".")[2] for p in found if p.tensor is None)
    matched = match(who, model, wanted(found), {k: v.shape for k, v in have.items()}, only, strict=strict)
    return fill(who, model, found, have, matched, orders(who, model, input_shape, flatten))


@named
def to_torch(
    model: Module, *, input_shape: tuple[int, ...] | None = None, flatten: Mapping[str, Any] | None = None
) -> dict[str, np.ndarray]:
    """Return the weights of a model as PyTorch has them: name -> array, for ``load_state_dict`` of the same network.

    There, ``{name: torch.from_numpy(array) for name, array in tg.io.to_torch(model).items()}``.

    Parameters
    ----------
    input_shape, flatten : as in `from_torch`, for a dense layer that reads flattened features.

    >>> {name: array.shape for name, array in tg.io.to_torch(nn.Conv2d(3, 8, 5, rng=0)).items()}
    {'weight': (8, 3, 5, 5), 'bias': (8,)}
    """
    who = "to_torch"
    found = places_of(who, model, "torch")
    numbered = orders(who, model, input_shape, flatten)
    rows = {id(p.tensor): numbered[p.here] for p in found if p.here in numbered}
    parts: dict[str, list[np.ndarray]] = {}
    for p in found:
        if p.tensor is None:
            parts[p.there] = [np.asarray(p.value)]
            continue
        ours = p.tensor.numpy()
        if (order := rows.get(id(p.tensor))) is not None:
            ours = ours[np.argsort(order)]
        theirs = p.layout.there(ours)
        parts.setdefault(p.there, []).append(theirs)
        for more in p.names[1:]:
            parts[more] = [np.zeros_like(theirs)]
    return {
        name: np.array(several[0] if len(several) == 1 else np.concatenate(several), order="C")
        for name, several in parts.items()
    }


def _read(who: str, weights: Any) -> dict[str, np.ndarray]:
    """Arrays by name, of a dict, a module of PyTorch's, or a file."""
    if isinstance(weights, (str, os.PathLike)):
        return dict(flat(load_pth(weights) if recognised(weights) is None else load(weights)))
    if not isinstance(weights, Mapping) and hasattr(weights, "state_dict"):
        weights = weights.state_dict()
    if not isinstance(weights, Mapping):
        raise TypeError(
            f"{who}: weights must be a state_dict (tensors or arrays by name) or the path of a file, got "
            f"{describe(weights)}."
        )
    return flat(weights)
