"""The walk back: what it costs, what it adds up, what it releases, and what it refuses."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.autodiff.reader import saved
from tinygrad_cnn.core import engine, tensor
from tinygrad_cnn.core import graph as node

from .counting import rule_calls


def leaf(*values, dtype=np.float64, **options):
    return tg.Tensor(np.array(values, dtype), requires_grad=True, **options)


# -- cost ---------------------------------------------------------------------------------------------------------


def test_chain_of_100_000_ops():
    x = leaf(1.0)
    y = x
    with rule_calls("neg") as calls:
        for _ in range(100_000):
            y = -y
        y.backward()
    assert calls == {"neg.x": 100_000}
    assert x.grad == [1.0]


def test_deep_chain_of_second_derivatives():
    x = leaf(1.0)
    y = x
    for _ in range(3_000):
        y = y * 1.0 + x * 0.0
    (first,) = tg.grad(y, [x], create_graph=True)
    assert tg.grad(first * x, x) == [1.0]


def test_60_doublings_walk_60_nodes_not_2_to_the_60_paths():
    x = leaf(1.0)
    y = x
    with rule_calls("add") as calls:
        for _ in range(60):
            y = y + y
        y.backward()
    assert calls == {"add.a": 60, "add.b": 60}
    assert x.grad == [2.0**60]


def test_sum_of_4096_leaves_is_linear_in_edges():
    leaves = [leaf(float(k)) for k in range(4096)]
    with rule_calls("add") as calls:
        row = leaves
        while len(row) > 1:  # a tree
            row = [a + b for a, b in zip(row[::2], row[1::2], strict=True)]
        total = row[0]
        for x in leaves:  # and a comb
            total = total + x
        total.backward()
    assert calls == {"add.a": 4095 + 4096, "add.b": 4095 + 4096}
    assert all(x.grad == [2.0] for x in leaves)


def test_gradient_nobody_asked_for_is_not_computed():
    a, b = leaf(2.0), leaf(3.0)
    fixed = tg.Tensor([4.0], dtype=np.float64)
    with rule_calls("mul") as calls:
        (a * fixed).backward()
        assert calls == {"mul.a": 1}
        tg.grad((a * b) * b, a)
        assert calls == {"mul.a": 3}


def test_first_order_backward_makes_no_tensor_and_no_node(monkeypatch):
    x, w = (tg.randn(3, 3, rng=k, requires_grad=True) for k in range(2))
    loss = tg.softmax_cross_entropy(tg.relu(x @ w) * 2.0 + w, np.array([0, 1, 2]))
    made = []
    for owner in (engine, tensor):
        monkeypatch.setattr(owner, "wrap", lambda *a: made.append(a))
    monkeypatch.setattr(node.Node, "__init__", lambda *a: made.append(a))
    monkeypatch.setattr(tg.Tensor, "__init__", lambda *a, **k: made.append(a))
    loss.backward()
    assert not made
    assert x.grad.shape == w.grad.shape == (3, 3)


# -- sums ---------------------------------------------------------------------------------------------------------


def test_diamond():
    x = leaf(3.0)
    b = x * x
    y = b * b + b
    y.backward()
    assert x.grad == [4 * 27.0 + 6.0]


def test_same_operand_in_every_place():
    x = leaf(3.0)
    tg.grad(x * x, x)
    assert tg.grad(x * x, x) == [6.0]
    assert tg.grad(x - x, x) == [0.0]
    assert tg.grad(tg.concatenate([x, x, x]).sum(), x) == [3.0]


def test_gradients_accumulate_over_backward_calls():
    x = leaf(2.0)
    for expected in (3.0, 6.0, 9.0):
        (x * 3.0).backward()
        assert x.grad == [expected]
    x.grad = None
    (x * 5.0).backward()
    assert x.grad == [5.0]


def test_gradient_buffers_are_never_shared():
    a, b = leaf(1.0), leaf(2.0)
    y = a + b  # both rules hand g itself on
    y.backward()
    a.grad += 10.0
    assert b.grad == [1.0]
    cotangent = np.ones(1)
    a.grad = b.grad = None
    (a + b).backward(cotangent)
    a.grad += 1.0
    assert (cotangent == 1.0).all()
    assert b.grad == [1.0]
    g1, g2 = tg.grad(a + b, [a, b])
    g1 += 7.0
    assert g2 == [1.0]


def test_accumulation_does_not_write_into_what_a_rule_handed_on():
    x = tg.Tensor(np.ones((2, 2)), requires_grad=True)
    cotangent = np.arange(4.0).reshape(2, 2)
    kept = cotangent.copy()
    (x.T.T + x.reshape(4).reshape(2, 2) + x).backward(cotangent)  # views of the cotangent meet at x
    assert np.array_equal(cotangent, kept)
    assert np.array_equal(x.grad, 3 * kept)


def test_broadcast_operands_get_sums():
    a, b = tg.Tensor(np.ones((2, 3, 4)), requires_grad=True), tg.Tensor(np.ones((1, 4)), requires_grad=True)
    (a + b).backward(np.ones((2, 3, 4)))
    assert np.array_equal(a.grad, np.ones((2, 3, 4)))
    assert np.array_equal(b.grad, np.full((1, 4), 6.0))


def test_two_backward_calls_through_a_shared_trunk_sum_exactly_once():
    x = leaf(2.0)
    trunk = x * x
    one, two = trunk * 3.0, trunk * 5.0
    one.backward(retain_graph=True)
    assert x.grad == [12.0]
    two.backward()
    assert x.grad == [12.0 + 20.0]


# -- release ------------------------------------------------------------------------------------------------------


def test_second_backward_says_where_the_first_was_and_both_remedies():
    x = leaf(2.0)
    y = x * x
    y.backward()
    with pytest.raises(tg.GraphError) as error:
        y.backward()
    text = str(error.value)
    assert text.count("test_engine.py:") == 2  # where it was made, where it was released
    for words in ("mul", "released by the backward at", "Add the losses up and call backward", "retain_graph=True"):
        assert words in text


def test_both_remedies_help():
    x = leaf(2.0)
    trunk = x * x
    (trunk * 3.0 + trunk * 5.0).backward()
    assert x.grad == [32.0]
    x.grad = None
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad == [8.0]


def test_second_backward_through_a_shared_trunk_is_refused_unless_retained():
    x = leaf(2.0)
    trunk = x * x
    (trunk * 3.0).backward()
    with pytest.raises(tg.GraphError, match="mul.*released"):
        (trunk * 5.0).backward()


def test_grad_releases_unless_told_otherwise():
    x = leaf(2.0)
    y = x * x
    assert tg.grad(y, x, retain_graph=True) == [4.0]
    assert tg.grad(y, x, create_graph=True).data == [4.0]
    assert tg.grad(y, x) == [4.0]
    with pytest.raises(tg.GraphError, match="released"):
        tg.grad(y, x)


def test_nothing_is_released_where_nothing_was_saved():
    x = leaf(2.0)
    y = (x + 1.0).sum()
    y.backward()
    y.backward()
    assert x.grad == [2.0]


def test_all_saved_inputs_of_a_variadic_op_are_released():
    a, b = (tg.Tensor(np.ones((2, 2)), requires_grad=True) for _ in range(2))
    y = tg.einsum("ij,jk->ik", a, b)
    assert len(saved(y.node)["xs"]) == 2
    y.backward(np.ones((2, 2)))
    assert not saved(y.node)
    with pytest.raises(tg.GraphError, match="einsum.*released"):
        y.backward(np.ones((2, 2)))


def test_structure_stays_after_release():
    x = leaf(2.0)
    y = tg.exp(x * x)
    y.backward()
    assert y.node.op.name == "exp"
    assert y.node.inputs[0].op.name == "mul"
    assert saved(y.node) == {}


# -- what may be asked --------------------------------------------------------------------------------------------


def test_backward_of_more_than_one_number_needs_weights():
    x = leaf(1.0, 2.0)
    with pytest.raises(ValueError, match=r"backward: the output has shape \(2,\).*\.sum\(\).*grad="):
        (x * x).backward()
    (x * x).backward(np.array([1.0, 10.0]))
    assert np.array_equal(x.grad, [2.0, 40.0])


@pytest.mark.parametrize("bad", [np.ones(3), np.ones((2, 1)), 1.0, np.ones(2) * 1j])
def test_weights_of_another_shape_or_kind_are_refused(bad):
    x = leaf(1.0, 2.0)
    with pytest.raises((ValueError, TypeError), match="backward: (the cotangent is|needs numbers)"):
        (x * x).backward(bad)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.bool_])
def test_integers_and_their_like_carry_no_gradient(dtype):
    with pytest.raises(TypeError, match=f"Tensor 'n' has dtype {np.dtype(dtype)}, which carries no gradient"):
        tg.Tensor(np.ones(2, dtype), requires_grad=True, name="n")
    with pytest.raises(TypeError, match="backward: the output has dtype"):
        tg.Tensor(np.ones((), dtype)).backward()


def test_backward_without_history_says_why():
    with pytest.raises(tg.GraphError, match="no gradient to give: it does not require gradients"):
        tg.Tensor(1.0).backward()
    with tg.no_grad():
        y = leaf(1.0) * 2.0
    with pytest.raises(tg.GraphError, match=r"made under no_grad at .*test_engine.py:\d+"):
        y.backward()


def test_unused_input_is_an_error_unless_allowed():
    x, other = leaf(1.0), leaf(2.0)
    with pytest.raises(tg.GraphError, match=r"(?s)xs\[1\]: not on a path to the loss.*allow_unused=True"):
        tg.grad(x * 2.0, [x, other])
    assert tg.grad(x * 2.0, [x, other], allow_unused=True) == [2.0, None]
    fixed = tg.Tensor(1.0)
    with pytest.raises(tg.GraphError, match="does not require gradients"):
        tg.grad(x * fixed, fixed)


def test_several_outputs_and_weights():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    u, v = np.array([1.0, -1.0]), np.array([2.0, 5.0])
    gx, gw = tg.grad([x * w, x * x], [x, w], grad_outputs=[u, v])
    assert np.array_equal(gx, u * w.data + 2 * v * x.data)
    assert np.array_equal(gw, u * x.data)
    y = x * x
    assert np.array_equal(tg.grad([y, y], x, grad_outputs=[u, v]), 2 * x.data * (u + v))
    with pytest.raises(ValueError, match="2 outputs need as many grad_outputs, got 1"):
        tg.grad([x * w, x * x], x, grad_outputs=[u])


def test_grad_of_an_output_with_respect_to_itself():
    x = leaf(2.0)
    y = x * 3.0
    assert tg.grad(y, [y, x]) == [1.0, 3.0]
    assert tg.grad(x, x) == [1.0]


def test_grad_takes_and_returns_tensors_only_as_documented():
    x = leaf(2.0)
    assert type(tg.grad(x * x, x)) is np.ndarray
    assert isinstance(tg.grad(x * x, x, create_graph=True), tg.Tensor)
    assert isinstance(tg.grad(x * x, (x,)), list)
    with pytest.raises(TypeError, match="with respect to Tensors, got float"):
        tg.grad(x * x, 2.0)
    with pytest.raises(TypeError, match="differentiates Tensors, got ndarray"):
        tg.grad(np.ones(1), x)


def test_gradients_of_intermediate_results():
    x = leaf(2.0)
    middle = x * x
    y = middle * 3.0
    assert tg.grad(y, middle, retain_graph=True) == [3.0]
    assert middle.grad is None
    assert middle.retain_grad() is middle
    y.backward(retain_graph=True)
    assert middle.grad == [3.0]
    y.backward()
    assert middle.grad == [6.0]
    assert x.grad == [24.0]


def test_weights_may_be_differentiated_too():
    x, u = leaf(2.0), leaf(5.0)
    g = tg.grad(x * x, x, grad_outputs=u, create_graph=True)
    assert tg.grad(g, [x, u]) == [10.0, 4.0]


def test_no_grad_is_no_obstacle_to_backward_or_create_graph():
    x = leaf(2.0)
    y = x * x * x
    with tg.no_grad():
        g = tg.grad(y, x, create_graph=True)
        assert g.requires_grad
        g.backward()
    assert x.grad == [12.0]


def test_rule_that_raises_leaves_every_mode_as_it_was():
    @tg.op
    def failing(x):
        return x * 1

    failing.vjp(x=lambda g: 1 / 0)
    try:
        y = failing(leaf(1.0))
        with pytest.raises(ZeroDivisionError) as error:
            y.backward()
        if hasattr(error.value, "__notes__"):  # Python 3.11
            assert "failing: the rule for input x, recorded at" in error.value.__notes__[0]
        assert (leaf(1.0) * 2.0).requires_grad
    finally:
        tg.registry.pop("failing")


def test_float32_gradients_stay_float32_and_mixed_precision_returns_to_each_input():
    a = leaf(1.5, dtype=np.float32)
    (a * 2.0 + 1.0).backward()
    assert a.grad.dtype == np.float32
    b = leaf(2.5)
    ga, gb = tg.grad(a * b, [a, b])
    assert (ga.dtype, gb.dtype) == (np.float32, np.float64)


def test_what_a_common_rule_made_belongs_to_no_input_alone():
    @tg.op
    def twice_sum(a, b):
        return (a + b) * 2

    twice_sum.vjp(g=lambda g: g * 2.0, a=lambda g: g, b=lambda g: g)
    try:
        a, b = leaf(1.0), leaf(1.0)
        (twice_sum(a, b) + a * 1.0).backward()
        assert (a.grad, b.grad) == ([3.0], [2.0])
        ga, gb = tg.grad(twice_sum(a, b), [a, b])
        ga += 10.0
        assert gb == [2.0]
    finally:
        tg.registry.pop("twice_sum")


def test_an_array_that_a_rule_gives_twice_or_keeps_is_not_added_to_in_place(register):
    kept = np.full(2, 5.0)
    twice = register(lambda a, b: a * 2.0 + b * 2.0, name="twice")
    twice.vjp(g=lambda g: (g * 2.0, g), a=lambda g: g[0], b=lambda g: g[0])
    keeps = register(lambda a: a * 5.0, name="keeps").vjp(a=lambda g: kept)
    x, z = (tg.Tensor(np.ones(2), requires_grad=True) for _ in range(2))
    found = tg.grad((twice(x, z) + x).sum(), [x, z])
    assert [g.tolist() for g in found] == [[3.0, 3.0], [2.0, 2.0]]
    assert tg.grad((keeps(x) + x).sum(), x).tolist() == [6.0, 6.0]
    assert kept.tolist() == [5.0, 5.0]
