"""Gradients of all ranks made one: packed into flat buffers, added up bucket by bucket, in the same order everywhere.

A flat buffer holds the gradients of one dtype in reverse order of the parameters, about the order in which backward
finishes them.  Behind the gradients stand a few numbers that are added up along with them: for each parameter how
many ranks have a gradient of it, the weight of the batch, and how many ranks wish to stop.  So an update costs no
message beside its buckets.  Each backward has new buffers, and gradients become views of them: an array that a hook or
a user kept is never written to again.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from ..autodiff.world import ALONE, World, world
from ..core.register import hooks

BUCKET_BYTES = 4 * 2**20


class Layout:
    """Where each parameter's gradient stands in the flat buffers, and how these are cut into buckets."""

    def __init__(self, leaves: Sequence[Any], bucket_bytes: int, extra: int) -> None:
        self.leaves = [*reversed(leaves)]
        self.sizes: dict[np.dtype[Any], int] = {}
        self.places: dict[Any, tuple[np.dtype[Any], slice, int]] = {}  # leaf -> dtype, where, number of its bucket
        self.buckets: list[tuple[np.dtype[Any], int, int]] = []
        self.members: list[list[Any]] = []
        opened: dict[np.dtype[Any], int] = {}  # the bucket that is being filled
        for leaf in self.leaves:
            dtype = np.dtype(np.float32) if leaf.dtype == np.float16 else leaf.dtype.newbyteorder("=")
            start = self.sizes.get(dtype, 0)
            stop = self.sizes[dtype] = start + int(np.prod(leaf.shape))
            k = opened.get(dtype, -1)
            if k < 0 or (stop - self.buckets[k][1]) * dtype.itemsize > bucket_bytes:
                k = opened[dtype] = len(self.buckets)
                self.buckets.append((dtype, start, stop))
                self.members.append([])
            self.buckets[k] = (dtype, self.buckets[k][1], stop)
            self.members[k].append(leaf)
            self.places[leaf] = (dtype, slice(start, stop), k)
        dtype, start, stop = self.buckets[-1]
        self.sizes[dtype] = stop + len(leaves) + extra  # the numbers behind the last bucket, which is the last to go
        self.buckets[-1] = (dtype, start, self.sizes[dtype])
        self.tail = (dtype, slice(stop, self.sizes[dtype]))


