"""The contracts that every op keeps: each a function of one op on one sample, which returns how much it compared.

A contract that is broken raises an AssertionError with what was got and what was expected; `check_op` adds the
names of the op, the contract and the sample.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..autodiff.batching import how_of, slice_by_slice
from ..autodiff.reader import saved
from ..core.engine import grad
from ..core.errors import describe
from ..core.graph import all_inputs, walk
from ..core.tensor import Tensor
from ..program.compiling import disagreement
from .case import SEED, Case, cotangent, require, same, same_gradients
from .dtypes import two_widths, whole_numbers
from .gradient_check import gradcheck
from .pieces import linear_is_exact, pieces_are_declared
from .samples_apart import samples_apart


def equals_reference(case: Case) -> int:
    """The forward, on arrays, gives what the op's reference gives, if it has one."""
    if case.op.ref is None:
        return 0
    want = case(copy.deepcopy(case.inputs), case.op.ref)
    same(case(case.inputs), want, "the op and its reference differ", rtol=1e-10)
    return 1


def gradients(case: Case) -> int:
    """Gradients in all floating inputs hold against differences, at all orders; <J^T u, v> = <u, J v>."""
    if not case.moving or np.asarray(case(case.inputs)).dtype.kind != "f":
        return 0

    names = [case.op.input(k) + (f" {k}" if case.op.variadic else "") for k in case.moving]
    inputs = {name: case.inputs[k] for name, k in zip(names, case.moving, strict=True)}
    report = gradcheck(lambda **given: case.of_moving(*given.values()), inputs, order=case.order, seed=SEED)
    require(not report.notes, "".join(report.notes))
    return report.checks


def both_worlds(case: Case) -> int:
    """Arrays and Tensors give the same bits, forward and backward, and arrays give arrays.

    A fused op's own rules serve the first order only, its composition the others: these agree within rounding.
    """
    plain = case(case.inputs)
    require(not isinstance(plain, Tensor), "on arrays it returned a Tensor, expected an array.")
    y, first = case.run(case.inputs)
    same(y, plain, "Tensor world and array world differ")
    _, recorded = case.run(case.inputs, create_graph=True)
    for k, g in first.items():
        require(
            g is None or type(g) is np.ndarray,
            f"gradient in input {k} is a {type(g).__name__}, expected an array.",
        )
        require(recorded[k] is None or isinstance(recorded[k], Tensor), f"gradient in input {k} is not a Tensor.")
    as_arrays = {k: None if g is None else g.data for k, g in recorded.items()}
    rounding = 0.0 if case.op.composition is None else 1e-12  # a fused op's higher orders take another way
    same_gradients(first, as_arrays, "first-order backward and create_graph=True differ", rounding)
    return 1 + len(first)


def equals_composition(case: Case) -> int:
    """A fused op gives what the ops that it stands for give."""
    if case.op.composition is None:
        return 0
    want = case(case.inputs, case.op.composition)
    same(case(case.inputs), want, "the fused op and its composition differ", rtol=1e-10)
    return 1


def keeps_float32(case: Case) -> int:
    """float32 in, float32 out, float32 gradients; an op with a parameter `dtype` decides for itself."""
    if "dtype" in case.op.defaults or not case.moving:
        return 0
    inputs, _ = case.sample.draw(case.op, SEED, np.float32)
    plain = np.asarray(case(inputs))
    y, found = case.run(inputs)
    for got in (plain, y):
        require(got.dtype.kind != "f" or got.dtype == np.float32, f"float32 in, {got.dtype} out.")
    for k, g in found.items():
        require(g is None or g.dtype == np.float32, f"float32 in, but the gradient in input {k} is {g.dtype}.")
    return 2 + len(found)


def _spaced(a: np.ndarray) -> np.ndarray:
    """The same values, with a gap after each."""
    return np.repeat(a[..., None], 2, axis=-1)[..., 0]


def _read_only(a: np.ndarray) -> np.ndarray:
    a = a.copy()
    a.setflags(write=False)
    return a


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "transposed": lambda a: a.T.copy(order="C").T,
    "negative strides": lambda a: np.flip(np.flip(a).copy()),
    "spaced": _spaced,
    "read-only": _read_only,
}


