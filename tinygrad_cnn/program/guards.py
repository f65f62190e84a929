"""Guards: what must be as it was when a program was recorded, beside the shapes of the arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import Tensor
from ..core.register import registry
from ..nn.module import _Structure
from ..optim import Optimizer
from .comparing import same
from .instructions import Program

_READ_OFF = ("_mapped", "_steps")
_PLAIN = (bool, int, float, str, tuple, type(None))


class Guards:
    """The conditions of one program."""

    def __init__(self, program: Program, idle: list[Any]) -> None:
        self.leaves = list(program.leaves().values())
        self.kinds = self._kinds()
        self.idle = [t for t in [*idle, *_never_moved(program)] if isinstance(t, Tensor)]
        self.modules = [(module, module.training, _attributes(module)) for module in program.modules]
        ops: dict[str, Any] = {op.name: op for call in program.calls if (op := call.op) is not None}
        self.ops = [(one, one.fn, dict(one.rules)) for name, one in ops.items() if name in registry]
        self.seen = _now()

    def _kinds(self) -> list[Any]:
        return [(t.node.requires_grad, t._data.dtype, t._data.shape) for t in self.leaves]

    def hold(self) -> bool:
        """Whether the program may be replayed."""
        if self.seen != (now := _now()):
            for module, training, attributes in self.modules:
                if module.training is not training or not _equal(attributes, _attributes(module)):
                    return False
            for one, fn, rules in self.ops:
                if one.name not in registry or registry[one.name] is not one or one.fn is not fn or one.rules != rules:
                    return False
            self.seen = now
        if self._kinds() != self.kinds:
            return False
        return not any([t.node.grad is not None for t in self.idle])

    def hooked(self) -> bool:
        """Whether a hook wants to see a gradient or a call, which a replay does not show."""
        return any([t.node.note is not None and bool(t.node.note.hooks) for t in self.leaves]) or any(
            [module._hooks is not None for module, _, _ in self.modules]
        )


def _now() -> tuple[int, int, int]:
    return _Structure.version, _Structure.settings, registry.changes


def _attributes(module: Any) -> dict[str, Any]:
    return {k: v for k, v in vars(module).items() if k not in _READ_OFF}


def _equal(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether a module has the same attributes: the same objects, or equal plain values."""
    if a.keys() != b.keys():
        return False
    return all([v is b[k] or (isinstance(v, _PLAIN) and same(v, b[k])) for k, v in a.items()])


def _never_moved(program: Program) -> list[Tensor]:
    """Parameters of optimisers that the recorded steps passed over, since they had no gradient."""
    optimizers = {id(v): v for v in program.stand_ins() if isinstance(v, Optimizer)}
    moved = {
        id(call.args[1]) for call in program.calls if call.name == "optim.optimizer.Optimizer._update"
    }  # fmt: skip
    if not moved:
        return []
    return [
        p for one in optimizers.values() for group in one.param_groups for p in group["params"]
        if id(p) not in moved and p.node.grad is None
    ]  # fmt: skip


def digest(values: list[Any]) -> int:
    """A number that is another one when the values of arguments are."""
    return hash(tuple([np.ascontiguousarray(getattr(v, "_data", v)).tobytes() for v in values]))
