"""Functions of single elements and of rows, beside PyTorch's.

    TINYGRAD_CNN_THREADS=1 OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python benchmarks/elementwise.py 1e6

Prints, for arrays of so many float32 numbers, our time forward, and with backward, and what that is of PyTorch's.
Rows have 100 numbers, images 16x16 places and 64 channels.  Each side runs in processes of its own, two in turn, so
that the threads of one do not disturb the other; each time is the least of several.  More arguments choose cases by
parts of their names.  It needs PyTorch in the same environment.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

ROW, SIDE, CHANNELS, GROUPS = 100, 16, 64, 8
SECONDS = 0.15  # for each time
Case = tuple[str, Callable[[Any], Any]]  # the layout of x, "rows" or "images", and what is timed

ACTIVATIONS = ("relu", "gelu", "silu", "softplus", "elu", "selu", "mish", "leaky_relu", "hardtanh")
METHODS: dict[str, Callable[[Any], Any]] = {  # what both sides spell alike
    "x * x": lambda x: x * x,
    "x + x": lambda x: x + x,
    "x * 2": lambda x: x * 2,
    "x**3": lambda x: x**3,
    "sum of rows": lambda x: x.sum(-1),
    "sum of columns": lambda x: x.sum(0),
    "sum of all": lambda x: x.sum(),
    "mean of rows": lambda x: x.mean(-1),
}


def vectors(convert: Callable[[np.ndarray], Any], size: int) -> dict[str, Any]:
    """What cases need beside x, made by one side: rows, columns, labels."""
    rng = np.random.default_rng(1)
    count = size // ROW
    return {
        "row": convert(np.ones(ROW, np.float32)),
        "column": convert(np.ones((count, 1), np.float32)),
        "channels": convert(np.ones(CHANNELS, np.float32)),
        "labels": convert(rng.integers(0, ROW, count)),
    }


def ours(size: int) -> tuple[dict[str, Case], Callable[[np.ndarray], Any], Callable[[Any, Any], None]]:
    """Our cases by name, how x is made, and a backward pass."""
    import tinygrad_cnn as tg

    v = vectors(lambda a: a, size)
    names = ("exp", "sigmoid", "tanh", "erf", "abs", *(n for n in ACTIVATIONS if hasattr(tg, n)))
    gamma, beta = v["channels"], v["channels"]
    cases: dict[str, Case] = {name: ("rows", getattr(tg, name)) for name in names}
    cases |= {name: ("rows", fn) for name, fn in METHODS.items()}
    cases |= {
        "gelu, tanh": ("rows", lambda x: tg.gelu(x, approximate="tanh")),
        "max of rows": ("rows", lambda x: x.max(-1)),
        "var of rows": ("rows", lambda x: x.var(-1)),
        "x + row": ("rows", lambda x: x + v["row"]),
        "x * column": ("rows", lambda x: x * v["column"]),
        "softmax": ("rows", lambda x: tg.softmax(x, axis=-1)),
        "log_softmax": ("rows", lambda x: tg.log_softmax(x, axis=-1)),
        "cross-entropy": ("rows", lambda x: tg.softmax_cross_entropy(x, v["labels"])),
        "layer_norm": ("rows", lambda x: tg.layer_norm(x, v["row"], v["row"])),
        "rms_norm": ("rows", lambda x: tg.rms_norm(x, v["row"])),
        "group_norm": ("images", lambda x: tg.group_norm(x, GROUPS, gamma, beta)),
        "instance_norm": ("images", lambda x: tg.instance_norm(x, gamma, beta)),
        "mean of places": ("images", lambda x: x.mean(axis=(1, 2))),
    }

    def backward(y: Any, x: Any) -> None:
        y.backward(np.ones(y.shape, np.float32))
        x.grad = None

    return cases, lambda a: tg.Tensor(a, requires_grad=True), backward


def theirs(size: int) -> tuple[dict[str, Case], Callable[[np.ndarray], Any], Callable[[Any, Any], None]]:
    """The same of PyTorch; images have its order of axes, and its faster layout in memory."""
    import torch

    f = torch.nn.functional
    v = vectors(torch.from_numpy, size)
    gamma, beta = v["channels"], v["channels"]
    cases: dict[str, Case] = {name: ("rows", getattr(torch, name)) for name in ("exp", "sigmoid", "tanh", "erf", "abs")}
    cases |= {name: ("rows", getattr(f, name)) for name in ACTIVATIONS}
    cases |= {name: ("rows", fn) for name, fn in METHODS.items()}
    cases |= {
        "gelu, tanh": ("rows", lambda x: f.gelu(x, approximate="tanh")),
        "max of rows": ("rows", lambda x: x.amax(-1)),
        "var of rows": ("rows", lambda x: x.var(-1, correction=0)),
        "x + row": ("rows", lambda x: x + v["row"]),
        "x * column": ("rows", lambda x: x * v["column"]),
        "softmax": ("rows", lambda x: f.softmax(x, -1)),
        "log_softmax": ("rows", lambda x: f.log_softmax(x, -1)),
        "cross-entropy": ("rows", lambda x: f.cross_entropy(x, v["labels"])),
        "layer_norm": ("rows", lambda x: f.layer_norm(x, (ROW,), v["row"], v["row"])),
        "rms_norm": ("rows", lambda x: f.rms_norm(x, (ROW,), v["row"])),
        "group_norm": ("images", lambda x: f.group_norm(x, GROUPS, gamma, beta)),
        "instance_norm": ("images", lambda x: f.instance_norm(x, weight=gamma, bias=beta)),
        "mean of places": ("images", lambda x: x.mean(dim=(2, 3))),
    }

    def made(a: np.ndarray) -> Any:
        return torch.tensor(a if a.ndim == 2 else np.moveaxis(a, -1, 1).copy(), requires_grad=True)

    def backward(y: Any, x: Any) -> None:
        y.backward(torch.ones_like(y))
        x.grad = None

    return cases, made, backward


def least(way: Callable[[], Any]) -> float:
    """The least time of one call, in milliseconds; the first warms up."""
    way()
    best, began = float("inf"), perf_counter()
    while perf_counter() - began < SECONDS:
        start = perf_counter()
        way()
        best = min(best, perf_counter() - start)
    return 1e3 * best


def measure(side: str, size: int, wanted: list[str]) -> dict[str, list[float]]:
    """Milliseconds forward, and forward with backward, of each case of one side."""
    cases, made, backward = (ours if side == "ours" else theirs)(size)
    rng = np.random.default_rng(0)
    shapes = {"rows": (size // ROW, ROW), "images": (-(-size // (SIDE * SIDE * CHANNELS)), SIDE, SIDE, CHANNELS)}
    values = {name: made(rng.normal(size=shape).astype(np.float32)) for name, shape in shapes.items()}
    times = {}
    for name, (layout, fn) in cases.items():
        if wanted and not any(word in name for word in wanted):
            continue
        x = values[layout]

        def both(fn: Callable[[Any], Any] = fn, x: Any = x) -> None:
            backward(fn(x), x)

        times[name] = [least(lambda fn=fn, x=x: fn(x)), least(both)]  # type: ignore[misc]
    return times


def in_turn(file: str, arguments: list[str]) -> dict[str, dict[str, list[float]]]:
    """What both sides measure in processes of their own, ours and theirs in turn; the least of each time."""
    found: dict[str, list[dict[str, list[float]]]] = {"ours": [], "theirs": []}
    for side in ("ours", "theirs", "theirs", "ours"):
        command = [sys.executable, file, "--side", side, *arguments]
        found[side].append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    return {
        side: {name: [min(pair) for pair in zip(*(run[name] for run in runs), strict=True)] for name in runs[0]}
        for side, runs in found.items()
    }


def table(best: dict[str, dict[str, list[float]]]) -> str:
    """A line for each case."""
    lines = ["| | forward, ms | of PyTorch's | with backward, ms | of PyTorch's |", "|---|--:|--:|--:|--:|"]
    for name, (forward, both) in best["ours"].items():
        if name in best["theirs"]:
            forward_there, both_there = best["theirs"][name]
            ratios = f"{forward / forward_there:.2f} | {both:.3f} | {both / both_there:.2f}"
            lines.append(f"| {name} | {forward:.3f} | {ratios} |")
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--side"]:
        print(json.dumps(measure(sys.argv[2], int(float(sys.argv[3])), sys.argv[4:])))
    else:
        print(table(in_turn(__file__, sys.argv[1:] or ["1e6"])))
