"""check_optimizer: the contracts that every optimiser keeps, with settings that stand in its class."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..core.tensor import Tensor
from ..optim import Optimizer
from .case import require, same
from .contract_report import ContractError, ContractReport, run_all

STEPS = 5
SHAPES: dict[str, tuple[int, ...]] = {"matrix": (3, 4), "filters": (2, 2, 2, 3), "vector": (4,), "number": ()}
PRECISION = {np.float32: 1e-4, np.float64: 1e-12}  # of two ways to compute a few steps


class Problem:
    """Parameters of several shapes, in a bowl that pulls each element to a place of its own."""

    def __init__(self, shapes: Sequence[str], dtype: Any = np.float32, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        drawn = {n: (rng.standard_normal(s), rng.uniform(0.5, 2, s), rng.standard_normal(s)) for n, s in SHAPES.items()}
        self.start, self.pull, self.place = ({n: np.asarray(drawn[n][k], dtype) for n in shapes} for k in range(3))
        self.parameters = {n: Tensor(a, requires_grad=True, name=n) for n, a in self.start.items()}

    def gradient(self, name: str) -> np.ndarray:
        """The gradient of the bowl where a parameter is now."""
        return np.asarray(self.pull[name] * (self.parameters[name].data - self.place[name]), self.start[name].dtype)

    def run(self, optimizer: Optimizer, steps: int = STEPS, frozen: Sequence[str] = ()) -> None:
        """Take steps with a closure, which most optimisers call once."""

        def loss() -> float:
            total = 0.0
            for name, p in self.parameters.items():
                p.grad = None if name in frozen else self.gradient(name)
                total += float(np.sum(self.pull[name] * (p.data - self.place[name]) ** 2, dtype=np.float64)) / 2
            return total

        for _ in range(steps):
            optimizer.step(loss)

    def compare(self, other: Problem, what: str) -> int:
        """Require that all parameters are the same to the bit."""
        for name, p in self.parameters.items():
            same(other.parameters[name].data, p.data, f"{what}: {name}")
        return len(self.parameters)


class _Case:
    """An optimiser with one choice of settings."""

    def __init__(self, cls: type[Optimizer], settings: Mapping[str, Any]) -> None:
        self.cls, self.settings = cls, dict(settings)
        self.searches = cls.step is not Optimizer.step  # it calls its closure several times, and has no `change`
        self.shapes = [name for name in SHAPES if self._takes(name)]
        require(self.shapes, f"it takes none of the parameters {', '.join(map(str, SHAPES.values()))}.")

    def _takes(self, name: str) -> bool:
        try:
            self.cls([Tensor(np.ones(SHAPES[name], np.float32), requires_grad=True)], **self.settings)
        except ValueError:  # as of Muon, which takes no vectors
            return False
        return True

    def problem(self, dtype: Any = np.float32) -> Problem:
        return Problem(self.shapes, dtype)

    def over(self, parameters: Any, **more: Any) -> Optimizer:
        return self.cls(list(parameters), **{**self.settings, **more})

    def begun(self, dtype: Any = np.float32, steps: int = 0) -> tuple[Problem, Optimizer]:
        """A training after some steps."""
        problem = self.problem(dtype)
        optimizer = self.over(problem.parameters.values())
        problem.run(optimizer, steps)
        return problem, optimizer


def through_json(state: Mapping[str, Any]) -> dict[str, Any]:
    """A state as it comes back from a file: arrays as they are, the rest from JSON."""
    arrays = {name: value.copy() for name, value in state.items() if isinstance(value, np.ndarray)}
    return {**arrays, **json.loads(json.dumps({name: v for name, v in state.items() if name not in arrays}))}


def _near(got: Mapping[str, Any], want: Mapping[str, Any], rtol: float, what: str) -> None:
    require(got.keys() == want.keys(), f"{what}: the states have {sorted(got)} and {sorted(want)}.")
    for name, value in want.items():
        mine = got[name].data if isinstance(got[name], Tensor) else got[name]
        if value is None or isinstance(value, str):
            require(mine == value, f"{what}: {name} is {mine!r}, expected {value!r}.")
        else:
            same(mine, value, f"{what}: {name}", rtol)


def steps_move(case: _Case) -> int:
    """Steps move every parameter, in its dtype, and leave gradients alone."""
    for dtype in (np.float32, np.float64):
        problem, optimizer = case.begun(dtype, STEPS)
        for name, p in problem.parameters.items():
            require(p.dtype == dtype, f"{name} was {np.dtype(dtype)}, and is {p.dtype} after steps.")
            require(np.isfinite(p.data).all(), f"{name} is not finite after {STEPS} steps.")
            require(not np.array_equal(p.data, problem.start[name]), f"{name} did not move in {STEPS} steps.")
            if dtype == np.float64 and p.size > 1:
                require((p.data != p.data.astype(np.float32)).any(), f"{name} was rounded to float32.")
        if not case.searches:
            before = {name: problem.gradient(name) for name in problem.parameters}
            problem.run(optimizer, 1)
            for name, p in problem.parameters.items():
                same(p.grad, before[name], f"a step changed the gradient of {name}")
    return 4 * len(case.shapes)


def resumes(case: _Case) -> int:
    """Stopped after any step and begun again from its state_dict, it gives the same bits; order does not matter."""
    for stop in range(STEPS + 1):
        whole, first = case.begun(steps=stop)
        again = case.problem()
        for name, p in again.parameters.items():
            p.assign(whole.parameters[name].data)
        second = case.over(reversed(list(again.parameters.values())))
        second.load_state_dict(through_json(first.state_dict()))
        whole.run(first, STEPS)
        again.run(second, STEPS)
        whole.compare(again, f"resumed after {stop} steps")
    return STEPS + 1


def state_round_trip(case: _Case) -> int:
    """A state_dict holds copies of arrays, numbers, words and None, and comes back as it was."""
    for dtype in (np.float32, np.float64):
        optimizer = case.begun(dtype, 2)[1]
        state = optimizer.state_dict()
        other = case.over(case.problem(dtype).parameters.values())
        other.load_state_dict(through_json(state))
        now = other.state_dict()
        require(now.keys() == state.keys(), f"loaded, it has other entries: {sorted(now.keys() ^ state.keys())}.")
        _near(now, state, 0.0, "loaded")
        for name, value in state.items():
            if isinstance(value, np.ndarray):
                require(not np.shares_memory(value, optimizer.state_dict()[name]), f"{name} is not a copy.")
    return len(state)


def copies(case: _Case) -> int:
    """Copied or pickled together with its parameters, it goes on to the same bits, by itself."""
    training = case.begun(steps=2)
    problem, optimizer = training
    before = {name: p.numpy() for name, p in problem.parameters.items()}
    for how, made in (("deepcopy", copy.deepcopy(training)), ("pickle", pickle.loads(pickle.dumps(training)))):
        want, first = case.begun(steps=2)
        want.run(first)
        made[0].run(made[1])
        want.compare(made[0], f"after {how}")
        for name, p in problem.parameters.items():
            same(p.data, before[name], f"a step after {how} moved {name} of the original")
    shared = copy.copy(optimizer)
    state = optimizer.state_dict()
    problem.run(shared, 1)
    _near(optimizer.state_dict(), state, 0.0, "a step of a copy.copy changed the original")
    return 3


def groups(case: _Case) -> int:
    """Each group moves by settings of its own, as if it were alone, also one that is added later."""
    if case.searches or "lr" not in case.cls(list(case.problem().parameters.values()), **case.settings).defaults:
        return 0
    problem = case.problem()
    (name, first), *rest = problem.parameters.items()
    lr = case.over([first]).defaults["lr"]
    optimizer = case.over([first])
    if rest:
        optimizer.add_param_group({"params": [p for _, p in rest], "lr": lr / 2})
        problem.run(optimizer)
        for names, rate in (([name], lr), ([n for n, _ in rest], lr / 2)):
            alone = case.problem()
            alone.run(case.over([alone.parameters[n] for n in names], lr=rate))
            for n in names:
                same(problem.parameters[n].data, alone.parameters[n].data, f"{n} moves otherwise beside another group")
    return 2


def frozen(case: _Case) -> int:
    """A parameter without gradient stays, is not remembered, and later begins afresh."""
    if case.searches:
        return 0
    name = case.shapes[0]
    problem, optimizer = case.begun()
    problem.run(optimizer, 3, frozen=[name])
    p = problem.parameters[name]
    same(p.data, problem.start[name], f"{name} has no gradient, but moved")
    require(p not in optimizer.state, f"{name} has no gradient, but a state.")
    problem.run(optimizer, 2)
    alone = case.begun(steps=2)[0]
    same(p.data, alone.parameters[name].data, f"{name}, first trained in step 4, moves otherwise than from step 1")
    return 3


def maximizes(case: _Case) -> int:
    """With ``maximize=True`` it does with a gradient what it does without with minus that gradient."""
    (name, *_), problem = case.shapes, case.problem()
    p = problem.parameters[name]
    if "maximize" not in case.over([p]).defaults:
        return 0
    start, found = p.numpy(), []
    for maximize, factor in ((True, 1.0), (False, -1.0)):
        p.assign(start)
        optimizer = case.over([p], maximize=maximize)
        for _ in range(3):
            p.grad = problem.gradient(name) * p.dtype.type(factor)
            optimizer.step()
        found.append(p.numpy())
    same(found[0], found[1], "three steps with maximize=True differ from three along minus the gradient")
    return 1


def _stage(case: _Case, dtype: Any) -> list[tuple[Any, Any, dict[str, Any], Any]]:
    """Arguments of `change`, for each parameter before each of a few steps."""
    problem, optimizer = case.begun(dtype)
    optimizer.prepare()
    found = []
    for _ in range(3):
        for name, p in problem.parameters.items():
            group = optimizer.param_groups[0]
            found.append((p.numpy(), problem.gradient(name), copy.deepcopy(optimizer.state[p]), group))
        problem.run(optimizer, 1)
    return found


def change_is_pure(case: _Case) -> int:
    """`change` writes to none of its arguments, and gives the same for arrays and Tensors."""
    if case.searches:
        return 0
    optimizer = case.begun()[1]
    stage = _stage(case, np.float64)
    for p, g, state, settings in stage:
        before = copy.deepcopy((p, g, state, dict(settings, params=None)))
        delta, after = optimizer.change(p, g, state, settings)
        for now, then in zip((p, g), before, strict=False):
            same(now, then, "change wrote to the parameter or its gradient")
        _near(state, before[2], 0.0, "change wrote to the state that it was given")
        require(dict(settings, params=None) == before[3], "change wrote to the settings.")
        tensors = {name: Tensor(v) if isinstance(v, np.ndarray) else v for name, v in state.items()}
        recorded, remembered = optimizer.change(Tensor(p), Tensor(g, requires_grad=True), tensors, settings)
        for name, v in {"delta": recorded, **remembered}.items():
            require(not isinstance(v, np.ndarray), f"of Tensors, change made {name} an array, not recorded.")
        _near({"delta": recorded, **remembered}, {"delta": delta, **after}, 1e-12, "of Tensors, change differs")
    return 4 * len(stage)


def plan_is_change(case: _Case) -> int:
    """`plan` writes what `change` says, or declines and writes nothing."""
    if case.cls.plan is Optimizer.plan:
        return 0
    count = 0
    for dtype, rtol in PRECISION.items():
        optimizer = case.begun(dtype)[1]
        for p, g, state, settings in _stage(case, dtype):
            want, after = optimizer.moved(p.copy(), g, copy.deepcopy(state), settings)
            moved, kept = p.copy(), copy.deepcopy(state)
            if not optimizer.plan(moved, g.copy(), kept, settings):
                want, after = p, state
            _near({"parameter": moved, **kept}, {"parameter": want, **after}, rtol, "plan and change differ")
            count += 1
    return count


CONTRACTS: dict[str, Callable[[_Case], int]] = {
    "steps move": steps_move,
    "state_dict round trip": state_round_trip,
    "resumes": resumes,
    "copies": copies,
    "groups": groups,
    "frozen parameters": frozen,
    "maximizes": maximizes,
    "change is pure": change_is_pure,
    "plan is change": plan_is_change,
}


@named
def check_optimizer(cls: type[Optimizer], samples: Sequence[Mapping[str, Any]] | None = None) -> ContractReport:
    """Run all contracts of a class of optimisers, on settings.

    Parameters
    ----------
    samples : settings to make it with, one dict for each choice; by default those in its attribute ``samples``.

    Raises
    ------
    ContractError : one is broken, or there are no samples; the message names the optimiser, the contract and the
        settings.

    Examples
    --------
    >>> print(tg.testing.check_optimizer(optim.SGD, [{"lr": 0.1, "momentum": 0.9}]))
    SGD: ... checks hold
    ...
    """
    if not (inspect.isclass(cls) and issubclass(cls, Optimizer)):
        raise TypeError(f"check_optimizer: expected a class of optimisers, such as optim.SGD, got {cls!r}.")
    name, chosen = cls.__name__, cls.samples if samples is None else samples
    if not chosen:
        raise ContractError(
            f"{name}: there are no settings to check it with. Write in the class, for example, "
            'samples = [{"lr": 0.1}]: one dict for each choice of settings that takes another way through `change`.'
        )
    return run_all(name, CONTRACTS, chosen, partial(_Case, cls))
