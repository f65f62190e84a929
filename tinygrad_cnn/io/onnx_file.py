"""Initialisers of ONNX files, read piece by piece: the library `onnx` parses all but the numbers, which are read into
their arrays at once, so that a file of S bytes needs S bytes of memory and little more.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..autodiff.calls import named
from .checked import check_booleans, count, open_file
from .errors import FileFormatError
from .small_floats import from_bfloat16, from_float8

LARGE = 1 << 10  # bytes of a tensor from which they are left in the file at first
MODEL_GRAPH, GRAPH_INITIALISER, TENSOR_RAW = 7, 5, 9  # fields of ONNX's messages
MOST_SKELETON = 1 << 28  # bytes of a model without its large tensors

Places = dict[int, tuple[int, int]]  # number of an initialiser -> where its bytes begin, and how many they are


@named
def load_onnx(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Read the initialisers of an ONNX file: name -> array, each in its own memory.

    bfloat16 and float8 come out as float32.  Tensors kept in other files are read from the model's folder only.

    Raises
    ------
    FileFormatError : the file is not a valid ONNX file, is cut short, or refers to a file outside its folder.
    ImportError : the library `onnx` is absent.
    """
    _, arrays = read_onnx(path)
    return arrays


def read_onnx(path: str | os.PathLike[str]) -> tuple[Any, dict[str, np.ndarray]]:
    """The model, without its large tensors, and all initialisers as arrays."""
    try:
        import onnx
    except ImportError as error:
        raise ImportError("load_onnx: needs the library onnx. Install it: pip install 'tinygrad-cnn[onnx]'.") from error
    from google.protobuf.message import DecodeError

    with open_file(path, "an ONNX file") as file:
        size = os.fstat(file.fileno()).st_size
        places: Places = {}
        try:
            skeleton = b"".join(_stripped(file, size, "model", places))
            model = onnx.ModelProto.FromString(skeleton)
        except (DecodeError, EOFError, OverflowError, ValueError) as error:
            raise FileFormatError(f"{os.fspath(path)}: not a valid ONNX file ({error}).") from None
        if not model.graph.node and not model.graph.initializer:
            raise FileFormatError(f"{os.fspath(path)}: not a valid ONNX file (it holds no graph).")
        if model.graph.sparse_initializer:
            raise FileFormatError(f"{os.fspath(path)}: holds sparse initialisers, which are not supported.")
        arrays: dict[str, np.ndarray] = {}
        for k, tensor in enumerate(model.graph.initializer):
            if not tensor.name or tensor.name in arrays:
                raise FileFormatError(f"{os.fspath(path)}: initialiser {k} is named {tensor.name!r}, a name twice.")
            arrays[tensor.name] = _array(path, file, tensor, places.get(k))
    return model, arrays


def _array(path: Any, file: IO[bytes], tensor: Any, place: tuple[int, int] | None) -> np.ndarray:
    if tensor.data_location == 1:  # in another file
        return _outside(path, tensor)
    if place is None:
        return array_of(path, tensor)
    file.seek(place[0])
    return _from_bytes(path, file, tensor, place[1])


def _from_bytes(path: Any, file: IO[bytes], tensor: Any, length: int) -> np.ndarray:
    """The array of a tensor whose bytes come next in a file."""
    dtype = _stored(path, tensor)
    elements = count(tuple(tensor.dims))
    if elements is None or elements * dtype.itemsize != length:
        raise FileFormatError(
            f"{os.fspath(path)}: tensor {tensor.name!r} of shape {tuple(tensor.dims)} does not fit its {length} bytes."
        )
    array = np.fromfile(file, dtype, elements)
    if len(array) != elements:
        raise FileFormatError(f"{os.fspath(path)}: tensor {tensor.name!r} is cut short.")
    return _as_numbers(path, tensor, array.reshape(tuple(tensor.dims)))


def array_of(path: Any, tensor: Any) -> np.ndarray:
    """The array of a tensor that the library has read."""
    from onnx import numpy_helper

    if tensor.data_location == 1:
        return _outside(path, tensor)
    if tensor.HasField("segment") or any(n < 0 for n in tensor.dims) or count(tuple(tensor.dims)) is None:
        raise FileFormatError(f"{os.fspath(path)}: tensor {tensor.name!r} has shape {tuple(tensor.dims)}.")
    _stored(path, tensor)
    if tensor.raw_data:
        elements = count(tuple(tensor.dims)) or 0
        if elements * _stored(path, tensor).itemsize != len(tensor.raw_data):
            raise FileFormatError(f"{os.fspath(path)}: tensor {tensor.name!r} does not fit its bytes.")
        flat = np.frombuffer(tensor.raw_data, _stored(path, tensor)).reshape(tuple(tensor.dims))
        return _as_numbers(path, tensor, np.array(flat))
    try:
        array = np.asarray(numpy_helper.to_array(tensor))
    except Exception as error:  # the library raises what it happens to meet in a damaged tensor
        raise FileFormatError(f"{os.fspath(path)}: tensor {tensor.name!r} cannot be read ({error}).") from None
    if array.dtype.name.startswith(("bfloat16", "float8")):
        array = array.astype(np.float32)
    return np.array(array, array.dtype.newbyteorder("="))


