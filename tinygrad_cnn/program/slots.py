"""Slots of a recording: what stands in a program for each array, Tensor and generator that a call is given or gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import Tensor
from ..core.graph import Leaf
from ..core.modes import current
from ..core.site import caller_is_ours, here, line_of
from .arrays import Arrays, offset_of, view_of
from .generators import Generators
from .instructions import AsTensor, Call, Given, GradientOf, Program, Slot
from .measured import Measured

# parts of the package that stand between an op and whoever called it
BETWEEN = ("program", "core", "autodiff", "ops/methods.py")


def load(leaf: Tensor) -> np.ndarray:
    """The array that a Tensor has now."""
    return leaf._data


def gradient(leaf: Tensor) -> Any:
    """The gradient that a Tensor has now."""
    return leaf.node.grad


class Slots:
    """What a recording knows of values, and the calls that it has noted."""

    active = True

    def __init__(self, name: str) -> None:
        self.program = Program(name, [])
        self.arrays = Arrays()
        self.count = self.depth = self.stepping = 0
        self.refusals: list[str] = []
        self.arguments: dict[int, Given] = {}  # what stands for an argument, by the id of the Tensor
        self.tensors: dict[int, Any] = {}  # Tensors from outside, or what stands for them, by the id of their leaf
        self.made: dict[int, Any] = {}  # leaves that were made inside the function, by id
        self.idle: dict[int, Any] = {}  # Tensors that were seen to have no gradient
        self.numbers: list[tuple[Measured, Slot]] = []
        self.scalars: list[np.ndarray] = []  # what NumPy gave as scalars
        self.generators = Generators(self)
        self.kept: list[Any] = []  # objects whose ids are in tables

    def slot(self, kind: str, a: Any = None, **more: Any) -> Slot:
        """A new slot, for an array if there is one."""
        like = (a.shape, a.dtype) if isinstance(a, (np.ndarray, np.generic)) else ()
        made = Slot(self.count, kind, *like, **more)
        self.count += 1
        known = self.arrays.get(a) if like and kind == "temp" else None
        if like and (known is None or known.kind != "leaf"):  # an op may return its input: that stays the leaf's
            self.arrays.put(a, made)
        return made

    def given(self, value: Any) -> None:
        """Note an argument: an array, or a Tensor."""
        inputs = self.program.inputs
        if isinstance(value, Tensor):
            inputs.append(Given(len(inputs)))
            self.arguments.setdefault(id(value), inputs[-1])  # one object each, compared by identity
            self.kept.append(value)
        else:
            inputs.append(self.slot("input", value))

    def owner(self, t: Tensor) -> Any:
        """What stands for a leaf in the program: itself, or the argument that it is."""
        if id(t.node) not in self.tensors:
            self.tensors[id(t.node)] = self.arguments.get(id(t), t)
            self.kept.append(t.node)
        return self.tensors[id(t.node)]  # not t, which may be another Tensor around the same leaf

    def of(self, a: Any, t: Any = None) -> Slot:
        """The slot of an array, which may be that of a Tensor t."""
        found = self.arrays.get(a)
        if t is not None and self.is_outside(t, found):
            owner, version = self.owner(t), t.node.version
            if found is None or found.kind != "leaf" or found.owner is not owner or found.version != version:
                found = self.slot("leaf", a, owner=owner, version=version)
                self.program.calls.append(Call("load", load, "load", [owner], {}, found, here(), current().path))
            return found
        if found is not None:
            return found
        if isinstance(a, np.ndarray) and (whole := self.arrays.holder(a)) is not None:
            base, root = whole
            args = [root, offset_of(a, base), a.shape, a.strides, a.dtype]
            return self.emit("glue", view_of, "view", args, {}, a).out
        return self.outside(a)

    def is_outside(self, t: Tensor, found: Slot | None) -> bool:
        """Whether a Tensor is one from outside, whose array is read when it is used."""
        if not isinstance(t.node, Leaf) or id(t.node) in self.made:
            return False
        if found is None or id(t.node) in self.tensors:
            return True
        return found.kind == "leaf" and found.owner is self.arguments.get(id(t), t)

    def outside(self, a: Any) -> Slot:
        """A slot for an array from outside."""
        made = self.slot("outside", a, value=a, ours=self.called_by_us(), site=here())
        self.program.constants.append(made)
        return made

    def constant(self, a: Any) -> Slot:
        """A slot for an array that was made of numbers."""
        made = self.slot("constant", a, value=a, site=here())
        self.program.constants.append(made)
        return made

    def called_by_us(self) -> bool:
        """Whether the package, and not the user's code, called what runs now."""
        return caller_is_ours(BETWEEN)

    def spec(self, value: Any, owners: tuple[Tensor, ...] = ()) -> Any:
        """What stands for an argument: nested values with slots for arrays.  `owners` may have arrays as gradients."""
        if isinstance(value, np.ndarray):
            for t in owners:
                if t.node.grad is value:
                    return GradientOf(self.owner(t))
            return self.of(value)
        if isinstance(value, Measured):
            return self.measured(value)
        if isinstance(value, Tensor):
            if self.is_outside(value, self.arrays.get(value._data)):
                return self.owner(value)
            return AsTensor(self.of(value._data))
        if isinstance(value, np.random.Generator):
            return self.generators.spec(value)
        if type(value) in (list, tuple):
            return type(value)([self.spec(v, owners) for v in value])
        if type(value) is dict:
            return {k: self.spec(v, owners) for k, v in value.items()}
        return value

    def measured(self, number: Measured) -> Any:
        """A number that an effect returned can only be returned."""
        return next(slot for other, slot in self.numbers if other is number)

    def emit(
        self, kind: str, fn: Callable[..., Any], name: str, args: Any, params: dict[str, Any], y: Any, **more: Any
    ) -> Call:
        """Note a call and its result."""
        call = Call(kind, fn, name, args, params, None, here(), current().path, **more)
        call.out = self.outputs(y)
        self.program.calls.append(call)
        return call

    def outputs(self, y: Any) -> Any:
        """Slots for a result: an array, or a tuple or list of them."""
        if isinstance(y, (tuple, list)):
            return tuple([self.outputs(v) for v in y])
        return self.slot("temp", y) if isinstance(y, (np.ndarray, np.generic)) else None

    def refuse(self, what: str, remedy: str, site: Any = None) -> None:
        """Note why this run cannot become a program."""
        self.refusals.append(f"{what} at {line_of(site or here())}. {remedy}")

    def inside(self, fn: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """A call of which nothing inside is recorded."""
        self.depth += 1
        try:
            return fn(*args, **named)
        finally:
            self.depth -= 1
