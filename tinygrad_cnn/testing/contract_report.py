"""What a check of contracts reports: what was compared, or which contract is broken."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..kernels.precision import exactly


class ContractError(AssertionError):
    """A contract is broken; the message names what breaks it, the contract and the sample."""


@dataclass
class ContractReport:
    """The contracts that a member of a kind kept: an op, a layer, an optimiser, a schedule or a picture.

    Attributes: ``name`` of the member; ``counts``, how much each contract compared; ``kept``, the names of what an op
    keeps alive for its rules, and None for other kinds; ``missing``, what could be added so that more is checked.
    """

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    kept: tuple[str, ...] | None = None
    missing: tuple[str, ...] = ()

    @property
    def checks(self) -> int:
        """How much was compared, in all."""
        return sum(self.counts.values())

    def __str__(self) -> str:
        kinds = "\n".join(f"  {n:5d}  {name}" for name, n in self.counts.items())
        kept = "" if self.kept is None else f"; keeps {', '.join(self.kept) or 'nothing'}"
        missing = "".join(f"\n  missing: {text}" for text in self.missing)
        return f"{self.name}: {self.checks} checks hold{kept}\n{kinds}{missing}"


def held(who: str, contract: str, sample: Any, run: Callable[[], int], demands: str | None = None) -> int:
    """Run one contract, which counts what it compared; say of whatever goes wrong where, and what the contract demands.

    `demands` is the docstring of the contract.  Products have the precision "highest", whatever is set.
    """
    try:
        with exactly(), warnings.catch_warnings():
            warnings.simplefilter("error")
            return run()
    except Exception as error:
        kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
        where = f" on {sample!r}" if sample is not None else ""
        rule = f" It demands: {demands.partition(chr(10))[0]}" if demands else ""
        raise ContractError(f"{who}: the contract {contract!r} is broken{where}.{rule}\n{kind}{error}") from error


def run_all(
    who: str, contracts: Mapping[str, Callable[[Any], int]], samples: Iterable[Any], case: Callable[[Any], Any]
) -> ContractReport:
    """Run every contract on a fresh case of every sample."""
    report = ContractReport(who)
    for sample in samples:
        for name, contract in contracts.items():
            report.counts[name] += held(who, name, sample, partial(_on, contract, case, sample), contract.__doc__)
    return report


def _on(contract: Callable[[Any], int], case: Callable[[Any], Any], sample: Any) -> int:
    return contract(case(sample))
