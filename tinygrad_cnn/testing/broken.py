"""Contracts that are broken, and how that is said."""

from __future__ import annotations

import warnings
from collections.abc import Callable
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
