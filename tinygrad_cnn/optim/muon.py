"""Muon: steps of momentum whose matrices are made nearly orthogonal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..autodiff.kinds import Number, Whole
from ..autodiff.numbers import number, whole
from ..core.errors import describe
from ..ops import maximum, sqrt
from .formulas import average, zeros
from .optimizer import Optimizer, State
from .settings import Params

__all__ = ["Muon"]

ADJUSTMENTS = (None, "original", "match_rms_adamw")


def _check_coefficients(who: str, name: str, value: Any) -> tuple[float, ...]:
    if not isinstance(value, (tuple, list)) or len(value) != 3:
        raise ValueError(f"{who}: {name}={value!r} must be three numbers.")
    return tuple(number(who, f"{name}[{k}]", v) for k, v in enumerate(value))


def _check_adjustment(who: str, name: str, value: Any) -> str | None:
    if value not in ADJUSTMENTS:
        raise ValueError(f'{who}: {name}={value!r} must be None, "original" or "match_rms_adamw".')
    return None if value is None else str(value)


class Muon(Optimizer):
    """p -= lr * scale * orthogonal(u),  with m = momentum * m + (1 - momentum) * g.

    u is m, or with `nesterov` ``momentum * m + (1 - momentum) * g``.  ``orthogonal`` sets all singular values near 1,
    by `ns_steps` steps of a Newton-Schulz iteration with `ns_coefficients`; it is computed in the parameter's dtype.
    Filters (I, J, C, O) count as matrices (I*J*C, O).  Weight decay is decoupled.

    For parameters with at least two axes.  Biases and scales of norms go to another optimiser, and so should
    embeddings and the last layer.  Source: Jordan et al. (2024), https://kellerjordan.github.io/posts/muon/.

    Parameters
    ----------
    adjust_lr_fn : None or "original" for ``scale = sqrt(max(1, out / in))``; "match_rms_adamw" for
        ``0.2 * sqrt(max(in, out))``, with which learning rates of AdamW fit.

    Examples
    --------
    >>> hidden = [p for p in model.parameters() if p.ndim > 1]
    >>> others = [p for p in model.parameters() if p.ndim == 1]
    >>> muon, adam = optim.Muon(hidden, lr=0.02), optim.AdamW(others)
    """

    samples = ({}, {"nesterov": False, "weight_decay": 0.0, "adjust_lr_fn": "match_rms_adamw"})
    checks = {
        "ns_coefficients": _check_coefficients,
        "ns_steps": lambda who, name, value: whole(who, name, value, high=99),
        "adjust_lr_fn": _check_adjustment,
    }
    decoupled = True

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-3,
        *,
        weight_decay: Number = 0.1,
        momentum: Number = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[Number, Number, Number] = (3.4445, -4.7750, 2.0315),
        eps: Number = 1e-7,
        ns_steps: Whole = 5,
        adjust_lr_fn: str | None = None,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, weight_decay=weight_decay, momentum=momentum, nesterov=nesterov,
            ns_coefficients=ns_coefficients, eps=eps, ns_steps=ns_steps, adjust_lr_fn=adjust_lr_fn,
            maximize=maximize,
        )  # fmt: skip

    def check_group(self, group: Mapping[str, Any]) -> None:
        for p in group["params"]:
            if p.ndim < 2:
                raise ValueError(
                    f"Muon: parameter {p.name or describe(p)} has shape {p.shape}; only matrices and filters can be "
                    "made orthogonal. Give biases and scales to another optimiser, such as AdamW."
                )

    def start(self, parameter: Any, settings: Mapping[str, Any]) -> State:
        return {"momentum_buffer": zeros(parameter)}

    def change(self, parameter: Any, gradient: Any, state: State, settings: Mapping[str, Any]) -> tuple[Any, State]:
        momentum = settings["momentum"]
        buffer = average(state["momentum_buffer"], momentum, gradient)
        update = average(buffer, momentum, gradient) if settings["nesterov"] else buffer
        columns = parameter.shape[-1]
        rows = math.prod(parameter.shape[:-1])
        step = _orthogonal(
            update.reshape((rows, columns)), settings["ns_coefficients"], settings["ns_steps"], settings["eps"]
        )
        scale = math.sqrt(max(1.0, columns / rows)) if rows else 1.0
        if settings["adjust_lr_fn"] == "match_rms_adamw":
            scale = 0.2 * math.sqrt(max(rows, columns))
        return step.reshape(parameter.shape) * (-settings["lr"] * scale), {"momentum_buffer": buffer}


def _orthogonal(matrix: Any, coefficients: tuple[float, float, float], steps: int, eps: float) -> Any:
    """Return a matrix with the singular vectors of this one, and singular values near 1: from 0.7 to 1.2 or so.

    Each step maps every singular value s to a*s + b*s**3 + c*s**5.
    """
    a, b, c = coefficients
    rows, columns = matrix.shape
    x = matrix.T if rows > columns else matrix
    x = x / maximum(sqrt((x * x).sum()), eps)
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * (square @ square)) @ x
    return x.T if rows > columns else x
