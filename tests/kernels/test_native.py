"""The compiled kernels: each instruction set of this machine, any number of threads, odd memory, no stray write."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_cnn import kernels
from tinygrad_cnn.kernels import native, numpy_, shapes

from .cases import CONV, POOL, awkward, conv, pool

needs_native = pytest.mark.skipif(not native.available, reason=f"compiled kernels: {native.reason}")
pytestmark = [pytest.mark.level("default"), needs_native]
DTYPES = [np.float32, np.float64]
Kernel = Callable[..., Any]

# Large enough for several pieces, chunks, blocks of filters and threads.
LARGE: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "wide filters": ((3, 8, 8, 130), (3, 3, 130, 137), {"padding": 1}),
    "narrow": ((40, 4, 3, 16), (3, 3, 16, 48), {"padding": 1}),
    "three channels": ((5, 33, 31, 3), (3, 3, 3, 20), {"padding": "same"}),
    "stride 2": ((4, 31, 30, 24), (3, 3, 24, 70), {"stride": 2, "padding": 1}),
    "1x1": ((6, 15, 16, 100), (1, 1, 100, 33), {}),
    "long row": ((1, 2, 1500, 5), (2, 5, 5, 9), {"padding": ((0, 1), (2, 2))}),
    "dilation": ((2, 40, 41, 9), (3, 3, 9, 18), {"dilation": (3, 2), "padding": 4}),
    "groups": ((3, 20, 21, 12), (3, 2, 4, 30), {"groups": 3, "padding": 1}),
    "depthwise": ((3, 30, 31, 37), (3, 3, 1, 37), {"groups": 37, "padding": 1}),
    "depthwise, vectors across pixels": ((4, 12, 13, 24), (3, 3, 1, 24), {"groups": 24, "padding": 1}),
    "depthwise, stride 2": ((3, 13, 12, 24), (3, 3, 1, 24), {"groups": 24, "padding": 1, "stride": 2}),
    "two filters for each channel": ((2, 20, 21, 12), (3, 3, 1, 24), {"groups": 12, "padding": 1}),
    "groups of four": ((3, 20, 37, 32), (3, 3, 4, 32), {"groups": 8, "padding": 1, "dilation": (2, 1)}),
    "groups of four, stride 2": ((2, 21, 20, 100), (3, 3, 4, 75), {"groups": 25, "stride": (2, 3)}),
    "groups of eight": ((9, 17, 16, 32), (3, 3, 8, 32), {"groups": 4, "padding": 1, "stride": 2}),
    "half vectors": ((5, 9, 10, 29), (1, 1, 29, 53), {}),
    "overlapping runs": ((3, 17, 18, 6), (5, 5, 6, 16), {"stride": (2, 1), "dilation": (3, 1), "padding": (5, 1)}),
    "overlapping runs, stride 3": ((3, 19, 23, 3), (4, 5, 3, 13), {"stride": (1, 3), "padding": (2, 0)}),
    "long rows of filters": ((2, 3, 3, 700), (1, 1, 700, 5), {}),
    "six outputs": ((9, 28, 28, 1), (5, 5, 1, 6), {"padding": "same"}),
    "six inputs": ((4, 14, 14, 6), (5, 5, 6, 16), {}),
    "four outputs, stride 2": ((5, 24, 25, 3), (3, 4, 3, 4), {"stride": 2, "padding": 1}),
    "one output": ((3, 20, 32, 9), (3, 3, 9, 1), {"padding": ((2, 0), (0, 2)), "dilation": (2, 1)}),
    "one input": ((3, 20, 32, 1), (3, 3, 1, 20), {"padding": 3}),
}


@pytest.fixture(params=native.isas() or ["none"])
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    before = native.use_isa(request.param)
    yield request.param
    native.use_isa(before)


@pytest.fixture(autouse=True)
def restore_threads() -> Iterator[None]:
    n = native.get_num_threads()
    yield
    if native.available:
        native.set_num_threads(n)


def large(name: str, dtype: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, shapes.Window, int]:
    x_shape, w_shape, options = LARGE[name]
    win = shapes.conv_window("conv2d", x_shape, w_shape, **options)
    rng = np.random.default_rng(len(name))
    sizes = x_shape, w_shape, w_shape[3:], (x_shape[0], *win.out, w_shape[3])
    x, w, b, g = (rng.standard_normal(size).astype(dtype) for size in sizes)
    return x, w, b, g, win, options.get("groups", 1)


def close(a: np.ndarray, b: np.ndarray) -> None:
    """Equal within rounding, measured against the largest value."""
    assert a.dtype == b.dtype and a.shape == b.shape
    scale = float(np.max(np.abs(b), initial=1.0))
    np.testing.assert_allclose(a, b, rtol=0, atol=scale * 60 * np.finfo(a.dtype).eps)


def all_kernels(dtype: Any) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """Every contract kernel on every sample, as functions of a backend."""
    for source, names in ((conv, CONV), (large, LARGE)):
        for name in names:
            x, w, b, g, win, groups = source(name, dtype)
            yield f"conv2d, {name}", lambda k, a=(x, w, b, win, groups): k.conv2d(*a)
            yield f"conv2d without bias, {name}", lambda k, a=(x, w, None, win, groups): k.conv2d(*a)
            yield f"conv2d_dx, {name}", lambda k, a=(g, w, win, groups): k.conv2d_dx(*a)
            yield f"conv2d_dw, {name}", lambda k, a=(x, g, win, groups): k.conv2d_dw(*a)
    for name in POOL:
        x, g, win = pool(name, dtype)
        tap = numpy_.max_pool2d(x, win)[1]
        yield f"max_pool2d, {name}", lambda k, a=(x, win): k.max_pool2d(*a)
        yield f"max_pool2d_put, {name}", lambda k, a=(g, tap, win): k.max_pool2d_put(*a)
        yield f"max_pool2d_take, {name}", lambda k, a=(x, tap, win): k.max_pool2d_take(*a)
        for pad in (True, False):
            counts = np.maximum(shapes.tap_counts(win, pad), 1)
            yield f"avg_pool2d, {name}", lambda k, a=(x, win, counts): k.avg_pool2d(*a)
            yield f"avg_pool2d_put, {name}", lambda k, a=(g, win, counts): k.avg_pool2d_put(*a)


@pytest.mark.parametrize("dtype", DTYPES)
def test_agrees_with_numpy(isa: str, dtype: Any) -> None:
    for name, call in all_kernels(dtype):
        mine, theirs = call(native), call(numpy_)
        assert mine is not NotImplemented, name
        for a, b in zip(mine, theirs, strict=True) if isinstance(mine, tuple) else [(mine, theirs)]:
            if a.dtype.kind == "f":
                close(a, b)
            else:
                assert a.dtype == b.dtype and np.array_equal(a, b), name


@pytest.mark.parametrize("dtype", DTYPES)
def test_same_bits_with_any_number_of_threads(isa: str, dtype: Any) -> None:
    for name, call in all_kernels(dtype):
        results = []
        for n in (1, 2, 3):
            native.set_num_threads(n)
            result = call(native)
            results.append([r.tobytes() for r in (result if isinstance(result, tuple) else (result,))])
        assert results[0] == results[1] == results[2], name


def test_relu_in_the_same_pass(isa: str) -> None:
    x, w, b, _, win, groups = large("stride 2", np.float32)
    x[0, 3, 3, 0] = np.nan
    y = native.conv2d_relu(x, w, b, win, groups)
    np.testing.assert_array_equal(y, np.maximum(native.conv2d(x, w, b, win, groups), 0))
    assert np.isnan(y).any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_adjoints(isa: str, dtype: Any) -> None:
    for name in LARGE:
        x, w, _, g, win, groups = large(name, dtype)
        x, w, g = (np.round(4 * a) for a in (x, w, g))  # whole numbers: every sum is exact
        y = np.vdot(g, native.conv2d(x, w, None, win, groups)).astype(np.float64)
        dx, dw = native.conv2d_dx(g, w, win, groups), native.conv2d_dw(x, g, win, groups)
        if dtype == np.float64:
            assert y == np.vdot(dx, x) == np.vdot(dw, w), name
        else:
            np.testing.assert_allclose([np.vdot(dx, x), np.vdot(dw, w)], y, rtol=1e-3, atol=1)


def test_infinities_and_nan_stay_where_they_belong(isa: str) -> None:
    win = shapes.conv_window("conv2d", (1, 6, 6, 2), (3, 3, 2, 3), padding=1)
    x, w = np.ones((1, 6, 6, 2), np.float32), np.ones((3, 3, 2, 3), np.float32)
    x[0, 0, 0, 0], x[0, 5, 5, 1] = np.inf, np.nan
    y = native.conv2d(x, w, None, win, 1)
    touched = np.zeros((6, 6), bool)
    touched[:2, :2] = touched[4:, 4:] = True
    assert np.isinf(y[0, :2, :2]).all() and np.isnan(y[0, 4:, 4:]).all() and np.isfinite(y[0][~touched]).all()


@pytest.mark.parametrize("outputs", [1, 4, 6, 16])
def test_infinities_do_not_leak_into_neighbours(isa: str, outputs: int) -> None:
    win = shapes.conv_window("conv2d", (2, 24, 24, 2), (3, 3, 2, outputs), padding=1)
    x, w = np.ones((2, 24, 24, 2), np.float32), np.ones((3, 3, 2, outputs), np.float32)
    x[1, 9, 9, 0], x[1, 20, 12, 1] = np.inf, np.nan
    y = native.conv2d(x, w, np.zeros(outputs, np.float32), win, 1)
    touched = np.zeros((2, 24, 24), bool)
    touched[1, 8:11, 8:11] = touched[1, 19:22, 11:14] = True
    assert not np.isfinite(y[touched]).any() and np.isfinite(y[~touched]).all()
    assert np.isinf(y[1, 8:11, 8:11]).all()
    back = shapes.conv_window("conv2d", (2, 24, 24, outputs), (3, 3, outputs, 2), padding=1)
    dx = native.conv2d_dx(x, np.ones((3, 3, outputs, 2), np.float32), back, 1)
    assert not np.isfinite(dx[touched]).any() and np.isfinite(dx[~touched]).all()
    dw = native.conv2d_dw(x, np.ones_like(y), win, 1)
    assert np.isinf(dw[:, :, 0]).all() and np.isnan(dw[:, :, 1]).all()


# -- memory ----------------------------------------------------------------------------------------------------------


def test_awkward_arrays() -> None:
    x, w, b, g, win, groups = conv("groups", np.float32)
    for x_, w_, g_ in zip(awkward(x), awkward(w), awkward(g), strict=True):
        np.testing.assert_array_equal(native.conv2d(x_, w_, b[:], win, groups), native.conv2d(x, w, b, win, groups))
        np.testing.assert_array_equal(native.conv2d_dx(g_, w_, win, groups), native.conv2d_dx(g, w, win, groups))
        np.testing.assert_array_equal(native.conv2d_dw(x_, g_, win, groups), native.conv2d_dw(x, g, win, groups))
    x, g, win = pool("overlap", np.float32)
    for x_, g_ in zip(awkward(x), awkward(g), strict=True):
        y, tap = native.max_pool2d(x_, win)
        np.testing.assert_array_equal(y, native.max_pool2d(x, win)[0])
        np.testing.assert_array_equal(native.max_pool2d_put(g_, tap, win), native.max_pool2d_put(g, tap, win))


def unaligned(a: np.ndarray) -> np.ndarray:
    memory = np.zeros(a.nbytes + 1, np.uint8)[1:]
    copy = memory.view(a.dtype) if a.ndim == 1 else memory.view(a.dtype).reshape(a.shape)
    copy[...] = a
    return copy


def test_unaligned_arrays() -> None:
    x, w, b, g, win, groups = conv("plain", np.float64)
    x_, w_, g_ = unaligned(x), unaligned(w), unaligned(g)
    assert not x_.flags.aligned
    np.testing.assert_array_equal(native.conv2d(x_, w_, unaligned(b), win, groups), native.conv2d(x, w, b, win, groups))
    np.testing.assert_array_equal(native.conv2d_dw(x_, g_, win, groups), native.conv2d_dw(x, g, win, groups))


@pytest.mark.parametrize("dtype", [np.float16, np.int32, np.complex64, ">f4", np.longdouble])
def test_declines_other_types(dtype: Any) -> None:
    x, w, _, g, win, groups = conv("plain", dtype) if np.dtype(dtype).kind == "f" else conv("plain", np.float32)
    x, w, g = (a.astype(dtype) for a in (x, w, g))
    assert native.conv2d(x, w, None, win, groups) is NotImplemented
    assert native.conv2d_dx(g, w, win, groups) is NotImplemented
    assert native.conv2d_dw(x, g, win, groups) is NotImplemented
    assert native.max_pool2d(x, win) is NotImplemented
    assert native.relu(x) is NotImplemented
    assert native.conv2d(x, np.ones(w.shape, np.float32), None, win, groups) is NotImplemented


class Guarded:
    """Arrays with NaN on both sides (255 for bytes); `check` finds whether any of it was written."""

    def __init__(self) -> None:
        self.made: list[tuple[np.ndarray, bytes, bytes]] = []

    def __call__(self, a: np.ndarray) -> np.ndarray:
        pad = 4096 // a.itemsize
        memory = np.empty(a.size + 2 * pad, a.dtype)
        memory.view(np.uint8)[...] = 255  # a NaN in every floating type
        inner = memory[pad : pad + a.size].reshape(a.shape)
        inner[...] = a
        self.made.append((memory, memory[:pad].tobytes(), memory[pad + a.size :].tobytes()))
        return inner

    def check(self) -> None:
        for memory, before, after in self.made:
            pad = 4096 // memory.itemsize
            assert memory[:pad].tobytes() == before and memory[memory.size - pad :].tobytes() == after


@pytest.mark.parametrize("dtype", DTYPES)
def test_guard_zones(isa: str, dtype: Any) -> None:
    raw = native._native
    for source, names in ((conv, CONV), (large, LARGE)):
        for name in names:
            x, w, b, g, win, groups = source(name, dtype)
            guard = Guarded()
            x, w, b, g, y, dx, dw = (guard(a) for a in (x, w, b, g, g * np.nan, x * np.nan, w * np.nan))
            assert raw.conv2d(x, w, b, y, win, groups, False) and raw.conv2d_dx(g, w, dx, win, groups)
            assert raw.conv2d_dw(x, g, dw, win, groups)
            guard.check()
            assert np.isfinite(y).all() and np.isfinite(dx).all() and np.isfinite(dw).all(), name
    for name in POOL:
        x, g, win = pool(name, dtype)
        tap = numpy_.max_pool2d(x, win)[1]
        guard = Guarded()
        counts = guard(np.maximum(shapes.tap_counts(win, True), 1).astype(dtype))
        x, g, tap, y, dx = (guard(a) for a in (x, g, tap, g * np.nan, x * np.nan))
        for what, array in ((raw.MAX_POOL, tap), (raw.TAKE_POOL, tap), (raw.AVG_POOL, counts)):
            y[...] = np.nan
            assert raw.pool2d(x, array, y, win, what) and np.isfinite(y).all(), name
        for what, array in ((raw.MAX_PUT, tap), (raw.AVG_PUT, counts)):
            dx[...] = np.nan
            assert raw.pool2d(g, array, dx, win, what) and np.isfinite(dx).all(), name
        guard.check()


def test_shapes_are_checked_before_memory_is_touched() -> None:
    x, w, b, g, win, groups = conv("plain", np.float32)
    raw = native._native
    with pytest.raises(ValueError, match="another shape"):
        raw.conv2d(x, w, b, g[:1], win, groups, False)
    with pytest.raises(ValueError, match="win does not match"):
        raw.conv2d(x[:, :3], w, b, g, win, groups, False)
    with pytest.raises(ValueError, match="channels and groups"):
        raw.conv2d(x, w[:, :, :2], b, g, win, groups, False)
    with pytest.raises(ValueError, match="one bias"):
        raw.conv2d(x, w, b[:1], g, win, groups, False)
    with pytest.raises(ValueError, match="4 axes"):
        raw.conv2d(x[0], w, b, g, win, groups, False)
    with pytest.raises((ValueError, BufferError)):
        g.flags.writeable = False
        raw.conv2d(x, w, b, g, win, groups, False)
    with pytest.raises(TypeError):
        raw.conv2d(x)
    for unknown in (-1, 99):
        with pytest.raises(ValueError, match=f"no operation number {unknown}"):
            raw.each(unknown, x, x, None, None, None, None)
    with pytest.raises(ValueError, match="'often' does not say when"):
        raw.use_winograd("often")


def test_indices_past_32_bits() -> None:
    """An image of more than 2^31 pixels; most of its memory is never touched."""
    length = 2**31 + 2**20
    try:
        x = np.zeros((1, 1, length, 1), np.float32)
    except MemoryError:
        pytest.skip("8 GB of address space are not to be had")
    x[0, 0, -1, 0] = 3
    x[0, 0, -(2**20), 0] = 2
    w = np.ones((1, 1, 1, 1), np.float32)
    win = shapes.conv_window("conv2d", x.shape, w.shape, stride=(1, 2**20))
    y = native.conv2d(x, w, None, win, 1)
    assert y.shape == (1, 1, 2049, 1) and y[0, 0, -1, 0] == 2 and y.sum() == 2
    assert native.conv2d_dw(x, y, win, 1).item() == 4
    win = shapes.pool_window("max_pool2d", x.shape, (1, 1), stride=(1, 2**20))
    best, tap = native.max_pool2d(x, win)
    assert best[0, 0, -1, 0] == 2 and native.max_pool2d_take(x, tap, win).sum() == 2
    wide = x.reshape(2, length // 2)[:, :]
    assert native.matmul(np.ones((1, 2), np.float32), wide[:, -64:].copy()).sum() == 3


# -- matrix products and single passes -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "m, k, n",
    [(1, 1, 1), (5, 7, 3), (64, 1000, 10), (33, 64, 130), (300, 20, 17), (2, 3000, 65), (1, 700, 33), (1, 65, 2000)],
)
def test_matmul(isa: str, dtype: Any, m: int, k: int, n: int) -> None:
    rng = np.random.default_rng(m)
    a, b, bias = (rng.standard_normal(s).astype(dtype) for s in ((m, k), (k, n), (n,)))
    close(native.matmul(a, b), a @ b)
    close(native.matmul(a, b, bias=bias, relu=True), np.maximum(a @ b + bias, 0))
    close(native.matmul(np.ascontiguousarray(a.T), b, True), a @ b)
    close(native.matmul(a, np.ascontiguousarray(b.T), False, True), a @ b)
    close(native.matmul(a.T, b, True), a @ b)  # a view
    assert native.matmul(a.T, b.T, True, True) is NotImplemented
    assert native.matmul(a[:, :0], b[:0]) is NotImplemented


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3,), (40000,), (7, 5), (64, 9, 9, 6), (20, 30, 64), (3, 4, 5, 33), (5000, 10)])
def test_single_passes(isa: str, dtype: Any, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    x, g = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    b = rng.standard_normal(shape[-1]).astype(dtype)
    y = np.maximum(x, 0)
    np.testing.assert_array_equal(native.relu(x), y)
    np.testing.assert_array_equal(native.relu_dx(g, y), np.where(y > 0, g, 0))
    np.testing.assert_array_equal(native.add_relu(x, g), np.maximum(x + g, 0))
    rows = tuple(range(x.ndim - 1))
    wide = x.astype(np.float64)
    m = wide[..., 0].size
    close(native.column_sum(x) / dtype(m), (wide.sum(rows) / m).astype(dtype))
    mean, var = native.norm_stats(x)
    close(mean, wide.mean(rows).astype(dtype))
    close(var, wide.var(rows).astype(dtype))
    out = native.norm_apply(x, b, b + 1, True)
    close(out, np.maximum(x * b + (b + 1), 0))
    for mask in (None, out):
        masked = g if mask is None else np.where(mask > 0, g, 0)
        s0, s1 = native.norm_sums(g, x, mean, mask)
        close(s0 / dtype(m), (masked.astype(np.float64).sum(rows) / m).astype(dtype))
        close(s1 / dtype(m), ((masked * (wide - mean)).sum(rows) / m).astype(dtype))
        close(native.norm_dx(g, x, mean, b, b, b, mask), masked * b + (x - mean) * b + b)


def test_single_passes_have_the_same_bits_with_any_number_of_threads() -> None:
    x = np.random.default_rng(0).standard_normal((3000, 70)).astype(np.float32)
    row = x.reshape(1, -1)[:, :6000]
    results = []
    for n in (1, 2, 3):
        native.set_num_threads(n)
        made = [native.column_sum(x), *native.norm_stats(x), *native.norm_sums(x, x, x[0]), native.matmul(x, x, True)]
        made += [native.matmul(x[:1], x[:70], bias=x[0]), native.matmul(row, x.reshape(-1, 35))]
        made += [native.matmul(x[:1], x, False, True), native.matmul(row, x[:1], True)]
        results.append([r.tobytes() for r in made])
    assert results[0] == results[1] == results[2]


def test_variance_does_not_cancel(isa: str) -> None:
    x = (1e4 + np.random.default_rng(0).standard_normal((4096, 3))).astype(np.float32)
    np.testing.assert_allclose(native.norm_stats(x)[1], x.astype(np.float64).var(0), rtol=1e-4)


def test_nan_passes_through_relu(isa: str) -> None:
    x = np.full(40, np.nan, np.float32)
    assert np.isnan(native.relu(x)).all() and np.isnan(native.add_relu(x, x)).all()
    assert np.isnan(native.norm_apply(x[None], x, x, True)).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("momentum, dampening, decay, nesterov", [(0, 0, 0, 0), (0.9, 0.1, 0.01, 0), (0.9, 0, 0.1, 1)])
def test_sgd(isa: str, dtype: Any, momentum: float, dampening: float, decay: float, nesterov: int) -> None:
    p, g, m = np.random.default_rng(0).standard_normal((3, 37, 500)).astype(dtype)
    d = g + dtype(decay) * p
    m1 = dtype(momentum) * m + dtype(1 - dampening) * d
    step = d + dtype(momentum) * m1 if nesterov else m1 if momentum else d
    expected = p - dtype(0.1) * step
    result = native.sgd_(p, g, m if momentum else None, 0.1, momentum, dampening, decay, bool(nesterov))
    assert result is p
    close(p, expected)
    if momentum:
        close(m, m1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("decay, decoupled", [(0, False), (0.1, False), (0.1, True)])
def test_adam(isa: str, dtype: Any, decay: float, decoupled: bool) -> None:
    p, g, m, v = np.random.default_rng(0).standard_normal((4, 20000)).astype(dtype)
    v = v * v
    q, d = p * dtype(1 - 0.1 * decay) if decoupled else p, g if decoupled else g + dtype(decay) * p
    m1, v1 = dtype(0.9) * m + dtype(0.1) * d, dtype(0.99) * v + dtype(0.01) * d * d
    expected = q - 0.1 * (m1 / (1 - 0.9**3)) / (np.sqrt(v1 / (1 - 0.99**3)) + 1e-8)
    assert native.adam_(p, g, m, v, 0.1, 0.9, 0.99, 1e-8, decay, decoupled, 3) is p
    close(p, expected.astype(dtype))
    close(m, m1)
    close(v, v1)


def test_in_place_updates_decline_what_they_cannot_write() -> None:
    p, g = np.ones((2, 6), np.float32)
    assert native.sgd_(p[::2], g[::2], None, 0.1) is NotImplemented
    assert native.sgd_(p[:3], g, None, 0.1) is NotImplemented
    assert native.sgd_(p, g[::-1], None, 0.5) is p and (p == 0.5).all()


def test_in_place_updates_of_arrays_that_overlap() -> None:
    memory = np.arange(20001, dtype=np.float32)
    for p, g in ((memory[1:], memory[:-1]), (memory[:-1], memory[1:]), (memory, memory)):
        kept, expected = memory.copy(), p - np.float32(0.5) * g
        assert native.sgd_(p, g, None, 0.5) is NotImplemented
        assert native.adam_(p, g, kept.copy()[: p.size], g, 0.1, 0.9, 0.99, 1e-8, 0, False, 1) is NotImplemented
        np.testing.assert_array_equal(memory, kept)
        assert kernels.sgd_(p, g, None, 0.5) is p
        np.testing.assert_array_equal(p, expected)
        memory[...] = kept


def test_inputs_that_share_memory() -> None:
    memory = np.random.default_rng(0).standard_normal(6000).astype(np.float32)
    x, w = memory[:1600].reshape(1, 20, 20, 4), memory[1:145].reshape(3, 3, 4, 4)
    dy = memory[9:1305].reshape(1, 18, 18, 4)
    win = shapes.conv_window("conv2d", x.shape, w.shape)
    for a, b in (
        (native.conv2d(x, w, w[0, 0, 0], win, 1), native.conv2d(x.copy(), w.copy(), w[0, 0, 0].copy(), win, 1)),
        (native.conv2d_dw(x, dy, win, 1), native.conv2d_dw(x.copy(), dy.copy(), win, 1)),
        (native.matmul(x[0, 0], x[0, 0], True), native.matmul(x[0, 0].copy(), x[0, 0].copy(), True)),
        (native.add_relu(memory[1:], memory[:-1]), np.maximum(memory[1:] + memory[:-1], 0)),
    ):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("shape", [(0, 3), (0, 4, 4, 3), (0,)])
def test_arrays_of_nothing(shape: tuple[int, ...]) -> None:
    x, c = np.ones(shape, np.float32), np.ones(shape[-1:], np.float32)
    if (state := kernels.backends()["native"]).startswith("absent"):
        pytest.skip(f"native kernels are {state}")
    with kernels.use_kernels("native"):
        for y in (kernels.relu(x), kernels.relu_dx(x, x), kernels.add_relu(x, x), kernels.norm_apply(x, c, c)):
            assert y.shape == shape and y.dtype == x.dtype
        assert kernels.norm_dx(x, x, c, c, c, c).shape == shape
        if len(shape) > 1:
            np.testing.assert_array_equal(kernels.column_sum(x), np.zeros(3))
        assert kernels.sgd_(x, x.copy(), None, 0.1) is x
        assert kernels.matmul(np.ones((2, 0), np.float32), np.ones((0, 3), np.float32)).tolist() == [[0] * 3] * 2
        assert kernels.matmul(np.ones((0, 2), np.float32), np.ones((2, 3), np.float32)).shape == (0, 3)


# -- threads, processes, environment ---------------------------------------------------------------------------------


def test_several_python_threads() -> None:
    x, w, b, g, win, groups = large("stride 2", np.float32)
    y, dw = native.conv2d(x, w, b, win, groups), native.conv2d_dw(x, g, win, groups)
    wrong = []

    def work() -> None:
        for _ in range(20):
            if not np.array_equal(native.conv2d(x, w, b, win, groups), y):
                wrong.append("conv2d")
            if not np.array_equal(native.conv2d_dw(x, g, win, groups), dw):
                wrong.append("conv2d_dw")

    native.set_num_threads(3)
    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_fork() -> None:
    x, w, b, _, win, groups = large("stride 2", np.float32)
    native.set_num_threads(2)
    y = native.conv2d(x, w, b, win, groups)
    for _ in range(3):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # fork with threads: that is the point
            child = os.fork()
        if not child:
            same = all(np.array_equal(native.conv2d(x, w, b, win, groups), y) for _ in range(3))
            os._exit(0 if same else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        np.testing.assert_array_equal(native.conv2d(x, w, b, win, groups), y)


def run(code: str, **environment: str) -> str:
    """What a fresh interpreter prints."""
    names = ("TINYGRAD_CNN_THREADS", "OMP_NUM_THREADS", "TINYGRAD_CNN_ISA")
    env = {k: v for k, v in os.environ.items() if k not in names} | environment
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.level("thorough")
def test_threads_from_the_environment() -> None:
    code = "from tinygrad_cnn.kernels import native; print('threads:', native.get_num_threads(), native.reason)"
    assert "threads: 3" in run(code, TINYGRAD_CNN_THREADS="3", OMP_NUM_THREADS="2")
    assert "threads: 2" in run(code, OMP_NUM_THREADS="2")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    for garbage in ("0", "-1", "many", "2,2", "1e9", "99999999999999999999", "²"):
        said = run(code, OMP_NUM_THREADS=garbage)
        assert f"threads: {cores}" in said and "is not a number of threads" in said, garbage


@pytest.mark.level("thorough")
def test_instruction_set_from_the_environment() -> None:
    code = "from tinygrad_cnn.kernels import native; print(native.reason)"
    for name in native.isas():
        assert native._NAMES[name] in run(code, TINYGRAD_CNN_ISA=name)
    for garbage in ("v9", "V4", "AVX-512", "../v4", "é"):
        assert "is not one of" in run(code, TINYGRAD_CNN_ISA=garbage), garbage


def test_an_old_processor_computes_the_same() -> None:
    """Every instruction set of this machine when it is all that there is, from the import on."""
    code = """if True:
        import numpy as np
        import tinygrad_cnn as tg
        from tinygrad_cnn.kernels import native, use_kernels
        rng = np.random.default_rng(0)
        x, w = rng.standard_normal((2, 9, 9, 5)), rng.standard_normal((3, 3, 5, 7))
        y = tg.conv2d(x, w, padding=1)
        with use_kernels("numpy"):
            np.testing.assert_allclose(y, tg.conv2d(x, w, padding=1), atol=1e-12)
        print(native.reason)
    """
    for name in native.isas():
        assert native._NAMES[name] in run(code, TINYGRAD_CNN_ISA=name)


def test_kept_memory() -> None:
    code = """if True:
        import numpy as np
        from tinygrad_cnn.kernels import native
        x = np.ones((50, 40, 500), np.float32)
        for _ in range(3):
            y = native.relu(x)
        del y
        native.empty_cache()
        assert (native.relu(x) == 1).all()
    """
    assert run(code) == run(code, TINYGRAD_CNN_KEEP="0") == ""
    assert "is not a number of megabytes" in run(code, TINYGRAD_CNN_KEEP="lots")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.skipif("libasan" in os.environ.get("LD_PRELOAD", ""), reason="AddressSanitizer keeps freed memory itself")
def test_kept_memory_is_bounded_and_handed_back() -> None:
    code = """if True:
        import resource
        import numpy as np
        from tinygrad_cnn.kernels import native
        def resident():
            return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() >> 20
        before = resident()
        for _ in range(3):
            many = [native.relu(np.ones(1 << 20, np.float32)) for _ in range(60)]  # 240 MB
            del many
        print(resident() - before)
        native.empty_cache()
        print(resident() - before)
    """
    kept, left = map(int, run(code, TINYGRAD_CNN_KEEP="64").split())
    assert kept < 64 + 32 and left < 32


@pytest.mark.parametrize("n", [0, -1, 1.5, "2", True, 10**6])
def test_number_of_threads_is_checked(n: Any) -> None:
    with pytest.raises(ValueError if type(n) is int else TypeError, match="set_num_threads"):
        native.set_num_threads(n)


def test_unknown_instruction_set() -> None:
    with pytest.raises(ValueError, match="not one this machine runs"):
        native.use_isa("v9")


def test_extension_of_another_version_is_not_used() -> None:
    code = """if True:
        from tinygrad_cnn.kernels import native
        native._native.VERSION, native._native, native.available = -1, None, False
        native._load()
        print(native.available, native.reason, native.isas(), native.get_num_threads())
        native.set_num_threads(2)
    """
    assert run(code).startswith("False built for another version (kernel interface -1")


@pytest.mark.level("thorough")
@pytest.mark.skipif(os.name == "nt", reason="a compiler that is a shell script")
@pytest.mark.parametrize("compiler", ["kill -SEGV $$", "exit 3", None])
def test_a_compiler_that_fails(tmp_path: Path, compiler: str | None) -> None:
    """The build says so in one line and goes on without the kernels, unless they were demanded."""
    root, cc = Path(__file__).parents[2], tmp_path / "cc"
    if compiler:
        cc.write_text(f"#!/bin/sh\n{compiler}\n")
        cc.chmod(0o755)
    command = [sys.executable, "setup.py", "-q", "build_ext", "-b", tmp_path / "lib", "-t", tmp_path / "temp"]
    for wish, code in (("", 0), ("1", 1), ("0", 0)):
        env = {**os.environ, "CC": str(cc), "TINYGRAD_CNN_NATIVE": wish}
        done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert done.stderr.count("compiled kernels were not built") == (wish == ""), done.stderr
        assert not list(tmp_path.rglob("_native*.so"))


def test_without_the_extension() -> None:
    code = """if True:
        import sys
        sys.modules["tinygrad_cnn.kernels.native._native"] = None
        from tinygrad_cnn.kernels import native
        print(native.available, native.reason)
    """
    assert run(code).startswith("False not built")
