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
    assert [h for h, _ in report.steps] == pytest.approx([1e-3, 1e-4, 1e-5, 1e-6])
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
    cubed.vjp(x=lambda g, x: g * 3.0 * np.fft.ifft(np.fft.fft(x)).real ** 2)  # there is no op for np.fft.fft
    report = gradcheck(cubed, X)
    assert report.counts["differences"] == 2
    assert "plain arrays only: np.fft.fft of a Tensor is refused" in str(report)


def shifted_relu(x):
    return tg.relu(x) + tg.relu(x - 1e-9)


NEAR = "nearer to a kink than any step"


@pytest.mark.parametrize(
    ("f", "order", "what", "why"),
    [
        (tg.relu, 1, "relu", NEAR),
        (shifted_relu, 1, "relu", NEAR),
        (lambda x: x * (x > 0), 1, "greater", NEAR),
        (lambda x: tg.where(x.data > 0, x, 2 * x), 1, "where", NEAR),
        (tg.abs, 2, "abs", NEAR),
        (lambda x: tg.maximum(x, 0), 1, "maximum", NEAR),
        (tg.sqrt, 1, "input 0", "at the edge of the domain"),
        (lambda x: x * (1.0 * (x.data > 0)), 1, "input 0", "there is a kink or a jump near 0"),
        (lambda x: x + 1.0 * (x.data > 0), 1, "input 0", "there is a kink or a jump near 0"),
    ],
)
@pytest.mark.parametrize("full", [False, True])
def test_what_stands_on_a_kink_is_listed_and_does_not_fail(f, order, what, why, full):
    x = np.abs(X) + 0.1
    x[1, 2] = 0.0
    report = gradcheck(f, x, order=order, full=full)
    assert (what, why, 1, [(1, 2)]) in [(n.what, n.why, n.count, n.places) for n in report.not_judged]
    assert f"{what}, 1 place at (1, 2): {why}" in str(report)


@pytest.mark.parametrize("distance", [1e-8, 1e-6])
def test_rounding_of_the_moved_point_counts_near_a_pole(distance):
    assert gradcheck(tg.log1p, np.array([-1 + distance, 0.5]), full=True).counts["differences"]


def test_a_smaller_step_that_agrees_outweighs_a_larger_one_that_does_not():
    x = 1e9 + np.random.default_rng(0).standard_normal((5, 3))  # the first step is 1e6
    report = gradcheck(lambda x: tg.logsumexp(x, -1), x)
    assert report.counts["differences"] and not report.not_judged
    with pytest.raises(GradcheckError):
        gradcheck(lambda x: tg.logsumexp(x, -1) + 0.1 * tg.stop_gradient(x).sum(-1), x)


@pytest.mark.parametrize("at", [1e-3, 1e-6, 1e-8, 0.0])
def test_wrong_entries_beside_kinks_are_still_found(at):
    @tg.op(branches=lambda x: x > 0)
    def half_wrong(x):
        return np.maximum(x, 0)

    half_wrong.vjp(x=lambda g, x: g * (x > 0) * np.where(np.arange(6) == 4, 1.001, 1.0))
    try:
        with pytest.raises(GradcheckError, match=r"worst entry: input 0, index \(4,\)"):
            gradcheck(half_wrong, np.array([at, 1.0, -2.0, 3.0, 0.5, -at]))
    finally:
        tg.registry.pop("half_wrong")


def test_if_nothing_can_be_judged_the_check_says_so():
    with pytest.raises(GradcheckError, match="nothing of f can be judged:\n  input 0, 3 places.*at the edge"):
        gradcheck(tg.sqrt, np.zeros(3))


@pytest.mark.level("thorough")
def test_a_million_units_and_a_network_of_many_raise_no_false_alarm():
    assert not gradcheck(tg.relu, np.random.default_rng(0).standard_normal(10**6)).not_judged
    net = tg.nn.Sequential(
        tg.nn.Conv2d(1, 8, 3, padding="same", rng=0), tg.nn.ReLU(), tg.nn.MaxPool2d(2), tg.nn.Flatten(),
        tg.nn.Linear(8 * 14 * 14, 3, rng=1),
    )  # fmt: skip
    report = gradcheck(net, np.random.default_rng(1).standard_normal((16, 28, 28, 1)), directions=1)
    assert not report.not_judged
    assert report.covered["branches"].keys() >= {"max_pool2d (2), tap"}
    assert report.power.entry < 1e-3


