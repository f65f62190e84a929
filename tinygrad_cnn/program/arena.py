"""Plan the memory of a lowered program: results of kernels share one block wherever their lives do not meet."""

from __future__ import annotations

from typing import Any

import numpy as np

from .instructions import Program, Slot, slots_in

LINE = 64  # bytes: where each array begins


def buffers(program: Program, roots: dict[Slot, Slot]) -> dict[Slot, np.ndarray]:
    """Memory for the results of kernels and elementwise functions, by slot.

    Results that leave the program, or that effects are given, are not among them: these may be kept by others.
    """
    lives, size = _lives(program, roots), 0
    placed: list[tuple[int, int, int, int, Slot]] = []  # offset, end, first, last
    for slot in sorted(lives, key=lambda slot: -_bytes(slot)):
        first, last = lives[slot]
        taken = sorted([(at, end) for at, end, f, n, _ in placed if f <= last and first <= n])
        at = _gap(taken, _bytes(slot))
        placed.append((at, at + _bytes(slot), first, last, slot))
        size = max(size, at + _bytes(slot))
    block = np.empty(size + LINE, np.uint8)
    start = -block.__array_interface__["data"][0] % LINE
    return {slot: np.ndarray(slot.shape, slot.dtype, block, start + at) for at, _, _, _, slot in placed}


def size_of(memory: dict[Slot, np.ndarray]) -> int:
    """The bytes of the block that buffers share."""
    block = next(iter(memory.values())).base if memory else None
    return block.nbytes if isinstance(block, np.ndarray) else 0


def _bytes(slot: Slot) -> int:
    assert slot.dtype is not None
    size = int(np.prod(slot.shape)) * slot.dtype.itemsize
    return -(-size // LINE) * LINE


def _gap(taken: list[tuple[int, int]], size: int) -> int:
    """The offset of the smallest gap that fits, else that behind the last."""
    best, at, free = None, 0, 0
    for begin, end in taken:
        if free + size <= begin and (best is None or begin - free < best):
            best, at = begin - free, free
        free = max(free, end)
    return free if best is None else at


def _lives(program: Program, roots: dict[Slot, Slot]) -> dict[Slot, tuple[int, int]]:
    """First and last use of each buffer, by itself or by what shows its memory."""

    def root(slot: Slot) -> Slot:
        while slot in roots:
            slot = roots[slot]
        return slot

    kept = {root(slot) for slot in slots_in(program.outputs)}
    lives: dict[Slot, tuple[int, int]] = {}
    for k, call in enumerate(program.calls):
        if call.kind in ("kernel", "ufunc"):
            lives |= dict.fromkeys(call.makes(), (k, k))
        for slot in (*call.reads(), *call.makes()):
            if (one := root(slot)) in lives:
                lives[one] = lives[one][0], k
            if call.kind == "effect":
                kept.add(one)
    return {slot: life for slot, life in lives.items() if slot not in kept}


def bound(program: Program, roots: dict[Slot, Slot]) -> int:
    """The most bytes that live at one time: what no plan can do without."""
    lives: Any = _lives(program, roots)
    return max([sum([_bytes(s) for s, (f, n) in lives.items() if f <= k <= n]) for k in range(len(program.calls))],
               default=0)  # fmt: skip
