"""Hooks on tensors and ops: they see what is final, may replace it, and cost nothing where there are none."""

import numpy as np
import pytest

import tinygrad_cnn as tg


def leaf(values, name=None):
    return tg.Tensor(np.asarray(values, np.float64), requires_grad=True, name=name)


class TestTensors:
    def test_a_hook_sees_the_whole_gradient_once(self):
        x = leaf([1.0, 2.0])
        h = x * 3.0
        seen = []
        h.register_hook(lambda g: seen.append(np.copy(g)))
        (h * h + h).sum().backward()  # h is used three times
        assert len(seen) == 1
        np.testing.assert_array_equal(seen[0], 2 * h.data + 1)

    @pytest.mark.parametrize("where", ["leaf", "result", "loss"])
    def test_what_it_returns_takes_its_place(self, where):
        x = leaf([1.0, 2.0])
        h = x * 3.0
        y = h.sum()
        {"leaf": x, "result": h, "loss": y}[where].register_hook(lambda g: g * 10)
        h.retain_grad()
        y.backward()
        np.testing.assert_array_equal(x.grad, [30.0, 30.0])
        np.testing.assert_array_equal(h.grad, [1.0, 1.0] if where == "leaf" else [10.0, 10.0])

    def test_hooks_run_in_order_and_can_be_removed(self):
        x = leaf([1.0])
        first = x.register_hook(lambda g: g + 1)
        x.register_hook(lambda g: g * 10)
        x.sum().backward()
        assert x.grad == 20.0
        first.remove()
        first.remove()
        x.grad = None
        x.sum().backward()
        assert x.grad == 10.0
        with x.register_hook(lambda g: g * 0):
            x.sum().backward()
        assert x.grad == 10.0
        x.sum().backward()
        assert x.grad == 20.0

    def test_gradients_of_several_passes_add_up_after_the_hook(self):
        x = leaf([1.0])
        x.register_hook(lambda g: g * 2)
        for _ in range(3):
            x.sum().backward()
        assert x.grad == 6.0

    def test_the_array_that_a_hook_keeps_is_not_the_gradient(self):
        x, mine = leaf([1.0, 1.0]), np.array([5.0, 5.0])
        x.register_hook(lambda g: mine)
        x.sum().backward()
        x.sum().backward()
        np.testing.assert_array_equal(x.grad, [10.0, 10.0])
        np.testing.assert_array_equal(mine, [5.0, 5.0])

    def test_grad_and_higher_orders(self):
        x = leaf(2.0)
        h = x * x
        handle = h.register_hook(lambda g: g * g)
        y = h * h
        first = tg.grad(y, x, create_graph=True)  # (2h)^2 * 2x = 8x^5
        assert first.item() == 8 * 2.0**5
        handle.remove()  # the graph of the gradient passes h, too
        assert tg.grad(first, x).item() == 40 * 2.0**4

    def test_a_gradient_that_nobody_asked_for_is_not_shown(self):
        a, b, seen = leaf(1.0), leaf(1.0), []
        b.register_hook(seen.append)
        tg.grad(a * b, a)
        assert not seen

    def test_a_checkpoint_shows_each_gradient_once(self):
        w, x, seen = leaf([2.0]), leaf([3.0]), []
        w.register_hook(lambda g: seen.append(("w", g.item())))
        h = x * 1.0
        h.register_hook(lambda g: seen.append(("h", g.item())))

        def part(t):
            inner = t * w
            inner.register_hook(lambda g: seen.append(("inner", g.item())))
            return inner * inner

        (tg.checkpoint(part, h) + h * w).sum().backward()
        assert sorted(seen) == [("h", 2 * 6 * 2 + 2), ("inner", 12.0), ("w", 2 * 6 * 3 + 3)]

    def test_a_hook_cannot_write_to_what_others_use(self):
        x = leaf([1.0])

        def write(g):
            g *= 2

        x.register_hook(write)
        with pytest.raises(ValueError, match="read-only"):
            x.sum().backward()
        assert x.grad is None

    @pytest.mark.parametrize(("returned", "got"), [
        (np.zeros(3), r"\(3,\) float64"), (np.zeros(2, np.float32), r"\(2,\) float32"), (1.0, r"\(\) float32"),
    ])  # fmt: skip
    def test_a_wrong_answer_is_refused_in_words(self, returned, got):
        x = leaf([1.0, 2.0], name="w")

        def halve(g):
            return returned

        x.register_hook(halve)
        message = rf"hook .*halve on tensor w: returned {got}, expected None or a gradient of \(2,\) float64"
        with pytest.raises(TypeError, match=message):
            x.sum().backward()
        with pytest.raises(TypeError, match=message):
            tg.grad(x.sum(), x, create_graph=True)
        h = leaf([1.0]) * 2.0
        h.register_hook(lambda g: "half")
        with pytest.raises(TypeError, match=r"hook .* on mul: needs numbers .* from str"):
            h.sum().backward()

    def test_wrong_hooks_are_refused(self):
        with pytest.raises(TypeError, match="a hook must be a function, got 3"):
            leaf(1.0).register_hook(3)
        with pytest.raises(TypeError, match=r"register_hook: tensor x does not require a gradient"):
            tg.Tensor([1.0], name="x").register_hook(print)


class TestOps:
    def test_a_forward_hook_looks_on(self):
        seen = []
        with tg.registry["max_pool2d"].register_forward_hook(lambda op, inputs, y: seen.append((op.name, inputs, y))):
            y = tg.max_pool2d(leaf(np.arange(16.0).reshape(1, 4, 4, 1)), 2)
            tg.relu(y)
        tg.max_pool2d(y, 2)
        ((name, (x,), output),) = seen
        assert name == "max_pool2d"
        assert x.shape == (1, 4, 4, 1)
        np.testing.assert_array_equal(output, y.data)
        assert not output.flags.writeable

    def test_a_backward_hook_looks_on(self):
        seen = []
        handle = tg.registry["mul"].register_backward_hook(lambda op, g, grads: seen.append((*g, *grads)))
        a, b = leaf(2.0), leaf(3.0)
        (a * b).backward()
        assert [float(v) for v in seen[0]] == [1.0, 3.0, 2.0]
        handle.remove()
        (a * b).backward()
        assert len(seen) == 1

    def test_it_may_not_answer(self):
        with (
            tg.registry["exp"].register_forward_hook(lambda op, x, y: 1),
            pytest.raises(TypeError, match=r"exp: hook .*<lambda> returned 1, expected None"),
        ):
            tg.exp(leaf(1.0))
        assert tg.exp(leaf(0.0)).item() == 1.0


def test_a_gradient_that_a_hook_was_given_never_changes():
    w = tg.Tensor([1.0, 2.0], requires_grad=True)
    seen = []
    w.register_hook(seen.append)
    for _ in range(3):
        (w * w + w * 3.0).sum().backward()
    assert [g.tolist() for g in seen] == [[5.0, 7.0]] * 3 and w.grad.tolist() == [15.0, 21.0]


def test_gradients_that_a_hook_of_an_op_was_given_never_change():
    x, seen = leaf([1.0, 2.0]), []
    with tg.registry["mul"].register_backward_hook(lambda op, g, gradients: seen.append(gradients[0])):
        (x * 2 + x * 3 + tg.exp(x)).sum().backward()
    assert sorted(g.tolist() for g in seen) == [[2.0, 2.0], [3.0, 3.0]]