def test_places_of_a_background_of_zeros_are_judged_nearby():
    net = tg.nn.Sequential(tg.nn.Conv2d(1, 4, 3, rng=0), tg.nn.ReLU())
    x = np.zeros((1, 8, 8, 1))
    x[0, :3, :3] = 1.5
    report = gradcheck(net, x)
    assert report.counts["differences"] == 2 * 3
    assert {n.what for n in report.not_judged} == {"conv2d_relu (0)"}


def test_smooth_function_is_not_called_kinked(cubed):
    cubed.vjp(x=lambda g, x: g * x)
    for x in (X, X * 1e3, X * 1e-3):
        with pytest.raises(GradcheckError, match="is wrong at order 1"):
            gradcheck(cubed, x)


SATURATED = {
    "tanh": (tg.tanh, [20.0]),
    "tanh of 300": (tg.tanh, [300.0]),
    "softmax": (tg.softmax, [50.0, 0, 0]),
    "log_softmax": (tg.log_softmax, [50.0, 0, 0]),
    "cross entropy": (lambda v: tg.softmax_cross_entropy(v, np.array([0])), [[50.0, 0, 0]]),
    "wrong class": (lambda v: tg.softmax_cross_entropy(v, np.array([1])), [[50.0, 0, 0]]),
    "gelu": (tg.gelu, [-9.0]),
    "sigmoid": (tg.sigmoid, [-60.0, 60.0]),
    "one minus tanh squared": (lambda v: 1 - tg.tanh(v) ** 2, [15.0]),
    "v|v|": (lambda v: v * tg.abs(v), [0.0, 1.0]),
    "sqrt": (tg.sqrt, [1e-6]),
    "sqrt beside 1": (tg.sqrt, [1e-6, 1.0]),
    "near a pole": (lambda v: 1 / v, [1e-9]),
    "near a pole, beside 1": (lambda v: 1 / v, [1e-5, 1.0]),
    "log": (tg.log, [1e-8]),
    "large inputs": (lambda v: tg.sin(v / 1e6), [1e6, 2e6]),
    "small inputs": (lambda v: tg.sin(v * 1e6), [1e-6, 2e-6]),
    "constant": (lambda v: v * 0.0, [1.0]),
    "variance far from zero": (lambda v: v.var(), [1e6, 1e6 + 1]),
}


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", SATURATED)
def test_right_gradients_are_not_called_wrong_where_rounding_is_large(name, order):
    f, x = SATURATED[name]
    gradcheck(f, np.array(x), order=order)


@pytest.mark.parametrize(("name", "factor"), [("sqrt", 1.0001), ("near a pole", 1.0001), ("small inputs", 1.0001)])
def test_wrong_gradients_are_found_there_too(name, factor):
    f, x = SATURATED[name]

    def wrong(v):  # the value of f, and its gradient times a factor
        y = f(v)
        return factor * y - tg.stop_gradient((factor - 1) * y)

    with pytest.raises(GradcheckError, match="is wrong"):
        gradcheck(wrong, np.array(x))


def test_a_step_that_leaves_the_domain_is_mentioned():
    assert "A step of 1e-03 in input 0 leaves the domain of f" in str(gradcheck(tg.log, np.array([1e-5])))


def test_domain_and_eps_bound_what_f_is_called_with():
    seen = []

    def f(x):
        if isinstance(x, tg.Tensor):
            seen.append(x.data)
        return tg.exp(x)

    at = np.array([0.0, 0.3, 1.0])
    report = gradcheck(f, at, domain=(0, 1))
    assert min(map(np.min, seen)) >= 0 and max(map(np.max, seen)) <= 1
    assert [n.places for n in report.not_judged] == [[(0,), (2,)]]
    seen.clear()
    gradcheck(f, at, eps=1e-5)
    assert max(np.max(np.abs(s - at)) for s in seen) < 2e-5
    for bad in (3, (1, 0), [(0, 1), (0, 1)]):
        with pytest.raises(ValueError, match="gradcheck: domain="):
            gradcheck(f, at, domain=bad)
    with pytest.raises(ValueError, match="input 0 has values outside of its domain"):
        gradcheck(f, at, domain=(0.5, 1))