_FLOAT8 = {17: "e4m3fn", 18: "e4m3fnuz", 19: "e5m2", 20: "e5m2fnuz", 24: "e8m0fnu"}
_BFLOAT16 = 16
_DTYPES = {1: "<f4", 2: "u1", 3: "i1", 4: "<u2", 5: "<i2", 6: "<i4", 7: "<i8", 9: "?", 10: "<f2", 11: "<f8",
           12: "<u4", 13: "<u8", _BFLOAT16: "<u2", **dict.fromkeys(_FLOAT8, "u1")}  # fmt: skip


def _stored(path: Any, tensor: Any) -> np.dtype[Any]:
    if tensor.data_type not in _DTYPES:
        from onnx import TensorProto

        known = TensorProto.DataType.values()
        kind = TensorProto.DataType.Name(tensor.data_type) if tensor.data_type in known else tensor.data_type
        raise FileFormatError(f"{os.fspath(path)}: tensor {tensor.name!r} holds numbers of type {kind}, which are not supported.")  # noqa: E501
    return np.dtype(_DTYPES[tensor.data_type])


def _as_numbers(path: Any, tensor: Any, array: np.ndarray) -> np.ndarray:
    if tensor.data_type == _BFLOAT16:
        return from_bfloat16(array)
    if tensor.data_type in _FLOAT8:
        return from_float8(array, _FLOAT8[tensor.data_type])
    check_booleans(path, tensor.name, array)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _outside(path: Any, tensor: Any) -> np.ndarray:
    """A tensor in a file of its own, which must lie in the model's folder."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    folder, location = Path(path).resolve().parent, entries.get("location", "")
    other = (folder / location).resolve()
    if not location or os.path.isabs(location) or folder not in other.parents or ".." in Path(location).parts:
        raise FileFormatError(
            f"{os.fspath(path)}: tensor {tensor.name!r} is in {location!r}; only files in the model's folder are read."
        )
    try:
        offset, length = int(entries.get("offset", 0)), entries.get("length")
        with open_file(other, "a file of tensors") as file:
            left = os.fstat(file.fileno()).st_size - offset
            if offset < 0 or left < 0:
                raise ValueError(f"offset {offset} is outside the file")
            file.seek(offset)
            return _from_bytes(path, file, tensor, left if length is None else int(length))
    except (ValueError, OSError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(f"{os.fspath(path)}: the data of tensor {tensor.name!r}: {error}") from None


# -- the encoding of the file ---------------------------------------------------------------------------------


def _stripped(file: IO[bytes], end: int, message: str, places: Places, number: int = 0) -> Iterator[bytes]:
    """A message of the file without the large bytes of initialisers, whose places are noted."""
    initialisers, seen = 0, 0
    while file.tell() < end:
        tag, raw = _varint(file)
        field, wire = tag >> 3, tag & 7
        if wire == 2:
            length, raw_length = _varint(file)
            start = file.tell()
            if length > end - start:
                raise EOFError(f"a field of {length} bytes, where {end - start} are left")
            below = {("model", MODEL_GRAPH): "graph", ("graph", GRAPH_INITIALISER): "tensor"}.get((message, field))
            if below is not None:
                inside = b"".join(_stripped(file, start + length, below, places, initialisers))
                initialisers += below == "tensor"
                yield raw + _encoded(len(inside)) + inside
            elif message == "tensor" and field == TENSOR_RAW and length >= LARGE:
                places[number] = start, length
                file.seek(length, os.SEEK_CUR)
            else:
                seen += length
                yield raw + raw_length + _read(file, length)
        else:
            yield raw + (_varint(file)[1] if wire == 0 else _read(file, {1: 8, 5: 4}.get(wire, -1)))
            seen += 8
        if seen > MOST_SKELETON:
            raise EOFError(f"more than {MOST_SKELETON} bytes beside its tensors")
    if file.tell() != end:
        raise EOFError("a field that goes beyond its message")


def _varint(file: IO[bytes]) -> tuple[int, bytes]:
    value, raw = 0, b""
    for shift in range(0, 70, 7):
        byte = _read(file, 1)
        raw += byte
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return value, raw
    raise EOFError("a number of more than 64 bits")


def _encoded(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read(file: IO[bytes], length: int) -> bytes:
    if length < 0:
        raise EOFError("a field of an unknown kind")
    found = file.read(length)
    if len(found) != length:
        raise EOFError("the end of the file inside a field")
    return found
