"""A program as straight-line Python: one line per call, local variables as slots, `del` where a value is last read."""

from __future__ import annotations

import linecache
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autodiff.randomness import default_generator
from ..core import Tensor
from ..core.graph import Leaf
from ..core.site import here, line_of
from ..core.tensor import wrap
from ..kernels import native
from .instructions import AsTensor, Call, DefaultGenerator, Given, GradientOf, GroupOf, NodeOf, Program, Slot, slots_in
from .slots import gradient, load

_numbers = iter(range(1 << 62))


def tensor(array: np.ndarray) -> Tensor:
    """A Tensor around what a program computed; its history stayed inside."""
    leaf = Leaf(array.shape, array.dtype)
    leaf.why, leaf.site = "compiled", here()
    return wrap(array, leaf)


def last_reads(program: Program, but: set[Slot]) -> dict[int, list[Slot]]:
    """The slots that nothing reads after a call, by the number of the call; constants and `but` are left out."""
    last: dict[Slot, int] = {}
    for k, call in enumerate(program.calls):
        for slot in (*call.reads(), *call.makes()):
            last[slot] = k
    kept = {*slots_in(program.outputs), *program.constants, *but}
    found: dict[int, list[Slot]] = {}
    for slot, k in last.items():
        if slot not in kept:
            found.setdefault(k, []).append(slot)
    return found


class Writer:
    """Writes the source of a program, and names the objects that stand in it."""

    def __init__(self, program: Program, memory: dict[Slot, np.ndarray]) -> None:
        self.program, self.memory = program, memory
        self.names: dict[str, Any] = {
            "asarray": np.asarray, "empty": native.empty, "tensor": tensor, "default_generator": default_generator
        }  # fmt: skip
        self.known: dict[int, str] = {}
        self.lines: list[str] = []
        self.calls: dict[int, Call] = {}  # by line

    def source(self) -> str:
        """The text of a function `program` of the inputs."""
        inputs = [repr(one) for one in self.program.inputs]
        self.lines = [f"def program({', '.join(inputs)}):"]
        last = last_reads(self.program, set(self.memory))
        for k, call in enumerate(self.program.calls):
            self._call(call, [*dict.fromkeys(last.get(k, ()))])
        self.lines.append(f"    return {self.text(self.program.outputs)}")
        return "\n".join(self.lines) + "\n"

    def _lowered(self, call: Call) -> str:
        """A call that is told where to write: to memory that was planned, or to new memory."""
        for slot in call.makes():
            if slot not in self.memory:
                self._add(f"{slot!r} = empty({slot.shape!r}, {self.name(slot.dtype, str(slot.dtype))})", call)
        args = list(map(self.text, call.args)) + [f"out={self.text(call.out)}"] * (call.kind == "ufunc")
        return f"{self.name(call.fn, call.name)}({', '.join(args)})"

    def _call(self, call: Call, dead: list[Slot]) -> None:
        if call.kind in ("kernel", "ufunc"):
            self._add(self._lowered(call), call)
            if dead:
                self.lines.append(f"    del {', '.join(map(repr, dead))}")
            return
        line = self._right(call)
        if call.out is not None and (target := _target(call.out)) != "_":
            line = f"{target} = {line}"
        self._add(line, call)
        if call.alone:
            first = call.out[0] if isinstance(call.out, tuple) else call.out
            self._add(f"{first!r} = asarray({first!r})", call)
        if dead:
            self.lines.append(f"    del {', '.join(map(repr, dead))}")

    def _add(self, line: str, call: Call) -> None:
        self.lines.append(f"    {line}")
        self.calls[len(self.lines)] = call

    def _right(self, call: Call) -> str:
        """The expression of a call."""
        if call.fn is load:
            return f"{self.text(call.args[0])}._data"
        if call.fn is gradient:
            return f"{self.text(call.args[0])}.node.grad"
        name = "".join([c if c.isalnum() else "_" for c in ".".join(call.name.split(".")[-2:]).replace("._", ".")])
        given = [self.text(a) for a in call.args] + [f"{k}={self.text(v)}" for k, v in call.params.items()]
        return f"{self.name(call.fn, name)}({', '.join(given)})"

    def name(self, value: Any, word: str) -> str:
        """The name of an object in the source."""
        if id(value) not in self.known:
            name, k = word, 2
            while name in self.names or not name.isidentifier():
                name, k = f"{word or 'k'}_{k}" if word.isidentifier() else f"k_{k}", k + 1
            self.names[name], self.known[id(value)] = value, name
        return self.known[id(value)]

    def text(self, value: Any) -> str:
        """A value as an expression."""
        if isinstance(value, Slot) and value in self.memory:
            return self.name(self.memory[value], f"m{value.n}")
        if isinstance(value, Slot):
            return self.name(value.value, "array") if value.kind in ("outside", "constant") else repr(value)
        if value is None or (isinstance(value, (bool, int, str)) and type(value) in (bool, int, str)):
            return repr(value)
        if type(value) is float and math.isfinite(value):
            return repr(value)
        if isinstance(value, (Given, DefaultGenerator)):
            return repr(value)
        if isinstance(value, AsTensor):
            return f"tensor({self.text(value.slot)})"
        if isinstance(value, GradientOf):
            return f"{self.text(value.owner)}.node.grad"
        if isinstance(value, NodeOf):
            return f"{self.text(value.owner)}.node"
        if isinstance(value, GroupOf):
            return f"{self.text(value.optimizer)}.param_groups[{value.k}]"
        if type(value) is tuple:
            return f"({', '.join(map(self.text, value))}{',' * (len(value) == 1)})"
        if type(value) is list:
            return f"[{', '.join(map(self.text, value))}]"
        if type(value) is dict:
            return f"{{{', '.join([f'{self.text(k)}: {self.text(v)}' for k, v in value.items()])}}}"
        return self.name(value, type(value).__name__.lower() if not isinstance(value, Tensor) else _word(value))


def _word(t: Tensor) -> str:
    return "".join([c if c.isalnum() else "_" for c in t.name or "w"])


def _target(out: Any) -> str:
    """What stands left of the equals sign."""
    if isinstance(out, Slot):
        return repr(out)
    if isinstance(out, tuple):
        return f"({', '.join(map(_target, out))},)" if out else "_"
    return "_"


class Replay:
    """Runs a program: ``replay(*arrays)`` returns what the recorded function returned."""

    def __init__(self, program: Program, memory: dict[Slot, np.ndarray] | None = None) -> None:
        writer = Writer(program, memory or {})
        self.source = writer.source()
        self.calls = writer.calls
        self.file = f"<program {next(_numbers)} of {program.name}>"
        linecache.cache[self.file] = (len(self.source), None, self.source.splitlines(True), self.file)
        space = writer.names
        exec(compile(self.source, self.file, "exec"), space)  # the text is made from the program alone
        self._run: Callable[..., Any] = space["program"]

    def __call__(self, *given: Any) -> Any:
        try:
            return self._run(*given)
        except Exception as error:
            self._explain(error)
            raise

    def _explain(self, error: Exception) -> None:
        """Say in an error which call of the recorded function failed."""
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename != self.file:
            trace = trace.tb_next
        call = self.calls.get(trace.tb_lineno) if trace is not None else None
        if call is not None and hasattr(error, "add_note"):  # since Python 3.11
            where = f" ({call.path})" if call.path else ""
            error.add_note(f"in a compiled function: {call.name}{where}, recorded at {line_of(call.site)}")

    def __del__(self) -> None:
        linecache.cache.pop(self.file, None)


