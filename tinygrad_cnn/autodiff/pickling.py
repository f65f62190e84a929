"""Copies and pickles of Tensors, of the graphs behind them, and of ops.

For `copy.deepcopy` and for process pools.  Files are never read this way: unpickling runs what the pickle says.

A graph of any length is copied without recursion.  The state of a Tensor begins with all nodes behind it, inputs before
consumers, so each node finds its inputs copied already.  Tensors that are pickled together share nodes as before.
"""

from __future__ import annotations

import pickle
from functools import cache
from importlib import import_module
from typing import Any

from ..core.graph import Leaf, Node, Released, all_inputs, clock, walk
from ..core.operation import Op
from ..core.register import hooks, registry
from ..core.rules import Plan, plan_for
from ..core.site import Site, line_of
from ..core.tensor import Tensor

Place = tuple[str, int]  # in the code: file and line


class CopiedTensor(Tensor):
    """How a Tensor is copied and pickled: its values, its slots, and its graph."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: Any) -> Any:
        before = () if isinstance(self.node, Leaf) else walk([self.node], all_inputs)
        state: Any = object.__reduce_ex__(self, 2)
        return _tensor, (type(self), before), state[2]


def _tensor(kind: type[Tensor], before: Any) -> Tensor:
    """A Tensor whose state follows; `before` are the nodes behind it, which exist from now on."""
    return kind.__new__(kind)


# -- nodes ----------------------------------------------------------------------------------------------------

_KEPT = ("requires_grad", "name", "grad", "retains_grad", "version", "path", "note", "why", "part")


class CopiedLeaf(Leaf):
    """How a leaf is copied: weak references stay behind, and places in the code are text."""

    __slots__ = ()

    def __reduce__(self) -> Any:
        fixed = self.shape, self.dtype, self.given, self.assigned, _text(self.assigned_at), _text(self.site)
        return _leaf, fixed, (None, {name: getattr(self, name) for name in _KEPT})


def _leaf(shape: Any, dtype: Any, given: bool, assigned: int, assigned_at: Place | None, site: Place | None) -> Leaf:
    leaf = Leaf(shape, dtype, given)
    leaf.assigned, leaf.assigned_at, leaf.site = assigned, _site(assigned_at), _site(site)
    clock.now = max(clock.now, assigned)  # in another process: what is recorded from now on is newer
    return leaf


class CopiedNode(Node):
    """How a node is copied: the op by name, the arrays it saved, and where it was recorded, as text."""

    __slots__ = ()

    def __reduce__(self) -> Any:
        if self.marked:  # the copy has arrays of its own, and could not notice a write that came before
            hooks["unchanged"](self)
        saved: Any = _text(self.saved.site) if isinstance(self.saved, Released) else self.saved
        released, plan = isinstance(self.saved, Released), self.plan
        fixed = (
            self.op, self.inputs, self.params, plan.wrt, tuple(plan.items.values()), released, saved, self.shape,
            self.dtype, self.clock, self.path, _text(self.site),
        )  # fmt: skip
        return _node, fixed, (None, {"note": self.note})


def _node(
    op: Any, inputs: Any, params: Any, wrt: tuple[int, ...], items: tuple[str, ...], released: bool, saved: Any,
    shape: Any, dtype: Any, time: int, path: str, site: Place,
) -> Node:  # fmt: skip
    plan = Plan((), None, wrt)  # of a checkpoint, which has no rules
    if isinstance(op, Op):
        mask = sum(1 << k for k in wrt)
        pattern = mask if op.arity >= 0 else (mask, len(inputs))
        plan = op.plans.get(pattern) or plan_for(op, pattern, mask, len(inputs))
        if items != (now := tuple(plan.items.values())):
            raise ValueError(
                f"{op.name}: this graph saved {', '.join(items) or 'nothing'} for the rules of the op, which need "
                f"{', '.join(now) or 'nothing'} now. Record the graph again with the rules as they are."
            )
    clock.now = max(clock.now, time)
    values = Released(_site(saved)) if released else saved  # type: ignore[arg-type]  # which has a place
    return Node(op, inputs, params, plan, values, shape, dtype, time, path, _site(site))


def _text(site: Site | None) -> Place | None:
    """A place in the code as its file and line."""
    if site is None:
        return None
    file, _, line = line_of(site).rpartition(":")
    return file, int(line)


@cache
def _site(place: Place | None) -> Site | None:
    """A place that `line_of` words as the same file and line."""
    if place is None:
        return None
    file, line = place
    return compile("", file, "exec").replace(co_firstlineno=line), -1


# -- ops ------------------------------------------------------------------------------------------------------


class CopiedOp(Op):
    """How an op is copied: it is itself, and a pickle names it."""

    def __reduce__(self) -> Any:
        if registry.get(self.name) is not self:
            raise pickle.PicklingError(
                f"op {self.name!r} cannot be pickled: the registry has another op of this name, or none, and a "
                "pickle holds the name only. Register it with @tg.op."
            )
        return registered, (self.name, self.__module__)

    def __copy__(self) -> Op:
        return self

    def __deepcopy__(self, memo: Any) -> Op:
        return self


def registered(name: str, module: str) -> Op:
    """The op of this name; `module` registers it when it is imported."""
    if name not in registry:
        import_module(module)
    found: Op = registry[name]
    return found
