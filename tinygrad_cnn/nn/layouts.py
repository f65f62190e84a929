"""How the arrays of a layer stand in other frameworks: facts that a layer declares, and what reads them.

A class of layers says it in `in_torch` and `in_keras`: by the name of an attribute, its `Layout` there.  What is not in
them has the same name, axes and values.  `tg.io.from_torch`, `to_torch` and `from_keras` ask here, and so does
`load_state_dict`, which notices weights that nobody has turned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .parameter import Parameter

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """One array of a layer as another framework keeps it.

    Parameters
    ----------
    name : there, below the name of the layer; the same as here if empty.
    axes : theirs is ``ours.transpose(axes)``; None for the same order.
    shape : a function of our shape, with which ours is reshaped before its axes are turned.
    blocks : ours is cut into this many equal blocks along its last axis, and theirs has them in this order, as the
        gates of a recurrent layer.
    part : (k, n): ours is block k of n along the first axis of theirs, as the queries in a joint projection.
    plus : names of arrays there that are added to it, as the second bias of a recurrent layer; written as zeros.

    >>> from tinygrad_cnn.nn.layouts import Layout
    >>> dense = Layout("kernel", axes=(1, 0))
    >>> dense.there(np.zeros((3, 2))).shape, dense.here(np.zeros((2, 3)), (3, 2)).shape
    ((2, 3), (3, 2))
    """

    name: str = ""
    axes: tuple[int, ...] | None = None
    shape: Callable[[Shape], Shape] | None = None
    blocks: tuple[int, ...] = ()
    part: tuple[int, int] = (0, 1)
    plus: tuple[str, ...] = ()

    def _blocked(self, ours: np.ndarray, order: Any) -> np.ndarray:
        if not self.blocks:
            return ours
        cut = ours.reshape(*ours.shape[:-1], len(self.blocks), -1)
        return cut[..., list(order), :].reshape(ours.shape)

    def there(self, ours: np.ndarray) -> np.ndarray:
        """Ours as it stands there, or the part of theirs that it is."""
        theirs = self._blocked(ours, self.blocks)
        theirs = theirs if self.shape is None else theirs.reshape(self.shape(ours.shape))
        return theirs if self.axes is None else theirs.transpose(self.axes)

    def here(self, theirs: np.ndarray, shape: Shape) -> np.ndarray:
        """Theirs as it stands here, in our `shape`."""
        k, n = self.part
        ours = theirs if n == 1 else np.split(theirs, n)[k]
        ours = ours if self.axes is None else ours.transpose(np.argsort(self.axes))
        return self._blocked(ours.reshape(shape), np.argsort(self.blocks))

    def shape_there(self, shape: Shape) -> Shape:
        """The shape of theirs, of which ours of `shape` may be a part."""
        first, *rest = self.there(np.broadcast_to(np.float32(0), shape)).shape or (1,)
        return (first * self.part[1], *rest) if shape else ()

    @property
    def words(self) -> str:
        """What happens to the array, for a report."""
        done = ["reshaped"] if self.shape is not None else []
        done += [f"axes {tuple(map(int, np.argsort(self.axes)))}"] if self.axes is not None else []
        done += ["blocks in our order"] if self.blocks else []
        done += [f"part {self.part[0] + 1} of {self.part[1]}"] if self.part[1] > 1 else []
        return ", ".join(done) or "as it is"


@dataclass(frozen=True)
class Theirs:
    """An array that stands in the other framework only, with the value to write there."""

    value: Any = 0


SAME = Layout()


@dataclass(frozen=True)
class Place:
    """Where one array stands: its path `here` and name `there`, the tensor (None for what is theirs only)."""

    here: str
    there: str
    layer: Any  # the module that declares it
    path: str  # of that module
    tensor: Any
    layout: Layout
    buffer: bool = False
    value: Any = None  # of what is theirs only

    @property
    def names(self) -> list[str]:
        """All names there whose arrays make up ours: its own, and those that are added to it."""
        own = self.layout.name or self.here.removeprefix(f"{self.path}.")
        beside = self.there.removesuffix(own).removesuffix(".")
        return [self.there, *(join(beside, more) for more in self.layout.plus)]


def places(model: Any, framework: str) -> list[Place]:
    """Every parameter and buffer of a model with its place in a framework, "torch" or "keras".

    What stands under several names here does so there: it comes once for each.
    """
    found: list[Place] = []
    claimed: set[str] = set()
    for path, layer in _named_layers(model):
        declared: Mapping[str, Layout | Theirs] = getattr(layer, f"in_{framework}", {})
        kept = layer._buffers
        own = {name: value for name, value in vars(layer).items() if isinstance(value, Parameter) or name in kept}
        own |= {name: _at(layer, name) for name in declared if "." in name}
        for name, tensor in own.items():
            here, layout = join(path, name), declared.get(name, SAME)
            if tensor is None or here in claimed or not isinstance(layout, Layout):
                continue
            claimed.add(here)
            there = join(path, layout.name or name)
            buffer = not isinstance(tensor, Parameter)
            found.append(Place(here, there, layer, path, tensor, layout, buffer))
        for name, theirs in declared.items():
            if isinstance(theirs, Theirs):
                found.append(Place("", join(path, name), layer, path, None, SAME, True, theirs.value))
    return found


def _named_layers(model: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Modules with their paths, under each name that they have, parents first."""
    stack = [(path, model)]
    while stack:
        path, layer = stack.pop()
        yield path, layer
        stack += reversed([(join(path, name), child) for name, child in layer.named_children()])


def _at(layer: Any, path: str) -> Any:
    for name in path.split("."):
        layer = getattr(layer, name)
    return layer


def join(path: str, name: str) -> str:
    """The path of what is called `name` below `path`; either may be empty."""
    return f"{path}.{name}" if path and name else path or name
