"""Recurrent layers: padding, states, mistakes.  Values are compared in `second_opinion`, gradients by the contracts."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.autodiff.observing import observing

X = np.random.default_rng(0).standard_normal((3, 6, 4)).astype(np.float32)


@pytest.mark.parametrize("layer", [nn.RNN, nn.LSTM, nn.GRU])
def test_padding_changes_nothing(layer):
    net = layer(4, 3, num_layers=2, bidirectional=True, rng=0)
    y, state = net(X, lengths=[2, 6, 4])
    other = X.copy()
    other[0, 2:], other[2, 4:] = 1e3, -1e3
    again, same = net(other, lengths=[2, 6, 4])
    short, end = net(X[:1, :2])
    assert not y.data[0, 2:].any()
    for a, b in [(y, again), *zip(_parts(state), _parts(same), strict=True)]:
        np.testing.assert_array_equal(a.data, b.data)
    np.testing.assert_allclose(y.data[:1, :2], short.data, rtol=0, atol=1e-6)
    for a, b in zip(_parts(state), _parts(end), strict=True):
        np.testing.assert_allclose(a.data[:, :1], b.data, rtol=0, atol=1e-6)


def test_a_state_carries_on():
    net = nn.LSTM(4, 3, rng=0)
    whole, _ = net(X)
    first, state = net(X[:, :2])
    second, _ = net(X[:, 2:], state)
    np.testing.assert_allclose(np.concatenate([first.data, second.data], 1), whole.data, rtol=0, atol=1e-6)


def test_a_long_sequence_is_learned():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((64, 12, 1)).astype(np.float32)
    y = x[:, 3, 0]  # what came nine steps before the end
    net = nn.GRU(1, 12, rng=0)
    head = nn.Linear(12, 1, rng=1)
    adam = tg.optim.Adam([*net.parameters(), *head.parameters()], lr=0.03)
    losses = []
    for _ in range(80):
        adam.zero_grad()
        loss = tg.mse_loss(head(net(x)[1][0])[:, 0], y)
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]


@pytest.mark.parametrize(("call", "words"), [
    (lambda: nn.LSTM(4, 3)(X[0]), r"expects sequences \(N, L, 4\)"),
    (lambda: nn.LSTM(4, 3)(X[:, :0]), "at least one step"),
    (lambda: nn.LSTM(4, 3)(X, np.zeros((1, 3, 3))), "state must be a tuple of 2 arrays"),
    (lambda: nn.GRU(4, 3)(X, np.zeros((2, 3, 3))), r"expects a state \(1, 3, 3\)"),
    (lambda: nn.GRU(4, 3)(X, lengths=[1, 2]), "lengths must be 3 whole numbers"),
    (lambda: nn.GRU(4, 3)(X, lengths=[1, 2, 7]), "lengths go from 1 to 7; they must be from 1 to 6"),
    (lambda: nn.RNN(4, 3, nonlinearity="sigmoid"), "nonlinearity='sigmoid' must be"),
    (lambda: nn.LSTMCell(4, 3)(X[:, 0], X[:, 0]), "state must be a tuple of 2"),
    (lambda: nn.GRUCell(4, 3)(X[:, 0], np.zeros((3, 2))), r"expects a state \(3, 3\)"),
])  # fmt: skip
def test_mistakes(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()


def _parts(state):
    return state if isinstance(state, tuple) else (state,)


@pytest.mark.parametrize("layer", [nn.RNN, nn.LSTM, nn.GRU])
@pytest.mark.parametrize("options", [{}, {"bias": False, "bidirectional": True}])
def test_whole_sequences_equal_single_steps(layer, options):
    """With lengths a layer goes step by step; without it runs in one op."""
    net = layer(4, 3, num_layers=2, rng=0, **options).to(np.float64)
    found = []
    for lengths in (None, [6, 6, 6]):
        x = tg.Tensor(X.astype(np.float64), requires_grad=True)
        y, state = net(x, lengths=lengths)
        (y * y + sum((part.sum() for part in _parts(state)), 0.0)).sum().backward()
        found.append([y.data, x.grad, *(p.grad for p in net.parameters())])
        net.zero_grad()
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12 * np.abs(b).max())


def test_a_sequence_takes_one_op_and_an_empty_batch_none():
    seen = []
    with observing(lambda call: seen.append(call.op.name)):
        nn.LSTM(4, 3, rng=0)(X)
    assert seen.count("lstm_sequence") == 1 and "sigmoid" not in seen
    assert nn.GRU(4, 3, rng=0)(X[:0])[0].shape == (0, 6, 3)
