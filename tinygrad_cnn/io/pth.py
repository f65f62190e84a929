"""`load_pth`: the tensors of a PyTorch file, in its older form (a stream of pickles and numbers) or its newer (a zip).

docs/design/weights.md says why no unpickler is used.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from ..autodiff.calls import named
from ..nn.loading import TorchArrays
from .checked import check_booleans, open_file
from .errors import FileFormatError
from .small_floats import from_bfloat16, from_float8
from .torch_values import Malformed, Storage, Strided
from .unpickle import Bytes, unpickle

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
MOST_DEPTH = 16  # containers in containers
MOST_VALUES = 100_000  # in all containers, each as often as it is met
DAMAGE = (RuntimeError, NotImplementedError, EOFError, OSError, ValueError, struct.error)  # what zipfile raises
LONGEST_NAME = 1000
HOLDERS = (dict, list, tuple, Strided, Storage)  # of tensors
PIECE = 1 << 20  # bytes read at once: a zip archive makes room for them twice
REPEATED = 4  # arrays may take this many times the file's bytes: tied weights come out once under each name
LEAST = 1 << 24  # or this many, if that is more: expanded tensors repeat few numbers


@named
def load_pth(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Read the tensors of a PyTorch file (``.pth``, ``.pt``, ``.bin``): name -> array.  Nothing in the file is run.

    Names inside nested containers are joined by dots: ``state_dict.conv.weight``, ``layers.0``.  Numbers, text and None
    beside the tensors are passed over.  Every array is free to be written to; axes are PyTorch's, filters (O, C, I, J).
    bfloat16 and float8 come out as float32, which holds their values exactly.  What tensors share is copied.
    `tg.io.from_torch` puts them into a network of ours; a `load_state_dict` refuses them where axes would have to turn.

    Parameters
    ----------
    path : a file that ``torch.save`` wrote from a tensor or from dicts, lists and tuples of tensors, such as a
        ``state_dict``; older stream or newer zip.

    Raises
    ------
    FileFormatError : the file is foreign, cut short, altered, or holds anything but tensors and containers (whole
        modules, for example); the message names it.

    Examples
    --------
    >>> with open("weights.pth", "wb") as file:
    ...     count = file.write(b"anything")
    >>> tg.io.load_pth("weights.pth")
    Traceback (most recent call last):
        ...
    tinygrad_cnn.io.errors.FileFormatError: weights.pth: not a PyTorch file of tensors ...
    """
    name = os.fspath(path)
    with open_file(path, "a PyTorch file") as file:
        size = os.fstat(file.fileno()).st_size
        try:
            start = file.read(4)
            file.seek(0)
            read = _read_zip if start == b"PK\x03\x04" else _read_stream
            arrays = _arrays(*read(file, size), size)
        except Malformed as error:
            raise FileFormatError(f"{name}: not a PyTorch file of tensors ({error}).") from None
    for key, array in arrays.items():
        check_booleans(path, key, array)
    return TorchArrays(arrays)


# -- the older form ---------------------------------------------------------------------------------------------


def _read_stream(file: IO[bytes], size: int) -> tuple[Any, dict[str, np.ndarray], str]:
    """Pickles of a magic number, a version, the machine, the tensors and the storages' keys; then the numbers."""
    if not size:
        raise Malformed("it is empty")
    source = Bytes(file, size)
    if file.read(1) != b"\x80":
        raise Malformed("it begins neither as a zip archive nor as a pickle of protocol 2")
    file.seek(0)
    magic, _ = unpickle(source)
    if type(magic) is not int or magic != MAGIC:
        raise Malformed("it is a pickle, but does not begin with PyTorch's magic number")
    version, _ = unpickle(source)
    if type(version) is not int or version != PROTOCOL:
        raise Malformed(f"its version is not {PROTOCOL}")
    machine, _ = unpickle(source)
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise Malformed("its numbers are not little-endian, or it does not say so")
    described, storages = unpickle(source)
    keys, _ = unpickle(source)
    if not isinstance(keys, list) or not all(type(k) is str for k in keys):
        raise Malformed("its list of storages is not a list of names")
    if len(keys) != len(storages) or set(keys) != set(storages):
        raise Malformed(f"it lists {len(keys)} storages, and its tensors use {len(storages)} or others")
    rows = {key: _numbers(source, storages[key]) for key in keys}
    if source.left:
        raise Malformed(f"{source.left} bytes follow its last storage")
    return described, rows, "<"


def _numbers(source: Bytes, storage: Storage) -> np.ndarray:
    announced = int.from_bytes(source.take(8), "little", signed=True)
    if announced != storage.numel:
        raise Malformed(f"storage {storage.key[:40]!r} has {storage.numel} elements, and {announced} follow")
    return _fill(source.file, storage, source)


def _fill(file: Any, storage: Storage, source: Bytes) -> np.ndarray:
    size = storage.nbytes
    if size > source.left:
        raise Malformed(f"it is cut short: storage {storage.key[:40]!r} has {size} bytes, {source.left} follow")
    row = np.empty(size, np.uint8)
    space = row.data
    while len(space):
        got = file.readinto(space[:PIECE])
        if not got:
            raise Malformed("it became shorter while it was read")
        space = space[got:]
    source.left -= size
    return row


# -- the newer form ---------------------------------------------------------------------------------------------


