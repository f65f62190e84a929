"""Write the pages that are read off the package: ops, kernels, names, numpy_functions, migrating; count for compared.

    python docs/make_tables.py [--check]

With --check nothing is written; the exit code says whether the pages are up to date (a test runs that).
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
import textwrap
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import tinygrad_cnn as tg  # noqa: E402
from tinygrad_cnn import data, detection, kernels, models, nn, ops, optim  # noqa: E402
from tinygrad_cnn.autodiff import foreign  # noqa: E402
from tinygrad_cnn.autodiff.effects import effects  # noqa: E402
from tinygrad_cnn.insight import formulas, latex  # noqa: E402
from tinygrad_cnn.kernels.examples import EXAMPLES  # noqa: E402
from tinygrad_cnn.onnx import page as onnx_page  # noqa: E402

START, END = "<!-- counts: written by make_tables.py -->", "<!-- end of counts -->"

INTRODUCTION = """# Ops

Written by `python docs/make_tables.py` from the registry, `tg.registry`; do not edit.

{ops} ops, and {others} functions that are made of them or make arrays.  In formulas, `g` is the gradient that comes in,
`y` the op's output, `x_shape` the shape of its input x; functions go by the op's own axis, stride and so on where none
are written, and a sum or mean along the op's own axes keeps them; [the last section](#names-in-formulas) has the rest.
Each formula is tested against its rule, and each rule is made of ops, so that it can be differentiated again.  FLOP
are those of one call, from shapes alone.  The reference is what the op's result is tested against on every sample that
stands beside it; gradients are tested against differences.
"""

FAMILIES = {  # the files of ops/, and what they are about
    "arithmetic": "Arithmetic", "elementwise": "Element-wise functions", "activation": "Activations",
    "activation_forms": "Less common activations",
    "reduce": "Reductions", "shape": "Shape", "border": "Borders", "indexing": "Indexing", "products": "Products",
    "systems": "Linear systems and determinants (`tg.linalg`)", "decompositions": "Decompositions (`tg.linalg`)",
    "conv": "Convolution", "pool": "Pooling", "unpool": "Unpooling", "windows": "Windows", "resample": "Resizing",
    "normalization": "Normalisation", "cross_entropy": "Softmax and cross-entropy", "ctc": "Losses of sequences",
    "random": "Randomness", "fused": "Fused", "algebra": "What the engine needs",
}  # fmt: skip


# -- source text of rules, costs and references -----------------------------------------------------------------


@cache
def tree(file: str) -> ast.Module:
    return ast.parse(Path(file).read_text(encoding="utf-8"))


def expression(fn: Callable[..., Any]) -> str:
    """What a function returns, as one line of source; its name if that would be long or more than one expression."""
    fn = inspect.unwrap(fn)
    code: CodeType | None = getattr(fn, "__code__", None)
    name = getattr(fn, "__name__", type(fn).__name__)
    if code is None or not code.co_filename.startswith(str(HERE.parent)):
        return name
    names = list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    for node in ast.walk(tree(code.co_filename)):
        body: ast.expr | None = None
        if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno and arguments(node) == names:
            body = node.body if same_words(node, code) else None  # two may stand in one line
        elif isinstance(node, ast.FunctionDef) and node.name == name and node.lineno == code.co_firstlineno:
            last = node.body[-1]
            if len(node.body) == 1 and isinstance(last, ast.Return):
                body = last.value
        if body is not None:
            text = ast.unparse(body).replace("math.prod", "prod")
            text = re.sub(r"for \(([\w, ]+)\) in", r"for \1 in", text)  # as Python from 3.11 on writes it
            return text if len(text) <= 100 or name == "<lambda>" else name
    return name


def same_words(node: ast.Lambda, code: CodeType) -> bool:
    """Whether a lambda uses the names that some code uses, and the same constants."""
    inner = compile(ast.unparse(node), "", "eval").co_consts
    alone = next(c for c in inner if isinstance(c, CodeType))
    same_names = {*alone.co_names} == {*code.co_names, *code.co_freevars}
    return same_names and [c for c in alone.co_consts if not isinstance(c, (CodeType, str))] == [
        c for c in code.co_consts if not isinstance(c, (CodeType, str))
    ]


def arguments(node: ast.Lambda) -> list[str]:
    return [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]


def signature(fn: Any) -> str:
    """As one calls it: without annotations."""
    plain = inspect.signature(fn.fn if isinstance(fn, tg.Op) else fn)
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in plain.parameters.values()]
    text = f"{fn.__name__}{plain.replace(parameters=bare, return_annotation=inspect.Signature.empty)}"
    return text.replace("<class 'numpy.float32'>", "float32")


# -- the page of ops --------------------------------------------------------------------------------------------


def family(op: tg.Op) -> str:
    return op.__module__.rpartition(".")[2]


def rule_lines(op: tg.Op) -> list[str]:
    if op.composition is not None:
        equals = expression(op.composition)
        return [f"- equals `{equals}`, which higher orders differentiate; at the first order:", *gradients(op)]
    if not op.rules:
        return ["- no gradient"]
    return gradients(op)


def gradients(op: tg.Op) -> list[str]:
    return [f"- gradient in {name}: `{formula.plain}`" for name, formula in formulas.of(op).items()]


def reference(op: tg.Op) -> str:
    if op.composition is not None:
        return "its composition"
    if op.ref is None:
        return "none"
    inner = [c.cell_contents for c in getattr(op.ref, "__closure__", None) or () if callable(c.cell_contents)]
    if op.ref.__qualname__.startswith("scalarwise.") and inner:
        return f"`{expression(inner[0])}` for each number"
    text = expression(op.ref)
    return f"`{text}`" if len(text) <= 100 else f"an expression in ops/{family(op)}.py"


def describe(op: tg.Op) -> str:
    cost = "one per output element" if op.cost_rule is None else f"`{expression(op.cost_rule)}`"
    facts = [*rule_lines(op), f"- FLOP: {cost} · reference: {reference(op)}"]
    if op.broadcasts:
        facts.append("- broadcasts its inputs")
    if op.branches is not None:
        facts.append(f"- has pieces, by `{expression(op.branches)}`")
    if op.linear:
        facts.append(f"- linear in {', '.join(op.linear)}: `gradcheck(exact=True)` has no tolerance there")
    if op.numpy:
        facts.append(f"- NumPy functions that mean it: {', '.join(f'`np.{name}`' for name in numpy_names(op))}")
    return f"### {op.name}\n\n`{signature(op)}`\n\n{prose(op.__doc__ or '')}\n\n" + "\n".join(facts) + "\n"


def prose(doc: str) -> str:
    """A docstring as Markdown: the sections of numpydoc in bold, their entries as items, examples as code."""
    lines: list[str] = []
    section = example = False
    for line in [*inspect.cleandoc(doc).split("\n"), ""]:
        if example or line.startswith(">>>"):
            lines += [] if example else ["```python"]
            example = line != ""
            lines += [line] if example else ["```", ""]
        elif set(line) == {"-"} and lines:
            lines[-1], section = f"**{lines[-1]}**\n", True
        elif not line:
            section = False
            lines.append(line)
        elif section and not line.startswith(" "):
            name, colon, rest = line.partition(" : ")
            lines.append(f"- `{name}`: {rest}" if colon else f"- {line}")
        else:
            lines.append(f"  {line.strip()}" if section else line)
    return "\n".join(lines).rstrip("\n")


def numpy_names(op: tg.Op) -> list[str]:
    return sorted({f.__name__ for f in op.numpy})


def own_ops() -> list[tg.Op]:
    return [op for op in tg.registry.values() if op.__module__.startswith("tinygrad_cnn.")]


def compositions() -> dict[str, Any]:
    """Public functions that are made of ops and are none themselves."""
    found = {name: getattr(ops, name) for name in ops.__all__}
    found |= {f"linalg.{name}": getattr(tg.linalg, name) for name in tg.linalg.__all__}
    return {name: fn for name, fn in found.items() if not isinstance(fn, (tg.Op, type))}


def ops_page() -> str:
    found = own_ops()
    parts = [INTRODUCTION.format(ops=len(found), others=len(compositions()))]
    known = {**FAMILIES, **{family(op): family(op).capitalize() for op in found if family(op) not in FAMILIES}}
    for key, title in known.items():
        members = sorted((op for op in found if family(op) == key), key=lambda op: op.name)
        if members:
            parts += [f"## {title}\n", *map(describe, members)]
    parts.append("## Functions that are no ops: made of ops, or makers of arrays\n")
    for name, fn in sorted(compositions().items()):
        parts.append(f"- `{name.removesuffix(fn.__name__)}{signature(fn)}`: {first_line(fn)}")
    parts.append("\n## Names in formulas\n")
    words = {name: notation.words for name, notation in {**latex.NOTATION, **latex.NAMES}.items() if notation.words}
    parts += [f"- `{name}`: {meaning}" for name, meaning in sorted(words.items(), key=lambda item: item[0].lower())]
    return "\n".join(parts) + "\n"


def first_line(fn: Any) -> str:
    return inspect.cleandoc(fn.__doc__ or "").split("\n")[0]


# -- kernels ----------------------------------------------------------------------------------------------------

KERNELS = """# Kernels

