"""LaTeX printed from plain expressions: a small tree walk, and one table of how functions are written."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any, NamedTuple

SUM, PRODUCT, MINUS, POWER, ATOM = range(2, 7)  # how tightly a piece of LaTeX holds together
LOGIC, COMPARISON = 0, 1

Piece = tuple[str, int]


class Notation(NamedTuple):
    """How a function is written, and what it means where the name does not say so."""

    latex: str = ""  # {0}, {1}: its arguments; {all}: with commas; empty: its name
    words: str = ""
    level: int = ATOM


def _call(name: str) -> str:
    return rf"\operatorname{{{{{name}}}}}\left({{all}}\right)"


# Functions that formulas may call.  What stands here without words is school mathematics or the op of that name.
NOTATION: dict[str, Notation] = {
    **{name: Notation(rf"\{name}\left({{all}}\right)") for name in ("sin", "cos", "tanh", "log")},
    "exp": Notation("e^{{{0}}}", level=POWER),
    "sqrt": Notation(r"\sqrt{{{0}}}"),
    "abs": Notation(r"\left\lvert {0}\right\rvert"),
    "sign": Notation(_call("sign"), "1 above zero, -1 below, 0 at zero"),
    "sigmoid": Notation(r"\sigma\left({0}\right)"),
    "Phi": Notation(r"\Phi\left({0}\right)", "the normal distribution function (or its approximation, if asked for)"),
    "phi": Notation(r"\varphi\left({0}\right)", "the derivative of Phi"),
    **{name: Notation(rf"\{name[:3]}\left({{all}}\right)") for name in ("max", "min", "maximum", "minimum")},
    "transpose": Notation(),
    "inverse": Notation("{0}^{{-1}}", "the permutation that undoes this one", POWER),
    "sum": Notation(r"\textstyle\sum_{{{axis}}}\left({0}\right)",
                    "summed along the axes that the op works on, unless others are given"),
    "mean": Notation(r"\overline{{{0}}}", "the mean along the axes that the op works on"),
    "var": Notation(_call("var"), "the variance along the axes that the op works on"),
    "sum_rows": Notation(r"\textstyle\sum_{{\text{{rows}}}}\left({0}\right)", "summed over all axes but the last"),
    "mean_rows": Notation(r"\overline{{{0}}}", "the mean over all axes but the last"),
    "spread": Notation(_call("spread"), "copied back over the axes that were reduced"),
    "prod_of_others": Notation(r"\textstyle\prod_{{j\neq i}}{0}_j", "for each element the product of all the others"),
    "before": Notation("", "the element before each along the axis, 0 for the first"),
    "prod_before": Notation(r"\textstyle\prod_{{j<i}}{0}_j", "the product of the elements before each"),
    "sum_after": Notation("", "g, plus what the next element times the same sum for the next one gives"),
    "sum_to": Notation(r"\textstyle\sum\left({0}\right)", "summed over the axes that broadcasting stretched"),
    "broadcast_to": Notation(_call("broadcast").replace("{all}", "{0}"), "copied along the axes that were summed"),
    "cast": Notation("{0}", "in the dtype of the input"),
    "conv2d": Notation(r"{0}\star {1}", level=PRODUCT),
    "conv2d_dx": Notation(r"\nabla_{{\!{any}}}\langle {0},\,{any}\star {1}\rangle",
                          "the gradient of <g, conv2d(x, w)> in the images x"),
    "conv2d_dw": Notation(r"\nabla_{{\!{any}}}\langle {1},\,{0}\star {any}\rangle",
                          "the gradient of <g, conv2d(x, w)> in the filters w"),
    "conv3d": Notation(r"{0}\star {1}", level=PRODUCT),
    "conv3d_dx": Notation(r"\nabla_{{\!{any}}}\langle {0},\,{any}\star {1}\rangle",
                          "the gradient of <g, conv3d(x, w)> in the volumes x"),
    "conv3d_dw": Notation(r"\nabla_{{\!{any}}}\langle {1},\,{0}\star {any}\rangle",
                          "the gradient of <g, conv3d(x, w)> in the filters w"),
    "max_pool2d_put": Notation(r"\operatorname{{put}}_{{\text{{winners}}}}\left({0}\right)",
                               "added at the pixel that won its window (tap: its number)"),
    "max_pool2d_take": Notation(r"\operatorname{{take}}_{{\text{{winners}}}}\left({0}\right)",
                                "the pixel that won each window (tap: its number)"),
    "avg_pool2d_put": Notation(_call("share").replace("{all}", "{0}"), "in equal parts over the pixels of each window"),
    "resize_put": Notation("", "shared among the pixels that each was made of"),
    "adaptive_avg_pool2d_put": Notation("", "in equal parts over the pixels of each bin"),
    "max_unpool2d": Notation(_call("put").replace("{all}", "{0}"), "each number at its pixel, zeros elsewhere"),
    "max_unpool2d_take": Notation(_call("take").replace("{all}", "{0}"), "the pixels with these numbers"),
    "written": Notation(_call("write"), "the first, with the second written at the op's places"),
    "last_at": Notation(_call("last"), "whether it is the last number for its place"),
    "put": Notation(r"\operatorname{{put}}_{{{1}}}\left({0}\right)", "zeros, with g added at the places taken from"),
    "put_along": Notation(r"\operatorname{{put}}_{{{1}}}\left({0}\right)", "zeros, with g added at these indices"),
    "take": Notation("{0}_{{{1}}}", "the slice with this number along the op's axis"),
    "split": Notation("", "cut where the inputs were joined"),
    "sum_of_copies": Notation(r"\textstyle\sum_{{\text{{copies}}}}{0}", "each element's copies summed"),
    "unpad": Notation("", "without the border, what was copied to the border added where it came from"),
    "fold": Notation("", "windows added up at their places"),
    "unfold": Notation("", "the pixels under each place of the window"),
    "others": Notation(r"{0}_{{j\neq i}}", "all other operands"),
    "diag": Notation(_call("diag"), "the matrix with these numbers on its diagonal"),
    "sym": Notation(_call("sym"), "the symmetric part of each matrix, (x + x.T) / 2"),
    "skew": Notation(_call("skew"), "each matrix minus its transpose"),
    "lower": Notation(_call("low"), "the lower triangle of each matrix, half of its diagonal"),
    "third": Notation(r"\nabla_a\langle {1},\,\nabla_a\langle {0},\,\operatorname{{cofactors}}(a)\rangle\rangle",
                      "the derivative of second_cofactors(t, a) along g"),
    "by_length": Notation(_call("share"), "g for each sequence: in a mean divided by N and the length of its target"),
    "share": Notation("", "g for each row: g / N for a mean over N rows, g for a sum"),
    "einsum": Notation("", "the products summed over all axes that this input does not name"),
    "tensordot": Notation("", "the products summed over all axes that this input does not have"),
}  # fmt: skip

# Names of values that are neither inputs, parameters nor shapes.
NAMES: dict[str, Notation] = {
    "count": Notation("n", "of how many elements each result is made"),
    "h": Notation("h", "what the relu lets through of g: g where y > 0, else 0"),
    "pi": Notation(r"\pi"),
    "xhat": Notation(r"\hat{x}", "x normalised, (x - mean) / sqrt(var + eps)"),
    "t": Notation("t", "the targets, a row for each sample (one-hot for class indices), of sum 1 unless weighted"),
    "Q": Notation("Q", "the part of y with orthonormal columns"),
    "R": Notation("R", "the part of y that is 0 below its diagonal"),
    "U": Notation("U", "the first part of y, the left singular vectors"),
    "S": Notation("S", "the singular values in y, as a diagonal matrix"),
    "V": Notation("V", "the last part of y, eigenvectors or right singular vectors"),
    **{f"g{x}": Notation(f"g_{x}", f"the part of g that belongs to {x}") for x in "QRUV"},
    "gw": Notation("g_w", "the part of g that belongs to eigenvalues or singular values"),
    "F": Notation("F", "1 / (w_j - w_i) of eigenvalues w, or of squares of singular values; 0 where they are equal"),
    "beyond": Notation("B", "what turns U and V out of what they span: 0 for a square matrix"),
    "visits": Notation("n", "how often each class is used at each time, on average over alignments"),
    "uses": Notation("u", "how many labels name each class, if the loss is their mean; else 0"),
}
GREEK = {"gamma": r"\gamma", "beta": r"\beta", "alpha": r"\alpha", "eps": r"\varepsilon", "delta": r"\delta",
         "var": r"\sigma^2", "mean": r"\mu"}  # fmt: skip
_COMPARE = {ast.Gt: ">", ast.GtE: r"\ge", ast.Lt: "<", ast.LtE: r"\le", ast.Eq: "=", ast.NotEq: r"\ne"}


def latex_of(tree: ast.expr) -> str:
    """The LaTeX of an expression, for use between dollar signs.  It holds no ``|``, which would cut table cells."""
    text, before = _print(tree)[0], ""
    while text != before:  # parentheses grow where what they hold is tall, and nowhere else
        before, text = text, _LOW.sub(r"\1\2\3", text)
    return text


_LOW = re.compile(r"\\left([(\[])((?:(?!\\left|\\right|\\frac|\\begin|\\textstyle).)*)\\right([)\]])")


def _print(e: ast.expr) -> Piece:
    for kind, how in _PRINTERS.items():
        if isinstance(e, kind):
            return how(e)
    return rf"\texttt{{{_escape(ast.unparse(e))}}}", ATOM


def _at(e: ast.expr, level: int) -> str:
    """An expression in parentheses, if it holds together less than its place asks for."""
    text, own = _print(e)
    return text if own >= level else rf"\left[{text}\right]" if own <= COMPARISON else rf"\left({text}\right)"


def _escape(text: str) -> str:
    return re.sub(r"([\\{}_#$%&^~])", lambda m: {"\\": r"\backslash "}.get(m[1], "\\" + m[1]), text)


def _name(e: Any) -> Piece:
    name: str = e.id
    base, _, suffix = name.rpartition("_")
    if name in NAMES:
        return NAMES[name].latex, ATOM
    if base and suffix == "shape":
        return rf"\operatorname{{shape}}\left({_name(ast.Name(base))[0]}\right)", ATOM
    return GREEK.get(name) or (name if len(name) == 1 else _word(name, "mathrm")), ATOM


def _word(name: str, style: str = "operatorname") -> str:
    """A name of several letters; one of several words, or with digits, as text, which every printer knows."""
    return rf"\{style}{{{name}}}" if name.isalpha() else rf"\text{{{name.replace('_', ' ').strip()}}}"


def _constant(e: Any) -> Piece:
    if isinstance(e.value, (int, float)) and not isinstance(e.value, bool):
        return f"{e.value:.6g}" if isinstance(e.value, float) else str(e.value), MINUS if e.value < 0 else ATOM
    return rf"\text{{{_escape(str(e.value))}}}", ATOM


def _unary(e: Any) -> Piece:
    sign = {ast.USub: "-", ast.UAdd: "+", ast.Not: r"\neg ", ast.Invert: r"\neg "}[type(e.op)]
    return f"{sign}{_at(e.operand, PRODUCT)}", MINUS if sign in "+-" else COMPARISON


def _binary(e: Any) -> Piece:
    if isinstance(e.op, (ast.Add, ast.Sub)):
        sign = "+" if isinstance(e.op, ast.Add) else "-"
        right, own = _print(e.right)
        if own < PRODUCT or own == MINUS or (own == SUM and sign == "-"):
            right = _at(e.right, ATOM)
        return f"{_at(e.left, SUM)} {sign} {right}", SUM
    if isinstance(e.op, (ast.Mult, ast.MatMult, ast.Div)):
        return _product(e)
    if isinstance(e.op, ast.Pow):
        base = _at(e.left, ATOM)
        return rf"{base}^{{{_print(e.right)[0]}}}", POWER
    if isinstance(e.op, (ast.BitAnd, ast.BitOr)):
        sign = r"\wedge" if isinstance(e.op, ast.BitAnd) else r"\vee"
        return rf"{_at(e.left, COMPARISON)} {sign} {_at(e.right, COMPARISON)}", LOGIC
    return rf"\texttt{{{_escape(ast.unparse(e))}}}", ATOM


def _factors(e: ast.expr) -> list[ast.expr]:
    """A product as the list of its factors; a quotient is one factor."""
    if isinstance(e, ast.BinOp) and isinstance(e.op, (ast.Mult, ast.MatMult)):
        return [*_factors(e.left), *_factors(e.right)]
    return [e]


def _product(e: Any) -> Piece:
    if isinstance(e.op, ast.Div):
        return rf"\frac{{{_print(e.left)[0]}}}{{{_print(e.right)[0]}}}", POWER
    powers: list[list[Any]] = []  # equal factors side by side, and how often: x * x is written as a square
    for factor in _factors(e):
        if powers and ast.dump(powers[-1][0]) == ast.dump(factor) and not isinstance(e.op, ast.MatMult):
            powers[-1][1] += 1
        else:
            powers.append([factor, 1])
    if len(powers) > 1:  # numbers go first, as one writes them
        powers.sort(key=lambda p: not _numeric(p[0]) or isinstance(e.op, ast.MatMult))
    texts = []
    for k, (factor, times) in enumerate(powers):
        last = k == len(powers) - 1
        text = _at(factor, MINUS if k == 0 and times == 1 else PRODUCT if last and times == 1 else POWER)
        text = _at(factor, ATOM) if times > 1 else text
        texts.append(f"{text}^{{{times}}}" if times > 1 else text)
    return _joined(texts), PRODUCT if len(powers) > 1 else POWER


def _numeric(e: Any) -> bool:
    if isinstance(e, ast.BinOp) and isinstance(e.op, ast.Div):
        return _numeric(e.left) and _numeric(e.right)
    return isinstance(e, ast.Constant)


def _joined(texts: list[str]) -> str:
    """Factors side by side, with a dot where two numbers would run together."""
    line = texts[0]
    for text in texts[1:]:
        line += (r" \cdot " if text[0].isdigit() and line[-1].isdigit() else r"\,") + text
    return line


def _compare(e: Any) -> Piece:
    line = _at(e.left, SUM)
    for op, right in zip(e.ops, e.comparators, strict=True):
        line += f" {_COMPARE.get(type(op), '?')} {_at(right, SUM)}"
    return line, COMPARISON


def _cases(e: Any) -> Piece:
    """where(condition, a, b), also nested, and a if condition else b."""
    rows = []
    while True:
        parts = (e.test, e.body, e.orelse) if isinstance(e, ast.IfExp) else _where(e)
        if parts is None:
            break
        rows.append(rf"{_print(parts[1])[0]} & \text{{if }} {_print(parts[0])[0]}")
        e = parts[2]
    rows.append(rf"{_print(e)[0]} & \text{{otherwise}}")
    return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}", SUM


def _where(e: Any) -> Any:
    named = isinstance(e, ast.Call) and isinstance(e.func, ast.Name) and e.func.id == "where"
    return e.args if named and len(e.args) == 3 else None


def _function(e: Any) -> Piece:
    if _where(e):
        return _cases(e)
    name = e.func.id if isinstance(e.func, ast.Name) else ast.unparse(e.func)
    shown = [a for a in e.args if not (isinstance(a, ast.Name) and a.id.endswith(("_shape", "_dtype")))] or e.args
    axis = next((k.value for k in e.keywords if k.arg == "axis"), None)
    notation = NOTATION.get(name, Notation())
    if name == "transpose" and len(e.args) == 1:
        return rf"{_at(e.args[0], ATOM)}^{{\top}}", POWER
    if notation.latex:
        enclosed = r"\left" in notation.latex or "{{{0}}}" in notation.latex
        pieces = [_at(a, 0 if enclosed else PRODUCT if notation.level == ATOM else POWER) for a in e.args]
        named = {"all": ",\\, ".join(pieces), "axis": _axes(axis), "any": _any(name, pieces)}
        text = notation.latex.format(*pieces, *[""] * 3, **named)
        return text.replace(r"\sum_{}", r"\sum"), notation.level
    pieces = [_print(a)[0] for a in shown] + [
        rf"{_name(ast.Name(k.arg))[0]}{{=}}{_print(k.value)[0]}" for k in e.keywords if k.arg and k.arg != "axis"
    ]
    return rf"{_word(name)}\left({', '.join(pieces)}\right)", ATOM


def _any(name: str, pieces: list[str]) -> str:
    """The variable that a face of convolution is a gradient in: x or w, or another letter if that one is taken."""
    usual, other = ("w", "v") if name.endswith("_dw") else ("x", "u")
    return other if any(usual in re.sub(r"\\[a-zA-Z]+", "", piece) for piece in pieces) else usual


def _axes(axis: Any) -> str:
    return "" if axis is None else _print(axis)[0].replace(r"\left(", "").replace(r"\right)", "")


def _subscript(e: Any) -> Piece:
    return rf"{_at(e.value, ATOM)}_{{{_print(e.slice)[0]}}}", ATOM


def _attribute(e: Any) -> Piece:
    if e.attr == "T":
        return rf"{_at(e.value, ATOM)}^{{\top}}", POWER
    return rf"\texttt{{{_escape(ast.unparse(e))}}}", ATOM


def _tuple(e: Any) -> Piece:
    return rf"\left({', '.join(_print(item)[0] for item in e.elts)}\right)", ATOM


_PRINTERS: dict[type, Callable[[Any], Piece]] = {
    ast.Name: _name, ast.Constant: _constant, ast.UnaryOp: _unary, ast.BinOp: _binary, ast.Compare: _compare,
    ast.IfExp: _cases, ast.Call: _function, ast.Subscript: _subscript, ast.Attribute: _attribute, ast.Tuple: _tuple,
    ast.List: _tuple,
}  # fmt: skip
