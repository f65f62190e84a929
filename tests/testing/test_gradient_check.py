"""gradcheck accepts right gradients, rejects wrong ones, and says in words what it cannot judge."""

import warnings

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.testing import GradcheckError, gradcheck

X = np.random.default_rng(0).standard_normal((3, 4))


@pytest.fixture
def cubed():
    """An op whose rule each test sets."""

    @tg.op
    def cubed(x):
        return x * x * x

    yield cubed
    tg.registry.pop("cubed")


def right(g, x):
    return g * 3.0 * x * x


def test_right_gradients_hold_at_every_order(cubed):
    cubed.vjp(x=right)
    report = gradcheck(cubed, X, order=3)
    assert report.order == 3
    assert report.counts == {"differences": 2 * (1 + 2 + 3), "complex steps": 2, "dot products": 1}
    assert report.checks == sum(report.counts.values())


def test_several_inputs_and_the_whole_jacobian():
    report = gradcheck(lambda x, w: tg.tanh(x @ w), [X, X.T[:, :2]], order=2, full=True)
    assert report.counts["Jacobian entries"] == (12 + 8) * 6 + (12 + 8 + 6) * (12 + 8)


@pytest.mark.parametrize(
    "rule",
    [
        lambda g, x: -g * 3.0 * x * x,
        lambda g, x: g * 3.0 * x,
        lambda g, x: g * x * x,
        lambda g, x: g * 3.0 * x * x + 1e-4,
        lambda g, x: right(g, x) * 12345.0,
        lambda g, x: right(g, x) * (1 + 1e-7),  # only a complex step is sharp enough to see this
        lambda g, x: g * g * 3.0 * x * x,  # not linear in g
    ],
)
@pytest.mark.parametrize("full", [False, True])
def test_wrong_rules_are_rejected(cubed, rule, full):
    cubed.vjp(x=rule)
    with pytest.raises(GradcheckError, match="is wrong at order 1"):
        gradcheck(cubed, X, full=full)


def test_report_names_the_worst_entry_both_values_and_several_steps(cubed):
    at = np.zeros((3, 4))
    at[1, 2] = 0.5
    cubed.vjp(x=lambda g, x: right(g, x) * (1 + at))
    with pytest.raises(GradcheckError) as error:
        gradcheck(cubed, X, seed=7)
    report = error.value.report
    assert (report.order, report.input, report.index, report.seed) == (1, 0, (1, 2), 7)
    assert report.analytic == pytest.approx(1.5 * report.numeric, rel=1e-6)
    assert [h for h, _ in report.steps] == [1e-3, 1e-4, 1e-5, 1e-6]
    for text in ("worst entry: input 0, index (1, 2)", f"analytic {report.analytic:.6g}"[:14], "1e-05", "seed 7"):
        assert text in str(error.value)


def test_worst_entry_is_found_among_many(cubed):
    at = np.zeros(5000)
    at[4321] = 1.0
    cubed.vjp(x=lambda g, x: right(g, x) + at * g)
    with pytest.raises(GradcheckError) as error:
        gradcheck(cubed, np.linspace(1, 2, 5000))
    assert error.value.report.index == (4321,)


def test_full_names_input_and_output_entry(cubed):
    at = np.zeros((3, 4))
    at[2, 3] = 1.0
    cubed.vjp(x=lambda g, x: right(g, x) + at * g)
    with pytest.raises(GradcheckError) as error:
        gradcheck(cubed, X, full=True, directions=1)
    assert error.value.report.index == (2, 3)


def test_what_the_graph_does_not_see_shows_at_order_two(cubed):
    cubed.vjp(x=lambda g, x: right(g, tg.stop_gradient(x)))
    gradcheck(cubed, X)
    with pytest.raises(GradcheckError, match="is wrong at order 2"):
        gradcheck(cubed, X, order=2)


def test_wrong_second_rule_is_rejected_at_order_two():
    assert gradcheck(tg.sin, X, order=1).checks
    before = tg.cos.rules["x"]
    tg.cos.vjp(x=lambda g, x: g * tg.sin(x))  # the sign is missing
    try:
        assert gradcheck(tg.sin, X, order=1).checks
        with pytest.raises(GradcheckError, match="order 2"):
            gradcheck(tg.sin, X, order=2)
    finally:
        tg.cos.vjp(x=before)


def test_rule_for_plain_arrays_only_is_noted(cubed):
    cubed.vjp(x=lambda g, x: g * 3.0 * np.cbrt(x) ** 6)  # there is no op for np.cbrt
    report = gradcheck(cubed, X)
    assert report.counts["differences"] == 2
    assert "plain arrays only: np.cbrt has no op" in str(report)


def shifted_relu(x):
    return tg.relu(x) + tg.relu(x - 1e-9)


@pytest.mark.parametrize(
    ("f", "order"), [(tg.relu, 1), (shifted_relu, 1), (lambda x: x * (x > 0), 1), (tg.abs, 2), (tg.sqrt, 1)]
)
def test_kink_is_named(f, order):
    x = np.abs(X)
    x[1, 2] = 0.0
    with pytest.raises(GradcheckError, match=r"kink or a jump near input 0, index \(1, 2\).*move the inputs"):
        gradcheck(f, x, order=order)


