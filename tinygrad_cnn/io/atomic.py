"""Writing files whole or not at all.

Whoever reads a path sees the old contents or the new, never half of either, whatever happens to the writer: a full
disk, Ctrl-C, loss of power.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str], mode: str = "wb", **options: Any) -> Iterator[IO[Any]]:
    """Open a file whose contents appear under `path` when the block ends well, and vanish when it does not.

    Parameters
    ----------
    path : where the contents go; its folder must exist.  A symbolic link is followed, not replaced.
    mode : "wb" or "w" (UTF-8 unless `encoding` says otherwise).
    options : as for `open`: encoding, newline, ...

    Raises
    ------
    FileNotFoundError, NotADirectoryError, IsADirectoryError : `path` cannot be a file.

    Examples
    --------
    >>> import os
    >>> with tg.io.atomic_write("note.txt", "w") as file:
    ...     count = file.write("whole or not at all")
    >>> os.listdir()  # no draft is left beside it
    ['note.txt']
    """
    if mode not in ("wb", "w"):
        raise ValueError(f"atomic_write: mode must be 'wb' or 'w', got {mode!r}; reading and appending need open().")
    target = Path(os.path.realpath(path))
    _check_target(target)
    if mode == "w":
        options.setdefault("encoding", "utf-8")
    temporary = target.parent / f".{target.name[:40]}.{os.getpid()}-{os.urandom(4).hex()}.tmp"
    try:
        # mode "x" never opens somebody else's file, and gives the permissions that open() would have given
        with open(temporary, mode.replace("w", "x"), **options) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            os.chmod(temporary, target.stat().st_mode & 0o7777)
        _replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def publish(temporary: str | os.PathLike[str], path: str | os.PathLike[str]) -> None:
    """Put a finished file in its place: on the disk first, then under its name.  Both lie in one folder."""
    with open(temporary, "rb+") as file:
        os.fsync(file.fileno())
    _replace(Path(temporary), Path(path))


def _check_target(target: Path) -> None:
    if target.is_dir():
        raise IsADirectoryError(f"{target}: is a folder; give the name of a file in it.")
    if not target.parent.exists():
        raise FileNotFoundError(f"{target}: its folder does not exist; create {target.parent} first.")
    if not target.parent.is_dir():
        raise NotADirectoryError(f"{target}: {target.parent} is a file, not a folder.")


def _replace(temporary: Path, target: Path) -> None:
    os.replace(temporary, target)
    # The new name is safe only when the folder is on the disk too.  Some systems cannot open or sync a folder.
    with contextlib.suppress(OSError):
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
