"""What `ArrayDataset` asks of the arrays that it is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..autodiff.numbers import whole
from ..core.errors import describe
from ..detection._check import boxes_of
from .collating import BOXES


def check_inputs(name: str, inputs: Any, channel_axis: bool) -> Any:
    """The inputs as read-only arrays in their structure; those of images have a channel axis."""

    def checked(value: Any, where: str, _: bool) -> np.ndarray:
        array = _array(name, where or "images", value)
        if array.dtype.kind not in "iuf" or (array.dtype.kind in "iu" and array.dtype != np.uint8 and array.ndim > 2):
            raise TypeError(
                f"{name}: {where or 'images'} must be uint8 (0..255) or floating, got dtype {array.dtype}. "
                "Convert them to floats of the range you want."
            )
        if array.ndim == 0:
            raise ValueError(f"{name}: {where or 'inputs'} must have an axis for the samples, got a number.")
        if array.ndim == 3 and channel_axis:
            array = array[..., None]
        _check_finite(name, where, "image" if array.ndim == 4 else "input", array)
        return _read_only(array)

    return _each(checked, inputs, "inputs")


def check_targets(name: str, targets: Any, count: int, classes: tuple[str, ...], ignore_index: int | None) -> Any:
    """The targets in their structure: read-only arrays and lists of them."""
    if ignore_index is not None:
        ignore_index = whole("ArrayDataset", "ignore_index", ignore_index, None)
    alone = not isinstance(targets, (Mapping, tuple))

    def checked(value: Any, where: str, beside_boxes: bool) -> Any:
        if _has_own_shapes(value, beside_boxes):
            if len(value) != count:
                raise ValueError(
                    f"{name}: {count} inputs need {count} entries of {where or 'targets'}, got {len(value)}."
                )
            return _listed(name, where or "targets", value)
        array = _array(name, where or "labels", value)
        if array.size == 0 and array.ndim == 1:
            array = array.astype(np.int64)
        _check_kind(name, where or "labels", array, bool(classes) and alone)
        _check_count(name, where, array, count)
        if array.dtype.kind == "f":
            _check_finite(name, where, "target", array)
            return _read_only(array.astype(np.float32, copy=False))
        if alone and not (array.dtype == np.uint8 and array.ndim > 3):
            _check_classes(name, array, classes, ignore_index)
        return _read_only(array.astype(np.int64) if array.ndim == 1 else array)

    made = None if targets is None else _each(checked, targets, "targets")
    if isinstance(made, dict) and BOXES in made and isinstance(made.get("labels"), list) and classes:
        for k, row in enumerate(made["labels"]):
            _check_classes(name, row, classes, ignore_index, k)
    return made


def _each(check: Any, part: Any, root: str, where: str = "", beside: bool = False) -> Any:
    """The same structure of checked arrays; each check gets its place ("" if alone), and whether it is beside boxes."""
    if isinstance(part, Mapping):
        return {
            key: _each(check, value, root, f"{where or root}[{key!r}]", BOXES in part) for key, value in part.items()
        }
    if isinstance(part, tuple):
        return tuple(_each(check, value, root, f"{where or root}[{k}]") for k, value in enumerate(part))
    return check(part, where, beside)


def _array(name: str, noun: str, value: Any) -> np.ndarray:
    try:
        return np.asarray(value)
    except (TypeError, ValueError):  # rows of different lengths; a Tensor of a graph
        raise TypeError(f"{name}: {noun} must be an array with a first axis for the samples, "
                        f"got {describe(value)}.") from None  # fmt: skip


def _read_only(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view


def _check_finite(name: str, where: str, noun: str, array: np.ndarray) -> None:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        first, *rest = (int(k) for k in np.argwhere(~np.isfinite(array))[0])
        place = f" at {'(row, column, channel) ' if array.ndim == 4 else ''}{tuple(rest)}" if rest else ""
        shown = f"{noun} {first}" if not where else f"{where}[{first}]"
        raise ValueError(f"{name}: {shown} holds {array.item(first, *rest)}{place}.")


def _check_kind(name: str, noun: str, array: np.ndarray, in_classes: bool) -> None:
    kind = array.dtype.kind
    if kind in "iu" or (kind == "f" and not (in_classes and array.ndim == 1)):
        return
    numbered = "Number them: classes, labels = np.unique(names, return_inverse=True)."
    remedies = {"f": "Leave classes out to train on numbers.", "b": "Convert them by astype(np.int64).", "U": numbered}
    remedy = remedies.get(kind, "")
    raise TypeError(f"{name}: {noun} must be whole numbers (class indices), got dtype {array.dtype}. {remedy}".rstrip())


def _check_count(name: str, where: str, array: np.ndarray, count: int) -> None:
    column = array.ndim == 2 and array.shape[1] == 1 and array.dtype.kind in "iu"
    if array.ndim < 2 or column:
        wanted, fits = f"labels of shape ({count},)", array.shape == (count,)
    else:
        wanted, fits = f"targets of shape ({count}, ...)", len(array) == count
    if not fits:
        place = f" in {where}" if where else ""
        raise ValueError(f"{name}: {count} images need {wanted}{place}, got {array.shape}.")


def _check_classes(
    name: str, array: np.ndarray, classes: tuple[str, ...], ignore_index: int | None, sample: int | None = None
) -> None:
    """Refuse indices that are not of a class, in an array of all samples or in that of the boxes of one `sample`."""
    bad = (array < 0) | (array >= len(classes)) if classes else array < 0
    if ignore_index is not None:
        bad &= array != ignore_index
    if not bad.any():
        return
    at = tuple(int(k) for k in np.argwhere(bad)[0])
    first, *rest = at if sample is None else (sample, *at)
    rule = f"0 to {len(classes) - 1} for {len(classes)} classes" if classes else "at least 0"
    place = "" if not rest else f" at {tuple(rest)}" if sample is None else f" (box {rest[0]})"
    rule += ". For pixels without a class, pass ignore_index" if array.ndim > 1 and ignore_index is None else ""
    raise ValueError(f"{name}: label {array.item(*at)} of sample {first}{place} is out of range: {rule}.")


# -- lists: an entry for each sample, of a shape of its own --------------------------------------------------------


def _has_own_shapes(value: Any, beside_boxes: bool) -> bool:
    """Whether this is a list of dicts, of boxes or what belongs to them, or of arrays that cannot be stacked."""
    if not isinstance(value, list) or not value or np.isscalar(value[0]):
        return False
    if all(isinstance(entry, Mapping) for entry in value):
        return True
    shapes = [np.shape(entry) for entry in value]
    boxes = len(shapes[0]) == 2 and shapes[0][1] == 4
    return len(set(shapes)) > 1 or boxes or (beside_boxes and len(shapes[0]) == 1)


def _listed(name: str, noun: str, values: list[Any]) -> Any:
    """A list of read-only arrays, or of dicts a dict of such lists."""
    if isinstance(values[0], Mapping):
        for k, value in enumerate(values):
            if not isinstance(value, Mapping) or value.keys() != values[0].keys():
                raise TypeError(
                    f"{name}: {noun}[{k}] must be a dict of {', '.join(map(repr, values[0]))}, as the first."
                )
        made = {key: _listed(name, f"{noun}[{key!r}]", [value[key] for value in values]) for key in values[0]}
        for key in made.keys() if BOXES in made else ():
            for k, (boxes, beside) in enumerate(zip(made[BOXES], made[key], strict=True)):
                if beside.ndim and len(beside) != len(boxes):
                    raise ValueError(f"{name}: {noun}[{k}] has {len(boxes)} boxes and {len(beside)} of {key!r}.")
        return made
    arrays = [_array(name, f"{noun}[{k}]", value) for k, value in enumerate(values)]
    boxes = any(array.ndim == 2 and array.shape[1] == 4 for array in arrays)
    if not boxes and {array.dtype.kind for array in arrays if array.size} <= {"i", "u"}:
        arrays = [array if array.size else array.astype(np.int64) for array in arrays]  # an empty list is of floats
    return [_entry(name, f"{noun}[{k}]", array, boxes) for k, array in enumerate(arrays)]


def _entry(name: str, noun: str, array: np.ndarray, boxes: bool) -> np.ndarray:
    if boxes:
        array = boxes_of("ArrayDataset", noun, array)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name}: {noun} must be numbers, got dtype {array.dtype}.")
    return _read_only(array.astype(np.float32 if array.dtype.kind == "f" else np.int64))
