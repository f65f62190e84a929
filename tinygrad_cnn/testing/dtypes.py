"""The contracts of dtypes: whole numbers, bytes and booleans among the inputs, and floats of two widths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import kernels
from .case import Case, require, same

WHOLE: dict[str, Callable[[np.ndarray], np.ndarray]] = {  # versions of a floating input that hold whole numbers only
    "int64": lambda a: np.rint(np.nan_to_num(a, posinf=9, neginf=-9) * 3).astype(np.int64),
    "uint8": lambda a: (WHOLE["int64"](a * 25) % 156 + 100).astype(np.uint8),  # sums and products are above 255
    "bool": lambda a: a > 0,
}


def floating(case: Case) -> list[int]:
    return [k for k, a in enumerate(case.inputs) if isinstance(a, np.ndarray) and a.dtype.kind == "f"]


def whole_numbers(case: Case) -> int:
    """Whole numbers, bytes and booleans give what floating copies of them give, or integer arithmetic, or an error.

    The copies are float32 where the result is, for that is what whole numbers become on their own.

    The error names the op.  Of an op that declares ``floating=[...]`` the result must be what the copies give.
    """
    count = 0
    mine = floating(case)
    for kind, change in WHOLE.items():
        for changed in [mine, *[[k] for k in mine if len(mine) > 1 and kind != "uint8"]]:
            values = [change(a) if k in mine else a for k, a in enumerate(case.inputs)]
            copies = [a.astype(np.float64) if k in mine else a for k, a in enumerate(values)]
            inputs = [a if k in changed else b for k, (a, b) in enumerate(zip(values, copies, strict=True))]
            what = f"{kind} {', '.join(case.op.input(k) for k in changed)}"
            count += _compared(case, inputs, copies, what)
    return count


def _compared(case: Case, inputs: Sequence[Any], copies: Sequence[Any], what: str) -> int:
    with np.errstate(all="ignore"):
        try:
            want = np.asarray(case(copies))
        except (ValueError, TypeError):
            return 0
        try:
            got = np.asarray(case(inputs))
        except (ValueError, TypeError) as error:
            require(str(error).startswith(case.op.name), f"{what}: the error does not name the op: {error}")
            return 1
    remedy = f'Declare it: @tg.op(floating=["{case.op.inputs[0]}", ...]).'
    require(got.dtype != np.float16, f"{what}: the result is float16, which holds three digits. {remedy}")
    if got.dtype.kind in "biu" and want.dtype.kind == "f":
        if not _integer_arithmetic(case, inputs, got, want):
            raise AssertionError(
                f"{what}: {got.ravel()[:4]!r} is neither what float64 copies give, {want.ravel()[:4]!r}, nor integer "
                f"arithmetic. {remedy}"
            )
        case.wraps |= not np.array_equal(got, want)
        return 1
    if got.dtype == np.float32:
        narrow = [a.astype(np.float32) if k in floating(case) else a for k, a in enumerate(copies)]
        with np.errstate(all="ignore"):
            want = np.asarray(case(narrow))
    rounding = 1e-6 if got.dtype == np.float32 else 1e-12
    same(got, want, f"{what}, against {got.dtype} copies. {remedy}", rtol=rounding)
    return 1


def _integer_arithmetic(case: Case, inputs: Sequence[Any], got: np.ndarray, want: np.ndarray) -> bool:
    """Whether it is the exact result modulo 2**bits (of booleans: whether that is not 0), or what NumPy gives."""
    declared = [k for k, a in enumerate(inputs) if case.op.floats >> k & 1 and isinstance(a, np.ndarray)]
    if declared:
        return np.array_equal(got, want)
    if got.dtype.kind == "b":
        return np.array_equal(got, want != 0)
    if np.isfinite(want).all() and np.max(np.abs(want), initial=0) < 2**53 and np.array_equal(want, np.rint(want)):
        return np.array_equal(got, want.astype(np.int64).astype(got.dtype))
    with np.errstate(all="ignore"):
        return any(np.array_equal(got, case(inputs, fn)) for fn in case.op.numpy)


def two_widths(case: Case) -> int:
    """float32 beside float64 is computed in float64, as NumPy promotes them, on every backend.

    Each gradient has the dtype of its input.  An op whose result has the dtype of one input says so in its docstring.
    """
    if len(case.moving) < 2 or "dtype" in case.op.defaults:
        return 0
    values = [a.astype(np.float32).astype(np.float64) if k in case.moving else a for k, a in enumerate(case.inputs)]
    want, slopes = case.run(values)
    follows = "dtype of the" in (doc := case.op.__doc__ or "") or "dtype of x" in doc
    count = 0
    for name, state in kernels.backends().items():
        if state.startswith("absent"):
            continue
        for k in case.moving:
            inputs = [a.astype(np.float32) if j == k else a for j, a in enumerate(values)]
            what = f"float32 {case.op.input(k)} beside float64, on the backend {name}"
            expected = inputs[case.moving[0]].dtype if follows else want.dtype
            with kernels.use_kernels(name):
                got = np.asarray(case(inputs))
                require(got.dtype == expected, f"{what}: the result is {got.dtype}, expected {expected}.")
                got, found = case.run(inputs)
            same(got, want, what, rtol=1e-11 if got.dtype == np.float64 else 1e-5)
            for j, g in found.items():
                if g is not None:
                    require(g.dtype == inputs[j].dtype, f"{what}: the gradient in input {j} is {g.dtype}.")
                    same(g, slopes[j], f"{what}, gradient in input {j}", rtol=1e-5)
            count += 1 + len(found)
    return count