def test_near_a_kink_smaller_steps_are_used():
    assert gradcheck(tg.abs, np.array([1e-4, -3e-5, 1.0]), order=2).checks


def test_integer_input_is_refused_in_words():
    with pytest.raises(TypeError, match=r"input 0 has dtype int64.*astype\(np.float64\)"):
        gradcheck(lambda x: x * 2, np.arange(4))
    with pytest.raises(TypeError, match="input 0 has dtype bool"):
        gradcheck(lambda x: x, X > 0)
    assert gradcheck(lambda x, k: x * k, [X, np.arange(4)]).counts["differences"] == 2  # passed on as it is
    with pytest.raises(TypeError, match="input 0 has dtype complex128"):
        gradcheck(lambda x: x, X * 1j)


def test_float32_is_compared_with_float64():
    report = gradcheck(tg.exp, X.astype(np.float32))
    assert report.counts["gradients in float32"] == 1
    report = gradcheck(lambda x: tg.exp(x.astype(np.float32)), X)  # casts inside do nothing, but for this comparison
    assert report.counts == {"differences": 2, "dot products": 1, "gradients in float32": 1}


def test_float32_that_overflows_is_found():
    def f(x):
        return tg.exp(x * 60) * tg.exp(x * -59.5) * tg.exp(tg.stop_gradient(x) * 0)

    assert gradcheck(f, np.full(3, 2.0)).checks
    with pytest.raises(GradcheckError, match="in float32 is wrong: its difference from the same code in float64"):
        gradcheck(f, np.full(3, 2.0, np.float32))


def test_float32_on_another_branch_is_not_compared():
    at = np.array([1 + 1e-9, 3.0])
    report = gradcheck(lambda x: tg.relu(x.astype(np.float32) - 1), at)
    assert "In float32, f is on another branch" in str(report)


def test_nan_inputs_and_outputs_are_refused():
    with pytest.raises(ValueError, match="input 0 holds nan or inf"):
        gradcheck(tg.exp, np.array([1.0, np.nan]))
    with pytest.raises(GradcheckError, match=r"f gives -?inf at index \(1,\)"), np.errstate(divide="ignore"):
        gradcheck(tg.log, np.array([1.0, 0.0]))


def test_random_function_is_noticed():
    rng = np.random.default_rng()
    with pytest.raises(GradcheckError, match="not deterministic"):
        gradcheck(lambda x: x * rng.standard_normal(4), X)
    before = rng.bit_generator.state
    for draws in (rng, 3, None):  # what ops draw is the same at every call
        gradcheck(lambda x, draws=draws: tg.dropout(x, 0.5, training=True, rng=draws), X)
    assert rng.bit_generator.state == before


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
        (lambda x: x.data, "must return Tensors, it returned a plain array"),
        (lambda x: None, "must return Tensors, it returned None"),
        (lambda x: (x, x.data), "must return Tensors, it returned a plain array"),
        (lambda x: tg.Tensor(x.data.astype(np.float32)), "returned float32 for float64 inputs"),
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
    with pytest.raises(TypeError, match="f must be a function or a module, got 3"):
        gradcheck(3, X)
    with pytest.raises(ValueError, match="exact=True checks gradients of order 1, but order=2"):
        gradcheck(tg.neg, X, exact=True, order=2)
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
        calls.append(values)
    assert all(map(np.array_equal, calls[0], calls[1]))
    assert not all(map(np.array_equal, calls[0], calls[2]))


def test_several_outputs_in_lists_and_dicts():
    def f(x, w):
        return {"sum": x + w, "parts": [x * w, (tg.sin(w), tg.argmax(x))], "none": None}

    report = gradcheck(f, [X, X + 1], order=2, full=True)
    assert report.counts["Jacobian entries"] == 24 * 36 + (24 + 36) * 24
    with pytest.raises(GradcheckError, match="the gradient in input 1 is wrong"):
        gradcheck(lambda x, w: (x * 2, tg.stop_gradient(w) * w), [X, X + 1])


