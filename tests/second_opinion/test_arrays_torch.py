"""Array ops beside PyTorch's: values, first and second derivatives in float64; needs torch, an optional group.

Where the two differ on purpose, the case stands in `DIFFER` with both answers; docs/conventions.md has the reasons.
"""

import numpy as np
import pytest

import tinygrad_cnn as tg

torch = pytest.importorskip("torch", reason="PyTorch is not installed here; .ci/run installs it")

RNG = np.random.default_rng(0)
INF, NAN = np.inf, np.nan
A, B = RNG.standard_normal((4, 5)), RNG.standard_normal((4, 5))
ROW, COLUMN = RNG.standard_normal(5), RNG.standard_normal((4, 1))
INSIDE, ABOVE = np.tanh(A), np.abs(A) + 1.01
POSITIVE = np.abs(A) + 0.1
TIES = RNG.integers(0, 3, (4, 6)).astype(float)
ZEROS = np.where(RNG.random((4, 5)) < 0.3, 0.0, A)  # several in a row
C, D = RNG.standard_normal((2, 4, 3)), RNG.standard_normal((4, 3))
PICK = np.array([[4, 0, 0], [1, 2, 1], [3, 3, 3], [0, 1, 2]])
APART = np.array([[4, 0, 1], [1, 2, 0], [3, 4, 0], [0, 1, 2]])  # PyTorch does not say which of several values stays
SMALL = np.array([0.0, 1e-9, -1e-5, 1e-3, -0.02, 0.2, 0.31, 0.32, -0.33, 0.5, 1.0, -2.0, 7.3])


def derivatives(f, inputs, library):
    """The result, and of sums of it with cosines as weights the first and second derivatives in every input."""
    if library is tg:
        xs = [tg.Tensor(x, requires_grad=True) for x in inputs]
        as_tensor, cos, numbers = tg.Tensor, tg.cos, lambda t: t.data

        def grad(y, xs, more):
            return tg.grad(y, xs, create_graph=more, allow_unused=True)
    else:
        xs = [torch.tensor(x, requires_grad=True) for x in inputs]
        as_tensor, cos, numbers = torch.tensor, torch.cos, lambda t: t.detach().numpy()

        def grad(y, xs, more):
            return torch.autograd.grad(y, xs, create_graph=more, allow_unused=True)

    def weighted(t, phase):
        return (t * as_tensor(np.cos(np.arange(numbers(t).size) + phase).reshape(numbers(t).shape))).sum()

    y = f(*xs)
    first = grad(weighted(y, 0.0) + weighted(cos(y), 0.5), xs, True)  # cos, so that linear ops have second derivatives
    total = sum(weighted(g, 1.0 + k) for k, g in enumerate(first) if g is not None and g.requires_grad)
    second = grad(total, xs, False) if not isinstance(total, int) else []
    plain = [np.asarray(numbers(g)) if g is not None else None for g in first]
    return numbers(y), plain, [None if g is None else np.asarray(g) for g in second]


def agree(ours, theirs, *inputs):
    with np.errstate(all="ignore"):
        got, want = derivatives(ours, inputs, tg), derivatives(theirs, inputs, torch)
    np.testing.assert_allclose(got[0], want[0], rtol=1e-8, atol=1e-8)
    for order in (1, 2):
        assert len(got[order]) == len(want[order])
        for g, w, x in zip(got[order], want[order], inputs, strict=True):
            zero = np.zeros(x.shape)  # what has no gradient here may have zeros there
            g, w = zero if g is None else g, zero if w is None else w
            np.testing.assert_allclose(g, w, rtol=1e-8, atol=1e-8, err_msg=f"derivative of order {order}")


ELEMENTS = {  # ours and PyTorch's have one name, unless given
    "log2": POSITIVE, "log10": POSITIVE, "exp2": A, "square": A, "reciprocal": A, "rsqrt": POSITIVE, "tan": INSIDE,
    "arcsin": INSIDE, "arccos": INSIDE, "arctan": 5 * A, "sinh": A, "cosh": A, "arcsinh": 5 * A, "arccosh": ABOVE,
    "arctanh": INSIDE, "deg2rad": A, "rad2deg": A, "nan_to_num": np.array([1.0, NAN, INF, -INF, -2.0]),
    "sinc": 3 * A,
}  # fmt: skip


