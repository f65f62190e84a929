"""Statistics of arrays, compared with NumPy's, and where NumPy's own would overflow or fail."""

import json
import math
import tracemalloc

import numpy as np
import pytest

from tinygrad_cnn.insight import stats as module
from tinygrad_cnn.insight.stats import BINS, stats


@pytest.mark.parametrize(
    "a",
    [
        np.random.default_rng(0).standard_normal((3, 4, 5)),
        np.random.default_rng(1).standard_normal((4, 6)).astype(np.float32)[:, ::2],
        np.random.default_rng(2).integers(-5, 6, (7, 3)),
        np.array([True, False, True]),
        np.array(3.5, np.float16),
        np.array([-4, -4], np.int8),
        np.array([0, 255], np.uint8),
    ],
    ids=lambda a: f"{a.dtype}{a.shape}",
)
def test_they_are_what_numpy_says(a):
    s, x = stats(a), a.astype(np.float64)
    assert (s.shape, s.dtype, s.size) == (a.shape, str(a.dtype), a.size)
    np.testing.assert_allclose(
        [s.mean, s.std, s.min, s.max, s.norm, s.zeros],
        [x.mean(), x.std(), x.min(), x.max(), np.sqrt((x * x).sum()), (x == 0).mean()],
        rtol=1e-12, atol=1e-15,
    )  # fmt: skip
    if s.min < s.max:
        assert list(s.counts) == np.histogram(x, BINS)[0].tolist()
    assert sum(s.counts) == a.size and s.finite


def test_pieces_add_up_to_the_whole(monkeypatch):
    a = np.random.default_rng(0).standard_normal((7, 11, 5)).astype(np.float32)
    a[3, 2] = np.nan
    whole = stats(a), stats(a[:, ::-2])
    monkeypatch.setattr(module, "PIECE", 16)
    for one, pieces in zip(whole, (stats(a), stats(a[:, ::-2])), strict=True):
        np.testing.assert_allclose([one.mean, one.std, one.norm], [pieces.mean, pieces.std, pieces.norm], rtol=1e-12)
        assert (one.min, one.max, one.nan, one.counts) == (pieces.min, pieces.max, pieces.nan, pieces.counts)


def test_what_is_not_finite_is_counted_and_left_out():
    s = stats(np.array([np.nan, np.inf, -np.inf, 0.0, 0.0, 3.0, np.nan, 1.0], np.float32))
    assert (s.nan, s.inf, s.zeros) == (0.25, 0.25, 0.25) and not s.finite
    assert (s.min, s.max, s.mean) == (0.0, 3.0, 1.0)
    assert s.norm == math.sqrt(10)


@pytest.mark.parametrize("a", [np.zeros((0, 3), np.float32), np.full((2, 2), np.nan), np.array([np.inf, -np.inf])])
def test_without_a_finite_value_there_are_no_numbers(a):
    s = stats(a)
    assert (s.mean, s.std, s.min, s.max, s.counts, s.norm, s.spark) == (None, None, None, None, (), 0.0, "")
    assert s.nan + s.inf == (1.0 if a.size else 0.0)


def test_large_numbers_do_not_overflow():
    a = np.array([3e38, -3e38, 0, 0], np.float32)
    with np.errstate(over="ignore"):
        assert np.linalg.norm(a) == np.inf  # in its own precision
    s = stats(a)
    assert s.norm == pytest.approx(float(a[0]) * math.sqrt(2)) and s.std == pytest.approx(float(a[0]) / math.sqrt(2))
    huge = stats(np.array([1e308, -1e308, 1e308]))
    assert huge.std == pytest.approx(1e308 * math.sqrt(8 / 9)) and huge.counts == (1, *(0,) * (BINS - 2), 2)
    assert stats(np.array([1e-320, 2e-320])).max == 2e-320


def test_json_has_no_word_for_infinity():
    text = json.dumps(stats(np.array([1.7e308, -1.7e308])).to_json(), allow_nan=False)
    assert json.loads(text)["norm"] is None and json.loads(text)["max"] == 1.7e308
    written = json.loads(json.dumps(stats(np.arange(24, dtype=np.int16).reshape(2, 12)).to_json(), allow_nan=False))
    assert written["shape"] == [2, 12] and written["dtype"] == "int16"
    assert written["histogram"] == {"low": 0.0, "high": 23.0, "counts": [2] * 12}


def test_the_histogram_in_characters():
    assert stats(np.repeat(np.arange(12), 3)).spark == "▆" * 12
    spark = stats(np.concatenate([np.zeros(1000), [11.0]])).spark
    assert spark[0] == "▆" and spark[1:-1] == "▁" * 10 and spark[-1] == "▂"  # one value of a thousand is seen
    assert stats(np.ones(5)).spark == ""


def test_complex_values_count_by_their_magnitude():
    s = stats(np.array([3 + 4j, 0, complex("nan")]))
    assert (s.max, s.norm, s.zeros, s.nan) == (5.0, 5.0, 1 / 3, 1 / 3)


def test_words_have_no_statistics():
    with pytest.raises(TypeError, match=r"stats: needs numbers or booleans, got dtype <U1\."):
        stats(np.array(["a", "b"]))


def test_the_array_is_only_read():
    a = np.arange(5.0)
    a.flags.writeable = False
    stats(a)
    assert a.tolist() == [0, 1, 2, 3, 4]


def test_a_large_array_is_not_copied():
    a = np.ones((2000, 2000), np.float32)[:, ::-1]
    tracemalloc.start()
    try:
        stats(a)
        assert tracemalloc.get_traced_memory()[1] < 4 * 8 * module.PIECE + 2**20
    finally:
        tracemalloc.stop()
