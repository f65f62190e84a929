"""NumPy's `linalg`: the functions of `tg.linalg`, whose whole numbers become float64 here, as NumPy has it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from .. import linalg
from .given import array, floating

NAMES = (
    "cholesky", "cond", "det", "eigh", "eigvalsh", "inv", "lstsq", "matrix_norm", "norm", "pinv", "qr", "slogdet",
    "solve", "svd", "svdvals", "tensorinv", "tensorsolve", "vector_norm",
)  # fmt: skip


def _in_floats(fn: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(getattr(fn, "fn", fn))
    def call(x: Any, *args: Any, **options: Any) -> Any:
        return fn(floating(array(x)), *args, **options)

    return call


GRADIENT: dict[str, Any] = {
    **{f"linalg.{name}": _in_floats(getattr(linalg, name)) for name in NAMES},
    "linalg.matrix_power": linalg.matrix_power,
    "linalg.multi_dot": lambda arrays, *, out=None: linalg.multi_dot([array(a) for a in arrays]),
}
