"""A learned row for each of a number of things."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..autodiff.kinds import Whole
from ..autodiff.numbers import whole
from ..autodiff.sample import LayerSample as L
from ..autodiff.sample import integers
from ..core import Tensor
from ..core.errors import describe
from ..core.tensor import plain
from ..ops._arguments import placed
from .init import Initialiser, Rng, draw
from .layouts import Layout
from .module import Module
from .parameter import Parameter

__all__ = ["Embedding"]


class Embedding(Module):
    """Row k of `weight` for each whole number k: x (...) whole numbers -> (..., dim).

    Parameters
    ----------
    num_embeddings, embedding_dim : how many rows there are, and their length.
    padding_idx : a row that begins with zeros and gets no gradient.

    Attributes: ``weight`` (num_embeddings, embedding_dim), which starts normal with variance 1.

    Examples
    --------
    >>> table = nn.Embedding(10, 3, rng=0)
    >>> table(np.array([[1, 2, 2]])).shape
    (1, 3, 3)
    """

    in_keras = {"weight": Layout("embeddings")}
    keras_name = "embedding"
    samples = [L((5, 3), x=integers(5, 2, 3)), L((4, 2), {"padding_idx": 0}, x=np.array([0, 3, 3]))]

    def __init__(
        self, num_embeddings: Whole, embedding_dim: Whole, padding_idx: Whole | None = None, *, rng: Rng = None,
        init: str | Initialiser = "normal",
    ) -> None:  # fmt: skip
        who = "Embedding"
        self.num_embeddings = whole(who, "num_embeddings", num_embeddings)
        self.embedding_dim = whole(who, "embedding_dim", embedding_dim)
        rows = draw(who, init, (self.num_embeddings, self.embedding_dim), rng)
        self.padding_idx = None
        if padding_idx is not None:
            self.padding_idx = whole(who, "padding_idx", padding_idx, -self.num_embeddings) % self.num_embeddings
            rows[self.padding_idx] = 0
        self.weight = Parameter(rows, copy=False)

    def forward(self, x: Any) -> Tensor:
        numbers = np.asarray(plain(x))
        if numbers.dtype.kind not in "iu":
            raise TypeError(f"{placed('Embedding')}: x must be whole numbers, numbers of rows, got {describe(x)}.")
        if numbers.size and (numbers.min() < 0 or numbers.max() >= self.num_embeddings):
            remedy = f" Give num_embeddings={numbers.max() + 1} or more." if numbers.min() >= 0 else ""
            raise ValueError(
                f"{placed('Embedding')}: x holds {numbers.min()} to {numbers.max()}, but rows are numbered 0 to "
                f"{self.num_embeddings - 1}.{remedy}"
            )
        rows = ops.take(self.weight, x, axis=0)
        if self.padding_idx is None:
            return rows
        return ops.where(ops.expand_dims(ops.equal(x, self.padding_idx), -1), rows.detach(), rows)

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
