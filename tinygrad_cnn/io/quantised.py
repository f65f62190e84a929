"""`load_quantised`: weights of a byte or two each, with a manifest in JSON that says what they stand for."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ..autodiff.calls import named
from .checked import check_booleans, count, open_file
from .errors import FileFormatError

DTYPES = {
    "float32": "<f4", "float16": "<f2", "int32": "<i4", "uint8": "u1", "uint16": "<u2", "bool": "?", "complex64": "<c8",
}  # fmt: skip
QUANTISED = ("uint8", "uint16", "float16")
MOST_BYTES = 1 << 24  # of a manifest


@named
def load_quantised(manifest_path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Read weights in TensorFlow.js's layout, quantised or not: name -> array.

    The manifest is a JSON list of groups ``{"paths": [...], "weights": [{"name", "shape", "dtype", "quantization":
    {"dtype", "scale", "min"}}, ...]}``, or a model file with that list as ``weightsManifest``.  A group's files, taken
    one after the other, hold its weights in order.  A quantised value is ``integer * scale + min``, computed in float32
    (rounded, where the weight is int32); float16 becomes float32 without scale and min.

    Parameters
    ----------
    manifest_path : the JSON file; the files it names must lie in its folder or below.

    Raises
    ------
    FileFormatError : manifest or files are foreign, cut short, too long, inconsistent, or outside the folder; the
        message names the file.
    """
    path = Path(manifest_path)
    found: dict[str, np.ndarray] = {}
    seen: set[Path] = set()
    for group in _manifest(path):
        files = [_inside(path, name) for name in _entry(path, group, "paths", list)]
        for file in files:
            if file in seen:
                raise FileFormatError(f"{path}: names the file {file.name[:100]!r} twice.")
            seen.add(file)
        data = _Data(path, files)
        for weight in _entry(path, group, "weights", list):
            name = _entry(path, weight, "name", str)
            if name in found:
                raise FileFormatError(f"{path}: two weights are named {name[:100]!r}.")
            found[name] = _weight(path, name, weight, data)
        data.finish()
    return found


def _manifest(path: Path) -> list[Any]:
    import json

    with open_file(path, "a weights manifest") as file:
        text = file.read(MOST_BYTES + 1)
    if len(text) > MOST_BYTES:
        raise FileFormatError(f"{path}: a weights manifest has at most {MOST_BYTES} bytes, this file has more.")
    try:
        groups = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"{path}: not a JSON file ({type(error).__name__}: {str(error)[:100]}).") from None
    if isinstance(groups, dict):
        groups = groups.get("weightsManifest")
    if not isinstance(groups, list) or not groups:
        raise FileFormatError(f"{path}: not a weights manifest; that is a list of groups with 'paths' and 'weights'.")
    return groups


def _entry(path: Path, holder: Any, key: str, kind: type) -> Any:
    """An entry of a JSON object, of the type it must have."""
    value = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(value, kind):
        raise FileFormatError(f"{path}: something in it has no {key!r} of type {kind.__name__}.")
    return value


class _Data:
    """The files of a group as one row of bytes; no more is read than they have."""

    def __init__(self, manifest: Path, files: list[Path]) -> None:
        self.manifest, self.files, self.at = manifest, files, 0
        parts = []
        for file in files:
            with open_file(file, "a file of weights") as opened:
                parts.append(opened.read())
        self.bytes = b"".join(parts)

    @property
    def names(self) -> str:
        return ", ".join(map(str, self.files)) or str(self.manifest)

    def take(self, name: str, shape: Any, dtype: np.dtype[Any]) -> np.ndarray:
        size = count(shape) if isinstance(shape, list) else None
        if size is None:
            raise FileFormatError(f"{self.manifest}: weight {name[:100]!r} has a shape that no array can have.")
        length, left = size * dtype.itemsize, len(self.bytes) - self.at
        if length > left:
            raise FileFormatError(
                f"{self.names}: cut short: weight {name[:100]!r} of shape {tuple(shape[:8])} needs {length} bytes, "
                f"{left} are left."
            )
        array = np.frombuffer(self.bytes, dtype, size, self.at).reshape(shape)
        self.at += length
        return array

    def finish(self) -> None:
        if more := len(self.bytes) - self.at:
            raise FileFormatError(f"{self.names}: {more} bytes are left over after the last weight.")


def _inside(manifest: Path, name: Any) -> Path:
    """A file that the manifest names, in its folder or below; no way out by ``..``, a root, a drive or a link."""
    parts = PurePosixPath(name).parts if isinstance(name, str) else ()
    if not parts or ".." in parts or name.startswith("/") or any(c in name for c in "\\:\0"):
        raise FileFormatError(f"{manifest}: path {str(name)[:100]!r} does not stay in the manifest's folder.")
    found = manifest.parent.joinpath(*parts)
    if not found.resolve().is_relative_to(manifest.parent.resolve()):
        raise FileFormatError(f"{manifest}: path {name[:100]!r} leads out of the manifest's folder.")
    if not found.is_file():
        raise FileFormatError(f"{manifest}: names {name[:100]!r}, and there is no such file beside it.")
    return found


def _weight(path: Path, name: str, weight: dict[str, Any], data: _Data) -> np.ndarray:
    dtype = weight.get("dtype")
    if not isinstance(dtype, str) or dtype not in DTYPES:
        known = ", ".join(DTYPES)
        raise FileFormatError(f"{path}: weight {name[:100]!r} has dtype {str(dtype)[:40]!r}; known are {known}.")
    if "quantization" not in weight:
        array = data.take(name, weight.get("shape"), np.dtype(DTYPES[dtype]))
        check_booleans(data.names, name, array)
        return np.array(array, array.dtype.newbyteorder("="))
    stored, scale, low = _quantisation(path, name, dtype, weight["quantization"])
    small = data.take(name, weight.get("shape"), np.dtype(DTYPES[stored]))
    values = small.astype(np.float32)
    if stored != "float16":
        with np.errstate(over="ignore"):
            values *= np.float32(scale)
            values += np.float32(low)
    if not np.isfinite(values).all():
        raise FileFormatError(f"{path}: weight {name[:100]!r} has values beyond float32 (scale {scale}, min {low}).")
    if dtype != "int32":
        return values
    if values.size and np.abs(values).max() >= 2**31:
        raise FileFormatError(f"{path}: weight {name[:100]!r} has values beyond int32 (scale {scale}, min {low}).")
    return np.rint(values).astype(np.int32)


def _quantisation(path: Path, name: str, dtype: str, given: Any) -> tuple[str, float, float]:
    """What is stored, and the scale and minimum that turn it into values."""
    stored = _entry(path, given, "dtype", str)
    if stored not in QUANTISED or dtype not in ("float32", "int32") or (stored == "float16" and dtype != "float32"):
        raise FileFormatError(f"{path}: weight {name[:100]!r}: {stored[:40]!r} cannot stand for {dtype}.")
    if stored == "float16":
        return stored, 1.0, 0.0
    scale, low = given.get("scale"), given.get("min")
    for value in (scale, low):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not abs(value) <= 1e38:  # not a number is not smaller either
            raise FileFormatError(f"{path}: weight {name[:100]!r} needs a finite scale and min, in float32's range.")
    return stored, scale, low