def _read_zip(file: IO[bytes], size: int) -> tuple[Any, dict[str, np.ndarray], str]:
    """A zip archive, nothing in it compressed: the pickle ``NAME/data.pkl`` and each storage as ``NAME/data/KEY``."""
    import zipfile

    try:
        with zipfile.ZipFile(file) as archive:
            entries = {info.filename: info for info in archive.infolist()}
            pickles = [name for name in entries if name.count("/") == 1 and name.endswith("/data.pkl")]
            if len(pickles) != 1:
                raise Malformed(f"it is a zip archive with {len(pickles)} entries NAME/data.pkl, where one belongs")
            folder = pickles[0].removesuffix("data.pkl")
            order = "<"
            if (entry := entries.get(folder + "byteorder")) is not None:
                record = _record(archive, entry, size)
                order = {b"little": "<", b"big": ">"}.get(record.take(min(record.left, 10)), "")
                if not order:
                    raise Malformed("its numbers are neither little-endian nor big-endian")
            source = _record(archive, entries[pickles[0]], size)
            described, storages = unpickle(source)
            room = Bytes(None, size)  # entries that overlap cannot give more than the file has
            rows = {}
            for key, storage in storages.items():
                entry = entries.get(f"{folder}data/{key}")
                if entry is None:
                    raise Malformed(f"storage {key[:40]!r} is not in the archive")
                rows[key] = _entry(archive, entry, storage, room)
            return described, rows, order
    except (zipfile.BadZipFile, *DAMAGE) as error:
        raise Malformed(f"a damaged zip archive: {error}") from None


def _record(archive: Any, entry: Any, size: int) -> Bytes:
    if entry.compress_type or entry.flag_bits & 1 or entry.file_size > size:
        raise Malformed(f"entry {entry.filename[:60]!r} is compressed or encrypted, which PyTorch does not do")
    return Bytes(archive.open(entry), entry.file_size)


def _entry(archive: Any, entry: Any, storage: Storage, room: Bytes) -> np.ndarray:
    size = storage.nbytes
    source = _record(archive, entry, room.left)
    if source.left != size:
        raise Malformed(f"storage {storage.key[:40]!r} needs {size} bytes, its entry has {source.left}")
    with source.file:
        row = _fill(source.file, storage, source)
        source.file.read(1)  # at its end the archive's checksum is compared
    room.left -= size
    return row


# -- from descriptions to arrays --------------------------------------------------------------------------------


def _arrays(described: Any, rows: dict[str, np.ndarray], order: str, size: int) -> dict[str, np.ndarray]:
    found: dict[str, Strided] = {}
    needed = 0
    for name, tensor in _flat(described):
        if name in found:
            raise Malformed(f"two tensors are named {name!r}")
        found[name] = tensor
        needed += tensor.size * (4 if tensor.kind.small else tensor.kind.dtype.itemsize)
        if needed > max(REPEATED * size, LEAST):
            raise Malformed(f"its {size} bytes unfold to more than {needed} bytes of tensors that share their numbers")
    uses: dict[str, int] = {}
    for tensor in found.values():
        uses[tensor.storage.key] = uses.get(tensor.storage.key, 0) + 1
    return {name: _array(t, rows[t.storage.key], order, uses[t.storage.key] == 1) for name, t in found.items()}


def _array(tensor: Strided, row: np.ndarray, order: Any, alone: bool) -> np.ndarray:
    """Its elements in C order and this machine's byte order: the storage itself where it is just that, else a copy."""
    dtype = tensor.kind.dtype.newbyteorder(order)
    if tensor.size:
        steps = [s * dtype.itemsize for s in tensor.strides]
        view: np.ndarray = np.ndarray(tensor.shape, dtype, row, tensor.offset * dtype.itemsize, steps)
    else:
        view, alone = np.empty(tensor.shape, dtype), False
    if tensor.kind.small:
        view = from_bfloat16(view) if tensor.kind.small == "bfloat16" else from_float8(view, tensor.kind.small)
    elif alone and dtype.isnative and view.flags.c_contiguous and view.nbytes == row.size:
        view = row.view(dtype).reshape(tensor.shape)
    else:
        view = np.array(view, dtype.newbyteorder("="), order="C")
    if tensor.conjugate:
        np.conjugate(view, out=view)
    if tensor.negative:
        np.negative(view, out=view)
    return np.ascontiguousarray(view).reshape(tensor.shape)


def _flat(described: Any) -> Iterator[tuple[str, Strided]]:
    """Tensors with their names.  A loop on a stack of its own: a file may hold itself, or itself a million times."""
    if not isinstance(described, HOLDERS):
        raise Malformed(f"it holds a {type(described).__name__}, and no tensors")
    name = "tensor" if isinstance(described, (Strided, Storage)) else ""
    stack: list[tuple[str, Any, int]] = [(name, described, 0)]
    left = MOST_VALUES
    while stack:
        name, value, depth = stack.pop()
        if isinstance(value, Storage):  # saved by itself
            value = Strided(value, value.kind, 0, (value.numel,), (1,))
        if isinstance(value, Strided):
            yield name, value
            continue
        left -= len(value)
        if left < 0 or depth > MOST_DEPTH:
            raise Malformed(f"its containers are more than {MOST_DEPTH} deep or hold more than {MOST_VALUES} values")
        inside = value.items() if isinstance(value, dict) else enumerate(value)
        for key, child in reversed(list(inside)):
            if not isinstance(child, HOLDERS):
                continue
            path = f"{name}.{key}" if name else str(key)
            if len(path) > LONGEST_NAME:
                raise Malformed(f"a tensor's name in it has more than {LONGEST_NAME} letters")
            stack.append((path, child, depth + 1))