def test_inputs_in_lists_and_dicts_are_named():
    def f(pair, *, extra):
        a, b = pair
        return a * b + tg.stop_gradient(extra["w"]) * extra["w"] + extra["k"]

    def call(xs, extra):
        return f(xs, extra=extra)

    with pytest.raises(GradcheckError, match=r"the gradient in input 'extra'\['w'\] is wrong"):
        gradcheck(call, {"xs": [X, X + 1], "extra": {"w": X, "k": 3}})
    assert gradcheck(lambda xs: xs[0] * xs[1], [[X, X + 1]]).counts["differences"] == 4


def test_parameters_of_a_module_are_checked_and_left_as_they_were():
    net = tg.nn.Sequential(tg.nn.Linear(4, 3, rng=0), tg.nn.LayerNorm(3), tg.nn.Tanh())
    before = {k: np.array(v) for k, v in net.state_dict().items()}
    report = gradcheck(net, X, order=2)
    assert report.counts["gradients in float32"] == 5
    assert "parameter '0.weight'" in report.covered["regions"]
    for name, value in net.state_dict().items():
        assert np.array_equal(value, before[name]), name
    net[0].weight.requires_grad = False
    assert "parameter '0.weight'" not in gradcheck(net, X).covered["regions"]


def test_random_draws_and_running_statistics_of_a_module_stay_as_they_were():
    net = tg.nn.Sequential(tg.nn.BatchNorm2d(4), tg.nn.Dropout(0.5, rng=0))
    before = {k: np.array(v) for k, v in net.state_dict().items()}
    first = tg.nn.Dropout(0.5, rng=0)(np.ones(8))
    gradcheck(net, X.reshape(1, 3, 1, 4), order=2)
    for name, value in net.state_dict().items():
        assert np.array_equal(value, before[name]), name
    assert np.array_equal(net[1](np.ones(8)), first)


