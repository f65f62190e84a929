"""Ops over the ranks that train one model together (see `tg.distributed`); one process is the only rank of its own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autodiff import Sample as S
from ..autodiff.batching import elementwise
from ..autodiff.world import world
from ..core import op

__all__ = ["rank_mean"]


@op(
    linear=["x"],
    floating=["x"],
    samples=[S(x=(3,)), S(x=(2, 3)), S(x=())],
    ref=lambda x: x * 1.0,
    cost=lambda y_shape: math.prod(y_shape),
    stacks=elementwise,
)
def rank_mean(x: Any) -> Any:
    """The mean of x over all ranks, element by element; x itself in one process.  x (...) -> (...)

    All ranks call it, with the same shape, and all of them step back through it.  Gradients belong to the mean of all
    ranks' losses, the one that `tg.distributed.parallel` makes smaller.

    >>> tg.rank_mean(np.array([1.0, 2.0]))  # one process
    array([1., 2.])
    """
    here = world()
    total = np.array(x, np.float32 if x.dtype == np.float16 else x.dtype, order="C")
    here.all_reduce(total)
    mean = total / here.size
    return mean.astype(x.dtype, copy=False)


rank_mean.vjp(x=lambda g: rank_mean(g))
