"""A checksum inside a safetensors file, over every byte of it, so that one flipped bit is noticed.

It stands in the metadata as 64 hexadecimal digits, and is computed as if they were zeros.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import IO

from .errors import FileFormatError

KEY = "tinygrad_cnn.sha256"  # of the metadata
BLANK = "0" * 64
PIECE = 1 << 20  # bytes that are read at a time
_MARK = f'"{KEY}":"'.encode()  # quotes inside of texts are escaped, so it stands nowhere else


def sealed(data: bytes) -> list[memoryview | bytes]:
    """Return the pieces of a file whose metadata has `BLANK` under `KEY`, with the checksum in its place."""
    at = _place(data)
    assert at is not None, "the metadata lacks the key of the checksum"
    return [memoryview(data)[:at], _digest(data, at).encode(), memoryview(data)[at + len(BLANK) :]]


def check_seal(path: str | os.PathLike[str], file: IO[bytes], *, required: bool = False) -> None:
    """Check an open file against the checksum that it holds; the place in the file stays as it was.

    Raises
    ------
    FileFormatError : the file differs from what was written; or it holds none, though one is `required`.
    """
    before = file.tell()
    file.seek(0)
    start = file.read(8)
    length = int.from_bytes(start, "little")
    header = start + (file.read(length) if length <= os.fstat(file.fileno()).st_size else b"")
    at = _place(header)
    if at is None:
        if required:
            raise FileFormatError(f"{os.fspath(path)}: it has no checksum, so it is damaged or was altered.")
    elif _digest(header, at, iter(lambda: file.read(PIECE), b"")).encode() != header[at : at + len(BLANK)]:
        raise FileFormatError(
            f"{os.fspath(path)}: its checksum does not match, so it was damaged or altered after it was written. "
            "Use another copy of it."
        )
    file.seek(before)


def _place(data: bytes) -> int | None:
    """Where the digits begin, None if there are none."""
    at = data.find(_MARK, 8, 8 + int.from_bytes(data[:8], "little"))
    return None if at < 0 else at + len(_MARK)


def _digest(data: bytes, at: int, more: Iterable[bytes] = ()) -> str:
    import hashlib

    digest = hashlib.sha256(memoryview(data)[:at])
    digest.update(BLANK.encode())
    digest.update(memoryview(data)[at + len(BLANK) :])
    for piece in more:
        digest.update(piece)
    return digest.hexdigest()
