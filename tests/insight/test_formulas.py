"""Formulas: short, readable, and true: evaluated with NumPy on the op's samples, each gives what its rule gives.

What functions in formulas mean is written down here once more, slowly and without the package's own rules.
"""

import ast
import itertools
import math

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.insight import formulas
from tinygrad_cnn.insight.latex import NAMES, NOTATION
from tinygrad_cnn.kernels import shapes
from tinygrad_cnn.ops.indexing import _filled
from tinygrad_cnn.testing.case import Case, cotangent

OPS = {name: op for name, op in tg.registry.items() if op.fn.__module__.startswith("tinygrad_cnn.")}
LONG = {"lstm_sequence", "gru_sequence", "gelu_tanh_dx", "mish_dx"}  # whose gradients take more than a line
RULES = [(name, key) for name, op in sorted(OPS.items()) if name not in LONG for key in formulas.of(op)]
NORMS = {"layer_norm_rows", "rms_norm_rows", "group_norm_channels"}  # whose means are of rows or groups, not of columns
PARSED_ONLY: set[tuple[str, str]] = set()  # formulas that no test evaluates; each one needs a reason here
LONGEST = 90


# -- what formulas look like --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "key"), RULES)
def test_formula_is_short_and_names_only_what_is_known(name, key):
    op, formula = OPS[name], formulas.of(OPS[name])[key]
    assert formula.origin in ("rule", "registered"), "its rule does not read as a formula: register one beside it"
    assert len(formula.plain) <= LONGEST
    tree = ast.parse(formula.plain, mode="eval")
    shapes = {f"{x}_{what}" for x in op.inputs for what in ("shape", "dtype")}
    known = {"g", "y", "i", "y_shape", *op.inputs, *op.defaults, *op.aux, *shapes}
    known |= {*tg.registry, *NOTATION, *NAMES}
    for node in ast.walk(tree):
        assert not isinstance(node, (ast.Lambda, ast.Starred, ast.GeneratorExp))
        if isinstance(node, ast.Name):
            assert node.id in known and not node.id.startswith("_")
        if isinstance(node, ast.keyword):
            assert node.arg is not None, "** in a formula"
    assert {"g", "h", "gQ", "gU", "gV"} & {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}


@pytest.mark.parametrize(("name", "key"), RULES)
def test_latex_is_well_formed(name, key):
    latex = formulas.of(OPS[name])[key].latex
    assert "|" not in latex and "$" not in latex and "?" not in latex and r"\texttt" not in latex
    depth = 0
    for mark in latex.replace(r"\{", "").replace(r"\}", ""):
        depth += (mark == "{") - (mark == "}")
        assert depth >= 0
    assert depth == 0
    assert latex.count(r"\left") == latex.count(r"\right")
    assert latex.count(r"\begin") == latex.count(r"\end")


# -- what they say is true ----------------------------------------------------------------------------------------


