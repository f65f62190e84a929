"""What all optimisers share: groups of parameters, state, and the one place where parameters are written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy, deepcopy
from typing import Any, ClassVar

import numpy as np

from ..autodiff.calls import OURS, named
from ..autodiff.effects import effect, effect_observers
from ..autodiff.foreign import answering
from ..autodiff.writing import owned, written
from ..core import Tensor
from ..core.errors import describe, nearest
from ..core.site import Site, here
from .saving import flat, loaded_groups, loaded_state, names_of, places, plain, saved_names
from .settings import Check, Group, Params

__all__ = ["Optimizer"]

State = dict[str, Any]  # what is remembered of one parameter: arrays of any shape, plain numbers, words, None


@answering("Optimizer")
@named
class Optimizer:
    """Base of all optimisers.  Subclasses say how one parameter moves, in `change`.

    Parameters
    ----------
    params : parameters, (name, parameter) pairs, or dicts ``{"params": [...], "lr": ...}`` for groups with settings
        of their own.
    defaults, settings : the settings of all groups that have none of their own, by name or in one dict.

    `param_groups` lists the groups; their settings may be changed between steps, as schedules do.

    Examples
    --------
    >>> class Plain(optim.Optimizer):
    ...     def change(self, parameter, gradient, state, settings):
    ...         return gradient * -settings["lr"], {"steps": state.get("steps", 0) + 1}
    >>> w = nn.Parameter([1.0])
    >>> plain = Plain([w], lr=0.5)
    >>> (4 * w).sum().backward()
    >>> plain.step()
    >>> w.item(), plain.state_dict()["state.0.steps"]
    (-1.0, 1)
    """

    samples: ClassVar[Sequence[Mapping[str, Any]]] = ()  # settings with which `tg.testing.check_optimizer` checks it
    checks: ClassVar[Mapping[str, Check]] = {}  # of a setting: (name of the class, its name, value) -> value, or raises
    optional_state: ClassVar[frozenset[str]] = frozenset()  # what `start` leaves out under some settings
    decoupled: ClassVar[bool] = False  # whether weight decay shrinks parameters instead of adding to their gradients

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "change" in vars(cls) and "plan" not in vars(cls):  # the plan of a base does what the change of a base says
            cls.plan = Optimizer.plan  # type: ignore[method-assign]
        if cls.__module__.startswith(OURS):
            named(cls)

    def __init__(self, params: Params, defaults: Mapping[str, Any] | None = None, **settings: Any) -> None:
        self.who = type(self).__name__
        if defaults is not None and not isinstance(defaults, Mapping):
            raise TypeError(f"{self.who}: settings go by name, as in lr=0.1, or in one dict; got {describe(defaults)}.")
        settings = {**(defaults or {}), **settings}
        self.defaults = dict(Group(type(self), [], settings))
        del self.defaults["params"]
        self.param_groups: list[Group] = []
        self.state: dict[Tensor, State] = defaultdict(dict)  # empty until the first step
        for group in _groups(self.who, params):
            self.add_param_group(group)
        if not self.param_groups:
            raise ValueError(f"{self.who}: the parameter list is empty. Pass model.parameters().")

    @effect
    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Train more parameters: ``{"params": [...], "lr": ...}``; settings not given are the defaults."""
        if not isinstance(group, Mapping):
            raise TypeError(f'{self.who}: a group is a dict, as {{"params": [...], "lr": 0.1}}, got {describe(group)}.')
        if "params" not in group:
            raise ValueError(f"{self.who}: a group needs 'params', got only {', '.join(group) or 'nothing'}.")
        settings = {name: value for name, value in group.items() if name != "params"}
        for name in settings:
            if name not in self.defaults:
                raise ValueError(
                    f"{self.who}: unknown setting {name!r} in a group.{nearest(name, self.defaults)} "
                    f"The settings are {', '.join(self.defaults)}."
                )
        inside = group["params"]
        _check_ordered(self.who, inside)
        params = [inside] if isinstance(inside, Tensor) else [_parameter(self.who, p) for p in inside]
        if not params:
            raise ValueError(f"{self.who}: the parameter list is empty. Pass model.parameters().")
        seen = {id(p) for g in self.param_groups for p in g["params"]}
        for p in params:
            if id(p) in seen:
                raise ValueError(f"{self.who}: parameter {p.name or describe(p)} was given twice; list each once.")
            seen.add(id(p))
        added = Group(type(self), params, {**self.defaults, **settings})
        self.check_group(added)
        self.param_groups.append(added)

    def _parameters(self) -> Iterator[tuple[Tensor, Group]]:
        for group in self.param_groups:
            for parameter in group["params"]:
                yield parameter, group

    @named
    @effect
    def zero_grad(self) -> None:
        """Forget the gradients: sets `.grad` to None, touches no memory."""
        for parameter, _ in self._parameters():
            leaf: Any = parameter.node
            leaf.grad = None  # as `parameter.grad = None`, which would be an effect of its own

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move every parameter that has a gradient; others stay, and so does their state, as do frozen ones.

        A closure that computes the loss and its gradients is called first, and what it returns is returned; only
        `LBFGS`, which calls it several times, needs one.
        """
        if closure is not None and not callable(closure):
            raise TypeError(f"{self.who}.step: closure must be a function giving the loss, not {describe(closure)}.")
        loss = None if closure is None else closure()
        site = here()
        for group in self.param_groups:
            for parameter in group["params"]:
                leaf = parameter.node
                if leaf.grad is None or not leaf.requires_grad:
                    continue
                one = self._update if effect_observers else self._move
                one(parameter, leaf.grad, group, site)
        return loss

    @effect
    def prepare(self) -> None:
        """Start the state of every parameter that is not frozen now, instead of in its first step."""
        for parameter, group in self._parameters():
            if parameter.requires_grad and not self.state.get(parameter):
                self.state[parameter] = self.start(parameter, group)

    def _move(self, parameter: Tensor, gradient: np.ndarray, group: Group, site: Site) -> None:
        """Move one parameter by its `plan`, or by its `change`: the only place where steps write to parameters."""
        array = owned(parameter)
        state = self.state.get(parameter)
        if not state:
            state = self.state[parameter] = self.start(parameter, group)
        gradient = _uphill(gradient, group)
        if not self.plan(array, gradient, state, group):
            delta, after = self.change(array, gradient, state, group)
            if np.shape(delta) != array.shape:
                raise ValueError(f"{self.who}.change: returned a delta of shape {np.shape(delta)} for {array.shape}.")
            self.state[parameter] = {name: _kept(value) for name, value in after.items()}
            keep = self._keep(group)
            np.add(array if keep == 1.0 else array * keep, delta, out=array)
        written(parameter, site)

    @effect
    def _update(self, parameter: Tensor, gradient: np.ndarray, group: Group, site: Site) -> None:
        """Move one parameter while observers of effects look on."""
        self._move(parameter, gradient, group, site)

    def _keep(self, settings: Mapping[str, Any]) -> float:
        """What a parameter is multiplied by before its delta is added."""
        return 1.0 - settings["lr"] * settings.get("weight_decay", 0.0) if self.decoupled else 1.0

    # -- what subclasses say ----------------------------------------------------------------------------------

    def change(self, parameter: Any, gradient: Any, state: State, settings: Mapping[str, Any]) -> tuple[Any, State]:
        """What is added to a parameter in one step, and what is remembered after it.

        It changes none of its arguments.  Parameter, gradient and arrays of the state are arrays, or Tensors where the
        step is recorded, so it uses operators and functions of `tinygrad_cnn`, which take both.  A state is a dict of
        arrays of any shape, plain numbers, words and None.
        """
        raise NotImplementedError(f"{self.who}: does not say how parameters change. Define change.")

    def start(self, parameter: Any, settings: Mapping[str, Any]) -> State:
        """What is remembered of a parameter before its first step: arrays in its dtype, plain numbers."""
        return {}

    def plan(self, parameter: np.ndarray, gradient: np.ndarray, state: State, settings: Mapping[str, Any]) -> bool:
        """Do what `change` says, but faster: write to the arrays of parameter and state in place.

        False, and nothing written, where there is no faster way.
        """
        return False

    def check_group(self, group: Mapping[str, Any]) -> None:
        """Refuse a new group whose settings or parameters do not go together."""

    def moved(self, parameter: Any, gradient: Any, state: State, settings: Mapping[str, Any]) -> tuple[Any, State]:
        """A parameter after one step of `change`, as a new value, and the state after it; writes to nothing."""
        delta, after = self.change(parameter, _uphill(gradient, settings), state, settings)
        keep = self._keep(settings)
        return (parameter if keep == 1.0 else parameter * keep) + delta, after

    def decayed(self, parameter: Any, gradient: Any, settings: Mapping[str, Any]) -> Any:
        """The gradient with that of the decay of weights added; itself without decay, or if that is decoupled."""
        if self.decoupled or not settings.get("weight_decay"):
            return gradient
        return parameter * settings["weight_decay"] + gradient

    # -- saving and resuming ----------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """A flat dict of arrays (copies), numbers, words and None: "groups.0.lr", "state.3.exp_avg", "names.3".

        Parameters are numbered in the order in which they were given, through all groups.
        """
        entries: dict[str, Any] = {"optimizer": self.who}
        for k, group in enumerate(self.param_groups):
            entries[f"groups.{k}.size"] = len(group["params"])
            for name in self.defaults:
                entries |= flat(group[name], f"groups.{k}.{name}")
        parameters = [parameter for parameter, _ in self._parameters()]
        for k, name in enumerate(names_of(parameters) or ()):
            entries[f"names.{k}"] = name
        for k, parameter in enumerate(parameters):
            for name, value in self.state.get(parameter, {}).items():
                entries[f"state.{k}.{name}"] = value.copy() if isinstance(value, np.ndarray) else plain(value)
        return entries

    @effect
    def load_state_dict(self, values: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`, settings included; nothing is loaded unless all fits.

        State goes to the parameter of the same name, in whatever order they were given.  If one of the two has no
        names, or a name twice, the position counts.

        Raises
        ------
        ValueError : it is of another optimiser, or of other parameters; the message names the first difference.
        """
        if not isinstance(values, Mapping) or values.get("optimizer") != self.who:
            got = values.get("optimizer", "something else") if isinstance(values, Mapping) else type(values).__name__
            raise ValueError(f"{self.who}.load_state_dict: needs the state_dict of a {self.who}, got that of {got}.")
        groups = loaded_groups(self, values)
        sizes = [len(group["params"]) for group in groups]
        known = saved_names(self.who, values, sizes)
        order = places(self.who, known, [group["params"] for group in groups])
        state = loaded_state(self, values, groups, order)
        self.param_groups[:] = groups
        self.state = defaultdict(dict, state)

    def __copy__(self) -> Any:
        """An optimiser of the same parameters, with settings and state of its own."""
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        other.param_groups = [copy(group) for group in self.param_groups]
        for group in other.param_groups:
            dict.__setitem__(group, "params", list(group["params"]))
        other.state = defaultdict(dict, {parameter: deepcopy(slot) for parameter, slot in self.state.items()})
        return other

    def __repr__(self) -> str:
        lines = []
        for group in self.param_groups:
            settings = ", ".join(f"{name}={group[name]!r}" for name in self.defaults)
            lines.append(f"  {len(group['params'])} parameters, {settings}")
        return f"{self.who}(\n" + "\n".join(lines) + "\n)"