Written by `python docs/make_tables.py` from the NumPy set; do not edit.

Kernels compute on raw arrays. `x (N, H, W, C)` is an argument with its shape, and after the arrow stands the shape of
the result. `win` is a `kernels.shapes.Window`. Names that end in an underscore write to their first argument. Ties of
max go to the first tap in row-major order, a NaN wins, padding never does. Arrays may be strided, read-only or empty in
N; all floating arrays of one call share a dtype, and the result has it.

| call | what it gives |
|---|---|
"""


def kernels_page() -> str:
    rows = []
    for name in sorted(EXAMPLES):
        kernel = getattr(kernels, name)
        text = " ".join((inspect.getdoc(kernel) or "").split()).replace("*", "\\*")
        rows.append(f"| `{name}({', '.join(inspect.signature(kernel).parameters)})` | {text} |\n")
    return KERNELS + "".join(rows)


# -- the counts of the comparison -------------------------------------------------------------------------------


def classes(module: Any, base: type) -> list[str]:
    found = [k for k, v in vars(module).items() if inspect.isclass(v) and issubclass(v, base) and v is not base]
    return sorted(found, key=str.lower)


def counts() -> str:
    rows = {
        "ops in the registry": [op.name for op in own_ops()],
        "functions beside them": list(compositions()),
        "layers": classes(nn, nn.Module),
        "networks by name": list(models.names),
        "optimisers": classes(optim, optim.Optimizer),
        "schedules": classes(optim, optim.Schedule),
        "data sets": ["digits", "digit_scenes", "mnist", "fashion_mnist", "cifar10", "ImageFolder", "ArrayDataset"],
        "transforms": [name for name in data.transforms.__all__ if name != "Move"],
    }
    rows["data sets"] = [name for name in rows["data sets"] if hasattr(data, name)]
    lines = ["| what | how many | which |", "|---|---|---|"]
    for what, names in rows.items():
        listed = "[the page of ops](ops.md)" if what.startswith("ops") else ", ".join(names)
        lines.append(f"| {what} | {len(names)} | {listed} |")
    return "\n".join(lines)


def compared_page(now: str) -> str:
    before, _, rest = now.partition(START)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"docs/compared.md: the marks {START} and {END} are gone; put them round the counts.")
    return f"{before}{START}\n\n{counts()}\n\n{END}{after}"


# -- the public names ------------------------------------------------------------------------------------------

NAMES = """# Public names

