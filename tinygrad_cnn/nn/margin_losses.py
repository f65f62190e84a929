"""Losses of vectors and scores as layers, and the cosine."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..autodiff.kinds import Number, Reduction, Whole
from ..autodiff.numbers import number, whole
from ..autodiff.sample import LayerSample as L
from ..autodiff.sample import apart, integers
from .losses import _Loss, weights_of
from .module import Module

__all__ = [
    "CosineEmbeddingLoss", "CosineSimilarity", "HingeEmbeddingLoss", "MarginRankingLoss", "MultiMarginLoss",
    "TripletMarginLoss",
]  # fmt: skip

_SIGNS = np.array([1, -1, 1, -1])


class CosineSimilarity(Module):
    """`cosine_similarity` of vectors along an axis."""

    samples = [L(x1=(4, 3), x2=(4, 3))]

    def __init__(self, *, axis: Whole = -1, eps: Number = 1e-8) -> None:
        self.axis = whole("CosineSimilarity", "axis", axis, None)
        self.eps = number("CosineSimilarity", "eps", eps, above=0)

    def forward(self, x1: Any, x2: Any) -> Any:
        return ops.cosine_similarity(x1, x2, self.axis, self.eps)

    def extra_repr(self) -> str:
        return f"axis={self.axis}, eps={self.eps}"


class CosineEmbeddingLoss(_Loss):
    """`cosine_embedding_loss` of two (..., D) and of y (...), 1 for pairs that belong together and -1 for others."""

    samples = [L((), {"margin": -0.5}, x1=(4, 3), x2=(4, 3), y=_SIGNS)]

    def __init__(self, *, margin: Number = 0.0, reduction: Reduction = "mean") -> None:
        super().__init__(reduction, margin=number("CosineEmbeddingLoss", "margin", margin, -1, 1))

    def forward(self, x1: Any, x2: Any, y: Any) -> Any:
        return ops.cosine_embedding_loss(x1, x2, y, **self.options)


class TripletMarginLoss(_Loss):
    """`triplet_margin_loss` of anchors, what belongs to them and what does not, (..., D) each."""

    samples = [L(anchor=(4, 3), positive=(4, 3), negative=(4, 3)),
               L((), {"swap": True, "p": 3.0}, anchor=(4, 3), positive=(4, 3), negative=(4, 3))]  # fmt: skip

    def __init__(
        self, *, margin: Number = 1.0, p: Number = 2.0, eps: Number = 1e-6, swap: bool = False,
        reduction: Reduction = "mean",
    ) -> None:  # fmt: skip
        who = "TripletMarginLoss"
        margin, p = number(who, "margin", margin, above=0), number(who, "p", p, above=0)
        super().__init__(reduction, margin=margin, p=p, eps=number(who, "eps", eps, 0), swap=swap)

    def forward(self, anchor: Any, positive: Any, negative: Any) -> Any:
        return ops.triplet_margin_loss(anchor, positive, negative, **self.options)


class MarginRankingLoss(_Loss):
    """`margin_ranking_loss` of two scores (...) and of y (...), 1 where the first should be the larger, else -1."""

    samples = [L((), {"margin": 0.5}, x1=apart(4), x2=apart(4), y=_SIGNS)]

    def __init__(self, *, margin: Number = 0.0, reduction: Reduction = "mean") -> None:
        super().__init__(reduction, margin=number("MarginRankingLoss", "margin", margin))

    def forward(self, x1: Any, x2: Any, y: Any) -> Any:
        return ops.margin_ranking_loss(x1, x2, y, **self.options)


class HingeEmbeddingLoss(_Loss):
    """`hinge_embedding_loss` of distances and targets of one shape, 1 for what belongs together and -1 for the rest."""

    samples = [L(predictions=apart(4), targets=_SIGNS)]

    def __init__(self, *, margin: Number = 1.0, reduction: Reduction = "mean") -> None:
        super().__init__(reduction, margin=number("HingeEmbeddingLoss", "margin", margin))

    def forward(self, predictions: Any, targets: Any) -> Any:
        return ops.hinge_embedding_loss(predictions, targets, **self.options)


class MultiMarginLoss(_Loss):
    """`multi_margin_loss` of scores (..., C) and class indices (...)."""

    samples = [L(logits=(4, 3), labels=integers(3, 4)),
               L((), {"p": 2, "weight": [1.0, 2.0, 0.5]}, logits=(4, 3), labels=integers(3, 4))]  # fmt: skip

    def __init__(
        self, *, p: Whole = 1, margin: Number = 1.0, weight: Any = None, reduction: Reduction = "mean"
    ) -> None:
        who = "MultiMarginLoss"
        p, margin = whole(who, "p", p, 1, 2), number(who, "margin", margin)
        super().__init__(reduction, p=p, margin=margin, weight=weights_of(who, weight))

    def forward(self, logits: Any, labels: Any) -> Any:
        return ops.multi_margin_loss(logits, labels, **self.options)
