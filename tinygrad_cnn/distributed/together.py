"""An optimiser whose updates are those of all ranks: what `parallel` returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..autodiff.world import World
from ..optim import Optimizer
from .alike import average_buffers
from .outer import Outer
from .reducing import Reducer


class ParallelOptimizer(Optimizer):
    """The optimiser of one process, `inner`, with gradients or parameters that all ranks share.

    It has the groups, settings, state and files of `inner`, which can be loaded without it.

    Attributes
    ----------
    inner : the optimiser of this rank.
    world : the ranks; its ``rank`` and ``size`` are those of now, if ranks may be lost.
    wish : set to True on any rank to ask all of them to stop.
    agreed : whether some rank had that wish in the last exchange; the same on all ranks.
    """

    def __init__(self, model: Any, inner: Optimizer, world: World, sharing: Reducer | Outer) -> None:
        self.model, self.inner, self.world, self._sharing = model, inner, world, sharing
        self._alone = 0  # updates since the ranks last had the same parameters

    who = property(lambda self: self.inner.who)
    defaults = property(lambda self: self.inner.defaults)
    param_groups = property(lambda self: self.inner.param_groups)
    state = property(lambda self: self.inner.state)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Train more parameters, as `Optimizer.add_param_group`; all ranks add the same."""
        self.inner.add_param_group(group)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self.inner.zero_grad()

    def prepare(self) -> None:
        """Start the state of every parameter now."""
        self.inner.prepare()

    # -- what all ranks do together ---------------------------------------------------------------------------

    @property
    def wish(self) -> bool:
        return self._sharing.wish

    @wish.setter
    def wish(self, value: bool) -> None:
        self._sharing.wish = bool(value)

    @property
    def agreed(self) -> bool:
        return self._sharing.agreed

    @property
    def moves_apart(self) -> bool:
        """Whether ranks update by themselves for a while, so that their states differ."""
        return isinstance(self._sharing, Outer)

    @contextmanager
    def weighted(self, weight: float) -> Iterator[Callable[[], float]]:
        """A block in which `backward` gives sums over all ranks instead of means, of losses times their `weight`.

        It gives a function that returns, after backward, the sum of all ranks' weights; who divides by it has the
        gradient of the mean over all their examples.  With `local_steps` each rank is by itself here too.
        """
        if isinstance(self._sharing, Outer):
            yield lambda: weight
            return
        reducer = self._sharing
        reducer.weight = weight
        try:
            yield lambda: reducer.total
        finally:
            reducer.weight = None

    def share(self, weight: float) -> float:
        """Make the gradients of a backward of this rank alone those of all, and return the sum of their weights.

        It does what `weighted` does, after a backward inside ``using(ALONE)``, such as that of a program.
        """
        leaves = [p.node for group in self.param_groups for p in group["params"] if p.grad is not None]
        for leaf in leaves:
            leaf.grad = leaf.grad * leaf.dtype.type(weight)
        if isinstance(self._sharing, Reducer):
            with self.weighted(weight) as total:
                for leaf, gradient in self._sharing.reduce({leaf: leaf.grad for leaf in leaves}).items():
                    leaf.grad = gradient
                return total()
        return weight

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move the parameters, as `Optimizer.step`; with `local_steps`, all ranks' together when it is time."""
        loss = self.inner.step(closure)
        if isinstance(self._sharing, Outer):
            self._alone += 1
            if self._alone == self._sharing.every:
                self._meet(self._sharing)
        return loss

    def settle(self) -> None:
        """Bring all ranks to the same parameters and buffers now, as `tg.fit` does after each epoch.

        Parameters differ only with `local_steps`.  Floating buffers, such as the running averages of norms, become
        their means over all ranks.
        """
        if self._alone and isinstance(self._sharing, Outer):
            self._meet(self._sharing)
        average_buffers(self.model, self.world)

    def _meet(self, outer: Outer) -> None:
        outer.update(self.world)
        self._alone = 0

    # -- saving and resuming ----------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """The state of `inner`, with that of the outer optimiser under ``outer.``, if there is one."""
        outer = self._sharing.state_dict() if isinstance(self._sharing, Outer) else {}
        return self.inner.state_dict() | outer

    def load_state_dict(self, values: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`, also of a training in one process or on another number of ranks."""
        self.inner.load_state_dict({k: v for k, v in values.items() if not k.startswith(Outer.PREFIX)})
        self._alone = 0
        if isinstance(self._sharing, Outer):
            self._sharing.load_state_dict({k: v for k, v in values.items() if k.startswith(Outer.PREFIX)})

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("ParallelOptimizer: cannot be copied or pickled. Copy its .inner, and call parallel again.")

    __copy__: Any = None  # that of `Optimizer` would share the messages

    def __repr__(self) -> str:
        return f"<{self.inner!r} on {self.world.size} ranks>"
