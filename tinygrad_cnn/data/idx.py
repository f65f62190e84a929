"""IDX, the file format of MNIST and its kin: magic number, sizes, then the values, all big-endian.

The magic number is two zero bytes, the type of the values, and the rank.  Nothing a file says is believed before it
agrees with the number of bytes that are there.
"""

from __future__ import annotations

import math
import os
from typing import Any, Protocol

import numpy as np

from ..autodiff.calls import named
from ..io.checked import open_file
from ..io.errors import FileFormatError

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
GZIP = b"\x1f\x8b"
MOST_COMPRESSION = 1032  # DEFLATE cannot shrink further, so a larger claim is a lie
CHUNK = 1 << 24


class Readable(Protocol):
    """What a plain and a gzipped file have in common."""

    def read(self, size: int, /) -> bytes: ...


@named
def read_idx(path: str | os.PathLike[str], *, dtype: Any = None, rank: int | None = None) -> np.ndarray:
    """Read an IDX file, gzipped or not (told by its first bytes, not by its name).

    Parameters
    ----------
    dtype, rank : what the values and the number of axes must be; None accepts any.

    Returns
    -------
    The array in this machine's byte order.

    Raises
    ------
    FileFormatError : naming file, field, expected and found.
    """
    name = os.fspath(path)
    with open_file(path, "an IDX file") as file:
        size = os.fstat(file.fileno()).st_size
        packed = file.read(2) == GZIP
        file.seek(0)
        if not packed:
            return _parse(name, file, size, dtype, rank)
        import gzip
        import zlib

        try:
            with gzip.GzipFile(fileobj=file) as unpacked:
                return _parse(name, unpacked, size * MOST_COMPRESSION, dtype, rank)
        except EOFError:
            raise FileFormatError(f"{name}: gzip: the file ends too early, after {size} bytes.") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise FileFormatError(f"{name}: gzip: the compressed data are damaged ({error}).") from None


@named
def write_idx(path: str | os.PathLike[str], array: Any) -> None:
    """Write an array as an IDX file, gzipped if the name ends in .gz; whole or not at all."""
    from ..io.atomic import atomic_write

    array = np.asarray(array)
    big = array.dtype.newbyteorder(">")
    code = next((code for code, dtype in TYPES.items() if np.dtype(dtype) == big), None)
    if code is None or not 1 <= array.ndim <= 255 or max(array.shape) >= 2**32:
        held = ", ".join(np.dtype(d).name for d in TYPES.values())
        raise TypeError(f"write_idx: holds {held} with 1 to 255 axes, got {array.dtype} {array.shape}.")
    header = bytes([0, 0, code, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    data = header + array.astype(big).tobytes()
    if os.fspath(path).endswith(".gz"):
        import gzip

        data = gzip.compress(data, mtime=0)
    with atomic_write(path) as file:
        file.write(data)


def _parse(name: str, file: Readable, most: int, dtype: Any, rank: int | None) -> np.ndarray:
    values, shape = _header(name, file, dtype, rank)
    expected = math.prod(shape) * values.itemsize
    sizes = f"sizes {shape} of {values.name}"
    if expected > most:
        raise FileFormatError(f"{name}: byte count: {sizes} need {expected} bytes, the file has at most {most}.")
    data = bytearray()
    while len(data) <= expected and (chunk := file.read(min(CHUNK, expected + 1 - len(data)))):
        data += chunk
    if len(data) != expected:
        found = f"{len(data)}" if len(data) < expected else "more"
        raise FileFormatError(f"{name}: byte count: {sizes} need {expected} bytes, found {found}.")
    array = np.frombuffer(data, values).reshape(shape)
    return array.astype(values.newbyteorder("="), copy=False)


def _header(name: str, file: Readable, dtype: Any, rank: int | None) -> tuple[np.dtype[Any], tuple[int, ...]]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES:
        raise FileFormatError(
            f"{name}: magic number: expected 0 0, a type of {', '.join(map(hex, TYPES))}, and the rank; "
            f"found {' '.join(map(hex, magic)) or 'an empty file'}. This is no IDX file."
        )
    values, axes = np.dtype(TYPES[magic[2]]), magic[3]
    if dtype is not None and values.newbyteorder("=") != np.dtype(dtype):
        raise FileFormatError(f"{name}: type of values: expected {np.dtype(dtype)}, found {values.name}.")
    if axes == 0 or (rank is not None and axes != rank):
        raise FileFormatError(f"{name}: rank: expected {rank or 'at least 1'}, found {axes}.")
    sizes = file.read(4 * axes)
    if len(sizes) < 4 * axes:
        raise FileFormatError(f"{name}: sizes: expected {4 * axes} bytes for {axes} axes, found {len(sizes)}.")
    if axes > 64:
        raise FileFormatError(f"{name}: rank: NumPy holds at most 64 axes, found {axes}.")
    return values, tuple(int(s) for s in np.frombuffer(sizes, ">u4"))
