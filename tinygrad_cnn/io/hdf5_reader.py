"""The part of `load_keras_h5` that touches the HDF5 library, run as a process of its own.

The library is large and old, and written for files that are meant well: one altered byte can make it loop for ever or
crash.  Here that ends a child process, and its parent says which file did it.  What goes back is one line of JSON (the
arrays' names, dtypes and shapes, or the reason of a refusal), then the arrays' bytes.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from .checked import count

MOST_OBJECTS = 100_000  # groups and arrays
MOST_DEPTH = 32
LONGEST_NAME = 1000
WRAPPER = "model_weights"  # where a file with a whole model keeps its weights
ROOM = 4 << 30  # bytes of address space beside the file's own, for Python and its libraries


class Refused(Exception):
    """Why a file is refused."""


def main(path: str) -> None:
    """Read a file and write what it holds to the standard output."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whatever else prints, prints elsewhere
    size = os.stat(path).st_size
    with contextlib.suppress(ImportError, OSError, ValueError):  # not every system has such limits
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (ROOM + 3 * size,) * 2)
    arrays: dict[str, np.ndarray] = {}
    answer: dict[str, Any] = {}
    try:
        arrays = read(path, size)
        answer["arrays"] = [(name, a.dtype.str, a.shape) for name, a in arrays.items()]
    except Refused as error:
        answer["refused"] = str(error)
    send(out, answer, arrays)


def send(out: IO[bytes], answer: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """One line, then the bytes of each array."""
    with out:
        out.write(json.dumps(answer).encode() + b"\n")
        for array in arrays.values():
            out.write(np.ascontiguousarray(array).view(np.uint8).data if array.size else b"")


def read(path: str, size: int) -> dict[str, np.ndarray]:
    """The weights of a file of `size` bytes, in this process.

    Raises
    ------
    Refused : the file is damaged, or holds anything but plain weights.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return Reader(file, size).read()
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, AttributeError, MemoryError) as error:
        raise Refused(
            f"a damaged HDF5 file ({' '.join(str(error).split())[:200]})"
        ) from None  # h5py raises all of these


class Reader:
    """The weights of an opened file, found and checked one by one."""

    def __init__(self, file: Any, size: int) -> None:
        import h5py

        self.file, self.h5 = file, h5py
        self.left = size  # bytes that arrays and lists may still take: nothing is compressed, so all lie in the file
        self.objects = MOST_OBJECTS

    def refuse(self, what: str) -> Refused:
        return Refused(what)

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
            many = count(attribute.shape)
            if many is None:
                raise self.refuse(f"list {part!r} has a shape that no list can have")
            self.spend(many * attribute.dtype.itemsize, f"list {part!r}")
            if attribute.dtype.kind not in "SO" or len(attribute.shape) > 1:
                if not many:  # an empty list is kept as numbers
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


if __name__ == "__main__":
    main(sys.argv[1])
