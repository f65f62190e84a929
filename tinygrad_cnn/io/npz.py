"""NumPy's ``.npz``: a zip archive of arrays, read without pickles, each array straight into its memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .atomic import atomic_write
from .checked import check_booleans, count, open_file
from .errors import FileFormatError

GROWS = 1100  # how many times its size a compressed entry can have, at most


def read_npz(path: str | os.PathLike[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Each array with its name.

    Raises
    ------
    FileFormatError : the archive is damaged, or holds objects, which only a pickle could restore.
    """
    import zipfile

    name = os.fspath(path)
    with open_file(path, "an .npz file") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                seen: set[str] = set()
                for info in archive.infolist():
                    key = info.filename.removesuffix(".npy")
                    if key in seen or not info.filename.endswith(".npy") or info.flag_bits & 1:
                        raise FileFormatError(f"{name}: entry {info.filename[:60]!r} does not belong in an .npz file.")
                    seen.add(key)
                    yield key, _array(path, archive, info)
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError, ValueError) as error:
            if isinstance(error, FileFormatError):
                raise
            raise FileFormatError(f"{name}: not a valid .npz file ({error}).") from None


def _array(path: Any, archive: Any, info: Any) -> np.ndarray:
    """One entry: its header is read first, and must fit the entry's size."""
    format = np.lib.format
    if info.file_size > max(info.compress_size, 1) * GROWS:
        raise FileFormatError(f"{os.fspath(path)}: entry {info.filename[:60]!r} claims too many bytes.")
    with archive.open(info) as entry:
        version = format.read_magic(entry)
        read = {(1, 0): format.read_array_header_1_0, (2, 0): format.read_array_header_2_0}.get(version)
        if read is None:
            raise ValueError(f"version {version} of the .npy format")
        shape, fortran, dtype = read(entry)
        elements = count(shape)
        if dtype.hasobject or dtype.names or dtype.kind not in "biufc":
            raise FileFormatError(f"{os.fspath(path)}: array {info.filename[:60]!r} holds {dtype}, not plain numbers.")
        if elements is None or elements * dtype.itemsize > info.file_size:
            raise ValueError(f"array {info.filename[:60]!r} of shape {shape} does not fit its bytes")
        flat: np.ndarray = np.empty(elements, dtype)
        space = flat.view(np.uint8).data
        while len(space):
            got = entry.readinto(space[: 1 << 20])
            if not got:
                raise EOFError("the archive is cut short")
            space = space[got:]
        entry.read(1)  # at its end the archive's checksum is compared
    array = flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)
    check_booleans(path, info.filename, array)
    return np.array(array, dtype.newbyteorder("="), order="C", copy=None)


def write_npz(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays to an uncompressed ``.npz`` file, whole or not at all."""
    with atomic_write(path) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
