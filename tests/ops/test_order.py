"""Sorting, ranks and quantiles: ties, NaN, and choices that a replay makes anew; methods and writing operators."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.autodiff.observing import observing

RNG = np.random.default_rng(0)
TIES = RNG.integers(0, 4, (5, 7)).astype(float)
GAPS = np.where(RNG.random((5, 7)) < 0.3, np.nan, RNG.standard_normal((5, 7)))


def replayed(f, one, other):
    """The result of f(one), by the calls of ops that it made, from the numbers of another array."""
    calls = []

    def note(call):
        if call.op is not None and call.node is None:
            calls.append((call.op, list(call.arrays), call.params, call.result))

    x = tg.Tensor(one, requires_grad=True)
    with observing(note):
        y = f(x)
    values = {id(x._data): other}
    for op, arrays, params, result in calls:
        found = op.fn(*[values.get(id(a), a) for a in arrays], **params)
        parts = zip(*[v if isinstance(v, tuple) else (v,) for v in (result, found)], strict=True)
        values.update({id(was): now for was, now in parts})
    return values[id(y._data)]


@pytest.mark.parametrize("f", [
    tg.sort, np.sort, lambda x: tg.sort(x, 0, descending=True), lambda x: tg.topk(x, 3)[0], tg.median,
    lambda x: tg.topk(x, 2, 0, largest=False)[0], lambda x: np.median(x, 1), lambda x: np.partition(x, 3),
    lambda x: tg.quantile(x, [0.1, 0.7], 1), lambda x: np.percentile(x, 30, method="higher"),
    lambda x: np.nanmedian(x, 0),
    lambda x: tg.nanquantile(x, 0.4, 1), lambda x: tg.take_along_axis(x, tg.argsort(x, 0), 0),
    lambda x: np.take_along_axis(x, tg.argsort(-x), 1), tg.cumprod, lambda x: tg.fmax(x, x.T.T * 0.5),
])  # fmt: skip
def test_a_replay_on_other_numbers_chooses_anew(f):
    one, other = RNG.standard_normal((5, 7)), RNG.standard_normal((5, 7))
    want = f(tg.Tensor(other)).data
    assert not np.array_equal(f(tg.Tensor(one)).data, want)
    np.testing.assert_array_equal(replayed(f, one, other), want)


def test_a_replay_counts_nan_anew():
    found = replayed(lambda x: tg.nanquantile(x, 0.4, 1), RNG.standard_normal((5, 7)), GAPS)
    np.testing.assert_allclose(found, np.nanquantile(GAPS, 0.4, 1), rtol=1e-14)


@pytest.mark.parametrize("x", [TIES, GAPS, TIES[:, 0], TIES.astype(int), TIES.astype(bool)])
def test_topk_and_ranks_are_those_of_a_stable_order(x):
    for axis in range(x.ndim):
        up, down = tg.argsort(x, axis), tg.argsort(x, axis, descending=True)
        np.testing.assert_array_equal(up, np.argsort(x, axis, kind="stable"))
        for k in range(x.shape[axis] + 1):
            np.testing.assert_array_equal(tg.topk(x, k, axis, largest=False)[1], np.take(up, range(k), axis))
            np.testing.assert_array_equal(tg.topk(x, k, axis)[1], np.take(down, range(k), axis))
    for ranks in ([0, 3], [4, 4, 1], list(range(5)) * 2):
        ranks = np.array(ranks).reshape(-1, *(1,) * (x.ndim - 1))
        want = np.take_along_axis(np.argsort(x, 0, kind="stable"), ranks, 0)
        np.testing.assert_array_equal(tg.argrank(x, ranks), want)


def test_a_descending_order_keeps_equals_in_order_and_puts_nan_first():
    assert tg.argsort(np.array([1.0, 2.0, np.nan, 2.0]), descending=True).tolist() == [2, 1, 3, 0]
    assert tg.sort(np.array([0, 255, 3], np.uint8), descending=True).tolist() == [255, 3, 0]  # -x would go round
    assert tg.sort(np.array([[3, 1], [2, 0]]), None).tolist() == [0, 1, 2, 3]


@pytest.mark.filterwarnings("ignore:All-NaN slice encountered")
@pytest.mark.parametrize("method", ["linear", "lower", "higher", "midpoint", "nearest"])
@pytest.mark.parametrize("x", [TIES, GAPS, np.full((2, 2), np.nan), np.array([[1.0, np.inf, -np.inf, 2.0]])])
def test_quantiles_are_those_of_numpy(x, method):
    for axis in (None, 0, 1, (0, 1)):
        for q in (0, 0.37, 1, [0.1, 0.5], np.array([[0.25, 0.75]])):
            with np.errstate(invalid="ignore"):
                want = np.quantile(x, q, axis, method=method), np.nanquantile(x, q, axis, method=method)
            if np.isinf(x).any() and method in ("linear", "midpoint"):
                continue  # NumPy gives NaN beside an infinity of weight 0
            np.testing.assert_allclose(tg.quantile(x, q, axis, method=method), want[0], rtol=1e-14)
            np.testing.assert_allclose(tg.nanquantile(x, q, axis, method=method), want[1], rtol=1e-14)
            scaled = tg.percentile(x, np.asarray(q) * 100, axis, True, method=method)
            np.testing.assert_allclose(scaled.reshape(want[0].shape), want[0], rtol=1e-13)


def test_equals_share_nothing_in_a_median():
    x = tg.Tensor([2.0, 1.0, 2.0, 2.0, 5.0], requires_grad=True)
    assert tg.grad(tg.median(x), x).tolist() == [0.0, 0.0, 1.0, 0.0, 0.0]  # of 1 2 2 2 5 the second 2
    x = tg.Tensor([np.nan, 1.0], requires_grad=True)
    assert np.isnan(tg.median(x).item()) and tg.grad(tg.median(x), x).tolist() == [0.0, 0.0]


def test_quantiles_keep_float32_unless_the_shares_are_float64():
    x = tg.Tensor([1.0, 2.0, 4.0])
    assert tg.median(x).dtype == tg.quantile(x, [0.1, 0.2]).dtype == np.float32
    assert tg.quantile(x, np.array([0.1])).dtype == np.float64
    assert tg.quantile(np.array([1, 5]), 0.5, method="lower").dtype == np.array([1]).dtype


@pytest.mark.parametrize(("call", "message"), [
    (lambda x: tg.quantile(x, 1.5), r"^quantile: q=1.5 must be from 0 to 1"),
    (lambda x: tg.percentile(x, -1), r"^percentile: q=-1 must be from 0 to 100"),
    (lambda x: tg.quantile(x, x), r"^quantile: q is a Tensor, but no gradient flows to it"),
    (lambda x: np.quantile(x, x), r"^np.quantile: q is a Tensor, but no gradient flows to it"),
    (lambda x: tg.quantile(x, 0.5, method="mean"), r"^quantile: method='mean' is not known; there are linear, lower"),
    (lambda x: tg.median(x[:0]), r"^median: axis=None of shape \(0, 7\) holds no elements"),
    (lambda x: tg.topk(x, 8), r"^topk: k=8 must be a whole number from 0 to 7"),
    (lambda x: tg.take_along_axis(x, [[9]]), r"^take_along_axis: index 9 is out of range for axis 1 of \(5, 7\)"),
    (lambda x: tg.take_along_axis(x, [0.5]), r"^take_along_axis: indices have dtype float32"),
    (lambda x: tg.take_along_axis(x, [0]), r"^take_along_axis: indices \(1,\) of an array \(5, 7\)"),
    (lambda x: tg.put_along_axis(tg.Tensor([1, 2]), [0], 0.5), r"^put_along_axis: v holds 0.5"),
    (lambda x: tg.searchsorted(x[0], 1.0, "middle"), r"^searchsorted: side='middle' must be 'left' or 'right'"),
    (lambda x: tg.diag(x[None]), r"^diag: x has shape \(1, 5, 7\); it must be a row"),
    (lambda x: tg.place_diagonal(x[0], shape=(3, 3)), r"^place_diagonal: x has shape \(7,\), but the diagonal 0"),
    (lambda x: tg.tril(x[0]), r"^tril: x has shape \(7,\); it must have at least two axes"),
    (lambda x: tg.cross(x, x), r"^cross: a \(5, 7\) and b \(5, 7\) must hold vectors of 3 elements"),
    (lambda x: tg.tile(x, -1), r"^tile: reps=-1 must be a whole number of at least 0, or a tuple of them"),
    (lambda x: tg.meshgrid(x), r"^meshgrid: the arrays have shapes \[\(5, 7\)\]; give rows"),
    (lambda x: tg.rot90(x, axes=(1, 1)), r"^rot90: axis=\(1, 1\) names an axis twice"),
    (lambda x: x.clip(0, min=1), r"^clip: min=1 is given beside the bound by position"),
])  # fmt: skip
def test_mistakes_are_named(call, message):
    with pytest.raises((TypeError, ValueError, IndexError), match=message):
        call(tg.Tensor(TIES, requires_grad=True))


def test_the_last_of_several_values_stays_and_gets_the_gradient():
    x, v = tg.Tensor(np.zeros((2, 3)), requires_grad=True), tg.Tensor(np.array([[1.0, 2.0]]), requires_grad=True)
    y = tg.put_along_axis(x, np.array([[0, 0], [2, 1]]), v)
    assert y.tolist() == [[2, 0, 0], [0, 2, 1]]
    g = [g.tolist() for g in tg.grad((y * [[1, 2, 3], [4, 5, 6]]).sum(), [x, v])]
    assert g == [[[0, 2, 3], [4, 0, 0]], [[6, 6]]]


def test_put_along_axis_of_numpy_writes_in_place_as_the_index_stands_in_the_graph():
    x = tg.Tensor(np.zeros((2, 3)), requires_grad=True)
    y = x * 1
    np.put_along_axis(y, tg.argsort(TIES[:2, :3])[:, :1], 5.0, 1)
    assert (y.data == 5).sum() == 2 and (tg.grad(y.sum(), x) == (y.data != 5)).all()


METHODS = {
    "sort": [(), (0,)], "argsort": [(), (0,)], "cumprod": [(), (1,)], "trace": [(), (1,)], "diagonal": [(), (-1,)],
    "dot": [(TIES.T,)], "round": [(), (1,)], "ptp": [(), (1,)], "searchsorted": [], "std": [(0,)], "nonzero": [()],
    "take": [([0, 3],), ([1], 1)], "argmax": [(1,)], "all": [(), (0,)], "any": [(1,)],
}  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_methods_are_functions_of_numpy(name):
    x = GAPS.round(2)
    x = np.where(np.isnan(x), 0.0, x)
    t = tg.Tensor(x, requires_grad=True)
    for args in METHODS[name]:
        found = getattr(t, name)(*args)
        found = found.data if isinstance(found, tg.Tensor) else found
        if name != "argsort":
            np.testing.assert_allclose(found, getattr(np, name)(x, *args), rtol=1e-14)
        else:
            np.testing.assert_array_equal(found, np.argsort(x, *args, kind="stable"))
    assert (t.data == x).all()  # sort, unlike NumPy's, leaves it as it was
    assert getattr(tg.Tensor, name).__doc__


def test_clip_takes_the_names_of_numpy():
    t = tg.Tensor([-2.0, 0.5, 2.0])
    assert t.clip(min=-1, max=1).tolist() == t.clip(-1, max=1).tolist() == [-1.0, 0.5, 1.0]
    assert tg.Tensor([1.0, 2.0, 2.0]).searchsorted(2.0, "right").item() == 3
    assert tg.Tensor([1.0, 3.0]).std(ddof=1).item() == tg.Tensor([1.0, 3.0]).std(0, False, 1).item()


@pytest.mark.parametrize(("change", "want", "slope"), [
    ("y //= 2", [2.0, -4.0, 1.0], None), ("y %= 2", [1.0, 1.0, 1.0], 1.0),
    ("y //= other", [2.0, -3.0, 0.0], None), ("y %= other", [1.0, 2.0, 3.0], 1.0),
])  # fmt: skip
def test_floor_division_and_remainders_write_in_place(change, want, slope):
    x = tg.Tensor(np.array([5.0, -7.0, 3.0]), requires_grad=True)
    y = x * 1
    names = {"y": y, "other": np.array([2.0, 3.0, 4.0])}
    exec(change, names)
    assert names["y"] is y and y.tolist() == want
    assert y.requires_grad == (slope is not None)
    if slope:
        assert (tg.grad(y.sum(), x) == slope).all()
    with tg.no_grad():
        z = tg.Tensor([5.0, 7.0])
        before = z
        z //= 2
        assert z is before and z.tolist() == [2.0, 3.0]


def test_slopes_of_remainders_from_both_sides():
    x = tg.Tensor(np.array([5.0, -5.0]), requires_grad=True)
    assert tg.grad((x % 3).sum(), x).tolist() == [1.0, 1.0]
    assert tg.grad((7 % x).sum(), x).tolist() == [-1.0, 2.0]  # 7 = 5 + 2 and 7 = -5 * -2 - 3
    assert tg.grad(np.mod(x, np.array([3.0, 3.0])).sum(), x).tolist() == [1.0, 1.0]
    whole, rest = divmod(np.array([7.0, 7.0]), x)
    assert not whole.requires_grad and tg.grad(rest.sum(), x).tolist() == [-1.0, 2.0]


def test_long_rows_of_products_are_taken_in_blocks():
    x = RNG.uniform(0.5, 1.5, (1000, 2))
    x[[3, 500], 0] = 0
    t = tg.Tensor(x, requires_grad=True)
    weight = RNG.standard_normal((1000, 2))
    found = tg.grad((tg.cumprod(t, 0) * weight).sum(), t)
    for k in (0, 3, 4, 500, 700, 999):  # by products in which one factor is 1
        for column in (0, 1):
            others = x[:, column].copy()
            others[k] = 1
            slopes = np.cumprod(others)[k:] @ weight[k:, column]
            assert found[k, column] == pytest.approx(slopes, rel=1e-9, abs=1e-12)
