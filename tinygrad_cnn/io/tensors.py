"""`save`: arrays and plain values in safetensors format, which can run nothing; and how they are read back."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from ..autodiff.calls import named
from ..core import Tensor
from ..nn.loading import TorchArrays
from .atomic import atomic_write
from .checked import open_file
from .checksums import BLANK, check_seal, sealed
from .checksums import KEY as CHECKSUM
from .errors import FileFormatError
from .safetensors_file import read_header, read_tensors
from .trees import KEY, is_array, join, split

# What the format stores and NumPy has.  Complex128, longdouble, text and objects it cannot hold.
DTYPES = tuple(np.dtype(code) for code in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", "c8"))

Report = Callable[[int], object]  # is told of bytes that have been read


class HasState(Protocol):
    """What says by itself what is to be kept of it, as modules and optimisers do."""

    def state_dict(self) -> Any: ...


@named
def save(
    path: str | os.PathLike[str], module_or_dict: Mapping[str, Any] | HasState, *,
    metadata: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """Write named arrays, or a whole checkpoint, to a safetensors file, whole or not at all.

    Values that are not arrays (None, bool, int, float, str), and dicts, lists and tuples of values, are kept as text in
    the file's metadata.  Other programs that read safetensors find the arrays by their paths, as "model.0.weight".
    The metadata also has a checksum over the whole file, by which `load` notices every bit that changed.

    Parameters
    ----------
    path : the file; its folder must exist.  A symbolic link at `path` is replaced by the file, not followed.
    module_or_dict : a dict name -> array, Tensor, plain value, or dict, list or tuple of these to any depth; or
        anything with `state_dict()` that returns one, which may also stand inside the dict.
    metadata : text to keep beside the arrays, read back by `tg.io.read_metadata`.

    Raises
    ------
    TypeError : what cannot be stored, or has a dtype that the format lacks; the message names its place.

    Examples
    --------
    >>> tg.save("lenet.safetensors", model)
    >>> model.load_state_dict(tg.load("lenet.safetensors"))
    LoadReport(missing=[], unexpected=[])
    >>> optimizer = optim.Adam(model.parameters())
    >>> tg.save("step.safetensors", {"model": model, "optimizer": optimizer.state_dict(), "epoch": 3, "best": None})
    >>> found = tg.load("step.safetensors")
    >>> sorted(found), found["epoch"], found["best"]
    (['best', 'epoch', 'model', 'optimizer'], 3, None)
    >>> optimizer.load_state_dict(found["optimizer"])
    """
    arrays, tree = _contents(module_or_dict)
    for key, value in (metadata or {}).items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"save: metadata holds text only, got {key!r}: {value!r}; convert it, e.g. by json.dumps.")
        if key in (KEY, CHECKSUM):
            raise ValueError(f"save: the metadata {key!r} is what save itself keeps there; use another name.")
    from safetensors.numpy import save as serialise

    pieces = sealed(serialise(arrays, metadata={**(metadata or {}), **tree, CHECKSUM: BLANK}))
    with atomic_write(path) as file:
        file.writelines(pieces)


def load_safetensors(path: str | os.PathLike[str], report: Report) -> dict[str, Any]:
    """Read a safetensors file, tensor by tensor, as the tree that was saved."""
    with open_file(path, "a safetensors file") as file:
        header = read_header(path, file)
        check_seal(path, file)
        arrays = {}
        for name, array in read_tensors(path, file, header):
            arrays[name] = array
            report(array.nbytes)
    arrays = dict(sorted(arrays.items()))
    tree = header.metadata.get(KEY)
    if tree is None:
        return TorchArrays(arrays) if header.metadata.get("format") == "pt" else arrays
    try:
        return join(tree, arrays)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FileFormatError(
            f"{os.fspath(path)}: its metadata {KEY!r}, on how its arrays belong together, is damaged ({error!r})."
        ) from None


@named
def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The text that `save(..., metadata=...)` kept; an empty dict if there is none.

    >>> tg.save("x.safetensors", {"x": np.eye(2)}, metadata={"made by": "hand"})
    >>> tg.io.read_metadata("x.safetensors")
    {'made by': 'hand'}
    """
    with open_file(path, "a safetensors file") as file:
        header = read_header(path, file)
        check_seal(path, file)
        return {key: text for key, text in header.metadata.items() if key not in (KEY, CHECKSUM)}


def _contents(source: Any) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """What to write: plain arrays, contiguous, in this machine's byte order; and metadata, if there is more."""
    if hasattr(source, "state_dict"):
        source = source.state_dict()
    if isinstance(source, (str, os.PathLike)):
        raise TypeError("save: the path comes first, then what is saved: tg.save(path, model).")
    if not isinstance(source, Mapping):
        raise TypeError(
            f"save: needs a dict of arrays, or something with state_dict(), got {type(source).__name__}. "
            "For one array write save(path, {'name': array})."
        )
    for name in source:
        _check_name(name)
    if all(is_array(value) for value in source.values()):
        return {name: _plain(name, value) for name, value in source.items()}, {}
    text, arrays = split(source, _plain)
    return arrays, {KEY: text}


def _check_name(name: Any) -> None:
    if not isinstance(name, str):
        raise TypeError(f"save: names must be text, got {name!r} of type {type(name).__name__}.")
    if name == "__metadata__":
        raise ValueError("save: the name '__metadata__' belongs to the file format; use another, or metadata={...}.")


def _plain(name: str, value: Any) -> np.ndarray:
    if isinstance(value, Tensor):
        value = value.data
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"save: {name!r} is of type MaskedArray, which the format cannot hold. "
            "Save its data and its mask as two arrays."
        )
    array = np.asarray(value)
    native = array.dtype.newbyteorder("=")
    if native not in DTYPES:
        raise TypeError(
            f"save: {name!r} has dtype {array.dtype}, which the format cannot hold. "
            f"It holds {', '.join(d.name for d in DTYPES)}; convert it first."
        )
    return np.array(array, dtype=native, order="C", copy=None)
