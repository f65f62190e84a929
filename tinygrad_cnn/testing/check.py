"""check_op: all contracts of an op, on all its samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from ..autodiff.calls import named
from ..autodiff.numbers import wholes
from ..core.errors import describe
from ..core.operation import Op
from .case import Case, require
from .contract_report import ContractError, ContractReport, held
from .contracts import CONTRACTS


@named
def check_op(op: Op, *, orders: Sequence[int] = (1, 2), strict: bool = False) -> ContractReport:
    """Run all contracts of `op` on all its samples; gradients at the given orders.

    An op without a reference, or whose docstring gives no shapes, is checked in all else; the report lists what is
    missing.  With ``strict=True`` it fails.

    Raises
    ------
    ContractError : one is broken; the message names the op, the contract, what it demands, and the sample.

    Examples
    --------
    >>> print(tg.testing.check_op(tg.relu))
    relu: ... checks hold; keeps y
          4  documented
          2  equals its reference
    ...
    """
    if not isinstance(op, Op):
        raise TypeError(f"check_op: needs an op, such as tg.conv2d, got {describe(op)}. Register one with @tg.op.")
    orders = wholes("check_op", "orders", orders)
    if not orders:
        raise ValueError("check_op: orders is empty. Give the orders of derivatives to check, as in (1, 2).")
    report = ContractReport(op.name)
    report.missing = tuple(_missing(op))
    documented = partial(_documented, op, strict)
    report.counts["documented"] = held(op.name, "documented", None, documented, _documented.__doc__)
    kept: set[str] = set()
    for sample in op.samples:
        case = Case(op, sample, max(orders))
        for name, contract in CONTRACTS.items():
            report.counts[name] += held(op.name, name, sample, partial(contract, case), contract.__doc__)
        kept |= set(case.kept)
    if op.rules and not report.counts["gradients"]:
        raise ContractError(f"{op.name}: it has rules, but on no sample are they used. Add a sample that needs them.")
    report.kept = tuple(sorted(kept))
    return report


def _missing(op: Op) -> Iterator[str]:
    """What an op lacks, each with what to add."""
    if op.ref is None:
        yield "a reference: @tg.op(ref=...), a slow or other way to the same result."
    if not op.__doc__ or "->" not in op.__doc__:
        yield "shapes in its docstring, as in: x (N, C) · w (C, O) -> (N, O)."


def _documented(op: Op, strict: bool) -> int:
    """Samples, a reference, and shapes in the docstring."""
    require(op.samples, "It has no samples. Add @tg.op(samples=[tg.testing.Sample(x=(2, 3), ...)]).")
    lacks = list(_missing(op)) if strict else []
    require(not lacks, f"It lacks {' It lacks '.join(lacks)}")
    wrong = [name for name in op.linear if name not in op.inputs]
    require(not wrong, f"linear={wrong} must be names of its inputs: {', '.join(op.inputs)}.")
    return 4 - len(list(_missing(op)))