def any_layout(case: Case) -> int:
    """The memory layout of inputs and cotangent does not matter, nor whether they may be written to."""
    y, found = case.run(case.inputs)
    for name, change in LAYOUTS.items():
        g = np.asarray(change(cotangent(y))) if found else None
        got, other = case.run(case.arrays(change), g)
        same(got, y, f"{name} inputs", rtol=1e-12)
        same_gradients(other, found, f"{name} inputs", rtol=1e-12)
        same(case(case.arrays(change)), y, f"{name} inputs, as arrays", rtol=1e-12)
    return len(LAYOUTS) * (2 + len(found))


def leaves_inputs_alone(case: Case) -> int:
    """Neither forward nor backward writes to inputs or cotangent."""
    inputs = case.arrays(np.copy)
    case(inputs)
    y, found = case.run(inputs)
    g = cotangent(y)
    if found:
        case.run(inputs, g)
        same(g, cotangent(y), "the cotangent was changed in place")
    for k, (now, before) in enumerate(zip(inputs, case.inputs, strict=True)):
        if isinstance(now, np.ndarray):
            same(now, before, f"input {k} was changed in place")
    return len(inputs) + bool(found)


def owns_gradients(case: Case) -> int:
    """Each gradient is a buffer of its own: changing it changes no other, nor an input, nor the cotangent."""
    inputs = case.arrays(np.copy)
    y, found = case.run(inputs)
    if not found:
        return 0
    g = cotangent(y)
    _, found = case.run(inputs, g)
    others = [("the cotangent", g), *((f"input {k}", a) for k, a in enumerate(inputs) if isinstance(a, np.ndarray))]
    count = 0
    for k, gradient in found.items():
        if gradient is not None:
            require(gradient.flags.writeable, f"the gradient in input {k} is read-only.")
            for name, other in others:
                require(
                    not np.shares_memory(gradient, other),
                    f"the gradient in input {k} shares memory with {name}.",
                )
            others.append((f"the gradient in input {k}", gradient))
            count += len(others)
    return count


def empty_batch(case: Case) -> int:
    """No images at all: a result of the right shape, or an error that names the op."""
    arrays = [k for k, a in enumerate(case.inputs) if isinstance(a, np.ndarray) and a.ndim]
    if not arrays:
        return 0
    batch = case.inputs[arrays[0]].shape[0]
    alike = [k for k in arrays if case.inputs[k].shape[0] == batch]
    for members in (arrays[:1], alike):
        inputs = _batch_of(case, members, 0)
        try:
            plain = np.asarray(case(inputs))
        except (ValueError, IndexError) as error:
            require(
                str(error).startswith(case.op.name),
                f"empty batch: the error does not name the op: {error}",
            )
            continue
        expected = _empty_shapes(case, members)
        require(
            not expected or plain.shape in expected,
            f"it gave shape {plain.shape}, expected {expected}.",
        )
        y, found = case.run(inputs)
        same(y, plain, "empty batch, Tensor world and array world differ")
        for k, g in found.items():
            require(
                g is None or (g.shape == inputs[k].shape and np.isfinite(g).all()),
                f"empty batch: the gradient in input {k} is {g!r}, expected finite ones of shape {inputs[k].shape}.",
            )
    return 2


def _batch_of(case: Case, members: Sequence[int], n: int) -> list[Any]:
    return [np.repeat(a[:1], n, axis=0) if k in members else a for k, a in enumerate(case.inputs)]


def _empty_shapes(case: Case, members: Sequence[int]) -> list[tuple[int, ...]]:
    """The shapes that the reference gives for an empty batch, and that batches of one and two lead one to expect."""
    shapes = []
    for function in (case.op.ref, None):
        try:
            zero, one, two = (np.shape(case(_batch_of(case, members, n), function)) for n in (0, 1, 2))
        except (ValueError, IndexError):  # a reference need not know empty arrays, nor an op other sizes
            continue
        if function is not None:
            shapes.append(zero)
        elif len(one) == len(two):  # squeeze, for one, drops an axis of length 1
            shapes.append(tuple(2 * a - b for a, b in zip(one, two, strict=True)))
    return shapes


