"""Functions of rows: rows of every length, on every instruction set, NaN and infinity, and any number of threads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tinygrad_cnn.kernels import native, numpy_

pytestmark = pytest.mark.skipif(not native.available, reason=f"compiled kernels: {native.reason}")
LENGTHS = (1, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 300)  # below, at and above whole vectors of all widths
TOLERANCE = {"f": 3e-6, "d": 1e-14}


@pytest.fixture(params=native.isas() or ["none"])
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    before = native.use_isa(request.param)
    yield request.param
    native.use_isa(before)


def calls(rows: int, n: int, dtype: Any) -> list[tuple[str, tuple[Any, ...]]]:
    """Each kernel of rows with arguments."""
    rng = np.random.default_rng(n)
    x, g = (rng.normal(size=(rows, n)).astype(dtype) for _ in range(2))
    gamma, beta = (rng.normal(size=n).astype(dtype) for _ in range(2))
    _, mean, scale = numpy_.layer_norm(x, None, None, 0.1)
    _, rms = numpy_.rms_norm(x, None, 0.1)
    found: list[tuple[str, tuple[Any, ...]]] = [
        ("softmax", (x, -1)), ("log_softmax", (x, 1)), ("softmax_dx", (g, x, -1)), ("log_softmax_dx", (g, x, -1)),
        ("softmax_sums", (x,)), ("layer_norm", (x, None, beta, 0.1)),
    ]  # fmt: skip
    for factor in (gamma, None):
        found += [
            ("layer_norm", (x, factor, beta if factor is not None else None, 0.1)),
            ("layer_norm_dx", (g, x, factor, mean, scale)),
            ("rms_norm", (x, factor, 0.1)),
            ("rms_norm_dx", (g, x, factor, rms)),
        ]
    images, cotangent = x.reshape(rows, 1, n), g.reshape(rows, 1, n)
    for groups in {1, n, 3 if n % 3 == 0 else 1}:
        found.append(("group_norm", (images, groups, gamma, beta, 0.1)))
        _, mean, scale = numpy_.group_norm(images, groups, None, None, 0.1)
        found.append(("group_norm_dx", (cotangent, images, groups, gamma, mean, scale)))
    return found


def results(backend: Any, name: str, args: tuple[Any, ...]) -> tuple[np.ndarray, ...]:
    y = getattr(backend, name)(*args)
    assert y is not NotImplemented, name
    return y if isinstance(y, tuple) else (y,)


@pytest.mark.parametrize("dtype", "fd")
def test_rows_of_every_length(isa: str, dtype: str) -> None:
    for n in LENGTHS:
        for name, args in calls(5, n, dtype):
            for a, b in zip(results(native, name, args), results(numpy_, name, args), strict=True):
                assert (a.shape, a.dtype) == (b.shape, b.dtype), name
                bound = TOLERANCE[dtype] * max(1.0, float(np.abs(b).max()))
                np.testing.assert_allclose(a, b, rtol=0, atol=bound, err_msg=f"{name}, rows of {n}")


def test_nan_and_infinity_stay_in_their_row(isa: str) -> None:
    for n in (3, 20, 40):
        x = np.random.default_rng(0).normal(size=(5, n)).astype(np.float32)
        wanted = numpy_.softmax(x, -1)
        for k, value in enumerate((np.nan, np.inf, -np.inf)):
            x[k, 2] = value
        x[3] = -np.inf
        for name in ("softmax", "log_softmax"):
            with np.errstate(invalid="ignore", divide="ignore"):
                np.testing.assert_allclose(getattr(native, name)(x, -1), getattr(numpy_, name)(x, -1), atol=1e-5)
        np.testing.assert_allclose(native.softmax(x, -1)[4], wanted[4], atol=1e-6)
        y = native.layer_norm(x, None, None, 0.1)[0]
        assert np.isnan(y[:4]).all() and np.isfinite(y[4]).all()


def test_rows_have_the_same_bits_with_any_number_of_threads() -> None:
    before = native.get_num_threads()
    try:
        made = []
        for threads in (1, 2, 3):
            native.set_num_threads(threads)
            made.append([y for name, args in calls(4001, 37, np.float32) for y in results(native, name, args)])
    finally:
        native.set_num_threads(before)
    for one, *others in zip(*made, strict=True):
        for other in others:
            np.testing.assert_array_equal(one, other)


def test_rows_that_are_strided_and_those_of_other_types() -> None:
    x = np.random.default_rng(0).normal(size=(6, 24)).astype(np.float32)
    for view in (x[::2], x[:, ::3], x.T, x[::-1, ::-1]):
        np.testing.assert_array_equal(native.softmax(view, -1), native.softmax(view.copy(), -1))
        np.testing.assert_array_equal(native.rms_norm(view, None, 0.1)[0], native.rms_norm(view.copy(), None, 0.1)[0])
    assert native.softmax(x.astype(np.float16), -1) is NotImplemented
    assert native.softmax(x, 0) is NotImplemented
    assert native.softmax(x[:0], -1) is NotImplemented


def test_arrays_that_do_not_match_are_refused() -> None:
    x, raw = np.ones((4, 6), np.float32), native._native
    out = x.copy()
    with pytest.raises(ValueError, match="do not match"):
        raw.rows(x, x[:2], None, None, None, out, None, None, raw.SOFTMAX_DX, 0.0)
    with pytest.raises(ValueError, match="is missing"):
        raw.rows(x, None, None, None, None, out, None, None, raw.SOFTMAX_DX, 0.0)
    with pytest.raises(ValueError, match="too many"):
        raw.rows(x, x, None, None, None, out, None, None, raw.SOFTMAX, 0.0)
    with pytest.raises(ValueError, match="no operation"):
        raw.rows(x, None, None, None, None, out, None, None, 99, 0.0)
    with pytest.raises(ValueError, match="do not match"):
        raw.rows(x, np.ones(5, np.float32), None, None, None, out, None, out[:, 0].copy(), raw.RMS_NORM, 0.0)


# sizes at and above pieces of 16384 elements, flushes of 256 rows and 4096 numbers, tiles of 4096 columns
SIZES = [(1,), (17,), (4101,), (70001,), (40, 1), (300, 100), (7, 5, 3), (4, 300, 65), (2, 3, 4, 5), (2, 5000),
         (20000, 3), (3, 20000), (2, 2, 9000)]  # fmt: skip


@pytest.mark.parametrize("dtype", "fd")
@pytest.mark.parametrize("shape", SIZES, ids=str)
def test_sums_and_extremes_over_all_runs_of_axes(isa: str, shape: tuple[int, ...], dtype: str) -> None:
    x = np.random.default_rng(0).normal(size=shape).astype(dtype)
    holed = x.copy()
    holed.flat[x.size // 2] = np.nan
    for axes in (tuple(range(a, b)) for a in range(x.ndim) for b in range(a + 1, x.ndim + 1)):
        wide = x.astype(float).sum(axis=axes)
        bound = {"f": 2e-6, "d": 1e-14}[dtype] * max(1.0, float(np.abs(x).astype(float).sum(axis=axes).max()) ** 0.5)
        np.testing.assert_allclose(native.sums(x, axes), wide, rtol=0, atol=bound)
        for name in ("maxima", "minima"):
            for given in (x, holed):
                y = getattr(native, name)(given, axes)
                np.testing.assert_array_equal(y, getattr(numpy_, name)(given, axes))
                assert y.dtype == x.dtype
    assert np.isnan(native.sums(holed, tuple(range(x.ndim))))


def test_sums_of_whole_numbers_are_exact_and_do_not_depend_on_threads() -> None:
    x = np.random.default_rng(0).integers(-9, 9, (500, 333)).astype(float)
    before = native.get_num_threads()
    large, found = x.astype(np.float32) / 7, []
    try:
        for threads in (1, 3):
            native.set_num_threads(threads)
            for axes in ((0,), (1,), (0, 1)):
                np.testing.assert_array_equal(native.sums(x, axes), x.astype(int).sum(axis=axes))
            found.append([native.sums(large, axes) for axes in ((0,), (1,), (0, 1))])
        assert all(map(np.array_equal, *found))
    finally:
        native.set_num_threads(before)
    assert native.sums(x[None], (0, 2)) is NotImplemented and native.sums(x, ()) is NotImplemented
    with pytest.raises(ValueError, match="do not match"):
        native._native.reduce(x, np.empty(3), native._native.SUMS, 1, 500, 333)


SHAPES = [
    ((70001,), (70001,)), ((300, 400), (400,)), ((300, 400), (300, 1)), ((300, 1), (300, 400)), ((400,), (300, 400)),
    ((4, 100, 3, 50), (4, 1, 1, 50)), ((40000, 3), (40000, 1)), ((3, 40000), ()),
]  # fmt: skip


@pytest.mark.parametrize("dtype", "fd")
def test_arithmetic_of_large_arrays_has_the_bits_of_numpy(isa: str, dtype: str) -> None:
    rng = np.random.default_rng(0)
    for shapes in SHAPES:
        a, b = (np.array(rng.normal(size=shape), dtype) for shape in shapes)
        for name in ("add", "sub", "mul", "div"):
            for x, y in ((a, b), (a, 0.3)) if a.size > 1 << 15 else ((a, b),):
                found = getattr(native, name)(x, y)
                assert found is not NotImplemented and found.dtype == a.dtype, (name, shapes)
                np.testing.assert_array_equal(found, getattr(numpy_, name)(x, y))
    wide = rng.normal(size=(300, 800)).astype(dtype)
    np.testing.assert_array_equal(native.add(wide[:, ::2], wide[::-1, 1::2]), wide[:, ::2] + wide[::-1, 1::2])
    assert native.add(a, wide) is NotImplemented  # shapes that do not go together are for NumPy to refuse
    assert native.add(wide[:2], wide[:2]) is NotImplemented  # small


def test_steps_of_arithmetic_must_stay_inside() -> None:
    x, raw, plain = np.ones((4, 6), np.float32), native._native, (1, 4, 6)
    for size, step in (((1, 4, 7), (0, 6, 1)), (plain, (0, 7, 1)), (plain, (0, 6, 2)), (plain, (0, -6, 1))):
        with pytest.raises(ValueError, match="do not match|out of range"):
            raw.arith(x, x, np.empty((4, 6), np.float32), raw.ADD, size, step, (0, 6, 1))
