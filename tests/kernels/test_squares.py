"""The sum of squares of many arrays: right, the same bits for any threads, and left to NumPy where it must be."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.kernels import native

pytestmark = [
    pytest.mark.level("default"),
    pytest.mark.skipif(not native.available, reason="there are no compiled kernels"),
]


@pytest.mark.parametrize("sizes", [(), (0,), (1,), (31, 32, 33), (4095, 4096, 4097), (100_003, 7)], ids=str)
def test_it_is_the_sum_of_squares(sizes):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(size).astype(np.float32) for size in sizes]
    want = sum(float((a.astype(np.float64) ** 2).sum()) for a in arrays)
    found = native.squares([*arrays, None])
    assert found == pytest.approx(want, rel=1e-6)
    before = tg.get_num_threads()
    try:
        tg.set_num_threads(3)
        assert native.squares(arrays) == found
    finally:
        tg.set_num_threads(before)


def test_shapes_do_not_count_and_what_is_not_finite_comes_through():
    x = np.random.default_rng(1).random((5, 6, 7), dtype=np.float32)
    assert native.squares([x]) == native.squares([x.reshape(-1)])
    for value in (np.nan, np.inf):
        x[2, 3, 4] = value
        assert not np.isfinite(native.squares([x]))


@pytest.mark.parametrize(
    "array", [np.ones(3), np.ones((4, 4), np.float32)[:, 1], np.ones(3, ">f4"), np.ones(3, np.int32)], ids=str
)
def test_other_arrays_are_left_to_numpy(array):
    assert native.squares([np.ones(2, np.float32), array]) is None


def test_what_is_not_a_list_of_arrays_is_refused():
    with pytest.raises(TypeError, match="squares takes a list"):
        native.squares(np.ones(2, np.float32))
    assert native.squares(["text"]) is None
