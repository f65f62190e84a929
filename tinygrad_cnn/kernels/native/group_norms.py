"""Bindings of native/group_norm.h."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .call import run


def bindings(native: Any, empty: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """Return the kernels of this subject by name, which compute by the module `native` into `empty(shape, dtype)`."""

    def group_norm(x: Any, groups: int, gamma: Any, beta: Any, eps: float) -> Any:
        out = empty(x.shape, x.dtype)
        mean, scale = (empty((x.shape[0], groups), x.dtype) for _ in range(2))
        inputs = (x, gamma, beta, None, None)
        done = run(native.group_norm, inputs, out, mean, scale, native.GROUP_NORM, groups, eps)
        return done if done is NotImplemented else (out, mean, scale)

    def group_norm_dx(g: Any, x: Any, groups: int, gamma: Any, mean: Any, scale: Any) -> Any:
        dx = empty(x.shape, x.dtype)
        dgamma, dbeta = (empty(x.shape[-1:], x.dtype) for _ in range(2))
        inputs = (g, x, gamma, mean, scale)
        done = run(native.group_norm, inputs, dx, dgamma, dbeta, native.GROUP_NORM_DX, groups, 0.0)
        return done if done is NotImplemented else (dx, dgamma, dbeta)

    return {"group_norm": group_norm, "group_norm_dx": group_norm_dx}
