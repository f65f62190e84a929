"""Our functions beside PyTorch's, each on its own layout: values, gradients, and gradients of gradients in float64."""

import numpy as np
import torch

import tinygrad_cnn as tg


def first(a):
    """Channels first: images (N,H,W,C) -> (N,C,H,W), sequences (N,L,C) -> (N,C,L)."""
    return np.ascontiguousarray(np.moveaxis(a, -1, 1)) if a.ndim > 2 else a


def last(t):
    """The array of one of PyTorch's results, channels last."""
    a = t.detach().numpy()
    return np.moveaxis(a, 1, -1) if a.ndim > 2 else a


def filters(w):
    """(I, J, C/groups, O) -> (O, C/groups, I, J), and transposed filters (I, J, O/groups, C) -> (C, O/groups, I, J)."""
    return np.moveaxis(np.moveaxis(w, -1, 0), -1, 1)


def same(a):
    """An array as it is, for weights whose layout is the same in both."""
    return a


def agree(ours, theirs, x, *weights, order=2, rtol=1e-10, atol=1e-12, turn=first, back=last):
    """ours(x, *weights) on our layout is theirs on PyTorch's, and so are derivatives of random weighted sums.

    Second derivatives, which cancel more, may differ by a hundred times as much as values and first derivatives.

    `weights` are pairs of our array and the function that turns it (and its gradient) into PyTorch's layout; `turn` and
    `back` do so for x and the result.
    """
    a = [tg.Tensor(x, requires_grad=True), *(tg.Tensor(w, requires_grad=True) for w, _ in weights)]
    turns = [turn, *(turn_weight for _, turn_weight in weights)]
    b = [torch.tensor(np.ascontiguousarray(t(p.data)), requires_grad=True) for p, t in zip(a, turns, strict=True)]
    rng = np.random.default_rng(1)
    y, z = ours(*a), theirs(*b)
    assert y.shape == back(z).shape
    np.testing.assert_allclose(y.data, back(z), rtol=rtol, atol=atol)
    g = rng.standard_normal(y.shape)
    y, z = (y * g).sum(), (z * torch.tensor(turn(g))).sum()
    for k in range(order):
        if not y.requires_grad:  # the function is linear, its gradient a constant
            assert not z.requires_grad or all(u is None or not u.any() for u in _grads(z, b))
            return
        mine, torchs = tg.grad(y, a, create_graph=True, allow_unused=True), _grads(z, b)
        y, z = tg.Tensor(0.0), torch.zeros((), dtype=torch.float64)
        for p, t, u, turned in zip(a, mine, torchs, turns, strict=True):
            want = np.zeros(turned(p.data).shape) if u is None else u.detach().numpy()
            got = np.zeros(p.shape) if t is None else t.data
            more = 100**k
            np.testing.assert_allclose(turned(got), want, rtol=more * rtol, atol=more * atol, err_msg=f"order {k + 1}")
            v = rng.standard_normal(p.shape)
            y = y if t is None else y + (t * v).sum()
            z = z if u is None else z + (u * torch.tensor(np.ascontiguousarray(turned(v)))).sum()


def _grads(z, b):
    return torch.autograd.grad(z, b, create_graph=True, allow_unused=True)