Written by `python docs/make_tables.py` from `tinygrad_cnn.__all__` and those of its parts; do not edit.  `help(name)`
says the rest: shapes, parameters, errors, sources.
"""

PARTS = {"tg": tg, "tg.linalg": tg.linalg, "tg.nn": nn, "tg.nn.init": nn.init, "tg.optim": optim, "tg.data": data,
         "tg.data.transforms": data.transforms, "tg.models": models, "tg.testing": tg.testing, "tg.graphs": tg.graphs,
         "tg.plots": tg.plots, "tg.io": tg.io, "tg.onnx": tg.onnx, "tg.insight": tg.insight,
         "tg.detection": detection, "tg.distributed": tg.distributed}  # fmt: skip


def public(module: Any) -> list[str]:
    """What a part offers: its `__all__`, or what it defines, imports ``as`` the same name, or its files list."""
    if listed := getattr(module, "__all__", None):
        return sorted(listed)
    names: set[str] = set()
    for node in tree(str(module.__file__)).body:
        if isinstance(node, ast.ImportFrom):
            names |= {alias.name for alias in node.names if alias.asname == alias.name}
            if node.names[0].name == "*":
                names |= {*getattr(module, str(node.module)).__all__}
        elif isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            names.add(node.name)
    return sorted(n for n in names if n[0] != "_" and callable(getattr(module, n)))


def effects_page(now: str) -> str:
    """The page of the engine with its table of effects."""
    package = Path(tg.__file__).parent
    for path in sorted(package.rglob("*.py")):
        if "@effect\n" in path.read_text(encoding="utf-8"):
            importlib.import_module(".".join(path.relative_to(package.parent).with_suffix("").parts))
    rows = [
        f"| `{name.partition('.')[2]}` | {(inspect.getdoc(fn) or '').splitlines()[0]} |\n"
        for name, fn in sorted(effects.items()) if name.startswith("tinygrad_cnn.")
    ]  # fmt: skip
    head, title, rest = now.partition("| effect | what it does |\n|---|---|\n")
    return head + title + "".join(rows) + re.sub(r"\A(\| `.*\|\n)*", "", rest)


def names_page() -> str:
    lines = [NAMES]
    for title, module in PARTS.items():
        lines += [f"## {title}\n", "| name | what it is |", "|---|---|"]
        for name in public(module):
            first = (inspect.getdoc(getattr(module, name)) or "").strip().partition("\n")[0].replace("|", "\\|")
            lines.append(f"| `{name}` | {first} |")
        lines.append("")
    return "\n".join(lines)


# -- NumPy functions --------------------------------------------------------------------------------------------

NUMPY = """# NumPy functions on Tensors

