"""MNIST and Fashion-MNIST: four IDX files each, under the same names.

Looked for, in this order: the folder the caller names (then nowhere else), the operating system's data-set folder,
the cache, and at last the network.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np

from ..autodiff.calls import named
from ..io.errors import FileFormatError
from .arrays import ArrayDataset
from .downloads import DownloadError, cache_dir, download
from .idx import read_idx

SYSTEM_FOLDER = Path("/usr/share/datasets")
ROLES = ("train-images", "train-labels", "t10k-images", "t10k-labels")
SIDE = 28  # pixels along each side


@dataclasses.dataclass(frozen=True)
class Source:
    """One data set: where it can be had, and how its files are recognised."""

    key: str  # its folder's name
    title: str
    classes: tuple[str, ...]
    attribution: str
    mirrors: tuple[str, ...]
    md5: tuple[str, ...]  # of the four gzipped files, in the order of ROLES
    sizes: tuple[int, ...]  # of the same, bytes
    labels_md5: str  # of the unpacked training labels: tells one data set from the other

    def names(self, role: str) -> tuple[str, ...]:
        """The names under which a file may lie in a folder."""
        rank = 3 if role.endswith("images") else 1
        plain = (f"{role}-idx{rank}-ubyte", f"{role}.idx{rank}-ubyte")
        return tuple(name + suffix for name in plain for suffix in ("", ".gz"))

    def archive(self, role: str) -> str:
        """The name under which a file is published."""
        return self.names(role)[1]


MNIST = Source(
    key="mnist",
    title="MNIST",
    classes=tuple("0123456789"),
    attribution="MNIST, Y. LeCun, C. Cortes and C. J. C. Burges, made from NIST Special Databases 1 and 3.",
    mirrors=("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
    md5=(
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    ),
    sizes=(9912422, 28881, 1648877, 4542),
    labels_md5="a25bea736e30d166cdddb491f175f624",
)
FASHION_MNIST = Source(
    key="fashion-mnist",
    title="Fashion-MNIST",
    classes=(
        "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
    ),
    attribution="Fashion-MNIST, H. Xiao, K. Rasul and R. Vollgraf, Zalando SE, MIT licence.",
    mirrors=(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
    md5=(
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
    sizes=(26421880, 29515, 4422102, 5148),
    labels_md5="9018921c3c673c538a1fc5bad174d6f9",
)  # fmt: skip


@named
def mnist(
    data_dir: str | os.PathLike[str] | None = None, *, download: bool = True
) -> tuple[ArrayDataset, ArrayDataset]:
    """Handwritten digits: 60,000 to train, 10,000 to test, (N,28,28,1), classes 0 to 9; kept as bytes.

    Parameters
    ----------
    data_dir : the folder of the four IDX files, gzipped or not (or the folder above one named ``mnist``); then no
        other place is looked at.  None: the operating system's data-set folder, the cache, the network.
    download : False to stay off the network.

    Returns
    -------
    (train, test).

    Raises
    ------
    FileNotFoundError, DownloadError : where it was looked for, and how to get the files.
    FileFormatError : a file is damaged, cut short, of other sizes, or of another data set.
    """
    return _load(MNIST, data_dir, download)


@named
def fashion_mnist(
    data_dir: str | os.PathLike[str] | None = None, *, download: bool = True
) -> tuple[ArrayDataset, ArrayDataset]:
    """Pictures of clothes: 60,000 to train, 10,000 to test, (N,28,28,1), ten classes; kept as bytes.

    Arguments, results and errors are those of `mnist`; the folder is named ``fashion-mnist``.  Pixels of the training
    images have mean 0.2860 and standard deviation 0.3530.
    """
    return _load(FASHION_MNIST, data_dir, download)


def _load(
    source: Source, data_dir: str | os.PathLike[str] | None, may_download: bool
) -> tuple[ArrayDataset, ArrayDataset]:
    paths = _locate(source, data_dir, may_download)
    train, test = (
        _read(source, paths[f"{part}-images"], paths[f"{part}-labels"], which)
        for part, which in (("train", "train"), ("t10k", "test"))
    )
    return train, test


def _locate(source: Source, data_dir: str | os.PathLike[str] | None, may_download: bool) -> dict[str, Path]:
    """The four files, by role."""
    wanted = ", ".join(source.archive(role) for role in ROLES)
    if data_dir is not None:
        folder = Path(data_dir).expanduser()
        places = [folder, folder / source.key, folder / source.title.replace("-", "") / "raw"]
    else:
        places = [SYSTEM_FOLDER / source.key]
    cache, why_not = None, "download=False"
    if data_dir is None:
        try:
            cache = cache_dir() / source.key
            places.append(cache)
        except ImportError as error:
            why_not = str(error)
    for place in places:
        if len(paths := _present(source, place)) == len(ROLES):
            return paths
    if data_dir is not None:  # the folders below it are a convenience; name them only when they are there
        places = [place for place in places if place.exists()] or places[:1]
    looked = f"{source.title}: looked in " + ", ".join(_seen(source, place) for place in places)
    if data_dir is not None:
        raise FileNotFoundError(f"{looked}. Put {wanted} there (gzipped or not), or leave data_dir out.")
    url = source.mirrors[0]
    by_hand = f"To do it by hand, put {wanted} from {url} into {cache or 'a folder'}, or pass data_dir=FOLDER."
    if cache is None or not may_download:
        raise FileNotFoundError(f"{looked}; not downloaded: {why_not.rstrip('.')}. {by_hand}")
    try:
        return {role: _fetch(source, role, cache) for role in ROLES}
    except DownloadError as error:
        raise DownloadError(f"{looked}; {error} {by_hand}") from None


def _present(source: Source, folder: Path) -> dict[str, Path]:
    found = {}
    for role in ROLES:
        for name in source.names(role):
            if (folder / name).is_file():
                found[role] = folder / name
                break
    return found


def _seen(source: Source, folder: Path) -> str:
    """A folder, and what was there."""
    missing = [source.archive(role) for role in ROLES if role not in _present(source, folder)]
    if not folder.exists():
        return f"{folder} (no such folder)"
    return f"{folder} (without {'any of the files' if len(missing) == len(ROLES) else ', '.join(missing)})"


def _fetch(source: Source, role: str, cache: Path) -> Path:
    k, name = ROLES.index(role), source.archive(role)
    urls = [mirror + name for mirror in source.mirrors]
    return download(urls, cache / name, checksum=f"md5:{source.md5[k]}", size=source.sizes[k])


def _read(source: Source, images_path: Path, labels_path: Path, which: str) -> ArrayDataset:
    labels = read_idx(labels_path, dtype=np.uint8, rank=1)
    _check_identity(source, labels_path, labels)
    images = read_idx(images_path, dtype=np.uint8, rank=3)
    if images.shape[1:] != (SIDE, SIDE):
        raise FileFormatError(f"{images_path}: sizes: expected images of {SIDE}x{SIDE}, found {images.shape[1:]}.")
    if len(images) != len(labels):
        raise FileFormatError(f"{labels_path}: labels: expected {len(images)}, one per image, found {len(labels)}.")
    most = len(source.classes) - 1
    if len(labels) and labels.max() > most:
        at = int(labels.argmax())
        raise FileFormatError(f"{labels_path}: label {at}: expected 0 to {most}, found {labels[at]}.")
    name = f"{source.title} {which}"
    return ArrayDataset(images, labels, classes=source.classes, name=name, attribution=source.attribution)


def _check_identity(source: Source, path: Path, labels: np.ndarray) -> None:
    """Both data sets use the same file names: refuse one in the place of the other."""
    import hashlib

    file = b"\0\0\x08\x01" + len(labels).to_bytes(4, "big") + labels.tobytes()
    digest = hashlib.md5(file, usedforsecurity=False).hexdigest()
    for other in (MNIST, FASHION_MNIST):
        if other is not source and digest == other.labels_md5:
            raise FileFormatError(f"{path}: data set: expected {source.title}, found {other.title}.")
