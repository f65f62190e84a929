"""An op of one's own gets everything that a built-in op gets; mistakes in it are named."""

import inspect

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.autodiff.reader import saved


@pytest.fixture
def register():
    """`tg.op` for one test."""
    made = []

    def register(fn=None, **options):
        op = tg.op(fn, **options) if fn is not None else None
        if op is None:
            return lambda f: register(f, **options)
        made.append(op.name)
        return op

    yield register
    for name in made:
        tg.registry.pop(name, None)


def leaf(*values):
    return tg.Tensor(np.array(values, np.float64), requires_grad=True)


def test_registered_and_called_in_both_worlds(register):
    @register
    def mine(x, *, power=2):
        """x to a power.  x (...) -> (...)"""
        return x**power

    mine.vjp(x=lambda g, x, power: g * power * x ** (power - 1))
    assert tg.registry["mine"] is mine
    assert mine.__name__ == "mine" and mine.__doc__.startswith("x to a power")
    assert inspect.signature(mine) == inspect.signature(mine.fn)
    assert type(mine(np.ones(2), power=3)) is np.ndarray
    x = leaf(2.0)
    (first,) = tg.grad(mine(x, power=3), [x], create_graph=True)
    (second,) = tg.grad(first, [x], create_graph=True)
    assert (first.data, second.data, tg.grad(second, x)) == ([12.0], [12.0], [6.0])


def test_results_without_recording_have_no_node(register):
    mine = register(lambda x: x * 2, name="mine")
    mine.vjp(x=lambda g: g * 2.0)
    assert not mine(tg.Tensor([1.0])).requires_grad
    with tg.no_grad():
        assert not mine(leaf(1.0)).requires_grad
    assert mine(leaf(1.0)).requires_grad


def test_rule_can_be_replaced_from_outside(register):
    mine = register(lambda x: x * 2, name="mine")
    mine.vjp(x=lambda g: g * 2.0)
    x = leaf(1.0)
    assert tg.grad(mine(x), x) == [2.0]
    assert mine.vjp(x=lambda g: g * 7.0) is mine
    assert tg.grad(mine(x), x) == [7.0]


def test_missing_rule_is_named_with_the_remedy(register):
    mine = register(lambda a, b: a * b, name="mine")
    mine.vjp(a=lambda g, b: g * b)
    a, b = leaf(2.0), leaf(3.0)
    assert tg.grad(mine(a, 3.0), a) == [3.0]
    with pytest.raises(tg.GraphError, match=r"mine: no rule for input b \(there are rules for a\).*\.vjp\(b="):
        mine(a, b).backward()


def test_unknown_name_in_a_rule_fails_at_registration(register):
    mine = register(lambda x, *, size=1: x, name="mine")
    with pytest.raises(TypeError, match="the rule for x names 'z'; the names it can have are g, y, x, x_shape, size"):
        mine.vjp(x=lambda g, z: g)
    with pytest.raises(TypeError, match="'z' is not an input; the inputs are x"):
        mine.vjp(z=lambda g: g)
    assert not mine.rules


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (lambda g: g[:1], r"returned \(1,\) float64, expected \(2,\) float64 like the input"),
        (lambda g: g[None], r"returned \(1, 2\) float64, expected \(2,\) float64"),
        (lambda g: g.astype(np.float32), r"returned \(2,\) float32, expected \(2,\) float64"),
        (lambda g: None, r"returned NoneType, expected an array of \(2,\)"),
        (lambda g: (g,), "returned tuple"),
        (lambda g: 1.0, "returned float"),
    ],
)
def test_rule_that_returns_something_else_names_op_input_got_and_expected(register, rule, words):
    mine = register(lambda x: x * 2, name="mine")
    mine.vjp(x=rule)
    x = leaf(1.0, 2.0)
    with pytest.raises(tg.GraphError, match="mine: the rule for input x " + words):
        mine(x).sum().backward()
    assert x.grad is None


def test_broadcasting_is_undone_only_where_declared(register):
    plain = register(lambda a, b: a + b, name="plain").vjp(a=lambda g: g, b=lambda g: g)
    stretching = register(lambda a, b: a + b, name="stretching", broadcasts=True)
    stretching.vjp(a=lambda g: g, b=lambda g: g)
    a, b = leaf(1.0), leaf(2.0, 3.0)
    with pytest.raises(tg.GraphError, match="plain: the rule for input a .*declare broadcasts=True"):
        plain(a, b).sum().backward()
    stretching(a, b).sum().backward()
    assert a.grad == [2.0]