def _uphill(gradient: Any, settings: Mapping[str, Any]) -> Any:
    """The gradient of what is made smaller: with ``maximize=True``, minus the one given."""
    return -gradient if settings.get("maximize") else gradient


def _kept(value: Any) -> Any:
    """A value of a state; what NumPy made a scalar of is an array without axes again."""
    return np.asarray(value) if isinstance(value, np.generic) else value


def _parameter(who: str, item: Any) -> Tensor:
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str):
        name, item = item
        if isinstance(item, Tensor) and item.name is None:
            item.name = name
    if not isinstance(item, Tensor):
        raise TypeError(f"{who}: parameters must be Tensors, got {describe(item)}. Pass model.parameters().")
    if item.node.op is not None:
        raise TypeError(f"{who}: {item.name or 'a parameter'} is a result of {item.node.op.name}, not a leaf.")
    if item.dtype.kind != "f":
        raise TypeError(f"{who}: {item.name or 'a parameter'} has dtype {item.dtype}; only floats can be trained.")
    return item


def _check_ordered(who: str, params: Any) -> None:
    """Refuse a set: its order is another one in each run, and saved state would go to the wrong parameters."""
    if isinstance(params, (set, frozenset)):
        raise TypeError(f"{who}: parameters in a {type(params).__name__} have no order. Pass a list of them.")


def _groups(who: str, params: Any) -> list[Mapping[str, Any]]:
    """`params` in any of its three forms, as groups."""
    if isinstance(params, (Tensor, np.ndarray, Mapping)) or not isinstance(params, Iterable):
        raise TypeError(f"{who}: needs a list of parameters, got {describe(params)}. Pass model.parameters().")
    _check_ordered(who, params)
    items = list(params)
    if items and all(isinstance(item, Mapping) for item in items):
        return items
    return [{"params": items}] if items else []
