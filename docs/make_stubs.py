"""Write the stubs, which say to type checkers and editors what ops and methods of Tensor take and return.

    python docs/make_stubs.py [--check]

`ops/__init__.pyi` is read off the registry, `core/tensor.pyi` off the class Tensor and the methods that `autodiff`
binds to it, and `core/__init__.pyi` off the signature of `grad`, whose settings decide what it returns.  With --check
nothing is written; the exit code says whether the stubs are up to date (a test runs that).
"""

from __future__ import annotations

import ast
import inspect
import itertools
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import tinygrad_cnn as tg  # noqa: E402
from tinygrad_cnn import core, ops  # noqa: E402
from tinygrad_cnn.autodiff import kinds  # noqa: E402
from tinygrad_cnn.core import tensor as core_tensor  # noqa: E402
from tinygrad_cnn.core.plain import TensorBase  # noqa: E402

PACKAGE = HERE.parent / "tinygrad_cnn"
WRITTEN = "Written by `python docs/make_stubs.py` from {source}; do not edit."
KINDS = f"from ..autodiff.kinds import {', '.join(sorted(kinds.__annotations__))}"  # which signatures name
INPUT = "Input"  # the annotation of what may be a Tensor, in functions that are made of ops

OPS_HEAD = f'''"""The ops for type checkers and editors: a Tensor among the inputs gives a Tensor, arrays give arrays.

{WRITTEN.format(source="the registry")}
"""
# ruff: noqa
# mypy: disable-error-code="overload-overlap"

from collections.abc import Callable
from typing import Any, TypeAlias, overload

import numpy as np

{KINDS}
from ..core import Op, Tensor

_Input: TypeAlias = Tensor | Array

'''


# -- signatures -------------------------------------------------------------------------------------------------


