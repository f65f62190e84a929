"""Print what the engine does, in full: test_twins compares what both cores print.

python tests/core/transcript.py samples | graphs | calls
"""

# ruff: noqa: B023, E501, RUF015 -- calls happen at once
import hashlib
import sys

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.core.graph import all_inputs, walk
from tinygrad_cnn.core.site import line_of


class Own(tg.Tensor):
    __slots__ = ()


def bits(a):
    a = a.data if isinstance(a, tg.Tensor) else a
    if isinstance(a, (np.ndarray, np.generic)):
        return (
            f"{type(a).__name__} {a.shape} {a.dtype} {hashlib.md5(np.ascontiguousarray(a).tobytes()).hexdigest()[:12]}"
        )
    if isinstance(a, tuple):
        return f"({', '.join(map(bits, a))})"
    return "Generator" if isinstance(a, np.random.Generator) or callable(a) else repr(a)


def edge(e):
    if e is None:
        return "-"
    if e.op is not None:
        return e.op.name
    source = e.source() if e.source is not None else None
    return (
        f"leaf{e.shape}{e.dtype} {e.requires_grad} {e.why} {line_of(e.site)} {source and source.op and source.op.name}"
    )


def describe(y):
    if not isinstance(y, tg.Tensor):
        return bits(y)
    n = y.node
    if n.op is None:
        return f"{type(y).__name__} {bits(y)} {edge(n)}"
    params = {k: bits(v) for k, v in n.params.items()}
    saved = dict(zip(n.plan.items.values(), map(bits, n.saved), strict=True))
    return (
        f"{type(y).__name__} {bits(y)} {n.label} {params} {saved} {line_of(n.site)} [{'; '.join(map(edge, n.inputs))}]"
    )


def error_of(error):
    text = f"{type(error).__name__}: {error} {getattr(error, '__notes__', '')}"
    text += f" interrupted {[getattr(w[0], 'name', '') for w in getattr(error, '_interrupted', [])]}"
    return text + (f" <- {error_of(error.__cause__)}" if error.__cause__ else "")


def show(what, run):
    try:
        y = run()
    except Exception as error:
        print(what, error_of(error).replace("\n", " "))
        return None
    print(what, describe(y).replace("\n", " "))
    return y


def differentiate(what, y):
    if isinstance(y, tg.Tensor) and y.requires_grad:
        leaves = [n for n in walk([y.node], all_inputs) if n.op is None and n.requires_grad]
        try:
            y.backward(np.ones(y.shape, y.dtype))
            print(what, [bits(n.grad) for n in leaves])
        except Exception as error:
            print(what, error_of(error).replace("\n", " "))
        finally:
            for leaf in leaves:
                leaf.grad = None


def variants(a):
    yield "array", a
    yield "none", None
    if isinstance(a, np.ndarray):
        yield "tensor", tg.Tensor(a)
        if a.dtype.kind == "f":
            yield "wanted", tg.Tensor(a, requires_grad=True)
            yield "parameter", nn.Parameter(a)
            yield "own", Own(a, requires_grad=True)
            yield "float", 0.5


def samples():
    for name in sorted(tg.registry):
        op = tg.registry[name]
        for number, sample in enumerate(op.samples[:2]):
            args, params = sample.draw(op, 0, np.float32)
            many = len(args)
            cases = [[a] * many for a in ("tensor", "wanted", "parameter", "own", "array")]
            cases += [["tensor"] * k + [kind] + ["tensor"] * (many - k - 1) for k in range(many)
                      for kind in ("wanted", "array", "float", "none")]  # fmt: skip
            for case in cases:
                for recording in (True, False):
                    inputs = [dict(variants(a)).get(kind, a) for a, kind in zip(args, case, strict=True)]
                    what = f"{name}[{number}] {case} {recording}"
                    with tg.enable_grad() if recording else tg.no_grad(), tg.scope("here"):
                        differentiate(what, show(what, lambda: op(*inputs, **fresh(params))))


def fresh(params):
    return {k: np.random.default_rng(0) if isinstance(v, np.random.Generator) else v for k, v in params.items()}


