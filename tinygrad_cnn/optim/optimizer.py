"""What all optimisers share: groups of parameters, state, and the one place where parameters are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy, deepcopy
from typing import Any, ClassVar

import numpy as np

from ..autodiff.effects import effect
from ..core import Tensor
from ..core.errors import describe, nearest
from .saving import flat, loaded_groups, names_of, places, plain, saved_names
from .settings import Group

Slot = dict[str, Any]  # what an optimiser remembers of one parameter: arrays of its shape, and plain numbers


class Optimizer:
    """Base of all optimisers.  Subclasses say how far one parameter moves, in `_change`.

    Parameters
    ----------
    params : parameters, (name, parameter) pairs, or dicts ``{"params": [...], "lr": ...}`` for groups with settings
        of their own.
    settings : the defaults of all groups.

    `param_groups` lists the groups; their settings may be changed between steps, as schedules do.
    """

    state_names: ClassVar[frozenset[str]] = frozenset()  # what every slot in use holds
    optional_state: ClassVar[frozenset[str]] = frozenset()  # what some settings add
    decoupled: ClassVar[bool] = False  # whether weight decay shrinks parameters instead of adding to their gradients

    def __init__(self, params: Any, **settings: Any) -> None:
        self.who = type(self).__name__
        self.defaults = dict(Group(type(self), [], settings))
        del self.defaults["params"]
        self.param_groups: list[Group] = []
        self.state: dict[Tensor, Slot] = {}
        self._scratch: dict[tuple[np.dtype[Any], int], np.ndarray] = {}
        for group in _groups(self.who, params):
            self.add_param_group(group)
        if not self.param_groups:
            raise ValueError(f"{self.who}: the parameter list is empty. Pass model.parameters().")

    @effect
    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Train more parameters: ``{"params": [...], "lr": ...}``; settings not given are the defaults."""
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
        self._check_group(added)
        self.param_groups.append(added)

    def _check_group(self, group: Group) -> None:
        """Refuse settings that do not go together."""

    def _parameters(self) -> Iterator[tuple[Tensor, Group]]:
        for group in self.param_groups:
            for parameter in group["params"]:
                yield parameter, group

    @effect
    def zero_grad(self) -> None:
        """Forget the gradients: sets `.grad` to None, touches no memory."""
        for parameter, _ in self._parameters():
            leaf: Any = parameter.node
            leaf.grad = None  # as `parameter.grad = None`, which would be an effect of its own

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move every parameter that has a gradient; those with ``grad=None`` stay, and so does their state.

        A closure that computes the loss and its gradients is called first, and what it returns is returned; only
        `LBFGS`, which calls it several times, needs one.
        """
        loss = None if closure is None else closure()
        for parameter, group in self._parameters():
            gradient = parameter.grad
            if gradient is not None:
                self._update(parameter, gradient, group)
        return loss

    @effect
    def _update(self, parameter: Tensor, gradient: np.ndarray, group: Group) -> None:
        """Move one parameter by ``- change``, after shrinking it where the decay of weights is decoupled.

        The only place where an optimiser writes to parameters, but for those that do it in one pass.
        """
        slot = self.state.get(parameter)
        if slot is None:
            slot = self.state[parameter] = {}
        if self._stepped_at_once(parameter, gradient, slot, group):
            return
        change = self._change(parameter, gradient, slot, group)  # an array of ours, to be overwritten
        keep = 1.0 - group["lr"] * group["weight_decay"] if self.decoupled else 1.0
        if keep == 1.0:
            np.subtract(parameter.data, change, out=change)
        else:
            shrunk = np.multiply(parameter.data, keep, out=self._buffer(parameter, 2))
            np.subtract(shrunk, change, out=change)
        parameter.assign(change)

    def _stepped_at_once(self, parameter: Tensor, gradient: np.ndarray, slot: Slot, group: Group) -> bool:
        """Move the parameter and its slot in one pass over memory; False if there is no such kernel."""
        return False

    def _change(self, parameter: Tensor, gradient: np.ndarray, slot: Slot, group: Group) -> Any:
        """What to subtract from the parameter, in one of the scratch buffers."""
        raise NotImplementedError(f"{self.who}: does not say how parameters change. Define _change.")

    def _buffer(self, parameter: Tensor, which: int) -> np.ndarray:
        """Scratch memory of the parameter's shape and dtype, shared by all parameters; three of them."""
        key = (parameter.dtype, which)
        flat = self._scratch.get(key)
        if flat is None or flat.size < parameter.size:
            flat = self._scratch[key] = np.empty(parameter.size, parameter.dtype)
        return flat[: parameter.size].reshape(parameter.shape)

    @staticmethod
    def _zeros(slot: Slot, name: str, like: np.ndarray) -> np.ndarray:
        """The array of that name in a slot, zero at first."""
        array: np.ndarray | None = slot.get(name)
        if array is None:
            array = slot[name] = np.zeros_like(like)
        return array

    def _decayed(self, parameter: Tensor, gradient: np.ndarray, group: Group) -> Any:
        """The gradient with that of weight_decay/2 * |p|**2 added, in scratch buffer 0; itself without decay."""
        if self.decoupled or not group["weight_decay"]:
            return gradient
        out = np.multiply(parameter.data, group["weight_decay"], out=self._buffer(parameter, 0))
        out += gradient
        return out

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
        state = self._loaded_state(values, order)
        self.param_groups[:] = groups
        self.state = state

    def _loaded_state(self, values: Mapping[str, Any], order: list[int]) -> dict[Tensor, Slot]:
        parameters = [parameter for parameter, _ in self._parameters()]
        state: dict[Tensor, Slot] = {}
        known = self.state_names | self.optional_state
        for key, value in values.items():
            head, _, rest = key.partition(".")
            if head != "state":
                if head not in ("groups", "optimizer", "names"):
                    raise ValueError(f"{self.who}.load_state_dict: unexpected entry {key!r}.")
                continue
            number, _, name = rest.partition(".")
            if not number.isdigit() or int(number) >= len(parameters) or name not in known:
                raise ValueError(f"{self.who}.load_state_dict: unexpected entry {key!r}.")
            parameter = parameters[order[int(number)]]
            if np.ndim(value) or name not in ("step", "mu_product"):
                array = np.asarray(value)
                if array.shape != parameter.shape:
                    raise ValueError(
                        f"{self.who}.load_state_dict: {key} has shape {array.shape}, "
                        f"parameter {parameter.name or number} {parameter.shape}."
                    )
                value = array.astype(parameter.dtype)
            state.setdefault(parameter, {})[name] = value if isinstance(value, np.ndarray) else plain(value)
        for k, place in enumerate(order):
            slot = state.get(parameters[place])
            if lacks := self.state_names - slot.keys() if slot is not None else None:
                raise ValueError(f"{self.who}.load_state_dict: state.{k} lacks {', '.join(sorted(lacks))}.")
        return state

    def __copy__(self) -> Any:
        """An optimiser of the same parameters, with settings and state of its own."""
        other = type(self).__new__(type(self))
        vars(other).update(self.__getstate__())
        other.param_groups = [copy(group) for group in self.param_groups]
        for group in other.param_groups:
            dict.__setitem__(group, "params", list(group["params"]))
        other.state = {parameter: deepcopy(slot) for parameter, slot in self.state.items()}
        return other

    def __getstate__(self) -> dict[str, Any]:
        """All that copies and pickled copies take over: what is in the scratch memory counts for nothing."""
        return {**vars(self), "_scratch": {}}

    def __repr__(self) -> str:
        lines = []
        for group in self.param_groups:
            settings = ", ".join(f"{name}={group[name]!r}" for name in self.defaults)
            lines.append(f"  {len(group['params'])} parameters, {settings}")
        return f"{self.who}(\n" + "\n".join(lines) + "\n)"


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
