"""Attention with several heads."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..autodiff.kinds import Number, Whole
from ..autodiff.numbers import number, whole
from ..autodiff.sample import LayerSample as L
from ..ops.random import generator
from . import checks
from .init import Rng
from .layouts import Layout
from .linear import Linear
from .module import Module

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """Attention in `num_heads` parts of the channels: query (N,L,E), key (N,S,K), value (N,S,V) -> (N,L,E).

    Without `key` and `value`, both are the query: self-attention.  Source: Vaswani et al. (2017).

    Parameters
    ----------
    embed_dim, num_heads : E, which the heads share in equal parts.
    dropout : the share of weights that are set to zero in training.
    kdim, vdim : the channels of keys and values, by default E.

    Attributes: dense layers ``q_proj``, ``k_proj``, ``v_proj``, ``out_proj``, which start Glorot-uniform.

    Examples
    --------
    >>> attention = nn.MultiheadAttention(8, 2, rng=0)
    >>> x = np.ones((4, 5, 8), np.float32)
    >>> attention(x, causal=True).shape
    (4, 5, 8)
    >>> y, weights = attention(x, need_weights=True)
    >>> weights.shape
    (4, 2, 5, 5)
    """

    samples = [
        L((4, 2), x=(2, 3, 4)), L((4, 2), {"kdim": 3, "vdim": 2, "bias": False}, q=(1, 3, 4), k=(1, 2, 3), v=(1, 2, 2)),
    ]  # fmt: skip

    def __init__(
        self, embed_dim: Whole, num_heads: Whole, dropout: Number = 0.0, bias: bool = True, *,
        kdim: Whole | None = None, vdim: Whole | None = None, rng: Rng = None,
    ) -> None:  # fmt: skip
        who = "MultiheadAttention"
        self.embed_dim, self.num_heads = whole(who, "embed_dim", embed_dim), whole(who, "num_heads", num_heads)
        if self.embed_dim % self.num_heads:
            raise ValueError(f"{who}: num_heads={num_heads} must divide embed_dim={embed_dim}.")
        self.dropout = number(who, "dropout", dropout, 0, below=1)
        self.kdim = self.embed_dim if kdim is None else whole(who, "kdim", kdim)
        self.vdim = self.embed_dim if vdim is None else whole(who, "vdim", vdim)
        self.rng = generator(rng, who)

        def dense(inputs: int) -> Linear:
            return Linear(inputs, self.embed_dim, bias=bias, rng=self.rng, init="glorot_uniform")

        self.q_proj, self.k_proj, self.v_proj = dense(self.embed_dim), dense(self.kdim), dense(self.vdim)
        self.out_proj = dense(self.embed_dim)

    @property
    def in_torch(self) -> dict[str, Layout]:  # type: ignore[override]
        """The three projections, which are one matrix there unless keys or values have other channels."""
        joint = self.kdim == self.vdim == self.embed_dim
        found = {}
        for k, name in enumerate(("q_proj", "k_proj", "v_proj")):
            found[f"{name}.weight"] = (
                Layout("in_proj_weight", axes=(1, 0), part=(k, 3)) if joint else Layout(f"{name}_weight", axes=(1, 0))
            )
            found[f"{name}.bias"] = Layout("in_proj_bias", part=(k, 3))
        return found

    def forward(
        self, query: Any, key: Any = None, value: Any = None, *, mask: Any = None, causal: bool = False,
        need_weights: bool = False,
    ) -> Any:  # fmt: skip
        """What each query found, and with `need_weights` also where: (N, heads, L, S).

        `mask` is True where a query may look at a key, or floats that are added, and is broadcast to (N, heads, L, S).
        For keys that are padding: ``mask=inside[:, None, None, :]``, with inside (N, S) True for the others.
        """
        key = query if key is None else key
        value = key if value is None else value
        for x, channels in ((query, self.embed_dim), (key, self.kdim), (value, self.vdim)):
            if len(getattr(x, "shape", ())) != 3 or x.shape[2] != channels:
                raise checks.misfit("MultiheadAttention", f"sequences (N, L, {channels})", x)
        q, k, v = (self._heads(p(x)) for p, x in ((self.q_proj, query), (self.k_proj, key), (self.v_proj, value)))
        options: Any = {"mask": mask, "causal": causal, "dropout": self.dropout, "training": self.training}
        found = ops.scaled_dot_product_attention(q, k, v, **options, rng=self.rng if self.training else None)
        y = self.out_proj(ops.reshape(ops.transpose(found, (0, 2, 1, 3)), (*query.shape[:2], self.embed_dim)))
        if not need_weights:
            return y
        every = ops.eye(k.shape[2], dtype=k.dtype)  # values that name their keys give the weights themselves
        return y, ops.scaled_dot_product_attention(q, k, every, mask=mask, causal=causal)

    def _heads(self, x: Any) -> Any:
        """(N, L, E) -> (N, heads, L, E/heads)."""
        n, length, e = x.shape
        return ops.transpose(ops.reshape(x, (n, length, self.num_heads, e // self.num_heads)), (0, 2, 1, 3))

    def extra_repr(self) -> str:
        return f"{self.embed_dim}, {self.num_heads}" + (f", dropout={self.dropout}" if self.dropout else "")
