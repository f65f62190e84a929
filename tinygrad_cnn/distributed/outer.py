"""Updates of each rank by itself, and now and then one of all together (DiLoCo).

Every rank moves its own copy of the parameters.  After some updates the mean of how far they went is taken as a
gradient of the parameters that all started from, and an outer optimiser, SGD with Nesterov momentum, moves these.  The
inner optimisers keep their states.  Source: Douillard et al., "DiLoCo: Distributed Low-Communication Training of
Language Models" (2023).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..autodiff.effects import effect
from ..autodiff.world import World
from ..core import Tensor
from ..nn import Parameter
from ..optim import SGD


class Outer:
    """The outer optimiser.

    Parameters
    ----------
    parameters : gives the parameters, in an order that is the same on all ranks; those of now are the start.
    every : after how many updates of its own each rank meets the others.
    lr, momentum : of the outer SGD.
    """

    PREFIX = "outer."  # of its entries in a state_dict

    def __init__(self, parameters: Callable[[], list[Tensor]], every: int, lr: float, momentum: float) -> None:
        self.parameters, self.every = parameters, every
        self.lr, self.momentum = lr, momentum
        self.wish = self.agreed = False
        self._sgd = self._anew()

    def _anew(self) -> SGD:
        """An SGD of copies of the parameters: where all ranks start from."""
        starts = [Parameter(parameter.data) for parameter in self.parameters()]
        return SGD(starts, self.lr, momentum=self.momentum, nesterov=self.momentum > 0)

    @effect
    def update(self, world: World) -> None:
        """Move the common start by the mean way of all ranks, and every rank there."""
        starts, own = self._sgd.param_groups[0]["params"], self.parameters()
        dtypes = sorted({parameter.dtype.str for parameter in own})
        ways = {dtype: [(s, p) for s, p in zip(starts, own, strict=True) if p.dtype.str == dtype] for dtype in dtypes}
        for dtype, pairs in ways.items():
            size = sum(start.size for start, _ in pairs)
            flat = np.empty(size + 1, np.float32 if dtype == "<f2" else dtype)
            np.concatenate([(start.data - own.data).reshape(-1) for start, own in pairs], out=flat[:size])
            flat[size] = self.wish
            world.all_reduce(flat)
            self.agreed = bool(flat[size])
            flat /= world.size
            at = 0
            for start, _ in pairs:
                start.grad = flat[at : at + start.size].reshape(start.shape).astype(start.dtype, copy=False)
                at += start.size
        self._sgd.step()
        for start, parameter in zip(starts, own, strict=True):
            parameter.assign(start.data)

    def state_dict(self) -> dict[str, Any]:
        """The momentum; the start is the parameters, right after an outer update."""
        return {f"{self.PREFIX}{name}": value for name, value in self._sgd.state_dict().items()}

    def load_state_dict(self, values: Mapping[str, Any]) -> None:
        """Start from the parameters as they are now, with the momentum of a `state_dict`, or none."""
        self._sgd = self._anew()
        if values:
            self._sgd.load_state_dict({name.removeprefix(self.PREFIX): value for name, value in values.items()})
