"""NumPy functions whose arguments are spelled otherwise than those of the op that they mean."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import registry
from .activation import clip
from .arithmetic import mul
from .linalg import einsum, matmul
from .reduce import norm
from .shape import concatenate, expand_dims, split


def _clip(x: Any, a_min: Any = None, a_max: Any = None, **more: Any) -> Any:
    return clip(x, more.pop("min", a_min), more.pop("max", a_max), **more)


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    vectors = axis is not None and not isinstance(axis, tuple)
    if ord is not None and not (ord == 2 and (vectors or x.ndim == 1)) and ord != "fro":
        raise ValueError(f"np.linalg.norm: ord={ord!r} has no op; tg.norm is the Euclidean norm over any axes.")
    return norm(x, axis=axis, keepdims=keepdims)


def _dot(a: Any, b: Any) -> Any:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return mul(a, b)
    if np.ndim(b) > 2:
        raise ValueError(f"np.dot: b has {np.ndim(b)} axes; use tg.matmul for batches, tg.tensordot for the rest.")
    return matmul(a, b)


def _hstack(xs: Any) -> Any:
    return concatenate(xs, axis=0 if np.ndim(xs[0]) == 1 else 1)


def _vstack(xs: Any) -> Any:
    return concatenate([x if np.ndim(x) > 1 else expand_dims(x, 0) for x in xs], axis=0)


registry.of_numpy.update(
    {
        np.concatenate: lambda xs, axis=0: concatenate(xs, axis=axis),
        np.einsum: lambda subscripts, *xs, optimize=None: einsum(subscripts, *xs),
        np.split: lambda x, sections, axis=0: split(x, sections, axis=axis),
        np.square: lambda x: mul(x, x),
        np.clip: _clip,
        np.linalg.norm: _norm,
        np.dot: _dot,
        np.hstack: _hstack,
        np.vstack: _vstack,
    }
)
