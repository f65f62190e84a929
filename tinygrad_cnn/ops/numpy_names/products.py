"""NumPy's products of vectors and matrices, polynomials, and convolutions in one dimension."""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any

import numpy as np

from ..arithmetic import mul, where
from ..elementwise import sqrt
from ..indexing import getitem
from ..products import einsum, matmul, outer, tensordot
from ..reduce import mean, sum
from ..shape import concatenate, flip, moveaxis, reshape, stack, transpose
from ..vectors import cross, dot, kron
from .given import array, as_dtype, flat, only, plain, together


def _inner(a: Any, b: Any, /) -> Any:
    a, b = together(a, b)
    return mul(a, b) if a.ndim == 0 or b.ndim == 0 else tensordot(a, b, ((a.ndim - 1,), (b.ndim - 1,)))


def _vdot(a: Any, b: Any, /) -> Any:
    return matmul(*map(flat, together(a, b)))


def _einsum(*operands: Any, out: Any = None, optimize: Any = None, **settings: Any) -> Any:
    """``einsum("ij,jk", a, b)`` or ``einsum(a, [0, 1], b, [1, 2])``, whose lists name axes by numbers."""
    only("einsum", **{name: (value, {"order": "K", "casting": "safe"}.get(name)) for name, value in settings.items()})
    if isinstance(operands[0], str):
        return einsum(operands[0], *map(array, operands[1:]))
    last = [operands[-1]] if len(operands) % 2 else None
    lists = [*operands[1::2], *(last or [])] if last is None else [*operands[1:-1:2], *last]
    numbers = sorted({int(n) for row in lists for n in row if n is not Ellipsis})
    letter = dict(zip(numbers, string.ascii_letters, strict=False))
    terms = ["".join("..." if n is Ellipsis else letter[int(n)] for n in row) for row in lists]
    text = ",".join(terms if last is None else terms[:-1]) + ("" if last is None else f"->{terms[-1]}")
    return einsum(text, *map(array, operands[: len(operands) - len(operands) % 2 : 2]))


def _cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None) -> Any:
    if axis is not None:
        axisa = axisb = axisc = axis
    return moveaxis(cross(moveaxis(array(a), axisa, -1), moveaxis(array(b), axisb, -1)), -1, axisc)


def _vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    return sum(moveaxis(array(x1), axis, -1) * moveaxis(array(x2), axis, -1), axis=-1)


def _vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    x = array(x)
    x = as_dtype(x, np.promote_types(x.dtype, int))
    if x.ndim != 1:
        raise ValueError(f"np.vander: x has shape {x.shape}; it must be a row (N,).")
    columns, power = [], x * 0 + 1
    for _ in range(x.shape[0] if N is None else N):
        columns.append(power)
        power = power * x
    return stack(columns if increasing else columns[::-1], axis=1)


# -- convolution, and polynomials as rows of coefficients, the highest first ------------------------------------