Written by `python docs/make_tables.py` from `tg.registry.of_numpy`; do not edit.

`np.f(tensor)` gives what `np.f(tensor.data)` would give, as a Tensor that keeps its gradient, or says why it cannot.
`out=` may be a Tensor, or an array if nothing requires a gradient; the methods of ufuncs (`np.add.reduce`,
`accumulate`, `reduceat`, `outer`) work as the functions do.  `array += tensor` makes the name stand for a Tensor; the
array stays as it was.  Every function of `numpy`, `numpy.linalg` and `numpy.fft` that NumPy 2.4 lets others answer
is on this page; others are refused.
"""

KINDS = {
    "with a gradient": "Their results are Tensors, and gradients flow through them, to any order.",
    "without a gradient": "Steps and tests give Tensors of slope 0; indices, counts and the like are plain arrays.",
    "refused": "They raise TypeError, which names the function and what to write instead.",
}


def numpy_kinds() -> dict[str, list[str]]:
    """The names of NumPy functions by how they treat gradients; the same under every version of NumPy."""
    names = ops.numpy_names
    kinds = dict(zip(KINDS, ({*names.WITH_GRADIENT}, {*names.STEPS, *names.PLAIN}, {*names.REFUSED}), strict=True))
    known = set().union(*kinds.values())
    for op in own_ops():
        kinds["with a gradient" if op.rules else "without a gradient"] |= {*numpy_names(op)} - known
    kinds["with a gradient"] |= {"permute_dims"}
    return {kind: sorted(found) for kind, found in kinds.items()}


def numpy_page() -> str:
    kinds = numpy_kinds()
    lines = [NUMPY, "| kind | how many |", "|---|---|"]
    lines += [f"| {kind} | {len(names)} |" for kind, names in kinds.items()]
    for kind, names in kinds.items():
        lines += [f"\n## {kind.capitalize()}\n", KINDS[kind] + "\n"]
        if kind == "refused":
            lines += [f"- `np.{name}`: {ops.numpy_names.REFUSED[name]}" for name in names]
        else:
            lines.append(textwrap.fill(", ".join(f"`np.{name}`" for name in names), 118, break_on_hyphens=False))
    return "\n".join(lines) + "\n"


# -- names of other libraries -----------------------------------------------------------------------------------

MIGRATING = """# Names of other libraries

