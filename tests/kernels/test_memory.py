"""Memory of our own for results: ordinary arrays, kept and bounded; and numbers too small for optimisers."""

from __future__ import annotations

import os
import pickle
import sys
import threading
import tracemalloc
import warnings
from typing import Any

import numpy as np
import pytest

from tinygrad_cnn.kernels import native

from .test_native import isa, run  # noqa: F401

needs_native = pytest.mark.skipif(not native.available, reason=f"compiled kernels: {native.reason}")
watched = pytest.mark.skipif("libasan" in os.environ.get("LD_PRELOAD", ""), reason="AddressSanitizer watches malloc")
posix = pytest.mark.skipif(sys.platform == "win32", reason="large arrays are NumPy's own here")
pytestmark = [pytest.mark.level("default"), needs_native]
LARGE = (300, 1000)  # more than 256 KB of float32


def held() -> tuple[int, int]:
    """Bytes of our large arrays in use, and bytes kept."""
    used, kept = native._native.memory_held()
    return int(used), int(kept)


@watched
@posix
def test_results_are_ordinary_arrays() -> None:
    before = held()[0]
    a = native.empty(LARGE, np.dtype(np.float32))
    assert held()[0] - before >= a.nbytes
    assert a.base is None and a.flags.owndata and a.flags.c_contiguous and a.flags.writeable
    assert a.ctypes.data % 64 == 0
    a[:] = 3
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(a)), a)
    a.resize((600, 1000), refcheck=False)
    assert (a[:300] == 3).all() and (a[300:] == 0).all()
    a.resize((2, 3), refcheck=False)
    assert (a == 3).all()
    del a
    assert held()[0] == before


@watched
@posix
def test_arrays_of_the_user_stay_numpys() -> None:
    before = held()[0]
    native.empty(LARGE, np.dtype(np.float32))
    theirs = np.empty(LARGE, np.float32), np.zeros(LARGE), np.ones(LARGE)
    assert held()[0] == before
    del theirs


@pytest.mark.parametrize("shape", [(), (0, 5), (3,), LARGE, 7, [400, 400], (np.int64(400), 400)])
@pytest.mark.parametrize("dtype", [np.dtype(np.float32), np.dtype(bool), np.float64, "f4"])
def test_as_numpys_empty(shape: Any, dtype: Any) -> None:
    ours, theirs = native.empty(shape, dtype), np.empty(shape, dtype)
    assert (ours.shape, ours.dtype, ours.strides) == (theirs.shape, theirs.dtype, theirs.strides)


@pytest.mark.parametrize("shape", [(-1, 5), (10**30, 2), (1 << 40, 1 << 40), ("2",)])
def test_bad_shapes_raise_what_numpy_raises(shape: Any) -> None:
    with pytest.raises((ValueError, TypeError, OverflowError)) as theirs:
        np.empty(shape, np.dtype(np.float32))
    with pytest.raises(theirs.type):
        native.empty(shape, np.dtype(np.float32))


def test_without_memory() -> None:
    with pytest.raises(MemoryError):
        native.empty((1 << 45, 1 << 12), np.dtype(np.float32))
    assert native.empty(LARGE, np.dtype(np.float32)).shape == LARGE


def test_tracemalloc_sees_them() -> None:
    tracemalloc.start()
    try:
        a = native.empty(LARGE, np.dtype(np.float32))
        assert tracemalloc.get_traced_memory()[0] >= a.nbytes
        del a
        assert tracemalloc.get_traced_memory()[0] < 1 << 20
    finally:
        tracemalloc.stop()


@watched
@posix
def test_blocks_of_all_sizes_keep_their_values() -> None:
    rng = np.random.default_rng(0)
    native.empty_cache()
    start, alive, most = held()[0], [], 0
    for k in range(2000):
        if alive and rng.random() < 0.5:
            a, value = alive.pop(rng.integers(len(alive)))
            assert a[0] == a[-1] == a[a.size // 2] == value
        elif len(alive) < 40:
            a = native.empty((int(rng.integers(1 << 17, 1 << 20)),), np.dtype(np.float32))
            a[0] = a[-1] = a[a.size // 2] = k
            alive.append((a, k))
        most = max(most, held()[0])
    assert sum(held()) < 2 * most  # fragments do not pile up
    for a, value in alive:
        assert a[0] == a[-1] == value
    del a, alive
    assert held()[0] == start
    native.empty_cache()
    assert held()[1] < 1 << 16


@watched
@posix
def test_threads_share_it() -> None:
    before, wrong = held()[0], []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(200):
            a = native.empty((int(rng.integers(1 << 17, 1 << 19)),), np.dtype(np.float32))
            a[::5000] = seed
            if not (a[::5000] == seed).all():
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong and held()[0] == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_has_it_too() -> None:
    a = native.empty(LARGE, np.dtype(np.float32))
    a[:] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        b = native.empty(LARGE, np.dtype(np.float32))
        b[:] = 2
        good = (a == 1).all()
        del a
        native.empty_cache()
        os._exit(0 if good and (b == 2).all() else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert (a == 1).all()


def test_switches_and_exit() -> None:
    code = """if True:
        import builtins
        import numpy as np
        from tinygrad_cnn.kernels import native
        builtins.kept = native.empty((1000, 1000), np.dtype(np.float32))  # freed when all modules are gone
        print(native._native.memory_held()[0] >> 20)
    """
    here = "0" if sys.platform == "win32" or "libasan" in os.environ.get("LD_PRELOAD", "") else "3"
    assert run(code).strip() == run(code, TINYGRAD_CNN_HUGE_PAGES="0").strip() == here
    assert run(code, TINYGRAD_CNN_KEEP="0").strip() == "0"


# -- numbers below the smallest normal one ---------------------------------------------------------------------------


def test_momentum_does_not_stay_denormal(isa: str) -> None:  # noqa: F811
    size = 100_003
    p, g, m = np.ones(size, np.float32), np.zeros(size, np.float32), np.full(size, 6e-45, np.float32)
    assert native.sgd_(p, g, m, 0.1, 0.9) is p
    assert (m == 0).all() and (p == 1).all()
    m[:], v = 6e-45, np.full(size, 6e-45, np.float32)
    assert native.adam_(p, g, m, v, 0.1, 0.9, 0.999, 1e-8, 0.0, False, 1) is p
    assert (m == 0).all() and (v == 0).all() and (p == 1).all()


def test_sums_of_gradients_and_later_work_keep_denormal_numbers(isa: str) -> None:  # noqa: F811
    size = 100_003
    m = np.full(size, 6e-45, np.float32)
    native.sgd_(np.ones(size, np.float32), np.zeros(size, np.float32), m, 0.1, 0.9)
    a = np.full(size, 6e-45, np.float32)
    native.add_(a, a.copy())
    assert (a > 6e-45).all()
    assert (native.relu(a) == a).all() and np.float32(1e-40) * np.float32(0.5) > 0