def _convolve(a: Any, v: Any, mode: str = "full") -> Any:
    a, v = together(a, v)
    if a.ndim > 1 or v.ndim > 1 or not a.size or not v.size:
        raise ValueError(f"np.convolve: a {a.shape} and v {v.shape} must be rows (N,) that are not empty.")
    a, v = (flat(a), flat(v)) if a.size >= v.size else (flat(v), flat(a))
    n, m = a.size, v.size
    places = np.arange(n + m - 1)[:, None] - np.arange(m)
    held = (places >= 0) & (places < n)
    y = matmul(where(held, getitem(a, key=np.where(held, places, 0)), 0), v)
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"np.convolve: mode={mode!r} is not known; there are 'full', 'same' and 'valid'.")
    start = {"full": 0, "same": (m - 1) // 2, "valid": m - 1}[mode]
    length = {"full": n + m - 1, "same": n, "valid": n - m + 1}[mode]
    return getitem(y, key=slice(start, start + length))


def _correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    a, v = together(a, v)
    y = _convolve(a, flip(v, axis=0), "full")
    if mode == "full":
        return y
    least, most = sorted((a.shape[0], v.shape[0]))
    if mode == "valid":
        return getitem(y, key=slice(least - 1, most))
    # where a is the shorter of the two and even, "same" begins one later than in a convolution
    start = (least - 1 + (a.shape[0] < v.shape[0] and least % 2 == 0)) // 2
    return getitem(y, key=slice(start, start + most))


def _polyval(p: Any, x: Any) -> Any:
    x = array(x)
    y = x * 0
    for k in range(p.shape[0] if hasattr(p, "shape") else len(p)):
        y = y * x + p[k]
    return y


def _by_terms(join: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def polynomial(a1: Any, a2: Any) -> Any:
        rows = [flat(array(a)) if array(a).ndim else reshape(array(a), (1,)) for a in (a1, a2)]
        length = max(r.shape[0] for r in rows)
        return join(*[concatenate([np.zeros(length - r.shape[0], r.dtype), r], axis=0) for r in rows])

    return polynomial


def _polyder(p: Any, m: int = 1) -> Any:
    p = as_dtype(p, np.promote_types(p.dtype, int)) if m else p  # as NumPy multiplies by whole numbers
    for _ in range(m):
        n = p.shape[0] - 1
        p = getitem(p, key=slice(0, n)) * np.arange(n, 0, -1).astype(p.dtype)
    return p


def _polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    constants = np.zeros(m) if k is None else np.broadcast_to(plain(k), (m,))
    p = as_dtype(p, np.promote_types(p.dtype, int)) if m else p
    for constant in constants:
        p = concatenate([p / np.arange(p.shape[0], 0, -1).astype(p.dtype), np.array([constant], p.dtype)], axis=0)
    return p


# -- covariance -------------------------------------------------------------------------------------------------


def _cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None, fweights: Any = None,
    aweights: Any = None, *, dtype: Any = None,
) -> Any:  # fmt: skip
    only("cov", fweights=(fweights, None), aweights=(aweights, None))
    rows = [array(v) for v in (m, y) if v is not None]
    rows = [reshape(v, (1, -1)) if v.ndim < 2 else v if rowvar or v.shape[0] == 1 else transpose(v) for v in rows]
    x = rows[0] if len(rows) == 1 else concatenate(rows, axis=0)
    x = as_dtype(x, np.promote_types(x.dtype, np.float64) if dtype is None else dtype)
    far = x - mean(x, axis=1, keepdims=True)
    ddof = (0 if bias else 1) if ddof is None else ddof
    found = matmul(far, transpose(far)) / (x.shape[1] - ddof)
    return reshape(found, ()) if found.shape == (1, 1) else found


def _corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    c = _cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    n = c.shape[0]
    d = sqrt(getitem(flat(c), key=slice(None, None, n + 1)))
    found = c / reshape(d, (n, 1)) / reshape(d, (1, n))
    return where(plain(found) > 1, 1, where(plain(found) < -1, -1, found))


GRADIENT: dict[str, Any] = {
    "dot": lambda a, b, out=None: dot(*together(a, b)),
    "inner": _inner,
    "vdot": _vdot,
    "outer": lambda a, b, out=None: outer(*together(a, b)),
    "linalg.outer": lambda x1, x2, /: outer(*together(x1, x2)),
    "tensordot": lambda a, b, axes=2: tensordot(array(a), array(b), axes),
    "linalg.tensordot": lambda x1, x2, /, *, axes=2: tensordot(array(x1), array(x2), axes),
    "linalg.matmul": lambda x1, x2, /: matmul(array(x1), array(x2)),
    "einsum": _einsum,
    "kron": lambda a, b: kron(*together(a, b)),
    "cross": _cross,
    "linalg.cross": lambda x1, x2, /, *, axis=-1: _cross(x1, x2, axis=axis),
    "vecdot": lambda x1, x2: _vecdot(x1, x2),
    "linalg.vecdot": _vecdot,
    "matvec": lambda x1, x2: getitem(matmul(x1, np.expand_dims(x2, -1)), key=(Ellipsis, 0)),
    "vecmat": lambda x1, x2: getitem(matmul(np.expand_dims(x1, -2), x2), key=(Ellipsis, 0, slice(None))),
    "vander": _vander,
    "convolve": _convolve,
    "correlate": _correlate,
    "polyval": _polyval,
    "polyadd": _by_terms(lambda p, q: p + q),
    "polysub": _by_terms(lambda p, q: p - q),
    "polymul": lambda a1, a2: _convolve(a1, a2),
    "polyder": _polyder,
    "polyint": _polyint,
    "cov": _cov,
    "corrcoef": _corrcoef,
}
