"""`functional_call`: a model as a function of its parameters.

The model itself is never touched.  What runs is a stand-in: for each module an object of the same class with the same
attributes, but with other values in the place of parameters.  So threads do not disturb each other, and there is
nothing to restore after an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any

from ..autodiff.calls import named
from ..core import Tensor
from ..core.errors import check_floating, describe, nearest
from .layouts import join
from .module import _READ_OFF, Module, P, R
from .parameter import Parameter

__all__ = ["functional_call"]


@named
def functional_call(
    model: Callable[P, R], parameters: Mapping[str, Any], /, *args: P.args, **kwargs: P.kwargs
) -> R:
    """Run a model with other values in the place of its parameters: ``model(*args, **kwargs)`` as a function of them.

    Gradients flow to the values that are given, of any order.  The model stays as it was, its running statistics too;
    random generators, which Dropout draws from, go on.  Several threads may call one model.

    Parameters
    ----------
    model : a Module.  Its forward may read attributes; what it assigns to attributes is dropped.
    parameters : name -> array or Tensor, which may have a history, of the parameter's shape.  Names are those of
        `state_dict`, or any other that a shared parameter has.  What is not named keeps its value.  Buffers can be
        given too; a Tensor given for a running average is the one that moves.

    Raises
    ------
    KeyError : the model has no parameter of this name.
    TypeError, ValueError : a value is not an array, has the wrong shape, or one parameter is given twice.

    Examples
    --------
    One step of gradient descent that can be differentiated, as in MAML:

    >>> net = nn.Linear(3, 1, rng=0)
    >>> x, t = tg.randn(8, 3, rng=1).data, tg.randn(8, 1, rng=2).data
    >>> def loss(weights):
    ...     return tg.mse_loss(tg.functional_call(net, weights, x), t)
    >>> weights = dict(net.named_parameters())
    >>> slopes = tg.grad(loss(weights), list(weights.values()), create_graph=True)
    >>> loss({k: w - 0.1 * g for (k, w), g in zip(weights.items(), slopes)}).backward()
    >>> net.weight.grad.shape
    (3, 1)

    The gradient of each sample, and the Hessian in one parameter:

    >>> def losses(w):
    ...     return tg.mse_loss(tg.functional_call(net, {"weight": w}, x), t, reduction="none").sum(axis=1)
    >>> tg.jacobian(losses, net.weight.data).shape
    (8, 3, 1)
    >>> tg.hessian(lambda w: losses(w).mean(), net.weight.data).shape
    (3, 1, 3, 1)
    """
    if not isinstance(model, Module):
        raise TypeError(f"functional_call: needs a Module first, got {describe(model)}.")
    if not isinstance(parameters, Mapping):
        raise TypeError(f"functional_call: parameters must be a dict name -> array, got {describe(parameters)}.")
    y: R = _stand_in(model, _values(model, parameters))(*args, **kwargs)
    return y


def _values(model: Module, given: Mapping[str, Any]) -> dict[int, Any]:
    """What stands for which parameter or buffer, by its id."""
    known: dict[str, Tensor] = {}
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if isinstance(value, Parameter) or (name in module._buffers and value is not None):
                known[join(path, name)] = value
    values: dict[int, Any] = {}
    names: dict[int, str] = {}
    for name, value in given.items():
        if name not in known:
            raise KeyError(
                f"functional_call: {type(model).__name__} has no parameter {name!r}.{nearest(str(name), known)} "
                "named_parameters() lists them."
            )
        old = known[name]
        new = _value(name, value, old)
        if names.setdefault(id(old), name) != name and given[names[id(old)]] is not value:
            raise ValueError(
                f"functional_call: {names[id(old)]!r} and {name!r} are one parameter, which cannot have two values. "
                "Give one of them."
            )
        values.setdefault(id(old), new)
    return values


def _value(name: str, value: Any, old: Tensor) -> Tensor:
    if value is None:
        raise TypeError(f"functional_call: {name!r} is None; leave it out to keep the parameter as it is.")
    new = value if isinstance(value, Tensor) else Tensor(value, copy=False)
    if new.shape != old.shape:
        raise ValueError(f"functional_call: {name!r} has shape {old.shape}, got {new.shape}.")
    if old.dtype.kind == "f":
        check_floating(f"functional_call: {name!r}", new.dtype)
    return new


def _stand_in(value: Any, made: dict[int, Any]) -> Any:
    """The same with what `made` has in the place of parameters; whatever contains none is the same object."""
    if id(value) in made:
        return made[id(value)]
    if isinstance(value, Module):
        made[id(value)] = twin = object.__new__(type(value))
        for name, part in vars(value).items():
            if name in value._buffers and isinstance(part, Tensor) and id(part) not in made:
                made[id(part)] = Tensor(part.data, name=part.name)  # so that running statistics move in the copy
            if name not in _READ_OFF:
                vars(twin)[name] = _stand_in(part, made)
        return twin
    if type(value) in (list, tuple):
        inside = [_stand_in(v, made) for v in value]
        same = all(a is b for a, b in zip(inside, value, strict=True))
        return value if same else type(value)(inside)
    if type(value) is dict:
        filled = {k: _stand_in(v, made) for k, v in value.items()}
        return value if all(filled[k] is v for k, v in value.items()) else filled
    if isinstance(value, MethodType) and isinstance(value.__self__, Module):
        return MethodType(value.__func__, _stand_in(value.__self__, made))
    return value
