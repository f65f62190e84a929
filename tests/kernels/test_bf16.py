"""Products of bf16 numbers: bit for bit what the tile instructions are to do, and close to float64 of rounded numbers.

No CPU with AMX is needed for this: the package holds an emulation of its instructions, which the code for AMX is
compiled with a second time.  Where the processor has AMX or AVX-512's bf16 instructions, these are tested, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tinygrad_cnn.kernels import native, numpy_, shapes

pytestmark = pytest.mark.skipif(not native.available, reason=f"compiled kernels: {native.reason}")
Shape = tuple[int, ...]
HERE = native._native.bf16_sets() if native.available else []

CASES: dict[str, tuple[Shape, Shape, dict[str, Any]]] = {  # x, filters, options
    "3x3": ((2, 9, 10, 20), (3, 3, 20, 37), {"padding": 1}),
    "1x1": ((3, 16, 15, 33), (1, 1, 33, 50), {}),
    "1x1, padded": ((2, 8, 9, 33), (1, 1, 33, 50), {"padding": 1}),
    "stride 2": ((2, 21, 20, 24), (3, 3, 24, 40), {"stride": 2, "padding": 1}),
    "1x1, stride 2": ((2, 20, 20, 48), (1, 1, 48, 40), {"stride": 2}),
    "dilation": ((2, 20, 21, 9), (3, 3, 9, 18), {"dilation": (3, 2), "padding": 4}),
    "groups": ((2, 10, 11, 36), (3, 2, 12, 60), {"groups": 3, "padding": 1}),
    "few channels": ((3, 12, 12, 6), (5, 5, 6, 16), {}),
    "long row": ((1, 2, 300, 12), (2, 5, 12, 20), {"padding": ((0, 1), (2, 2))}),
    "blocks of filters": ((4, 6, 6, 70), (3, 3, 70, 40), {"padding": 1}),
    "many outputs": ((130, 1, 1, 40), (1, 1, 40, 300), {}),
}


@pytest.fixture(autouse=True)
def restore() -> Iterator[None]:
    threads = native.get_num_threads()
    yield
    native._native.use_bf16(None)
    native.set_num_threads(threads)


@pytest.fixture(params=native.isas() or ["none"])
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    before = native.use_isa(request.param)
    yield request.param
    native.use_isa(before)


@pytest.fixture(params=["emulated", "amx", "dot"])
def tiles(request: pytest.FixtureRequest) -> str:
    """Instructions for bf16 that are in use, with the best vectors of this machine."""
    if request.param not in HERE:
        words = {"amx": "AMX tiles for bf16", "dot": "AVX-512 bf16 instructions"}[request.param]
        pytest.skip(f"this machine or compiler has no {words}")
    native._native.use_bf16(request.param)
    return str(request.param)


def rounded(a: np.ndarray) -> np.ndarray:
    """To the nearest bf16 number, ties to even."""
    bits = a.view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16 << 16).astype(np.uint32).view(np.float32)


def arrays(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, shapes.Window, int]:
    """x, w, b, a cotangent, the window and the groups of a case."""
    x_shape, w_shape, options = CASES[name]
    win = shapes.conv_window("conv2d", x_shape, w_shape, **options)
    rng = np.random.default_rng(len(name))
    sizes = x_shape, w_shape, w_shape[3:], (x_shape[0], *win.out, w_shape[3])
    x, w, b, g = (rng.standard_normal(size).astype(np.float32) for size in sizes)
    return x, w, b, g, win, options.get("groups", 1)


def results(
    kernels: Any, x: np.ndarray, w: np.ndarray, b: np.ndarray, g: np.ndarray, win: shapes.Window, groups: int
) -> list[np.ndarray]:
    return [
        kernels.conv2d(x, w, b, win, groups),
        kernels.conv2d_relu(x, w, None, win, groups),
        kernels.conv2d_dx(g, w, win, groups),
        kernels.conv2d_dw(x, g, win, groups),
    ]


def rms(a: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(a, dtype=np.float64))))


def tile_product(a: np.ndarray, b: np.ndarray, start: Any = 0.0) -> np.ndarray:
    """start + a @ b as the tile instructions sum: 32 steps at a time, in them those of even and of odd number apart."""
    a, b = rounded(a), rounded(b)
    steps = -(-a.shape[1] // 32) * 32
    a = np.pad(a, ((0, 0), (0, steps - a.shape[1])))
    b = np.pad(b, ((0, steps - b.shape[0]), (0, 0)))
    total = np.zeros((a.shape[0], b.shape[1]), np.float32) + start
    for first in range(0, steps, 32):
        even, odd = np.zeros_like(total), np.zeros_like(total)
        for k in range(first, first + 32, 2):  # products of bf16 numbers are exact in float32
            even += a[:, k, None] * b[k]
            odd += a[:, k + 1, None] * b[k + 1]
        total += even + odd
    return total


def patches(x: np.ndarray, win: shapes.Window, groups: int) -> list[np.ndarray]:
    """For each group of channels: for each output pixel what its taps read, (pixels, taps*channels)."""
    (top, below), (left, right) = win.padding
    x = np.pad(x, ((0, 0), (top, below + 99), (left, right + 99), (0, 0)))
    (oh, ow), (sh, sw), (dh, dw) = win.out, win.stride, win.dilation
    taps = [
        x[:, i * dh : i * dh + sh * oh : sh, j * dw : j * dw + sw * ow : sw][:, :oh, :ow]
        for i in range(win.window[0])
        for j in range(win.window[1])
    ]
    return [
        np.concatenate([np.split(t, groups, axis=3)[g] for t in taps], axis=3).reshape(x.shape[0] * oh * ow, -1)
        for g in range(groups)
    ]


@pytest.mark.parametrize("name", CASES)
def test_the_code_for_amx_gives_the_bits_of_the_instructions(isa: str, name: str) -> None:
    native._native.use_bf16("emulated")
    x, w, b, g, win, groups = arrays(name)
    filters = np.split(w.reshape(-1, w.shape[3]), groups, axis=1)
    parts = [tile_product(p, f) for p, f in zip(patches(x, win, groups), filters, strict=True)]
    y = np.concatenate(parts, axis=1).reshape(g.shape) + b
    np.testing.assert_array_equal(native.conv2d(x, w, b, win, groups), y)
    np.testing.assert_array_equal(native.conv2d_relu(x, w, b, win, groups), np.maximum(y, 0))


@pytest.mark.parametrize("pixels", [97, 200, 4200])
def test_matrices_have_the_bits_of_the_instructions(isa: str, pixels: int) -> None:
    native._native.use_bf16("emulated")
    rng = np.random.default_rng(pixels)
    inner, columns = (70, 45) if pixels < 1000 else (30, 20)
    a, b, g = (
        rng.standard_normal(s).astype(np.float32) for s in ((pixels, inner), (inner, columns), (pixels, columns))
    )
    if pixels < 1000:
        np.testing.assert_array_equal(native.matmul(a, b), tile_product(a, b))
        np.testing.assert_array_equal(native.matmul(g, b, False, True), tile_product(g, b.T))
    # the gradient of b: pixels are cut into pieces, and these are dealt to at most 16 sums
    count = -(-pixels // min(256, max(32, pixels // 8)))
    size = -(-pixels // count)
    pieces = [slice(k, k + size) for k in range(0, pixels, size)]
    chunks = min(16, len(pieces))
    sums = []
    for k in range(chunks):
        total = np.zeros((inner, columns), np.float32)
        for piece in pieces[k * len(pieces) // chunks : (k + 1) * len(pieces) // chunks]:
            total = tile_product(a[piece].T, g[piece], total)
        sums.append(total)
    assert (len(pieces) > chunks) == (pixels == 4200)
    np.testing.assert_array_equal(native.matmul(a, g, True, False), sum(sums[1:], sums[0]))


ERROR = 4e-3  # relative root mean square beside products of float32 numbers, normal data
ROUNDING = 1e-6  # beside float64 products of the rounded numbers: that of sums in float32


@pytest.mark.parametrize("name", CASES)
def test_the_error_that_is_stated(tiles: str, name: str) -> None:
    x, w, b, g, win, groups = arrays(name)
    exact = results(numpy_, *(a.astype(np.float64) for a in (x, w, b, g)), win, groups)
    near = results(numpy_, *(rounded(a).astype(np.float64) for a in (x, w)), b.astype(np.float64),
                   rounded(g).astype(np.float64), win, groups)  # fmt: skip
    used = 0
    for mine, truth, same in zip(results(native, x, w, b, g, win, groups), exact, near, strict=True):
        assert mine.dtype == np.float32 and mine.shape == truth.shape
        assert rms(mine - truth) < ERROR * rms(truth)
        if rms(mine - truth) > 100 * ROUNDING * rms(truth):
            assert rms(mine - same) < ROUNDING * rms(same)
            used += 1
    few = name == "few channels"  # whose gradient for x is worked out on overlapping lines, in float32
    assert used == 4 - few or tiles == "dot"  # which leaves small products to float32


@pytest.mark.parametrize("name", CASES)
def test_same_bits_with_any_number_of_threads(tiles: str, name: str) -> None:
    bits = []
    for n in (1, 2, 3):
        native.set_num_threads(n)
        bits.append([a.tobytes() for a in results(native, *arrays(name))])
    assert bits[0] == bits[1] == bits[2]


def test_rounding(isa: str) -> None:
    """A product with the unit matrix shows it: ties go to the even neighbour, what is above the largest to infinity."""
    native._native.use_bf16("emulated")
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((97, 32)) * 10.0 ** rng.integers(-30, 30, (97, 32))).astype(np.float32)
    ties = x[:40].view(np.uint32)
    ties[:] = ties >> 16 << 16 | 0x8000
    np.testing.assert_array_equal(native.matmul(x, np.eye(32, dtype=np.float32)), rounded(x))
    for value in (np.finfo(np.float32).max, np.inf, -np.inf):
        x[:] = 0
        x[5, 7] = value
        y = native.matmul(x, np.ones((32, 32), np.float32))
        assert (y[5] == np.inf * np.sign(value)).all() and not y[:5].any() and not y[6:].any()
    x[6, 1:3] = np.array([0x7F800001, 0xFFFFFFFF], np.uint32).view(np.float32)  # payloads that rounding could lose
    y = native.matmul(x, np.ones((32, 32), np.float32))
    assert np.isnan(y[6]).all() and np.isfinite(y[7:]).all() and np.isfinite(y[:5]).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_spreads_as_in_float32(tiles: str, value: float) -> None:
    for name in ("stride 2", "1x1", "dilation", "groups"):
        x, w, b, g, win, groups = arrays(name)
        x[-1, 5, 6, 3] = g[-1, 2, 3, -1] = value
        mine = results(native, x, w, b, g, win, groups)
        native._native.exactly(True)
        plain = results(native, x, w, b, g, win, groups)
        native._native.exactly(False)
        for a, exact in zip(mine, plain, strict=True):
            np.testing.assert_array_equal(np.isfinite(a), np.isfinite(exact))


def test_no_write_outside_and_no_read_that_counts(tiles: str) -> None:
    for name in CASES:
        x, w, b, g, win, groups = arrays(name)
        plain = results(native, x, w, b, g, win, groups)
        inputs = []
        for a in (x, w, b, g):
            room = np.full(a.size + 400, np.nan, a.dtype)
            room[200:-200] = a.ravel()
            inputs.append(room[200:-200].reshape(a.shape))
        x, w, b, g = inputs
        calls: list[tuple[Any, ...]] = [
            (native._native.conv2d, (x, w, b), plain[0], (False,)),
            (native._native.conv2d_dx, (g, w), plain[2], ()),
            (native._native.conv2d_dw, (x, g), plain[3], ()),
        ]
        for kernel, args, expected, rest in calls:
            room = np.full(expected.size + 400, np.nan, np.float32)
            out = room[200:-200].reshape(expected.shape)
            assert kernel(*args, out, win, groups, *rest) is True
            np.testing.assert_array_equal(out, expected, err_msg=name)
            assert np.isnan(room[:200]).all() and np.isnan(room[-200:]).all(), name


def test_what_is_left_to_float32(tiles: str) -> None:
    """float64, one picture, one filter for each channel, and few channels."""
    rng = np.random.default_rng(0)

    def one(x: Shape, w: Shape, dtype: Any, groups: int = 1) -> bytes:
        win = shapes.conv_window("conv2d", x, w, groups=groups)
        a, b = (np.random.default_rng(1).standard_normal(s).astype(dtype) for s in (x, w))
        return native.conv2d(a, b, None, win, groups).tobytes()

    a, b = rng.standard_normal((96, 64)).astype(np.float32), rng.standard_normal((64, 64)).astype(np.float32)
    calls = [
        lambda: native.matmul(a, b).tobytes(),
        lambda: one((2, 12, 12, 64), (1, 1, 64, 64), np.float64),
        lambda: one((2, 12, 12, 64), (3, 3, 1, 64), np.float32, 64),
        lambda: one((2, 12, 12, 2), (1, 1, 2, 64), np.float32),
    ]
    medium = [call() for call in calls]
    native._native.use_bf16(None)
    assert medium == [call() for call in calls]


@pytest.mark.skipif("dot" not in HERE, reason="this machine or compiler has no AVX-512 bf16 instructions")
def test_minimal_filtering_is_faster_than_two_products_at_once() -> None:
    x, w, b, g, win, groups = arrays("blocks of filters")
    before = [a.tobytes() for a in results(native, x, w, b, g, win, groups)]
    native._native.use_bf16("dot")
    assert [a.tobytes() for a in results(native, x, w, b, g, win, groups)] == before


def test_the_choice_of_instructions() -> None:
    assert native._native.use_bf16("emulated") is None
    assert native._native.use_bf16(None) == "emulated"
    with pytest.raises(ValueError, match="'amx7' does not name instructions for bf16 of this machine"):
        native._native.use_bf16("amx7")
