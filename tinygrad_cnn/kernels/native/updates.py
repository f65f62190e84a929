"""Bindings of steps of optimisers, in native/each.h."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .call import contiguous


def bindings(native: Any, empty: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """Return the kernels of this subject by name, which compute by the module `native` into `empty(shape, dtype)`."""

    def add_(a: Any, b: Any) -> Any:
        """a += b in place, computed as a step of SGD with lr = -1."""
        if a.size < 1 << 14:  # NumPy's call is shorter
            return NotImplemented
        return _step(native.SGD, a, b, None, None, (-1.0, 0.0, 0.0, 0.0, 0.0))

    def sgd_(
        p: Any,
        g: Any,
        buf: Any,
        lr: float,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> Any:
        """One step of SGD in place.  `buf` is the momentum, None without.  Returns p, or NotImplemented."""
        numbers = (lr, momentum, dampening, weight_decay, float(nesterov))
        return _step(native.SGD, p, g, buf, None, numbers)

    def adam_(
        p: Any,
        g: Any,
        m: Any,
        v: Any,
        lr: float,
        beta1: float,
        beta2: float,
        eps: float,
        weight_decay: float,
        decoupled: bool,
        step: int,
    ) -> Any:
        """One step of Adam (AdamW if decoupled) in place; `step` counts from 1.  Returns p, or NotImplemented."""
        numbers = (lr, beta1, beta2, eps, weight_decay, float(decoupled), 1 - beta1**step, 1 - beta2**step)
        return _step(native.ADAM, p, g, m, v, numbers)

    def _step(what: int, p: Any, g: Any, m: Any, v: Any, numbers: tuple[float, ...]) -> Any:
        shape = p.shape
        if g.shape != shape or (m is not None and m.shape != shape) or (v is not None and v.shape != shape):
            return NotImplemented
        done = native.each(what, p, g, None, m, v, numbers)
        if done is False:  # what is written in place cannot be copied
            done = native.each(what, p, *contiguous((g,)), None, m, v, numbers)
        return p if done is True else NotImplemented

    return {
        "add_": add_,
        "sgd_": sgd_,
        "adam_": adam_,
    }
