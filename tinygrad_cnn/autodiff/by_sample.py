"""The gradient of each sample's loss, from one recorded forward pass and two walks back.

A walk back from the sum of all losses hands each node the cotangents of all samples at once, and a rule for a parameter
sums over them.  Here the cotangents are kept, and what each sample contributes to the sum is worked out one sample
apart from the other.  An op says how by ``@op(per_sample={"w": rule})``: a rule as in `Op.vjp`, which may name what the
op's own rule for this input names.  Its g has the samples in an axis of their own in front, (N, K, ...), where what
the op was given has them one after another in its first axis, of length N*K; it returns (N, *w.shape), or
NotImplemented for a case that it does not know.  ``per_sample_squares`` gives the sums of squares of that, (N,), where
they are cheaper.  Ops with ``broadcasts=True`` need neither.  The own rule of any other op is called once for each
sample, with the cotangents of all others set to zero.

Where do the samples stand in a cotangent?  A second walk back, from losses times powers of two, tells: along one axis,
each slice is then multiplied by its factor, to the bit.  Where that is so nowhere although the node has N rows, samples
have been mixed, as by batch norm in training, and there is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache, reduce
from operator import add
from typing import Any

import numpy as np

from ..core.engine import in_order, pull_back, sweep
from ..core.modes import no_grad
from ..core.operation import FACTS
from ..core.rules import Rule, read
from ..core.tensor import Tensor

FACTS.update(per_sample=None, per_sample_squares=None)

POWERS = 32  # how many different factors there are: powers of two, so that products are exact


def factors(count: int) -> np.ndarray:
    """A power of two, or minus one, for each of `count` samples; the first `POWERS` all differ."""
    rng = np.random.default_rng(0)
    exponents = np.resize(np.arange(POWERS) // 2 - POWERS // 4, POWERS)
    signs = np.where(np.arange(POWERS) % 2, -1.0, 1.0)
    shuffled = [rng.permutation(POWERS) for _ in range(-(-count // POWERS))]
    which = np.concatenate([*shuffled, np.empty(0, int)])[:count].astype(int)
    return np.asarray(signs[which] * 2.0 ** exponents[which])


def scaled(g: np.ndarray, by: np.ndarray) -> np.ndarray:
    """A cotangent whose first axis has the samples one after another, each times its factor."""
    rows = g.reshape(len(by), len(g) // len(by), *g.shape[1:])
    product: np.ndarray = rows * by.astype(g.dtype).reshape(-1, *[1] * g.ndim)
    return product.reshape(g.shape)


def axis_of_samples(g: np.ndarray, h: np.ndarray, by: np.ndarray) -> int | None:
    """The axis of g along which samples stand, given h, the same with each sample times its factor; None if mixed."""
    n = len(by)
    for axis, size in enumerate(g.shape):
        if size != n and (axis or not size or size % n):
            continue
        back = np.moveaxis(scaled(np.moveaxis(h, axis, 0), 1 / by), 0, axis)
        if np.array_equal(back, g):
            return axis
        loose = 16 * float(np.finfo(g.dtype).eps)  # where powers are not exact: beside the smallest numbers
        peak = float(np.abs(g).max(initial=0.0, where=np.isfinite(g)))
        if np.isclose(back, g, rtol=loose, atol=loose * peak, equal_nan=True).all():
            return axis
    return None


class Samples:
    """The cotangents of one forward pass, by sample.

    Parameters
    ----------
    outputs : Tensors with what their cotangents are, (N*K, ...) each, of the sum of all losses.
    count : N.
    points : nodes of the inputs that are differentiated, in which no samples may be mixed.
    given : nodes of all inputs.
    """

    def __init__(
        self, outputs: Sequence[tuple[Tensor, np.ndarray]], count: int, points: Collection[Any], given: Collection[Any]
    ) -> None:
        by = factors(count)
        self.count = count
        self.order = in_order([t.node for t, _ in outputs])
        inner = [node for node in self.order if node.op is not None or node in points]
        seeds = {t.node: g for t, g in outputs}
        self.cotangents = _cotangents(seeds, inner)
        again = _cotangents({node: scaled(g, by) for node, g in seeds.items()}, inner)
        self.axes = {node: axis_of_samples(g, again[node], by) for node, g in self.cotangents.items()}
        self.mixing = self._mixing(inner, set(given))

    def _mixing(self, inner: list[Any], fed: set[Any]) -> Any:
        """A node that mixes samples, or None: what one of its inputs gets is mixed, what it got itself is not."""
        for node in inner:
            if any(edge in fed for edge in node.inputs):
                fed.add(node)
        mixed = {
            node for node, axis in self.axes.items()
            if axis is None and node in fed and node.shape[:1] == (self.count,)
        }  # fmt: skip
        return next((c for c in reversed(inner) if c not in mixed and not mixed.isdisjoint(c.inputs)), None)

    def gradients(self, wanted: Collection[Any]) -> dict[Any, np.ndarray]:
        """The gradient in each wanted leaf of each sample's loss: leaf -> (N, *leaf.shape)."""
        return self._walk(set(wanted), {})

    def squares(self, wanted: Collection[Any]) -> np.ndarray:
        """The sum of squares of each sample's gradient in all wanted leaves.  (N,)"""
        total = np.zeros(self.count)
        once = dict.fromkeys(wanted, 0)
        for node in self.order:
            for edge in node.inputs:
                if edge in once:
                    once[edge] += 1
        short = {leaf: total for leaf, uses in once.items() if uses == 1}
        for found in self._walk(set(wanted), short).values():
            total += squared(found)
        return total

    def _walk(self, wanted: set[Any], short: Mapping[Any, np.ndarray]) -> dict[Any, np.ndarray]:
        """What samples contribute, through what parameters were made into; `short` leaves add up squares alone."""
        useful = set(wanted)
        for node in self.order:
            if node.op is not None and any(node.inputs[k] in useful for k in node.plan.wrt):
                useful.add(node)
        useful = {node for node in useful if self.axes.get(node) is None}  # in the others samples are apart already
        stacks: dict[Any, np.ndarray] = {}
        with no_grad():
            for node in reversed(self.order):
                if node.op is None:
                    continue
                axis = self.axes.get(node)
                if axis is not None:
                    for edge, places in self._to_split(node, useful):
                        if edge in short and (known := self._squares(node, places[0], axis)) is not None:
                            short[edge].__iadd__(known)
                        else:
                            _add(stacks, edge, self._contributions(node, edge, places, axis))
                elif node in stacks:
                    for edge, stack in _pulled(node, stacks.pop(node), useful):
                        _add(stacks, edge, stack)
        return stacks

    def _to_split(self, node: Any, useful: set[Any]) -> list[tuple[Any, list[int]]]:
        """The inputs of a node that get a sum over samples, each with its numbers."""
        places: dict[Any, list[int]] = {}
        for k in node.plan.wrt:
            edge = node.inputs[k]
            if edge in useful:
                places.setdefault(edge, []).append(k)
        return list(places.items())

    def _contributions(self, node: Any, edge: Any, places: list[int], axis: int) -> np.ndarray:
        """What each sample contributes to the gradient of one input.  (N, *edge.shape)"""
        if axis == 0:
            found = [self._by_rule(node, k, "per_sample") for k in places]
            known = [stack for stack in found if stack is not None]
            if len(known) == len(found):
                return reduce(add, known).astype(edge.dtype, copy=False)
        g, rows = self.cotangents[node], []
        for n in range(self.count):
            only = np.zeros_like(g)
            here = _slice(g.shape[axis] // self.count, n, axis)
            only[here] = g[here]
            rows.append(reduce(add, [gk for to, gk in pull_back(node, only, False, {edge}) if to is edge]))
        return np.stack(rows)

    def _squares(self, node: Any, k: int, axis: int) -> np.ndarray | None:
        return self._by_rule(node, k, "per_sample_squares") if axis == 0 else None

    def _by_rule(self, node: Any, k: int, fact: str) -> np.ndarray | None:
        """What a rule for samples gives, or broadcasting; None if there is no such rule for the case."""
        if node.op.own_pull_back is not None:
            return None
        fn = (getattr(node.op, fact) or {}).get(node.op.input(k))
        if fn is None and (not node.op.broadcasts or fact != "per_sample"):
            return None
        g = self.cotangents[node]
        if node.plan.common is not None:
            g = _apply(node.plan.common, g, node)
        if fn is None:
            return _spread(node, k, g, self.count)
        rule = _rule(node.op, node.op.input(k), k, fn)
        at = {item: j for j, item in enumerate(node.plan.items)}
        if not at.keys() >= set(rule.recipe):
            return None
        values = [node.saved[at[item]] for item in rule.recipe]
        rest = {name: node.params[name] for name in rule.rest or ()}
        found = rule.fn(g.reshape(self.count, len(g) // self.count, *g.shape[1:]), *values, **rest)
        return None if found is NotImplemented else found


def squared(stack: np.ndarray) -> np.ndarray:
    """The sum of squares of each member of a stack, added up in float64.  (N, ...) -> (N,)"""
    rows = stack.reshape(len(stack), -1)
    return np.asarray(np.einsum("nk,nk->n", rows, rows, dtype=np.float64))


def _cotangents(seeds: Mapping[Any, np.ndarray], inner: list[Any]) -> dict[Any, np.ndarray]:
    """The complete cotangent of each of the nodes; what else they have as inputs gets none."""
    found: dict[Any, np.ndarray] = {}
    with no_grad():
        sweep(
            dict(seeds), inner, (), create_graph=False, site=None, partial=True,
            after=lambda node, g: found.__setitem__(node, g),
        )  # fmt: skip
    return found


def _add(stacks: dict[Any, np.ndarray], edge: Any, stack: np.ndarray) -> None:
    before = stacks.get(edge)
    stacks[edge] = stack if before is None else before + stack


def _slice(size: int, n: int, axis: int) -> Any:
    return (*[slice(None)] * axis, slice(n * size, (n + 1) * size))


@lru_cache(1024)
def _rule(op: Any, name: str, k: int, fn: Callable[..., Any]) -> Rule:
    return read(op, name, k, fn)


def _apply(rule: Rule, g: Any, node: Any) -> Any:
    return rule.fn(g, *rule.pick(node.saved), **{name: node.params[name] for name in rule.rest or ()})


def _spread(node: Any, k: int, g: np.ndarray, n: int) -> np.ndarray | None:
    """By the rule of an op that broadcasts, undone over all axes but that of samples."""
    (rule,) = (rule for rule in node.plan.rules if rule.k == k)
    gk, shape = np.asarray(_apply(rule, g, node)), node.inputs[k].shape
    lead = len(node.shape) - len(shape)
    if gk.shape != node.shape or (not lead and shape[0] != 1):
        return None
    blocks = gk.reshape(n, len(gk) // n, *gk.shape[1:])
    return _summed(blocks, (1, *gk.shape[1:]), shape)


def _summed(stack: np.ndarray, full: tuple[int, ...], shape: tuple[int, ...]) -> np.ndarray:
    """A stack of arrays of `full` shape (longer where that is 1), each summed to the shape that was broadcast."""
    lead = len(full) - len(shape)
    over = tuple(j + 1 for j in range(len(full)) if j < lead or shape[j - lead] == 1)
    return np.asarray(stack.sum(over)).reshape(len(stack), *shape)


def _pulled(node: Any, stack: np.ndarray, useful: set[Any]) -> list[tuple[Any, np.ndarray]]:
    """A stack of cotangents of something made of parameters alone, taken to its inputs."""
    if node.op.broadcasts and node.op.own_pull_back is None and node.plan.common is None:
        rules = [rule for rule in node.plan.rules if node.inputs[rule.k] in useful]
        sent = [(node.inputs[rule.k], np.asarray(_apply(rule, stack, node))) for rule in rules]
        if all(gk.shape == stack.shape for _, gk in sent):
            return [(edge, _summed(gk, node.shape, edge.shape).astype(edge.dtype, copy=False)) for edge, gk in sent]
    found: dict[Any, list[Any]] = {}
    for n, g in enumerate(stack):
        for edge, gk in pull_back(node, g, False, useful):
            rows = found.setdefault(edge, [])
            if len(rows) > n:
                rows[n] = rows[n] + gk
            else:
                rows.append(gk)
    return [(edge, np.stack(rows)) for edge, rows in found.items()]
