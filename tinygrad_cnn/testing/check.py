"""check_op: all contracts of an op, on all its samples."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ..autodiff.calls import named
from ..autodiff.numbers import wholes
from ..core.operation import Op
from .case import Case, require
from .contract_report import ContractError, ContractReport, held
from .contracts import CONTRACTS


@named
def check_op(op: Op, *, orders: Sequence[int] = (1, 2)) -> ContractReport:
    """Run all contracts of `op` on all its samples; gradients at the given orders.

    Raises
    ------
    ContractError : one is broken; the message names the op, the contract and the sample.

    Examples
    --------
    >>> print(tg.testing.check_op(tg.relu))
    relu: ... checks hold; keeps y
          3  documented
          2  equals its reference
    ...
    """
    orders = wholes("check_op", "orders", orders)
    if not orders:
        raise ValueError("check_op: orders is empty. Give the orders of derivatives to check, as in (1, 2).")
    report = ContractReport(op.name)
    report.counts["documented"] = held(op.name, "documented", None, partial(_documented, op))
    kept: set[str] = set()
    for sample in op.samples:
        case = Case(op, sample, max(orders))
        for name, contract in CONTRACTS.items():
            report.counts[name] += held(op.name, name, sample, partial(contract, case))
        kept |= set(case.kept)
    if op.rules and not report.counts["gradients"]:
        raise ContractError(f"{op.name}: it has rules, but on no sample are they used. Add a sample that needs them.")
    report.kept = tuple(sorted(kept))
    return report


def _documented(op: Op) -> int:
    require(op.samples, "it has no samples. Add @tg.op(samples=[tg.testing.Sample(x=(2, 3), ...)]).")
    require(
        op.ref is not None,
        "it has no reference. Add @tg.op(ref=...): a slow or other way to the same result.",
    )
    require(
        op.__doc__ and "->" in op.__doc__,
        "its docstring gives no shapes. Write them as in: x (N, C) · w (C, O) -> (N, O).",
    )
    return 3
