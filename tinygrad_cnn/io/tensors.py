"""`save` and `load`: arrays and plain values in safetensors format, which can run nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from ..autodiff.calls import named
from ..core import Tensor
from ..nn.loading import TorchArrays
from .atomic import atomic_write
from .checked import check_booleans, open_file
from .checksums import BLANK, check_seal, sealed
from .checksums import KEY as CHECKSUM
from .errors import FileFormatError
from .small_floats import from_bfloat16, from_float8
from .trees import KEY, is_array, join, split

# What the format stores and NumPy has.  Complex128, longdouble, text and objects it cannot hold.
DTYPES = tuple(np.dtype(code) for code in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", "c8"))

NUMBERS = {  # the format's name of a type, and NumPy's; little-endian always
    "BOOL": "?", **{f"{k.upper()}{8 * n}": f"<{k}{n}" for k in "iuf" for n in (1, 2, 4, 8) if k + str(n) != "f1"},
    "C64": "<c8",
}  # fmt: skip
FLOAT8 = {"F8_E4M3": "e4m3fn", "F8_E5M2": "e5m2", "F8_E4M3FNUZ": "e4m3fnuz", "F8_E5M2FNUZ": "e5m2fnuz",
          "F8_E8M0": "e8m0fnu"}  # fmt: skip

# First bytes of files that people try to load here, and what they are.
FOREIGN = (
    (b"PK\x03\x04", "a zip archive (.npz, .keras or PyTorch's .pt)"),
    (b"\x93NUMPY", "a NumPy .npy file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x80", "a pickle (PyTorch's older .pth among them)"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x89PNG", "a PNG image"),
)


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


@named
def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a safetensors file: name -> array, by name, each in its own memory and free to be written to.

    A checkpoint comes back as the tree that was saved: dicts, lists, tuples, arrays and plain values.  bfloat16 and
    float8 come out as float32, which holds their values exactly.

    Raises
    ------
    FileFormatError : the file is not a safetensors file, is cut short or altered; the message says why.

    Examples
    --------
    >>> tg.save("pair.safetensors", {"a": np.eye(2), "b": tg.zeros(3)})
    >>> found = tg.load("pair.safetensors")
    >>> found["a"].shape, found["b"].dtype
    ((2, 2), dtype('float32'))
    """
    data = _read(path)
    from safetensors import SafetensorError, deserialize

    try:
        arrays = {name: _own(path, name, tensor) for name, tensor in sorted(deserialize(data))}
    except SafetensorError as error:
        raise FileFormatError(f"{os.fspath(path)}: not a valid safetensors file ({_foreign(data, error)}).") from None
    except FileFormatError:
        raise
    except (ValueError, OverflowError) as error:  # shapes that no array can have
        raise FileFormatError(f"{os.fspath(path)}: holds a tensor that NumPy cannot make ({error}).") from None
    check_seal(path, data)
    metadata = _metadata(data)
    tree = metadata.get(KEY)
    if tree is None:
        return TorchArrays(arrays) if metadata.get("format") == "pt" else arrays
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
    data = _read(path)
    from safetensors import SafetensorError, deserialize

    try:
        deserialize(data)  # the library checks the header; then it is safe to look inside
        check_seal(path, data)
        return {key: text for key, text in _metadata(data).items() if key not in (KEY, CHECKSUM)}
    except SafetensorError as error:
        raise FileFormatError(f"{os.fspath(path)}: not a valid safetensors file ({_foreign(data, error)}).") from None


def _metadata(data: bytes) -> dict[str, str]:
    """What stands beside the arrays, in a file whose header the library has checked."""
    import json

    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return dict(header.get("__metadata__") or {})


def _own(path: str | os.PathLike[str], name: str, tensor: dict[str, Any]) -> np.ndarray:
    """A tensor of the file as an array in its own memory."""
    kind = tensor["dtype"]
    if kind in NUMBERS:
        array = np.frombuffer(tensor["data"], NUMBERS[kind])
    elif kind == "BF16":
        array = from_bfloat16(np.frombuffer(tensor["data"], "<u2"))
    elif kind in FLOAT8:
        array = from_float8(np.frombuffer(tensor["data"], np.uint8), FLOAT8[kind])
    else:
        raise FileFormatError(
            f"{os.fspath(path)}: tensor {name!r} holds numbers of type {kind}, which have no counterpart in NumPy."
        )
    check_booleans(path, name, array)
    return np.array(array.reshape(tensor["shape"]), array.dtype.newbyteorder("="))


def _read(path: str | os.PathLike[str]) -> bytes:
    # Read, not mapped: a mapped file that another program cuts short kills the process.
    with open_file(path, "a safetensors file") as file:
        return file.read()


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


def _foreign(data: bytes, error: Exception) -> str:
    """Why a file is refused: what it seems to be, or what the library says."""
    for start, what in FOREIGN:
        if data.startswith(start) and data[8:9] != b"{":  # a header of 128 bytes begins like a pickle
            return f"it looks like {what}"
    if not data:
        return "it is empty"
    if len(data) < 8:
        return f"its header size needs 8 bytes, the file has {len(data)}"
    claimed = int.from_bytes(data[:8], "little")
    if claimed > len(data) - 8:
        return f"it claims a header of {claimed} bytes, and {len(data) - 8} bytes follow"
    return str(error).removeprefix("Error while deserializing: ")
