"""Recurrent layers: one direction after the other, one step after the other."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import ops
from ..layouts import array, plain
from ..reading import Node, reads

GIVEN = "activations clip direction hidden_size layout"


def _directions(node: Node) -> list[bool]:
    """For each direction whether it runs backwards."""
    known = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}
    found = known.get(node.get("direction", "forward"))
    if found is None:
        raise node.refuse(f"direction={node.get('direction')!r} is not supported")
    return found


def _check(node: Node, usual: list[str]) -> None:
    given = node.get("activations")
    if given is not None and [a.lower() for a in given] != [a.lower() for a in usual] * (len(given) // len(usual)):
        raise node.refuse(f"activations={given} are not supported; {usual} are")
    if node.get("clip"):
        raise node.refuse("clip is not supported")


def _lengths(node: Node, lengths: Any, steps: int) -> None:
    if lengths is not None and (array(lengths) != steps).any():
        raise node.refuse("sequences of different lengths are not supported")


def _run(node: Node, x: Any, cell: Any, states: list[Any], count: int) -> tuple[Any, ...]:
    """Run a cell along each direction: cell(direction, x of a step, states) -> new states, the output first."""
    turned = node.get("layout", 0)
    x = ops.transpose(plain(x), (1, 0, 2)) if turned else plain(x)
    outputs, ends = [], []
    for d, backwards in enumerate(_directions(node)):
        now, made = [s[d] for s in states], []
        steps = range(x.shape[0])
        for t in reversed(steps) if backwards else steps:
            now = cell(d, x[t], now)
            made.append(now[0])
        outputs.append(ops.stack(*made[::-1] if backwards else made, axis=0))
        ends.append(now)
    y = ops.stack(*outputs, axis=1)
    finals = [ops.stack(*[end[k] for end in ends], axis=0) for k in range(count)]
    if turned:
        return ops.transpose(y, (2, 0, 1, 3)), *(ops.transpose(v, (1, 0, 2)) for v in finals)
    return y, *finals


def _states(node: Node, x: Any, hidden: int, given: list[Any]) -> list[Any]:
    turned, directions = node.get("layout", 0), len(_directions(node))
    batch = x.shape[0] if turned else x.shape[1]
    return [
        np.zeros((directions, batch, hidden), x.dtype) if v is None
        else (ops.transpose(plain(v), (1, 0, 2)) if turned else plain(v)) for v in given
    ]  # fmt: skip


@reads("LSTM", attributes=f"{GIVEN} input_forget")
def lstm(
    node: Node, x: Any, w: Any, r: Any, b: Any = None, lengths: Any = None, h: Any = None, c: Any = None, p: Any = None
) -> Any:
    _check(node, ["Sigmoid", "Tanh", "Tanh"])
    if node.get("input_forget", 0):
        raise node.refuse("input_forget=1 is not supported")
    w, r, hidden = plain(w), plain(r), r.shape[2]
    _lengths(node, lengths, x.shape[1] if node.get("layout", 0) else x.shape[0])
    b, p = (None if v is None else plain(v) for v in (b, p))

    def cell(d: int, step: Any, now: list[Any]) -> list[Any]:
        held, memory = now
        z = ops.matmul(step, ops.transpose(w[d])) + ops.matmul(held, ops.transpose(r[d]))
        z = z if b is None else z + (b[d, : 4 * hidden] + b[d, 4 * hidden :])
        i, o, f, g = (z[:, k * hidden : (k + 1) * hidden] for k in range(4))
        if p is not None:
            i, f = i + p[d, :hidden] * memory, f + p[d, 2 * hidden :] * memory
        memory = ops.sigmoid(f) * memory + ops.sigmoid(i) * ops.tanh(g)
        o = o if p is None else o + p[d, hidden : 2 * hidden] * memory
        return [ops.sigmoid(o) * ops.tanh(memory), memory]

    return _run(node, x, cell, _states(node, x, hidden, [h, c]), 2)


@reads("GRU", attributes=f"{GIVEN} linear_before_reset")
def gru(node: Node, x: Any, w: Any, r: Any, b: Any = None, lengths: Any = None, h: Any = None) -> Any:
    _check(node, ["Sigmoid", "Tanh"])
    w, r, hidden = plain(w), plain(r), r.shape[2]
    _lengths(node, lengths, x.shape[1] if node.get("layout", 0) else x.shape[0])
    b = np.zeros((w.shape[0], 6 * hidden), x.dtype) if b is None else plain(b)
    first = node.get("linear_before_reset", 0)

    def cell(d: int, step: Any, now: list[Any]) -> list[Any]:
        (held,) = now
        one, two = b[d, : 3 * hidden], b[d, 3 * hidden :]
        given = ops.matmul(step, ops.transpose(w[d])) + one
        back = ops.transpose(r[d])
        gates = given[:, : 2 * hidden] + ops.matmul(held, back[:, : 2 * hidden]) + two[: 2 * hidden]
        z, reset = ops.sigmoid(gates[:, :hidden]), ops.sigmoid(gates[:, hidden:])
        inner, last_b = back[:, 2 * hidden :], two[2 * hidden :]
        if first:
            new = given[:, 2 * hidden :] + reset * (ops.matmul(held, inner) + last_b)
        else:
            new = given[:, 2 * hidden :] + ops.matmul(reset * held, inner) + last_b
        return [(1 - z) * ops.tanh(new) + z * held]

    return _run(node, x, cell, _states(node, x, hidden, [h]), 1)


@reads("RNN", attributes=GIVEN)
def rnn(node: Node, x: Any, w: Any, r: Any, b: Any = None, lengths: Any = None, h: Any = None) -> Any:
    _check(node, ["Tanh"])
    w, r, hidden = plain(w), plain(r), r.shape[2]
    _lengths(node, lengths, x.shape[1] if node.get("layout", 0) else x.shape[0])
    b = None if b is None else plain(b)

    def cell(d: int, step: Any, now: list[Any]) -> list[Any]:
        z = ops.matmul(step, ops.transpose(w[d])) + ops.matmul(now[0], ops.transpose(r[d]))
        return [ops.tanh(z if b is None else z + (b[d, :hidden] + b[d, hidden:]))]

    return _run(node, x, cell, _states(node, x, hidden, [h]), 1)
