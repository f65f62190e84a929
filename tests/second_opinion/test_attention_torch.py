"""Attention and embeddings beside PyTorch's: values and two orders of derivatives in float64."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn

torch = pytest.importorskip("torch", reason="PyTorch is not installed here; .ci/run installs it")
from .beside import agree, same  # noqa: E402  (needs torch)

F = torch.nn.functional
RNG = np.random.default_rng(0)
Q, K, V = (RNG.standard_normal(s) for s in ((2, 3, 4, 5), (2, 3, 6, 5), (2, 3, 6, 2)))
MASK = RNG.random((2, 1, 4, 6)) < 0.6
MASK[0, 0, 1] = False  # a query that may look at nothing


def back(t):
    return t.detach().numpy()


@pytest.mark.parametrize("options", [
    {}, {"causal": True}, {"scale": 0.3}, {"mask": MASK}, {"mask": RNG.standard_normal((4, 6))},
])  # fmt: skip
def test_scaled_dot_product_attention(options):
    torchs = {"attn_mask": torch.tensor(options["mask"])} if "mask" in options else {}
    torchs |= {"is_causal": True} if "causal" in options else {}
    torchs |= {"scale": options["scale"]} if "scale" in options else {}
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        agree(lambda q, k, v: tg.scaled_dot_product_attention(q, k, v, **options),
              lambda q, k, v: F.scaled_dot_product_attention(q, k, v, **torchs), Q, (K, same), (V, same),
              turn=same, back=back)  # fmt: skip


@pytest.mark.parametrize("other", [{}, {"kdim": 3, "vdim": 2}])
def test_multihead_attention(other):
    ours = nn.MultiheadAttention(6, 2, rng=0, **other).to(np.float64)
    theirs = torch.nn.MultiheadAttention(6, 2, batch_first=True, **other).double()
    x = RNG.standard_normal((2, 4, 6))
    k, v = (RNG.standard_normal((2, 5, other.get(name, 6))) for name in ("kdim", "vdim"))
    layers = (ours.q_proj, ours.k_proj, ours.v_proj)
    with torch.no_grad():
        for layer, name, rows in zip(layers, "qkv", (slice(0, 6), slice(6, 12), slice(12, 18)), strict=True):
            there = getattr(theirs, f"{name}_proj_weight") if other else theirs.in_proj_weight[rows]
            there.copy_(torch.tensor(layer.weight.data.T.copy()))
            theirs.in_proj_bias[rows].copy_(torch.tensor(layer.bias.data))
        theirs.out_proj.weight.copy_(torch.tensor(ours.out_proj.weight.data.T.copy()))
        theirs.out_proj.bias.copy_(torch.tensor(ours.out_proj.bias.data))
    agree(lambda x, k, v: ours(x, k, v), lambda x, k, v: theirs(x, k, v)[0], x, (k, same), (v, same), turn=same,
          back=back)  # fmt: skip
    _, weights = ours(x, k, v, need_weights=True)
    want = theirs(*map(torch.tensor, (x, k, v)), average_attn_weights=False)[1]
    np.testing.assert_allclose(weights.data, back(want), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("padding", [None, 2])
def test_embedding(padding):
    ours = nn.Embedding(5, 3, padding, rng=0).to(np.float64)
    theirs = torch.nn.Embedding(5, 3, padding).double()
    with torch.no_grad():
        theirs.weight.copy_(torch.tensor(ours.weight.data))
    x = np.array([[0, 2, 2], [4, 1, 2]])
    y, z = ours(x), theirs(torch.tensor(x))
    np.testing.assert_array_equal(y.data, back(z))
    (y * y * 0.5 + y).sum().backward()
    (z * z * 0.5 + z).sum().backward()
    np.testing.assert_allclose(ours.weight.grad, theirs.weight.grad.numpy(), rtol=1e-12)
