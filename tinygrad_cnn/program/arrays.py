"""Which slot an array belongs to, by identity and by memory; arrays are held weakly: recording keeps none alive."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from .instructions import Slot


def _address(a: np.ndarray) -> int:
    address: int = a.__array_interface__["data"][0]
    return address


def _place(a: np.ndarray) -> tuple[Any, ...]:
    """Where an array is in memory, and how it is read."""
    return _address(a), a.shape, a.strides, a.dtype.str


def is_same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays show the same memory in the same way."""
    return a is b or _place(a) == _place(b)


class Arrays:
    """The slots of the arrays that are alive."""

    def __init__(self) -> None:
        self._by_id: dict[int, tuple[Any, Slot]] = {}
        self._by_place: dict[Any, tuple[Any, Slot]] = {}

    def put(self, a: Any, slot: Slot) -> None:
        """Note that `slot` holds what `a` holds now."""
        if not isinstance(a, np.ndarray):  # a scalar of NumPy's, which cannot be held weakly
            self._by_id[id(a)] = (lambda: a), slot
            return
        key, place = id(a), _place(a)

        def forget(gone: Any) -> None:
            tables: tuple[tuple[dict[Any, Any], Any], ...] = (self._by_id, key), (self._by_place, place)
            for table, at in tables:
                if (found := table.get(at)) is not None and found[0] is gone:
                    del table[at]

        ref = weakref.ref(a, forget)
        self._by_id[key] = ref, slot
        if a.size:
            self._by_place[place] = ref, slot

    def get(self, a: Any) -> Slot | None:
        """The slot of an array, or of one that shows the same memory in the same way."""
        found = self._by_id.get(id(a))
        if found is not None and found[0]() is a:
            return found[1]
        if isinstance(a, np.ndarray) and a.size:
            found = self._by_place.get(_place(a))
            if found is not None and found[0]() is not None:
                return found[1]
        return None

    def holder(self, a: np.ndarray) -> tuple[np.ndarray, Slot] | None:
        """A known array of which `a` is a view, and its slot."""
        base = a.base
        while isinstance(base, np.ndarray):
            slot = self.get(base)
            if slot is not None and base.flags.c_contiguous:
                return base, slot
            base = base.base
        if a.base is None:
            return None
        for ref, slot in list(self._by_place.values()):  # a sibling that shows at least as much of the memory
            other = ref()
            if other is not None and other.flags.c_contiguous and _is_within(a, other):
                return other, slot
        return None


def _is_within(a: np.ndarray, other: np.ndarray) -> bool:
    """Whether all elements of `a` lie in the memory of `other`, which has no gaps."""
    if not a.size:
        return False
    reach = [(n - 1) * stride for n, stride in zip(a.shape, a.strides, strict=True)]
    low = _address(a) + sum(r for r in reach if r < 0)
    high = _address(a) + sum(r for r in reach if r > 0) + a.itemsize
    return _address(other) <= low and high <= _address(other) + other.nbytes


def offset_of(a: np.ndarray, base: np.ndarray) -> int:
    """How many bytes behind the first element of `base` that of `a` is."""
    return _address(a) - _address(base)


def view_of(base: np.ndarray, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], dtype: Any) -> np.ndarray:
    """A view of an array without gaps: `offset` bytes behind its first element."""
    view: np.ndarray = np.ndarray(shape, dtype, base, offset, strides)
    return view