Written by `python docs/make_tables.py` from `tinygrad_cnn/autodiff/foreign_names`; do not edit.  This prints how many
names the table has:

    python -c "from tinygrad_cnn.autodiff import foreign; print(foreign.count())"

It has {names} names: functions, classes, methods and parameters of {libraries}.
If you write one of them here, an `AttributeError` or a `TypeError` says what to write instead, so there is no need to
learn this page.  In the examples, `x`, `y`, `w` are Tensors, `p` is a parameter, `net` a module, `train` and `test` are
data sets.  The tests run every example, and compare it with NumPy where that can compute what the foreign name means.

Where this package differs throughout: images are (N, H, W, C), dense weights (in, out); the word for a dimension is
`axis`, for a kernel `window`; nothing is computed in place but by `x += y`, `x[key] = v` and `p.assign(v)`; everything
runs on the CPU; and whatever draws takes `rng`.
"""
PLACES = {  # where users look for the names
    "Tensor": "Tensors", "Op": "Ops", "tg": "Functions", "nn": "Layers", "nn.init": "Initial values",
    "Module": "Modules", "optim": "Optimisers and schedules", "Optimizer": "What optimisers have",
    "Schedule": "What schedules have", "models": "Networks", "data": "Data", "data.transforms": "Transforms",
    "DataLoader": "Loaders", "Dataset": "What data sets have", "train": "Training", "History": "Histories",
    "keywords": "Parameters",
}  # fmt: skip


def migrating_page() -> str:
    """Answers by library and by where users look for the names; without the lines that no longer hold."""
    *most, last = foreign.LIBRARIES.values()
    lines = [MIGRATING.format(names=f"{foreign.count():,}", libraries=f"{', '.join(most)} and {last}")]
    for library, title in foreign.LIBRARIES.items():
        lines.append(f"## {title}\n")
        for where, what in PLACES.items():
            answers: dict[str, list[str]] = {}
            for row in [row for rows in foreign.table()[where].values() for row in rows]:
                if library in row.libraries and foreign.stands(row):
                    answers.setdefault(answer(row), []).append(f"`{row.name}`")
            if answers:
                lines += [f"### {what}: {title}\n", "| there | here |", "|---|---|"]
                lines += [f"| {', '.join(names)} | {text} |" for text, names in answers.items()]
                lines.append("")
    return "\n".join(lines)


def answer(row: foreign.Row) -> str:
    """What to write here, and what to know."""
    if row.where != "keywords" and (row.lacks or not row.write) and (place := foreign.elsewhere(row.where, row.name)):
        return f"`{place}`"
    if row.where == "keywords":
        write = ", ".join(f"`{name}`" for name in row.write.split())
    else:
        write = f"`{row.write}`" if row.write else ""
    text = " ".join(part for part in (row.lacks, f"{write}." if write and row.note else write, row.note) if part)
    return text.replace("|", "\\|")


def main() -> int:
    stale = []
    pages: tuple[tuple[Path, Callable[[str], str]], ...] = (
        (HERE / "ops.md", lambda _: ops_page()),
        (HERE / "names.md", lambda _: names_page()),
        (HERE / "kernels.md", lambda _: kernels_page()),
        (HERE / "onnx.md", lambda _: onnx_page.page()),
        (HERE / "migrating.md", lambda _: migrating_page()),
        (HERE / "compared.md", compared_page),
        (HERE / "numpy_functions.md", lambda _: numpy_page()),
        (HERE / "design" / "engine.md", effects_page),
    )
    for path, make in pages:
        now = path.read_text(encoding="utf-8") if path.exists() else ""
        wanted = make(now)
        if now == wanted:
            continue
        stale.append(path.name)
        if "--check" not in sys.argv:
            path.write_text(wanted, encoding="utf-8")
            print(f"written: docs/{path.name}")
    if stale and "--check" in sys.argv:
        print(f'out of date: {", ".join(stale)}. Run: "{sys.executable}" "{HERE / "make_tables.py"}"', file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