def test_rules_name_inputs_output_shapes_parameters_and_side_results(register):
    seen = {}

    def rule(g, x, y, x_shape, x_dtype, y_shape, positive, k, **rest):
        seen.update(x=x, y=y, shapes=(x_shape, y_shape), dtype=x_dtype, positive=positive, k=k, rest=rest)
        return g

    mine = register(
        lambda x, *, k=1, other=2, more=3: (x + k, x > 0), name="mine", aux=["positive"]
    )
    mine.vjp(x=rule)
    y = mine(leaf(-1.0, 2.0), k=5, more=4)
    assert isinstance(y, tg.Tensor)
    assert sorted(saved(y.node)) == ["positive", "x", "y"]
    y.sum().backward()
    assert np.array_equal(seen["y"], [4.0, 7.0])
    assert np.array_equal(seen["positive"], [False, True])
    assert seen["shapes"] == ((2,), (2,))
    assert (seen["dtype"], seen["k"], seen["rest"]) == (np.float64, 5, {"other": 2, "more": 4})


def test_any_number_of_inputs(register):
    mine = register(lambda *xs, scale=1.0: sum(xs) * scale, name="mine")
    mine.vjp(xs=lambda g, i, xs_shape, scale: g * scale * (i + 1))
    a, b = leaf(1.0), leaf(2.0)
    for y in (mine(a, b, scale=2.0), mine([a, b], scale=2.0)):
        assert tg.grad(y, [a, b]) == [2.0, 4.0]


def test_calls_that_do_not_fit_are_refused_in_words(register):
    @register
    def mine(a, b=None, *, size, mode="x"):
        return a

    x = leaf(1.0)
    for call, words in [
        (lambda: mine(), "mine: input a is missing"),
        (lambda: mine(x), "mine: parameter size is missing"),
        (lambda: mine(x, siz=2), "mine: unknown parameter 'siz'. Did you mean size"),
        (lambda: mine(x, x, 3, size=1), "mine: takes 2 positional arguments, got 3"),
    ]:
        with pytest.raises(TypeError, match=words):
            call()
    assert mine(x, size=1).data == mine(a=x, size=1).data


def test_errors_of_the_forward_name_op_layer_and_arguments(register):
    def fails(x, *, n):
        raise ValueError(f"{n} is too many.")

    mine = register(fails, name="mine")
    with pytest.raises(ValueError, match=r"^mine: 3 is too many. Given: x \(1,\) float64, n 3.$"):
        mine(leaf(1.0), n=3)
    with tg.scope("features"), tg.scope("3"), pytest.raises(ValueError, match=r"^mine \(features.3\): 3 is too many."):
        mine(leaf(1.0), n=3)


def test_a_name_is_taken_once(register):
    register(lambda x: x, name="mine")
    with pytest.raises(ValueError, match=r"op 'exp' is registered already, by tinygrad_cnn.ops.elementwise"):
        tg.op(name="exp")(lambda x: x)
    with pytest.raises(ValueError, match="op mine2: g is a name that rules reserve"):
        tg.op(name="mine2")(lambda g: g)
    assert "mine2" not in tg.registry


def test_registry_names_the_nearest_op():
    with pytest.raises(KeyError, match=r"no op is named 'conv2'.* Did you mean conv2d"):
        tg.registry["conv2"]


def test_numpy_function_of_ones_own(register):
    before = tg.registry.of_numpy[np.cbrt]
    register(lambda x: np.cbrt(x), name="cube_root", numpy=[np.cbrt]).vjp(x=lambda g, y: g / (3.0 * y * y))
    try:
        x = leaf(8.0)
        assert tg.grad(np.cbrt(x), x) == pytest.approx(1 / 12)
    finally:
        tg.registry.of_numpy[np.cbrt] = before


def test_cost_from_shapes(register):
    def cost(x_shape, w_shape, k):
        return 2 * x_shape[0] * w_shape[1] * k

    mine = register(lambda x, w, *, k=1: x, name="mine", cost=cost)
    assert mine.cost([(3, 4), (4, 5)], (3, 5), {"k": 10}) == (2 * 3 * 5 * 10, 4 * (12 + 20 + 15))
    assert register(lambda x: x, name="other").cost([(2, 3)], (2, 3), {}, itemsize=8) == (6, 96)


def test_integer_results_are_not_recorded(register):
    mine = register(lambda x: np.argsort(x), name="mine")
    assert not mine(leaf(2.0, 1.0)).requires_grad


def test_numpy_scalars_come_out_as_zero_dimensional_tensors(register):
    mine = register(lambda x: x.sum(), name="mine")
    mine.vjp(x=lambda g, x_shape: g + np.zeros(x_shape))
    y = mine(leaf(1.0, 2.0))
    assert (y.shape, y.data.shape) == ((), ())


@pytest.mark.parametrize(
    "rule",
    [lambda x, g: 2 * g * x, lambda g, x: 2 * g * x, lambda x, *, g: 2 * g * x, lambda *, g, x: 2 * g * x],
    ids=["x, g", "g, x", "x, *, g", "*, g, x"],
)
def test_rules_are_bound_by_name_in_any_order(register, rule):
    def squared(x):
        return x * x

    op = register(squared).vjp(x=rule)
    x = tg.Tensor([3.0, -1.0], requires_grad=True)
    first = tg.grad(op(x).sum(), x, create_graph=True)
    assert first.data.tolist() == [6.0, -2.0] and tg.grad(first.sum(), x).tolist() == [2.0, 2.0]


