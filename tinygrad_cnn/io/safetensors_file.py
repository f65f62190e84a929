"""The safetensors format read piece by piece: a checked header first, then each tensor into memory of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import IO, Any, NamedTuple

import numpy as np

from .checked import MOST_AXES, check_booleans, count, whole
from .errors import FileFormatError
from .small_floats import from_bfloat16, from_float8

LONGEST_HEADER = 100_000_000  # bytes, the format's own limit
NUMBERS = {  # the format's name of a type, and NumPy's; little-endian always
    "BOOL": "?", **{f"{k.upper()}{8 * n}": f"<{k}{n}" for k in "iuf" for n in (1, 2, 4, 8) if k + str(n) != "f1"},
    "C64": "<c8",
}  # fmt: skip
FLOAT8 = {"F8_E4M3": "e4m3fn", "F8_E5M2": "e5m2", "F8_E4M3FNUZ": "e4m3fnuz", "F8_E5M2FNUZ": "e5m2fnuz",
          "F8_E8M0": "e8m0fnu"}  # fmt: skip
STORED = {**NUMBERS, "BF16": "<u2", **dict.fromkeys(FLOAT8, "u1")}
OTHERS = {"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6}  # bits of numbers that NumPy has not

# First bytes of files that people try to load here, and what they are.
FOREIGN = (
    (b"PK\x03\x04", "a zip archive (.npz, .keras or PyTorch's .pt)"),
    (b"\x93NUMPY", "a NumPy .npy file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x80", "a pickle (PyTorch's older .pth among them)"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x89PNG", "a PNG image"),
)


class Entry(NamedTuple):
    """Where a tensor lies in the file, and what it is."""

    name: str
    kind: str
    shape: tuple[int, ...]
    begin: int
    end: int


class Header(NamedTuple):
    """The tensors in the order of the file, and the text beside them."""

    entries: list[Entry]
    metadata: dict[str, str]


def read_header(path: str | os.PathLike[str], file: IO[bytes]) -> Header:
    """Read and check the header of a file.

    Raises
    ------
    FileFormatError : the file is not a valid safetensors file.
    """
    import json

    size = os.fstat(file.fileno()).st_size
    start = file.read(9)

    def wrong(why: str) -> FileFormatError:
        return FileFormatError(f"{os.fspath(path)}: not a valid safetensors file ({_foreign(start) or why}).")

    if len(start) < 8:
        raise wrong(f"its header size needs 8 bytes, the file has {len(start)}" if start else "it is empty")
    length = int.from_bytes(start[:8], "little")
    if length > size - 8:
        raise wrong(f"it claims a header of {length} bytes, and {size - 8} bytes follow")
    if length > LONGEST_HEADER:
        raise wrong(f"its header of {length} bytes is too long")
    file.seek(8)
    try:
        found = json.loads(file.read(length).decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise wrong(f"its header is not valid JSON: {type(error).__name__}") from None
    if not isinstance(found, dict):
        raise wrong("its header is not a JSON object")
    metadata = found.pop("__metadata__", None) or {}
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise wrong("the metadata in its header is not text")
    try:
        entries = [_entry(name, value, 8 + length) for name, value in found.items()]
    except _WrongError as error:
        raise wrong(str(error)) from None
    entries.sort(key=lambda entry: (entry.begin, entry.end))
    at = 8 + length
    for entry in entries:
        if entry.begin != at:
            raise wrong(f"the offset of tensor {entry.name!r} leaves a gap, or two tensors overlap")
        at = entry.end
    if at != size:
        raise wrong(f"its tensors end at byte {at}, the file has {size}")
    for entry in entries:
        if entry.kind not in STORED:
            raise FileFormatError(
                f"{os.fspath(path)}: tensor {entry.name!r} holds numbers of type {entry.kind}, which have no "
                "counterpart in NumPy."
            )
    return Header(entries, metadata)


class _WrongError(Exception):
    """What is wrong with one tensor of a header."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def _entry(name: str, value: Any, start: int) -> Entry:
    known = isinstance(value, Mapping) and value.keys() == {"dtype", "shape", "data_offsets"}
    if not known or not isinstance(value["shape"], list) or not isinstance(value["data_offsets"], list):
        raise _WrongError(f"the header does not describe tensor {name[:60]!r}")
    kind, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not all(whole(n) for n in [*shape, *offsets]) or len(offsets) != 2:
        raise _WrongError(f"tensor {name[:60]!r} has shape {str(shape)[:60]} and offsets {str(offsets)[:60]}")
    begin, end = offsets
    bits = 8 * np.dtype(STORED[kind]).itemsize if kind in STORED else OTHERS.get(str(kind))
    if bits is None:
        raise _WrongError(f"tensor {name[:60]!r} holds numbers of type {str(kind)[:20]}")
    if begin > end:
        raise _WrongError(f"the offsets of tensor {name[:60]!r} run backwards")
    elements = count(shape)
    if elements is None:
        long = len(shape) > MOST_AXES or 0 in shape
        raise _WrongError(f"tensor {name[:60]!r} is one that NumPy cannot make{'' if long else ': its size overflows'}")
    if elements * bits != 8 * (end - begin):
        shown = str(tuple(shape))[:60]
        raise _WrongError(f"tensor {name[:60]!r} of shape {shown} does not fit its {end - begin} bytes")
    return Entry(name, str(kind), tuple(shape), start + begin, start + end)


def read_tensors(path: str | os.PathLike[str], file: IO[bytes], header: Header) -> Iterator[tuple[str, np.ndarray]]:
    """Each tensor with its name, in the order of the file."""
    for entry in header.entries:
        array: np.ndarray = np.empty(entry.shape, STORED[entry.kind])
        file.seek(entry.begin)
        space = array.reshape(-1).view(np.uint8).data
        if file.readinto(space) != len(space):  # type: ignore[attr-defined]
            raise FileFormatError(f"{os.fspath(path)}: became shorter while it was read.")
        if entry.kind == "BF16":
            array = from_bfloat16(array)
        elif entry.kind in FLOAT8:
            array = from_float8(array, FLOAT8[entry.kind])
        check_booleans(path, entry.name, array)
        native = array.dtype.newbyteorder("=")
        yield entry.name, array if array.dtype == native and array.flags.owndata else np.array(array, native)


def _foreign(start: bytes) -> str:
    """What a file seems to be, by its first bytes."""
    for first, what in FOREIGN:
        if start.startswith(first) and start[8:9] != b"{":  # a header of 128 bytes begins like a pickle
            return f"it looks like {what}"
    return ""
