"""Programs as data: slots, calls of functions, and what stands in their arguments for a value that is not known yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..core import Tensor
from ..core.site import Site


@dataclass(eq=False)
class Slot:
    """One array of a program, by number.

    kind : "input" (an argument), "leaf" (the array of a Tensor, read when it is first used), "outside" (an array that
        is neither), "constant" (made of numbers), "object" (a random generator or its state), "temp" (a result).
    owner : of a leaf, the `Tensor`, or the `Given` argument that holds it.
    version : of a leaf, how often it had been assigned to.
    value : of an array from outside and of a constant, the array.
    ours : whether the package handed an array from outside to an op, and not the user's code.
    """

    n: int
    kind: str
    shape: tuple[int, ...] = ()
    dtype: np.dtype[Any] | None = None
    owner: Any = None
    version: int = 0
    value: Any = None
    ours: bool = False
    site: Site | None = None

    def __repr__(self) -> str:
        return f"v{self.n}"


@dataclass(frozen=True)
class Given:
    """The Tensor that is argument number n."""

    n: int

    def __repr__(self) -> str:
        return f"t{self.n}"


@dataclass(frozen=True, eq=False)
class AsTensor:
    """A Tensor around the array of a slot."""

    slot: Slot


@dataclass(frozen=True, eq=False)
class GradientOf:
    """The gradient that a leaf has when the call runs."""

    owner: Any


@dataclass(frozen=True, eq=False)
class GroupOf:
    """A group of an optimiser, by number: `load_state_dict` replaces the objects."""

    optimizer: Any
    k: int


@dataclass(frozen=True, eq=False)
class NodeOf:
    """The leaf of a Tensor."""

    owner: Any


class DefaultGenerator:
    """The default generator of the thread, when the call runs."""

    def __repr__(self) -> str:
        return "default_generator()"


DEFAULT = DefaultGenerator()


@dataclass(eq=False)
class Call:
    """One instruction: a function, and where its arguments come from.

    kind : "op", "rule", "glue" (work of the engine), "effect", "numpy", "load" (of a leaf's array).
    args, params : nested lists, tuples and dicts of slots, stand-ins and plain values.
    out : the slot of the result, a tuple of them, or None.
    alone : whether the function's result is made an array, if it is a scalar of NumPy's.
    """

    kind: str
    fn: Callable[..., Any]
    name: str
    args: Any
    params: dict[str, Any]
    out: Any
    site: Site | None = None
    path: str = ""
    op: Any = None
    alone: bool = False

    def reads(self) -> Iterator[Slot]:
        """The slots that it reads."""
        yield from slots_in((self.args, self.params))

    def makes(self) -> Iterator[Slot]:
        """The slots that it fills."""
        yield from slots_in(self.out)


@dataclass(eq=False)
class Program:
    """A recorded function: what an exporter, a drawing and a replay read.

    inputs : the slot of each array among the arguments, the `Given` of each Tensor.
    calls : in the order in which they ran.
    outputs : the result, with slots and stand-ins for arrays and Tensors.
    constants : slots of arrays that no call makes.
    modules : those that ran, with their mode.
    """

    name: str
    inputs: list[Any]
    calls: list[Call] = field(default_factory=list)
    outputs: Any = None
    constants: list[Slot] = field(default_factory=list)
    modules: dict[Any, bool] = field(default_factory=dict)

    @cached_property
    def objects(self) -> list[Any]:
        """What stands in arguments beside slots, each once: Tensors, optimisers, generators.  Of a finished program."""
        return list({id(value): value for value in self.stand_ins()}.values())

    def leaves(self) -> dict[int, Tensor]:
        """The Tensors from outside that it reads or changes, by id, in the order of their first use."""
        found: dict[int, Tensor] = {}
        for value in self.stand_ins():
            if isinstance(value, Tensor):
                found.setdefault(id(value), value)
        return found

    def state(self) -> list[Tensor]:
        """The Tensors from outside that effects write to: weights, and running statistics that ops move."""
        found: dict[int, Tensor] = {}
        for call in self.calls:
            if call.kind == "effect":
                found |= {id(v): v for v in atoms((call.args, call.params)) if isinstance(v, Tensor)}
            for name in call.op.effects if call.kind == "op" else ():
                holder = getattr(getattr(call.params[name], "func", None), "__self__", None)
                found |= {id(v): v for v in vars(holder).values() if _is_buffer(v)} if holder is not None else {}
        return list(found.values())

    def stand_ins(self) -> Iterator[Any]:
        """Whatever stands in arguments and owners beside slots."""
        for call in self.calls:
            for value in atoms((call.args, call.params, call.out)):
                yield from (value.owner,) if isinstance(value, (Slot, GradientOf, NodeOf)) else (value,)
        for value in atoms(self.outputs):
            yield value


def _is_buffer(value: Any) -> bool:
    return isinstance(value, Tensor) and not value.requires_grad


def atoms(value: Any) -> Iterator[Any]:
    """What is in nested lists, tuples and dicts, keys included."""
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from atoms(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from atoms(key)
            yield from atoms(one)
    elif isinstance(value, AsTensor):
        yield value.slot
    else:
        yield value


def slots_in(value: Any) -> Iterator[Slot]:
    """The slots in nested lists, tuples and dicts."""
    for one in atoms(value):
        if isinstance(one, Slot):
            yield one
