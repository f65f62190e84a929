"""Record one run of a function: which registered functions and effects it calls, with what, and nothing inside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..core import Tensor
from ..core.engine import apply_rule, pull_back
from ..core.register import glue
from .instructions import NodeOf
from .measured import Measured
from .slots import Slots, gradient
from .watched import bare, watch

REFUSED = {  # effects that a program cannot hold, and why
    "autodiff.writing.WritingMethods.update": (
        "Tensor.update, whose function is not recorded", "Use assign, or an operator such as -=, with the new values."
    ),
    "nn.module._set_part": (
        "an attribute of a module being set", "Make modules outside of the function; buffers are changed by assign."
    ),
    "nn.module.Module.__delattr__": ("an attribute of a module being removed", "Remove it outside of the function."),
    "nn.parameter.Parameter.convert": ("a parameter changing its dtype", "Convert the model outside of the function."),
    "optim.optimizer.Optimizer.add_param_group": ("a group being added", "Add it outside of the function."),
    "optim.lbfgs.LBFGS._end": (
        "a step of L-BFGS, which calls the loss as often as its values ask for", "Use it without tg.compile."
    ),
    "data.loader.DataLoader._move_to": ("a loader giving a batch", "Pass the batch as an argument."),
    "data.streams.Batches._move_to": ("a source giving a batch", "Pass the batch as an argument."),
    "data.streams.Batches._take_one": ("a source giving a batch", "Pass the batch as an argument."),
}  # fmt: skip
ADD, SET_STATES = "core.engine.add_gradients", "autodiff.checkpointing.set_generators"


class Recorder(Slots):
    """Hears what one thread does, and notes it in a program."""

    def op(self, op: Any, args: Any, arrays: list[Any], params: dict[str, Any]) -> Any:
        """Run an op's function, and record the call."""
        if self.depth:
            return op.fn(*arrays, **params)
        specs = [self.input(a, given) for a, given in zip(arrays, args, strict=True)]
        traced = any([isinstance(a, Tensor) for a in args])
        kept = {k: self.spec(v) for k, v in params.items()} if op.effects else params
        if "rng" in op.effects:
            kept["rng"] = self.generators.of_op(params)
        start = len(self.program.calls)
        y = self.inside(op.fn, *arrays, **params)
        self.generators.noted(start)
        y, *side = y if op.aux else (y,)
        if alone := traced and isinstance(y, np.generic):
            y = np.asarray(y)
        result = (y, *side) if op.aux else y
        self.emit("op", op.fn, op.name, specs, kept, result, op=op, alone=alone)
        if not traced and not self.stepping:  # of arrays alone: what is done with the result is seen only like this
            result = (watch(y), *side) if op.aux else watch(y)
        return result

    def input(self, a: Any, given: Any) -> Any:
        """What stands for an input of an op, which may have been converted from what was given."""
        if self.scalars and np.ndim(a) == 0 and any([np.shares_memory(a, s) for s in self.scalars]):
            what = "an op gets a number that was computed from arrays"
            self.refuse(what, "Make these Tensors first, as with tg.Tensor(x).")
        if not isinstance(a, (np.ndarray, np.generic)):
            return self.spec(a)
        if isinstance(given, Tensor):
            if a is given._data:
                return self.of(a, given)
            raw = self.of(given._data, given)
        elif isinstance(given, (np.ndarray, np.generic)):
            if self.arrays.get(a) is not None or a is given:
                return self.of(a)
            raw = self.of(np.asarray(given) if isinstance(given, np.ndarray) else given)
        else:
            return self.constant(a)
        if (found := self.arrays.get(a)) is not None:
            return found
        return self.emit("numpy", np.ndarray.astype, "astype", [raw, a.dtype], {}, a).out

    def step(self, node: Any, g: Any, create_graph: bool, within: set[Any] | None) -> Any:
        """One step back, whose rules are recorded one by one."""
        if self.depth:
            return pull_back(node, g, create_graph, within)
        if node.note is not None:
            self.refuse(f"a hook or retain_grad on a result of {node.label}", "Compile without them.", node.site)
        self.stepping += 1
        try:
            return pull_back(node, g, create_graph, within, self.rule)
        finally:
            self.stepping -= 1

    def rule(self, rule: Any, node: Any, g: Any, saved: Any, create_graph: bool) -> Any:
        """Apply a rule, and record the call, unless the ops that it calls are recorded."""
        if create_graph or self.depth:
            return apply_rule(rule, node, g, saved, create_graph)
        args = [self.spec(v) for v in (g, *rule.pick(saved))]
        rest = {} if rule.rest is None else {n: self.spec(node.params[n]) for n in rule.rest}
        y = self.inside(apply_rule, rule, node, g, saved, False)
        alone = isinstance(y, (Tensor, np.generic))
        y = y._data if isinstance(y, Tensor) else np.asarray(y) if alone else y
        name = f"{node.op.name}.{'g' if rule.k < 0 else node.op.input(rule.k)}"
        call = self.emit("rule", rule.fn, name, args, rest, y, op=node.op, alone=alone)
        call.site, call.path = node.site, node.path
        return y

    def guarded(self, before: list[Any], after: list[Any]) -> None:
        """A copy of the user's array that was saved stands for that array."""
        for old, new in zip(before, after, strict=True):
            if old is not new and not self.depth:
                self.arrays.put(new, self.of(old))
                self.kept.append(new)

    def glue(self, name: str, fn: Callable[..., Any], *arrays: Any) -> Any:
        """The engine's own work on arrays."""
        if self.depth or any([isinstance(a, Tensor) for a in arrays]):
            return fn(*arrays)
        args = [self.of(a) for a in arrays]
        y = fn(*arrays)
        self.emit("glue", fn, name, args, {}, y)
        return y

    def whole(self, fn: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """A function of the package on arrays that counts as one call."""
        if self.depth:
            return fn(*args, **named)
        given, rest = bare(args), bare(named)
        specs, more = self.spec(list(given)), self.spec(rest)
        y = self.inside(fn, *given, **rest)
        self.emit("numpy", fn, fn.__name__, specs, more, y)
        return y

    def effect(self, name: str, fn: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Run an effect, and record the call."""
        if self.depth:
            return fn(*args, **named)
        name = name.removeprefix("tinygrad_cnn.")
        if name in REFUSED:
            self.refuse(*REFUSED[name])
            return self.inside(fn, *args, **named)
        if name == ADD:
            return self.add_gradients(fn, *args)
        if name == SET_STATES:
            return self.generators.set_states(fn, *args)
        args = tuple([list(a) if isinstance(a, Iterator) else a for a in args])
        named = {k: list(a) if isinstance(a, Iterator) else a for k, a in named.items()}
        owners = tuple([a for a in args if isinstance(a, Tensor)])
        if owners and owners[0] is args[0] and not self.is_outside(owners[0], self.arrays.get(owners[0]._data)):
            what = f"{name.rpartition('.')[2].lstrip('_')} of a Tensor that was made in this call"
            self.refuse(what, "Compute a new one instead.")
        specs, rest, start = self.spec(list(args), owners), self.spec(named, owners), len(self.program.calls)
        y = self.inside(fn, *args, **named)
        self.generators.noted(start)
        if type(y) is float:
            y = Measured(y)
            y.recorder = self
            self.numbers.append((y, self.slot("object")))
            self.emit("effect", fn, name, specs, rest, None).out = self.numbers[-1][1]
            return y
        self.emit("effect", fn, name, specs, rest, y)
        return y

    def add_gradients(self, fn: Callable[..., Any], found: dict[Any, Any]) -> None:
        """Add what backward found to leaves: of the program's own, the arrays are slots like others."""
        outer = {}
        for leaf, g in found.items():
            if id(leaf) in self.made:
                leaf.grad = g if leaf.grad is None else glue["add_into"](leaf.grad, g)
            else:
                outer[leaf] = g
        unknown = [leaf for leaf in outer if id(leaf) not in self.tensors]
        if unknown:
            self.refuse("a gradient of something that was made outside of the function", "Compute it inside.")
        specs = {NodeOf(self.tensors[id(leaf)]): self.of(g) for leaf, g in outer.items() if leaf not in unknown}
        self.inside(fn, outer)
        if specs:
            self.emit("effect", fn, ADD, [specs], {}, None)

    def scalar(self, a: np.ndarray) -> None:
        """Note that NumPy gave this as a scalar, of which an op would take the value and not the dtype."""
        self.scalars.append(a)

    def gradient(self, t: Tensor, g: Any) -> Any:
        """The gradient of a Tensor as it is read by the package, or by the user's code."""
        ours = self.called_by_us()
        if not self.is_outside(t, self.arrays.get(t._data)):
            return g if ours or g is None else watch(g)
        if g is None:
            self.idle.setdefault(id(t), self.owner(t))
            return None
        self.emit("glue", gradient, "gradient", [self.owner(t)], {}, g)
        return g if ours else watch(g)

    def ran(self, module: Any) -> None:
        """Note that a module's forward runs."""
        self.program.modules.setdefault(module, module.training)

    def tensor(self, t: Tensor, data: Any) -> None:
        """A Tensor was made inside the function."""
        self.made[id(t.node)] = t.node
        a = t._data
        if self.depth or self.arrays.get(a) is not None:
            return
        if isinstance(data, Tensor):
            raw = self.of(data._data, data)
        elif isinstance(data, np.ndarray):
            raw = self.of(np.asarray(data))
        elif isinstance(data, np.generic) and self.arrays.get(data) is not None:
            raw = self.arrays.get(data)  # type: ignore[assignment]
        else:
            self.constant(a)
            return
        self.emit("numpy", np.array, "array", [raw, a.dtype], {}, a)

