"""What a kernel is registered with: calls to test and to time it on, and a loop that says what must come out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np

from . import shapes, slow

Array = np.ndarray
Args = tuple[Any, ...]
F = TypeVar("F", bound=Callable[..., Any])


class Example(NamedTuple):
    """How a kernel is tested and timed."""

    calls: Callable[[Draw], list[Args]]
    loop: Callable[..., Any]
    writes: tuple[int, ...]


EXAMPLES: dict[str, Example] = {}  # by name of the kernel


def kernel(
    calls: Callable[[Draw], list[Args]], loop: Callable[..., Any], *, writes: tuple[int, ...] = ()
) -> Callable[[F], F]:
    """Register a function of the NumPy set as a kernel.

    Parameters
    ----------
    calls : gives the arguments of a few calls; the first of the large ones is timed.
    loop : what must come out, computed one number at a time; of a kernel in place: the arrays that are written to.
    writes : which arguments the kernel writes to; a kernel in place has a name that ends in an underscore.
    """

    def register(fn: F) -> F:
        EXAMPLES[fn.__name__] = Example(calls, loop, writes)
        return fn

    return register


# -- arguments of calls ------------------------------------------------------------------------------------------

ConvCase = tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]  # shapes of x and w, options
PoolCase = tuple[tuple[int, ...], dict[str, Any]]  # shape of x, options

CONV: dict[str, ConvCase] = {
    "plain": ((2, 6, 5, 3), (3, 3, 3, 4), {}),
    "stride": ((2, 8, 7, 3), (3, 3, 3, 2), {"stride": (2, 3), "padding": 1}),
    "groups": ((2, 5, 5, 6), (3, 3, 3, 4), {"groups": 2, "padding": 1, "stride": 2}),
    "depthwise": ((2, 6, 6, 5), (3, 3, 1, 5), {"groups": 5, "padding": 1}),
    "batch of none": ((0, 5, 5, 3), (3, 3, 3, 4), {"padding": 1}),
}
POOL: dict[str, PoolCase] = {
    "plain": ((2, 6, 4, 3), {"window": 2}),
    "overlap": ((2, 7, 6, 4), {"window": 3, "stride": 2, "padding": 1}),
    "batch of none": ((0, 4, 4, 3), {"window": 2}),
}
LARGE_CONV: ConvCase = (32, 28, 28, 32), (3, 3, 32, 64), {"padding": "same"}
LARGE_POOL: PoolCase = (64, 24, 24, 64), {"window": 2}
ROWS = (4, 3, 3, 5), (7, 16), (0, 4), (33,)  # with and without a remainder for vector units
LARGE_ROWS = (128, 32, 32, 16)


class ConvCall(NamedTuple):
    """A convolution: x (N, H, W, C), w (I, J, C/groups, O), b (O,), a cotangent, the window, the groups."""

    x: Array
    w: Array
    b: Array
    g: Array
    win: shapes.Window
    groups: int


class PoolCall(NamedTuple):
    """Pooling: x (N, H, W, C), a cotangent, the window, the winners, and how many taps lie inside."""

    x: Array
    g: Array
    win: shapes.Window
    tap: Array
    counts: Array


def convolution(case: ConvCase, dtype: Any) -> ConvCall:
    x_shape, w_shape, options = case
    win = shapes.conv_window("conv2d", x_shape, w_shape, **options)
    rng = np.random.default_rng(0)
    sizes = x_shape, w_shape, w_shape[3:], (x_shape[0], *win.out, w_shape[3])
    x, w, b, g = (rng.standard_normal(size).astype(dtype) for size in sizes)
    return ConvCall(x, w, b, g, win, options.get("groups", 1))


def pooling(case: PoolCase, dtype: Any, winners: Callable[[Array, shapes.Window], Array]) -> PoolCall:
    """With few different values in x, so that there are ties."""
    shape, options = case
    win = shapes.pool_window("max_pool2d", shape, **options)
    rng = np.random.default_rng(0)
    x = rng.integers(-4, 4, shape).astype(dtype)
    g = rng.standard_normal((shape[0], *win.out, shape[3])).astype(dtype)
    return PoolCall(x, g, win, winners(x, win), np.maximum(shapes.tap_counts(win, True), 1).astype(dtype))


def normal(shape: tuple[int, ...], dtype: Any, count: int) -> list[Array]:
    """So many arrays of one shape, of normally distributed numbers."""
    rng = np.random.default_rng(count)
    return [rng.standard_normal(shape).astype(dtype) for _ in range(count)]


def vectors(x: Array, count: int) -> list[Array]:
    """So many vectors (C,) that go with the last axis of x (..., C)."""
    return normal(x.shape[-1:], x.dtype, count)


def _first_taps(x: Array, win: shapes.Window) -> Array:
    """Winners that cost nothing to find: the loop would take minutes for a large image."""
    return np.zeros((len(x), *win.out, x.shape[3]), win.tap_dtype)


class Draw(NamedTuple):
    """Gives arrays of a dtype for calls: of several small cases, which have corners, or of one that is large."""

    dtype: Any
    large: bool = False

    def rows(self, count: int) -> list[list[Array]]:
        """So many arrays of rows of one shape, for each of some shapes."""
        return [normal(shape, self.dtype, count) for shape in ((LARGE_ROWS,) if self.large else ROWS)]

    def matrices(self) -> tuple[Array, Array, Array]:
        """a (M, K), b (K, O), a bias (O,)."""
        m, k, o = (512, 512, 512) if self.large else (5, 7, 3)
        (a,), (b,), (bias,) = (normal(shape, self.dtype, 1) for shape in ((m, k), (k, o), (o,)))
        return a, b, bias

    def convolutions(self) -> list[ConvCall]:
        return [convolution(case, self.dtype) for case in ([LARGE_CONV] if self.large else CONV.values())]

    def poolings(self) -> list[PoolCall]:
        if self.large:
            return [pooling(LARGE_POOL, self.dtype, _first_taps)]
        return [pooling(case, self.dtype, lambda x, win: slow.max_pool2d(x, win)[1]) for case in POOL.values()]


# -- loops over single numbers -----------------------------------------------------------------------------------


def each(fn: Callable[..., float], *arrays: Array) -> Array:
    """A function of numbers, applied element by element; vectors go along the last axis."""
    shape = arrays[0].shape
    whole = [np.broadcast_to(a, shape) for a in arrays]
    return np.array([fn(*[float(a[p]) for a in whole]) for p in np.ndindex(*shape)], arrays[0].dtype).reshape(shape)


def per_column(fn: Callable[..., float], *arrays: Array) -> Array:
    """A function of lists of numbers, applied to each column."""
    columns = [[float(v) for v in a.reshape(-1, a.shape[-1])[:, k]] for k in range(arrays[0].shape[-1]) for a in arrays]
    n = len(arrays)
    return np.array([fn(*columns[k : k + n]) for k in range(0, len(columns), n)], arrays[0].dtype)


def average(values: list[float]) -> float:
    return sum(values) / len(values)
