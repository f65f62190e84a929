"""Every kernel of every backend gives what a loop gives, and writes nowhere else; a new name is enrolled by itself."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

from tinygrad_cnn import kernels
from tinygrad_cnn.kernels import arithmetic, gates, group_norms, native, numpy_, passes, reductions, rows, smooth
from tinygrad_cnn.kernels.examples import EXAMPLES, Draw

TOLERANCE = {np.dtype(np.float32): 2e-5, np.dtype(np.float64): 1e-12}
BACKENDS = [name for name, state in kernels.backends().items() if not state.startswith("absent")]
PAD = 4096  # bytes on both sides of every array, which must not be written to


def check_kernel(name: str, backend: str, dtype: Any) -> int:
    """Run a kernel on all its calls, under guard zones; return how many there were."""
    example = EXAMPLES[name]
    in_place = name.endswith("_")
    assert in_place == bool(example.writes), f"{name}: a kernel in place ends in _ and has @kernel(writes=...)"
    calls = example.calls(Draw(dtype))
    for args in calls:
        zones, given = [], []
        for a in args:
            if isinstance(a, np.ndarray):
                memory = np.full(a.nbytes + 2 * PAD, 255, np.uint8)  # a NaN in every floating type
                inner = memory[PAD : PAD + a.nbytes].view(a.dtype).reshape(a.shape)
                inner[...] = a
                zones.append(memory)
                given.append(inner)
            else:
                given.append(a)
        copies = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
        wanted = example.loop(*copies)
        with kernels.use_kernels(backend):
            got = getattr(kernels, name)(*given)
        if example.writes:
            assert got is given[0], f"{name}: it did not return what it wrote to"
            got = tuple(given[k] for k in example.writes)
        pairs = zip(got, wanted, strict=True) if isinstance(wanted, tuple) else [(got, wanted)]
        for a, b in pairs:
            if b is not None:
                kinds = (a.shape, a.dtype), (b.shape, b.dtype)
                assert kinds[0] == kinds[1], f"{name}: it returned {kinds[0]}, expected {kinds[1]}"
                bound = TOLERANCE.get(b.dtype, 0) * np.abs(b).max(initial=1)
                np.testing.assert_allclose(a, b, rtol=0, atol=bound, err_msg=name)
        for memory in zones:
            assert (memory[:PAD] == 255).all() and (memory[-PAD:] == 255).all(), f"{name}: it wrote past an array"
        for k, (now, before) in enumerate(zip(given, args, strict=True)):
            if isinstance(now, np.ndarray) and k not in example.writes:
                np.testing.assert_array_equal(now, before, err_msg=f"{name}: argument {k} was changed")
    return len(calls)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=lambda t: t.__name__)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", kernels._names)
def test_kernel_keeps_its_contract(name: str, backend: str, dtype: Any) -> None:
    assert check_kernel(name, backend, dtype)


@pytest.mark.parametrize("name", kernels._names)
def test_kernel_says_what_it_takes_and_gives(name: str) -> None:
    text = getattr(kernels, name).__doc__ or ""
    assert "->" in text, f"{name}: its docstring gives no shapes. Write them as in: x (..., C) -> (C,)"


@pytest.mark.parametrize("name", kernels._names)
def test_kernel_has_a_compiled_form_and_a_large_call_to_time_it_on(name: str) -> None:
    assert hasattr(native, name), f"write {name} in kernels/native/, where docs/how_to/add_a_kernel.md says how"
    calls = (EXAMPLES[name].calls(Draw(np.float32, large))[0] for large in (False, True))
    small, large = (sum(a.size for a in args if isinstance(a, np.ndarray)) for args in calls)
    assert large > 100 * small, f"{name}: the calls are as small as before with Draw(large=True)"


def test_what_is_exported_is_registered() -> None:
    files = (numpy_, arithmetic, gates, passes, group_norms, reductions, rows, smooth)
    exported = {name for file in files for name in file.__all__}
    bare, hidden = exported - EXAMPLES.keys(), EXAMPLES.keys() - exported
    assert not bare, f"write @kernel(calls, loop) above {', '.join(sorted(bare))}: see kernels/examples.py"
    assert not hidden, f"add to the __all__ of its file: {', '.join(sorted(hidden))}"


def wrong(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.maximum(a + b, 0) * a.dtype.type(1.001)


def overwrites(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.maximum(np.add(a, b, out=b), 0)


def past_the_end(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if isinstance(a.base, np.ndarray):
        a.base.view(np.uint8)[-1] = 7
    return np.maximum(a + b, 0)


def widens(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.maximum(a + b, np.float64(0)).astype(np.longdouble)


@pytest.mark.parametrize(
    ("kernel", "words"),
    [(wrong, "Not equal to tolerance"), (overwrites, "argument 1 was changed"), (past_the_end, "past an array"),
     (widens, "expected")],
)  # fmt: skip
def test_a_wrong_kernel_is_rejected(kernel: Any, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kernels._in_use.get(), "add_relu", (kernel,))
    monkeypatch.setattr(kernels, "use_kernels", lambda name: nullcontext())
    with pytest.raises(AssertionError, match=words):
        check_kernel("add_relu", "numpy", np.float32)


def test_a_kernel_in_place_must_say_what_it_writes_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXAMPLES, "add_", EXAMPLES["add_"]._replace(writes=()))
    with pytest.raises(AssertionError, match=r"add_: a kernel in place ends in _ and has @kernel\(writes=...\)"):
        check_kernel("add_", "numpy", np.float32)
