"""Parameters that are computed: of an original, which is trained in their place, by a module.

A layer whose weight is computed has no parameter of that name.  It has a module ``parametrizations`` with one for each
such name, which holds the original and the modules that its value goes through, under PyTorch's names.  `Module` asks
there for attributes that it lacks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from ..autodiff.calls import named
from ..autodiff.hooks import Handle
from ..core import Tensor
from ..core.errors import describe, nearest
from ..core.modes import current, no_grad, switched
from ..core.tensor import plain
from .layouts import SAME, Layout, Theirs
from .module import Module
from .parameter import Parameter

__all__ = ["parametrize", "remove_parametrization"]

M = TypeVar("M", bound=Module)
_kept: ContextVar[dict[Any, Any]] = ContextVar("values of the calls that run", default={})  # noqa: B039 -- replaced


class _Shown(Module):
    """A module whose class is not exported, but has a name to show."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.__name__ = cls.__name__.removeprefix("_")


class _Parametrization(_Shown):
    """What computes one parameter: ``original``, or ``original0`` and so on, and modules "0", "1", ... in a row."""

    def __init__(self, parameter: Parameter, place: int, layout: Layout | Theirs) -> None:
        self._place = place  # among the attributes of the layer, for `remove_parametrization`
        self._layout = replace(layout, name="", plus=()) if isinstance(layout, Layout) else SAME
        self.original = parameter
        self.in_torch = {"original": self._layout}

    def originals(self) -> list[Any]:
        """What is trained, or stands for it in a functional call."""
        return [value for name, value in vars(self).items() if name.startswith("original")]

    def forward(self) -> Any:
        first, *others = self.children()
        y = first(*self.originals())
        for step in others:
            y = step(y)
        return y

    def write(self, value: Any) -> None:
        """Give the originals the values of which `value` is computed, as far as its modules can say so."""
        given = [plain(value)]
        for step in reversed(list(self.children())):
            given = _inverse(step, given[0])
        with no_grad():
            for parameter, array in zip(self.originals(), given, strict=True):
                parameter.assign(array)

    def grow(self, step: Module, value: np.ndarray) -> None:
        """Put a module at the end of the row; `value` is what the row is to give with it."""
        first = not list(self.children())
        parts = _inverse(step, value)
        setattr(self, str(len(list(self.children()))), step)
        if first and (len(parts) > 1 or parts[0].shape != self.original.shape):
            trained = self.original.requires_grad
            del self.original
            names = [f"original{k}" for k in range(len(parts))] if len(parts) > 1 else ["original"]
            for name, part in zip(names, parts, strict=True):
                setattr(self, name, Parameter(part, requires_grad=trained))
            self.in_torch = dict.fromkeys(names, self._layout)
        else:
            self.write(value)


class _Parametrizations(_Shown):
    """The parameters of a layer that are computed, by name."""

    _handle: Handle  # of what opens the calls of the layer

    def value(self, name: str) -> Any:
        """A computed parameter: inside a call of its layer computed once, else without moving any buffer."""
        made, kept = vars(self)[name], _kept.get()
        if made not in kept:
            with switched(recomputing=True):
                return made()
        if kept[made] is None:
            kept[made] = made()
        return kept[made]


def _inverse(step: Module, value: np.ndarray) -> list[np.ndarray]:
    """Of what a module makes `value`: as it says in a method `right_inverse`, or the value itself."""
    given = step.right_inverse(value) if hasattr(step, "right_inverse") else value
    return [np.asarray(plain(part)) for part in (given if isinstance(given, (tuple, list)) else [given])]


@contextmanager
def _once(layer: Module) -> Iterator[None]:
    """A call of a layer, in which each computed parameter is computed once, when it is first read."""
    token = _kept.set({**_kept.get(), **dict.fromkeys(layer.parametrizations.children())})
    try:
        yield
    finally:
        _kept.reset(token)