def broadcasting(case: Case) -> int:
    """Stretching the operands beforehand changes nothing, and gradients are sums over what was stretched."""
    if not case.op.broadcasts:
        return 0
    count = 0
    for k, a in enumerate(case.inputs):
        if not isinstance(a, np.ndarray):
            continue
        parts = [a[0], a[:1], a[..., :1]] if a.ndim else []
        full = np.broadcast_shapes(*(np.shape(v) for v in case.inputs if v is not None))
        for small in map(np.asarray, [a, np.broadcast_to(a, (2, *full)).copy(), a.ravel()[0], *parts]):
            inputs = case.replaced(**{f"_{k}": small})
            shape = np.broadcast_shapes(*(np.shape(v) for v in inputs if v is not None))
            y, found = case.run(inputs)
            big = [np.broadcast_to(v, shape).copy() if isinstance(v, np.ndarray) else v for v in inputs]
            stretched, sums = case.run(big)
            what = f"input {k} of shape {small.shape} broadcast to {shape}"
            same(y, stretched, what, rtol=1e-12)
            summed = {n: None if g is None else _summed(g, np.shape(inputs[n])) for n, g in sums.items()}
            same_gradients(found, summed, what, rtol=1e-12)
            count += 1 + len(found)
    return count


def _summed(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Add up what broadcasting from `shape` had copied: one element at a time, as no op does it."""
    total = np.zeros(shape)
    index = np.broadcast_to(np.arange(total.size).reshape(shape), g.shape)
    np.add.at(total.reshape(-1), index.ravel(), g.ravel())
    return total


def shared_operand(case: Case) -> int:
    """f(x, x): the gradient in x is the sum of the gradients in both places."""
    if len(case.moving) < 2:
        return 0
    one, two = case.moving[:2]
    if case.inputs[one].shape != case.inputs[two].shape:
        return 0
    inputs = case.replaced(**{f"_{two}": case.inputs[one].copy()})
    y, apart = case.run(inputs)
    if not apart:
        return 0
    x = Tensor(case.inputs[one], requires_grad=True)
    shared = case([x if k in (one, two) else a for k, a in enumerate(inputs)])
    want = sum(g for g in (apart[one], apart[two]) if g is not None)
    same(grad(shared, x, grad_outputs=cotangent(y)), want, "f(x, x) against the sum of both gradients", rtol=1e-12)
    return 1


def stacks(case: Case) -> int:
    """With any of its floating inputs stacked, an op that says how it treats stacks gives what it gives slice by slice.

    Which inputs are stacked, and that the others are not, must not matter; a case that the op leaves out is none.
    """
    floating = [k for k, a in enumerate(case.inputs) if isinstance(a, np.ndarray) and a.dtype.kind == "f"]
    how = how_of(case.op)
    if how is None or not floating:
        return 0
    draws = [case.sample.draw(case.op, SEED + n)[0] for n in range(STACKED)]
    params = {**case.op.defaults, **case.params}
    count = 0
    for size in range(1, len(floating) + 1):
        for chosen in itertools.combinations(floating, size):
            inputs = [np.stack([d[k] for d in draws]) if k in chosen else a for k, a in enumerate(case.inputs)]
            stacked = [k in chosen for k in range(len(inputs))]
            got = how(case.op, inputs, stacked, params)
            if got is not NotImplemented:
                want = slice_by_slice(case.op, inputs, stacked, params)
                same(got, want, f"stacks of {' and '.join(map(case.op.input, chosen))}", rtol=1e-12)
                count += 1
    require(count, "it says how it treats stacks, but leaves out every case. Take stacks=... away.")
    return count


STACKED = 5  # slices in a stack: a length that no axis of a sample has as a rule, so that axes are not mixed up


def keeps_only_named(case: Case) -> int:
    """What a node keeps is an input, the output, a parameter, or a whole-number or boolean side result.

    A fused op may keep floating side results too: its higher orders do not use them.
    """
    tensors = [Tensor(a, requires_grad=a.dtype.kind == "f") if isinstance(a, np.ndarray) else a for a in case.inputs]
    y = case(tensors)
    case.kept = saved(y.node)
    for name in case.op.aux:
        value = np.asarray(case.kept.get(name, False))
        require(
            value.dtype.kind in "biu" or case.op.composition is not None,
            f"its side result {name} is {value.dtype}: no gradient would flow through it, and second derivatives "
            "would go wrong in silence. Name the inputs or the output in the rule and compute it there.",
        )
    return 1 + len(case.op.aux)


def parameters_are_plain(case: Case) -> int:
    """No parameter in graphs of the first and second order is or holds an array, a Tensor, a function or a generator.

    A graph that is replayed or exported would show old data, or none, in the place of such a parameter.
    """
    tensors = [
        Tensor(a, requires_grad=k in case.moving) if isinstance(a, np.ndarray) else a for k, a in enumerate(case.inputs)
    ]
    xs = [tensors[k] for k in case.moving]
    results, seen = [case(tensors)], set()
    for _ in range(3):  # the graph of the value, of its gradients, and of theirs
        results = [y for y in results if y is not None and y.requires_grad]
        for node in walk([y.node for y in results], all_inputs):
            for name, value in node.params.items() if node.op is not None else ():
                require(is_plain(value), f"{node.op.name} in its graph has the parameter {name}={describe(value)}.")
                seen.add((node, name))
        results = [
            g
            for y in results
            for g in grad(y, xs, grad_outputs=Tensor(cotangent(y)), create_graph=True, allow_unused=True)
        ]
    return len(seen)


PLAIN = (bool, int, float, str, np.dtype, type, np.generic, type(None), type(Ellipsis))


def is_plain(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(map(is_plain, value))
    return is_plain((value.start, value.stop, value.step)) if isinstance(value, slice) else isinstance(value, PLAIN)


def costed(case: Case) -> int:
    """The cost is known from shapes alone."""
    shapes = [np.shape(a) if a is not None else None for a in case.inputs]
    defaults = {**case.op.defaults, **case.params}
    cost = case.op.cost(shapes, np.shape(case(case.inputs)), defaults)
    require(cost.flop >= 0 and cost.bytes >= 0, f"its cost is negative: {cost}.")
    return 1


def replayed(case: Case) -> int:
    """What was recorded on one draw of the sample gives the bits of the op and its rules on others.

    Calls that read values, or use arrays of unknown origin, are replayed whole; the others as the kernels and functions
    of NumPy's that they call.
    """
    if any([isinstance(p, np.random.Generator) for p in case.params.values()]):
        return 0

    def run(*inputs: Any) -> Any:
        y = case(inputs)
        xs = [inputs[k] for k in case.moving]
        if y.dtype.kind != "f" or not xs:
            return y
        return y, grad(y, xs, grad_outputs=np.ones(y.shape, y.dtype), allow_unused=True)

    draws = [case.sample.draw(case.op, SEED + n)[0] for n in range(5)]
    batches = [
        tuple([Tensor(a, requires_grad=k in case.moving, copy=False) if isinstance(a, np.ndarray) else a
               for k, a in enumerate(inputs)])
        for inputs in draws
    ]  # fmt: skip
    found = disagreement(run, batches)
    require(not found, f"recorded and replayed: {found}.")
    return 4


CONTRACTS: dict[str, Callable[[Case], int]] = {
    "equals its reference": equals_reference,
    "equals its composition": equals_composition,
    "gradients": gradients,
    "pieces are declared": pieces_are_declared,
    "exact where linear": linear_is_exact,
    "both worlds": both_worlds,
    "float32 stays": keeps_float32,
    "whole numbers": whole_numbers,
    "two widths of floats": two_widths,
    "any layout": any_layout,
    "inputs unmodified": leaves_inputs_alone,
    "gradients are one's own": owns_gradients,
    "empty batch": empty_batch,
    "broadcasting": broadcasting,
    "same operand twice": shared_operand,
    "stacks": stacks,
    "samples apart": samples_apart,
    "keeps what rules name": keeps_only_named,
    "plain parameters": parameters_are_plain,
    "cost from shapes": costed,
    "replayed": replayed,
}
