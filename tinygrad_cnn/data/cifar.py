"""CIFAR-10, from its binary version: records of one label byte and 3 x 32 x 32 pixel bytes, nothing to unpickle."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ..autodiff.calls import named
from ..io.errors import FileFormatError
from .arrays import ArrayDataset
from .downloads import DownloadError, cache_dir, download

SIDE, CHANNELS = 32, 3
MOST = 10_000  # records in one file
RECORD = 1 + CHANNELS * SIDE * SIDE
TRAIN = tuple(f"data_batch_{k}.bin" for k in range(1, 6))
TEST = ("test_batch.bin",)
FOLDER, ARCHIVE = "cifar-10-batches-bin", "cifar-10-binary.tar.gz"
SYSTEM_FOLDER = Path("/usr/share/datasets")
URLS = (f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}",)
CHECKSUM, SIZE = "sha256:c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd", 170052171
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
ATTRIBUTION = "CIFAR-10, A. Krizhevsky, V. Nair and G. Hinton, University of Toronto, 2009."


@named
def cifar10(
    data_dir: str | os.PathLike[str] | None = None, *, download: bool = True
) -> tuple[ArrayDataset, ArrayDataset]:
    """Small photographs: 50,000 to train, 10,000 to test, (N,32,32,3), ten classes; kept as bytes.

    Parameters
    ----------
    data_dir : the folder of the six ``.bin`` files, or of ``cifar-10-binary.tar.gz``, or the one above them; then
        no other place is looked at.  None: the operating system's data-set folder, the cache, the network (170 MB).
    download : False to stay off the network.

    Returns and raises as `mnist` does.
    """
    source = _locate(data_dir, download)
    files = {name: (source / name).read_bytes() for name in TRAIN + TEST} if source.is_dir() else _unpacked(source)
    tables = {name: _records(os.path.join(source, name), data) for name, data in files.items()}
    return _assembled(tables, TRAIN, "train"), _assembled(tables, TEST, "test")


def _locate(data_dir: str | os.PathLike[str] | None, may_download: bool) -> Path:
    """The folder of the six files, or the archive that holds them."""
    if data_dir is not None:
        roots = [Path(data_dir).expanduser()]
    else:
        cache = cache_dir() / "cifar10"
        roots = [SYSTEM_FOLDER / "cifar10", cache]
    for root in roots:
        for folder in (root, root / FOLDER):
            if all((folder / name).is_file() for name in TRAIN + TEST):
                return folder
        if (root / ARCHIVE).is_file():
            return root / ARCHIVE
    places = ", ".join(map(str, roots))
    looked = f"CIFAR-10: looked for {ARCHIVE}, or {TRAIN[0]} to {TRAIN[-1]} and {TEST[0]}, in {places}"
    if data_dir is not None:
        raise FileNotFoundError(f"{looked}. Put them there, or leave data_dir out.")
    by_hand = f"To do it by hand, put {URLS[0]} into {cache}, or pass data_dir=FOLDER."
    if not may_download:
        raise FileNotFoundError(f"{looked}; not downloaded: download=False. {by_hand}")
    try:
        return download(URLS, cache / ARCHIVE, checksum=CHECKSUM, size=SIZE)
    except DownloadError as error:
        raise DownloadError(f"{looked}; {error} {by_hand}") from None


def _assembled(tables: dict[str, np.ndarray], names: tuple[str, ...], which: str) -> ArrayDataset:
    table = np.concatenate([tables[name] for name in names])
    images = table[:, 1:].reshape(-1, CHANNELS, SIDE, SIDE).transpose(0, 2, 3, 1)
    return ArrayDataset(
        np.ascontiguousarray(images), table[:, 0], classes=CLASSES, name=f"CIFAR-10 {which}", attribution=ATTRIBUTION
    )


def _records(name: str, data: bytes) -> np.ndarray:
    if not data or len(data) % RECORD:
        raise FileFormatError(
            f"{name}: byte count: expected a multiple of {RECORD} (label and {SIDE}x{SIDE}x{CHANNELS} pixels), "
            f"found {len(data)}."
        )
    table = np.frombuffer(data, np.uint8).reshape(-1, RECORD)
    if table[:, 0].max() >= len(CLASSES):
        at = int(table[:, 0].argmax())
        raise FileFormatError(f"{name}: label {at}: expected 0 to {len(CLASSES) - 1}, found {table[at, 0]}.")
    return table


def _unpacked(archive: Path) -> dict[str, bytes]:
    """The six members, read where they are: nothing is written, so no path in the archive can do harm."""
    import gzip
    import tarfile
    import zlib

    found = {}
    try:
        with gzip.open(archive) as unpacked:
            with tarfile.open(fileobj=unpacked, mode="r|") as tar:
                for member in tar:
                    name = Path(member.name).name
                    if name in TRAIN + TEST and member.isfile() and member.size <= MOST * RECORD:
                        found[name] = tar.extractfile(member).read()  # type: ignore[union-attr]
            while unpacked.read(1 << 20):  # the checksum stands at the end of the file, behind the archive's own
                pass
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise FileFormatError(f"{archive}: the archive is damaged ({error}).") from None
    missing = [name for name in TRAIN + TEST if name not in found]
    if missing:
        raise FileFormatError(f"{archive}: expected members {', '.join(TRAIN + TEST)}; missing {', '.join(missing)}.")
    return found
