"""Every set of kernels against the loops of `kernels.slow`, and against what they mean."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tinygrad_cnn import kernels
from tinygrad_cnn.kernels import numpy_, shapes, slow

from . import cases

TOLERANCE = {"float32": 2e-5, "float64": 1e-12}


def forced(name: str) -> Iterator[str]:
    state = kernels.backends()[name]
    if state.startswith("absent"):
        pytest.skip(f"{name} kernels are {state}")
    with kernels.use_kernels(name):
        yield name


@pytest.fixture(params=["numpy", "native"])
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """What is compared with the loops."""
    yield from forced(request.param)


@pytest.fixture(params=["numpy", "native", "slow"])
def any_backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """What is compared with the mathematics: the loops as well."""
    yield from forced(request.param)


@pytest.fixture(params=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def close(actual: np.ndarray, wanted: np.ndarray) -> None:
    assert actual.dtype == wanted.dtype
    assert actual.shape == wanted.shape
    scale = np.abs(wanted).max(initial=1)
    np.testing.assert_allclose(actual, wanted, rtol=0, atol=TOLERANCE[str(wanted.dtype)] * scale)


def inner(a: np.ndarray, b: np.ndarray) -> float:
    return float((a.astype(np.float64) * b).sum())


# -- convolution


@pytest.mark.parametrize("name", cases.CONV)
def test_convolution_equals_the_loops(backend: str, dtype: str, name: str) -> None:
    x, w, b, g, win, groups = cases.conv(name, dtype)
    close(kernels.conv2d(x, w, None, win, groups), slow.conv2d(x, w, None, win, groups))
    close(kernels.conv2d(x, w, b, win, groups), slow.conv2d(x, w, b, win, groups))
    close(kernels.conv2d_dx(g, w, win, groups), slow.conv2d_dx(g, w, win, groups))
    close(kernels.conv2d_dw(x, g, win, groups), slow.conv2d_dw(x, g, win, groups))


@pytest.mark.parametrize("name", cases.CONV)
def test_convolution_has_one_trilinear_form(any_backend: str, dtype: str, name: str) -> None:
    x, w, _, g, win, groups = cases.conv(name, dtype)
    y = kernels.conv2d(x, w, None, win, groups)
    dx, dw = kernels.conv2d_dx(g, w, win, groups), kernels.conv2d_dw(x, g, win, groups)
    tolerance = TOLERANCE[dtype] * max(1.0, float(np.abs(y).sum()))
    assert inner(g, y) == pytest.approx(inner(dx, x), abs=tolerance)
    assert inner(g, y) == pytest.approx(inner(dw, w), abs=tolerance)


@pytest.mark.parametrize("name", ["odd channels", "one channel", "depth multiplier", "groups", "1x1", "many channels"])
def test_convolution_takes_arrays_as_they_lie_in_memory(backend: str, name: str) -> None:
    x, w, b, g, win, groups = cases.conv(name, "float64")
    before = [a.copy() for a in (x, w, b, g)]
    wanted = slow.conv2d(x, w, b, win, groups), slow.conv2d_dx(g, w, win, groups), slow.conv2d_dw(x, g, win, groups)
    for x_, w_, g_ in zip(*map(cases.awkward, (x, w, g)), strict=True):
        close(kernels.conv2d(x_, w_, b[::-1][::-1], win, groups), wanted[0])
        close(kernels.conv2d_dx(g_, w_, win, groups), wanted[1])
        close(kernels.conv2d_dw(x_, g_, win, groups), wanted[2])
    for a, copy in zip((x, w, b, g), before, strict=True):
        np.testing.assert_array_equal(a, copy)


def test_convolution_by_hand(any_backend: str) -> None:
    x = np.arange(9.0).reshape(1, 3, 3, 1)
    w = np.array([[1.0, 0], [0, -1]]).reshape(2, 2, 1, 1)
    win = shapes.conv_window("conv2d", x.shape, w.shape)
    np.testing.assert_array_equal(kernels.conv2d(x, w, np.array([10.0]), win, 1), np.full((1, 2, 2, 1), 6.0))
    ones = np.ones((1, 2, 2, 1))
    np.testing.assert_array_equal(kernels.conv2d_dx(ones, w, win, 1)[0, :, :, 0], [[1, 1, 0], [1, 0, -1], [0, -1, -1]])
    np.testing.assert_array_equal(kernels.conv2d_dw(x, ones, win, 1)[:, :, 0, 0], [[8, 12], [20, 24]])


@pytest.mark.parametrize("name", cases.CONV)
@pytest.mark.parametrize("piece", [1, 1500])
def test_pieces_of_any_size_give_the_same(monkeypatch: pytest.MonkeyPatch, name: str, piece: int) -> None:
    monkeypatch.setattr(numpy_, "PIECE", piece)  # 1: every row of every image for itself
    x, w, b, g, win, groups = cases.conv(name, "float64")
    close(numpy_.conv2d(x, w, b, win, groups), slow.conv2d(x, w, b, win, groups))
    close(numpy_.conv2d_dx(g, w, win, groups), slow.conv2d_dx(g, w, win, groups))
    close(numpy_.conv2d_dw(x, g, win, groups), slow.conv2d_dw(x, g, win, groups))


@pytest.mark.parametrize("few", [0, 1000])
@pytest.mark.parametrize("name", cases.CONV)
def test_both_layouts_of_columns_give_the_same(monkeypatch: pytest.MonkeyPatch, name: str, few: int) -> None:
    monkeypatch.setattr(numpy_, "FEW", few)
    x, w, b, g, win, groups = cases.conv(name, "float64")
    close(numpy_.conv2d(x, w, b, win, groups), slow.conv2d(x, w, b, win, groups))
    close(numpy_.conv2d_dx(g, w, win, groups), slow.conv2d_dx(g, w, win, groups))
    close(numpy_.conv2d_dw(x, g, win, groups), slow.conv2d_dw(x, g, win, groups))


def test_the_same_call_gives_the_same_bits(backend: str) -> None:
    x, w, b, g, win, groups = cases.conv("many channels", "float32")
    for call in (
        lambda: kernels.conv2d(x, w, b, win, groups),
        lambda: kernels.conv2d_dx(g, w, win, groups),
        lambda: kernels.conv2d_dw(x, g, win, groups),
    ):
        np.testing.assert_array_equal(call(), call())


# -- pooling


@pytest.mark.parametrize("name", cases.POOL)
def test_max_pooling_equals_the_loops(backend: str, dtype: str, name: str) -> None:
    x, g, win = cases.pool(name, dtype)
    y, tap = kernels.max_pool2d(x, win)
    wanted, wanted_tap = slow.max_pool2d(x, win)
    np.testing.assert_array_equal(y, wanted)
    np.testing.assert_array_equal(tap, wanted_tap)
    assert (y.dtype, tap.dtype) == (x.dtype, wanted_tap.dtype)
    assert tap.dtype == (np.uint8 if win.window[0] * win.window[1] <= 256 else np.int32)
    np.testing.assert_array_equal(kernels.max_pool2d_take(x, tap, win), y)
    close(kernels.max_pool2d_put(g, tap, win), slow.max_pool2d_put(g, tap, win))
    other = np.random.default_rng(1).standard_normal(x.shape).astype(dtype)
    close(kernels.max_pool2d_take(other, tap, win), slow.max_pool2d_take(other, tap, win))


@pytest.mark.parametrize("name", cases.POOL)
def test_put_and_take_are_adjoint(any_backend: str, dtype: str, name: str) -> None:
    x, g, win = cases.pool(name, dtype)
    tap = kernels.max_pool2d(x, win)[1]
    take, put = kernels.max_pool2d_take(x, tap, win), kernels.max_pool2d_put(g, tap, win)
    assert inner(g, take) == pytest.approx(inner(put, x), abs=TOLERANCE[dtype] * max(1, x.size))


@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("name", cases.POOL)
def test_average_pooling(any_backend: str, dtype: str, name: str, include: bool) -> None:
    x, g, win = cases.pool(name, dtype)
    counts = shapes.tap_counts(win, include)
    y, dx = kernels.avg_pool2d(x, win, counts), kernels.avg_pool2d_put(g, win, counts)
    close(y, slow.avg_pool2d(x, win, counts))
    close(dx, slow.avg_pool2d_put(g, win, counts))
    assert inner(g, y) == pytest.approx(inner(dx, x), abs=TOLERANCE[dtype] * max(1, x.size))


@pytest.mark.parametrize("name", ["plain", "overlap", "dilation", "one channel"])
def test_pooling_takes_arrays_as_they_lie_in_memory(backend: str, name: str) -> None:
    x, g, win = cases.pool(name, "float32")
    counts = shapes.tap_counts(win, True)
    y, tap = slow.max_pool2d(x, win)
    for x_, g_, tap_ in zip(*map(cases.awkward, (x, g, tap)), strict=True):
        np.testing.assert_array_equal(kernels.max_pool2d(x_, win)[0], y)
        np.testing.assert_array_equal(kernels.max_pool2d(x_, win)[1], tap)
        np.testing.assert_array_equal(kernels.max_pool2d_take(x_, tap_, win), y)
        close(kernels.max_pool2d_put(g_, tap_, win), slow.max_pool2d_put(g, tap, win))
        close(kernels.avg_pool2d(x_, win, counts), slow.avg_pool2d(x, win, counts))
        close(kernels.avg_pool2d_put(g_, win, counts), slow.avg_pool2d_put(g, win, counts))


def test_ties_go_to_the_first_tap_in_row_major_order(any_backend: str) -> None:
    image = np.array([[0.0, 5, 5, 0], [5, 0, 0, 5], [1, 1, 2, 3], [1, 1, 3, 2]]).reshape(1, 4, 4, 1)
    win = shapes.pool_window("max_pool2d", image.shape, 2)
    y, tap = kernels.max_pool2d(image, win)
    assert y.ravel().tolist() == [5, 5, 1, 3]
    assert tap.ravel().tolist() == [1, 0, 0, 1]


def test_the_first_nan_wins(any_backend: str, dtype: str) -> None:
    nan, inf = np.nan, np.inf
    image = np.array([[1, nan, inf, 2], [nan, 3, 4, nan], [-inf, -inf, nan, inf], [-inf, nan, nan, 0]], dtype)
    image = image.reshape(1, 4, 4, 1)
    win = shapes.pool_window("max_pool2d", image.shape, 2)
    y, tap = kernels.max_pool2d(image, win)
    assert np.isnan(y).all()
    assert tap.ravel().tolist() == [1, 3, 3, 0]
    rng = np.random.default_rng(0)
    x = rng.choice(np.array([nan, inf, -inf, 0, 1], dtype), (2, 7, 8, 5))
    win = shapes.pool_window("max_pool2d", x.shape, 3, stride=2, padding=1)
    for actual, wanted in zip(kernels.max_pool2d(x, win), slow.max_pool2d(x, win), strict=True):
        np.testing.assert_array_equal(actual, wanted)


@pytest.mark.parametrize("value", [-1.0, -np.inf])
def test_padding_never_wins(any_backend: str, dtype: str, value: float) -> None:
    x = np.full((1, 3, 3, 2), value, dtype)
    win = shapes.pool_window("max_pool2d", x.shape, 3, stride=1, padding=1)
    y, tap = kernels.max_pool2d(x, win)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(tap[0, :, :, 0], [[4, 3, 3], [1, 0, 0], [1, 0, 0]])
    assert kernels.max_pool2d_put(np.ones_like(y), tap, win).sum() == y.size


def test_what_did_not_win_gets_zero_even_beside_infinities(any_backend: str, dtype: str) -> None:
    x = np.array([[1, 2], [3, 4]], dtype).reshape(1, 2, 2, 1)
    win = shapes.pool_window("max_pool2d", x.shape, 2)
    tap = kernels.max_pool2d(x, win)[1]
    for value in (np.inf, np.nan):
        dx = kernels.max_pool2d_put(np.full((1, 1, 1, 1), value, dtype), tap, win)
        np.testing.assert_array_equal(dx.ravel(), np.array([0, 0, 0, value]))


def test_overlapping_winners_add_up(any_backend: str) -> None:
    x = np.zeros((1, 3, 3, 1))
    x[0, 1, 1] = 1
    win = shapes.pool_window("max_pool2d", x.shape, 2, stride=1)
    y, tap = kernels.max_pool2d(x, win)
    assert tap.ravel().tolist() == [3, 2, 1, 0]
    np.testing.assert_array_equal(kernels.max_pool2d_put(np.ones_like(y), tap, win), 4 * x)


@pytest.mark.parametrize("odd", ["float16", "longdouble"])
def test_numpy_declines_no_dtype(odd: str) -> None:
    x, g, win = cases.pool("overlap", odd)
    y, tap = numpy_.max_pool2d(x, win)
    assert y.dtype == numpy_.max_pool2d_put(g, tap, win).dtype == np.dtype(odd)
    x, w, b, g, win, groups = cases.conv("plain", odd)
    assert numpy_.conv2d(x, w, b, win, groups).dtype == numpy_.conv2d_dw(x, g, win, groups).dtype == np.dtype(odd)


# -- the chain of backends


def backend_of(**functions: Callable[..., Any]) -> ModuleType:
    module = ModuleType("pretended")
    vars(module).update(functions, available=True)
    return module


def test_what_a_backend_declines_or_lacks_goes_to_the_numpy_set(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def conv2d(x: np.ndarray, *rest: Any) -> Any:
        asked.append(x.dtype)
        return NotImplemented if x.dtype == np.float64 else "mine"

    monkeypatch.setitem(kernels._present, "native", backend_of(conv2d=conv2d))
    monkeypatch.setattr(kernels, "_absent", {})
    x, w, b, g, win, groups = cases.conv("plain", "float64")
    with kernels.use_kernels("native"):
        assert kernels.backends()["native"] == kernels.backends()["numpy"] == "in use"
        close(kernels.conv2d(x, w, b, win, groups), slow.conv2d(x, w, b, win, groups))
        assert kernels.conv2d(x.astype("float32"), w, b, win, groups) == "mine"
        close(kernels.conv2d_dw(x, g, win, groups), slow.conv2d_dw(x, g, win, groups))
    assert asked == [np.float64, np.float32]


def test_arrays_of_other_libraries_go_to_the_numpy_set(monkeypatch: pytest.MonkeyPatch) -> None:
    class Foreign:
        shape = (0, 2, 2, 1)

    monkeypatch.setitem(kernels._present, "native", backend_of(max_pool2d_take=lambda *_: "mine"))
    monkeypatch.setitem(kernels._portable, "max_pool2d_take", (lambda *_: "portable",))
    with kernels.use_kernels("native"):
        assert kernels.max_pool2d_take(Foreign(), None, None) == "portable"
        assert kernels.max_pool2d_take(np.zeros(1), None, None) == "mine"


def test_a_forced_backend_is_forced_in_this_block_and_thread_only() -> None:
    before = kernels.backends()
    seen = []
    with pytest.raises(KeyError), kernels.use_kernels("slow"):
        assert kernels.backends()["slow"] == "in use"
        np.testing.assert_array_equal(kernels.relu(np.array([-1.0, 2.0])), [0.0, 2.0])
        thread = threading.Thread(target=lambda: seen.append(kernels.backends()))
        thread.start()
        thread.join()
        with kernels.use_kernels("numpy"):
            assert kernels.backends()["numpy"] == "in use"
        assert kernels.backends()["slow"] == "in use"
        raise KeyError
    assert seen == [before] == [kernels.backends()]


def test_unknown_and_absent_backends_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(kernels._present, "native", raising=False)
    monkeypatch.setattr(kernels, "_absent", {"native": "no compiler was found"})
    for name in ("native", "cuda"):
        with pytest.raises(
            ValueError, match=rf"no kernels '{name}', only 'numpy', 'slow'\. 'native' is absent: no comp"
        ):
            kernels.use_kernels(name).__enter__()
    assert kernels.backends()["native"] == "absent: no compiler was found"


@pytest.mark.parametrize("name", ["numpy", "slow"])
def test_the_environment_forces_a_backend_from_import_on(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(kernels.VARIABLE, name)
    script = "from tinygrad_cnn import kernels; print(kernels.backends())"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert f"'{name}': 'in use'" in said
    assert f"'native': 'absent: the environment says {kernels.VARIABLE}={name}'" in said


SLIDING = {
    "conv2d", "conv2d_dx", "conv2d_dw", "max_pool2d", "max_pool2d_put", "max_pool2d_take",
    "avg_pool2d", "avg_pool2d_put",
}  # fmt: skip


def test_every_set_that_is_complete_has_every_name() -> None:
    for name in kernels._names:
        assert callable(getattr(numpy_, name))
        assert hasattr(slow, name) == (name in SLIDING), "loops are the oracle of what slides a window"
        assert getattr(kernels, name).__name__ == name
