"""`tg.compile`: record a function once, replay it from then on."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import update_wrapper
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.checkpointing import Unseeded, set_generators
from ..autodiff.dtypes import get_default_dtype
from ..autodiff.effects import effect_observers
from ..autodiff.world import world
from ..core import Tensor
from ..core.errors import describe
from ..core.modes import current, switched
from ..core.register import observers
from ..nn import Module
from ..optim import Optimizer
from ..optim.settings import Group
from . import watched
from .arguments import flat, rebuilt, returned, stood_for
from .candidates import Candidate
from .comparing import difference, same
from .errors import CompileError
from .guards import Guards, digest
from .instructions import GroupOf, Program
from .listing import listing
from .recorder import Recorder
from .side_effects import changed, own_state
from .state import Snapshot
from .watching import recording

__all__ = ["compile"]

KEPT = 8  # forms of arguments, of which programs are kept


class Compiled:
    """A function whose calls are replayed; see `compile`."""

    def __init__(self, fn: Callable[..., Any], verify: bool) -> None:
        self.fn, self.verify = fn, verify
        self.name = getattr(fn, "__qualname__", type(fn).__name__).rpartition("<locals>.")[2]
        self._forms: OrderedDict[Any, list[Candidate]] = OrderedDict()
        self._refused: dict[Any, str] = {}
        if not isinstance(fn, Module):
            update_wrapper(self, fn)

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        """Serve as a method too: one set of programs for each object."""
        if owner is None:
            return self
        name = f"_compiled_{self.name}_{id(self)}"
        if name not in vars(owner):
            vars(owner)[name] = Compiled(self.fn.__get__(owner, kind), self.verify)
        return vars(owner)[name]

    def __reduce__(self) -> Any:
        """Copy and pickle it as what it was made from."""
        return Compiled, (self.fn, self.verify)

    @property
    def programs(self) -> list[Program]:
        """The programs that are replayed, the newest last."""
        return [one.program for ones in self._forms.values() for one in ones if one.confirmed]

    @property
    def newest(self) -> Candidate | None:
        """The newest program that is replayed, and what is known of it; None if there is none."""
        return next((one for ones in reversed(self._forms.values()) for one in reversed(ones) if one.confirmed), None)

    def explain(self) -> str:
        """The programs as text: each call with its path and line; a dot marks those that are lowered to kernels."""
        return listing(self.name, [one for ones in self._forms.values() for one in ones], [*self._refused.values()])

    def __repr__(self) -> str:
        return f"compile({self.name}, {len(self.programs)} programs)"

    def __call__(self, *args: Any, **named: Any) -> Any:
        given: list[Any] = []
        form = flat((args, named), given), current().recording, get_default_dtype()
        if self._must_be_eager(given):
            return self.fn(*args, **named)
        if form in self._refused:
            raise CompileError(self._refused[form])
        if form not in self._forms:  # the first call creates what later ones find: momentum, names, caches
            self._forms[form] = []
            while len(self._forms) > KEPT:
                self._forms.popitem(last=False)
            return self.fn(*args, **named)
        self._forms.move_to_end(form)
        one = next((one for one in self._forms[form] if one.guards.hold()), None)
        if one is not None and one.guards.hooked():
            return self.fn(*args, **named)
        if one is not None and one.stage == "ready" and one.proved:
            return one.run(given)
        now = digest(given)
        if one is not None and one.waits(now):
            return one.run(given) if one.confirmed else self.fn(*args, **named)
        if one is not None and one.confirmed and not self.verify:
            result = one.run(given)
            one.advance(now)
            return result
        return self._checked(form, one, now, given, args, named)

    def _must_be_eager(self, given: list[Any]) -> bool:
        """Whether somebody looks on, or the call is part of a larger graph."""
        if observers or effect_observers:
            me = threading.get_ident()
            if any([thread == me for thread, _ in (*observers, *effect_observers)]):
                return True
        if world().size > 1:  # what ranks exchange is not recorded
            return True
        modes = current()
        if modes.recomputing or modes.generators is not None:
            return True
        return any([isinstance(t, Tensor) and t.node.op is not None for t in given])

    def _checked(
        self, form: Any, one: Candidate | None, now: int, given: list[Any], args: Any, named: Any
    ) -> Any:  # fmt: skip
        """Run eagerly, recorded until two recordings agree, and replay from the same start if there is a program."""
        start = Snapshot(one.program, given) if one is not None and self.verify else None
        unseeded = Unseeded(None)  # makes the generators that nobody seeded, so that a replay can draw the same
        with switched(unseeded=unseeded):
            if one is not None and one.confirmed:
                result = self.fn(*args, **named)
            else:
                result, program, recorder = self._record(args, named, given)
        if one is None or not one.confirmed:
            if recorder.refusals:
                raise self._refuse(form, recorder.refusals[0])
            if one is None:
                ready = self._forms[form]
                ready.append(Candidate(program, Guards(program, list(recorder.idle.values())), now))
                del ready[:-KEPT]
                return result
            if found := difference(one.program, program):
                raise self._refuse(form, found)
            one.confirm()
        if start is not None:
            result = self._compare(form, one, start, given, result, unseeded)
            one.advance(now)
        return result

    def _compare(
        self, form: Any, one: Candidate, start: Snapshot, given: list[Any], result: Any, unseeded: Unseeded
    ) -> Any:  # fmt: skip
        """Replay from the start of the eager run, and compare results and states."""
        eager = Snapshot(one.program, given)
        start.restore()
        set_generators(unseeded.made)
        try:
            with switched(unseeded=Unseeded(None, [rng for rng, _ in unseeded.made])):
                again = one.run(given)
        except Exception as error:
            eager.restore()
            if one.stage == "lowered":
                one.stay_whole()
                return result
            raise self._refuse(form, f"the replay failed where the function did not: {error}") from error
        found = ["what it returns"] * (not same(values(result), values(again)))
        found += eager.differences(Snapshot(one.program, given))
        if found:
            eager.restore()
            if one.stage == "lowered":
                one.stay_whole()
                return result
            raise self._refuse(
                form, f"a replay differs from the function in {', '.join(found[:5])}. Something that it uses is not an "
                "op, an effect or a function of NumPy's on its arguments."
            )  # fmt: skip
        return again

    def _record(self, args: Any, named: Any, given: list[Any]) -> tuple[Any, Program, Recorder]:
        return recorded(self.fn, self.name, args, named, given)

    def _refuse(self, form: Any, words: str) -> CompileError:
        message = f"compile: {self.name} cannot be replayed: {words}"
        self._refused[form] = message
        return CompileError(message)


def recorded(
    fn: Callable[..., Any], name: str, args: Any, named: Any, given: list[Any]
) -> tuple[Any, Program, Recorder]:  # fmt: skip
    """Run a function and record it: its result, the program, and the recorder, which knows what was refused."""
    recorder, before = Recorder(name), own_state(fn)
    for value in given:
        recorder.given(value)
    with recording(recorder):
        shown = rebuilt([args, named], lambda v: watched.watch(v) if isinstance(v, np.ndarray) else v)
        result = fn(*shown[0], **shown[1])
        recorder.program.outputs = stood_for(recorder, result)
    if found := changed(before, fn):
        site, what = found[0], f"{found[1]} is changed, which a replay would not do, by the function"
        recorder.refuse(what, "Return what is to be kept, and keep it outside.", site)
    _by_number(recorder.program)
    return returned(result, recorder.scalars), recorder.program, recorder


def disagreement(fn: Callable[..., Any], batches: list[tuple[Any, ...]]) -> str:
    """What a program of a function gets wrong, recorded on the first of five batches of arrays or Tensors.

    It is replayed whole, traced, compared and lowered on the others.  Empty if all is right to the bit.
    """
    _, program, recorder = recorded(fn, "function", batches[0], {}, list(batches[0]))
    if recorder.refusals:
        return recorder.refusals[0]
    one = Candidate(program, Guards(program, []), 0)
    one.confirm()
    for k, batch in enumerate(batches[1:], 1):
        if not same(values(fn(*batch)), values(one.run(list(batch)))):
            return f"a program that is {one.stage} gives something else"
        one.advance(k)
    return ""


def values(result: Any) -> Any:
    """A result with arrays for Tensors."""
    return rebuilt(result, lambda v: v._data if isinstance(v, Tensor) else v)


def _by_number(program: Program) -> None:
    """Name groups of optimisers by their number."""
    optimizers = {id(v): v for v in program.stand_ins() if isinstance(v, Optimizer)}
    groups = {id(g): GroupOf(one, k) for one in optimizers.values() for k, g in enumerate(one.param_groups)}
    for call in program.calls:
        if call.kind == "effect":
            call.args = [groups.get(id(a), a) if isinstance(a, Group) else a for a in call.args]


@named
def compile(fn: Any = None, *, verify: bool = True) -> Any:
    """Record a function of arrays and Tensors, such as a training step, and replay it without its Python code.

    The first call with new shapes runs as usual, the next two are recorded, later ones are replayed: the same ops,
    gradients, updates and draws, with the same bits.  A program serves calls with the same shapes, dtypes, modes,
    parameters and plain arguments; for others a new one is recorded.  Also a decorator, also of a module.

    What the function returns has no history, so a training step calls backward and the optimiser inside.

    Parameters
    ----------
    fn : a function, a method or a module.  What it does beside ops, effects and NumPy on its arguments, such as
        appending to a list, is not repeated.
    verify : compare the first two replays on new data with the function itself, in results and all state.

    Raises
    ------
    CompileError : the function reads values, uses arrays that it makes anew, or does something else each time; the
        message names the line.  The call itself is done.

    Examples
    --------
    >>> net = nn.Linear(3, 2, rng=0)
    >>> sgd = optim.SGD(net.parameters(), lr=0.1)
    >>> @tg.compile
    ... def step(x, y):
    ...     loss = tg.softmax_cross_entropy(net(x), y)
    ...     sgd.zero_grad()
    ...     loss.backward()
    ...     sgd.step()
    ...     return loss
    >>> rng = np.random.default_rng(0)
    >>> for _ in range(6):
    ...     loss = step(rng.standard_normal((4, 3)), rng.integers(0, 2, 4))
    >>> len(step.programs)
    1
    """
    if not isinstance(verify, bool):
        raise TypeError(f"compile: verify={verify!r} must be True or False.")
    if fn is None:
        return lambda f: compile(f, verify=verify)
    if isinstance(fn, Compiled):
        return fn
    if not callable(fn) or isinstance(fn, type):
        raise TypeError(f"compile: needs a function or a module, got {describe(fn)}.")
    return Compiled(fn, verify)
