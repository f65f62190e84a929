"""The moving average of weights: its formula, its place in the model, its state."""

import json

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim


def network():
    return nn.Sequential(nn.Conv2d(1, 2, 3, rng=0), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2, rng=1))


def moved(net, k):
    """Give every weight new values that depend on k; the buffers too, by a forward pass."""
    rng = np.random.default_rng(k)
    for p in net.parameters():
        p.assign(rng.normal(size=p.shape).astype(np.float32))
    net(rng.normal(size=(3, 4, 4, 1)).astype(np.float32))
    return net.state_dict()


@pytest.mark.parametrize("warmup", [False, True])
def test_the_formula_and_buffers_as_they_are(warmup):
    net = network()
    ema = optim.EMA(net, 0.9, warmup=warmup)
    expected = net.state_dict()
    parameters = dict(net.named_parameters())
    for t in range(20):
        d = min(0.9, (1 + t) / (10 + t)) if warmup else 0.9
        now = moved(net, t)
        expected = {k: d * expected[k] + (1 - d) * v if k in parameters else v for k, v in now.items()}
        ema.update()
    assert ema.updates == 20
    for name, value in ema.weights().items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-5, atol=1e-6)
        assert value.dtype == np.float32
    np.testing.assert_array_equal(ema.weights()["1.running_mean"], now["1.running_mean"])


def test_inside_apply_the_model_has_the_averages_and_after_its_own_weights_whatever_happens():
    net = network()
    ema = optim.EMA(net, 0.5)
    own = moved(net, 1)
    ema.update()
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 1)).astype(np.float32)
    net.eval()
    plain = net(x).numpy()
    with ema.apply() as inside:
        assert inside is net
        assert all(np.array_equal(v, ema.weights()[k]) for k, v in net.state_dict().items())
        assert not np.allclose(net(x).data, plain)
    np.testing.assert_array_equal(net(x).data, plain)
    with pytest.raises(KeyError, match="inside"), ema.apply():
        raise KeyError("inside")
    assert all(np.array_equal(v, own[k]) for k, v in net.state_dict().items())
    ema.update()  # and goes on


def test_optimisers_go_on_with_the_same_parameters_after_apply():
    net = nn.Linear(2, 1, rng=0)
    optimiser, ema = optim.SGD(net.parameters(), lr=0.1), optim.EMA(net, 0.9)
    for _ in range(3):
        loss = (net(np.ones((1, 2), np.float32)) ** 2).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        ema.update()
        with ema.apply():
            pass
    assert (net(np.ones((1, 2), np.float32)) ** 2).sum().item() < loss.item()


def test_a_resumed_average_goes_on_bit_for_bit(tmp_path):
    net = network()
    ema = optim.EMA(net, 0.99, warmup=True)
    for t in range(5):
        moved(net, t)
        ema.update()
    saved = ema.state_dict()
    arrays = {k: v for k, v in saved.items() if isinstance(v, np.ndarray)}
    tg.save(tmp_path / "ema.safetensors", arrays)
    plain = json.loads(json.dumps({k: v for k, v in saved.items() if k not in arrays}))
    again = optim.EMA(network(), 0.5)
    again.load_state_dict({**tg.load(tmp_path / "ema.safetensors"), **plain})
    other = again.model
    for t in range(5, 8):
        moved(net, t)
        ema.update()
        other.load_state_dict(net.state_dict())
        again.update()
    assert all(np.array_equal(v, again.weights()[k]) for k, v in ema.weights().items())
    assert (again.decay, again.warmup, again.updates) == (0.99, True, 8)


def test_what_it_gives_out_are_copies():
    ema = optim.EMA(network(), 0.9)
    ema.weights()["0.weight"][:] = 7
    ema.state_dict()["average.0.weight"][:] = 7
    assert not (ema.weights()["0.weight"] == 7).any()


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: optim.EMA(network(), 1.0), ValueError, "EMA: decay=1.0 must be a number of at least 0 and below 1"),
        (lambda: optim.EMA(network(), -0.1), ValueError, "decay=-0.1"),
        (lambda: optim.EMA(network(), float("nan")), ValueError, "decay=nan"),
        (lambda: optim.EMA(network(), warmup=1), TypeError, "warmup=1 must be True or False"),
        (lambda: optim.EMA(list(network().parameters())), TypeError, "EMA: needs a Module, got list"),
    ],
)
def test_mistakes_are_worded(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_uses_that_would_mix_averages_with_weights_are_refused():
    ema = optim.EMA(network())
    with ema.apply():
        with pytest.raises(RuntimeError, match=r"update\(\) inside"):
            ema.update()
        with pytest.raises(RuntimeError, match=r"apply\(\) inside"), ema.apply():
            pass


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("average.0.weight"), "0.weight on one side only"),
        (lambda s: s.update({"average.extra": np.ones(2)}), "extra on one side only"),
        (lambda s: s.update({"average.0.bias": np.ones(3)}), r"0.bias has shape \(3,\), the model's \(2,\)"),
        (lambda s: s.pop("updates"), "lacks updates"),
        (lambda s: s.update(decay=2), "decay=2 must be"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_nothing_changes(change, words):
    ema = optim.EMA(network(), 0.9)
    before = ema.state_dict()
    state = ema.state_dict()
    change(state)
    with pytest.raises(ValueError, match=words):
        ema.load_state_dict(state)
    assert all(np.array_equal(before[k], v) for k, v in ema.state_dict().items())
