"""`load_keras_h5`: the weights in a Keras HDF5 file, through h5py."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from .checked import count, open_file
from .errors import FileFormatError

MOST_OBJECTS = 100_000  # groups and arrays
MOST_DEPTH = 32
LONGEST_NAME = 1000
WRAPPER = "model_weights"  # where a file with a whole model keeps its weights


def load_keras_h5(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Read the weights of a Keras file (``.weights.h5``, ``.h5``, ``.hdf5``): path inside the file -> array.

    Groups are joined by slashes: ``block1/layers/conv2d/vars/0`` as Keras 3 writes, ``conv1/conv1/kernel:0`` as
    Keras 1 and 2 do.  Where the file lists the names of its weights, only those are read, in the order of the list;
    else everything, in the order of the names.  Axes are Keras's and ours: filters (I, J, C, O), dense (in, out).

    Raises
    ------
    ImportError : h5py is missing.
    FileFormatError : the file is foreign, cut short or altered; or it holds links, compressed or external arrays, text
        or objects in place of weights.  The message names the file.
    """
    name = os.fspath(path)
    try:
        import h5py
    except ImportError:
        raise ImportError("load_keras_h5 needs h5py: pip install 'tinygrad-cnn[examples]'.") from None
    with open_file(path, "a Keras HDF5 file") as file:
        if file.read(8) != b"\x89HDF\r\n\x1a\n":
            raise FileFormatError(f"{name}: not an HDF5 file; those begin with the bytes \\x89HDF.")
        size = os.fstat(file.fileno()).st_size
    try:
        with h5py.File(path, "r") as opened:
            return _Reader(name, opened, size).read()
    except FileFormatError:
        raise
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, AttributeError, MemoryError) as error:
        # h5py raises all of these for damaged files
        words = " ".join(str(error).split())[:200]
        raise FileFormatError(f"{name}: a damaged HDF5 file ({words}).") from None


