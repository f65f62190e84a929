"""`load` and `convert`: arrays in files of any format, recognised by content."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from ..autodiff.calls import named
from . import keras_h5, npz, onnx_file, pth, tensors
from .checked import open_file
from .meter import shown

Report = Callable[[int], object]


class Format(NamedTuple):
    """One format: how it is recognised, read and (unless None) written.

    `begins` gets the first bytes and the open file; `suffix` names what is written.
    """

    words: str
    begins: Callable[[bytes, IO[bytes]], bool]
    read: Callable[[Any, Report], dict[str, Any]]
    write: Callable[[Any, Mapping[str, np.ndarray]], None] | None
    suffixes: tuple[str, ...]


def _read_npz(path: Any, report: Report) -> dict[str, Any]:
    found = {}
    for name, array in npz.read_npz(path):
        found[name] = array
        report(array.nbytes)
    return found


def _whole(read: Callable[[Any], dict[str, np.ndarray]]) -> Callable[[Any, Report], dict[str, Any]]:
    def run(path: Any, report: Report) -> dict[str, Any]:
        found = read(path)
        report(os.stat(path).st_size)
        return found

    return run


def _zip_with(suffix: str) -> Callable[[bytes, IO[bytes]], bool]:
    """Whether a file is a zip archive that has an entry of this suffix."""

    def begins(start: bytes, file: IO[bytes]) -> bool:
        import zipfile

        if not start.startswith(b"PK\x03\x04"):
            return False
        try:
            with zipfile.ZipFile(file) as archive:
                return any(name.endswith(suffix) for name in archive.namelist())
        except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError):
            return False

    return begins


def _is_pickle(start: bytes, file: IO[bytes]) -> bool:
    """Whether a file begins with a pickle of a long number, as PyTorch's older form does."""
    return start.startswith(b"\x80\x02\x8a\n") and start[8:9] != b"{"


def _is_onnx(start: bytes, file: IO[bytes]) -> bool:
    """Whether a file begins with the version of ONNX's format, a small number in field 1."""
    return start[:1] == b"\x08" and b"\x00" < start[1:2] < b"\x20" and start[8:9] != b"{"


FORMATS: dict[str, Format] = {
    "safetensors": Format(
        "safetensors", lambda start, file: start[8:9] == b"{", tensors.load_safetensors, tensors.save,
        (".safetensors",)),
    "npz": Format("NumPy's .npz", _zip_with(".npy"), _read_npz, npz.write_npz, (".npz",)),
    "pth-zip": Format("PyTorch's .pth, newer form", _zip_with("/data.pkl"), _whole(pth.load_pth), None,
                      (".pth", ".pt", ".bin")),
    "pth": Format("PyTorch's .pth, older form", _is_pickle, _whole(pth.load_pth), None, (".pth", ".pt", ".bin")),
    "hdf5": Format("Keras's HDF5", lambda start, file: start.startswith(b"\x89HDF\r\n\x1a\n"),
                   _whole(keras_h5.load_keras_h5), None, (".h5", ".hdf5")),
    "onnx": Format("ONNX, its initialisers", _is_onnx, _whole(onnx_file.load_onnx), None, (".onnx",)),
}  # fmt: skip


def recognised(path: str | os.PathLike[str]) -> str | None:
    """The name of a file's format, by its content; None for what is none of them."""
    with open_file(path, "a file of arrays") as file:
        start = file.read(16)
        for name, format in FORMATS.items():
            file.seek(0)
            if format.begins(start, file):
                return name
    return None


@named
def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the arrays of a file: name -> array, each in its own memory and free to be written to.

    The format is recognised by content: safetensors, ``.npz``, PyTorch's ``.pth`` in both its forms, Keras's HDF5
    (needs h5py), and the initialisers of ONNX (needs onnx).  Nothing in a file is ever run.  Arrays have the layout of
    the file; `tg.io.from_torch` and `tg.io.from_keras` put those of other libraries into a network.  A checkpoint of
    `tg.save` comes back as the tree that was saved: dicts, lists, tuples, arrays and plain values.  bfloat16 and float8
    come out as float32, which holds their values exactly.  On a terminal a bar shows the progress of large files.

    Raises
    ------
    FileFormatError : the file has none of these formats, is cut short or altered; the message says why.

    Examples
    --------
    >>> tg.save("pair.safetensors", {"a": np.eye(2), "b": tg.zeros(3)})
    >>> found = tg.load("pair.safetensors")
    >>> found["a"].shape, found["b"].dtype
    ((2, 2), dtype('float32'))
    >>> np.savez("pair.npz", a=np.eye(2))
    >>> tg.load("pair.npz")["a"].shape
    (2, 2)
    """
    format = FORMATS[recognised(path) or "safetensors"]  # whose reader says what is wrong with others
    with shown(path) as report:
        return format.read(path, report)


@named
def convert(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Read the arrays of a file in any format, and write them to another in the format of its suffix.

    Written are ``.safetensors`` and ``.npz``.  Names and layouts stay.

    Raises
    ------
    ValueError : nothing is written in the format of this suffix, or the source holds more than arrays, which only
        safetensors keeps.

    Examples
    --------
    >>> tg.save("pair.safetensors", {"a": np.eye(2)})
    >>> tg.io.convert("pair.safetensors", "pair.npz")
    >>> sorted(tg.load("pair.npz"))
    ['a']
    """
    suffix = Path(target).suffix.lower()
    writers = {s: format.write for format in FORMATS.values() if format.write is not None for s in format.suffixes}
    if suffix not in writers:
        raise ValueError(f"convert: {os.fspath(target)} would be {suffix or 'without a suffix'}; written are "
                         f"{' and '.join(writers)}.")  # fmt: skip
    found = load(source)
    if suffix != ".safetensors" and not all(isinstance(value, np.ndarray) for value in found.values()):
        raise ValueError(f"convert: {os.fspath(source)} holds more than arrays; write it to a .safetensors file.")
    writers[suffix](target, dict(found))


def flat(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """The arrays of what `load` returned, with dotted names."""
    for name, value in values.items():
        where = f"{path}.{name}" if path else str(name)
        if isinstance(value, Mapping):
            yield from flat(value, where)
        elif isinstance(value, np.ndarray):
            yield where, value