@pytest.mark.parametrize("name", ELEMENTS)
def test_functions_of_one_element(name):
    agree(getattr(tg, name), getattr(torch, name), ELEMENTS[name])


@pytest.mark.parametrize("name", ["floor", "ceil", "trunc", "round", "sign"])
def test_steps_pass_no_gradient(name):
    agree(lambda x: x * getattr(tg, name)(3 * x), lambda x: x * getattr(torch, name)(3 * x), ZEROS)


def test_sinc_near_zero():
    """PyTorch's second derivative is 0 at 0, where that of sinc is -pi**2 / 3, and loses digits near it."""
    got = derivatives(tg.sinc, [SMALL], tg)
    want = derivatives(torch.sinc, [SMALL], torch)
    np.testing.assert_allclose(got[0], want[0], rtol=1e-12)
    np.testing.assert_allclose(got[1][0], want[1][0], rtol=1e-6, atol=1e-5)
    x = tg.Tensor(np.zeros(1), requires_grad=True)
    (slope,) = tg.grad(tg.sinc(x).sum(), [x], create_graph=True)
    np.testing.assert_allclose(tg.grad(slope.sum(), x), [-(np.pi**2) / 3], rtol=1e-14)


PAIRS = [(A, B), (A, ROW), (COLUMN, ROW), (A, np.array(0.7))]


@pytest.mark.parametrize("k", range(len(PAIRS)))
@pytest.mark.parametrize(
    "name", ["hypot", "arctan2", "logaddexp", "logaddexp2", "fmax", "fmin", "copysign", "fmod", "remainder"]
)
def test_functions_of_two_elements(name, k):
    agree(getattr(tg, name), getattr(torch, name), *PAIRS[k])


@pytest.mark.parametrize("name", ["arcsin", "arccos", "arctanh", "arccosh", "log2", "log10", "rsqrt", "reciprocal"])
def test_slopes_at_the_ends_of_what_a_function_takes(name):
    ends = {"arccosh": [1.0], "log2": [0.0], "log10": [0.0], "rsqrt": [0.0], "reciprocal": [0.0]}.get(name, [-1.0, 1.0])
    x, t = tg.Tensor(np.array(ends), requires_grad=True), torch.tensor(ends, dtype=torch.float64, requires_grad=True)
    with np.errstate(all="ignore"):
        got = tg.grad(getattr(tg, name)(x).sum(), x)
    want = torch.autograd.grad(getattr(torch, name)(t).sum(), t)[0].numpy()
    np.testing.assert_array_equal(got, want)
    assert np.isinf(got).all()


