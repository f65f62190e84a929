"""Pictures in folders, one folder for each class."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.numbers import is_whole
from .dataset import Dataset, check_indices
from .images import MODES, check_size, load_image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")  # what `load_image` reads


@named
class ImageFolder(Dataset):
    """Pictures below ``root/<class>/``; the classes are the subfolders' names, sorted, and number the labels.

    Pictures are found at any depth below a class, in the order of their paths, and read when they are asked for.

    Parameters
    ----------
    root : the folder of the class folders.
    size : (height, width) or one number for both, to which each picture is resized, as by `load_image`; None keeps
        the sizes, which must then be equal within a batch.
    channels : 1 grey, 3 RGB, 4 RGBA.
    cache : keep decoded pictures, as bytes: H * W * C each.
    name, attribution : as for `Dataset`; the name is the folder's unless given.

    Attributes
    ----------
    paths : the files, in order.
    labels : (N,) int64.

    Raises
    ------
    FileNotFoundError, NotADirectoryError : there is no such folder.
    ValueError : it has no subfolders, or one of them holds no pictures.
    ImportError, FileFormatError : when a picture is asked for: Pillow is missing, the file is damaged; it is named.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        size: int | tuple[int, int] | None = None,
        channels: int = 3,
        *,
        cache: bool = False,
        name: str | None = None,
        attribution: str = "",
    ) -> None:
        self.root = Path(root).expanduser()
        if not (is_whole(channels) and channels in MODES):
            raise ValueError(f"ImageFolder: channels must be 1, 3 or 4, got {channels!r}.")
        check_size(size, "ImageFolder")
        self.size, self.channels = size, channels
        self.name, self.attribution = name or self.root.name or str(self.root), attribution
        files = _files(self.root)
        self.classes = tuple(files)
        self.paths = tuple(path for of_class in files.values() for path in of_class)
        self.labels = np.repeat(np.arange(len(files), dtype=np.int64), [len(v) for v in files.values()])
        self.labels.flags.writeable = False
        self._kept: dict[int, np.ndarray] | None = {} if cache else None

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        (number,) = check_indices([index], len(self), self.name).tolist()
        return self._image(number), int(self.labels[number])

    def _image(self, number: int) -> np.ndarray:
        """(H,W,C) float32 in [0, 1]; the same numbers from the cache as from the file."""
        if self._kept is None:
            return load_image(self.paths[number], self.size, self.channels)
        if number not in self._kept:
            image = load_image(self.paths[number], self.size, self.channels)
            self._kept[number] = np.rint(image * np.float32(255)).astype(np.uint8)
        return np.divide(self._kept[number], np.float32(255), dtype=np.float32)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(H, W, C); without `size` that of the first picture."""
        return self._image(0).shape


def _files(root: Path) -> dict[str, list[Path]]:
    """The pictures of each class, sorted."""
    if not root.exists():
        raise FileNotFoundError(f"ImageFolder: {root}: no such folder.")
    if not root.is_dir():
        raise NotADirectoryError(f"ImageFolder: {root} is a file; give the folder that holds a folder for each class.")
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not folders:
        raise ValueError(
            f"ImageFolder: {root} has no subfolders. Put the pictures of each class into a folder named after it."
        )
    found: dict[str, list[Path]] = {}
    for folder in folders:
        files: list[Any] = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and _shown(p, folder))
        if not files:
            raise ValueError(f"ImageFolder: {folder} holds no pictures ({', '.join(SUFFIXES)}); every class needs one.")
        found[folder.name] = files
    return found


def _shown(path: Path, folder: Path) -> bool:
    """A file that neither is hidden nor lies in a hidden folder."""
    return path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
