"""Weights updated by hand, as users of PyTorch, NumPy and JAX write it: it trains, or an error says what to write."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn

X = np.arange(6, dtype=np.float32).reshape(3, 2) / 6
Y = X @ np.array([[1.0], [2.0]], np.float32)
LR = np.float64(0.1)  # as np.linspace and the like give it


class Net(nn.Module):
    def __init__(self):
        self.w = nn.Parameter(np.zeros((2, 1), np.float32))
        self.layers = nn.Sequential(nn.Linear(1, 1, rng=0))

    def forward(self, x):
        return self.layers(x @ self.w)


def loss_of(w):
    return tg.mse_loss(tg.Tensor(X) @ w, Y)


def leaf():
    return tg.zeros(2, 1, requires_grad=True)


def stepped(w, g):
    """What one step gives, in float32."""
    return w - np.float32(LR) * g


def minus(w):
    w -= LR * w.grad


def minus_all(w):
    w[...] -= LR * w.grad


def minus_rows(w):
    for k in range(len(w)):
        w[k] -= LR * w.grad[k]


def plus(w):
    w += -LR * w.grad


def assigned(w):
    w.assign(w - LR * w.grad)


def assigned_arrays(w):
    w.assign(w.data - np.float32(LR) * w.grad)


def out(w):
    np.subtract(w, LR * w.grad, out=w)


def copied(w):
    np.copyto(w, w.data - np.float32(LR) * w.grad)


def tensor_of_gradient(w):
    w -= LR * tg.Tensor(w.grad)


STEPS = [minus, minus_all, minus_rows, plus, assigned, assigned_arrays, out, copied, tensor_of_gradient]


@pytest.mark.parametrize("step", STEPS)
def test_a_step_by_hand_under_no_grad_trains(step):
    w = leaf()
    losses = []
    for _ in range(3):
        loss = loss_of(w)
        w.grad = None
        loss.backward()
        before, g, node = w.numpy(), w.grad, w.node
        with tg.no_grad():
            step(w)
        np.testing.assert_allclose(w.data, stepped(before, g), rtol=1e-6)
        assert w.requires_grad and w.node is node and w.dtype == np.float32
        losses.append(float(loss))
    assert losses[0] > losses[1] > losses[2]


@pytest.mark.parametrize("step", [minus, minus_all, plus, out])
def test_while_recording_a_step_is_refused_and_the_message_says_what_to_write(step):
    w = leaf()
    loss_of(w).backward()
    with pytest.raises(tg.GraphError, match=r"under tg.no_grad\(\)"):
        step(w)
    assert w.tolist() == [[0.0], [0.0]] and w.requires_grad


def test_attributes_of_modules_stay_parameters():
    model = Net()
    w, values = model.w, []
    for _ in range(3):
        model.zero_grad()
        tg.mse_loss(model(X), Y).backward()
        with tg.no_grad():
            model.w -= LR * model.w.grad
            model.layers[0].weight -= LR * model.layers[0].weight.grad
            model.w[0] *= 1.0
        values.append(model.state_dict()["w"])
    assert model.w is w and isinstance(w, nn.Parameter) and next(iter(model.parameters())) is w
    assert not np.array_equal(values[0], values[1]) and not np.array_equal(values[1], values[2])


def test_a_loop_over_parameters_trains():
    model = Net()
    losses = []
    for _ in range(5):
        model.zero_grad()
        loss = tg.mse_loss(model(X), Y)
        loss.backward()
        with tg.no_grad():
            for p in model.parameters():
                p -= LR * p.grad
        losses.append(loss.item())
    assert losses == sorted(losses, reverse=True) and losses[-1] < losses[0]
    with pytest.raises(tg.GraphError, match=r"-= on tensor 'w': .*under tg.no_grad\(\)"):
        for p in model.parameters():
            p -= LR * p.grad


@pytest.mark.parametrize("recording", [True, False])
def test_a_new_tensor_in_the_place_of_a_parameter_is_refused_with_both_ways_out(recording):
    model = Net()
    tg.mse_loss(model(X), Y).backward()
    words = r"Net.w is a parameter; a Tensor cannot take its place. Use w.assign\(value\) or w -= step under tg.no_grad"
    with tg.enable_grad() if recording else tg.no_grad(), pytest.raises(TypeError, match=words):
        model.w = model.w - LR * model.w.grad
    assert isinstance(model.w, nn.Parameter)


def test_data_is_read_only_and_setting_it_says_what_to_write():
    w = tg.zeros(2, requires_grad=True, name="w")
    with pytest.raises(AttributeError, match=r"w.data is a read-only view.*w.assign\(values\), or w -= step under"):
        w.data = w.data - 1
    for write in (lambda: np.subtract(w.data, 1, out=w.data), lambda: w.data.fill(1), lambda: w.data.__setitem__(0, 1)):
        with pytest.raises(ValueError, match="read-only"):
            write()
    with pytest.raises(ValueError, match="read-only"):
        w.data -= 1
    assert w.tolist() == [0.0, 0.0]


def test_a_weight_that_was_replaced_by_a_result_is_explained():
    w = leaf()
    loss_of(w).backward()
    w = w - LR * w.grad
    loss_of(w).backward()
    assert w.grad is None
    for text in (tg.explain_grad(w), tg.explain_grad(w, loss_of(w))):
        assert "it is a result of sub" in text and "w -= lr * w.grad under tg.no_grad()" in text
    with tg.no_grad():
        w = w - LR
    with pytest.raises(tg.GraphError, match="made under no_grad at"):
        loss_of(w).backward()


def test_gradients_are_arrays_of_the_leaf_alone():
    w = leaf()
    loss_of(w).backward()
    g = w.grad
    w.grad *= 0.5
    w.grad = w.grad / np.linalg.norm(w.grad)
    np.clip(w.grad, -1, 1, out=w.grad)
    assert type(w.grad) is np.ndarray and w.grad.dtype == np.float32 and g is not w.grad
    w.grad[...] = 0
    loss_of(w).backward()  # adds to zeros
    np.testing.assert_allclose(w.grad, g * 2, rtol=1e-6)
    w.grad.fill(0)
    assert not w.grad.any()


def test_gradients_of_functions_as_in_jax():
    w = np.zeros((2, 1), np.float32)
    step = tg.value_and_grad(loss_of)
    losses = []
    for _ in range(3):
        loss, g = step(w)
        w = w - LR * g
        losses.append(float(loss))
    assert losses[0] > losses[1] > losses[2]
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    y = x.at[0].set(0.0)
    assert y.tolist() == [0.0, 2.0] and x.tolist() == [1.0, 2.0]


def test_momentum_kept_in_arrays_and_in_tensors():
    for start in (np.zeros_like, tg.zeros_like):
        w = leaf()
        v = start(w)
        for _ in range(3):
            w.grad = None
            loss_of(w).backward()
            with tg.no_grad():
                v = 0.9 * v + w.grad
                w -= LR * v
        assert w.requires_grad and w.version == 3 and w.dtype == np.float32
        assert not v.requires_grad


def test_a_loss_is_read_as_a_number():
    loss, total = loss_of(leaf()), 0.0
    total += float(loss)
    history = np.zeros(2)
    history[0] = loss
    assert total == loss.item() == history[0] == float(f"{loss:.20f}") and f"{loss:.2f}" == f"{float(loss):.2f}"
    assert loss > 0 and not loss < 0 and max(loss, 0.0) is loss and round(loss, 1) == round(total, 1)
    assert np.array([loss.item()]) == [total] and loss is not None and loss != None  # noqa: E711
    with pytest.raises(TypeError, match="which would cut its gradient. Use tensor.data"):
        np.asarray(loss)


def test_flatten_as_a_method_keeps_the_axes_before_its_start():
    x = tg.Tensor(np.arange(12.0).reshape(2, 3, 2), requires_grad=True)
    y = x.flatten(1)
    np.testing.assert_array_equal(y.data, x.data.reshape(2, 6))
    assert x.flatten().shape == (12,) and x.flatten(start=2).shape == (2, 3, 2)
    (y * y).sum().backward()
    np.testing.assert_array_equal(x.grad, 2 * x.data)
    with pytest.raises(ValueError, match=r"^flatten: start=4 must be a whole number from 0 to 3"):
        x.flatten(4)
