"""Pictures in folders: one folder for each class, or masks in a folder of their own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.numbers import is_whole, whole
from ..io.checked import open_file
from ..io.errors import FileFormatError
from .dataset import Dataset, check_indices
from .images import MODES, check_size, decode_mask, load_image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")  # what `load_image` reads


@named
class ImageFolder(Dataset):
    """Pictures below ``root/<class>/``; the classes are the subfolders' names, sorted, and number the labels.

    Pictures are found at any depth below a class, in the order of their paths, and read when they are asked for.
    With `masks`, subfolders are not classes, and the target of a picture is its mask (H,W), a class for each pixel.

    Parameters
    ----------
    root : the folder of the class folders.
    size : (height, width) or one number for both, to which each picture is resized, as by `load_image`; None keeps
        the sizes, which must then be equal within a batch.
    channels : 1 grey, 3 RGB, 4 RGBA.
    cache : keep decoded pictures, as bytes: H * W * C each, and their masks.
    name, attribution : as for `Dataset`; the name is the folder's unless given.
    masks : a folder with a picture of the same path, up to its suffix, for each picture below `root`: grey, or with a
        palette, whose values are class indices.  They are resized to the nearest pixel.
    classes : with `masks`, the names of the classes; indices are checked against them.
    ignore_index : with `masks` and `classes`, an index beside them that is allowed, of pixels without a class.

    Attributes
    ----------
    paths : the files, in order.
    mask_paths : with `masks`, those of the masks.
    labels : without `masks`, (N,) int64.

    Raises
    ------
    FileNotFoundError, NotADirectoryError : there is no such folder.
    ValueError : it has no subfolders, or one of them holds no pictures; a picture has no mask.
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
        masks: str | os.PathLike[str] | None = None,
        classes: Sequence[str] = (),
        ignore_index: int | None = None,
    ) -> None:
        self.root = Path(root).expanduser()
        if not (is_whole(channels) and channels in MODES):
            raise ValueError(f"ImageFolder: channels must be 1, 3 or 4, got {channels!r}.")
        check_size(size, "ImageFolder")
        self.size, self.channels = size, channels
        self.name, self.attribution = name or self.root.name or str(self.root), attribution
        self.mask_paths: tuple[Path, ...] = ()
        self.ignore_index = None if ignore_index is None else whole("ImageFolder", "ignore_index", ignore_index, None)
        if masks is not None:
            self.paths, self.mask_paths = _with_masks(self.root, Path(masks).expanduser())
            self.classes = tuple(classes)
        else:
            if classes:
                raise ValueError("ImageFolder: classes go with masks=; without, they are the names of the subfolders.")
            files = _files(self.root)
            self.classes = tuple(files)
            self.paths = tuple(path for of_class in files.values() for path in of_class)
            self.labels = np.repeat(np.arange(len(files), dtype=np.int64), [len(v) for v in files.values()])
            self.labels.flags.writeable = False
        self._kept: dict[Path, np.ndarray] | None = {} if cache else None

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[np.ndarray, Any]:
        (number,) = check_indices([index], len(self), self.name).tolist()
        return self._image(number), self._mask(number) if self.mask_paths else int(self.labels[number])

    def _image(self, number: int) -> np.ndarray:
        """(H,W,C) float32 in [0, 1]; the same numbers from the cache as from the file."""
        path = self.paths[number]
        if self._kept is None:
            return load_image(path, self.size, self.channels)
        if path not in self._kept:
            image = load_image(path, self.size, self.channels)
            self._kept[path] = np.rint(image * np.float32(255)).astype(np.uint8)
        return np.divide(self._kept[path], np.float32(255), dtype=np.float32)

    def _mask(self, number: int) -> np.ndarray:
        """(H,W) int64, checked against the classes."""
        path = self.mask_paths[number]
        if self._kept is not None and path in self._kept:
            return self._kept[path].astype(np.int64)
        with open_file(path, "a mask") as file:
            mask = decode_mask(file, self.size, name=str(path))
        wrong = (
            mask[((mask < 0) | (mask >= len(self.classes))) & (mask != self.ignore_index)] if self.classes else mask[:0]
        )
        if wrong.size:
            raise FileFormatError(
                f"{path}: holds the class {wrong[0]}; there are {len(self.classes)}, numbered from 0. "
                "For pixels without a class, pass ignore_index."
            )
        if self._kept is not None:
            self._kept[path] = mask
        return mask.astype(np.int64)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(H, W, C); without `size` that of the first picture."""
        return self._image(0).shape


def _with_masks(root: Path, masks: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The pictures below a folder, sorted, and their masks."""
    _check_folder(root, "pictures")
    _check_folder(masks, "masks")
    paths = [path for path in _pictures(root) if masks not in path.parents]
    if not paths:
        raise ValueError(f"ImageFolder: {root} holds no pictures ({', '.join(SUFFIXES)}).")
    found = {path.relative_to(masks).with_suffix(""): path for path in _pictures(masks)}
    for path in paths:
        if path.relative_to(root).with_suffix("") not in found:
            wanted = masks / path.relative_to(root).with_suffix(".png")
            raise ValueError(f"ImageFolder: {path} has no mask; it would be {wanted}, or with another suffix.")
    return tuple(paths), tuple(found[path.relative_to(root).with_suffix("")] for path in paths)


def _files(root: Path) -> dict[str, list[Path]]:
    """The pictures of each class, sorted."""
    _check_folder(root, "a folder for each class")
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not folders:
        raise ValueError(
            f"ImageFolder: {root} has no subfolders. Put the pictures of each class into a folder named after it."
        )
    found: dict[str, list[Path]] = {}
    for folder in folders:
        files = _pictures(folder)
        if not files:
            raise ValueError(f"ImageFolder: {folder} holds no pictures ({', '.join(SUFFIXES)}); every class needs one.")
        found[folder.name] = files
    return found


def _check_folder(folder: Path, holds: str) -> None:
    if not folder.exists():
        raise FileNotFoundError(f"ImageFolder: {folder}: no such folder.")
    if not folder.is_dir():
        raise NotADirectoryError(f"ImageFolder: {folder} is a file; give the folder that holds {holds}.")


def _pictures(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and _shown(p, folder))


def _shown(path: Path, folder: Path) -> bool:
    """A file that neither is hidden nor lies in a hidden folder."""
    return path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