def test_the_wrong_parameter_of_a_module_is_named():
    class Wrong(tg.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = tg.nn.Parameter(np.ones(4))

        def forward(self, x):
            return x * self.scale * tg.stop_gradient(self.scale)

    with pytest.raises(GradcheckError, match="the gradient in parameter 'scale' is wrong"):
        gradcheck(Wrong(), X)


def test_surrogate_gradients_are_not_compared_but_all_else_is(cubed):
    @tg.op
    def straight_through(x):
        return np.sign(x)

    try:
        straight_through.vjp(x=lambda g: g, surrogate=True)
        report = gradcheck(lambda x, w: straight_through(x) * w, [X, X + 3], order=2)
        assert [(n.what, n.why) for n in report.not_judged] == [
            ("input 0", "a surrogate gradient passes here, on purpose")
        ]
        straight_through.vjp(x=lambda g: g * g, surrogate=True)
        with pytest.raises(GradcheckError, match="dot product"):
            gradcheck(straight_through, X)
        straight_through.vjp(x=lambda g: g)
        with pytest.raises(GradcheckError, match="is wrong"):
            gradcheck(straight_through, X)
    finally:
        tg.registry.pop("straight_through")


def test_rules_of_plain_arrays_are_explained(cubed):
    cubed.vjp(x=lambda g, x: 3 * (g.data if isinstance(g, tg.Tensor) else g) * tg.stop_gradient(x) ** 2)
    with pytest.raises(GradcheckError, match="A rule computed the gradient in input 0 with NumPy, from plain arrays"):
        gradcheck(cubed, X)


@pytest.mark.parametrize(
    ("rule", "match"),
    [(lambda g: None, "returned NoneType"), (lambda g: 1.0, "returned float"), (lambda g: (g,), "returned tuple")],
)
def test_rules_that_return_no_array_get_a_message(cubed, rule, match):
    cubed.vjp(x=rule)
    with pytest.raises(tg.GraphError, match=f"cubed: the rule for input x {match}"):
        gradcheck(cubed, X)


def test_a_rule_that_changes_its_cotangent_is_named(cubed):
    def rule(g, x):
        g *= 3 * x * x
        return g

    cubed.vjp(x=rule)
    with pytest.raises((GradcheckError, ValueError, TypeError), match="in place|read-only"):
        gradcheck(cubed, X)


def test_the_report_tells_how_small_an_error_would_have_been_seen(cubed):
    x = np.random.default_rng(0).standard_normal(1000)
    cubed.vjp(x=right)
    power = gradcheck(cubed, x).power
    assert 0 < power.all < power.entry < 1e-6
    for factor, seen in ((10, True), (1e-3, False)):
        at = np.zeros(1000)
        at[17] = 1.0
        size = factor * power.absolute
        error = at * size
        cubed.vjp(x=lambda g, x: right(g, x) + error * g)  # noqa: B023 -- used before it changes
        if seen:
            with pytest.raises(GradcheckError):
                gradcheck(cubed, x)
        else:
            gradcheck(cubed, x)


def test_the_report_reads_as_a_paragraph():
    report = gradcheck(tg.relu, np.array([-1.0, 2.0, 3.0]))
    text = str(report)
    for part in ("checks up to order 1 hold", "They would have seen an error of", "Covered: input 0 from -1 to 3.",
                 "relu: {False: 1, True: 2}"):  # fmt: skip
        assert part in text


def test_one_entry_of_many_off_by_little_is_found_without_a_complex_step():
    x = np.random.default_rng(3).standard_normal(1000)

    @tg.op
    def own(x):
        return x * np.abs(x)

    try:
        for k in range(5):
            at = np.ones(1000)
            at[np.argsort(np.abs(x))[500 + k]] = 1 + 1e-5
            own.vjp(x=lambda g, x: g * 2 * abs(x) * at)  # noqa: B023 -- used before it changes
            with pytest.raises(GradcheckError):
                gradcheck(own, x)
        own.vjp(x=lambda g, x: g * 2 * abs(x))
        assert gradcheck(own, x).checks
    finally:
        tg.registry.pop("own")


# -- exact ----------------------------------------------------------------------------------------------------


NETWORK = tg.nn.Sequential(
    tg.nn.Conv2d(2, 3, 3, rng=0), tg.nn.ReLU(), tg.nn.MaxPool2d(2), tg.nn.Conv2d(3, 2, 2, rng=1)
).to(np.float64)


def test_linear_pieces_are_checked_to_the_last_bit():
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 9, 9, 2)), rng.standard_normal((3, 3, 2, 4))
    for f, inputs in (
        (lambda x, w: tg.conv2d(x, w, stride=2, padding=1), [x, w]),
        (lambda x: tg.avg_pool2d(x, 3), [x]),
        (lambda a, b: a @ b, [x[0, :, :, 0], x[1, :, :, 1]]),
        (NETWORK, [x]),
    ):
        report = gradcheck(f, inputs, exact=True)
        assert report.counts["exact comparisons"] >= len(inputs)


def test_any_error_at_all_is_found_by_an_exact_check(cubed):
    @tg.op
    def moved(x):
        return x + 0

    at = np.zeros(10**4)
    at[123] = 1e-12
    moved.vjp(x=lambda g: g * (1 + at))
    try:
        with pytest.raises(GradcheckError, match=r"the gradient in input 0 \(between whole numbers\) is wrong"):
            gradcheck(moved, np.ones(10**4), exact=True)
        moved.vjp(x=lambda g: g)
        assert gradcheck(moved, np.ones(10**4), exact=True).checks == 1
    finally:
        tg.registry.pop("moved")


@pytest.mark.parametrize(
    ("f", "why"),
    [(tg.sin, "sin gives .* not a whole number"), (lambda x: x / 11, "div gives .* not a whole number")],
)
def test_functions_that_are_not_exact_are_refused(f, why):
    with pytest.raises(GradcheckError, match=f"input 0 cannot be checked with exact=True: {why}"):
        gradcheck(f, X, exact=True)


def test_a_square_is_not_linear():
    with pytest.raises(GradcheckError, match="is wrong"):
        gradcheck(lambda x: x * x, np.ones(3), exact=True)