def test_a_rule_without_g_is_refused(register):
    def mine(x):
        return x

    op = register(mine)
    with pytest.raises(TypeError, match=r"mine: the rule for x does not name g.*mine\.vjp\(x=lambda g, x: \.\.\.\)"):
        op.vjp(x=lambda x: x)
    with pytest.raises(TypeError, match=r"does not name g.*lambda g: \.\.\."):
        op.vjp(x=lambda: 1)


@pytest.mark.parametrize(
    "result, words",
    [(lambda x: tg.Tensor(x), "returned a Tensor"), (lambda x: float(x.sum()), "returned [0-9.]+, expected an array"),
     (lambda x: (x, x), r"returned tuple of 2|returned \("), (lambda x: None, "returned None, expected an array")],
    ids=["Tensor", "float", "tuple", "None"],
)  # fmt: skip
@pytest.mark.parametrize("recorded", [True, False])
def test_what_is_not_an_array_is_refused_at_the_call(register, result, words, recorded):
    op = register(result, name="mine")
    x = np.ones(3, np.float32)
    with pytest.raises(TypeError, match=f"mine: .*{words}"):
        op(tg.Tensor(x, requires_grad=True) if recorded else x)


def test_a_tensor_as_a_parameter_is_refused():
    x = tg.Tensor([1.0, -2.0], requires_grad=True)
    with pytest.raises(TypeError, match=r"leaky_relu: slope=Tensor of shape \(\) must be.*Pass slope.item\(\)"):
        tg.leaky_relu(x, slope=tg.Tensor(0.2))
    with pytest.raises(TypeError, match=r"reshape: shape=Tensor of shape \(2,\) must be.*Pass shape.data"):
        tg.reshape(x, tg.Tensor([1, 2]))


def test_an_array_as_a_parameter_is_refused_or_becomes_numbers(register):
    blur = register(lambda x, *, kernel: np.convolve(x, kernel, "same"), name="blur")
    with pytest.raises(TypeError, match=r"blur: kernel=\(3,\) float64 must.*def blur\(x, kernel\)"):
        blur(leaf(1.0, 2.0), kernel=np.ones(3))
    y = tg.reshape(leaf(1.0, 2.0), np.array([2, 1]))
    assert y.node.params["shape"] == (2, 1)
    y = tg.leaky_relu(leaf(-1.0), slope=np.array(0.5))
    assert y.node.params["slope"] == 0.5 and type(y.node.params["slope"]) is float


def test_a_selector_is_an_input_through_which_no_gradient_flows(register):
    keep = register(lambda dy, x: dy * (x > 0), name="keep", selectors=["x"])
    keep.vjp(dy=lambda g, x: keep(g, x))
    g, x = leaf(2.0, 3.0), leaf(1.0, -1.0)
    y = keep(g, x)
    assert y.node.inputs == (g.node, x.node)
    assert tg.grad(y.sum(), [g, x], allow_unused=True)[1] is None
    alone = keep(g.data, x)
    assert not alone.requires_grad and "only chooses" in tg.explain_grad(x, alone.sum())


def test_any_number_of_inputs_after_a_fixed_one(register):
    @register
    def weigh(x, *ws):
        return x * sum(w.sum() for w in ws)

    weigh.vjp(
        x=lambda g, ws: g * sum(w.sum() for w in ws), ws=lambda g, x, ws_shape, i: (g * x).sum() * np.ones(ws_shape[i])
    )
    x, a, b = leaf(2.0), leaf(3.0), leaf(4.0, 5.0)
    found = tg.grad(weigh(x, a, b), [x, a, b])
    assert [g.tolist() for g in found] == [[12.0], [2.0], [2.0, 2.0]]
    two = register(lambda x, *ws: x + np.add(*ws), name="two")
    with pytest.raises(ValueError, match=r"two: .*ws\[1\] \(2,\)"):
        two(np.ones(3), np.ones(3), np.ones(2))


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_rule_may_use_tensors_or_return_plain_arrays_in_either_mode(register, create_graph):
    def double(x):
        return 2 * x

    def triple(x):
        return 3 * x

    two = tg.Tensor([2.0, 2.0])
    double, triple = register(double), register(triple)
    double.vjp(x=lambda g: g * two)
    triple.vjp(x=lambda g: 3 * np.ones(g.shape, np.float32))
    x = tg.Tensor([1.0, 5.0], requires_grad=True)
    for op, slope in ((double, 2.0), (triple, 3.0)):
        found = tg.grad(op(x).sum() + (x * 0).sum(), x, create_graph=create_graph)
        assert isinstance(found, tg.Tensor if create_graph else np.ndarray)
        assert np.asarray(getattr(found, "data", found)).tolist() == [slope, slope]
