"""What a rule computes, as a formula: read from the rule's own source, or registered beside it.

    formulas.of(tg.cos)  ->  {"x": Formula(plain="-(g * sin(x))", latex=...)}

In a formula `g` is the cotangent, `y` the op's result, and the other names are the op's inputs, their shapes and its
parameters.  A function in it goes by the op's own parameters (axis, stride, ...) where none are written; a sum or mean
over the op's own axes keeps them, so that it broadcasts.
"""

from __future__ import annotations

import ast
import inspect
from functools import lru_cache
from types import FunctionType
from typing import Any, NamedTuple

from ..core.operation import Op
from ..core.register import registry
from .latex import NAMES, NOTATION, latex_of

LONGEST = 160  # characters; a rule that takes more does not read as a formula


class Formula(NamedTuple):
    """A formula as plain text (Python) and as LaTeX; `origin` is "rule", "registered" or "general"."""

    plain: str
    latex: str
    origin: str = "rule"


def of(op: Any) -> dict[str, Formula]:
    """The gradient that each input of `op` gets, by the input's name.

    Of a rule that no source is known for, or none that reads as a formula, the general one is given: the transposed
    Jacobian times the cotangent.
    """
    rules = getattr(op, "rules", {})
    names = [name for name in rules if name != "g"] or ([] if isinstance(op, Op) else list(op.inputs))
    return {name: _formula(op, name) for name in names}


def value(op: Any) -> Formula:
    """What the op itself computes, of its inputs."""
    text = getattr(op, "formulas", {}).get("y", (None, ""))[1]
    tree = _parsed(text) if text else _readable(_returned(op.fn, "")) if isinstance(op, Op) else None
    if tree is not None:
        return Formula(ast.unparse(tree), latex_of(tree), "registered" if text else "rule")
    tree = _parsed(f"{op.name}({', '.join(op.inputs[:-1] + (f'*{op.inputs[-1]}' if op.variadic else op.inputs[-1],))})")
    return Formula(ast.unparse(tree), latex_of(tree), "general")


def words(plain: str) -> dict[str, str]:
    """What the functions and special names of a formula mean, where that does not go without saying."""
    used = dict.fromkeys(n.id for n in ast.walk(_parsed(plain)) if isinstance(n, ast.Name))
    table = {**NOTATION, **NAMES}
    return {name: table[name].words for name in used if name in table and table[name].words}


def written(name: str) -> Formula:
    """How a function or a special name of formulas is written, of g and of i where it takes two."""
    if name in NAMES:
        return Formula(name, NAMES[name].latex)
    call = f"{name}(g, i)" if "{1}" in NOTATION[name].latex else f"{name}(g)"
    return Formula(call, latex_of(_parsed(call)))


def _formula(op: Any, name: str) -> Formula:
    tree, origin = _own(op, name)
    if tree is not None and "g" in getattr(op, "rules", {}):  # what all rules share comes first
        common, _ = _own(op, "g")
        if common is not None and (origin == "rule" or _is_known(common)):
            tree = _Substitute({"g": common}).visit(tree)
        elif origin == "rule":  # its g is not the cotangent, but something that does not read as a formula
            tree = None
    if tree is None:
        latex = rf"\left(\frac{{\partial y}}{{\partial {name}}}\right)^{{\top}} g"
        return Formula(f"(dy/d{name})^T g", latex, "general")
    return Formula(ast.unparse(tree), latex_of(tree), origin)


def _is_known(tree: Any) -> bool:
    """Whether all functions in a formula are ops, or named in the notation."""
    calls = [n.func for n in ast.walk(tree) if isinstance(n, ast.Call)]
    return all(isinstance(f, ast.Name) and f.id in {*registry, *NOTATION} for f in calls)


def _own(op: Any, name: str) -> tuple[Any, str]:
    """The tree of one rule, registered or read."""
    rule = getattr(op, "rules", {}).get(name)
    told, text = getattr(op, "formulas", {}).get(name, (None, ""))
    if text and told is rule:
        return _parsed(text), "registered"
    return (_readable(_returned(rule, name)) if rule is not None else None), "rule"


def _parsed(text: str) -> Any:
    return ast.parse(text, mode="eval").body


# -- reading source ---------------------------------------------------------------------------------------------


@lru_cache(64)
def _functions(text: str) -> dict[int, list[tuple[str, Any]]]:
    """All functions and lambdas of a file by line; a lambda with the keyword that it is passed as, if it is."""
    found: dict[int, list[tuple[str, Any]]] = {}
    keyword: dict[Any, str] = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.keyword) and isinstance(node.value, ast.Lambda):
            keyword[node.value] = node.arg or ""
        if isinstance(node, (ast.Lambda, ast.FunctionDef)):
            decorators: list[Any] = getattr(node, "decorator_list", [])
            line = min([node.lineno, *(d.lineno for d in decorators)])
            found.setdefault(line, []).append((keyword.get(node, ""), node))
    return found


def _node_of(fn: Any, passed_as: str) -> Any:
    """The syntax tree of a function; None if its source is not to be had, or not to be told from another's."""
    code = getattr(fn, "__code__", None)
    if code is None:
        return None
    try:
        lines, _ = inspect.findsource(code)
        candidates = _functions("".join(lines)).get(code.co_firstlineno, [])
    except (OSError, SyntaxError, ValueError, IndexError):
        return None
    names, kind = list(inspect.signature(fn).parameters), ast.Lambda if fn.__name__ == "<lambda>" else ast.FunctionDef
    fitting = [(label, node) for label, node in candidates if isinstance(node, kind) and _arguments(node) == names]
    labelled = [node for label, node in fitting if label == passed_as] or [node for _, node in fitting]
    texts = {ast.dump(node) for node in labelled}
    return labelled[0] if len(texts) == 1 else None


