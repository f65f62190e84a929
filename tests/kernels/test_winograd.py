"""Minimal filtering: the same sums as plain convolution within rounding, the same bits with any number of threads."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tinygrad_cnn.kernels import native, numpy_, shapes, slow

pytestmark = pytest.mark.skipif(not native.available, reason=f"compiled kernels: {native.reason}")

CASES: dict[str, tuple[tuple[int, ...], int, Any]] = {
    "valid": ((2, 8, 8, 16), 16, 0),
    "odd sizes": ((3, 7, 9, 20), 37, 1),
    "two pixels around": ((2, 5, 6, 33), 17, 2),
    "more than two": ((1, 4, 3, 5), 7, 4),
    "asymmetric": ((2, 6, 5, 18), 40, ((2, 0), (0, 1))),
    "same": ((2, 9, 8, 64), 65, "same"),
    "one output pixel": ((5, 3, 3, 19), 9, 0),
    "one pixel": ((70, 1, 1, 21), 20, 1),
    "one row": ((2, 1, 31, 3), 4, 1),
    "one channel": ((2, 10, 10, 1), 1, 1),
    "several blocks": ((4, 13, 15, 70), 150, 1),
    "many channels": ((1, 6, 6, 400), 24, 1),
}


@pytest.fixture(params=native.isas() or ["none"])
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    before = native.use_isa(request.param)
    yield request.param
    native.use_isa(before)


@pytest.fixture(autouse=True, params=["possible 2x2", "possible 4x4"])
def size(request: pytest.FixtureRequest) -> Iterator[str]:
    """The squares, which are used wherever they can be."""
    before, threads = native.use_winograd(request.param), native.get_num_threads()
    yield request.param
    native.use_winograd(before)
    native.set_num_threads(threads)


def arrays(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, shapes.Window]:
    """x, w, b, a cotangent and the window of a case."""
    x_shape, out, padding = CASES[name]
    w_shape = (3, 3, x_shape[3], out)
    win = shapes.conv_window("conv2d", x_shape, w_shape, padding=padding)
    rng = np.random.default_rng(len(name))
    sizes = x_shape, w_shape, (out,), (x_shape[0], *win.out, out)
    x, w, b, g = (rng.standard_normal(size).astype(np.float32) for size in sizes)
    return x, w, b, g, win


def wide(*arrays: np.ndarray) -> list[np.ndarray]:
    return [a.astype(np.float64) for a in arrays]


def results(x: np.ndarray, w: np.ndarray, b: np.ndarray, g: np.ndarray, win: shapes.Window) -> list[np.ndarray]:
    return [
        native.conv2d(x, w, b, win, 1),
        native.conv2d(x, w, None, win, 1),
        native.conv2d_relu(x, w, b, win, 1),
        native.conv2d_dx(g, w, win, 1),
        native.conv2d_dw(x, g, win, 1),
    ]


def rms(a: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(a, dtype=np.float64))))


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_float64(isa: str, name: str) -> None:
    x, w, b, g, win = arrays(name)
    X, W, B, G = wide(x, w, b, g)
    y = numpy_.conv2d(X, W, B, win, 1)
    exact = [
        y,
        numpy_.conv2d(X, W, None, win, 1),
        np.maximum(y, 0),
        numpy_.conv2d_dx(G, W, win, 1),
        numpy_.conv2d_dw(X, G, win, 1),
    ]
    for mine, truth in zip(results(x, w, b, g, win), exact, strict=True):
        assert mine.dtype == np.float32 and mine.shape == truth.shape
        np.testing.assert_allclose(mine, truth, rtol=0, atol=30 * np.finfo(np.float32).eps * np.abs(truth).max())


def test_agrees_with_loops(isa: str) -> None:
    x, w, b, g, win = arrays("more than two")
    close = {"rtol": 0, "atol": 1e-4}
    np.testing.assert_allclose(native.conv2d(x, w, b, win, 1), slow.conv2d(x, w, b, win, 1), **close)
    np.testing.assert_allclose(native.conv2d_dx(g, w, win, 1), slow.conv2d_dx(g, w, win, 1), **close)
    np.testing.assert_allclose(native.conv2d_dw(x, g, win, 1), slow.conv2d_dw(x, g, win, 1), **close)


def test_it_is_in_use_and_rounds_little_more(isa: str, size: str) -> None:
    x, w, _, g, win = arrays("several blocks")
    exact = [numpy_.conv2d(*wide(x, w), None, win, 1), numpy_.conv2d_dx(*wide(g, w), win, 1)]
    error: dict[str, list[float]] = {}
    for when in ("never", size):
        native.use_winograd(when)
        mine = [native.conv2d(x, w, None, win, 1), native.conv2d_dx(g, w, win, 1)]
        error[when] = [rms(a - e) / rms(e) for a, e in zip(mine, exact, strict=True)]
    for plain, minimal in zip(error["never"], error[size], strict=True):
        assert minimal != plain and minimal < 4 * plain


BOUND = 3e-6  # relative root mean square against float64, for normal data and at most 512 channels


@pytest.mark.parametrize("x_shape, out", [((2, 9, 10, 16), 16), ((4, 8, 8, 70), 150), ((2, 8, 8, 512), 20)])
def test_the_error_that_is_stated(isa: str, x_shape: tuple[int, ...], out: int) -> None:
    rng = np.random.default_rng(0)
    for c, o in ((x_shape[3], out), (out, x_shape[3])):
        x, w = (rng.standard_normal(s).astype(np.float32) for s in ((*x_shape[:3], c), (3, 3, c, o)))
        win = shapes.conv_window("conv2d", x.shape, w.shape, padding=1)
        g = rng.standard_normal((*x_shape[:3], o)).astype(np.float32)
        X, W, G = wide(x, w, g)
        for mine, exact in (
            (native.conv2d(x, w, None, win, 1), numpy_.conv2d(X, W, None, win, 1)),
            (native.conv2d_dx(g, w, win, 1), numpy_.conv2d_dx(G, W, win, 1)),
            (native.conv2d_dw(x, g, win, 1), numpy_.conv2d_dw(X, G, win, 1)),
        ):
            assert rms(mine - exact) < BOUND * rms(exact)


@pytest.mark.parametrize("name", CASES)
def test_same_bits_with_any_number_of_threads(isa: str, name: str) -> None:
    bits = []
    for n in (1, 2, 3):
        native.set_num_threads(n)
        bits.append([a.tobytes() for a in results(*arrays(name))])
    assert bits[0] == bits[1] == bits[2]


def test_same_bits_in_another_batch(isa: str) -> None:
    x, w, b, _, win = arrays("several blocks")
    np.testing.assert_array_equal(native.conv2d(x, w, b, win, 1)[2:], native.conv2d(x[2:].copy(), w, b, win, 1))


@pytest.mark.parametrize("name", CASES)
def test_adjoints(isa: str, name: str, size: str) -> None:
    x, w, _, g, win = arrays(name)
    x, w, g = (np.round(2 * a) for a in (x, w, g))  # whole numbers, halved twice at most: sums of 2x2 are exact
    y, dx, dw = native.conv2d(x, w, None, win, 1), native.conv2d_dx(g, w, win, 1), native.conv2d_dw(x, g, win, 1)
    X, W, G = wide(x, w, g)
    if size == "possible 4x4":
        products = np.vdot(G, y), np.vdot(dx, X), np.vdot(dw, W)
        # rounding of each term, BOUND of its size, adds up as a random walk does; eight times that never happens
        room = 8 * BOUND * max(rms(a) * rms(b) * a.size**0.5 for a, b in ((G, y), (dx, X), (dw, W)))
        assert np.ptp(products) < room
        return
    np.testing.assert_array_equal(y, numpy_.conv2d(X, W, None, win, 1))
    assert np.vdot(G, y) == np.vdot(dx, X) == np.vdot(dw, W)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, np.finfo(np.float32).max])
def test_what_is_not_finite_spreads_as_in_a_plain_convolution(isa: str, size: str, value: float) -> None:
    for name, pixel in (("odd sizes", (1, 3, 4, 2)), ("valid", (0, 7, 7, 15))):
        x, w, b, g, win = arrays(name)
        x[pixel] = value
        g[0, -1, 2, 3] = value
        mine = results(x, w, b, g, win)
        native.use_winograd("never")
        for a, plain in zip(mine, results(x, w, b, g, win), strict=True):
            np.testing.assert_array_equal(np.isnan(a), np.isnan(plain))
            np.testing.assert_array_equal(np.isinf(a), np.isinf(plain))
            finite = np.isfinite(plain)
            scale = np.abs(plain[finite]).max(initial=0)
            np.testing.assert_allclose(a[finite], plain[finite], rtol=1e-3, atol=1e-6 * scale)
        native.use_winograd(size)


def test_relu_in_the_same_pass(isa: str) -> None:
    x, w, b, _, win = arrays("odd sizes")
    np.testing.assert_array_equal(native.conv2d_relu(x, w, b, win, 1), np.maximum(native.conv2d(x, w, b, win, 1), 0))


def test_no_write_outside_and_no_read_that_counts(isa: str) -> None:
    for name in CASES:
        x, w, b, g, win = arrays(name)
        plain = results(x, w, b, g, win)
        inputs = []
        for a in (x, w, b, g):
            room = np.full(a.size + 400, np.nan, a.dtype)
            room[200:-200] = a.ravel()
            inputs.append(room[200:-200].reshape(a.shape))
        for mine, expected in zip(results(*inputs, win), plain, strict=True):
            np.testing.assert_array_equal(mine, expected)
        x, w, b, g = inputs
        calls: list[tuple[Any, ...]] = [
            (native._native.conv2d, (x, w, b), plain[0], (False,)),
            (native._native.conv2d_dx, (g, w), plain[3], ()),
            (native._native.conv2d_dw, (x, g), plain[4], ()),
        ]
        for kernel, args, expected, rest in calls:
            room = np.full(expected.size + 400, np.nan, np.float32)
            out = room[200:-200].reshape(expected.shape)
            assert kernel(*args, out, win, 1, *rest) is True
            np.testing.assert_array_equal(out, expected)
            assert np.isnan(room[:200]).all() and np.isnan(room[-200:]).all(), name


def test_float64_is_left_alone(isa: str) -> None:
    x, w, b, _, win = arrays("odd sizes")
    x, w, b = wide(x, w, b)
    mine = native.conv2d(x, w, b, win, 1)
    native.use_winograd("never")
    np.testing.assert_array_equal(mine, native.conv2d(x, w, b, win, 1))


def test_the_switches(size: str) -> None:
    assert native.use_winograd("never") == size and native.use_winograd("2x2") == "never"
    assert native.use_winograd() == native.use_winograd(size) == "2x2"
    with pytest.raises(ValueError, match="use_winograd: when='often' must be one of"):
        native.use_winograd("often")
    code = "from tinygrad_cnn.kernels import native; print(native.use_winograd())"
    for value, expected in (("0", "never"), ("2", "2x2"), ("1", "faster"), ("", "faster")):
        env = {**os.environ, "TINYGRAD_CNN_WINOGRAD": value, "PYTHONPATH": os.pathsep.join(sys.path)}
        got = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        assert got.stdout.strip() == expected


def used(x_shape: tuple[int, ...], out: int, padding: int) -> list[str]:
    """Which way each direction takes by itself, known by its bits."""
    rng = np.random.default_rng(1)
    x, w = (rng.standard_normal(s).astype(np.float32) for s in (x_shape, (3, 3, x_shape[3], out)))
    win = shapes.conv_window("conv2d", x.shape, w.shape, padding=padding)
    g = rng.standard_normal((x_shape[0], *win.out, out)).astype(np.float32)
    found = {}
    for when in ("never", "possible 2x2", "possible 4x4", "faster"):
        native.use_winograd(when)
        found[when] = [a.tobytes() for a in results(x, w, np.zeros(out, np.float32), g, win)[1:]]
    mine = found.pop("faster")
    return [next(when for when, bits in found.items() if bits[i] == mine[i]) for i in (0, 2, 3)]


def test_the_choice_depends_on_one_picture(isa: str) -> None:
    assert used((4, 8, 8, 16), 16, 1) == used((2, 32, 8, 16), 16, 1) == ["possible 4x4"] * 3
    assert used((8, 5, 5, 32), 32, 1) == ["possible 2x2"] * 3  # four squares of 4x4 would be 2.6 times as large
    assert used((8, 6, 6, 32), 32, 0) == ["possible 4x4", "possible 2x2", "possible 4x4"]
    assert used((1, 8, 8, 16), 16, 1) == used((4, 16, 16, 3), 16, 1) == ["never"] * 3
    assert used((4, 8, 8, 13), 37, 1) == used((4, 8, 8, 37), 13, 1) == ["possible 4x4"] * 3  # 12 channels are enough
    assert used((4, 8, 8, 11), 16, 1) == ["never"] * 3
