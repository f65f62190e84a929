"""Recurrent layers beside PyTorch's with equal weights: values, states, two orders of derivatives, padded sequences."""

import numpy as np
import pytest

from tinygrad_cnn import nn

torch = pytest.importorskip("torch", reason="PyTorch is not installed here; .ci/run installs it")
from .beside import agree, same  # noqa: E402  (needs torch)

RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 5, 4))
OPTIONS = [{}, {"num_layers": 2}, {"bidirectional": True}, {"num_layers": 2, "bidirectional": True, "bias": False}]


def pair(name, options):
    """The same network in both, in float64."""
    ours = getattr(nn, name)(4, 3, rng=0, **options).to(np.float64)
    theirs = getattr(torch.nn, name)(4, 3, batch_first=True, **options).double()
    with torch.no_grad():
        for k, cell in enumerate(ours.cells):
            layer, back = divmod(k, 1 + ours.bidirectional)
            for part, p in cell.named_parameters():
                there = getattr(theirs, f"{part}_l{layer}{'_reverse' * back}")
                there.copy_(torch.tensor(np.ascontiguousarray(p.data.T)))
    return ours, theirs


def numpy_back(t):
    return t.detach().numpy()


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_results_and_states(name, options):
    ours, theirs = pair(name, options)
    agree(lambda x: ours(x)[0], lambda x: theirs(x)[0], X, turn=same, back=numpy_back)

    def last(found):
        return found[1][0] if name == "LSTM" else found[1]

    agree(lambda x: last(ours(x)), lambda x: last(theirs(x)), X, turn=same, back=numpy_back)
    ours(X)[0].sum().backward()
    theirs(torch.tensor(X))[0].sum().backward()
    mine = [p.grad.T for p in ours.parameters()]
    np.testing.assert_allclose(
        np.sort(np.concatenate([g.ravel() for g in mine])),
        np.sort(np.concatenate([p.grad.numpy().ravel() for p in theirs.parameters()])),
        rtol=1e-8, atol=1e-10,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_padded_sequences(name):
    ours, theirs = pair(name, {"bidirectional": True, "num_layers": 2})
    lengths = [5, 1, 3]
    y, state = ours(X, lengths=lengths)
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        torch.tensor(X), torch.tensor(lengths), batch_first=True, enforce_sorted=False
    )
    out, end = theirs(packed)
    out, _ = torch.nn.utils.rnn.pad_packed_sequence(out, batch_first=True, total_length=5)
    np.testing.assert_allclose(y.data, out.detach().numpy(), rtol=1e-10, atol=1e-12)
    for a, b in zip(*((s if isinstance(s, tuple) else (s,)) for s in (state, end)), strict=True):
        np.testing.assert_allclose(a.data, b.detach().numpy(), rtol=1e-10, atol=1e-12)


def test_states_to_begin_with():
    ours, theirs = pair("LSTM", {"num_layers": 2})
    h, c = RNG.standard_normal((2, 3, 3)), RNG.standard_normal((2, 3, 3))
    y, _ = ours(X, (h, c))
    z, _ = theirs(torch.tensor(X), (torch.tensor(h), torch.tensor(c)))
    np.testing.assert_allclose(y.data, z.detach().numpy(), rtol=1e-10, atol=1e-12)