class Sending:
    """The buffers of one backward on their way."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.flats = {dtype: np.empty(size, dtype) for dtype, size in layout.sizes.items()}
        self.waiting = [len(members) for members in layout.members]  # gradients that each bucket still lacks
        self.packed: set[Any] = set()
        self.sent: list[Future[None]] = []
        self.tail = self.flats[layout.tail[0]][layout.tail[1]]  # the numbers behind the gradients

    def pack(self, leaf: Any, gradient: Any) -> None:
        """Copy a gradient to its place, zeros for None."""
        if leaf in self.packed:
            raise RuntimeError(
                "distributed: a gradient came twice: an earlier backward ended in an error. Start again from the last "
                "checkpoint."
            )
        dtype, place, bucket = self.layout.places[leaf]
        self.flats[dtype][place] = 0 if gradient is None else np.asarray(gradient).reshape(-1)
        self.packed.add(leaf)
        self.waiting[bucket] -= 1

    def bucket(self, k: int) -> np.ndarray:
        """The part of a flat buffer that is one message."""
        dtype, start, stop = self.layout.buckets[k]
        return self.flats[dtype][start:stop]


class Reducer:
    """Makes the gradients that a backward found those of all ranks.

    Parameters
    ----------
    world : the ranks.
    parameters : gives the parameters, in an order that is the same on all ranks.
    bucket_bytes : the size of a message.
    overlap : send a bucket from another thread as soon as its gradients and those before it are complete, while
        backward goes on; otherwise all of them after it.

    Attributes
    ----------
    weight : how much this rank's gradients count, or None, for the plain mean over all ranks.  If it is a number, the
        gradients, which are weighted already, are added up, and so are the weights, into `total`.
    wish, agreed : whether this rank wishes to stop; whether any did, in the last exchange.
    """

    def __init__(
        self, world: World, parameters: Callable[[], list[Any]], *, bucket_bytes: int = BUCKET_BYTES,
        overlap: bool = False,
    ) -> None:  # fmt: skip
        self.world, self.parameters, self.bucket_bytes = world, parameters, bucket_bytes
        self.weight: float | None = None
        self.total = 0.0
        self.wish = self.agreed = False
        self._layout: Layout | None = None
        self._sending: Sending | None = None
        self._channel = world.twin() if overlap else None
        self._thread = ThreadPoolExecutor(1, "tinygrad_cnn gradients") if overlap else None
        _reducers.append(weakref.ref(self))
        hooks["reduced"] = _reduced
        if overlap:
            hooks["final"] = _final

    def layout(self) -> Layout:
        """Where gradients stand, made anew when the parameters are others."""
        leaves = [parameter.node for parameter in self.parameters()]
        if self._layout is None or self._layout.leaves != leaves[::-1]:
            self._layout = Layout(leaves, self.bucket_bytes, extra=2)
        return self._layout

    def final(self, leaf: Any, gradient: Any) -> None:
        """Take a complete gradient, and send the buckets that it fills."""
        if self._thread is None or self.world.size == 1:
            return
        if self._sending is None:
            layout = self.layout()
            if leaf not in layout.places:
                return
            self._sending = Sending(layout)
        if leaf in self._sending.layout.places:
            self._sending.pack(leaf, gradient)
            self._send_full(self._sending)

    def reduce(self, found: dict[Any, Any]) -> dict[Any, Any]:
        """Replace the gradients of this reducer's parameters by those of all ranks; the rest stays as it is.

        A parameter that has a gradient on some ranks only counts as zero on the others; one that has none anywhere
        gets none.
        """
        if self.world.size == 1:
            self.total, self.agreed, self._sending = self.weight or 0.0, self.wish, None
            return found
        layout = self.layout() if self._sending is None else self._sending.layout
        if not any(leaf in layout.places for leaf in found):
            return found
        sending, self._sending = self._sending or Sending(layout), None
        size = 0
        while size != self.world.size:  # a rank was lost on the way: again, for a sum over the same ranks throughout
            if size:
                sending = Sending(layout)
            size = self.world.size
            self._exchange(sending, found)
        self.total, self.agreed = float(sending.tail[-2]), bool(sending.tail[-1])
        return {**found, **_gradients(sending, 1 if self.weight is not None else size)}

    def _exchange(self, sending: Sending, found: dict[Any, Any]) -> None:
        """Pack what is not packed yet, and add up all buckets."""
        leaves = sending.layout.leaves
        for leaf in leaves:
            if leaf not in sending.packed:
                sending.pack(leaf, found.get(leaf))
        sending.tail[:-2] = [leaf in found for leaf in leaves]
        sending.tail[-2:] = self.weight or 0.0, self.wish
        self._send_full(sending)
        for future in sending.sent:
            future.result()
        for k in range(len(sending.sent), len(sending.layout.buckets)):
            self.world.all_reduce(sending.bucket(k))

    def _send_full(self, sending: Sending) -> None:
        """Hand the thread, in order, all buckets that are complete; the last one waits for what `reduce` puts in."""
        last = len(sending.waiting) - 1
        while self._thread is not None and self._channel is not None and (k := len(sending.sent)) < last:
            if sending.waiting[k]:
                return
            sending.sent.append(self._thread.submit(self._channel.all_reduce, sending.bucket(k)))


def _gradients(sending: Sending, divisor: int) -> dict[Any, np.ndarray]:
    """The gradients of all parameters of which any rank had one, as views of the buffers."""
    layout = sending.layout
    had = [bool(count) for count in sending.tail[:-2]]
    if divisor != 1:
        for flat in sending.flats.values():
            flat /= divisor
    gradients = {}
    for leaf, any_had in zip(layout.leaves, had, strict=True):
        if any_had:
            dtype, place, _ = layout.places[leaf]
            gradients[leaf] = sending.flats[dtype][place].reshape(leaf.shape).astype(leaf.dtype, copy=False)
    return gradients


_reducers: list[weakref.ref[Reducer]] = []  # in the order in which they were made, which is that of all ranks


def _living() -> list[Reducer]:
    found = [reducer for reference in _reducers if (reducer := reference()) is not None]
    if len(found) < len(_reducers):
        _reducers[:] = [reference for reference in _reducers if reference() is not None]
    return found


def _final(node: Any, gradient: Any) -> None:
    if node.op is None and world() is not ALONE:  # as in a block of `using(ALONE)`
        for reducer in _living():
            reducer.final(node, gradient)


def _reduced(found: dict[Any, Any]) -> dict[Any, Any]:
    if world() is ALONE:
        return found
    for reducer in _living():
        found = reducer.reduce(found)
    return found
