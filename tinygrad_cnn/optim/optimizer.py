"""What all optimisers share: groups of parameters, state, and the one place where parameters are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from ..autodiff.effects import effect
from ..core import Tensor
from ..core.errors import describe, nearest
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
        self.defaults = dict(Group(self.who, [], settings))
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
        params = [inside] if isinstance(inside, Tensor) else [_parameter(self.who, p) for p in inside]
        if not params:
            raise ValueError(f"{self.who}: the parameter list is empty. Pass model.parameters().")
        seen = {id(p) for g in self.param_groups for p in g["params"]}
        for p in params:
            if id(p) in seen:
                raise ValueError(f"{self.who}: parameter {p.name or describe(p)} was given twice; list each once.")
            seen.add(id(p))
        added = Group(self.who, params, {**self.defaults, **settings})
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
        """A flat dict of arrays (copies), numbers and bools: "groups.0.lr", "state.3.exp_avg".

        Parameters are numbered in the order in which they were given, through all groups.
        """
        flat: dict[str, Any] = {"optimizer": self.who}
        for k, group in enumerate(self.param_groups):
            flat[f"groups.{k}.size"] = len(group["params"])
            for name in self.defaults:
                value = group[name]
                if isinstance(value, tuple):
                    flat |= {f"groups.{k}.{name}.{j}": v for j, v in enumerate(value)}
                else:
                    flat[f"groups.{k}.{name}"] = value
        for k, (parameter, _) in enumerate(self._parameters()):
            for name, value in self.state.get(parameter, {}).items():
                flat[f"state.{k}.{name}"] = value.copy() if isinstance(value, np.ndarray) else value
        return flat

    @effect
    def load_state_dict(self, values: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`, settings included; nothing is loaded unless all fits.

        Raises
        ------
        ValueError : it is of another optimiser, or of other parameters; the message names the first difference.
        """
        if not isinstance(values, Mapping) or values.get("optimizer") != self.who:
            got = values.get("optimizer", "something else") if isinstance(values, Mapping) else type(values).__name__
            raise ValueError(f"{self.who}.load_state_dict: needs the state_dict of a {self.who}, got that of {got}.")
        expected = [k for k in self.state_dict() if k.startswith("groups.")]
        given = [k for k in values if k.startswith("groups.")]
        if odd := sorted(set(expected) ^ set(given)):
            raise ValueError(f"{self.who}.load_state_dict: the groups differ: {', '.join(odd[:5])} on one side only.")
        settings = []
        for k, group in enumerate(self.param_groups):
            if values[f"groups.{k}.size"] != len(group["params"]):
                raise ValueError(
                    f"{self.who}.load_state_dict: group {k} has {len(group['params'])} parameters, "
                    f"the saved one {values[f'groups.{k}.size']}."
                )
            loaded = {name: self._saved(values, f"groups.{k}.{name}", group[name]) for name in self.defaults}
            settings.append(Group(self.who, group["params"], loaded))
        state = self._loaded_state(values)
        self.param_groups[:] = settings
        self.state = state

    @staticmethod
    def _saved(values: Mapping[str, Any], key: str, now: Any) -> Any:
        if isinstance(now, tuple):
            return tuple(_plain(values[f"{key}.{j}"]) for j in range(len(now)))
        return bool(values[key]) if isinstance(now, bool) else _plain(values[key])

    def _loaded_state(self, values: Mapping[str, Any]) -> dict[Tensor, Slot]:
        parameters = [parameter for parameter, _ in self._parameters()]
        state: dict[Tensor, Slot] = {}
        known = self.state_names | self.optional_state
        for key, value in values.items():
            head, _, rest = key.partition(".")
            if head != "state":
                if head not in ("groups", "optimizer"):
                    raise ValueError(f"{self.who}.load_state_dict: unexpected entry {key!r}.")
                continue
            number, _, name = rest.partition(".")
            if not number.isdigit() or int(number) >= len(parameters) or name not in known:
                raise ValueError(f"{self.who}.load_state_dict: unexpected entry {key!r}.")
            parameter = parameters[int(number)]
            if np.ndim(value) or name not in ("step", "mu_product"):
                array = np.asarray(value)
                if array.shape != parameter.shape:
                    raise ValueError(
                        f"{self.who}.load_state_dict: {key} has shape {array.shape}, "
                        f"parameter {parameter.name or number} {parameter.shape}."
                    )
                value = array.astype(parameter.dtype)
            state.setdefault(parameter, {})[name] = value if isinstance(value, np.ndarray) else _plain(value)
        for k, parameter in enumerate(parameters):
            if lacks := self.state_names - state.get(parameter, {}).keys() if parameter in state else None:
                raise ValueError(f"{self.who}.load_state_dict: state.{k} lacks {', '.join(sorted(lacks))}.")
        return state

    def __repr__(self) -> str:
        lines = []
        for group in self.param_groups:
            settings = ", ".join(f"{name}={group[name]!r}" for name in self.defaults)
            lines.append(f"  {len(group['params'])} parameters, {settings}")
        return f"{self.who}(\n" + "\n".join(lines) + "\n)"


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


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


def _groups(who: str, params: Any) -> list[Mapping[str, Any]]:
    """`params` in any of its three forms, as groups."""
    if isinstance(params, (Tensor, np.ndarray, Mapping)) or not isinstance(params, Iterable):
        raise TypeError(f"{who}: needs a list of parameters, got {describe(params)}. Pass model.parameters().")
    items = list(params)
    if items and all(isinstance(item, Mapping) for item in items):
        return items
    return [{"params": items}] if items else []