@named
def parametrize(layer: M, name: str, parametrization: Module) -> M:
    """Have a parameter of a layer computed by a module, of an original that is trained in its place; returns the layer.

    ``layer.weight`` is then ``parametrization(original)``, computed once in each call of the layer.  Gradients reach
    the original, a parameter called ``parametrizations.weight.original``.  More than one module may be given, one
    after another: each gets what the one before it gave.  Assigning to ``layer.weight`` writes the original.

    Parameters
    ----------
    name : of one of the layer's own parameters.
    parametrization : a Module of one argument that returns an array of the same shape.  A method
        ``right_inverse(value)`` says of which original it makes a value, by default the value itself; if it returns a
        tuple, there are several originals, and as many arguments.

    Raises
    ------
    TypeError, ValueError : the layer has no such parameter, or the module changes its shape or dtype.

    Examples
    --------
    >>> class Symmetric(nn.Module):
    ...     def forward(self, x):
    ...         return (x + x.T) / 2
    >>> layer = nn.parametrize(nn.Linear(3, 3, rng=0), "weight", Symmetric())
    >>> bool((layer.weight.data == layer.weight.data.T).all())
    True
    >>> [name for name, _ in layer.named_parameters()]
    ['bias', 'parametrizations.weight.original']
    """
    _check("parametrize", layer)
    if not isinstance(parametrization, Module):
        hint = " Wrap a function as nn.Lambda(function)." if callable(parametrization) else ""
        raise TypeError(f"parametrize: parametrization must be a Module, got {describe(parametrization)}.{hint}")
    own = [key for key, value in vars(layer).items() if isinstance(value, Parameter)] + _names(layer)
    if name not in own:
        raise ValueError(
            f"parametrize: {type(layer).__name__} has no parameter {name!r} of its own.{nearest(str(name), own)} "
            f"It has {', '.join(own) or 'none'}."
        )
    value = plain(getattr(layer, name))
    with switched(recomputing=True), no_grad():
        y = parametrization(*[Tensor(part) for part in _inverse(parametrization, value)])
    if getattr(y, "shape", None) != value.shape or y.dtype != value.dtype:
        raise ValueError(
            f"parametrize: {type(parametrization).__name__} made {describe(y)} of {name!r}, which is "
            f"{value.shape} {value.dtype}; shape and dtype must stay."
        )
    if name not in _names(layer):
        _take_over(layer, name)
    vars(layer.parametrizations)[name].grow(parametrization, value)
    return layer


def _take_over(layer: Module, name: str) -> None:
    """Take a parameter out of the attributes of a layer."""
    parameter, place = vars(layer)[name], list(vars(layer)).index(name)
    if "parametrizations" not in vars(layer):
        layer.parametrizations = _Parametrizations()
        layer.parametrizations._handle = layer._hook("around", _once)
    delattr(layer, name)
    setattr(layer.parametrizations, name, _Parametrization(parameter, place, layer.in_torch.get(name, SAME)))


@named
def remove_parametrization(layer: M, name: str = "weight", keep_value: bool = True) -> M:
    """Make a computed parameter a plain one again; returns the layer.

    It keeps the value that it has, or with ``keep_value=False`` takes that of the original, of which there must then be
    one.  The parameter is the one that was trained, if that has its shape.

    >>> layer = nn.weight_norm(nn.Linear(3, 2, rng=0))
    >>> [name for name, _ in nn.remove_parametrization(layer).named_parameters()]
    ['weight', 'bias']
    """
    _check("remove_parametrization", layer)
    if name not in _names(layer):
        known = ", ".join(_names(layer)) or "none"
        raise ValueError(
            f"remove_parametrization: {name!r} of {type(layer).__name__} is not computed. Computed are: {known}."
        )
    made = vars(layer.parametrizations)[name]
    originals, value = made.originals(), plain(getattr(layer, name))
    if not keep_value and len(originals) > 1:
        raise ValueError(
            f"remove_parametrization: {name!r} has {len(originals)} originals, none of which is its value. "
            "Use keep_value=True."
        )
    delattr(layer.parametrizations, name)
    if not _names(layer):
        layer.parametrizations._handle.remove()
        del layer.parametrizations
    parameter = originals[0]
    if len(originals) > 1 or (keep_value and parameter.shape != value.shape):
        parameter = Parameter(value, requires_grad=parameter.requires_grad)
    elif keep_value:
        with no_grad():
            parameter.assign(value)
    later = list(vars(layer).items())[made._place :]
    setattr(layer, name, parameter)
    for key, part in later:  # so that parameters come in the order of before
        vars(layer)[key] = vars(layer).pop(key, part)
    return layer


def _names(layer: Module) -> list[str]:
    """The names of the parameters that are computed."""
    made = vars(layer).get("parametrizations")
    return [] if made is None else [name for name, _ in made.named_children()]


def _check(who: str, layer: Any) -> None:
    if not isinstance(layer, Module):
        raise TypeError(f"{who}: needs a layer first, got {describe(layer)}.")


def moves(module: Module) -> bool:
    """Whether the buffers of a parametrisation may move now: in a call of its layer, in training."""
    return module.training and not current().recomputing