def _arguments(node: Any) -> list[str]:
    a = node.args
    in_order = *a.posonlyargs, *a.args, a.vararg, *a.kwonlyargs, a.kwarg
    return [arg.arg for arg in in_order if arg is not None]


def _returned(fn: Any, passed_as: str, depth: int = 0) -> Any:
    """What a function returns as one expression, of its arguments; None if it takes more than assignments to say."""
    node = _node_of(fn, passed_as)
    if node is None:
        return None
    body = [ast.Return(node.body)] if isinstance(node, ast.Lambda) else node.body
    known: dict[str, Any] = {}
    for line in body:
        if isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant):
            continue  # a docstring
        if isinstance(line, ast.Assign) and len(line.targets) == 1 and isinstance(line.targets[0], ast.Name):
            known[line.targets[0].id] = _Substitute(known).visit(_copy(line.value))
        elif isinstance(line, ast.Return) and line.value is not None and line is body[-1]:
            tree = _Substitute(known).visit(_copy(line.value))
            return _Inline(fn, depth).visit(tree) if len(ast.unparse(tree)) <= 2 * LONGEST else None
        else:
            return None
    return None


def _copy(tree: ast.expr) -> Any:
    return _parsed(f"({ast.unparse(tree)})")


class _Substitute(ast.NodeTransformer):
    """Names replaced by expressions."""

    def __init__(self, by: dict[str, Any]) -> None:
        self.by = by

    def visit_Name(self, node: ast.Name) -> Any:
        return _copy(self.by[node.id]) if node.id in self.by else node


class _Inline(ast.NodeTransformer):
    """Calls of private helpers of one expression replaced by what they return."""

    def __init__(self, fn: Any, depth: int) -> None:
        self.names, self.depth = getattr(fn, "__globals__", {}), depth

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        helper = self.names.get(node.func.id) if isinstance(node.func, ast.Name) else None
        if not isinstance(helper, FunctionType) or not helper.__name__.startswith("_") or self.depth > 2:
            return node
        tree = _returned(helper, "", self.depth + 1)
        try:
            given = inspect.signature(helper).bind(*node.args, **{k.arg or "**": k.value for k in node.keywords})
        except TypeError:
            return node
        return node if tree is None else _Substitute(dict(given.arguments)).visit(tree)


# -- making it readable -----------------------------------------------------------------------------------------

UNWRITTEN = {
    "stride",
    "padding",
    "dilation",
    "groups",
    "window",
    "size",
    "ceil_mode",
    "count_include_pad",
    "mode",
    "align_corners",
}  # fmt: skip -- how windows lie: the op's own, and the same in the op and in its rules
REDUCTIONS = {"sum", "mean", "var", "max", "min"}
RENAMED = {"absolute": "abs", "column_sum": "sum_rows"}
OPERATORS: dict[str, ast.operator] = {"add": ast.Add(), "subtract": ast.Sub(), "multiply": ast.Mult(),
                                      "divide": ast.Div(), "matmul": ast.MatMult()}  # fmt: skip


def _readable(tree: Any) -> Any:
    """A tree without modules, options that go without saying and masks' wrappings; None if it is still no formula."""
    if tree is None:
        return None
    tree = _Tidy().visit(tree)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Lambda, ast.Starred, ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.DictComp,
                             ast.NamedExpr, ast.JoinedStr, ast.Dict)):  # fmt: skip
            return None
        if isinstance(node, ast.Name) and node.id.startswith("_"):
            return None
        if isinstance(node, ast.Attribute) and node.attr != "T":
            return None
    text = ast.unparse(tree)
    return _parsed(text) if len(text) <= LONGEST else None


class _Tidy(ast.NodeTransformer):
    def visit_Attribute(self, node: ast.Attribute) -> Any:
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id in ("np", "numpy", "math", "kernels", "tg"):
            return ast.Name(RENAMED.get(node.attr, node.attr))
        return node

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name == "values" and len(node.args) == 1:  # a mask, through which no gradient flows
            return node.args[0]
        if name in OPERATORS and len(node.args) == 2 and not node.keywords:
            return ast.BinOp(node.args[0], OPERATORS[name], node.args[1])
        if name == "negative" and len(node.args) == 1:
            return ast.UnaryOp(ast.USub(), node.args[0])
        if name == "relu_dx" and len(node.args) == 2:
            return ast.BinOp(node.args[0], ast.Mult(), ast.Compare(node.args[1], [ast.Gt()], [ast.Constant(0)]))
        node.args = [a for a in node.args if not _unwritten(a)] or node.args
        own = {ast.dump(k) for k in node.keywords if k.arg and isinstance(k.value, ast.Name) and k.value.id == k.arg}
        reduces = name in REDUCTIONS
        node.keywords = [
            k for k in node.keywords
            if k.arg is not None and k.arg not in UNWRITTEN
            and not (reduces and (k.arg == "keepdims" or ast.dump(k) in own))
        ]  # fmt: skip
        return node


def _unwritten(e: ast.expr) -> bool:
    """Whether a positional argument is an option as above: a window, a size as in x_shape[1:3]."""
    if isinstance(e, ast.Subscript):
        return isinstance(e.value, ast.Name) and e.value.id.endswith("_shape")
    return isinstance(e, ast.Name) and e.id in UNWRITTEN
