"""Writing files whole or not at all.

Whoever reads a path sees the old contents or the new, never half of either, whatever happens to the writer: a full
disk, Ctrl-C, loss of power.

Nothing here writes through a symbolic link under the name of a file.  A folder that came from somebody else may hold
such links, and each could lead to any file of the user's.  The folders on the way to the file may be links, but not
those inside a folder that is ours, such as a run or the cache: their paths are made by `inside`.

A draft is locked while it is written.  The draft of a process that was killed is not, and `sweep` removes it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ..autodiff.calls import named
from .locks import holding, take

DRAFT = re.compile(r"\..+\.\d+-[0-9a-f]{8}\.tmp")  # the name of a draft
FOLDER = ".draft-"  # how the name of a folder of drafts begins
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)  # what a write finds out without a name


@named
@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str], mode: str = "wb", **options: Any) -> Iterator[IO[Any]]:
    """Open a file whose contents appear under `path` when the block ends well, and vanish when it does not.

    Parameters
    ----------
    path : where the contents go; its folder must exist.  A symbolic link at `path` is replaced by the new
        file; what the link leads to stays as it is.
    mode : "wb" or "w" (UTF-8 unless `encoding` says otherwise).
    options : as for `open`: encoding, newline, ...

    Raises
    ------
    FileNotFoundError, NotADirectoryError, IsADirectoryError : `path` cannot be a file.
    OSError : `path` is a pipe or a device, or the file cannot be written.

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
    target = _target(path)
    if mode == "w":
        options.setdefault("encoding", "utf-8")
    temporary = target.parent / f".{target.name[:40]}.{os.getpid()}-{os.urandom(4).hex()}.tmp"
    try:
        # mode "x" never opens somebody else's file, and gives the permissions that open() would have given
        with open(temporary, mode.replace("w", "x"), **options) as file:
            take(file.fileno())
            yield file
            file.flush()
            os.fsync(file.fileno())
            if os.name == "nt":  # where an open file cannot be moved
                file.close()
            _keep_mode(temporary, target)
            _replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and error.errno in DISK and error.filename is None:
            raise OSError(error.errno, error.strerror, str(target)) from error
        raise


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a path to write a file to, and move the file to `path` when the block ends well.

    This is `atomic_write` for writers that take a path instead of an open file.  The draft has the name of `path`, so
    also its suffix, and lies in a new folder beside it, in which nobody can have put a link.
    """
    import tempfile  # it loads much, and only pictures need it

    target = _target(path)
    with tempfile.TemporaryDirectory(prefix=FOLDER, dir=target.parent) as folder, holding(folder):
        draft = Path(folder, target.name)
        yield draft
        _keep_mode(draft, target)
        publish(draft, target)


def inside(root: str | os.PathLike[str], name: str | os.PathLike[str]) -> Path:
    """Return the path of a folder inside one that is ours, which itself may be a link; it need not exist yet.

    Raises
    ------
    OSError : a folder on the way from `root` is a symbolic link, which may lead out of it, or `name` does.
    """
    path = Path(root)
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise OSError(f"{name}: leads out of {path}; give a name inside of it.")
    for part in Path(name).parts:
        path /= part
        if path.is_symlink():
            raise OSError(f"{path} is a symbolic link, and nothing is written out of {root} through links. Remove it.")
    return path


def sweep(folder: str | os.PathLike[str]) -> None:
    """Remove the drafts of processes that were killed; those that are being written, and links, stay."""
    with contextlib.suppress(OSError):
        for entry in [*os.scandir(folder)]:
            a_folder = entry.name.startswith(FOLDER) and entry.is_dir(follow_symlinks=False)
            if a_folder or (DRAFT.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)):
                with contextlib.suppress(OSError):
                    _remove(entry.path, a_folder)


def _remove(draft: str, a_folder: bool) -> None:
    """Remove a draft that nobody has locked."""
    file = -1 if os.name == "nt" else os.open(draft, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        if file < 0 or take(file):  # Windows refuses to remove what is open
            shutil.rmtree(draft) if a_folder else os.unlink(draft)
    finally:
        if file >= 0:
            os.close(file)


def open_part(path: str | os.PathLike[str], have: int) -> IO[bytes]:
    """Open an unfinished file to go on after its first `have` bytes; 0 starts it anew.

    Raises
    ------
    OSError : there is a symbolic link at `path`, or the file cannot be opened.
    """
    file = _open_itself(path, "r+b" if have else "wb")
    file.seek(have)
    return file


@named
def publish(temporary: str | os.PathLike[str], path: str | os.PathLike[str]) -> None:
    """Put a finished file in its place: on the disk first, then under its name.  Both lie on one file system.

    Raises
    ------
    OSError : there is a symbolic link at `temporary`, or the file cannot be moved.
    """
    with _open_itself(temporary, "rb+") as file:
        os.fsync(file.fileno())
    _replace(Path(temporary), Path(path))


def _open_itself(path: str | os.PathLike[str], mode: str) -> IO[bytes]:
    """Open a file for writing, but not through a symbolic link."""
    if os.path.islink(path):
        raise OSError(f"{os.fspath(path)}: is a symbolic link, and files are not written through links. Remove it.")
    # The flag, which Windows lacks, covers a link that is made after the check.
    return open(path, mode, opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NOFOLLOW", 0), 0o666))


def _target(path: str | os.PathLike[str]) -> Path:
    """Where a file goes: the folder with its links resolved, the last name as it was given."""
    target = Path(path)
    target = Path(os.path.realpath(target.parent), target.name)
    if os.path.isdir(target):
        raise IsADirectoryError(f"{target}: is a folder; give the name of a file in it.")
    if not target.parent.exists():
        raise FileNotFoundError(f"{target}: its folder does not exist; create {target.parent} first.")
    if not target.parent.is_dir():
        raise NotADirectoryError(f"{target}: {target.parent} is a file, not a folder.")
    if os.path.exists(target) and not os.path.isfile(target):
        # Replacing it would take /dev/null or /dev/stdout from every program of this machine.
        raise OSError(f"{target}: is a pipe or a device, not a file; give the name of a file.")
    return target


def _keep_mode(temporary: Path, target: Path) -> None:
    """Give a draft the permissions of the file that it replaces.  Those of a link's target do not count."""
    with contextlib.suppress(FileNotFoundError):
        mode = os.lstat(target).st_mode
        if stat.S_ISREG(mode):
            os.chmod(temporary, stat.S_IMODE(mode))


def _replace(temporary: Path, target: Path) -> None:
    os.replace(temporary, target)
    # The new name is safe only when the folder is on the disk too.  Some systems cannot open or sync a folder.
    with contextlib.suppress(OSError):
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