def test_jump_is_named():
    with pytest.raises(GradcheckError, match="kink or a jump near input 0"):
        gradcheck(lambda x: x + (x.data > 0) * 1.0, np.array([0.0, 1.0]))


def test_smooth_function_is_not_called_kinked(cubed):
    cubed.vjp(x=lambda g, x: g * x)
    for x in (X, X * 1e3, X * 1e-3):
        with pytest.raises(GradcheckError) as error:
            gradcheck(cubed, x)
        assert not error.value.report.kink


def test_near_a_kink_smaller_steps_are_used():
    assert gradcheck(tg.abs, np.array([1e-4, -3e-5, 1.0]), order=2).checks


def test_integer_input_is_refused_in_words():
    with pytest.raises(TypeError, match=r"input 1 has dtype int64.*astype\(np.float64\)"):
        gradcheck(lambda x, k: x * k, [X, np.arange(4)])
    with pytest.raises(TypeError, match="input 0 has dtype bool"):
        gradcheck(lambda x: x, X > 0)
    with pytest.raises(TypeError, match="input 0 has dtype complex128"):
        gradcheck(lambda x: x, X * 1j)


def test_float32_is_warned_about_and_computed_in_float64():
    seen = []

    def f(x):
        seen.append(x.dtype)
        return tg.exp(x)

    with pytest.warns(UserWarning, match="input 0 is float32.*computing in float64"):
        gradcheck(f, X.astype(np.float32))
    assert {d for d in seen if d.kind == "f"} == {np.dtype(np.float64)}


def test_nan_inputs_and_outputs_are_refused():
    with pytest.raises(ValueError, match="input 0 holds nan or inf"):
        gradcheck(tg.exp, np.array([1.0, np.nan]))
    with pytest.raises(GradcheckError, match=r"f gives -?inf at index \(1,\)"), np.errstate(divide="ignore"):
        gradcheck(tg.log, np.array([1.0, 0.0]))


def test_random_function_is_noticed():
    rng = np.random.default_rng()
    with pytest.raises(GradcheckError, match="not deterministic"):
        gradcheck(lambda x: tg.dropout(x, 0.5, training=True, rng=rng), X)
    gradcheck(lambda x: tg.dropout(x, 0.5, training=True, rng=3), X)


def test_changed_inputs_are_noticed():
    x = X.copy()

    def f(t):
        x[0, 0] += 1.0
        return t * 2.0

    with pytest.raises(GradcheckError, match="changed input 0 in place"):
        gradcheck(f, x)

    def g(t):
        t._data[0] = 0.0
        return t * 2.0

    with pytest.raises(GradcheckError, match="changed input 0 in place"):
        gradcheck(g, X)


@pytest.mark.parametrize(
    ("f", "what"),
    [
        (lambda x: x.data, "must return one Tensor, it returned ndarray"),
        (lambda x: (x, x), "must return one Tensor, it returned tuple"),
        (lambda x: x.astype(np.float32), "returned float32 for float64 inputs"),
        (lambda x: tg.argmax(x), "returned int64"),
    ],
)
def test_unfit_results_are_refused(f, what):
    with pytest.raises(GradcheckError, match=what):
        gradcheck(f, X)


def test_cut_gradient_is_explained():
    with pytest.raises(GradcheckError, match="No gradient reaches it: "):
        gradcheck(lambda x, w: x.detach() * w, [X, X])


def test_unused_input_has_zero_gradient():
    assert gradcheck(lambda x, w: tg.exp(x), [X, X], order=2, full=True).checks


def test_settings_are_checked():
    for bad in ({"order": 0}, {"directions": 0}, {"rtol": 0}, {"rtol": np.nan}):
        with pytest.raises(ValueError, match=r"gradcheck: \w+=\w+ must be a (whole|finite) number (of|above)"):
            gradcheck(tg.exp, X, **bad)
    with pytest.raises(ValueError, match="no inputs"):
        gradcheck(lambda: tg.zeros(3), [])


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (1,)])
def test_small_shapes(shape):
    assert gradcheck(tg.exp, np.full(shape, 0.5), order=2, full=True).order == 2


def test_numpy_errors_of_the_moved_points_do_not_leak():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gradcheck(tg.log, np.array([1e-3, 1e-5, 1.0]))  # the first steps leave the domain


def test_complex_step_is_ignored_where_a_function_is_not_analytic():
    counts = gradcheck(lambda x: np.abs(x) * x, X + 3.0).counts
    assert counts["differences"] == 2
    assert counts["complex steps"] == 0


def test_other_seeds_take_other_directions(cubed):
    cubed.vjp(x=right)
    calls = []
    for seed in (1, 1, 2):
        values = []

        def f(x, values=values):
            values.append(np.array(x.data if isinstance(x, tg.Tensor) else x))
            return cubed(x)

        gradcheck(f, X, seed=seed)
        calls.append(values[4])
    assert np.array_equal(calls[0], calls[1])
    assert not np.array_equal(calls[0], calls[2])
