"""What the functions of this part ask of their arguments, once for all of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autodiff.numbers import number
from ..ops._arguments import values

LARGEST = 1e100  # of a coordinate; areas beyond it would overflow


def _numbers(who: str, name: str, value: Any, columns: int) -> np.ndarray:
    """Rows of finite numbers as float64 (N, columns); an empty list has no rows."""
    given = values(value)
    try:
        array = np.asarray(given)
    except ValueError:
        raise ValueError(f"{who}: {name} has rows of different lengths; expected (N, {columns}).") from None
    if array.shape == (0,):
        array = np.zeros((0, columns))
    if array.ndim != 2 or array.shape[1] != columns or array.dtype.kind not in "iuf":
        raise ValueError(
            f"{who}: {name} has shape {array.shape} {array.dtype}, expected numbers of shape (N, {columns}); "
            f"one box alone is [[...]]."
        )
    array = array.astype(np.float64)
    wrong = np.flatnonzero(~(np.abs(array) <= LARGEST).all(1))  # which NaN is not either
    if wrong.size:
        raise ValueError(f"{who}: {name}[{wrong[0]}] = {_row(array[wrong[0]])} is not finite, or beyond {LARGEST:g}.")
    return array


def _row(row: np.ndarray) -> str:
    return "(" + ", ".join(f"{v:g}" for v in row) + ")"


def boxes_of(who: str, name: str, value: Any) -> np.ndarray:
    """Boxes as float64 (N, 4); each has its left edge left and its top on top."""
    boxes = _numbers(who, name, value, 4)
    wrong = np.flatnonzero((boxes[:, 2:] < boxes[:, :2]).any(1))
    if wrong.size:
        raise ValueError(
            f"{who}: {name}[{wrong[0]}] = {_row(boxes[wrong[0]])} is inverted: (x0, y0, x1, y1) needs x0 <= x1 and "
            f'y0 <= y1. Other forms are converted by convert_boxes(boxes, "cxcywh", "xyxy").'
        )
    return boxes


def sized_of(who: str, name: str, value: Any) -> np.ndarray:
    """Boxes as a place and a size, float64 (N, 4)."""
    boxes = _numbers(who, name, value, 4)
    wrong = np.flatnonzero((boxes[:, 2:] < 0).any(1))
    if wrong.size:
        raise ValueError(f"{who}: {name}[{wrong[0]}] = {_row(boxes[wrong[0]])} has a negative width or height.")
    return boxes


def sizes_of(who: str, name: str, value: Any) -> np.ndarray:
    """Widths and heights, all positive, as float64 (N, 2)."""
    sizes = _numbers(who, name, value, 2)
    wrong = np.flatnonzero((sizes <= 0).any(1))
    if wrong.size:
        raise ValueError(f"{who}: {name}[{wrong[0]}] = {_row(sizes[wrong[0]])}: width and height must be positive.")
    return sizes


def column_of(who: str, name: str, value: Any, rows: int | None, kinds: str = "iuf") -> np.ndarray:
    """One number for each of `rows` things; `kinds` are NumPy's letters: "iuf" numbers, "iu" whole ones, "b" truths."""
    try:
        array = np.asarray(values(value))
    except ValueError:
        raise ValueError(f"{who}: {name} has rows of different lengths; expected one axis.") from None
    if array.shape == (0,):
        array = array.astype({"b": bool, "iu": np.int64}.get(kinds, np.float64))
    words = {"b": "truth values", "iu": "whole numbers"}.get(kinds, "numbers")
    if array.ndim != 1 or (rows is not None and len(array) != rows) or array.dtype.kind not in kinds:
        shape = f"({'N' if rows is None else rows},)"
        raise ValueError(f"{who}: {name} has shape {array.shape} {array.dtype}, expected {words} of shape {shape}.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        place = int(np.flatnonzero(~np.isfinite(array))[0])
        raise ValueError(f"{who}: {name}[{place}] = {array[place]} is not finite.")
    return array


def length_of(who: str, name: str, value: Any) -> float:
    """A positive number, at most `LARGEST`."""
    return number(who, name, value, above=0, high=LARGEST)