class _Reader:
    def __init__(self, path: str, file: Any, size: int) -> None:
        import h5py

        self.path, self.file, self.h5 = path, file, h5py
        self.left = size  # bytes that arrays and lists may still take: nothing is compressed, so all lie in the file
        self.objects = MOST_OBJECTS

    def refuse(self, what: str) -> FileFormatError:
        return FileFormatError(f"{self.path}: {what}.")

    def read(self) -> dict[str, np.ndarray]:
        root = self.file
        if "layer_names" not in root.attrs and WRAPPER in root:
            root = self.child(root, WRAPPER, WRAPPER)
        if isinstance(root, self.h5.Group) and "layer_names" in root.attrs:
            found = dict(self.listed(root))
        else:
            found = dict(self.walk())
        if not found:
            raise self.refuse("an HDF5 file without weights")
        return found

    # -- finding ----------------------------------------------------------------------------------------------

    def child(self, group: Any, key: str, path: str) -> Any:
        """What a group holds under a name, if it lies in this very file under no other name."""
        if len(path) > LONGEST_NAME or self.objects <= 0:
            raise self.refuse(f"more than {MOST_OBJECTS} objects, or names of more than {LONGEST_NAME} letters")
        self.objects -= 1
        link = group.get(key, getlink=True)
        if not isinstance(link, self.h5.HardLink):
            raise self.refuse(f"{path[:100]!r} is a link to somewhere else ({type(link).__name__}), not a weight")
        return group[key]

    def walk(self) -> Iterator[tuple[str, np.ndarray]]:
        """Every array of the file.  A loop on a stack of its own; a group met twice would be an endless tree."""
        seen: set[int] = set()
        stack: list[tuple[str, Any, int]] = [("", self.file, 0)]
        while stack:
            path, item, depth = stack.pop()
            if isinstance(item, self.h5.Dataset):
                yield path, self.array(path, item)
                continue
            if not isinstance(item, self.h5.Group):
                raise self.refuse(f"{path[:100]!r} is a {type(item).__name__}, neither a group nor an array")
            at = self.h5.h5o.get_info(item.id).addr
            if at in seen or depth > MOST_DEPTH:
                raise self.refuse(f"group {path[:100]!r} stands under two names, or more than {MOST_DEPTH} deep")
            seen.add(at)
            for key in sorted(item, reverse=True):
                inside = f"{path}/{key}" if path else key
                stack.append((inside, self.child(item, key, inside), depth + 1))

    def listed(self, root: Any) -> Iterator[tuple[str, np.ndarray]]:
        """The arrays that the file lists: layers in order, each layer's weights in order."""
        for layer in self.names(root, "layer_names"):
            group = self.follow(root, layer, layer)
            if not isinstance(group, self.h5.Group):
                raise self.refuse(f"layer {layer[:100]!r} is not a group")
            for weight in self.names(group, "weight_names"):
                path = f"{layer}/{weight}"
                item = self.follow(group, weight, path)
                if not isinstance(item, self.h5.Dataset):
                    raise self.refuse(f"weight {path[:100]!r} is not an array")
                yield path, self.array(path, item)

    def follow(self, group: Any, name: str, path: str) -> Any:
        """Down a path with slashes, one name after the other."""
        item = group
        for part in name.split("/"):
            if not isinstance(item, self.h5.Group) or part in ("", ".", "..") or part not in item:
                raise self.refuse(f"weight or layer {path[:100]!r} is listed, but not there")
            item = self.child(item, part, path)
        return item

    def names(self, holder: Any, key: str) -> list[str]:
        """A list of names kept as an attribute; a long one is cut into ``key0``, ``key1``, ..."""
        keys = [key] if key in holder.attrs else []
        while not keys or keys[-1] != key:
            if f"{key}{len(keys)}" not in holder.attrs:
                break
            keys.append(f"{key}{len(keys)}")
        if not keys:
            raise self.refuse(f"a group has no list {key!r}")
        found: list[str] = []
        for part in keys:
            attribute = holder.attrs.get_id(part)
            self.spend(attribute.get_storage_size(), f"list {part!r}")
            if attribute.dtype.kind not in "SO" or len(attribute.shape) > 1:
                if not count(attribute.shape):  # an empty list is kept as numbers
                    continue
                raise self.refuse(f"list {part!r} does not hold names")
            values = np.atleast_1d(np.asarray(holder.attrs[part])).tolist()
            found += [v.decode("utf-8") if isinstance(v, bytes) else str(v) for v in values]
        if len(set(found)) != len(found):
            raise self.refuse(f"list {key!r} has a name twice")
        return found

    # -- reading ----------------------------------------------------------------------------------------------

    def spend(self, size: int, what: str) -> None:
        if size > self.left:
            raise self.refuse(f"{what[:100]} needs {size} bytes, which the file does not have")
        self.left -= size

    def array(self, path: str, item: Any) -> np.ndarray:
        made = item.id.get_create_plist()
        if made.get_layout() == self.h5.h5d.VIRTUAL or made.get_external_count():
            raise self.refuse(f"weight {path[:100]!r} lies in another file")
        if made.get_nfilters():
            what = made.get_filter(0)[3].decode("ascii", "replace") or "a filter"
            raise self.refuse(f"weight {path[:100]!r} is compressed ({what[:40]}); write it without compression")
        dtype = item.dtype
        if dtype.kind not in "fiub" or dtype.fields or dtype.subdtype or dtype.itemsize not in (1, 2, 4, 8):
            raise self.refuse(f"weight {path[:100]!r} has dtype {str(dtype)[:40]}; weights are numbers")
        size = count(item.shape) if item.shape is not None else None
        if size is None:
            raise self.refuse(f"weight {path[:100]!r} has no shape, or one that no array can have")
        self.spend(size * dtype.itemsize, f"weight {path[:100]!r}")
        values = np.empty(item.shape, dtype)
        if size:
            item.read_direct(values)
        return values.astype(dtype.newbyteorder("="), copy=False)