class Meaning(dict):
    """The names of one formula: values, and functions that go by the op's own parameters."""

    def __init__(self, op, inputs, params, y, aux, g, wanted):
        super().__init__(y=y, y_shape=y.shape, g=g, i=wanted)
        lead, rest = inputs[: op.last], inputs[op.last :]
        given = dict(zip(op.inputs, [*lead, rest if op.variadic else rest[0]], strict=True))
        self.op, self.inputs, self.params, self.y = op, given, {**op.defaults, **params}, y
        self.wanted = inputs[wanted].shape if wanted is not None else y.shape
        self.update(given)
        if not op.variadic:
            self.update({f"{k}_shape": np.shape(v) for k, v in given.items()})
            self.update({f"{k}_dtype": v.dtype for k, v in given.items() if isinstance(v, np.ndarray)})
        self.update({k: np.array(v) if k == "shift" else v for k, v in self.params.items()})
        if op.name == "clip":  # a bound that is left out
            self.update({k: v for k, v in (("low", -math.inf), ("high", math.inf)) if given[k] is None})
        if "key" in self.params:
            self["key"] = _filled(self.params["key"], tuple(self["indices"]))
        self["weight"] = 1 if given.get("weight") is None else given["weight"]
        if op.name in NORMS:
            self.update({k: v for k, v in (("gamma", 1.0), ("beta", 0.0)) if np.shape(given.get(k)) == ()})
        else:
            self.update(zip(op.aux, aux, strict=True))

    def __missing__(self, name):
        mine = getattr(self, f"f_{name}", None)
        if mine is not None:
            return mine() if name in NAMES else mine
        if name in tg.registry:
            return lambda *args, **given: self.call(tg.registry[name], args, given)
        raise KeyError(name)

    def call(self, op, args, given):
        """An op by its name, with the parameters of the op that the formula is about."""
        x_shape = self.wanted
        own = {**self.params, "size": x_shape[1:3], "shape": x_shape, "window": self.params.get("window", x_shape[:2])}
        used = given | dict(zip((*op.inputs, *op.positional), args, strict=False))
        args = [np.float64(a) if type(a) is float else a for a in args]  # floats alone would be float32
        return op(*args, **{k: v for k, v in own.items() if k in op.defaults and k not in used}, **given)

    def axes(self, axis=None):
        axis = axis if axis is not None else self.params.get("axis", {"global_avg_pool2d": (1, 2),
            "softmax_cross_entropy": -1, "layer_norm_rows": -1, "rms_norm_rows": -1}.get(self.op.name))  # fmt: skip
        return tuple(axis) if isinstance(axis, list) else axis

    def reduced(self):
        """The op's axes, counted from the front."""
        n, axes = self.inputs["x"].ndim, self.axes()
        return sorted(a % n for a in (range(n) if axes is None else axes if isinstance(axes, tuple) else (axes,)))

    def reduce(self, fn, x, axis):
        if self.op.name == "group_norm_channels":  # over the places and the channels of each group
            rows = x.reshape(len(x), -1, self.params["groups"], x.shape[-1] // self.params["groups"])
            return np.broadcast_to(fn(rows, axis=(1, 3), keepdims=True), rows.shape).reshape(x.shape)
        return fn(x, axis=axis) if axis is not None else fn(x, axis=self.axes(), keepdims=True)

    def f_sum(self, x, axis=None):
        return self.reduce(np.sum, x, axis)

    def f_mean(self, x, axis=None):
        return self.reduce(np.mean, x, axis)

    def f_var(self, x, axis=None):
        return self.reduce(np.var, x, axis)

    def f_sum_rows(self, x):
        return sum(row for row in x.reshape(-1, x.shape[-1]))

    def f_mean_rows(self, x):
        return self.f_sum_rows(x) / (x.size // x.shape[-1])

    def f_sign(self, x):
        return np.sign(x)

    def f_count(self):
        return self.inputs["x"].size // self.y.size

    def f_spread(self, v):
        x = self.inputs["x"]
        for axis in self.reduced():
            if v.ndim < x.ndim:
                v = np.expand_dims(v, axis)
        return np.broadcast_to(v, x.shape)

    def f_Phi(self, x):
        if self.params.get("approximate") == "tanh":
            return (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2
        return np.vectorize(lambda v: (1 + math.erf(v / math.sqrt(2))) / 2)(x)

    def f_phi(self, x):
        if self.params.get("approximate") == "tanh":
            return (self.f_Phi(x + 1e-6) - self.f_Phi(x - 1e-6)) / 2e-6
        return np.exp(-x * x / 2) / math.sqrt(2 * math.pi)

    def f_prod_of_others(self, x):
        axes, out = set(self.reduced()), np.ones_like(x)
        for p, q in itertools.product(np.ndindex(x.shape), repeat=2):
            if p != q and all(p[k] == q[k] for k in range(x.ndim) if k not in axes):
                out[p] *= x[q]
        return out

    def along(self, *arrays):
        """Rows along the op's axis, from the end if the op goes so, and how to put a result back."""
        axis, shape, step = self.params["axis"], self.wanted, -1 if self.params.get("reverse") else 1
        rows = [np.ravel(a) if axis is None else np.moveaxis(a, axis, 0)[::step] for a in arrays]
        return rows, lambda y: y.reshape(shape) if axis is None else np.moveaxis(y[::step], 0, axis)

    def f_before(self, y):
        (y,), back = self.along(y)
        return back(np.array([np.zeros_like(y[0]), *y[:-1]]))

    def f_prod_before(self, x):
        (x,), back = self.along(x)
        return back(np.array([np.prod(x[:k], axis=0) for k in range(len(x))]))

    def f_sum_after(self, g, x):
        (g, x), back = self.along(g, x)
        return back(np.array([sum(g[j] * np.prod(x[k + 1 : j + 1], axis=0) for j in range(k, len(x)))
                              for k in range(len(x))]))  # fmt: skip

    def f_inverse(self, axes):
        axes = range(self.y.ndim)[::-1] if axes is None else axes
        return tuple(np.argsort([a % self.y.ndim for a in axes]))

    def f_split(self, g):
        axis = self.params["axis"]
        if axis is None:
            parts = np.split(g, np.cumsum([x.size for x in self.inputs["xs"]])[:-1])
            return [part.reshape(x.shape) for part, x in zip(parts, self.inputs["xs"], strict=True)]
        return np.split(g, np.cumsum([x.shape[axis] for x in self.inputs["xs"]])[:-1], axis=axis)

    def f_take(self, g, index):
        return np.take(g, index, self.params["axis"])

    def f_put(self, g, key):
        out = np.zeros(self.params.get("shape", self.wanted))
        np.add.at(out, key, g)
        return out

    def f_written(self, x, v):
        out = np.array(x, np.float64)
        places = self.places(out.shape)
        v = np.asarray(v)
        v = v.reshape(v.shape[v.ndim - np.ndim(places) :]) if v.ndim > np.ndim(places) else v
        for p, value in zip(np.ravel(places), np.ravel(np.broadcast_to(v, np.shape(places))), strict=True):
            out.flat[p] = value
        return out

    def f_sum_to(self, x, shape=None):
        x = np.asarray(x)
        shape = self.wanted if shape is None else shape
        x = x.reshape((1,) * (len(shape) - x.ndim) + x.shape)
        return tg.registry["sum_to"](x, shape=shape)

    def places(self, shape):
        """The numbers of the places that the op writes to."""
        grid = np.arange(math.prod(shape)).reshape(shape)
        if "key" in self.params:
            return grid[self["key"]]
        return np.take_along_axis(grid, self["indices"], self.params["axis"])

    def f_last_at(self, _):
        places = self.places(self.y.shape)
        flat = np.ravel(places).tolist()
        return np.reshape([p not in flat[k + 1 :] for k, p in enumerate(flat)], np.shape(places))

    def f_put_along(self, g, indices):
        x, axis = self.inputs["x"], self.params["axis"]
        places = np.arange(x.size).reshape(x.shape)
        out = np.zeros(x.size)
        np.add.at(out, np.take(places, indices, axis), g)
        return out.reshape(x.shape)

    def f_sum_of_copies(self, g):
        places = np.arange(self.inputs["x"].size).reshape(self.inputs["x"].shape)
        p = self.params
        copies = np.tile(places, p["reps"]) if "reps" in p else np.repeat(places, p["repeats"], p["axis"])
        return np.array([g[copies == p].sum() for p in places.ravel()]).reshape(places.shape)

    def f_unpad(self, g, width, mode):
        x = self.inputs["x"]
        if mode == "constant":
            first = np.broadcast_to(width, (x.ndim, 2))[:, 0]
            return g[tuple(slice(a, a + n) for a, n in zip(first, x.shape, strict=True))]
        return tg.registry["unpad"](g, shape=x.shape, width=width, mode=mode)

    def under_filters(self, big):
        """For each place of a filter over volumes and each group: what it sees, where it writes, and its own part."""
        w, p = self.inputs["w"], self.params
        options = {k: p[k] for k in ("stride", "padding", "dilation", "groups")}
        win = shapes.conv_window("conv3d", big, w.shape, axes=3, **options)
        c, o = w.shape[3], w.shape[4] // p["groups"]
        for place in np.ndindex(*win.out):
            at = [slice(q * s, q * s + r, d) for q, s, r, d in zip(place, win.stride, win.reach, win.dilation)]  # noqa: B905
            for k in range(p["groups"]):
                yield (np.s_[:], *at, slice(k * c, k * c + c)), (np.s_[:], *place, slice(k * o, k * o + o)), k * o
        self.padding = win.padding

    def f_conv3d_dx(self, g, w):
        x_shape = self.y.shape if self.op.name == "conv_transpose3d" else self.wanted
        places = [*self.under_filters(x_shape)]
        size = [n + a + b for n, (a, b) in zip(x_shape[1:4], self.padding, strict=True)]
        padded = np.zeros((x_shape[0], *size, x_shape[4]))
        for seen, written, first in places:
            filters = w[..., first : first + g[written].shape[1]]
            padded[seen] += np.einsum("no,abdco->nabdc", g[written], filters)
        return padded[(np.s_[:], *(slice(a, a + n) for n, (a, _) in zip(x_shape[1:4], self.padding, strict=True)))]

    def f_conv3d_dw(self, x, g):
        places, dw = [*self.under_filters(x.shape)], np.zeros(self.inputs["w"].shape)
        x = np.pad(x, ((0, 0), *self.padding, (0, 0)))
        for seen, written, first in places:
            dw[..., first : first + g[written].shape[1]] += np.einsum("no,nabdc->abdco", g[written], x[seen])
        return dw

    def f_h(self):
        return self["g"] * (self.y > 0)

    def f_pi(self):
        return math.pi

    def f_xhat(self):
        if self.op.name in NORMS:
            return self.op(self.inputs["x"], **self.params)
        return (self.inputs["x"] - self["mean"]) / np.sqrt(self["var"] + self.params["eps"])

    def f_diag(self, x):
        return x * np.eye(x.shape[-1])  # of rows (..., 1, N)

    def f_sym(self, x):
        return (x + np.swapaxes(x, -1, -2)) / 2

    def f_skew(self, x):
        return x - np.swapaxes(x, -1, -2)

    def f_lower(self, x):
        return np.tril(x) - x * np.eye(x.shape[-1]) / 2

    def f_third(self, t, g):
        """By a difference, which is exact: second_cofactors of 3 by 3 and 4 by 4 matrices is of degree 1 and 2 in a."""
        second = tg.registry["second_cofactors"]
        return (second(t, self["a"] + g) - second(t, self["a"] - g)) / 2

    def part(self, name, x):
        """A part of what a decomposition gives, or of its cotangent: rows of it."""
        m = self.inputs["a"].shape[-2]
        rows = {"qr": {"Q": slice(0, m), "R": slice(m, None)}, "eigh": {"w": slice(0, 1), "V": slice(1, None)},
                "svd": {"U": slice(0, m), "w": slice(m, m + 1), "V": slice(m + 1, None)}}  # fmt: skip
        return x[..., rows[self.op.name][name], :]

    f_Q, f_R, f_U, f_V = (lambda self, name=name: self.part(name, self.y) for name in "QRUV")
    f_gQ, f_gR, f_gU, f_gV, f_gw = (lambda self, name=name: self.part(name, self["g"]) for name in "QRUVw")

    def f_S(self):
        return self.f_diag(self.part("w", self.y))

    def f_F(self):
        w = self.part("w", self.y) ** (2 if self.op.name == "svd" else 1)
        apart = w - np.swapaxes(w, -1, -2) + np.eye(w.shape[-1])
        return 1 / apart - np.eye(w.shape[-1])

    def f_beyond(self):
        u, v, gu, gv, s = self.f_U(), self.f_V(), self.f_gU(), self.f_gV(), self.part("w", self.y)
        mine, other = (x @ np.swapaxes(x, -1, -2) for x in (u, v))
        left, right = (gu - mine @ gu) / s, (gv - other @ gv) / s
        return left @ np.swapaxes(v, -1, -2) + u @ np.swapaxes(right, -1, -2)

    def f_by_length(self, g):
        sizes = self.inputs["target_lengths"]
        shares = 1 / (np.maximum(sizes, 1) * len(sizes)) if self.params["reduction"] == "mean" else np.ones(len(sizes))
        return (g * shares)[:, None]

    def f_visits(self):
        """By all alignments."""
        x, blank, start = self.inputs["log_probabilities"], self.params["blank"], 0
        found = np.zeros(x.shape)
        for k, (time, size) in enumerate(zip(self.inputs["input_lengths"], self.inputs["target_lengths"], strict=True)):
            rows = self.inputs["targets"]
            wanted = list(rows[start : start + size] if rows.ndim == 1 else rows[k, :size])
            start += size
            total = 0.0
            for path in itertools.product(range(x.shape[2]), repeat=int(time)):
                if [c for c, _ in itertools.groupby(path) if c != blank] == wanted:
                    p = math.exp(sum(x[t, k, c] for t, c in enumerate(path)))
                    total += p
                    found[range(time), k, path] += p
            found[:, k] /= total or 1.0
        return found

    def f_t(self):
        logits, labels, p = self.inputs["logits"], self.inputs["labels"], self.params
        units = np.eye(logits.shape[-1])
        rows = labels if labels.shape == logits.shape else units[np.maximum(labels, 0) % len(units)]
        rows = ((1 - p["label_smoothing"]) * rows + p["label_smoothing"] / logits.shape[-1]) * self["weight"]
        skipped = np.zeros(logits.shape[:-1], bool) if labels.shape == logits.shape else labels == p["ignore_index"]
        return np.where(skipped[..., None], 0, rows)

    def f_share(self, g):
        labels, p = self.inputs["labels"], self.params
        if p["reduction"] != "mean":
            return g if p["reduction"] == "sum" else g[..., None]
        if labels.shape == self.inputs["logits"].shape:
            return g / math.prod(labels.shape[:-1])
        counted = labels[labels != p["ignore_index"]] if p["ignore_index"] is not None else labels.ravel()
        total = sum(np.broadcast_to(self["weight"], self.inputs["logits"].shape[-1])[k] for k in counted)
        return g / total if total else 0.0

    def f_uses(self):
        labels, p = self.inputs["labels"], self.params
        if p["reduction"] != "mean" or labels.shape == self.inputs["logits"].shape:
            return 0
        return np.array([np.sum(labels == k) for k in range(self.inputs["logits"].shape[-1])])

    def contract(self, g, others, terms, out, wanted):
        """A sum of products over all places, one at a time; terms by their letters."""
        size = {c: n for t, x in zip(terms, self.shapes, strict=True) for c, n in zip(t, x, strict=True) if n > 1}
        size = {**{c: 1 for t in terms for c in t}, **size}
        found = np.zeros(self.shapes[wanted])

        def at(names, place, shape):
            return tuple(place[c] % n for c, n in zip(names, shape, strict=True))

        for p in itertools.product(*map(range, size.values())):
            place = dict(zip(size, p, strict=True))
            factors = [x[at(terms[k], place, x.shape)] for k, x in others.items()]
            found[at(terms[wanted], place, found.shape)] += g[at(out, place, g.shape)] * math.prod(factors)
        return found

    def f_others(self, xs):
        return {k: x for k, x in enumerate(xs) if k != self["i"]}

    def f_einsum(self, g, others):
        left, _, out = self.params["subscripts"].replace("...", "ZY").partition("->")
        self.shapes = [x.shape for x in self.inputs["xs"]]
        terms = left.split(",")
        extra = [len(t) - len(s) for t, s in zip(terms, self.shapes, strict=True)]
        cut = max(extra, default=0)  # the dots stand for fewer axes than two
        terms, out = [t.replace("ZY", "ZY"[cut:]) for t in terms], out.replace("ZY", "ZY"[cut:])
        return self.contract(g, others, terms, out, self["i"])

    def f_tensordot(self, a, b):
        A, B = self.inputs["a"], self.inputs["b"]
        n = self.params["axes"]
        pairs = (range(A.ndim - n, A.ndim), range(n)) if isinstance(n, int) else n
        letters, more = list("abcdef")[: A.ndim], list("uvwxyz")[: B.ndim]
        for p, q in zip(*pairs, strict=True):
            more[q] = letters[p]
        out = [c for c in letters + more if c not in {letters[p] for p in pairs[0]}]
        self.shapes = [A.shape, B.shape]
        wanted = 0 if b is B else 1
        g, others = (a, {1: B}) if wanted == 0 else (b, {0: A})
        return self.contract(g, others, [letters, more], out, wanted)


class Transposed(ast.NodeTransformer):
    """x.T, of matrices and of stacks of them, as NumPy spells it; of a vector (one row or column) nothing."""

    def visit_Attribute(self, node):
        self.generic_visit(node)
        return ast.Call(ast.Name("T_", ast.Load()), [node.value], [])


def evaluate(text, meaning):
    tree = ast.fix_missing_locations(Transposed().visit(ast.parse(text, mode="eval")))
    meaning["T_"] = lambda m: np.swapaxes(m, -1, -2)
    return eval(compile(tree, "formula", "eval"), {"__builtins__": {}}, meaning)


def as_matrices(inputs, g):
    """Vectors as matrices of one row or column, and the cotangent to match: as the product's own rules see them."""
    a, b = inputs
    if b.ndim == 1:
        b, g = b[:, None], np.expand_dims(g, -1)
    if a.ndim == 1:
        a, g = a[None], np.expand_dims(g, -2)
    return [a, b], g


def shrunk(found, shape):
    """Summed to a shape that broadcasting stretched."""
    found = np.asarray(found)
    while found.ndim > len(shape):
        found = found.sum(0)
    return found.sum(tuple(k for k, n in enumerate(shape) if n == 1), keepdims=True) if shape else found


def differences(op, key):
    """How far a formula is from its rule, on each sample where the rule speaks."""
    formula = formulas.of(op)[key]
    for sample in op.samples:
        case = Case(op, sample, 1)
        made = case(case.inputs, op.fn)
        y, *aux = made if op.aux else (made,)
        y = np.asarray(y)
        if y.dtype.kind != "f":
            continue
        g = cotangent(y)
        _, right = case.run(case.inputs, g)
        params = dict(sample.draw(op)[1])
        for k in case.moving:
            if op.input(k) != key:
                continue
            inputs, sent = case.inputs, g
            if op.name == "matmul":
                inputs, sent = as_matrices(inputs, g)
            if op.name.startswith("linear"):
                inputs = [inputs[0].reshape(-1, inputs[0].shape[-1]), *inputs[1:]]
                sent, made_y = g.reshape(-1, g.shape[-1]), y.reshape(-1, y.shape[-1])
            else:
                made_y = y
            meaning = Meaning(op, inputs, params, made_y, aux, sent, k)
            found = np.asarray(evaluate(formula.plain, meaning))
            if op.broadcasts or op.name in ("matmul", "einsum"):
                found = shrunk(found, inputs[k].shape)
            found = found.reshape(right[k].shape) if op.name in ("matmul", "linear", "linear_relu") else found
            assert found.shape == right[k].shape or found.shape == () or np.size(right[k]) == 1, (found.shape, sample)
            yield np.max(np.abs(found - right[k]), initial=0) / np.max(np.abs(right[k]), initial=1e-9), sample


TOLERANCE = {"selu": 1e-7, "gelu": 1e-6}  # constants of nine digits; a derivative by differences


@pytest.mark.parametrize(("name", "key"), [rule for rule in RULES if rule not in PARSED_ONLY])
def test_formula_gives_what_the_rule_gives(name, key):
    found = list(differences(OPS[name], key))
    assert found, "no sample differentiates this input: add one, or list it in PARSED_ONLY"
    for error, sample in found:
        assert error < TOLERANCE.get(name, 1e-9), sample


VALUES = sorted(name for name, op in OPS.items() if formulas.value(op).origin == "registered")


@pytest.mark.parametrize("name", VALUES)
def test_formula_of_the_value_gives_what_the_op_gives(name):
    op = OPS[name]
    assert len(formulas.value(op).plain) <= LONGEST
    for sample in op.samples:
        case = Case(op, sample, 1)
        made = case(case.inputs, op.fn)
        y, *aux = made if op.aux else (made,)
        inputs = [0.0 if a is None and op.name != "clip" else a for a in case.inputs]
        found = evaluate(formulas.value(op).plain, Meaning(op, inputs, case.params, np.asarray(y), aux, None, None))
        assert np.allclose(np.reshape(found, np.shape(y)), y, rtol=1e-7), sample


def test_a_wrong_formula_would_be_noticed():
    for name, key, wrong in [("tanh", "x", "g * (1 + y * y)"), ("conv2d", "w", "conv2d_dw(x, g) * 1.001"),
                             ("matmul", "a", "g @ b.T * 2"), ("softmax_cross_entropy", "logits", "share(g) * (t - 1)"),
                             ("max", "x", "spread(g)"), ("batch_norm", "gamma", "sum_rows(g)")]:  # fmt: skip
        op = OPS[name]
        before = op.formulas.get(key)
        op.formula(**{key: wrong})
        try:
            assert max(error for error, _ in differences(op, key)) > 1e-4, name
        finally:
            op.formulas.pop(key) if before is None else op.formulas.update({key: before})


def test_the_list_of_what_is_only_parsed_holds_no_rule_that_is_gone():
    assert set(RULES) >= PARSED_ONLY
    assert len(RULES) > 100


def test_names_are_explained_as_the_formulas_write_them():
    for name in (*NOTATION, *NAMES):
        shown = formulas.written(name)
        assert shown.plain.startswith(name) and shown.latex and "{}" not in shown.latex
    assert formulas.written("max_pool2d_put").latex == r"\operatorname{put}_{\text{winners}}(g)"
    x = tg.randn(1, 4, 4, 1, rng=0, requires_grad=True)
    told = tg.explain(tg.max_pool2d(x, 2).sum(), wrt=x)
    assert r"$\operatorname{put}_{\text{winners}}(g)$: added" in told.markdown
    assert "  max_pool2d_put  added" in str(told)
