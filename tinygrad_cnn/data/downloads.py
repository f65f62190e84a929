"""Files from the network into the cache: checked, resumed after a cut, in place whole or not at all.

Nothing here knows data sets; who needs a file says where it may lie, how large it is and what its checksum is.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..io.atomic import inside, open_part, publish
from ..io.locks import holding

Progress = Callable[[int, int | None], None]  # bytes so far, bytes in all if known

CHUNK = 1 << 16
TRIES = 3  # attempts per address; each goes on where the last was cut
OUR_DISK = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EISDIR,
            errno.ELOOP)  # fmt: skip


class DownloadError(OSError):
    """A file could not be fetched; the message says from where, why, and how to do it by hand."""


def cache_dir() -> Path:
    """Where downloads are kept: $TINYGRAD_CNN_CACHE, or the operating system's cache folder.  Not created here."""
    override = os.environ.get("TINYGRAD_CNN_CACHE")
    if override:
        return Path(override).expanduser()
    try:
        import platformdirs
    except ImportError:
        raise ImportError(
            "the cache folder needs platformdirs: pip install 'tinygrad-cnn[app]', "
            "or set TINYGRAD_CNN_CACHE to a folder."
        ) from None
    return Path(platformdirs.user_cache_dir("tinygrad-cnn"))


def download(
    urls: Sequence[str],
    path: str | os.PathLike[str],
    *,
    checksum: str,
    size: int | None = None,
    progress: Progress | None = None,
    timeout: float = 30,
) -> Path:
    """Fetch one file, unless a good one is there already.

    Parameters
    ----------
    urls : addresses of the same file, tried in this order.
    path : where it goes; folders are made, and its own must not be a symbolic link.  A cut download stays beside it as
        ``.part`` and is resumed.
    checksum : "sha256:<hex digits>" or "md5:<hex digits>".
    size : bytes expected; more are never fetched.
    progress : called with (bytes so far, bytes in all or None); None shows a bar on a terminal, else one line.
    timeout : seconds of silence after which an address is given up.

    Raises
    ------
    DownloadError : no address gave the file; each with its reason.
    """
    target = Path(path)
    part = target.with_name(target.name + ".part")
    reasons: list[str] = []
    try:
        inside(target.parent.parent, target.parent.name).mkdir(parents=True, exist_ok=True)
        with holding(target.parent, wait=True):  # two that append to one .part would spoil it
            if target.exists() and matches(target, checksum):
                return target
            if part.is_symlink():  # not ours, so there is nothing in it to go on with
                part.unlink()
            with _shown(target.name, size, progress) as report:
                for url in urls:
                    reason = _try(url, part, checksum, size, report, timeout)
                    if reason is None:
                        publish(part, target)
                        return target
                    reasons.append(f"{url}: {reason}")
    except OSError as error:  # what the network does wrong is among the reasons, so this is the disk
        reasons = [f"{target} cannot be written ({error}); set TINYGRAD_CNN_CACHE to another folder"]
    raise DownloadError(f"{target.name} could not be downloaded: {'; '.join(reasons)}.")


def matches(path: Path, checksum: str) -> bool:
    """Whether a file has this checksum."""
    return _digest(path, checksum) == checksum


def _digest(path: Path, checksum: str) -> str:
    import hashlib

    kind = checksum.partition(":")[0]
    digest = hashlib.new(kind, usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return f"{kind}:{digest.hexdigest()}"


def _try(url: str, part: Path, checksum: str, size: int | None, report: Progress, timeout: float) -> str | None:
    """Fetch from one address into `part`: None when it is good, else the reason why not."""
    import http.client

    reason = ""
    for _ in range(TRIES):
        resumed = part.exists()
        try:
            _receive(url, part, size, report, timeout)
        except (OSError, http.client.HTTPException, ValueError) as error:
            if getattr(error, "errno", None) in OUR_DISK:
                raise
            reason = str(getattr(error, "reason", "")) or str(error) or type(error).__name__
            if getattr(error, "code", 500) < 500:  # "not found" does not become better
                return f"{reason} ({error.code})"  # type: ignore[union-attr]
            continue
        found = _digest(part, checksum)
        if found == checksum:
            return None
        reason = f"wrong checksum, expected {checksum}, found {found} ({part.stat().st_size} bytes)"
        part.unlink()
        if not resumed:  # else the beginning may have been another file's: once more from the start
            break
    return reason


def _receive(url: str, part: Path, size: int | None, report: Progress, timeout: float) -> None:
    """One connection: append to `part` what is missing.  Raises when less came than was announced."""
    import urllib.request

    have = part.stat().st_size if part.exists() else 0
    if size is not None and have >= size:
        if have == size:
            return
        part.unlink()
        have = 0
    request = urllib.request.Request(url, headers={"User-Agent": "tinygrad-cnn", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        response = urllib.request.urlopen(request, timeout=timeout)
    except OSError as error:
        if getattr(error, "code", None) == 416:  # nothing lies beyond what we have: it is whole, or not this file
            error.close()  # type: ignore[attr-defined]
            return
        raise
    with response:
        resumed = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if response.status == 206 and not resumed:
            raise ValueError(f"the server sent another part than asked for ({response.headers.get('Content-Range')})")
        have = have if resumed else 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length and length.isdigit() else size
        if size is not None and total != size:
            part.unlink(missing_ok=True)
            raise ValueError(f"expected {size} bytes, the server announces {total}")
        have = _store(response, part, have, total, report)
    if total is not None and have < total:
        raise ValueError(f"the connection was cut after {have} of {total} bytes")


def _store(response: Any, part: Path, have: int, total: int | None, report: Progress) -> int:
    with open_part(part, have) as file:
        report(have, total)
        while chunk := response.read(CHUNK if total is None else min(CHUNK, total - have)):
            file.write(chunk)
            have += len(chunk)
            report(have, total)
    return have


@contextlib.contextmanager
def _shown(name: str, size: int | None, progress: Progress | None) -> Iterator[Progress]:
    """The caller's callback; or a tqdm bar on a terminal; or one line."""
    if progress is not None:
        yield progress
        return
    import sys

    bar: Any = None
    if sys.stderr is not None and sys.stderr.isatty():
        with contextlib.suppress(ImportError):
            from tqdm import tqdm

            bar = tqdm(desc=name, total=size, unit="B", unit_scale=True, unit_divisor=1024)
    if bar is None:
        if sys.stderr is not None:  # closed, as by 2>&-; print would take standard output instead
            print(f"downloading {name}" + (f" ({size / 1e6:.1f} MB)" if size else ""), file=sys.stderr)
        yield lambda done, total: None
        return

    def report(done: int, total: int | None) -> None:
        bar.total = total
        bar.update(done - bar.n)

    with bar:
        yield report