def test_remainders_from_both_sides():
    agree(lambda a: a % 0.7, lambda a: a % 0.7, 3 * A)
    # of a plain number, or of one that broadcasts, PyTorch has no derivative
    agree(lambda b: 2.5 % b, lambda b: torch.full_like(b, 2.5) % b, A)
    agree(lambda a, b: a - (a // b) * b, lambda a, b: a - torch.floor_divide(a.detach(), b.detach()) * b, 3 * A, B)


DIFFER = {  # the gradients in a and b here, and PyTorch's
    "hypot of zeros": ("hypot", 0.0, 0.0, (0.0, 0.0), (NAN, NAN)),
    "logaddexp of equal infinities": ("logaddexp", INF, INF, (0.5, 0.5), (NAN, NAN)),
    "logaddexp of minus infinities": ("logaddexp", -INF, -INF, (0.5, 0.5), (NAN, NAN)),
    "fmax of equals": ("fmax", 1.0, 1.0, (0.5, 0.5), (1.0, 0.0)),
    "fmin of equals": ("fmin", 1.0, 1.0, (0.5, 0.5), (1.0, 0.0)),
}
SAME = {
    "arctan2 of zeros": ("arctan2", 0.0, 0.0), "copysign of zero": ("copysign", 0.0, -1.0),
    "fmax of NaN": ("fmax", NAN, 1.0), "fmin of NaN": ("fmin", 1.0, NAN), "logaddexp": ("logaddexp", 1000.0, -INF),
    "hypot of huge numbers": ("hypot", 1e200, 1e200), "hypot of one zero": ("hypot", 0.0, -2.0),
}  # fmt: skip


def slopes_at(name, a, b):
    xs = [tg.Tensor(np.array(v), requires_grad=True) for v in (a, b)]
    ts = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (a, b)]
    ours = tg.grad(getattr(tg, name)(*xs), xs, allow_unused=True)
    theirs = torch.autograd.grad(getattr(torch, name)(*ts), ts, allow_unused=True)
    return [0.0 if g is None else float(g) for g in ours], [0.0 if g is None else float(g) for g in theirs]


@pytest.mark.parametrize("case", DIFFER)
def test_where_slopes_differ_on_purpose(case):
    name, a, b, here, there = DIFFER[case]
    ours, theirs = slopes_at(name, a, b)
    np.testing.assert_array_equal(ours, here)
    np.testing.assert_array_equal(theirs, there)


@pytest.mark.parametrize("case", SAME)
def test_where_edges_are_the_same(case):
    ours, theirs = slopes_at(*SAME[case])
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


# -- order --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [A, TIES, np.where(A > 1, NAN, A)], ids=["apart", "ties", "NaN"])
@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("descending", [False, True])
def test_sorting(x, axis, descending):
    agree(lambda t: tg.nan_to_num(tg.sort(t, axis, descending=descending)),
          lambda t: torch.nan_to_num(torch.sort(t, dim=axis, descending=descending, stable=True)[0]), x)  # fmt: skip
    want = torch.argsort(torch.tensor(x), dim=axis, descending=descending, stable=True).numpy()
    np.testing.assert_array_equal(tg.argsort(x, axis, descending=descending), want)


@pytest.mark.parametrize("largest", [True, False])
def test_topk(largest):
    agree(lambda t: tg.topk(t, 3, largest=largest)[0], lambda t: torch.topk(t, 3, largest=largest)[0], A)
    agree(lambda t: tg.topk(t, 2, 0, largest=largest)[0], lambda t: torch.topk(t, 2, 0, largest=largest)[0], A)
    # PyTorch does not say which of equals it takes: the first of a stable order, here
    order = torch.argsort(torch.tensor(TIES), dim=-1, descending=largest, stable=True).numpy()
    np.testing.assert_array_equal(tg.topk(TIES, 3, largest=largest)[1], order[:, :3])


@pytest.mark.parametrize("method", ["linear", "lower", "higher", "midpoint", "nearest"])
@pytest.mark.parametrize("axis", [0, 1, None])
def test_quantiles(method, axis):
    q = [0.0, 0.15, 0.5, 0.8, 1.0]
    agree(lambda t: tg.quantile(t, q, axis, method=method),
          lambda t: torch.quantile(t, torch.tensor(q, dtype=torch.float64), axis, interpolation=method), A)  # fmt: skip
    gaps = np.where(A > 0.8, NAN, A)
    agree(lambda t: tg.nanquantile(t, 0.3, axis, True, method=method),
          lambda t: torch.nanquantile(t, 0.3, axis, True, interpolation=method), gaps)  # fmt: skip


@pytest.mark.parametrize("axis", [0, 1])
def test_medians(axis):
    """PyTorch's median takes the lower of two: its quantile at 0.5 is NumPy's median."""
    for x in (A, TIES, ROW[:, None]):
        agree(lambda t: tg.median(t, axis), lambda t: torch.quantile(t, 0.5, axis), x)
    gaps = np.where(A > 0.8, NAN, A)
    agree(lambda t: tg.nanmedian(t, axis), lambda t: torch.nanquantile(t, 0.5, axis), gaps)


@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted(side):
    edges = np.array([-1.0, 0.0, 0.0, 1.0])
    want = torch.searchsorted(torch.tensor(edges), torch.tensor(TIES - 1), side=side).numpy()
    np.testing.assert_array_equal(tg.searchsorted(edges, TIES - 1, side), want)


def test_taking_and_putting_along_an_axis():
    pick, apart = torch.tensor(PICK), torch.tensor(APART)
    agree(lambda x: tg.take_along_axis(x, PICK), lambda x: torch.take_along_dim(x, pick, 1), A)
    agree(lambda x: tg.take_along_axis(x, PICK[:1] % 4, 0), lambda x: torch.take_along_dim(x, pick[:1] % 4, 0), D)
    agree(lambda x: tg.take_along_axis(x, PICK[0], None), lambda x: torch.take_along_dim(x, pick[0]), A)
    agree(lambda x: tg.add_along_axis(x, PICK, axis=1, shape=(4, 5)),
          lambda x: torch.zeros(4, 5, dtype=torch.float64).scatter_add(1, pick, x), D)  # fmt: skip
    agree(lambda x, v: tg.put_along_axis(x, APART, v), lambda x, v: torch.scatter(x, 1, apart, v), A, D)


# -- running products ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("x", [A, ZEROS, np.where(np.arange(20).reshape(4, 5) % 5 == 2, 0.0, A)])
def test_cumprod(x, axis):
    agree(lambda t: tg.cumprod(t, axis), lambda t: torch.cumprod(t, axis), x)
    agree(lambda t: tg.cumsum(t, axis), lambda t: torch.cumsum(t, axis), x)


def test_cumprod_of_a_long_row():
    x = RNG.uniform(0.9, 1.1, 1000)
    for zeros in ([], [400], [3, 700]):
        x[zeros] = 0.0
        agree(tg.cumprod, lambda t: torch.cumprod(t, 0), x)


# -- shapes and matrices ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ours", "theirs", "inputs"), [
    (lambda x: tg.tile(x, 2), lambda x: torch.tile(x, (2,)), [A]),
    (lambda x: tg.tile(x, (2, 1, 3)), lambda x: torch.tile(x, (2, 1, 3)), [A]),
    (lambda x: tg.diagonal(x, 1), lambda x: torch.diagonal(x, 1), [A]),
    (lambda x: tg.diagonal(x, -1, 2, 0), lambda x: torch.diagonal(x, -1, 2, 0), [C]),
    (lambda x: tg.diag(x), lambda x: torch.diag(x), [A]),
    (lambda x: tg.diag(x, -2), lambda x: torch.diag(x, -2), [ROW]),
    (lambda x: tg.trace(x), lambda x: torch.trace(x), [A]),
    (lambda x: tg.tril(x, -1), lambda x: torch.tril(x, -1), [C]),
    (lambda x: tg.triu(x, 1), lambda x: torch.triu(x, 1), [C]),
    (lambda a, b: tg.cross(a, b), lambda a, b: torch.linalg.cross(a, b[None]), [C, D]),
    (lambda a, b: tg.cross(a, b, axis=0), lambda a, b: torch.linalg.cross(a, b, dim=0), [C[0, :3], D[:3]]),
    (lambda a, b: tg.kron(a, b), lambda a, b: torch.kron(a, b), [A, D]),
    (lambda a, b: tg.kron(a, b), lambda a, b: torch.kron(a, b), [ROW, C]),
    (lambda a, b: tg.dot(a, b), lambda a, b: torch.dot(a, b), [ROW, ROW[::-1].copy()]),
    (lambda x: tg.roll(x, 2, 1), lambda x: torch.roll(x, 2, 1), [A]),
    (lambda x: tg.rot90(x), lambda x: torch.rot90(x), [A]),
    (lambda x: tg.rot90(x, -1, (2, 1)), lambda x: torch.rot90(x, -1, (2, 1)), [C]),
    (lambda x: tg.rot90(x, 2), lambda x: torch.rot90(x, 2), [A]),
    (lambda a, b: tg.meshgrid(a, b)[0] * tg.meshgrid(a, b)[1],
     lambda a, b: torch.meshgrid(a, b, indexing="xy")[0] * torch.meshgrid(a, b, indexing="xy")[1], [ROW, COLUMN[:, 0]]),
    (lambda a, b: tg.meshgrid(a, b, indexing="ij")[1], lambda a, b: torch.meshgrid(a, b, indexing="ij")[1],
     [ROW, COLUMN[:, 0]]),
])  # fmt: skip
def test_shapes_and_matrices(ours, theirs, inputs):
    agree(ours, theirs, *inputs)