def graphs():
    shapes = [(), (3,), (2, 1), (1, 3), (2, 3)]
    unary = [tg.tanh, tg.sin, lambda x: x * 0.5 + 1.0, lambda x: -x, lambda x: x.sum(axis=-1) if x.ndim else x,
             lambda x: tg.checkpoint(lambda t: tg.tanh(t * t), x), lambda x: tg.stop_gradient(x) + x, lambda x: x**2,
             lambda x: tg.concatenate([x.reshape(-1), x.reshape(-1)])]  # fmt: skip
    binary = [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / (b * b + 2.0)]
    for seed in range(60):
        rng = np.random.default_rng(seed)
        dtype = [np.float32, np.float64][seed % 2]
        kept = [tg.Tensor(rng.uniform(-1, 1, shapes[k]).astype(dtype), requires_grad=bool(k != 2)) for k in range(5)]
        leaves = [*kept]
        for _ in range(10):
            i, j, which = (int(rng.integers(n)) for n in (len(kept), len(kept), len(unary) + len(binary)))
            run = (lambda i=i, w=which: unary[w](kept[i])) if which < len(unary) else (
                lambda i=i, j=j, w=which: binary[w - len(unary)](kept[i], kept[j]))  # fmt: skip
            y = show(f"graph {seed}", run)
            kept += [y] if y is not None else []
        loss = sum(k.sum() for k in kept)
        wanted = [t for t in leaves if t.requires_grad]
        once = tg.grad(loss, wanted, retain_graph=True)
        again = tg.grad(loss, wanted, create_graph=True)
        print(seed, [bits(g) for g in once], [bits(g) for g in again])
        differentiate(f"backward {seed}", loss)
        differentiate(f"a second time {seed}", loss)


def calls():
    w, x = tg.Tensor([1.0, 2.0], requires_grad=True), np.array([1.0, 2.0], np.float32)
    broken = tg.op(name="broken_here")(lambda x: x * 2)
    broken.vjp(x=lambda g: 1 / 0)
    odd = tg.op(name="odd_here")(lambda x: x * 2)
    odd.vjp(x=lambda g: g[:1])
    for a in (None, "text", [1.0, 2.0], (1, 2), 3, 2.5, True, 1j, np.float64(2), np.float32(2), np.int64(3), x, x[::-1],
              x.astype(np.int32), x.astype(np.float16), np.array("a"), object(), w, Own([1.0, 2.0]), np.ones(3), set()):  # fmt: skip
        for name in ("add", "mul", "div", "pow", "matmul", "sub"):
            op = tg.registry[name]
            show(f"{name} {type(a).__name__}", lambda: op(w, a))
            show(f"r{name} {type(a).__name__}", lambda: op(a, w))
        show(f"+ {type(a).__name__}", lambda: w + a)
        show(f"@ {type(a).__name__}", lambda: a @ w)
    image = tg.Tensor(np.ones((1, 4, 4, 1), np.float32))
    kernel = tg.Tensor(np.ones((3, 3, 1, 2), np.float32), requires_grad=True)
    for args, params in ((image, kernel), {}), ((image, kernel, None, 1), {}), ((image, kernel), {"stride": 2}), (
        (image,), {}), ((image, kernel, None, 1), {"stride": 2}), ((image, kernel), {"w": kernel}), ((), {}), (
        (image, kernel), {"strid": 1}), ((image,), {"w": kernel}), ((image, kernel, None, 1, 1, 1, 1, 1, 1), {}), (
        (image, kernel), {"padding": w}), ((image, kernel), {"padding": np.int64(1)}):  # fmt: skip
        y = show("conv2d", lambda: tg.conv2d(*args, **params))
        differentiate("conv2d", y)
    for f in (broken, odd):
        differentiate(f.name, f(w))
    y = w * w
    w.assign([3.0, 4.0])
    differentiate("stale", y)
    big = np.ones(5000, np.float32)
    y = (w[0] * big).sum()
    big[:] = 2
    differentiate("written", y)
    show("map", lambda: [*map(tg.exp, [w])][0])
    show("dropout", lambda: tg.dropout(w, 0.5, rng=np.random.default_rng(0)))
    tg.registry["exp"].register_forward_hook(lambda op, i, o: print("seen", op.name))
    show("observed", lambda: tg.exp(w))


if __name__ == "__main__":
    {"samples": samples, "graphs": graphs, "calls": calls}[sys.argv[1]]()
