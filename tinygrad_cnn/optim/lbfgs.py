"""L-BFGS: SciPy's, behind the interface of the other optimisers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..autodiff.effects import effect
from ..autodiff.kinds import Number, Whole
from ..core import Tensor
from .optimizer import Optimizer
from .settings import Params

__all__ = ["LBFGS"]


class LBFGS(Optimizer):
    """Quasi-Newton steps with a line search, by SciPy's L-BFGS-B: for losses of the whole data, without noise.

    Each `step` starts from the parameters as they are and makes up to `max_iter` iterations.  It needs a closure that
    computes the loss and its gradients, as below, and calls it as often as the line search wants.

    Parameters
    ----------
    params : as for all optimisers, but in one group: the settings are those of the whole search.
    max_iter, max_eval : of one step, iterations and calls of the closure; None: 1.25 * max_iter calls.
    history_size : pairs of steps and gradients that stand for the curvature; each has the size of all parameters.
    tolerance_grad : end when no element of the gradient is larger.
    tolerance_change : end when an iteration lowers the loss f by less than this times ``max(|f|, 1)``.

    Unlike PyTorch's, it has no learning rate (the line search always runs), measures change relative to the loss, and
    begins each step without a history.  It computes in float64 and rounds to the parameters' dtype.

    Attributes: ``iterations`` and ``evaluations`` so far, ``message``, SciPy's reason for the end of the last step.

    Examples
    --------
    >>> w = nn.Parameter(np.array([5.0, 5.0]))
    >>> lbfgs = optim.LBFGS([w])
    >>> def loss():
    ...     lbfgs.zero_grad()
    ...     value = ((w - np.array([1.0, 2.0])) ** 2).sum()
    ...     value.backward()
    ...     return value
    >>> last = lbfgs.step(loss)
    >>> w.data.round(4)
    array([1., 2.])
    """

    samples = ({"max_iter": 3}, {"max_iter": 2, "max_eval": 3})

    def __init__(
        self,
        params: Params,
        *,
        max_iter: Whole = 20,
        max_eval: Whole | None = None,
        history_size: Whole = 10,
        tolerance_grad: Number = 1e-7,
        tolerance_change: Number = 1e-9,
    ) -> None:
        self.iterations = self.evaluations = 0
        self.message = ""
        super().__init__(
            params, max_iter=max_iter, max_eval=max_eval, history_size=history_size, tolerance_grad=tolerance_grad,
            tolerance_change=tolerance_change,
        )  # fmt: skip

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        if self.param_groups:
            raise ValueError("LBFGS: takes one group of parameters, got a second one. Give all parameters in one list.")
        super().add_param_group(group)

    def step(self, closure: Callable[[], Any] | None = None) -> float:
        """Search on from here; the loss at the start.  Whatever is raised leaves the parameters as they were.

        Raises
        ------
        ImportError : SciPy is missing.
        FloatingPointError : the loss or a gradient is not finite.
        """
        if closure is None:
            raise TypeError("LBFGS: step needs a closure that computes loss and gradients: optimizer.step(closure).")
        try:
            from scipy.optimize import minimize
        except ImportError:
            raise ImportError("LBFGS needs SciPy: pip install 'tinygrad-cnn[optim]'.") from None
        (group,) = self.param_groups
        trained = self._trained()
        if not trained:
            raise ValueError("LBFGS: every parameter is frozen; unfreeze some.")
        before = [p.numpy() for p in trained]
        losses: list[float] = []

        def value_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
            if losses:  # the first call is at the parameters as they are
                self._write(flat)
            value = closure()
            loss, gradient = value.item() if isinstance(value, Tensor) else float(value), self._gradient()
            losses.append(loss)
            if not (math.isfinite(loss) and np.isfinite(gradient).all()):
                raise FloatingPointError(
                    f"LBFGS: the loss is {loss}, its gradient's largest element {np.abs(gradient).max():g}, in call "
                    f"{len(losses)} of the closure in this step. The parameters are as they were before the step."
                )
            return loss, gradient

        limit = group["max_iter"] * 5 // 4 if group["max_eval"] is None else group["max_eval"]
        options = {
            "maxiter": group["max_iter"], "maxfun": limit, "maxcor": group["history_size"],
            "gtol": group["tolerance_grad"], "ftol": group["tolerance_change"],
        }  # fmt: skip
        start = np.concatenate([p.ravel() for p in before], dtype=np.float64)
        try:
            found = minimize(value_and_gradient, start, jac=True, method="L-BFGS-B", options=options)
        except BaseException:
            for p, value in zip(trained, before, strict=True):
                p.assign(value)
            raise
        self._end(found, len(losses))
        return losses[0]

    @effect
    def _end(self, found: Any, evaluations: int) -> None:
        """Write what a search found to the parameters, and count it."""
        self.iterations, self.evaluations = self.iterations + int(found.nit), self.evaluations + evaluations
        self.message = str(found.message)
        self._write(found.x)

    def _trained(self) -> list[Tensor]:
        return [p for p, _ in self._parameters() if p.requires_grad]

    def _write(self, flat: np.ndarray) -> None:
        """Give every parameter its part of the row."""
        at = 0
        for p in self._trained():
            p.assign(flat[at : at + p.size].reshape(p.shape).astype(p.dtype))
            at += p.size

    def _gradient(self) -> np.ndarray:
        """All gradients in a row, in float64; zeros for a parameter that has none."""
        parts = [np.zeros(p.size) if p.grad is None else np.ravel(p.grad) for p in self._trained()]
        return np.concatenate(parts, dtype=np.float64)

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "iterations": self.iterations, "evaluations": self.evaluations}

    @effect
    def load_state_dict(self, values: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`, settings and counts included; nothing is loaded unless all fits."""
        counts = {}
        if isinstance(values, Mapping):
            values = dict(values)
            counts = {name: values.pop(name, 0) for name in ("iterations", "evaluations")}
        super().load_state_dict(values)
        self.iterations, self.evaluations = int(counts["iterations"]), int(counts["evaluations"])