def text_of(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return "Any"
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def listed(parameters: list[inspect.Parameter]) -> str:
    """Parameters between the brackets of a def."""
    parts: list[str] = []
    starred = False
    previous: Any = None
    for p in parameters:
        if previous is p.POSITIONAL_ONLY and p.kind is not p.POSITIONAL_ONLY:
            parts.append("/")
        if p.kind is p.KEYWORD_ONLY and not starred:
            parts.append("*")
            starred = True
        starred |= p.kind is p.VAR_POSITIONAL
        stars = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        parts.append(f"{stars}{p.name}: {text_of(p.annotation)}{default_of(p)}")
        previous = p.kind
    return ", ".join(parts if previous is not inspect.Parameter.POSITIONAL_ONLY else [*parts, "/"])


def default_of(p: inspect.Parameter) -> str:
    if p.default is p.empty:
        return ""
    plain = p.default is None or isinstance(p.default, (bool, int, float, str, tuple))
    return f" = {p.default!r}" if plain else " = ..."


def as_input(p: inspect.Parameter, kind: str) -> inspect.Parameter:
    """An input as a Tensor, an array or either; only either and arrays can be left out."""
    if kind == "Tensor":
        return p.replace(annotation=kind, default=p.empty)
    return p.replace(annotation=f"{kind} | None" if p.default is None else kind)


def calls(
    signature: inspect.Signature, inputs: set[str], positional: Collection[str] = ()
) -> Iterator[tuple[str, bool]]:
    """The ways to call an op: its parameters as text, and whether a Tensor comes back."""
    given = list(signature.parameters.values())
    variadic = next((p for p in given if p.kind is p.VAR_POSITIONAL and p.name in inputs), None)
    if variadic is not None and given[0] is variadic:
        yield from calls_of_any_number(given[1:], variadic, positional)
        return
    if variadic is not None and not inputs & {p.name for p in given[: given.index(variadic)]}:
        for kind in ("Array", "_Input"):
            yield listed([p.replace(annotation=kind) if p is variadic else p for p in given]), kind == "_Input"
        return
    names = [p.name for p in given if p.name in inputs and p is not variadic]
    for tensor in names:
        before = names[: names.index(tensor)]
        chosen = [as_input(p, "Tensor" if p.name == tensor else "_Input") if p.name in inputs else p for p in given]
        optional = [p for p in chosen if p.name in before and p.default is None]
        if optional:  # after an input that may be left out, it is named, or all before it are given
            yield listed([by_name(p) if p.name == tensor else p for p in in_order(chosen, tensor)]), True
            chosen = [p.replace(default=p.empty) if p in optional else p for p in chosen]
        yield listed(chosen), True
    yield listed([as_input(p, "Array") if p.name in inputs else p for p in given]), False


def by_name(p: inspect.Parameter) -> inspect.Parameter:
    return p.replace(kind=p.KEYWORD_ONLY)


def in_order(parameters: list[inspect.Parameter], last: str) -> list[inspect.Parameter]:
    """The parameters with one of them by name only, and so all after it."""
    at = next(k for k, p in enumerate(parameters) if p.name == last)
    return [*parameters[: at + 1], *map(by_name, parameters[at + 1 :])]


def calls_of_any_number(
    others: list[inspect.Parameter], xs: inspect.Parameter, positional: Collection[str]
) -> Iterator[tuple[str, bool]]:
    """A list of inputs, after which parameters may stand by position; or the inputs one by one."""
    behind = [p.replace(kind=p.POSITIONAL_OR_KEYWORD) if p.name in positional else p for p in others]
    first = inspect.Parameter("first", inspect.Parameter.POSITIONAL_ONLY)
    for one, rest, tensor in [
        ("list[Tensor] | tuple[Tensor, ...]", None, True),
        ("Tensor", "_Input", True),
        ("Array", "Array", False),
        ("Array", "_Input", True),
    ]:
        more = [] if rest is None else [xs.replace(annotation=rest)]
        after = behind if rest is None else others
        yield listed([first.replace(annotation=one), *more, *after]), tensor


# -- the stub of ops --------------------------------------------------------------------------------------------


def docstring(fn: Any, indent: str, short: bool = False) -> str:
    text = inspect.cleandoc(fn.__doc__ or "")
    text = text.partition("\n")[0] if short else text
    text = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    if not text:
        return f"{indent}...\n"
    lines = [f"{indent}{line}" if line else "" for line in text.split("\n")]
    last = f"\n{indent}" if len(lines) > 1 or lines[-1].endswith('"') else ""
    return f'{indent}"""{lines[0].strip()}' + "".join(f"\n{line}" for line in lines[1:]) + f'{last}"""\n'


def overloads(name: str, signature: inspect.Signature, inputs: set[str], fn: Any, method: bool, back: str) -> str:
    indent = "    " if method else ""
    found = list(calls(signature, inputs, getattr(fn, "positional", ())))
    parts = []
    for k, (parameters, tensor) in enumerate(found):
        itself = f"self, {parameters}" if method else parameters
        result = back.format("Tensor" if tensor else "np.ndarray")
        head = f"{indent}@overload\n{indent}def {name}({itself}) -> {result}:"
        parts.append(f"{head}\n{docstring(fn, indent + '    ', short=k > 0)}")
    return "".join(parts)


def stub_of_op(op: tg.Op) -> str:
    """A class of its own, since an op is an object with rules that can be called."""
    kind = f"_{op.name}"
    call = overloads("__call__", inspect.signature(op.fn), set(op.inputs), op, True, "{}")
    return f"class {kind}(Op):\n{call}\n{op.name}: {kind}\n{docstring(op, '')}\n"


def stub_of_function(name: str, fn: Callable[..., Any]) -> str:
    signature = inspect.signature(fn)
    inputs = {p.name for p in signature.parameters.values() if p.annotation == INPUT}
    back = text_of(signature.return_annotation)
    if inputs:
        return overloads(name, signature, inputs, fn, False, back.replace("Any", "{0}")) + "\n"
    return f"def {name}({listed(list(signature.parameters.values()))}) -> {back}:\n{docstring(fn, '    ')}\n"


def stub_of_ops() -> str:
    parts = [OPS_HEAD]
    exported = [f'    "{name}",\n' for name in ops.__all__]
    parts.append(f"__all__ = [\n{''.join(exported)}]\n\n")
    for name in ops.__all__:
        value = getattr(ops, name)
        if isinstance(value, tg.Op) and value.name != name:
            parts.append(f"{name} = {value.name}\n")  # a second name
        else:
            parts.append(stub_of_op(value) if isinstance(value, tg.Op) else stub_of_function(name, value))
    return "".join(parts).rstrip("\n") + "\n"


# -- the stub of Tensor -----------------------------------------------------------------------------------------

TENSOR_HEAD = f'''"""Tensor for type checkers and editors: the class, and the methods that `autodiff` binds to it.

{WRITTEN.format(source="the class Tensor")}
"""
# ruff: noqa

from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TypeAlias

import numpy as np
from typing_extensions import Self

from ..autodiff.at import At
from ..autodiff.hooks import Handle
{KINDS}
from .graph import Leaf, Node

_Operand: TypeAlias = Tensor | Array

ARRAYS: tuple[type, ...]

'''

TENSOR_FIELDS = """    __slots__ = ("_data", "node", "__weakref__")
    __array_priority__: int
    _data: np.ndarray
    node: Node | Leaf

    def __hash__(self) -> int: ...
"""

NAMES = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor")
SIDES = ("", "r", "i")  # x + y, y + x, x += y
OPERATORS = [f"__{side}{name}__" for name in NAMES for side in SIDES]
COMPARISONS = ("__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__")
# NumPy's stubs take what has __array__ for an operand of ndarray's own operators, so that `array + tensor` would seem
# to be an array, and for what np.exp gives an array of.
LEFT_OUT = ("__hash__", "__array__", "__getattr__")  # checkers go on refusing names that Tensor lacks


def stub_of_method(name: str, value: Any) -> str:
    if name in OPERATORS:
        result = "Self" if name.startswith("__i") else "Tensor"
        return f"    def {name}(self, other: _Operand, /) -> {result}: ...\n"
    if name in ("__eq__", "__ne__"):  # of object they give a bool
        return f"    def {name}(self, other: Any, /) -> Tensor: ...  # type: ignore[override]\n"
    if name in COMPARISONS:
        return f"    def {name}(self, other: _Operand, /) -> Tensor: ...\n"
    if isinstance(value, property):
        parts = [f"    @property\n{stub_of_def(name, value.fget, '    ')}"]
        if value.fset is not None and inspect.signature(value.fset).return_annotation != "NoReturn":
            kind = text_of([*inspect.signature(value.fset).parameters.values()][1].annotation)
            parts.append(f"    @{name}.setter\n    def {name}(self, value: {kind}) -> None: ...\n")
        return "".join(parts)
    return stub_of_def(name, value, "    ")


def stub_of_def(name: str, fn: Any, indent: str) -> str:
    signature = inspect.signature(fn)
    first, *others = signature.parameters.values()
    given = ", ".join(filter(None, ["self" if indent else listed([first]), listed(others)]))
    head = f"{indent}def {name}({given}) -> {text_of(signature.return_annotation)}:"
    said = fn if fn.__doc__ else tg.registry.get(name)  # methods that only call an op leave it to the op
    return f"{head}\n{docstring(said, indent + '    ')}" if said is not None else f"{head} ...\n"


def stub_of_tensor() -> str:
    parts = [TENSOR_HEAD, f"class Tensor:\n{docstring(tg.Tensor, '    ')}\n", TENSOR_FIELDS]
    for name, value in {**vars(TensorBase), **vars(tg.Tensor)}.items():
        if (inspect.isfunction(value) or isinstance(value, property)) and name not in LEFT_OUT:
            parts.append(stub_of_method(name, value))
    for name in ("as_array", "plain", "wrap"):
        parts.append("\n" + stub_of_def(name, getattr(core_tensor, name), ""))
    parts.append("\ndef new(cls: type[Tensor]) -> Tensor: ...\n")
    return "".join(parts)


# -- the stub of core -------------------------------------------------------------------------------------------

CORE_HEAD = f'''"""The engine for type checkers and editors: `grad` with what its settings make it return.

{WRITTEN.format(source="core/__init__.py and `grad`")}
"""
# ruff: noqa

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol, TypeVar, overload

import numpy as np

'''

MODES = """_F = TypeVar("_F", bound=Callable[..., Any])

class _Modes(Protocol):
    def __enter__(self) -> None: ...
    def __exit__(self, *_: Any) -> None: ...
    def __call__(self, fn: _F) -> _F: ...

"""


def stub_of_core() -> str:
    """What the package exports as it is, but for four functions.

    `op` decorates a function, or makes a decorator; `grad` has one overload for each combination of settings; `no_grad`
    and `enable_grad` are contexts, and decorators that leave the type of a function as it is.
    """
    lines = inspect.getsource(core).splitlines()
    imports = [line for line in lines if line.startswith("from ") and not line.endswith(("grad", " op"))]
    parts = [CORE_HEAD, "\n".join(imports), "\n\n", MODES]
    for fn in (tg.no_grad, tg.enable_grad):
        (p,) = inspect.signature(fn).parameters.values()
        for k, (given, back) in enumerate(((p.replace(annotation="_F", default=p.empty), "_F"),
                                           (p.replace(annotation="None"), "_Modes"))):  # fmt: skip
            head = f"@overload\ndef {fn.__name__}({listed([given])}) -> {back}:"
            parts.append(f"{head}\n{docstring(fn, '    ', short=k > 0)}")
    fn, *options = inspect.signature(tg.op).parameters.values()
    heads = f"{listed([fn.replace(annotation='Callable[..., Any]', default=fn.empty), *options])}) -> Op"
    later = f"{listed(options)}) -> Callable[[Callable[..., Any]], Op]"
    for k, head in enumerate((heads, later)):
        parts.append(f"@overload\ndef op({head}:\n{docstring(tg.op, '    ', short=k > 0)}")
    signature, several = inspect.signature(tg.grad), "Tensor | Sequence[Tensor]"
    for k, (xs, unused, graph) in enumerate(itertools.product(("Tensor", "Sequence[Tensor]"), (0, 1), (0, 1))):
        one = ("Tensor" if graph else "np.ndarray") + (" | None" if unused else "")
        chosen = {"create_graph": bool(graph), "allow_unused": bool(unused)}
        given = [decided(p, chosen[p.name]) if p.name in chosen else p for p in of_tensors(signature, xs)]
        back = one if xs == "Tensor" else f"list[{one}]"
        parts.append(f"@overload\ndef grad({listed(given)}) -> {back}:\n{docstring(tg.grad, '    ', short=k > 0)}")
    whole = listed(of_tensors(signature, several))  # settings that are known when it runs
    parts.append(f"@overload\ndef grad({whole}) -> Any:\n{docstring(tg.grad, '    ', short=True)}")
    return "".join(parts)


def of_tensors(signature: inspect.Signature, xs: str) -> list[inspect.Parameter]:
    kinds_of = {"y": "Tensor | Sequence[Tensor]", "xs": xs}
    return [p.replace(annotation=kinds_of.get(p.name, p.annotation)) for p in signature.parameters.values()]


def decided(p: inspect.Parameter, value: bool) -> inspect.Parameter:
    """A setting with one value, which need not be given where it is the default."""
    return p.replace(annotation=f"Literal[{value}]", default=p.default if p.default is value else p.empty)


STUBS = {"ops/__init__.pyi": stub_of_ops, "core/tensor.pyi": stub_of_tensor, "core/__init__.pyi": stub_of_core}


def main() -> int:
    stale = []
    for name, make in STUBS.items():
        path, wanted = PACKAGE / name, make()
        ast.parse(wanted)
        if path.exists() and path.read_text(encoding="utf-8") == wanted:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            path.write_text(wanted, encoding="utf-8")
            print(f"written: tinygrad_cnn/{name}")
    if stale and "--check" in sys.argv:
        print(f'out of date: {", ".join(stale)}. Run: "{sys.executable}" "{HERE / "make_stubs.py"}"', file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
