"""Contracts that are broken, and how that is said."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any


class ContractError(AssertionError):
    """A contract is broken; the message names what breaks it, the contract and the sample."""


def held(who: str, contract: str, sample: Any, run: Callable[[], int]) -> int:
    """Run one contract, which counts what it compared; say of whatever goes wrong where it was."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return run()
    except Exception as error:
        kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
        where = f" on {sample!r}" if sample is not None else ""
        raise ContractError(f"{who}: the contract {contract!r} is broken{where}.\n{kind}{error}") from error


def run_all(
    who: str, contracts: Mapping[str, Callable[[Any], int]], samples: Iterable[Any], case: Callable[[Any], Any]
) -> Counter[str]:
    """Run every contract on a fresh case of every sample; return how much each compared."""
    counts: Counter[str] = Counter()
    for sample in samples:
        for name, contract in contracts.items():
            counts[name] += held(who, name, sample, partial(_on, contract, case, sample))
    return counts


def _on(contract: Callable[[Any], int], case: Callable[[Any], Any], sample: Any) -> int:
    return contract(case(sample))
